"""`mini`, the benchmark that comes with the package: made from the shipped generators when it is first used.

Its images for tests and those for training are apart, each made when they are asked for.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from importlib.resources import files
from itertools import islice, product
from pathlib import Path
from typing import Literal

import numpy as np
import platformdirs
import pyarrow as pa
import pyarrow.csv
import torch
from PIL import Image
from pydantic import BaseModel
from torch import Tensor
from torch.nn.functional import pad

from ganprint.attributor import REAL, View
from ganprint.errors import ImageError, ManifestError, UsageError, WeightsError
from ganprint.files import atomic_folder, os_errors_as, read_file, refuse_existing
from ganprint.forge.figures import write_image
from ganprint.forge.gan_training import named_seed
from ganprint.forge.generator_store import GeneratorCard, list_generators, load_generator, shipped_generators
from ganprint.forge.photos import read_squares
from ganprint.forge.sampling import sample_images
from ganprint.images import read_image
from ganprint.images.views import crop_views
from ganprint.perturbation import parse_chain
from ganprint.plain_yaml import load_plain

TESTS, TRAINING = "mini", "mini-train"
"""The benchmark's parts: each has a recipe of the name, and a manifest, as leaderboards name their data."""
EXAMPLE, MARGIN = "chelsea", 64
"""The photograph among the examples, one of mini.yaml's, and the width of the canvas around a generated one, pixels."""
SUMS = "SHA256SUMS"
"""Lists the hashes of its files, by which one that was emptied or changed is noticed."""
MAX_SUMS_BYTES = 16 << 20
PACKAGES = ("ganprint", "torch", "numpy", "pillow", "simplejpeg", "scikit-image", "scikit-learn")
"""Those that the images come from or through."""
PHOTOGRAPH = "photograph"
"""The semantic class of a real image: photographs do not show what the generators show."""


class Chosen(BaseModel, frozen=True, extra="forbid"):
    """The generators of a split: what they show, the seed that they were trained under, and how many images of each.

    With `images` None there are as many as in the recipe's other splits.
    """

    semantics: tuple[str, ...]
    training_seed: int
    images: int | None = None


class Recipe(BaseModel, frozen=True, extra="forbid"):
    """What the benchmark is made of; mini.yaml says what each key means."""

    schema_version: Literal[1]
    resolution: int
    seed: int
    images: int
    photographs: int
    suffix: str
    precision: Literal["float32", "float64"]
    splits: Mapping[str, Chosen]
    carried: Mapping[str, tuple[str, ...]]
    crop: int


def read_recipe(part: str = TESTS) -> Recipe:
    """Return the recipe of a part of the benchmark."""
    return Recipe.model_validate(load_plain((files("ganprint.forge") / f"{part}.yaml").read_bytes()))


def mini(
    part: str = TESTS,
    *,
    photos: Path | None = None,
    generators: Path | None = None,
    progress: Callable[[str], None] = lambda what: None,
    warn: Callable[[ImageError], None] = lambda failure: None,
) -> Path:
    """Return the manifest of a part of the benchmark, made in the user's cache where it is not there yet, or not whole.

    Real images are cut from photographs that dependencies carry, or are those of the folder `photos`; `warn` is told of
    those that cannot be read. Generated images are the same to the byte wherever torch is the same. Raises
    ManifestError where photographs are missing, WeightsError where generators are, UsageError where the cache cannot
    be written to.
    """
    recipe = read_recipe(part)
    chosen = _chosen(recipe, generators or shipped_generators())
    real = _carried(recipe) if photos is None else _own(photos, recipe, warn)
    squares = list(islice(real, recipe.photographs * len(recipe.splits)))
    folder = platformdirs.user_cache_path("ganprint") / part / _key(recipe, chosen, squares)
    file = folder / f"{part}.csv"
    try:
        if _whole(folder):
            return file
        with atomic_folder(folder) as made:
            _make(recipe, chosen, squares, made / file.name, progress)
            if not _whole(folder):
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as cause:
        if _whole(folder):
            # Another process was first, with the same.
            return file
        raise UsageError(
            f"The benchmark cannot be written to {folder}: {cause.strerror}.",
            "Free some space, name another cache with XDG_CACHE_HOME, or give --data.",
        ) from cause
    return file


def _whole(folder: Path) -> bool:
    """Return whether a benchmark has all the files that it was made with, each as it was."""
    try:
        listed = read_file(folder / SUMS, limit=MAX_SUMS_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return False
    return listed == _sums(folder)


def _sums(folder: Path) -> str:
    """Return the SHA-256 of each file of a folder, as `sha256sum` writes them."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in found
    )


def write_examples(
    out: Path, *, seed: int = 0, generators: Path | None = None, force: bool = False
) -> list[tuple[Path, str]]:
    """Write examples as PNG and return the files with their sources.

    They are a carried photograph, as it is and recompressed, an image of one generator of each architecture, and the
    first of these on a white canvas. No other command draws these images. Raises OutputExistsError where one is there
    and `force` is not given, UsageError where the folder cannot be written to.
    """
    recipe = read_recipe()
    name, pixels = next(each for each in _photographs(recipe) if each[0] == EXAMPLE)
    photograph = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
    recompressed = parse_chain("jpeg=70").draw(0, 0).apply(photograph)
    found = [(out / f"{name}.png", REAL, photograph), (out / f"{name}-recompressed.png", REAL, recompressed)]
    shown: dict[str, Tensor] = {}
    for path, card in list_generators(generators or shipped_generators()):
        if card.source not in shown:
            generator, _ = load_generator(path)
            (shown[card.source],) = sample_images(generator, [0], seed=named_seed(f"example {card.name}", seed))
            found.append((out / f"{card.name}.png", card.source + recipe.suffix, shown[card.source]))
    first, *_ = shown
    canvas = pad(shown[first], (MARGIN,) * 4, value=255)
    found.append((out / f"{first}-on-white.png", first + recipe.suffix, canvas))
    refuse_existing(*(file for file, _, _ in found), force=force)
    with os_errors_as(UsageError, f"{out} cannot be written to", "Name another folder."):
        for file, _, image in found:
            write_image(image, file)
    return [(file, source) for file, source, _ in found]


def _chosen(recipe: Recipe, folder: Path) -> list[tuple[str, Path, GeneratorCard]]:
    """Return split, folder and card of each generator that takes part; raise WeightsError where a split has none."""
    every = [each for each in list_generators(folder) if each[1].resolution == recipe.resolution]
    found = []
    for split, which in recipe.splits.items():
        here = [
            (split, path, card)
            for path, card in every
            if card.semantic in which.semantics and card.seed == which.training_seed
        ]
        if not here:
            raise WeightsError(
                f"{folder} has no generators of {', '.join(which.semantics)} under the training seed "
                f"{which.training_seed}, which the embedded benchmark is made from.",
                "Reinstall ganprint, or give --data.",
            )
        found += here
    return found


def _key(recipe: Recipe, chosen: list[tuple[str, Path, GeneratorCard]], squares: list[tuple[str, Tensor]]) -> str:
    """Return a name for what these make: of another recipe, generator, photograph or package, another name."""
    digest = hashlib.sha256(recipe.model_dump_json().encode())
    for text in (*(str(card.sha256) for _, _, card in chosen), *map(version, PACKAGES)):
        digest.update(f"{text}|".encode())
    for name, square in squares:
        digest.update(name.encode() + square.numpy().tobytes())
    return digest.hexdigest()[:16]


def _make(
    recipe: Recipe,
    chosen: list[tuple[str, Path, GeneratorCard]],
    real: list[tuple[str, Tensor]],
    manifest: Path,
    progress: Callable[[str], None],
) -> None:
    out = manifest.parent
    sources = [REAL, *dict.fromkeys(card.source + recipe.suffix for _, _, card in chosen)]
    semantics = [PHOTOGRAPH, *dict.fromkeys(card.semantic for _, _, card in chosen)]
    counts = {split: each.images or recipe.images for split, each in recipe.splits.items()}
    rows: list[dict[str, object]] = []

    def write(split: str, source: str, semantic: str, group: str, number: int, image: Tensor) -> None:
        path = Path(split, source, semantic, f"{number:05}.png")
        (out / path.parent).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(out / path)
        label, dlabel = sources.index(source), semantics.index(semantic)
        named = {"source": source, "semantic": semantic, "split": split, "group": group}
        rows.append({"path": path.as_posix(), "label": label, "dlabel": dlabel, **named})

    # In turns, as there may be fewer photographs than are asked for.
    turns = product(range(recipe.photographs), recipe.splits)
    for (number, split), (group, image) in zip(turns, real, strict=False):
        write(split, REAL, PHOTOGRAPH, group, number, image)
    for split, path, card in chosen:
        progress(card.name)
        generator, _ = load_generator(path)
        if recipe.precision == "float64":
            generator.double()
        seed = named_seed(f"{split} {card.name}", recipe.seed)
        for number, image in enumerate(sample_images(generator, range(counts[split]), seed=seed)):
            write(split, card.source + recipe.suffix, card.semantic, card.name, number, image)
    pyarrow.csv.write_csv(pa.Table.from_pylist(rows), manifest)
    (out / SUMS).write_text(_sums(out), encoding="utf-8")


def _carried(recipe: Recipe) -> Iterator[tuple[str, Tensor]]:
    """Yield squares of the carried photographs in turn, each from another place, with the photograph's name."""
    view = View(kind="resize", size=recipe.resolution)
    photographs = list(_photographs(recipe))
    random = np.random.default_rng(recipe.seed)
    while True:
        for name, pixels in photographs:
            height, width = pixels.shape[:2]
            side = int(random.integers(recipe.crop, min(height, width) + 1))
            top, left = (int(random.integers(length - side + 1)) for length in (height, width))
            square = np.ascontiguousarray(pixels[top : top + side, left : left + side])
            yield name, crop_views(square, view)[0]


def _photographs(recipe: Recipe) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the names and pixels uint8 (H, W, 3) of the carried photographs."""
    for package, names in recipe.carried.items():
        for name in names:
            try:
                content = (files(package) / name).read_bytes()
            except (ImportError, OSError) as cause:
                raise ManifestError(
                    f"The photograph {name} is not where {package} has it.",
                    "Name photographs of your own: ganprint forge mini --photos DIR, then --data with what it prints.",
                ) from cause
            yield Path(name).stem, read_image(content, name=name).pixels


def _own(photos: Path, recipe: Recipe, warn: Callable[[ImageError], None]) -> Iterator[tuple[str, Tensor]]:
    """Yield the largest centred squares of the photographs of a folder, in an order that the seed draws."""
    squares, failures = read_squares(photos, recipe.resolution)
    for failure in failures:
        warn(failure)
    if len(squares) < len(recipe.splits):
        raise ManifestError(
            f"{photos} has {len(squares)} photographs that can be read.", "Name a folder with more of them."
        )
    order = np.random.default_rng(recipe.seed).permutation(len(squares))
    return ((str(squares[number][0]), squares[number][1]) for number in order)
