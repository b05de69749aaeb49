"""Checks of the exercises of lesson 14, and what was trained for it beforehand."""

import json
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from imgclass_course.exercises import Off, call, describe, exercise, expect

WITHOUT_WEIGHTS = ("relu", "maxpool", "avgpool")
CHILDREN = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc")  # of ResNet18


def load_trials() -> pd.DataFrame:
    """Return what `scripts/measure_fine_tuning.py` measured: a row for each training.

    Columns: pictures ("clip art" or "textile"), count ("few" or "many"), draw, way, accuracy on the test pictures.
    """
    text = resources.files(__package__).joinpath("fine_tuning_trials.json").read_text(encoding="utf-8")
    return pd.DataFrame(json.loads(text))


def load_backbone_answers() -> dict[str, np.ndarray]:
    """Return by backbone whether each drawing was named rightly over five folds, bool [n], in the order of their paths."""
    text = resources.files(__package__).joinpath("fine_tuning_backbones.json").read_text(encoding="utf-8")
    return {name: np.array([mark == "1" for mark in marks]) for name, marks in json.loads(text).items()}


@exercise(
    "When `ct < limit` is asked for the first time, `ct` is 1 already. For which child is it false for the first time? "
    "And which layers of a network have nothing to learn?"
)
def really_frozen(answer: Callable[[Sequence[str], int], Sequence[str]]) -> str:
    """Exercise 1: the children of ResNet18 that a loop freezes and that have weights."""
    for limit in (7, 5, 2, 1, 9):
        found = call(answer, list(CHILDREN), limit)
        expect(isinstance(found, list | tuple), f"A list of names is wanted, and this is {describe(found)}.")
        names, truth = [str(name) for name in found], _frozen(CHILDREN[: limit - 1])
        if names == truth:
            continue
        where = f"For ct < {limit} you return {names}."
        expect(
            names != _frozen(CHILDREN[:limit]), f"{where} `ct` is 1 at the first child: you took one child too many."
        )
        expect(
            names != list(CHILDREN[: limit - 1]),
            f"{where} These are frozen, but ReLU and pooling have nothing to learn.",
        )
        expect(
            names != list(CHILDREN[:limit]), f"{where} One child too many, and ReLU and pooling have nothing to learn."
        )
        expect(names != _frozen(CHILDREN[limit - 1 :]), f"{where} These go on learning. Which are frozen?")
        raise Off(f"{where} {len(truth)} names are right.")
    names = _frozen(CHILDREN[:6])
    return (
        f"Of the first six children, {', '.join(names)} have weights: four, and not seven. What goes on learning are layer3, "
        "layer4 and fc, which is more than nine tenths of ResNet18's weights. So the report froze very little."
    )


def _frozen(children: Sequence[str]) -> list[str]:
    return [name for name in children if name not in WITHOUT_WEIGHTS]


@exercise(
    "Bring the maps into the shape [n, height * width, channels] first. `np.sort` sorts along an axis, smallest first: "
    "the k largest are the last ones."
)
def pool_top(answer: Callable[[np.ndarray, int], np.ndarray]) -> str:
    """Exercise 2: the mean of the k largest values of each map."""
    generator = np.random.default_rng(5)
    for shape, k in (((3, 4, 5, 2), 3), ((2, 3, 3, 4), 1), ((2, 2, 4, 3), 8)):
        maps = generator.normal(size=shape)
        truth = _top(maps, k)
        found = _as_array(call(answer, maps.copy(), k))
        where = f"For maps of shape {shape} and k = {k}"
        if found.shape == truth.shape and np.allclose(found, truth, atol=1e-5):
            continue
        rows, columns = shape[0], shape[-1]
        expect(
            found.shape == (rows, columns),
            f"{where} the shape {(rows, columns)} is wanted, and yours is {found.shape}.",
        )
        expect(not np.allclose(found, -_top(-maps, k)), f"{where} you took the smallest values, not the largest.")
        expect(not np.allclose(found, k * truth), f"{where} you added the values up: the mean is wanted.")
        expect(
            not np.allclose(found, _kth(maps, k)), f"{where} you took the k-th largest value alone, not the mean of k."
        )
        raise Off(
            f"{where} the values are others: the first should be {truth[0, 0]:.3f}, and yours is {found[0, 0]:.3f}."
        )
    return (
        "With k = 1 it is the maximum, with all places the average. On the cloth, a handful of places does about as well as "
        "the one loudest, and with all places the speck is gone. A k is one more number that must not be chosen by the "
        "pictures that judge it."
    )


def _places(maps: np.ndarray) -> np.ndarray:
    """Return maps [n, height, width, channels] as [n, height * width, channels], sorted by value."""
    return np.sort(maps.reshape(len(maps), -1, maps.shape[-1]), axis=1)


def _top(maps: np.ndarray, k: int) -> np.ndarray:
    return _places(maps)[:, -k:].mean(axis=1)


def _kth(maps: np.ndarray, k: int) -> np.ndarray:
    return _places(maps)[:, -k]


def _as_array(value: Any) -> np.ndarray:
    try:
        return np.asarray(value, float)
    except (TypeError, ValueError):
        raise Off(f"An array of numbers is wanted, and this is {describe(value)}.") from None


@exercise(
    "Flatten puts the numbers of the first place first, all its channels, then those of the place to its right. A reshape "
    "of the kernel keeps that order. And in how many positions does a window of 2 fit into 5 places?"
)
def flat_to_convolution(
    filters_of: Callable[[np.ndarray, int, int], np.ndarray],
    answers_on: Callable[[int, int, int, int], tuple[int, int]],
) -> str:
    """Exercise 3: a dense layer on a flattened map as a convolution."""
    generator = np.random.default_rng(7)
    for height, width, channels, units in ((2, 3, 4, 5), (3, 3, 2, 1), (1, 2, 3, 4)):
        kernel = generator.normal(size=(height * width * channels, units))
        _check_filters(
            _as_array(call(filters_of, kernel.copy(), height, width)), kernel, (height, width, channels, units)
        )
    for case in ((12, 9, 6, 4), (6, 6, 6, 6), (7, 5, 1, 1)):
        rows, columns, height, width = case
        pair = tuple(_as_array(call(answers_on, *case)).tolist())
        truth = (rows - height + 1, columns - width + 1)
        if pair == truth:
            continue
        where = f"On {rows} x {columns} places a window of {height} x {width}"
        expect(pair != (rows - height, columns - width), f"{where} also has its first position: one more each way.")
        expect(pair != (rows // height, columns // width), f"{where} moves on by one place, not by its own size.")
        expect(pair != truth[::-1], f"{where}: you swapped rows and columns.")
        raise Off(f"{where} gives {truth[0]} x {truth[1]} answers, and not {pair}.")
    return (
        "A filter as large as the map is a dense layer on the flattened map, number for number. On a larger map it slides: "
        "AlexNet's 6 x 6 window gives one answer on 6 x 6 places and 7 x 7 answers on 12 x 12, all in one run."
    )


def _check_filters(found: np.ndarray, kernel: np.ndarray, shape: tuple[int, int, int, int]) -> None:
    """Raise `Off` unless these are the filters of a dense layer's kernel [height * width * channels, units]."""
    height, width, channels, units = shape
    where = f"For a map of {height} x {width} x {channels} and {units} unit(s)"
    swapped = kernel.reshape(width, height, channels, units)
    if height != width and found.shape == swapped.shape:
        raise Off(f"{where} your filters are {width} high and {height} wide: you swapped height and width.")
    expect(found.shape == shape, f"{where} filters of shape {shape} are wanted, and yours have {found.shape}.")
    truth = kernel.reshape(shape)
    first = np.moveaxis(kernel.reshape(channels, height, width, units), 0, 2)
    expect(
        np.allclose(found, truth) or not np.allclose(found, first),
        f"{where} you let the channels come first. In Keras's flattened map they change fastest.",
    )
    expect(
        not np.allclose(found, truth[::-1, ::-1]) or np.allclose(found, truth),
        f"{where} you turned the filters around.",
    )
    expect(np.allclose(found, truth), f"{where} the weights stand in another order than in the flattened map.")
