"""The importer keeps every tensor of an official checkpoint, and runs nothing that is in one."""

import argparse
import faulthandler
import io
import os
import random
import resource
import signal
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from typer.testing import CliRunner

from ganprint.attributor import View
from ganprint.cli.weights import app
from ganprint.errors import ConfigError, OutputExistsError, WeightsError
from ganprint.weights import load_artifact, load_attributor
from ganprint.weights.importing import import_checkpoint
from ganprint.weights.torch_checkpoint import open_checkpoint

SOURCES = ("real", "progan", "stylegan")
PUBLISHED = {
    "d_embed": 256,
    "num_classes": len(SOURCES),
    "mixup_level": 5,
    "img_rsize": 240,
    "img_csize": 224,
    "img_mean": 0.5,
    "img_std": [0.5, 0.5, 0.5],
    "lr": 1e-4,
}


@contextmanager
def lightning() -> Iterator[tuple[type, type]]:
    """Stand in for the two Lightning classes that a checkpoint names, while it is pickled only."""
    parsing = types.ModuleType("pytorch_lightning.utilities.parsing")
    callbacks = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    attribute_dict = type("AttributeDict", (dict,), {"__module__": parsing.__name__})
    callback = type("ModelCheckpoint", (), {"__module__": callbacks.__name__})
    parsing.AttributeDict = attribute_dict  # type: ignore[attr-defined]
    callbacks.ModelCheckpoint = callback  # type: ignore[attr-defined]
    names = ["pytorch_lightning", "pytorch_lightning.utilities", "pytorch_lightning.callbacks"]
    added = {name: types.ModuleType(name) for name in names}
    added |= {module.__name__: module for module in (parsing, callbacks)}
    sys.modules.update(added)
    try:
        yield attribute_dict, callback
    finally:
        for name in added:
            del sys.modules[name]


@pytest.fixture(scope="module")
def network() -> dict[str, torch.Tensor]:
    """Return random weights by our names: a timm ResNet-50, the embedding layer and both heads."""
    import timm

    torch.manual_seed(0)
    backbone = timm.create_model("resnet50", pretrained=False, num_classes=0)
    layers = {"embedding": (256, 2048), "attribution": (len(SOURCES), 256), "detection": (2, 256)}
    state = {f"backbone.{name}": tensor for name, tensor in backbone.state_dict().items()}
    for name, shape in layers.items():
        state |= {f"{name}.weight": torch.randn(shape) * 0.05, f"{name}.bias": torch.randn(shape[0])}
    for name, tensor in state.items():
        # Away from the zeros and ones that normalisation starts with, so that a swap would show.
        if tensor.ndim < 2:
            state[name] = tensor + 7 if tensor.dtype == torch.long else tensor + torch.rand_like(tensor) / 10
    return state


def official_name(ours: str) -> str:
    for start, theirs in (
        ("backbone.conv1.", "backbone.model.0.0."),
        ("backbone.bn1.", "backbone.model.0.1."),
        ("backbone.layer", "backbone.model."),
        ("embedding.", "backbone.model.6.2."),
    ):
        if ours.startswith(start):
            return theirs + ours.removeprefix(start)
    return ours


def checkpoint(
    network: dict[str, torch.Tensor],
    *,
    settings: dict[str, Any] | None = None,
    **extra: Any,
) -> bytes:
    state = OrderedDict((official_name(name), tensor) for name, tensor in network.items())
    state["det_ce.weight"] = torch.tensor([1.0, 0.5])
    buffer = io.BytesIO()
    with lightning() as (attribute_dict, callback):
        content = {
            "epoch": 12,
            "global_step": 4000,
            "pytorch-lightning_version": "1.4.9",
            "state_dict": state,
            "callbacks": {callback: {"best_model_score": torch.tensor(0.1), "best_model_path": "a.ckpt"}},
            "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(4)}}, "param_groups": [{"lr": 1e-4}]}],
            "hyper_parameters": attribute_dict(PUBLISHED if settings is None else settings),
            **extra,
        }
        torch.save(content, buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def official(network: dict[str, torch.Tensor]) -> bytes:
    return checkpoint(network)


def load(path: Path, out: Path, **options: Any) -> Any:
    return import_checkpoint(path, name="official", sources=SOURCES, out=out, **options)


def test_every_tensor_arrives_unchanged_under_our_names(
    network: dict[str, torch.Tensor], official: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "official.ckpt"
    path.write_bytes(official)
    artifact = load(path, tmp_path / "out", semantics=["face"], command="ganprint weights import")
    assert artifact.tensors.keys() == network.keys()
    for name, tensor in network.items():
        assert torch.equal(artifact.tensors[name], tensor), name
    assert "pytorch_lightning" not in sys.modules


def test_the_hyperparameters_become_the_configuration_and_the_rest_is_kept_on_the_card(
    official: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "official.ckpt"
    path.write_bytes(official)
    card = load(path, tmp_path / "out").card
    view = View(kind="resize", size=224, training_scale=240 / 224)
    assert card.config == {
        "view": view.model_dump(mode="json"),
        "backbone": "timm:resnet50",
        "embedding": 256,
        "mix_level": 5,
        "mix_count": 2,
        "mix_concentration": 0.4,
        "compound": True,
        "pretrained": False,
    }
    assert (card.method, card.sources, card.precision) == ("repmix", SOURCES, "float32")
    assert card.view == view
    assert card.training is not None
    assert card.training.details["hyper_parameters"] == {"lr": 1e-4}
    assert card.training.details["epoch"] == 12
    assert "det_ce.weight" in card.notes


def test_a_namespace_and_shared_and_strided_tensors_are_read(
    network: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "official.ckpt"
    wide = torch.randn(2, 512)
    strided = network | {"detection.weight": wide[:, ::2], "detection.bias": wide[1, 5:7]}
    parameters = {name: torch.nn.Parameter(t) for name, t in strided.items() if t.is_floating_point()}
    settings = argparse.Namespace(**PUBLISHED)
    path.write_bytes(checkpoint(strided | parameters, hyper_parameters=settings))
    tensors = load(path, tmp_path / "out").tensors
    assert torch.equal(tensors["detection.weight"], wide[:, ::2])
    assert torch.equal(tensors["detection.bias"], wide[1, 5:7])


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
def test_a_hostile_pickle_is_refused_by_name_and_touches_nothing(
    attack: str, protocol: int, tmp_path: Path
) -> None:
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
    "no storage reference": STATE
    + b"}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00))tRss.",
    "pickle without end": b"\x80\x02}",
    "nothing": b"",
}


@pytest.mark.parametrize("case", HANDWRITTEN, ids=str)
def test_no_sequence_of_pickle_operations_escapes_as_anything_but_a_refusal(
    case: str, tmp_path: Path
) -> None:
    path = tmp_path / "evil.ckpt"
    path.write_bytes(zipped(HANDWRITTEN[case]))
    with pytest.raises(WeightsError) as error:
        load(path, tmp_path / "out")
    assert error.value.message.isprintable()
    assert len(error.value.message) < 500 + len(str(path))
    assert sorted(tmp_path.iterdir()) == [path]
    assert not Path("touched").exists()


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
        (1, (4,), (1,), 4),
        (0, (2, 2), (3, 1), 4),
        (0, (1 << 30, 1 << 10), (0, 0), 4),
        (1 << 47, (1,), (1,), 4),
        (-1, (4,), (1,), 4),
        (0, (4,), (-1,), 4),
        (0, (4,), (1, 1), 4),
        (0, (4,), (1,), 5),
        (0, (5,), (1,), 5),
        (0, (1,), (1,), 1 << 47),
    ],
)
def test_a_tensor_cannot_reach_beyond_its_data(
    offset: int, shape: tuple[int, ...], stride: tuple[int, ...], count: int, tmp_path: Path
) -> None:
    path = tmp_path / "evil.ckpt"
    path.write_bytes(
        zipped(tensor_pickle(offset, shape, stride, count), **{"0": struct.pack("<4f", 1, 2, 3, 4)})
    )
    with pytest.raises(WeightsError, match="not a usable"), open_checkpoint(path) as checkpoint:
        checkpoint.tensor(checkpoint.content)


def test_a_tensor_within_its_data_is_read(tmp_path: Path) -> None:
    path = tmp_path / "small.ckpt"
    path.write_bytes(zipped(tensor_pickle(1, (3,), (1,), 4), **{"0": struct.pack("<4f", 1, 2, 3, 4)}))
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.tensor(checkpoint.content).tolist() == [2, 3, 4]


def test_memory_for_many_views_of_the_same_bytes_is_bounded_by_the_file(tmp_path: Path) -> None:
    path = tmp_path / "evil.ckpt"
    path.write_bytes(zipped(tensor_pickle(0, (4,), (1,), 4), **{"0": struct.pack("<4f", 1, 2, 3, 4)}))
    with pytest.raises(WeightsError, match="reaches beyond"), open_checkpoint(path) as checkpoint:
        for _ in range(1 + path.stat().st_size // 16):
            checkpoint.tensor(checkpoint.content)


def test_a_zip_bomb_is_refused_without_being_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.ckpt"
    path.write_bytes(zipped(b"\x80\x02X\xff\xff\xff\x0f" + b"0" * (64 << 20), zipfile.ZIP_DEFLATED))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(WeightsError, match="compressed or too large"):
        load(path, tmp_path / "out")


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.999], ids="{:.1%}".format)
def test_a_truncated_checkpoint_is_refused(kept: float, official: bytes, tmp_path: Path) -> None:
    path = tmp_path / "short.ckpt"
    path.write_bytes(official[: int(len(official) * kept)])
    with pytest.raises(WeightsError, match=r"short\.ckpt"):
        load(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_byte_of_a_tensor_is_noticed(official: bytes, tmp_path: Path) -> None:
    path = tmp_path / "flipped.ckpt"
    flipped = bytearray(official)
    flipped[len(flipped) // 2] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(WeightsError, match="CRC"):
        load(path, tmp_path / "out")


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"PK\x05\x06" + bytes(18), bytes(4096)]
)
def test_a_file_that_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.ckpt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a usable PyTorch checkpoint"):
        load(path, tmp_path / "out")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.ckpt", tmp_path):
        with pytest.raises(WeightsError, match="cannot be read"):
            load(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"num_classes": 8}, "num_classes"),
        ({"d_embed": 128}, "d_embed"),
        ({"mixup_level": 6}, "mixup_level"),
        ({"mixup_level": 10**5000}, "mixup_level"),
        ({"img_csize": "large"}, "img_csize"),
        ({"img_rsize": "large"}, "img_rsize"),
        ({"img_rsize": 100}, "img_rsize"),
        ({"img_mean": [0.485, 0.456, 0.406]}, "img_mean"),
        ({"img_std": 1.0}, "img_std"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_settings_that_would_change_the_answer_are_refused(
    settings: dict[str, Any], reason: str, network: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "official.ckpt"
    path.write_bytes(checkpoint(network, settings=PUBLISHED | settings))
    with pytest.raises(WeightsError, match=reason):
        load(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"backbone.layer4.2.conv3.weight": None}, "lacks backbone.layer4.2.conv3.weight"),
        ({"backbone.layer4.3.conv1.weight": torch.zeros(512, 2048, 1, 1)}, "superfluous backbone.layer4.3"),
        ({"detection.bias": torch.zeros(3)}, r"detection.bias is \(3,\)"),
        ({"detection.bias": torch.zeros(2, dtype=torch.long)}, "type int64"),
        ({"attribution.weight": None}, "lacks attribution.weight"),
        ({"surprise\x1b[2J": torch.zeros(1)}, "surprise"),
        ({"detection.weight": "text"}, "not of tensors"),
    ],
)
def test_a_state_that_is_not_a_repmix_resnet50_is_refused_by_tensor_name(
    change: dict[str, Any], reason: str, network: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "official.ckpt"
    state = {name: tensor for name, tensor in (network | change).items() if tensor is not None}
    path.write_bytes(checkpoint(state))
    with pytest.raises(WeightsError, match=reason) as error:
        load(path, tmp_path / "out")
    assert error.value.message.isprintable()


def test_sources_and_names_that_do_not_fit_are_refused(official: bytes, tmp_path: Path) -> None:
    path, out = tmp_path / "official.ckpt", tmp_path / "out"
    path.write_bytes(official)
    with pytest.raises(WeightsError, match="has 3 sources, and 2 were named"):
        import_checkpoint(path, name="a", sources=["real", "progan"], out=out)
    with pytest.raises(ConfigError, match="real first"):
        import_checkpoint(path, name="a", sources=["a", "b", "c"], out=out)
    with pytest.raises(ConfigError, match="name"):
        import_checkpoint(path, name="../a", sources=SOURCES, out=out)
    assert not out.exists()


def test_an_artifact_that_is_there_is_not_overwritten(official: bytes, tmp_path: Path) -> None:
    path = tmp_path / "official.ckpt"
    path.write_bytes(official)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "card.yaml").write_text("mine")
    with pytest.raises(OutputExistsError):
        load(path, tmp_path / "out")
    assert (tmp_path / "out" / "card.yaml").read_text() == "mine"
    assert load(path, tmp_path / "out", force=True).card.name == "official"


def official_logits(state: dict[str, torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    """Compute compound attribution logits from tensors by their official names, layer by layer."""

    def convolve(features: torch.Tensor, name: str, norm: str, stride: int = 1) -> torch.Tensor:
        weight = state[f"{name}.weight"]
        features = F.conv2d(features, weight, stride=stride, padding=weight.shape[-1] // 2)
        mean, variance = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
        return F.batch_norm(features, mean, variance, state[f"{norm}.weight"], state[f"{norm}.bias"])

    model = "backbone.model"
    features = convolve(images, f"{model}.0.0", f"{model}.0.1", stride=2).relu()
    features = F.max_pool2d(features, 3, stride=2, padding=1)
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            name = f"{model}.{stage}.{block}"
            stride = 2 if block == 0 and stage > 1 else 1
            short = features
            if block == 0:
                short = convolve(features, f"{name}.downsample.0", f"{name}.downsample.1", stride)
            features = convolve(features, f"{name}.conv1", f"{name}.bn1").relu()
            features = convolve(features, f"{name}.conv2", f"{name}.bn2", stride).relu()
            features = (convolve(features, f"{name}.conv3", f"{name}.bn3") + short).relu()
    pooled = features.mean(dim=(2, 3))
    embedding = F.linear(pooled, state[f"{model}.6.2.weight"], state[f"{model}.6.2.bias"])
    detection = F.linear(embedding, state["detection.weight"], state["detection.bias"]).softmax(dim=1)
    logits = F.linear(embedding, state["attribution.weight"], state["attribution.bias"])
    return torch.cat([logits[:, :1] * detection[:, :1], logits[:, 1:] * detection[:, 1:]], dim=1)


def test_an_imported_checkpoint_answers_as_the_official_layout_computes(
    network: dict[str, torch.Tensor], official: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "official.ckpt"
    path.write_bytes(official)
    attributor, _ = load_attributor(load(path, tmp_path / "out").path)
    images = torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8)
    state = {official_name(name): tensor for name, tensor in network.items()}
    expected = official_logits(state, images / 127.5 - 1)
    assert expected.std(dim=0).max() > 1e-3 * expected.abs().max()
    torch.testing.assert_close(attributor.predict(images).attribution, expected, rtol=1e-4, atol=1e-4)


def test_the_command_prints_the_folder_on_stdout_and_what_was_dropped_on_stderr(
    official: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "official.ckpt"
    path.write_bytes(official)
    monkeypatch.setattr("ganprint.weights.importing.user_folder", lambda: tmp_path / "user")
    options = ("--name", "new", "--sources", "real, progan,stylegan", "--semantics", "face")
    result = CliRunner().invoke(app, ["import", str(path), *options], catch_exceptions=False)
    assert result.stdout == f"{tmp_path / 'user' / 'new'}\n"
    assert "det_ce.weight and optimiser state were dropped" in result.stderr
    card = load_artifact(tmp_path / "user" / "new").card
    assert (card.name, card.sources, card.semantics) == ("new", SOURCES, ("face",))
    assert card.command.startswith("ganprint")


def mutated(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed))
        kind = chance.randrange(4)
        if kind == 0:
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[place] = chance.randrange(256)
        elif kind == 2:
            del changed[place : place + chance.randint(1, 9)]
        else:
            changed[place:place] = changed[-chance.randint(1, 9) :]
    return bytes(changed)


def test_mutated_checkpoints_raise_nothing_but_weights_errors(tmp_path: Path) -> None:
    path, chance = tmp_path / "mutated.ckpt", random.Random(0)
    content = checkpoint({"detection.weight": torch.ones(2, 3)})
    pickled = zipfile.ZipFile(io.BytesIO(content)).read("archive/data.pkl")
    refused = 0
    for _ in range(1000):
        path.write_bytes(zipped(mutated(pickled, chance), **{"0": bytes(24)}))
        try:
            with open_checkpoint(path) as opened:
                opened.tensor(opened.content["state_dict"]["detection.weight"])
        except WeightsError:
            refused += 1
        except (KeyError, TypeError, AttributeError):
            # The mutation made valid content of another shape, which the importer looks at before this.
            with pytest.raises(WeightsError):
                load(path, tmp_path / "out")
    assert refused > 500
