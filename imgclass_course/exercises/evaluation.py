"""Checks of the exercises of lesson 08."""

import math
from collections.abc import Callable

import numpy as np

from imgclass_course.evaluation import Accuracy, Evaluation, PairedComparison, compare_paired
from imgclass_course.exercises import call, exercise, expect, number

Z = 1.959964  # standard deviations to each side of a 95 % interval
MAX_PICTURES = 100_000
TASKS = ((0.9, 0.02), (0.99, 0.05))  # accuracy, and how wide its interval may be
PICTURES = PairedComparison(both=780, only_first=15, only_second=55, neither=150)
DRAWN = (400, 100)  # how many of these pictures
ROUNDS = 200  # draws by the attendee's function

Rule = Callable[[np.ndarray, np.ndarray], bool]


def _width(accuracy: float, pictures: np.ndarray | float) -> np.ndarray | float:
    """Return how wide the Wilson interval of an accuracy is."""
    spread = np.sqrt(accuracy * (1 - accuracy) / pictures + (Z / pictures) ** 2 / 4)
    return 2 * Z * spread / (1 + Z**2 / pictures)


def _needed(accuracy: float, width: float) -> int:
    """Return how many pictures make the interval at most `width` wide."""
    pictures = np.arange(1, MAX_PICTURES + 1)
    return int(pictures[_width(accuracy, pictures) <= width][0])


def _near(answer: float, truth: float) -> bool:
    """Return whether a number of pictures is right, up to rounding (right answers are whole numbers of pictures)."""
    return abs(answer - truth) <= 3 + 0.04 * truth


@exercise(
    "`wilson_by_hand(accuracy * n, n)` gives both ends of the interval. Try n = 1, 2, 3, ... until they are close."
)
def pictures_needed(answer: Callable[[float, float], int]) -> str:
    """Exercise 1: the number of test pictures that makes an interval narrow enough."""
    for accuracy, width in TASKS:
        pictures, truth = number(call(answer, accuracy, width), "The number of pictures"), _needed(accuracy, width)
        expect(pictures >= 1, f"{pictures:g} pictures cannot be right: at least one is needed.")
        asked = f"For an accuracy of {accuracy:g} and an interval {width:g} wide you say {pictures:,.0f}."
        expect(
            not _near(pictures, _needed(accuracy, 2 * width)),
            f"{asked} That gives {width:g} to each side. The width goes from one end to the other.",
        )
        expect(
            not _near(pictures, _needed(0.5, width)),
            f"{asked} That is what the widest of all needs, that of an accuracy of one half. Use the accuracy given.",
        )
        expect(
            _near(pictures, truth) or not _near(pictures, 4 * Z**2 * accuracy * (1 - accuracy) / width**2),
            f"{asked} So says the simple formula, which is too sure where nearly everything is right. Wilson's is asked.",
        )
        expect(_near(pictures, truth), f"{asked} With these it is {_width(accuracy, pictures):.3f} wide.")
    (accuracy, width), finer = TASKS[0], TASKS[0][1] / 2
    return (
        f"Near {accuracy:g} it takes {_needed(accuracy, width):,} pictures for an interval {width:g} wide, and "
        f"{_needed(accuracy, finer):,} for {finer:g}: half the width costs four times the pictures. The 341 pictures of "
        f"the beginning gave {_width(283 / 341, 341):.2f}."
    )


def _answers() -> tuple[np.ndarray, np.ndarray]:
    """Return which of the pictures each of two models gets right; those that decide come first."""
    counts = (PICTURES.only_second, PICTURES.only_first, PICTURES.both, PICTURES.neither)
    return np.repeat([False, True, True, False], counts), np.repeat([True, False, True, False], counts)


def _test_differs(first: np.ndarray, second: np.ndarray) -> bool:
    return compare_paired(first, second).p_value < 0.05


def _intervals_differ(first: np.ndarray, second: np.ndarray) -> bool:
    worse, better = (Accuracy(int(right.sum()), len(right)).interval for right in (first, second))
    return worse[1] < better[0] or better[1] < worse[0]


def _noticed(differs: Rule, pictures: int, paired: bool = True) -> float:
    """Return in which share of draws `differs` sees a difference, of the same pictures or of others for each model."""
    generator, (first, second) = np.random.default_rng(0), _answers()
    seen = 0
    for _ in range(ROUNDS):
        rows = generator.permutation(PICTURES.n)[:pictures]
        others = rows if paired else generator.permutation(PICTURES.n)[:pictures]
        seen += differs(first[rows], second[others])
    return seen / ROUNDS


def _agree(shares: list[float], expected: list[float]) -> bool:
    """Return whether two pairs of shares are the same but for the chance of `ROUNDS` draws each (four deviations)."""
    chance = [4 * math.sqrt(2 * share * (1 - share) / ROUNDS) + 0.01 for share in expected]
    return all(abs(a - b) <= c for a, b, c in zip(shares, expected, chance, strict=True))


def _judge_shares(shares: list[float]) -> str:
    """Return what the mistake was that gave `shares`, or nothing if they are right."""
    truth = [_noticed(_test_differs, pictures) for pictures in DRAWN]
    if _agree(shares, truth):
        return ""
    if set(shares) <= {0, 1} and shares != [0, 0]:
        return "All draws said the same. Draw other pictures in each round, and not more than `pictures` of them."
    if _agree([1 - share for share in shares], truth):
        return "You counted the draws that did not notice it: those with a p-value of 0.05 and more."
    if _agree(shares, [_noticed(_test_differs, pictures, paired=False) for pictures in DRAWN]):
        return "You drew other pictures for the second model than for the first. The test wants pairs."
    if _agree(shares, [_noticed(_intervals_differ, pictures) for pictures in DRAWN]):
        return "It hardly ever noticed. Intervals may overlap although the test sees a difference: ask its p-value."
    found = " and ".join(f"{share:.2f} for {pictures}" for share, pictures in zip(shares, DRAWN, strict=True))
    return f"You found {found} pictures, and by {ROUNDS} draws of the check it is {truth[0]:.2f} and {truth[1]:.2f}."


@exercise("Draw row numbers with `generator.permutation(len(first_right))[:pictures]`, and use them for both models.")
def share_noticed(answer: Callable[[np.ndarray, np.ndarray, int], float]) -> str:
    """Exercise 2: how often the test notices a difference with fewer pictures."""
    shares = [number(call(answer, *_answers(), pictures), "The share") for pictures in DRAWN]
    expect(all(0 <= share <= 1 for share in shares), f"{max(shares):g} is no share: it goes from 0 to 1.")
    problem = _judge_shares(shares)
    expect(not problem, problem)
    return (
        f"The check's own two models differ by {PICTURES.difference:.3f}, p = {PICTURES.p_value:.1g} with all "
        f"{PICTURES.n:,} pictures. With {DRAWN[0]} the test notices it in a share of {shares[0]:.2f} of the draws, with {DRAWN[1]} in "
        f"{shares[1]:.2f}. That a test sees no difference does not say that there is none. And how is it for "
        "`strict_right` and `loose_right`?"
    )


def _same_for_all(classes: list[str]) -> Evaluation:
    """Return what a model gets that gives each class the same probability, on 90 cats and 10 dogs."""
    labels = np.repeat([classes.index("cat"), classes.index("dog")], [90, 10])
    return Evaluation(classes, labels, np.full((100, 2), 0.5))


def _judge_dogs(precision: float) -> None:
    """Raise `Off` unless the precision of dogs is what `scores` gives where no picture was called so."""
    is_nan = isinstance(precision, float) and math.isnan(precision)
    expect(not is_nan, "Precision of dog: 0 of 0 pictures has no value, indeed. `scores` has to give one: which?")
    value = number(precision, "The precision of dog")
    expect(value != 0.1, "A precision of 0.1 would mean that all are called dog. How many are?")
    expect(value == 0, f"A precision of {value:g}: what share of the pictures that are called dog, then?")


@exercise("`argmax` gives the first of equal values. So what are all 100 pictures called?")
def knows_nothing(accuracy: float, cat_recall: float, dog_recall: float, dog_precision: float) -> str:
    """Exercise 3: accuracy, recall and precision of a model that gives each class the same probability."""
    answers = {"accuracy": accuracy, "recall of cat": cat_recall, "recall of dog": dog_recall}
    values = {name: number(value, f"The {name}") for name, value in answers.items()}
    for name, value in values.items():
        expect(0 <= value <= 1, f"The {name} is a share from 0 to 1, and not {value:g}.")
    expect(values["accuracy"] != 0.5, "An accuracy of 0.5 would be a coin's. Nobody tosses one: equal is not random.")
    expect(
        values["accuracy"] != 0.1, "An accuracy of 0.1 would mean that the last class is taken. It is the other one."
    )
    result = _same_for_all(["cat", "dog"])
    scores = result.scores()["recall"]
    truth = {"accuracy": result.accuracy.value, "recall of cat": scores["cat"], "recall of dog": scores["dog"]}
    for name, value in values.items():
        expect(math.isclose(value, truth[name]), f"The {name} is not {value:g}. Count: of which pictures, how many?")
    _judge_dogs(dog_precision)
    other = _same_for_all(["dog", "cat"]).accuracy.value
    return (
        f"An accuracy of {truth['accuracy']:g}, and it knows nothing. The mean of the two recalls, {scores.mean():g}, "
        f"tells. With the classes in the other order the accuracy is {other:g}. So compare an accuracy with the share of "
        "the largest class. F1 does not fail, since 0 of 0 counts as 0."
    )
