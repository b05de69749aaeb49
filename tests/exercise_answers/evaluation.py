"""Answers to the exercises of lesson 08."""

import math
from collections.abc import Callable

import numpy as np

from imgclass_course.evaluation import Accuracy, compare_paired

from . import Answers

Z = 1.96


def first_n(narrow: Callable[[int], bool]) -> int:
    return next(n for n in range(1, 100_000) if narrow(n))


def wilson_width(accuracy: float, n: int) -> float:
    return 2 * Z * math.sqrt(accuracy * (1 - accuracy) / n + Z**2 / (4 * n * n)) / (1 + Z**2 / n)


def needed(accuracy: float, width: float) -> int:
    return first_n(lambda n: wilson_width(accuracy, n) <= width)


def needed_of_whole_pictures(accuracy: float, width: float) -> int:
    low, high = 1, 100_000
    while low < high:
        n = (low + high) // 2
        ends = Accuracy(round(accuracy * n), n).interval
        low, high = (low, n) if ends[1] - ends[0] <= width else (n + 1, high)
    return low


def needed_each_side(accuracy: float, width: float) -> int:
    return needed(accuracy, 2 * width)


def needed_at_half(accuracy: float, width: float) -> int:
    return needed(0.5, width)


def needed_simply(accuracy: float, width: float) -> int:
    return math.ceil(4 * Z**2 * accuracy * (1 - accuracy) / width**2)


def rounds(seed: int, judge: Callable[[np.random.Generator], bool]) -> float:
    generator = np.random.default_rng(seed)
    return float(np.mean([judge(generator) for _ in range(200)]))


def noticing(seed: int = 7, replace: bool = False) -> Callable[[np.ndarray, np.ndarray, int], float]:
    def share(first: np.ndarray, second: np.ndarray, pictures: int) -> float:
        def judge(generator: np.random.Generator) -> bool:
            rows = generator.choice(len(first), pictures, replace=replace)
            return compare_paired(first[rows], second[rows]).p_value < 0.05

        return rounds(seed, judge)

    return share


def missing(first: np.ndarray, second: np.ndarray, pictures: int) -> float:
    return 1 - noticing()(first, second, pictures)


def percent(first: np.ndarray, second: np.ndarray, pictures: int) -> float:
    return 100 * noticing()(first, second, pictures)


def unpaired(first: np.ndarray, second: np.ndarray, pictures: int) -> float:
    def judge(generator: np.random.Generator) -> bool:
        rows, others = generator.permutation(len(first))[:pictures], generator.permutation(len(first))[:pictures]
        return compare_paired(first[rows], second[others]).p_value < 0.05

    return rounds(7, judge)


def by_overlap(first: np.ndarray, second: np.ndarray, pictures: int) -> float:
    def judge(generator: np.random.Generator) -> bool:
        rows = generator.permutation(len(first))[:pictures]
        one, two = (Accuracy(int(right[rows].sum()), pictures).interval for right in (first, second))
        return one[1] < two[0]

    return rounds(7, judge)


def first_rows(first: np.ndarray, second: np.ndarray, pictures: int) -> float:
    return float(compare_paired(first[:pictures], second[:pictures]).p_value < 0.05)


ANSWERS = {
    "pictures_needed": Answers(
        right=[(needed,), (needed_of_whole_pictures,)],
        wrong={
            "to each side": (needed_each_side,),
            "of one half": (needed_at_half,),
            "simple formula": (needed_simply,),
            "With these it is": (lambda accuracy, width: 1000,),
            "at least one is needed": (lambda accuracy, width: 0,),
            "stopped with TypeError": (lambda accuracy: 5,),
        },
    ),
    "share_noticed": Answers(
        right=[(noticing(seed),) for seed in range(5)] + [(noticing(replace=True),)],
        wrong={
            "did not notice it": (missing,),
            "is no share": (percent,),
            "wants pairs": (unpaired,),
            "Intervals may overlap": (by_overlap,),
            "All draws said the same": (first_rows,),
            "by 200 draws of the check": (lambda first, second, pictures: 0.5,),
        },
    ),
    "knows_nothing": Answers(
        right=[(0.9, 1, 0, 0), (0.9, 1.0, 0.0, np.float64(0))],
        wrong={
            "would be a coin's": (0.5, 0.5, 0.5, 0.5),
            "the last class is taken": (0.1, 0, 1, 0.1),
            "a share from 0 to 1": (90, 100, 0, 0),
            "The recall of dog is not": (0.9, 1, 0.1, 0),
            "has no value, indeed": (0.9, 1, 0, math.nan),
            "all are called dog": (0.9, 1, 0, 0.1),
            "has to be one number": ("high", 1, 0, 0),
        },
    ),
}
