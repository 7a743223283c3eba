"""Several predictors on one image: their verdicts, their agreement, and the fused verdict."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from ganprint.attributor import REAL
from ganprint.calibration.answer import Answer
from ganprint.calibration.decision import INCONCLUSIVE, UNKNOWN, decide, ratios_hold, why_not_real
from ganprint.errors import GanprintError
from ganprint.forensics.conclusion import of_file, ratio_of
from ganprint.forensics.predictors import WeightsPredictor
from ganprint.forensics.verdict import NO_RULE, Agreement, Failure, MethodAnswer, Verdict
from ganprint.images import ImageFile
from ganprint.images.content import Emptiness
from ganprint.plain_text import printable
from ganprint.weights import Card

if TYPE_CHECKING:
    from torch import Tensor

    from ganprint.calibration.fusion import Combination, Fusion
    from ganprint.images.views import Crops

CHANGES = ("jpeg=90", "jpeg=75", "webp=80", "resize=0.75", "crop=0.9")
"""Mild post-processing that should not change an answer: no enlargement, which hides traces."""
AGREED = 2 / 3
"""Share of the methods with a clear answer that must say synthetic, or real, for the fused answer to say it."""

Views = list["Crops"]
"""One image as each predictor sees it."""


@dataclass(frozen=True)
class Ensemble:
    """One predictor or several; with several, what was learned of how to fuse them, if anything was.

    `stability` also asks again under CHANGES.
    """

    predictors: Sequence[WeightsPredictor]
    fusion: "tuple[Fusion, Combination, str] | None" = None
    stability: bool = False

    @property
    def _named(self) -> dict[str, str | None]:
        """The fields of a verdict that say who gave it, several methods and weights being joined by +."""
        cards = [predictor.card for predictor in self.predictors]
        fused = self.fusion[2] if self.fusion else None
        return {
            "method": "+".join(card.method for card in cards),
            "weights": "+".join(card.name for card in cards),
            "weights_sha256": cards[0].sha256 if len(cards) == 1 else fused,
            "judged_by_sha256": self.sha256,
        }

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of all that answers depend on: weights, what they are answered by, enrolled sources, options."""
        facts: list[object] = [self.stability, self.fusion[2] if self.fusion else None]
        for predictor in self.predictors:
            card = predictor.card
            setup = [card.sha256, card.sources, dict(card.families), card.view.model_dump(mode="json"), card.config]
            told = card.calibration.fitted() if card.calibration else None
            rule = card.judgement.model_dump(mode="json", exclude={"rates"}) if card.judgement else None
            facts.append([*setup, told, rule, {gallery.name: gallery.sha256 for gallery in predictor.galleries}])
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that some predictor distinguishes, real first."""
        return tuple(dict.fromkeys(name for predictor in self.predictors for name in predictor.card.sources))

    def view(self, pixels: "np.ndarray | Tensor") -> Views:
        """Return what each predictor sees of an image, uint8 (H, W, 3) or (3, H, W)."""
        from ganprint.images.views import find_crops

        crops = {view: find_crops(pixels, view) for view in {predictor.card.view for predictor in self.predictors}}
        return [crops[predictor.card.view] for predictor in self.predictors]

    def changed(self, pixels: np.ndarray) -> list[tuple[str, Views]]:
        """Return what the predictors see of an image (H, W, 3) under each of CHANGES, where stability is asked for."""
        if not self.stability:
            return []
        from ganprint.perturbation import parse_chain

        pixels = np.ascontiguousarray(pixels)
        found = []
        for change in CHANGES:
            try:
                found.append((change, self.view(parse_chain(change).draw(0, 0).apply_to(pixels))))
            except GanprintError:
                continue  # Too large for a format, or a side too small: that change cannot happen to it.
        return found

    def decide(self, images: Sequence[tuple[ImageFile, Views]]) -> list[Verdict]:
        """Return the verdicts on images with their crops; one that is empty for a predictor gets no other verdict."""
        seen = [place for place, (_, views) in enumerate(images) if all(crops.nothing is None for crops in views)]
        each = [
            predictor.answer([images[place][1][number].pixels for place in seen])
            for number, predictor in enumerate(self.predictors)
        ]
        verdicts = [self._nothing(image, views) for image, views in images]
        for number, place in enumerate(seen):
            verdicts[place] = self._verdict(*images[place], [answers[number] for answers in each])
        return verdicts

    def _nothing(self, image: ImageFile, views: Views) -> Verdict:
        why = next((crops.nothing for crops in views if crops.nothing is not None), Emptiness.SMALL)
        return Verdict(
            verdict=INCONCLUSIVE,
            reason=f"Nothing to examine: {why}.",
            warnings=list(image.notes),
            **of_file(image),
            **self._named,
        )

    def failed(self, path: str, error: GanprintError) -> Verdict:
        """Return the record of an image that could not be answered."""
        return Verdict(path=path, error=Failure(code=error.code, message=error.message, hint=error.hint), **self._named)

    def _verdict(self, image: ImageFile, views: Views, answers: Sequence[Answer]) -> Verdict:
        answers = [answer.about(crops) for answer, crops in zip(answers, views, strict=True)]
        verdicts = [
            predictor.decide(image, answer, crops.places)
            for predictor, answer, crops in zip(self.predictors, answers, views, strict=True)
        ]
        if len(verdicts) == 1:
            return verdicts[0].model_copy(update={"judged_by_sha256": self.sha256})
        agreement = agree(verdicts)
        together = self._fuse(verdicts, answers, agreement)
        methods = [verdict.method for verdict in verdicts]
        families = {name: family for each in self.predictors for name, family in each.card.families.items()}
        said = together["verdict"]
        return Verdict(
            warnings=_united([verdict.warnings for verdict in verdicts], methods),
            size_warnings=_united([verdict.size_warnings for verdict in verdicts], methods),
            methods=[MethodAnswer.model_validate(verdict, from_attributes=True) for verdict in verdicts],
            agreement=agreement,
            family=said if said in families.values() else families.get(said),
            **together,
            **of_file(image),
            **self._named,
        )

    def _fuse(self, verdicts: Sequence[Verdict], answers: Sequence[Answer], agreement: Agreement) -> dict[str, Any]:
        """Return the fields of a fused verdict; without a fusion, that of all methods if they agree in everything."""
        if self.fusion is None:
            return _unlearned(verdicts, agreement)
        from ganprint.calibration.fusion import pool, restrict

        fusion, combination, _ = self.fusion
        members = [
            restrict(answer.probabilities[None], predictor.card.sources, fusion.sources)
            for predictor, answer in zip(self.predictors, answers, strict=True)
        ]
        weights = [combination.weights[predictor.card.sha256 or ""] for predictor in self.predictors]
        probabilities = pool(members, weights)[0]
        rule = combination.judgement
        like = [is_like(verdict, predictor.card) for verdict, predictor in zip(verdicts, self.predictors, strict=True)]
        score = float(np.mean(like))
        rules = [predictor.card.judgement or rule for predictor in self.predictors]
        hidden = next(filter(None, map(why_not_real, answers, rules)), None)
        verdict, reason = decide(probabilities, score, fusion.sources, rule, hidden=hidden)
        side = "real" if verdict == REAL else "synthetic"
        clear = agreement.real + agreement.synthetic
        if verdict != INCONCLUSIVE and clear and getattr(agreement, side) < AGREED * clear:
            verdict = INCONCLUSIVE
            reason = f"The methods conflict: {agreement.in_words()}. Fused alone: {reason}"
        elif len(agreement.sources) > 1:
            named = ", ".join(f"{printable(name)} ({count})" for name, count in agreement.sources.items())
            reason += f" The methods name different sources: {named}."
        elsewhere = [each for each in verdicts if each.source and each.source not in fusion.sources]
        if elsewhere and verdict != INCONCLUSIVE:
            said = ", ".join(f"{each.method} names {printable(each.source or '')}" for each in elsewhere)
            verdict = INCONCLUSIVE if verdict == REAL else UNKNOWN
            reason = f"{said}, which not all of the methods know. Fused over those that all know: {reason}"
        order = np.argsort(-probabilities, kind="stable")
        synthetic, told = float(1 - probabilities[0]), rule.synthetic
        held = told.holds and all(map(ratios_hold, answers, rules, repeat(verdict)))
        return {
            "verdict": verdict,
            "source": verdict if verdict in fusion.sources[1:] else None,
            "reason": reason,
            "synthetic_probability": round(synthetic, 6),
            "probabilities": {name: round(float(p), 6) for name, p in zip(fusion.sources, probabilities, strict=True)},
            "likeliest": fusion.sources[order[0]],
            "runner_up": fusion.sources[order[1]],
            "likelihood_ratios": [ratio_of("synthetic", REAL, synthetic, told)] if held else [],
        }


def is_like(verdict: Verdict, card: Card) -> bool:
    """Return whether a predictor found an image like those that its weights know; one that cannot tell says so."""
    rule = card.judgement
    return rule is None or verdict.known_score is None or verdict.known_score >= rule.unknown_below


def agree(verdicts: Sequence[Verdict]) -> Agreement:
    """Count how many of several verdicts say real, synthetic or neither, and which sources they name."""
    named = Counter(verdict.source for verdict in verdicts if verdict.source)
    return Agreement(
        real=sum(verdict.verdict == REAL for verdict in verdicts),
        synthetic=sum(verdict.is_synthetic for verdict in verdicts),
        inconclusive=sum(verdict.verdict == INCONCLUSIVE for verdict in verdicts),
        sources=dict(named.most_common()),
    )


def _united(warnings: Sequence[Sequence[str]], methods: Sequence[str]) -> list[str]:
    """Return what all methods warn of, and what some do, each with its method."""
    said = Counter(warning for each in warnings for warning in each)
    shared = [warning for warning, count in said.items() if count == len(methods)]
    return shared + [
        f"{method}: {warning}"
        for method, each in zip(methods, warnings, strict=True)
        for warning in each
        if warning not in shared
    ]


def _unlearned(verdicts: Sequence[Verdict], agreement: Agreement) -> dict[str, Any]:
    said = {verdict.verdict for verdict in verdicts}
    alike = len(said) == 1
    reason = "All methods say so" if alike else f"The methods disagree: {agreement.in_words()}"
    mean = float(np.mean([verdict.synthetic_probability for verdict in verdicts]))
    verdict = said.pop() if alike else INCONCLUSIVE
    reason += "; no fusion was learned for them (ganprint fuse), so the probability is their mean."
    return {
        "verdict": verdict,
        "source": verdicts[0].source if alike else None,
        # That none can say anything is not that all say the same.
        "reason": NO_RULE if all(verdict.reason == NO_RULE for verdict in verdicts) else reason,
        "synthetic_probability": round(mean, 6),
        "likeliest": verdicts[0].likeliest if len({each.likeliest for each in verdicts}) == 1 else None,
    }
