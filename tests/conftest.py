"""Fixtures that every test may use."""

import contextlib
import csv
import importlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores: threads of each would wait for the other's at every operation.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

Program = Callable[..., subprocess.CompletedProcess[str]]

TINY = (
    *("--preset", "repmix-mini", "--set", "backbone_options.widths=[8,8,8,8]", "--set", "view.size=32"),
    *("--set", "perturb_at=null", "--set", "warmup_steps=0"),
)
"""Options of `ganprint train` under which an epoch of the tiny manifest takes a second."""

VIEW = {"kind": "resize", "size": 32}
JUDGEMENT = {
    "score": "knn", "unknown_below": 0.8, "synthetic_from": 0.9, "real_to": 0.3, "source_from": 0.5,
    "false_unknown": 0.05, "false_alarm": 0.02, "miss": 0.05, "wrong_source": 0.1,
    "synthetic": {"slope": 1, "intercept": 0, "most": 2, "least": -2, "cllr": 0.3, "cllr_min": 0.25},
    "reference_sha256": "0" * 64,
}  # fmt: skip
"""The fields of a JudgementRecord."""


CALIBRATION = {
    "temperature": 0.8, "data": "native.csv", "data_sha256": "0" * 64, "split": "val", "policies": ["none"],
    "seed": 0, "images": 100, "date": "2026-11-20T12:00:01Z", "before": {"calibration_error": 0.1},
    "after": {"calibration_error": 0.02}, "isotonic": [[[0.0, 0.1], [1.0, 0.9]], [[0.5, 0.5]]],
}  # fmt: skip
"""The fields of a CalibrationRecord."""


def make_card(name: str = "small", **fields: Any) -> Any:
    """Return the card of weights that are not there."""
    from ganprint.weights import Card

    given = {"name": name, "method": "repmix", "plugin": {"distribution": "ganprint", "version": "0.1.0"}}
    given |= {"sources": ("real", "progan"), "view": VIEW, "config": {"view": VIEW}, "licence": "MIT"}
    return Card.model_validate({"date": "2026-11-20T12:00:01Z", **given, **fields})


class Page(HTMLParser):
    """What of a page a browser would act on; fails where tags do not close in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert not self.open
        self.words = " ".join(self.text.split())

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self.open[-1:] != ["style"] else ""


def benchmark(name: str) -> Any:
    """Import a program of `benchmarks`, which may import others from there."""
    with patch.object(sys, "path", [str(Path(__file__).parents[1] / "benchmarks"), *sys.path]):
        return importlib.import_module(name)


def run_code(code: str, *arguments: str | Path, **options: Any) -> str:
    """Return what Python prints for some code; it must not fail."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, **options).stdout


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Return random levels, uint8."""
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def gradient(side: int = 64) -> np.ndarray:
    """Return (side, side, 3): red grows rightwards, green downwards, so no turn or flip of it is the same."""
    ramp = np.arange(side, dtype=np.uint8) * 3
    return np.dstack([np.tile(ramp, (side, 1)), np.tile(ramp[:, None], (1, side)), np.full((side, side), 40, np.uint8)])


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    """Return the bytes of a file of an image, a Pillow one or pixels."""
    target = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(target, kind, **options)
    return target.getvalue()


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_segments(data: bytes, marker: int, *bodies: bytes) -> bytes:
    """Return a JPEG with further segments of one kind at its start."""
    segments = [bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body for body in bodies]
    return data[:2] + b"".join(segments) + data[2:]


def png_file(
    size: tuple[int, int], packed: bytes, *chunks: bytes, bits: int = 8, colour: int = 2, interlaced: int = 0
) -> bytes:
    """Return a PNG that no encoder need be able to write, its chunks before its compressed pixel data."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, colour, 0, 0, interlaced))
    data = chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + data


def manifest_rows(manifest: Path, *, absolute: bool = True) -> list[dict[str, str]]:
    """Return the rows of a CSV, by default with absolute paths, so that they can stand in another folder."""
    root = manifest.parent if absolute else Path()
    with manifest.open(newline="") as file:
        return [row | {"path": str(root / row["path"])} for row in csv.DictReader(file)]


def write_manifest(file: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Write rows as a CSV with the columns of the first."""
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return file


def write_tar(file: Path, members: dict[str, bytes | tuple[bytes, str]]) -> Path:
    """Write a tar: of each member its content, or its type and the name that a link leads to."""
    with tarfile.open(file, "w") as archive:
        for name, given in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(given, bytes):
                member.size = len(given)
            else:
                member.type, member.linkname = given
            archive.addfile(member, io.BytesIO(given if isinstance(given, bytes) else b""))
    return file


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user who may not read everything, as the superuser may, while the block runs."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of reference outputs and real images, or skip: it exists on our machines only."""
    beside = Path(__file__).resolve().parents[1].parent / "shared"
    folder = Path(os.environ.get("GANPRINT_SHARED", beside))
    if not folder.is_dir():
        pytest.skip(f"needs the shared folder of references and images, absent at {folder}")
    return folder


@pytest.fixture(scope="session")
def reference_engine() -> str:
    """Return the reference engine's name, or skip: OpenCV, which it imports, needs system libraries."""
    from ganprint.errors import PerturbationError
    from ganprint.perturbation.reference import package_functions

    try:
        package_functions()
    except PerturbationError as error:
        pytest.skip(f"{error.message} {error.hint}")
    return "imagecorruptions"


@pytest.fixture(scope="session")
def tiny_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a manifest of three easily told sources, 40 px PNGs, and in split open one outside them."""
    folder = tmp_path_factory.mktemp("tiny")
    random = np.random.default_rng(0)
    rows = []
    for split, count in (("train", 12), ("val", 4), ("test_seen", 5), ("open", 3)):
        sources = {-1: "pix2pix"} if split == "open" else {0: "real", 1: "progan", 2: "stylegan"}
        for label, source in sources.items():
            for number in range(count):
                pixels = random.integers(0, 256, (40, 40, 3)).astype(np.uint8)
                if label == 1:
                    pixels[::2] = pixels[1::2]
                elif label == 2:
                    pixels[:, ::2] = pixels[:, 1::2]
                path = f"{source}/{split}{number}.png"
                (folder / source).mkdir(exist_ok=True)
                Image.fromarray(pixels).save(folder / path)
                numbers = {"path": path, "label": label, "dlabel": number % 2}
                names = {"source": source, "semantic": ("a", "b")[number % 2], "split": split, "group": f"{source}-1"}
                rows.append(numbers | names)
    return write_manifest(folder / "tiny.csv", rows)


def ended(done: Any, status: int | None) -> Any:
    """Return a finished command; it shows no traceback, and has the exit status that is given."""
    assert "Traceback" not in str(done.stderr)
    assert status in (None, done.returncode), done.stderr
    return done


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Return a function that runs the real `ganprint` on arguments, by itself with its output captured."""
    home = tmp_path_factory.mktemp("home")

    def run(*arguments: str | Path, status: int | None = None, **options: object) -> Any:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_DATA_HOME": str(home)}
        environment["XDG_CACHE_HOME"] = str(home)
        environment |= options.pop("env", {})
        command = [sys.executable, "-m", "ganprint", *map(str, arguments)]
        settings: dict[str, object] = {"capture_output": True, "text": True, "timeout": 240}
        return ended(subprocess.run(command, check=False, env=environment, **{**settings, **options}), status)

    return run


@pytest.fixture(scope="session")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Return a function that runs `ganprint` as `program` does, but in this process, which spares its imports."""
    home = str(tmp_path_factory.mktemp("home-inside"))

    def run(
        *arguments: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None, status: int | None = None
    ) -> Any:
        from ganprint.cli import main

        command = ["ganprint", *map(str, arguments)]
        homes = {"XDG_DATA_HOME": home, "XDG_CACHE_HOME": home}
        out, err, code = io.StringIO(), io.StringIO(), 0
        with (
            patch.dict(os.environ, homes | (env or {})),
            patch.object(sys, "argv", command),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            contextlib.chdir(cwd or Path.cwd()),
        ):
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return ended(subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue()), status)

    return run


@pytest.fixture(scope="session")
def tiny_weights(program: Program, tiny_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of weights that the real program trained on the tiny manifest."""
    out = tmp_path_factory.mktemp("trained") / "tiny"
    settings = ("--set", "policy=none", "--set", "epochs=12", "--set", "ema=0", "--set", "batch_size=6")
    data = ("--method", "repmix", "--data", tiny_manifest, "--out", out, "--workers", "0")
    program("train", *data, *TINY, *settings, status=0)
    return out


@pytest.fixture(scope="session")
def grown_manifest(tiny_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a manifest with 60 images in val, like those of the tiny one, and the tiny one's other splits."""
    folder = tmp_path_factory.mktemp("grown")
    rows = []
    for number, row in enumerate(manifest_rows(tiny_manifest)):
        split = row["split"].replace("train", "val")
        names = [f"{number}.png"]
        if split == "val" and number < 12:
            names.append(f"again-{number}.png")
        for name in names:
            shutil.copy(row["path"], folder / name)
            rows.append(row | {"path": name, "split": split})
    return write_manifest(folder / "grown.csv", rows)


@pytest.fixture(scope="session")
def judged_weights(inside, grown_manifest, tiny_weights, tmp_path_factory) -> Path:
    """Return the tiny weights with all that verdicts need, fitted by the real program."""
    folder = tmp_path_factory.mktemp("judged") / "weights"
    shutil.copytree(tiny_weights, folder)
    options = ("--data", grown_manifest, "--weights", folder, "--policy", "none", "--record")
    inside("calibrate", *options, status=0)
    return folder
