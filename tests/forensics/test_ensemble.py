"""Several predictors on one image: what they agree in, what is fused, and what neither may hide."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from PIL import Image

from ganprint.attributor import Attributor, AttributorConfig, AttributorSpec, Prediction, View
from ganprint.calibration.fusion import Combination, Fusion, Member
from ganprint.calibration.open_set import Known
from ganprint.forensics.ensemble import Ensemble
from ganprint.forensics.journal import json_line
from ganprint.forensics.predictors import WeightsPredictor
from ganprint.forensics.verdict import NO_RULE, Verdict
from ganprint.forensics.verdict_rows import VerdictTable, csv_header, csv_row
from ganprint.forensics.verdict_stream import stream_verdicts
from ganprint.images import ImageFile
from ganprint.weights import NO_REFERENCE, JudgementRecord

from ..conftest import JUDGEMENT, make_card

VIEW = View(size=32, crops=1)
COMMON = ("real", "progan", "stylegan")
CHANGES = {"score": "share of methods", "unknown_below": 0.5, "reference_sha256": NO_REFERENCE}
RULE = JudgementRecord.model_validate(JUDGEMENT | CHANGES)
ALONE = RULE.model_copy(
    update={"score": "max-probability", "unknown_below": 0.0, "synthetic_from": 0.65, "source_from": 0.0}
)
PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
IMAGE = ImageFile(PIXELS, "a.png", 32, 32, "PNG", "0" * 64, ())


class Fixed(Attributor):
    """Gives every image the same probabilities."""

    spec = AttributorSpec(name="fixed", title="Fixed", paper="none", year=2026, config=AttributorConfig)

    def __init__(self, sources: Sequence[str], shares: Sequence[float]) -> None:
        super().__init__(AttributorConfig(view=VIEW), sources)
        self.shares = shares

    def predict(self, images: torch.Tensor) -> Prediction:
        return Prediction(attribution=torch.tensor([self.shares] * len(images)).log())

    def state(self) -> dict[str, torch.Tensor]:
        return {}

    def load_state(self, tensors: Mapping[str, torch.Tensor]) -> None:
        return None


def predictor(number: int, shares: Sequence[float], sources: Sequence[str] = COMMON) -> WeightsPredictor:
    names = {"name": f"w{number}", "method": f"m{number}", "sha256": f"{number}" * 64}
    card = make_card(sources=sources, view=VIEW, judgement=ALONE, **names)
    count = len(sources)
    known = Known(np.eye(count), np.arange(count), np.arange(count), 1.0)
    return WeightsPredictor(Fixed(sources, shares), card, known)


def ensemble(*predictors: WeightsPredictor, learned: bool = True) -> Ensemble:
    cards = [each.card for each in predictors]
    weights = {card.sha256 or "": 1.0 for card in cards}
    combination = Combination(weights=weights, judgement=RULE, log_loss=0.1, calibration_error=0.01, alone={})
    fusion = Fusion(
        members=[Member(method=c.method, weights=c.name, weights_sha256=c.sha256 or "") for c in cards],
        sources=COMMON, data="d.csv", data_sha256="0" * 64, split="val", policies=("none",), seed=0, images=60,
        command="", date=datetime(2026, 1, 1, tzinfo=UTC), combinations=[combination],
    )  # fmt: skip
    return Ensemble(predictors, (fusion, combination, "f" * 64) if learned else None)


def answer(asked: Ensemble) -> Verdict:
    (verdict,) = stream_verdicts([("a.png", IMAGE)], asked)
    return verdict


def test_methods_that_agree_are_surer_together_than_alone() -> None:
    found = answer(ensemble(predictor(1, [0.1, 0.8, 0.1]), predictor(2, [0.1, 0.7, 0.2])))
    assert (found.verdict, found.source, found.method, found.weights) == (*("progan", "progan", "m1+m2", "w1+w2"),)
    assert found.probabilities["progan"] > 0.9 and found.weights_sha256 == "f" * 64
    assert [each.verdict for each in found.methods] == ["progan", "progan"]


@pytest.mark.parametrize("learned", [True, False])
def test_methods_that_conflict_conclude_nothing(learned: bool) -> None:
    found = answer(ensemble(predictor(1, [0.001, 0.998, 0.001]), predictor(2, [0.8, 0.1, 0.1]), learned=learned))
    assert found.verdict == "inconclusive" and found.source is None
    assert "1 synthetic, 1 without a trace" in (found.reason or "")


def test_methods_of_which_none_is_calibrated_do_not_all_say_so() -> None:
    unruled = [predictor(1, [0.9, 0.05, 0.05]), predictor(2, [0.1, 0.8, 0.1])]
    unruled = [replace(each, card=each.card.model_copy(update={"judgement": None})) for each in unruled]
    found = answer(ensemble(*unruled, learned=False))
    assert (found.verdict, found.reason) == ("inconclusive", NO_RULE)
    one = answer(ensemble(unruled[0], predictor(2, [0.1, 0.8, 0.1]), learned=False))
    assert "The methods disagree: 1 synthetic, 1 inconclusive" in (one.reason or "")


def test_a_source_that_only_one_knows_is_not_fused_into_real() -> None:
    sources = (*COMMON, "sngan-mini")
    found = answer(
        ensemble(
            predictor(1, [0.01, 0.001, 0.001, 0.988], sources),
            predictor(2, [0.98, 0.01, 0.01]),
            predictor(3, [0.98, 0.01, 0.01]),
        )
    )
    assert found.verdict == "inconclusive" and "m1 names sngan-mini" in (found.reason or "")


def test_sources_that_differ_are_said_and_warnings_name_their_method() -> None:
    found = answer(
        ensemble(predictor(1, [0.02, 0.9, 0.08]), predictor(2, [0.02, 0.4, 0.58]), predictor(3, [0.4, 0.3, 0.3]))
    )
    assert "progan (1), stylegan (1)" in (found.reason or "")
    warned = [said for said in found.warnings if "Real is the most likely" in said]
    assert warned and all(said.startswith("m3: ") for said in warned)
    assert any(said.startswith("The probabilities are not calibrated") for said in found.warnings)


@pytest.mark.parametrize(("cllr", "least", "stated"), [(0.5, 0.45, True), (0.5, 0.39, False), (0.8, 0.75, False)])
def test_a_ratio_is_stated_only_where_it_held_on_what_was_kept_out(cllr: float, least: float, stated: bool) -> None:
    ratio = RULE.synthetic.model_copy(update={"cllr": cllr, "cllr_min": least})
    rule = RULE.model_copy(update={"score": "max-probability", "unknown_below": 0.0, "synthetic": ratio})
    single = predictor(1, [0.05, 0.9, 0.05])
    card = single.card.model_copy(update={"judgement": rule})
    (found,) = stream_verdicts([("a.png", IMAGE)], Ensemble([replace(single, card=card)]))
    assert found.verdict == "progan" and bool(found.likelihood_ratios) == stated
    if stated:
        assert found.likelihood_ratios[0].words == "moderate support"


def test_an_image_with_nothing_to_examine_is_inconclusive_whatever_the_methods_say() -> None:
    flat = ImageFile(np.full((32, 32, 3), 255, np.uint8), "b.png", 32, 32, "PNG", "1" * 64, ())
    for members in (
        [predictor(1, [0.98, 0.01, 0.01])],
        [predictor(1, [0.98, 0.01, 0.01]), predictor(2, [0.1, 0.8, 0.1])],
    ):
        first, second = stream_verdicts([("b.png", flat), ("a.png", IMAGE)], ensemble(*members))
        assert first.verdict == "inconclusive" and first.reason == "Nothing to examine: it has no texture."
        assert first.synthetic_probability is None and not first.probabilities
        assert second.probabilities
    (changed,) = stream_verdicts([("b.png", flat)], Ensemble([predictor(1, [0.98, 0.01, 0.01])], stability=True))
    assert {change.synthetic_probability for change in changed.stability} == {None}


def test_what_answers_depend_on_is_told_apart() -> None:
    one, two = ensemble(predictor(1, [0.1, 0.8, 0.1])), ensemble(predictor(2, [0.1, 0.8, 0.1]))
    assert one.sha256 == ensemble(predictor(1, [0.1, 0.8, 0.1])).sha256 != two.sha256
    assert Ensemble(one.predictors, one.fusion, stability=True).sha256 != one.sha256


GREY = np.repeat(PIXELS[..., :1], 3, axis=2)
ENLARGED = np.asarray(Image.fromarray(PIXELS[:20, :20]).resize((32, 32), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(("pixels", "said"), [(GREY, "no colour"), (ENLARGED, "lacks fine detail")])
def test_no_trace_is_said_of_no_image_that_hides_traces_nor_a_likelihood_ratio(pixels: np.ndarray, said: str) -> None:
    for members in ([1], [1, 2]):
        alone = [predictor(number, [0.98, 0.01, 0.01]) for number in members]
        # Of several methods one is enough.
        rule = ALONE.model_copy(update={"detail_from": -10.0})
        alone[-1] = replace(alone[-1], card=alone[-1].card.model_copy(update={"judgement": rule}))
        images = [("a.png", IMAGE), ("a.png", replace(IMAGE, pixels=pixels))]
        shown, hidden = stream_verdicts(images, ensemble(*alone))
        assert (shown.verdict, hidden.verdict) == ("real", "inconclusive")
        assert said in (hidden.reason or "") and not hidden.likelihood_ratios


def test_several_methods_find_no_trace_in_an_image_too_small_for_any_of_them_no_more_than_one() -> None:
    small = ImageFile(PIXELS[:24, :24].copy(), "a.png", 24, 24, "PNG", "0" * 64, ())
    view = View(kind="native", size=32, crops=1)
    members = [predictor(number, [0.98, 0.01, 0.01]) for number in (1, 2)]
    members = [replace(each, card=each.card.model_copy(update={"view": view})) for each in members]
    (found,) = stream_verdicts([("a.png", small)], ensemble(*members))
    assert {found.verdict, *(each.verdict for each in found.methods)} == {"inconclusive"}
    assert "too small" in (found.reason or "")


@pytest.mark.parametrize(
    ("shares", "verdict", "learned"),
    [([0.02, 0.97, 0.01], "progan", True), ([0.02, 0.97, 0.01], "progan", False), ([0.02, 0.5, 0.48], "gan", False)],
)
def test_several_methods_say_the_family_as_one_does(shares: list[float], verdict: str, learned: bool) -> None:
    rule = ALONE.model_copy(update={"source_from": 0.9, "family_from": 0.5})
    update = {"families": {"progan": "gan", "stylegan": "gan"}, "judgement": rule}
    members = [predictor(number, shares) for number in (1, 2)]
    members = [replace(each, card=each.card.model_copy(update=update)) for each in members]
    for found in (answer(Ensemble(members[:1])), answer(ensemble(*members, learned=learned))):
        assert (found.verdict, found.family) == (verdict, "gan")


def test_the_column_of_the_ratio_of_synthetic_never_has_that_of_a_source(tmp_path: Path) -> None:
    told = RULE.synthetic
    rule = ALONE.model_copy(
        update={"synthetic": told.model_copy(update={"cllr": 0.9}), "sources": {"progan": told}, "source_from": 0.5}
    )
    single = predictor(1, [0.05, 0.9, 0.05])
    found = answer(Ensemble([replace(single, card=single.card.model_copy(update={"judgement": rule}))]))
    assert [each.proposition for each in found.likelihood_ratios] == ["progan"]
    place = csv_header(COMMON).index("log10_lr_synthetic")
    assert csv_row(found, COMMON)[place] is None
    VerdictTable(COMMON).write([json_line(found)], tmp_path / "v.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "v.parquet")["log10_lr_synthetic"].to_pylist() == [None]


def test_a_file_name_that_is_no_text_is_escaped_in_parquet(tmp_path: Path) -> None:
    lines = [json_line(answer(ensemble(predictor(1, [0.1, 0.8, 0.1]))).model_copy(update={"path": "\udcff.png"}))]
    VerdictTable(COMMON).write(lines, tmp_path / "v.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "v.parquet")["path"].to_pylist() == ["\\udcff.png"]
    assert list(VerdictTable(COMMON).read(tmp_path / "v.parquet")) == lines
