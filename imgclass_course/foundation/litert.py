"""Networks as LiteRT files: converted by TensorFlow, or put together operation by operation without it."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .files import write_whole
from .runners import Network
from .threads import hide_native_logs

Layer = tuple[np.ndarray, np.ndarray, bool]  # kernel [in, out] float32, bias [out] float32, whether ReLU follows
FILE_IDENTIFIER = b"TFL3"
FIRST_BUILDER_BYTES = 1 << 24


def convert_network(network: Network, image_size: int) -> bytes:
    """Convert a network for LiteRT: one picture [1, size, size, 3] uint8 in, one vector [1, d] float32 out, or several."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    run = tf.function(lambda images: network(tf.cast(images, tf.float32)))
    with hide_native_logs():
        traced = run.get_concrete_function(tf.TensorSpec([1, image_size, image_size, 3], tf.uint8))
        frozen = convert_variables_to_constants_v2(traced)
        converted = tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module()).convert()
    return _results_in_order(converted) if len(frozen.outputs) > 1 else converted


def _results_in_order(model: bytes) -> bytes:
    """Return a LiteRT file whose results come as the network gives them: the converter keeps their order in names only."""
    graph = LiteRTGraph()
    graph.model = graph.schema.ModelT.InitFromPackedBuf(model, 0)
    graph.parts = graph.model.subgraphs[0]
    (signature,) = graph.model.signatureDefs
    named = sorted((int(entry.name.decode().removeprefix("output_")), entry.tensorIndex) for entry in signature.outputs)
    return graph.pack(graph.parts.inputs.tolist(), [tensor for _, tensor in named])


def converted_once(folder: Path, key: str, convert: Callable[[], bytes]) -> bytes:
    """Return a converted network that is kept in a folder under a name that holds its own hash; made where it is not.

    `key` is hexadecimal and names what was converted.
    """
    start = key[:32]
    for path in folder.glob(f"{start}-*.tflite"):
        model = path.read_bytes()
        if path.stem == f"{start}-{hashlib.sha256(model).hexdigest()[:32]}":
            return model
        path.unlink(missing_ok=True)  # damaged: made again
    model = convert()
    name = f"{start}-{hashlib.sha256(model).hexdigest()[:32]}.tflite"
    write_whole(folder / name, lambda path: path.write_bytes(model))
    return model


class LiteRTGraph:
    """A network for LiteRT, put together operation by operation."""

    def __init__(self, model: bytes | None = None) -> None:
        """Begin with nothing, or go on from the end of a LiteRT file."""
        from ai_edge_litert import schema_py_generated

        self.schema: Any = schema_py_generated
        if model is None:
            self.parts = self.schema.SubGraphT(tensors=[], operators=[])
            self.model = self.schema.ModelT(
                version=3, operatorCodes=[], subgraphs=[self.parts], buffers=[self.schema.BufferT()]
            )
        else:
            self.model = self.schema.ModelT.InitFromPackedBuf(model, 0)
            self.model.signatureDefs = None  # they name the old output
            self.parts = self.model.subgraphs[0]
            self._take_in_buffers(model)

    def _take_in_buffers(self, model: bytes) -> None:
        """Bring fixed numbers to where they usually are: some tools write them behind the network's description."""
        for buffer in self.model.buffers:
            if buffer.offset > 1:  # 0 and 1 are none
                buffer.data = np.frombuffer(model, np.uint8, buffer.size, buffer.offset)
                buffer.offset = buffer.size = 0

    def tensor(self, shape: Sequence[int], kind: str = "FLOAT32", **options: object) -> int:
        """Add a tensor that is computed, and return its number."""
        kind = getattr(self.schema.TensorType, kind)
        self.parts.tensors.append(self.schema.TensorT(shape=list(shape), type=kind, buffer=0, **options))
        return len(self.parts.tensors) - 1

    def constant(self, values: np.ndarray) -> int:
        """Add a tensor of fixed numbers, float32 or int32, and return its number."""
        number = self.tensor(values.shape, values.dtype.name.upper())
        self.model.buffers.append(self.schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        self.parts.tensors[number].buffer = len(self.model.buffers) - 1
        return number

    def operation(self, kind: str, inputs: Sequence[int], shape: Sequence[int], options: object) -> int:
        """Add an operation, and return the number of the tensor that it computes.

        `kind` is the schema's name, such as CONV_2D; `inputs` are numbers of tensors, `shape` is the result's, and
        `options` are the schema's, such as `Conv2DOptionsT`.
        """
        code = getattr(self.schema.BuiltinOperator, kind)
        self.model.operatorCodes.append(self.schema.OperatorCodeT(min(code, 127), None, 1, code))
        result = self.tensor(shape)
        operator = self.schema.OperatorT(len(self.model.operatorCodes) - 1, list(inputs), [result])
        operator.builtinOptions = options
        operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.parts.operators.append(operator)
        return result

    def include(self, model: bytes) -> tuple[int, int]:
        """Add the network of another LiteRT file beside what is there; return the numbers of its input and output."""
        other = self.schema.ModelT.InitFromPackedBuf(model, 0)
        (added,) = other.subgraphs
        tensors, buffers, codes = len(self.parts.tensors), len(self.model.buffers), len(self.model.operatorCodes)
        for tensor in added.tensors:
            tensor.buffer += buffers
        for operator in added.operators:
            operator.opcodeIndex += codes
            operator.inputs = [number + tensors if number >= 0 else number for number in operator.inputs]
            operator.outputs = [number + tensors for number in operator.outputs]
        self.model.buffers += other.buffers
        self.model.operatorCodes += other.operatorCodes
        self.parts.tensors += added.tensors
        self.parts.operators += added.operators
        return int(added.inputs[0]) + tensors, int(added.outputs[0]) + tensors

    def width(self, tensor: int) -> int:
        """Return the length of a vector [1, d] that is computed."""
        return int(self.parts.tensors[tensor].shape[-1])

    def before_average(self, vector: int) -> int | None:
        """Return the tensor [1, h, w, d] whose average over all places a vector [1, d] is; None where it is no average."""
        kinds = self.schema.BuiltinOperator
        makers = {int(operator.outputs[0]): operator for operator in self.parts.operators}
        while vector in makers:
            operator = makers[vector]
            code = self.model.operatorCodes[operator.opcodeIndex]
            kind, source = max(code.builtinCode, code.deprecatedBuiltinCode), int(operator.inputs[0])
            if kind in (kinds.MEAN, kinds.AVERAGE_POOL_2D):
                shape = self.parts.tensors[source].shape
                return source if len(shape) == 4 and int(shape[-1]) == self.width(vector) else None
            if kind != kinds.RESHAPE:
                return None
            vector = source
        return None

    def pack(self, entries: int | Sequence[int], results: int | Sequence[int]) -> bytes:
        """Return the file's bytes, for a network from tensors `entries`, one or several, to tensors `results`."""
        import flatbuffers

        self.parts.inputs = [entries] if isinstance(entries, int) else list(entries)
        self.parts.outputs = [results] if isinstance(results, int) else list(results)
        builder = flatbuffers.Builder(FIRST_BUILDER_BYTES)
        builder.Finish(self.model.Pack(builder), FILE_IDENTIFIER)
        return bytes(builder.Output())


def _join_in_graph(graph: LiteRTGraph, vectors: Sequence[int], length: float) -> int:
    """Add what `join_vectors` does to vectors [1, d1], [1, d2], ...: each of one length, side by side."""
    schema, none = graph.schema, graph.schema.ActivationFunctionType.NONE
    widths = [graph.width(vector) for vector in vectors]
    scaled = [
        graph.operation("L2_NORMALIZATION", [vector], [1, width], schema.L2NormOptionsT(none))
        for vector, width in zip(vectors, widths, strict=True)
    ]
    shape = [1, sum(widths)]
    joined = graph.operation("CONCATENATION", scaled, shape, schema.ConcatenationOptionsT(1, none))
    return graph.operation(
        "MUL", [joined, graph.constant(np.array([length], np.float32))], shape, schema.MulOptionsT(none)
    )


def add_head(models: Sequence[bytes], layers: Sequence[Layer], length: float = 1.0) -> bytes:
    """Return a LiteRT file from pixels to probabilities: files from pixels to a vector [1, d], dense layers, softmax.

    The vectors of several files are brought to one `length` and joined; the result then has an input for each of them. After
    the probabilities [1, k] it gives the vector [1, d] and, where that is one network's average, the maps [1, h, w, d].
    """
    graph = LiteRTGraph(models[0])
    schema = graph.schema
    ends = [(int(graph.parts.inputs[0]), int(graph.parts.outputs[0])), *map(graph.include, models[1:])]
    entries, vectors = zip(*ends, strict=True)
    vector = vectors[0] if len(vectors) == 1 else _join_in_graph(graph, vectors, length)
    maps, x = graph.before_average(vector), vector
    for kernel, bias, relu in layers:
        options = schema.FullyConnectedOptionsT()
        function = schema.ActivationFunctionType
        options.fusedActivationFunction = function.RELU if relu else function.NONE
        weights = graph.constant(np.ascontiguousarray(kernel.T, np.float32))
        inputs = [x, weights, graph.constant(np.asarray(bias, np.float32))]
        x = graph.operation("FULLY_CONNECTED", inputs, [1, kernel.shape[1]], options)
    softmax = graph.operation("SOFTMAX", [x], [1, layers[-1][0].shape[1]], schema.SoftmaxOptionsT(beta=1.0))
    return graph.pack(entries, [softmax, vector] if maps is None else [softmax, vector, maps])


def name_ends(model: bytes) -> bytes:
    """Return a LiteRT file in which each input and each result has a name of its own: some runtimes find them by it."""
    graph = LiteRTGraph(model)
    _take_in_buffers(graph, model)
    entries, results = graph.parts.inputs.tolist(), graph.parts.outputs.tolist()
    for kind, tensors in (("picture", entries), ("result", results)):
        for number, tensor in enumerate(tensors):
            graph.parts.tensors[tensor].name = f"{kind}_{number}"
    return graph.pack(entries, results)


def _take_in_buffers(graph: LiteRTGraph, model: bytes) -> None:
    """Bring in the numbers that a file keeps behind its graph, as those that were quantised do: packing would lose them."""
    for buffer in graph.model.buffers:
        if buffer.offset > 1:  # 0 and 1 stand for none
            buffer.data = np.frombuffer(model, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
