"""MobileNet v1 as a LiteRT file, put together operation by operation: no TensorFlow, and no converter."""

import numpy as np

from .engines import fold_batch_norm
from .foundation.litert import LiteRTGraph
from .mobilenet import STRIDES


def add_pixels(graph: LiteRTGraph, image_size: int) -> tuple[int, int]:
    """Return the numbers of a tensor of bytes [1, size, size, 3], and of the same from -1 to 1."""
    shape, schema = [1, image_size, image_size, 3], graph.schema
    scale = schema.QuantizationParametersT(scale=[2 / 255], zeroPoint=[0])
    entry = graph.tensor(shape, "UINT8", quantization=scale)
    values = graph.operation("DEQUANTIZE", [entry], shape, schema.DequantizeOptionsT())
    one, options = graph.constant(np.ones(1, np.float32)), schema.SubOptionsT()
    return entry, graph.operation("SUB", [values, one], shape, options)


def _add_convolution(
    graph: LiteRTGraph,
    x: int,  # the tensor that goes in
    side: int,  # pixels of each side of the result
    kernel: np.ndarray,  # [height, width, in, out], or [height, width, channels, 1]
    folded: tuple[np.ndarray, np.ndarray],
    stride: int,
) -> int:
    """Add a convolution with its batch normalisation and ReLU6."""
    schema, (scale, shift), depthwise = graph.schema, folded, kernel.shape[3] == 1
    if depthwise:
        kind, options = "DEPTHWISE_CONV_2D", schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = 1
    else:
        kind, options = "CONV_2D", schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU6
    options.strideH = options.strideW = stride
    kernel = kernel * (scale[:, None] if depthwise else scale)
    filters = graph.constant(kernel.transpose(3, 0, 1, 2).copy())
    inputs = [x, filters, graph.constant(shift)]
    return graph.operation(kind, inputs, [1, side, side, len(scale)], options)


def write_mobilenet(weights: dict[str, np.ndarray], image_size: int) -> bytes:
    """Return MobileNet v1 as a LiteRT file: bytes [1, size, size, 3] to [1, 1024] float32."""
    graph = LiteRTGraph()
    entry, x = add_pixels(graph, image_size)
    layers, side = [("Conv2d_0", "weights", 2)], image_size
    for number, stride in enumerate(STRIDES, start=1):
        layers.append((f"Conv2d_{number}_depthwise", "depthwise_weights", stride))
        layers.append((f"Conv2d_{number}_pointwise", "weights", 1))
    for name, part, stride in layers:
        side, kernel = -(-side // stride), weights[f"{name}/{part}"]
        folded = fold_batch_norm(weights, name)
        x = _add_convolution(graph, x, side, kernel, folded, stride)
    axes, schema = graph.constant(np.array([1, 2], np.int32)), graph.schema
    options, channels = schema.ReducerOptionsT(keepDims=False), kernel.shape[3]
    return graph.pack(entry, graph.operation("MEAN", [x, axes], [1, channels], options))
