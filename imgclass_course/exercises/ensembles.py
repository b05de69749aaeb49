"""Checks of the exercises of lesson 16."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from imgclass_course.exercises import Off, answered, call, describe, exercise, expect, number


def _answers() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return answers [members, n] and true classes [n]."""
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 4, 40)
    members = np.where(generator.random((3, 40)) < 0.7, truth, generator.integers(0, 4, (3, 40)))
    return [(np.array([[0, 1, 2, 2, 0], [0, 1, 1, 2, 1]]), np.array([0, 1, 2, 0, 3])), (members, truth)]


def _shares(answer: Any) -> tuple[float, float]:  # whatever the attendee returns
    expect(isinstance(answer, tuple | list) and len(answer) == 2, "Return two shares: the ceiling, then the floor.")
    answered(*answer)
    return number(answer[0], "The ceiling"), number(answer[1], "The floor")


@exercise(
    "`right = np.asarray(answers) == truth` has a row for each member. Along the first axis, `any` says whether at "
    "least one of them is right, and `all` whether all are."
)
def ceiling_and_floor(answer: Callable[[np.ndarray, np.ndarray], tuple[float, float]]) -> str:
    """Exercise 1: how often at least one member is right, and how often all are."""
    for answers, truth in _answers():
        found = _shares(call(answer, answers.copy(), truth.copy()))
        right = answers == truth
        ceiling, floor = float(right.any(axis=0).mean()), float(right.all(axis=0).mean())
        if np.allclose(found, (ceiling, floor)):
            continue
        where = f"For {len(answers)} members and {len(truth)} pictures"
        expect(not np.allclose(found, (floor, ceiling)), f"{where} you swapped the two: the ceiling comes first.")
        counts = (ceiling * len(truth), floor * len(truth))
        expect(not np.allclose(found, counts), f"{where} you return numbers of pictures: divide by how many there are.")
        best, worst = right.mean(axis=1).max(), right.mean(axis=1).min()
        expect(
            not np.allclose(found, (best, worst)),
            f"{where} you took the best and the worst member. Look at each picture: is any member right, are all?",
        )
        agreed = float((answers == answers[0]).all(axis=0).mean())
        expect(not math.isclose(found[1], agreed), f"{where} your floor counts where all agree, even if all are wrong.")
        raise Off(
            f"{where} the ceiling is {ceiling:.3f} and the floor {floor:.3f}; you return {found[0]:.3f}, {found[1]:.3f}."
        )
    return (
        "Between floor and ceiling lies all that whoever takes the answer of one member can win or lose. If they are close, "
        "the members are too much alike, and choosing among them will hardly help."
    )


class _Remembering:
    """A head that says which rows it was trained on: far from these it is sure of class 0, on them of the truth."""

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        self.known = {float(key): int(label) for key, label in zip(X[:, 0], y, strict=True)}
        self.classes = int(y.max()) + 1
        self.share = len(y)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities [n, k] that depend on how many rows were trained on."""
        found = np.full((len(X), self.classes), 1.0 / self.classes)
        found[:, 0] += 0.001 * self.share
        for row, key in enumerate(X[:, 0]):
            if float(key) in self.known:
                found[row] = np.eye(self.classes)[self.known[float(key)]]
        return found / found.sum(axis=1, keepdims=True)


def _table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors whose first column numbers them, classes, and folds, none of them in order."""
    fold = np.array([0, 2, 1, 0, 1, 2, 2, 0, 1, 2, 0, 1, 0, 2])
    y = np.array([0, 1, 2, 1, 0, 2, 0, 2, 1, 1, 0, 2, 1, 0])
    return np.column_stack([np.arange(14.0), np.random.default_rng(0).normal(size=14)]), y, fold


def _out_of_fold(X: np.ndarray, y: np.ndarray, fold: np.ndarray) -> np.ndarray:
    found = np.zeros((len(y), 3))
    for each in np.unique(fold):
        out = fold == each
        found[out] = _Remembering(X[~out], y[~out]).predict_proba(X[out])
    return found


@exercise(
    "For each fold: `out = fold == number` are the rows to be answered, `~out` those to train on. Write the answers into "
    "`probabilities[out]`."
)
def honest_answers(answer: Callable[..., np.ndarray]) -> str:
    """Exercise 2: answers to each row by a head that has not seen its fold."""
    X, y, fold = _table()
    found = _as_table(call(answer, X.copy(), y.copy(), fold.copy(), _Remembering))
    truth = _out_of_fold(X, y, fold)
    if found.shape == truth.shape and np.allclose(found, truth):
        return "No row was answered by a head that had seen it. This table is what an honest judge learns from."
    mistakes = {
        "Your heads were trained on the very rows that they answer: the answers know the truth.": np.eye(3)[y],
        "The answers are right, and in another order: fold by fold. Put each into the row it belongs to.": np.concatenate(
            [truth[fold == each] for each in np.unique(fold)]
        ),
    }
    for reason, mistaken in mistakes.items():
        expect(found.shape != mistaken.shape or not np.allclose(found, mistaken), reason)
    expect(found.shape == truth.shape, f"14 rows and 3 classes are wanted, and this is {describe(found)}.")
    empty = int((found == 0).all(axis=1).sum())
    expect(not empty, f"{empty} of 14 rows have no answer: every fold has its turn.")
    swapped = found[fold == 0]
    small = _Remembering(X[fold == 0], y[fold == 0]).predict_proba(X[fold != 0])
    expect(
        not (len(swapped) and _among(small, found)),
        "You trained on one fold and answered the others: it is the other way round.",
    )
    raise Off("The answers are those of other heads: train one for each fold, on all rows of the other folds.")


def _as_table(answer: Any) -> np.ndarray:  # whatever the attendee returns
    try:
        table = np.asarray(answer, float)
    except (TypeError, ValueError):
        table = np.empty(0)
    expect(table.ndim == 2, f"A table of probabilities [n, k] is wanted, and this is {describe(answer)}.")
    return table


def _among(rows: np.ndarray, table: np.ndarray) -> bool:
    """Return whether each of `rows` is somewhere in a table."""
    return bool(all(np.isclose(table, row).all(axis=1).any() for row in rows))


DECIDED = (9, 20, 40, 41, 100, 313, 800)


def _smallest_lead(decided: int, level: float = 0.05, sides: float = 1.0) -> int:
    from scipy.stats import binomtest

    leads = range(decided % 2, decided + 1, 2)
    return next(lead for lead in leads if binomtest((decided - lead) // 2, decided).pvalue * sides < level)


@exercise(
    "With a lead of so many, the loser has won (decided - lead) / 2. `binomtest(loser, decided).pvalue` is the p-value. "
    "Try one lead after the other, in steps of 2."
)
def smallest_lead(answer: Callable[[int], int]) -> str:
    """Exercise 3: by how many pictures one must be ahead."""
    found = {decided: number(call(answer, decided), "The lead") for decided in DECIDED}
    truth = {decided: _smallest_lead(decided) for decided in DECIDED}
    if found == truth:
        return (
            f"Of {DECIDED[-1]} pictures on which just one is right, one of them must win {truth[800]} more than the other. "
            "It grows with the square root: about twice the root of `decided`."
        )
    mistakes: dict[str, dict[int, float]] = {
        "You return how many the winner has won: the lead is that minus what the loser has won.": {
            decided: (decided + lead) / 2 for decided, lead in truth.items()
        },
        "You return how many the loser has won: the lead is what the winner has more.": {
            decided: (decided - lead) / 2 for decided, lead in truth.items()
        },
        "You stopped one step too early: that lead has a p-value of 0.05 or more.": {
            decided: lead - 2 for decided, lead in truth.items()
        },
        "You went one step too far: a smaller lead does.": {decided: lead + 2 for decided, lead in truth.items()},
        "That is the test to one side. Before looking, nobody knew who would be ahead: take both sides.": {
            decided: _smallest_lead(decided, sides=0.5) for decided in DECIDED
        },
    }
    for reason, mistaken in mistakes.items():
        expect(found != mistaken, reason)
    decided = next(decided for decided in DECIDED if found[decided] != truth[decided])
    expect(
        (found[decided] - decided) % 2 == 0,
        f"A lead of {found[decided]:g} of {decided} is not possible: lead and number are both even, or both odd.",
    )
    raise Off(f"Of {decided} pictures the lead must be {truth[decided]}, and you return {found[decided]:g}.")
