"""How deep to reach into a pretrained network: its blocks as vectors, and draws of few and many pictures to learn from."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .backbones import Backbone, load_backbone
from .course_data import dataset_folder
from .foundation.picture_files import load_image
from .image_folder import ImageFolder

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 16
RUN_AT_ONCE = 32  # inputs
BLOCKS = tuple(range(14))  # of MobileNet: 0 is the first convolution, then come thirteen pairs


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Pictures of one size in memory, with their classes."""

    images: np.ndarray  # [n, size, size, 3] uint8
    labels: np.ndarray  # [n] int, from 0
    classes: Sequence[str]  # k names

    def __len__(self) -> int:
        return len(self.labels)


def load_pictures(name: str, image_size: int, classes: Sequence[str] | None = None) -> PictureSet:
    """Return the pictures of a data set that comes along, in the order of their paths.

    `classes` gives their order, and leaves out others; by default all, by name. Raises `DatasetError` for an unknown set.
    """
    folder = ImageFolder.scan(dataset_folder(name))
    names = list(classes or folder.classes)
    table = folder.table[folder.table["label"].isin(names)]
    images = [load_image(dataset_folder(name) / path, image_size) for path in table["path"]]
    return PictureSet(np.stack(images), np.array([names.index(label) for label in table["label"]]), names)


class Draw(NamedTuple):
    """Row numbers of pictures to learn from, few and many, and of others to judge by."""

    few: np.ndarray
    many: np.ndarray  # the few among them
    test: np.ndarray


def draw_pictures(labels: np.ndarray, few: int, many: int, seed: int) -> Draw:
    """Draw so many pictures of each class, `few` of the `many`; all that are left over are for the test.

    labels: [n] int. Raises `ValueError` unless few <= many, and a class has more pictures than that.
    """
    generator = np.random.default_rng(seed)
    parts: tuple[list[np.ndarray], ...] = ([], [], [])
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        if not 0 < few <= many < len(members):
            raise ValueError(f"Class {label} has {len(members)} pictures: {few} and {many} of them cannot be drawn.")
        for part, rows in zip(parts, (members[:few], members[:many], members[many:]), strict=True):
            part.append(rows)
    return Draw(*(np.sort(np.concatenate(part)) for part in parts))


def block_layer(block: int) -> str:
    """Return the name of the layer of Keras's MobileNet whose maps a block gives; block 0 is the first convolution.

    Raises `ValueError` for a block that it has not.
    """
    if block not in BLOCKS:
        raise ValueError(f"MobileNet has the blocks {BLOCKS[0]} to {BLOCKS[-1]}, and no block {block}.")
    return f"conv_pw_{block}_relu" if block else "conv1_relu"


def block_vectors(
    images: np.ndarray, blocks: Sequence[int] = BLOCKS, backbone: Backbone | None = None
) -> dict[int, np.ndarray]:
    """Return what each block of MobileNet says of pictures: [n, 2, channels] float32, the average and the maximum of a map.

    images: [n, size, size, 3] uint8.
    """
    import keras

    model = (backbone or load_backbone("mobilenet_v1_100_224", image_size=images.shape[1])).model()
    maps = [model.get_layer(block_layer(block)).output for block in blocks]
    pools = [[keras.layers.GlobalAveragePooling2D()(one), keras.layers.GlobalMaxPooling2D()(one)] for one in maps]
    pooled = keras.Model(model.inputs, [pool for pair in pools for pool in pair])
    found = run_model(pooled, images)
    return {block: np.stack(found[2 * place : 2 * place + 2], axis=1) for place, block in enumerate(blocks)}


def run_model(model: "keras.Model", inputs: Any) -> Any:
    """Return what a network gives for inputs [n, ...]: an array [n, ...], or a list of them, as `predict` does.

    TensorFlow warns where many networks are run once each, since it prepares each one anew; here that is what is wanted.
    """
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        return model.predict(inputs, batch_size=RUN_AT_ONCE, verbose=0)
    finally:
        logger.setLevel(level)


def logistic_layer(vectors: np.ndarray, labels: np.ndarray, strength: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Return kernel [d, k] and bias [k] of a dense layer that is a logistic regression on vectors, each number scaled.

    vectors: [n, d] float32; labels: [n] int from 0, three classes or more, each with a picture.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(vectors)
    fitted = LogisticRegression(C=strength, max_iter=500).fit(scaler.transform(vectors), labels)
    kernel = (fitted.coef_ / scaler.scale_).T
    return kernel.astype(np.float32), (fitted.intercept_ - scaler.mean_ @ kernel).astype(np.float32)


def with_layer(network: "keras.Model", kernel: np.ndarray, bias: np.ndarray) -> "keras.Sequential":
    """Return a network followed by a dense layer with these weights: scores [n, k] out."""
    import keras

    layer = keras.layers.Dense(len(bias), name="scores")
    model = keras.Sequential([network, layer])
    model.build(network.input_shape)
    layer.set_weights([kernel, bias])
    return model


def compile_with(model: "keras.Model", optimizer: "keras.optimizers.Optimizer") -> "keras.Model":
    """Compile a network that gives scores, and return it."""
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)  # XLA takes longer than it saves
    return model
