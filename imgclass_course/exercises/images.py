"""Checks of the exercises of lesson 01."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from imgclass_course.exercises import Off, call, describe, exercise, expect

SIDE = 10  # pixels of each side of the square out of the eye
EYES = ((116, 169, 27, 32), (138, 318, 27, 23))  # of each: row and column of its middle, and half its height and width
DARK = 60  # a square whose mean is below lies in the pupil
ORIENTATIONS = {1: "held upright", 3: "held upside down", 6: "turned to the right", 8: "turned to the left"}


def _cat() -> np.ndarray:
    import skimage.data

    return skimage.data.chelsea()


def _places(square: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return each row and column of `image` at which exactly this square begins."""
    windows = np.lib.stride_tricks.sliding_window_view(image, square.shape)[:, :, 0]
    return np.argwhere((windows == square).all(axis=(2, 3, 4)))


def _in_an_eye(row: float, column: float) -> bool:
    """Return whether a place of the cat lies in one of her eyes."""
    return any(((row - top) / high) ** 2 + ((column - left) / wide) ** 2 < 1 for top, left, high, wide in EYES)


def _square_of_the_cat(square: Any) -> np.ndarray:  # whatever the attendee gives
    """Return the answer as a square of pixels out of an eye. Raises `Off` for anything else."""
    wanted = (SIDE, SIDE, 3)
    expect(isinstance(square, np.ndarray), f"The square has to be cut out of `cat`, and this is {describe(square)}.")
    expect(
        square.shape == wanted,
        f"Your square has the shape {square.shape}, and {wanted} is wanted: a slice of {SIDE} rows, one of {SIDE} columns, "
        "and all channels.",
    )
    expect(square.dtype == np.uint8, f"The pixels of the cat are bytes, and these are {square.dtype}.")
    found = _places(square, _cat())
    expect(len(found) > 0, "These pixels are nowhere in the cat. Cut the square out of `cat` itself.")
    row, column = (int(place) for place in found[0])
    middle = (row + SIDE / 2, column + SIDE / 2)
    expect(
        _in_an_eye(*middle) or not _in_an_eye(*middle[::-1]),
        f"Your square begins at row {row} and column {column}. Columns first? An array counts its rows first.",
    )
    expect(_in_an_eye(*middle), f"Your square begins at row {row} and column {column}, and there is no eye there.")
    expect(square.mean() >= DARK, "So dark a square lies in the pupil. Move it to the coloured ring around it.")
    return square


@exercise(
    "`cat[120:130, 185:195]` is a square of 10 x 10 pixels, and `.mean(axis=(0, 1))` averages its rows and columns."
)
def eye_colour(square: np.ndarray, colour: np.ndarray) -> str:
    """Exercise 1: a square out of the cat's iris, and its mean colour."""
    pixels = _square_of_the_cat(square)
    try:
        given = np.asarray(colour, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise Off(f"The colour has to be three numbers, and this is {describe(colour)}.") from None
    expect(given.shape != (), "That is one number for everything. A colour is three: average rows and columns only.")
    expect(given.shape == (3,), f"The colour has to be three numbers, and this is {describe(colour)}.")
    mean = pixels.mean(axis=(0, 1))
    expect(
        not np.allclose(given, _cat().mean(axis=(0, 1)), atol=1),
        "That is the mean colour of the whole cat. Average the square.",
    )
    expect(
        np.allclose(given, mean, atol=1),
        f"The mean of your square is not {', '.join(f'{value:.0f}' for value in given)}. Average over its rows and columns.",
    )
    red, green, blue = mean
    return (
        f"Red {red:.0f}, green {green:.0f}, blue {blue:.0f}. Does the eye look green to you? It holds more red than green: "
        "your own eyes compare it with the orange fur around it. A network gets the numbers."
    )


@exercise(
    "`image.swapaxes(0, 1)` makes rows of columns, which also mirrors the picture. A step of -1 in a slice undoes that."
)
def quarter_turn(answer: Callable[[np.ndarray], np.ndarray]) -> str:
    """Exercise 2: turn any picture by 90 degrees to the right."""
    cat = _cat()
    for image, kind in ((cat, "wide"), (cat[:, 100:250], "tall")):
        turned = call(answer, image.copy())
        expect(isinstance(turned, np.ndarray), f"Return an array of pixels. This is {describe(turned)}.")
        right = np.rot90(image, -1)
        expect(
            turned.shape[:1] != (3,),
            f"The shape became {turned.shape}: the channels moved too. They have to stay last.",
        )
        expect(
            turned.shape != image.shape,
            f"Your {kind} picture is as {kind} as before. Its rows have to become columns.",
        )
        expect(
            turned.shape == right.shape,
            f"A {kind} picture of the shape {image.shape} has to become {right.shape}, and yours is {turned.shape}.",
        )
        expect(
            not any(np.array_equal(turned, right[flip]) for flip in (np.s_[::-1], np.s_[:, ::-1])),
            "It lies on its side, but mirrored: what was left of the nose is right of it now.",
        )
        expect(
            not np.array_equal(turned, right[::-1, ::-1]), "That is a quarter turn to the left. To the right, please."
        )
        expect(
            np.array_equal(turned, right), f"The shape is right, but these are not the pixels of the {kind} picture."
        )
    return "No number changed, only its place. That is why turning by 90 degrees loses nothing, and turning by 5 does."


def _photo(orientation: int) -> bytes:
    """Return the file of a phone that was held in this way: the pixels as the sensor lay, and a note."""
    turns = {1: 0, 3: 2, 6: 1, 8: -1}
    notes = Image.Exif()
    notes[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(np.rot90(_cat(), turns[orientation])).save(buffer, "PNG", exif=notes)
    return buffer.getvalue()


@exercise("`ImageOps.exif_transpose(image)` turns a picture as its note says. Then make an array of it.")
def upright(answer: Callable[[bytes], np.ndarray]) -> str:
    """Exercise 3: read a phone's photo the right way up, however the phone was held."""
    cat = _cat()
    for orientation in (3, 6, 8, 1):
        held, photo = ORIENTATIONS[orientation], _photo(orientation)
        pixels = call(answer, photo)
        expect(isinstance(pixels, np.ndarray), f"Return an array of pixels. This is {describe(pixels)}.")
        raw = np.asarray(Image.open(io.BytesIO(photo)))
        expect(
            not (np.array_equal(pixels, raw) and orientation != 1),
            f"With the phone {held}, the cat is as the sensor saw her. Look at the note in the file, and turn her.",
        )
        expect(
            not np.array_equal(pixels, raw[::-1]),
            f"With the phone {held}, the cat has changed her left for her right: turning the rows over is a mirror.",
        )
        expect(
            pixels.shape == cat.shape,
            f"With the phone {held}, yours has the shape {pixels.shape}. Upright, the cat has {cat.shape}.",
        )
        expect(
            np.array_equal(pixels, cat),
            f"With the phone {held}, the cat is not upright. Turn each photo as its own note says, and not all alike.",
        )
    return "Upright four times. In a training set, a note that nobody read is a cat that hangs from the ceiling."
