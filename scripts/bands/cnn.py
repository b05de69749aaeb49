"""Measures for lesson 03: the exercise that trains, and rules of thumb that are put to the test.

    python scripts/build_bands.py cnn     # the bands of the exercise
    python -m scripts.bands.cnn           # the rules of thumb: imgclass_course/exercises/cnn_trials.json

A seed varies the first weights, the order of the pictures, and how far each picture is moved; for the rules also which
pictures are trained on and which are kept for judging.
"""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from imgclass_course.cnn import small_network
from imgclass_course.exercises.cnn import (
    BATCH_SIZE,
    EPOCHS,
    FILTERS,
    LEARNING_RATE,
    MOVED_BY,
    SIDEWAYS,
    TRAINING,
    UPWARDS,
    accuracies_when_moved,
    load_pictures,
    move,
)

if TYPE_CHECKING:
    import keras

HEIGHT, WIDTH = 0, 1  # axes of a picture
TRIALS = Path(__file__).resolve().parents[2] / "imgclass_course" / "exercises" / "cnn_trials.json"
TRIAL_EPOCHS = 12
TRIAL_SEEDS = 6
SHAPE, CLASSES = (28, 28, 1), 10


def train(network: "keras.Sequential", images: np.ndarray, labels: np.ndarray, epochs: int, seed: int) -> None:
    """Train a network as the lesson does."""
    import keras

    keras.utils.set_random_seed(seed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(LEARNING_RATE), loss, jit_compile=False)
    network.fit(images, labels, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)


def moved(images: np.ndarray, axis: int, seed: int) -> np.ndarray:
    """Return `images`, each moved along `axis` by a number of pixels from -`MOVED_BY` to `MOVED_BY`."""
    shifts = np.random.default_rng(seed).integers(-MOVED_BY, MOVED_BY + 1, len(images))
    return np.stack([move(image, shift, axis) for image, shift in zip(images, shifts, strict=True)])


@functools.cache
def trained(kind: str, seed: int) -> "keras.Sequential":
    """Return the lesson's network, trained on pictures moved "sideways", "upwards", to the "right", or "unmoved"."""
    images, labels = (part[:TRAINING] for part in load_pictures("train"))
    if kind in ("sideways", "upwards"):
        images = moved(images, WIDTH if kind == "sideways" else HEIGHT, seed)
    elif kind == "right":
        images = move(images, MOVED_BY, 1 + WIDTH)
    network = small_network(SHAPE, CLASSES, FILTERS, seed=seed)
    train(network, images, labels, EPOCHS, seed)
    return network


def accuracy(kind: str, seed: int, sides: tuple[str, str]) -> float:
    """Return the accuracy of a network trained on such pictures, on test pictures moved to the worse of two sides."""
    accuracies = accuracies_when_moved(trained(kind, seed))
    return min(accuracies[side] for side in sides)


# What was asked for, and three mistakes: pictures not moved at all, moved to one side only, or moved up and down. The
# last is known by how well its network does on pictures that were moved up or down, where an unmoved one does not.
MEASURES = {
    "sideways": lambda seed: accuracy("sideways", seed, SIDEWAYS),
    "unmoved": lambda seed: accuracy("unmoved", seed, SIDEWAYS),
    "one_side": lambda seed: accuracy("right", seed, SIDEWAYS),
    "upwards": lambda seed: accuracy("upwards", seed, UPWARDS),
    "unmoved_upwards": lambda seed: accuracy("unmoved", seed, UPWARDS),
}


def without_pooling(seed: int) -> "keras.Sequential":
    """Return the lesson's network without its poolings: each convolution slides over all of 28 x 28."""
    import keras

    keras.utils.set_random_seed(seed)
    convolutions = [keras.layers.Conv2D(count, 3, padding="same", activation="relu") for count in FILTERS]
    last = [keras.layers.Flatten(), keras.layers.Dense(CLASSES)]
    return keras.Sequential([keras.Input(SHAPE), *convolutions, *last])


def with_means(seed: int) -> "keras.Sequential":
    """Return the lesson's network with a pooling that takes the mean of four in place of the largest."""
    import keras

    keras.utils.set_random_seed(seed)
    network = keras.Sequential([keras.Input(SHAPE)])
    for count in FILTERS:
        network.add(keras.layers.Conv2D(count, 3, padding="same"))
        network.add(keras.layers.AveragePooling2D(2))
        network.add(keras.layers.ReLU())
    network.add(keras.layers.Flatten())
    network.add(keras.layers.Dense(CLASSES))
    return network


def small(convolutions: int = 3, inner: int = 0) -> Callable[[int], "keras.Sequential"]:
    """Return what makes a network with so many convolutions and so many inner neurons from a seed."""
    return lambda seed: small_network(SHAPE, CLASSES, FILTERS[:convolutions], inner, seed=seed)


INNER_SIZES = (5, 100, 127, 128, 129, 512)
NETWORKS = {
    "lesson": small(),
    "1 convolution": small(1),
    "2 convolutions": small(2),
    "no pooling": without_pooling,
    "mean-pooling": with_means,
    **{f"inner {size}": small(inner=size) for size in INNER_SIZES},
}


def share_right(network: "keras.Sequential", images: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy of a network."""
    return float((network.predict(images, batch_size=500, verbose=0).argmax(axis=1) == labels).mean())


def run_trials(seed: int) -> list[dict[str, str | int | float]]:
    """Train each network on one random part of all pictures, and judge it on the rest."""
    import keras

    parts = zip(load_pictures("train"), load_pictures("test"), strict=True)
    images, labels = (np.concatenate(both) for both in parts)
    order = np.random.default_rng(seed).permutation(len(images))
    known, unseen = order[:TRAINING], order[TRAINING:]
    rows: list[dict[str, str | int | float]] = []
    for name, make in tqdm(NETWORKS.items(), desc=f"seed {seed}"):
        network = make(seed)
        train(network, images[known], labels[known], TRIAL_EPOCHS, seed)
        shares = {"training": share_right(network, images[known], labels[known])}
        shares["accuracy"] = share_right(network, images[unseen], labels[unseen])
        rows.append({"network": name, "seed": seed, "parameters": network.count_params(), **shares})
        keras.backend.clear_session()
    return rows


def main() -> None:
    """Run all trials and write them, a line for each training."""
    rows = []
    for seed in range(1, TRIAL_SEEDS + 1):
        rows += run_trials(seed)
        lines = ",\n".join(json.dumps(row) for row in rows)
        TRIALS.write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
