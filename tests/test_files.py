"""User files are opened only where they are regular and small enough, and written whole or not at all."""

import multiprocessing
import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from ganprint.errors import UsageError
from ganprint.files import (
    UnfitFileError,
    atomic_file,
    atomic_folder,
    atomic_write,
    first_same,
    lock,
    locked_folder,
    open_file,
    read_file,
)


def make_unfit(kind: str, path: Path) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    else:
        path.symlink_to(kind)


@pytest.mark.parametrize(
    "kind", ["folder", "pipe", "socket", "/dev/zero", "/dev/stdin", "/proc/self/maps", "/proc/kcore"]
)
def test_what_may_wait_or_never_end_is_not_opened(kind: str, tmp_path: Path) -> None:
    unfit = tmp_path / "unfit"
    make_unfit(kind, unfit)
    link = tmp_path / "link"
    link.symlink_to(unfit)
    for path in (unfit, link):
        with pytest.raises(OSError) as error:
            read_file(path, limit=100)
        assert error.value.strerror


def test_a_link_to_a_regular_file_is_read_and_a_larger_file_refused(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"x" * 100)
    link.symlink_to(file)
    assert read_file(link, limit=100) == b"x" * 100
    with pytest.raises(UnfitFileError, match="more than 99 bytes"):
        read_file(link, limit=99)
    with open_file(file) as opened:
        assert opened.read() == b"x" * 100


def test_what_was_there_survives_a_failure_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    atomic_write(file, b"good")
    with pytest.raises(ZeroDivisionError), atomic_file(file) as opened:
        opened.write(b"half")
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "folder") as folder:
        (folder / "half").touch()
        raise ZeroDivisionError
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert file.read_bytes() == b"good"


def test_a_link_in_the_place_of_the_output_is_replaced_and_not_followed(tmp_path: Path) -> None:
    precious, out = tmp_path / "precious", tmp_path / "out"
    precious.write_bytes(b"precious")
    out.symlink_to(precious)
    atomic_write(out, b"new")
    assert (precious.read_bytes(), out.read_bytes(), out.is_symlink()) == (b"precious", b"new", False)


@pytest.mark.parametrize("kind", ["folder", "pipe", "/dev/null"])
def test_a_device_pipe_or_folder_is_not_replaced(kind: str, tmp_path: Path) -> None:
    make_unfit(kind, tmp_path / "out")
    before = (tmp_path / "out").lstat()
    with pytest.raises(UnfitFileError, match="not a regular file"):
        atomic_write(tmp_path / "out", b"x")
    assert (tmp_path / "out").lstat() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(0o600)
    atomic_write(file, b"x")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def _write_until_killed(folder: Path, ready: "multiprocessing.synchronize.Event") -> None:
    with atomic_file(folder / "file") as file, atomic_folder(folder / "made") as made:
        file.write(b"half")
        (made / "half").touch()
        ready.set()
        signal.pause()


def test_what_a_killed_process_left_is_swept_away_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    writer = context.Process(target=_write_until_killed, args=(tmp_path, ready))
    writer.start()
    ready.wait()
    assert len(list(tmp_path.iterdir())) == 2
    atomic_write(tmp_path / "living", b"x")
    assert len(list(tmp_path.iterdir())) == 3
    writer.kill()
    writer.join()
    # Another name of the folder: this process looks into each once.
    again = tmp_path.parent / f"{tmp_path.name}-again"
    again.symlink_to(tmp_path)
    atomic_write(again / "living", b"y")
    assert [each.name for each in tmp_path.iterdir()] == ["living"]


def test_a_lock_is_one_processes_only(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as one, (tmp_path / "file").open("wb") as other:
        assert lock(one)
        assert not lock(other)
    with (tmp_path / "file").open("wb") as other:
        assert lock(other)


def test_a_folder_is_kept_to_one_process_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    out = tmp_path / "a" / "out"
    with locked_folder(out), pytest.raises(UsageError, match="Another process"), locked_folder(out):
        pass
    with locked_folder(out):
        (out / "result").touch()
    with locked_folder(out):
        assert [each.name for each in out.iterdir()] == ["result"]
    with locked_folder(tmp_path / "empty"):
        pass
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
    with pytest.raises(UsageError, match="not a folder to write to"), locked_folder(out / "result"):
        pass


def test_an_input_is_told_from_an_output_through_links(tmp_path: Path) -> None:
    file, hard, soft = (tmp_path / name for name in ("file", "hard", "soft"))
    file.touch()
    os.link(file, hard)
    soft.symlink_to(file)
    assert first_same(file, [tmp_path, "absent", hard]) == hard
    assert first_same(soft, [file]) == file
    assert first_same(tmp_path / "absent", [file]) is None
