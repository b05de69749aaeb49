"""Answers to the exercises of lesson 05."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from . import Answers

if TYPE_CHECKING:
    import keras

TEST, VALIDATION = 113, 64  # pictures


def count_changed(network: "keras.Model", train: Callable[[], None]) -> int:
    before = [weight.copy() for weight in network.get_weights()]
    train()
    return sum(not np.array_equal(old, new) for old, new in zip(before, network.get_weights(), strict=True))


def compared_with_itself(network: "keras.Model", train: Callable[[], None]) -> int:
    before = network.weights
    train()
    return sum(not np.array_equal(old, new) for old, new in zip(before, network.weights, strict=True))


def trainable_only(network: "keras.Model", train: Callable[[], None]) -> int:
    before = [weight.numpy().copy() for weight in network.trainable_weights]
    train()
    return sum(not np.array_equal(old, new) for old, new in zip(before, network.trainable_weights, strict=True))


def nearly_equal(network: "keras.Model", train: Callable[[], None]) -> int:
    before = network.get_weights()
    train()
    return sum(not np.allclose(old, new, atol=1e-4) for old, new in zip(before, network.get_weights(), strict=True))


def single_numbers(network: "keras.Model", train: Callable[[], None]) -> int:
    before = network.get_weights()
    train()
    return sum(int((old != new).sum()) for old, new in zip(before, network.get_weights(), strict=True))


def layers_only(network: "keras.Model", train: Callable[[], None]) -> int:
    before = [layer.get_weights() for layer in network.layers]
    train()
    pairs = zip(before, network.layers, strict=True)
    return sum(
        any((old != new).any() for old, new in zip(weights, layer.get_weights(), strict=True))
        for weights, layer in pairs
    )


def never_trained(network: "keras.Model", train: Callable[[], None]) -> int:
    return len(network.weights) - len(network.get_weights())


def shares(*counts: int, of: int = TEST) -> tuple[list[float]]:
    return ([count / of for count in counts],)


ANSWERS = {
    "count_changed": Answers(
        right=[(count_changed,), (lambda network, train: np.int64(count_changed(network, train)),)],
        wrong={
            "compared with themselves": (compared_with_itself,),
            "training mode, and you saw no change": (trainable_only,),
            "`allclose`": (nearly_equal,),
            "single numbers": (single_numbers,),
            "two arrays, kernel and bias": (layers_only,),
            "never calls": (never_trained,),
            "has to be one number": (lambda network, train: count_changed(network, train) > 0,),
        },
    ),
    "few_pictures": Answers(
        right=[shares(50, 52, 63, 55, 60), shares(63, 61, 58, 66, 66)],  # seeds 21 and 22, not among the band's
        wrong={
            "that you trained on": ([1.0] * 5,),
            "each draw has to draw": shares(58, 58, 58, 58, 58),
            "the validation split": shares(33, 30, 35, 31, 36, of=VALIDATION),
            "pictures in all": shares(20, 25, 18, 22, 30),
            "training pictures give": shares(80, 82, 83, 79, 81),
            "looks like percent": ([51.3, 55.8, 47.8, 58.4, 50.4],),
            "one per draw": ([0.55],),
            "none came out": shares(100, 101, 99, 102, 103),
        },
    ),
    "tablecloth": Answers(
        right=[(0.96, 0.08), (0.96, 0.12), (1.0, 0.16)],  # seeds 101 to 103, not among the band's
        wrong={
            "wrong order": (0.12, 1.0),
            "too little": (0.84, 0.76),
            "do not train again": (1.0, 0.96),
            "are alike": (1.0, 0.64),
            "looks like percent": (100, 12),
            "has to be one number": ([1.0], [0.1]),
        },
    ),
}
