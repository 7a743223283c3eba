"""Time the runner of `compare` against a plain loop that follows the published evaluation, and say where time goes."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ganprint.attributor import Attributor
from ganprint.calibration.answer import VIEWS_AT_ONCE
from ganprint.data import Manifest
from ganprint.evaluation.conditions import PUBLISHED_SIZE
from ganprint.evaluation.plan import Candidate, Settings
from ganprint.evaluation.runner import Comparison
from ganprint.images.views import crop_views
from ganprint.perturbation import CORRUPTIONS, Perturbation, perturb
from ganprint.weights import find, load_attributor


def plain_loop(
    attributor: Attributor, images: Manifest, kinds: Sequence[str], severity: int, batch: int
) -> dict[str, float]:
    """Decode with Pillow, corrupt with imagecorruptions at 224 px, answer in batches; return seconds of each part."""
    seconds = dict.fromkeys(("decode", "perturb", "view", "network"), 0.0)

    def timed(part: str, began: float) -> float:
        now = time.perf_counter()
        seconds[part] += now - began
        return now

    for kind in kinds:
        views: list[torch.Tensor] = []
        for row in range(len(images)):
            clock = time.perf_counter()
            with Image.open(images.path(row)) as picture:
                pixels = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)
            clock = timed("decode", clock)
            drawn = Perturbation(kind, severity, row)
            corrupted = perturb(pixels[None], [drawn], engine="imagecorruptions", at=PUBLISHED_SIZE)[0]
            clock = timed("perturb", clock)
            views.append(crop_views(corrupted, attributor.config.view))
            clock = timed("view", clock)
            if len(views) == batch or row == len(images) - 1:
                attributor.predict(torch.cat(views)).attribution.argmax(1)
                views.clear()
                timed("network", clock)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", default="repmix.wild128", help="weights with the resize view")
    parser.add_argument("--split", default="test_seen")
    parser.add_argument("--severity", type=int, default=3)
    parser.add_argument("--limit", type=int, help="use only so many images")
    parser.add_argument("--workers", type=int, default=0, help="the runner's; the plain loop has one process")
    options = parser.parse_args()
    attributor, card = load_attributor(options.weights)
    images = Manifest.open(options.data, sources=card.sources).select(options.split, limit=options.limit)
    count = len(images) * len(CORRUPTIONS)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {len(images)} images x {len(CORRUPTIONS)}")

    parts = plain_loop(attributor, images, CORRUPTIONS, options.severity, 32)
    plain = sum(parts.values())
    shares = ", ".join(f"{name} {value / plain:.0%}" for name, value in parts.items())
    print(f"plain loop: {plain:.1f} s, {count / plain:.0f} images/s; {shares}")

    comparison = Comparison(
        Manifest.open(options.data),
        [Candidate(find(options.weights), card)],
        [(options.split, f"{kind}:{options.severity}") for kind in CORRUPTIONS],
        Settings(limit=options.limit, workers=options.workers),
    )
    began = time.perf_counter()
    comparison.run()
    runner = time.perf_counter() - began
    square = torch.zeros(VIEWS_AT_ONCE, 3, card.view.size, card.view.size, dtype=torch.uint8)
    began = time.perf_counter()
    for _ in range(count // len(square)):
        attributor.predict(square)
    network = time.perf_counter() - began
    print(
        f"runner: {runner:.1f} s, {count / runner:.0f} images/s; the network alone {network / runner:.0%}, "
        "the rest reading, perturbing and scoring"
    )
    print(f"ratio: {plain / runner:.1f}")


if __name__ == "__main__":
    main()
