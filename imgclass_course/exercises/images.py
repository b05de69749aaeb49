"""Checks of the exercises of lesson 01."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from imgclass_course.exercises import answered, call, describe, exercise, expect, number
from imgclass_course.images import center_crop, resize_image

QUALITIES = (5, 20, 50, 95)


def _cat() -> np.ndarray:
    import skimage.data

    return skimage.data.chelsea()


@exercise("A square has the side `min(height, width)`. What is too much goes in equal parts from both ends.")
def largest_square(answer: Callable[[np.ndarray], np.ndarray]) -> str:
    """Exercise 1: cut the largest centred square out of a picture."""
    cat = _cat()
    for image, kind in ((cat, "wide"), (cat.transpose(1, 0, 2), "tall")):
        height, width = image.shape[:2]
        side = min(height, width)
        square = call(answer, image)
        expect(isinstance(square, np.ndarray), f"Return an array of pixels. This is {describe(square)}.")
        expect(
            square.shape == (side, side, 3),
            f"Out of a {kind} picture of {height} rows and {width} columns you cut {square.shape}. The largest square "
            f"is {(side, side, 3)}.",
        )
        expect(
            not np.array_equal(square, resize_image(image, side)),
            f"You squashed the {kind} picture: the shape is right, but everything is still in it, thinner.",
        )
        expect(
            not np.array_equal(square, image[:side, :side]),
            f"You kept the corner at the top left of the {kind} picture. Move the square to the middle.",
        )
        distance = np.abs(square.astype(int) - center_crop(image, side)).mean()
        expect(distance == 0, f"The shape is right, but these are not the pixels in the middle of the {kind} picture.")
    lost = 1 - cat.shape[0] / cat.shape[1]
    return f"The cat keeps its proportions and loses {lost:.0%} of the picture, half of that at each side."


@exercise("Which pixel of each 8 x 8 block does it take? Try `Image.Resampling.NEAREST` in `resize` on the chessboard.")
def nearest_mean(answer: float) -> str:
    """Exercise 2: the mean of the chessboard, made eight times smaller by taking the nearest pixel."""
    mean = number(answer, "The mean")
    expect(
        abs(mean - 127.5) > 2,
        "That is the grey that averaging gives. The nearest pixel is one pixel, and no pixel of a chessboard is grey.",
    )
    expect(
        mean != 255,
        "All of one colour, yes, but of the other one: of each block it takes row 4 and column 4, and 4 + 4 is even.",
    )
    expect(0 <= mean <= 255, f"{mean:g} is not the mean of bytes: those go from 0 to 255.")
    expect(
        mean == 0, f"{mean:g} would need black and white pixels, or grey ones. It takes the same place of each block."
    )
    return (
        "All black. Each of the 64 pixels that it takes is black, so the assertion about grey fails: whatever is "
        "smaller than a step is skipped or taken by chance."
    )


def _encode(image: np.ndarray, quality: int) -> tuple[int, np.ndarray]:
    """Return how many bytes a JPEG of `image` has, and its pixels."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return len(buffer.getvalue()), np.asarray(Image.open(buffer))


@exercise("Save into an `io.BytesIO()`, count its bytes, open it again, and subtract as `int`, not as bytes.")
def jpeg_cost(answer: Callable[[np.ndarray, int], tuple[int, float]]) -> str:
    """Exercise 3: the size of a JPEG, and the mean absolute difference of its pixels to the original."""
    cat = _cat()
    truth = {}
    for quality in QUALITIES:
        size, pixels = _encode(cat, quality)
        truth[quality] = (size, np.abs(pixels.astype(int) - cat).mean())
        result = call(answer, cat, quality)
        expect(isinstance(result, tuple | list) and len(result) == 2, "Return two things: bytes, and mean difference.")
        answered(*result)
        bytes_, difference = number(result[0], "The size"), number(result[1], "The mean difference")
        expect(bytes_ != cat.size, f"{cat.size:,} bytes are the pixels. Count those of the file.")
        expect(bytes_ == size, f"At quality {quality} the file has {size:,} bytes, and you found {bytes_:,.0f}.")
        wrapped = np.abs(pixels - cat).mean()
        expect(
            not np.isclose(difference, wrapped),
            f"A mean difference of {difference:.0f} at quality {quality}? Bytes cannot be negative: 3 - 5 became 254.",
        )
        signed = (pixels.astype(int) - cat).mean()
        expect(
            not np.isclose(difference, signed),
            "Too dark here and too bright there cancel out in your mean. Take the absolute difference.",
        )
        expect(
            np.isclose(difference, truth[quality][1], rtol=0.01),
            f"At quality {quality} the mean difference is not {difference:.2f}. Compare with the file, opened again.",
        )
    (small, worst), (large, best) = truth[QUALITIES[0]], truth[QUALITIES[-1]]
    return (
        f"From quality 95 to 5 the file shrinks from {large / 1000:.0f} to {small / 1000:.0f} kB, and the mean "
        f"difference grows from {best:.1f} to {worst:.1f} of 255."
    )
