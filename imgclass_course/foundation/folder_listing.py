"""Which pictures a data set has: the files of a folder, the rows of a table, or pictures in memory; and what is in them."""

import numbers
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from .errors import DatasetError, ImageError
from .files import printable
from .picture_files import open_image
from .pictures import Picture, Pictures, as_pictures, content_digest, reason
from .progress import progress_bar
from .remote_files import READERS, is_address, list_addresses
from .threads import map_in_threads

if TYPE_CHECKING:
    import pandas as pd

AT_ONCE = 32  # pictures that a thread looks at before it is given the next ones
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


class ListedPicture(NamedTuple):
    """A picture of a data set, not opened yet."""

    picture: Picture
    state: FileState | None  # of its file; None where it is none, or where it is not there
    path: str  # of its file, below the data set's folder or absolute; or its name
    label: str  # the name of its class
    split: str = ""  # the one that it was given: train, validation or test
    group: str = ""  # of pictures that belong into one split
    problem: str = ""  # why it is not used


Listing = tuple[list[ListedPicture], list[str]]  # pictures, and the names of all classes, those without pictures too


class Catalogue(Protocol):
    """Remembers what was learnt of files, as long as their size and time of change stay the same."""

    def recall_files(self, files: Sequence[FileState]) -> list[FileFacts | None]:
        """Return what is known of each file, `None` for those that are new or have changed."""
        ...

    def remember_files(self, files: Sequence[FileState], facts: Sequence[FileFacts]) -> None:
        """Keep what was learnt of these files."""
        ...


def file_state(path: str | os.PathLike) -> FileState | None:
    """Return what the file system says of a file, or `None` where it says nothing: `inspect_file` tells why."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return FileState(os.path.abspath(path), state.st_size, state.st_mtime_ns)


def inspect_file(path: str | os.PathLike) -> FileFacts:
    """Read a file's bytes and its picture header; a problem is returned, not raised."""
    return inspect_picture(Picture(path, ""))


def inspect_picture(picture: Picture) -> FileFacts:
    """Read a picture's bytes and header, or its pixels; a problem is returned, not raised."""
    digest = ""
    try:
        content = picture.content()
        digest = content_digest(content)
        image = open_image(content) if isinstance(content, bytes) else content
    except (ImageError, OSError) as error:
        return FileFacts(digest, 0, 0, reason(error))
    return FileFacts(digest, image.width, image.height, "")


def _inspect_in_threads(pictures: Sequence[Picture]) -> Iterator[FileFacts]:
    remote = any(is_address(picture.source) for picture in pictures)
    at_once, workers = (1, READERS) if remote else (AT_ONCE, None)
    parts = [pictures[start : start + at_once] for start in range(0, len(pictures), at_once)]
    for part in map_in_threads(lambda part: [inspect_picture(picture) for picture in part], parts, workers):
        yield from part


def inspect_pictures(listed: Sequence[ListedPicture], catalogue: Catalogue | None = None) -> list[FileFacts]:
    """Learn what there is to know of each picture that has no problem yet, with a progress bar.

    Files that the catalogue knows are not opened. Several threads do it: they win where the disk is slow, and lose nothing.
    """
    facts = {number: FileFacts("", 0, 0, one.problem) for number, one in enumerate(listed) if one.problem}
    files = {number: one.state for number, one in enumerate(listed) if one.state and not one.problem}
    if catalogue:
        recalled = zip(files, catalogue.recall_files(list(files.values())), strict=True)
        facts |= {number: known for number, known in recalled if known}
    unknown = [number for number in range(len(listed)) if number not in facts]
    found = _inspect_in_threads([listed[number].picture for number in unknown])
    facts |= dict(zip(unknown, progress_bar(found, "Looking at files", "files", len(unknown)), strict=True))
    if catalogue:
        kept = [number for number in unknown if number in files]
        catalogue.remember_files([files[number] for number in kept], [facts[number] for number in kept])
    return [facts[number] for number in range(len(listed))]


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


def walk_files(folder: str | os.PathLike[str], root: str) -> Iterator[tuple[FileState, str]]:
    """Yield each file below a folder, sorted by name, with why it is not used, or ""; hidden ones are left out.

    `root` is the data set's folder, without links: a link that leads out of it is not followed.
    """
    with os.scandir(os.fspath(folder)) as entries:
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


def _check_folder(path: Path) -> None:
    """Raise `DatasetError`, in one sentence that says what to do, where there is no such folder."""
    hint = "write the path of one that holds a folder of pictures for each kind, with / between its parts"
    if path.is_file():
        hint = "it is a file. Unpack an archive first; read a table with pandas"
    if not path.is_dir():
        raise DatasetError(f"There is no folder {printable(path)}: {hint}.")


def as_folder(written: str | os.PathLike) -> Path | None:
    """Return the folder whose path somebody wrote down, None where nothing is written.

    Raises `DatasetError`, in one sentence that says what to do, where there is no such folder.
    """
    name = str(written).strip().strip("\"'")  # a file manager copies paths with quotation marks
    if not name:
        return None
    path = Path(name).expanduser()
    _check_folder(path)
    return path


def _parts(root: Path) -> list[tuple[str, Path]]:
    """Return the train, validation and test folders inside as (split, folder), or the folder itself as ("", folder)."""
    _check_folder(root)
    named = [(SPLIT_FOLDERS.get(path.name.lower(), path.name.lower()), path) for path in _folders(root)]
    splits = [(name, path) for name, path in named if name in SPLITS]
    return splits if len(splits) > 1 and "train" in dict(splits) else [("", root)]


def list_files(root: Path) -> Listing:
    """List the files of a data set's folder.

    `root`, without links, holds a folder per class, or folders train, validation and test that do. Raises
    `DatasetError` where it is no folder.
    """
    listed, classes = [], set()
    start = len(os.path.join(root, ""))
    for split, part in _parts(root):
        for folder in _folders(part):
            classes.add(folder.name)
            for state, problem in walk_files(folder, str(root)):
                picture = Picture(state.path, printable(state.path))
                listed.append(ListedPicture(picture, state, state.path[start:], folder.name, split, problem=problem))
    return listed, sorted(classes)


def list_remote(address: str) -> Listing:
    """List the files of a data set at an address, which is laid out as a folder is.

    Raises `DatasetError` where they cannot be listed.
    """
    files = [file for file in list_addresses(address) if len(file.parts) > 1]
    names = {file.parts[0] for file in files}
    splits = {name: SPLIT_FOLDERS.get(name.lower(), name.lower()) for name in names}
    splits = {name: split for name, split in splits.items() if split in SPLITS}
    if len(splits) < 2 or "train" not in splits.values():
        splits = {}
    listed = []
    for file in files:
        split, inside = splits.get(file.parts[0], ""), file.parts[1:] if splits else file.parts
        if len(inside) < 2 or (splits and not split):
            continue
        state = None if file.mtime_ns is None else FileState(file.address, file.size, file.mtime_ns)
        picture = Picture(file.address, printable(file.address))
        listed.append(ListedPicture(picture, state, "/".join(file.parts), inside[0], split))
    return listed, sorted({one.label for one in listed})


def _is_missing(value: object) -> bool:
    """Return whether a cell of a table says nothing."""
    import pandas as pd

    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def name_text(value: Any, what: str = "label") -> str:  # whatever a table holds
    """Return a label or the name of a group as text: 3 and 3.0 are "3", and what is missing is "".

    Raises `DatasetError` for anything but text and numbers; `what` is what the value was meant to be.
    """
    if hasattr(value, "__array__") and np.ndim(value) == 0:  # a number of NumPy or TensorFlow
        value = np.asarray(value).item()
    if _is_missing(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if not isinstance(value, str | numbers.Real):
        raise DatasetError(f"A {what} is text or a number, and this is a {type(value).__name__}: {value!r:.60}")
    return str(value)


def class_names(labels: Iterable[Any]) -> list[str]:
    """Return the names of the classes, sorted: by number where all are numbers, as text otherwise."""
    named = {name_text(label): label for label in labels}
    named.pop("", None)
    by_number = all(isinstance(label, numbers.Real) for label in named.values())
    return sorted(named, key=lambda name: named[name]) if by_number else sorted(named)


def _column(table: "pd.DataFrame", name: str) -> list[str]:
    """Return a column as text; nothing but "" where the table has none of this name."""
    return [name_text(value, name) for value in table[name]] if name in table.columns else [""] * len(table)


def _named_splits(values: Sequence[str]) -> list[str]:
    """Return the splits that the column `split` names, or ""; other names for them are understood as in folders."""
    names = [value.strip().lower() for value in values]
    splits = [SPLIT_FOLDERS.get(name, name) for name in names]
    if unknown := sorted(set(splits) - {*SPLITS, ""}):
        raise DatasetError(f"The column split says {', '.join(unknown)}; it may say {', '.join(SPLITS)}, or nothing.")
    return splits


def _follow_groups(splits: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Let the pictures of a group follow those whose split is named. Raises `DatasetError` where two are named."""
    named: dict[str, str] = {}
    for split, group in zip(splits, groups, strict=True):
        if split and group and named.setdefault(group, split) != split:
            raise DatasetError(f"Group {group} is in {named[group]} and in {split}: give all its pictures one split.")
    return [split or named.get(group, "") for split, group in zip(splits, groups, strict=True)]


def _list_row(root: Path, path: object, label: str, split: str, group: str) -> ListedPicture:
    if not isinstance(path, str | os.PathLike) or path == "":
        nothing = _is_missing(path) or path == ""
        problem = "no path is given" if nothing else f"a {type(path).__name__}, not a path"
        return ListedPicture(Picture(path, problem), None, "", label, split, group, problem)
    problem = "" if label else "no label is given"
    if isinstance(path, str) and is_address(path):
        return ListedPicture(Picture(path, printable(path)), None, path, label, split, group, problem)
    file = Path(os.path.abspath(root / path))
    return ListedPicture(
        Picture(file, printable(file)), file_state(file), os.fspath(path), label, split, group, problem
    )


def list_rows(table: "pd.DataFrame", root: Path) -> Listing:
    """List the rows of a table with columns `path` (absolute, or below `root`) and `label`, perhaps `split` and `group`.

    A file that is not there stays in the list. Raises `DatasetError` for missing columns, names that are no split, and
    groups that are given two splits.
    """
    if missing := [name for name in ("path", "label") if name not in table.columns]:
        there = ", ".join(map(str, table.columns)) or "none"
        raise DatasetError(f"The table lacks the column {' and the column '.join(missing)}; its columns: {there}.")
    groups = _column(table, "group")
    splits = _follow_groups(_named_splits(_column(table, "split")), groups)
    rows = zip(table["path"], _column(table, "label"), splits, groups, strict=True)
    return [_list_row(root, *row) for row in rows], class_names(table["label"])


def _label_list(labels: Any) -> list:  # whatever is given
    """Return the labels one by one. Raises `DatasetError` where they are no list of names or numbers."""
    if isinstance(labels, str | numbers.Real):
        return [labels]
    if hasattr(labels, "__array__"):
        labels = np.asarray(labels)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.ndim != 1:
            raise DatasetError(f"A picture has one label; an array of shape {list(labels.shape)} is no list of labels.")
    return list(labels)


def _absolute(picture: Picture) -> Picture:
    """Return the picture with the full path of its file, if it is one."""
    if not isinstance(picture.source, str | os.PathLike) or is_address(picture.source):
        return picture
    return Picture(Path(os.path.abspath(picture.source)), picture.name)


def list_pictures(pictures: Pictures, labels: Any) -> Listing:  # names or numbers, in any container
    """List pictures in memory, or files one by one, with a label for each; a generator is gone through once.

    Raises `DatasetError` where there are more or fewer labels than pictures.
    """
    given, labels = [_absolute(picture) for picture in as_pictures(pictures)], _label_list(labels)
    if len(given) != len(labels):
        raise DatasetError(f"{len(given)} pictures and {len(labels)} labels: give one label per picture.")
    listed, seen = [], Counter[str]()
    for picture, label in zip(given, map(name_text, labels), strict=True):
        seen[picture.name] += 1
        path = picture.name if seen[picture.name] == 1 else f"{picture.name} ({seen[picture.name]})"
        state = file_state(picture.source) if isinstance(picture.source, Path) else None
        listed.append(ListedPicture(picture, state, path, label, problem="" if label else "no label is given"))
    return listed, class_names(labels)
