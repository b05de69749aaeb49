"""EfficientNet-Lite (Tan and Le 2019, arXiv:1905.11946; Lite: Google, 2020) as a Keras model, read from arrays by name.

Lite leaves out what phones are slow at: squeeze and excitation is gone, and ReLU6 stands in place of swish.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

HALVING_BLOCKS = (1, 4, 7, 15)  # of Lite2's 21, from 0: those whose depthwise convolution has stride 2
BATCH_NORM_EPSILON = 1e-3
INPUT_CENTRE, INPUT_SCALE = 127.0, 128.0  # of bytes, as it was trained
NORM_PARTS = ("gamma", "beta", "moving_mean", "moving_variance")


def _convolve(x: Any, name: str, weights: dict[str, np.ndarray], stride: int = 1, relu6: bool = True) -> Any:
    """Add a convolution, its batch normalisation and, unless it ends a block, ReLU6; return what comes out."""
    from keras import layers

    kernel = weights[f"{name}/kernel"]
    options = {"strides": stride, "padding": "same", "use_bias": False, "name": name.replace("/", "_")}
    if name.endswith("depthwise"):
        x = layers.DepthwiseConv2D(kernel.shape[0], **options)(x)
    else:
        x = layers.Conv2D(kernel.shape[3], kernel.shape[0], **options)(x)
    x = layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{options['name']}_norm")(x)
    return layers.ReLU(6, name=f"{options['name']}_relu")(x) if relu6 else x


def _inverted_bottleneck(x: Any, number: int, weights: dict[str, np.ndarray]) -> Any:
    """Add a block: widen, look at neighbours, narrow; and go round it where the shape stays as it is."""
    from keras import layers

    name, stride, inner = f"block_{number}", 2 if number in HALVING_BLOCKS else 1, x
    if f"{name}/expand/kernel" in weights:
        inner = _convolve(inner, f"{name}/expand", weights)
    inner = _convolve(inner, f"{name}/depthwise", weights, stride)
    inner = _convolve(inner, f"{name}/project", weights, relu6=False)
    return layers.Add(name=f"{name}_add")([x, inner]) if x.shape == inner.shape else inner


def _layer_weights(layer: str, weights: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return the arrays of a Keras layer, such as block_3_expand_norm."""
    ours = layer.removesuffix("_norm")
    block = ours.rpartition("_")
    ours = "/".join(block[::2]) if ours.startswith("block") else ours
    if layer.endswith("_norm"):
        return [weights[f"{ours}/norm/{part}"] for part in NORM_PARTS]
    return [weights[f"{ours}/kernel"]]


def keras_efficientnet(
    weights: dict[str, np.ndarray], image_size: int | None = None, pixels: Any = None
) -> "keras.Model":
    """Return the network without its last layer: pixels from -1 to 1 in, [n, 1280] float32 out.

    It is built upon `pixels` [n, size, size, 3], which may be computed from other inputs, or upon an input of its own, of
    any size where none is given.
    """
    import keras

    blocks = 1 + max(int(name.split("/")[0].removeprefix("block_")) for name in weights if name.startswith("block_"))
    entry = keras.Input((image_size, image_size, 3), name="prepared") if pixels is None else pixels
    x = _convolve(entry, "stem", weights, 2)
    for number in range(blocks):
        x = _inverted_bottleneck(x, number, weights)
    x = _convolve(x, "top", weights)
    vectors = keras.layers.GlobalAveragePooling2D(name="average")(x)
    (start,) = keras.utils.get_source_inputs(entry)
    network = keras.Model(start, vectors, name=f"efficientnet_lite2_{image_size}")
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(_layer_weights(layer.name, weights))
    return network
