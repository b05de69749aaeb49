"""Pictures sorted into a folder per class by what a classifier said of them. Nothing is moved or overwritten.

A file of ours in the folder notes by which classifier, so that a second sorting goes on with the first or is refused.
"""

import filecmp
import json
import os
import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from ..foundation.errors import ClassifierError
from ..foundation.files import printable, safe_name, write_text_whole
from .answer_files import AnswerRow

NONE_OF_THESE, UNSURE = "none_of_these", "unsure"
NOTE = ".imgclass_sorted.json"


def folder_names(classes: Sequence[str]) -> dict[str, str]:
    """Return the name of the folder of each class: the class's own where it is a safe name that is not taken yet.

    Others get another one, or a number: names that differ in case alone are one folder on some systems.
    """
    taken = {NONE_OF_THESE, UNSURE}
    return {name: _free_name(safe_name(name), taken) for name in dict.fromkeys(classes)}


def _free_name(wanted: str, taken: set[str]) -> str:
    def key(name: str) -> str:
        return unicodedata.normalize("NFC", name).casefold()

    name = next(name for name in _numbered(wanted) if key(name) not in taken)
    taken.add(key(name))
    return name


def _numbered(name: str) -> Iterator[str]:
    """Yield cat.jpg, cat_2.jpg, cat_3.jpg, ..."""
    stem, ending = os.path.splitext(name)
    yield name
    for number in count(2):
        yield f"{stem}_{number}{ending}"


def check_apart(folder: Path, given: Sequence[Path]) -> None:
    """Raise `ClassifierError` where pictures would be sorted into a folder that they, or their folder, lie in."""
    place = Path(os.path.realpath(folder))
    for path in given:
        source = Path(os.path.realpath(path))
        if place.is_relative_to(source) or source.is_relative_to(place):
            raise ClassifierError(
                f"{printable(folder)} and {printable(path)} lie in each other: name a folder outside for the sorted pictures."
            )


@dataclass
class SortedFolder:
    """A folder of copies or links, in a folder per class, none_of_these and unsure."""

    folder: Path
    folders: dict[str, str]  # the name of its folder, of each class
    at_least: float = 0.0  # less probable answers are unsure
    link: bool = False
    renamed: int = field(default=0, init=False)  # pictures whose name another picture had
    unsure: int = field(default=0, init=False)

    @classmethod
    def open(cls, folder: Path, classes: Sequence[str], identity: str, at_least: float, link: bool) -> "SortedFolder":
        """Begin a folder, or go on with one. Raises `ClassifierError` where it holds anything else."""
        note = {"classifier": identity, "at_least": at_least}
        if folder.exists() and not folder.is_dir():
            raise ClassifierError(f"{printable(folder)} is a file: name a folder for the sorted pictures.")
        if _is_filled(folder) and _read_note(folder) != note:
            raise ClassifierError(
                f"{printable(folder)} is not empty and was not sorted by this classifier and --at_least {at_least:g}: "
                "nothing is overwritten or mixed; name a new folder."
            )
        write_text_whole(folder / NOTE, json.dumps(note))
        return cls(folder, folder_names(classes), at_least, link)

    def folder_of(self, row: AnswerRow) -> str:
        """Return the name of the folder that a picture belongs into."""
        if row.none_of_these:
            return NONE_OF_THESE
        return UNSURE if row.probability < self.at_least else self.folders[row.label]

    def add(self, row: AnswerRow, source: str) -> None:
        """Copy or link a picture into its folder, unless its content is there under this name already.

        Where another picture has its name, it gets a number. Raises `OSError`.
        """
        place, name = self.folder / self.folder_of(row), os.path.basename(source)
        place.mkdir(exist_ok=True)
        self.unsure += place.name == UNSURE
        target = next(
            path
            for path in map(place.joinpath, _numbered(name))
            if not os.path.lexists(path) or _same_content(source, path)
        )
        self.renamed += target.name != name
        if not os.path.lexists(target):
            (self._link if self.link else self._copy)(source, target)

    def _copy(self, source: str, target: Path) -> None:
        """Copy under another name first: what is killed leaves no half of a picture."""
        unfinished = self.folder / f".unfinished-{os.getpid()}"
        try:
            shutil.copy2(source, unfinished)
            unfinished.rename(target)
        finally:
            unfinished.unlink(missing_ok=True)

    def _link(self, source: str, target: Path) -> None:
        """Make a hard link, which training takes for a picture like any other; on another disk, a symbolic one."""
        original = os.path.realpath(source)
        try:
            os.link(original, target)
        except OSError:
            target.symlink_to(original)


def _is_filled(folder: Path) -> bool:
    return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())


def _read_note(folder: Path) -> object:
    try:
        return json.loads((folder / NOTE).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _same_content(source: str, target: Path) -> bool:
    """Return whether two files hold the same bytes; times and sizes tell too little."""
    try:
        return os.path.samefile(source, target) or filecmp.cmp(source, target, shallow=False)
    except OSError:  # a link that leads nowhere, or a folder
        return False
