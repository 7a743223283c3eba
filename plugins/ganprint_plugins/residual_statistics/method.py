"""The plug-in: statistics of crops under several draws of post-processing, and small models on them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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

SIGNS_PENALTY = 0.01
"""L2 penalty of the regressions that tell how clearly a crop shows JPEG, and any post-processing."""
FEATURES_PENALTY = 0.01
"""L2 penalty of regressions on features of the frozen network."""
SIGNS = 2
"""Rows of the linear map that tell how clearly a crop shows JPEG, and any post-processing."""
AS_FOUND = 0.5
"""Share of the models that see crops as found where a crop shows no post-processing at all."""
PATH = 16
"""Points of the path along which gradients are integrated."""
BARS = 12
"""Kinds of statistics that an explanation shows."""


class ResidualStatistics(Attributor):
    """Real, family and source by several small models on standardised statistics of residuals.

    Two softmax regressions hold under post-processing: one on real images and the families of generators, one on real
    and all sources. JPEG hides some traces and is itself no trace of a camera, so they weigh the statistics otherwise
    the more clearly a crop shows JPEG. What holds under post-processing is less than what a crop shows as its file has
    it. So one more regression on families, and `networks` of one hidden layer, see crops as found only; the less a crop
    looks post-processed, the more they say. With `frozen` as many models see features of a network that was trained on
    ImageNet. Models that see the same are averaged as log-probabilities (a logarithmic opinion pool); the averages are
    added and sharpened. A source's probability is its family's times its share in the family by the regressions on
    sources.

    All begin with a linear map. The rows of `signs.weights` are how clearly a crop shows JPEG, and how clearly it was
    post-processed; those of `statistics.weights`, and of `features.weights`, are the first two regressions as `gated`
    takes them, the third, and the hidden units of all networks.
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
        self.inputs = {"statistics": len(names())} | ({"features": FEATURES} if self.config.frozen else {})
        networks, hidden = self.config.networks, self.config.hidden
        self.rows = {
            "kinds": 2 * self.kinds,
            "sources": 2 * len(self.sources),
            "as found": self.kinds,
            "units": networks * hidden,
        }
        self.tensors = {
            "mean": torch.zeros(columns(self.config.frozen)),
            "deviation": torch.ones(columns(self.config.frozen)),
            "signs.weights": torch.zeros(SIGNS, len(names())),
            "signs.biases": torch.zeros(SIGNS),
        }
        for name, count in self.inputs.items():
            self.tensors |= {
                f"{name}.weights": torch.zeros(sum(self.rows.values()), count),
                f"{name}.biases": torch.zeros(sum(self.rows.values())),
                f"{name}.output.weights": torch.zeros(networks, self.kinds, hidden),
                f"{name}.output.biases": torch.zeros(networks, self.kinds),
            }

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
        described = rows.statistics[torch.from_numpy(np.flatnonzero(kept)), : columns(self.config.frozen)]
        scaling = Scaling.of(described)
        self.tensors |= {"mean": scaling.mean, "deviation": scaling.deviation}
        inputs = torch.split(scaling.apply(described), list(self.inputs.values()), dim=1)
        crops = Crops.of(rows, kept, self.family_of_source, self.config.balance)
        gate = torch.zeros(len(crops.labels))
        for name, values in zip(self.inputs, inputs, strict=True):
            own = name == "statistics"
            penalty = self.config.penalty if own else FEATURES_PENALTY
            moments = second_moments(values, crops.weights)
            # A fit to few rows takes less time than a preconditioner.
            inverse = torch.eye(values.shape[1]) if moments is None else preconditioner(moments, penalty)
            regression = partial(fit_softmax, steps=self.config.steps, inverse=inverse)
            if own:
                signs = (crops.compressed, (~crops.found).long())
                slopes, biases = zip(
                    *(_fit_sign(values, shown, crops.even_weights, regression) for shown in signs), strict=True
                )
                self.tensors |= {"signs.weights": torch.cat(slopes), "signs.biases": torch.cat(biases)}
                gate = (values @ slopes[0][0] + biases[0]).sigmoid() - 0.5
            regressions = [
                _doubled(regression(values, each, crops.weights, count, penalty=penalty, gate=gate))
                for each, count in ((crops.kinds, self.kinds), (crops.labels, len(self.sources)))
            ]
            found = values[crops.found]
            of_found = (crops.kinds[crops.found], crops.weights_as_found, self.kinds)
            regressions.append(regression(found, *of_found, penalty=penalty))
            # Weight decay and dropout are to hold back what varies little. The statistics are so strongly correlated
            # that networks carry over better on their principal components; on features they carry over less well.
            components = principal_directions(values, moments, self.config.components) if own else None
            self._take(name, regressions, self._networks(found, of_found, components, seed))

    def _networks(
        self, found: Tensor, of_found: tuple[Tensor, Tensor, int], components: Tensor | None, seed: int
    ) -> list[tuple[Tensor, ...]]:
        """Return networks as `fit_network` gives them, of values (N, F) or their principal components (F, D)."""
        inputs = found if components is None else found @ components
        fitted = []
        for number in range(self.config.networks):
            slope, *rest = fit_network(
                inputs, *of_found, hidden=self.config.hidden, epochs=self.config.epochs, seed=seed + number
            )
            fitted.append((slope if components is None else slope @ components.T, *rest))
        return fitted

    def _take(
        self, name: str, regressions: Sequence[tuple[Tensor, Tensor]], networks: Sequence[tuple[Tensor, ...]]
    ) -> None:
        """Keep the models of one input."""
        slopes, biases = zip(*regressions, *(each[:2] for each in networks), strict=True)
        self.tensors |= {f"{name}.weights": torch.cat(slopes), f"{name}.biases": torch.cat(biases)}
        if networks:
            outputs = [torch.stack(each) for each in zip(*(each[2:] for each in networks), strict=True)]
            self.tensors |= {f"{name}.output.weights": outputs[0], f"{name}.output.biases": outputs[1]}

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
        """Return what the first linear maps give, (N, P), for standardised values (N, F)."""
        inputs = torch.split(scaled, list(self.inputs.values()), dim=1)
        maps = [("signs", inputs[0]), *zip(self.inputs, inputs, strict=True)]
        return torch.cat([linear(x, self.tensors[f"{n}.weights"], self.tensors[f"{n}.biases"]) for n, x in maps], 1)

    def _parts(self, first: Tensor) -> tuple[Tensor, ...]:
        """Return the columns of the signs, and of each input, of what the first linear maps give."""
        return torch.split(first, [SIGNS, *[sum(self.rows.values())] * len(self.inputs)], dim=1)

    def _logits(self, first: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probabilities of the sources (B, K), and of real and the families (B, C).

        `first` (B, P) is what the first linear maps give.
        """
        signs, *parts = self._parts(first)
        gate, share = signs[:, :1].sigmoid() - 0.5, AS_FOUND * (-signs[:, 1:]).sigmoid()
        pooled, of_sources = [], []
        for name, part in zip(self.inputs, parts, strict=True):
            kinds, sources, as_found, units = torch.split(part, list(self.rows.values()), dim=1)
            of_sources.append(gated(sources, gate).log_softmax(1))
            robust = torch.stack([gated(kinds, gate).log_softmax(1), self._summed(of_sources[-1])])
            found = torch.cat([as_found.log_softmax(1)[None], self._outputs(name, units)])
            pooled.append(torch.lerp(robust.mean(0), found.mean(0), share))
        kinds = (self.config.sharpness * torch.stack(pooled).sum(0)).log_softmax(1)
        sources = torch.stack(of_sources).mean(0).log_softmax(1)
        return (kinds - self._summed(sources))[:, self.family_of_source.to(first.device)] + sources, kinds

    def _summed(self, sources: Tensor) -> Tensor:
        """Return log-probabilities of real and the families (B, C) for those of the sources (B, K)."""
        family = self.family_of_source.to(sources.device)
        return torch.stack([sources[:, family == kind].logsumexp(1) for kind in range(self.kinds)], 1)

    def _outputs(self, name: str, units: Tensor) -> Tensor:
        """Return log-probabilities (networks, B, C) of the networks whose hidden layers are `units` (B, P)."""
        weights, biases = self.tensors[f"{name}.output.weights"], self.tensors[f"{name}.output.biases"]
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
        """Return what the first two regressions on statistics give, (B, D)."""
        return first[:, SIGNS : SIGNS + self.rows["kinds"] + self.rows["sources"]]

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
        signs, *parts = self._parts(slopes.mean(0))
        of_inputs = [part @ self.tensors[f"{n}.weights"] for n, part in zip(self.inputs, parts, strict=True)]
        of_inputs[0] = of_inputs[0] + signs @ self.tensors["signs.weights"]
        return (scaled * torch.cat(of_inputs, 1)) @ kind_matrix()[: scaled.shape[1]].to(scaled)

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


@dataclass(frozen=True)
class Crops:
    """What models are fitted to beside values of N crops.

    int64 (N,): the source, `labels`, its family, `kinds`, and `compressed` as `Rows` has it. Bool (N,): `found`,
    whether a crop is as its file has it. float32 (N,), of mean 1: `weights`, and `even_weights`, for which the draws
    weigh the same. The `weights_as_found` (M,) are those of the M crops as found.
    """

    labels: Tensor
    kinds: Tensor
    compressed: Tensor
    found: Tensor
    weights: Tensor
    even_weights: Tensor
    weights_as_found: Tensor

    @classmethod
    def of(cls, rows: "Rows", kept: np.ndarray, family_of_source: Tensor, balance: float) -> "Crops":
        """Describe the rows that are `kept`, bool (N,), where a source's family is known by its number."""
        labels = torch.from_numpy(rows.labels[kept])

        def weigh(some: np.ndarray, own: np.ndarray) -> Tensor:
            return row_weights(rows.groups[some], rows.labels[some], own[some], balance)

        return cls(
            labels=labels,
            kinds=family_of_source[labels],
            compressed=torch.from_numpy(rows.compressed[kept]).long(),
            found=torch.from_numpy(rows.draws[kept] == 0),
            weights=weigh(kept, rows.weights),
            even_weights=weigh(kept, np.ones(len(kept))),
            weights_as_found=weigh(kept & (rows.draws == 0), rows.weights),
        )


def _fit_sign(
    scaled: Tensor, shown: Tensor, weights: Tensor, regression: Callable[..., tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """Fit how clearly crops show something, (1, F) and (1,), where `shown` int64 (N,) is 1 or 0, or -1 where not known.

    Those that do and those that do not weigh the same. Where there are not both, all are between.
    """
    known = torch.nonzero(shown >= 0).flatten()
    labels, weights = shown[known], weights[known]
    shares = torch.zeros(2).index_add(0, labels, weights)
    if not shares.all():
        return torch.zeros(1, scaled.shape[1]), torch.zeros(1)
    weights = weights / shares[labels]
    slope, bias = regression(scaled[known], labels, weights / weights.mean(), 2, penalty=SIGNS_PENALTY)
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
