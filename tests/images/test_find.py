"""What the user names becomes the same paths in the same order, and what names nothing gets a sentence."""

import os
from itertools import islice
from pathlib import Path

import pytest
from PIL import Image

from ganprint.errors import ImageError, ImageNotFoundError, ImageUnreadableError, NoImagesError
from ganprint.images import find_images
from ganprint.images.find import no_file

from ..conftest import as_nobody


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of images, text and folders, as the working folder's `case`."""
    image = Image.new("RGB", (40, 40))
    root = tmp_path / "case"
    for name in ["b.png", "a.jpg", "C.PNG", "sub/d.webp", "sub/deep/e.gif", "z/f.bmp", "odd[1].png"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(root / name)
    image.save(root / "nameless", "PNG")
    (root / "notes.txt").write_text("no image")
    (root / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (root / "texts").mkdir()
    (root / "texts/readme.md").write_text("no image")
    monkeypatch.chdir(tmp_path)
    return root


def names(inputs: list[str], **options: object) -> list[str]:
    found = list(find_images(inputs, **options))
    return [f.as_posix() if isinstance(f, Path) else f"{type(f).__name__}: {f.message}" for f in found]


FLAT = ["case/C.PNG", "case/a.jpg", "case/b.png", "case/nameless", "case/odd[1].png", "case/phone.heic"]
DEEP = [*FLAT, "case/sub/d.webp", "case/sub/deep/e.gif", "case/z/f.bmp"]


@pytest.mark.parametrize(
    ("inputs", "recursive", "expected"),
    [
        (["case"], False, FLAT),
        (["case/"], True, DEEP),
        (["case/b.png", "case/a.jpg", "case/b.png"], False, ["case/b.png", "case/a.jpg", "case/b.png"]),
        (["case/notes.txt"], False, ["case/notes.txt"]),
        (["case/absent.png"], False, ["case/absent.png"]),
        (["case/*.png"], False, ["case/b.png", "case/odd[1].png"]),
        (["case/[ab].*"], False, ["case/a.jpg", "case/b.png"]),
        (["case/odd[1].png"], False, ["case/odd[1].png"]),
        (["case/**/*.gif"], False, ["case/sub/deep/e.gif"]),
        (["case/su?"], True, ["case/sub/d.webp", "case/sub/deep/e.gif"]),
        (["case/*.txt"], False, ["case/notes.txt"]),
        (["case/texts"], True, ["NoImagesError: The folder case/texts holds no image."]),
        (["case/*.tiff", "case/z"], False, ["NoImagesError: No file matches case/*.tiff.", "case/z/f.bmp"]),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else str(value),
)
def test_inputs_name_these_paths_in_this_order(
    case: Path, inputs: list[str], recursive: bool, expected: list[str]
) -> None:
    assert names(inputs, recursive=recursive) == expected


def test_an_absolute_pattern_matches(case: Path) -> None:
    assert names([f"{case}/*.jpg"]) == [f"{case}/a.jpg"]


def test_a_folder_whose_images_lie_deeper_hints_at_recursive(case: Path) -> None:
    (case / "empty").mkdir()
    (case / "outer/inner").mkdir(parents=True)
    hints = [f.hint for f in find_images(["case/empty", "case/outer"]) if isinstance(f, ImageError)]
    assert "--recursive" not in hints[0]
    assert "--recursive" in hints[1]


@pytest.mark.parametrize("inputs", [["case"], ["case/**/*.png"]])
def test_links_that_loop_are_not_followed(case: Path, inputs: list[str]) -> None:
    expected = names(inputs, recursive=True)
    for number in range(3):
        (case / f"loop{number}").symlink_to(case)
    (case / "above").symlink_to(case.parent)
    assert names(inputs, recursive=True) == expected


def test_a_linked_folder_that_is_named_and_a_linked_file_are_taken(case: Path) -> None:
    (case.parent / "alias").symlink_to(case / "z")
    (case / "z/link.png").symlink_to(case / "b.png")
    (case / "z/broken.png").symlink_to(case / "gone.png")
    assert names(["alias"]) == ["alias/broken.png", "alias/f.bmp", "alias/link.png"]
    assert "a link to a file that is gone" in no_file(case / "z/broken.png", "broken.png").message


def test_a_pipe_in_a_folder_is_not_opened(case: Path) -> None:
    os.mkfifo(case / "z/pipe")
    assert names(["case/z"]) == ["case/z/f.bmp"]


def test_a_folder_that_cannot_be_searched_is_said_and_the_rest_goes_on(case: Path) -> None:
    (case / "sub").chmod(0)
    case.parent.chmod(0o755)
    with as_nobody():
        found = list(find_images(["case"], recursive=True))
    (case / "sub").chmod(0o755)
    errors = [f for f in found if isinstance(f, ImageError)]
    assert [type(error) for error in errors] == [ImageUnreadableError]
    assert "case/sub cannot be searched" in errors[0].message
    assert Path("case/z/f.bmp") in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"case/b.png\ncase/a.jpg\n", ["case/b.png", "case/a.jpg"]),
        (b"\xef\xbb\xbfcase/b.png\r\n\r\ncase/z\r\n", ["case/b.png", "case/z/f.bmp"]),
        (b"case/*.png", ["case/*.png"]),
        (b"\n\n", ["NoImagesError: The list list.txt names no file."]),
        (b"\x89PNG\r\n\x1a\n\0\0\0", ["NoImagesError: list.txt is not a list of paths."]),
    ],
    ids=["plain", "windows", "pattern is a name", "empty", "an image"],
)
def test_a_list_gives_the_paths_of_its_lines(case: Path, text: bytes, expected: list[str]) -> None:
    (case.parent / "list.txt").write_bytes(text)
    assert names([], files_from=Path("list.txt")) == expected


def test_names_that_are_not_utf8_survive_a_list(case: Path) -> None:
    (case.parent / "list.txt").write_bytes(b"case/caf\xe9.png\n")
    (found,) = find_images([], files_from=Path("list.txt"))
    assert os.fsencode(found) == b"case/caf\xe9.png"


def test_a_missing_list_and_a_pattern_that_is_none_are_said(case: Path) -> None:
    missing, impossible = find_images([], files_from=Path("absent.txt")), find_images(["case/*\0"])
    assert [type(each) for each in (*missing, *impossible)] == [ImageNotFoundError, NoImagesError]


def test_the_first_path_of_many_folders_comes_before_the_last_is_searched(tmp_path: Path) -> None:
    for number in range(50):
        folder = tmp_path / f"{number:02d}"
        folder.mkdir()
        (folder / "a.png").touch()
    stream = find_images([str(tmp_path)], recursive=True)
    first = list(islice(stream, 1))
    (tmp_path / "49/late.png").touch()
    assert first == [tmp_path / "00/a.png"]
    assert list(stream)[-1] == tmp_path / "49/late.png"
