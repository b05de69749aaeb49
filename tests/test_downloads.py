"""A data set arrives whole and checked in its folder, or nothing of it does."""

import hashlib
import http.server
import io
import os
import re
import shutil
import signal
import socket
import stat
import struct
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pooch
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import assert_one_line_error, run_command, run_python, write_pictures

from imgclass_course.foundation import downloads
from imgclass_course.foundation.downloads import DOWNLOADS, NOTE, Download, folder_digest, get_dataset, unpack
from imgclass_course.foundation.errors import DownloadError

Run = Callable[..., SimpleNamespace]
Make = Callable[[Path, dict[str, bytes]], Path]
PETS = {"cats/000.png", "cats/001.png", "cats/002.png", "dogs/000.png", "dogs/001.png"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, which is the current one."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def imgclass(capfd: pytest.CaptureFixture, here: Path) -> Run:
    """Return a function that runs `imgclass` there."""
    return lambda *arguments: run_command(capfd, *arguments)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "source" / "pets", {"cats": 3, "dogs": 2})


@pytest.fixture(params=["zip", "gztar", "xztar"])
def archive(request: pytest.FixtureRequest, source: Path) -> Path:
    return archive_of(source, request.param)


def archive_of(folder: Path, kind: str) -> Path:
    """Return an archive of a folder, with that folder around its files, two floors up."""
    return Path(shutil.make_archive(os.fspath(folder.parents[1] / "packed"), kind, folder.parent, folder.name))


@pytest.fixture
def known_as(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes `pets` a data set with these facts, which can be fetched."""
    facts = {"url": "https://example.org/pets.zip"}
    return lambda **more: monkeypatch.setitem(DOWNLOADS, "pets", Download("Pets", **facts | more))


@pytest.fixture
def refuses(imgclass: Run, here: Path, known_as: Callable) -> Callable[..., None]:
    """Return a function that checks that a source is refused in one line with these words, and nothing is left."""

    def check(source: Path | None, *words: str, flags: tuple = (), **facts: object) -> None:
        known_as(**facts)
        chosen = ("--source", source) if source else ()
        result = imgclass("data", "get", "pets", *chosen, *flags)
        assert_one_line_error(result, *words)
        assert list(here.iterdir()) == [] and "object at 0x" not in result.err

    return check


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names(folder: Path) -> set[str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != NOTE)
    return {path.relative_to(folder).as_posix() for path in files}


def test_data_list_names_them_all_and_what_each_is_checked_by(imgclass: Run) -> None:
    result = imgclass("data", "list")
    lines = {line.split()[0]: line for line in result.out.splitlines()}
    assert (result.code, list(lines)) == (0, ["clipart", "fashion", "textile", *DOWNLOADS])
    assert "checked by the SHA-256 of its archive" in lines["flowers"]
    assert "checked by the size of its archive alone, since no SHA-256 is published" in lines["cats_vs_dogs"]
    assert "checked by the SHA-256 of its folders train and validation" in lines["clothing"]
    for name, download in DOWNLOADS.items():
        assert download.url.startswith("https://") and (download.sha256 or download.folders or download.size), name


def test_archive_is_unpacked_without_its_outer_folder(
    imgclass: Run, here: Path, source: Path, archive: Path, known_as: Callable
) -> None:
    known_as(sha256=sha256(archive), size=archive.stat().st_size)
    result = imgclass("data", "get", "pets", "--source", archive)
    assert (result.code, result.err, result.out) == (0, "", "pets is in pets\n")
    assert names(here / "pets") == PETS and folder_digest(here / "pets") == folder_digest(source)
    assert [path.name for path in here.iterdir()] == ["pets"] and archive.is_file()
    known_as(sha256="0" * 64)  # one's own hash takes the place of the known one
    own = ["--sha256", sha256(archive).upper()]
    assert imgclass("data", "get", "pets", "--source", archive, "--to", "own", *own).code == 0


def test_folder_is_copied_without_its_rights(
    imgclass: Run, here: Path, source: Path, known_as: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_as(folders={"cats": folder_digest(source / "cats")})
    if os.name == "posix":
        (source / "dogs" / "link.png").symlink_to(source / "cats" / "000.png")
        os.mkfifo(source / "dogs" / "pipe")
    os.chmod(source / "dogs", 0o555)
    (here / "deep" / "er").mkdir(parents=True)  # empty, so that it can be filled
    monkeypatch.setattr(Path, "rename", lambda old, new: new.exists() or os.rename(old, new))  # Windows replaces none
    assert imgclass("data", "get", "pets", "--source", source, "--to", "deep/er").code == 0
    copied = here / "deep" / "er"
    assert names(copied) == PETS | ({"dogs/link.png"} if os.name == "posix" else set())
    assert (copied / "dogs").stat().st_mode & stat.S_IWUSR and not any(path.is_symlink() for path in copied.rglob("*"))


# A second call


def test_second_call_returns_the_folder_as_long_as_it_holds_what_was_put_there(
    here: Path, archive: Path, known_as: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_as()
    monkeypatch.setitem(DOWNLOADS, "others", DOWNLOADS["pets"])
    pets = Path("pets")
    assert get_dataset("pets", pets, archive) == pets
    (pets / ".DS_Store").write_text("a file manager was here")
    assert get_dataset("pets", pets) == get_dataset("pets", pets, sha256=sha256(archive)) == pets
    refused = pytest.raises(DownloadError, match="is there already and is not the data set (pets|others) as .* --to")
    with refused:
        get_dataset("others", pets)
    with refused:
        get_dataset("pets", pets, sha256="0" * 64)
    note = (pets / NOTE).read_bytes()
    for damaged in (b"", b"[]", b"1", b"{}", b"\xff", note.replace(b'"files"', b'"other"')):
        (pets / NOTE).write_bytes(damaged)
        with refused:
            get_dataset("pets", pets)
    (pets / NOTE).write_bytes(note)
    assert get_dataset("pets", pets) == pets
    (pets / "cats" / "000.png").write_bytes(b"changed")
    with refused:
        get_dataset("pets", pets)


def test_second_call_knows_a_data_set_by_its_folders(source: Path, known_as: Callable) -> None:
    known_as(folders={"cats": folder_digest(source / "cats")})
    assert get_dataset("pets", source) == source  # it was put there by other means
    (source / "cats" / "000.png").unlink()
    with pytest.raises(DownloadError, match="is there already"):
        get_dataset("pets", source)


def test_target_that_is_there_is_left_alone(imgclass: Run, here: Path, source: Path, known_as: Callable) -> None:
    known_as()
    assert_one_line_error(imgclass("data", "get", "pets", "--source", source, "--to", "."), "is there already", "--to")
    (here / "pets").mkdir()
    (here / "pets" / "mine.txt").write_text("mine")
    (here / "file").write_text("mine")
    assert_one_line_error(imgclass("data", "get", "pets", "--source", source), "is there already", "--to")
    assert_one_line_error(imgclass("data", "get", "pets", "--source", source, "--to", "file"), "is there already")
    assert names(here) == {"pets/mine.txt", "file"}


def test_folder_digest_sees_names_and_content_and_is_the_same_everywhere(tmp_path: Path) -> None:
    for name in ("a/1.png", "a-b/1.png", "B/1.png"):  # Windows sorts these in another order
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    before = folder_digest(tmp_path)
    assert before == "9f35d6ad79e3cbab29f20c38da9f25a7c9b80f358b8ff3e96147142f0b6c40d1"
    (tmp_path / "a" / ".hidden").touch()
    assert folder_digest(tmp_path) == before
    (tmp_path / "a" / "1.png").rename(tmp_path / "a" / "2.png")
    renamed = folder_digest(tmp_path)
    (tmp_path / "a" / "2.png").write_bytes(b"other")
    assert len({before, renamed, folder_digest(tmp_path)}) == 3


@pytest.mark.skipif(os.name != "posix", reason="other systems do not allow such names")
def test_folder_digest_takes_names_that_are_not_text(source: Path) -> None:
    (source / os.fsdecode(b"\xff.png")).touch()
    assert len(folder_digest(source)) == 64


# Sources that are not what they should be, not safe, or damaged


def zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as zipped:
        for name, data in members.items():
            zipped.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return path


def tar_of(path: Path, members: dict[str, bytes], kind: str = "gz") -> Path:
    with tarfile.open(path, f"w:{kind}") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_other_content_is_refused(refuses: Callable, archive: Path) -> None:
    refuses(archive, "its SHA-256 is", "0" * 64, sha256="0" * 64)
    refuses(archive, "its SHA-256 is", "1" * 64, flags=("--sha256", "1" * 64))
    refuses(archive, "'sha256:1'", "64 hexadecimal digits", flags=("--sha256", "sha256:1"))
    refuses(archive, "bytes and should have 1.", size=1)
    refuses(archive, "files in cats", "0" * 64, folders={"cats": "0" * 64}, flags=("--to", "deep/er"))
    refuses(archive, "no folder birds", folders={"birds": "0" * 64})
    for share in (0.9, 0.5, 0.2):
        os.truncate(archive, int(archive.stat().st_size * share))
        refuses(archive)


def changed_zip(path: Path, change: Callable[[bytes], bytes]) -> Path:
    data = zip_of(path, {"a/1.png": bytes(5000), "b/1.png": b"1"}).read_bytes()
    path.write_bytes(change(data))
    return path


def damage(data: bytes) -> bytes:
    return data.replace(b"a/1.png", b"a/1.png\xff", 1)  # begins a kind of block that there is not


def understate(data: bytes) -> bytes:
    return data.replace(struct.pack("<I", 5000), struct.pack("<I", 10))


def encrypt(data: bytes) -> bytes:
    return re.sub(rb"(PK\x03\x04..|PK\x01\x02....)\0", lambda found: found[1] + b"\1", data, flags=re.DOTALL)


def test_no_archive_or_a_damaged_one_is_a_clear_error(refuses: Callable, tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    refuses(odd, "no archive or folder")
    refuses(zip_of(odd, {}), "no files")
    refuses(tar_of(odd, {}), "no files")
    refuses(changed_zip(odd, damage), "cannot be unpacked")
    refuses(changed_zip(odd, understate), "cannot be unpacked")
    refuses(changed_zip(odd, encrypt), "password")
    refuses(zip_of(odd, {"a": b"", "a/b": b""}), "cannot be unpacked")
    with tarfile.open(odd, "w") as tar:
        for _ in range(2):
            tar.addfile(tarfile.TarInfo("pets/1.png"))
    refuses(odd, "cannot be unpacked", "File exists")
    odd.write_text("<html>Not found</html>")
    refuses(odd, "neither a zip nor a tar")
    odd.unlink()
    odd.mkdir()
    refuses(odd, "no files")


def test_arguments_are_checked_before_any_work(source: Path, tmp_path: Path, known_as: Callable) -> None:
    known_as()
    with pytest.raises(DownloadError, match="No data set is called 'nothing'; there are flowers"):
        get_dataset("nothing", tmp_path / "other")
    with pytest.raises(DownloadError, match="is a folder, which has no SHA-256"):
        get_dataset("pets", tmp_path / "other", source, "0" * 64)


OUTSIDE = ["../evil", "a/../../evil", "/evil", "..\\evil", "a\\..\\..\\evil", "C:\\evil", "C:evil", "\\evil", "."]
ODD = [
    "aux.txt",
    "a/NUL",
    "Com1.tar.gz",
    "lpt¹ .x/evil",
    "conout$",
    "evil.",
    "evil /b",
    "a/evil:b",
    "evil?",
    "evil\x07",
]


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize("name", OUTSIDE + ODD)
def test_names_that_are_not_safe_everywhere_are_refused(
    refuses: Callable, tmp_path: Path, make: Make, name: str
) -> None:
    refuses(make(tmp_path / "nasty", {"cats/1.png": b"1", name: b"evil"}), "not safe to unpack")
    assert not list(tmp_path.rglob("*evil*"))


def test_names_that_only_look_so_are_taken(tmp_path: Path) -> None:
    members = ("auxiliary.txt", "com10.png", "com.png", "nulls/con-1.png", ".hidden/..a", "ä 1.png", "lpt")
    unpack(zip_of(tmp_path / "harmless.zip", dict.fromkeys(members, b"1")), tmp_path / "out")
    assert names(tmp_path / "out") == set(members)


def test_links_devices_and_rights_in_an_archive_are_left_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "links.tar", "w") as tar:
        for number, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)):
            info = tarfile.TarInfo(f"pets/link{number}")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        inside = tarfile.TarInfo("pets/link0/inside")
        inside.size, inside.mode = 4, 0o6777
        tar.addfile(inside, io.BytesIO(b"data"))
        tar.addfile(tarfile.TarInfo("pets/cats/1.png"))
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as zipped:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        zipped.writestr(link, "/etc/passwd")
        zipped.writestr("cats/1.png", b"1")
        zipped.writestr("dogs/1.png", b"1")
    for name, expected in (("tar", {"link0/inside", "cats/1.png"}), ("zip", {"cats/1.png", "dogs/1.png"})):
        unpack(tmp_path / f"links.{name}", tmp_path / name)
        assert names(tmp_path / name) == expected
        assert not any(path.is_symlink() for path in (tmp_path / name).rglob("*"))
    assert (tmp_path / "tar" / "link0" / "inside").stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize(("limit", "value"), [("MAX_UNPACKED_FILES", 3), ("MAX_UNPACKED_BYTES", 300_000)])
def test_more_than_the_limits_is_refused_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Make, limit: str, value: int
) -> None:
    make(tmp_path / "bomb", {f"{number}.png": bytes(100_000) for number in range(3)})
    monkeypatch.setattr(downloads, limit, value)
    unpack(tmp_path / "bomb", tmp_path / "out")
    monkeypatch.setattr(downloads, limit, value - 1)
    with pytest.raises(DownloadError, match="more files or bytes"):
        unpack(tmp_path / "bomb", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_listing_a_tar_bomb_stops_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # To list what comes after a member of a packed tar archive means to unpack that member.
    tar_of(tmp_path / "bomb.tgz", {f"{number}.png": bytes(50_000) for number in range(20)})
    listed = []
    original = tarfile.TarFile.next

    def watch(self: tarfile.TarFile) -> tarfile.TarInfo | None:
        listed.append(original(self))
        return listed[-1]

    monkeypatch.setattr(tarfile.TarFile, "next", watch)
    monkeypatch.setattr(downloads, "MAX_UNPACKED_BYTES", 100_000)
    with pytest.raises(DownloadError, match="more files or bytes"):
        unpack(tmp_path / "bomb.tgz", tmp_path / "none")
    assert len(listed) < 10


def test_copying_stops_where_a_member_is_longer_than_it_says() -> None:
    with pytest.raises(DownloadError, match="longer than the archive says"):
        downloads._copy_limited(io.BytesIO(bytes(11)), io.BytesIO(), 10)


@given(place=st.floats(0, 0.999), value=st.integers(1, 255), kind=st.sampled_from(["zip", "gz", "xz", "bz2", ""]))
def test_changed_byte_is_an_error_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, place: float, value: int, kind: str
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    members = {f"pets/{number}.png": bytes(range(256)) * 3 for number in range(3)}
    path = folder / "archive"
    zip_of(path, members) if kind == "zip" else tar_of(path, members, kind)
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= value
    path.write_bytes(data)
    try:
        unpack(path, folder / "out")
    except DownloadError as error:
        assert "archive" in str(error) or "name" in str(error)
    shutil.rmtree(folder)


# Downloading, from a server in this process


class QuietServer(http.server.ThreadingHTTPServer):
    """Says nothing of clients that hang up, which it would do in the middle of a later test."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one archive, in the way that the path says."""

    archive = b""
    asked: list[str] = []
    stopped = threading.Event()

    def do_HEAD(self) -> None:
        """Answer, unless this server never does; not each server knows this question."""
        if self.way == "silent":
            self.stopped.wait(30)
        self.answer_with(405 if self.way == "whole" else 200, {}, b"")

    def do_GET(self) -> None:
        """Answer."""
        self.asked.append(self.way)
        is_cut = self.way in ("cut", "stalled") or (self.way == "flaky" and len(self.asked) == 1)
        sent = self.archive[:100] if is_cut else self.archive
        if self.way == "chunked":
            self.answer_with(200, {"Transfer-Encoding": "chunked"}, b"ffff\r\n" + sent[:100])
        else:
            headers = {"Content-Length": len(self.archive)}
            packed = {"Content-Encoding": "gzip"} if "gzip" in self.headers["Accept-Encoding"] else {}
            self.answer_with(404 if self.way == "missing" else 200, headers | packed, sent)
        if self.way == "stalled":
            self.stopped.wait(30)

    @property
    def way(self) -> str:
        """The first part of the path."""
        return self.path.split("/")[1]

    def answer_with(self, code: int, headers: dict[str, object], sent: bytes) -> None:
        """Answer, be it true to the headers or not."""
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def server(source: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the address of a server that has an archive of the folder `pets`; time-outs are short."""
    Handler.archive = archive_of(source, "gztar").read_bytes()
    Handler.asked.clear()
    Handler.stopped.clear()
    monkeypatch.setattr(downloads, "TIMEOUT_SECONDS", 0.3)
    with QuietServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        Handler.stopped.set()
        running.shutdown()


@pytest.mark.parametrize(("way", "attempts"), [("whole", 1), ("flaky", 2)])
def test_data_set_is_downloaded(
    imgclass: Run, here: Path, server: str, known_as: Callable, monkeypatch: pytest.MonkeyPatch, way: str, attempts: int
) -> None:
    monkeypatch.setattr(pooch.get_logger().handlers[0], "stream", sys.stderr)  # as if it were imported now
    known_as(url=f"{server}/{way}/pets.tgz", sha256=hashlib.sha256(Handler.archive).hexdigest())
    level = pooch.get_logger().level
    for _ in range(2):  # the second time it is there
        result = imgclass("data", "get", "pets")
        assert (result.code, result.err, result.out) == (0, "", "pets is in pets\n")
    assert names(here / "pets") == PETS and [path.name for path in here.iterdir()] == ["pets"]
    assert len(Handler.asked) == attempts and pooch.get_logger().level == level


def test_failed_download_is_one_line(refuses: Callable, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "RETRIES", 0)  # each costs a second
    start = time.monotonic()
    for way, words in (("missing", "404"), ("chunked", "IncompleteRead"), ("cut", "IncompleteRead"),
                       ("stalled", "timed out"), ("silent", "timed out")):  # fmt: skip
        url = f"{server}/{way}/pets.tgz"
        refuses(None, f"Downloading {url} failed", words, "imgclass data get pets --source FILE", url=url)
    refuses(None, "packed.tar.gz is not what", "its SHA-256 is", url=f"{server}/wrong/packed.tar.gz", sha256="0" * 64)
    refuses(None, "Connection refused", url="http://127.0.0.1:9/pets.tgz")
    assert time.monotonic() - start < 10


def test_download_without_a_network_says_what_to_do(refuses: Callable, network_attempts: list[str]) -> None:
    refuses(None, "Downloading https://example.org/pets.zip failed (the tests refuse", "get pets --source FILE")
    assert network_attempts
    network_attempts.clear()


def test_name_that_is_looked_up_for_ever_is_given_up(refuses: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    assert max(downloads.ANSWER_SECONDS, (downloads.TIMEOUT_SECONDS + 1) * (downloads.RETRIES + 1)) < 30
    stopped = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: stopped.wait(30) and [])
    monkeypatch.setattr(downloads, "ANSWER_SECONDS", 0.2)
    refuses(None, "https://example.org/pets.zip failed (no answer)")
    stopped.set()


DIE = """
import os, sys
from pathlib import Path

import pooch

from imgclass_course.foundation import downloads

_, when, archive, target, number = sys.argv

def die(*arguments, check_only=False):
    if not check_only:
        arguments[2 if when == "download" else 1].write(b"half")
        os.kill(os.getpid(), int(number))

if when == "download":
    pooch.HTTPDownloader.__call__ = die
else:
    downloads._copy_limited = die
downloads.DOWNLOADS["pets"] = downloads.Download("Pets", "https://example.org/pets.zip")
downloads.get_dataset("pets", Path(target), Path(archive) if when == "unpack" else None)
"""
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
CTRL_C = pytest.param(signal.SIGINT, marks=pytest.mark.skipif(sys.platform == "win32", reason="sends it otherwise"))


@pytest.mark.parametrize("when", ["download", "unpack"])
@pytest.mark.parametrize("number", [KILL, CTRL_C])
def test_kill_in_the_middle_leaves_no_data_set(
    here: Path, source: Path, known_as: Callable, monkeypatch: pytest.MonkeyPatch, when: str, number: int
) -> None:
    archive = archive_of(source, "zip")
    child = run_python("-c", DIE, when, str(archive), str(here / "deep" / "er"), str(int(number)))
    left = names(here)
    assert child.returncode != 0 and all(name.startswith(".imgclass-data-") for name in left), child.stderr
    assert (len(left) > 0) == (number == KILL) == any(here.iterdir())  # a killed process cannot tidy up
    known_as()
    get_dataset("pets", here / "deep" / "er", archive)
    assert names(here / "deep" / "er") == PETS and left <= names(here)  # it might be at work
    monkeypatch.setattr(downloads, "LEFTOVER_SECONDS", 0)
    get_dataset("pets", here / "other", archive)
    assert {path.name for path in here.iterdir()} == {"deep", "other"}


def test_pooch_is_imported_where_it_is_needed() -> None:
    code = "import sys, imgclass_course.foundation.downloads as d; print({'pooch', 'requests'} & {*sys.modules})"
    assert run_python("-c", code).stdout == "set()\n"
