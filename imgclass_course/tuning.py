"""Fine-tuning: the last blocks of a network learn too, from inner activations that are computed once and kept.

A training begins where a frozen one ended, so that the two can be compared, and its best state is kept.
"""

import hashlib
import logging
import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .backbones import Backbone, fingerprint_of
from .bottlenecks import extract
from .classifiers import ImageClassifier
from .features import Features
from .foundation.errors import StoreError, TrainingError
from .foundation.files import cache_folder, printable
from .foundation.keras_layers import Halves, cut_before, first_layer_of
from .foundation.litert import convert_network
from .foundation.progress import progress_bar
from .foundation.runners import Network
from .foundation.store import BottleneckStore
from .heads import ClassWeight, KerasHead, training_weights
from .inner_activations import LowerHalf
from .intervals import PairedComparison, compare_paired
from .retraining import Retraining, known_of
from .views import Augmentation, View

if TYPE_CHECKING:
    import keras

USUAL_BLOCK = "block12"  # of MobileNet's 13: what comes before makes 86 % of its multiply-adds
USUAL_EPOCHS = 5
USUAL_RATE = 1e-4  # of Adam: a tenth of what a new layer is trained with
USUAL_BATCH = 32
USUAL_LIMIT = 2000  # MB of inner activations that are kept
MEGABYTE = 1_000_000

Activations = Callable[[np.ndarray], np.ndarray]  # row numbers [b] -> inner activations [b, d] float32


@dataclass(frozen=True, eq=False)
class TunedNetwork:
    """A backbone's network some of whose layers have learned. Its weights are its own."""

    base: Backbone
    block: str  # the first that has learned
    model: "keras.Model"  # [n, size, size, 3] uint8 in, [n, d] float32 out

    def __call__(self) -> Network:
        """Return it as a function from pixels [n, size, size, 3] float32, 0 to 255, to vectors [n, d]."""
        return lambda pixels: self.model(pixels, training=False)

    def litert_file(self, image_size: int) -> bytes:
        """Return the LiteRT file: [1, size, size, 3] uint8 in, [1, d] float32 out."""
        return convert_network(self(), image_size)

    def keras_model(self, image_size: int) -> "keras.Model":
        """Return a copy of the Keras model. Raises `TrainingError` for pictures of another size."""
        import keras

        if image_size != self.base.image_size:
            raise TrainingError(f"{self.base.name} was tuned on pictures of {self.base.image_size} pixels: keep to them.")
        copy = keras.models.clone_model(self.model)
        copy.set_weights(self.model.get_weights())
        return copy

    def learned(self) -> dict[str, np.ndarray]:
        """Return the arrays of the layers that have learned, by layer and number."""
        return {
            f"{layer.name}/{number}": np.asarray(values)
            for layer in _from_block(self.model, self.block)
            for number, values in enumerate(layer.get_weights())
        }


def _from_block(model: "keras.Model", block: str) -> list["keras.Layer"]:
    names = [layer.name for layer in model.layers]
    return model.layers[names.index(first_layer_of(model, block)) :]


def tuned_backbone(base: Backbone, block: str, model: "keras.Model") -> Backbone:
    """Return a network that has learned from a block on as a backbone; its fingerprint follows what it has learned."""
    network = TunedNetwork(base, block, model)
    learned = b"".join(np.ascontiguousarray(values).tobytes() for values in network.learned().values())
    fingerprint = fingerprint_of(base.fingerprint, "tuned", hashlib.sha256(learned).hexdigest())
    return Backbone(f"{base.name} (tuned from {block})", base.image_size, fingerprint, network)


def restore_tuned_backbone(base: Backbone, block: str, learned: dict[str, np.ndarray]) -> Backbone:
    """Return a tuned network out of what it had learned. Raises `ValueError` where that does not fit the network."""
    model = base.model(trainable_from=block)
    for layer in _from_block(model, block):
        layer.set_weights([learned[f"{layer.name}/{number}"] for number in range(len(layer.weights))])
    return tuned_backbone(base, block, model)


@dataclass(frozen=True, eq=False, kw_only=True)
class FineTuning(Retraining):
    """A classifier whose network has learned too, and beside it the one that it began as.

    Its history has a row per epoch; epoch 0 is before the first one. `best` is the epoch that the classifier is from.
    """

    frozen: Retraining  # the control: the same pictures, and nothing learned but the head
    activations: str  # whether they were kept, and how large they are, for people

    def comparison(self, split: str | None = None) -> PairedComparison:
        """Return the accuracy minus that of the frozen network on the same pictures, by default of the final split."""
        split = split or self.final_split
        return compare_paired(self.frozen.evaluate(split).right, self.evaluate(split).right)


def fine_tune(
    frozen: Retraining,
    from_block: str = USUAL_BLOCK,
    *,
    epochs: int = USUAL_EPOCHS,
    learning_rate: float = USUAL_RATE,
    batch_size: int = USUAL_BATCH,
    class_weight: ClassWeight | None = None,
    augmentation: Augmentation | None = None,
    views: int = 0,
    bottleneck_dir: str | os.PathLike | None = None,
    activation_limit: float = USUAL_LIMIT,
    seed: int = 0,
) -> FineTuning:
    """Go on from `retrain`: train the head and the blocks from one on together, and keep the best state.

    `from_block` is a block or a layer of the backbone. Batch normalisation stays as it is, `learning_rate` is Adam's, and the
    best state is that with the lowest cross-entropy on validation, which may be the one before the first epoch. What comes
    before `from_block` does not change, so its activations are computed once and kept in the store of `bottleneck_dir`, in
    float16; where they need more than `activation_limit` megabytes they are computed anew in each epoch. `augmentation`
    distorts training pictures, `views` times each. Raises a `CourseError` that says what to do, before long work.
    """
    _check_options(epochs, learning_rate, batch_size, activation_limit)
    base = frozen.classifier.backbone
    if not isinstance(base, Backbone):
        raise TrainingError(f"{base.name} are several networks: tune one of them.")
    model = base.model(trainable_from=from_block)
    halves = cut_before(model, from_block)
    head = _copy_head(frozen, base.feature_dim)
    table = _Table.of(frozen, from_block, augmentation, views)
    needed = len(table.rows) * int(np.prod(halves.lower.output.shape[1:])) * 2
    kept = needed <= activation_limit * MEGABYTE
    folder = Path(bottleneck_dir or cache_folder() / "bottlenecks")
    features, activations = table.kept(folder, needed) if kept else table.computed()
    said = f"{needed / MEGABYTE:,.0f} MB of activations, {'kept' if kept else 'computed anew in each epoch'}"
    joint = _join(halves, head)
    training = _Training(joint, features, activations, batch_size, training_weights(features, class_weight), said)
    with _expecting_to_trace():
        history, best = training.run(epochs, learning_rate, seed)
    tuned = tuned_backbone(base, from_block, model)
    vectors = replace(features, X=training.vectors(halves.upper), backbone=tuned, weights=None)
    before = frozen.classifier.known
    known = known_of(vectors, before.false_alarms) if before else None
    classifier = ImageClassifier(tuned, KerasHead(head), frozen.classifier.classes_, known)
    return FineTuning(classifier, vectors, history, best, frozen.choices, frozen=frozen, activations=said)


@contextmanager
def _expecting_to_trace() -> Iterator[None]:
    """Leave out TensorFlow's warning that it traces again, while one network is trained: each new one is traced once."""
    logger = logging.getLogger("tensorflow")

    def keep(record: logging.LogRecord) -> bool:
        return "tf.function retracing" not in record.getMessage()

    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


def _check_options(epochs: int, learning_rate: float, batch_size: int, activation_limit: float) -> None:
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if not (isinstance(value, int) and value > 0):
            raise TrainingError(f"{name}={value!r} is not possible: give a whole number above 0.")
    if not 0 < learning_rate < math.inf:
        raise TrainingError(f"learning_rate={learning_rate!r} is not possible: give a number above 0, such as 0.0001.")
    if not activation_limit >= 0:
        raise TrainingError(f"activation_limit={activation_limit!r} is not possible: give megabytes, 0 for none.")


def _copy_head(frozen: Retraining, feature_dim: int) -> "keras.Sequential":
    """Return the head as dense layers that can learn, with what it knows. Raises `TrainingError` for another head."""
    import keras

    head = frozen.classifier.head
    if not hasattr(head, "dense_layers"):
        kind = type(getattr(head, "estimator", head)).__name__
        raise TrainingError(f"A head of the kind {kind} cannot learn together with a network: use 'logistic' or Keras.")
    layers = head.dense_layers()
    dense = [keras.layers.Dense(len(bias), "relu" if relu else None) for _, bias, relu in layers]
    copy = keras.Sequential([keras.Input((feature_dim,)), *dense])
    for layer, (kernel, bias, _) in zip(dense, layers, strict=True):
        layer.set_weights([kernel, bias])
    return copy


def _join(halves: Halves, head: "keras.Model") -> "keras.Model":
    """Return the network from flat activations [n, d] to scores [n, k]."""
    import keras

    shape = halves.upper.input.shape[1:]
    flat = keras.Input((int(np.prod(shape)),), name="activations")
    return keras.Model(flat, head(halves.upper(keras.layers.Reshape(shape)(flat))))


@dataclass(frozen=True, eq=False)
class _Table:
    """What is trained on and measured: a row for each picture and each of its views, and how its activations are had."""

    frozen: Retraining
    lower: Backbone
    augmentation: Augmentation | None
    views: int
    rows: pd.DataFrame  # path, digest, split, view, ...
    labels: np.ndarray  # [n] int

    @classmethod
    def of(cls, frozen: Retraining, block: str, augmentation: Augmentation | None, views: int) -> "_Table":
        """Return the pictures of a training, and `views` more of each training picture."""
        base = frozen.features.backbone
        assert isinstance(base, Backbone)  # `fine_tune` has looked
        half = LowerHalf(base.network, base.name, block, base.image_size)
        fingerprint = fingerprint_of(base.fingerprint, "below", block)
        lower = Backbone(f"{base.name}, below {block}", base.image_size, fingerprint, half)
        plain = frozen.features.select((frozen.features.rows["view"] == 0).to_numpy())
        train = (plain.rows["split"] == "train").to_numpy()
        more = [plain.rows[train].assign(view=number) for number in range(1, views + 1)]
        rows = pd.concat([plain.rows, *more], ignore_index=True)
        return cls(frozen, lower, augmentation, views, rows, np.concatenate([plain.y, *[plain.y[train]] * views]))

    def kept(self, folder: Path, needed: int) -> tuple[Features, Activations]:
        """Return the activations of all rows out of a store, computed where it lacks them. `needed` is in bytes.

        Raises `StoreError` where the disk has no room for them, and `TrainingError` where a picture has changed.
        """
        with BottleneckStore(folder) as store:
            _check_space(folder, needed, store, self.lower)
            pictures, shown = self.frozen.folder, self.augmentation if self.views else None
            features = extract(pictures, backbone=self.lower, store=store, augmentation=shown, views=self.views)
        if features.rows["path"].tolist() != self.rows["path"].tolist():
            raise TrainingError("A picture has changed since the frozen network saw it: call retrain again.")
        return features, lambda rows: features.X[rows].astype(np.float32)

    def computed(self) -> tuple[Features, Activations]:
        """Return features without activations, and what computes those of some rows from their pictures."""
        rows = self.rows.assign(reused=False)
        empty = np.zeros((len(rows), 0), np.float32)
        features = Features(empty, self.labels, rows, self.frozen.features.classes, source=self.frozen.folder)
        return features, self._compute

    def _compute(self, rows: np.ndarray) -> np.ndarray:
        found: list[np.ndarray] = []
        for outcome in self.lower.runner().map(self._read, rows.tolist()):
            if isinstance(outcome, Exception):
                raise outcome
            found.append(outcome)
        return np.stack(found).astype(np.float16).astype(np.float32)  # as they would be kept

    def _read(self, row: int) -> np.ndarray:
        known = self.rows.iloc[row]
        number = int(known["view"])
        view = View(self.lower, number, self.augmentation if number else None)
        return view.read(self.frozen.folder.picture(known["path"]), known["digest"])


def _check_space(folder: Path, needed: int, store: BottleneckStore, lower: Backbone) -> None:
    """Raise `StoreError` where a disk has no room for activations that the store does not hold yet."""
    held = store.info()
    needed -= int(MEGABYTE * held.loc[held["backbone"] == lower.name, "MB"].sum())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StoreError(
            f"The inner activations need {needed / MEGABYTE:,.0f} MB, and {printable(folder)} has {free / MEGABYTE:,.0f} MB "
            "left: name another folder (bottleneck_dir), or keep none (activation_limit=0)."
        )


@dataclass(frozen=True, eq=False)
class _Training:
    """Trains a network on activations, and measures it."""

    network: "keras.Model"  # activations [n, d] in, scores [n, k] out
    features: Features
    activations: Activations
    batch_size: int
    weights: np.ndarray | None
    said: str  # of the activations, for the progress bar

    def run(self, epochs: int, learning_rate: float, seed: int) -> tuple[pd.DataFrame, float]:
        """Train, and put the best state back. Return the measurements, a row per epoch, and the epoch of the best state."""
        import keras

        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.network.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"], jit_compile=False)
        train, validation = (np.flatnonzero(self.features.rows["split"] == split) for split in ("train", "validation"))
        judge = "val_loss" if len(validation) else "loss"
        random, network = np.random.default_rng(seed), self.network
        measured = self._measure(train) | {f"val_{name}": value for name, value in self._measure(validation).items()}
        history, best, state = [measured], 0, network.get_weights()
        for epoch in progress_bar(range(1, epochs + 1), f"Fine-tuning ({self.said})", "epochs"):
            steps = -(-len(train) // self.batch_size)
            batches = self._batches(random.permutation(train))
            fitted = network.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
            learned = {name: values[0] for name, values in fitted.history.items()}
            history.append(learned | {f"val_{name}": value for name, value in self._measure(validation).items()})
            if not len(validation) or history[-1][judge] < history[best][judge]:
                best, state = epoch, network.get_weights()
        network.set_weights(state)
        return pd.DataFrame(history).rename_axis("epochs"), float(best)

    def _measure(self, rows: np.ndarray) -> dict[str, float]:
        """Return accuracy and cross-entropy on rows; nothing where there are none."""
        steps = -(-len(rows) // self.batch_size)
        return self.network.evaluate(self._batches(rows), steps=steps, verbose=0, return_dict=True) if steps else {}

    def _batches(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield activations, labels and, where there are any, weights."""
        for batch in _chunks(rows, self.batch_size):
            weights = () if self.weights is None else (self.weights[batch],)
            yield self.activations(batch), self.features.y[batch], *weights

    def vectors(self, upper: "keras.Model") -> np.ndarray:
        """Return the vectors [n, d] float32 of all rows by the upper half of the network."""
        shape = upper.input.shape[1:]
        rows = np.arange(len(self.features))
        parts = [upper(self.activations(batch).reshape(-1, *shape)) for batch in _chunks(rows, self.batch_size)]
        return np.concatenate([np.asarray(part) for part in parts])


def _chunks(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield rows in batches; the last one may be smaller."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
