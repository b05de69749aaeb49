"""Answers to the exercises of lesson 07."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, chisquare

from imgclass_course.datasets import ImageFolder, assign_split, dataset_folder
from imgclass_course.foundation.picture_files import load_image

from . import Answers

CLIPART = ImageFolder.scan(dataset_folder("clipart")).readable
PATHS = list(CLIPART["path"])


def one_way(limit: float, side: int = 16) -> Callable[[np.ndarray, np.ndarray], bool]:
    def look_alike(first: np.ndarray, second: np.ndarray) -> bool:
        return np.abs(load_image(first, side).astype(int) - load_image(second, side)).mean() < limit

    return look_alike


def within(limit: float, side: int = 16) -> Callable[[np.ndarray, np.ndarray], bool]:
    def look_alike(first: np.ndarray, second: np.ndarray) -> bool:
        same = one_way(limit, side)
        return same(first, second) or same(first, np.ascontiguousarray(second[:, ::-1]))

    return look_alike


def stricter_in_the_mirror(first: np.ndarray, second: np.ndarray) -> bool:
    return one_way(6)(first, second) or one_way(1)(first, np.ascontiguousarray(second[:, ::-1]))


def same_colours(first: np.ndarray, second: np.ndarray) -> bool:
    return np.abs(first.mean((0, 1)) - second.mean((0, 1))).max() < 3


def same_pixels(first: np.ndarray, second: np.ndarray) -> bool:
    return np.array_equal(first, second)


def wrapped(first: np.ndarray, second: np.ndarray) -> bool:
    return np.abs(load_image(first, 16) - load_image(second, 16)).mean() < 6


def far(first: np.ndarray, second: np.ndarray) -> bool:
    return not within(6)(first, second)


def sides(folder: str, percentage: int = 15) -> list[str]:
    return [assign_split(folder + path, percentage, percentage) for path in PATHS]


def differences(before: list[str], after: list[str]) -> int:
    return sum(old != new for old, new in zip(before, after, strict=True))


CHANGED = differences(sides(""), sides("photos/"))
BY_CONTENT = [assign_split(digest, 15, 15) for digest in CLIPART["digest"]]
LEARNT = sum(pair == ("train", "test") for pair in zip(sides(""), sides("photos/"), strict=True))
EXPECTED = 0.465


def counts(is_test: np.ndarray) -> pd.DataFrame:
    return pd.crosstab(CLIPART["label"], is_test)


def p_value(is_test: np.ndarray) -> float:
    return chi2_contingency(counts(is_test)).pvalue


def p_value_of_shares(is_test: np.ndarray) -> float:
    return chi2_contingency(pd.crosstab(CLIPART["label"], is_test, normalize="columns"))[1]


ANSWERS = {
    "look_alike": Answers(
        right=[(within(6),), (within(5, 8),), (within(8, 32),), (lambda *pair: bool(within(6)(*pair)),)],
        wrong={
            "a picture from itself": (far,),
            "least alike of all": (lambda first, second: True,),
            "upside down": (same_colours,),
            "3 - 5 became 254": (wrapped,),
            "as the digest does": (same_pixels,),
            "Too strict": (within(1),),
            "none in the mirror": (one_way(6),),
            "of the 78 in the mirror": (stricter_in_the_mirror,),
            "Too loose": (within(15),),
            "stopped with ValueError": (lambda first, second: bool(np.abs(first - second).mean() < 5),),
            "Return `True` or `False`": (lambda first, second: "yes",),
        },
    ),
    "changed_sides": Answers(
        right=[(EXPECTED, CHANGED), (0.47, np.int64(CHANGED)), (0.46, float(CHANGED))],
        wrong={
            "lies between 0 and 1": (46.5, CHANGED),
            "outside training": (0.3, CHANGED),
            "not in training both times": (0.51, CHANGED),
            "leaves training": (0.21, CHANGED),
            "or come into it": (0.42, CHANGED),
            "share that stays": (0.535, CHANGED),
            "equally large": (0.667, CHANGED),
            "is what you counted": (CHANGED / len(PATHS), CHANGED),
            "make one expect": (0.9, CHANGED),
            "with the digest": (EXPECTED, 0),
            "That is the share": (EXPECTED, CHANGED / len(PATHS)),
            "pictures stayed": (EXPECTED, len(PATHS) - CHANGED),
            "from training to test": (EXPECTED, LEARNT),
            "told nothing else": (EXPECTED, differences(sides("", 10), sides("photos/", 10))),
            "You compared with the split by content": (EXPECTED, differences(BY_CONTENT, sides("photos/"))),
            "another number": (EXPECTED, 1),
            "has to be one number": (EXPECTED, "many"),
        },
    ),
    "mix_of_classes": Answers(
        right=[(p_value, {"narrow"}), (lambda is_test: np.float32(p_value(is_test)), ["narrow"])],
        wrong={
            "It needs counts": (p_value_of_shares, {"narrow"}),
            "is the statistic": (lambda is_test: chi2_contingency(counts(is_test)).statistic, {"narrow"}),
            "equally large": (lambda is_test: chisquare(counts(is_test)[True]).pvalue, {"narrow"}),
            "1 minus": (lambda is_test: 1 - p_value(is_test), {"narrow"}),
            "the p-value is not": (lambda is_test: 0.5, {"narrow"}),
            "has to be one number": (lambda is_test: chi2_contingency(counts(is_test)), {"narrow"}),
            "is not surprising": (p_value, {"every fourth"}),
            "who checks often": (p_value, {"narrow", "a to f"}),
            "One is missing": (p_value, set()),
            "a set of names": (p_value, "narrow"),
            "may hold these": (p_value, [["narrow"]]),
        },
    ),
}
