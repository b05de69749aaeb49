"""A data set arrives whole and checked in its folder, or nothing of it does."""

import hashlib
import http.server
import io
import os
import shutil
import stat
import struct
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import assert_one_line_error, run_command, write_pictures

from imgclass_course import downloads
from imgclass_course.datasets import DatasetError
from imgclass_course.downloads import DOWNLOADS, Download, folder_digest, get_dataset, unpack

Run = Callable[..., SimpleNamespace]


@pytest.fixture
def imgclass(capfd: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs `imgclass` in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return lambda *arguments: run_command(capfd, *arguments)


@pytest.fixture
def here(imgclass: Run, tmp_path: Path) -> Path:
    return tmp_path / "here"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "source" / "pets", {"cats": 3, "dogs": 2})


@pytest.fixture(params=["zip", "tgz", "tar.xz"])
def archive(request: pytest.FixtureRequest, source: Path, tmp_path: Path) -> Path:
    """Return an archive of the folder `pets`, with that folder around it."""
    path = tmp_path / f"pets.{request.param}"
    if request.param == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
            for file in sorted(source.rglob("*.png")):
                zipped.write(file, file.relative_to(source.parent))
    else:
        with tarfile.open(path, "w:gz" if request.param == "tgz" else "w:xz") as tar:
            tar.add(source, "pets")
    return path


def known_as(monkeypatch: pytest.MonkeyPatch, **facts: object) -> None:
    """Make `pets` a data set that can be fetched."""
    monkeypatch.setitem(DOWNLOADS, "pets", Download("Pets", **{"url": "https://example.org/pets.zip"} | facts))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


PETS = {"cats/000.png", "cats/001.png", "cats/002.png", "dogs/000.png", "dogs/001.png"}


def test_data_list_names_them_all(imgclass: Run) -> None:
    result = imgclass("data", "list")
    assert result.code == 0
    assert [line.split()[0] for line in result.out.splitlines()] == ["clipart", "fashion", *DOWNLOADS]


def test_archive_is_unpacked_without_its_outer_folder(
    imgclass: Run, here: Path, source: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_as(monkeypatch, sha256=sha256(archive), size=archive.stat().st_size)
    result = imgclass("data", "get", "pets", "--source", archive)
    assert (result.code, result.err, result.out) == (0, "", "pets is in pets\n")
    assert names(here / "pets") == PETS and folder_digest(here / "pets") == folder_digest(source)
    assert [path.name for path in here.iterdir()] == ["pets"]
    assert archive.is_file()


def test_folder_is_copied(imgclass: Run, here: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known_as(monkeypatch, folders={"cats": folder_digest(source / "cats")})
    assert imgclass("data", "get", "pets", "--source", source, "--to", "deep/er").code == 0
    assert names(here / "deep" / "er") == PETS and names(source) == PETS


def test_empty_folder_that_is_there_is_filled(
    imgclass: Run, here: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_as(monkeypatch)
    (here / "pets").mkdir()
    assert imgclass("data", "get", "pets", "--source", source).code == 0 and names(here / "pets") == PETS


def test_target_that_is_there_is_left_alone(
    imgclass: Run, here: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_as(monkeypatch)
    (here / "pets").mkdir()
    (here / "pets" / "mine.txt").write_text("mine")
    (here / "file").write_text("mine")
    assert_one_line_error(imgclass("data", "get", "pets", "--source", source), "is there already", "--to")
    assert_one_line_error(imgclass("data", "get", "pets", "--source", source, "--to", "file"), "is there already")
    assert names(here) == {"pets/mine.txt", "file"}


@pytest.mark.parametrize("own", [False, True])
def test_wrong_hash_is_refused(
    imgclass: Run, here: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    known_as(monkeypatch, sha256=sha256(archive) if own else "0" * 64)
    flags = ["--sha256", "1" * 64] if own else []
    assert_one_line_error(imgclass("data", "get", "pets", "--source", archive, *flags), "SHA-256", sha256(archive))
    assert list(here.iterdir()) == []


def test_own_hash_takes_the_place_of_the_known_one(
    imgclass: Run, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_as(monkeypatch, sha256="0" * 64)
    assert imgclass("data", "get", "pets", "--source", archive, "--sha256", sha256(archive).upper()).code == 0


def test_wrong_size_is_refused(imgclass: Run, here: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known_as(monkeypatch, size=archive.stat().st_size + 1)
    assert_one_line_error(imgclass("data", "get", "pets", "--source", archive), "bytes and should have")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("folders", [{"cats": "0" * 64}, {"birds": "0" * 64}])
def test_other_pictures_are_refused(
    imgclass: Run, here: Path, source: Path, monkeypatch: pytest.MonkeyPatch, folders: dict[str, str]
) -> None:
    known_as(monkeypatch, folders=folders)
    result = imgclass("data", "get", "pets", "--source", source)
    assert_one_line_error(result, next(iter(folders)))
    assert list(here.iterdir()) == []


def test_folder_digest_sees_names_and_content(source: Path) -> None:
    before = folder_digest(source)
    (source / "cats" / "000.png").rename(source / "cats" / "other.png")
    renamed = folder_digest(source)
    (source / "cats" / "other.png").write_bytes(b"other")
    assert len({before, renamed, folder_digest(source)}) == 3


@pytest.mark.skipif(os.name != "posix", reason="other systems do not allow such names")
def test_folder_digest_takes_names_that_are_not_text(source: Path) -> None:
    (source / os.fsdecode(b"\xff.png")).touch()
    assert len(folder_digest(source)) == 64


# Archives that are not safe, or damaged


def zip_of(path: Path, members: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as zipped:
        for name, data in members.items():
            zipped.writestr(zipfile.ZipInfo(name), data, kind)
    return path


def tar_of(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


NASTY_NAMES = ["../evil", "a/../../evil", "/evil", "..\\evil", "a\\..\\..\\evil", "C:\\evil", "C:evil", "\\evil", "."]


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize("name", NASTY_NAMES)
def test_names_that_lead_outside_are_refused(
    imgclass: Run,
    here: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path, dict[str, bytes]], Path],
    name: str,
) -> None:
    known_as(monkeypatch)
    make(tmp_path / "nasty", {"cats/1.png": b"1", name: b"evil"})
    assert_one_line_error(imgclass("data", "get", "pets", "--source", tmp_path / "nasty"), "not safe to unpack")
    assert list(here.iterdir()) == [] and not list(tmp_path.rglob("*evil*"))


def test_links_and_devices_in_a_tar_are_left_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "links.tar", "w") as tar:
        for number, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)):
            info = tarfile.TarInfo(f"pets/link{number}")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        folder = tarfile.TarInfo("pets/link0/inside")
        folder.size = 4
        tar.addfile(folder, io.BytesIO(b"data"))
        tar.addfile(tarfile.TarInfo("pets/cats/1.png"))
    unpack(tmp_path / "links.tar", tmp_path / "out")
    assert names(tmp_path / "out") == {"link0/inside", "cats/1.png"}
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))


def test_links_in_a_zip_are_left_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as zipped:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        zipped.writestr(link, "/etc/passwd")
        zipped.writestr("cats/1.png", b"1")
        zipped.writestr("dogs/1.png", b"1")
    unpack(tmp_path / "links.zip", tmp_path / "out")
    assert names(tmp_path / "out") == {"cats/1.png", "dogs/1.png"}


def test_rights_in_an_archive_are_not_taken_over(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "rights.tar", "w") as tar:
        info = tarfile.TarInfo("pets/run.sh")
        info.mode = 0o6777
        tar.addfile(info)
    unpack(tmp_path / "rights.tar", tmp_path / "out")
    assert (tmp_path / "out" / "run.sh").stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_too_many_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path, dict[str, bytes]], Path]
) -> None:
    make(tmp_path / "many", {f"{number}.png": b"" for number in range(11)})
    monkeypatch.setattr(downloads, "MAX_UNPACKED_FILES", 11)
    unpack(tmp_path / "many", tmp_path / "out")
    monkeypatch.setattr(downloads, "MAX_UNPACKED_FILES", 10)
    with pytest.raises(DatasetError, match="limits"):
        unpack(tmp_path / "many", tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("make", [lambda path, members: zip_of(path, members, zipfile.ZIP_DEFLATED),
                                  lambda path, members: tar_of(path, members, "w:gz")], ids=["zip", "tgz"])  # fmt: skip
def test_too_many_bytes_are_refused_before_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path, dict[str, bytes]], Path]
) -> None:
    make(tmp_path / "bomb", {f"{number}.png": bytes(100_000) for number in range(3)})
    monkeypatch.setattr(downloads, "MAX_UNPACKED_BYTES", 299_999)
    with pytest.raises(DatasetError, match="limits"):
        unpack(tmp_path / "bomb", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_listing_a_tar_bomb_stops_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # To list what comes after a member of a packed tar archive means to unpack that member.
    tar_of(tmp_path / "bomb.tgz", {f"{number}.png": bytes(50_000) for number in range(20)}, "w:gz")
    listed = []
    original = tarfile.TarFile.next

    def watch(self: tarfile.TarFile) -> tarfile.TarInfo | None:
        listed.append(original(self))
        return listed[-1]

    monkeypatch.setattr(tarfile.TarFile, "next", watch)
    monkeypatch.setattr(downloads, "MAX_UNPACKED_BYTES", 100_000)
    with pytest.raises(DatasetError, match="limits"):
        unpack(tmp_path / "bomb.tgz", tmp_path / "none")
    assert len(listed) < 10


def test_zip_that_understates_its_sizes_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "lie.zip", {"a/1.png": bytes(5000), "b/1.png": b"1"}, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    for place in range(len(data) - 4):
        if data[place : place + 4] == struct.pack("<I", 5000):
            data[place : place + 4] = struct.pack("<I", 10)
    path.write_bytes(data)
    with pytest.raises(DatasetError):
        unpack(path, tmp_path / "out")


def test_copying_stops_where_a_member_is_longer_than_it_says() -> None:
    with pytest.raises(DatasetError, match="longer than the archive says"):
        downloads._copy_limited(io.BytesIO(bytes(11)), io.BytesIO(), 10)


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_empty_archive_is_a_clear_error(
    imgclass: Run, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[..., Path]
) -> None:
    known_as(monkeypatch)
    make(tmp_path / "empty", {})
    assert_one_line_error(imgclass("data", "get", "pets", "--source", tmp_path / "empty"), "no files")
    assert list(here.iterdir()) == []


def test_file_that_is_no_archive_is_a_clear_error(
    imgclass: Run, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_as(monkeypatch)
    (tmp_path / "page.zip").write_text("<html>Not found</html>")
    assert_one_line_error(imgclass("data", "get", "pets", "--source", tmp_path / "page.zip"), "neither a zip nor a tar")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_cut_archive_is_a_clear_error(
    imgclass: Run, here: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    known_as(monkeypatch)
    os.truncate(archive, int(archive.stat().st_size * share))
    assert_one_line_error(imgclass("data", "get", "pets", "--source", archive))
    assert list(here.iterdir()) == []


@given(place=st.floats(0, 0.999), value=st.integers(1, 255), kind=st.sampled_from(["zip", "gz", "xz", "bz2", "tar"]))
def test_changed_byte_is_an_error_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, place: float, value: int, kind: str
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    members = {f"pets/{number}.png": bytes(range(256)) * 3 for number in range(3)}
    path = folder / "archive"
    if kind == "zip":
        zip_of(path, members, zipfile.ZIP_DEFLATED)
    else:
        tar_of(path, members, "w" if kind == "tar" else f"w:{kind}")
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= value
    path.write_bytes(data)
    try:
        unpack(path, folder / "out")
    except DatasetError as error:
        assert "archive" in str(error)
    shutil.rmtree(folder)


def test_zip_with_damaged_data_is_a_clear_error(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "damaged.zip", {"a/1.png": bytes(5000), "b/1.png": b"1"}, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    data[30 + len("a/1.png")] = 0xFF  # a kind of block that there is not
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="cannot be unpacked"):
        unpack(path, tmp_path / "out")


def test_zip_with_a_password_is_a_clear_error(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "secret.zip", {"a/1.png": b"1", "b/1.png": b"1"})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := data.find(mark, start + 1)) >= 0:
            data[start + offset] |= 1
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="password"):
        unpack(path, tmp_path / "out")


def test_same_name_twice_is_a_clear_error(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "twice.tar", "w") as tar:
        for _ in range(2):
            tar.addfile(tarfile.TarInfo("pets/1.png"))
    with pytest.raises(DatasetError, match="cannot be unpacked"):
        unpack(tmp_path / "twice.tar", tmp_path / "out")


# Downloading, from a server in this process


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one file, in the way that the path says."""

    archive = b""

    def do_GET(self) -> None:
        """Answer."""
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        self.send_response(200)
        if self.path.startswith("/chunked"):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"ffff\r\n" + self.archive[:100])  # and then the line is cut
            return
        self.send_header("Content-Length", str(len(self.archive)))
        self.end_headers()
        self.wfile.write(self.archive[:100] if self.path.startswith("/cut") else self.archive)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def server(source: Path, tmp_path: Path) -> Iterator[str]:
    """Return the address of a server that has an archive of the folder `pets`."""
    with tarfile.open(tmp_path / "served.tgz", "w:gz") as tar:
        tar.add(source, "pets")
    Handler.archive = (tmp_path / "served.tgz").read_bytes()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_data_set_is_downloaded(imgclass: Run, here: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known_as(monkeypatch, url=f"{server}/pets.tgz", sha256=hashlib.sha256(Handler.archive).hexdigest())
    result = imgclass("data", "get", "pets")
    assert (result.code, result.err, result.out) == (0, "", "pets is in pets\n")
    assert names(here / "pets") == PETS and [path.name for path in here.iterdir()] == ["pets"]


@pytest.mark.parametrize("way", ["missing", "chunked", "cut"])
def test_failed_download_is_one_line(
    imgclass: Run, here: Path, server: str, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    known_as(monkeypatch, url=f"{server}/{way}/pets.tgz", size=len(Handler.archive))
    assert_one_line_error(imgclass("data", "get", "pets"))
    assert list(here.iterdir()) == []


def test_download_without_a_network_says_what_to_do(imgclass: Run, here: Path, network_attempts: list[str]) -> None:
    assert_one_line_error(imgclass("data", "get", "flowers"), "Downloading https://storage", "--source FILE")
    assert network_attempts and list(here.iterdir()) == []
    network_attempts.clear()


def test_known_downloads_are_checked() -> None:
    for name, download in DOWNLOADS.items():
        assert download.url.startswith("https://"), name
        assert download.sha256 or download.folders or download.size, name


def test_library_returns_the_folder(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known_as(monkeypatch)
    assert get_dataset("pets", tmp_path / "out", source) == tmp_path / "out"
    with pytest.raises(DatasetError, match="flowers"):
        get_dataset("nothing", tmp_path / "other")
