"""Checks of the exercises of lesson 13."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from imgclass_course.augmentation import AugmentationPipeline
from imgclass_course.bottlenecks import Augmentation
from imgclass_course.exercises import bands, call, describe, exercise, expect, number
from imgclass_course.foundation.picture_files import load_image
from imgclass_course.images import resize_image

BELT = {"rotate": 180, "shift": 10, "brightness": 20}  # what varies on the belt, by how much at most
BELT_FREE = {"flip"}  # may be there or not: a tomato has no left side
BELT_CLASS = {  # what tells the classes apart, and which transformations change it
    "the colour, which tells green from ripe": ("hue", "saturation"),
    "the size, which tells too small from large enough": ("crop", "zoom"),
}
TOLERANCE = 0.25  # of the number in the task: "about 10 %"

SIDE = 128  # of the picture that the check distorts
SEEDS = range(60)
ENDS = (24, 40)


def _check_name(name: str) -> None:
    """Raise `Off` for a transformation that does not belong to the belt."""
    for what, names in BELT_CLASS.items():
        expect(name not in names, f"`{name}` changes {what}. So the views would teach a class that is not theirs.")
    expect(
        name in BELT or name in BELT_FREE,
        f"Nothing in the task says that `{name}` varies: such views cost passes and will never come.",
    )


def _check_range(name: str, low: float, high: float) -> None:
    """Raise `Off` where a transformation does less or more than what varies on the belt."""
    wanted, written = BELT[name], f"`{name}` goes from {low:g} to {high:g}"
    expect(low < high, f"{written}: every view gets the same. Give one number, or a range.")
    expect(
        max(-low, high) > 1,
        f"{written}. You gave a share, as Keras wants it: `build_pipeline` counts in percent and degrees.",
    )
    expect(low < 0 < high, f"{written}: that is one way only, and it varies both ways. One number n means -n to n.")
    for end in (-low, high):
        expect(
            end > wanted * (1 - TOLERANCE), f"{written}, and on the belt it varies by {wanted} either way: too weak."
        )
        expect(end < wanted * (1 + TOLERANCE), f"{written}, and on the belt it varies by {wanted} at most: too strong.")
    expect(name != "rotate" or high - low > 350, f"{written}: some ways round that a tomato can lie never come.")


@exercise("Go through the table of twelve: does it vary on this belt? If it does not, leave it out. Mind the units.")
def belt(answer: AugmentationPipeline) -> str:
    """Exercise 1: exactly what varies on a conveyor belt, and nothing that tells the classes apart."""
    steps: Any = getattr(answer, "steps", None)  # no isinstance: the lesson defines its own AugmentationPipeline
    expect(isinstance(steps, tuple), f"What `build_pipeline` returns is wanted here, and this is {describe(answer)}.")
    ranges = {name: (low, high) for name, low, high in steps}
    for name in ranges:
        _check_name(name)
    for name in BELT:
        expect(name in ranges, f"Something that varies on the belt is missing: there is no `{name}`.")
        _check_range(name, *ranges[name])
    return (
        f"{len(BELT)} of the twelve vary here. What decides is what you left out: a tomato with another hue or zoom "
        "looks as good to us, and carries the wrong label."
    )


def _make(answer: Callable[[int, int], Augmentation], smallest: int, largest: int) -> Augmentation:
    """Return the attendee's augmentation with its parameters."""
    expect(isinstance(answer, type), f"Hand over the class itself, `Coarse`. This is {describe(answer)}.")
    return call(answer, smallest, largest)


def _view(augmentation: Augmentation, image: np.ndarray, seed: int) -> np.ndarray:
    """Return a view of `image`, which must stay as it is, as must the generators that all of Python shares."""
    given = image.copy()
    before = random.getstate(), str(np.random.get_state())
    view = call(augmentation, given, seed)
    expect(
        isinstance(view, np.ndarray) and view.dtype == np.uint8,
        f"A view has to be an array of bytes, and yours is {describe(view)}.",
    )
    expect(
        view.shape == image.shape,
        f"A view has to have the shape {image.shape} of its picture, and yours has {view.shape}. Enlarge it again.",
    )
    expect(np.array_equal(given, image), "You changed the picture that you were given. Make a new one.")
    expect(
        (random.getstate(), str(np.random.get_state())) == before,
        "You seeded or used a generator that the whole program shares: threads that work side by side would get "
        "each other's numbers. Make one of your own in each call.",
    )
    return view


def _sides(image: np.ndarray, smallest: int, largest: int, make: Callable[[int, int], Augmentation]) -> list[int]:
    """Return the side that each of the views was made small to. Raises `Off` where that cannot be."""
    augmentation, again = make(smallest, largest), make(smallest, largest)
    coarse = {resize_image(resize_image(image, side), SIDE).tobytes(): side for side in range(1, SIDE + 1)}
    sides = []
    for seed in SEEDS:
        view = _view(augmentation, image, seed)
        expect(
            np.array_equal(view, _view(again, image, seed)),
            f"Seed {seed} gave two different views: the one in the cache is not the one that you would get tomorrow.",
        )
        side = coarse.get(view.tobytes(), 0)
        expect(side > 0, "This is no picture that `resize_image` made small to a square and large again.")
        expect(
            smallest <= side <= largest,
            f"With sides from {smallest} to {largest} seed {seed} went down to {side}.",
        )
        sides.append(side)
    return sides


def _check_fingerprints(make: Callable[[int, int], Augmentation]) -> None:
    """Raise `Off` where equal augmentations have different fingerprints, or different ones the same."""

    def fingerprint(augmentation: Augmentation) -> str:
        return augmentation.fingerprint

    low, high = ENDS
    kinds = [(low, high), (low, high), (low + 1, high), (low, high + 1), (1, 112), (11, 12)]
    augmentations = [make(*ends) for ends in kinds]  # all at once, so that no two have the same address
    names = [call(fingerprint, augmentation) for augmentation in augmentations]
    expect(
        all(isinstance(name, str) for name in names),
        f"The fingerprint has to be a text, and yours is {describe(names[0])}.",
    )
    expect(
        names[0] == names[1],
        "Two augmentations with equal numbers have different fingerprints: nothing that is stored is found again.",
    )
    expect(
        len(set(names[1:4])) == 3,
        "Augmentations with other numbers have the same fingerprint: the store would return views of the wrong ones.",
    )
    expect(
        names[4] != names[5],
        "1 to 112 and 11 to 12 have the same fingerprint: the digits run together. Write something between them.",
    )


@exercise("What a view depends on must stand in the fingerprint; its chance must come from the seed and nothing else.")
def coarse(answer: Callable[[int, int], Augmentation]) -> str:
    """Exercise 2: an augmentation of one's own that the store and the training accept."""
    import skimage.data

    image = load_image(skimage.data.chelsea(), SIDE)

    def make(smallest: int, largest: int) -> Augmentation:
        return _make(answer, smallest, largest)

    sides = _sides(image, *ENDS, make)
    expect(len(set(sides)) > 1, f"All seeds gave a side of {sides[0]}. Let the seed decide between the two ends.")
    _sides(image, 30, 30, make)  # one side: both ends belong to it
    _check_fingerprints(make)
    return (
        f"{len(SEEDS)} seeds gave {len(set(sides))} different sides, the same ones each time, and the fingerprint tells "
        "them apart. `retrain(..., augmentation=Coarse(32, 96), views=3)` takes it like any of the twelve."
    )


@exercise("By picture: draw the pictures, then take all views of those that were drawn. Test on what was not drawn.")
def leak(reported: float, honest: float) -> str:
    """Exercise 3: the accuracy after a split of views at random, and after a split by picture."""
    band = bands("augmentation")
    by_view, by_picture, on_training = band["by_view"], band["by_picture"], band["on_training"]
    reported, honest = number(reported, "What is reported"), number(honest, "What is honest")
    expect(max(reported, honest) <= 1, "Give shares from 0 to 1, not percent.")
    expect(
        reported not in by_picture or honest not in by_view,
        "These two are the other way round: first what is reported after the split by views.",
    )
    for value in (reported, honest):
        expect(value not in on_training, f"{value:.3f} is what the views give that the head was trained on.")
    expect(
        reported not in by_picture,
        f"{reported:.3f} is what a split by picture gives. Draw the rows of `every_view`, whichever picture they are of.",
    )
    expect(
        honest not in by_view,
        f"{honest:.3f} for the second: views of its test pictures are among the training views still.",
    )
    expect(reported in by_view, f"{reported:.3f} is not what a split by views gives: that is {by_view}.")
    expect(honest in by_picture, f"{honest:.3f} is not what a split by picture gives: that is {by_picture}.")
    return (
        f"Reported {reported:.2f}, and on pictures that it has not seen {honest:.2f}. After the split by views, "
        f"{1 - (1 / 3) ** 3:.0%} of the test views show a picture that was trained on in another view. Split first, "
        "augment afterwards."
    )
