"""What a person decided about single pictures, kept in a plain file beside them: keep, move to a class, or leave out.

The file is a table in CSV, `imgclass_decisions.csv`, in the folder that holds the classes' folders. It has the columns
path (below that folder, its parts joined by /), decision and class (where the decision is to move). Pictures stay where
they are: whatever trains on them applies the decisions to its table of pictures. To take everything back, remove the file.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from .foundation.errors import DatasetError
from .foundation.files import printable, write_text_whole
from .foundation.tables import any_names, name_table
from .image_folder import LEFT_OUT, ImageFolder

FILE_NAME = "imgclass_decisions.csv"
COLUMNS = ("path", "decision", "class")
KEEP, MOVE, LEAVE_OUT = CHOICES = ("keep", "move", "leave out")


@dataclass(frozen=True)
class Decision:
    """What was decided about one picture. Raises `DatasetError` where that is no decision."""

    path: str  # below the folder of pictures, its parts joined by /
    choice: str  # one of CHOICES
    label: str = ""  # the class that it moves to; empty for the other choices

    def __post_init__(self) -> None:
        name = printable(self.path)
        if not self.path:
            raise DatasetError("A decision needs the path of its picture.")
        if self.choice not in CHOICES:
            raise DatasetError(f"The decision on {name} is {self.choice!r}; it may be {', '.join(CHOICES)}.")
        if self.choice == MOVE and not self.label:
            raise DatasetError(f"{name} is to be moved: say to which class.")
        if self.choice != MOVE and self.label:
            raise DatasetError(f"The decision on {name} is to {self.choice}: only a move names a class.")
        if not f"{self.path}{self.label}".isascii():
            _check_text(f"{self.path}{self.label}", name)

    def __str__(self) -> str:
        return f"{self.choice} to {self.label}" if self.choice == MOVE else self.choice


def _check_text(text: str, name: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise DatasetError(f"The name {name} is no text: rename the file before you decide on it.") from None


def read_decisions(folder: str | os.PathLike) -> dict[str, Decision]:
    """Return the decisions kept in a folder of pictures, by path, oldest first; none where there is no file.

    A table that a spreadsheet saved, with semicolons or a mark at its start, is read as well. Raises `DatasetError`, with
    the line, for what is no decision, and for two decisions on one picture.
    """
    path = Path(folder) / FILE_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DatasetError(f"{printable(path)} cannot be read ({error.strerror}).") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DatasetError(f"{printable(path)} is no text in UTF-8: save it as CSV in UTF-8.") from None
    return _parse(text)


def _parse(text: str) -> dict[str, Decision]:
    lines: dict[str, int] = {}
    decisions: dict[str, Decision] = {}
    for number, cells in _rows(text):
        try:
            decision = Decision(*cells)
        except DatasetError as error:
            raise DatasetError(f"{FILE_NAME}, line {number}: {error}") from None
        if decision.path in lines:
            both = f"lines {lines[decision.path]} and {number}"
            raise DatasetError(
                f"{FILE_NAME} decides twice on {printable(decision.path)}, in {both}: take one of them out."
            )
        lines[decision.path], decisions[decision.path] = number, decision
    return decisions


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Return the rows below the heading, each with its line. Raises `DatasetError` for what is no such table."""
    heading = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in heading else ",")
    rows = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise DatasetError(f"{FILE_NAME}, line {reader.line_num}: {error}.") from None
    if rows and tuple(cell.strip().lower() for cell in rows[0][1]) != COLUMNS:
        raise DatasetError(f"{FILE_NAME} begins with the line {','.join(COLUMNS)}, and may have no other columns.")
    if wrong := [number for number, cells in rows if len(cells) != len(COLUMNS)]:
        raise DatasetError(f"{FILE_NAME}, line {wrong[0]}: a line has {len(COLUMNS)} cells, {', '.join(COLUMNS)}.")
    return rows[1:]


def write_decisions(folder: str | os.PathLike, decisions: Iterable[Decision]) -> Path:
    """Write the file of decisions, whole or not at all, and return its path. Raises `DatasetError` where it cannot be."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((decision.path, decision.choice, decision.label) for decision in decisions)
    path = Path(folder) / FILE_NAME
    try:
        return write_text_whole(path, text.getvalue())
    except OSError as error:
        raise DatasetError(f"{printable(path)} cannot be written ({error.strerror}).") from None


def decision_path(path: str | os.PathLike) -> str:
    """Return the path of a picture as the file of decisions writes it: the same on every system."""
    return Path(path).as_posix()


def apply_decisions(images: ImageFolder, decisions: Iterable[Decision]) -> ImageFolder:
    """Return the pictures as they were decided on: moved ones have another label, left out ones a problem.

    A picture stays in its split, since its content decides about that, and the files stay where they are. Raises
    `DatasetError` for a picture that is not there, and for a class that there is none of.
    """
    decisions, table = list(decisions), images.table.copy()
    rows = {decision_path(path): row for row, path in enumerate(table["path"])}
    _check_there(images, decisions, rows)
    labels, problems, splits = (table[name].tolist() for name in ("label", "problem", "split"))
    for decision in decisions:
        row = rows[decision.path]
        if decision.choice == MOVE:
            labels[row] = decision.label
        elif decision.choice == LEAVE_OUT:
            problems[row], splits[row] = LEFT_OUT, ""
    with any_names():
        table = table.assign(label=labels, problem=problems, split=splits)
    return replace(images, table=table, decided=count_choices(decisions))


def count_choices(decisions: Iterable[Decision]) -> str:
    """Return how often each choice was made, such as "keep: 2, move: 1, leave out: 0"."""
    counts = Counter(decision.choice for decision in decisions)
    return ", ".join(f"{choice}: {counts[choice]}" for choice in CHOICES)


def _check_there(images: ImageFolder, decisions: Sequence[Decision], rows: dict[str, int]) -> None:
    """Raise `DatasetError` for decisions on pictures that are gone, and for moves to classes that do not exist."""
    gone = [decision.path for decision in decisions if decision.path not in rows]
    if gone:
        more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
        raise DatasetError(
            f"{FILE_NAME} decides on {printable(gone[0])}{more}, which the pictures do not have (any more): take that "
            "out of the file, or put the picture back."
        )
    for decision in decisions:
        if decision.label and decision.label not in images.classes:
            raise DatasetError(
                f"{printable(decision.path)} cannot move to {printable(decision.label)!r}: there is no such class, only "
                f"{', '.join(map(printable, images.classes))}."
            )


class Decisions:
    """The decisions on a folder of pictures. Each change is in the file at once, and can be taken back.

    Before a change the file is read again, so that what another window decided stays. Raises `DatasetError` for pictures
    that lie in no folder, for a file that cannot be read or written, and for decisions that cannot be applied.
    """

    def __init__(self, images: ImageFolder) -> None:
        if images.root is None:
            raise DatasetError("Decisions are kept beside pictures in a folder, and these are in memory.")
        self.images, self.folder = images, images.root
        self._changes: list[tuple[str, Decision | None]] = []  # path, and what had been decided on it before
        self._known = read_decisions(self.folder)

    def keep(self, path: str | os.PathLike) -> None:
        """Decide that a picture is right where it is."""
        self._decide(path, KEEP)

    def move(self, path: str | os.PathLike, label: str) -> None:
        """Decide that a picture belongs to another class."""
        self._decide(path, MOVE, label)

    def leave_out(self, path: str | os.PathLike) -> None:
        """Decide that a picture is not used."""
        self._decide(path, LEAVE_OUT)

    def _decide(self, path: str | os.PathLike, choice: str, label: str = "") -> None:
        decision = Decision(decision_path(path), choice, label)
        rows = {decision_path(name): row for row, name in enumerate(self.images.table["path"])}
        _check_there(self.images, [decision], rows)
        before = self._change(decision.path, decision)
        self._changes.append((decision.path, before))

    def _change(self, path: str, decision: Decision | None) -> Decision | None:
        """Put a decision into the file, or take the one on this path out; return the one that was there."""
        decisions = read_decisions(self.folder)
        before = decisions.pop(path, None)
        if decision:
            decisions[path] = decision
        write_decisions(self.folder, decisions.values())
        self._known = decisions
        return before

    def undo(self) -> str:
        """Take the last change back and return its picture; without one, the newest decision in the file, or ""."""
        if self._changes:
            path, before = self._changes[-1]
            self._change(path, before)
            self._changes.pop()
            return path
        newest = next(reversed(self.refresh()), "")
        if newest:
            self._change(newest, None)
        return newest

    def refresh(self) -> dict[str, Decision]:
        """Read the file again, as somebody may have edited it, and return its decisions."""
        self._known = read_decisions(self.folder)
        return self._known

    def apply(self, images: ImageFolder | None = None) -> ImageFolder:
        """Return the pictures (those of the start, or others of the same folder) as the file decides now."""
        return apply_decisions(images or self.images, self.refresh().values())

    @property
    def file(self) -> Path:
        """The file of decisions; it is there as soon as one was made."""
        return self.folder / FILE_NAME

    @property
    def table(self) -> pd.DataFrame:
        """The file as a table: a row per decision, with the columns path, decision and class."""
        rows = [(decision.path, decision.choice, decision.label) for decision in self._known.values()]
        return name_table(rows, COLUMNS)

    def __len__(self) -> int:
        return len(self._known)

    def get(self, path: str | os.PathLike) -> Decision | None:
        """Return what was decided on a picture, or None."""
        return self._known.get(decision_path(path))

    def __repr__(self) -> str:
        return f"Decisions({count_choices(self._known.values())})"
