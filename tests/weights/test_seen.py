"""Images that weights were trained, selected or calibrated on are told again, whatever their split is called."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganprint.data import Manifest
from ganprint.errors import UsageError
from ganprint.weights.seen import count_seen, refuse_seen, seen_record, seen_sentences, with_seen

from ..conftest import encoded, make_card, noise, write_manifest


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., Manifest]:
    """Return a function that writes images by number and their manifest."""

    def write(name: str, rows: list[tuple[int, str, str, str]]) -> Manifest:
        listed = []
        for number, split, group, origin in rows:
            file = tmp_path / f"{name}-{number}.png"
            file.write_bytes(encoded(noise(8, 8, 3, seed=number)))
            facts = {"source": "real" if number % 2 else "progan", "split": split, "group": group, "origin": origin}
            listed.append({"path": file.name, **facts})
        return Manifest.open(write_manifest(tmp_path / f"{name}.csv", listed))

    return write


@pytest.fixture
def card(manifest: Callable[..., Manifest]) -> Any:
    trained = manifest("one", [(n, "train", f"g{n % 2}", f"repo:{n}.jpg#tile(0)") for n in range(6)])
    selected = manifest("two", [(n, "val", "g9", "") for n in (10, 11)])
    return make_card(seen={"train": seen_record(trained), "val": seen_record(selected)})


def test_copies_are_told_by_their_bytes_and_crops_by_their_origin(card: Any, manifest: Callable[..., Manifest]) -> None:
    copies = manifest("copies", [(n, "test", "other", "") for n in (4, 5, 6, 7, 10)])
    found = count_seen(card, copies)
    counts = {name: (seen.images, seen.groups) for name, seen in found.items()}
    assert counts == {"train": (2, 0), "val": (1, 0)}
    crops = manifest("crops", [(n + 50, "test", "other", f"repo:{n}.jpg#tile(9)") for n in (0, 1, 2, 8)])
    assert count_seen(card, crops)["train"].images == 3
    assert count_seen(card, manifest("new", [(n, "train", "h", f"repo:{n}.jpg") for n in (20, 21)])) == {}


def test_groups_are_told_by_their_names(card: Any, manifest: Callable[..., Manifest]) -> None:
    others = manifest("others", [(30, "test", "g0", ""), (31, "test", "g7", "")])
    assert count_seen(card, others)["train"].groups == 1
    (said,) = seen_sentences(card, others, "test")
    assert "trained on 1 of the 2 groups of test" in said
    refuse_seen(card, others, "test")


def test_what_was_seen_is_refused_by_what_was_done_on_it(card: Any, manifest: Callable[..., Manifest]) -> None:
    copies = manifest("copies", [(10, "test", "", ""), (41, "test", "", "")])
    with pytest.raises(UsageError, match="was selected on 1 of the 2 images of test"):
        refuse_seen(card, copies, "test")


def test_what_a_training_started_from_counts_as_seen(card: Any, manifest: Callable[..., Manifest]) -> None:
    later = make_card(seen={"train": seen_record(manifest("later", [(n, "train", "g8", "") for n in (60, 61)]))})
    copies = manifest("copies", [(n, "test", "", "") for n in (0, 10, 61)])
    found = count_seen(with_seen(later, card), copies)
    assert {name: seen.images for name, seen in found.items()} == {"train": 2, "val": 1}


def test_a_card_of_many_images_stays_small(monkeypatch: pytest.MonkeyPatch, manifest: Callable[..., Manifest]) -> None:
    monkeypatch.setattr("ganprint.weights.seen.MOST", 3)
    record = seen_record(manifest("many", [(n, "train", "g", "") for n in range(9)]))
    assert (len(record.images), record.n) == (20, 9)


def test_a_file_that_is_not_there_is_nobodys_fault_here(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,source\n0.png,real\n1.png,progan\n")
    record = seen_record(Manifest.open(tmp_path / "m.csv"))
    assert record.images == ""
    assert count_seen(make_card(seen={"train": record}), Manifest.open(tmp_path / "m.csv")) == {}
