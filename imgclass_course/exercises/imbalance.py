"""Checks of the exercises of lesson 15: weights by effective numbers, probabilities for another world, the prior left out twice."""

import functools
from collections.abc import Callable

import numpy as np

from . import Off, answered, call, exercise, expect, number

CASES = (
    (np.array([400, 60, 9, 2]), 0.99),  # each typical mistake leads to other numbers here
    (np.array([5, 50]), 0.9),
)


def _mean_of_one(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return weights * counts.sum() / (weights * counts).sum()


def _effective(counts: np.ndarray, b: float) -> np.ndarray:
    return (1 - b) / (1 - b**counts)


def _numbers(answer: object, shape: tuple[int, ...], what: str) -> np.ndarray:
    """Return an answer as float64 of a shape. Raises `Off` for anything else."""
    try:
        found = np.asarray(answer, np.float64)
    except (TypeError, ValueError) as error:
        raise Off(f"{what} are numbers, and these are not: {error}.") from error
    expect(found.shape == shape, f"{what} have the shape {list(shape)}; yours have {list(found.shape)}.")
    expect(bool(np.isfinite(found).all()), f"{what} are numbers; some of yours are infinite, or none at all.")
    return found


@exercise(
    "Compute the weights first, (1 - b) / (1 - b**counts). Then look for the factor that makes the sum of all weights, one "
    "for each *picture*, equal to the number of pictures."
)
def effective_weights(answer: Callable[[np.ndarray, float], np.ndarray]) -> str:
    """Exercise 1: weights inverse to the effective number of pictures."""
    for counts, b in CASES:
        given = counts.copy()
        found = _numbers(call(answer, given, b), counts.shape, "The weights")
        expect(np.array_equal(given, counts), "Your function changes `counts`: called twice, it gives something else.")
        truth = _mean_of_one(_effective(counts, b), counts)
        if np.allclose(found, truth, rtol=1e-4):
            continue
        for mistaken, reason in _mistaken_weights(counts, b):
            expect(not np.allclose(found, mistaken, rtol=1e-4), reason)
        mean = (found * counts).sum() / counts.sum()
        raise Off(f"For {counts.tolist()} and b = {b} the weights are {truth.round(3).tolist()}; yours have a mean of {mean:.3f}.")
    counts, b = CASES[0]
    steep = _effective(counts, b)[[-1, 0]]
    return (
        f"With b = {b}, a picture of a class of {counts[-1]} counts {steep[0] / steep[1]:.0f} times as much as one of a class "
        f"of {counts[0]}; with balanced weights it is {counts[0] / counts[-1]:.0f} times. The nearer b comes to 1, the "
        "nearer these weights are to balanced ones; at b = 0 there are none."
    )


def _mistaken_weights(counts: np.ndarray, b: float) -> list[tuple[np.ndarray, str]]:
    raw, upside_down = _effective(counts, b), (1 - b**counts) / (1 - b)
    return [
        (raw, "Their mean over the pictures is not 1: the formula alone leaves the scale open."),
        (raw / raw.mean(), "Their mean over the *classes* is 1. Over the pictures each class counts as often as it has some."),
        (raw / raw.sum(), "They sum to 1. Their mean over the pictures is to be 1."),
        (_mean_of_one(upside_down, counts), "That is upside down: the class with most pictures got the largest weight."),
        (upside_down, "That is the effective number itself. The weight is inverse to it."),
        (_mean_of_one(1 / counts, counts), "Those are balanced weights: each picture counts in full, however many there are."),
    ]


@exercise(
    "Leaving out the prior divides by the counts. In the other world, how common a kind is comes back in, with other "
    "numbers. At the end each row sums to 1."
)
def for_world(answer: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> str:
    """Exercise 2: probabilities for a world in which classes are as common as is said."""
    probabilities = np.random.default_rng(0).dirichlet([1.0, 1.0, 1.0], 6)
    counts, shares = np.array([80, 15, 5]), np.array([0.2, 0.5, 0.3])
    found = _numbers(call(answer, probabilities.copy(), counts.copy(), shares.copy()), probabilities.shape, "They")

    def fair(values: np.ndarray) -> np.ndarray:
        return values / values.sum(axis=1, keepdims=True)

    mistakes = [
        (probabilities / counts * shares, "Your rows do not sum to 1."),
        (fair(probabilities / counts), "That is `leave_out_prior`: the new world's shares are not in it."),
        (fair(probabilities * shares), "The shares are in it, but what was learnt from the counts has to be left out first."),
        (fair(probabilities * counts / shares), "That is the way back, from the new world to the training."),
        (fair(probabilities * counts * shares), "You multiplied by the counts. To leave them out, divide."),
    ]
    truth = fair(probabilities / counts * shares)
    if not np.allclose(found, truth, rtol=1e-4):
        for mistaken, reason in mistakes:
            expect(not np.allclose(found, mistaken, rtol=1e-4), reason)
        raise Off(f"The first row is {truth[0].round(3).tolist()}, and yours {found[0].round(3).tolist()}.")
    turned = int((probabilities.argmax(axis=1) != truth.argmax(axis=1)).sum())
    return (
        f"In the check's example {turned} of {len(truth)} answers change, and nothing was trained. If the shares are those "
        "of the training, nothing changes, as it should be. (Saerens and others 2002 also estimate the shares, from the "
        "new pictures alone.)"
    )


COUNTS, CLOSE = (250, 3, 10), 0.015  # of the lesson's parameters; another machine may turn an answer or two


@functools.cache
def _measured(strength: float) -> tuple[float, float, float]:
    """Return macro-F1 and the accuracies in the unequal and the equal world, with the prior left out to a degree."""
    from ..class_scores import accuracy, in_world, macro_f1
    from ..datasets import FASHION_CLASSES, load_fashion
    from ..imbalance import leave_out_prior
    from ..long_tails import collect_unequal
    from ..retraining import fit
    from ..scoring import Evaluation

    counts = np.geomspace(*COUNTS).round().astype(int)
    garments = collect_unequal(load_fashion(), counts, FASHION_CLASSES)
    X, y = garments.xy("test")
    probabilities = leave_out_prior(fit(garments, "logistic").head.predict_proba(X), counts, strength)
    found = Evaluation(garments.classes, y, probabilities)
    return float(macro_f1(found)), float(in_world(counts)(found)), float(accuracy(found))


@exercise(
    "`leave_out_prior(as_it_is.probabilities, counts, strength=2)` gives the probabilities; "
    "`replace(as_it_is, probabilities=...)` makes an `Evaluation` of them, which `macro_f1` and `in_world(counts)` measure."
)
def prior_twice(macro: float, unequal: float) -> str:
    """Exercise 3: what becomes of macro-F1 and of the accuracy in the unequal world."""
    answered(macro, unequal)
    found = number(macro, "The macro-F1"), number(unequal, "The accuracy")
    expect(max(found) <= 1, "Give both as shares, from 0 to 1.")

    def near(one: tuple[float, float]) -> bool:
        return bool(np.allclose(found, one, atol=CLOSE))

    twice = _measured(2.0)
    if not near(twice[:2]):
        expect(not near(twice[1::-1]), "You swapped them: macro-F1 comes first.")
        expect(not near((twice[0], twice[2])), "That accuracy is the one in a world with equally many of each kind.")
        for strength, words in ((1.0, "once, with a strength of 1"), (0.0, "not at all"), (-2.0, "the wrong way round")):
            expect(not near(_measured(strength)[:2]), f"That is what comes out with the prior left out {words}.")
        raise Off(f"Macro-F1 comes to about {twice[0]:.2f}, and the accuracy in the unequal world to {twice[1]:.2f}.")
    nothing, once = _measured(0.0), _measured(1.0)
    return (
        f"Macro-F1 goes from {nothing[0]:.2f} to {once[0]:.2f} with the prior left out once, and to {twice[0]:.2f} with it "
        f"left out twice; the accuracy in the unequal world from {nothing[1]:.2f} to {once[1]:.2f} to {twice[1]:.2f}. Once "
        "is what Bayes says. Twice makes a world in which the rare kinds are common, and there is none."
    )
