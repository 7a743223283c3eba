"""Verdicts from Python: whatever an image is given as, the answer is the same, and errors come as asked for."""

import gc
import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import ganprint
from ganprint import forked
from ganprint.errors import ImageNotFoundError, OutputExistsError, TruncatedImageError, UsageError, WeightsError
from ganprint.forensics import verdict_stream


@pytest.fixture
def image(tiny_manifest: Path) -> Path:
    return tiny_manifest.parent / "progan" / "test_seen0.png"


@pytest.fixture
def attribute(judged_weights: Path) -> Any:
    def run(images: Any, **options: Any) -> Any:
        return ganprint.attribute(images, weights=judged_weights, device="cpu", **options)

    return run


WAYS: dict[str, Any] = {
    "text": str,
    "path": Path,
    "bytes": Path.read_bytes,
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "stream": lambda path: path.open("rb"),
    "picture": Image.open,
    "array": lambda path: np.asarray(Image.open(path)),
    "read-only view": lambda path: np.asarray(Image.open(path))[::-1][::-1],
}


def test_one_image_gets_the_same_answer_however_it_is_given(attribute: Any, image: Path) -> None:
    verdicts = list(attribute([way(image) for way in WAYS.values()]))
    assert len({(verdict.verdict, verdict.synthetic_probability) for verdict in verdicts}) == 1
    assert verdicts[0].verdict == "progan"
    names = [verdict.path for verdict in verdicts]
    assert names == [str(image), str(image), "image 3", "image 4", "image 5", str(image), "image 7", "image 8"]
    files = {verdict.sha256 for verdict in verdicts if verdict.format == "PNG"}
    pixels = {verdict.sha256 for verdict in verdicts if verdict.format == "pixels"}
    assert len(files) == len(pixels) == 1 and files != pixels


@pytest.mark.parametrize(
    ("images", "count"),
    [
        (lambda path: path, 1),
        (lambda path: np.asarray(Image.open(path)), 1),
        (lambda path: np.stack([np.asarray(Image.open(path))] * 3), 3),
        (lambda path: (str(path) for _ in range(2)), 2),
        (lambda path: path.parent, 24),
        (lambda path: str(path.parent / "test_*.png"), 5),
        (lambda path: bytearray(path.read_bytes()), 1),
        (lambda path: [], 0),
    ],
    ids=["path", "array", "arrays", "generator", "folder", "pattern", "bytearray", "none"],
)
def test_one_or_many(attribute: Any, image: Path, images: Any, count: int) -> None:
    expected = len(list(image.parent.iterdir())) if count == 24 else count
    assert len(list(attribute(images(image), batch_size=4))) == expected


def test_images_are_read_as_verdicts_are_taken(attribute: Any, image: Path) -> None:
    taken = []

    def images() -> Iterator[Path]:
        for number in range(9):
            taken.append(number)
            yield image

    verdicts = attribute(images(), batch_size=2, workers=0)
    assert taken == []
    next(verdicts)
    assert len(taken) == 2


def test_verdicts_are_the_same_bytes_at_any_number_of_workers(attribute: Any, image: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(image.read_bytes()[:200])
    images = [image.parent, tmp_path / "broken.png", image.read_bytes(), tmp_path / "absent.png", image]
    found = [
        [verdict.model_dump_json() for verdict in attribute(images, batch_size=3, workers=workers)]
        for workers in (0, 1, 3)
    ]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == len(list(image.parent.iterdir())) + 4


@pytest.mark.parametrize(
    ("count", "options", "expected"),
    [
        (9, {"workers": 2}, {(1, False)}),
        (9, {"workers": 2, "threads": 2}, {(2, False)}),
        (9, {"workers": 0}, {(1, True)}),
        (9, {"workers": 0, "threads": 2}, {(2, True)}),
        (1, {"workers": 2}, {(1, True)}),
    ],
    ids=["many", "many with threads named", "no workers", "no workers, with threads named", "one"],
)
def test_images_are_answered_for_in_threads_that_compute_alone_and_torch_keeps_those_it_had(
    attribute: Any,
    image: Path,
    count: int,
    options: dict[str, Any],
    expected: set[tuple[int, bool]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer, found = verdict_stream.answer_together, set()

    def noted(*arguments: Any) -> Any:
        found.add((torch.get_num_threads(), threading.current_thread() is threading.main_thread()))
        return answer(*arguments)

    monkeypatch.setattr(verdict_stream, "answer_together", noted)
    monkeypatch.setattr(forked, "can_fork", lambda: False)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert len(list(attribute([image] * count, **options))) == count
        assert found == expected
        with ThreadPoolExecutor(1) as pool:
            later = pool.submit(torch.get_num_threads).result()
        assert later == torch.get_num_threads() == options.get("threads", 3)
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux")
def test_many_files_are_answered_for_in_processes_with_the_same_bytes(
    attribute: Any, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.png").write_bytes(image.read_bytes()[:200])
    files = [image, tmp_path / "broken.png", *sorted(image.parent.iterdir()), tmp_path / "absent.png"] * 4
    images = [*files[:20], image.read_bytes(), *files]
    alone = [verdict.model_dump_json() for verdict in attribute(images, workers=0)]
    answer, here = verdict_stream.answer_together, []

    def noted(batch: Any, ensemble: Any) -> Any:
        here.append([each.name for each in batch])
        return answer(batch, ensemble)

    monkeypatch.setattr(verdict_stream, "answer_together", noted)
    monkeypatch.setattr(forked, "can_fork", lambda: True)
    assert [verdict.model_dump_json() for verdict in attribute(images, workers=2)] == alone
    # Bytes stay in this process, which notes nothing of what the others do.
    assert len(here) == 1
    assert "image 21" in here[0]
    here.clear()
    assert [verdict.model_dump_json() for verdict in attribute(images[:15], workers=2)] == alone[:15]
    assert len(here) == 4


def test_an_image_that_cannot_be_read_is_yielded_left_out_or_raised_after_those_before_it(
    attribute: Any, image: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(image.read_bytes()[:100])
    images = [image, tmp_path / "absent.png", broken, image]
    codes = [verdict.error and verdict.error.code for verdict in attribute(images)]
    assert codes == [None, "not_found", "damaged_image", None]
    assert [verdict.error for verdict in attribute(images, on_error="skip")] == [None, None]
    verdicts = attribute(images, on_error="raise")
    assert next(verdicts).verdict == "progan"
    with pytest.raises(ImageNotFoundError, match=r"no file .*absent\.png"):
        next(verdicts)
    with pytest.raises(TruncatedImageError):
        list(attribute(broken, on_error="raise"))


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (3, "int is not an image"),
        ([None], "NoneType is not an image"),
        (np.zeros((40, 40), np.uint8), r"array of uint8, \(40, 40\)"),
        (np.zeros((40, 40, 3), np.float32), "array of float32"),
        (np.zeros((40, 40, 4), np.uint8), r"\(40, 40, 4\)"),
    ],
    ids=["number", "nothing", "grey", "floats", "alpha"],
)
def test_what_can_be_no_image_is_refused_with_what_is_needed(attribute: Any, images: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        list(attribute(images))
    assert error.value.hint


def test_what_is_wrong_with_the_options_is_said_at_once(image: Path, tmp_path: Path, attribute: Any) -> None:
    with pytest.raises(WeightsError, match="nobody"):
        ganprint.attribute(image, weights="nobody")
    (tmp_path / "there.jsonl").write_text("")
    with pytest.raises(OutputExistsError):
        attribute(image, out=tmp_path / "there.jsonl")
    with pytest.raises(UsageError, match="at most 1000 images"):
        attribute([image] * 1001, report=tmp_path / "case.html")
    with pytest.raises(UsageError, match="on_error cannot be 'ignore'") as refused:
        attribute(image, on_error="ignore")
    assert refused.value.hint == "It is one of: yield, skip, raise."


def test_a_stream_of_text_and_an_empty_name_are_told_as_what_they_are(attribute, image: Path, monkeypatch) -> None:
    monkeypatch.chdir(image.parent)
    with image.open(encoding="latin-1") as text:
        found = [(verdict.error.code, verdict.error.message) for verdict in attribute([text, ""])]
    assert found == [("unreadable", "image 1 gives text, not bytes."), ("not_found", "An empty name is no image.")]


def test_files_and_reports_are_those_of_the_command(
    attribute: Any, inside: Any, image: Path, judged_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANPRINT_WEIGHTS", str(judged_weights.parent))
    out, printed = tmp_path / "verdicts.jsonl", tmp_path / "printed.csv"
    verdicts = list(attribute([image], out=out))
    assert json.loads(out.read_text()) == verdicts[0].model_dump(mode="json")
    list(attribute([image], out=printed, as_csv=True))
    command = inside("attribute", image, "--weights", judged_weights, "--device", "cpu", "--csv")
    assert printed.read_text() == command.stdout
    again = attribute([image, image.with_name("test_seen1.png")], out=out, resume=True)
    assert [Path(verdict.path).name for verdict in again] == ["test_seen1.png"]
    assert again.before == {"progan": 1}
    list(attribute([image], report=tmp_path / "case.html", maps=False))
    assert [each.outcome for each in ganprint.verify(tmp_path / "case.json", device="cpu")] == ["same"]
    with pytest.raises(UsageError, match="image 1 is not a file"):
        list(attribute([image.read_bytes()], report=tmp_path / "other.html"))
    with pytest.raises(UsageError, match="no image to report on"):
        list(attribute([], report=tmp_path / "other.html"))


def test_a_file_of_verdicts_can_be_resumed_as_soon_as_an_iterator_is_left(
    attribute: Any, image: Path, tmp_path: Path
) -> None:
    images, out = [image, image.with_name("test_seen1.png")], tmp_path / "verdicts.jsonl"
    gc.disable()
    try:
        for _ in attribute(images, out=out):
            break
        assert len(list(attribute(images, out=out, resume=True))) == 1
    finally:
        gc.enable()


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "I;16", "1"])
def test_pictures_of_every_mode_are_read_as_files_of_them_are(attribute: Any, tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8))
    picture = (
        grey.convert("I").point(lambda value: value * 256).convert("I;16") if mode == "I;16" else grey.convert(mode)
    )
    file = tmp_path / ("picture.tif" if mode == "CMYK" else "picture.png")
    picture.save(file)
    of_file, of_picture = attribute([file, picture])
    assert of_file.error is None and of_file.probabilities == of_picture.probabilities


@pytest.mark.parametrize(("name", "size"), [("turned.png", (43, 60)), ("turned.jpg", (40, 60))])
def test_a_picture_is_turned_upright_as_its_file_is(
    name: str, size: tuple[int, int], attribute: Any, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (43, 60, 3), np.uint8)).save(tmp_path / name, exif=exif)
    with Image.open(tmp_path / name) as picture:
        of_file, of_picture = attribute([tmp_path / name, picture])
    assert (of_picture.width, of_picture.height) == (of_file.width, of_file.height) == size
