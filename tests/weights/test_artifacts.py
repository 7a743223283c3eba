"""What is saved comes back, or is reported as damaged; nothing is lost or overwritten on the way."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save
from torch import Tensor

from ganprint.errors import OutputExistsError, WeightsError
from ganprint.weights import Card, Result, list_weights, load_artifact, read_card, save_artifact
from ganprint.weights.artifact import add_result, set_calibration
from ganprint.weights.card import CARD_FILE, MODEL_FILE

from ..conftest import CALIBRATION, JUDGEMENT, make_card, run_code

FULL = make_card(
    default=True,
    semantics=("face", "car"),
    data={"name": "native.csv", "sha256": "0" * 64, "train": 2000, "val": 100},
    seed=1,
    command="ganprint train --method repmix",
    hardware="x86_64, 2 cores",
    versions={"python": "3.11.2"},
    training={"epochs": 3, "seconds": 4.5, "best_epoch": 2, "losses": {"val": [0.5]}, "details": {"a": [1]}},
    calibration=CALIBRATION,
    judgement={
        **JUDGEMENT,
        "sources": {"progan": JUDGEMENT["synthetic"]},
        "rates": [
            {"data": "native.csv", "data_sha256": "0" * 64, "split": "test_seen", "policy": "none", "seed": 0}
            | {"n": 9, "verdicts": {"real": 1.0}, "false_alarms": {"n": 9, "value": 0, "low": 0, "high": 0.3}}
        ],
    },
    metrics=[{"split": "test_seen", "policy": "none", "n": 9, "values": {"nmi": {"value": 1, "low": 0, "high": 1}}}],
    notes="größer: a # b\nsecond line",
)
TENSORS = {
    "layer.weight": torch.linspace(-2, 2, 24).reshape(2, 3, 4),
    "layer.bias": torch.linspace(0, 1e-7, 5),
    "norm.running_var": torch.tensor([1e-9, 70000.0]),
    "norm.num_batches_tracked": torch.tensor(1 << 40),
    "mask": torch.tensor([True, False]),
}


def test_results_that_are_recorded_at_once_are_all_kept(tmp_path: Path) -> None:
    saved = save_artifact(tmp_path / "a", TENSORS, FULL)
    results = [Result(split=f"s{number}", policy="none", n=1, values={}) for number in range(12)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda result: add_result(saved, result), results))
    assert len(read_card(saved).metrics) == len(FULL.metrics) + len(results)


def test_a_card_comes_back_as_it_was_and_reads_in_the_order_of_its_fields(tmp_path: Path) -> None:
    saved = save_artifact(tmp_path / "a", TENSORS, FULL)
    card = read_card(saved)
    given = card.model_copy(update={"sha256": None, "parameters": None, "precision": None})
    assert given == FULL
    assert (card.parameters, card.precision) == (24 + 5 + 2, "float16")
    keys = list(yaml.safe_load((saved / CARD_FILE).read_text(encoding="utf-8")))
    assert keys == list(Card.model_fields)


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    for name, tensors in (("a", TENSORS), ("b", dict(reversed(TENSORS.items())))):
        save_artifact(tmp_path / name, tensors, FULL)
    for file in (MODEL_FILE, CARD_FILE):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize("half", [True, False])
def test_only_matrices_lose_precision_and_only_when_halved(half: bool, tmp_path: Path) -> None:
    loaded = load_artifact(save_artifact(tmp_path / "a", TENSORS, FULL, half=half))
    assert loaded.card.precision == ("float16" if half else "float32")
    for name, tensor in TENSORS.items():
        expected = tensor.half().float() if half and name == "layer.weight" else tensor
        assert loaded.tensors[name].dtype == expected.dtype
        assert torch.equal(loaded.tensors[name], expected), name


@pytest.mark.parametrize(
    "tensor", [torch.tensor([[1.0, 70000.0]]), torch.tensor([[1e-7, -3e-7]])], ids=["overflow", "underflow"]
)
def test_what_float16_cannot_hold_stays_float32(tensor: Tensor, tmp_path: Path) -> None:
    loaded = load_artifact(save_artifact(tmp_path / "a", {"kept": tensor}, FULL))
    assert torch.equal(loaded.tensors["kept"], tensor)
    assert loaded.card.precision == "float32"


def test_views_shared_memory_doubles_gradients_and_empty_tensors_are_saved(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    tensors = {
        "a": base, "b": base.T, "c": base[1:, ::2], "d": base.double(), "e": torch.nn.Parameter(base),
        "f": torch.zeros(0, 4), "g": base.bfloat16(),
    }  # fmt: skip
    loaded = load_artifact(save_artifact(tmp_path / "a", tensors, FULL))
    for name, tensor in tensors.items():
        assert loaded.tensors[name].dtype == torch.float32
        assert torch.equal(loaded.tensors[name], tensor.detach().float()), name


NO_NUMBERS = [float("nan"), float("inf"), -float("inf")]


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({}, "There are no tensors to save"),
        *(({"w": torch.tensor([1.0, value])}, "The tensor w holds NaN or infinity") for value in NO_NUMBERS),
        *(
            ({"w": stored}, "w cannot be saved: it is no tensor of real numbers")
            for stored in (np.zeros(3), 3, torch.zeros(2, dtype=torch.complex64))
        ),
    ],
)
def test_weights_that_cannot_be_right_are_not_written(tensors: dict[str, Tensor], says: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=says):
        save_artifact(tmp_path / "a", tensors, FULL)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten_without_force_and_other_files_stay(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "checkpoint.bin").write_text("kept")
    save_artifact(folder, TENSORS, FULL)
    before = (folder / MODEL_FILE).read_bytes()
    with pytest.raises(OutputExistsError, match=MODEL_FILE):
        save_artifact(folder, {"a": torch.ones(2)}, FULL)
    assert (folder / MODEL_FILE).read_bytes() == before
    save_artifact(folder, {"a": torch.ones(2)}, FULL, force=True)
    assert load_artifact(folder).tensors.keys() == {"a"}
    assert sorted(path.name for path in folder.iterdir()) == [CARD_FILE, "checkpoint.bin", MODEL_FILE]


@pytest.mark.parametrize("exists", [False, True])
def test_an_interrupted_write_leaves_what_was_there(
    exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a"
    if exists:
        save_artifact(folder, {"a": torch.ones(2)}, FULL)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    written = []

    def interrupt_the_second(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt_the_second)
    with pytest.raises(KeyboardInterrupt):
        save_artifact(folder, TENSORS, FULL, force=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert folder.exists() == exists


def test_a_folder_that_cannot_be_written_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="cannot be written"):
        save_artifact(tmp_path / "file" / "a", TENSORS, FULL)


LINE = b"  isotonic:\n  - - - 0\n      - 0\n  - "
DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "bit flipped": (MODEL_FILE, lambda old: old[:-1] + bytes([old[-1] ^ 1]), "is damaged: its SHA-256"),
    "truncated": (MODEL_FILE, lambda old: old[: len(old) // 2], "is damaged: its SHA-256"),
    "empty": (MODEL_FILE, lambda old: b"", "is damaged: its SHA-256"),
    "not yaml": (CARD_FILE, lambda old: b"name: [1", "not readable YAML"),
    "not text": (CARD_FILE, lambda old: b"\xff\xfe\x00", "not readable YAML"),
    "not a mapping": (CARD_FILE, lambda old: b"- 1", "not a valid card"),
    "empty card": (CARD_FILE, lambda old: b"", "not a valid card"),
    "too large": (CARD_FILE, lambda old: b"#" * (2 << 20), "too large"),
    "tags": (CARD_FILE, lambda old: b"!!python/object/apply:os.system ['touch touched']", "not readable YAML"),
    "unknown field": (CARD_FILE, lambda old: old + b"\nsurprise: 1\n", "surprise: Extra inputs"),
    "no hash": (CARD_FILE, lambda old: old.replace(b"\nsha256: ", b"\n# "), "does not give the SHA-256"),
    "parameters": (CARD_FILE, lambda old: old.replace(b"ters: 31", b"ters: 32"), "32 parameters"),
    "another version": (CARD_FILE, lambda old: old.replace(b"version: 1", b"version: 2"), "schema_version"),
    "sources": (CARD_FILE, lambda old: old.replace(b"- real", b"- fake"), "real first"),
    "date": (CARD_FILE, lambda old: old.replace(b"Z'", b"'"), "date: Input should have timezone"),
    "long": (CARD_FILE, lambda old: old.replace(b"seed: 1", b"seed: 1" + b":1" * 20000), "seed: Input should be"),
    "keys": (CARD_FILE, lambda old: b"".join(b"key%d: 1\n" % number for number in range(20_000)), "Field required"),
    "hot": (CARD_FILE, lambda old: old.replace(b"ture: 0.8", b"ture: 1e-300"), "a temperature lies within"),
    "lines": (CARD_FILE, lambda old: old.replace(b"  isotonic:\n  - ", LINE), "function for each source"),
    "falling": (CARD_FILE, lambda old: old.replace(b"      - 0.9\n", b"      - 0.0\n"), "non-decreasing"),
    "no error": (CARD_FILE, lambda old: old.replace(b"error: 0.02", b"other: 0.02"), "has its calibration_error after"),
    "verdict": (CARD_FILE, lambda old: old.replace(b"- progan", b"- inconclusive"), "looks like that of a verdict"),
    "many": (CARD_FILE, lambda old: old.replace(b"- progan", b"\n".join(b"- s%d" % n for n in range(2000))), "at most"),
    "escape": (CARD_FILE, lambda old: old + b'"\\e[2J\\e]0;x\\a": 1\n', "Extra inputs"),
}
CARD_READS = ("bit flipped", "truncated", "empty", "no hash", "parameters")
"""Damage that is found when the tensors are read."""


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_reported_with_the_file_and_a_way_out(how: str, tmp_path: Path) -> None:
    name, change, message = DAMAGE[how]
    folder = save_artifact(tmp_path / "a", TENSORS, make_card(seed=1, calibration=CALIBRATION))
    before = (folder / name).read_bytes()
    (folder / name).write_bytes(change(before))
    assert (folder / name).read_bytes() != before
    with pytest.raises(WeightsError, match=message) as error:
        load_artifact(folder)
    assert str(folder) in error.value.message
    assert "\n" not in error.value.message and len(error.value.message) < 500 + len(str(tmp_path))
    assert error.value.hint
    assert error.value.exit_status == 3
    assert not Path("touched").exists()
    (listed,) = list_weights([tmp_path])
    assert listed.error == (None if how in CARD_READS else error.value.message)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a safetensors file"),
        (b"\xff" * 64, "not a safetensors file"),
        (b"\x08" + bytes(7) + b"{}      ", "does not hold the 31 parameters"),
        *((save({"b": torch.tensor([1.0, value])}), "The tensor b has numbers that are not") for value in NO_NUMBERS),
    ],
)
def test_a_file_with_the_right_hash_that_holds_no_weights_is_reported(
    content: bytes, says: str, tmp_path: Path
) -> None:
    folder = save_artifact(tmp_path / "a", TENSORS, make_card())
    (folder / MODEL_FILE).write_bytes(content)
    card = read_card(folder).model_copy(update={"sha256": hashlib.sha256(content).hexdigest()})
    (folder / CARD_FILE).write_text(card.to_yaml())
    with pytest.raises(WeightsError, match=says):
        load_artifact(folder)


def test_weights_load_in_a_process_that_knows_no_torch_yet(tmp_path: Path) -> None:
    folder = save_artifact(tmp_path / "a", TENSORS, make_card())
    code = (
        "import sys; from ganprint.weights import list_weights, load_artifact;"
        f"entries = list_weights([__import__('pathlib').Path({str(tmp_path)!r})]);"
        "assert 'torch' not in sys.modules;"
        f"print(entries[0].name, len(load_artifact({str(folder)!r}).tensors))"
    )
    assert run_code(code).split() == ["a", "5"]


def test_a_card_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    folder = save_artifact(tmp_path / "a", TENSORS, make_card())
    before = (folder / CARD_FILE).read_bytes()
    flat = FULL.calibration.model_copy(update={"isotonic": [((0.5, 0.1), (0.5, 0.9)), ((0.5, 0.5),)]})
    with pytest.raises(WeightsError, match="would not be valid"):
        set_calibration(folder, flat, FULL.judgement, {})
    assert (folder / CARD_FILE).read_bytes() == before
