"""Checks of the exercises of lesson 06."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from imgclass_course.evaluation import Accuracy, PairedComparison
from imgclass_course.exercises import bands, call, describe, exercise, expect, number
from imgclass_course.foundation.picture_files import load_image
from imgclass_course.images import center_crop

SIZE = 160  # pixels that the check asks for
ROTATED = 6  # EXIF: the camera was held sideways

COMPARISONS = (PairedComparison(90, 12, 20, 21), PairedComparison(160, 20, 26, 40), PairedComparison(400, 10, 40, 50))


@exercise("Lines 2 to 5 of the cell with `moved` do it, with another count. Blindly one gets a third right now.")
def a_third_misplaced(found: float, times: float) -> str:
    """Exercise 1: what `suspects` finds where a third of all pictures lies in a wrong folder."""
    band = bands("next_steps")
    found, times = getattr(found, "value", found), getattr(times, "value", times)
    found, times = number(found, "The share that is found"), number(times, "How many times better")
    expect(
        not (found in band["times"] and times in band["found"]),
        "These two are the other way round: first the share that it finds.",
    )
    expect(found <= 1, "The first is a share from 0 to 1: of the misplaced pictures, how many are among the named?")
    expect(
        times not in band["true"],
        f"{times:.2f} is the share of the named that are misplaced. How often is a picture misplaced that was picked "
        "blindly? How many times that is it?",
    )
    expect(
        times not in band["times_of_23"],
        f"{times:.1f} times is what 23 misplaced pictures give, where blind picking is right once in twenty.",
    )
    expect(
        times not in band["times_with_old_scores"],
        f"{times:.1f} times is too good: the scores are those of the folder as it was. In yours the wrong labels vote, "
        "too.",
    )
    expect(found in band["found"], f"It finds {band['found']} of the misplaced ones, and you have {found:.3f}.")
    expect(times in band["times"], f"It is {band['times']} times better than blindly, and you have {times:.2f}.")
    return (
        f"You find {found:.0%}, more than of 23 pictures ({band['found_of_23'].mean:.0%} on average), because it names "
        f"about {band['named'].mean:.0%} of the folder: where many labels are wrong, the usual score is low, and "
        f"everything looks suspect. It is {times:.1f} times better than blindly; for 23 it was "
        f"{band['times_of_23'].mean:.0f} "
        "times. Who names much finds much."
    )


def _grown(comparison: PairedComparison, factor: int) -> PairedComparison:
    """Return the comparison with all its counts `factor` times as large."""
    counts = (comparison.both, comparison.only_first, comparison.only_second, comparison.neither)
    return PairedComparison(*(factor * count for count in counts))


def _pictures_until(told: Callable[[PairedComparison], bool], comparison: PairedComparison) -> int:
    """Return how many pictures `comparison` has when it is grown to the first factor at which it is told."""
    factor = 1
    while not told(_grown(comparison, factor)):
        factor += 1
    return factor * comparison.n


def _intervals_apart(comparison: PairedComparison) -> bool:
    first = Accuracy(comparison.both + comparison.only_first, comparison.n)
    second = Accuracy(comparison.both + comparison.only_second, comparison.n)
    return second.interval[0] > first.interval[1]


def _check_pictures(pictures: float, comparison: PairedComparison) -> None:
    """Raise `Off` unless `pictures` is what it takes until the interval of `comparison` lies above zero."""
    truth = _pictures_until(lambda grown: grown.interval[0] > 0, comparison)
    if pictures == truth:
        return
    about = f"{comparison.difference:+.3f} on {comparison.n} pictures"
    expect(
        pictures != truth // comparison.n,
        f"For {about} you return {pictures:g}, the factor. How many test pictures are that?",
    )
    expect(
        pictures != comparison.n,
        f"For {about} you return {pictures:g}, as many as there are already, and its interval contains zero.",
    )
    expect(
        pictures != _pictures_until(_intervals_apart, comparison),
        f"For {about} you return {pictures:g}: there the intervals of the two accuracies do not overlap any more. "
        "Both models saw the same pictures: use the interval of the difference, it is narrower.",
    )
    expect(
        pictures != _pictures_until(lambda grown: grown.p_value < 0.05, comparison),
        f"For {about} you return {pictures:g}: there the p-value falls below 0.05. Ask the interval instead.",
    )
    verdict = "too few" if pictures < truth else "more than it takes"
    expect(False, f"For {about} you return {pictures:g}, which is {verdict}. Try the factors 1, 2, 3, ... one by one.")


@exercise("Start with the factor 1 and raise it. A `PairedComparison` of the grown counts knows its own interval.")
def tests_to_tell(answer: Callable[[PairedComparison], int]) -> str:
    """Exercise 2: how many test pictures it takes until a difference can be told from none."""
    for comparison in COMPARISONS:
        pictures = number(call(answer, comparison), "The number of pictures")
        _check_pictures(pictures, comparison)
    easy, hard = (_pictures_until(lambda grown: grown.interval[0] > 0, one) for one in COMPARISONS[:2])
    ratio = COMPARISONS[0].difference / COMPARISONS[1].difference
    return (
        f"A difference of {COMPARISONS[0].difference:+.3f} takes {easy:,} test pictures, and one of "
        f"{COMPARISONS[1].difference:+.3f} takes {hard:,}: {ratio:.1f} times smaller, {hard / easy:.1f} times the "
        "pictures. Where nothing can be told, new pictures belong into the test set, too."
    )


def _files(folder: Path) -> dict[str, Path]:
    """Write pictures as programs meet them, and return where they are."""
    import skimage.data

    photo = Image.fromarray(skimage.data.chelsea())
    exif = Image.Exif()
    exif[0x0112] = ROTATED
    disc = np.zeros((90, 140, 4), np.uint8)
    rows, columns = np.ogrid[:90, :140]
    disc[(rows - 45) ** 2 + (columns - 70) ** 2 < 1600] = (200, 30, 60, 255)
    files: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "wide photo": (photo, "photo.png", {}),
        "photo held sideways": (photo, "sideways.png", {"exif": exif}),
        "drawing on transparent ground": (Image.fromarray(disc), "disc.png", {}),
        "grey picture": (photo.convert("L"), "grey.png", {}),
    }
    for image, name, options in files.values():
        image.save(folder / name, **options)
    return {kind: folder / name for kind, (_, name, _) in files.items()}


def _resized(image: Image.Image, how: Image.Resampling = Image.Resampling.BILINEAR) -> np.ndarray:
    return np.asarray(image.convert("RGB").resize((SIZE, SIZE), how))


def _mistakes(path: Path) -> dict[str, np.ndarray]:
    """Return what typical mistakes make of the picture at `path`, by what is wrong with it."""
    stored = Image.open(path)
    upright = ImageOps.exif_transpose(stored)
    crop = center_crop(np.asarray(upright.convert("RGB")), min(upright.size))
    return {
        "has red and blue the wrong way round: RGB is wanted": load_image(path, SIZE)[:, :, ::-1],
        "was cut to a square. Training squashed it, so that nothing is lost": _resized(Image.fromarray(crop)),
        "was made smaller with BICUBIC, Pillow's default. Training used BILINEAR": _resized(
            upright, Image.Resampling.BICUBIC
        ),
        "was made smaller by taking the nearest pixels. Training used BILINEAR": _resized(
            upright, Image.Resampling.NEAREST
        ),
        "has a ground that was transparent and is black now. Training made it white": _resized(upright),
        "lies on its side: the camera's note in the file (EXIF) says how to turn it": _resized(stored),
    }


def _check_form(pixels: np.ndarray, kind: str) -> None:
    """Raise `Off` unless `pixels` has the shape and the type that the exported model takes."""
    shape = (1, SIZE, SIZE, 3)
    expect(isinstance(pixels, np.ndarray), f"An array is wanted here, and this is {describe(pixels)}.")
    expect(
        pixels.shape != shape[1:],
        "The model takes a batch of pictures, even of one: the array needs a first axis of length 1.",
    )
    expect(
        pixels.shape not in (shape[:3], shape[1:3]),
        f"The {kind} comes without its axis of three channels. Grey has to become RGB.",
    )
    expect(pixels.shape == shape, f"The {kind} comes with the shape {pixels.shape}, and the model takes {shape}.")
    expect(
        pixels.dtype == np.uint8,
        f"The model takes bytes from 0 to 255 and scales them itself. Yours are {pixels.dtype}, up to "
        f"{pixels.max():.3g}.",
    )


@exercise(
    "Say what `load_image` of lesson 01 did with such a file, step by step; then print your shape and your dtype."
)
def pixels_for(answer: Callable[[Path, int], np.ndarray]) -> str:
    """Exercise 3: read a picture file for the exported model as training read it, with Pillow and NumPy only."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, path in _files(Path(folder)).items():
            pixels, truth = call(answer, path, SIZE), load_image(path, SIZE)
            _check_form(pixels, kind)
            if np.array_equal(pixels[0], truth):
                continue
            for what, mistaken in _mistakes(path).items():
                expect(not np.array_equal(pixels[0], mistaken), f"The {kind} {what}.")
            difference = np.abs(pixels[0].astype(int) - truth).mean()
            expect(False, f"The {kind} differs from what training saw, by {difference:.1f} of 255 on average.")
    return (
        "Four kinds of file, and the pixels that training saw, to the last bit. A difference here raises no error in a "
        "program: the answers get worse, and nobody knows why."
    )
