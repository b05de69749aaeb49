"""A classifier as a folder: written whole or not at all, run without TensorFlow, and trusted in nothing.

    classifier.json        what it is, and the SHA-256 of the other files
    model-HASH.tflite      pixels [1, size, size, 3] uint8 in (an input for each network of a joined backbone) and, for LiteRT,
                           probabilities [1, k] float32 out; then the vector [1, d] and, where it is an average, its maps
    known-HASH.npz         vectors of training pictures, and how far from them a picture of a known class may be
    places-HASH.npz        the dense layers of a head, which say what each place of the maps adds to a class
    head-HASH.keras/.npz   the head alone, for going on training
    learned-HASH.npz       of a fine-tuned network: the layers that have learned, for the same
    labels.txt             the names of the classes, for people

The files' names hold their hashes and `classifier.json` is renamed into place at the end, so that whatever interrupts a
saving, the folder holds the new classifier or the one from before, never a mixture.
"""

import hashlib
import io
import json
import os
import warnings
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np

from ..classifiers import DenseHead, Head, ImageClassifier
from ..foundation.errors import ClassifierError, TrainingError
from ..foundation.files import printable, write_text_whole, write_whole
from ..foundation.litert import Layer, add_head, convert_network
from ..foundation.picture_files import SQUASH
from ..foundation.runners import LiteRTRunner
from ..joined_backbones import LENGTH
from ..novelty import KnownPictures
from .classifier_folder import DESCRIPTION, FORMAT, load_arrays, read_description, read_file, refusal, sizes_of
from .onnx_classifier import load_onnx_classifier, onnx_file
from .saved_classifier import MAPS, PROBABILITIES, VECTOR, SavedClassifier

if TYPE_CHECKING:
    from ..backbones import Backbone
    from ..joined_backbones import JoinedBackbone
    from ..tuning import TunedNetwork

LABELS = "labels.txt"
HASH_LENGTH = 12  # characters of a hash in a file's name
# What the file of a Keras head may name; with others, loading it could run code of a stranger's.
MODULES = ("keras", "keras.src.models.sequential", "keras.src.models.functional", "keras.layers", "keras.initializers",
           "keras.regularizers", "keras.constraints", "builtins")  # fmt: skip
LAYERS = ("InputLayer", "Dense", "Dropout", "GaussianNoise", "BatchNormalization", "LayerNormalization", "Activation",
          "ReLU", "LeakyReLU", "Softmax", "Add", "Concatenate")  # fmt: skip


def save_classifier(classifier: ImageClassifier, folder: str | os.PathLike) -> None:
    """Write a classifier into a folder. Raises `ClassifierError` for a head that cannot be kept.

    One whose network LiteRT cannot run is saved without its model: it needs its backbone when it is loaded.
    """
    folder = Path(folder)
    contents = {"head": _head_file(classifier.head), "model": _model_file(classifier), "learned": _learned_file(classifier),
                "known": _known_file(classifier.known), "places": _places_file(classifier)}  # fmt: skip
    write_classifier(folder, {kind: found for kind, found in contents.items() if found}, _describe(classifier))


def write_classifier(folder: Path, contents: dict[str, tuple[str, bytes]], about: dict[str, Any]) -> None:
    """Write the files of a classifier, by kind with ending and bytes, and the description `about` it, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {kind: _write_hashed(folder, kind, *found) for kind, found in contents.items()}
    description = {"format": FORMAT, **about, "versions": _versions(), "files": files}
    write_text_whole(folder / DESCRIPTION, json.dumps(description, indent=2))
    write_text_whole(folder / LABELS, "".join(f"{name}\n" for name in description["classes"]))
    _remove_others(folder, {entry["name"] for entry in files.values()})


def _head_file(head: Head) -> tuple[str, bytes]:
    """Return the ending and the bytes of the file that keeps the head."""
    from ..heads import KerasHead, LogisticHead

    if isinstance(head, KerasHead):
        return ".keras", _keras_bytes(head.model)
    if not isinstance(head, LogisticHead):
        kind = type(getattr(head, "estimator", head)).__name__
        raise ClassifierError(f"A head of the kind {kind} cannot be saved: use 'logistic' or a Keras head.")
    return ".npz", _array_bytes({"weights": head.weights, "bias": head.bias})


def _learned_file(classifier: ImageClassifier) -> tuple[str, bytes] | None:
    """Return the ending and the bytes of the file that keeps what a fine-tuned network has learned; None for others."""
    tuned = _tuned_network(classifier)
    return (".npz", _array_bytes(tuned.learned())) if tuned else None


def _known_file(known: KnownPictures | None) -> tuple[str, bytes] | None:
    """Return the ending and the bytes of the file that keeps what is known, in half precision; None where nothing is."""
    if known is None:
        return None
    numbers = np.array([known.threshold, known.false_alarms])
    return ".npz", _array_bytes({"vectors": known.vectors.astype(np.float16), "numbers": numbers})


def _places_file(classifier: ImageClassifier) -> tuple[str, bytes] | None:
    """Return the ending and the bytes of the file that keeps a head's dense layers; None for other heads."""
    try:
        layers = cast(DenseHead, classifier.head).dense_layers()
    except (AttributeError, TrainingError):
        return None
    kernels = {f"kernel{number}": kernel for number, (kernel, _, _) in enumerate(layers)}
    return ".npz", _array_bytes(kernels | {f"bias{number}": bias for number, (_, bias, _) in enumerate(layers)})


def _tuned_network(classifier: ImageClassifier) -> "TunedNetwork | None":
    from ..tuning import TunedNetwork

    network = getattr(classifier.backbone.parts[0], "network", None)
    return network if isinstance(network, TunedNetwork) else None


def _array_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _keras_bytes(model: Any) -> bytes:  # a Keras model
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.keras"
        model.save(path)
        return path.read_bytes()


def _model_file(classifier: ImageClassifier) -> tuple[str, bytes] | None:
    """Return the ending and the bytes of the LiteRT file, if LiteRT can run this network."""
    try:
        return ".tflite", _litert_model(classifier)
    except Exception as error:  # converters fail in many ways; each means the same
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        warnings.warn(f"The classifier is saved without a LiteRT file ({reason}): it needs its backbone.", stacklevel=3)
        return None


def _litert_model(classifier: ImageClassifier) -> bytes:
    from ..running import litert_file

    backbone, head = classifier.backbone, cast(DenseHead, classifier.head)
    try:
        layers = head.dense_layers()
    except TrainingError:  # a head of other layers: TensorFlow converts it together with the network
        import keras

        network = backbone.network()  # a joined backbone has none, and says so

        def run(pixels: Any) -> tuple[Any, Any]:
            vectors = network(pixels)
            return keras.ops.softmax(head.scores(vectors)), vectors

        return convert_network(run, backbone.image_size)
    return add_head([litert_file(part) for part in backbone.parts], layers, LENGTH)


def _write_hashed(folder: Path, kind: str, ending: str, data: bytes) -> dict[str, str]:
    digest = hashlib.sha256(data).hexdigest()
    name = f"{kind}-{digest[:HASH_LENGTH]}{ending}"
    write_whole(folder / name, lambda path: path.write_bytes(data))
    return {"name": name, "sha256": digest}


def _versions() -> dict[str, str]:
    versions = {}
    for name in ("imgclass_course", "keras", "tensorflow", "ai-edge-litert", "scikit-learn", "pillow"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _describe(classifier: ImageClassifier) -> dict[str, Any]:
    sizes = [part.image_size for part in classifier.backbone.parts]
    tuned = _tuned_network(classifier)
    before = {"tuned_from": {"block": tuned.block, "fingerprint": tuned.base.fingerprint}} if tuned else {}
    return {
        "backbone": tuned.base.name if tuned else classifier.backbone.name,
        "fingerprint": classifier.backbone.fingerprint,
        **before,
        "image_size": sizes if len(sizes) > 1 else sizes[0],
        "classes": [printable(name) for name in classifier.classes_],
    }


def _remove_others(folder: Path, kept: set[str]) -> None:
    """Remove what earlier savings left: files named as ours are, and those of format 1."""
    for pattern in ("head-*.keras", "head-*.npz", "model-*.tflite", "learned-*.npz", "known-*.npz", "places-*.npz",
                    "head.keras"):  # fmt: skip
        for path in folder.glob(pattern):
            if path.name not in kept:
                path.unlink(missing_ok=True)


@overload
def load_classifier(folder: str | os.PathLike) -> SavedClassifier: ...


@overload
def load_classifier(folder: str | os.PathLike, backbone: "Backbone | JoinedBackbone") -> ImageClassifier: ...


def load_classifier(
    folder: str | os.PathLike, backbone: "Backbone | JoinedBackbone | None" = None
) -> SavedClassifier | ImageClassifier:
    """Read a classifier out of a folder or an ONNX file. Raises `ClassifierError` with what is wrong and what to do.

    Without a `backbone` its LiteRT file is used, which needs nothing else; nothing that the folder names is downloaded,
    opened or run. With one, which must be the network that it was trained on, it can be trained further and looked into;
    of a fine-tuned classifier it is the network as it was before. For an ONNX file see `onnx_classifier`; it can be used,
    and not trained further.
    """
    folder = Path(folder)
    if alone := onnx_file(folder):
        if backbone is not None:
            raise ClassifierError(f"{printable(alone)} is an ONNX file: it can be used, and not trained further.")
        return load_onnx_classifier(alone)
    description = read_description(folder)
    if backbone is None:
        return _saved_classifier(folder, description)
    if "head" not in description["files"]:
        raise ClassifierError(
            f"The classifier in {printable(folder)} was converted: it can be used, and not trained further. Train a new one "
            "on its pictures with imgclass retrain."
        )
    if "tuned_from" in description:
        backbone = _tuned_backbone(folder, description, backbone)
    if backbone.fingerprint != description["fingerprint"]:
        raise ClassifierError(
            f"The classifier in {printable(folder)} was trained on another network than {backbone.name}: its answers "
            f"would be wrong. Give {description['backbone']} as it was then, or train again."
        )
    known = _load_known(folder, description)
    return ImageClassifier(backbone, _load_head(folder, description), tuple(description["classes"]), known)


def _tuned_backbone(
    folder: Path, description: dict[str, Any], base: "Backbone | JoinedBackbone"
) -> "Backbone | JoinedBackbone":
    """Return the network with what it had learned, where `base` is the one that it began as; else `base` itself."""
    from ..backbones import Backbone
    from ..tuning import restore_tuned_backbone

    before = description["tuned_from"]
    if not isinstance(base, Backbone) or base.fingerprint != before["fingerprint"]:
        return base
    _, data = read_file(folder, description, "learned")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return restore_tuned_backbone(base, before["block"], dict(arrays))
    except Exception as error:  # readers of damaged or strange files fail in many ways
        raise refusal(folder, f"what it had learned cannot be read: {str(error).splitlines()[0][:200]}") from error


def _saved_classifier(folder: Path, description: dict[str, Any]) -> SavedClassifier:
    if "model" not in description["files"]:
        raise ClassifierError(
            f"The classifier in {printable(folder)} has no LiteRT file: load it in Python with its backbone, "
            f"load_classifier({str(folder)!r}, load_backbone({description['backbone']!r}))."
        )
    _, data = read_file(folder, description, "model")
    try:
        runner = LiteRTRunner(data)
    except (ValueError, RuntimeError) as error:
        raise refusal(folder, f"its LiteRT file cannot be run: {str(error).splitlines()[0]}") from error
    sizes, classes = sizes_of(description), description["classes"]
    shapes = [(1, size, size, 3) for size in sizes]
    if runner.input_shapes != shapes or runner.output_shapes[PROBABILITIES] != (1, len(classes)):
        given = " and ".join(map(str, sizes))
        raise refusal(folder, f"its LiteRT file is not one from {given} pixels to {len(classes)} classes")
    known, layers = _load_known(folder, description), _load_layers(folder, description, runner)
    if known and runner.output_shapes[VECTOR:][:1] != [(1, known.vectors.shape[1])]:
        raise refusal(folder, "its known vectors are not of its network")
    if known:
        runner = runner.with_outputs(PROBABILITIES, VECTOR)
    preparation = description.get("preparation", SQUASH)
    return SavedClassifier(tuple(classes), tuple(sizes), description["backbone"], runner, known, layers, preparation)


def _load_known(folder: Path, description: dict[str, Any]) -> KnownPictures | None:
    arrays = load_arrays(folder, description, "known")
    if not arrays:
        return None
    vectors, numbers = arrays.get("vectors", np.empty(0)), arrays.get("numbers", np.empty(0))
    if vectors.ndim != 2 or not len(vectors) or vectors.dtype != np.float16 or numbers.shape != (2,):
        raise refusal(folder, "its known file holds no vectors and thresholds")
    return KnownPictures(vectors.astype(np.float32), *map(float, numbers))


def _load_layers(folder: Path, description: dict[str, Any], runner: LiteRTRunner) -> list[Layer]:
    """Return the layers of the head; none where its vector is no average of maps."""
    arrays, maps = load_arrays(folder, description, "places"), runner.output_shapes[MAPS:]
    if not arrays or not maps:
        return []
    count = len(arrays) // 2
    pairs: list[tuple[Any, Any]] = [(arrays.get(f"kernel{n}"), arrays.get(f"bias{n}")) for n in range(count)]
    if not _fit(pairs, int(maps[0][-1]), runner.output_shapes[PROBABILITIES][1]) or len(maps[0]) != 4:
        raise refusal(folder, "its places file holds no layers of its network")
    return [(kernel, bias, number < count - 1) for number, (kernel, bias) in enumerate(pairs)]


def _fit(pairs: list[tuple[Any, Any]], width: int, num_classes: int) -> bool:
    """Return whether kernels and biases, float32, lead from vectors of a width to scores of all classes."""
    for kernel, bias in pairs:
        parts = [part for part in (kernel, bias) if isinstance(part, np.ndarray) and part.dtype == np.float32]
        if len(parts) < 2 or kernel.ndim != 2 or kernel.shape[0] != width or bias.shape != kernel.shape[1:]:
            return False
        width = kernel.shape[1]
    return width == num_classes


def _load_head(folder: Path, description: dict[str, Any]) -> Head:
    ending, data = read_file(folder, description, "head")
    try:
        return _logistic_head(data) if ending == ".npz" else _keras_head(data)
    except Exception as error:  # readers of damaged or strange files fail in many ways
        raise refusal(folder, f"its head cannot be read: {str(error).splitlines()[0][:200]}") from error


def _logistic_head(data: bytes) -> Head:
    from ..heads import LogisticHead

    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return LogisticHead(arrays["weights"], arrays["bias"])


def _keras_head(data: bytes) -> Head:
    """Load a head whose file names nothing but Keras's own ordinary layers: no code of the file is run."""
    import tempfile

    import keras

    from ..heads import KerasHead

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        _check_layers(json.loads(archive.read("config.json")))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.keras"
        path.write_bytes(data)
        return KerasHead(keras.models.load_model(path, safe_mode=True, compile=False))


def _check_layers(config: Any) -> None:  # parsed JSON
    """Raise `ValueError` where a Keras configuration names a class that a head has no use for."""
    if isinstance(config, list):
        for part in config:
            _check_layers(part)
    elif isinstance(config, dict):
        module, name = config.get("module", "keras"), config.get("class_name", "")
        if module not in MODULES or (module == "keras.layers" and name not in LAYERS) or config.get("registered_name"):
            raise ValueError(f"{module}.{name} is no part of a head")
        for key, part in config.items():
            if key != "compile_config":  # not read: a head is compiled anew
                _check_layers(part)
