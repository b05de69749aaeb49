"""Answers to the exercises of lesson A2."""

import tempfile
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from imgclass_course.backbones import Backbone, fingerprint_of

from . import Answers

if TYPE_CHECKING:
    import tensorflow as tf

OFFLINE = ["smaller pictures", "short name", "folder"]


class Saved:
    """The path of a SavedModel of `vector_of`, which is written when a check first asks for it."""

    def __init__(self, vector_of: Callable[["tf.Tensor"], "tf.Tensor"], callable_: bool = True) -> None:
        self.vector_of, self.callable_ = vector_of, callable_

    @cache  # noqa: B019, the answers live as long as the tests
    def __fspath__(self) -> str:
        import tensorflow as tf

        folder = tempfile.TemporaryDirectory()
        self.kept = folder
        module = tf.Module()
        run = tf.function(self.vector_of, input_signature=[tf.TensorSpec([None, None, None, 3])])
        setattr(module, "__call__" if self.callable_ else "run", run)
        tf.saved_model.save(module, folder.name)
        return folder.name


def mean(*axes: int, **options: object) -> Callable[["tf.Tensor"], "tf.Tensor"]:
    def vector_of(images: "tf.Tensor") -> "tf.Tensor":
        import tensorflow as tf

        return tf.reduce_mean(images, axis=axes, **options)

    return vector_of


def made_by(vector_of: Callable, key: Callable[[Backbone], str] | None = None) -> Callable[[Backbone], Backbone]:
    """Return an answer whose vectors are `vector_of(network, pixels)`, and its fingerprint `key(backbone)`."""

    def both_ways(backbone: Backbone) -> Backbone:
        def load() -> Callable:
            network = backbone.network()
            return lambda pixels: vector_of(network, pixels)

        fingerprint = key(backbone) if key else fingerprint_of("both ways", backbone.fingerprint)
        return Backbone("both ways", backbone.image_size, fingerprint, load)

    return both_ways


def average(network: Callable, pixels: "tf.Tensor") -> "tf.Tensor":
    return (network(pixels) + network(pixels[:, :, ::-1])) / 2


def behind_each_other(network: Callable, pixels: "tf.Tensor") -> "tf.Tensor":
    import tensorflow as tf

    return tf.concat([network(pixels), network(pixels[:, :, ::-1])], axis=1)


def with_old_network(backbone: Backbone) -> Backbone:
    return replace(backbone, fingerprint=made_by(average)(backbone).fingerprint)


ANSWERS = {
    "offline": Answers(
        right=[(OFFLINE,), (set(OFFLINE),)],
        wrong={
            "came with the course": (OFFLINE[1:],),
            "stands for the handle": (["smaller pictures", "folder"],),
            "the slash makes it": ([*OFFLINE, "with a slash"],),
            "names one module": ([*OFFLINE, "other size"],),
            "only `https`": ([*OFFLINE, "without the s"],),
            "nothing has to be fetched": (OFFLINE[:2],),
            "cache of Keras": ([*OFFLINE, "Keras"],),
            "A list of names": ("folder",),
            "as they stand in `specs`": (["mobilenet_v1_100_192"],),
        },
    ),
    "mean_colour": Answers(
        right=[(Saved(mean(1, 2)),)],
        wrong={
            "over the pictures too": (Saved(mean(0, 1, 2)),),
            "which gives a grey": (Saved(mean(1, 2, 3)),),
            "Not [2, 3] came out": (Saved(mean(1, 2, keepdims=True)),),
            "is not asked for bytes": (Saved(lambda images: mean(1, 2)(images) * 255),),
            "divided by 255 again": (Saved(lambda images: mean(1, 2)(images) / 255),),
            "Blue, green, red": (Saved(lambda images: mean(1, 2)(images)[:, ::-1]),),
            "not the mean colours": (Saved(lambda images: mean(1, 2)(images) ** 2),),
            "cannot be called": (Saved(mean(1, 2), callable_=False),),
            "There is no `saved_model.pb`": (Path("nowhere"),),
            "The folder's path is wanted": (3,),
        },
    ),
    "both_ways": Answers(
        right=[(made_by(average),)],
        wrong={
            "Did its `network` stay": (with_old_network,),
            "mirror image alone": (made_by(lambda network, pixels: network(pixels[:, :, ::-1])),),
            "Halve it": (made_by(lambda network, pixels: 2 * average(network, pixels)),),
            "upside down": (made_by(lambda network, pixels: (network(pixels) + network(pixels[:, ::-1])) / 2),),
            "one vector behind the other": (made_by(behind_each_other),),
            "still that of the backbone itself": (made_by(average, lambda backbone: backbone.fingerprint),),
            "two fingerprints": (made_by(average, lambda backbone: uuid.uuid4().hex),),
            "with one fingerprint": (made_by(average, lambda backbone: "both ways"),),
            "No backbone": (lambda backbone: backbone.network,),
        },
    ),
}
