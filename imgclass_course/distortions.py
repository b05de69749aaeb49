"""Distortions by name: what the number of each means, imgaug's augmenter for it, and Keras's layer."""

import difflib
import hashlib
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .foundation.errors import AugmentationError

if TYPE_CHECKING:
    import imgaug.augmenters as iaa
    import keras

Strength = float | tuple[float, float]  # a number, or a range
RECIPE = 1  # raised when a transformation changes, so that stored views are not mixed


class Transformation(NamedTuple):
    """What a name stands for."""

    unit: str
    largest: float
    both_ways: bool  # a number n means anything from -n to n; otherwise exactly n
    build: Callable  # (imgaug.augmenters, (low, high), (height, width) in pixels) -> augmenter


def _factors(ends: tuple[float, float]) -> tuple[float, float]:
    """Percentages around nothing as factors around 1."""
    return 1 + ends[0] / 100, 1 + ends[1] / 100


def _affine(iaa: ModuleType, **how: object) -> "iaa.Augmenter":
    """Move pixels; what comes in from outside continues the edge."""
    return iaa.Affine(mode="edge", **how)


def _shift(iaa: ModuleType, ends: tuple[float, float], size: tuple[int, int]) -> "iaa.Augmenter":
    return _affine(iaa, translate_percent={axis: (ends[0] / 100, ends[1] / 100) for axis in "xy"})


def _crop(iaa: ModuleType, ends: tuple[float, float], size: tuple[int, int]) -> "iaa.Augmenter":
    """Enlarge, then cut out a piece of the old size at a random place."""
    return iaa.Sequential([iaa.Resize(_factors(ends), "linear"), iaa.CropToFixedSize(height=size[0], width=size[1])])


def _hue(iaa: ModuleType, ends: tuple[float, float], size: tuple[int, int]) -> "iaa.Augmenter":
    return iaa.AddToHue(tuple(round(degrees / 360 * 255) for degrees in ends))  # imgaug's circle has 255 steps


def _noise(iaa: ModuleType, ends: tuple[float, float], size: tuple[int, int]) -> "iaa.Augmenter":
    return iaa.AdditiveGaussianNoise(scale=(ends[0] * 2.55, ends[1] * 2.55), per_channel=True)


def _cutout(iaa: ModuleType, ends: tuple[float, float], size: tuple[int, int]) -> "iaa.Augmenter":
    return iaa.Cutout(size=(ends[0] / 100, ends[1] / 100), fill_mode="constant", cval=128)


TRANSFORMATIONS = {
    "flip": Transformation("a probability", 1, False, lambda iaa, ends, size: iaa.Fliplr(sum(ends) / 2)),
    "crop": Transformation("percent to enlarge by before the cut", 400, False, _crop),
    "shift": Transformation("percent of the side", 99, True, _shift),
    "rotate": Transformation("degrees", 180, True, lambda iaa, ends, size: _affine(iaa, rotate=ends)),
    "shear": Transformation("degrees", 60, True, lambda iaa, ends, size: _affine(iaa, shear=ends)),
    "zoom": Transformation("percent", 99, True, lambda iaa, ends, size: _affine(iaa, scale=_factors(ends))),
    "hue": Transformation("degrees of the colour circle", 180, True, _hue),
    "contrast": Transformation("percent", 99, True, lambda iaa, ends, size: iaa.LinearContrast(_factors(ends))),
    "brightness": Transformation("percent", 99, True, lambda iaa, ends, size: iaa.Multiply(_factors(ends))),
    "saturation": Transformation("percent", 99, True, lambda iaa, ends, size: iaa.MultiplySaturation(_factors(ends))),
    "noise": Transformation("percent of 255, standard deviation", 99, False, _noise),
    "cutout": Transformation("percent of the side", 99, False, _cutout),
}


def read_strength(name: str, strength: Strength) -> tuple[float, float]:
    """Return the range (low, high) that a strength stands for.

    Raises `AugmentationError` for an unknown name, and for what is out of range.
    """
    if name not in TRANSFORMATIONS:
        close = difflib.get_close_matches(name, TRANSFORMATIONS, 1, 0.5)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(TRANSFORMATIONS)}."
        raise AugmentationError(f"There is no transformation called {name!r}: {hint}")
    unit, largest, both_ways, _ = TRANSFORMATIONS[name]
    smallest = -largest if both_ways else 0
    try:
        low, high = strength if isinstance(strength, tuple) else ((-strength if both_ways else strength), strength)
        possible = not isinstance(strength, bool) and smallest <= low <= high <= largest
    except (TypeError, ValueError):
        possible = False
    if not possible:
        fix = f"give one number up to {largest}, or a pair (low, high) between {smallest} and {largest}"
        raise AugmentationError(f"{name}={strength!r} is not possible: it is {unit}; {fix}.")
    return float(low), float(high)


def _crop_layers(layers: ModuleType, share: float, seed: int) -> list["keras.Layer"]:
    """Shift at random, then come closer: a cut at a random place that needs no size and does nothing in prediction."""
    way, closer = share / (1 + share) / 2, 1 / (1 + share) - 1
    shift = layers.RandomTranslation(way, way, fill_mode="nearest", seed=seed)
    return [shift, layers.RandomZoom((closer, closer), fill_mode="nearest", seed=seed)]


def _noise_layers(layers: ModuleType, share: float, seed: int) -> list["keras.Layer"]:
    """Keras's noise wants pixels from 0 to 1."""
    return [layers.Rescaling(1 / 255), layers.GaussianNoise(share, seed=seed), layers.Rescaling(255)]


def _zoom_layer(layers: ModuleType, share: float, seed: int) -> "keras.Layer":
    return layers.RandomZoom((1 / (1 + share) - 1, 1 / (1 - share) - 1), fill_mode="nearest", seed=seed)


def _saturation_layer(layers: ModuleType, share: float, seed: int) -> "keras.Layer":
    """Keras's f multiplies by f / (1 - f), and caps at the end of `value_range`."""
    ends = (1 - share) / (2 - share), (1 + share) / (2 + share)
    return layers.RandomSaturation(ends, value_range=(0, 1), seed=seed)


def _shear_layer(layers: ModuleType, share: float, seed: int) -> "keras.Layer":
    slope = min(float(np.tan(np.deg2rad(100 * share))), 1.0)  # Keras knows no more
    return layers.RandomShear(x_factor=slope, fill_mode="nearest", seed=seed)


def _cutout_layer(layers: ModuleType, share: float, seed: int) -> "keras.Layer":
    """A pair as factor: always. The scale is a share of the area."""
    return layers.RandomErasing((1.0, 1.0), (share**2, share**2), fill_value=128, seed=seed)


_LAYERS = {  # (keras.layers, hundredths of the strength, seed) -> layer or layers
    "flip": lambda layers, share, seed: layers.RandomFlip("horizontal", seed=seed),
    "crop": _crop_layers,
    "shift": lambda layers, share, seed: layers.RandomTranslation(share, share, fill_mode="nearest", seed=seed),
    "rotate": lambda layers, share, seed: layers.RandomRotation(share / 3.6, fill_mode="nearest", seed=seed),
    "shear": _shear_layer,
    "zoom": _zoom_layer,
    "hue": lambda layers, share, seed: layers.RandomHue(share / 1.8, seed=seed),
    "contrast": lambda layers, share, seed: layers.RandomContrast(share, seed=seed),
    "brightness": lambda layers, share, seed: layers.RandomBrightness(share, seed=seed),
    "saturation": _saturation_layer,
    "noise": _noise_layers,
    "cutout": _cutout_layer,
}


def build_layers(seed: int = 0, **strengths: float) -> "keras.Sequential":
    """Return Keras layers, close to the pipeline of the same strengths, for float pixels [n, h, w, 3] from 0 to 255.

    Raises `AugmentationError` for what has no twin: ranges, and flips with another probability than a half.
    """
    import keras

    parts = []
    for number, (name, strength) in enumerate(strengths.items()):
        _, high = read_strength(name, strength)
        if isinstance(strength, tuple) or (name == "flip" and strength != 0.5):
            raise AugmentationError(f"Keras has no twin of {name}={strength!r}: give one number, and flip=0.5.")
        made = _LAYERS[name](keras.layers, high / 100, seed + number)
        parts += made if isinstance(made, list) else [made]
    return keras.Sequential(parts)


def retrain_strengths(
    flip_left_right: bool, random_crop: int, random_scale: int, random_brightness: int
) -> dict[str, Strength]:
    """Return the strengths, by name, that the flags of TensorFlow's retrain.py stand for.

    The last three are percentages from 0 to 99: the margin of the random cut, by how much to enlarge at most, and by how
    much to change the brightness at most. Raises `AugmentationError` outside of that, and where all are off.
    """
    percentages = {"random_crop": random_crop, "random_scale": random_scale, "random_brightness": random_brightness}
    for name, percentage in percentages.items():
        if not 0 <= percentage <= 99:
            raise AugmentationError(f"{name}={percentage} is not possible: give a percentage from 0 to 99.")
    largest = (100 + random_crop) * (100 + random_scale) / 100 - 100
    strengths: dict[str, Strength] = {"crop": (random_crop, largest)} if largest else {}
    strengths |= {"flip": 0.5} if flip_left_right else {}
    strengths |= {"brightness": random_brightness} if random_brightness else {}
    if not strengths:
        raise AugmentationError("All distortions are off: give at least one, or train without an augmentation.")
    return strengths


def check_bytes(image: np.ndarray) -> None:
    """Raise `AugmentationError` for what is no picture of bytes, uint8 [height, width, 3]."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise AugmentationError(
            f"Augmentation wants bytes [height, width, 3] and got {image.dtype} {list(image.shape)}: "
            "augment before scaling, one picture at a time."
        )


def view_seeds(image: np.ndarray, views: int) -> list[int]:
    """Return a seed for each view of a picture, the same ones each time: they come from its pixels."""
    digest = hashlib.sha256(image.tobytes()).hexdigest()[:12]
    return [int(hashlib.sha256(f"{digest} {view}".encode()).hexdigest()[:8], 16) for view in range(1, views + 1)]
