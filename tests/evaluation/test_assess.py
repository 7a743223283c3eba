"""What the rates of verdicts count, which reports print under their names."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ganprint.data import Manifest
from ganprint.evaluation.assess import ImageVerdicts, _counts, answer_images
from ganprint.forensics.predictors import load_predictor

from ..conftest import make_card


def test_a_family_is_an_answer_but_not_the_right_source() -> None:
    card = make_card(sources=("real", "progan", "stylegan"), families={"progan": "gan", "stylegan": "gan"})
    verdicts = np.array(["progan", "gan", "stylegan", "inconclusive", "real", "gan", "synthetic-unknown"])
    labels = np.array([1, 1, 1, 1, 0, -1, -1])
    sources = np.array(["progan"] * 4 + ["real"] + ["dalle"] * 2)
    none = np.full(len(labels), "")
    probabilities, rows = np.empty((len(labels), 3)), np.arange(len(labels))
    counts = _counts(ImageVerdicts(card, rows, labels, sources, none, none, verdicts, probabilities, [], []))
    found = {name: (counts[name].n, counts[name].value) for name in ("answered", "right", "unknown")}
    assert found == {"answered": (5, 0.8), "right": (4, 0.5), "unknown": (2, 0.5)}


def test_the_family_of_a_source_without_one_is_the_source_itself() -> None:
    card = make_card(sources=("real", "progan", "ldm"), families={"progan": "gan"})
    verdicts, labels = np.array(["ldm", "progan", "gan", "gan"]), np.array([2, 2, 2, 1])
    none, sources = np.full(4, ""), np.array(["ldm"] * 3 + ["progan"])
    kinds = ImageVerdicts(card, labels, labels, sources, none, none, verdicts, np.empty((4, 3)), [], []).kinds()
    found = {kind: rates.right_family.value for kind, rates in kinds.items() if rates.right_family}
    assert found == {"other sources": round(1 / 3, 4), "gan": 1}


def test_images_that_hide_traces_are_counted_as_attribute_answers_for_them(
    judged_weights: Path, tiny_manifest: Path
) -> None:
    predictor = load_predictor(judged_weights)
    assert predictor.card.judgement is not None
    lenient = {"real_to": 1.0, "synthetic_from": 1.0, "unknown_below": -1e9, "detail_from": None}
    lenient["synthetic"] = predictor.card.judgement.synthetic.model_copy(update={"intercept": -100.0})
    images = Manifest.open(tiny_manifest, sources=predictor.card.sources).select("test_seen")
    reals = []
    for limit in (None, 100.0):
        rule = predictor.card.judgement.model_copy(update=lenient | {"detail_from": limit})
        judged = replace(predictor, card=predictor.card.model_copy(update={"judgement": rule}))
        reals.append((answer_images(judged, images, "none").verdicts == "real").sum())
    assert reals[0] > 0 == reals[1]
