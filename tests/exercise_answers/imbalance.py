"""Answers to the exercises of lesson 15."""

from dataclasses import replace

import numpy as np

from imgclass_course import Evaluation, fit
from imgclass_course.class_scores import in_world, macro_f1
from imgclass_course.course_data import FASHION_CLASSES, load_fashion
from imgclass_course.imbalance import leave_out_prior
from imgclass_course.long_tails import collect_unequal

from . import Answers


def mean_of_one(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return weights * counts.sum() / (weights * counts).sum()


def effective(counts: np.ndarray, b: float) -> np.ndarray:
    return mean_of_one((1 - b) / (1 - b**counts), counts)


def as_a_list(counts: np.ndarray, b: float) -> list[float]:
    return effective(counts, b).tolist()


def not_scaled(counts: np.ndarray, b: float) -> np.ndarray:
    return (1 - b) / (1 - b**counts)


def mean_over_classes(counts: np.ndarray, b: float) -> np.ndarray:
    return not_scaled(counts, b) / not_scaled(counts, b).mean()


def sum_of_one(counts: np.ndarray, b: float) -> np.ndarray:
    return not_scaled(counts, b) / not_scaled(counts, b).sum()


def upside_down(counts: np.ndarray, b: float) -> np.ndarray:
    return mean_of_one(1 / not_scaled(counts, b), counts)


def in_place(counts: np.ndarray, b: float) -> np.ndarray:
    found = effective(counts, b)
    counts[:] = 1
    return found


def fair(values: np.ndarray) -> np.ndarray:
    return values / values.sum(axis=1, keepdims=True)


def prior_left_out() -> dict[float, tuple[float, float, float]]:
    """Return macro-F1 and the accuracies in both worlds, by strength, as the lesson's solution computes them.

    They are measured here, since processors round differently, and a regression that is stopped early shows it.
    """
    counts = np.geomspace(250, 3, 10).round().astype(int)
    garments = collect_unequal(load_fashion(), counts, FASHION_CLASSES)
    X, y = garments.xy("test")
    as_it_is = Evaluation(garments.classes, y, fit(garments, "logistic").head.predict_proba(X))
    found = {}
    for strength in (-2.0, 0.0, 1.0, 2.0):
        one = replace(as_it_is, probabilities=leave_out_prior(as_it_is.probabilities, counts, strength))
        found[strength] = float(macro_f1(one)), float(in_world(counts)(one)), one.accuracy.value
    return found


LEFT_OUT = prior_left_out()
MACRO_F1, UNEQUAL, EQUAL = LEFT_OUT[2.0]
ANSWERS = {
    "effective_weights": Answers(
        right=[(effective,), (as_a_list,)],
        wrong={
            "mean over the pictures is not 1": (not_scaled,),
            "mean over the *classes* is 1": (mean_over_classes,),
            "They sum to 1": (sum_of_one,),
            "upside down": (upside_down,),
            "effective number itself": (lambda counts, b: 1 / not_scaled(counts, b),),
            "balanced weights: each": (lambda counts, b: mean_of_one(1 / counts, counts),),
            "changes `counts`": (in_place,),
            "have the shape [4]; yours have []": (lambda counts, b: 1.0,),
            "yours have a mean of 2": (lambda counts, b: np.full(len(counts), 2.0),),
        },
    ),
    "for_world": Answers(
        right=[
            (lambda p, counts, shares: fair(p / counts * shares),),
            (lambda p, n, q: fair(p * (q / (n / n.sum()))),),
        ],
        wrong={
            "rows do not sum to 1": (lambda p, counts, shares: p / counts * shares,),
            "new world's shares are not in it": (lambda p, counts, shares: fair(p / counts),),
            "has to be left out first": (lambda p, counts, shares: fair(p * shares),),
            "the way back": (lambda p, counts, shares: fair(p * counts / shares),),
            "multiplied by the counts": (lambda p, counts, shares: fair(p * counts * shares),),
            "The first row is": (lambda p, counts, shares: p,),
            "infinite, or none at all": (lambda p, counts, shares: np.full_like(p, np.inf),),
        },
    ),
    "prior_twice": Answers(
        right=[(MACRO_F1, UNEQUAL), (np.float32(MACRO_F1 + 0.004), UNEQUAL), (np.array(MACRO_F1 - 0.003), UNEQUAL)],
        wrong={
            "You swapped them": (UNEQUAL, MACRO_F1),
            "equally many of each kind": (MACRO_F1, EQUAL),
            "left out once": LEFT_OUT[1.0][:2],
            "left out not at all": LEFT_OUT[0.0][:2],
            "the wrong way round": LEFT_OUT[-2.0][:2],
            "comes to about": (0.6, 0.6),
            "as shares": (48.8, 21.4),
        },
    ),
}
