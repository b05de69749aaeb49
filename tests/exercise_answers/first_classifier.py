"""Answers to the exercises of lesson 00, trained with a small network and without TensorFlow."""

from collections.abc import Sequence
from typing import Any

import skimage.data
from support import SMALL

from imgclass_course import retrain
from imgclass_course.showing import list_drawings

from . import Answers


def train(pictures: Sequence, labels: Sequence[str], testing_percentage: float = 25) -> Any:
    options = {"backbone": SMALL, "head": "logistic", "validation_percentage": 0}
    return retrain(pictures, labels, testing_percentage=testing_percentage, **options)


def pair(*kinds: str) -> Any:
    return train(*list_drawings(*kinds))


PICTURES, LABELS = list_drawings()
CAT = skimage.data.chelsea()
PIECES = [CAT[:, start : start + 200] for start in range(0, 250, 25)]
WHOLE, HALF = train(PICTURES, LABELS), train(PICTURES[::2], LABELS[::2])
EASY, HARD = pair("homes", "mammals"), pair("birds", "bugs")
WITH_CATS = train([*PICTURES, *PIECES], [*LABELS, *["cats"] * 10])

ANSWERS = {
    "half_the_pictures": Answers(
        right=[(0.6, HALF), (0, HALF), (1, train(PICTURES[1::2], LABELS[1::2]))],
        wrong={
            "write 0.5 for 50 %": (60, HALF),
            "has to be one number": ("60 %", HALF),
            "its first half holds": (0.6, train(PICTURES[:230], LABELS[:230])),
            "all or most of them": (0.6, WHOLE),
            "far less than half": (0.6, train(PICTURES[::8], LABELS[::8])),
            "luck decides": (0.6, train(PICTURES[::2], LABELS[::2], 8)),
            "the whole of what": (0.6, 0.65),
        },
    ),
    "easy_and_hard": Answers(
        right=[(EASY, HARD)],
        wrong={
            "Train it on two": (EASY, WHOLE),
            "Choose another pair": (EASY, EASY),
            "Exchange them": (HARD, EASY),
            "equally hard": (EASY, pair("drinks", "mammals")),
            "Choose two of the ten": (EASY, train(list_drawings("birds", "bugs")[0], ["a"] * 38 + ["b"] * 44)),
            "luck decides": (EASY, train(*list_drawings("bugs", "mammals"), 6)),
            "the whole of what": (0.9, 0.8),
        },
    ),
    "own_class": Answers(
        right=[("drinks", WITH_CATS), ("cats", WITH_CATS)],
        wrong={
            "a label that no drawing has": ("drinks", WHOLE),
            "all of them the same one": (
                "cats",
                train([*PICTURES, *PIECES], [*LABELS, *["cats"] * 5, *["kittens"] * 5]),
            ),
            "drawings are missing": ("cats", train([*PICTURES[:38], *PIECES], [*LABELS[:38], *["cats"] * 10])),
            "give it 10": ("cats", train([*PICTURES, *PIECES[:5]], [*LABELS, *["cats"] * 5])),
            "one of its classes": ("espresso", WITH_CATS),
            "the whole of what": ("cats", "cats"),
        },
    ),
}
