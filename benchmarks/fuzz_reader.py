"""Send mutated image files through the reader: an image or an ImageError must come out, soon.

    python benchmarks/fuzz_reader.py --files 100000 --seed 0

Exits 1 if anything other than an ImageError escapes, a file takes more than 5 s of CPU, or memory passes 1 GB.
"""

import io
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from fuzzing import Outcome, run, send
from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

from ganprint.errors import ImageError
from ganprint.provenance.stated import read_stated

_EXTENSIONS = (".jpg", ".png", ".webp", ".bmp", ".tif", ".gif", ".avif", ".txt", "")


def seed_images() -> dict[str, bytes]:
    """Return small valid files, by a name that says how each was made, in every format that is read."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 4), np.uint8)
    smooth = np.add.outer(np.arange(40) * 3, np.arange(48) * 2).astype(np.uint8)
    rgba = Image.fromarray(np.dstack([smooth, noise[..., 1], smooth.T.reshape(40, 48), noise[..., 3]]), "RGBA")
    rgb, grey = rgba.convert("RGB"), rgba.convert("L")
    deep = Image.fromarray(smooth.astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    more = [rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT), grey.convert("RGB")]
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="maker"/></rdf:RDF></x:xmpmeta>'
    )
    text = PngInfo()
    text.add_text("parameters", "Steps: 20, Sampler: Euler", zip=True)
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    made: list[tuple[str, Image.Image, dict[str, object]]] = [
        ("JPEG", rgb, {"exif": exif, "icc_profile": b"a profile"}),
        ("JPEG", rgb, {"progressive": True}),
        ("JPEG", grey, {"comment": b"Steps: 20, Sampler: Euler", "xmp": xmp}),
        ("JPEG", rgb.convert("CMYK"), {}),
        ("MPO", rgb, {"save_all": True}),
        ("PNG", rgba, {"exif": exif}),
        ("PNG", rgb.quantize(16), {"transparency": 3}),
        ("PNG", deep, {}),
        ("PNG", rgb.convert("1"), {"pnginfo": text}),
        ("PNG", rgb, {"save_all": True}),
        ("WEBP", rgb, {"exif": exif}),
        ("WEBP", rgba, {"lossless": True, "xmp": xmp}),
        ("WEBP", rgb, {"save_all": True}),
        ("BMP", rgb, {}),
        ("BMP", rgb.quantize(8), {}),
        ("TIFF", rgb, {"exif": exif}),
        ("TIFF", rgb, {"compression": "tiff_lzw"}),
        ("TIFF", rgb, {"compression": "tiff_adobe_deflate"}),
        ("TIFF", rgb, {"compression": "jpeg"}),
        ("TIFF", rgb.convert("1"), {"compression": "group4"}),
        ("TIFF", rgb.convert("CMYK"), {"compression": "packbits"}),
        ("TIFF", rgb.convert("LAB"), {}),
        ("TIFF", deep, {"big_tiff": True}),
        ("TIFF", grey.convert("F"), {}),
        ("TIFF", rgb, {"save_all": True}),
        ("GIF", rgb, {"save_all": True, "comment": b"maker"}),
        ("GIF", rgb.quantize(32), {"transparency": 1, "interlace": True}),
    ]
    if features.check("avif"):
        made += [("AVIF", rgb, {"exif": exif}), ("AVIF", rgba, {}), ("AVIF", rgb, {"save_all": True})]
    seeds = {}
    for number, (kind, image, options) in enumerate(made):
        target = io.BytesIO()
        # Copies, since saving a JPEG leaves its settings on the images and they upset the next save.
        if "save_all" in options:
            options = options | {"append_images": [image.copy() for image in more]}
        image.copy().save(target, kind, **options)
        seeds[f"{kind.lower()}-{image.mode}-{number}"] = target.getvalue()
    return seeds


def _bits_flipped(data: bytes, other: bytes, random: np.random.Generator) -> bytes:
    flipped = bytearray(data)
    for place in random.integers(len(data), size=int(2 ** random.integers(0, 7))):
        flipped[place] ^= 1 << int(random.integers(8))
    return bytes(flipped)


def _header_flipped(data: bytes, other: bytes, random: np.random.Generator) -> bytes:
    """Set a few bytes among the first 256, where sizes, counts and offsets stand, to telling values."""
    changed = bytearray(data)
    for place in random.integers(min(256, len(data)), size=int(random.integers(1, 6))):
        changed[place] = int(random.choice([0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF]))
    return bytes(changed)


def _repeated(data: bytes, other: bytes, random: np.random.Generator) -> bytes:
    first, last = sorted(int(place) for place in random.integers(len(data), size=2))
    return data[:last] + data[first:last] * int(random.integers(1, 40)) + data[last:]


Mutation = Callable[[bytes, bytes, np.random.Generator], bytes]
MUTATIONS: dict[str, Mutation] = {
    "truncated": lambda data, other, random: data[: int(random.integers(len(data)))],
    "bits flipped": _bits_flipped,
    "header flipped": _header_flipped,
    "wrong header": lambda data, other, random: other[: (length := int(random.integers(4, 64)))] + data[length:],
    "spliced": lambda data, other, random: (
        data[: int(random.integers(len(data)))] + other[int(random.integers(len(other))) :]
    ),
    "repeated": _repeated,
    "wrong extension": lambda data, other, random: data,
}


def mutated_files(count: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield `count` times a mutation's name, a file name and its bytes, the same for the same seed."""
    random = np.random.default_rng(seed)
    seeds = seed_images()
    names, mutations = list(seeds), list(MUTATIONS)
    for number in range(count):
        name, mutation = names[number % len(names)], mutations[int(random.integers(len(mutations)))]
        other = seeds[names[int(random.integers(len(names)))]]
        data = MUTATIONS[mutation](seeds[name], other, random)
        extension = _EXTENSIONS[int(random.integers(len(_EXTENSIONS)))]
        yield mutation, f"{number:05d}-{name}-{mutation.replace(' ', '-')}{extension}", data


def fuzz(count: int, seed: int, folder: Path) -> Outcome:
    """Write each mutated file into `folder`, read it, and record what came out."""

    def read(name: str, data: bytes) -> str:
        path = folder / name
        path.write_bytes(data)
        try:
            read_stated(path, metadata=True)
        except ImageError as error:
            assert name in error.message, f"the sentence does not name the file: {error.message}"
            return error.code
        finally:
            path.unlink()
        return "read"

    files = mutated_files(count, seed)
    return send((mutation, name, partial(read, name, data)) for mutation, name, data in files)


if __name__ == "__main__":
    sys.exit(run(__doc__, lambda options, folder: fuzz(options.files, options.seed, folder)))
