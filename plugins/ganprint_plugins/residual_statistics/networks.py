"""Small networks on standardised statistics: one hidden layer, fitted to mixtures of two crops of a class."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

BATCH = 512
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.02
DROPPED_INPUTS = 51
"""Of 256 inputs."""
DROPPED_UNITS = 0.5


def fit_network(
    inputs: Tensor, labels: Tensor, weights: Tensor, classes: int, *, hidden: int, epochs: int, seed: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return slopes (hidden, F) and biases (hidden,) of the hidden layer, then those of the output, of rows (N, F).

    Rows are drawn as often as their `weights` (N,) say, and each is mixed with another of its class, which often is of
    another group: RepMix's idea on statistics (Bui et al., ECCV 2022, equation 1). Cross-entropy, AdamW, cosine decay.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inner, outer = torch.nn.Linear(inputs.shape[1], hidden), torch.nn.Linear(hidden, classes)
        network = torch.nn.Sequential(inner, torch.nn.GELU(), torch.nn.Dropout(DROPPED_UNITS), outer)
        optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        steps = max(1, epochs * len(inputs) // BATCH)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        random = np.random.default_rng(seed)
        first, second = draw_pairs(labels.numpy(), weights.double().numpy(), steps * BATCH, random)
        shares = torch.from_numpy(random.random((len(first), 1), dtype=np.float32))
        for start in range(0, len(first), BATCH):
            some = slice(start, start + BATCH)
            mixed = torch.lerp(inputs[second[some]], inputs[first[some]], shares[some])
            loss = cross_entropy(network(_dropped(mixed, random)), labels[first[some]])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    network.requires_grad_(False)
    return inner.weight, inner.bias, outer.weight, outer.bias


def _dropped(inputs: Tensor, random: np.random.Generator) -> Tensor:
    """Return inputs with dropout; torch's takes five times as long on a CPU, as long as all the rest of a step."""
    drawn = np.frombuffer(random.bytes(inputs.numel()), np.uint8).reshape(inputs.shape)
    return inputs * torch.from_numpy(drawn >= DROPPED_INPUTS) * (256 / (256 - DROPPED_INPUTS))


def draw_pairs(
    labels: np.ndarray, weights: np.ndarray, count: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return indices (count,) of rows drawn by their weights (N,), and for each those of another row of its class."""
    first = random.choice(len(labels), count, p=weights / weights.sum())
    second = np.empty_like(first)
    for label in np.unique(labels[first]):
        members = np.flatnonzero(labels == label)
        places = np.flatnonzero(labels[first] == label)
        shares = weights[members] / weights[members].sum()
        second[places] = random.choice(members, len(places), p=shares)
    return first, second
