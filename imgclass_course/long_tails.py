"""Garments whose classes are made unequal, and pictures of what is done about it: for lessons."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .drawing import COLOURS, FONT_SIZE
from .features import Features
from .rate_plots import ORDER, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .course_data import Fashion

NAME_TURN = 55  # degrees, of class names below bars


def collect_unequal(fashion: "Fashion", counts: Sequence[int] | np.ndarray, names: Sequence[str], seed: int = 0) -> Features:
    """Return garments as features, their pixels from 0 to 1 as vectors: `counts` [k] for training, and the whole test.

    Which kind is how common is drawn at random, and so are its pictures; class 0 is the one with `counts[0]`.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(names))
    place = np.argsort(order)
    known, new = place[fashion.train_labels], place[fashion.test_labels]
    rows = [generator.permutation(np.flatnonzero(known == k))[:count] for k, count in enumerate(counts)]
    chosen = np.concatenate(rows)
    images = np.concatenate([fashion.train_images[chosen], fashion.test_images])
    splits = np.repeat(["train", "test"], [len(chosen), len(new)])
    y = np.concatenate([known[chosen], new])
    X = (images.reshape(len(images), -1) / 255).astype(np.float32)
    return Features(X, y, pd.DataFrame({"split": splits}), [names[kind] for kind in order])


def plot_counts(tables: Mapping[str, Sequence[int] | np.ndarray], names: Sequence[str], line: int | None = None) -> "list[Axes]":
    """Draw how many pictures each class has as bars, each table in a panel; `line` is drawn across all of them."""
    axes = panels([*tables], 2.9)
    for axis, counts in zip(axes, tables.values(), strict=True):
        axis.bar(range(len(names)), counts, color=COLOURS["sky"])
        if len(tables) < 3:
            for place, count in enumerate(counts):
                axis.text(place, count, f"{count}", ha="center", va="bottom", fontsize=9)
        if line is not None:
            axis.axhline(line, color=COLOURS["red"], linestyle="--", linewidth=1.2)
        _name_bars(axis, names)
    return axes


def _name_bars(axis: "Axes", names: Sequence[str]) -> None:
    axis.set_xticks(range(len(names)), names, rotation=NAME_TURN, ha="right", rotation_mode="anchor", fontsize=9.5)


def plot_by_class(values: Mapping[str, np.ndarray], names: Sequence[str], ylabel: str = "recall") -> "Axes":
    """Draw a number from 0 to 1 of each class, commonest first, as a line of points for each way to train."""
    (axis,) = panels([""], 3.1, ylabel=ylabel, ylim=(-0.03, 1.03))
    for (name, found), colour in zip(values.items(), ORDER, strict=False):
        axis.plot(range(len(names)), found, "o-", color=COLOURS[colour], label=name, linewidth=1.8)
    _name_bars(axis, names)
    if len(values) > 1:
        axis.legend(loc="lower left")
    return axis


def plot_resamples(values: np.ndarray, low: float, high: float, xlabel: str) -> "Axes":
    """Draw how often resamples gave which value, and between which two 95 % of them lie."""
    (axis,) = panels([""], 2.4, xlabel=xlabel, ylabel="resamples")
    axis.hist(values, 25, color=COLOURS["sky"], edgecolor="white")
    for end in (low, high):
        axis.axvline(end, color=COLOURS["red"], linestyle="--", linewidth=1.5)
    return axis


def plot_made_up(panes: Mapping[str, np.ndarray], own: np.ndarray, others: np.ndarray) -> "list[Axes]":
    """Draw points [n, 2] that were made up between those of one class, `own`, among `others`; each way in a panel."""
    axes = panels([*panes], 2.9, xticks=[], yticks=[])
    low, high = own.min(axis=0), own.max(axis=0)
    margin = 0.15 * (high - low)
    for axis, made in zip(axes, panes.values(), strict=True):
        axis.plot(*others.T, ".", color=COLOURS["grey"], markersize=5, label="other classes")
        axis.plot(*made.T, "x", color=COLOURS["red"], markersize=5, label="made up")
        axis.plot(*own.T, "o", color=COLOURS["blue"], markersize=6, label="pictures")
        axis.spines[:].set_visible(True)
        axis.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
    axes[0].legend(loc="best", fontsize=FONT_SIZE - 2, framealpha=0.9)
    return axes


def plot_trade(gains: pd.DataFrame, costs: pd.DataFrame, xlabel: str, ylabel: str) -> "Axes":
    """Draw ways to train as crosses of two intervals, `gains` upwards and `costs` to the right, each with its name.

    Index: way; columns mean, low, high. The dashed lines are those of doing nothing.
    """
    (axis,) = panels([""], 3.9, xlabel=xlabel, ylabel=ylabel)
    axis.axhline(0, color=COLOURS["grey"], linestyle="--", linewidth=1.2)
    axis.axvline(0, color=COLOURS["grey"], linestyle="--", linewidth=1.2)
    for way in gains.index:
        gain, cost = gains.loc[way], costs.loc[way]
        axis.plot([cost["low"], cost["high"]], [gain["mean"]] * 2, color=COLOURS["sky"], linewidth=1.5)
        axis.plot([cost["mean"]] * 2, [gain["low"], gain["high"]], color=COLOURS["sky"], linewidth=1.5)
        axis.plot(cost["mean"], gain["mean"], "o", color=COLOURS["blue"])
    _name_points(axis, {way: (costs.loc[way, "mean"], gains.loc[way, "mean"]) for way in gains.index})
    return axis


def _name_points(axis: "Axes", points: Mapping[str, tuple[float, float]]) -> None:
    """Write the names of points in a column beside the axes, each joined to its point, so that none covers another."""
    by_height = sorted(points, key=lambda name: points[name][1])
    low, high = axis.get_ylim()
    heights = np.linspace(low + 0.05 * (high - low), high - 0.02 * (high - low), len(by_height))
    right = axis.get_xlim()[1]
    for name, height in zip(by_height, heights, strict=True):
        line = {"arrowstyle": "-", "color": COLOURS["grey"], "linewidth": 0.6}
        place = (right + 0.06 * (right - axis.get_xlim()[0]), height)
        axis.annotate(name, points[name], place, va="center", fontsize=10, arrowprops=line, annotation_clip=False)




def thin_out(features: Features, counts: Sequence[int] | np.ndarray, per_class: int, seed: int = 0) -> Features:
    """Return `per_class` rows of each class as a test, always the same ones, and `counts` [k] of the others for training.

    Which class is how common is drawn at random, and so are its training rows; class 0 is the one with `counts[0]`.
    Raises `ValueError` where a class has too few rows.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(features.classes))
    train, test = [], []
    for number in range(len(features.classes)):
        held_out, rest = np.split(np.random.default_rng(0).permutation(np.flatnonzero(features.y == number)), [per_class])
        count = counts[list(order).index(number)]
        if len(rest) < count:
            raise ValueError(f"{features.classes[number]} has {len(rest)} rows beside the test: {count} are asked for.")
        train.append(generator.permutation(rest)[:count])
        test.append(held_out)
    chosen = features.select(np.concatenate([*train, *test]))
    splits = np.repeat(["train", "test"], [sum(map(len, train)), sum(map(len, test))])
    names = [features.classes[number] for number in order]
    rows = chosen.rows.assign(split=splits)
    return replace(chosen, y=np.argsort(order)[chosen.y], rows=rows, classes=names)
