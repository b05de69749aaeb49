"""Answers to the exercises of lesson 01."""

import io

import numpy as np
from PIL import Image

from imgclass_course.images import resize_image

from . import Answers


def centred(image: np.ndarray) -> np.ndarray:
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]


def corner(image: np.ndarray) -> np.ndarray:
    side = min(image.shape[:2])
    return image[:side, :side]


def wide_only(image: np.ndarray) -> np.ndarray:
    left = (image.shape[1] - image.shape[0]) // 2
    return image[:, left : left + image.shape[0]]


def squashed(image: np.ndarray) -> np.ndarray:
    return resize_image(image, min(image.shape[:2]))


def saved(image: np.ndarray, quality: int) -> tuple[bytes, np.ndarray]:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue(), np.asarray(Image.open(buffer))


def cost(image: np.ndarray, quality: int) -> tuple[int, float]:
    data, pixels = saved(image, quality)
    return len(data), float(np.abs(pixels.astype(int) - image).mean())


def cost_of_bytes(image: np.ndarray, quality: int) -> tuple[int, float]:
    data, pixels = saved(image, quality)
    return len(data), np.abs(pixels - image).mean()


def cost_with_signs(image: np.ndarray, quality: int) -> tuple[int, float]:
    data, pixels = saved(image, quality)
    return len(data), (pixels.astype(int) - image).mean()


def size_of_pixels(image: np.ndarray, quality: int) -> tuple[int, float]:
    return saved(image, quality)[1].nbytes, cost(image, quality)[1]


ANSWERS = {
    "largest_square": Answers(
        right=[(centred,), (lambda image: centred(image).copy(),)],
        wrong={
            "top left": (corner,),
            "Out of a tall picture": (wide_only,),
            "squashed": (squashed,),
            "stopped with TypeError": (lambda: None,),
            "A function is wanted": (300,),
        },
    ),
    "nearest_mean": Answers(
        right=[(0,), (np.float64(0),)],
        wrong={"averaging gives": (127.5,), "of the other one": (255,), "has to be one number": ("black",)},
    ),
    "jpeg_cost": Answers(
        right=[(cost,)],
        wrong={
            "3 - 5 became 254": (cost_of_bytes,),
            "cancel out": (cost_with_signs,),
            "are the pixels": (size_of_pixels,),
        },
    ),
}
