"""Whatever cannot be read is refused with its own error, which names the file; nothing reaches stderr."""

import hashlib
import io
import logging
import os
import pickle
import struct
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ganprint import errors
from ganprint.errors import ImageError
from ganprint.images import read_image
from ganprint.images.formats import is_decodable

from ..conftest import as_nobody, benchmark, chunk, encoded, noise, png_file

FORMATS = ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"]


def written(kind: str, size: tuple[int, int] = (64, 48), **options: object) -> bytes:
    return encoded(noise(size[1], size[0], 3), kind, **options)


def refused(data: bytes, **options: int) -> ImageError:
    with pytest.raises(ImageError) as caught:
        read_image(data, name="evidence.img", **options)
    assert caught.value.message.startswith("evidence.img ")
    assert caught.value.message.endswith(".")
    assert caught.value.hint
    return caught.value


def png_of(width: int, height: int, *chunks: bytes) -> bytes:
    return png_file((width, height), b"", *chunks, colour=0)


def ftyp(*brands: bytes) -> bytes:
    return struct.pack(">I", 12 + 4 * len(brands)) + b"ftyp" + brands[0] + b"\0\0\0\0" + b"".join(brands[1:])


def many_scans(count: int) -> bytes:
    return written("JPEG").replace(b"\xff\xda", b"\xff\xda\0\2" * (count - 1) + b"\xff\xda")


def rle_bitmap(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 130, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1208, 0, 0, 1078) + header + bytes(1024) + b"\0\0" * 65


def ispe(width: int, height: int) -> bytes:
    """Return an AVIF that has only the box of its size."""
    body = b"ispe" + struct.pack(">III", 0, width, height)
    for kind in (b"ipco", b"iprp", b"meta\0\0\0\0"):
        body = kind + struct.pack(">I", 4 + len(body)) + body
    return ftyp(b"avif", b"avif") + struct.pack(">I", 4 + len(body)) + body


NO_HEIC = (
    (errors.TruncatedImageError, "starts as HEIC")
    if is_decodable("HEIC")
    else (errors.UnsupportedImageError, "is HEIC, which")
)


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (b"", errors.EmptyFileError, "is empty"),
        (b"\0", errors.NotAnImageError, "not an image"),
        (b"Dear editor,\nplease find the picture attached.\n", errors.NotAnImageError, "not an image"),
        (b"BM is how this sentence happens to begin", errors.NotAnImageError, "not an image"),
        (b"%PDF-1.7\n", errors.NotAnImageError, "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", errors.NotAnImageError, "not an image"),
        (ftyp(b"heic", b"mif1", b"heic") + b"\0" * 99, *NO_HEIC),
        (ftyp(b"mif1", b"heic") + b"\0" * 99, *NO_HEIC),
        (b"\xff\x0a" + b"\0" * 99, errors.UnsupportedImageError, "is JPEG XL, which"),
        (b"\x89PNG\r\n\x1a\n", errors.TruncatedImageError, "starts as PNG"),
        (b"\xff\xd8\xff\xe0", errors.TruncatedImageError, "starts as JPEG"),
        (png_of(50_000, 50_000), errors.DecompressionBombError, "of a PNG at most 120,000,000 are read"),
        (png_of(12_000, 11_000), errors.DecompressionBombError, "12000 x 11000 pixels"),
        (b"RIFF\0\0\0\0WEBPVP8X\x0a" + b"\0" * 7 + b"\xff" * 6, errors.DecompressionBombError, "16777216 x"),
        (png_of(64, 64, chunk(b"abCd", b"") * 100_001), errors.DecompressionBombError, "chunks"),
        (b"\xff\xd8" + b"\xff\xe1\0\x08Exif\0\0" * 100_001, errors.DecompressionBombError, "segments"),
        (many_scans(101), errors.DecompressionBombError, "101 scans"),
        (rle_bitmap(3_700_000, 32), errors.DecompressionBombError, "of run lengths"),
        (ispe(17_000, 17_000), errors.DecompressionBombError, "17000 x 17000 pixels"),
        (written("PNG", (31, 400)), errors.ImageTooSmallError, "31 x 400 pixels; each side must have at least 32"),
        (png_of(0, 64), errors.TruncatedImageError, "starts as PNG"),
        (png_of(64, 64, chunk(b"zTXt", b"key\0\0" + zlib.compress(b"a" * 50_000_000, 9))), errors.TruncatedImageError,
         "is a damaged PNG"),
    ],
    ids=[
        "zero bytes", "one byte", "text", "text like a bitmap", "pdf", "svg", "heic", "generic heif",
        "jpeg xl", "png signature", "jpeg signature", "bomb beyond pillow", "bomb", "webp bomb", "chunk bomb",
        "segment bomb", "scan bomb", "run length bomb", "avif bomb", "too small", "no width", "text bomb",
    ],
)  # fmt: skip
def test_each_cause_has_its_own_error_and_sentence(data: bytes, error: type[ImageError], says: str) -> None:
    problem = refused(data)
    assert type(problem) is error
    assert says in problem.message


def test_the_way_to_read_heic_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr("ganprint.images.formats.find_spec", lambda name: None)
    problem = refused(ftyp(b"heic", b"mif1") + bytes(99))
    assert problem.hint.startswith("pip install 'ganprint[heic]', or convert it to PNG")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
def test_a_file_cut_short_is_never_read_as_if_whole(kind: str, kept: float) -> None:
    data = written(kind)
    assert type(refused(data[: int(len(data) * kept)])) is errors.TruncatedImageError


@pytest.mark.parametrize("place", [0.3, 0.9])
def test_a_png_whose_pixel_data_fail_their_checksum_is_refused(place: float) -> None:
    damaged = bytearray(written("PNG"))  # noise is stored uncompressed: a flipped bit is a plausible pixel
    damaged[int(len(damaged) * place)] ^= 1
    assert type(refused(bytes(damaged))) is errors.TruncatedImageError


def test_the_pixel_limit_and_smallest_side_can_be_set() -> None:
    data = written("PNG", (64, 48))
    assert read_image(data, max_pixels=64 * 48).width == 64
    assert isinstance(refused(data, max_pixels=64 * 48 - 1), errors.DecompressionBombError)
    assert isinstance(refused(data, min_side=49), errors.ImageTooSmallError)


def test_a_path_is_read_once_and_its_bytes_hashed(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(written("PNG"))
    image = read_image(path)
    assert image.name == str(path)
    assert image.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert np.array_equal(image.pixels, read_image(str(path)).pixels)
    with path.open("rb") as file:
        assert read_image(file, name="-").sha256 == image.sha256


def test_a_name_that_promises_another_format_is_said(tmp_path: Path) -> None:
    path = tmp_path / "photo.JPG"
    path.write_bytes(written("PNG"))
    assert read_image(path).notes == ("Its name promises JPEG, its bytes are PNG.",)


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        *((name, errors.ImageNotFoundError, "There is no file") for name in (
            "absent.png", "a/b/absent.png", "file.png/inside.png", "zero\0byte.png", "link.png")),
        ("pipe.png", errors.ImageUnreadableError, "not a regular file"),  # opening it would wait for ever
        (os.devnull, errors.ImageUnreadableError, "not a regular file"),
        ("", errors.ImageUnreadableError, "is a folder"),
        ("loop.png", errors.ImageUnreadableError, "cannot be read"),
        ("n" * 300, errors.ImageUnreadableError, "cannot be read"),
        ("huge.png", errors.ImageUnreadableError, "larger than 256 MiB"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_reason(
    tmp_path: Path, name: str, error: type[ImageError], says: str
) -> None:
    (tmp_path / "file.png").write_bytes(written("PNG"))
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(256 * 2**20 + 1)  # sparse
    with pytest.raises(error, match=says):
        read_image(tmp_path / name)


def test_a_file_without_permission_is_said_to_be_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(written("PNG"))
    path.chmod(0)
    with as_nobody(), pytest.raises(errors.ImageUnreadableError, match="may not be read by this user"):
        read_image(path)


def test_control_characters_in_a_name_do_not_reach_the_terminal() -> None:
    with pytest.raises(ImageError) as caught:
        read_image(b"text", name="a\x1b[2J\n\u202egnp.exe\udcff")
    assert caught.value.message.startswith("a\\x1b[2J\\n\\u202egnp.exe\\udcff is not")


def test_an_error_holds_none_of_the_files_bytes() -> None:
    data = written("PNG")[:-2000] + bytes(1_000_000)
    with pytest.raises(errors.TruncatedImageError) as caught:
        read_image(io.BytesIO(data), name="x")
    error, frames = caught.value, caught.value.__traceback__
    assert error.__context__ is None
    assert error.__cause__ is None
    while frames:
        if frames.tb_frame.f_code.co_filename.endswith("read.py"):
            held = frames.tb_frame.f_locals.values()
            assert not any(isinstance(value, bytes) for value in held)
        frames = frames.tb_next
    assert pickle.loads(pickle.dumps(error)).hint == error.hint


def test_decoders_write_nothing_and_process_settings_come_back(capfd: pytest.CaptureFixture[str]) -> None:
    filters, handlers = list(warnings.filters), list(logging.getLogger("PIL").handlers)
    damaged = bytearray(written("TIFF", compression="tiff_adobe_deflate"))
    damaged[40:60] = b"\xff" * 20
    with ThreadPoolExecutor(4) as pool:
        problems = list(pool.map(lambda _: refused(bytes(damaged)), range(40)))
    assert {type(problem) for problem in problems} == {errors.TruncatedImageError}
    captured = capfd.readouterr()
    assert captured.err == captured.out == ""
    assert list(warnings.filters) == filters
    assert logging.getLogger("PIL").handlers == handlers


def test_threads_read_the_same_pixels() -> None:
    files = [written(kind) for kind in FORMATS] * 8
    alone = [read_image(data).pixels for data in files]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda data: read_image(data).pixels, files))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_mutated_files_end_in_an_image_or_an_image_error(tmp_path: Path) -> None:
    fuzz_reader = benchmark("fuzz_reader")
    outcome = fuzz_reader.fuzz(600, 20, tmp_path)
    assert outcome.escaped == []
    assert outcome.slowest[0] < 5, outcome.slowest
    assert {mutation for mutation, _ in outcome.counts} == set(fuzz_reader.MUTATIONS)
    assert outcome.counts["wrong extension", "read"] > 50
    assert outcome.counts["truncated", "damaged_image"] > 50
