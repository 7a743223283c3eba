"""The other workflows from Python: what each returns, and what it refuses."""

import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ganprint
from ganprint.api.candidates import chosen_candidates, chosen_methods
from ganprint.api.choices import chosen_members
from ganprint.api.comparisons import prepare_comparison
from ganprint.api.enrolment import remove_enrolled
from ganprint.api.generators import sample_generator, train_generators
from ganprint.api.trained_studies import prepare_study
from ganprint.data import Manifest
from ganprint.errors import (
    ConfigError,
    GanprintError,
    ImageError,
    ImageNotFoundError,
    OutputExistsError,
    PluginError,
    UsageError,
)
from ganprint.forensics.gallery import save_gallery
from ganprint.weights import find, read_card, user_folder

from ..conftest import as_nobody, manifest_rows, write_manifest


@pytest.fixture
def images(tiny_manifest: Path) -> list[Path]:
    return sorted((tiny_manifest.parent / "progan").glob("*.png"))


def test_perturbed_pixels_are_those_that_the_command_writes(inside: Any, images: list[Path], tmp_path: Path) -> None:
    options = {"policy": "test-seen", "seed": 3}
    inside("perturb", images[0].parent, tmp_path, "--policy", "test-seen", "--seed", "3", status=0)
    # The command's order is that of the outputs' names.
    for pixels, file in zip(ganprint.perturb(images, **options), sorted(tmp_path.glob("*.png")), strict=True):
        assert (np.asarray(Image.open(file)) == pixels).all()
    one = ganprint.perturb(Image.open(images[0]), **options)
    assert one.dtype == np.uint8 and (one == ganprint.perturb(images[:1], **options)[0]).all()
    with pytest.raises(ImageNotFoundError):
        ganprint.perturb("absent.png", corruption="fog")


def test_explain_returns_arrays_and_writes_a_picture_only_where_it_is_named(
    images: list[Path], tiny_weights: Path, tmp_path: Path
) -> None:
    shown = ganprint.explain(np.asarray(Image.open(images[0])), weights=tiny_weights, maps=["residual"], device="cpu")
    assert [panel.values.shape for panel in shown.panels] == [(32, 32, 3), (32, 32)]
    out = tmp_path / "shown.png"
    ganprint.explain(images[0], weights=tiny_weights, maps="residual", out=out, device="cpu")
    assert Image.open(out).size
    with pytest.raises(UsageError, match="several images"):
        ganprint.explain(images[0].parent, weights=tiny_weights)


def test_weights_are_calibrated_assessed_and_given_a_source(
    tiny_weights: Path, grown_manifest: Path, tiny_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    rows = enumerate(manifest_rows(tiny_manifest, absolute=False))
    kinds = [row | {"kind": ("phone", "scan")[place % 2]} for place, row in rows]
    with_kinds = write_manifest(tmp_path / "kinds.csv", kinds)
    (rates,) = ganprint.assess(
        with_kinds, images=tiny_manifest.parent, weights=weights, policies=["none"], device="cpu"
    )
    assert (rates.rates.split, rates.rates.n) == ("test_seen", 15)
    by_kind = {name: found.real.n for name, found in rates.rates.kinds.items()}
    photographs = by_kind["photographs"]
    assert photographs == by_kind["photographs: phone"] + by_kind["photographs: scan"] == 5
    with warnings.catch_warnings(action="error", category=RuntimeWarning):
        opened, unknown = ganprint.assess(
            tiny_manifest, weights=weights, splits=["test_seen+open", "open"], policies=["none"], device="cpu"
        )
    assert (unknown.rates.right, unknown.rates.calibration_error) == (None, None)
    # Of fewer than eight groups there is no interval: images of a group are not independent.
    assert opened.rates.groups is not None and opened.rates.groups < 8
    assert opened.rates.auroc and all(each.low is None for each in opened.rates.auroc.values())
    others = list((tiny_manifest.parent / "pix2pix").glob("*.png"))
    noise = [np.random.default_rng(n).integers(0, 256, (40, 40, 3)).astype(np.uint8) for n in range(6)]
    blank = np.full((40, 40, 3), 200, np.uint8)
    images = [*noise, noise[0], blank, tmp_path / "absent.png"]
    enrolled = ganprint.enroll("noise", images, weights=weights, device="cpu")
    assert len(enrolled.gallery.record.images) == 6
    assert [type(failure) for failure in enrolled.failures] == [ImageError, ImageNotFoundError]
    assert "image 8 has nothing to examine: it has no texture." in enrolled.failures[0].message
    record = enrolled.gallery.record.model_copy(update={"name": "old", "reference_sha256": "0" * 64})
    save_gallery(replace(enrolled.gallery, record=record), enrolled.card)
    (doubt,) = ganprint.enroll("noise", images, weights=weights, device="cpu", force=True).doubts
    assert doubt.startswith("old was enrolled under another calibration")
    remove_enrolled("old", weights=weights)
    with pytest.raises(UsageError, match=r"false_alarm cannot be 1\.5"):
        ganprint.enroll("noise", images, weights=weights, false_alarm=1.5, force=True)
    with pytest.raises(UsageError, match="miss cannot be 0"):
        ganprint.calibrate(grown_manifest, weights=weights, miss=0)
    assert set(next(ganprint.attribute(others[0], weights=weights, device="cpu")).enrolled) == {"noise"}


def test_data_are_checked_split_and_joined(tiny_manifest: Path, tmp_path: Path) -> None:
    report = ganprint.check_data(tiny_manifest, limit=6)
    assert (report.usable, report.checked, report.images) == (True, 6, 66)
    found = ganprint.split_data(
        tiny_manifest, tmp_path / "split.csv", by="semantic", hold_out=["a"], val=0.0, train=0.9
    )
    assert found.by == "semantic"
    assert set(found.manifest.split_names) == {"train", "test_seen", "test_unseen", "open"}
    assert (tmp_path / "split.csv").is_file() and found.lacking == {}
    with pytest.raises(UsageError, match="--hold-out needs --by semantic"):
        ganprint.split_data(tiny_manifest, tmp_path / "other.csv", hold_out=["a"])
    assert ganprint.split_data(tiny_manifest, tmp_path / "other.csv").by == "group"
    joined = ganprint.join_data(tmp_path / "joined.csv", [tiny_manifest, str(tiny_manifest)])
    assert len(joined) == report.images
    with pytest.raises(OutputExistsError):
        ganprint.join_data(tmp_path / "joined.csv", [tiny_manifest])
    with pytest.raises(UsageError, match="itself an input"):
        ganprint.split_data(tmp_path / "joined.csv", tmp_path / "joined.csv", force=True)


def test_a_comparison_takes_names_as_the_command_line_does(
    tiny_manifest: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    prepared = prepare_comparison(
        str(tiny_manifest),
        weights=str(tiny_weights),
        conditions="test_seen:none,test_seen:fog:3",
        out=str(tmp_path / "results"),
    )
    assert ([each.name for each in prepared.candidates], len(prepared.conditions)) == (["tiny"], 2)


@pytest.mark.parametrize("call", [ganprint.attribute, lambda images, **options: ganprint.load(**options)])
def test_batches_without_images_are_refused_and_give_no_empty_answer(call: Any, images: list[Path]) -> None:
    with pytest.raises(UsageError, match="batch_size cannot be 0"):
        call(images, batch_size=0)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda data, weights: ganprint.evaluate(data, weights=weights, limit=0), "limit cannot be 0"),
        (lambda data, weights: ganprint.evaluate(data, weights=weights, batch_size=0), "batch_size cannot be 0"),
        (lambda data, weights: ganprint.check_data(data, workers=-1), "workers cannot be -1"),
        (lambda data, weights: ganprint.attribute(data, weights=weights, workers=-1), "workers cannot be -1"),
    ],
)
def test_counts_below_the_least_are_refused(call: Any, said: str, tiny_manifest: Path, tiny_weights: Path) -> None:
    with pytest.raises(UsageError, match=said):
        call(tiny_manifest, tiny_weights)


def test_weights_may_be_a_sequence_as_in_a_comparison(tiny_weights: Path) -> None:
    assert chosen_members(None, [tiny_weights, "repmix.mini"]) == [tiny_weights, find("repmix.mini")]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda data, weights: ganprint.fuse(data, weights=weights, test="tset"), "no split .*tset"),
        (lambda data, weights: ganprint.fuse(data, weights=weights), "fusion.json already exists"),
        (
            lambda data, weights: ganprint.assess(data, weights=weights[1], splits=["test_seen", "tset"]),
            "no split .*tset",
        ),
        (lambda data, weights: prepare_study("ablation", data, data.parent, limit=0), "limit cannot be 0"),
        (lambda data, weights: ganprint.attribute(data, weights=[]), "name of the weights is empty"),
        (lambda data, weights: ganprint.calibrate(data, weights=weights[1], policies=[]), "No policy was named"),
    ],
)
def test_what_would_be_refused_at_the_end_is_refused_before_any_answer(
    call: Any, said: str, tiny_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("ganprint.evaluation.answers.answer_images", pytest.fail)
    if "fusion" in said:
        user_folder().mkdir(parents=True)
        (user_folder() / "fusion.json").touch()
    with pytest.raises(GanprintError, match=said):
        call(tiny_manifest, ["repmix.mini", "prnu.mini"])


@pytest.mark.parametrize("call", [ganprint.calibrate, ganprint.assess, ganprint.evaluate])
def test_results_are_not_computed_for_a_card_that_cannot_be_written_to(call: Any, tiny_manifest: Path) -> None:
    with TemporaryDirectory() as closed:  # pytest's own folders are not even entered by others.
        Path(closed).chmod(0o755)
        data, weights = (Path(closed, name) for name in ("data.csv", "weights"))
        shutil.copyfile(tiny_manifest, data)
        shutil.copytree(find("prnu.mini"), weights)
        with as_nobody(), pytest.raises(UsageError, match=f"The folder {weights} cannot be written to"):
            call(data, weights=weights, record=True)


def test_all_leaves_out_methods_that_cannot_take_part_in_a_comparison(tiny_manifest: Path) -> None:
    manifest = Manifest.open(tiny_manifest)
    assert chosen_candidates(None, "all", manifest) == chosen_candidates(None, None, manifest)


def test_all_with_names_beside_it_is_all() -> None:
    assert chosen_members("all,prnu", None) == chosen_members("all", None)
    assert chosen_methods("prnu, all") == chosen_methods("all")
    with pytest.raises(PluginError, match="no method called absent"):
        chosen_members("all,absent", None)
    with pytest.raises(PluginError, match="no method called ,"):
        chosen_members(",", None)


def test_a_comparison_records_whole_splits(tiny_weights: Path, tiny_manifest: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_weights, tmp_path / "weights")
    options = {"weights": [str(tmp_path / "weights")], "conditions": ["test_seen:none"], "out": tmp_path / "out"}
    with pytest.raises(UsageError, match="whole splits"):
        ganprint.compare(tiny_manifest, **options, record=True, limit=3)
    (entry,) = ganprint.compare(tiny_manifest, **options, record=True, device="cpu")
    (result,) = read_card(tmp_path / "weights").metrics
    assert result.values == entry.metrics


def test_generators_are_sampled_and_what_there_is_not_is_refused(tmp_path: Path) -> None:
    files = sample_generator("dcgan", "face", tmp_path / "images", count=2, device="cpu")
    assert all(map(Path.is_file, files)) and len(files) == 2
    with pytest.raises(OutputExistsError):
        sample_generator("dcgan", "face", tmp_path / "images", count=1, device="cpu")
    with pytest.raises(UsageError, match="No architecture was named"):
        train_generators(tmp_path, tmp_path / "out", sources=[], device="cpu")


def test_fused_answers_are_measured_beside_each_members(
    tiny_weights: Path, tiny_manifest: Path, grown_manifest: Path, tmp_path: Path
) -> None:
    settings = ["view.size=32", "policy=none"]
    other = ganprint.train("eigenface", tiny_manifest, tmp_path / "other", set=settings, workers=0, device="cpu")
    named, options = f"{tiny_weights},{other}", {"policies": ["none"], "device": "cpu"}
    said: list[str] = []
    file = tmp_path / "fusion.json"
    found = ganprint.fuse(grown_manifest, weights=named, test="val", out=file, say=said.append, **options)
    assert any("fitted to val" in sentence for sentence in said)
    assert found.file.is_file() and found.failures == ()
    *members, fused = found.tested["none"]
    for weights, member in zip((tiny_weights, other), members, strict=True):
        alone = ganprint.evaluate(grown_manifest, weights=weights, split="val", device="cpu").of_images
        assert member.attribution == pytest.approx(alone.attribution_accuracy.value)
        assert member.detection == pytest.approx(alone.detection_accuracy.value)
    assert fused.log_loss <= max(member.log_loss for member in members)
    with pytest.raises(UsageError, match="at least two methods"):
        ganprint.fuse(grown_manifest, weights=tiny_weights, out=tmp_path / "one.json", **options)
    (all_of_them,) = found.fusion.combinations
    assert (all_of_them.judgement.unit, all_of_them.judgement.groups) == ("image", None)
    rows = enumerate(manifest_rows(grown_manifest, absolute=False))
    grouped = [row | {"group": f"{row['source']}-{place % 9}"} for place, row in rows]
    file = write_manifest(tmp_path / "grouped.csv", grouped)
    options["images"] = grown_manifest.parent
    (all_of_them,) = ganprint.fuse(file, weights=named, out=tmp_path / "grouped.json", **options).fusion.combinations
    judged = all_of_them.judgement
    assert judged.unit == "group" and judged.groups == len({row["group"] for row in grouped if row["split"] == "val"})
    # Nine groups of photographs cannot support more than ten to one.
    assert judged.synthetic.most == pytest.approx(1, abs=1e-4)


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


def test_a_string_is_one_assignment(tiny_manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no configuration key nope"):
        ganprint.train("prnu", tiny_manifest, tmp_path / "prnu", set="nope=1", device="cpu")
