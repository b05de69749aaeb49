"""Projects of Google's Teachable Machine as pictures with their classes.

"Save project" there gives a `.tm` file. It is a zip with a `manifest.json`, whose `type` is image, audio or pose, and the
pictures, squares of 224 pixels, beside it, named CLASS-!-NUMBER.jpg. Google does not document this; it is what public tools
write that Teachable Machine opens (MeemeeLab/TeachableMachine-Scraper on GitHub). Pictures in a folder per class are taken
too. All is read in memory: nothing of the file is unpacked or run, and its names are names of classes alone.
"""

import json
import os
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from .errors import DatasetError
from .files import printable
from .picture_files import MAX_IMAGE_BYTES
from .pictures import Picture

ENDING = ".tm"
MANIFEST = "manifest.json"
KIND = "image"
SEPARATOR = "-!-"  # between the name of the class and the number of the picture
MAX_PICTURES = 200_000
MAX_BYTES = 1_000_000_000  # of all pictures, which are kept in memory
MAX_MANIFEST_BYTES = 10_000_000
# What damaged files make the reader raise; the last is a password or an unknown compression.
_UNPACKING_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)


def is_project(path: str | os.PathLike) -> bool:
    """Return whether a path names a project of Teachable Machine: a file that ends with .tm."""
    return os.path.isfile(path) and os.fspath(path).lower().endswith(ENDING)


def read_project(path: str | os.PathLike) -> tuple[list[Picture], list[str]]:
    """Return the pictures of a project and the name of the class of each.

    Raises `DatasetError` for what is no project of pictures, for names that lead outside of it, and where there are more
    than `MAX_PICTURES` or `MAX_BYTES`.
    """
    name = printable(os.path.basename(path))
    if not zipfile.is_zipfile(path):
        raise DatasetError(f"{name} is no project of Teachable Machine: it is no zip archive.")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_manifest(name, archive)
            members = _members(name, archive)
            pictures = [Picture(archive.read(member), printable(member.filename)) for member in members]
    except _UNPACKING_ERRORS as error:
        raise DatasetError(f"{name} is damaged ({error}): save the project once more.") from error
    return pictures, [_class_of(member.filename) for member in members]


def _check_manifest(name: str, archive: zipfile.ZipFile) -> None:
    """Raise `DatasetError` where a project is not about pictures."""
    if MANIFEST not in archive.namelist():
        raise DatasetError(f"{name} is no project of Teachable Machine: it has no {MANIFEST}.")
    if archive.getinfo(MANIFEST).file_size > MAX_MANIFEST_BYTES:
        raise DatasetError(f"{name} is no project of Teachable Machine: its {MANIFEST} is too large.")
    try:
        manifest = json.loads(archive.read(MANIFEST))
        kind = manifest.get("type", KIND)
    except (ValueError, AttributeError, RecursionError):
        raise DatasetError(f"{name} is no project of Teachable Machine: its {MANIFEST} cannot be read.") from None
    if kind != KIND:
        raise DatasetError(f"{name} is a project of the kind {printable(str(kind))}, and not of pictures ({KIND}).")


def _members(name: str, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the pictures in an archive, within the limits. Raises `DatasetError`."""
    members = [info for info in archive.infolist() if not info.is_dir() and info.filename != MANIFEST]
    for member in members:
        parts = PurePosixPath(member.filename.replace("\\", "/")).parts
        if ".." in parts or member.filename.startswith(("/", "\\")) or Path(member.filename).drive:
            raise DatasetError(f"{name} is not safe to read: the name {printable(member.filename)} leads out of it.")
    members = [member for member in members if _class_of(member.filename)]
    if not members:
        raise DatasetError(f"{name} holds no pictures of a class, which are called CLASS{SEPARATOR}NUMBER.jpg.")
    if len(members) > MAX_PICTURES or sum(member.file_size for member in members) > MAX_BYTES:
        raise DatasetError(
            f"{name} unpacks to more than {MAX_PICTURES:,} pictures or {MAX_BYTES:,} bytes: unpack it into a folder per class."
        )
    if large := [member for member in members if member.file_size > MAX_IMAGE_BYTES]:
        raise DatasetError(f"{name} holds {printable(large[0].filename)}, which is larger than a picture may be.")
    return members


def _class_of(filename: str) -> str:
    """Return the name of a picture's class; nothing for a file of another kind."""
    label, separator, _ = filename.rpartition(SEPARATOR)
    if separator:
        return label
    folder, name = os.path.split(filename)
    return "" if name.startswith(".") or folder.startswith(("__MACOSX", ".")) else folder
