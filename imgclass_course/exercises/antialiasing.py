"""Checks of the exercises of lesson 17."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from imgclass_course.exercises import Off, call, describe, exercise, expect, number


def _rows() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [np.array([0.0, 0, 1, 1] * 4), np.array([4.0, 0, 0, 0, 8, 0]), generator.normal(size=9)]


def _blur(row: np.ndarray, mode: str = "edge", weights: tuple[float, ...] = (0.25, 0.5, 0.25)) -> np.ndarray:
    padded = np.pad(row, 1, mode=mode)  # type: ignore[call-overload]
    return np.convolve(padded, weights, "valid")


def _blur_mistakes(row: np.ndarray) -> dict[str, np.ndarray]:
    """Return what typical mistakes make of a row, by what is wrong with them."""
    short = np.convolve(row, (0.25, 0.5, 0.25), "valid")
    return {
        "you kept every place: keep every second one, with `[::2]`.": _blur(row),
        "you began with the second place: the first one is kept.": _blur(row)[1::2],
        "you did not divide by 4, so the row became four times as bright.": 4 * _blur(row)[::2],
        "you kept every second place and did not blur.": row[::2],
        "you kept every second place first, and blurred what was left: then it is too late.": _blur(row[::2]),
        "at the ends you let the row go on with zeros, which darkens them: repeat the last value.": _blur(
            row, "constant"
        )[::2],
        "at the ends you let the row go on in a circle: repeat the last value at each end.": _blur(row, "wrap")[::2],
        "the weights are equal: the one in the middle counts twice.": _blur(row, "edge", (1 / 3, 1 / 3, 1 / 3))[::2],
        "you lost the ends: let the row go on by one value at each end first.": short[::2],
    }


def _same(found: np.ndarray, truth: np.ndarray) -> bool:
    return found.shape == truth.shape and bool(np.allclose(found, truth, atol=1e-6))


def _as_row(answer: Any) -> np.ndarray:  # whatever the attendee returns
    try:
        row = np.asarray(answer, float)
    except (TypeError, ValueError):
        row = np.empty((0, 0))
    expect(row.ndim == 1, f"A row of numbers is wanted, and this is {describe(answer)}.")
    return row


@exercise(
    "`np.pad(row, 1, mode='edge')` lets a row go on by one value at both ends. Then add three slices of it: the left "
    "neighbours, twice the middle, the right neighbours."
)
def blur_pool_row(answer: Callable[[np.ndarray], np.ndarray]) -> str:
    """Exercise 1: blur with 1 2 1, keep every second place."""
    for row in _rows():
        found, truth = _as_row(call(answer, row.copy())), _blur(row)[::2]
        if _same(found, truth):
            continue
        where = f"For the row {np.round(row, 2).tolist()}"
        for reason, mistaken in _blur_mistakes(row).items():
            expect(not _same(found, mistaken), f"{where} {reason}")
        expect(len(found) == len(truth), f"{where} you return {len(found)} numbers, and {len(truth)} are kept.")
        raise Off(f"{where} the result is {np.round(truth, 3).tolist()}, and you return {np.round(found, 3).tolist()}.")
    return (
        "Zhang's row becomes a wave around 0.75 at either position, after the largest of two neighbours: the stripes are "
        "fainter, and they no longer come and go with a pixel."
    )


PERIODS = (4, 4.5, 5, 6, 6.5, 8, 9, 3, 2, 12)


def _largest_stride(period: float) -> int:
    return max(1, math.ceil(period / 2) - 1)


@exercise(
    "There must be more than two samples in each period, so the stride is smaller than half a period. Half of 4.5 is "
    "2.25: the largest whole number below it is 2. And what is the largest one below exactly 2?"
)
def largest_stride(answer: Callable[[float], int]) -> str:
    """Exercise 2: the largest stride that does not alias."""
    found = {period: number(call(answer, period), "The stride") for period in PERIODS}
    if all(found[period] == _largest_stride(period) for period in PERIODS):
        return (
            "A period of 4 allows only stride 1: with exactly two samples in each period one may meet nothing but the "
            "zeros of the wave. With stride 1 nothing is thrown away, so it is the answer for the fastest textures too."
        )
    mistakes: dict[str, Callable[[float], float]] = {
        "At exactly half a period there are two samples in each, and more than two are needed": lambda p: max(
            1, p // 2
        ),
        "A stride of 0 never gets on: the smallest is 1": lambda p: math.ceil(p / 2) - 1,
        "You return the period's half, and a stride is a whole number": lambda p: p / 2,
        "You rounded up: that stride is too large by one": lambda p: math.ceil(p / 2),
        "One sample in each period is not enough: more than two are": lambda p: max(1, math.ceil(p) - 1),
        "You allow four samples in each period, where more than two do": lambda p: max(1, math.ceil(p / 4) - 1),
    }
    for reason, mistake in mistakes.items():
        expect(not all(found[period] == mistake(period) for period in PERIODS), f"{reason}.")
    period = next(period for period in PERIODS if found[period] != _largest_stride(period))
    raise Off(f"For a period of {period:g} pixels you return {found[period]:g}, and it is {_largest_stride(period)}.")


def _walks() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [np.array([[0, 1], [0, 1], [2, 1], [0, 1], [0, 0]]), generator.integers(0, 2, (12, 7))]


def _walk_mistakes(walk: np.ndarray) -> dict[str, float]:
    steps = walk[1:] == walk[:-1]
    return {
        "that is the share of steps at which the answer *changes*.": float((~steps).mean()),
        "you compared every place with the first one, and not with the one before it.": float(
            (walk[1:] == walk[0]).mean()
        ),
        "the first row has no step before it: there is one step fewer than there are places.": float(
            steps.sum() / walk.size
        ),
        "you compared the pictures with each other (along the other axis).": float(
            (walk[:, 1:] == walk[:, :-1]).mean()
        ),
        "that is the share of pictures whose answer never changes along the whole walk.": float(
            steps.all(axis=0).mean()
        ),
        "that is a number of steps: divide by how many there are.": float(steps.sum()),
    }


@exercise("`answers[1:]` are all places but the first, and `answers[:-1]` all but the last: compare these two.")
def steady_steps(answer: Callable[[np.ndarray], float]) -> str:
    """Exercise 3: the share of single steps at which the answer stays."""
    for walk in _walks():
        share, truth = number(call(answer, walk.copy()), "The share"), float((walk[1:] == walk[:-1]).mean())
        if math.isclose(share, truth, abs_tol=1e-9):
            continue
        where = f"For {walk.shape[0]} places and {walk.shape[1]} pictures you return {share:.3f}:"
        for reason, mistaken in _walk_mistakes(walk).items():
            expect(not math.isclose(share, mistaken, abs_tol=1e-9), f"{where} {reason}")
        raise Off(f"{where} it is {truth:.3f}.")
    return (
        "An answer that changes and comes back has changed at two steps. Steps of one walk belong together, so an "
        "interval must not count them as so many pictures: many drawings at one step say more than one drawing at many."
    )
