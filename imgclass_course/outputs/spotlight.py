"""What a classifier looked at, as a picture: bright where a place spoke for the class, dark where it did not."""

import numpy as np
from PIL import Image

from ..foundation.errors import ClassifierError
from ..foundation.pictures import Picture
from .saved_classifier import SavedClassifier

DARK = 0.25  # of the brightness, where nothing spoke for the class


def spotlight(picture: Image.Image, places: np.ndarray) -> Image.Image:
    """Return a picture of the same size in which each place is as bright as it spoke for the class.

    places: [rows, columns], what each place adds to the score; what speaks against the class is as dark as what is silent.
    """
    strength = np.maximum(places, 0)
    strength = strength / max(float(strength.max()), 1e-12)
    heat = Image.fromarray(np.round(255 * strength).astype(np.uint8)).resize(picture.size, Image.Resampling.BICUBIC)
    bright = DARK + (1 - DARK) * np.asarray(heat, float)[..., None] / 255
    return Image.fromarray(np.round(np.asarray(picture.convert("RGB")) * bright).astype(np.uint8))


def looked_at(classifier: SavedClassifier, picture: Picture, size: int, label: str = "") -> Image.Image | None:
    """Return what spoke for a class in a picture, by default for the likeliest; None where the classifier cannot tell.

    `size` is the most pixels of a side. Raises `ImageError` for a picture that cannot be read.
    """
    try:
        places = classifier.activation_map(picture, label)
    except ClassifierError:
        return None
    image = picture.image(size).convert("RGB")
    image.thumbnail((size, size))
    return spotlight(image, places)
