"""Time the torch engine against imagecorruptions on the same images: one process, both given `--threads`.

    python benchmarks/perturb_engines.py [--images FOLDER] [--size 224] [--count 10] [--threads 2]

Per kind: milliseconds per image (all five severities, the best of `--rounds`), the ratio (above 1: torch is
faster), and the totals over the 16 kinds that imagecorruptions still runs itself. The torch engine gets each
kind as one batch (n, 3, H, W); imagecorruptions gets arrays (H, W, 3) one by one, as its `corrupt` does it.
For fog, glass_blur and gaussian_blur, which crash there, the other column is our reference engine.
Without `--images`, scikit-image's astronaut, coffee, chelsea and rocket are cut into squares.

    python benchmarks/perturb_engines.py --parity FOLDER

Instead of times: how far each engine is from stored outputs of imagecorruptions (FOLDER/manifest.json says
which). The torch engine's distance means something for deterministic kinds only.
"""

import argparse
import json
import timeit
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ganprint.images import find_images, read_image
from ganprint.perturbation import CORRUPTIONS, SEEN, Perturbation, perturb
from ganprint.perturbation.reference import corrupt_by_reference, package_functions

NATIVE = tuple(kind for kind in CORRUPTIONS if kind not in ("fog", "glass_blur", "gaussian_blur"))


def photographs(folder: Path | None, size: int, count: int) -> torch.Tensor:
    if folder is None:
        from skimage import data

        pictures = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    else:
        found = islice(find_images([str(folder)], recursive=True), count)
        pictures = [read_image(path).pixels for path in found if isinstance(path, Path)]
    squares = []
    for index in range(count):
        picture = pictures[index % len(pictures)]
        top = (index * 37) % (picture.shape[0] - size + 1)
        left = (index * 53) % (picture.shape[1] - size + 1)
        squares.append(picture[top : top + size, left : left + size])
    return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).contiguous()


def best_of(rounds: int, run: Callable[[], object]) -> float:
    run()
    return min(timeit.repeat(run, number=1, repeat=rounds))


def run_reference(kind: str, arrays: list[np.ndarray], draws: list[Perturbation]) -> None:
    for array, draw in zip(arrays, draws, strict=True):
        if kind in NATIVE:
            np.uint8(package_functions()[kind](Image.fromarray(array), draw.severity))
        else:
            corrupt_by_reference(array, draw)


def print_parity(folder: Path) -> None:
    print(f"{'kind':18s} {'reference: max':>14s} {'share off':>10s} {'torch: mean':>12s} {'least PSNR':>11s}")
    rows: dict[str, list[tuple[float, float, float, float]]] = {}
    for case in json.loads((folder / "manifest.json").read_text())["cases"]:
        draw = Perturbation(case["corruption"], case["severity"], case["seed"])
        before, after = (
            torch.from_numpy(np.array(Image.open(folder / case[name]).convert("RGB"))).permute(2, 0, 1)[None]
            for name in ("input", "output")
        )
        theirs = (perturb(before, [draw], engine="imagecorruptions").float() - after).abs()
        ours = (perturb(before, [draw]).float() - after).abs()
        decibels = 10 * np.log10(255**2 / max(ours.square().mean().item(), 1e-9))
        share = (theirs > 0).float().mean().item()
        rows.setdefault(case["corruption"], []).append((theirs.max().item(), share, ours.mean().item(), decibels))
    for kind, cases in rows.items():
        largest, share, mean, decibels = zip(*cases, strict=True)
        print(f"{kind:18s} {max(largest):14.0f} {max(share):10.5f} {max(mean):12.3f} {min(decibels):11.1f}")


def print_times(options: argparse.Namespace) -> None:
    import cv2  # comes with imagecorruptions, and sets its own threads

    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    images = photographs(options.images, options.size, options.count)
    arrays = [np.ascontiguousarray(image.permute(1, 2, 0).numpy()) for image in images]
    times: dict[str, tuple[float, float]] = {}
    print(f"{'kind':18s} {'torch ms':>9s} {'reference ms':>13s} {'ratio':>7s}")
    for kind in CORRUPTIONS:
        draws = [Perturbation(kind, 1 + index % 5, index) for index in range(len(images))]
        ours = best_of(options.rounds, partial(perturb, images, draws)) / len(images)
        theirs = best_of(options.rounds, partial(run_reference, kind, arrays, draws)) / len(images)
        times[kind] = (1000 * ours, 1000 * theirs)
        note = "" if kind in NATIVE else "  (not imagecorruptions' own)"
        print(f"{kind:18s} {1000 * ours:9.3f} {1000 * theirs:13.3f} {theirs / ours:7.2f}{note}", flush=True)
    ours, theirs = (sum(times[kind][side] for kind in NATIVE) for side in (0, 1))
    print(f"{f'total of {len(NATIVE)}':18s} {ours:9.3f} {theirs:13.3f} {theirs / ours:7.2f}")
    seen = sum(times[kind][0] for kind in SEEN) / len(SEEN)
    print(f"torch, mean over the {len(SEEN)} seen in training: {seen:.3f} ms per image of {options.size} px")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parity", type=Path)
    options = parser.parse_args()
    if options.parity:
        print_parity(options.parity)
    else:
        print_times(options)


if __name__ == "__main__":
    main()
