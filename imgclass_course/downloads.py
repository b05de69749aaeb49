"""Data sets that are fetched by name: downloaded once, checked by SHA-256, unpacked safely.

Nothing here is downloaded unless somebody asks for it with `imgclass data get NAME`.
"""

import hashlib
import http.client
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from imgclass_course.datasets import DatasetError, printable

MAX_UNPACKED_BYTES = 5_000_000_000
MAX_UNPACKED_FILES = 200_000
CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 30
# What damaged archives make the readers raise; the last two are an unknown compression and a password.
_UNPACKING_ERRORS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True)
class Download:
    """A data set on the internet, and how to know that it is the right one."""

    description: str
    url: str
    sha256: str = ""  # of the archive; empty where no trustworthy one is published
    size: int = 0  # of the archive in bytes, where it is known
    folders: dict[str, str] = field(default_factory=dict)  # folder inside: digest of its files, see folder_digest


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
    # GitHub packs its archives anew from time to time, so it is the pictures that are checked.
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
    """Put the data set `name` into the folder `target` and return it.

    It comes from `source`, an archive or folder that is here already, or is downloaded. A folder that is there already
    is left alone. Raises `DatasetError` for an unknown name, a failed download, or content that is not what it should
    be; then nothing is left behind.
    """
    if name not in DOWNLOADS:
        raise DatasetError(f"No data set is called {name!r}; there are {', '.join(DOWNLOADS)}.")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DatasetError(f"{printable(target)} is there already and not empty: choose another folder with --to.")
    if source is not None and not source.exists():
        raise DatasetError(f"There is no archive or folder {printable(source)}.")
    download = DOWNLOADS[name]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as workplace:
        folder = Path(workplace) / "unpacked"
        if source is not None and source.is_dir():
            shutil.copytree(source, folder, symlinks=True)
        else:
            archive = source or _fetch(download, Path(workplace))
            _check_archive(archive, download, sha256)
            unpack(archive, folder)
        _check_folders(folder, download)
        if target.exists():
            target.rmdir()
        folder.rename(target)
    return target


def _fetch(download: Download, workplace: Path) -> Path:
    """Download an archive into a folder."""
    from tqdm import tqdm

    path = workplace / PurePosixPath(download.url).name
    try:
        with urllib.request.urlopen(download.url, timeout=TIMEOUT_SECONDS) as response, path.open("wb") as file:
            total = int(response.headers.get("Content-Length") or download.size)
            with tqdm(total=total, unit="B", unit_scale=True, desc=path.name, disable=None) as progress:
                while chunk := response.read(CHUNK_BYTES):
                    file.write(chunk)
                    progress.update(len(chunk))
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DatasetError(
            f"Downloading {download.url} failed ({reason}). With a copy of it: imgclass data get … --source FILE."
        ) from error
    return path


def _check_archive(archive: Path, download: Download, sha256: str | None) -> None:
    """Compare an archive with what is known of it."""
    if download.size and archive.stat().st_size != download.size:
        raise DatasetError(f"{archive.name} has {archive.stat().st_size:,} bytes and should have {download.size:,}.")
    expected = (sha256 or download.sha256).lower()
    if expected and (found := _file_digest(archive)) != expected:
        raise DatasetError(f"{archive.name} is not what it should be: its SHA-256 is {found}, expected {expected}.")


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def folder_digest(folder: Path) -> str:
    """SHA-256 over the relative names and the SHA-256 of all files of a folder, sorted by name."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(os.fsencode(path.relative_to(folder).as_posix()) + f" {_file_digest(path)}\n".encode())
    return digest.hexdigest()


def _check_folders(folder: Path, download: Download) -> None:
    for name, expected in download.folders.items():
        if not (folder / name).is_dir():
            raise DatasetError(f"There is no folder {name} inside: this is another data set.")
        if (found := folder_digest(folder / name)) != expected:
            raise DatasetError(f"The files in {name} are not what they should be: digest {found}, expected {expected}.")


@dataclass(frozen=True)
class _Member:
    """A regular file in an archive."""

    name: str
    size: int  # bytes when unpacked, as the archive says
    open: Callable[[], IO[bytes]]


@contextmanager
def _open_archive(archive: Path) -> Iterator[Iterator[_Member]]:
    """The regular files of a zip or tar archive, as they are listed; links and devices are left out."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            infos = (info for info in zipped.infolist() if not info.is_dir() and not _is_link(info))
            yield (_Member(info.filename, info.file_size, lambda info=info: zipped.open(info)) for info in infos)
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
            infos = (info for info in tar if info.isreg())
            yield (_Member(info.name, info.size, lambda info=info: tar.extractfile(info)) for info in infos)
    else:
        raise DatasetError(f"{printable(archive)} is neither a zip nor a tar archive.")


def _is_link(info: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(info.external_attr >> 16)


def _relative_path(name: str) -> PurePosixPath:
    """A member's path, which must stay inside the folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\0" in name:
        raise DatasetError(
            f"The archive wants to write outside its folder ({printable(name)}): it is not safe to unpack."
        )
    return path


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the files of an archive into a new folder, without the one folder that may surround them all.

    Raises `DatasetError` for names that lead outside, for more than `MAX_UNPACKED_FILES` files or
    `MAX_UNPACKED_BYTES` bytes, and for damaged archives.
    """
    try:
        with _open_archive(archive) as listed:
            members = _within_limits(archive, listed)
            paths = [_relative_path(member.name) for member in members]
            surrounded = all(len(path.parts) > 1 for path in paths) and len({path.parts[0] for path in paths}) == 1
            for member, path in zip(members, paths, strict=True):
                target = folder.joinpath(*path.parts[1:] if surrounded else path.parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with member.open() as source, target.open("xb") as file:
                    _copy_limited(source, file, member.size)
    except _UNPACKING_ERRORS as error:
        raise DatasetError(f"{archive.name} cannot be unpacked ({error}).") from error


def _within_limits(archive: Path, listed: Iterator[_Member]) -> list[_Member]:
    """The members of an archive; reading the list stops at the limits, since listing a tar archive unpacks it."""
    members, size = [], 0
    for member in listed:
        members.append(member)
        size += member.size
        if len(members) > MAX_UNPACKED_FILES or size > MAX_UNPACKED_BYTES:
            raise DatasetError(f"{archive.name} unpacks to more files or bytes than the limits in downloads.py allow.")
    if not members:
        raise DatasetError(f"There are no files in {archive.name}.")
    return members


def _copy_limited(source: IO[bytes], target: IO[bytes], size: int) -> None:
    """Copy a member, and stop where it is longer than its archive says."""
    remaining = size
    while chunk := source.read(CHUNK_BYTES):
        remaining -= len(chunk)
        if remaining < 0:
            raise DatasetError("A file in the archive is longer than the archive says: it is not safe to unpack.")
        target.write(chunk)
