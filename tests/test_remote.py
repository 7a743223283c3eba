"""URLs name files, folders and patterns as paths do, and keep the rules of files of this machine."""

import os
import socket
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import fsspec.implementations.tar
import numpy as np
import pytest

from ganprint import remote
from ganprint.data import Manifest
from ganprint.data.join import join
from ganprint.errors import GanprintError, ImageError, ManifestError
from ganprint.files import UnfitFileError, open_file, read_file
from ganprint.images import find_images, read_image
from ganprint.local_files import open_local
from ganprint.remote import is_elsewhere, join_location, last_part, list_url, match_url, parent_location, seen_from

from .conftest import encoded, noise, write_tar

TREE = ("real/face/a.png", "real/face/b.png", "progan/face/c.png")


def png(seed: int) -> bytes:
    return encoded(noise(40, 40, 3, seed=seed))


def put_zip(folder: Path) -> str:
    with zipfile.ZipFile(folder / "tree.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number, name in enumerate(TREE):
            archive.writestr(name, png(number))
        archive.writestr("notes.txt", "no image")
    return f"zip://::{folder / 'tree.zip'}"


def put_tar(folder: Path) -> str:
    return f"tar://::{write_tar(folder / 'tree.tar', {name: png(number) for number, name in enumerate(TREE)})}"


def put_store(url: str) -> str:
    for number, name in enumerate(TREE):
        with fsspec.open(f"{url}/{name}", "wb") as file:
            file.write(png(number))
    return url


@pytest.fixture
def object_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Return a bucket of an object store on this machine, or skip where moto or s3fs is not installed."""
    server = pytest.importorskip("moto.server", reason="needs moto[server]")
    pytest.importorskip("s3fs", reason="needs s3fs")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    for name in ("KEY", "SECRET"):
        monkeypatch.setitem(fsspec.config.conf.setdefault("s3", {}), name.lower(), "test")
    monkeypatch.setitem(fsspec.config.conf["s3"], "endpoint_url", f"http://{host}:{port}")
    # What moto stores outlives its server.
    bucket = "".join(each for each in tmp_path.name.lower() if each.isalnum())[-40:]
    fsspec.filesystem("s3").mkdir(bucket)
    yield f"s3://{bucket}"
    fsspec.filesystem("s3").clear_instance_cache()
    running.stop()


@pytest.fixture
def google_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return a bucket of a Google Cloud Storage on this machine, or skip where its emulator is not installed."""
    emulator = pytest.importorskip("gcp_storage_emulator.server", reason="needs gcp-storage-emulator")
    # Else gcsfs asks for the kind of a bucket by gRPC, which the emulator has not.
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    pytest.importorskip("gcsfs", reason="needs gcsfs")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = emulator.create_server("127.0.0.1", port, in_memory=True, default_bucket="bucket")
    running.start()
    options = {"endpoint_url": f"http://127.0.0.1:{port}", "token": "anon"}
    monkeypatch.setitem(fsspec.config.conf, "gs", options)
    yield "gs://bucket"
    fsspec.filesystem("gs").clear_instance_cache()
    running.stop()


@pytest.fixture(params=["zip", "tar", "memory", "s3", "zip in s3", "gs"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return a URL of three images in source/semantic/*."""
    kind = request.param
    if kind in ("zip", "tar"):
        return put_zip(tmp_path) if kind == "zip" else put_tar(tmp_path)
    if kind == "memory":
        return put_store(f"memory://{tmp_path.name}")
    if kind == "gs":
        return put_store(f"{request.getfixturevalue('google_store')}/tree")
    bucket = request.getfixturevalue("object_store")
    if kind == "s3":
        return put_store(f"{bucket}/tree")
    put_zip(tmp_path)
    with fsspec.open(f"{bucket}/tree.zip", "wb") as file:
        file.write((tmp_path / "tree.zip").read_bytes())
    return f"zip://::{bucket}/tree.zip"


def test_a_folder_of_a_url_is_searched_matched_read_and_opened_as_data(tree: str) -> None:
    inside = [str(join_location(tree, name)) for name in sorted(TREE)]
    assert list(find_images([tree], recursive=True)) == inside
    assert list(find_images([str(join_location(tree, "real/face/*.png"))])) == inside[1:]
    image = read_image(inside[0])
    assert (image.name, image.width, image.notes) == (inside[0], 40, ())
    assert image.sha256 == read_image(png(2)).sha256
    (missing,) = find_images([str(join_location(tree, "real/absent.png"))])
    with pytest.raises(ImageError, match=r"There is no file|cannot be found"):
        read_image(missing)
    manifest = Manifest.open(tree)
    assert (manifest.sources, manifest.labels.tolist()) == (("real", "progan"), [0, 0, 1])
    assert read_image(manifest.path(2)).sha256 == image.sha256


def test_a_manifest_of_a_url_names_images_beside_it_and_is_written_for_here(tmp_path: Path, inside: Any) -> None:
    root = put_store(f"memory://{tmp_path.name}")
    archive = put_zip(tmp_path)
    rows = [
        "path,source",
        "real/face/a.png,real",
        f"{join_location(archive, TREE[2])},progan",
        f"{tmp_path}/x.png,progan",
    ]
    with fsspec.open(f"{root}/data.csv", "w") as file:
        file.write("\n".join(rows))
    assert inside("data", "check", f"{root}/data.csv").stdout.count("There is no file") == 1
    manifest = Manifest.open(f"{root}/data.csv")
    for row, seed in ((0, 0), (1, 2)):
        assert read_image(manifest.path(row)).sha256 == read_image(png(seed)).sha256
    (tmp_path / "elsewhere").mkdir()
    for again in (manifest, join([manifest])):
        written = again.take(np.array([0, 1])).write(tmp_path / "elsewhere/data.csv", force=True)
        assert str(written.column("path")[1]) == f"zip://{TREE[2]}::../tree.zip"
        opened = Manifest.open(tmp_path / "elsewhere/data.csv")
        assert read_image(opened.path(1)).sha256 == read_image(png(2)).sha256
        assert read_image(opened.path(0)).sha256 == read_image(png(0)).sha256


@pytest.mark.parametrize("prefix", ["./", "/", "../"])
def test_a_tar_of_all_that_a_folder_holds_is_a_tree_of_sources(prefix: str, tmp_path: Path) -> None:
    folders = {prefix + name: (tarfile.DIRTYPE, "") for name in ("", "real", "real/face")}
    write_tar(tmp_path / "dot.tar", folders | {prefix + name: png(0) for name in TREE})
    manifest = Manifest.open(tmp_path / "dot.tar")
    assert manifest.labels.tolist() == [0, 0, 1]
    assert read_image(manifest.path(0)).pixels.shape == (40, 40, 3)
    # As a manifest has it that was written before.
    assert read_file(f"tar://./{TREE[0]}::{tmp_path / 'dot.tar'}", limit=1 << 20) == png(0)


@pytest.mark.parametrize("kind", [".zip", ".tar"])
def test_an_archive_is_named_as_a_file_and_answers_as_a_folder(kind: str, tmp_path: Path) -> None:
    url = put_zip(tmp_path) if kind == ".zip" else put_tar(tmp_path)
    file = tmp_path / f"tree{kind}"
    assert list(find_images([str(file)])) == list(find_images([url]))
    assert Manifest.open(file).labels.tolist() == [0, 0, 1]
    (tmp_path / "data.csv").write_text(f"path,source\n{TREE[0]},real\n{TREE[2]},progan\n")
    for root in (file, url):
        assert read_image(Manifest.open(tmp_path / "data.csv", root=root).path(1)).sha256 == read_image(png(2)).sha256


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nobody://x.png", "nobody"),
        ("zip://a.png::absent.zip", "There is no file"),
        ("zip://a.png::noise.zip", "zip"),
        ("tar://a.png::noise.zip", "cannot be read"),
        ("zip://a.png::pipe", "pipe"),
        ("zip://a.png::/dev/zero", "device"),
        ("file:///dev/zero", "device"),
        ("local:///dev/zero", "device"),
        ("zip://a.png::file:///dev/zero", "device"),
        ("simplecache::file:///etc/passwd", "There is no file"),
        ("simplecache://x.png::/etc/passwd", "only zip and tar"),
        ("reference://x.png", "not opened"),
        ("zip://../../etc/passwd::tree.zip", "There is no file"),
        ("zip://real::tree.zip", "folder"),
    ],
)
def test_what_no_url_may_open_is_one_sentence(url: str, says: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    put_zip(tmp_path)
    os.mkfifo("pipe")
    Path("noise.zip").write_bytes(np.random.default_rng(0).bytes(4096))
    with pytest.raises(ImageError, match=says):
        read_image(url)


def test_shards_that_are_read_in_turn_are_each_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []

    def counted(path: Path, **options: Any) -> Any:
        opened.append(path)
        return open_local(path, **options)

    monkeypatch.setattr(remote, "open_local", counted)
    for number in range(20):
        (tmp_path / str(number)).mkdir()
        put_tar(tmp_path / str(number))
    for number in [*range(20)] * 2:
        place = f"tar://{TREE[0]}::{tmp_path / str(number) / 'tree.tar'}"
        assert read_file(place, limit=1 << 20) == png(0)
    assert len(opened) == 20


def test_limits_hold_for_what_is_fetched_and_for_what_unpacks(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(1 << 20))
    put_store(f"memory://{tmp_path.name}")
    for url in (f"zip://bomb.png::{tmp_path / 'bomb.zip'}", f"memory://{tmp_path.name}/{TREE[0]}"):
        with pytest.raises(UnfitFileError, match="too large"):
            read_file(url, limit=1000)
        assert len(read_file(url, limit=1 << 20)) > 1000
    with pytest.raises(ManifestError):
        Manifest.open(f"memory://{tmp_path.name}/absent.csv")


def test_an_archive_that_lies_of_its_size_ends_at_the_limit(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(1 << 20))
    content = (tmp_path / "bomb.zip").read_bytes()
    size = (1 << 20).to_bytes(4, "little")
    (tmp_path / "bomb.zip").write_bytes(content.replace(size, (100).to_bytes(4, "little")))
    with pytest.raises(OSError) as error:
        read_file(f"zip://bomb.png::{tmp_path / 'bomb.zip'}", limit=1000)
    assert error.value.strerror


def test_threads_and_forks_read_the_same_bytes_from_one_archive(tmp_path: Path) -> None:
    for url in (put_zip(tmp_path), put_tar(tmp_path)):
        places = [str(join_location(url, name)) for name in TREE]
        found: dict[int, bytes] = {}

        def read(number: int, places: list[str] = places, found: dict[int, bytes] = found) -> None:
            for _ in range(20):
                with open_file(places[number % 3]) as file:
                    found[number] = file.read()

        threads = [Thread(target=read, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [found[number] for number in range(6)] == [png(number % 3) for number in range(6)]
        if (child := os.fork()) == 0:
            right = all(read_file(place, limit=1 << 20) == png(n) for n, place in enumerate(places))
            os._exit(0 if right else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def put_links(folder: Path, links: dict[str, tuple[bytes, str]]) -> str:
    return f"tar://::{write_tar(folder / 'links.tar', {'./real/face/a.png': png(0)} | links)}"


@pytest.mark.parametrize(
    ("links", "leads"),
    [
        ({"x.png": (tarfile.SYMTYPE, "real/face/a.png")}, True),
        ({"fake/x.png": (tarfile.SYMTYPE, "../real//face/a.png")}, True),
        ({"fake/x.png": (tarfile.LNKTYPE, "./real/face/a.png")}, True),
        ({"x.png": (tarfile.SYMTYPE, "y.png"), "y.png": (tarfile.LNKTYPE, "real/face/a.png")}, True),
        ({"x.png": (tarfile.SYMTYPE, "/etc/passwd")}, False),
        ({"x.png": (tarfile.SYMTYPE, "y.png"), "y.png": (tarfile.SYMTYPE, "x.png")}, False),
        ({"x.png": (tarfile.FIFOTYPE, "")}, False),
    ],
)
def test_a_link_in_a_tar_leads_to_a_file_in_it(
    links: dict[str, tuple[bytes, str]], leads: bool, tmp_path: Path
) -> None:
    place = str(join_location(put_links(tmp_path, links), next(iter(links))))
    if leads:
        assert read_file(place, limit=1 << 20) == png(0)
    else:
        with pytest.raises(OSError):
            read_file(place, limit=1 << 20)


def test_members_of_a_tar_are_not_searched_for_again_for_each_folder_and_file(tmp_path: Path, monkeypatch) -> None:
    def searched(*_: Any, **options: Any) -> None:
        pytest.fail("all members were gone through again")

    links = {f"{n}/x.png": (tarfile.SYMTYPE, f"../{n + 1}/x.png") for n in range(5)}
    url = put_links(tmp_path, links)
    monkeypatch.setattr(fsspec.implementations.tar.TarFileSystem, "ls", searched)
    monkeypatch.setattr(tarfile.TarFile, "_getmember", searched)
    assert list_url(url, recursive=True) == [*links, "real/face/a.png"]
    assert match_url(f"tar://*/x.png::{tmp_path / 'links.tar'}") == [str(join_location(url, name)) for name in links]
    assert read_file(str(join_location(url, "./real/face/a.png")), limit=1 << 20) == png(0)


@pytest.mark.parametrize(
    ("path", "parent", "name", "elsewhere"),
    [
        ("a/b.csv", Path("a"), "b.csv", False),
        ("s3://bucket/a/b.csv", "s3://bucket/a", "b.csv", True),
        ("memory://b.csv", "memory://", "b.csv", False),
        ("zip://a/b.csv::x.zip", "zip://a::x.zip", "b.csv", False),
        ("zip://::s3://bucket/x.zip", "zip://::s3://bucket/x.zip", "x.zip", True),
    ],
)
def test_places_of_urls(path: str, parent: Path | str, name: str, elsewhere: bool) -> None:
    assert (parent_location(path), last_part(path), is_elsewhere(path)) == (parent, name, elsewhere)


def test_a_url_seen_from_a_folder_keeps_its_archive() -> None:
    assert seen_from(Path("/a/b"), "zip://x.png::/a/c.zip") == "zip://x.png::../c.zip"
    assert seen_from(Path("/a/b"), "s3://x/y.png") == "s3://x/y.png"
    assert join_location(Path("/a/b"), "zip://x.png::../c.zip") == "zip://x.png::/a/b/../c.zip"


def test_a_list_names_urls(tmp_path: Path) -> None:
    url = put_zip(tmp_path)
    (tmp_path / "list.txt").write_text(f"{join_location(url, TREE[0])}\n{url}\nzip://::{tmp_path}/absent.zip\n")
    found = list(find_images([], files_from=tmp_path / "list.txt"))
    assert [isinstance(each, GanprintError) for each in found] == [False] * 4 + [True]


def test_a_server_that_does_not_answer_is_not_called_a_missing_file() -> None:
    pytest.importorskip("aiohttp")
    with pytest.raises(ImageError, match="cannot be found") as caught:
        read_image("https://127.0.0.1:1/a.png")
    assert "server" in caught.value.hint
