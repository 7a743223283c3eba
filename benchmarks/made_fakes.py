"""Whether photographs re-rendered through small decoders help as further generated images, on groups left out.

made_fakes.py DATA RUN [--steps 1500] [--least 26]: DATA is the manifest, RUN the folder of a training of it, whose
statistics are used again. Autoencoders whose decoders end as generators do (nearest, transposed convolution, transposed
convolution with StyleGAN's filter, sub-pixel convolution) are trained on the photographs of `train` and `val`; what
they make of them, where its PSNR is `--least` dB or more, is one more class of a family of its own. Prints PSNRs, and
one row as recipes.py for the model without and with them. Nothing here sees the split test.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from ganprint_plugins.residual_statistics.collect import Rows
from ganprint_plugins.residual_statistics.features import describe
from recipes import BASE, chosen, collected, cross_validate, measure
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, l1_loss, mse_loss, pad

from ganprint.plugin_api import SourceImages, find_crops

WIDTH = 32
DECODERS = (("transposed", 1, 10), ("nearest", 2, 32), ("filtered", 2, 32), ("sub-pixel", 2, 32))
"""The last block's way to double the size, halvings of the encoder, channels of the code."""
BATCH, SIDE = 8, 64


class Doubled(nn.Module):
    """Doubles the height and width of (B, C, H, W)."""

    def __init__(self, way: str, before: int, after: int) -> None:
        super().__init__()
        self.way = way
        if way == "transposed":
            self.layer: nn.Module = nn.ConvTranspose2d(before, after, 4, 2, 1)
        elif way == "filtered":
            self.layer = nn.ConvTranspose2d(before, after, 3, 2)
        elif way == "sub-pixel":
            self.layer = nn.Sequential(nn.Conv2d(before, 4 * after, 3, padding=1), nn.PixelShuffle(2))
        else:
            self.layer = nn.Conv2d(before, after, 3, padding=1)
        line = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.register_buffer("filter", torch.outer(line, line)[None, None].expand(after, 1, 4, 4) / 64)

    def forward(self, values: Tensor) -> Tensor:
        """Return (B, C', 2H, 2W)."""
        if self.way == "nearest":
            values = interpolate(values, scale_factor=2)
        made: Tensor = self.layer(values)
        if self.way == "filtered":
            made = conv2d(pad(made, (1, 1, 1, 1)), self.get_buffer("filter"), groups=made.shape[1])
        return made


def autoencoder(way: str, halvings: int, code: int) -> nn.Sequential:
    """Return an autoencoder of RGB images from -1 to 1."""

    def layers() -> Iterator[nn.Module]:
        channels = 3
        for level in range(1, halvings + 1):
            yield from (nn.Conv2d(channels, WIDTH * level, 4, 2, 1), nn.LeakyReLU(0.2))
            yield from (nn.Conv2d(WIDTH * level, WIDTH * level, 3, padding=1), nn.LeakyReLU(0.2))
            channels = WIDTH * level
        yield from (nn.Conv2d(channels, code, 1), nn.Conv2d(code, channels, 3, padding=1), nn.ReLU())
        for level in range(halvings, 0, -1):
            after = WIDTH * max(level - 1, 1)
            yield from (Doubled(way, channels, after), nn.ReLU())
            yield from (nn.Conv2d(after, after, 3, padding=1), nn.ReLU())
            channels = after
        yield nn.Conv2d(channels, 3, 3, padding=1)

    return nn.Sequential(*layers())


def rendered(photographs: Tensor, decoder: tuple[str, int, int], steps: int) -> tuple[Tensor, Tensor]:
    """Return uint8 photographs (N, 3, H, W) as an autoencoder that was trained on them makes them, and PSNRs (N,)."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    network = autoencoder(*decoder)
    optimiser = torch.optim.AdamW(network.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, steps)
    for _ in range(steps):
        y, x = random.integers(0, photographs.shape[-1] - SIDE + 1, 2)
        some = photographs[random.integers(len(photographs), size=BATCH), :, y : y + SIDE, x : x + SIDE]
        wanted = some / 127.5 - 1
        made = network(wanted)
        optimiser.zero_grad()
        torch.autograd.backward(l1_loss(made, wanted) + 2 * mse_loss(made, wanted))
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    with torch.inference_mode():
        parts = [network(some / 127.5 - 1).clamp(-1, 1) for some in photographs.split(16)]
    images = ((torch.cat(parts) + 1) * 127.5).round()
    errors = (images - photographs).square().mean((1, 2, 3)).clamp(min=1e-3)
    return images.byte(), 10 * torch.log10(255**2 / errors)


def main() -> None:
    """Print PSNRs and the two rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--least", type=float, default=26.0)
    asked = parser.parse_args()
    manifest, images, config, every = collected(asked.data, asked.run)
    rows = chosen(every, BASE["draws_used"])
    view = config.view.model_copy(update={"crops": 1})
    numbers = np.unique(rows.images[(rows.labels == 0) & (rows.draws == 0)])
    read = SourceImages(images)
    photographs = torch.cat([find_crops(read.read(int(number)), view).pixels[:1] for number in numbers])
    made, places = [], []
    for decoder in DECODERS:
        found, ratio = rendered(photographs, decoder, asked.steps)
        quantiles = [float(ratio.quantile(share)) for share in (0.1, 0.5)]
        print(decoder[0], "PSNR, 10 % and median:", *(f"{each:.1f} dB" for each in quantiles), flush=True)
        good = torch.nonzero(ratio >= asked.least).flatten()
        with torch.inference_mode():
            made.append(describe(found[good], frozen=True))
        places.append(numbers[good.numpy()])
    where = np.concatenate(places)
    group_of = dict(zip(rows.images.tolist(), rows.groups.tolist(), strict=True))
    names = np.array([group_of[number] for number in where.tolist()])
    further = Rows(
        statistics=torch.cat([rows.statistics, *made]),
        labels=np.append(rows.labels, np.full(len(where), len(manifest.sources))),
        groups=np.append(rows.groups, names),
        images=np.append(rows.images, where),
        weights=np.append(rows.weights, np.ones(len(where))),
        draws=np.append(rows.draws, np.zeros(len(where), dtype=int)),
        compressed=np.append(rows.compressed, np.zeros(len(where), dtype=int)),
    )
    for what, fitted, sources in (
        ("without", rows, manifest.sources),
        ("with", further, (*manifest.sources, "rendered")),
    ):
        # Only the images themselves are asked.
        print(f"{what}:", measure(cross_validate(every, fitted, config, sources), every, sources), flush=True)


if __name__ == "__main__":
    main()
