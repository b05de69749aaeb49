"""A LiteRT file as a function of TensorFlow: the same operations on the same numbers, for any number of pictures."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..foundation.errors import ExportError
from ..foundation.litert import LiteRTGraph

if TYPE_CHECKING:
    import tensorflow as tf

Values = list[Any]  # tensors, and arrays where a file holds fixed numbers
Operation = Callable[[Any, Values], Any]  # options of the schema and what goes in, to the result


def read_constants(graph: LiteRTGraph) -> dict[int, np.ndarray]:
    """Return the fixed numbers of a graph by the number of their tensor."""
    kinds = {value: name.lower() for name, value in vars(graph.schema.TensorType).items() if name.isupper()}
    found = {}
    for number, tensor in enumerate(graph.parts.tensors):
        data = graph.model.buffers[tensor.buffer].data
        if data is not None and len(data):
            shape = [] if tensor.shape is None else [int(size) for size in tensor.shape]
            found[number] = np.frombuffer(bytes(data), kinds[tensor.type]).reshape(shape)
    return found


def _activate(options: Any, values: "tf.Tensor") -> "tf.Tensor":
    """Apply the activation that an operation brings along: none, ReLU, ReLU6."""
    import tensorflow as tf

    functions = {0: lambda x: x, 1: tf.nn.relu, 3: tf.nn.relu6}
    try:
        return functions[options.fusedActivationFunction](values)
    except KeyError:
        raise ExportError(f"TensorFlow export knows no activation {options.fusedActivationFunction}.") from None


def _padding(options: Any) -> str:
    return "VALID" if options.padding else "SAME"


def _convolution(options: Any, values: Values) -> "tf.Tensor":
    import tensorflow as tf

    x, kernel, bias = values  # kernel [out, height, width, in]
    strides, dilations = [options.strideH, options.strideW], [options.dilationHFactor, options.dilationWFactor]
    found = tf.nn.conv2d(x, kernel.transpose(1, 2, 3, 0), strides, _padding(options), dilations=dilations)
    return _activate(options, found + bias)


def _depthwise(options: Any, values: Values) -> "tf.Tensor":
    import tensorflow as tf

    x, kernel, bias = values  # kernel [1, height, width, channels]
    height, width, channels = kernel.shape[1:]
    kernel = kernel.reshape(height, width, channels // options.depthMultiplier, options.depthMultiplier)
    strides, dilations = [1, options.strideH, options.strideW, 1], [options.dilationHFactor, options.dilationWFactor]
    found = tf.nn.depthwise_conv2d(x, kernel, strides, _padding(options), dilations=dilations)
    return _activate(options, found + bias)


def _dense(options: Any, values: Values) -> "tf.Tensor":
    import tensorflow as tf

    found = tf.matmul(values[0], values[1].T)  # weights [out, in]
    return _activate(options, found + values[2] if len(values) > 2 else found)


def _pool(function: str) -> Operation:
    def pool(options: Any, values: Values) -> "tf.Tensor":
        import tensorflow as tf

        size, strides = [options.filterHeight, options.filterWidth], [options.strideH, options.strideW]
        return _activate(options, getattr(tf.nn, function)(values[0], size, strides, _padding(options)))

    return pool


def _reshape(options: Any, values: Values) -> "tf.Tensor":
    import tensorflow as tf

    shape = values[1] if len(values) > 1 else options.newShape
    return tf.reshape(values[0], [-1, *(int(size) for size in shape[1:])])  # the first is the number of pictures


def _plain(function: Callable[..., Any]) -> Operation:
    """Return an operation that brings no activation and needs no options."""
    return lambda options, values: function(*values)


def _arithmetic(function: Callable[..., Any]) -> Operation:
    return lambda options, values: _activate(options, function(*values))


def operations() -> dict[str, Operation]:
    """Return what TensorFlow does for each operation of a LiteRT file that is known here, by the schema's name."""
    import tensorflow as tf

    return {
        "ADD": _arithmetic(tf.add), "SUB": _arithmetic(tf.subtract), "MUL": _arithmetic(tf.multiply),
        "DIV": _arithmetic(tf.divide), "CAST": _plain(lambda x: tf.cast(x, tf.float32)),
        "CONV_2D": _convolution, "DEPTHWISE_CONV_2D": _depthwise, "FULLY_CONNECTED": _dense,
        "AVERAGE_POOL_2D": _pool("avg_pool2d"), "MAX_POOL_2D": _pool("max_pool2d"),
        "MEAN": lambda options, values: tf.reduce_mean(values[0], values[1].ravel(), options.keepDims),
        "REDUCE_MAX": lambda options, values: tf.reduce_max(values[0], values[1].ravel(), options.keepDims),
        "PAD": _plain(tf.pad), "RESHAPE": _reshape, "RELU": _plain(tf.nn.relu), "RELU6": _plain(tf.nn.relu6),
        "LOGISTIC": _plain(tf.sigmoid), "TANH": _plain(tf.tanh), "HARD_SWISH": _plain(lambda x: x * tf.nn.relu6(x + 3) / 6),
        "SOFTMAX": lambda options, values: tf.nn.softmax(values[0] * options.beta),
        "L2_NORMALIZATION": _plain(lambda x: tf.math.l2_normalize(x, -1, 0)),
        "CONCATENATION": lambda options, values: tf.concat(values, options.axis),
    }  # fmt: skip


def tensorflow_function(model: bytes) -> Callable[..., "list[tf.Tensor]"]:
    """Return a function from pictures [n, size, size, 3] uint8, for each input, to the results of a LiteRT file.

    Raises `ExportError` for an operation that is not known here.
    """
    graph, known = LiteRTGraph(model), operations()
    names = {value: name for name, value in vars(graph.schema.BuiltinOperator).items()}
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in graph.model.operatorCodes]
    steps = [(names[codes[operator.opcodeIndex]], operator) for operator in graph.parts.operators]
    known["DEQUANTIZE"] = _plain(lambda x: x)  # of the pixels, which are scaled where they come in
    strangers = sorted({name for name, _ in steps} - known.keys())
    if strangers:
        raise ExportError(
            f"The network has an operation that is not known as one of TensorFlow ({', '.join(strangers)}): "
            "export it to litert or onnx."
        )
    constants = read_constants(graph)

    def run(*pictures: "tf.Tensor") -> "list[tf.Tensor]":
        values: dict[int, Any] = dict(constants)
        for number, pixels in zip(graph.parts.inputs, pictures, strict=True):
            values[int(number)] = _scaled(graph, int(number), pixels)
        for name, operator in steps:
            given = [values[int(number)] for number in operator.inputs if number >= 0]
            values[int(operator.outputs[0])] = known[name](operator.builtinOptions, given)
        return [values[int(number)] for number in graph.parts.outputs]

    return run


def _scaled(graph: LiteRTGraph, number: int, pixels: "tf.Tensor") -> "tf.Tensor":
    """Return the numbers that bytes stand for: as they are, or times the scale that the file gives them."""
    import tensorflow as tf

    about, values = graph.parts.tensors[number].quantization, tf.cast(pixels, tf.float32)
    if about is None or about.scale is None or not len(about.scale):
        return values
    return (values - float(about.zeroPoint[0])) * np.float32(about.scale[0])
