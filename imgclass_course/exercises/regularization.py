"""Checks of the exercises of lesson 12."""

import math
from collections.abc import Callable

import numpy as np

from imgclass_course.exercises import Off, answered, bands, call, exercise, expect, number

HEADS = ("no inner layer", "inner layer")


def _weights(feature_dim: int, num_classes: int, *sizes: int) -> int:
    """Return how many weights a head with inner layers of these sizes has, biases included."""
    ends = (feature_dim, *sizes, num_classes)
    return sum((one + 1) * two for one, two in zip(ends[:-1], ends[1:], strict=True))


def _one_layer(feature_dim: int, num_classes: int, total: int) -> float:
    """Return the size of the one inner layer with `total` weights, not rounded."""
    return (total - num_classes) / (feature_dim + 1 + num_classes)


def _without_biases(feature_dim: int, num_classes: int, first: int, second: int) -> float:
    total = feature_dim * first + first * second + second * num_classes
    return total / (feature_dim + num_classes)


def _without_output(feature_dim: int, num_classes: int, first: int, second: int) -> float:
    return ((feature_dim + 1) * first + (first + 1) * second) / (feature_dim + 1)


@exercise(
    "A layer from n numbers to m has (n + 1) * m weights. Write down the sum for two inner layers, and for one of size "
    "s: of that, s is easily found."
)
def same_weights(answer: Callable[[int, int, int, int], int]) -> str:
    """Exercise 1: the one inner layer that has as many weights as two."""
    for case in ((12, 4, 30, 30), (1024, 10, 256, 256), (1024, 10, 128, 512), (20, 3, 40, 35)):
        feature_dim, num_classes, first, second = case
        size = number(call(answer, *case), "The size")
        total = _weights(feature_dim, num_classes, first, second)
        exact = _one_layer(feature_dim, num_classes, total)
        if size == round(exact):
            continue
        where = f"For the inner layers {first} and {second}, {feature_dim} features and {num_classes} classes"
        expect(size == int(size), f"{where} you return {size:g}: a layer has a whole number of units.")
        expect(size != first + second, f"{where} you added up the units. Count the weights between them.")
        expect(
            size != int(exact), f"{where} {exact:.2f} units would be exact, and you rounded down, not to the nearest."
        )
        expect(size != round(_without_biases(*case)), f"{where} you left out the biases: one for each unit.")
        expect(size != round(_without_output(*case)), f"{where} you left out the weights from the last inner layer on.")
        raise Off(f"{where} there are {total:,} weights. One layer of {size:g} has {_count(case, size):,}.")
    total = _weights(1024, 10, 256, 256)
    fitting, before = round(_one_layer(1024, 10, total)), 1025 * 256 / total
    return (
        f"Two layers of 256 have as many weights as one of {fitting}, since {before:.0%} of them lie before the first "
        "layer. Only against such a head does a comparison tell what the second layer is good for."
    )


def _count(case: tuple[int, int, int, int], size: float) -> int:
    return _weights(case[0], case[1], int(size))


# What else the numbers may be, by the bands that hold them.
OTHER_MEASUREMENTS = {
    "test": "These are measured on the test pictures. The question is whether it learns even those of the training.",
    "history": "These stand in the history: measured while it trained, each step with other weights, the price "
    "included. Measure the finished head.",
    "priced": "Your loss is the cross-entropy *and* the price of the weights: Keras's `evaluate` adds it. Compute the "
    "cross-entropy from the scores.",
    "slow": "These belong to the learning rate 0.001, the default of `train_head`. Take 0.01, or 100 steps are too "
    "few to see where it leads.",
    "no decay": "These belong to heads without weight decay. Did `weight_decay=10` reach `build_regularized_head`?",
}


def _pair(answer: tuple[float, float], head: str) -> tuple[float, float]:
    expect(isinstance(answer, tuple | list) and len(answer) == 2, "Each head has two numbers: accuracy, cross-entropy.")
    answered(*answer)
    accuracy, loss = number(answer[0], f"The accuracy ({head})"), number(answer[1], f"The cross-entropy ({head})")
    expect(accuracy <= 1, f"An accuracy of {accuracy:g}? Give it as a share, from 0 to 1.")
    return accuracy, loss


def _all_in(measured: list[tuple[float, float]], kind: str) -> bool:
    found = bands("regularization")
    return all(
        round(value, 6) in found[f"{kind}, {head}, {what}"]  # as the bands are rounded
        for head, pair in zip(HEADS, measured, strict=True)
        for what, value in zip(("accuracy", "loss"), pair, strict=True)
    )


@exercise(
    "`measure(head, vectors[draws[0]], labels[draws[0]])` gives the cross-entropy of the finished head, without the "
    "price, and its accuracy. Give each head's two numbers the other way round."
)
def too_much_decay(without: tuple[float, float], with_inner: tuple[float, float]) -> str:
    """Exercise 2: accuracy and cross-entropy on the training pictures at a weight decay of 10."""
    measured = [_pair(answer, head) for answer, head in zip((without, with_inner), HEADS, strict=True)]
    if not _all_in(measured, "training"):
        for kind, reason in OTHER_MEASUREMENTS.items():
            expect(not _all_in(measured, kind), reason)
        expect(
            not _all_in(measured[::-1], "training"), "You swapped them: the head without an inner layer comes first."
        )
        seen = "; ".join(map(_spread, HEADS))
        raise Off(
            f"Trainings with other seeds gave accuracies and cross-entropies as follows. {seen}. Yours are others."
        )
    (_, loss), (accuracy, by_chance) = measured
    return (
        f"One layer shrinks as a whole: the order of its scores stays, so the accuracy hides what the cross-entropy of "
        f"{loss:.1f} shows (without decay it is near 0). With an inner layer the price wins: the weights are near 0, the "
        f"scores hardly depend on the picture, the accuracy is {accuracy:.2f}, and the cross-entropy of {by_chance:.2f} "
        f"is that of guessing among 10 classes (ln 10 = {math.log(10):.2f})."
    )


def _spread(head: str) -> str:
    """Return between which values the right numbers of a head lay, as text."""
    found = bands("regularization")
    accuracy, loss = found[f"training, {head}, accuracy"], found[f"training, {head}, loss"]
    return f"{head}: {accuracy.low:.2f} to {min(accuracy.high, 1):.2f} and {loss.low:.2f} to {loss.high:.2f}"


def _draws(differences: np.ndarray, margin: float, t_of: Callable[[int], float], ddof: int = 1) -> int:
    """Return the smallest number of draws, 2 or more, whose interval reaches no farther than `margin` from its mean."""
    spread = differences.std(ddof=ddof)
    return next(n for n in range(2, 1_000_000) if t_of(n) * spread / math.sqrt(n) <= margin)


def _t(level: float) -> Callable[[int], float]:
    from scipy.stats import t

    return lambda n: float(t.ppf(level, n - 1))


CASES = (
    (np.array([0.01, 0.04, 0.07, 0.02]), 0.005),  # each typical mistake leads to another number here
    (np.array([0.03, -0.01, 0.05, 0.02, -0.02]), 0.02),
    (np.array([0.10, -0.05, 0.02]), 0.05),
)


@exercise(
    "The interval of a mean of n differences reaches t * s / sqrt(n) to either side. Which of t and s changes with n? "
    "Try one n after the other."
)
def draws_needed(answer: Callable[[np.ndarray, float], int]) -> str:
    """Exercise 3: how many draws it takes until a difference of a given size can be seen."""
    for differences, margin in CASES:
        found = number(call(answer, differences.copy(), margin), "The number of draws")
        truth = _draws(differences, margin, _t(0.975))
        if found == truth:
            continue
        where = f"For {differences.tolist()} and a margin of {margin:g}"
        for mistaken, reason in _mistakes(differences, margin).items():
            expect(found != mistaken, f"{where} you find {found:g}: {reason}")
        expect(abs(found - truth) != 1, f"{where} you are off by one: {found:g} instead of {truth}.")
        raise Off(f"{where} it takes {truth} draws, and you find {found:g}.")
    (differences, margin), t_of = CASES[0], _t(0.975)
    return (
        f"For the first of the check's examples, {_draws(differences, margin, t_of)} draws for a margin of {margin:g}, "
        f"and {_draws(differences, margin / 2, t_of)} for half of it: about four times as many. Ask this before an "
        "experiment, not after it. All these draw from the same pictures. For other pictures the corrected interval "
        "adds the ratio of test to training pictures, and no number of draws takes that away."
    )


def _mistakes(differences: np.ndarray, margin: float) -> dict[int, str]:
    """Return what typical mistakes lead to, and what they are."""
    t_of = _t(0.975)
    few = t_of(len(differences))
    spread = differences.std(ddof=1)
    return {
        _draws(differences, margin, lambda n: 1.96): "1.96 is for many draws. With few, t is larger.",
        _draws(
            differences, margin, lambda n: few
        ): "you kept the t of the measured draws. With more of them it shrinks.",
        _draws(differences, margin, _t(0.95)): "t.ppf(0.95) leaves 5 % at each side. Of 95 %, 2.5 % lie at each side.",
        _draws(differences, margin, t_of, ddof=0): "NumPy's `std` divides by n unless you give `ddof=1`.",
        _draws(differences, 2 * margin, t_of): "that is where the whole interval is as wide as the margin allows to a "
        "side, twice too much.",
        _draws(differences, margin / 2, t_of): "you asked the whole interval to be no wider than the margin.",
        math.ceil(few * spread / margin): "the root is missing, the error shrinks with sqrt(n), not with n.",
    }
