"""Training a Keras head in steps: its batches, the intervals at which it is measured, and its best state."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .datasets import random_batches
from .foundation.progress import training_bar
from .heads import ends_with_softmax

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

WHOLE_BATCH = 4096  # pictures that are measured at once
Sampler = Callable[[np.ndarray, int, int, int], np.ndarray]  # labels, batch size, steps, seed -> rows [steps, batch]


def batch_dataset(
    vectors: np.ndarray, labels: np.ndarray, batches: np.ndarray, weights: np.ndarray | None = None
) -> "tf.data.Dataset":
    """Return batches of vectors [b, d] and labels [b], and of weights [b] where there are any.

    `batches` are row numbers [steps, b].
    """
    import tensorflow as tf

    parts = [tf.constant(part) for part in (vectors, labels, weights) if part is not None]
    rows = tf.data.Dataset.from_tensor_slices(batches)
    return rows.map(lambda batch: tuple(tf.gather(part, batch) for part in parts)).prefetch(2)


def whole_dataset(vectors: np.ndarray, labels: np.ndarray) -> "tf.data.Dataset":
    """Return all pictures in few large batches that are made once: Keras takes arrays apart anew for every measurement."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((vectors, labels)).batch(WHOLE_BATCH).cache()


def measured_steps(steps: int, eval_interval: int) -> list[int]:
    """Return after which steps a training is measured; steps that do not fill an interval come first."""
    return list(range(steps % eval_interval or eval_interval, steps + 1, eval_interval))


def stretches(ends: list[int]) -> list[tuple[int, int]]:
    """Return intervals of one length in a row, as numbers from and to: Keras's `fit` knows no others.

    `ends` are the steps at which intervals end, 0 first; only the first interval may be shorter.
    """
    intervals = len(ends) - 1
    shorter_first = intervals > 1 and ends[1] < ends[2] - ends[1]
    return [(0, 1), (1, intervals)] if shorter_first else [(0, intervals)]


def compile_head(head: "keras.Model", learning_rate: float, loss: Any = None, optimizer: Any = None) -> None:
    """Compile a head with a loss and an optimizer of Keras; by default cross-entropy, and Adam with `learning_rate`."""
    import keras

    loss = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=not ends_with_softmax(head))
    optimizer = keras.optimizers.get(optimizer) if optimizer else keras.optimizers.Adam(learning_rate)
    # Compiling so small a network with XLA takes longer than it saves.
    head.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)


def keep_best(steps: int) -> "keras.callbacks.Callback":
    """Return what puts the state with the lowest cross-entropy on validation back at the end, and never ends early."""
    import keras

    return keras.callbacks.EarlyStopping("val_loss", mode="min", patience=steps, restore_best_weights=True)


def train_head(
    vectors: np.ndarray,
    labels: np.ndarray,
    head: "keras.Model",
    steps: int = 500,
    batch_size: int = 100,
    learning_rate: float = 0.001,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    eval_interval: int = 25,
    seed: int = 0,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
    loss: Any = None,
    optimizer: Any = None,
    sampler: Sampler | None = None,
    weights: np.ndarray | None = None,
) -> pd.DataFrame:
    """Train a head in place, and return how it went: index steps, columns accuracy, loss, val_accuracy, val_loss.

    The last two are there with `validation`, vectors [m, d] and labels [m], which are measured every `eval_interval` steps
    and never trained on. vectors: [n, d] float32; labels: [n] int, from 0; `learning_rate` is Adam's (Kingma and Ba 2015,
    arXiv:1412.6980), where no `optimizer` of Keras is given; `loss` is Keras's too, cross-entropy where it is not given;
    `sampler` draws the batches (default: `random_batches`), `seed` is theirs; `weights` [n] say how much each picture
    counts (None: all alike). For `callbacks` an epoch is `eval_interval` steps.
    """
    compile_head(head, learning_rate, loss, optimizer)
    draw = sampler or (lambda labels, *options: random_batches(len(labels), *options))
    batches = draw(labels, batch_size, steps, seed)
    ends = [0, *measured_steps(steps, min(eval_interval, steps))]
    bar = training_bar(steps, "steps", lambda epoch: ends[epoch + 1])
    options = {"shuffle": False, "verbose": 0, "validation_data": validation and whole_dataset(*validation)}
    history = []
    for first, last in stretches(ends):
        data = batch_dataset(vectors, labels, batches[ends[first] : ends[last]], weights)
        epochs = {"initial_epoch": first, "epochs": last, "steps_per_epoch": ends[last] - ends[last - 1]}
        shown = [bar, *callbacks] if last == len(ends) - 1 else [*callbacks]
        fitted = head.fit(data, callbacks=shown, **epochs, **options)
        history.append(pd.DataFrame(fitted.history, index=ends[first + 1 : first + 1 + len(fitted.epoch)]))
        if head.stop_training:
            break
    return pd.concat(history).rename_axis("steps")
