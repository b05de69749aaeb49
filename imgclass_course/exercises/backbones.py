"""Checks of the exercises of lesson A2."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np

from imgclass_course.exercises import Off, call, describe, exercise, expect
from imgclass_course.foundation.hub import hub_cache_folder
from imgclass_course.foundation.litert import convert_network

if TYPE_CHECKING:
    import tensorflow as tf

    from imgclass_course.backbones import Backbone
    from imgclass_course.foundation.runners import Network

HANDLE = "https://tfhub.dev/google/imagenet/mobilenet_v1_050_160/feature_vector/5"
REASONS = {
    "smaller pictures": "the embedded weights see pictures of four sizes. They came with the course.",
    "short name": "it stands for the handle whose module lies in the cache.",
    "with a slash": "a handle's folder is named by a hash of the handle, and the slash makes it another handle.",
    "other size": "a handle names one module. That of 128 pixels was never downloaded.",
    "without the s": "only `https` is taken for a handle, whatever lies in the cache.",
    "folder": "that is a folder with a SavedModel, and nothing has to be fetched.",
    "Keras": "its weights are not in the cache of Keras, and no file of weights was given.",
}


@contextmanager
def _own_caches() -> Iterator[Path]:
    """Point the caches of modules into a folder that goes away."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        paths = {name: str(Path(folder) / name) for name in ("IMGCLASS_CACHE_DIR", "TFHUB_CACHE_DIR")}
        with patch.dict(os.environ, paths):
            yield Path(folder)


def _specs() -> dict[str, str]:
    """Return what is loaded, by the names that the exercise gives it."""
    return {
        "smaller pictures": "mobilenet_v1_100_192",
        "short name": "mobilenet_v1_050_160",
        "with a slash": HANDLE + "/",
        "other size": "mobilenet_v1_050_128",
        "without the s": HANDLE.replace("https", "http"),
        "folder": str(hub_cache_folder(HANDLE)),
        "Keras": "keras:VGG16",
    }


def _loads(spec: str) -> bool:
    from imgclass_course.backbones import BackboneError, load_backbone

    try:
        load_backbone(spec)
    except BackboneError:
        return False
    return True


def _never(*_: object) -> bool:
    return False


def _that_load() -> set[str]:
    """Return the names of `_specs` that load with one module in the cache and no network connection."""
    from imgclass_course.foundation import hub

    with _own_caches(), patch.object(hub, "reachable", _never), patch.object(hub, "keras_weights_cached", _never):
        module = hub_cache_folder(HANDLE)
        module.mkdir(parents=True)
        (module / "saved_model.pb").touch()
        return {name for name, spec in _specs().items() if _loads(spec)}


@exercise("Read `load_backbone` from above: which branch does a name take, and does that branch look at the network?")
def offline(answer: Sequence[str]) -> str:
    """Exercise 1: predict which backbones load without a network connection."""
    expect(isinstance(answer, list | tuple | set), f"A list of names is wanted, and this is {describe(answer)}.")
    unknown = [name for name in answer if name not in list(REASONS)]
    expect(not unknown, f"There is no {unknown[:1]} among them: write the names as they stand in `specs`.")
    truth = _that_load()
    right = sum((name in answer) == (name in truth) for name in REASONS)
    for name, reason in REASONS.items():
        if (name in answer) != (name in truth):
            verb = "loads" if name in truth else "does not load"
            raise Off(f"{right} of {len(REASONS)} are right. {name!r} {verb}: {reason}")
    return (
        f"{len(truth)} of {len(REASONS)} load: what came with the course, and what lies on the disk under exactly the "
        "name that is asked for. The others say at once what is missing."
    )


def _two_pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3)) // np.array([1, 2, 4])


def run_network(network: "Network", pictures: np.ndarray) -> np.ndarray:
    """Return the vectors of some pictures; an attendee sees this name where their network fails."""
    return np.asarray(network(pictures.astype(np.float32)))


def _mean_colour_network(folder: Path) -> "Network":
    """Return what `load_backbone` makes of the attendee's folder."""
    from imgclass_course.backbones import BackboneError, load_backbone

    expect((folder / "saved_model.pb").is_file(), "There is no `saved_model.pb` in this folder: no SavedModel.")
    try:
        return load_backbone(str(folder)).network()
    except BackboneError as error:
        raise Off(str(error)) from error


@exercise(
    "A `tf.Module` whose `__call__` is a `tf.function` with an `input_signature`, saved by `tf.saved_model.save`. "
    "Of [n, height, width, 3], average over which axes?"
)
def mean_colour(answer: str | os.PathLike) -> str:
    """Exercise 2: a folder with a SavedModel whose vector is the mean colour."""
    expect(isinstance(answer, str | os.PathLike), f"The folder's path is wanted, and this is {describe(answer)}.")
    pictures = _two_pictures()
    truth = pictures.mean(axis=(1, 2)) / 255
    vectors = call(run_network, _mean_colour_network(Path(answer)), pictures)
    expect(vectors.shape != (3,), "Two pictures went in and one colour came out: you averaged over the pictures too.")
    expect(vectors.shape != (2,), "One number per picture: you averaged over the colours too, which gives a grey.")
    expect(vectors.shape == (2, 3), f"Two pictures went in. Not [2, 3] came out but {list(vectors.shape)}.")
    scales = {255: "A module gets values from 0 to 1 and is not asked for bytes.", 1 / 255: "You divided by 255 again."}
    for scale, reason in scales.items():
        expect(not np.allclose(vectors, truth * scale, rtol=1e-3), f"The mean colour times {scale:.3g}: {reason}")
    expect(not np.allclose(vectors, truth[:, ::-1], atol=1e-3), "Blue, green, red: the channels come in another order.")
    expect(np.allclose(vectors, truth, atol=1e-3), f"These are not the mean colours: {np.round(vectors[0], 3)}.")
    return (
        "Three numbers per picture, and `load_backbone` takes it like any other: by its folder, with a fingerprint of "
        "its own. Whatever turns pictures into vectors can be a backbone."
    )


TOY_SIZE = 16  # pixels


def _toy_network(pixels: "tf.Tensor") -> "tf.Tensor":
    """Return a vector [n, 3] that changes when a picture is turned in any way."""
    import tensorflow as tf

    places = np.arange(TOY_SIZE**2, dtype=np.float32).reshape(1, TOY_SIZE, TOY_SIZE, 1) ** 2
    return tf.reduce_mean(pixels * (places / places.mean() / 255), axis=[1, 2])


@dataclass(frozen=True)
class _Toy:
    """Loads the toy network, and knows a LiteRT file of it, as the embedded network does of itself."""

    def __call__(self) -> "Network":
        return _toy_network

    def litert_file(self, image_size: int) -> bytes:
        return convert_network(_toy_network, image_size)


def _toy_backbone(fingerprint: str) -> "Backbone":
    from imgclass_course.backbones import Backbone

    return Backbone("toy", TOY_SIZE, fingerprint, _Toy())


def _made(answer: Callable, backbone: "Backbone") -> "Backbone":
    """Return the attendee's backbone."""
    made = call(answer, backbone)
    needed = ("name", "image_size", "fingerprint", "runner")
    expect(all(hasattr(type(made), name) or hasattr(made, name) for name in needed), f"No backbone: {describe(made)}.")
    return made


def _check_fingerprints(answer: Callable) -> None:
    first, again, other = (_made(answer, _toy_backbone(fingerprint)).fingerprint for fingerprint in ("aa", "aa", "bb"))
    expect(
        first != "aa",
        "The fingerprint is still that of the backbone itself: a store would hand out its vectors for yours.",
    )
    expect(
        first == again,
        "Twice the same backbone, and two fingerprints: a store would never find a vector of yours again.",
    )
    expect(
        first != other,
        "Of two different backbones you made two with one fingerprint: a store would mix their vectors up.",
    )


def run_backbone(backbone: "Backbone", picture: np.ndarray) -> np.ndarray:
    """Return the vector of a picture; an attendee sees this name where their backbone fails."""
    return np.asarray(backbone.runner()(picture[None]))[0]


@exercise(
    "`Backbone(name, image_size, fingerprint, network)`: `network()` gives a function of pixels [n, height, width, 3], and "
    "`fingerprint_of` hashes any number of parts."
)
def both_ways(answer: Callable[["Backbone"], "Backbone"]) -> str:
    """Exercise 3: a backbone that averages the vectors of a picture and of its mirror image."""
    _check_fingerprints(answer)
    picture = np.random.default_rng(0).integers(0, 256, (TOY_SIZE, TOY_SIZE, 3)).astype(np.uint8)
    turned = {"as it is": picture, "mirrored": picture[:, ::-1], "upside down": picture[::-1]}
    plain = {name: _toy_network(image[None].astype(np.float32)).numpy()[0] for name, image in turned.items()}
    truth = (plain["as it is"] + plain["mirrored"]) / 2
    with _own_caches():
        vector = call(run_backbone, _made(answer, _toy_backbone("aa")), picture)
    mistakes = {
        "You have the vector of the picture as it is. Did its `network` stay, or that network's `litert_file`?": plain[
            "as it is"
        ],
        "You have the vector of the mirror image alone. Average it with that of the picture.": plain["mirrored"],
        "You have the sum of the two. Halve it.": 2 * truth,
        "You turned the picture upside down: the axes are [n, height, width, channels].": (
            (plain["as it is"] + plain["upside down"]) / 2
        ),
        "You put one vector behind the other. Average them, so that the length stays.": np.concatenate(
            [plain["as it is"], plain["mirrored"]]
        ),
    }
    for words, wrong in mistakes.items():
        expect(vector.shape != wrong.shape or not np.allclose(vector, wrong, rtol=1e-3), words)
    expect(vector.shape == truth.shape, f"The vector has to stay {len(truth)} long, and this is {describe(vector)}.")
    expect(np.allclose(vector, truth, rtol=1e-3), "This is not the average of the picture's and its mirror's vectors.")
    return (
        "A picture and its mirror image have one vector now, for twice the work. And it has a fingerprint that follows "
        "from what it is made of, so that no store takes its vectors for those of another backbone."
    )
