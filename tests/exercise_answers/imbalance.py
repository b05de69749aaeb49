"""Answers to the exercises of lesson 15."""

import numpy as np

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
        right=[(0.488, 0.214), (np.float32(0.49), 0.21), (np.array(0.485), 0.22)],
        wrong={
            "You swapped them": (0.214, 0.488),
            "equally many of each kind": (0.488, 0.534),
            "left out once": (0.750, 0.668),
            "left out not at all": (0.562, 0.745),
            "the wrong way round": (0.223, 0.639),
            "comes to about 0.49": (0.6, 0.6),
            "as shares": (48.8, 21.4),
        },
    ),
}
