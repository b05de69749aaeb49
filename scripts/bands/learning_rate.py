"""What is measured for the bands of lesson 11: plain SGD and Adam at each rate, on validation and training pictures."""

import functools
from collections.abc import Callable

from imgclass_course.bottlenecks import extract
from imgclass_course.datasets import ImageFolder, dataset_folder
from imgclass_course.exercises.learning_rate import RATES
from imgclass_course.features import Features
from imgclass_course.learning_rate import _measure, train_in_stages
from imgclass_course.transfer import build_head

# The lesson's parameters.
BACKBONE = "mobilenet_v1_100_128"
VALIDATION_PERCENTAGE = 25
STEPS = 200
BATCH_SIZE = 32


@functools.cache
def pictures() -> Features:
    """Return the bottlenecks of clipart."""
    return extract(ImageFolder.scan(dataset_folder("clipart"), VALIDATION_PERCENTAGE, 0), backbone=BACKBONE)


@functools.cache
def trained(optimizer: str, rate: float, seed: int) -> dict[str, float]:
    """Return what a head reaches at one rate, with the seed of its start and of its batches."""
    import keras

    training, validation = pictures().xy("train"), pictures().xy("validation")
    head = build_head(training[0].shape[1], len(pictures().classes), seed)
    stage = (keras.optimizers.get({"class_name": optimizer, "config": {"learning_rate": rate}}), STEPS)
    train_in_stages(*training, head, [stage], BATCH_SIZE, seed)
    loss, accuracy = _measure(head, *validation)
    return {"loss": loss, "accuracy": accuracy, "training": _measure(head, *training)[0]}


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
