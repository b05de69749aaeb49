"""Answers to the exercises of lesson 02."""

import math

import numpy as np

from . import Answers


def of_truth(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
    return probabilities[np.arange(len(classes)), classes]


def cross_entropy(probabilities: np.ndarray, classes: np.ndarray) -> float:
    return -np.log(of_truth(probabilities, classes)).mean()


def in_a_loop(probabilities: np.ndarray, classes: np.ndarray) -> float:
    return sum(-math.log(row[one]) for row, one in zip(probabilities, classes, strict=True)) / len(classes)


def by_keras(probabilities: np.ndarray, classes: np.ndarray) -> object:
    import keras

    return keras.losses.SparseCategoricalCrossentropy()(classes, probabilities)


def plan(pictures: int, batch_size: int, epochs: int) -> tuple[int, int]:
    steps = math.ceil(pictures / batch_size)
    return steps * epochs, pictures - (steps - 1) * batch_size


def by_remainder(pictures: int, batch_size: int, epochs: int) -> list[float]:
    return [float(-(-pictures // batch_size) * epochs), pictures % batch_size or batch_size]


def whole(pictures: int, batch_size: int, epochs: int) -> tuple[int, int]:
    return pictures // batch_size * epochs, pictures % batch_size or batch_size


ANSWERS = {
    "shameless_answer": Answers(
        right=[(0.5, cross_entropy), (0, in_a_loop), (1.0, by_keras)],
        wrong={
            "write 0.5 for 50 %": (47, cross_entropy),
            "has to be one number, and this is of type `str`": ("half", cross_entropy),
            "put a minus in front": (0.5, lambda table, classes: np.log(of_truth(table, classes)).mean()),
            "to the base 2": (0.5, lambda table, classes: -np.log2(of_truth(table, classes)).mean()),
            "to the base 10": (0.5, lambda table, classes: -np.log10(of_truth(table, classes)).mean()),
            "You added the surprises up": (0.5, lambda table, classes: -np.log(of_truth(table, classes)).sum()),
            "the largest probability of each row": (0.5, lambda table, classes: -np.log(table.max(axis=1)).mean()),
            "drowns in it": (0.5, lambda table, classes: -np.log(of_truth(table, classes).mean())),
            "takes the classes of all pictures": (0.5, lambda table, classes: -np.log(table[:, classes]).mean()),
            "You averaged over all classes": (0.5, lambda table, classes: -np.log(table).mean()),
            "a surprise for each picture": (0.5, lambda table, classes: -np.log(of_truth(table, classes))),
            "stopped with": (0.5, lambda table: table),
        },
    ),
    "two_rates": Answers(
        right=[(0.5, 50), (1, 100.0)],
        wrong={
            "Exchange them": (50, 0.5),
            "its steps are too short": (0.2, 50),
            "its steps are too long": (10, 50),
            "It is not wild at all": (0.5, 0.1),
            "came back: wilder": (0.5, 3),
            "walks uphill": (-0.5, 50),
            "stays where it is": (0.5, 0),
            "cannot write down": (0.5, 1e200),
        },
    ),
    "count_steps": Answers(
        right=[(6000, plan), (8000, by_remainder)],
        wrong={
            "takes at least one step": (0, plan),
            "That counts pictures": (6000, lambda n, size, epochs: (n * epochs, plan(n, size, epochs)[1])),
            "That is one epoch": (6000, lambda n, size, epochs: plan(n, size, 1)),
            "You leave the rest of each epoch out": (6000, whole),
            "with pictures of the next": (
                6000,
                lambda n, size, epochs: (math.ceil(n * epochs / size), plan(n, size, epochs)[1]),
            ),
            "Half a step": (6000, lambda n, size, epochs: (n / size * epochs, plan(n, size, epochs)[1])),
            "the last batch is a full one": (6000, lambda n, size, epochs: (plan(n, size, epochs)[0], n % size)),
            "need not be full": (6000, lambda n, size, epochs: (plan(n, size, epochs)[0], size)),
            "Return two numbers": (6000, lambda n, size, epochs: plan(n, size, epochs)[0]),
        },
    ),
}
