"""The pictures behind each cell of a confusion matrix, for a page that must stay small."""

from dataclasses import dataclass

import numpy as np

from ..evaluation import Evaluation

MOST_IN_ALL = 600  # pictures on a page
MOST_OF_MISTAKES = 48  # pictures of a cell
MOST_OF_RIGHT_ANSWERS = 6  # they cost time and room, and there is less to learn from them


@dataclass(frozen=True)
class Cell:
    """Pictures of one class that got one answer."""

    place: tuple[int, int]  # row and column in the matrix of `Evaluation.confusion`
    label: str
    answer: str
    rows: list[int]  # of the evaluation, surest first: those that are shown
    count: int  # of all

    @property
    def name(self) -> str:
        """What a link to the pictures is called."""
        what = f"{self.label} named rightly" if self.answer == self.label else f"{self.label} taken for {self.answer}"
        return f"{what}: {self.count} {'picture' if self.count == 1 else 'pictures'}"

    @property
    def more(self) -> int:
        """How many pictures are not shown."""
        return self.count - len(self.rows)


def confusion_cells(evaluation: Evaluation, limit: int = MOST_IN_ALL) -> dict[tuple[int, int], Cell]:
    """Return the cells that have pictures to show, by row and column.

    Where there are more than `limit`, each cell gets one picture, then each a second one, and so on: mistakes before
    right answers, and full cells before others.
    """
    ordered = _rows_by_cell(evaluation)
    turns = [
        (turn, row == column, -len(rows), (row, column))
        for (row, column), rows in ordered.items()
        for turn in range(min(len(rows), MOST_OF_RIGHT_ANSWERS if row == column else MOST_OF_MISTAKES))
    ]
    shown: dict[tuple[int, int], int] = {}
    for *_, place in sorted(turns)[:limit]:
        shown[place] = shown.get(place, 0) + 1
    return {place: _make_cell(evaluation, place, ordered[place], count) for place, count in shown.items()}


def _rows_by_cell(evaluation: Evaluation) -> dict[tuple[int, int], list[int]]:
    """Return the row numbers in each cell, surest first; unreadable pictures stand in the last column."""
    sureness = np.nan_to_num(evaluation.probabilities.max(axis=1, initial=0))
    columns = evaluation.predicted % (len(evaluation.classes) + 1)
    cells: dict[tuple[int, int], list[int]] = {}
    for row in np.argsort(-sureness, kind="stable").tolist():
        cells.setdefault((int(evaluation.labels[row]), int(columns[row])), []).append(row)
    return cells


def _make_cell(evaluation: Evaluation, place: tuple[int, int], rows: list[int], shown: int) -> Cell:
    label, answer = evaluation.classes[place[0]], evaluation.answers[rows[0]]
    return Cell(place, label, answer, rows[:shown], len(rows))
