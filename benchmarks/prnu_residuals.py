"""Time PRNU's residuals on torch, batched, and on PyWavelets, image by image, and say how far they differ."""

import argparse
import time

import numpy as np
import torch
from skimage import data

from ganprint.images.residual import clean_residuals
from ganprint.images.residual_reference import clean_residual


def crops(count: int, size: int) -> np.ndarray:
    """Return crops of scikit-image's photographs, uint8 (count, size, size, 3)."""
    random = np.random.default_rng(0)
    photographs = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    cut = []
    for number in range(count):
        image = photographs[number % len(photographs)]
        top, left = (int(random.integers(side - size + 1)) for side in image.shape[:2])
        cut.append(image[top : top + size, left : left + size])
    return np.stack(cut)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    images = crops(options.images, options.size)
    planes = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {options.size} px")
    print(f"The best of {options.rounds} rounds, ms an image; difference: the largest, of the largest value")
    print("| levels | sigma | PyWavelets | torch | ratio | difference |")
    print("|---|---|---|---|---|---|")
    for levels, sigma in ((1, 0.8), (3, 5.0), (4, 5.0)):
        slow, quick = [], []
        for _ in range(options.rounds):
            began = time.perf_counter()
            expected = np.stack([clean_residual(image, levels=levels, sigma=sigma) for image in images])
            slow.append(time.perf_counter() - began)
            began = time.perf_counter()
            found = clean_residuals(planes.float(), levels=levels, sigma=sigma)
            quick.append(time.perf_counter() - began)
        apart = np.abs(found.numpy() - expected).max() / np.abs(expected).max()
        each = [1000 * min(times) / options.images for times in (slow, quick)]
        print(
            f"| {levels} | {sigma} | {each[0]:.2f} | {each[1]:.2f} | {each[0] / each[1]:.1f} | {apart:.1e} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
