"""Studies: which trainings they are, and that each is of what its row says."""

from dataclasses import replace
from pathlib import Path

import pytest

from ganprint import plugins
from ganprint.data import Manifest
from ganprint.errors import ConfigError, UsageError
from ganprint.studies.study import Study
from ganprint.studies.variants import ablation_variants, order_semantics, semantics_variants

from ..conftest import write_manifest

SMALL = {"preset": "small", "assignments": ()}


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Return rows without images: faces of three of four sources, horses of the fourth, many cars of one."""
    shown = {"car": {"real": 9}, "face": {"real": 2, "progan": 3, "stylegan": 2}, "horse": {"cyclegan": 2}}
    elsewhere = {"boat": {"real": 30}}
    rows = [
        {"path": f"{split}-{semantic}-{source}-{n}.png", "source": source, "semantic": semantic, "split": split}
        for split, here in (("train", shown), ("val", shown), ("test_seen", shown | elsewhere))
        for semantic, counts in here.items()
        for source, count in counts.items()
        for n in range(count)
    ]
    return Manifest.open(write_manifest(tmp_path / "some.csv", rows))


def test_semantics_that_add_sources_come_first(manifest: Manifest) -> None:
    assert order_semantics(manifest.select("train")) == ("face", "horse", "car")


def test_semantics_are_counted_from_where_every_source_is_shown(manifest: Manifest, tmp_path: Path) -> None:
    variants = semantics_variants(["repmix", "prnu"], manifest, (), **SMALL)
    assert [(each.method, each.semantics) for each in variants] == [
        (method, semantics)
        for method in ("repmix", "prnu")
        for semantics in (("face", "horse"), ("face", "horse", "car"))
    ]
    assert len({each.name for each in variants}) == 4
    study = Study(manifest, variants, tmp_path / "out")
    first = study.images(variants[0])
    assert set(first.select("train").column("semantic")) == {"face", "horse"}
    assert set(first.select("val").column("semantic")) == {"face", "horse"}
    assert len(first.select("test_seen")) == len(manifest.select("test_seen"))
    assert first.sources == manifest.sources
    for count in (1, 4):
        with pytest.raises(UsageError, match=f"Trainings on {count} semantic classes"):
            semantics_variants(["prnu"], manifest, (count,), **SMALL)


def test_a_source_without_semantic_classes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,source,semantic,split\na.png,real,face,train\nb.png,progan,,train\n")
    with pytest.raises(UsageError, match="a source without training images of any named semantic class"):
        semantics_variants(["repmix"], Manifest.open(tmp_path / "m.csv"), (), **SMALL)


def test_the_ablation_changes_one_thing_at_a_time() -> None:
    variants = {each.label: each for each in ablation_variants("repmix", (), **SMALL)}
    whole = variants["all"].config.model_dump()
    changed = {
        label: {key: value for key, value in each.config.model_dump().items() if value != whole[key]}
        for label, each in variants.items()
    }
    images = whole["batch_size"] * whole["mix_count"]
    assert changed["all"] == {}
    assert changed["without compound loss"] == {"compound": False}
    assert changed["without mixing"] == {"mix_count": 1, "batch_size": images}
    assert changed["without augmentation"] == {"policy": "none"}
    assert changed["3 images mixed"] == {"mix_count": 3, "batch_size": images // 3}
    assert changed["mixing before perturbation"] == {"mix_level": -1}
    assert changed["VGG16 backbone"]["backbone"] == "timm:vgg16"
    # The level that the preset mixes at is a row already.
    assert f"mixing at level {whole['mix_level']}" not in changed
    assert len({each.name for each in variants.values()}) == len(variants)


def test_the_method_itself_is_a_row_where_its_ablation_does_not_list_it(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(plugins.read_spec("repmix"), ablation={"parts": {"without loss": ("compound=false",)}})
    monkeypatch.setattr(plugins, "read_spec", lambda name: spec)
    assert [each.label for each in ablation_variants("repmix", (), **SMALL)] == ["all", "without loss"]


def test_some_rows_can_be_chosen_and_others_are_refused() -> None:
    chosen = ablation_variants("repmix", ("counts", "without both"), **SMALL)
    assert [each.label for each in chosen] == ["all", "3 images mixed", "4 images mixed", "without both"]
    with pytest.raises(UsageError, match="no part 'nothing'"):
        ablation_variants("repmix", ("nothing",), **SMALL)
    with pytest.raises(ConfigError, match="no preset called huge"):
        ablation_variants("repmix", (), preset="huge", assignments=())


def test_settings_may_be_of_one_method(manifest: Manifest) -> None:
    settings = ("view.size=32", "repmix:epochs=7", "prnu:levels=[1]")
    first, second = semantics_variants(["repmix", "prnu"], manifest, (2,), preset=None, assignments=settings)
    assert (first.config.model_dump()["epochs"], first.config.view.size) == (7, 32)
    assert (second.config.model_dump()["levels"], second.config.view.size) == ((1,), 32)
