"""Nothing in a checkpoint is run, and none takes more memory than its bytes."""

import faulthandler
import io
import os
import resource
import signal
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ganprint.errors import WeightsError
from ganprint.weights import store
from ganprint.weights.torch_checkpoint import open_checkpoint

from ..conftest import benchmark
from .conftest import load

Refused = Callable[..., str]
FOUR_NUMBERS = {"0": struct.pack("<4f", 1, 2, 3, 4)}
"""The data of storage 0."""


class Gadget:
    """Reduces to a call; pickled, it is what a hostile file does."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


HOSTILE: dict[str, tuple[Callable[[str], Any], str]] = {
    "os.system": (lambda file: Gadget(os.system, f"touch {file}"), "posix.system"),
    "eval": (lambda file: Gadget(eval, f"open({file!r}, 'w')"), "builtin.*eval"),
    "exec": (lambda file: Gadget(exec, f"open({file!r}, 'w')"), "builtin.*exec"),
    "open": (lambda file: Gadget(open, file, "w"), "io.open"),
    "getattr": (lambda file: Gadget(getattr, Gadget(open, file, "w"), "close"), "builtin.*getattr"),
    "path": (lambda file: Gadget(Path.touch, Path(file)), "getattr|pathlib|_local"),
    "torch.hub": (lambda file: Gadget(torch.hub.load, file, "x"), "torch.hub.load"),
    "torch.load": (lambda file: Gadget(torch.load, file), "torch.serialization.load"),
}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("attack", HOSTILE, ids=str)
def test_a_hostile_pickle_is_refused_by_name_and_touches_nothing(attack: str, protocol: int, tmp_path: Path) -> None:
    build, name = HOSTILE[attack]
    path, touched = tmp_path / "evil.ckpt", tmp_path / "touched"
    content = {"state_dict": build(str(touched))}
    torch.save(content, path, pickle_protocol=protocol)
    with pytest.raises(WeightsError, match=f"{name}.*nothing in it was run") as error:
        load(path, tmp_path / "out")
    assert error.value.message.count(".\n") == 0
    assert error.value.hint
    assert sorted(tmp_path.iterdir()) == [path]


def zipped(pickled: bytes, compression: int = zipfile.ZIP_STORED, **more: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, content in more.items():
            archive.writestr(f"archive/data/{name}", content)
    return buffer.getvalue()


STATE = b"\x80\x02}X\x0a\x00\x00\x00state_dict"
HANDWRITTEN = {
    "inst": b"(S'touch touched'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'touch touched'\no.",
    "text persistent id": b"Pevil\n.",
    "extension": b"\x82\x01.",
    "label called": b"\x80\x02cpytorch_lightning.callbacks.early_stopping\nEarlyStopping\n)R.",
    "storage called": b"\x80\x02ctorch\nFloatStorage\n)R.",
    "dotted label": b"\x80\x04\x8c\x08builtins\x8c\x08eval.foo\x93.",
    "terminal escape": b"\x80\x04\x8c\x02os\x8c\x07sys\x1b[2J\x93.",
    "huge memo": b"\x80\x02]r\xff\xff\xff\xff.",
    "huge string": b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "huge text": b"\x80\x02X\xff\xff\xff\xffabc.",
    "endless digits": b"I" + b"9" * 100_000 + b"\n.",
    "nested keys": b"\x80\x02}" + b")" + b"\x85" * 500_000 + b"Ns.",
    "gigabyte": b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\x00\x00\x00\x40\x00\x85R.",
    "many operations": b"\x80\x04" + b"\x8f0" * 600_000 + b"N.",
    "empty stack": b"\x80\x02R.",
    "mark missing": b"\x80\x02t.",
    "memo missing": b"\x80\x02h\x05.",
    "state of a tensor": b"\x80\x02]}b.",
    "not a state": STATE + b"K\x01s.",
    "list": b"\x80\x02].",
    "no storage reference": STATE + b"}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00))tRss.",
    "pickle without end": b"\x80\x02}",
    "nothing": b"",
}


@pytest.mark.parametrize("case", HANDWRITTEN, ids=str)
def test_no_sequence_of_pickle_operations_escapes_as_anything_but_a_refusal(
    case: str, refused: Refused, tmp_path: Path
) -> None:
    message = refused(zipped(HANDWRITTEN[case]))
    assert message.isprintable()
    assert len(message) < 500 + len(str(tmp_path / "evil.ckpt"))
    assert not Path("touched").exists()


LONG = b"pytorch_lightning.callbacks.".ljust(1000, b"a")


@pytest.mark.parametrize(
    ("pickled", "says"),
    [
        (b"\x80\x02}\x8a\x09" + b"\x01" * 9 + b"Ns.", "not a plain dict"),
        (b"\x80\x02c" + LONG + b"\nb\n.", "it is refused"),
        (b"\x80\x02cpytorch_lightning.callbacks.a\n" + LONG + b"\n.", "it is refused"),
    ],
)
def test_keys_and_names_that_take_long_each_time_they_are_used_are_refused(
    pickled: bytes, says: str, refused: Refused
) -> None:
    refused(zipped(pickled), says)


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork and /proc")
@pytest.mark.parametrize("case", ["nested keys", "gigabyte"])
def test_torchs_own_reader_does_not_hold_where_ours_does(case: str, tmp_path: Path) -> None:
    """Where this fails for both cases, `ganprint.weights.pickled` can be replaced by torch.load."""
    path = tmp_path / "evil.ckpt"
    path.write_bytes(zipped(HANDWRITTEN[case]))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/version", "3")
    child = os.fork()
    if not child:
        faulthandler.disable()
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + (512 << 20),) * 2)
        outcome = 0
        try:
            torch.load(path, weights_only=True)
        except MemoryError:
            outcome = 1
        finally:
            os._exit(outcome)
    _, status = os.waitpid(child, 0)
    assert (os.WTERMSIG(status) == signal.SIGSEGV) if case == "nested keys" else os.WEXITSTATUS(status) == 1


def tensor_pickle(offset: int, shape: tuple[int, ...], stride: tuple[int, ...], count: int) -> bytes:
    """Pickle a state whose attribution.weight is a view of storage 0 as given."""

    def number(value: int) -> bytes:
        return b"\x8a\x08" + struct.pack("<q", value)

    def numbers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
    return (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n("
        + (storage + number(count) + b"tQ")
        + (number(offset) + numbers(shape) + numbers(stride))
        + b"\x89}tR."
    )


@pytest.mark.parametrize(
    ("offset", "shape", "stride", "count"),
    [
        (1, (4,), (1,), 4), (0, (2, 2), (3, 1), 4), (0, (1 << 30, 1 << 10), (0, 0), 4),
        (1 << 47, (1,), (1,), 4), (-1, (4,), (1,), 4), (0, (4,), (-1,), 4), (0, (4,), (1, 1), 4),
        (0, (4,), (1,), 5), (0, (5,), (1,), 5), (0, (1,), (1,), 1 << 47),
    ],
)  # fmt: skip
def test_a_tensor_cannot_reach_beyond_its_data(
    offset: int, shape: tuple[int, ...], stride: tuple[int, ...], count: int, tmp_path: Path
) -> None:
    path = tmp_path / "evil.ckpt"
    path.write_bytes(zipped(tensor_pickle(offset, shape, stride, count), **FOUR_NUMBERS))
    with pytest.raises(WeightsError, match="not a usable"), open_checkpoint(path) as checkpoint:
        checkpoint.tensor(checkpoint.content)


def test_a_tensor_within_its_data_is_read(tmp_path: Path) -> None:
    path = tmp_path / "small.ckpt"
    path.write_bytes(zipped(tensor_pickle(1, (3,), (1,), 4), **FOUR_NUMBERS))
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.tensor(checkpoint.content).tolist() == [2, 3, 4]


def test_memory_for_many_views_of_the_same_bytes_is_bounded_by_the_file(tmp_path: Path) -> None:
    path = tmp_path / "evil.ckpt"
    path.write_bytes(zipped(tensor_pickle(0, (4,), (1,), 4), **FOUR_NUMBERS))
    with pytest.raises(WeightsError, match="reaches beyond"), open_checkpoint(path) as checkpoint:
        for _ in range(1 + path.stat().st_size // 16):
            checkpoint.tensor(checkpoint.content)


def test_a_zip_bomb_is_refused_without_being_unpacked(refused: Refused) -> None:
    bomb = zipped(b"\x80\x02X\xff\xff\xff\x0f" + b"0" * (64 << 20), zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1 << 20
    refused(bomb, "compressed or too large")


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.999], ids="{:.1%}".format)
def test_a_truncated_checkpoint_is_refused(kept: float, official: Path, refused: Refused) -> None:
    content = official.read_bytes()
    refused(content[: int(len(content) * kept)], r"evil\.ckpt")


def test_a_damaged_byte_of_a_tensor_is_noticed(official: Path, refused: Refused) -> None:
    flipped = bytearray(official.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    refused(flipped, "CRC")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"PK\x05\x06" + bytes(18), bytes(4096)])
def test_a_file_that_is_no_checkpoint_is_refused(content: bytes, refused: Refused) -> None:
    refused(content, "not a usable PyTorch checkpoint")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.ckpt", tmp_path):
        with pytest.raises(WeightsError, match="cannot be read"):
            load(path, tmp_path / "out")


def test_mutated_files_are_read_or_refused_in_a_sentence(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "store"))
    monkeypatch.setattr(store, "shipped_folder", lambda: tmp_path / "none")
    outcome = benchmark("fuzz_files").fuzz(600, 0, tmp_path)
    assert outcome.escaped == [] and outcome.slowest[0] < 5, outcome.slowest
    for kind in ("card", "model", "checkpoint", "pickle", "manifest", "record"):
        assert outcome.counts[kind, "refused"] > 30, outcome.counts
