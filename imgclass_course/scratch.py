"""The control of transfer learning: a network that starts from nothing, on the same pictures, and both as bars."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .drawing import COLOURS, FONT_SIZE
from .foundation.pictures import as_pictures
from .foundation.progress import progress_bar
from .intervals import Accuracy
from .retraining import Retraining, fit, retrain

if TYPE_CHECKING:
    import keras
    from matplotlib.axes import Axes

GUESSING, SCRATCH, TRANSFER = "guessing", "from scratch", "transfer"
COLOUR_OF = {GUESSING: "grey", SCRATCH: "orange", TRANSFER: "blue"}
EPOCHS = 15  # after which the network from scratch knows most of its training pictures
HEAD_STEPS = 300


def scratch_network(num_classes: int, image_size: int = 224, seed: int = 0) -> "keras.Sequential":
    """Return a network with random weights: uint8 [n, size, size, 3] in, scores [n, num_classes] out.

    Three convolutions, each with 2 x 2 max-pooling, and one dense layer. So that it is trained in seconds, the first
    convolution has filters of 8 x 8 pixels that move on by 4 pixels at a time. Raises `ValueError` for less than 32 pixels.
    """
    import keras

    if image_size < 32:
        raise ValueError(f"Pictures of {image_size} pixels are too small for this network: take 32 or more.")
    start = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(seed))
    layers, options = keras.layers, {"padding": "same", "kernel_initializer": start}
    convolutions = [layers.Conv2D(16, 8, 4, **options), *(layers.Conv2D(count, 3, **options) for count in (32, 64))]
    blocks = [layer for one in convolutions for layer in (one, layers.MaxPooling2D(), layers.ReLU())]
    ends = [layers.Flatten(), layers.Dense(num_classes, kernel_initializer=start)]
    return keras.Sequential([keras.Input((image_size, image_size, 3)), layers.Rescaling(1 / 255), *blocks, *ends])


@dataclass(frozen=True, eq=False)
class Ways:
    """Several ways to name the same pictures, each with several seeds; guessing has one."""

    result: Retraining  # of transfer learning with the first seed
    right: dict[str, np.ndarray]  # by way: whether each test picture was named rightly, bool [seeds, n]
    known: dict[str, float]  # by way: the share of the pictures it was trained on that it names rightly
    histories: dict[str, pd.DataFrame]  # by way: the training with the first seed, columns as those of `train_head`

    def accuracy(self, way: str) -> Accuracy:
        """Return the mean accuracy over the seeds, rounded to a whole picture, with the interval of that many pictures.

        Seeds share their test pictures, so more seeds do not make the interval narrower.
        """
        right = self.right[way]
        return Accuracy(round(float(right.mean()) * right.shape[1]), right.shape[1])

    def table(self) -> pd.DataFrame:
        """Return a row per way: the share named rightly of the pictures it was trained on, and of new ones."""
        known = pd.Series(self.known, name="of those it learned from")
        new = pd.Series({way: self.right[way].mean() for way in self.right}, name="of new ones")
        return pd.concat([known, new], axis=1).rename_axis("named rightly")


def compare_with_scratch(
    folder: str | os.PathLike,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    epochs: int = EPOCHS,
    testing_percentage: float = 25,
    bottleneck_dir: str | os.PathLike | None = None,
) -> Ways:
    """Name the test pictures of a folder in three ways: by guessing, from scratch, and by transfer learning.

    All share one split, the pictures and their size. A seed is that of a network's first weights and of its batches.
    Guessing always says the most frequent class. Raises a `CourseError` for a folder that cannot be trained on.
    """
    options: dict[str, Any] = {
        "bottleneck_dir": bottleneck_dir,
        "testing_percentage": testing_percentage,
        "steps": HEAD_STEPS,
    }
    result = retrain(folder, seed=seeds[0], **options)
    train, test = result.pictures("train"), result.pictures("test")
    most = np.bincount(train.y).argmax()
    right, known = {GUESSING: (test.y == most)[None]}, {GUESSING: float((train.y == most).mean())}
    histories = {TRANSFER: result.history}
    trained = [_train_from_scratch(result, seed, epochs) for seed in progress_bar(seeds, "Training", "networks")]
    right[SCRATCH] = np.stack([answers == test.y for _, answers, _ in trained])
    known[SCRATCH] = float(np.mean([known_share for _, _, known_share in trained]))
    histories[SCRATCH] = trained[0][0]
    heads = [result.classifier.head, *(fit(result.features, steps=HEAD_STEPS, seed=seed).head for seed in seeds[1:])]
    right[TRANSFER] = np.stack([head.predict_proba(test.X).argmax(axis=1) == test.y for head in heads])
    known[TRANSFER] = float(np.mean([(head.predict_proba(train.X).argmax(axis=1) == train.y).mean() for head in heads]))
    return Ways(result, right, known, histories)


def _train_from_scratch(result: Retraining, seed: int, epochs: int) -> tuple[pd.DataFrame, np.ndarray, float]:
    """Train a network on the pixels. Return its history, its answers [n] in the test, and its accuracy on the training."""
    import keras

    size = result.classifier.backbone.image_size
    splits = {split: _pixels(result, split, size) for split in ("train", "validation", "test")}
    keras.utils.set_random_seed(seed)
    network = scratch_network(len(result.classifier.classes_), size, seed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("adam", loss, metrics=["accuracy"], jit_compile=False)
    labels = {split: result.pictures(split).y for split in splits}
    measured = (splits["validation"], labels["validation"]) if len(labels["validation"]) else None
    fitted = network.fit(
        splits["train"], labels["train"], epochs=epochs, batch_size=32, validation_data=measured, verbose=0
    )
    history = pd.DataFrame(fitted.history, index=pd.RangeIndex(1, epochs + 1, name="epochs"))
    says = {split: network.predict(splits[split], verbose=0).argmax(axis=1) for split in ("train", "test")}
    return history, says["test"], float((says["train"] == labels["train"]).mean())


def _pixels(result: Retraining, split: str, size: int) -> np.ndarray:
    """Return the pictures of a split, uint8 [n, size, size, 3]."""
    pictures = [picture.load(size) for picture in as_pictures(result.paths(split))]
    return np.stack(pictures) if pictures else np.zeros((0, size, size, 3), np.uint8)


def plot_ways(ways: Ways) -> "Axes":
    """Draw a bar per way, its 95 % interval as a line, and each seed as a dot; return the axes."""
    import matplotlib.pyplot as plt

    axis = plt.subplots(figsize=(6.4, 3.4), dpi=100, layout="constrained")[1]
    for place, (way, right) in enumerate(ways.right.items()):
        accuracy, colour = ways.accuracy(way), COLOURS[COLOUR_OF[way]]
        low, high = accuracy.interval
        mean = right.mean()
        axis.bar(place, mean, width=0.6, color=colour, alpha=0.55)
        axis.plot([place, place], [low, high], color=COLOURS["ink"], linewidth=2.5)
        if len(right) > 1:
            beside = place - 0.18 + 0.06 * np.arange(len(right)) - 0.03 * (len(right) - 1)
            axis.plot(beside, right.mean(axis=1), "o", color=colour, markeredgecolor="white", markersize=8)
        axis.text(place + 0.06, mean + 0.02, f"{mean:.0%}", fontsize=FONT_SIZE + 3, fontweight="bold")
    axis.set_xticks(range(len(ways.right)), list(ways.right), fontsize=FONT_SIZE + 1)
    axis.set(ylim=(0, 1), yticks=(0, 0.5, 1), ylabel="of new drawings named rightly")
    axis.yaxis.set_major_formatter("{x:.0%}")
    axis.spines[["top", "right"]].set_visible(False)
    return axis
