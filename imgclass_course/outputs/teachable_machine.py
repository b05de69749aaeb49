"""Image models of Google's Teachable Machine as classifiers of ours, with the same answers.

Its export "Tensorflow, Keras" is a zip of two files: `keras_model.h5`, in the format of Keras 2, and `labels.txt`, with a
line `0 name` per class. Inside is a MobileNetV2 of width 0.35 without its top, the average over all places, and two dense
layers (teachablemachine-community on GitHub, libraries/image/src/teachable-mobilenet.ts). Keras 3 refuses the file, whose
layers have options that it does not know, and what such a file says could be code. So nothing in it is run: it is compared
with that network, layer by layer, and its weights alone are taken over.

Pictures are prepared as Teachable Machine's code for Keras does it: the square in the middle, 224 pixels, in [-1, 1].
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..foundation.errors import ClassifierError
from ..foundation.files import printable
from ..foundation.litert import Layer, add_head, convert_network
from ..foundation.picture_files import CROP
from ..foundation.runners import LiteRTRunner
from .classifier_files import write_classifier
from .saved_classifier import SavedClassifier

if TYPE_CHECKING:
    import h5py
    import keras

NAME = "teachable_machine"
IMAGE_SIZE, WIDTH = 224, 0.35
LABEL = re.compile(r"\d+ (.*)")
MAX_LABEL_BYTES = 10_000_000
MAX_UNITS = 10_000  # of a dense layer
# The options of a layer that change what it computes; the others say how it would be trained.
COMPARED = ("filters", "kernel_size", "strides", "padding", "dilation_rate", "groups", "data_format", "use_bias", "activation",
            "epsilon", "depth_multiplier", "max_value", "negative_slope", "threshold")  # fmt: skip
# An older Keras pads before the first layer where ours does it inside, with the same result.
FIRST, FIRST_PAD, PAD = "Conv1", "Conv1_pad", [[0, 1], [0, 1]]
WEIGHT_NAMES = {"DepthwiseConv2D": ("depthwise_kernel",), "Conv2D": ("kernel",),
                "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance")}  # fmt: skip
Weights = dict[tuple[str, str], "h5py.Dataset"]  # by the names of layer and weight


def from_teachable_machine(path: str | os.PathLike, labels: str | os.PathLike) -> SavedClassifier:
    """Return the classifier in a `keras_model.h5` with its `labels.txt`. It is used, and not trained further.

    Its answers are those of Teachable Machine's own code for Keras, for pictures that are upright and not transparent;
    others are first turned and laid on white, as all pictures of the course are. Raises `ClassifierError` for files of
    anything else.
    """
    return _classifier(path, labels)[0]


def _classifier(path: str | os.PathLike, labels: str | os.PathLike) -> tuple[SavedClassifier, bytes]:
    """Return the classifier, and the LiteRT file that it runs."""
    names = _read_labels(Path(labels))
    network, head = _read_model(Path(path))
    if (found := head[-1][0].shape[1]) != len(names):
        raise ClassifierError(f"{printable(labels)} has {len(names)} labels and {printable(path)} has {found} classes.")
    converted = convert_network(lambda pixels: network(pixels / 127.5 - 1, training=False), IMAGE_SIZE)
    model = add_head([converted], head)
    return SavedClassifier(tuple(names), (IMAGE_SIZE,), NAME, LiteRTRunner(model), preparation=CROP), model


def convert_teachable_machine(
    path: str | os.PathLike, labels: str | os.PathLike, folder: str | os.PathLike
) -> SavedClassifier:
    """Write the classifier of `from_teachable_machine` into a folder, as `load_classifier` reads it, and return it."""
    classifier, model = _classifier(path, labels)
    about = {
        "backbone": NAME,
        "fingerprint": hashlib.sha256(model).hexdigest(),
        "image_size": IMAGE_SIZE,
        "preparation": CROP,
        "classes": list(classifier.classes_),
    }
    write_classifier(Path(folder), {"model": (".tflite", model)}, about)
    return classifier


def _read_labels(path: Path) -> list[str]:
    """Return the names of the classes, without the numbers that stand before them. Raises `ClassifierError`."""
    try:
        if path.stat().st_size > MAX_LABEL_BYTES:
            raise ClassifierError(f"{printable(path)} is too large for a file of labels.")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ClassifierError(f"{printable(path)} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError:
        raise ClassifierError(f"{printable(path)} is no text in UTF-8: it should hold a line 0 name per class.") from None
    found = [LABEL.fullmatch(line) for line in lines if line.strip()]
    names = [printable(match[1]) for match in found if match]
    if not names or len(names) < len(found) or len(set(names)) < len(names):
        raise ClassifierError(f"{printable(path)} is no labels.txt of Teachable Machine: a line 0 name, with its own name, "
                              "per class.")  # fmt: skip
    return names


def _read_model(path: Path) -> tuple["keras.Model", list[Layer]]:
    """Return the network of a `keras_model.h5`, from pixels to vectors, and its dense layers. Raises `ClassifierError`."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            weights, configs = _named_weights(file), _layer_configs(file)
            head = _dense_layers(weights, configs)
            return _network(weights, configs), head
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, OSError) and error.errno:
            raise ClassifierError(f"{printable(path)} cannot be read ({os.strerror(error.errno)}).") from error
        raise ClassifierError(
            f"{printable(path)} is no image model that Teachable Machine exported for Keras "
            f"({' '.join(str(error).split())[:200]})."
        ) from error


def _named_weights(file: "h5py.File") -> Weights:
    """Return the arrays in a file by the names of their layer and weight. Raises `ValueError` where two have one name."""
    import h5py

    found: Weights = {}

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            layer, _, weight = name.rpartition("/")
            key = layer.rpartition("/")[2], weight.partition(":")[0]
            if key in found:
                raise ValueError(f"it has two weights {'/'.join(key)}")
            found[key] = item

    file["model_weights"].visititems(add)
    return found


def _layer_configs(file: "h5py.File") -> list[tuple[str, dict[str, Any]]]:
    """Return the kind and the configuration of each layer, in order, whatever models they are in."""
    return [one for one in _flat(json.loads(file.attrs["model_config"])) if one[0] != "InputLayer"]


def _flat(layer: Any) -> Iterator[tuple[str, dict[str, Any]]]:  # parsed JSON
    config = layer["config"]
    if isinstance(config, dict) and "layers" in config:
        for part in config["layers"]:
            yield from _flat(part)
    else:
        yield layer["class_name"], config


def _array(weights: Weights, layer: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return a weight float32, whose shape must be the expected one. Raises `ValueError` or `KeyError`."""
    found = weights[layer, name]
    if found.shape != shape:
        raise ValueError(f"{layer}/{name} has the shape {found.shape} and not {shape}")
    return np.asarray(found, np.float32)


def _network(weights: Weights, configs: list[tuple[str, dict[str, Any]]]) -> "keras.Model":
    """Return MobileNetV2, pixels [n, 224, 224, 3] in [-1, 1] to vectors [n, 1280], with the weights of a file.

    Raises `ValueError` or `KeyError` where the file is of another network.
    """
    import keras

    entry = (IMAGE_SIZE, IMAGE_SIZE, 3)
    model = keras.applications.MobileNetV2(entry, alpha=WIDTH, include_top=False, weights=None, pooling="avg")
    kinds = _padded_inside({config["name"]: (kind, config) for kind, config in configs})
    ours = [layer for layer in model.layers[1:] if not isinstance(layer, keras.layers.GlobalAveragePooling2D)]
    for layer in ours:
        kind, config = kinds.pop(layer.name)
        _compare(layer, kind, config)
        shapes = [tuple(weight.shape) for weight in layer.weights]
        names = WEIGHT_NAMES.get(kind, ())
        layer.set_weights([_array(weights, layer.name, *one) for one in zip(names, shapes, strict=True)])
    _check_rest([kind for kind, _ in kinds.values()])
    return model


def _padded_inside(kinds: dict[str, Any]) -> dict[str, Any]:
    """Return the layers by name as today's Keras has them: the first one pads by itself."""
    if FIRST_PAD not in kinds:
        return kinds
    kind, config = kinds[FIRST]
    if kinds[FIRST_PAD][1]["padding"] != PAD or config["padding"] != "valid":
        raise ValueError("its first layer is another one")
    return {name: one for name, one in kinds.items() if name != FIRST_PAD} | {FIRST: (kind, {**config, "padding": "same"})}


def _compare(layer: "keras.Layer", kind: str, config: dict[str, Any]) -> None:
    """Raise `ValueError` where a layer of the file computes something else than ours of its name."""
    expected = json.loads(json.dumps(layer.get_config()))  # with lists in place of tuples, as in the file
    if kind != type(layer).__name__:
        raise ValueError(f"{layer.name} is a {kind}")
    for name in COMPARED:
        if name in expected and config.get(name, expected[name]) != expected[name]:
            raise ValueError(f"{name} of {layer.name} is {config[name]}")


def _check_rest(kinds: list[str]) -> None:
    """Raise `ValueError` unless what follows the network is an average and two dense layers."""
    if kinds != ["GlobalAveragePooling2D", "Dense", "Dense"]:
        raise ValueError(f"it is MobileNetV2 with {', '.join(kinds) or 'nothing'}")


def _dense_layers(weights: Weights, configs: list[tuple[str, dict[str, Any]]]) -> list[Layer]:
    """Return the two dense layers. Raises `ValueError` or `KeyError` where they are none of Teachable Machine's."""
    dense = [config for kind, config in configs if kind == "Dense"]
    if [config["activation"] for config in dense] != ["relu", "softmax"]:
        raise ValueError("its last layers are not dense ones with ReLU and softmax")
    layers, length = [], 1280
    for config in dense:
        name, units = config["name"], config["units"]
        if not 0 < units <= MAX_UNITS:
            raise ValueError(f"{name} has {units} units")
        kernel = _array(weights, name, "kernel", (length, units))
        bias = _array(weights, name, "bias", (units,)) if config["use_bias"] else np.zeros(units, np.float32)
        layers.append((kernel, bias, config["activation"] == "relu"))
        length = units
    return layers
