"""Pictures on larger sheets: a window over a sheet moves by a pixel, and no border of the picture comes in."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from .course_data import dataset_folder

WHITE = 255


class Sheets(NamedTuple):
    """Drawings in the middle of white sheets."""

    images: np.ndarray  # [n, sheet, sheet, 3] uint8
    labels: np.ndarray  # [n] int, the number of each drawing's class
    classes: list[str]
    names: list[str]  # of the files, without their ending


def load_sheets(size: int = 96, sheet: int = 160, every: int = 1) -> Sheets:
    """Return every so many-th of the drawings that come along, resized to `size` pixels in the middle of a sheet."""
    paths = sorted(dataset_folder("clipart").glob("*/*.jpg"))[::every]
    classes = sorted({path.parent.name for path in paths})
    images = np.full((len(paths), sheet, sheet, 3), WHITE, np.uint8)
    start = (sheet - size) // 2
    inner = slice(start, start + size)
    for number, path in enumerate(paths):
        with Image.open(path) as drawing:
            images[number, inner, inner] = np.asarray(
                drawing.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
            )
    labels = np.array([classes.index(path.parent.name) for path in paths])
    return Sheets(images, labels, classes, [path.stem for path in paths])


def window(images: np.ndarray, down: int, right: int, size: int) -> np.ndarray:
    """Return what a window of `size` pixels sees of each picture [n, height, width, ...].

    In the window the pictures are moved by so many pixels down and to the right (negative: up and to the left) from
    where they lie with the window in the middle. Raises `ValueError` where the window would leave the picture.
    """
    tops = [(length - size) // 2 - moved for length, moved in zip(images.shape[1:3], (down, right), strict=True)]
    for top, length in zip(tops, images.shape[1:3], strict=True):
        if not 0 <= top <= length - size:
            given = f"A window of {size} pixels, moved by ({down}, {right})"
            raise ValueError(f"{given}, leaves pictures of {images.shape[1]} x {images.shape[2]}: give larger sheets.")
    return images[:, tops[0] : tops[0] + size, tops[1] : tops[1] + size]
