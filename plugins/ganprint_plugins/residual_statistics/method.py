"""The plug-in: statistics of crops under several draws of post-processing, and two linear models on them."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ganprint.plugin_api import (
    Attributor,
    AttributorConfig,
    AttributorSpec,
    HeldOut,
    LabelledImages,
    Panel,
    Prediction,
    Progress,
    Reasons,
    Run,
    WeightsError,
    family_of,
)
from ganprint_plugins.residual_statistics.features import names, statistics
from ganprint_plugins.residual_statistics.linear import (
    Scaling,
    fit_softmax,
    gated_logits,
    preconditioner,
    row_weights,
)
from ganprint_plugins.residual_statistics.reasons import KINDS, kind_matrix
from ganprint_plugins.residual_statistics.settings import ResidualStatisticsConfig

if TYPE_CHECKING:
    from ganprint_plugins.residual_statistics.collect import Rows

GATE_PENALTY = 0.01
"""L2 penalty of the regression that tells how clearly a crop shows JPEG."""
BARS = 12
"""Kinds of statistics that an explanation shows."""


class ResidualStatistics(Attributor):
    """Real, family and source by two softmax regressions on standardised statistics of residuals.

    The first tells real images and the families of generators apart, the second the sources among generated images;
    a source's probability is its family's times its share in the family. JPEG hides some traces and is itself no trace
    of a camera, so the first weighs the statistics otherwise the more clearly a crop shows JPEG.
    """

    spec = AttributorSpec(
        name="residual-statistics",
        title="Residual statistics",
        paper="ganprint; statistics after Pevny, Bas and Fridrich, TIFS 2010, and Fridrich and Kodovsky, TIFS 2012",
        year=2026,
        config=ResidualStatisticsConfig,
        configs=Path(__file__).parent.with_name("configs"),
        ours=True,
    )
    config: ResidualStatisticsConfig

    def __init__(self, config: AttributorConfig, sources: Sequence[str]) -> None:
        super().__init__(config, sources)
        self.device = torch.device("cpu")
        # A source whose family is not known is one of its own.
        families = [family_of(source) or source for source in self.sources[1:]]
        order = tuple(dict.fromkeys(families))
        self.family_of_source = torch.tensor([0, *(1 + order.index(family) for family in families)])
        self.tensors = self._fresh(len(order) + 1)

    def _fresh(self, families: int) -> dict[str, Tensor]:
        count = len(names())
        return {
            "mean": torch.zeros(count),
            "deviation": torch.ones(count),
            "jpeg.weights": torch.zeros(count),
            "jpeg.bias": torch.zeros(()),
            "family.weights": torch.zeros(2 * families, count),
            "family.biases": torch.zeros(families),
            "source.weights": torch.zeros(len(self.sources), count),
            "source.biases": torch.zeros(len(self.sources)),
        }

    def fit(self, train: LabelledImages, val: LabelledImages, run: Run) -> Mapping[str, Any]:
        """Fit to the crops of both splits, and to all groups but those of each fold in turn."""
        from ganprint_plugins.residual_statistics.collect import collect

        began = time.monotonic()
        rows = collect([train, val], self.config, run)
        folds = split_groups(rows, self.config.folds, run.seed)
        held_out, losses = [], []
        for number in range(self.config.folds + 1):
            out = set(folds[number]) if number < self.config.folds else set()
            kept = ~np.isin(rows.groups, list(out))
            self.fit_rows(rows, kept)
            if out:
                losses.append(self._loss(rows, ~kept & (rows.draws == 0)))
                names_out = frozenset(str(group) for group in out)
                held_out.append(
                    HeldOut(names_out, {name: each.clone() for name, each in self.state().items()})
                )
            stage = f"fold without {len(out)} groups" if out else "all groups"
            done = number + 1
            run.report(Progress(done, self.config.folds + 1, 1, 1, 0.0, 0.0, stage=stage))
        self.held_out = tuple(held_out)
        return {
            "seconds": time.monotonic() - began,
            "losses": {"log loss of crops of groups left out": [round(loss, 4) for loss in losses]},
            "details": {"crops": len(rows.groups), "groups": len(set(rows.groups.tolist()))},
        }

    def fit_rows(self, rows: "Rows", kept: np.ndarray, *, sources: bool = True) -> None:
        """Fit both regressions to the rows that are `kept`, bool (N,); without `sources` that of real and families."""
        config = self.config
        chosen = torch.from_numpy(np.flatnonzero(kept))
        scaling = Scaling.of(rows.statistics[chosen])
        scaled = scaling.apply(rows.statistics[chosen])
        labels = rows.labels[kept]
        weights = row_weights(rows.groups[kept], labels, rows.weights[kept], config.balance)
        inverse = preconditioner(scaled, weights, config.penalty)
        self.tensors |= {"mean": scaling.mean, "deviation": scaling.deviation}
        self._fit_gate(scaled, torch.from_numpy(rows.compressed[kept]), inverse)
        self.tensors["family.weights"], self.tensors["family.biases"] = fit_softmax(
            scaled,
            self.family_of_source[labels],
            weights,
            self.tensors["family.biases"].numel(),
            penalty=config.penalty,
            steps=config.steps,
            inverse=inverse,
            gate=self._gate(scaled),
        )
        if not sources:
            return
        generated = torch.from_numpy(labels > 0)
        self.tensors["source.weights"], self.tensors["source.biases"] = fit_softmax(
            scaled[generated],
            torch.from_numpy(labels)[generated],
            weights[generated],
            len(self.sources),
            penalty=config.source_penalty,
            steps=config.steps,
            inverse=inverse,
        )

    def _fit_gate(self, scaled: Tensor, compressed: Tensor, inverse: Tensor) -> None:
        """Fit how clearly crops show JPEG; where no crop is known to, or none known not to, all are in between."""
        known = torch.nonzero(compressed >= 0).flatten()
        labels = compressed[known].long()
        slope, bias = torch.zeros(2, scaled.shape[1]), torch.zeros(2)
        if 0 < int(labels.sum()) < len(labels):
            slope, bias = fit_softmax(
                scaled[known],
                labels,
                torch.ones(len(known)),
                2,
                penalty=GATE_PENALTY,
                steps=self.config.steps,
                inverse=inverse,
            )
        self.tensors |= {"jpeg.weights": slope[1] - slope[0], "jpeg.bias": bias[1] - bias[0]}

    def _gate(self, scaled: Tensor) -> Tensor:
        """Return how clearly crops (N, F) show JPEG, (N,) from -1/2 to 1/2."""
        return (scaled @ self.tensors["jpeg.weights"] + self.tensors["jpeg.bias"]).sigmoid() - 0.5

    def answer_rows(self, values: Tensor) -> Tensor:
        """Return log-probabilities of the sources (N, K) for statistics (N, F)."""
        return self._logits(Scaling(*self._scaling()).apply(values))[0]

    def _loss(self, rows: "Rows", kept: np.ndarray) -> float:
        chosen = torch.from_numpy(np.flatnonzero(kept))
        logits = self.answer_rows(rows.statistics[chosen])
        labels = torch.from_numpy(rows.labels[kept])
        return float(torch.nn.functional.cross_entropy(logits, labels))

    def _scaling(self) -> tuple[Tensor, Tensor]:
        return self.tensors["mean"], self.tensors["deviation"]

    def _logits(self, scaled: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probabilities of the sources (B, K), and the logits of real and the families (B, C)."""
        kinds = gated_logits(
            scaled, self.tensors["family.weights"], self.tensors["family.biases"], self._gate(scaled)
        )
        inner = scaled @ self.tensors["source.weights"].T + self.tensors["source.biases"]
        family = self.family_of_source.to(scaled.device)
        share = torch.empty_like(inner)
        for place in range(kinds.shape[1]):
            members = family == place
            share[:, members] = inner[:, members].log_softmax(1)
        return kinds.log_softmax(1)[:, family] + share, kinds

    def predict(self, images: Tensor) -> Prediction:
        """Answer for uint8 RGB images (B, 3, 128, 128); attribution is log-probabilities, the embedding logits."""
        self.check_images(images)
        with torch.inference_mode():
            scaled = Scaling(*self._scaling()).apply(statistics(images.to(self.device)))
            logits, kinds = self._logits(scaled)
            reasons = self._reasons(scaled, kinds)
            detection = torch.stack([kinds[:, 0], kinds[:, 1:].logsumexp(1)], 1)
        embedding = torch.cat([kinds, scaled @ self.tensors["source.weights"].T], 1)
        return Prediction(logits, detection=detection, embedding=embedding, reasons=Reasons(KINDS, reasons))

    def _reasons(self, scaled: Tensor, kinds: Tensor) -> Tensor:
        """Return what each kind of statistics adds to the log-odds of synthetic, (B, len(KINDS)).

        These are the log of a sum over families, of which each weighs what it has of that sum; what is left is less
        than the logarithm of the number of families.
        """
        share = kinds[:, 1:].softmax(1)
        plain, more = self.tensors["family.weights"].chunk(2)
        slope = share @ plain[1:] - plain[0]
        slope += self._gate(scaled)[:, None] * (share @ more[1:] - more[0])
        return (scaled * slope) @ kind_matrix().to(scaled)

    def state(self) -> dict[str, Tensor]:
        """Return the scaling, and weights and biases of both regressions."""
        return dict(self.tensors)

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Take what `state` gave; raise WeightsError where names or shapes do not fit."""
        expected = {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if shapes != expected:
            raise WeightsError(
                f"The tensors {shapes} are not those of {len(self.sources)} sources and {len(names())} statistics.",
                "The card's configuration and the tensors must come from the same training.",
            )
        self.tensors = {name: tensor.to(self.device) for name, tensor in tensors.items()}

    def to(self, device: str) -> "ResidualStatistics":
        """Move all tensors to a device."""
        self.device = torch.device(device)
        self.tensors = {name: tensor.to(self.device) for name, tensor in self.tensors.items()}
        return self

    def explain(self, image: Tensor) -> list[Panel]:
        """Return what the strongest kinds of statistics add to the log-odds of synthetic, as bars."""
        reasons = self.predict(image[None]).reasons
        assert reasons is not None
        values = reasons.values[0].cpu().numpy()
        order = np.argsort(-np.abs(values), kind="stable")[:BARS]
        labels = tuple(KINDS[place] for place in order)
        return [Panel("log-odds of synthetic by kind of statistics", values[order], labels=labels)]


def split_groups(rows: "Rows", count: int, seed: int) -> list[list[str]]:
    """Return the groups of each fold, every source's spread over all folds."""
    random = np.random.default_rng(seed)
    folds: list[list[str]] = [[] for _ in range(count)]
    taken: set[str] = set()
    for label in np.unique(rows.labels):
        groups = [g for g in sorted(set(rows.groups[rows.labels == label].tolist())) if g not in taken]
        taken |= set(groups)
        random.shuffle(groups)
        start = int(random.integers(count))
        for number, group in enumerate(groups):
            folds[(start + number) % count].append(group)
    return folds
