"""What is measured for the bands of lesson 11: plain SGD and Adam at each rate, on validation and training pictures."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from imgclass_course.bottlenecks import extract
from imgclass_course.datasets import ImageFolder, dataset_folder
from imgclass_course.exercises.learning_rate import RATES
from imgclass_course.features import Features
from imgclass_course.transfer import build_head
from imgclass_course.trials import Trials

if TYPE_CHECKING:
    import keras

# The lesson's parameters.
BACKBONE = "mobilenet_v1_100_128"
VALIDATION_PERCENTAGE = 25
STEPS = 120
BATCH_SIZE = 32


@functools.cache
def pictures() -> Features:
    """Return the bottlenecks of clipart."""
    return extract(ImageFolder.scan(dataset_folder("clipart"), VALIDATION_PERCENTAGE, 0), backbone=BACKBONE)


@functools.cache
def trials(optimizer: str) -> Trials:
    """Return the trainings of a head."""
    training = pictures().xy("train")

    def head(seed: int) -> "keras.Model":
        return build_head(training[0].shape[1], len(pictures().classes), seed)

    return Trials(head, training, pictures().xy("validation"), STEPS, BATCH_SIZE, optimizer)


@functools.cache
def trained(optimizer: str, rate: float, seed: int) -> dict[str, float]:
    """Return what a head reaches at one rate, with the seed of its start and of its batches."""
    return trials(optimizer).run(seed, rate)


def measure_of(optimizer: str, rate: float, what: str) -> Callable[[int], float]:
    """Return a function from a seed to one of the numbers of `trained`."""
    return lambda seed: trained(optimizer, rate, seed)[what]


KINDS = {
    "sgd": ("sgd", "val_loss"),
    "adam": ("adam", "val_loss"),
    "training": ("sgd", "loss"),
    "accuracy": ("sgd", "val_accuracy"),
}
MEASURES = {
    f"{kind} {rate:g}": measure_of(optimizer, rate, what) for kind, (optimizer, what) in KINDS.items() for rate in RATES
}
