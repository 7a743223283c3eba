"""The plug-in: statistics of crops under several draws of post-processing, and small models on them."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, gelu, linear

from ganprint.plugin_api import (
    Attributor,
    AttributorConfig,
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
from ganprint_plugins.residual_statistics.features import columns, describe, names, precise_device
from ganprint_plugins.residual_statistics.fitting import Targets, fit_models, split_groups
from ganprint_plugins.residual_statistics.frozen import FEATURES
from ganprint_plugins.residual_statistics.linear import Scaling, gated
from ganprint_plugins.residual_statistics.reasons import KINDS, kind_matrix
from ganprint_plugins.residual_statistics.spec import SPEC, ResidualStatisticsConfig

if TYPE_CHECKING:
    from ganprint_plugins.residual_statistics.collect import Rows

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

    spec = SPEC
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
        held_out, losses = [], []
        collected, fits = time.monotonic(), self.config.folds + 1
        for done, out in enumerate([*split_groups(rows, self.config.folds, run.seed), []], start=1):
            kept = ~np.isin(rows.groups, out)
            self.fit_rows(rows, kept, seed=run.seed)
            if out:
                plain = ~kept & (rows.draws == 0)
                logits, _ = self.answer_rows(rows.statistics[torch.from_numpy(plain)])
                losses.append(float(cross_entropy(logits, torch.from_numpy(rows.labels[plain]))))
                held_out.append(HeldOut(frozenset(out), self.state()))
            stage = f"fold without {len(out)} groups" if out else "all groups"
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
        targets = Targets.of(rows, kept, self.family_of_source, self.config.balance)
        self.tensors |= fit_models(dict(zip(self.inputs, inputs, strict=True)), targets, self.config, seed=seed)

    def answer_rows(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probabilities of the sources (N, K), and embeddings (N, D), for what `describe` gives (N, F).

        Without `frozen`, columns after the statistics are not looked at.
        """
        first = self._first(self._scaled(values[:, : columns(self.config.frozen)]))
        return self._logits(first)[0], self._embedding(first)

    def _scaled(self, described: Tensor) -> Tensor:
        return Scaling(self.tensors["mean"], self.tensors["deviation"]).apply(described)

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
        # Its reasons are gradients, which a caller's inference mode would not give.
        with torch.inference_mode(False), torch.no_grad():
            scaled = self._scaled(describe(images.to(self.device), frozen=self.config.frozen))
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
            kinds = self._logits(path.flatten(0, 1))[1]
            (slopes,) = torch.autograd.grad((kinds[:, 1:].logsumexp(1) - kinds[:, 0]).sum(), path)
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
        """Move all tensors to a device, which MPS cannot be: they stay on the CPU."""
        self.device = precise_device(device)
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
