"""Checks of the exercises of lesson 07."""

import functools
import io
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from imgclass_course.datasets import SURPRISING, ImageFolder, assign_split, dataset_folder
from imgclass_course.exercises import call, describe, exercise, expect, number
from imgclass_course.images import resize_image

SIDE = 16  # pixels of each side at which this module compares drawings
NEAREST = 40  # pairs of different drawings that are most alike
EVERY = 12  # of so many drawings one is copied
MOVED_TO = "photos/"
PERCENTAGE = 15  # of validation pictures, and of test pictures
TRAIN, HELD_OUT = 1 - 2 * PERCENTAGE / 100, PERCENTAGE / 100
EXPECTED = 1 - TRAIN**2 - 2 * HELD_OUT**2  # the share that two independent draws put on different sides
NARROW = 150  # pixels


@functools.cache
def _clipart() -> ImageFolder:
    return ImageFolder.scan(dataset_folder("clipart"))


class Pair(NamedTuple):
    """Two drawings: their paths, and how far apart they are in grey levels, at `SIDE` x `SIDE`, one mirrored perhaps."""

    first: str
    second: str
    distance: float


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    small, other = (resize_image(image, SIDE).astype(int) for image in (first, second))
    return float(min(np.abs(small - turned).mean() for turned in (other, other[:, ::-1])))


@functools.cache
def _pairs() -> list[Pair]:
    """Return all pairs of different drawings that are among the most alike, then the one that is least alike."""
    paths = list(_clipart().readable["path"])
    small = np.stack([resize_image(_read(path), SIDE) for path in paths]).astype(np.float32)
    straight, mirrored = (values.reshape(len(paths), -1) for values in (small, small[:, :, ::-1]))
    distances = np.stack(
        [np.minimum(np.abs(straight - row).mean(axis=1), np.abs(mirrored - row).mean(axis=1)) for row in straight]
    )
    first, second = np.triu_indices(len(paths), k=1)
    order = np.argsort(distances[first, second])
    chosen = [*order[:NEAREST], order[-1]]
    return [Pair(paths[first[k]], paths[second[k]], float(distances[first[k], second[k]])) for k in chosen]


@functools.cache
def _read(path: str) -> np.ndarray:
    image = _clipart().picture(path).pixels()
    image.setflags(write=False)  # read once and given to the attendee's function again and again
    return image


@functools.cache
def _copies(mirrored: bool = False) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return drawings, each with a copy that was saved again, and each with one that was made smaller."""
    pairs = []
    for path in _clipart().readable["path"][::EVERY]:
        image, buffer = _read(path), io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=50)
        smaller = Image.fromarray(image).resize((image.shape[1] * 2 // 3, image.shape[0] * 2 // 3))
        turn = -1 if mirrored else 1
        pairs += [(image, np.asarray(copy)[:, ::turn]) for copy in (Image.open(buffer), smaller)]
    return pairs


def _alike(answer: Callable, first: np.ndarray, second: np.ndarray) -> bool:
    """Return what the attendee's function says of two pictures."""
    alike = call(answer, first, second)
    expect(isinstance(alike, bool | np.bool_), f"Return `True` or `False`; this is {describe(alike)}.")
    return bool(alike)


def _names(pairs: Sequence[Pair]) -> str:
    return " and ".join(f"`{path}`" for pair in pairs[:1] for path in (pair.first, pair.second))


@exercise(
    "Pictures can be subtracted where they have the same size, and as `int`, not as bytes. `image[:, ::-1]` is the "
    "picture in the mirror. Before you choose a limit, measure a copy, and a few pairs of drawings."
)
def look_alike(answer: Callable[[np.ndarray, np.ndarray], bool]) -> str:
    """Exercise 1: say whether two pictures show the same drawing, saved again, made smaller or mirrored perhaps."""
    *nearest, farthest = _pairs()
    copies, mirrored = _copies(), _copies(mirrored=True)
    drawing = copies[0][0]
    expect(_alike(answer, drawing, drawing.copy()), "You do not know a picture from itself: same pixels, and `False`.")
    expect(
        not _alike(answer, _read(farthest.first), _read(farthest.second)),
        f"`{farthest.first}` and `{farthest.second}` are the least alike of all, and you say that they are.",
    )
    brighter = np.maximum(drawing, 1)
    expect(
        _alike(answer, brighter, brighter - 1) == _alike(answer, brighter - 1, brighter),
        "Your answer depends on which picture comes first. Bytes cannot be negative: 3 - 5 became 254.",
    )
    upside_down = np.ascontiguousarray(drawing[::-1])
    expect(
        not _alike(answer, drawing, upside_down),
        "You take a drawing and the same one upside down for one: it matters not only which colours there are, but "
        "where they are.",
    )
    found = sum(_alike(answer, *pair) for pair in copies)
    expect(
        found > 0,
        "You find a picture again where every pixel is the same, as the digest does. Saved again as JPEG nearly every "
        "pixel is a little different.",
    )
    expect(found == len(copies), f"Too strict: you miss {len(copies) - found} of the {len(copies)} copies.")
    found = sum(_alike(answer, *pair) for pair in mirrored)
    expect(
        found > 0,
        "You find all copies that look the same way, and none in the mirror: compare with the other picture turned "
        "round, too, left to right.",
    )
    expect(
        found == len(mirrored),
        f"You find all copies that look the same way, and miss {len(mirrored) - found} of the {len(mirrored)} in the "
        "mirror. Turn the whole picture, and compare it as you did before, with the same limit.",
    )
    mistaken = [pair for pair in nearest if _alike(answer, _read(pair.first), _read(pair.second))]
    expect(
        not mistaken,
        f"Too loose: you find all copies, and take {len(mistaken)} of {len(nearest)} pairs of different drawings for "
        f"copies, too, such as {_names(mistaken)}.",
    )
    spread = max(_distance(*pair) for pair in (*copies, *mirrored))
    return (
        f"You find all {len(copies) + len(mirrored)} copies and take no two drawings for one. The digest finds none of "
        f"them, and so one can be in training and the other in test. At {SIDE} x {SIDE} pixels copies are at most {spread:.0f} "
        f"grey levels apart and different drawings at least {nearest[0].distance:.0f}: there is room for a limit."
    )


def _sides(folder: str, percentage: float = PERCENTAGE) -> np.ndarray:
    """Return the split of each drawing, drawn by its path, when the data set lies in `folder`."""
    return np.array([assign_split(folder + path, percentage, percentage) for path in _clipart().readable["path"]])


def _check_expected(expected: float, counted: float) -> None:
    """Raise `Off` unless `expected` is the share of pictures that is to be expected."""
    expect(0 <= expected <= 1, f"A share lies between 0 and 1, and this is {expected:g}. One per cent is 0.01.")
    mistakes = {
        counted: "is what you counted. What is to be expected of any folder, from 70, 15 and 15 % alone?",
        1 - TRAIN: "is the share outside training. Not all of these come from training, and some go back there.",
        1 - TRAIN**2: "counts all that are not in training both times. Some of these are on the same side twice.",
        TRAIN * (1 - TRAIN): "is the share that leaves training. Others change sides, too.",
        1 - TRAIN**2 - (1 - TRAIN) ** 2: "counts all that leave training or come into it. Some go from validation to "
        "the test, or back.",
        1 - EXPECTED: "is the share that stays.",
        2 / 3: "would be right if the three sides were equally large.",
    }
    for share, words in mistakes.items():
        expect(abs(expected - share) > 0.005, f"{expected:.3g} {words}")
    expect(abs(expected - EXPECTED) <= 0.01, f"{expected:.3g} is not what 70, 15 and 15 % make one expect.")


@exercise(
    "A picture stays where it was if both draws say training, or both validation, or both test: three products of two "
    "shares each. To count, give `assign_split` the path, 15 and 15, and compare the two lists."
)
def changed_sides(expected: float, changed: float) -> str:
    """Exercise 2: the share that a draw by path is expected to move, and the pictures of clipart that it moves."""
    before, after = _sides(""), _sides(MOVED_TO)
    truth = int((before != after).sum())
    learnt = int(((before == "train") & (after == "test")).sum())
    by_default = int((_sides("", 10) != _sides(MOVED_TO, 10)).sum())
    by_content = np.array([assign_split(digest, PERCENTAGE, PERCENTAGE) for digest in _clipart().readable["digest"]])
    expected, changed = number(expected, "The expected share"), number(changed, "What you counted")
    _check_expected(expected, truth / len(before))
    mistakes = {
        0: "No picture changed sides? So it is with the digest. Draw by the path, once without and once with the folder.",
        truth / len(before): "That is the share. How many pictures are these?",
        len(before) - truth: f"{changed:g} pictures stayed. How many changed sides?",
        learnt: f"{changed:g} went from training to test. Count every change.",
        by_default: f"{changed:g} change sides with 10 % each, as `assign_split` has it where it is told nothing else.",
        int((by_content != after).sum()): "You compared with the split by content. Draw by the path both times.",
    }
    for count, words in mistakes.items():
        expect(abs(changed - count) > 1e-6, words)
    expect(
        changed == truth,
        f"{changed:g} of {len(before)} pictures? It is another number: draw by the path with {PERCENTAGE}, {PERCENTAGE} and "
        f"no seed, draw by `{MOVED_TO}` and the path, and count where the two lists differ.",
    )
    return (
        f"{truth} of {len(before)} drawings change sides, a share of {truth / len(before):.3f} where {EXPECTED:.3f} was "
        f"expected. Of the {int((after == 'test').sum())} in the new test set, {learnt} were in training before: a "
        "network from before the move has learnt from them, and would be praised for it."
    )


@functools.cache
def _ways() -> dict[str, np.ndarray]:
    """Return for each way to choose a test set whether a drawing is in it."""
    table = _clipart().readable
    first_letters = table["path"].map(lambda path: (_clipart().root / path).name[0].lower())
    return {
        "every fourth": np.arange(len(table)) % 4 == 0,
        "a to f": first_letters.between("a", "f").to_numpy(),
        "narrow": (table["width"] < NARROW).to_numpy(),
    }


def _p_value(is_test: np.ndarray) -> float:
    from scipy.stats import chi2_contingency

    return float(chi2_contingency(pd.crosstab(_clipart().readable["label"], is_test)).pvalue)


def _check_p_value(answer: Callable[[np.ndarray], float]) -> None:
    """Raise `Off` unless the attendee's function gives the p-value of each way to choose a test set."""
    from scipy.stats import chi2_contingency, chisquare

    labels = _clipart().readable["label"]
    for name, is_test in _ways().items():
        value, truth = number(call(answer, is_test.copy()), "The p-value"), _p_value(is_test)
        counts = pd.crosstab(labels, is_test)
        if np.isclose(value, truth, rtol=1e-3, atol=1e-12):
            continue
        mistakes = {
            chi2_contingency(counts / counts.sum()).pvalue: "you gave the test shares. It needs counts: a difference "
            "between 3 and 6 pictures may be chance, one between 300 and 600 is none.",
            chi2_contingency(counts).statistic: "that is the statistic. The p-value stands beside it.",
            chisquare(counts[True]).pvalue: "you ask whether all classes are equally large in the test set. They need "
            "not be: the mix has to be that of the training pictures.",
            1 - truth: "that is 1 minus the p-value.",
        }
        for wrong, words in mistakes.items():
            expect(not np.isclose(value, wrong, rtol=1e-3, atol=1e-12), f"For `{name}` you get {value:.3g}: {words}")
        expect(False, f"For `{name}` the p-value is not {value:.3g}.")


def _check_caught(caught: Iterable[str]) -> None:
    """Raise `Off` unless `caught` names the ways that the test objects to."""
    is_collection = isinstance(caught, set | frozenset | list | tuple)
    expect(is_collection, f"`caught` has to be a set of names, and this is {describe(caught)}.")
    names = ", ".join(_ways())
    expect(set(map(str, caught)) <= set(_ways()), f"`caught` may hold these names: {names}.")
    p_values = {name: _p_value(is_test) for name, is_test in _ways().items()}
    expect(
        "every fourth" not in caught,
        f"A p-value of {p_values['every fourth']:.2f} is not surprising. A small one is.",
    )
    expect(
        "a to f" not in caught,
        f"{p_values['a to f']:.3f} is below 0.05, but not below SURPRISING, {SURPRISING}. One fair draw in "
        f"{1 / p_values['a to f']:.0f} looks like this, and who checks often, sees it often.",
    )
    expect("narrow" in caught, "One is missing: whose p-value is below SURPRISING?")


@exercise(
    "`pd.crosstab(labels, is_test)` counts the pictures of each class on both sides, and the test that `split_p_value` "
    "calls takes such a table."
)
def mix_of_classes(answer: Callable[[np.ndarray], float], caught: Iterable[str]) -> str:
    """Exercise 3: the p-value of the chi-squared test of the mix of classes, and whom it catches."""
    _check_p_value(answer)
    _check_caught(caught)
    narrow = pd.Series(_ways()["narrow"]).groupby(_clipart().readable["label"]).mean()
    return (
        f"Only `narrow`: {narrow.max():.0%} of the {narrow.idxmax()} are narrow and {narrow.min():.0%} of the "
        f"{narrow.idxmin()}, so this test set has another mix of classes. Every fourth is even more alike than chance "
        "would have it, for a class lies together in the table. And silence proves nothing: the test sees classes, and "
        "not that one side has, say, all pictures of one camera."
    )
