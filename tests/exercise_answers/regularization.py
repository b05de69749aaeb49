"""Answers to the exercises of lesson 12."""

import math

import numpy as np
from scipy.stats import t

from . import Answers


def fitting(feature_dim: int, num_classes: int, first: int, second: int) -> int:
    total = (feature_dim + 1) * first + (first + 1) * second + (second + 1) * num_classes
    return round((total - num_classes) / (feature_dim + 1 + num_classes))


def rounded_down(feature_dim: int, num_classes: int, first: int, second: int) -> int:
    total = (feature_dim + 1) * first + (first + 1) * second + (second + 1) * num_classes
    return (total - num_classes) // (feature_dim + 1 + num_classes)


def without_biases(feature_dim: int, num_classes: int, first: int, second: int) -> int:
    total = feature_dim * first + first * second + second * num_classes
    return round(total / (feature_dim + num_classes))


def without_output(feature_dim: int, num_classes: int, first: int, second: int) -> int:
    return round(((feature_dim + 1) * first + (first + 1) * second) / (feature_dim + 1))


def planned(differences: np.ndarray, margin: float) -> int:
    spread, n = differences.std(ddof=1), 2
    while t.ppf(0.975, n - 1) * spread / math.sqrt(n) > margin:
        n += 1
    return n


def with_normal(differences: np.ndarray, margin: float) -> int:
    return math.ceil((1.96 * differences.std(ddof=1) / margin) ** 2)


def with_first_t(differences: np.ndarray, margin: float) -> int:
    return math.ceil((t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / margin) ** 2)


def with_ddof_0(differences: np.ndarray, margin: float) -> int:
    spread, n = differences.std(), 2
    while t.ppf(0.975, n - 1) * spread / math.sqrt(n) > margin:
        n += 1
    return n


def without_root(differences: np.ndarray, margin: float) -> int:
    return math.ceil(t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / margin)


ANSWERS = {
    "same_weights": Answers(
        right=[(fitting,)],
        wrong={
            "added up the units": (lambda feature_dim, num_classes, first, second: first + second,),
            "rounded down": (rounded_down,),
            "left out the biases": (without_biases,),
            "from the last inner layer on": (without_output,),
            "a whole number of units": (lambda *sizes: fitting(*sizes) + 0.4,),
            "One layer of 3 has": (lambda *sizes: 3,),
            "stopped with TypeError": (lambda total: total,),
        },
    ),
    "too_much_decay": Answers(
        right=[
            ((0.98, 1.485), (0.1, 2.302585)),
            ((0.95, 1.50493), (np.float32(0.1), 2.30255)),
            ([0.97, 1.494], [0.1, 2.3026]),
        ],
        wrong={
            "on the test pictures": ((0.635, 1.874), (0.084, 2.302)),
            "stand in the history": ((0.9, 9.5), (0.19, 42.0)),
            "the price of the weights: Keras": ((0.98, 1.85), (0.1, 2.312)),
            "the learning rate 0.001": ((0.98, 1.55), (0.85, 1.9)),
            "heads without weight decay": ((1.0, 0.00005), (1.0, 0.0005)),
            "You swapped them": ((0.1, 2.302585), (0.98, 1.485)),
            "as a share": ((98, 1.485), (10, 2.302585)),
            "Yours are others": ((0.5, 1.0), (0.5, 1.0)),
            "Each head has two numbers": (0.98, 0.1),
        },
    ),
    "draws_needed": Answers(
        right=[(planned,)],
        wrong={
            "With few, t is larger": (with_normal,),
            "t of the measured draws": (with_first_t,),
            "unless you give": (with_ddof_0,),
            "the root is missing": (without_root,),
            "no wider than the margin": (lambda differences, margin: planned(differences, margin / 2),),
            "twice too much": (lambda differences, margin: planned(differences, 2 * margin),),
            "off by one": (lambda differences, margin: planned(differences, margin) - 1,),
            "draws, and you find 7": (lambda differences, margin: 7,),
        },
    ),
}
