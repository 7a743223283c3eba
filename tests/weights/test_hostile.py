"""A card or model from anyone cannot run code, take more memory than its bytes, or answer with what is no number."""

import os
import resource
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ganprint_plugins.prnu import PRNU

from ganprint import plugins
from ganprint.attributor import Prediction
from ganprint.calibration.answer import answer_images
from ganprint.errors import GanprintError, PluginError, WeightsError
from ganprint.forensics.predictors import known_from
from ganprint.weights import list_weights, load_artifact, load_attributor, read_card, save_artifact
from ganprint.weights.card import CARD_FILE
from ganprint.weights.held_out import load_held_out

from ..conftest import VIEW, benchmark, make_card, run_code

SMALL = benchmark("fuzz_files").SMALL
"""The configurations of small networks, by method."""


def small(method: str, folder: Path, **config: Any) -> Path:
    """Save fresh weights of a method, with a card that configures it otherwise where `config` says so."""
    spec = plugins.load(method).spec
    fitting = spec.config.model_validate({"view": VIEW, **SMALL[method]})
    attributor = plugins.load(method)(fitting, ("real", "progan"))
    view = config.get("view", VIEW)
    described = {"view": view, **SMALL[method], **config}
    card = make_card(method=method, view=view, config=described)
    return save_artifact(folder, attributor.state(), card)


@pytest.mark.parametrize(
    ("backbone", "options"),
    [
        ("timm:resnet18", {"checkpoint_path": "evil.pth"}),
        ("timm:resnet18", {"pretrained_cfg": {"url": "http://localhost/evil.pth"}}),
        ("timm:resnet18", {"pretrained_cfg_overlay": {"file": "evil.pth"}}),
        ("timm:resnet18", {"cache_dir": "."}),
        ("timm:resnet18", {"scriptable": True}),
        ("timm:resnet18", {"norm_layer": "torch.nn.Module"}),
        ("timm:resnet18", {"block": "os.system"}),
        ("timm:resnet18", {"channels": [10**9] * 4}),
        ("timm:vit_tiny_patch16_224", {"img_size": 10**6}),
        ("timm:resnet18", {"in_chans": 10**9}),
        ("timm:resnet18", {"drop_rate": "0.1"}),
        ("timm:hf-hub:somebody/evil", {}),
        ("timm:local-dir:/tmp/evil", {}),
        ("compact", {"widths": [10**9, 8]}),
        ("compact", {"depths": [10**9]}),
        ("compact", {"widths": [8] * 100, "depths": [1] * 100}),
        ("compact", {"front": ["dual"]}),
        ("alexnet", {"weights": "DEFAULT"}),
        ("alexnet", {"num_classes": 10**9}),
    ],
)
def test_no_option_of_a_card_reaches_a_constructor_that_may_not_be_set(
    backbone: str, options: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "evil.pth").write_bytes(b"evil")
    folder = small("repmix", tmp_path / "a", backbone=backbone, backbone_options=options)
    with pytest.raises(GanprintError, match=r"cannot be built|no model called") as error:
        load_attributor(folder)
    assert error.value.hint


GREEDY = [
    ("repmix", {"embedding": 10**9}),
    ("repmix", {"embedding": 10**18}),
    ("repmix", {"backbone_options": {"widths": [1024] * 8, "depths": [32] * 8}}),
    ("repmix", {"backbone": "timm:vit_giant_patch14_224", "backbone_options": {}}),
    ("yu", {"feature_base": 10**9, "feature_max": 10**9}),
    ("dct-cnn", {"view": {"kind": "resize", "size": 2048}}),
    ("reverse-engineering", {"width": 10**6}),
    ("reverse-engineering", {"hidden": 10**9}),
    ("prnu", {"view": {"kind": "resize", "size": 2048}}),
    ("eigenface", {"view": {"kind": "resize", "size": 2048}}),
]


def test_a_card_alone_takes_no_memory(tmp_path: Path) -> None:
    folders = [small(method, tmp_path / str(n), **config) for n, (method, config) in enumerate(GREEDY)]
    code = (
        "import resource, sys\n"
        "from ganprint.errors import GanprintError\n"
        "from ganprint.weights import load_attributor\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for folder in sys.argv[1:]:\n"
        "    try:\n"
        "        load_attributor(folder)\n"
        "        print('loaded', folder)\n"
        "    except GanprintError as error:\n"
        "        print('refused')\n"
        "import torch, timm\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (16 << 30, 16 << 30))

    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    *answers, grown = run_code(code, *folders, env=environment, preexec_fn=limit).split()
    assert answers == ["refused"] * len(GREEDY)
    # What importing torch, timm and scikit-learn takes is most of it.
    assert int(grown) < 900_000


@pytest.mark.parametrize(
    ("attribution", "embedding", "says"),
    [
        ([[0, torch.nan]], [[0, 0]], "not finite"),
        ([[0, 0]], [[0, torch.nan]], "not finite"),
        ([[0, 0, 0]], [[0, 0]], r"shape \(1, 3\), not \(1, 2\)"),
        ([[0, 0], [0, 0]], [[0, 0]], r"shape \(2, 2\), not \(1, 2\)"),
    ],
)
def test_an_answer_that_is_not_finite_or_of_other_images_or_sources_is_refused(
    attribution: list[list[float]], embedding: list[list[float]], says: str
) -> None:
    class Broken(PRNU):
        def predict(self, images: torch.Tensor) -> Prediction:
            return Prediction(torch.tensor(attribution), torch.tensor(embedding))

    with pytest.raises((WeightsError, PluginError), match=says):
        answer_images(Broken(PRNU.spec.config(), ("real", "progan")), [torch.zeros(1, 3, 32, 32)])


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"embeddings": np.ones((2, 3))},
        {"embeddings": np.ones(3), "labels": np.ones(3), "images": np.ones(3), "largest_logit": np.ones(())},
        {"embeddings": np.ones((0, 3)), "labels": np.ones(0), "images": np.ones(0), "largest_logit": np.ones(())},
    ],
)
def test_a_reference_that_is_none_gets_a_sentence(arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises(WeightsError, match="not embeddings"):
        known_from(arrays)


@pytest.mark.parametrize("kind", ["pipe", "/dev/zero", "/dev/tty", "folder"])
def test_a_card_or_model_that_is_no_regular_file_is_no_artifact(kind: str, tmp_path: Path) -> None:
    for place in (CARD_FILE, "model.safetensors"):
        folder = save_artifact(tmp_path / place, {"a": torch.ones(2)}, make_card())
        (folder / place).unlink()
        if kind == "pipe":
            os.mkfifo(folder / place)
        elif kind == "folder":
            (folder / place).mkdir()
        else:
            (folder / place).symlink_to(kind)
        with pytest.raises(WeightsError):
            load_artifact(folder)
        (listed,) = list_weights([tmp_path])
        assert listed.error
        shutil.rmtree(folder)


def test_a_pipe_among_the_folds_beside_weights_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    folder = small("prnu", tmp_path / "weights")
    (folder / "held-out").mkdir()
    os.mkfifo(folder / "held-out" / "0.safetensors")
    with pytest.raises(WeightsError, match="damaged"):
        load_held_out(folder, read_card(folder))
