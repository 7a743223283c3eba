"""The other workflows from Python: perturb, explain, calibrate, assess, enroll."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ganprint
from ganprint.errors import ImageNotFoundError, PerturbationError, UsageError
from ganprint.weights import read_card


@pytest.fixture
def images(tiny_manifest: Path) -> list[Path]:
    return sorted((tiny_manifest.parent / "progan").glob("*.png"))


def test_perturbed_pixels_are_those_that_the_command_writes(
    inside: Any, images: list[Path], tmp_path: Path
) -> None:
    options = {"policy": "test-seen", "seed": 3}
    done = inside("perturb", images[0].parent, tmp_path, "--policy", "test-seen", "--seed", "3")
    assert done.returncode == 0, done.stderr
    # The command's order is that of the outputs' names.
    for pixels, file in zip(ganprint.perturb(images, **options), sorted(tmp_path.glob("*.png")), strict=True):
        assert (np.asarray(Image.open(file)) == pixels).all()
    one = ganprint.perturb(Image.open(images[0]), **options)
    assert one.dtype == np.uint8 and (one == ganprint.perturb(images[:1], **options)[0]).all()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, UsageError),
        ({"corruption": "fogg"}, PerturbationError),
        ({"corruption": "fog", "severity": 6}, PerturbationError),
        ({"policy": "test-seen", "severity": 3}, UsageError),
        ({"policy": "share:jpeg=80", "at": 224}, UsageError),
    ],
    ids=str,
)
def test_what_perturb_cannot_do_is_refused(images: list[Path], options: dict[str, Any], error: type) -> None:
    with pytest.raises(error):
        ganprint.perturb(images[0], **options)
    with pytest.raises(ImageNotFoundError):
        ganprint.perturb("absent.png", corruption="fog")


def test_explain_returns_arrays_and_writes_a_picture_only_where_it_is_named(
    images: list[Path], tiny_weights: Path, tmp_path: Path
) -> None:
    shown = ganprint.explain(
        np.asarray(Image.open(images[0])), weights=tiny_weights, maps=["residual"], device="cpu"
    )
    assert [panel.values.shape for panel in shown.panels] == [(32, 32, 3), (32, 32)]
    out = tmp_path / "shown.png"
    ganprint.explain(images[0], weights=tiny_weights, maps=["residual"], out=out, device="cpu")
    assert Image.open(out).size
    with pytest.raises(UsageError, match="several images"):
        ganprint.explain(images[0].parent, weights=tiny_weights)


def test_weights_are_calibrated_assessed_and_given_a_source(
    tiny_weights: Path,
    grown_manifest: Path,
    tiny_manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    weights = tmp_path / "weights"
    shutil.copytree(tiny_weights, weights)
    seen = []
    found = ganprint.calibrate(
        grown_manifest,
        weights=weights,
        policies=["none"],
        record=True,
        device="cpu",
        progress=lambda what, done, total: seen.append((what, done, total)),
    )
    assert found.failures == [] and seen[-1][0] == "val under none" and seen[-1][1] == seen[-1][2]
    assert ganprint.load(weights).card.calibration == found.record
    head, *rows = tiny_manifest.read_text().splitlines()
    kinds = [f"{row},{('phone', 'scan')[place % 2]}" for place, row in enumerate(rows)]
    with_kinds = tmp_path / "kinds.csv"
    with_kinds.write_text("\n".join([f"{head},kind", *kinds]))
    (rates,) = ganprint.assess(
        with_kinds, images=tiny_manifest.parent, weights=weights, policies=["none"], device="cpu"
    )
    assert (rates.rates.split, rates.rates.n) == ("test_seen", 15)
    by_kind = {name: found.real.n for name, found in rates.rates.kinds.items()}
    photographs = by_kind["photographs"]
    assert photographs == by_kind["photographs: phone"] + by_kind["photographs: scan"] == 5
    others = list((tiny_manifest.parent / "pix2pix").glob("*.png"))
    noise = [np.random.default_rng(n).integers(0, 256, (40, 40, 3)).astype(np.uint8) for n in range(6)]
    enrolled = ganprint.enroll(
        "noise", [*noise, noise[0], tmp_path / "absent.png"], weights=weights, device="cpu"
    )
    assert len(enrolled.gallery.record.images) == 6
    assert [type(failure) for failure in enrolled.failures] == [ImageNotFoundError]
    assert set(next(ganprint.attribute(others[0], weights=weights, device="cpu")).enrolled) == {"noise"}


def test_a_method_without_a_network_has_no_arithmetic_to_choose(tiny_manifest: Path, tmp_path: Path) -> None:
    said: list[str] = []
    options: dict[str, Any] = {"device": "cpu", "workers": 0, "precision": "bf16"}
    folder = ganprint.train("prnu", tiny_manifest, tmp_path / "prnu", say=said.append, **options)
    assert "on cpu in fp32" in said[0]
    found = ganprint.evaluate(tiny_manifest, weights=folder, split="test_seen", record=True, **options)
    assert found.precision == "fp32"
    card = read_card(folder)
    assert card.training is not None and card.training.precision == "fp32"
    assert [result.precision for result in card.metrics] == [None]
