"""Pretrained networks by name: TF Hub modules and Keras applications, where their files lie, and whether a server answers."""

import difflib
import hashlib
import os
import re
import socket
import sys
import tempfile
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import BackboneError
from .files import printable
from .threads import hide_native_logs

if TYPE_CHECKING:
    import keras

GRID = {  # members of the MobileNet family on TF Hub: width in percent, pixels
    "v1": (("025", "050", "075", "100"), ("128", "160", "192", "224")),
    "v2": (("035", "050", "075", "100", "130", "140"), ("096", "128", "160", "192", "224")),
}
OLD_NAME = re.compile(r"mobilenet_(1\.0|0\.75|0\.50|0\.5|0\.25)_(224|192|160|128)")  # as in the workshop's retrain.py
HANDLE_SIZE = re.compile(r"_(\d+)/(?:\w+/)*\d+$")  # …_160/feature_vector/5
REACH_SECONDS = 3.0
KERAS_WEIGHTS_SERVER = "https://storage.googleapis.com"
KERAS_IMAGE_SIZES = {  # pixels that a network was published at; the others: 224
    **dict.fromkeys(("InceptionResNetV2", "InceptionV3", "Xception"), 299),
    **{f"EfficientNetB{number}": size for number, size in enumerate((224, 240, 260, 300, 380, 456, 528, 600))},
    **{f"EfficientNetV2B{number}": size for number, size in enumerate((224, 240, 260, 300))},
    **{"EfficientNetV2S": 384, "EfficientNetV2M": 480, "EfficientNetV2L": 480, "NASNetLarge": 331},
}
WITHOUT_NETWORK = "The backbone mobilenet_v1_100_224 comes with the course and needs no network connection."
FIRST_LINE = 300  # characters that are quoted of another library's error


def mobilenet_handles() -> dict[str, str]:
    """Return the TF Hub handle of each MobileNet by its short name, such as mobilenet_v2_050_160."""
    names = [
        f"mobilenet_{version}_{width}_{size.lstrip('0')}"
        for version, (widths, sizes) in GRID.items()
        for width in widths
        for size in sizes
    ]
    return {name: f"https://tfhub.dev/google/imagenet/{name}/feature_vector/5" for name in names}


def modern_name(name: str) -> str:
    """Return today's name of a network that the workshop's `retrain.py` knew: mobilenet_0.5_224, mobilenet_v1_050_224."""
    found = OLD_NAME.fullmatch(name)
    return f"mobilenet_v1_{round(float(found[1]) * 100):03d}_{found[2]}" if found else name


def unknown_name(name: str, others: Iterable[str] = ()) -> str:
    """Return what to say of a name that no network has: the closest of MobileNet's and of `others`, and what can be given."""
    close = difflib.get_close_matches(name, [*mobilenet_handles(), *others], n=3)
    hint = f"Did you mean {', '.join(close)}? " if close else ""
    return (
        f"There is no backbone {name!r}. {hint}Give a short name such as mobilenet_v1_100_224, a TF Hub handle (https://…), "
        "a folder with a SavedModel, or keras:NAME."
    )


def handle_image_size(handle: str) -> int | None:
    """Return the size in pixels that a handle names, if it does."""
    found = HANDLE_SIZE.search(handle)
    return int(found[1]) if found else None


def hub_cache_folder(handle: str) -> Path:
    """Return where tensorflow_hub keeps the module of a handle."""
    root = os.environ.get("TFHUB_CACHE_DIR") or Path(tempfile.gettempdir()) / "tfhub_modules"
    return Path(root) / hashlib.sha1(handle.encode()).hexdigest()


def reachable(url: str) -> bool:
    """Return whether a server, or the proxy on the way to it, answers within `REACH_SECONDS`."""
    through = urllib.request.getproxies().get("https") or url
    address = urllib.parse.urlsplit(through if "//" in through else f"//{through}")  # a proxy may lack its scheme
    answers = []

    def connect() -> None:
        try:
            with socket.create_connection((address.hostname, address.port or 443), timeout=REACH_SECONDS):
                answers.append(address)
        except OSError:
            pass

    thread = threading.Thread(target=connect, daemon=True)  # looking up a name has no time-out of its own
    thread.start()
    thread.join(REACH_SECONDS)
    return bool(answers)


def first_line(error: Exception) -> str:
    """Return the beginning of an error's message, or its kind where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:FIRST_LINE]


def hub_module(handle: str) -> Path:
    """Return the folder of a handle's module, downloaded where need be.

    Raises `BackboneError`, within seconds, where it cannot be had.
    """
    cached = hub_cache_folder(handle)
    if (cached / "saved_model.pb").exists():
        return cached
    problem = "its server cannot be reached"
    if reachable(handle):
        try:
            return _download(handle)
        except Exception as error:  # refused, cut off, not a module: each means that it cannot be had
            problem = f"downloading it failed ({first_line(error)})"
    where = f"{printable(cached.parent)} (set by TFHUB_CACHE_DIR)"
    raise BackboneError(f"{printable(handle)} is not in {where}, and {problem}. {WITHOUT_NETWORK}")


def _download(handle: str) -> Path:
    try:
        import tensorflow_hub
    except ImportError as error:
        raise BackboneError('that needs tensorflow-hub: pip install "imgclass_course[hub]"') from error
    return Path(tensorflow_hub.resolve(handle))


def folder_digest(folder: Path) -> str:
    """Return the SHA-256 over the names and bytes of all files of a folder, hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        hashed = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(folder).as_posix()} {hashed}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class HubModule:
    """A module that lies in a folder: a SavedModel that can be called, or one in the old format of TF Hub (…/1)."""

    folder: Path

    def __call__(self) -> Callable:
        """Return it as a function from pixels [n, size, size, 3] float32, 0 to 255, to vectors. Raises `BackboneError`."""
        module = self._old_module() if self._is_old() else self._module()
        return lambda pixels: module(pixels / 255)

    def keras_model(self, image_size: int) -> "keras.Model":
        """Return a Keras model, uint8 in, with one layer named "module". Raises `BackboneError` where it cannot learn."""
        import keras

        if self._is_old():
            raise BackboneError(
                f"{printable(self.folder)} is in the old format of TF Hub: it runs, and cannot be trained."
            )
        pixels = keras.Input((image_size, image_size, 3), dtype="uint8", name="pixels")
        prepared = keras.layers.Rescaling(1 / 255, name="preparation")(pixels)
        return keras.Model(pixels, _module_layer(self._module())(prepared), name="hub_module")

    def _is_old(self) -> bool:
        return (self.folder / "tfhub_module.pb").exists()

    def _module(self) -> Any:  # whatever was saved
        import tensorflow as tf

        try:
            module = tf.saved_model.load(str(self.folder))
        except Exception as error:
            raise BackboneError(self._problem(error)) from error
        if not callable(module):
            where = printable(self.folder)
            raise BackboneError(f"{where} is a SavedModel that cannot be called: export it as a reusable SavedModel.")
        return module

    def _old_module(self) -> Callable:
        try:
            with hide_native_logs():
                return _frozen_old_module(self.folder)
        except Exception as error:
            raise BackboneError(self._problem(error)) from error

    def _problem(self, error: Exception) -> str:
        return f"{printable(self.folder)} holds no module that can be loaded ({first_line(error)})."


def _frozen_old_module(folder: Path) -> Callable:
    """Return a module of TF Hub's first format as a function of pictures, its variables as constants.

    `hub.load` leaves its variables as references, which cannot be converted and are warned of one by one.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_from_session_graph

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        signature = tf.compat.v1.saved_model.load(session, [], str(folder)).signature_def["default"]
        if "images" not in signature.inputs:
            raise BackboneError("it takes no images")
        images, vectors = signature.inputs["images"].name, signature.outputs["default"].name
        output = vectors.split(":")[0]
        graph = convert_variables_to_constants_from_session_graph(session, session.graph_def, [output])
    return tf.function(lambda pixels: tf.graph_util.import_graph_def(graph, {images: pixels}, [vectors])[0])


def _module_layer(module: Any) -> "keras.layers.Layer":  # whatever was saved
    """Return a Keras layer that shares a module's variables, since hub.KerasLayer belongs to Keras 2."""
    import keras

    trainable = {variable.ref() for variable in module.trainable_variables}

    class ModuleLayer(keras.layers.Layer):
        def build(self, input_shape: tuple) -> None:
            for number, variable in enumerate(module.variables):
                shared = keras.Variable(variable, trainable=variable.ref() in trainable, name=f"variable_{number}")
                self._track_variable(shared)

        def call(self, pixels: Any) -> Any:  # a tensor
            return module(pixels, training=False)  # batch normalisation's statistics stay as they are

    return ModuleLayer(name="module")


def keras_weights_cached(application: str) -> bool:
    """Return whether Keras has downloaded an application's weights without its last layer (`KERAS_HOME`, ~/.keras)."""
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
    named = re.compile(rf"(weights)?{application.lower()}(weights|notop|\d).*")  # ResNet50V2's file is not ResNet50's
    names = [re.sub("[^a-z0-9]", "", path.stem.lower()) for path in folder.glob("*.h5")]
    return any("notop" in name and named.fullmatch(name) for name in names)


@dataclass(frozen=True)
class KerasApplication:
    """A network of keras.applications without its last layer, with its ImageNet weights or those of a file."""

    name: str  # such as VGG16
    image_size: int  # pixels
    weights: Path | None = None

    def __call__(self) -> Callable:
        """Return it as a function from pixels [n, size, size, 3] float32, 0 to 255, to vectors. Raises `BackboneError`."""
        model, prepare = self._load(), self._preparation()
        return lambda pixels: model(prepare(pixels), training=False)

    def keras_model(self, image_size: int) -> "keras.Model":
        """Return a Keras model of its own, uint8 in, its preparation inside. Raises `BackboneError`."""
        import keras

        pixels = keras.Input((image_size, image_size, 3), dtype="uint8", name="pixels")
        network = self.build(self._preparation()(keras.ops.cast(pixels, "float32")))
        network.set_weights(self._load().get_weights())
        return keras.Model(pixels, network.output, name=self.name.lower())

    def digest(self) -> str:
        """Return the SHA-256 over its weights, hexadecimal. Raises `BackboneError` where they cannot be had."""
        digest = hashlib.sha256()
        for values in self._load().get_weights():
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()

    def build(self, pixels: Any = None, weights: Any = None) -> "keras.Model":  # as Keras takes them
        """Return the network upon `pixels` (None: an input of its own); its weights are random where None are given."""
        import keras

        shape = (self.image_size, self.image_size, 3)
        application = getattr(keras.applications, self.name)
        return application(input_shape=shape, input_tensor=pixels, include_top=False, pooling="avg", weights=weights)

    def _preparation(self) -> Callable:
        import keras

        return sys.modules[getattr(keras.applications, self.name).__module__].preprocess_input

    def _load(self) -> "keras.Model":
        state = self.weights.stat() if self.weights and self.weights.is_file() else None
        return _application(self, state and (state.st_size, state.st_mtime_ns))


@lru_cache(maxsize=2)
def _application(application: KerasApplication, weights_state: object) -> "keras.Model":
    """Return the network with its weights, once for a file as it is. Raises `BackboneError`."""
    try:
        return application.build(weights=application.weights or "imagenet")
    except Exception as error:  # a failed download is a bare Exception, and a wrong file one of several kinds
        whose = printable(application.weights) if application.weights else "its ImageNet weights"
        raise BackboneError(
            f"keras:{application.name} at {application.image_size} pixels with {whose} cannot be had: {first_line(error)}"
        ) from error


def keras_application(
    name: str, image_size: int | None = None, weights: str | os.PathLike | None = None
) -> KerasApplication:
    """Return a network of keras.applications by its name there, such as VGG16; it is loaded when it is used.

    `image_size` None: as it was published. `weights` is a file of all weights without the last layer; None: ImageNet's,
    which Keras downloads. Raises `BackboneError`, within seconds, for what cannot be had.
    """
    import keras

    if not (name[:1].isupper() and callable(getattr(keras.applications, name, None))):
        raise BackboneError(
            f"keras.applications has no {printable(name)}; its names are like VGG16, ResNet50, Xception."
        )
    if weights is not None and not Path(weights).is_file():
        raise BackboneError(f"There is no file of weights {printable(weights)}.")
    if weights is None and not keras_weights_cached(name) and not reachable(KERAS_WEIGHTS_SERVER):
        raise BackboneError(
            f"The weights of {name} were never downloaded and their server cannot be reached: give a file with `weights` "
            f"(--weights FILE). {WITHOUT_NETWORK}"
        )
    size = image_size or KERAS_IMAGE_SIZES.get(name, 224)
    return KerasApplication(name, size, None if weights is None else Path(weights).resolve())
