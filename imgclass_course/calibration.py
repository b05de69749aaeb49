"""Probabilities that keep their promise: one temperature, chosen on validation pictures, divides all scores of a head."""

from dataclasses import replace

import numpy as np

from .classifiers import Head
from .features import Features
from .foundation.errors import TrainingError
from .heads import KerasHead, LogisticHead

RANGE = (-3.0, 3.0)  # of the temperature's logarithm: from 1/20 to 20


def best_temperature(head: Head, validation: Features) -> float:
    """Return the temperature at which the head's cross-entropy on these pictures is lowest (Guo 2017, arXiv:1706.04599).

    Above 1 the head was too sure of itself, below 1 not sure enough. It is that of scikit-learn's
    `CalibratedClassifierCV(method="temperature")`, which cannot be asked where a class has no picture. Raises
    `TrainingError` for a head without scores, and where there are no pictures.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    if not hasattr(head, "scores"):
        raise TrainingError(f"A head of the kind {type(head).__name__} has no scores that a temperature could divide.")
    if not len(validation):
        raise TrainingError("A temperature is chosen on validation pictures, and there are none: give them a share.")
    scores, rows = np.asarray(head.scores(validation.X), np.float64), np.arange(len(validation))

    def cross_entropy(logarithm: float) -> float:
        return float(-log_softmax(scores / np.exp(logarithm), axis=1)[rows, validation.y].mean())

    return float(np.exp(minimize_scalar(cross_entropy, bounds=RANGE, method="bounded").x))


def divide_scores(head: Head, temperature: float) -> Head:
    """Return a head whose scores are divided by a temperature: as a rule other probabilities, never another answer.

    Only the last layer's numbers change, so it is saved and exported as before. Raises `TrainingError` for a head that
    does not end with a dense layer.
    """
    if isinstance(head, LogisticHead):
        weights, bias = ((part / temperature).astype(np.float32) for part in (head.weights, head.bias))
        return replace(head, weights=weights, bias=bias)
    if not isinstance(head, KerasHead) or not hasattr(head.model.layers[-1], "kernel"):
        raise TrainingError("This head does not end with a dense layer: its scores cannot be divided.")
    return _with_last_layer_divided(head, temperature)


def _with_last_layer_divided(head: KerasHead, temperature: float) -> KerasHead:
    import keras

    model = keras.models.clone_model(head.model)
    model.set_weights(head.model.get_weights())
    last = model.layers[-1]
    last.set_weights([np.asarray(part) / temperature for part in last.get_weights()])
    return KerasHead(model)


def calibrate(head: Head, validation: Features) -> Head:
    """Return the head at its best temperature on validation pictures. Raises `TrainingError` where it has none."""
    return divide_scores(head, best_temperature(head, validation))
