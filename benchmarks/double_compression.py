"""Count how often the hint of a double compression is right and wrong, by the two qualities.

Pixels free of an earlier compression are photographs reduced to 0.83 of their size or less, laid side by side
where they are small. Beside them stand two kinds of pictures compressed before on a grid that does not fit:
cropped off it, and enlarged.
"""

import argparse
import io
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from ganprint.provenance.jpeg import jpeg_facts

FIRST = (40, 50, 60, 70, 75, 80, 85, 90, 93, 95)
SECOND = (60, 75, 85, 90, 95, 98, 100)
REDUCED = 0.83


def photographs(folder: Path | None) -> Iterator[Image.Image]:
    """Yield a folder's photographs in an order drawn under a seed, again and again."""
    if folder is None:
        found = (data.astronaut(), data.chelsea(), data.coffee(), data.rocket())
        yield from cycle(Image.fromarray(image) for image in found)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not paths:
        raise SystemExit(f"{folder} holds no photographs.")
    random = np.random.default_rng(0)
    while True:
        for number in random.permutation(len(paths)):
            with Image.open(paths[number]) as image:
                yield image.convert("RGB")


def clean(source: Iterator[Image.Image], side: int) -> Image.Image:
    """Return a square of reduced photographs."""
    canvas = Image.new("RGB", (side, side))
    top = 0
    while top < side:
        left, lowest = 0, side
        while left < side:
            image = next(source)
            scale = min(REDUCED, max((side - left) / image.width, (side - top) / image.height))
            size = (round(image.width * scale), round(image.height * scale))
            canvas.paste(image.resize(size, Image.Resampling.LANCZOS), (left, top))
            left, lowest = left + size[0], min(lowest, top + size[1])
        top = lowest
    return canvas


def compressed(image: Image.Image, quality: int) -> bytes:
    target = io.BytesIO()
    image.save(target, "JPEG", quality=quality)
    return target.getvalue()


def again(image: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(compressed(image, quality))).convert("RGB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, help="a folder; scikit-image's own unless given")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--count", type=int, default=20)
    options = parser.parse_args()
    side, source = options.side, photographs(options.photographs)
    images = [clean(source, side) for _ in range(options.count)]
    wider = [clean(source, side + 8) for _ in range(options.count)]
    random = np.random.default_rng(0)
    kinds = {
        "once": images,
        "cropped off the grid": [
            again(image, 70).crop((x, y, x + side, y + side))
            for image, (x, y) in zip(wider, random.integers(1, 8, (options.count, 2)).tolist(), strict=True)
        ],
        "enlarged": [again(image, 70).resize((side * 3 // 2, side * 3 // 2)) for image in images],
    }
    print(f"{options.count} pictures of {side} px")
    print("| false hints | " + " | ".join(f"at {second}" for second in SECOND) + " |")
    print("|---" * (len(SECOND) + 1) + "|")
    for kind, pictures in kinds.items():
        rows = [[jpeg_facts(compressed(image, second)).double_compression for image in pictures] for second in SECOND]
        cells = (
            f"{sum(hint.found is True for hint in row)} of {sum(hint.found is not None for hint in row)}"
            for row in rows
        )
        print(f"| {kind} | {' | '.join(cells)} |", flush=True)
    print()
    print("Share found, and with the first quality told to within 2:")
    print("| first | " + " | ".join(f"then {second}" for second in SECOND) + " |")
    print("|---" * (len(SECOND) + 1) + "|")
    for first in FIRST:
        before = [again(image, first) for image in images]
        cells = []
        for second in SECOND:
            if second <= first:
                cells.append("")
                continue
            hints = [jpeg_facts(compressed(image, second)).double_compression for image in before]
            right = [hint.found is True and abs((hint.first_quality or 0) - first) <= 2 for hint in hints]
            cells.append(f"{np.mean([hint.found is True for hint in hints]):.2f}, {np.mean(right):.2f}")
        print(f"| {first} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
