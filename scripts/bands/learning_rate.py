"""What is measured for the bands of lesson 09: plain SGD and Adam at each rate, on validation and training pictures."""

import functools
from collections.abc import Callable

import numpy as np
import pandas as pd

from imgclass_course.backbones import load_backbone
from imgclass_course.bottlenecks import extract
from imgclass_course.datasets import ImageFolder, dataset_folder
from imgclass_course.exercises.learning_rate import RATES
from imgclass_course.learning_rate import _measure, train_in_stages
from imgclass_course.transfer import build_head

# The lesson's parameters.
BACKBONE = "mobilenet_v1_100_128"
VALIDATION_PERCENTAGE = 25
STEPS = 200
BATCH_SIZE = 32


@functools.cache
def pictures() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the bottlenecks of clipart, their labels, and which are for training."""
    clipart = ImageFolder.scan(dataset_folder("clipart"), VALIDATION_PERCENTAGE, 0)
    table = clipart.readable
    vectors = extract(clipart.root, table, load_backbone(BACKBONE)).vectors
    labels = pd.Index(clipart.classes).get_indexer(table["label"])
    return vectors, labels, (table["split"] == "train").to_numpy()


@functools.cache
def trained(optimizer: str, rate: float, seed: int) -> dict[str, float]:
    """Return what a head reaches at one rate, with the seed of its start and of its batches."""
    import keras

    vectors, labels, is_train = pictures()
    head = build_head(vectors.shape[1], 1 + int(labels.max()), seed)
    stage = (keras.optimizers.get({"class_name": optimizer, "config": {"learning_rate": rate}}), STEPS)
    train_in_stages(vectors[is_train], labels[is_train], head, [stage], BATCH_SIZE, seed)
    loss, accuracy = _measure(head, vectors[~is_train], labels[~is_train])
    return {"loss": loss, "accuracy": accuracy, "training": _measure(head, vectors[is_train], labels[is_train])[0]}


def measure_of(optimizer: str, rate: float, what: str) -> Callable[[int], float]:
    """Return a function from a seed to one of the numbers of `trained`."""
    return lambda seed: trained(optimizer, rate, seed)[what]


KINDS = {
    "sgd": ("SGD", "loss"),
    "adam": ("Adam", "loss"),
    "training": ("SGD", "training"),
    "accuracy": ("SGD", "accuracy"),
}
MEASURES = {
    f"{kind} {rate:g}": measure_of(optimizer, rate, what) for kind, (optimizer, what) in KINDS.items() for rate in RATES
}
