"""What is measured for the bands of lesson 12: heads under a weight decay that is far too large."""

import functools
from collections.abc import Callable

import numpy as np

from imgclass_course.bottlenecks import extract
from imgclass_course.datasets import dataset_folder
from imgclass_course.exercises.regularization import HEADS
from imgclass_course.regularization import build_regularized_head
from imgclass_course.transfer import train_head

SEEDS = 40  # accuracies come in hundredths: with 20, one of eight other seeds fell outside

# The lesson's parameters, and those of the exercise.
BACKBONE = "mobilenet_v1_100_128"
TRAINING_PICTURES = 10  # per class
STEPS = 100
DECAY = 10.0
LEARNING_RATE = 0.01
SIZES = dict(zip(HEADS, ((), (32,)), strict=True))


@functools.cache
def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Return the bottlenecks of clipart, and their labels."""
    features = extract(dataset_folder("clipart"), backbone=BACKBONE)
    return features.X, features.y


def draw_training(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return which pictures are for training, as a mask: so many of each class, drawn as in the lesson."""
    generator, chosen = np.random.default_rng(seed), np.zeros(len(labels), bool)
    for label in range(1 + int(labels.max())):
        chosen[generator.choice(np.flatnonzero(labels == label), TRAINING_PICTURES, replace=False)] = True
    return chosen


Measured = dict[str, tuple[float, float]]  # by where it was measured: accuracy, cross-entropy


@functools.cache
def trained(head_name: str, decay: float, rate: float, seed: int) -> Measured:
    """Return accuracy and cross-entropy of a head, with the seed of its draw, its start and its batches."""
    import keras

    vectors, labels = pictures()
    training = draw_training(labels, seed)
    known, known_labels = vectors[training], labels[training]
    head = build_regularized_head(vectors.shape[1], 1 + int(labels.max()), SIZES[head_name], 0.0, decay, seed)
    history = train_head(known, known_labels, head, STEPS, learning_rate=rate, eval_interval=STEPS, seed=seed)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def measure(rows: np.ndarray) -> tuple[float, float]:
        scores = np.asarray(head(vectors[rows]))
        return float((scores.argmax(axis=1) == labels[rows]).mean()), float(loss_of(labels[rows], scores))

    priced = head.evaluate(known, known_labels, verbose=0, return_dict=True)
    last = history.iloc[-1]
    return {
        "training": measure(training),
        "test": measure(~training),
        "history": (last["accuracy"], last["loss"]),
        "priced": (priced["accuracy"], priced["loss"]),
    }


def measure_of(head_name: str, where: str, number: int, decay: float, rate: float) -> Callable[[int], float]:
    """Return a function from a seed to one of the numbers of `trained`."""
    return lambda seed: trained(head_name, decay, rate, seed)[where][number]


KINDS = {
    "training": ("training", DECAY, LEARNING_RATE),
    "test": ("test", DECAY, LEARNING_RATE),
    "history": ("history", DECAY, LEARNING_RATE),
    "priced": ("priced", DECAY, LEARNING_RATE),
    "slow": ("training", DECAY, 0.001),
    "no decay": ("training", 0.0, LEARNING_RATE),
}
MEASURES = {
    f"{kind}, {head_name}, {what}": measure_of(head_name, where, number, decay, rate)
    for kind, (where, decay, rate) in KINDS.items()
    for head_name in HEADS
    for number, what in enumerate(("accuracy", "loss"))
}
