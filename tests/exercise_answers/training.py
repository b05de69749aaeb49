"""Answers to the exercises of lesson 08."""

import os
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.spatial.distance import cdist

from . import Answers


class Runs(os.PathLike):
    """A folder of event files as Keras writes them. Written when its path is asked for: TensorBoard loads slowly."""

    def __init__(self, folders: list[str], rates: list[float], epochs: int = 3, validation: bool = True) -> None:
        self.folders, self.rates, self.epochs, self.validation = folders, rates, epochs, validation

    def curves(self, rate: float) -> Iterator[tuple[str, str, list[float]]]:
        """Yield for each curve of a run its part, its tag and its values."""
        yield "train", "epoch_loss", [0.9 / (1 + rate + epoch) for epoch in range(self.epochs)]
        yield "train", "epoch_learning_rate", [rate] * self.epochs
        if self.validation:
            yield "validation", "epoch_loss", [1.0 / (1 + rate + epoch) for epoch in range(self.epochs)]

    @cached_property
    def written(self) -> tempfile.TemporaryDirectory:
        """The folder, with its files in it."""
        from tensorboard.summary import Writer

        parent = tempfile.TemporaryDirectory()
        for folder, rate in zip(self.folders, self.rates, strict=True):
            for part, tag, values in self.curves(rate):
                writer = Writer(str(Path(parent.name) / folder / part))
                for step, value in enumerate(values):
                    writer.add_scalar(tag, value, step)
                writer.close()
        return parent

    def __fspath__(self) -> str:
        return self.written.name


THREE, RATES = ["run_001", "run_002", "run_003"], [0.0005, 0.005, 0.05]


def lone(vectors: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    distances = cdist(vectors, vectors)
    np.fill_diagonal(distances, np.inf)
    nearest = labels[distances.argsort(axis=1)[:, :count]]
    return np.flatnonzero((nearest != labels[:, None]).all(axis=1))


def lone_with_one_foreign(vectors: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    distances = cdist(vectors, vectors)
    np.fill_diagonal(distances, np.inf)
    nearest = labels[distances.argsort(axis=1)[:, :count]]
    return np.flatnonzero((nearest != labels[:, None]).any(axis=1))


def with_itself(vectors: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    nearest = labels[cdist(vectors, vectors).argsort(axis=1)[:, :count]]
    return np.flatnonzero((nearest != labels[:, None]).all(axis=1))


def without_first(vectors: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    nearest = labels[cdist(vectors, vectors).argsort(axis=1, kind="stable")[:, 1 : count + 1]]
    return np.flatnonzero((nearest != labels[:, None]).all(axis=1))


def by_angle(vectors: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    return lone(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels, count)


def stopped(
    scores: list[float], patience: int, tie: bool = False, extra: int = 0, anew: bool = True
) -> tuple[int, int]:
    best, waited = 0, 0
    for epoch in range(1, len(scores)):
        if scores[epoch] > scores[best] or (tie and scores[epoch] == scores[best]):
            best, waited = epoch, 0 if anew else waited
        else:
            waited += 1
            if waited >= patience + extra:
                return epoch + 1, best + 1
    return len(scores), best + 1


def counted_from_0(scores: list[float], patience: int) -> tuple[int, int]:
    epochs, best = stopped(scores, patience)
    return epochs - 1, best - 1


def last_of_the_best(scores: list[float], patience: int) -> tuple[int, int]:
    epochs, best = stopped(scores, patience)
    return epochs, max(epoch for epoch in range(1, epochs + 1) if scores[epoch - 1] == scores[best - 1])


ANSWERS = {
    "three_runs": Answers(
        right=[(Runs(THREE, RATES),), (Runs(["slow", "middle", "fast"], RATES),)],
        wrong={
            "has the same step": (Runs(["run_001"] * 3, RATES),),
            "there are 2 runs": (Runs(THREE[:2], RATES[:2]),),
            "came twice": (Runs(THREE, [0.005, 0.005, 0.05]),),
            "has no validation curve": (Runs(THREE, RATES, validation=False),),
            "a point and no curve": (Runs(THREE, RATES, epochs=1),),
            "no curve in that folder": (Runs([], []),),
            "The folder is wanted": (3,),
        },
    ),
    "strangers": Answers(
        right=[(lone,), (lambda *given: lone(*given).tolist(),)],
        wrong={
            "One foreign neighbour": (lone_with_one_foreign,),
            "found nobody": (with_itself,),
            "whatever came first": (without_first,),
            "by angle": (by_angle,),
            "That is a mask": (lambda vectors, labels, count: labels == "a",),
            "Row numbers are wanted": (lambda vectors, labels, count: ["a.jpg"],),
            "does not belong": (lambda vectors, labels, count: [*lone(vectors, labels, count), 1],),
        },
    ),
    "stop_early": Answers(
        right=[(stopped,), (lambda scores, patience: list(stopped(scores, patience)),)],
        wrong={
            "*as good*": (lambda scores, patience: stopped(scores, patience, tie=True),),
            "one epoch too long": (lambda scores, patience: stopped(scores, patience, extra=1),),
            "one epoch too soon": (lambda scores, patience: stopped(scores, patience, extra=-1),),
            "add up all epochs": (lambda scores, patience: stopped(scores, patience, anew=False),),
            "wait for a lower score": (lambda scores, patience: stopped([-score for score in scores], patience),),
            "from 0": (counted_from_0,),
            "the later one was as good": (last_of_the_best,),
            "run to the end": (lambda scores, patience: (len(scores), scores.index(max(scores)) + 1),),
            "two numbers": (lambda scores, patience: 9,),
            "It is (3, 3)": (lambda scores, patience: (9, 5),),
        },
    ),
}
