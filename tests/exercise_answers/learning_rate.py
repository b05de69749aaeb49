"""Answers to the exercises of lesson 11."""

import math

from . import Answers

# Measured with seeds that are not among the bands'.
SEED_0 = {0.001: 2.194, 0.01: 1.1, 0.1: 1.264}


def by_formula(rate: float, curvature: float) -> float:
    shrinks = abs(1 - rate * curvature)
    if shrinks >= 1:
        return math.inf
    return math.ceil(math.log(0.01) / math.log(shrinks)) if shrinks else 1


def by_walking(rate: float, curvature: float) -> float:
    if rate * curvature >= 2:
        return math.inf
    x, steps = 1.0, 0
    while abs(x) > 0.01:
        x, steps = x - rate * curvature * x, steps + 1
    return steps


def with_sign(rate: float, curvature: float) -> float:
    x, steps = 1.0, 0
    while x > 0.01:
        x, steps = x - rate * curvature * x, steps + 1
    return steps


def without_end(rate: float, curvature: float) -> int:
    x, steps = 1.0, 0
    while abs(x) > 0.01:
        x, steps = x * (1 - rate * curvature), steps + 1
    return steps


def until_not_a_number(rate: float, curvature: float) -> int:
    x, steps = 1.0, 0
    while abs(x) > 0.01:
        x, steps = x - rate * curvature * x, steps + 1
    return steps


ANSWERS = {
    "best_rate_of_sgd": Answers(
        right=[(SEED_0,)],
        wrong={
            "Adam's numbers": ({0.001: 1.045, 0.01: 1.383, 0.1: 9.029},),
            "on the training pictures": ({0.001: 1.624, 0.01: 0.224, 0.1: 0.004},),
            "These are accuracies": ({0.001: 0.31, 0.01: 0.646, 0.1: 0.726},),
            "Were the head": ({**SEED_0, 0.1: 2.5},),
            "no cross-entropy for the rate 0.01": ({0.001: 2.194},),
            "A dictionary or Series": (0.01,),
            "has to be one number": ({**SEED_0, 0.01: "low"},),
        },
    ),
    "longer_vectors": Answers(
        right=[(0.01, 0.1), (1 / 10**2, 1 / 10)],
        wrong={
            "half of it": (0.1, 0.1),
            "the wrong direction": (100, 10),
            "SGD's factor": (0.01, 0.01),
            "as long as before": (0.01, 1),
            "SGD does not come": (1, 0.1),
            "Adam does not come": (0.01, 0.5),
            "0 or below": (0.01, -1),
            "has to be one number": ("less", 0.1),
        },
    ),
    "steps_to_arrive": Answers(
        right=[(by_formula,), (by_walking,)],
        wrong={
            "of curvature 1. The slope": (lambda rate, curvature: by_formula(rate, 1.0),),
            "yet far from": (with_sign,),
            "one too many": (lambda rate, curvature: by_formula(rate, curvature) + 1,),
            "one too few": (lambda rate, curvature: by_formula(rate, curvature) - 1,),
            "stopped with TimeoutError": (without_end,),
            "it never arrives. That is": (until_not_a_number,),
            "it arrives, but not after": (lambda rate, curvature: 10,),
            "stopped with ValueError": (lambda rate, curvature: math.log(-rate),),
        },
    ),
}
