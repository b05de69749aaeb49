"""Answers to the exercises of lesson 20."""

import math

import numpy as np

from . import Answers


def needed(pictures: int, rate: float, alone: float, hours: float) -> int:
    left = hours * 3600 - pictures * alone
    return 0 if left <= 0 else math.ceil(pictures / rate / left)


def without_rounding(pictures: int, rate: float, alone: float, hours: float) -> float:
    return pictures / rate / (hours * 3600 - pictures * alone)


ANSWERS = {
    "speed_up": Answers(
        right=[(lambda s, m: 1 / (s + (1 - s) / m),), (lambda s, m: np.float64(m / (s * m + 1 - s)),)],
        wrong={
            "That is the time": (lambda s, m: s + (1 - s) / m,),
            "it is what cannot": (lambda s, m: 1 / (1 - s + s / m),),
            "as if all of the work": (lambda s, m: m,),
            "only the rest is divided": (lambda s, m: 1 / (s + 1 / m),),
            "the *time* that has two parts": (lambda s, m: m * (1 - s),),
            "machines are": (lambda s, m: 7.0,),
            "it is 1, and yours": (lambda s, m: 1 / (s + (1 - s) / m) if s < 1 else 2.0,),
        },
    ),
    "machines_needed": Answers(
        right=[(needed,), (lambda *job: float(needed(*job)),)],
        wrong={
            "with a fraction": (without_rounding,),
            "You rounded down": (lambda *job: math.floor(without_rounding(*job)),),
            "left out the driver's own": (lambda p, r, a, h: math.ceil(p / r / h / 3600),),
            "An hour has 3600 seconds": (lambda p, r, a, h: math.ceil(p / r / h),),
            "it takes": (lambda *job: 1000,),
            "the answer is 0": (lambda p, r, a, h: math.ceil(without_rounding(p, r, a, h)),),
        },
    ),
    "whole_gradient": Answers(
        right=[
            (lambda g, n: np.average(g, axis=0, weights=n),),
            (lambda g, n: (np.tensordot(n, g, 1) / n.sum()).tolist(),),
        ],
        wrong={
            "the plain mean": (lambda g, n: g.mean(axis=0),),
            "That is a sum": (lambda g, n: np.tensordot(n, g, 1),),
            "as if they were sums": (lambda g, n: g.sum(axis=0),),
            "by the number of devices": (lambda g, n: np.tensordot(n, g, 1) / len(n),),
            "its first number is": (lambda g, n: g[0],),
            "has the shape": (lambda g, n: g,),
        },
    ),
}
