"""Answers to the exercises of lesson 10."""

import os
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

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


def smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """As TensorBoard does it: running sums, and the sum of the weights to divide by."""
    result, total, weights = [], 0.0, 0.0
    for value in values:
        total, weights = total * weight + value, weights * weight + 1
        result.append(total / weights)
    return np.array(result)


def running(values: np.ndarray, weight: float, start: float) -> np.ndarray:
    result = []
    for value in values:
        start = weight * start + (1 - weight) * value
        result.append(start)
    return np.array(result)


def oldest_first(values: np.ndarray, weight: float) -> np.ndarray:
    weights = weight ** np.arange(len(values))
    return np.cumsum(values * weights) / np.cumsum(weights)


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
    "smooth": Answers(
        right=[(smoothed,), (lambda values, weight: smoothed(values, weight).tolist(),)],
        wrong={
            "begins near 0": (lambda values, weight: running(values, weight, 0.0),),
            "counts too much": (lambda values, weight: running(values, weight, values[0]),),
            "other way round": (lambda values, weight: smoothed(values, 1 - weight),),
            "The oldest value": (oldest_first,),
            "count the same": (lambda values, weight: smoothed(values, 1.0),),
            "as many numbers": (lambda values, weight: smoothed(values, weight)[-1],),
            "does not come out": (lambda values, weight: values,),
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
