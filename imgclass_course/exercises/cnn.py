"""Checks of the exercises of lesson 03."""

import functools
import json
from collections.abc import Callable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from imgclass_course.cnn import convolve
from imgclass_course.datasets import load_fashion
from imgclass_course.evaluation import resampled_interval, verdict
from imgclass_course.exercises import Off, answered, bands, call, describe, exercise, expect, number
from imgclass_course.images import scale_to_range

if TYPE_CHECKING:
    import keras

MOVED_BY = 3  # pixels
SOFTENED = 0.8  # of the noise in a picture: a filter that leaves more is not called a blur
FILTERS, LEARNING_RATE, BATCH_SIZE = (8, 16, 32), 0.002, 64  # of the lesson's network
TRAINING = 5000  # pictures that the lesson trains on; the other 1,000 are for validation
EPOCHS = 8  # that exercise 2 asks for
SIDEWAYS, UPWARDS = ("left", "right"), ("up", "down")
NOT_MOVED = "not at all"
CLASSES = 10
PUBLISHED = 0.925  # of a small network after all 60,000 training pictures, not moved; on the data set's own page
NETWORKS = (
    ((28, 28, 1), (16, 32, 64)),
    ((28, 28, 1), (32, 64, 128)),
    ((64, 64, 3), (16, 32, 64)),
    ((30, 50, 3), (8, 12)),
)
EVEN, LINE, EDGE, NOISE = "even", "line", "edge", "noise"


def _surfaces() -> dict[str, np.ndarray]:
    """Return small grey pictures: even, with an upright line in column 4, an upright edge, and noise."""
    even = np.full((9, 9, 1), 0.2, np.float32)
    line, edge = even.copy(), even.copy()
    line[:, 4] += 0.5
    edge[:, 4:] += 0.5
    noise = np.random.default_rng(0).normal(size=(200, 200, 1)).astype(np.float32)
    return {EVEN: even, LINE: line, EDGE: edge, NOISE: noise}


def _square(answer: Any, what: str) -> np.ndarray:  # whatever the attendee gives
    """Return `answer` as a filter of 3 x 3 numbers. Raises `Off` for anything else."""
    try:
        square = np.asarray(answer, np.float32)
    except (TypeError, ValueError, OverflowError):
        raise Off(f"The {what} filter has to be 3 x 3 numbers, and this is {describe(answer)}.") from None
    if square.shape == (3, 3, 1, 1):
        square = square[:, :, 0, 0]
    is_right = square.shape == (3, 3) and bool(np.isfinite(square).all())
    expect(is_right, f"The {what} filter has to be 3 x 3 numbers, and this is {describe(answer)}.")
    return square


def _responses(square: np.ndarray, images: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: convolve(image, square[:, :, None, None])[:, :, 0] for name, image in images.items()}


def _check_line(square: np.ndarray) -> tuple[float, float]:
    """Return what a filter answers to a bright upright line, and to an edge. Raises `Off` unless it finds such lines."""
    found = _responses(square, _surfaces())
    at_line, to_edge = float(found[LINE][0, 3]), float(np.abs(found[EDGE]).max())
    beside = max(found[LINE].flat, key=abs)
    lying = _responses(square.T, _surfaces())[LINE]
    expect(
        np.abs(found[EVEN]).max() < 1e-3,
        f"Your line filter answers {found[EVEN][0, 0]:+.2f} to an even grey of 0.2, where there is no line: its "
        f"weights add up to {square.sum():g}.",
    )
    expect(
        abs(beside) > 1e-3 or np.abs(lying).max() < 1e-3,
        "Your filter is blind to upright lines and finds those that lie flat. Turn it.",
    )
    expect(abs(beside) > 1e-3, "Your line filter is blind to upright lines: it answers 0 all over.")
    expect(
        abs(at_line) >= abs(beside) - 1e-3,
        f"Your line filter answers {at_line:+.2f} on the line and {beside:+.2f} beside it: it finds edges, and a line "
        "has two of them.",
    )
    expect(at_line > 0, f"Your filter answers {at_line:+.2f} to a bright line, and is positive on dark ones.")
    expect(
        at_line > 1.5 * to_edge,
        f"Your line filter answers {at_line:.2f} to a line and as much as {to_edge:.2f} to an edge of the same contrast.",
    )
    return at_line, to_edge


def _check_blur(square: np.ndarray) -> float:
    """Return the share of noise that a filter leaves. Raises `Off` unless it blurs."""
    total = float(square.sum())
    expect(
        abs(total - 1) < 0.01,
        f"The weights of your blur add up to {total:.3g}: an even surface comes out {total:.3g} times as bright.",
    )
    images = _surfaces()
    left = float(_responses(square, images)[NOISE].std() / images[NOISE].std())
    expect(
        left < 1.01, f"This sharpens: of the noise in a picture your blur leaves {left:.0%}. It has weights below 0."
    )
    expect(
        left < SOFTENED,
        f"Nearly one weight alone: of the noise in a picture your blur leaves {left:.0%}. Blurring takes a mean of "
        "several pixels.",
    )
    return left


@exercise(
    "The edge filter of the lesson has -1 in one column and 1 in another. What must a filter have in the middle column "
    "and beside it, and what must the sums be on an even surface?"
)
def line_and_blur(line_filter: np.ndarray, blur_filter: np.ndarray) -> str:
    """Exercise 1: a filter that finds bright upright lines one pixel wide, and one that blurs."""
    at_line, to_edge = _check_line(_square(line_filter, "line"))
    left = _check_blur(_square(blur_filter, "blur"))
    return (
        f"The line filter answers {at_line:.2f} to a line and at most {to_edge:.2f} to an edge. Its weights add up to 0: "
        "what is the same everywhere is no line, however bright. Those of the blur add up to 1, so it keeps what is "
        f"the same everywhere, and leaves {left:.0%} of the noise."
    )


@functools.cache
def load_pictures(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the clothes that come along and their classes: float32 [n, 28, 28, 1] in [0, 1], and int [n].

    `part` is "train" or "test".
    """
    fashion = load_fashion()
    images, labels = (getattr(fashion, f"{part}_{what}") for what in ("images", "labels"))
    return scale_to_range(images)[..., None], labels.astype(int)


def move(images: np.ndarray, pixels: int, axis: int) -> np.ndarray:
    """Return `images` moved along an axis: what leaves the picture is gone, and what comes in is black."""
    moved = np.zeros_like(images)
    there, here = [slice(None)] * images.ndim, [slice(None)] * images.ndim
    there[axis] = slice(max(pixels, 0), images.shape[axis] + min(pixels, 0))
    here[axis] = slice(max(-pixels, 0), images.shape[axis] - max(pixels, 0))
    moved[tuple(there)] = images[tuple(here)]
    return moved


@functools.cache
def _moved_pictures() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the test pictures, moved by `MOVED_BY` pixels to each side and not moved, and their classes."""
    images, labels = load_pictures("test")
    shifts = {"left": (2, -MOVED_BY), "right": (2, MOVED_BY), "up": (1, -MOVED_BY), "down": (1, MOVED_BY)}
    moved = {side: move(images, shift, axis) for side, (axis, shift) in shifts.items()}
    return {NOT_MOVED: images, **moved}, labels


def accuracies_when_moved(model: "keras.Model") -> dict[str, float]:
    """Return a model's accuracy on the test pictures moved to each side, and not moved."""
    moved, labels = _moved_pictures()
    logits = np.asarray(model.predict(np.concatenate(list(moved.values())), verbose=0))
    right = logits.reshape(len(moved), len(labels), -1).argmax(axis=2) == labels
    return dict(zip(moved, right.mean(axis=1).tolist(), strict=True))


def _check_network(model: Any) -> None:  # whatever the attendee gives
    """Raise `Off` unless `model` makes ten numbers of a picture."""
    expect(hasattr(model, "predict"), f"`sturdy` has to be a network, and this is {describe(model)}.")
    pictures = _moved_pictures()[0][NOT_MOVED][:2]
    try:
        shape = np.shape(model.predict(pictures, verbose=0))
    except Exception as error:  # Keras raises many kinds
        raise Off(f"`sturdy` cannot be given pictures of 28 x 28 x 1: {type(error).__name__}.") from error
    expect(shape == (2, CLASSES), f"For 2 pictures `sturdy` gives the shape {shape}. It needs {CLASSES} outputs.")


def _check_sturdy(sideways: dict[str, float], upwards: dict[str, float]) -> None:
    """Raise `Off` unless these are accuracies of a network that was trained on pictures moved sideways."""
    band, low = bands("cnn"), min(sideways.values())
    found = ", ".join(f"{accuracy:.3f} moved {side}" for side, accuracy in sideways.items())
    expect(
        max(sideways.values()) > 0.35,
        f"{found}: little better than guessing. Are the pictures in [0, 1], in the order of their labels, and was it "
        "`sturdy` that you trained?",
    )
    expect(
        low < PUBLISHED,
        f"{found}: better than a published network with ten times the pictures. Has it seen the test pictures?",
    )
    if low >= band["sideways"].low:
        return
    expect(
        low not in band["one_side"] or max(sideways.values()) < band["sideways"].low,
        f"{found}: it knows pictures moved to one side only.",
    )
    on_end = min(upwards.values())
    expect(  # the two bands come close to each other, and an unmoved network must not be told a wrong reason
        on_end < max(band["upwards"].low, band["unmoved_upwards"].high),
        f"{found}, but {on_end:.3f} moved up or down: your pictures moved along the wrong axis.",
    )
    expect(
        low not in band["unmoved"],
        f"{found}: no better than a network that never saw a moved picture, for which {band['unmoved']} is usual.",
    )
    expect(False, f"{found}: {band['sideways']} is usual after {EPOCHS} epochs.")


def _check_blame(to_blame: Any) -> None:  # whatever the attendee gives
    """Raise `Off` unless `to_blame` names the part of the network that minds where a thing is."""
    is_name = isinstance(to_blame, str) and to_blame in ("convolutions", "dense layer")
    expect(is_name, f'`to_blame` is "convolutions" or "dense layer", and this is {describe(to_blame)}.')
    expect(
        to_blame == "dense layer",
        "Move a picture by eight pixels, so that each pooling moves by whole squares, and slide a filter over it: the map "
        "is the same, eight pixels further on. Which part of the network has another weight for each place?",
    )


@exercise(
    "A filter has the same nine weights everywhere. And the dense layer? For the pictures: each needs a number of pixels of "
    "its own, drawn from -3 to 3, and keeps its label. `moved` wants a batch, so give it `image[None]`."
)
def moved_pictures(to_blame: str, sturdy: "keras.Model") -> str:
    """Exercise 2: which part of the network minds where things are, and a network that hardly does."""
    _check_blame(to_blame)
    _check_network(sturdy)
    accuracies = accuracies_when_moved(sturdy)
    sideways, upwards = ({side: accuracies[side] for side in sides} for sides in (SIDEWAYS, UPWARDS))
    _check_sturdy(sideways, upwards)
    return (
        "A filter is the same everywhere, so its map moves along with the picture. (The poolings spoil that a little, as "
        "they only move in steps.) But the dense layer after them has a weight per place again, and must be taught. Yours "
        f"is right on {sideways['left']:.3f} of the pictures moved to the left and {sideways['right']:.3f} to the right, "
        f"and on {min(upwards.values()):.3f} moved up or down, which it never saw."
    )


def load_trials() -> pd.DataFrame:
    """Return what `scripts/bands/cnn.py` measured beforehand: a row for each training of each network.

    Columns: network, seed, parameters, training (accuracy on the pictures that it was trained on), accuracy (on others).
    """
    text = resources.files(__package__).joinpath("cnn_trials.json").read_text(encoding="utf-8")
    return pd.DataFrame(json.loads(text))


def compare_trials(base: str, of: str = "accuracy") -> pd.DataFrame:
    """Return by how much the networks differ from the network `base`, with 95 % intervals.

    `of` is "accuracy", on new pictures, which gets a verdict, or "gap": by how much the accuracy on the pictures that
    were trained on is higher. A row for each network: difference, low, high, and verdict. All were trained on the same
    parts of the pictures, and the interval is about other parts and other seeds.
    """
    trials = load_trials().assign(gap=lambda table: table["training"] - table["accuracy"])
    values = trials.pivot(index="seed", columns="network", values=of)
    differences = values.drop(columns=base).sub(values[base], axis=0)
    judged = 1 - TRAINING / sum(len(load_pictures(part)[1]) for part in ("train", "test"))
    found = {name: resampled_interval(column.to_numpy(), judged) for name, column in differences.items()}
    table = pd.DataFrame.from_dict(found, "index", columns=["difference", "low", "high"])
    return table.assign(verdict=[verdict(one) for one in found.values()]) if of == "accuracy" else table


class _Convolution(NamedTuple):
    places: int  # pixels that it slides over
    pooled: int  # pixels that the pooling leaves
    depth: int  # of its filters
    filters: int


def _convolutions(image_shape: tuple[int, int, int], filters: Sequence[int]) -> list[_Convolution]:
    """Return the convolutions of the lesson's network, each followed by a pooling that halves, rounding down."""
    height, width, depth = image_shape
    result = []
    for count in filters:
        result.append(_Convolution(height * width, (height // 2) * (width // 2), depth, count))
        height, width, depth = height // 2, width // 2, count
    return result


def costs(image_shape: tuple[int, int, int], filters: Sequence[int]) -> tuple[int, int]:
    """Return how many parameters the lesson's network has, and its multiply-adds for one picture."""
    convolutions = _convolutions(image_shape, filters)
    reach = convolutions[-1].pooled * convolutions[-1].filters
    parameters = sum((9 * layer.depth + 1) * layer.filters for layer in convolutions) + (reach + 1) * CLASSES
    work = sum(layer.places * 9 * layer.depth * layer.filters for layer in convolutions) + reach * CLASSES
    return parameters, work


def _wrong_parameters(layers: list[_Convolution]) -> dict[str, int]:
    """Return what typical mistakes make of the number of parameters."""
    convolutions = sum((9 * layer.depth + 1) * layer.filters for layer in layers)
    biases = sum(layer.filters for layer in layers) + CLASSES
    flat = sum((9 + 1) * layer.filters for layer in layers)
    dense = (layers[-1].pooled * layers[-1].filters + 1) * CLASSES
    unpooled = (layers[0].places * layers[-1].filters + 1) * CLASSES
    return {
        "You left out the biases, one per filter and one per output.": convolutions + dense - biases,
        "A filter is as deep as what it slides over, and yours are 1 deep.": flat + dense,
        "You left out the dense layer.": convolutions,
        "The maps that reach your dense layer are too large: each pooling halves them.": convolutions + unpooled,
    }


def _wrong_work(layers: list[_Convolution]) -> dict[str, int]:
    """Return what typical mistakes make of the multiply-adds."""
    weights = [9 * layer.depth * layer.filters for layer in layers]
    dense = layers[-1].pooled * layers[-1].filters * CLASSES
    work = sum(layer.places * count for layer, count in zip(layers, weights, strict=True))
    pooled = sum(layer.pooled * count for layer, count in zip(layers, weights, strict=True))
    biases = sum(layer.places * layer.filters for layer in layers) + CLASSES
    return {
        "A convolution slides over the maps as they are before its own pooling.": pooled + dense,
        "Your maps stay as large as the picture: each pooling halves them.": layers[0].places * sum(weights) + dense,
        "A multiplication and the addition after it count as one.": 2 * (work + dense),
        "You left out the dense layer.": work,
        "Biases are added, and nothing is multiplied.": work + dense + biases,
        "You use each weight once, and a convolution uses it at every place.": sum(weights) + dense,
    }


@exercise(
    "Three things change from one convolution to the next: the height and the width of the maps, halved and rounded down, "
    "and their number, which is the depth of the next filters."
)
def cost_by_hand(answer: Callable[[tuple[int, int, int], Sequence[int]], tuple[int, int]]) -> str:
    """Exercise 3: parameters and multiply-adds of the lesson's network, from the shape and the numbers of filters."""
    for image_shape, filters in NETWORKS:
        given = f"For pictures of {' x '.join(map(str, image_shape))} and the filters {filters}"
        result = call(answer, image_shape, filters)
        expect(
            isinstance(result, tuple | list | np.ndarray) and len(result) == 2,
            "Return two numbers: parameters, multiply-adds.",
        )
        answered(*result)
        layers, truth = _convolutions(image_shape, filters), costs(image_shape, filters)
        mistakes = (_wrong_parameters(layers), _wrong_work(layers))
        for what, value, right, wrong in zip(("parameters", "multiply-adds"), result, truth, mistakes, strict=True):
            value = number(value, f"The number of {what}")
            expect(value == int(value), f"{given} you count {value:,} {what}: half a pixel at the edge is left out.")
            reason = next((words for words, count in wrong.items() if count == value != right), "")
            expect(value == right, f"{given} you count {value:,.0f} {what}, and it is another number. {reason}".strip())
    (parameters, work), (more_parameters, more_work) = (costs(*network) for network in NETWORKS[:2])
    return (
        f"Twice as many filters everywhere are {more_parameters / parameters:.1f} times the parameters and "
        f"{more_work / work:.1f} times the multiply-adds: in the middle there are twice as many filters, and each is "
        "twice as deep."
    )
