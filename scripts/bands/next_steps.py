"""Measures for the exercises of lesson 06: what `suspects` finds of many misplaced pictures, and what twins do."""

from functools import cache

import numpy as np

from imgclass_course import load_backbone
from imgclass_course.bottlenecks import extract
from imgclass_course.datasets import ImageFolder, dataset_folder
from imgclass_course.features import Features
from imgclass_course.foundation.picture_files import load_image
from imgclass_course.next_steps import suspects
from imgclass_course.ridge import leave_one_out_scores, ridge_answers

SEEDS = 100  # with 40, some right answers of other seeds fell outside
FEW, THIRD = 0.05, 1 / 3  # shares of misplaced pictures
TESTING_PERCENTAGE = 25


@cache
def drawings() -> Features:
    """Return the vectors of the drawings."""
    return extract(ImageFolder.scan(dataset_folder("clipart"), 0, TESTING_PERCENTAGE))


@cache
def misplace(seed: int, share: float = THIRD) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which training pictures were misplaced, the labels that this gives, and their scores."""
    train = drawings().split("train")
    generator = np.random.default_rng(seed - 1)  # seeds are counted from 1, and most attendees will take 0
    moved = generator.choice(len(train), int(share * len(train)), replace=False)
    spoiled = train.y.copy()
    num_classes = len(train.classes)
    spoiled[moved] = (train.y[moved] + generator.integers(1, num_classes, len(moved))) % num_classes
    return moved, spoiled, leave_one_out_scores(train.X, spoiled, num_classes)


def found(seed: int, share: float = THIRD) -> float:
    """Return which share of the misplaced pictures is named."""
    moved, spoiled, scores = misplace(seed, share)
    return float(np.isin(moved, suspects(scores, spoiled)).mean())


def true(seed: int, share: float = THIRD) -> float:
    """Return which share of the named pictures is misplaced."""
    moved, spoiled, scores = misplace(seed, share)
    return float(np.isin(suspects(scores, spoiled), moved).mean())


def times(seed: int, share: float = THIRD) -> float:
    """Return how many times more often than blindly a named picture is misplaced."""
    moved, spoiled, _ = misplace(seed, share)
    return true(seed, share) * len(spoiled) / len(moved)


def named(seed: int) -> float:
    """Return which share of all training pictures is named."""
    _, spoiled, scores = misplace(seed)
    return len(suspects(scores, spoiled)) / len(spoiled)


def times_with_old_scores(seed: int) -> float:
    """Return the same as `times`, where the scores are those of the folder as it was (a mistake)."""
    train = drawings().split("train")
    moved, spoiled, _ = misplace(seed)
    suspect = suspects(leave_one_out_scores(train.X, train.y, len(train.classes)), spoiled)
    return float(np.isin(suspect, moved).mean()) * len(spoiled) / len(moved)


@cache
def twins() -> np.ndarray:
    """Return the vectors of all drawings, moved a little, [n, d] float32."""
    root, network = dataset_folder("clipart"), load_backbone()
    return network(np.stack([load_image(root / path, 232)[8:, 8:] for path in drawings().rows["path"]]))


def accuracy(seed: int, with_twins: bool) -> float:
    """Return the accuracy on the test pictures of a split, perhaps with their twins among the training pictures."""
    split = ImageFolder.scan(dataset_folder("clipart"), 0, TESTING_PERCENTAGE, seed - 1).table["split"]
    features, testing = drawings(), (split == "test").to_numpy()
    X, y = features.X[~testing], features.y[~testing]
    if with_twins:
        X, y = np.concatenate([X, twins()[testing]]), np.concatenate([y, features.y[testing]])
    return float((ridge_answers(X, y, features.X[testing]) == features.y[testing]).mean())


MEASURES = {
    "found": found,
    "found_of_few": lambda seed: found(seed, FEW),
    "named": named,
    "true": true,
    "times": times,
    "times_of_few": lambda seed: times(seed, FEW),
    "times_with_old_scores": times_with_old_scores,
    "without_twins": lambda seed: accuracy(seed, False),
    "with_twins": lambda seed: accuracy(seed, True),
}
