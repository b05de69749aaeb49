"""Answers to the exercises of lesson 01."""

import io

import numpy as np
import skimage.data
from PIL import Image, ImageOps

from imgclass_course.foundation.picture_files import read_image

from . import Answers

CAT = skimage.data.chelsea()
IRIS, OTHER_IRIS, PUPIL = CAT[120:130, 185:195], CAT[120:130, 325:335], CAT[108:118, 166:176]
FUR, SWAPPED = CAT[40:50, 200:210], CAT[185:195, 120:130]


def colour(square: np.ndarray) -> np.ndarray:
    return square.mean(axis=(0, 1))


def raw(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def turned_alike(data: bytes) -> np.ndarray:
    """Turn every tall photo to the right and every wide one upside down."""
    pixels = raw(data)
    return np.rot90(pixels, -1) if pixels.shape[0] > pixels.shape[1] else pixels[::-1, ::-1]


ANSWERS = {
    "eye_colour": Answers(
        right=[
            (IRIS, colour(IRIS)),
            (OTHER_IRIS, list(colour(OTHER_IRIS).round())),
            (IRIS.copy(), tuple(int(value) for value in colour(IRIS))),
        ],
        wrong={
            "lies in the pupil": (PUPIL, colour(PUPIL)),
            "there is no eye there": (FUR, colour(FUR)),
            "Columns first?": (SWAPPED, colour(SWAPPED)),
            "has the shape (10, 20, 3)": (CAT[120:130, 185:205], colour(IRIS)),
            "are nowhere in the cat": (IRIS[::-1], colour(IRIS)),
            "one number for everything": (IRIS, IRIS.mean()),
            "of the whole cat": (IRIS, colour(CAT)),
            "three numbers": (IRIS, "green"),
            "The mean of your square is not": (IRIS, IRIS[0, 0]),
        },
    ),
    "quarter_turn": Answers(
        right=[(lambda image: image.swapaxes(0, 1)[:, ::-1],), (lambda image: np.rot90(image, -1),)],
        wrong={
            "but mirrored": (lambda image: image.swapaxes(0, 1),),
            "to the left": (lambda image: image.swapaxes(0, 1)[::-1],),
            "as wide as before": (lambda image: image[::-1],),
            "the channels moved": (lambda image: image.T,),
            "stopped with ValueError": (lambda image: image.transpose(1, 0),),
            "A function is wanted": (CAT.swapaxes(0, 1),),
        },
    ),
    "upright": Answers(
        right=[(read_image,), (lambda data: np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))),)],
        wrong={
            "as the sensor saw her": (raw,),
            "is a mirror": (lambda data: raw(data)[::-1],),
            "yours has the shape": (lambda data: raw(data)[::-1, ::-1],),
            "not all alike": (turned_alike,),
            "Return an array": (lambda data: ImageOps.exif_transpose(Image.open(io.BytesIO(data))),),
        },
    ),
}
