"""A small network trained with batches and rates that change from epoch to epoch, by hand: for comparisons of schedules."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

HIDDEN = 64  # neurons of the hidden layer
LENGTH = 8.0  # that each vector is brought to, so that one rate suits vectors of any network


@dataclass(frozen=True)
class SmallRun:
    """A trained network: d numbers, a hidden layer with ReLU, k scores."""

    hidden: np.ndarray  # [d, HIDDEN] float32
    output: np.ndarray  # [HIDDEN, k] float32
    losses: list[float]  # cross-entropy on the training pictures after each epoch
    steps: int  # changes of the weights in all

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the class of each vector [n, d] as its number [n]."""
        return (np.maximum(of_one_length(X) @ self.hidden, 0) @ self.output).argmax(axis=1)


def of_one_length(X: np.ndarray) -> np.ndarray:
    """Return vectors [n, d], each of the length `LENGTH`."""
    return X * (LENGTH / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-6))


def train_small(
    epochs: Sequence[tuple[np.ndarray, int, float]], y: np.ndarray, num_classes: int, seed: int = 0
) -> SmallRun:
    """Train by plain gradient descent, without momentum.

    Each of the `epochs` brings its vectors [n, d] of the same n pictures, its batch size and its learning rate; y: [n] int.
    The `seed` is that of the first weights and of the order. What fills no batch is left out of an epoch.
    """
    generator = np.random.default_rng(seed)
    width = epochs[0][0].shape[1]
    hidden = generator.normal(0, (2 / width) ** 0.5, (width, HIDDEN)).astype(np.float32)
    output = generator.normal(0, (1 / HIDDEN) ** 0.5, (HIDDEN, num_classes)).astype(np.float32)
    losses, steps = [], 0
    for vectors, batch_size, rate in epochs:
        X, order = of_one_length(vectors), generator.permutation(len(y))
        for start in range(0, len(y) - batch_size + 1, batch_size):
            _step(X, y, order[start : start + batch_size], hidden, output, rate)
            steps += 1
        probabilities = _softmax(np.maximum(X @ hidden, 0) @ output)
        losses.append(float(-np.log(probabilities[np.arange(len(y)), y] + 1e-9).mean()))
    return SmallRun(hidden, output, losses, steps)


def _step(
    X: np.ndarray, y: np.ndarray, rows: np.ndarray, hidden: np.ndarray, output: np.ndarray, rate: float
) -> None:
    """Change the weights once, in place, by the mean gradient over the pictures in `rows`."""
    x = X[rows]
    active = np.maximum(x @ hidden, 0)
    error = _softmax(active @ output)
    error[np.arange(len(rows)), y[rows]] -= 1
    error /= len(rows)
    passed_back = (error @ output.T) * (active > 0)
    output -= np.float32(rate) * (active.T @ error)
    hidden -= np.float32(rate) * (x.T @ passed_back)


def _softmax(scores: np.ndarray) -> np.ndarray:
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
