"""Compare `train`, loader and perturbation included, with a bare loop of the same network on random tensors.

Prints both in images per second, their ratio, and what decoding, viewing and perturbing cost alone.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from ganprint_plugins.repmix import RepMix
from PIL import Image

from ganprint.data import Draw, Manifest
from ganprint.models import Step, read_config
from ganprint.models.neural import NeuralAttributor
from ganprint.perturbation import parse_policy
from ganprint.training import Progress, Run
from ganprint.training.batches import PerturbedImages
from ganprint.training.loop import fit_attributor


def make_manifest(folder: Path, images: int) -> Manifest:
    """Write lossless WebP images of smoothed noise, 128 px, and their manifest."""
    random = np.random.default_rng(0)
    rows = ["path,label,dlabel,source,semantic,split"]
    for number in range(images):
        small = Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        small.resize((128, 128), Image.Resampling.BICUBIC).save(folder / f"{number}.webp", lossless=True)
        split = "val" if number % 16 == 0 else "train"
        rows.append(f"{number}.webp,{number % 2},0,{('real', 'progan')[number % 2]},noise,{split}")
    (folder / "manifest.csv").write_text("\n".join(rows))
    return Manifest.open(folder / "manifest.csv")


def bare(attributor: NeuralAttributor, steps: int, precision: str) -> float:
    """Return images per second of forward, backward and step on random tensors."""
    config = attributor.config
    count = config.batch_size * config.images_per_sample
    optimizer = torch.optim.AdamW(attributor.network.parameters(), lr=1e-4)
    attributor.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(count, 3, config.view.size, config.view.size, device=attributor.device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, len(attributor.sources), (count,), device=attributor.device)
    attributor.network.train()
    began = 0.0
    for number in range(steps + 2):
        if number == 2:
            began = time.perf_counter()
        with torch.autocast(attributor.device.type, torch.bfloat16, enabled=precision == "bf16"):
            loss = attributor.loss(images, labels, Step(0, 0, number)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
    return steps * count / (time.perf_counter() - began)


def trained(attributor: NeuralAttributor, manifest: Manifest, folder: Path, run: dict[str, object]) -> float:
    """Return images per second of the last epoch of a real training."""
    rates: list[float] = []

    def report(progress: Progress) -> None:
        if progress.step == progress.steps:
            rates.append(progress.images_per_second)

    fit_attributor(attributor, manifest.select("train"), manifest.select("val"), Run(folder, report=report, **run))  # type: ignore[arg-type]
    return rates[-1]


def alone(manifest: Manifest, attributor: NeuralAttributor, policy: str, images: int) -> float:
    """Return milliseconds per image of decoding, viewing and, under the policy, perturbing."""
    config = attributor.config
    data = PerturbedImages(manifest, config.view, parse_policy(policy), at=config.perturb_at, augment=True, seed=0)
    images = min(images, len(data))
    began = time.perf_counter()
    for first in range(0, images, 64):
        data.items([Draw(row) for row in range(first, min(first + 64, images))])
    return 1000 * (time.perf_counter() - began) / images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="repmix-native")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--images", type=int, default=1600)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    config = read_config(RepMix.spec, preset=arguments.preset, assignments=[*arguments.set, "epochs=2"])
    with tempfile.TemporaryDirectory() as name:
        manifest = make_manifest(Path(name), arguments.images)
        attributor = RepMix(config, manifest.sources)
        attributor.to(arguments.device)
        run = {"precision": arguments.precision, "workers": arguments.workers, "device": arguments.device}
        before = bare(attributor, arguments.steps, arguments.precision)
        whole = trained(attributor, manifest, Path(name) / "run", run)
        after = bare(attributor, arguments.steps, arguments.precision)
        loop = (before + after) / 2
        read = alone(manifest, attributor, "none", 400)
        both = alone(manifest, attributor, config.policy, 400)
    threads = torch.get_num_threads()
    print(f"{arguments.preset} {config.view.size} px, {arguments.precision}, {threads} threads")
    print(f"bare loop on random tensors   {loop:8.1f} images/s (before {before:.1f}, after {after:.1f})")
    print(f"train, all included           {whole:8.1f} images/s with {arguments.workers} workers")
    print(f"ratio                         {whole / loop:8.2f}")
    print(f"network, per image            {1000 / loop:8.2f} ms")
    print(f"decode and view   {read:8.2f} ms")
    print(f"perturb ({config.policy}) {both - read:5.2f} ms")


if __name__ == "__main__":
    main()
