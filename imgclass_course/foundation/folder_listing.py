"""What lies in a folder, file by file: what the file system says of it, and what one learns by opening it."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .errors import DatasetError, ImageError
from .files import printable
from .picture_files import open_image, read_bytes

SPLITS = ("train", "validation", "test")
SPLIT_FOLDERS = {"training": "train", "val": "validation", "valid": "validation", "testing": "test"}  # other names


class FileState(NamedTuple):
    """What the file system says of a file without opening it."""

    path: str  # absolute
    size: int  # bytes
    mtime_ns: int  # time of the last change, nanoseconds


class FileFacts(NamedTuple):
    """What one learns by opening it."""

    digest: str  # SHA-256 of the bytes, hexadecimal; empty where they cannot be read
    width: int  # pixels
    height: int  # pixels
    problem: str  # why it is no readable picture, or empty


class ListedFile(NamedTuple):
    """A file of a data set's folder."""

    state: FileState
    path: str  # below the data set's folder
    label: str  # the name of its class folder
    split: str  # of the folder it lies in: train, validation, test, or empty
    problem: str  # why it is not used, or empty


def inspect_file(path: str | os.PathLike) -> FileFacts:
    """Read a file's bytes and its picture header; a problem is returned, not raised."""
    try:
        return inspect_bytes(read_bytes(path))
    except ImageError as error:
        return FileFacts("", 0, 0, str(error))
    except OSError as error:
        return FileFacts("", 0, 0, f"the file cannot be read ({error.strerror})")


def inspect_bytes(data: bytes) -> FileFacts:
    """Return what a picture file's bytes say; a problem is returned, not raised."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        image = open_image(data)
    except ImageError as error:
        return FileFacts(digest, 0, 0, str(error))
    return FileFacts(digest, image.width, image.height, "")


def _link_problem(entry: os.DirEntry, root: str) -> str:
    """Return why a link is not used, or nothing."""
    target = os.path.realpath(entry.path)
    if os.path.isdir(target):
        return "a link to a folder; links to folders are not followed"
    if not os.path.isfile(target):
        return "a link that leads nowhere"
    if os.path.commonpath([target, root]) != root:
        return "a link to a file outside the folder"
    return ""


def walk_files(folder: str | os.PathLike, root: str) -> Iterator[tuple[FileState, str]]:
    """Yield each file below a folder, sorted by name, with why it is not used, or ""; hidden ones are left out.

    `root` is the data set's folder, without links: a link that leads out of it is not followed.
    """
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk_folder(entry.path, root)
                continue
            problem = _link_problem(entry, root) if entry.is_symlink() else ""
            if not problem and not entry.is_file():
                problem = "not a file but a device or pipe"
            state = entry.stat(follow_symlinks=not problem)
            yield FileState(entry.path, state.st_size, state.st_mtime_ns), problem


def _walk_folder(folder: str, root: str) -> Iterator[tuple[FileState, str]]:
    try:
        yield from walk_files(folder, root)
    except OSError as error:
        yield FileState(folder, 0, 0), f"the folder cannot be read ({error.strerror})"


def _folders(folder: Path) -> list[Path]:
    """Return the visible folders in a folder, sorted by name; links are none."""
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in visible if path.is_dir() and not path.is_symlink())


def _parts(root: Path) -> list[tuple[str, Path]]:
    """Return the train, validation and test folders inside as (split, folder), or the folder itself as ("", folder)."""
    if not root.is_dir():
        raise DatasetError(f"There is no folder {printable(root)}.")
    named = [(SPLIT_FOLDERS.get(path.name.lower(), path.name.lower()), path) for path in _folders(root)]
    splits = [(name, path) for name, path in named if name in SPLITS]
    return splits if len(splits) > 1 and "train" in dict(splits) else [("", root)]


def list_files(root: Path) -> tuple[list[ListedFile], list[str]]:
    """Return the files of a data set's folder, and the names of all class folders, the empty ones too.

    `root`, without links, holds a folder per class, or folders train, validation and test that do. Raises
    `DatasetError` where it is no folder.
    """
    files, classes = [], set()
    start = len(os.path.join(root, ""))
    for split, part in _parts(root):
        for folder in _folders(part):
            classes.add(folder.name)
            for state, problem in walk_files(folder, str(root)):
                files.append(ListedFile(state, state.path[start:], folder.name, split, problem))
    return files, sorted(classes)
