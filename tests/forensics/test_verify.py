"""A record that says more, less or otherwise than one can is refused, or differs when its images are examined again."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import ganprint
from ganprint.calibration.fusion import FUSION_FILE, Combination, Fusion, Member, save_fusion
from ganprint.errors import UsageError
from ganprint.forensics.ensemble import Ensemble
from ganprint.forensics.record import CaseRecord, Examined, WeightsFacts, _from, read_record, save_record
from ganprint.forensics.verdict import Failure, Verdict
from ganprint.forensics.verify import _differences, verify_record
from ganprint.weights import JudgementRecord, find, read_card, user_folder

from ..conftest import JUDGEMENT, noise

VERDICT = Verdict(
    path="a.png", sha256="0" * 64, verdict="real",
    reason="Synthetic at 1.2% is at most 5.0%, and the image is like the 12 known ones (knn 0.934).",
    synthetic_probability=0.012, probabilities={"real": 0.988, "progan": 0.012},
    method="repmix", weights="small", weights_sha256="0" * 64,
)  # fmt: skip
RECORD = CaseRecord(
    date=datetime(2026, 11, 20, tzinfo=UTC), command="ganprint attribute", folder=".",
    versions={"python": "3.11"}, system="Linux", hardware="x86_64", device="cpu",
    weights=[
        WeightsFacts(
            method="repmix", weights="small", weights_sha256="0" * 64, plugin="ganprint 0.1.0",
            sources=["real", "progan"], calibration="none",
        )
    ],
    images=[Examined(verdict=VERDICT, sha256_after="0" * 64)],
)  # fmt: skip


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    save_record(RECORD, tmp_path / "case.json")
    assert read_record(tmp_path / "case.json") == RECORD


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("conclusion", "It is real.", "conclusion is not"),
        ("images.0.note", "x", r"images\[0\].note is not"),
        ("images.0.verdict.note", "x", r"images\[0\].verdict.note is not"),
        ("weights.0.note", "x", r"weights\[0\].note is not"),
        ("images.0.verdict.synthetic_probability", float("nan"), "the number NaN"),
        ("images.0.verdict.known_score", float("inf"), "the number Infinity"),
        ("images.0.verdict.synthetic_probability", "0.012", "synthetic_probability is not"),
        ("stability", 0, "stability is not"),
        ("schema_version", 2, "not a case record"),
        ("weights", [], "not a case record"),
        ("images", [], "not a case record"),
    ],
)
def test_what_no_record_says_is_refused(place: str, value: Any, said: str, tmp_path: Path) -> None:
    content = changed = RECORD.model_dump(mode="json")
    *parents, last = place.split(".")
    for name in parents:
        changed = changed[int(name) if name.isdecimal() else name]
    changed[last] = value
    (tmp_path / "case.json").write_text(json.dumps(content))
    with pytest.raises(UsageError, match=said):
        read_record(tmp_path / "case.json")


@pytest.mark.parametrize(
    "text",
    [
        '{"device": "cpu", "device": "gpu"}', '{"images": 1e999}', "[" * 100_000, "", "\ufeff{}",
        '{"a": ' + "9" * 10_000 + "}",
    ],
    ids=range(6),
)  # fmt: skip
def test_a_file_that_is_no_record_gets_a_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "case.json").write_text(text)
    with pytest.raises(UsageError, match="case record"):
        read_record(tmp_path / "case.json")


def test_a_number_too_large_to_be_one_is_refused(tmp_path: Path) -> None:
    content = json.dumps(RECORD.model_dump(mode="json")).replace("0.988", "1e999")
    (tmp_path / "case.json").write_text(content)
    with pytest.raises(UsageError, match=r"probabilities\.real"):
        read_record(tmp_path / "case.json")


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        ("1.2%", "1.3%", False), ("1.2%", "1.9%", True), ("0.934", "0.935", False), ("0.934", "0.984", True),
        ("12 known", "13 known", True), ("5.0%", "95.0%", True), ("at most", "at least", True),
        ("0.934", "0.93", True),
    ],
)  # fmt: skip
def test_digits_in_a_reason_may_differ_by_rounding_only(old: str, new: str, differs: bool) -> None:
    then = VERDICT.model_dump(mode="json")
    now = then | {"reason": then["reason"].replace(old, new)}
    assert now != then
    assert bool(list(_differences("", then, now))) == differs


def test_rates_of_the_weights_are_compared_exactly() -> None:
    assert list(_differences("weights", [{"value": 0.01}], [{"value": 0.0101}], tolerance=0.0))
    assert not list(_differences("", {"value": 0.01}, {"value": 0.0101}))


def test_a_record_makes_verify_ask_no_other_machine() -> None:
    there = VERDICT.model_copy(update={"path": "s3://somebody/a.png"})
    record = RECORD.model_copy(update={"images": [Examined(verdict=there)]})
    (found,) = verify_record(record, Ensemble([]))
    assert (found.outcome, found.details) == ("not repeatable", ["It was read from another machine."])


MINI = ("prnu.mini", "dct-cnn.mini")


def test_what_no_fusion_had_a_part_in_is_verified_after_one_was_learned_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    cards = [read_card(find(name)) for name in MINI]
    Image.fromarray(noise(256, 256, 3)).save(tmp_path / "a.png")
    (tmp_path / "image").write_bytes(b"no image")
    named = [tmp_path / "a.png", tmp_path / "image"]
    list(ganprint.attribute(named, weights=",".join(MINI), report=tmp_path / "r.html", maps=False, device="cpu"))
    weights = {card.sha256 or "": 0.5 for card in cards}
    rule = JudgementRecord.model_validate(JUDGEMENT)
    fusion = Fusion(
        members=[Member(method=c.method, weights=c.name, weights_sha256=c.sha256 or "") for c in cards],
        sources=cards[0].sources, data="d.csv", data_sha256="0" * 64, split="val", policies=("none",), seed=0,
        images=60, command="", date=datetime(2026, 1, 1, tzinfo=UTC),
        combinations=[Combination(weights=weights, judgement=rule, log_loss=1, calibration_error=1, alone={})],
    )  # fmt: skip
    save_fusion(fusion, user_folder() / FUSION_FILE)
    assert [found.outcome for found in ganprint.verify(tmp_path / "r.json")] == ["same", "same"]


def test_a_name_in_a_message_is_replaced_where_it_is_the_name_only() -> None:
    message = "image is not an image of a format that is read."
    failed = Verdict(
        path="image", method="m", weights="w", weights_sha256=None, error=Failure(code="not_an_image", message=message)
    )
    found = _from(Path("case"), Examined(verdict=failed)).verdict.error
    assert found is not None and found.message == "../image is not an image of a format that is read."
