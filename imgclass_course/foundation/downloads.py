"""Data sets that are fetched by name: downloaded once, checked, unpacked safely, and there whole or not at all.

`DOWNLOADS` says what each is checked by: the SHA-256 of its archive or of the files in its folders; where nobody
publishes one, the size of the archive alone. Nothing is downloaded unless somebody asks for it with
`imgclass data get NAME` or `get_dataset`; then Pooch does it.
"""

import hashlib
import io
import json
import lzma
import os
import re
import stat
import tarfile
import tempfile
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from .errors import DownloadError
from .files import UNSAFE_NAME, printable, remove
from .progress import progress_bar

if TYPE_CHECKING:
    import pooch

MAX_UNPACKED_BYTES = 5_000_000_000
MAX_UNPACKED_FILES = 200_000
CHUNK_BYTES = 1 << 20
ANSWER_SECONDS = 15.0  # for looking the server up, reaching it and its first answer
TIMEOUT_SECONDS = 12.0  # of silence, after which a connection counts as broken
RETRIES = 1  # of a broken download; with the times above, failing takes less than 30 s
LEFTOVER_SECONDS = 3600.0  # in which nothing changed: whoever wrote it was killed
NOTE = ".imgclass_data.json"  # in a data set's folder: what was put there
# What damaged archives make the readers raise; the last is a password or an unknown compression.
_UNPACKING_ERRORS = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError)


@dataclass(frozen=True)
class Download:
    """A data set on the internet, and how to know that it is the right one."""

    description: str
    url: str
    sha256: str = ""  # of the archive; empty where no trustworthy one is published
    size: int = 0  # of the archive in bytes, where it is known
    folders: dict[str, str] = field(default_factory=dict)  # folder inside: digest of its files, see folder_digest

    @property
    def check(self) -> str:
        """Return what tells the right content from another."""
        if self.sha256:
            return "the SHA-256 of its archive"
        if self.folders:
            return f"the SHA-256 of its folders {' and '.join(self.folders)}"
        return "the size of its archive alone, since no SHA-256 is published"


DOWNLOADS = {
    "flowers": Download(
        "3,670 photos of five kinds of flower (CC BY 2.0)",
        "https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz",
        sha256="4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
        size=228_813_984,
    ),
    "cats_vs_dogs": Download(
        "3,000 photos of cats and dogs, split into train and validation",
        "https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip",
        size=68_606_236,
    ),
    # GitHub packs its archives anew from time to time, so it is the pictures that are checked; those in `test` are not.
    "clothing": Download(
        "3,781 photos of ten kinds of clothing, split into train, validation and test (CC0)",
        "https://github.com/alexeygrigorev/clothing-dataset-small/archive/refs/heads/master.zip",
        folders={
            "train": "d1259f96aab05d52c27030a98e45c80c3d9ed28ba0a0af02b3e4613b39d9d9d2",
            "validation": "09276b4e0aacd82c00a1201971ad99d42ccbd804c8c4bf0b8dca3366290ec471",
        },
    ),
}


def get_dataset(name: str, target: Path, source: Path | None = None, sha256: str | None = None) -> Path:
    """Put the data set `name` into the folder `target` and return it; where it is there already, only return it.

    It comes from `source`, an archive or folder that is here already, or is downloaded. An archive must hash to
    `sha256` (hexadecimal), by default to the known one, if any. "There already" is decided by the digests of folders
    where they are known, else by the note that was left with the files; a folder that holds anything else is refused.
    Raises `DownloadError` for wrong arguments, a failed download, or content that is not what it should be; then
    nothing is left behind.
    """
    sha256 = (sha256 or "").lower()
    _check_arguments(name, source, sha256)
    place = target.resolve()
    if _is_filled(place):
        if not _holds(place, name, sha256):
            raise DownloadError(
                f"{printable(target)} is there already and is not the data set {name} as it was fetched: "
                "choose another folder with --to."
            )
        return target
    with _workplace(place) as workplace:
        folder = _prepare(name, workplace, source, sha256)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            place.rmdir()  # it is empty; Windows renames onto nothing
        folder.rename(place)
    return target


def _check_arguments(name: str, source: Path | None, sha256: str) -> None:
    if name not in DOWNLOADS:
        raise DownloadError(f"No data set is called {name!r}; there are {', '.join(DOWNLOADS)}.")
    if source is not None and not (source.is_file() or source.is_dir()):
        raise DownloadError(f"There is no archive or folder {printable(source)}.")
    if sha256 and not re.fullmatch("[0-9a-f]{64}", sha256):
        raise DownloadError(f"{sha256!r} is no SHA-256, which has 64 hexadecimal digits.")
    if sha256 and source is not None and source.is_dir():
        raise DownloadError(f"{printable(source)} is a folder, which has no SHA-256: give an archive, or no --sha256.")


def _is_filled(place: Path) -> bool:
    """Return whether there is something at a place that a new folder may not replace."""
    return place.exists() and (not place.is_dir() or place.samefile(Path.cwd()) or any(place.iterdir()))


def _holds(folder: Path, name: str, sha256: str) -> bool:
    """Return whether a folder holds a data set, from an archive of that hash if one is given."""
    try:
        if DOWNLOADS[name].folders:
            return not _folders_problem(folder, DOWNLOADS[name])
        note = json.loads((folder / NOTE).read_text("utf-8"))
        return note == {"name": name, "sha256": sha256 or note["sha256"], "files": folder_digest(folder)}
    except (OSError, ValueError, LookupError, TypeError):  # no note, or none of ours
        return False


@contextmanager
def _workplace(place: Path) -> Iterator[Path]:
    """Make a folder on the same disk for the time of the work, and remove those that killed processes left there."""
    parent = next(folder for folder in place.parents if folder.is_dir())
    for leftover in parent.glob(".imgclass-data-*"):
        with suppress(OSError):  # another process removes its own
            if time.time() - max(path.lstat().st_mtime for path in (leftover, *leftover.rglob("*"))) > LEFTOVER_SECONDS:
                remove(leftover)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".imgclass-data-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


def _prepare(name: str, workplace: Path, source: Path | None, sha256: str) -> Path:
    """Return a folder in the workplace that holds the data set, checked."""
    download, folder = DOWNLOADS[name], workplace / "unpacked"
    source = source or _fetch(name, workplace)
    archive_sha256 = _check_archive(source, download, sha256) if source.is_file() else ""
    unpack(source, folder)
    if problem := _folders_problem(folder, download):
        raise DownloadError(problem)
    note = {"name": name, "sha256": archive_sha256, "files": folder_digest(folder)}
    (folder / NOTE).write_text(json.dumps(note), "utf-8")
    return folder


def _fetch(name: str, folder: Path) -> Path:
    """Download a data set's archive into a folder."""
    import pooch

    url, size = DOWNLOADS[name].url, DOWNLOADS[name].size
    file = PurePosixPath(url).name
    store = pooch.create(folder, "", registry={file: None}, urls={file: url}, retry_if_failed=RETRIES)
    as_it_is = {"Accept-Encoding": "identity"}  # unpacked on its way, an archive would have another hash
    http = pooch.HTTPDownloader(chunk_size=CHUNK_BYTES, timeout=TIMEOUT_SECONDS, headers=as_it_is)
    logger, level = pooch.get_logger(), pooch.get_logger().level
    logger.setLevel("WARNING")  # it tells each step on standard error
    try:
        _await_answer(partial(store.is_available, file, http))
        return Path(store.fetch(file, downloader=partial(_save, http=http, size=size)))
    except (OSError, ValueError, futures.TimeoutError) as error:
        raise DownloadError(
            f"Downloading {url} failed ({_cause(error)}). With a copy of it: imgclass data get {name} --source FILE."
        ) from error
    finally:
        logger.setLevel(level)


def _await_answer(ask: Callable[[], object]) -> None:
    """Ask a server for anything, and raise what goes wrong, or `futures.TimeoutError` where nothing comes in time.

    Looking its name up has no time-out, and each of its addresses is tried with one of its own, which can take minutes.
    """
    answer: futures.Future[object] = futures.Future()

    def wait() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:  # raised where the answer is awaited
            answer.set_exception(error)

    threading.Thread(target=wait, daemon=True).start()
    answer.result(ANSWER_SECONDS)


def _save(url: str, path: str, _: "pooch.Pooch", http: "pooch.HTTPDownloader", size: int) -> None:
    """Download a file of `size` bytes (0: not known) with our progress bar; Pooch's own is shown in a pipe, too."""
    from tqdm.utils import CallbackIOWrapper

    with open(path, "wb") as file, progress_bar(None, "Downloading", "bytes", size or None) as bar:
        bar.unit_scale = True
        http(url, CallbackIOWrapper(bar.update, file, "write"), None)


def _cause(error: BaseException) -> str:
    """Return what an error began with: those that wrap it repeat the address and name objects in memory."""
    while error.__context__:
        error = error.__context__
    return str(error) or "no answer"


def _check_archive(archive: Path, download: Download, sha256: str) -> str:
    """Compare an archive with what is known of it and return its SHA-256."""
    import pooch

    name, size = printable(archive.name), archive.stat().st_size
    if download.size and size != download.size:
        raise DownloadError(f"{name} has {size:,} bytes and should have {download.size:,}.")
    found, expected = pooch.file_hash(archive), sha256 or download.sha256
    if expected and found != expected:
        raise DownloadError(f"{name} is not what it should be: its SHA-256 is {found}, expected {expected}.")
    return found


def folder_digest(folder: Path) -> str:
    """Return the SHA-256 over the relative names and SHA-256 of a folder's files, the same on each system.

    Hidden files are left out: the course does not read them, and file managers and Jupyter make some.
    """
    import pooch

    digest = hashlib.sha256()
    for name, path in sorted((path.relative_to(folder).parts, path) for path in folder.rglob("*") if path.is_file()):
        if not any(part.startswith(".") for part in name):
            digest.update(os.fsencode("/".join(name)) + f" {pooch.file_hash(path)}\n".encode())
    return digest.hexdigest()


def _folders_problem(folder: Path, download: Download) -> str:
    """Return what is wrong with the folders whose digests are known, or nothing."""
    for name, expected in download.folders.items():
        if not (folder / name).is_dir():
            return f"There is no folder {name} inside: this is another data set."
        if (found := folder_digest(folder / name)) != expected:
            return f"The files in {name} are not what they should be: digest {found}, expected {expected}."
    return ""


@dataclass(frozen=True)
class _Member:
    """A regular file in an archive or folder."""

    name: str
    size: int  # bytes when unpacked, as the archive says
    open: Callable[[], IO[bytes]]


@contextmanager
def _open_members(source: Path) -> Iterator[Iterator[_Member]]:
    """The regular files of a folder, or of a zip or tar archive without its links and devices, as they are listed."""
    if source.is_dir():
        paths = (path for path in source.rglob("*") if path.is_file())
        names = ((path.relative_to(source).as_posix(), path) for path in paths)
        yield (_Member(name, path.stat().st_size, partial(io.FileIO, path)) for name, path in names)
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as zipped:
            infos = (info for info in zipped.infolist() if not info.is_dir())
            plain = (info for info in infos if not stat.S_ISLNK(info.external_attr >> 16))
            yield (_Member(info.filename, info.file_size, partial(zipped.open, info)) for info in plain)
    elif tarfile.is_tarfile(source):
        with tarfile.open(source) as tar:
            extract = cast(Callable[[tarfile.TarInfo], IO[bytes]], tar.extractfile)  # None for links only
            yield (_Member(info.name, info.size, partial(extract, info)) for info in tar if info.isreg())
    else:
        raise DownloadError(f"{printable(source)} is neither a zip nor a tar archive.")


def _safe_path(name: str) -> PurePosixPath:
    """Return a member's path, which stays inside the folder and means the same on each system."""
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or any(map(UNSAFE_NAME.fullmatch, path.parts)):
        raise DownloadError(
            f"The name {printable(name)} leads outside the folder, or is none on each system: it is not safe to unpack."
        )
    return path


def unpack(source: Path, folder: Path) -> None:
    """Unpack an archive, or copy a folder, into a new folder, without the one folder that may surround all files.

    Rights are not taken over. Links and devices in an archive are left out; in a folder, links to files count as files.
    Raises `DownloadError` for names that lead outside or that Windows does not take, for more than
    `MAX_UNPACKED_FILES` files or `MAX_UNPACKED_BYTES` bytes, and for damaged archives.
    """
    try:
        with _open_members(source) as listed:
            members = _within_limits(source, listed)
            paths = [_safe_path(member.name) for member in members]
            surrounded = all(len(path.parts) > 1 for path in paths) and len({path.parts[0] for path in paths}) == 1
            for member, path in zip(members, paths, strict=True):
                target = folder.joinpath(*path.parts[1:] if surrounded else path.parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with member.open() as data, target.open("xb") as file:
                    _copy_limited(data, file, member.size)
    except _UNPACKING_ERRORS as error:
        raise DownloadError(f"{printable(source.name)} cannot be unpacked ({error}).") from error


def _within_limits(source: Path, listed: Iterable[_Member]) -> list[_Member]:
    """Return all members; reading the list stops at the limits, since listing a tar archive unpacks it."""
    members, size = [], 0
    for member in listed:
        members.append(member)
        size += member.size
        if len(members) > MAX_UNPACKED_FILES or size > MAX_UNPACKED_BYTES:
            raise DownloadError(f"{printable(source.name)} unpacks to more files or bytes than downloads.py allows.")
    if not members:
        raise DownloadError(f"There are no files in {printable(source.name)}.")
    return members


def _copy_limited(source: IO[bytes], target: IO[bytes], size: int) -> None:
    """Copy a member, and stop where it is longer than its archive says."""
    remaining = size
    while chunk := source.read(CHUNK_BYTES):
        remaining -= len(chunk)
        if remaining < 0:
            raise DownloadError("A file in the archive is longer than the archive says: it is not safe to unpack.")
        target.write(chunk)
