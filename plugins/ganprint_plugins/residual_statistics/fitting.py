"""All models of one fit: what they are fitted to, the signs of post-processing, regressions and small networks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ganprint_plugins.residual_statistics.linear import (
    fit_softmax,
    preconditioner,
    principal_directions,
    row_weights,
    second_moments,
)
from ganprint_plugins.residual_statistics.networks import fit_network
from ganprint_plugins.residual_statistics.spec import ResidualStatisticsConfig

if TYPE_CHECKING:
    from ganprint_plugins.residual_statistics.collect import Rows

SIGNS_PENALTY = 0.01
"""L2 penalty of the regressions that tell how clearly a crop shows JPEG, and any post-processing."""
FEATURES_PENALTY = 0.01
"""L2 penalty of regressions on features of the frozen network."""
Regression = Callable[..., tuple[Tensor, Tensor]]
"""`fit_softmax` that knows how to be quick on some values."""


@dataclass(frozen=True)
class Targets:
    """What models are fitted to, of N crops.

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
    source_count: int
    kind_count: int

    @classmethod
    def of(cls, rows: "Rows", kept: np.ndarray, family_of_source: Tensor, balance: float) -> "Targets":
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
            source_count=len(family_of_source),
            kind_count=int(family_of_source.max()) + 1,
        )


def fit_models(
    inputs: Mapping[str, Tensor], targets: Targets, config: ResidualStatisticsConfig, *, seed: int
) -> dict[str, Tensor]:
    """Return the tensors of all models, called as ResidualStatistics has them, fitted to standardised values (N, F).

    `inputs` are `statistics`, which tell signs of post-processing, and perhaps `features`.
    """
    penalties = {"statistics": config.penalty, "features": FEATURES_PENALTY}
    moments = {name: second_moments(values, targets.weights) for name, values in inputs.items()}
    regressions = {name: _quick(inputs[name], moments[name], penalties[name], config.steps) for name in inputs}
    fitted = _fit_signs(inputs["statistics"], targets, regressions["statistics"])
    gate = (inputs["statistics"] @ fitted["signs.weights"][0] + fitted["signs.biases"][0]).sigmoid() - 0.5
    # Weight decay and dropout are to hold back what varies little. The statistics are so strongly correlated that
    # networks carry over better on their principal components; on features they carry over less well.
    components = {}
    if config.networks:
        components["statistics"] = principal_directions(inputs["statistics"], moments["statistics"], config.components)
    for name, values in inputs.items():
        regression = partial(regressions[name], penalty=penalties[name])
        robust = [
            _doubled(regression(values, labels, targets.weights, count, gate=gate))
            for labels, count in ((targets.kinds, targets.kind_count), (targets.labels, targets.source_count))
        ]
        found = values[targets.found]
        of_found = (targets.kinds[targets.found], targets.weights_as_found, targets.kind_count)
        networks = _fit_networks(found, of_found, components.get(name), config, seed)
        fitted |= _tensors(name, [*robust, regression(found, *of_found)], networks)
    return fitted


def _quick(values: Tensor, moments: Tensor | None, penalty: float, steps: int) -> Regression:
    # A fit to few rows takes less time than a preconditioner.
    inverse = torch.eye(values.shape[1]) if moments is None else preconditioner(moments, penalty)
    return partial(fit_softmax, steps=steps, inverse=inverse)


def _fit_signs(statistics: Tensor, targets: Targets, regression: Regression) -> dict[str, Tensor]:
    """Fit how clearly crops (N, F) show JPEG, and how clearly post-processing.

    Crops that do and crops that do not weigh the same; those of which it is not known are left out. Where there are not
    both, all are between.
    """
    slopes, biases = [], []
    for shown in (targets.compressed, (~targets.found).long()):
        known = torch.nonzero(shown >= 0).flatten()
        labels, weights = shown[known], targets.even_weights[known]
        shares = torch.zeros(2).index_add(0, labels, weights)
        slope, bias = torch.zeros(2, statistics.shape[1]), torch.zeros(2)
        if shares.all():
            weights = weights / shares[labels]
            slope, bias = regression(statistics[known], labels, weights / weights.mean(), 2, penalty=SIGNS_PENALTY)
        slopes.append(slope[1:] - slope[:1])
        biases.append(bias[1:] - bias[:1])
    return {"signs.weights": torch.cat(slopes), "signs.biases": torch.cat(biases)}


def _fit_networks(
    found: Tensor,
    of_found: tuple[Tensor, Tensor, int],
    components: Tensor | None,
    config: ResidualStatisticsConfig,
    seed: int,
) -> list[tuple[Tensor, ...]]:
    """Return networks as `fit_network` gives them, of values (N, F) or their principal components (F, D)."""
    inputs = found if components is None else found @ components
    networks = []
    for number in range(config.networks):
        slope, *rest = fit_network(inputs, *of_found, hidden=config.hidden, epochs=config.epochs, seed=seed + number)
        networks.append((slope if components is None else slope @ components.T, *rest))
    return networks


def _doubled(fitted: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return slopes for `gated` with as many biases: what the gate adds has none."""
    slope, bias = fitted
    return slope, torch.cat([bias, torch.zeros_like(bias)])


def _tensors(
    name: str, regressions: Sequence[tuple[Tensor, Tensor]], networks: Sequence[tuple[Tensor, ...]]
) -> dict[str, Tensor]:
    """Return the tensors of the models of one input."""
    slopes, biases = zip(*regressions, *(each[:2] for each in networks), strict=True)
    found = {f"{name}.weights": torch.cat(slopes), f"{name}.biases": torch.cat(biases)}
    if networks:
        outputs = [torch.stack(each) for each in zip(*(each[2:] for each in networks), strict=True)]
        found |= {f"{name}.output.weights": outputs[0], f"{name}.output.biases": outputs[1]}
    return found


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
