"""The networks that come with the course, in each form that something runs: TF Hub module, Keras model, LiteRT file,
PyTorch module."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .efficientnet import INPUT_CENTRE, INPUT_SCALE, keras_efficientnet
from .foundation.assets import EFFICIENTNET, EMBEDDED, embedded_weights
from .foundation.files import assets_folder, cache_folder, write_whole
from .foundation.hub import HubModule
from .foundation.runners import Network
from .foundation.torch_running import import_torch
from .mobilenet import batch_norm, mobilenet_features
from .mobilenet_file import write_mobilenet

if TYPE_CHECKING:
    import keras
    import tensorflow as tf
    import torch

BATCH_NORM_DECAY = 0.9997  # of the averages, as MobileNet was trained
KINDS = {"dw": "depthwise", "pw": "pointwise"}  # Keras's names for the layers of a pair, and ours


def export_module(weights: dict[str, np.ndarray], folder: Path) -> None:
    """Save MobileNet v1 with these weights, without its last layer, as a TF Hub module (reusable SavedModel)."""
    import tensorflow as tf

    features = {name: values for name, values in weights.items() if not name.startswith("Logits")}
    variables = {name: tf.Variable(values, "moving" not in name, name=name) for name, values in features.items()}
    module = tf.train.Checkpoint()
    module.variables = list(variables.values())
    module.trainable_variables = [variable for variable in module.variables if variable.trainable]
    module.regularization_losses = []

    @tf.function(autograph=False)
    def call(images: "tf.Tensor", training: bool = False) -> "tf.Tensor":
        return mobilenet_features(images, variables, _batch_norm_in_training if training else batch_norm)

    module.__call__ = call
    for training in (False, True):
        call.get_concrete_function(tf.TensorSpec([None, None, None, 3]), training)
    tf.saved_model.save(module, str(folder))


def _batch_norm_in_training(x: "tf.Tensor", variables: dict, layer: str) -> "tf.Tensor":
    """Normalise each channel by its own mean and variance, and move the layer's averages towards them."""
    import tensorflow as tf

    moments = dict(zip(("moving_mean", "moving_variance"), tf.nn.moments(x, [0, 1, 2]), strict=True))
    for part, now in moments.items():
        average = variables[f"{layer}/BatchNorm/{part}"]
        average.assign_sub((average - now) * (1 - BATCH_NORM_DECAY))
    return batch_norm(x, variables | {f"{layer}/BatchNorm/{part}": now for part, now in moments.items()}, layer)


def _keras_layer_weights(layer: str, weights: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return the arrays of a layer of Keras's MobileNet, such as conv_dw_1_bn, out of ours."""
    ours = layer.removesuffix("_bn").replace("conv1", "Conv2d_0")
    ours = re.sub(r"conv_(dw|pw)_(\d+)", lambda found: f"Conv2d_{found[2]}_{KINDS[found[1]]}", ours)
    if layer.endswith("_bn"):
        return [weights[f"{ours}/BatchNorm/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")]
    return [weights[f"{ours}/{'depthwise_weights' if 'depthwise' in ours else 'weights'}"]]


def keras_mobilenet(
    weights: dict[str, np.ndarray], image_size: int = 224, pixels: "keras.KerasTensor | None" = None
) -> "keras.Model":
    """Return MobileNet v1 of keras.applications with these weights: pixels from -1 to 1 in, [n, 1024] float32 out.

    It is built upon `pixels` [n, size, size, 3], or upon an input of its own.
    """
    import keras

    network = keras.applications.MobileNet(
        input_shape=(image_size, image_size, 3), input_tensor=pixels, include_top=False, pooling="avg", weights=None
    )
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(_keras_layer_weights(layer.name, weights))
    return network


@cache
def embedded_digest(name: str = EMBEDDED) -> str:
    """Return the SHA-256 of a network's file of weights, hexadecimal."""
    return hashlib.sha256((assets_folder() / f"{name}_imagenet.npz").read_bytes()).hexdigest()


@dataclass(frozen=True)
class EmbeddedMobileNet:
    """MobileNet as a backbone takes it; it needs neither a download nor, as a LiteRT file, TensorFlow."""

    def __call__(self) -> Network:
        """Load it as a TF Hub module, which is made in the cache folder on first use."""
        folder = cache_folder() / "modules" / f"{EMBEDDED}-{embedded_digest()[:16]}"
        if not folder.exists():
            write_whole(folder, lambda path: export_module(embedded_weights(), path))
        return HubModule(folder)()

    def litert_file(self, image_size: int) -> bytes:
        """Return the LiteRT file: [1, size, size, 3] uint8 in, [1, 1024] float32 out."""
        return write_mobilenet(embedded_weights(), image_size)

    def keras_model(self, image_size: int) -> "keras.Model":
        """Return the Keras model, preparation inside: [n, size, size, 3] uint8 in, [n, 1024] float32 out."""
        import keras

        inputs = keras.Input((image_size, image_size, 3), dtype="uint8", name="pixels")
        prepared = keras.layers.Rescaling(2 / 255, offset=-1, name="preparation")(inputs)
        network = keras_mobilenet(embedded_weights(), image_size, prepared)
        return keras.Model(inputs, network.output, name=f"mobilenet_v1_100_{image_size}")

    def torch_network(self, image_size: int) -> "torch.nn.Module":
        """Return it in PyTorch, preparation inside: [n, size, size, 3] uint8 in, [n, 1024] float32 out."""
        import_torch()
        from .torch_mobilenet import torch_mobilenet

        return torch_mobilenet(embedded_weights(), image_size)


@dataclass(frozen=True)
class EmbeddedEfficientNet:
    """EfficientNet-Lite2 as a backbone takes it; it needs no download, and TensorFlow once, to convert it."""

    def __call__(self) -> Network:
        """Load it as a function from pixels [n, size, size, 3] float32, 0 to 255, to vectors [n, 1280]."""
        network = keras_efficientnet(embedded_weights(EFFICIENTNET))
        return lambda pixels: network((pixels - INPUT_CENTRE) / INPUT_SCALE, training=False)

    def keras_model(self, image_size: int) -> "keras.Model":
        """Return the Keras model, preparation inside: [n, size, size, 3] uint8 in, [n, 1280] float32 out."""
        import keras

        inputs = keras.Input((image_size, image_size, 3), dtype="uint8", name="pixels")
        scale, offset = 1 / INPUT_SCALE, -INPUT_CENTRE / INPUT_SCALE
        prepared = keras.layers.Rescaling(scale, offset=offset, name="preparation")(inputs)
        return keras_efficientnet(embedded_weights(EFFICIENTNET), image_size, prepared)

    def torch_network(self, image_size: int) -> "torch.nn.Module":
        """Return it in PyTorch, preparation inside: [n, size, size, 3] uint8 in, [n, 1280] float32 out."""
        import_torch()
        from .torch_efficientnet import torch_efficientnet

        return torch_efficientnet(embedded_weights(EFFICIENTNET), image_size)


NETWORKS: dict[str, Callable[[], Network]] = {EMBEDDED: EmbeddedMobileNet(), EFFICIENTNET: EmbeddedEfficientNet()}
