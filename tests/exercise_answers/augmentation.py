"""Answers to the exercises of lesson 13."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from imgclass_course.augmentation import build_pipeline
from imgclass_course.images import resize_image

from . import Answers

BELT = {"rotate": 180, "shift": 10, "brightness": 20}


@dataclass(frozen=True)
class Coarse:
    smallest: int
    largest: int

    @property
    def fingerprint(self) -> str:
        return f"coarse 1: {self.smallest} to {self.largest}"

    def side(self, seed: int) -> int:
        return int(np.random.default_rng(seed).integers(self.smallest, self.largest + 1))

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        return resize_image(resize_image(image, self.side(seed)), len(image))


class FromRemainder(Coarse):
    def side(self, seed: int) -> int:
        return self.smallest + seed % (self.largest - self.smallest + 1)


class Unseeded(Coarse):
    def side(self, seed: int) -> int:
        return int(np.random.default_rng().integers(self.smallest, self.largest + 1))


class SharedGenerator(Coarse):
    def side(self, seed: int) -> int:
        np.random.seed(seed)
        return int(np.random.randint(self.smallest, self.largest + 1))


class SharedByPython(Coarse):
    def side(self, seed: int) -> int:
        return random.Random(seed).randint(self.smallest, self.largest) + 0 * random.randint(0, 1)


class WithoutTheEnd(Coarse):
    def side(self, seed: int) -> int:
        return int(np.random.default_rng(seed).integers(self.smallest, self.largest))


class Constant(Coarse):
    def side(self, seed: int) -> int:
        return self.smallest


class AnySide(Coarse):
    def side(self, seed: int) -> int:
        return int(np.random.default_rng(seed).integers(4, 120))


class LeftSmall(Coarse):
    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        return resize_image(image, self.side(seed))


class Scaled(Coarse):
    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        return super().__call__(image, seed) / 255


class InPlace(Coarse):
    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        image[:] = super().__call__(image, seed)
        return image


class Noise(Coarse):
    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 256, image.shape).astype(np.uint8)


def named(name: Callable[[Coarse], object]) -> type:
    """Return a class whose fingerprint is `name` of it."""
    return type("Coarse", (Coarse,), {"fingerprint": property(name)})


ANSWERS = {
    "belt": Answers(
        right=[
            (build_pipeline(**BELT),),
            (SimpleNamespace(steps=build_pipeline(**BELT).steps),),  # as of the class that the lesson defines
            (build_pipeline(flip=0.5, brightness=(-20, 20), shift=(-11, 9), rotate=(-180, 180)),),
        ],
        wrong={
            "changes the colour": (build_pipeline(**BELT, hue=10),),
            "changes the size": (build_pipeline(**BELT, zoom=10),),
            "Nothing in the task": (build_pipeline(**BELT, cutout=25),),
            "there is no `shift`": (build_pipeline(rotate=180, brightness=20),),
            "there is no `rotate`": (build_pipeline(shift=10, brightness=20),),
            "too weak": (build_pipeline(**BELT | {"rotate": 40}),),
            "too strong": (build_pipeline(**BELT | {"brightness": 60}),),
            "one way only": (build_pipeline(**BELT | {"brightness": (0, 20)}),),
            "every view gets the same": (build_pipeline(**BELT | {"rotate": (90, 90)}),),
            "as Keras wants it": (build_pipeline(**BELT | {"shift": 0.1}),),
            "What `build_pipeline` returns": (BELT,),
        },
    ),
    "coarse": Answers(
        right=[(Coarse,), (FromRemainder,)],
        wrong={
            "two different views": (Unseeded,),
            "the whole program shares": (SharedGenerator,),
            "stopped with ValueError": (WithoutTheEnd,),
            "All seeds gave": (Constant,),
            "went down to": (AnySide,),
            "Enlarge it again": (LeftSmall,),
            "array of bytes": (Scaled,),
            "You changed the picture": (InPlace,),
            "no picture that `resize_image` made": (Noise,),
            "Hand over the class": (Coarse(32, 96),),
            "nothing that is stored is found": (named(lambda self: f"{id(self)} {self.smallest} {self.largest}"),),
            "of the wrong ones": (named(lambda self: "coarse"),),
            "digits run together": (named(lambda self: f"coarse{self.smallest}{self.largest}"),),
            "has to be a text": (named(lambda self: (self.smallest, self.largest)),),
            "stopped with TypeError": (type("Coarse", (), {}),),
        },
    ),
    "leak": Answers(
        # Measured by `accuracies` of scripts/bands/augmentation.py with seeds that were not among the band's: 101, 102.
        right=[(0.959084, 0.662752), (0.927132, 0.717320)],
        wrong={
            "the other way round": (0.69, 0.93),
            "not percent": (93, 69),
            "that the head was trained on": (0.999, 0.69),
            "whichever picture": (0.70, 0.68),
            "among the training views still": (0.93, 0.92),
            "not what a split by views gives": (0.4, 0.69),
            "not what a split by picture gives": (0.93, 0.2),
        },
    ),
}
