"""Train one network again and again on the same pictures: for fair comparisons of rates, schedules and optimizers.

Each training begins at a start, and sees batches, that its seed decides. So two trainings with one seed differ in nothing
but what is compared.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .datasets import random_batches
from .foundation.progress import progress_bar
from .schedules import Rate, rate_callback
from .steps import batch_dataset
from .transfer import build_head

if TYPE_CHECKING:
    import keras

Make = Callable[[int], "keras.Model"]  # from a seed to a network that gives scores; all of one shape
Pictures = tuple[np.ndarray, np.ndarray]  # inputs [n, ...] float32 and labels [n] int, from 0
MEASURED = ["loss", "accuracy", "val_loss", "val_accuracy"]
MEASURED_AT_ONCE = 500  # inputs
STEPS_PER_CALL = 20  # of training that TensorFlow does between two looks of Python


def measure(model: "keras.Model", inputs: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return cross-entropy and accuracy of a network as it is used, and not as it is trained: without dropout.

    inputs: [n, ...]; labels: [n] int; the model gives scores [n, k].
    """
    from scipy.special import log_softmax

    parts = range(0, len(inputs), MEASURED_AT_ONCE)
    scores = np.concatenate([np.asarray(model(inputs[at : at + MEASURED_AT_ONCE], training=False), np.float64) for at in parts])
    loss = -log_softmax(scores, axis=1)[np.arange(len(labels)), labels].mean()
    return float(loss), float((scores.argmax(axis=1) == labels).mean())


def _compile(model: "keras.Model", optimizer: Any, steps_per_call: int = 1) -> None:
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Compiling so small a network with XLA takes longer than it saves.
    model.compile(keras.optimizers.get(optimizer), loss, steps_per_execution=steps_per_call, jit_compile=False)


def restart(model: "keras.Model", weights: list[np.ndarray], learning_rate: float) -> None:
    """Put a compiled model back to a start: its weights, its rate, and an optimizer as new.

    The rate of the model must be a number, not a schedule.
    """
    model.set_weights(weights)
    fresh = type(model.optimizer).from_config(model.optimizer.get_config())
    for optimizer in (model.optimizer, fresh):
        if not optimizer.built:
            optimizer.build(model.trainable_variables)
    for variable, start in zip(model.optimizer.variables, fresh.variables, strict=True):  # not always zero: Adagrad
        variable.assign(start)
    model.optimizer.learning_rate = learning_rate


class Trials:
    """One network, and pictures to train and to measure it on, as often as you like."""

    def __init__(
        self,
        make: Make,
        training: Pictures,
        validation: Pictures,
        steps: int = 200,
        batch_size: int = 32,
        optimizer: Any = "adam",
    ) -> None:
        """`make` builds the network from a seed; `optimizer` is a name or an optimizer of Keras with a number as rate."""
        self.make, self.training, self.validation = make, training, validation
        self.steps, self.batch_size, self.optimizer = steps, batch_size, optimizer
        self.model: Any = None
        self.steps_per_call = 0
        self.starts: dict[int, list[np.ndarray]] = {}  # by seed: weights, and the state of random numbers

    def run(self, seed: int, learning_rate: float | Rate) -> dict[str, float]:
        """Return where one training ends: loss, accuracy, val_loss, val_accuracy.

        `learning_rate` is a number, or a function of the step.
        """
        return dict(zip(MEASURED, self._train(seed, learning_rate, self.steps)[-1], strict=True))

    def curve(self, seed: int, learning_rate: float | Rate, every: int = 10, steps: int | None = None) -> pd.DataFrame:
        """Return what one training has reached every so many steps. Index: step, 0 included; columns as for `run`.

        It takes `steps` steps, by default as many as any other; `every` divides them.
        """
        self._make_ready(math.gcd(every, STEPS_PER_CALL))
        self._restart(seed, 0.0)
        rows = [self._measure(), *self._train(seed, learning_rate, every, steps)]
        return pd.DataFrame(rows, pd.Index(every * np.arange(len(rows)), name="step"), MEASURED)

    def _train(
        self, seed: int, learning_rate: float | Rate, every: int, steps: int | None = None
    ) -> list[tuple[float, ...]]:
        """Train from the start that belongs to a seed, and return what is measured every so many steps."""
        import keras

        rows: list[tuple[float, ...]] = []
        callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: rows.append(self._measure()))]
        if callable(learning_rate):
            callbacks.append(rate_callback(learning_rate))
        self._make_ready(1 if callable(learning_rate) else math.gcd(every, STEPS_PER_CALL))
        self._restart(seed, 0.0 if callable(learning_rate) else learning_rate)
        steps = steps or self.steps
        batches = random_batches(len(self.training[0]), self.batch_size, steps, seed)
        epochs = {"epochs": steps // every, "steps_per_epoch": every}
        self.model.fit(batch_dataset(*self.training, batches), shuffle=False, verbose=0, callbacks=callbacks, **epochs)
        return rows

    def _measure(self) -> tuple[float, ...]:
        return (*measure(self.model, *self.training), *measure(self.model, *self.validation))

    def _make_ready(self, steps_per_call: int) -> None:
        """Compile the network once for trainings at a constant rate, and again where Python must look at each step."""
        if self.model is None:
            self.model = self.make(0)
        if self.steps_per_call != steps_per_call:
            self.steps_per_call = steps_per_call
            _compile(self.model, self.optimizer, steps_per_call)

    def _restart(self, seed: int, learning_rate: float) -> None:
        if seed not in self.starts:
            self.starts[seed] = [np.array(variable) for variable in self.make(seed).variables]
        restart(self.model, self.model.get_weights(), learning_rate)
        for variable, start in zip(self.model.variables, self.starts[seed], strict=True):  # dropout's numbers too
            variable.assign(start)


def sweep_learning_rates(
    vectors: np.ndarray,
    labels: np.ndarray,
    validation: Pictures,
    rates: Sequence[float],
    seeds: Sequence[int] = (0, 1, 2),
    steps: int = 500,
    batch_size: int = 100,
    make: Make | None = None,
) -> pd.DataFrame:
    """Train with Adam at each rate, from the same starts with the same batches, and measure at the end.

    vectors: [n, ...] float32; labels: [n] int, from 0. `make` builds a network from a seed; by default it is a head of
    one layer. Returns a row per seed and rate: learning_rate, seed, loss, accuracy, val_loss, val_accuracy.
    """
    num_classes = 1 + int(max(labels.max(), validation[1].max()))
    trials = Trials(
        make or (lambda seed: build_head(vectors.shape[1], num_classes, seed)),
        (vectors, labels),
        validation,
        steps,
        batch_size,
    )
    wanted = [(seed, rate) for seed in seeds for rate in rates]
    rows = [
        {"learning_rate": rate, "seed": seed, **trials.run(seed, rate)}
        for seed, rate in progress_bar(wanted, "Sweep", "trainings")
    ]
    return pd.DataFrame(rows)


def train_in_stages(
    vectors: np.ndarray,
    labels: np.ndarray,
    head: "keras.Model",
    stages: Sequence[tuple["keras.optimizers.Optimizer", int]],
    batch_size: int = 100,
    seed: int = 0,
) -> None:
    """Train a network with one optimizer after the other; its weights stay, each optimizer begins without a memory.

    vectors: [n, ...] float32; labels: [n] int, from 0. Each stage is an optimizer and its number of steps; the batches,
    which `seed` decides, go on from stage to stage. Raises `ValueError` for no stages, or a stage without steps.
    """
    counts = [steps for _, steps in stages]
    if not stages or min(counts) < 1:
        raise ValueError(f"Stages of {counts} steps: each stage needs one step or more.")
    batches = random_batches(len(vectors), batch_size, sum(counts), seed)
    ends = np.cumsum(counts)
    for (optimizer, steps), end in zip(stages, ends, strict=True):
        _compile(head, optimizer)
        head.fit(batch_dataset(vectors, labels, batches[end - steps : end]), shuffle=False, verbose=0)


@contextmanager
def copy_to_spoil(model: "keras.Model") -> Iterator["keras.Model"]:
    """Give a compiled copy with the same weights and a fresh optimizer of the same kind, for a test that ruins it.

    The model stays as it was, and Python's random numbers too, from which Keras draws the seeds of new layers. Raises
    `ValueError` for a model that is not compiled.
    """
    import keras

    if not model.compiled:
        raise ValueError("The model has no loss and no optimizer yet: compile it first.")
    state = random.getstate()
    try:
        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())
        settings = {**model.optimizer.get_config(), "learning_rate": 1.0}  # whatever it was: also a schedule
        copy.compile(type(model.optimizer).from_config(settings), model.loss, jit_compile=False)
        yield copy
    finally:
        random.setstate(state)
