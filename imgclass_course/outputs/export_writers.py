"""The files of an exported classifier: LiteRT in four precisions, ONNX, and TensorFlow's SavedModel.

All are made of the LiteRT file that a saved classifier holds, so that no backbone is needed and every format has the same
weights. Pixels [n, size, size, 3] uint8 go in, an input for each network; probabilities [n, k] float32 come out, then the
vector [n, d] and, where it is their average, the maps [n, h, w, d].
"""

import contextlib
import io
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..foundation.errors import ExportError
from ..foundation.files import write_text_whole
from ..foundation.litert import LiteRTGraph
from ..foundation.onnx_running import BACKBONE, CLASSES, PREPARATION
from ..foundation.threads import hide_native_logs
from .litert_to_tensorflow import tensorflow_function

RESULTS = ("probabilities", "vector", "maps")
SIGNATURE = "serving_default"
METADATA = "imgclass_course"  # the name of what is written into a file
OPSET = 17  # of ONNX: from 2022, so that older runtimes read it
WEIGHTS_ONLY = ("CONV_2D", "FULLY_CONNECTED")  # 99 % of MobileNet's weights; depthwise ones lose most and save nothing
HEAD = ("FULLY_CONNECTED", "SOFTMAX")  # stays in float32 where the network is in int8: tiny, and it makes the answer


def input_names(count: int) -> list[str]:
    """Return the names of the inputs of a classifier of so many networks."""
    return ["pixels"] if count == 1 else [f"pixels_{number + 1}" for number in range(count)]


def named_model(model: bytes) -> bytes:
    """Return a LiteRT file whose inputs and results have names, in a signature; other tools want those."""
    graph = LiteRTGraph(model)
    schema, parts = graph.schema, graph.parts
    entries, results = [int(one) for one in parts.inputs], [int(one) for one in parts.outputs]
    for number, tensor in enumerate(parts.tensors):  # unique, also where two networks were joined
        tensor.name = f"tensor_{number}"
    inputs = dict(zip(input_names(len(entries)), entries, strict=True))
    outputs = dict(zip(RESULTS, results, strict=False))
    for name, number in (inputs | outputs).items():
        parts.tensors[number].name = name
    maps = [
        [schema.TensorMapT(name=name, tensorIndex=number) for name, number in ends.items()]
        for ends in (inputs, outputs)
    ]
    graph.model.signatureDefs = [schema.SignatureDefT(*maps, SIGNATURE, 0)]
    return graph.pack(entries, results)


def with_metadata(model: bytes, about: dict[str, Any]) -> bytes:
    """Return a LiteRT file that also holds a description, as JSON, among its metadata."""
    graph = LiteRTGraph(model)
    signatures = graph.schema.ModelT.InitFromPackedBuf(model, 0).signatureDefs
    data = json.dumps(about).encode()
    graph.model.buffers.append(graph.schema.BufferT(data=np.frombuffer(data, np.uint8)))
    entry = graph.schema.MetadataT(name=METADATA, buffer=len(graph.model.buffers) - 1)
    graph.model.metadata = [*(graph.model.metadata or []), entry]
    graph.model.signatureDefs = signatures
    return graph.pack(graph.parts.inputs.tolist(), graph.parts.outputs.tolist())


def read_metadata(model: bytes) -> dict[str, Any]:
    """Return the description that `with_metadata` wrote into a LiteRT file. Raises `ExportError` where there is none."""
    graph = LiteRTGraph(model)
    for entry in graph.model.metadata or []:
        if entry.name == METADATA.encode():
            return json.loads(bytes(graph.model.buffers[entry.buffer].data))
    raise ExportError("This LiteRT file was not written by imgclass export: it does not say what its classes are.")


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep what converters print, and warn of, off the screen."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            hide_native_logs(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _recipe(precision: str) -> list[dict[str, Any]]:
    """Return which operations are kept in which numbers, as ai-edge-quantizer takes it."""
    from ai_edge_quantizer import algorithm_manager, qtyping, recipe_manager

    recipe, every = recipe_manager.RecipeManager(), qtyping.TFLOperationName
    if precision == "float16":
        weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
        kind = qtyping.OpQuantizationConfig(
            weight_tensor_config=weights, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
        )
        casting = algorithm_manager.AlgorithmName.FLOAT_CASTING
        recipe.add_quantization_config(".*", every.ALL_SUPPORTED, kind, casting)
    elif precision == "int8_weights":
        for name in WEIGHTS_ONLY:
            recipe.add_weight_only_config(".*", every[name], num_bits=8)
    else:
        recipe.add_static_config(".*", every.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
        for name in HEAD:
            recipe.add_quantization_config(".*", every[name], algorithm_key=algorithm_manager.AlgorithmName.NO_QUANTIZE)
    return recipe.get_quantization_recipe()


def quantised(model: bytes, precision: str, pictures: Sequence[np.ndarray] = ()) -> bytes:
    """Return a LiteRT file with smaller numbers: float16, int8_weights or int8. Raises `ExportError`.

    For int8, the activations of some training `pictures`, [n, size, size, 3] uint8 for each network, say which range 256
    steps have to cover (calibration).
    """
    with _quietly():
        from ai_edge_quantizer.quantizer import Quantizer
    try:
        with _quietly():
            made = Quantizer(bytearray(model), _recipe(precision))
            ranges = None
            if precision == "int8":
                names = input_names(len(pictures))
                rows = [
                    dict(zip(names, (one[None] for one in sizes), strict=True)) for sizes in zip(*pictures, strict=True)
                ]
                ranges = made.calibrate({SIGNATURE: rows})
            found = bytes(made.quantize(ranges).quantized_model)
    except Exception as error:  # converters fail in many ways; each means the same
        raise ExportError(f"This classifier cannot be exported as {precision}: {_first_line(error)}") from error
    return _floating_results(found)


def _floating_results(model: bytes) -> bytes:
    """Return a LiteRT file whose results are float32, whatever numbers it computes with."""
    graph = LiteRTGraph(model)
    results = []
    for name, number in zip(RESULTS, map(int, graph.parts.outputs), strict=False):
        tensor = graph.parts.tensors[number]
        if tensor.type == graph.schema.TensorType.INT8:
            tensor.name = f"{name}_int8"
            number = graph.operation("DEQUANTIZE", [number], tensor.shape.tolist(), graph.schema.DequantizeOptionsT())
        results.append(number)
    return named_model(graph.pack(graph.parts.inputs.tolist(), results))


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def write_onnx(model: bytes, about: dict[str, Any], path: Path) -> None:
    """Write a classifier, a named LiteRT file, as ONNX for any number of pictures. Raises `ExportError`."""
    with _quietly():
        import onnx
        import tf2onnx
    try:
        with _quietly(), tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "model.tflite"
            source.write_bytes(model)
            made, _ = tf2onnx.convert.from_tflite(str(source), opset=OPSET)
    except Exception as error:  # converters fail in many ways; each means the same
        raise ExportError(f"This classifier cannot be exported as ONNX: {_first_line(error)}") from error
    for entry in (*made.graph.input, *made.graph.output):
        entry.type.tensor_type.shape.dim[0].dim_param = "pictures"
    del made.graph.value_info[:]  # shapes of what is computed within, of one picture
    own = {CLASSES: about["classes"], BACKBONE: about["backbone"], PREPARATION: about["resizing"]}  # for `load_classifier`
    for key, value in {**about, **own}.items():
        made.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    onnx.checker.check_model(made)
    onnx.save(made, str(path))


def write_saved_model(model: bytes, about: dict[str, Any], path: Path) -> None:
    """Write a classifier, a named LiteRT file, as a SavedModel with its labels among the assets. Raises `ExportError`."""
    import tensorflow as tf

    from ..foundation.runners import LiteRTRunner

    run, shapes = tensorflow_function(model), LiteRTRunner(model).input_shapes
    names = input_names(len(shapes))

    def serve(**pictures: "tf.Tensor") -> "dict[str, tf.Tensor]":
        return dict(zip(RESULTS, run(*(pictures[name] for name in names)), strict=False))

    specs = {name: tf.TensorSpec([None, *shape[1:]], tf.uint8, name) for name, shape in zip(names, shapes, strict=True)}
    module = tf.Module()
    with tempfile.TemporaryDirectory() as folder, hide_native_logs():
        labels = write_text_whole(Path(folder) / "labels.txt", "".join(f"{name}\n" for name in about["classes"]))
        module.labels = tf.saved_model.Asset(str(labels))
        signature = tf.function(serve, autograph=False).get_concrete_function(**specs)
        tf.saved_model.save(module, str(path), signatures={SIGNATURE: signature})
