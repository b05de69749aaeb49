"""A classifier's answers to pictures whose class is known, and what is counted in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .foundation.errors import ClassifierError
from .foundation.tables import any_names
from .intervals import Accuracy

if TYPE_CHECKING:
    from .classifiers import Classifier, Pictures

UNREADABLE = "(unreadable)"  # the answer to a picture that could not be read


def _check_evaluation(labels: np.ndarray, probabilities: np.ndarray, num_classes: int) -> None:
    if np.shape(probabilities) != (len(labels), num_classes):
        given = f"{len(labels)} labels and {num_classes} classes"
        raise ValueError(f"Probabilities [n, k] of shape {list(np.shape(probabilities))} do not fit {given}.")
    if strangers := sorted(set(np.asarray(labels).tolist()) - set(range(num_classes))):
        raise ValueError(f"The label {strangers[0]} is no number from 0 to {num_classes - 1}, one for each class.")
    missing = np.isnan(probabilities)
    if (missing.any(axis=1) & ~missing.all(axis=1)).any():
        raise ValueError("Some rows of probabilities lack a few numbers (NaN): a picture has all of them, or none.")
    if not (missing | (np.abs(np.subtract(probabilities, 0.5)) <= 0.5 + 1e-6)).all():
        raise ValueError("Some probabilities are below 0 or above 1: scores of a network need a softmax first.")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A classifier's answers to n pictures whose class is known. Raises `ValueError` where the parts do not fit."""

    classes: Sequence[str]  # k names
    labels: np.ndarray  # [n] int, the true class of each picture
    probabilities: np.ndarray  # [n, k] float, from 0 to 1; a row of NaN for a picture that could not be read

    def __post_init__(self) -> None:
        _check_evaluation(self.labels, self.probabilities, len(self.classes))

    @property
    def predicted(self) -> np.ndarray:  # [n] int; -1, which is never right, for a picture that could not be read
        return np.where(np.isnan(self.probabilities).any(axis=1), -1, np.argmax(self.probabilities, axis=1))

    @property
    def answers(self) -> list[str]:  # n names
        return [UNREADABLE if number < 0 else self.classes[number] for number in self.predicted]

    @property
    def right(self) -> np.ndarray:  # [n] bool
        return self.predicted == self.labels

    @property
    def accuracy(self) -> Accuracy:
        return Accuracy(int(self.right.sum()), len(self.labels))

    def confusion(self) -> pd.DataFrame:
        """How many pictures of each true class (rows) were taken for each class (columns), or could not be read (last)."""
        answers, columns = self.predicted % (len(self.classes) + 1), [*self.classes, UNREADABLE]  # -1 comes last
        counts = np.zeros((len(self.classes), len(columns)), int)
        np.add.at(counts, (self.labels, answers), 1)
        with any_names():
            table = pd.DataFrame(counts, index=columns[:-1], columns=columns)
        return table if (self.predicted < 0).any() else table.iloc[:, :-1]

    def scores(self) -> pd.DataFrame:
        """Precision, recall and F1 of each class, and its number of pictures."""
        counts = self.confusion().to_numpy()
        right, given, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)[: len(counts)]
        precision, recall = right / np.maximum(said, 1), right / np.maximum(given, 1)
        columns = precision, recall, 2 * right / np.maximum(given + said, 1), given
        names = ["precision", "recall", "F1", "pictures"]
        with any_names():
            return pd.DataFrame(dict(zip(names, columns, strict=True)), index=list(self.classes))


def _class_numbers(labels: Sequence[str] | np.ndarray, classes: Sequence[str]) -> np.ndarray:  # [n] int
    """The place of each label among the classes. Whole numbers are places already, where the classes are words."""
    labels = np.asarray(labels)
    by_place = labels.dtype.kind in "iu" and all(isinstance(name, str) for name in classes)
    known = np.arange(len(classes)) if by_place else np.asarray(classes)
    with any_names():
        numbers = pd.Index(known).get_indexer(labels)
    if (numbers < 0).any():
        stranger, given = labels[numbers < 0][0], ", ".join(map(str, known))
        raise ClassifierError(f"The label {stranger!s} is none of the classifier's classes: {given}.")
    return numbers


def evaluate(
    classifier: "Classifier",  # anything with classes_ and predict_proba
    pictures: "Pictures",  # n of them, in a form that the classifier takes
    labels: Sequence[str] | np.ndarray,  # [n], the true class of each: its name, or its place among classes_
) -> Evaluation:
    """Let a classifier name pictures whose class is known. Raises `ClassifierError` for a class that it does not know."""
    numbers = _class_numbers(labels, classifier.classes_)
    return Evaluation([str(name) for name in classifier.classes_], numbers, classifier.predict_proba(pictures))


@dataclass(frozen=True)
class Advice:
    """What to do next: sentences, and pictures to look at, each with a caption."""

    sentences: Sequence[str] = ()
    pictures: Sequence[tuple[Path, str]] = ()
