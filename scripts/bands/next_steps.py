"""Measures for the exercises of lesson 06: what `suspects` finds where a third of the pictures is misplaced."""

from functools import cache

import numpy as np

from imgclass_course.bottlenecks import extract
from imgclass_course.datasets import ImageFolder, dataset_folder
from imgclass_course.next_steps import leave_one_out_scores, suspects

SEEDS = 100  # with 40, some right answers of other seeds fell outside
WRONG = 23  # as in the lesson


@cache
def pictures() -> tuple[np.ndarray, np.ndarray, int]:
    """Return the vectors of the drawings, their labels, and how many classes there are."""
    features = extract(ImageFolder.scan(dataset_folder("clipart")))
    return features.X, features.y, len(features.classes)


@cache
def misplace(seed: int, count: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which pictures were misplaced (a third, or `count`), the labels that this gives, and their scores."""
    vectors, labels, num_classes = pictures()
    generator = np.random.default_rng(seed - 1)  # seeds are counted from 1, and most attendees will take 0
    moved = generator.choice(len(labels), count or len(labels) // 3, replace=False)
    spoiled = labels.copy()
    spoiled[moved] = (labels[moved] + generator.integers(1, num_classes, len(moved))) % num_classes
    return moved, spoiled, leave_one_out_scores(vectors, spoiled, num_classes)


def found(seed: int, count: int | None = None) -> float:
    """Return which share of the misplaced pictures is named."""
    moved, spoiled, scores = misplace(seed, count)
    return float(np.isin(moved, suspects(scores, spoiled)).mean())


def true(seed: int, count: int | None = None) -> float:
    """Return which share of the named pictures is misplaced."""
    moved, spoiled, scores = misplace(seed, count)
    return float(np.isin(suspects(scores, spoiled), moved).mean())


def times(seed: int, count: int | None = None) -> float:
    """Return how many times more often than blindly a named picture is misplaced."""
    moved, spoiled, _ = misplace(seed, count)
    return true(seed, count) * len(spoiled) / len(moved)


def named(seed: int) -> float:
    """Return which share of all pictures is named."""
    _, spoiled, scores = misplace(seed)
    return len(suspects(scores, spoiled)) / len(spoiled)


def times_with_old_scores(seed: int) -> float:
    """Return the same as `times`, where the scores are those of the folder as it was (a mistake)."""
    vectors, labels, num_classes = pictures()
    moved, spoiled, _ = misplace(seed)
    suspect = suspects(leave_one_out_scores(vectors, labels, num_classes), spoiled)
    return float(np.isin(suspect, moved).mean()) * len(labels) / len(moved)


MEASURES = {
    "found": found,
    "found_of_23": lambda seed: found(seed, WRONG),
    "named": named,
    "true": true,
    "times": times,
    "times_of_23": lambda seed: times(seed, WRONG),
    "times_with_old_scores": times_with_old_scores,
}
