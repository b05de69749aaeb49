"""Answers to the exercises of lesson 06."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from imgclass_course.evaluation import Accuracy, PairedComparison
from imgclass_course.foundation.picture_files import load_image
from imgclass_course.images import center_crop

from . import Answers


def grown(comparison: PairedComparison, factor: int) -> PairedComparison:
    return PairedComparison(
        factor * comparison.both,
        factor * comparison.only_first,
        factor * comparison.only_second,
        factor * comparison.neither,
    )


def until_told(comparison: PairedComparison) -> int:
    factor = 1
    while grown(comparison, factor).interval[0] <= 0:
        factor += 1
    return factor * comparison.n


def factor_alone(comparison: PairedComparison) -> int:
    return until_told(comparison) // comparison.n


def by_p_value(comparison: PairedComparison) -> int:
    factor = 1
    while grown(comparison, factor).p_value >= 0.05:
        factor += 1
    return factor * comparison.n


def by_two_intervals(comparison: PairedComparison) -> int:
    pictures = comparison.n
    while True:
        share = pictures // comparison.n
        first = Accuracy(share * (comparison.both + comparison.only_first), pictures)
        second = Accuracy(share * (comparison.both + comparison.only_second), pictures)
        if second.interval[0] > first.interval[1]:
            return pictures
        pictures += comparison.n


def read(path: Path, size: int) -> np.ndarray:
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    image = Image.alpha_composite(ground, image).convert("RGB")
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))[None]


def resized(path: Path, size: int, how: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB").resize((size, size), how))[None]


def cut(path: Path, size: int) -> np.ndarray:
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    square = Image.fromarray(center_crop(np.asarray(image), min(image.size)))
    return np.asarray(square.resize((size, size), Image.Resampling.BILINEAR))[None]


def on_black(path: Path, size: int) -> np.ndarray:
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))[None]


def left_grey(path: Path, size: int) -> np.ndarray:
    return read(path, size)[..., 0] if Image.open(path).mode == "L" else read(path, size)


ANSWERS = {
    "a_third_misplaced": Answers(
        # Measured by scripts/bands/next_steps.py with seeds that were not among the band's: 101, 102, 103.
        right=[(0.745098, 1.879121), (0.843137, 1.759091), (Accuracy(127, 153), 1.739726)],
        wrong={
            "first the share that it finds": (1.759091, 0.843137),
            "from 0 to 1": (84, 1.759091),
            "How often is a picture misplaced": (0.843137, 0.586364),
            "23 misplaced pictures give": (0.843137, 9.675889),
            "too good": (0.843137, 2.341935),
            "and you have 0.300": (0.3, 1.7),
            "and you have 1.00": (0.85, 1.0),
        },
    ),
    "tests_to_tell": Answers(
        right=[(until_told,), (lambda comparison: np.int64(until_told(comparison)),)],
        wrong={
            "the factor.": (factor_alone,),
            "p-value falls": (by_p_value,),
            "do not overlap": (by_two_intervals,),
            "as many as there are already": (lambda comparison: comparison.n,),
            "too few": (lambda comparison: comparison.n + 7,),
            "more than it takes": (lambda comparison: 1_000_000,),
            "has to be one number": (lambda comparison: comparison.interval,),
        },
    ),
    "pixels_for": Answers(
        right=[(read,), (lambda path, size: load_image(path, size)[None],)],
        wrong={
            "first axis of length 1": (lambda path, size: read(path, size)[0],),
            "scales them itself": (lambda path, size: (read(path, size) / 255).astype(np.float32),),
            "red and blue": (lambda path, size: read(path, size)[..., ::-1],),
            "was cut to a square": (cut,),
            "BICUBIC": (lambda path, size: resized(path, size, Image.Resampling.BICUBIC),),
            "nearest pixels": (lambda path, size: resized(path, size, Image.Resampling.NEAREST),),
            "lies on its side": (lambda path, size: resized(path, size, Image.Resampling.BILINEAR),),
            "is black now": (on_black,),
            "Grey has to become RGB": (left_grey,),
            "with the shape": (lambda path, size: np.zeros((1, 64, 64, 3), np.uint8),),
            "differs from what training saw": (lambda path, size: np.zeros((1, size, size, 3), np.uint8),),
            "An array is wanted": (lambda path, size: "pixels",),
        },
    ),
}
