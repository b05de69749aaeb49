"""Checks of the exercises of lesson 04."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from imgclass_course.exercises import answered, call, describe, exercise, expect, number
from imgclass_course.images import resize_image, scale_to_range
from imgclass_course.mobilenet import embedded_weights, mobilenet_cost, mobilenet_features

SIDE = 224  # pixels, as in the lesson
CLOSE = 0.003  # two ways to compute the same cosine
TOP1 = {  # the published table: the share of ImageNet's validation photos that is named right, % by width and side
    1.00: {224: 70.9, 192: 70.0, 160: 68.0, 128: 65.2},
    0.75: {224: 68.4, 192: 67.2, 160: 65.3, 128: 62.1},
    0.50: {224: 63.3, 192: 61.7, 160: 59.1, 128: 56.3},
    0.25: {224: 49.8, 192: 47.7, 160: 45.5, 128: 41.5},
}
BUDGETS = (100_000_000, 200_000_000, 105_000_000, 20_000_000)  # multiply-adds per picture
PUBLISHED_TOO_CHEAP = (0.75, 128)  # 104 million in the published table


def _pictures() -> dict[str, np.ndarray]:
    """Return the cat, and the three changed ones."""
    import skimage.data

    cat = skimage.data.chelsea()
    grey = np.repeat(cat.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    return {"as it is": cat, "upside down": cat[::-1], "mirrored": cat[:, ::-1], "grey": grey}


def _features(
    pictures: Sequence[np.ndarray], low: float = 0.0, high: float = 1.0, side: int | None = SIDE
) -> np.ndarray:
    """Return the feature vectors of pictures whose bytes became values from `low` to `high`."""
    sized = [resize_image(picture, side) if side else picture for picture in pictures]
    return mobilenet_features(scale_to_range(np.stack(sized), low, high), embedded_weights()).numpy()


@functools.cache
def _features_of_pictures() -> np.ndarray:
    return _features(list(_pictures().values()))


def _cosines(features: np.ndarray) -> np.ndarray:
    """Return the cosine of the first vector with each of the others."""
    directions = features / np.linalg.norm(features, axis=1, keepdims=True)
    return directions[1:] @ directions[0]


def _judge_cosine(found: float, features: np.ndarray, pair: Sequence[np.ndarray]) -> str:
    """Return what the mistake was that gave `found` in place of the cosine of the two `features`."""
    cosine, product = _cosines(features)[0], features[0] @ features[1]
    mistakes = [
        (1 - cosine, "1 minus the cosine, a distance. Return the cosine itself."),
        (np.arccos(cosine), "the angle itself. Its cosine is asked."),
        (product, "the product of the vectors. Their lengths are still in it: divide by both."),
        (_cosines(_features(pair, 0, 255))[0], "what pixels from 0 to 255 give. The network wants them from 0 to 1."),
        (_cosines(_features(pair, -1, 1))[0], "what pixels from -1 to 1 give. The network scales to these by itself."),
        (_cosines(_features(pair, side=None))[0], f"that of pictures of full size. Resize to {SIDE} pixels first."),
    ]
    named = [words for value, words in mistakes if abs(found - value) <= CLOSE * max(1.0, abs(value))]
    return f"That is {named[0]}" if named else "It is another number than the cosine of the two feature vectors."


@exercise("Resize both pictures, scale them to [0, 1], and stack them: `mobilenet_features` gives a vector for each.")
def similarity(answer: Callable[[np.ndarray, np.ndarray], float], minds_most: str) -> str:
    """Exercise 1: how similar two pictures are to the network, and which change it minds most."""
    pictures = _pictures()
    names = list(pictures)[1:]
    features = _features_of_pictures()
    truth = dict(zip(names, _cosines(features), strict=True))
    for row, name in enumerate(names, start=1):
        pair = [pictures["as it is"], pictures[name]]
        found = number(call(answer, *pair), "The similarity")
        right = abs(found - truth[name]) <= CLOSE
        expect(
            right, "" if right else f"Cat and cat {name}: {found:.3f}? {_judge_cosine(found, features[[0, row]], pair)}"
        )
    expect(
        isinstance(minds_most, str) and minds_most in names,
        f"The function is right. Now name what the network minds most: one of {', '.join(names)}.",
    )
    least = min(truth, key=lambda name: truth[name])
    expect(
        minds_most == least,
        f"The function is right, but {minds_most} is not what it minds most. Which cosine is least?",
    )
    measured = ", ".join(f"{name} {cosine:.2f}" for name, cosine in truth.items())
    return (
        f"{measured}. Cats in photos look to either side, and seldom stand on their heads: the network has learned what "
        "its photos show."
    )


def _vectors() -> tuple[np.ndarray, np.ndarray]:
    """Return vectors of many lengths in three overlapping classes, and their labels."""
    generator = np.random.default_rng(0)
    labels = np.repeat(["birds", "fruit", "vehicles"], 20)
    directions = np.repeat(generator.random((3, 8)), 20, axis=0) + 1.2 * generator.random((60, 8))
    return directions * generator.uniform(0.3, 3, (60, 1)), labels


def _nearest(similarity: np.ndarray) -> np.ndarray:
    """Return for each row the most similar other row."""
    return np.where(np.eye(len(similarity), dtype=bool), -np.inf, similarity).argmax(axis=1)


def _by_cosine(vectors: np.ndarray) -> np.ndarray:
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return _nearest(directions @ directions.T)


def _as_rows(result: Any, count: int) -> set[int]:  # whatever the attendee returns
    """Return the row numbers in `result`. Raises `Off` where it holds something else."""
    try:
        rows = np.asarray(result)
    except ValueError:  # rows of several lengths
        rows = np.empty((1, 1), dtype=object)
    expect(rows.dtype != bool, "That is a yes or no for each picture. `np.flatnonzero` gives the numbers of the yeses.")
    expect(rows.size > 0, "You found none at all. Did each picture find itself as its nearest?")
    whole = rows.ndim == 1 and np.issubdtype(rows.dtype, np.integer)
    expect(whole, f"Return row numbers, in one dimension. This is {describe(result)}.")
    expect(0 <= rows.min() and rows.max() < count, f"Rows go from 0 to {count - 1}, and yours to {rows.max()}.")
    return set(rows.tolist())


@exercise("Divide each vector by its length, compare all with all, and put -1 on the diagonal, as the lesson did.")
def strangers(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> str:
    """Exercise 2: the pictures whose nearest neighbour is of another class."""
    vectors, labels = _vectors()
    found = _as_rows(call(answer, vectors.copy(), labels.copy()), len(labels))

    def rows_of(nearest: np.ndarray) -> set[int]:
        return set(np.flatnonzero(labels[nearest] != labels).tolist())

    nearest = _by_cosine(vectors)
    truth, all_rows = rows_of(nearest), set(range(len(labels)))
    distance = np.linalg.norm(vectors[:, None] - vectors, axis=2)
    expect(
        found != rows_of(_nearest(vectors @ vectors.T)), "Long vectors are near to all in your way: divide by length."
    )
    expect(
        found != rows_of(_nearest(-distance)), "That is by distance, in which the lengths count. Compare directions."
    )
    expect(found != all_rows - truth, "These are the others: those whose nearest neighbour is of the same class.")
    expect(
        found != set(nearest[sorted(truth)].tolist()), "These are the neighbours. Return the pictures that have them."
    )
    expect(found == truth, f"{len(found - truth)} of your rows are wrong, and {len(truth - found)} are missing.")
    return (
        f"{len(truth)} of these {len(labels)} vectors live among strangers. Among pictures, look at such rows "
        "first: wrong labels show up there, and the kinds that a classifier will confuse."
    )


def _top1(member: tuple[float, int]) -> float:
    return TOP1[member[0]][member[1]]


def _best(budget: float) -> tuple[float, int]:
    """Return width and side of the most accurate member of the family that costs at most `budget`."""
    members = [(width, side) for width, sides in TOP1.items() for side in sides]
    return max((member for member in members if mobilenet_cost(*member)[0] <= budget), key=_top1)


def _as_member(result: Any) -> tuple[float, int]:  # whatever the attendee returns
    """Return width and side as plain numbers. Raises `Off` where they are not of the family."""
    has_parts = isinstance(result, tuple | list) or getattr(result, "ndim", 0) == 1
    expect(has_parts and len(result) == 2, f"Return two numbers, width and side. This is {describe(result)}.")
    answered(*result)
    width, side = (number(part, f"The {name}") for part, name in zip(result, ("width", "side"), strict=True))
    expect(side not in TOP1 or width not in TOP1[1.0], "First the width, then the side.")
    expect(width in TOP1 and side in TOP1[1.0], f"Width {width:g} and side {side:g}: the table has no such network.")
    return width, int(side)


@exercise(
    "Keep the rows of `grid` that the budget allows, by the computed price, and take the one with the best top-1."
)
def best_member(answer: Callable[[float], tuple[float, int]]) -> str:
    """Exercise 3: the most accurate MobileNet that a budget allows."""
    for budget in BUDGETS:
        member, truth = _as_member(call(answer, budget)), _best(budget)
        cost, millions = mobilenet_cost(*member)[0], budget / 1e6
        chosen = f"For {millions:.0f} million you took width {member[0]:g} at {member[1]} pixels."
        expect(
            cost <= budget or member != PUBLISHED_TOO_CHEAP or budget < 104e6,
            f"{chosen} So cheap is it only in the published column; computed, it costs {cost / 1e6:.0f} million.",
        )
        expect(
            cost <= budget,
            f"{chosen} It costs {cost / 1e6:.0f} million. (The budget is given in ones, not in millions.)",
        )
        expect(
            _top1(member) >= _top1(truth) or cost < mobilenet_cost(*truth)[0],
            f"{chosen} It is the dearest that fits, and another one names more photos right for less.",
        )
        expect(
            member == truth,
            f"{chosen} Another one that fits names more right, by {_top1(truth) - _top1(member):.1f} points.",
        )
    phone, tablet = (_best(budget) for budget in BUDGETS[:2])
    return (
        f"For 100 million: width {phone[0]:g} at {phone[1]} pixels, {_top1(phone)} %. For 200 million it is width "
        f"{tablet[0]:g} at {tablet[1]} ({_top1(tablet)} %), and not the full width at 128 ({_top1((1.0, 128))} %), which "
        f"costs more. The dearest that fits is not always the best."
    )
