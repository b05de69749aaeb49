"""Answers to the exercises of lesson 17."""

import math

import numpy as np

from . import Answers


def blurred(row: np.ndarray, mode: str = "edge") -> np.ndarray:
    padded = np.pad(row, 1, mode=mode)
    return (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4


def by_loop(row: np.ndarray) -> list[float]:
    last = len(row) - 1
    return [(row[max(at - 1, 0)] + 2 * row[at] + row[min(at + 1, last)]) / 4 for at in range(0, len(row), 2)]


def equal_weights(row: np.ndarray) -> np.ndarray:
    padded = np.pad(row, 1, mode="edge")
    return ((padded[:-2] + padded[1:-1] + padded[2:]) / 3)[::2]


ANSWERS = {
    "blur_pool_row": Answers(
        right=[(lambda row: blurred(row)[::2],), (by_loop,)],
        wrong={
            "you kept every place": (blurred,),
            "with the second place": (lambda row: blurred(row)[1::2],),
            "did not divide": (lambda row: 4 * blurred(row)[::2],),
            "did not blur": (lambda row: row[::2],),
            "then it is too late": (lambda row: blurred(row[::2]),),
            "go on with zeros": (lambda row: blurred(row, "constant")[::2],),
            "in a circle": (lambda row: blurred(row, "wrap")[::2],),
            "the weights are equal": (equal_weights,),
            "you lost the ends": (lambda row: blurred(row)[1:-1][::2],),
            "numbers, and 8 are kept": (lambda row: np.zeros(3),),
            "the result is": (lambda row: blurred(row)[::2] + 1,),
            "A row of numbers is wanted": (lambda row: np.zeros((2, 2)),),
        },
    ),
    "largest_stride": Answers(
        right=[
            (lambda period: max(1, math.ceil(period / 2) - 1),),
            (lambda period: np.int64(max(1, -(-period // 2) - 1)),),
        ],
        wrong={
            "At exactly half a period": (lambda period: max(1, period // 2),),
            "A stride of 0": (lambda period: math.ceil(period / 2) - 1,),
            "a stride is a whole number": (lambda period: period / 2,),
            "You rounded up": (lambda period: math.ceil(period / 2),),
            "One sample in each period": (lambda period: max(1, math.ceil(period) - 1),),
            "four samples": (lambda period: max(1, math.ceil(period / 4) - 1),),
            "For a period of 4.5 pixels": (lambda period: 1,),
            "stopped with TypeError": (lambda: 1,),
        },
    ),
    "steady_steps": Answers(
        right=[
            (lambda answers: (answers[1:] == answers[:-1]).mean(),),
            (lambda answers: 1 - (np.diff(answers, axis=0) != 0).mean(),),
        ],
        wrong={
            "*changes*": (lambda answers: (answers[1:] != answers[:-1]).mean(),),
            "with the first one": (lambda answers: (answers[1:] == answers[0]).mean(),),
            "has no step before it": (lambda answers: (answers[1:] == answers[:-1]).sum() / answers.size,),
            "along the other axis": (lambda answers: (answers[:, 1:] == answers[:, :-1]).mean(),),
            "along the whole walk": (lambda answers: (answers[1:] == answers[:-1]).all(axis=0).mean(),),
            "that is a number of steps": (lambda answers: (answers[1:] == answers[:-1]).sum(),),
            "it is 0.6": (lambda answers: 0.123,),
            "has to be one number": (lambda answers: answers[1:] == answers[:-1],),
        },
    ),
}
