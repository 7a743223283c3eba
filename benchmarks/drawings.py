"""How many drawings are told from pictures, and how many pictures are taken for drawings.

drawings.py [DATA]: made-up drawings (polygons, lines, text, ellipses; resized, recompressed), and with DATA the
images of the manifest's splits train and val.
"""

import io
import sys

import numpy as np
from PIL import Image, ImageDraw

from ganprint.data import Manifest
from ganprint.images import read_image
from ganprint.images.content import content_box, map_blocks

DRAWINGS = 300
SIDE = 256


def drawing(seed: int) -> np.ndarray:
    """Return a drawing (H, W, 3), uint8."""
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", (SIDE, SIDE), tuple(int(each) for each in random.integers(180, 256, 3)))
    pen = ImageDraw.Draw(picture)
    for _ in range(random.integers(2, 12)):
        colour = tuple(int(each) for each in random.integers(0, 256, 3))
        points = [tuple(int(each) for each in point) for point in random.integers(0, SIDE, (4, 2))]
        kind = random.integers(4)
        if kind == 0:
            pen.polygon(points, fill=colour)
        elif kind == 1:
            pen.line(points, fill=colour, width=int(random.integers(1, 6)))
        elif kind == 2:
            for line in range(8):
                pen.text((10, 10 + line * 14), f"The quick brown fox {random.integers(999)}", fill=colour)
        else:
            (left, right), (top, bottom) = (sorted(each) for each in zip(*points[:2], strict=True))
            pen.ellipse((left, top, right, bottom), fill=colour)
    if random.random() < 0.7:
        side = int(SIDE * random.uniform(0.5, 1.5))
        picture = picture.resize((side, side), Image.Resampling.LANCZOS)
    if random.random() < 0.6:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=int(random.integers(70, 96)))
        picture = Image.open(file).convert("RGB")
    return np.asarray(picture)


def is_drawn(pixels: np.ndarray) -> bool:
    """Return whether a picture is taken for a drawing."""
    return map_blocks(pixels, content_box(pixels)).looks_drawn


def main() -> None:
    """Print the shares."""
    found = np.mean([is_drawn(drawing(seed)) for seed in range(DRAWINGS)])
    print(f"{DRAWINGS} drawings: {found:.1%} told")
    if len(sys.argv) > 1:
        images = Manifest.open(sys.argv[1]).select("train+val")
        taken = np.array([is_drawn(read_image(images.path(row)).pixels) for row in range(len(images))])
        for name, side in (("photographs", images.labels == 0), ("generated", images.labels > 0)):
            print(f"{side.sum()} {name}: {taken[side].mean():.1%} taken for drawings")


if __name__ == "__main__":
    main()
