"""Checks of the exercises of lesson 11."""

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import numpy as np

from imgclass_course.exercises import Band, Off, answered, bands, call, exercise, expect, number

RATES = (0.001, 0.01, 0.1)

# What else the numbers may be, by the bands that hold them all.
OTHER_LOSSES = {
    "adam": 'These are Adam\'s numbers. Give `Trials` the optimizer "sgd".',
    "training": "These are measured on the training pictures. What counts is the cross-entropy of pictures that the "
    "head has not seen: `val_loss`.",
    "accuracy": "These are accuracies, `val_accuracy`. The cross-entropy is `val_loss`.",
}


def _bands_of(kind: str) -> dict[float, Band]:
    return {rate: bands("learning_rate")[f"{kind} {rate:g}"] for rate in RATES}


def _losses(answer: Mapping[float, float]) -> dict[float, float]:
    """Return the answer with the lesson's rates as keys. Raises `Off` for anything but one number for each rate."""
    expect(hasattr(answer, "items"), "A dictionary or Series is wanted here: a cross-entropy for each rate.")
    given = dict(answer.items())
    answered(*given.values())
    found = {}
    for rate in RATES:
        at = [key for key in given if isinstance(key, float | int) and math.isclose(key, rate)]
        expect(len(at) == 1, f"There is no cross-entropy for the rate {rate:g}: one is wanted for 0.001, 0.01 and 0.1.")
        found[rate] = number(given[at[0]], f"What stands at the rate {rate:g}")
    return found


def _all_in(losses: dict[float, float], kind: str) -> bool:
    return all(losses[rate] in band for rate, band in _bands_of(kind).items())


@exercise(
    "`Trials` takes the optimizer as its last argument. Make one with `head`, the vectors and `validation`, as "
    "`head_trials` was made; its `run(0, rate)` returns a dictionary with `val_loss`."
)
def best_rate_of_sgd(answer: Mapping[float, float]) -> str:
    """Exercise 1: the validation cross-entropy that plain SGD reaches at each rate."""
    losses = _losses(answer)
    expected = _bands_of("sgd")
    if not _all_in(losses, "sgd"):
        for kind, reason in OTHER_LOSSES.items():
            expect(not _all_in(losses, kind), reason)
        rate = next(rate for rate in RATES if losses[rate] not in expected[rate])
        raise Off(
            f"At the rate {rate:g} a fresh head ends at {expected[rate]}, and yours at {losses[rate]:.3g}. Were the "
            "head, the number of steps or the batches others?"
        )
    adam = {rate: band.mean for rate, band in _bands_of("adam").items()}
    best, best_of_adam = min(losses, key=losses.__getitem__), min(adam, key=adam.__getitem__)
    return (
        f"SGD is best at {best:g}, with {losses[best]:.1f}; Adam at {best_of_adam:g}, with {adam[best_of_adam]:.1f} on "
        f"average. At {best_of_adam:g} SGD is still at {losses[best_of_adam]:.1f}: the same number means steps of "
        "another length. A rate without its optimizer is half a statement."
    )


def _scores(scale: float, rate: float, adam: bool) -> np.ndarray:
    """Train one layer of squared error on made-up vectors, `scale` times as long, and return its scores.

    The weights begin `scale` times as small, so that the first scores are the same for each scale.
    """
    generator = np.random.default_rng(0)
    vectors, targets = scale * generator.normal(size=(40, 5)), generator.normal(size=(40, 3))
    weights = generator.normal(size=(5, 3)) / scale
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, 31):
        slope = vectors.T @ (vectors @ weights - targets) / len(vectors)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        direction = (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-12)
        weights = weights - rate * (direction if adam else slope)
    return vectors @ weights


def _same_training(factor: float, adam: bool) -> bool:
    """Return whether vectors ten times as long, with the rate times `factor`, lead to the same scores."""
    with np.errstate(all="ignore"):  # a rate that is far too high ends in infinity
        return np.allclose(_scores(10, 0.1 * factor, adam), _scores(1, 0.1, adam), rtol=1e-3, atol=1e-3)


@exercise(
    "A weight a tenth as large has to make a step a tenth as long. And how long does its step get by itself, when the "
    "vector by which the slope is multiplied is ten times as long?"
)
def longer_vectors(factor_of_sgd: float, factor_of_adam: float) -> str:
    """Exercise 2: by what the rate must be multiplied where all vectors are ten times as long."""
    sgd, adam = number(factor_of_sgd, "The factor of SGD"), number(factor_of_adam, "The factor of Adam")
    expect(min(sgd, adam) > 0, "A factor of 0 or below leaves no rate to train with.")
    expect(
        max(sgd, adam) <= 1,
        "A factor above 1 is the wrong direction: ten times the vector makes the valley steeper, and the walk is "
        "thrown out of it sooner.",
    )
    expect(
        not math.isclose(sgd, 0.1),
        "A tenth is half of it for SGD: the step has to be a tenth as long, but the slope has also grown tenfold.",
    )
    expect(_same_training(sgd, adam=False), f"With {sgd:g} times its rate SGD does not come to the same scores.")
    expect(
        not math.isclose(adam, 0.01),
        "That is SGD's factor. Adam divides the slope by its size, so it does not notice that the slope has grown.",
    )
    expect(
        not math.isclose(adam, 1),
        "Adam's steps would be as long as before, yes. But on weights a tenth as large they change the scores ten "
        "times as much.",
    )
    expect(_same_training(adam, adam=True), f"With {adam:g} times its rate Adam does not come to the same scores.")
    return (
        "Trained both ways, the scores agree. The right rate belongs to the length of the vectors (squared, for SGD), "
        "so one copied from somebody else's pictures holds only if theirs are as long."
    )


def _steps(rate: float, curvature: float) -> float:
    """Return after how many steps the walk from 1 is within 0.01 of the lowest point."""
    shrinks = abs(1 - rate * curvature)
    if shrinks >= 1:
        return math.inf
    return 1 if shrinks == 0 else math.ceil(math.log(0.01) / math.log(shrinks))


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Stop what runs inside with `TimeoutError` after some seconds: a walk that never arrives may have no end."""
    end, before = time.monotonic() + seconds, sys.gettrace()

    def watch(frame: FrameType, event: str, argument: object) -> Callable:
        if time.monotonic() > end:
            raise TimeoutError("it was still walking after a second. Some rates never arrive")
        return watch

    sys.settrace(watch)
    try:
        yield
    finally:
        sys.settrace(before)


def _walked(answer: Callable[[float, float], float], rate: float, curvature: float) -> float:
    """Return the number of steps, or infinity, that the attendee's function gives."""
    with _at_most(1.0):
        found = call(answer, rate, curvature)
    return math.inf if isinstance(found, float) and found == math.inf else number(found, "The number of steps")


ARRIVING = ((0.5, 1.0), (0.02, 1.0), (0.002, 1.0), (1.9, 1.0), (0.1, 4.0), (0.25, 4.0))  # rates and curvatures


@exercise(
    "Each step multiplies x by `1 - rate * curvature`. What matters is the size of x, not its sign. When does that "
    "size not shrink at all?"
)
def steps_to_arrive(answer: Callable[[float, float], float]) -> str:
    """Exercise 3: how many steps it takes to the bottom of the valley."""
    for rate, curvature in ARRIVING:
        found, truth = _walked(answer, rate, curvature), _steps(rate, curvature)
        where = f"At the rate {rate:g} in a valley of curvature {curvature:g}"
        expect(
            curvature == 1 or found != _steps(rate, 1),
            f"{where} you walk as in a valley of curvature 1. The slope is `curvature * x`.",
        )
        expect(
            rate * curvature < 1 or found != 1 or truth == 1,
            f"{where} one step leads to {1 - rate * curvature:.2g}: below 0.01, and yet far from the lowest point.",
        )
        expect(abs(found - truth) != 1, f"{where} it takes {truth} steps, and you count one {_more(found > truth)}.")
        expect(found == truth, f"{where} it arrives, but not after {found:g} steps.")
    for rate, curvature in ((2.1, 1.0), (2.0, 1.0), (1.0, 3.0)):
        found = _walked(answer, rate, curvature)
        where = f"At the rate {rate:g} in a valley of curvature {curvature:g}"
        expect(found == math.inf, f"{where} it never arrives. That is `math.inf` steps, not {found:g}.")
    return (
        f"{_steps(0.02, 1)} steps at 0.02, {_steps(0.002, 1)} at 0.002: a tenth of the rate needs ten times the steps, "
        "and arrives at the same place, no better. Beyond 2 / curvature no number of steps is enough."
    )


def _more(more: bool) -> str:
    return "too many" if more else "too few"
