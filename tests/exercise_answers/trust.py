"""Answers to the exercises of lesson 18."""

import numpy as np
from scipy.special import softmax

from . import Answers


def warmed(probabilities: np.ndarray, T: float) -> np.ndarray:
    powers = probabilities ** (1 / T)
    return powers / powers.sum(axis=1, keepdims=True)


def drawn(groups: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    names = np.unique(groups)
    objects = np.random.default_rng(seed).permutation(names)[: round(share * len(names))]
    return np.isin(groups, objects)


def first_objects(groups: np.ndarray, share: float) -> np.ndarray:
    names = np.unique(groups)
    return np.isin(groups, names[: round(share * len(names))])


def pictures(groups: np.ndarray, share: float) -> np.ndarray:
    return np.random.default_rng(0).random(len(groups)) < share


def maps_of(maps: np.ndarray, weights: np.ndarray, one: int, other: int) -> tuple[np.ndarray, np.ndarray]:
    return maps @ weights[:, one], maps @ weights[:, other]


def positive(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0)


ANSWERS = {
    "at_temperature": Answers(
        right=[(warmed,), (lambda p, T: softmax(np.log(p) / T, axis=1),)],
        wrong={
            "Your rows do not sum to 1": (lambda p, T: p ** (1 / T),),
            "the other way round": (lambda p, T: warmed(p, 1 / T),),
            "nothing has changed": (lambda p, T: p / T / (p / T).sum(axis=1, keepdims=True),),
            "the scores that are divided": (lambda p, T: p / T,),
            "as if they were scores": (lambda p, T: softmax(p / T, axis=1),),
            "each *column*": (lambda p, T: p ** (1 / T) / (p ** (1 / T)).sum(axis=0),),
            "the first row is": (lambda p, T: np.full(p.shape, 0.25),),
            "has the shape": (lambda p, T: p[0],),
        },
    ),
    "split_by_object": Answers(
        right=[(drawn,), (lambda groups, share: drawn(groups, share, 3).tolist(),)],
        wrong={
            "on both sides": (pictures,),
            "you marked the training": (lambda groups, share: ~drawn(groups, share),),
            "You took the first objects": (first_objects,),
            "No picture is in the test": (lambda groups, share: np.zeros(len(groups), bool),),
            "and a share of": (lambda groups, share: drawn(groups, 0.6 * share),),
            "True and False is wanted": (lambda groups, share: np.flatnonzero(drawn(groups, share)),),
        },
    ),
    "rather_than": Answers(
        right=[
            (lambda maps, weights, one, other: maps @ (weights[:, one] - weights[:, other]),),
            (lambda *given: np.subtract(*maps_of(*given)),),
        ],
        wrong={
            "the map of the first class alone": (lambda *given: maps_of(*given)[0],),
            "the map of the other class alone": (lambda *given: maps_of(*given)[1],),
            "The sign is turned": (lambda *given: np.subtract(*maps_of(*given)[::-1]),),
            "You added the two maps": (lambda *given: np.add(*maps_of(*given)),),
            "You kept what is positive only": (lambda *given: positive(np.subtract(*maps_of(*given))),),
            "the positive part of each map": (lambda *given: np.subtract(*map(positive, maps_of(*given))),),
            "The mean of the map is": (lambda maps, weights, one, other: np.ones(maps.shape[:2]),),
            "has the shape": (lambda maps, weights, one, other: maps * (weights[:, one] - weights[:, other]),),
        },
    ),
}
