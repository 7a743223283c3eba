"""How many drawings and pages of text are told from pictures, and how many pictures are taken for them.

drawings.py [DATA]: made-up drawings (polygons, lines, text, ellipses) and pages packed with text (light, dark, the last
with grain, as a scan has), resized and recompressed; with DATA also the images of the manifest's splits train and val.
"""

import io
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganprint.attributor import View
from ganprint.data import Manifest
from ganprint.images import read_image
from ganprint.images.content import Emptiness
from ganprint.images.views import find_crops

DRAWINGS, PAGES = 300, 20
SIDE = 256
VIEW = View(kind="native", size=128, crops=6)
INKS = {"light": ((255, 250, 240), (20, 20, 30)), "dark": ((24, 26, 33), (200, 210, 220))}
WORDS = ["The", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog,", "seven", "wizards", "(1984)", "mix-7"]


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
    return sent_on(picture, random)


def page(seed: int, kind: str) -> np.ndarray:
    """Return a page packed with text (H, W, 3), uint8, of a kind: `light`, `dark` or `grain`."""
    random = np.random.default_rng(seed)
    ground, ink = INKS.get(kind, INKS["light"])
    picture = Image.new("RGB", (3 * SIDE, 3 * SIDE), ground)
    pen = ImageDraw.Draw(picture)
    top = 0
    while top < picture.height:
        font = ImageFont.load_default(int(random.integers(9, 20)))
        for _ in range(random.integers(4, 12)):
            pen.text((0, top), " ".join(random.choice(WORDS, 40)), fill=ink, font=font)
            top += int(font.size * 1.25)
    if kind == "grain":
        grain = random.normal(0, 3, (picture.height, picture.width, 1))
        picture = Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))
    return sent_on(picture, random)


def sent_on(picture: Image.Image, random: np.random.Generator) -> np.ndarray:
    """Return a picture's pixels, most often after it was resized, recompressed, or both."""
    if random.random() < 0.7:
        scale = random.uniform(0.5, 1.5)
        picture = picture.resize((int(picture.width * scale), int(picture.height * scale)), Image.Resampling.LANCZOS)
    if random.random() < 0.6:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=int(random.integers(70, 96)))
        picture = Image.open(file).convert("RGB")
    return np.asarray(picture)


def is_drawn(pixels: np.ndarray) -> bool:
    """Return whether a picture is taken for a drawing or a page of text."""
    return find_crops(pixels, VIEW).nothing in (Emptiness.DRAWING, Emptiness.TEXT)


def main() -> None:
    """Print the shares."""
    found = np.mean([is_drawn(drawing(seed)) for seed in range(DRAWINGS)])
    print(f"{DRAWINGS} drawings: {found:.1%} told")
    for kind in (*INKS, "grain"):
        found = np.mean([is_drawn(page(seed, kind)) for seed in range(PAGES)])
        print(f"{PAGES} pages of text, {kind}: {found:.1%} told")
    if len(sys.argv) > 1:
        images = Manifest.open(sys.argv[1]).select("train+val")
        taken = np.array([is_drawn(read_image(images.path(row)).pixels) for row in range(len(images))])
        for name, side in (("photographs", images.labels == 0), ("generated", images.labels > 0)):
            print(f"{side.sum()} {name}: {taken[side].mean():.1%} taken for drawings or text")


if __name__ == "__main__":
    main()
