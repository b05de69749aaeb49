"""Whether an exported classifier answers as the one that it was made of: parity, picture by picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..foundation.errors import ExportError
from ..intervals import Accuracy, PairedComparison, compare_paired

LEAST_COSINE = 0.9999  # of the probabilities, for files of floating-point numbers
TIE = 1e-5  # two classes whose probabilities differ by less are both the top one: rounding may exchange them


@dataclass(frozen=True)
class Parity:
    """An exported classifier beside the one that it was made of, on the same pictures."""

    pictures: int
    lowest_cosine: float  # between the two answers [k] to a picture
    lowest_vector_cosine: float  # between the two vectors [d]; not a number where the file gives none
    largest_difference: float  # of a probability
    changed: int  # pictures whose likeliest class is another one
    accuracy: PairedComparison | None  # of the classifier (first) and the file (second), where labels are known

    @property
    def same_top(self) -> Accuracy:
        """The share of pictures with the same likeliest class."""
        return Accuracy(self.pictures - self.changed, self.pictures)

    def __str__(self) -> str:
        parts = [f"lowest cosine {self.lowest_cosine:.6f}"]
        if math.isfinite(self.lowest_vector_cosine):
            parts.append(f"of vectors {self.lowest_vector_cosine:.6f}")
        parts.append(f"largest difference of a probability {self.largest_difference:.2g}")
        parts.append(f"same class {self.same_top.correct} of {self.pictures}")
        return "; ".join(parts)


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the cosine of each pair of rows [n] float64; 0 where a row is nothing but zeros."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / np.maximum(lengths, 1e-30)


def compare_answers(
    expected: np.ndarray,  # [n, k], of the classifier
    found: np.ndarray,  # [n, k], of the file
    vectors: tuple[np.ndarray, np.ndarray] | None = None,  # [n, d] of both
    labels: Sequence[int] | np.ndarray | None = None,  # [n], the numbers of the true classes
) -> Parity:
    """Compare probabilities, and vectors, of the same pictures. Raises `ExportError` where they are not so many."""
    if expected.shape != found.shape or not len(expected):
        raise ExportError(
            f"The file answers {list(found.shape)} where {list(expected.shape)} probabilities are wanted."
        )
    if not np.isfinite(found).all():
        raise ExportError("The file answers with what is no number.")
    rows, top = np.arange(len(found)), found.argmax(axis=1)
    behind = expected.max(axis=1) - expected[rows, top]  # of the file's class, in the classifier's own answer
    right = None
    if labels is not None:
        right = compare_paired(expected.argmax(axis=1) == labels, top == labels)
    return Parity(
        len(found),
        float(cosines(expected, found).min()),
        float(cosines(*vectors).min()) if vectors else math.nan,
        float(np.abs(expected - found).max()),
        int((behind > TIE).sum()),
        right,
    )


def check_equal(parity: Parity) -> None:
    """Raise `ExportError` unless a file of floating-point numbers answers as the classifier does."""
    if parity.lowest_cosine < LEAST_COSINE or parity.changed:
        raise ExportError(
            f"The exported file does not answer as the classifier does ({parity}; a cosine of {LEAST_COSINE} and the same "
            "class everywhere are wanted), so it was not kept. This is a fault of the conversion, not of yours."
        )


def check_loss(parity: Parity, accept_loss: float) -> None:
    """Raise `ExportError` where a quantised file is certainly worse than `accept_loss`, a share of the pictures, allows.

    Certainly: by the 95 % interval of the paired difference or, where no labels are known, of the share of pictures that
    are named otherwise, than which no loss is larger.
    """
    if parity.accuracy is not None:
        least, loss = -parity.accuracy.interval[1], f"accuracy: {parity.accuracy}"
    else:
        least, loss = 1 - parity.same_top.interval[1], f"same class: {parity.same_top}"
    if least > accept_loss:
        raise ExportError(
            f"The quantised file loses more than --accept_loss {accept_loss:g} allows ({loss}), so it was not kept: "
            "choose a higher precision, or accept more."
        )
