"""A network with under 100,000 parameters on all of Fashion-MNIST: 60,000 pictures to train on, 10,000 to test.

    python -m benchmarks.fashion_full --folder FOLDER                       # train on all, test once
    python -m benchmarks.fashion_full --folder FOLDER --validation 10000    # how the settings were chosen

With `--validation` that many training pictures are held out and judge in place of the test pictures, which are then
not looked at. FOLDER holds the four files of Debian's package `dataset-fashion-mnist`. The last line of output is JSON.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.intervals import wilson_detail  # noqa: E402
from imgclass_course.cnn import small_network  # noqa: E402
from imgclass_course.datasets import FASHION_CLASSES, FASHION_FOLDER, Fashion, load_fashion, random_batches  # noqa: E402

FILTERS = (32, 64, 96)
DROPOUT_RATE = 0.2
SHIFT = 1  # pixels in each direction
EPOCHS = 18
BATCH_SIZE = 128
LEARNING_RATE = 0.004  # the highest, after the warm-up
WARM_UP = 0.2  # share of the steps until then
MAX_BYTE = 255


def move_and_mirror(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Shift each picture [n, height, width] by up to `SHIFT` pixels, and mirror every second one, at random."""
    count, height, width = images.shape
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    down, right = generator.integers(0, 2 * SHIFT + 1, (2, count, 1))
    mirrored = generator.random((count, 1)) < 0.5
    rows = np.arange(height) + down
    columns = np.where(mirrored, np.arange(width)[::-1], np.arange(width)) + right
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def to_network(images: np.ndarray) -> np.ndarray:
    """Pictures [n, height, width] of bytes as float32 [n, height, width, 1] in [0, 1]."""
    return images[..., None].astype(np.float32) / MAX_BYTE


def training_batches(images: np.ndarray, labels: np.ndarray, steps: int, seed: int) -> Iterator[tuple]:
    """Batches of moved and mirrored pictures with their labels; each picture has its turn before one comes again."""
    generator = np.random.default_rng(seed)
    for rows in random_batches(len(images), BATCH_SIZE, steps, seed):
        yield to_network(move_and_mirror(images[rows], generator)), labels[rows]


def train(images: np.ndarray, labels: np.ndarray, epochs: int, seed: int) -> keras.Model:
    """Train with Adam, the learning rate rising to its highest and then falling to 0 along a cosine."""
    steps_per_epoch = len(images) // BATCH_SIZE
    steps = steps_per_epoch * epochs
    warm_up = round(steps * WARM_UP)
    learning_rate = keras.optimizers.schedules.CosineDecay(
        LEARNING_RATE / 20, steps - warm_up, warmup_target=LEARNING_RATE, warmup_steps=warm_up
    )
    shape = (*images.shape[1:], 1)
    model = small_network(shape, len(FASHION_CLASSES), FILTERS, batch_norm=True, dropout_rate=DROPOUT_RATE, seed=seed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Compiled with XLA, which Keras would choose, a step on a processor takes about twice as long.
    model.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"], jit_compile=False)
    batches = training_batches(images, labels, steps, seed)
    model.fit(batches, steps_per_epoch=steps_per_epoch, epochs=epochs, shuffle=False, verbose=2)
    return model


def hold_out(fashion: Fashion, count: int) -> Fashion:
    """The training pictures alone, with `count` of them, always the same ones, in place of the test pictures."""
    order = np.random.default_rng(1).permutation(len(fashion.train_images))
    held, rest = np.split(order, [count])
    images, labels = fashion.train_images, fashion.train_labels
    return Fashion(images[rest], labels[rest], images[held], labels[held])


def parse_flags() -> argparse.Namespace:
    """The flags of this program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FASHION_FOLDER, help="where the four files of the full set are")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--validation", type=int, default=0, help="training pictures to judge by, instead of the test")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Train, judge, and print parameters, accuracy and seconds."""
    flags = parse_flags()
    fashion = load_fashion(full=True, folder=flags.folder)
    if flags.validation:
        fashion = hold_out(fashion, flags.validation)
    start = time.perf_counter()
    model = train(fashion.train_images, fashion.train_labels, flags.epochs, flags.seed)
    seconds = time.perf_counter() - start
    predicted = model.predict(to_network(fashion.test_images), batch_size=1000, verbose=0).argmax(axis=1)
    correct, count = int(np.sum(predicted == fashion.test_labels)), len(predicted)
    judged_by = "validation" if flags.validation else "test"
    print(f"{judged_by}: {correct / count:.4f}, {wilson_detail(correct, count)}")
    facts = {"parameters": model.count_params(), "epochs": flags.epochs, "training_seconds": round(seconds, 1)}
    print(json.dumps({"judged_by": judged_by, "correct": correct, "n": count, **facts}))


if __name__ == "__main__":
    main()
