"""The plug-in: statistics of crops under several draws of post-processing, and small models on them."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import gelu, linear

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
from ganprint_plugins.residual_statistics.features import columns, describe, names
from ganprint_plugins.residual_statistics.frozen import FEATURES
from ganprint_plugins.residual_statistics.linear import (
    Scaling,
    fit_softmax,
    gated,
    preconditioner,
    principal_directions,
    row_weights,
    second_moments,
)
from ganprint_plugins.residual_statistics.networks import fit_network
from ganprint_plugins.residual_statistics.reasons import KINDS, kind_matrix
from ganprint_plugins.residual_statistics.settings import ResidualStatisticsConfig

if TYPE_CHECKING:
    from ganprint_plugins.residual_statistics.collect import Rows

GATE_PENALTY = 0.01
"""L2 penalty of the regression that tells how clearly a crop shows JPEG."""
FROZEN_PENALTY = 0.01
"""L2 penalty of the regression on features of the frozen network."""
AS_FOUND = ("as found", "features as found")
"""Parts of the first linear map that saw no post-processed crops."""
PATH = 16
"""Points of the path along which gradients are integrated."""
BARS = 12
"""Kinds of statistics that an explanation shows."""


class ResidualStatistics(Attributor):
    """Real, family and source by several small models on standardised statistics of residuals.

    Three kinds tell real images and the families of generators apart: a softmax regression on these classes, one on
    real and all sources, and networks of one hidden layer. What they say is averaged as log-probabilities (a
    logarithmic opinion pool) and sharpened. A source's probability is its family's times its share in the family by the
    second regression. JPEG hides some traces and is itself no trace of a camera, so the regressions weigh the
    statistics otherwise the more clearly a crop shows JPEG. With `frozen`, a regression and `frozen_networks` small
    networks on features of a network that was trained on ImageNet have votes as strong as all others together.

    What holds after post-processing also is less than what a crop shows as its file has it. So with `as_found`
    regressions that saw no post-processed crops have a share, the larger the less a crop looks post-processed.

    All begin with a linear map. Of the statistics one matrix holds it: the rows of `linear.weights` are, in turn, how
    clearly a crop shows JPEG, the two regressions as `gated` takes them, the hidden units of all networks, and with
    `as_found` how clearly a crop was post-processed and the regression that saw none such. Of the frozen network's
    features, which follow the statistics, it is `frozen.weights`: the regression, hidden units, and that of `as_found`.
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
        self.kinds = len(order) + 1
        count, networks, hidden = len(names()), self.config.networks, self.config.hidden
        own = {"JPEG": 1, "kinds": 2 * self.kinds, "sources": 2 * len(self.sources), "units": networks * hidden}
        of_features = {"features": 2 * self.kinds, "units of features": self.config.frozen_networks * hidden}
        if self.config.as_found:
            own |= {"drawn": 1, "as found": self.kinds}
            of_features |= {"features as found": self.kinds}
        self.tensors = {
            "mean": torch.zeros(columns(self.config.frozen)),
            "deviation": torch.ones(columns(self.config.frozen)),
            "linear.weights": torch.zeros(sum(own.values()), count),
            "linear.biases": torch.zeros(sum(own.values())),
            "output.weights": torch.zeros(networks, self.kinds, hidden),
            "output.biases": torch.zeros(networks, self.kinds),
        }
        if self.config.frozen:
            self.tensors |= {
                "frozen.weights": torch.zeros(sum(of_features.values()), FEATURES),
                "frozen.biases": torch.zeros(sum(of_features.values())),
                "frozen.output.weights": torch.zeros(self.config.frozen_networks, self.kinds, hidden),
                "frozen.output.biases": torch.zeros(self.config.frozen_networks, self.kinds),
            }
        self.sizes = own | of_features if self.config.frozen else own

    def fit(self, train: LabelledImages, val: LabelledImages, run: Run) -> Mapping[str, Any]:
        """Fit to the crops of both splits, and to all groups but those of each fold in turn."""
        from ganprint_plugins.residual_statistics.collect import collect

        began = time.monotonic()
        rows = collect([train, val], self.config, run)
        folds = split_groups(rows, self.config.folds, run.seed)
        held_out, losses = [], []
        collected = time.monotonic()
        for number in range(self.config.folds + 1):
            out = set(folds[number]) if number < self.config.folds else set()
            kept = ~np.isin(rows.groups, list(out))
            self.fit_rows(rows, kept, seed=run.seed)
            if out:
                losses.append(self._loss(rows, ~kept & (rows.draws == 0)))
                names_out = frozenset(str(group) for group in out)
                held_out.append(HeldOut(names_out, {name: each.clone() for name, each in self.state().items()}))
            stage = f"fold without {len(out)} groups" if out else "all groups"
            done, fits = number + 1, self.config.folds + 1
            remaining = (time.monotonic() - collected) / done * (fits - done)
            run.report(Progress(done, fits, 1, 1, 0.0, remaining, stage=stage))
        self.held_out = tuple(held_out)
        return {
            "seconds": time.monotonic() - began,
            "losses": {"log loss of crops of groups left out": [round(loss, 4) for loss in losses]},
            "details": {"crops": len(rows.groups), "groups": len(set(rows.groups.tolist()))},
        }

    def fit_rows(self, rows: "Rows", kept: np.ndarray, *, seed: int = 0) -> None:
        """Fit all models to the rows that are `kept`, bool (N,)."""
        config = self.config
        chosen = torch.from_numpy(np.flatnonzero(kept))
        described = rows.statistics[chosen, : columns(self.config.frozen)]
        scaling = Scaling.of(described)
        scaled, features = scaling.apply(described).tensor_split([len(names())], 1)
        labels = torch.from_numpy(rows.labels[kept])
        weights = row_weights(rows.groups[kept], rows.labels[kept], rows.weights[kept], config.balance)
        moments = second_moments(scaled, weights)
        # A fit to few rows takes less time than a preconditioner.
        inverse = torch.eye(scaled.shape[1]) if moments is None else preconditioner(moments, config.penalty)
        regression = partial(fit_softmax, steps=config.steps, inverse=inverse)
        jpeg = _fit_gate(scaled, torch.from_numpy(rows.compressed[kept]), regression)
        gate = (scaled @ jpeg[0][0] + jpeg[1]).sigmoid() - 0.5
        kinds = self.family_of_source[labels]
        regressions = [
            _doubled(regression(scaled, each, weights, count, penalty=config.penalty, gate=gate))
            for each, count in ((kinds, self.kinds), (labels, len(self.sources)))
        ]
        more = []
        if config.as_found:
            plain = kept & (rows.draws == 0)
            found = torch.from_numpy(plain[kept])
            of_plain = row_weights(rows.groups[plain], rows.labels[plain], rows.weights[plain], config.balance)
            of_found = (kinds[found], of_plain, self.kinds)
            equal = row_weights(rows.groups[kept], rows.labels[kept], np.ones(len(labels)), config.balance)
            more = [
                _fit_drawn(scaled, ~found, equal, regression),
                regression(scaled[found], *of_found, penalty=config.penalty),
            ]
        # Weight decay and dropout are to hold back what varies little: on the statistics themselves, which are strongly
        # correlated, the networks carried over less well.
        fit = partial(
            fit_network,
            labels=kinds,
            weights=weights,
            classes=self.kinds,
            hidden=config.hidden,
            epochs=config.epochs,
        )
        networks = []
        if config.networks:
            directions = principal_directions(scaled, moments, config.components)
            turned = scaled @ directions
            for number in range(config.networks):
                slope, *rest = fit(turned, seed=seed + number)
                networks.append((slope @ directions.T, *rest))
        self.tensors |= {"mean": scaling.mean, "deviation": scaling.deviation}
        self._take("linear", "output", [jpeg, *regressions], networks, more)
        if config.frozen:
            moments = second_moments(features, weights)
            inverse = torch.eye(features.shape[1]) if moments is None else preconditioner(moments, FROZEN_PENALTY)
            regression = partial(fit_softmax, steps=config.steps, inverse=inverse, penalty=FROZEN_PENALTY)
            by_features = _doubled(regression(features, kinds, weights, self.kinds, gate=gate))
            networks = [fit(features, seed=seed + number) for number in range(config.frozen_networks)]
            more = [regression(features[found], *of_found)] if config.as_found else []
            self._take("frozen", "frozen.output", [by_features], networks, more)

    def _take(
        self,
        first: str,
        second: str,
        regressions: Sequence[tuple[Tensor, Tensor]],
        networks: Sequence[tuple[Tensor, ...]],
        more: Sequence[tuple[Tensor, Tensor]],
    ) -> None:
        """Keep regressions, networks as `fit_network` gives them, and `more` regressions, as tensors of two names."""
        slopes, biases = zip(*regressions, *(each[:2] for each in networks), *more, strict=True)
        self.tensors |= {f"{first}.weights": torch.cat(slopes), f"{first}.biases": torch.cat(biases)}
        if networks:
            slopes, biases = zip(*(each[2:] for each in networks), strict=True)
            self.tensors |= {
                f"{second}.weights": torch.stack(slopes),
                f"{second}.biases": torch.stack(biases),
            }

    def answer_rows(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probabilities of the sources (N, K), and embeddings (N, D), for what `describe` gives (N, F).

        Without `frozen`, columns after the statistics are not looked at.
        """
        some = values[:, : columns(self.config.frozen)]
        first = self._first(Scaling(*self._scaling()).apply(some))
        return self._logits(first)[0], self._embedding(first)

    def _loss(self, rows: "Rows", kept: np.ndarray) -> float:
        chosen = torch.from_numpy(np.flatnonzero(kept))
        logits, _ = self.answer_rows(rows.statistics[chosen])
        labels = torch.from_numpy(rows.labels[kept])
        return float(torch.nn.functional.cross_entropy(logits, labels))

    def _scaling(self) -> tuple[Tensor, Tensor]:
        return self.tensors["mean"], self.tensors["deviation"]

    def _first(self, scaled: Tensor) -> Tensor:
        own, features = scaled.tensor_split([len(names())], 1)
        found = linear(own, self.tensors["linear.weights"], self.tensors["linear.biases"])
        if not self.config.frozen:
            return found
        by_frozen = linear(features, self.tensors["frozen.weights"], self.tensors["frozen.biases"])
        return torch.cat([found, by_frozen], 1)

    def _logits(self, first: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probabilities of the sources (B, K), and of real and the families (B, C).

        `first` (B, P) is what the first linear map gives.
        """
        parts = dict(zip(self.sizes, torch.split(first, list(self.sizes.values()), dim=1), strict=True))
        gate = parts["JPEG"].sigmoid() - 0.5
        sources = gated(parts["sources"], gate).log_softmax(1)
        family = self.family_of_source.to(first.device)
        summed = torch.stack([sources[:, family == kind].logsumexp(1) for kind in range(self.kinds)], 1)
        of_kinds = gated(parts["kinds"], gate).log_softmax(1)
        votes = [of_kinds[None], summed[None], self._outputs("output", parts["units"])]
        pooled = torch.cat(votes).mean(0)
        if self.config.frozen:
            votes = [
                gated(parts["features"], gate).log_softmax(1)[None],
                self._outputs("frozen.output", parts["units of features"]),
            ]
            pooled = pooled + torch.cat(votes).mean(0)
        if self.config.as_found:
            found = [parts[name].log_softmax(1) for name in AS_FOUND if name in parts]
            share = self.config.as_found * (-parts["drawn"]).sigmoid()
            pooled = torch.lerp(pooled, torch.stack(found).sum(0), share)
        kinds = (self.config.sharpness * pooled).log_softmax(1)
        return (kinds - summed)[:, family] + sources, kinds

    def _outputs(self, name: str, units: Tensor) -> Tensor:
        """Return log-probabilities (networks, B, C) of the networks whose hidden layers are `units` (B, P)."""
        weights, biases = self.tensors[f"{name}.weights"], self.tensors[f"{name}.biases"]
        hidden = gelu(units).view(len(units), len(weights), self.config.hidden)
        return (torch.einsum("bnh,nch->nbc", hidden, weights) + biases[:, None]).log_softmax(2)

    def predict(self, images: Tensor) -> Prediction:
        """Answer for uint8 RGB images (B, 3, 128, 128); attribution is log-probabilities, the embedding logits."""
        self.check_images(images)
        with torch.no_grad():
            described = describe(images.to(self.device), frozen=self.config.frozen)
            scaled = Scaling(*self._scaling()).apply(described)
            first = self._first(scaled)
            logits, _ = self._logits(first)
            reasons = Reasons(KINDS, self._reasons(scaled, first))
        return Prediction(logits, embedding=self._embedding(first), reasons=reasons)

    def _embedding(self, first: Tensor) -> Tensor:
        """Return what the regressions give, (B, D); a network's hidden units depend on its seed."""
        return first[:, 1 : 1 + self.sizes["kinds"] + self.sizes["sources"]]

    def _reasons(self, scaled: Tensor, first: Tensor) -> Tensor:
        """Return what each kind of statistics adds to the log-odds of synthetic, (B, len(KINDS)).

        Integrated gradients (Sundararajan et al., ICML 2017, equation 1) from a crop whose statistics are all at their
        mean: the kinds add up to the log-odds less that crop's. All non-linearity follows the first linear map, so the
        path is followed in what that gives.
        """
        steps = (torch.arange(PATH, device=scaled.device) + 0.5) / PATH
        start = self._first(torch.zeros_like(scaled[:1]))
        with torch.enable_grad():
            path = (start + steps[:, None, None] * (first - start)).requires_grad_()
            real, synthetic = _odds(self._logits(path.flatten(0, 1))[1]).unbind(1)
            (slopes,) = torch.autograd.grad((synthetic - real).sum(), path)
        of_own, of_features = slopes.mean(0).tensor_split([len(self.tensors["linear.biases"])], 1)
        slopes_of = [of_own @ self.tensors["linear.weights"]]
        if self.config.frozen:
            slopes_of.append(of_features @ self.tensors["frozen.weights"])
        return (scaled * torch.cat(slopes_of, 1)) @ kind_matrix()[: scaled.shape[1]].to(scaled)

    def state(self) -> dict[str, Tensor]:
        """Return the scaling, and weights and biases of all models."""
        return dict(self.tensors)

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Take what `state` gave; raise WeightsError where names or shapes do not fit."""
        expected = {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if shapes != expected:
            count = columns(self.config.frozen)
            raise WeightsError(
                f"The tensors {shapes} are not those of {len(self.sources)} sources and {count} statistics.",
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


def _fit_drawn(
    scaled: Tensor, drawn: Tensor, weights: Tensor, regression: Callable[..., tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """Fit how clearly crops show post-processing, (1, F) and (1,), where bool `drawn` (N,) says whether they met any.

    Both kinds weigh the same. Where there is but one, all are between.
    """
    shares = torch.stack([(~drawn * weights).sum(), (drawn * weights).sum()])
    if not shares.all():
        return torch.zeros(1, scaled.shape[1]), torch.zeros(1)
    weights = weights / shares[drawn.long()]
    slope, bias = regression(scaled, drawn.long(), weights / weights.mean(), 2, penalty=GATE_PENALTY)
    return slope[1:] - slope[:1], bias[1:] - bias[:1]


def _fit_gate(
    scaled: Tensor, compressed: Tensor, regression: Callable[..., tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """Fit how clearly crops show JPEG, (1, F) and (1,); where it is known of none, or none without, all are between."""
    known = torch.nonzero(compressed >= 0).flatten()
    labels = compressed[known].long()
    if not 0 < int(labels.sum()) < len(labels):
        return torch.zeros(1, scaled.shape[1]), torch.zeros(1)
    slope, bias = regression(scaled[known], labels, torch.ones(len(known)), 2, penalty=GATE_PENALTY)
    return slope[1:] - slope[:1], bias[1:] - bias[:1]


def _doubled(fitted: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return slopes for `gated` with as many biases: what the gate adds has none."""
    slope, bias = fitted
    return slope, torch.cat([bias, torch.zeros_like(bias)])


def _odds(kinds: Tensor) -> Tensor:
    """Return log-probabilities of real and synthetic (B, 2) for those of real and the families (B, C)."""
    return torch.stack([kinds[:, 0], kinds[:, 1:].logsumexp(1)], 1)


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
