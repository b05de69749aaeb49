"""Measures for the exercise of lesson 03 that trains: a network for pictures that were moved sideways.

A seed varies the first weights, the order of the pictures, the dropout, and how far each picture is moved.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np

from imgclass_course.cnn import small_network
from imgclass_course.datasets import load_fashion
from imgclass_course.exercises.cnn import EPOCHS, MOVED_BY, NOT_MOVED, SIDEWAYS, UPWARDS, accuracies_when_moved
from imgclass_course.images import scale_to_range

if TYPE_CHECKING:
    import keras

DROPOUT_RATE = 0.5
LEARNING_RATE = 0.002
HEIGHT, WIDTH = 0, 1  # axes of a picture


def moved(images: np.ndarray, axis: int, seed: int) -> np.ndarray:
    """Return `images`, each moved along `axis` by a number of pixels from -`MOVED_BY` to `MOVED_BY`."""
    shifts = np.random.default_rng(seed).integers(-MOVED_BY, MOVED_BY + 1, len(images))
    return np.stack([np.roll(image, shift, axis) for image, shift in zip(images, shifts, strict=True)])


@functools.cache
def trained(kind: str, seed: int) -> "keras.Sequential":
    """Return the lesson's network, trained on pictures moved "sideways", "upwards", to the "right", or "unmoved".

    "neurons" are the lesson's ten, without convolutions, trained on pictures that are not moved.
    """
    import keras

    fashion = load_fashion()
    images = scale_to_range(fashion.train_images)[..., None]
    if kind in ("sideways", "upwards"):
        images = moved(images, WIDTH if kind == "sideways" else HEIGHT, seed)
    elif kind == "right":
        images = np.roll(images, MOVED_BY, axis=2)
    keras.utils.set_random_seed(seed)
    network = small_network(images.shape[1:], 10, dropout_rate=DROPOUT_RATE, seed=seed)
    if kind == "neurons":
        network = keras.Sequential([keras.Input(images.shape[1:]), keras.layers.Flatten(), keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(LEARNING_RATE), loss, jit_compile=False)
    network.fit(images, fashion.train_labels, epochs=EPOCHS, verbose=0)
    return network


def accuracy(kind: str, seed: int, sides: tuple[str, str]) -> float:
    """Return the accuracy of a network trained on such pictures, on test pictures moved to the worse of two sides."""
    accuracies = accuracies_when_moved(trained(kind, seed))
    return min(accuracies[side] for side in sides)


def lost(kind: str, seed: int) -> float:
    """Return how much accuracy a network trained on such pictures loses when the test pictures move to the right."""
    accuracies = accuracies_when_moved(trained(kind, seed))
    return accuracies[NOT_MOVED] - accuracies["right"]


# What was asked for, and three mistakes: pictures not moved at all, moved to one side only, or moved up and down. The
# last is known by how well its network does on pictures that were moved up or down, where an unmoved one does not.
MEASURES = {
    "sideways": lambda seed: accuracy("sideways", seed, SIDEWAYS),
    "unmoved": lambda seed: accuracy("unmoved", seed, SIDEWAYS),
    "one_side": lambda seed: accuracy("right", seed, SIDEWAYS),
    "upwards": lambda seed: accuracy("upwards", seed, UPWARDS),
    "unmoved_upwards": lambda seed: accuracy("unmoved", seed, UPWARDS),
    "network_loses": lambda seed: lost("unmoved", seed),
    "neurons_lose": lambda seed: lost("neurons", seed),
}
