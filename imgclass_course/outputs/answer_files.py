"""A classifier's answers to many pictures as a table in a CSV file, which is written as it goes and can be gone on with.

    path, class, probability, none_of_these, distance, problem, classifier

A path is as it was given, byte by byte. One that a spreadsheet would take for a formula begins with `./`, which names
the same file; a class of that kind begins with an apostrophe, as text does there. Whatever interrupts the writing
leaves whole lines and perhaps a part of one, which the next run removes.
"""

import csv
import hashlib
import io
import math
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from ..classifiers import Answer
from ..foundation.errors import ClassifierError
from ..foundation.files import printable
from .classifier_files import DESCRIPTION
from .onnx_classifier import onnx_file

COLUMNS = ("path", "class", "probability", "none_of_these", "distance", "problem", "classifier")
IDENTITY_LENGTH = 12  # characters of the hash that says which classifier answered
# What makes a spreadsheet compute a cell (OWASP, CSV Injection), the last four in full width.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
TEXT_MARK = "'"
LONGEST_ROW = 100_000  # bytes; what is longer is no row of ours


class AnswerRow(NamedTuple):
    """What a classifier said of one picture."""

    path: str
    label: str  # the likeliest class; empty where the picture cannot be read
    probability: float  # of that class, from 0 to 1; not a number where there is none
    none_of_these: bool
    distance: float  # to the nearest training picture; not a number where the classifier keeps none
    problem: str  # why the picture cannot be read, or empty

    @classmethod
    def of(cls, path: str, answer: Answer, label: str) -> "AnswerRow":
        """Return the row of an answer, whose class may be called otherwise."""
        return cls(path, label, answer.probability, answer.none_of_these, answer.distance, answer.problem)


def classifier_identity(folder: str | os.PathLike, names: Iterable[str]) -> str:
    """Return what tells a saved classifier, with the names that its classes are given, from every other one."""
    digest = hashlib.sha256((onnx_file(Path(folder)) or Path(folder) / DESCRIPTION).read_bytes())
    digest.update("\0".join(names).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()[:IDENTITY_LENGTH]


def safe_path_cell(path: str) -> str:
    """Return a path that names the same file and that no spreadsheet takes for a formula."""
    return os.path.join(os.curdir, path) if path.startswith(FORMULA_STARTS) else path


def _safe_text_cell(text: str) -> str:
    return TEXT_MARK + text if text.startswith((*FORMULA_STARTS, TEXT_MARK)) else text


def _number_cell(value: float) -> float | str:
    return "" if math.isnan(value) else round(value, 6)


@dataclass
class AnswerTable:
    """The CSV file of a classifier's answers: what it holds already, and where further ones are added."""

    path: Path
    identity: str  # of the classifier, see `classifier_identity`
    _file: IO[str] = field(repr=False)
    _known: dict[str, AnswerRow] = field(repr=False)  # what it held when it was opened, by the path in its cell

    @classmethod
    def open(cls, path: Path, identity: str) -> "AnswerTable":
        """Begin a table, or go on with one. Raises `ClassifierError` for another file, or another classifier's."""
        known, end = _read_table(path, identity) if path.exists() else ({}, 0)
        # Names that are no text in UTF-8 come out as the bytes that the file system has.
        file = open(path, "a", encoding="utf-8", errors=sys.getfilesystemencodeerrors(), newline="")
        file.truncate(end)
        table = cls(path, identity, file, known)
        if end == 0:
            table._write([COLUMNS])
        return table

    def row(self, path: str) -> AnswerRow | None:
        """Return the row of a picture that was in the table when it was opened; None where there was none."""
        return self._known.get(safe_path_cell(path))

    def add(self, rows: Iterable[AnswerRow]) -> None:
        """Write rows, and hand them to the system before this returns."""
        self._write([self._cells(row) for row in rows])

    def _cells(self, row: AnswerRow) -> tuple[object, ...]:
        probability, distance = _number_cell(row.probability), _number_cell(row.distance)
        none, problem = ("" if row.problem else str(row.none_of_these).lower()), _safe_text_cell(row.problem)
        path, label = safe_path_cell(row.path), _safe_text_cell(row.label)
        return path, label, probability, none, distance, problem, self.identity

    def _write(self, rows: Iterable[Iterable[object]]) -> None:
        # Text is in quotation marks: a spreadsheet that separates cells by ; would begin a new one inside a name.
        csv.writer(self._file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerows(rows)
        self._file.flush()

    def __enter__(self) -> "AnswerTable":
        return self

    def __exit__(self, *problem: object) -> None:
        self._file.close()


def _read_table(path: Path, identity: str) -> tuple[dict[str, AnswerRow], int]:
    """Return the rows of a table by path, and where its last whole line ends, in bytes. Raises `ClassifierError`."""
    known: dict[str, AnswerRow] = {}
    end = 0
    try:
        for record, line_end in _records(path):
            if end == 0:
                _check_header(path, record)
            else:
                row, classifier = _parse(record)
                _check_identity(path, classifier, identity)
                known[row.path] = row
            end = line_end
    except (csv.Error, ValueError) as error:
        raise _refusal(path, f"is damaged, or no table of answers ({error})") from None
    if end == 0:
        _check_beginning(path)
    return known, end


def _records(path: Path) -> Iterator[tuple[list[str], int]]:
    """Yield the cells of each whole line, which may hold line breaks in quotation marks, and where it ends in bytes.

    What follows the last whole line is left out. Raises `ValueError` where it is longer than a line can be.
    """
    with path.open("rb") as file:
        row, end = b"", 0
        while line := file.readline(LONGEST_ROW):
            row += line
            if len(row) >= LONGEST_ROW:
                raise ValueError("a line is too long")
            if row.endswith(b"\n") and row.count(b'"') % 2 == 0:
                end += len(row)
                text = row.decode("utf-8", sys.getfilesystemencodeerrors())
                yield next(csv.reader(io.StringIO(text, newline="")), []), end
                row = b""


def _refusal(path: Path, reason: str) -> ClassifierError:
    return ClassifierError(f"{printable(path)} {reason}. It stays as it is: name another file, or delete it first.")


def _check_header(path: Path, record: list[str]) -> None:
    if tuple(record) != COLUMNS:
        raise _refusal(path, f"is no table of answers, which begins with {','.join(COLUMNS)}")


def _check_identity(path: Path, found: str, identity: str) -> None:
    if found != identity:
        which = f"({printable(found)}; this one is {identity})"
        raise _refusal(path, f"was written by another classifier, or with other labels {which}")


def _check_beginning(path: Path) -> None:
    """Raise `ClassifierError` where a file without a whole line is not the beginning of a table."""
    header = ",".join(f'"{name}"' for name in COLUMNS).encode()
    with path.open("rb") as file:
        if not header.startswith(file.read(len(header) + 1)):
            _check_header(path, [])


def _parse(record: list[str]) -> tuple[AnswerRow, str]:
    """Return a row and which classifier wrote it. Raises `ValueError` for what is none."""
    name, label, probability, none, distance, problem, classifier = record
    numbers = [float(cell or "nan") for cell in (probability, distance)]
    label, problem = (cell.removeprefix(TEXT_MARK) for cell in (label, problem))
    return AnswerRow(name, label, numbers[0], none.lower() == "true", numbers[1], problem), classifier
