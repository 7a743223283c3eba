"""Every method keeps the contract: it trains, resumes, reloads, answers alike, and fails with a sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganprint.attributor import Attributor, View
from ganprint.data import ImageDataset, Manifest
from ganprint.errors import GanprintError, TrainingError, UsageError, WeightsError
from ganprint.training import Run
from ganprint.training.loop import fit_attributor
from ganprint.training.session import prepare
from ganprint.weights import load_attributor

from ..conftest import manifest_rows, write_manifest
from .conftest import NETWORKS, SMALL, Fit, configured, save


def images_of(manifest: Path, split: str, size: int = 32) -> torch.Tensor:
    dataset = ImageDataset(Manifest.open(manifest).select(split), View(size=size))
    return torch.stack([dataset[row][0] for row in range(len(dataset))])


def same_states(one: Attributor, other: Attributor) -> bool:
    first, second = one.state(), other.state()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("facts", [{"accuracy": 0.9}, {"details": {"C": np.int64(3)}}, None], ids=str)
def test_weights_are_kept_where_what_fit_returned_cannot_stand_on_a_card(
    facts: Any, trained: Fit, tiny_manifest: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    attributor = trained("prnu")
    save(attributor, Manifest.open(tiny_manifest), tmp_path, facts, say=said.append)
    assert load_attributor(tmp_path)[0].state().keys() == attributor.state().keys()
    assert len(said) == (facts is not None) and all("what the fit of PRNU returned" in each for each in said)


@pytest.mark.parametrize("name", SMALL)
def test_trained_weights_answer_the_same_after_reload(
    name: str, trained: Fit, tiny_manifest: Path, tmp_path: Path
) -> None:
    attributor = trained(name)
    save(attributor, Manifest.open(tiny_manifest), tmp_path)
    loaded, _ = load_attributor(tmp_path)
    images = images_of(tiny_manifest, "test_seen")
    before, after = attributor.predict(images), loaded.predict(images)
    assert before.attribution.shape == (len(images), 3)
    assert torch.isfinite(after.attribution).all()
    spread = float(before.attribution.std())
    assert float((before.attribution - after.attribution).abs().max()) < 0.02 * max(spread, 1e-3)
    assert torch.equal(loaded.predict(images[2:3]).attribution.argmax(1), after.attribution[2:3].argmax(1))


@pytest.mark.parametrize("name", NETWORKS)
def test_with_gradients_a_network_answers_as_without(name: str, trained: Fit, tiny_manifest: Path) -> None:
    attributor, images = trained(name), images_of(tiny_manifest, "test_seen")
    leaf = images.float().requires_grad_()
    logits = attributor.differentiate(leaf).attribution
    torch.testing.assert_close(logits, attributor.predict(images).attribution, rtol=1e-4, atol=1e-4)
    (gradient,) = torch.autograd.grad(logits[:, 0].sum(), leaf)
    assert torch.isfinite(gradient).all() and (gradient.flatten(1).abs().amax(1) > 0).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_what_a_network_sees_is_computed_in_full_precision(name: str, trained: Fit, tiny_manifest: Path) -> None:
    attributor, images = trained(name), images_of(tiny_manifest, "val")
    with torch.autocast("cpu", torch.bfloat16):
        seen = attributor.scale(images)
    assert torch.equal(seen, attributor.scale(images))


@pytest.mark.parametrize("name", SMALL)
def test_the_same_seed_gives_the_same_weights(name: str, fit: Fit, trained: Fit, tmp_path: Path) -> None:
    assert same_states(fit(name, tmp_path), trained(name))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *((name, ()) for name in ("dct-cnn", "prnu", "yu visual")),
        ("eigenface", ("pca_batch=12",)),
        ("eigenface", ("pca_batch=12", "pca_gigabytes=1e-6")),
    ],
)
def test_an_interrupted_training_resumes_to_the_same_weights(
    name: str, settings: tuple[str, ...], fit: Fit, tmp_path: Path
) -> None:
    whole = fit(name, tmp_path / "whole", *settings)
    with pytest.raises(KeyboardInterrupt):
        fit(name, tmp_path / "stopped", *settings, stop=lambda: True)
    assert list((tmp_path / "stopped/checkpoints").iterdir())
    assert same_states(whole, fit(name, tmp_path / "stopped", *settings, resume=True))


@pytest.mark.parametrize("name", ["eigenface", "prnu", "dct-cnn"])
def test_a_checkpoint_of_other_data_or_settings_is_not_resumed(name: str, fit: Fit, tmp_path: Path) -> None:
    fit(name, tmp_path)
    with pytest.raises(TrainingError, match="another configuration, data"):
        fit(name, tmp_path, resume=True, seed=1)


@pytest.mark.parametrize("name", SMALL)
def test_images_of_another_size_are_refused_with_the_right_one(name: str, trained: Fit) -> None:
    with pytest.raises(UsageError, match=r"shape \(1, 3, 48, 48\)") as caught:
        trained(name).predict(torch.zeros(1, 3, 48, 48, dtype=torch.uint8))
    assert "(B, 3, 32, 32)" in caught.value.hint


@pytest.mark.parametrize("name", ["yu", "dct-cnn", "eigenface", "prnu", "reverse-engineering"])
def test_one_source_is_too_few(name: str, fit: Fit, tiny_manifest: Path, tmp_path: Path) -> None:
    only = [row for row in manifest_rows(tiny_manifest) if row["label"] == "0"]
    with pytest.raises(TrainingError, match="one source only, real"):
        fit(name, tmp_path / "out", data=write_manifest(tmp_path / "only.csv", only))


@pytest.mark.parametrize("name", ["yu", "dct-cnn", "eigenface", "prnu", "reverse-engineering"])
def test_one_image_of_each_source_trains_or_says_why_not(
    name: str, fit: Fit, tiny_manifest: Path, tmp_path: Path
) -> None:
    rows = manifest_rows(tiny_manifest)
    few = [row for row in rows if row["split"] == "val" or row["path"].endswith("/train0.png")]
    data = write_manifest(tmp_path / "few.csv", few)
    if name in ("eigenface", "prnu"):
        answer = fit(name, tmp_path / "out", data=data).predict(images_of(tiny_manifest, "val"))
        assert torch.isfinite(answer.attribution).all()
    else:
        with pytest.raises(TrainingError, match="fewer than one batch"):
            fit(name, tmp_path / "out", data=data)
        fit(name, tmp_path / "smaller", "batch_size=3", data=data)


def test_two_sources_are_told_apart_by_the_linear_methods(fit: Fit, tiny_manifest: Path, tmp_path: Path) -> None:
    two = [row for row in manifest_rows(tiny_manifest) if row["label"] in ("0", "1")]
    data = write_manifest(tmp_path / "two.csv", two)
    for name in ("eigenface", "prnu"):
        answer = fit(name, tmp_path / name, data=data).predict(images_of(tiny_manifest, "val"))
        assert answer.attribution.shape == (12, 2)


@pytest.mark.parametrize("name", SMALL)
def test_weights_of_other_shapes_are_refused(name: str, trained: Fit) -> None:
    attributor = trained(name)
    other = type(attributor)(attributor.config, ("real", "progan"))
    for tensors in (attributor.state(), {}):
        with pytest.raises(WeightsError):
            other.load_state(tensors)


def test_finetuning_starts_from_named_weights_and_refuses_those_of_others(
    trained: Fit, tiny_manifest: Path, tmp_path: Path
) -> None:
    attributor, data, start = trained("dct-cnn"), Manifest.open(tiny_manifest), str(tmp_path / "first")
    save(attributor, data, Path(start))
    finetuned = prepare(type(attributor), attributor.config, data, 5, start=start)
    for key, tensor in attributor.state().items():
        assert torch.allclose(finetuned.state()[key], tensor, rtol=2e-3, atol=2e-3)
    before = finetuned.network.mean.clone()
    fit_attributor(finetuned, data.select("train"), data.select("val"), Run(tmp_path / "second"))
    assert torch.equal(finetuned.network.mean, before)
    for name, weights, says in (
        ("yu", start, "are of dct-cnn, not of yu"),
        ("prnu", start, "nothing to start from"),
        ("dct-cnn", "nowhere", "no weights called nowhere"),
    ):
        with pytest.raises(GanprintError, match=says):
            prepare(*configured(name), data, 0, start=weights)


@pytest.mark.parametrize("method", ["yu", "yu reimplementation", "dct-cnn", "reverse-engineering"])
def test_finetuning_takes_over_the_sources_that_the_weights_know_and_adds_others(
    method: str, trained: Fit, tiny_manifest: Path, tmp_path: Path
) -> None:
    first = trained(method)
    save(first, Manifest.open(tiny_manifest), tmp_path / "first")
    names = {"progan": ("msggan", "1"), "stylegan": ("stylegan", "2"), "pix2pix": ("pix2pix", "-1")}
    rows = manifest_rows(tiny_manifest)
    for row in rows:
        row["source"], row["label"] = names.get(row["source"], ("real", "0"))
    extra = [{**row, "path": row["path"].replace(".png", ".PNG"), "source": "dcgan", "label": "3"} for row in rows[:30]]
    renamed = Manifest.open(write_manifest(tmp_path / "renamed.csv", rows + extra))
    assert renamed.sources == ("real", "msggan", "stylegan", "dcgan")
    started = [
        prepare(type(first), first.config, renamed, seed, start=str(tmp_path / "first")).state() for seed in (0, 1)
    ]
    per_source = [name for name, tensor in started[0].items() if tensor.shape != first.state()[name].shape]
    assert per_source
    for name, tensor in first.state().items():
        if name not in per_source:
            assert torch.allclose(started[0][name], tensor, rtol=2e-3, atol=2e-3)
            continue
        kept = started[0][name][[0, 2]]
        assert torch.allclose(kept, tensor[[0, 2]], rtol=2e-3, atol=2e-3)
        assert torch.equal(kept, started[1][name][[0, 2]])
        if tensor.ndim > 1:
            assert not torch.equal(started[0][name][[1, 3]], started[1][name][[1, 3]])


@pytest.mark.parametrize("name", [name for name in SMALL if name not in ("yu", "yu reimplementation")])
def test_pictures_are_finite_and_of_the_views_size(name: str, trained: Fit, tiny_manifest: Path) -> None:
    attributor = trained(name)
    panels = attributor.explain(images_of(tiny_manifest, "val")[0])
    assert bool(panels) == (name not in ("yu pre-downsampling", "yu residual"))
    for panel in panels:
        assert panel.values.shape[:2] == (32, 32)
        assert np.isfinite(panel.values).all()
    if name == "yu visual":
        assert [panel.title.split(":")[0] for panel in panels] == [
            "image fingerprint",
            *(f"fingerprint of {source}" for source in attributor.sources),
            *(f"response to {source}" for source in attributor.sources),
        ]


def test_the_program_reports_every_setting_of_a_grid(inside: Any, tiny_manifest: Path, tmp_path: Path) -> None:
    settings = [part for each in SMALL["eigenface"][1] for part in ("--set", each)]
    options = ("--method", "eigenface", "--data", tiny_manifest, "--out", tmp_path / "out", "--workers", "0")
    done = inside("train", *options, *settings, status=0)
    assert "variance 0.95" in done.stderr and "validation attribution" in done.stderr
