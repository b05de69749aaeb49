"""Checks of the exercises of lesson 18: a temperature for probabilities, a split by object, a map of one class against another."""

from collections.abc import Callable
from typing import Any

import numpy as np

from imgclass_course.exercises import Off, call, describe, exercise, expect


def _numbers(answer: Any, shape: tuple[int, ...], what: str) -> np.ndarray:  # whatever the attendee returns
    """Return an answer as float64 of a shape. Raises `Off` for anything else."""
    try:
        found = np.asarray(answer, np.float64)
    except (TypeError, ValueError) as error:
        raise Off(f"{what} consists of numbers, and this is {describe(answer)}.") from error
    expect(found.shape == shape, f"{what} has the shape {list(shape)}; yours has {list(found.shape)}.")
    expect(bool(np.isfinite(found).all()), f"{what} consists of numbers; some of yours are infinite, or none at all.")
    return found


def _share(values: np.ndarray) -> np.ndarray:
    return values / values.sum(axis=1, keepdims=True)


def _temperature_mistakes(probabilities: np.ndarray, T: float) -> dict[str, np.ndarray]:
    """Return what typical mistakes make of the probabilities, by what is wrong with them."""
    powers = probabilities ** (1 / T)
    return {
        "Your rows do not sum to 1: divide each row by its sum.": powers,
        "That is the other way round: T = 2 is to make it less sure. Raise to 1 / T, and not to T.": _share(
            probabilities**T
        ),
        "You divided the probabilities by T. After making the rows sum to 1 again, nothing has changed.": probabilities,
        "You divided the probabilities by T. It is the scores that are divided.": probabilities / T,
        "You put the probabilities themselves into a softmax, as if they were scores.": _share(
            np.exp(probabilities / T)
        ),
        "You divided each *column* by its sum. It is the row, one picture, that sums to 1.": powers
        / powers.sum(axis=0),
    }


@exercise(
    "The probability is e to the power of the score, divided by a sum. And e to the power of (score / T) is (e to the power "
    "of the score) to the power of 1 / T. At the end each row has to sum to 1 again."
)
def at_temperature(answer: Callable[[np.ndarray, float], np.ndarray]) -> str:
    """Exercise 1: probabilities at a temperature, without scores."""
    probabilities = np.random.default_rng(0).dirichlet([1.0, 1.0, 1.0, 1.0], 5)
    for T in (2.0, 0.5, 3.0):
        found = _numbers(call(answer, probabilities.copy(), T), probabilities.shape, "The table of probabilities")
        truth = _share(probabilities ** (1 / T))
        if np.allclose(found, truth, atol=1e-6):
            continue
        for reason, mistaken in _temperature_mistakes(probabilities, T).items():
            expect(not np.allclose(found, mistaken, atol=1e-6), reason)
        raise Off(
            f"At T = {T:g} the first row is {truth[0].round(3).tolist()}, and yours is {found[0].round(3).tolist()}."
        )
    return (
        "The order within each row is the same at any temperature, so no answer changes. At a very high one all classes "
        "become equally likely, and near 0 the first gets everything."
    )


CASES = ((12, 4, 0.25), (30, 3, 0.4))  # objects, pictures of the first, share


def _groups(objects: int, pictures: int) -> np.ndarray:
    """Return which object each picture shows, in no order: some objects have more pictures than others."""
    counts = pictures + np.arange(objects) % 3
    return np.random.default_rng(0).permutation(np.repeat(np.arange(objects) * 7 + 2, counts))


@exercise(
    "`np.unique(groups)` gives each object once. Draw some of *these*, and `np.isin(groups, drawn)` says which pictures "
    "show one of them."
)
def split_by_object(answer: Callable[[np.ndarray, float], np.ndarray]) -> str:
    """Exercise 2: test pictures of which no object has others in training."""
    for objects, pictures, share in CASES:
        groups = _groups(objects, pictures)
        _check_split(call(answer, groups.copy(), share), groups, share)
    return (
        "No object is on both sides. The shares of the *pictures* may differ a little, as some objects have more of them: "
        "that is the price. scikit-learn's `GroupShuffleSplit` and `StratifiedGroupKFold` do the same."
    )


def _check_split(answer: Any, groups: np.ndarray, share: float) -> None:  # whatever the attendee returns
    """Raise `Off` unless these are test pictures of a share of the objects, none of them divided."""
    try:
        chosen = np.asarray(answer)
    except ValueError:  # rows of different lengths
        chosen = np.empty((0, 0))
    right = chosen.shape == groups.shape and chosen.dtype == bool
    expect(
        right,
        f"An array of True and False is wanted, one for each of {len(groups)} pictures; this is {describe(answer)}.",
    )
    names = np.unique(groups)
    inside = np.array([chosen[groups == name].mean() for name in names])
    divided = int(((inside > 0) & (inside < 1)).sum())
    expect(
        not divided, f"{divided} of {len(names)} objects have pictures on both sides: draw objects, and not pictures."
    )
    drawn, wanted = int((inside == 1).sum()), share * len(names)
    expect(drawn > 0, "No picture is in the test.")
    swapped = abs(drawn - (1 - share) * len(names)) <= 1
    expect(
        not swapped,
        f"{drawn} of {len(names)} objects are in the test: True is for the test, and you marked the training.",
    )
    expect(
        abs(drawn - wanted) <= 1,
        f"{drawn} of {len(names)} objects are in the test, and a share of {share:g} is {wanted:g}.",
    )
    first = bool((inside[:drawn] == 1).all() or (inside[-drawn:] == 1).all())
    expect(
        not first,
        "You took the first objects, or the last ones. Draw them at random: files are seldom in a random order.",
    )


def _map_mistakes(maps: np.ndarray, weights: np.ndarray, one: int, other: int) -> dict[str, np.ndarray]:
    """Return what typical mistakes make of the maps, by what is wrong with them."""
    own, its = maps @ weights[:, one], maps @ weights[:, other]
    return {
        "That is the map of the first class alone: what speaks for the other one is not in it.": own,
        "That is the map of the other class alone.": its,
        "The sign is turned: what speaks for the first class has to be positive.": its - own,
        "You added the two maps. What speaks for both classes does not tell them apart.": own + its,
        "You kept what is positive only. Then its mean is no longer the difference of the scores.": np.maximum(
            own - its, 0
        ),
        "You took the positive part of each map before the difference. Then its mean is no longer that of the scores.": (
            np.maximum(own, 0) - np.maximum(its, 0)
        ),
    }


@exercise(
    "The map of a class is `maps @ weights[:, number]`. What speaks for one class rather than for another is the difference "
    "of their maps."
)
def rather_than(answer: Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]) -> str:
    """Exercise 3: what speaks for one class rather than for another."""
    generator = np.random.default_rng(0)
    for height, width, depth, one, other in ((3, 4, 5, 0, 2), (7, 7, 6, 3, 1)):
        maps, weights = generator.random((height, width, depth)), generator.normal(size=(depth, 4))
        found = _numbers(call(answer, maps.copy(), weights.copy(), one, other), (height, width), "The map")
        truth = maps @ (weights[:, one] - weights[:, other])
        if np.allclose(found, truth, atol=1e-6):
            continue
        for reason, mistaken in _map_mistakes(maps, weights, one, other).items():
            expect(not np.allclose(found, mistaken, atol=1e-6), reason)
        raise Off(
            f"The mean of the map is {truth.mean():.3f}, the difference of the scores, and yours is {found.mean():.3f}."
        )
    return (
        "What both classes share, such as something round on white, has gone from the map. Two maps of two classes often "
        "look alike, and this one shows where they do not."
    )
