"""Answers to the exercises of lesson 06."""

import numpy as np

from imgclass_course.intervals import Accuracy, PairedComparison

from . import Answers


def grown(comparison: PairedComparison, factor: int) -> PairedComparison:
    return PairedComparison(
        factor * comparison.both,
        factor * comparison.only_first,
        factor * comparison.only_second,
        factor * comparison.neither,
    )


def until_told(comparison: PairedComparison) -> int:
    factor = 1
    while grown(comparison, factor).interval[0] <= 0:
        factor += 1
    return factor * comparison.n


def factor_alone(comparison: PairedComparison) -> int:
    return until_told(comparison) // comparison.n


def by_p_value(comparison: PairedComparison) -> int:
    factor = 1
    while grown(comparison, factor).p_value >= 0.05:
        factor += 1
    return factor * comparison.n


def by_two_intervals(comparison: PairedComparison) -> int:
    pictures = comparison.n
    while True:
        share = pictures // comparison.n
        first = Accuracy(share * (comparison.both + comparison.only_first), pictures)
        second = Accuracy(share * (comparison.both + comparison.only_second), pictures)
        if second.interval[0] > first.interval[1]:
            return pictures
        pictures += comparison.n


ANSWERS = {
    "a_third_misplaced": Answers(
        # Measured by scripts/bands/next_steps.py with seeds that were not among the band's: 101, 102, 103.
        right=[(0.73913, 1.660644), (0.869565, 1.709486), (Accuracy(97, 115), 1.706687)],
        wrong={
            "first the share that it finds": (1.706687, 0.843478),
            "from 0 to 1": (97, 1.706687),
            "How often is a picture misplaced": (0.843478, 0.567251),
            "a twentieth of misplaced pictures gives": (0.843478, 6.218954),
            "too good: the scores": (0.843478, 2.221806),
            "and you have 0.300": (0.3, 1.7),
            "and you have 1.00": (0.85, 1.0),
        },
    ),
    "tests_to_tell": Answers(
        right=[(until_told,), (lambda comparison: np.int64(until_told(comparison)),)],
        wrong={
            "the factor.": (factor_alone,),
            "p-value falls": (by_p_value,),
            "do not overlap": (by_two_intervals,),
            "as many as there are already": (lambda comparison: comparison.n,),
            "too few": (lambda comparison: comparison.n + 7,),
            "more than it takes": (lambda comparison: 1_000_000,),
            "has to be one number": (lambda comparison: comparison.interval,),
        },
    ),
    "one_second_later": Answers(
        # Measured as the lesson does, and with logistic regression.
        right=[(0.823009, 1.0), (0.80531, 1.0), (Accuracy(93, 113), np.float64(0.99115))],
        wrong={
            "the other way round": (1.0, 0.823009),
            "not percent": (82.3, 100),
            "too good to be true": (1.0, 1.0),
            "without any twin": (0.823009, 0.80531),
            "Without twins it is": (0.3, 1.0),
            "With twins nearly all": (0.823009, 0.92),
        },
    ),
}
