"""A learning rate that changes while a network trains: a function of the step, and what hands it to Keras's `fit`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

Rate = Callable[[int], float]  # from the number of training steps done to a learning rate; also a schedule of Keras


def rate_callback(rate: Rate) -> "keras.callbacks.Callback":
    """Set the learning rate before each step of `fit` or `train_head`; the history gets a column `learning_rate`.

    It counts the steps that the optimizer has done, so a resumed training goes on where it stopped. Nothing of it is
    saved with the network. Raises `ValueError` where TensorFlow does several steps between two looks of Python.
    """
    import keras

    class SetRate(keras.callbacks.Callback):
        def on_train_begin(self, logs: dict | None = None) -> None:
            if self.model.steps_per_execution > 1:
                raise ValueError("A rate that changes with each step needs compile(..., steps_per_execution=1).")

        def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
            self.model.optimizer.learning_rate = float(rate(int(self.model.optimizer.iterations)))

        def on_epoch_end(self, epoch: int, logs: dict) -> None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)

    return SetRate()
