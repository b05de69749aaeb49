"""Pictures of trainings: their curves side by side, walks in a valley, what a choice does to the accuracy."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .drawing import COLOURS, plot_intervals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .intervals import Interval

WIDTH = 6.4  # inches
ORDER = ("blue", "red", "green", "orange", "pink")  # colours of lines
REACH = (1.4, -0.5, 1.2)  # of a valley: how far to both sides, down and up


def panels(titles: Sequence[str], height: float = 2.8, share: bool = True, **options: Any) -> "list[Axes]":
    """Return axes in a row, one for each title; `options` are those of `Axes.set`.

    Only the first has a label at the left; with `share` they have one vertical scale.
    """
    import matplotlib.pyplot as plt

    size: dict[str, Any] = {"figsize": (WIDTH, height), "dpi": 100, "layout": "constrained", "squeeze": False}
    _, ((*axes,),) = plt.subplots(1, len(titles), sharey=share, **size)
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=11 if len(titles) < 4 else 10)
        axis.set(**options)
        axis.spines[["top", "right"]].set_visible(False)
        options["ylabel"] = ""
    return axes


def plot_lines(
    curves: Mapping[str, pd.Series], style: str = "-", colours: Sequence[str] = ORDER, **options: Any
) -> "Axes":
    """Draw curves over their index, each with its name at its end, and return the axes.

    `style` is that of matplotlib's `plot`, `options` are those of `Axes.set`.
    """
    (axis,) = panels([""], 3.0, **options)
    for (name, curve), colour in zip(curves.items(), colours, strict=False):
        axis.plot(curve.index, curve, style, color=COLOURS[colour], linewidth=2.2, markersize=5)
        axis.annotate(name, (curve.index[-1], curve.iloc[-1]), (6, 0), textcoords="offset points", va="center").set(
            color=COLOURS[colour], fontsize=11, annotation_clip=False
        )
    return axis


def plot_walks(walks: Mapping[str, np.ndarray], curvatures: np.ndarray, height: float = 2.5) -> "list[Axes]":
    """Draw walks [steps + 1, 2], each in a panel, in the valley (a * x**2 + b * y**2) / 2 whose curvatures are a and b."""
    side, down, up = REACH
    x, y = np.meshgrid(np.linspace(-side, side, 90), np.linspace(down, up, 90))
    altitude = (curvatures[0] * x**2 + curvatures[1] * y**2) / 2
    axes = panels([*walks], height, xlim=(-side, side), ylim=(down, up), xticks=[], yticks=[])
    for axis, places in zip(axes, walks.values(), strict=True):
        axis.contour(x, y, altitude, np.geomspace(0.05, 15, 9), colors=COLOURS["grey"], linewidths=1)
        axis.plot(*places.T, "o-", color=COLOURS["blue"], markersize=3)
        axis.plot(0, 0, "*", color=COLOURS["red"], markersize=12)
    return axes


def plot_sweeps(
    sweeps: Mapping[str, pd.DataFrame],
    column: str,
    interval_of: Callable[[pd.Series], tuple[float, float, float]],
    **options: Any,
) -> "list[Axes]":
    """Draw a column of sweeps over the learning rate, each in a panel: the mean and its interval, as a band.

    `interval_of` makes mean, low and high of the values of one rate; `options` are those of `Axes.set`.
    """
    axes = panels([*sweeps], xscale="log", xlabel="learning rate", **options)
    for axis, sweep in zip(axes, sweeps.values(), strict=True):
        found = sweep.groupby("learning_rate")[column].agg(interval_of)
        mean, low, high = np.array(found.tolist()).T
        axis.fill_between(found.index, low, high, color=COLOURS["sky"], alpha=0.4, linewidth=0)
        axis.plot(found.index, mean, "o-", color=COLOURS["blue"])
    return axes


def plot_patience(
    slow: Mapping[str, Sequence[pd.Series]], quick: Mapping[str, Sequence[float]], step: int, **options: Any
) -> "list[Axes]":
    """Draw long trainings as curves, each kind in a panel, and where quick ones have got to at a step, as diamonds.

    `options` are those of `Axes.set`.
    """
    axes = panels([*slow], xlabel="step", **options)
    for axis, (name, curves) in zip(axes, slow.items(), strict=True):
        for curve in curves:
            axis.plot(curve, "o-", color=COLOURS["blue"], linewidth=1.2, markersize=3.5)
        axis.plot([step] * len(quick[name]), quick[name], "D", color=COLOURS["green"])
    return axes


def plot_gaps(means: pd.DataFrame, pictures: str = "pictures") -> "Axes":
    """Draw accuracies of training and new pictures over the learning rate, the gap between them, and its narrowest place.

    means: index: learning rate; columns accuracy, val_accuracy.
    """
    (axis,) = panels([""], xscale="log", xlabel="learning rate", ylabel="accuracy", ylim=(0, 1))
    known, new = means["accuracy"], means["val_accuracy"]
    axis.fill_between(means.index, known, new, color=COLOURS["pale"])
    axis.plot(known, "o--", color=COLOURS["orange"], label=f"training {pictures}")
    axis.plot(new, "o-", color=COLOURS["blue"], label=f"new {pictures}")
    narrowest = (known - new).abs().idxmin()
    height = max(known[narrowest], new[narrowest]) + 0.02
    axis.annotate("smallest gap", (narrowest, height), (narrowest, 0.5), ha="right", arrowprops={"arrowstyle": "->"})
    axis.legend(loc="upper left")
    return axis


def plot_differences(
    differences: "Mapping[str, Interval]",
    unit: str,
    wider: "Mapping[str, Interval] | None" = None,
    axis: "Axes | None" = None,
) -> "Axes":
    """Draw differences with their intervals around a dashed line at 0, and return the axes.

    `unit` is the label of the horizontal axis; `wider` are second intervals, drawn as thin lines.
    """
    ranges = [(one.low, one.high) for one in differences.values()]
    means = [one.mean for one in differences.values()]
    axis = plot_intervals([*differences], means, ranges, reference=0, axis=axis, unit=unit)
    for row, one in enumerate((wider or {}).values()):
        axis.plot([one.low, one.high], [row, row], color=COLOURS["blue"], linewidth=1)
    axis.locator_params(axis="x", nbins=5)
    return axis


def plot_range_tests(tests: Mapping[str, pd.DataFrame], proposals: Mapping[str, float] | None = None) -> "list[Axes]":
    """Draw range tests, each in a panel: the loss of each batch, the smoothed one, and the proposed rate, if there is."""
    options: dict[str, Any] = {
        "xscale": "log",
        "ylim": (0, 5),
        "xlabel": "learning rate",
        "ylabel": "cross-entropy of the batch",
    }
    axes = panels([*tests], **options)
    for axis, (name, curve) in zip(axes, tests.items(), strict=True):
        axis.plot(curve["loss"], ".", color=COLOURS["sky"], markersize=4)
        axis.plot(curve["smoothed"], color=COLOURS["blue"], linewidth=2)
        if proposals is not None:
            axis.axvline(proposals[name], color=COLOURS["red"], linestyle="--")
    return axes


def plot_choices(found: Mapping[str, np.ndarray], places: Sequence[str], **options: Any) -> "list[Axes]":
    """Draw what choices lead to, each in a panel: values [places, runs] as dots, and a line through their means."""
    axes = panels([*found], **options)
    for axis, values in zip(axes, found.values(), strict=True):
        axis.plot(places, np.mean(values, axis=1), color=COLOURS["sky"], linewidth=2)
        axis.plot(places, values, "o", color=COLOURS["blue"], markersize=5)
    return axes


def plot_search(settings: pd.DataFrame, grid: int = 4) -> "list[Axes]":
    """Draw a grid and settings drawn at random, with a tick at the upper edge for each rate that is tried.

    settings: columns rate, size; the grid has as many of each over the same ranges.
    """
    rates, sizes = (settings[name].to_numpy(float) for name in ("rate", "size"))
    regular = np.meshgrid(np.geomspace(rates.min(), rates.max(), grid), np.geomspace(sizes.min(), sizes.max(), grid))
    places = {"grid": [part.ravel() for part in regular], "at random": [rates, sizes]}
    titles = [f"{name}: {len(set(x))} rates" for name, (x, _) in places.items()]
    top = 2.5 * sizes.max()
    ticks = sorted(set(settings["size"]))
    axes = panels(titles, 2.4, xscale="log", yscale="log", ylim=(sizes.min() / 1.5, top), xlabel="rate", ylabel="size")
    for axis, (x, y) in zip(axes, places.values(), strict=True):
        axis.plot(x, y, "o", color=COLOURS["blue"])
        axis.plot(x, np.full(len(x), 0.75 * top), "|", color=COLOURS["red"], markersize=14)
        axis.set_yticks(ticks, [str(size) for size in ticks])
        axis.minorticks_off()
    return axes


def plot_luck(found: Mapping[str, pd.DataFrame], low: float, high: float) -> "list[Axes]":
    """Draw accuracies on test over those on validation, each search in a panel, its best on validation as a star.

    found: columns validation, test. What lies below `low` is counted in the lower corner.
    """
    looks: dict[str, Any] = {"xlim": (low, high), "ylim": (low, high), "aspect": "equal"}
    axes = panels([*found], 3.3, xlabel="accuracy on validation", ylabel="accuracy on test", **looks)
    for axis, one in zip(axes, found.values(), strict=True):
        axis.plot([low, high], [low, high], "--", color=COLOURS["grey"])
        axis.plot(one["validation"], one["test"], "o", color=COLOURS["sky"], markeredgecolor=COLOURS["blue"])
        winner = one.loc[one["validation"].idxmax()]
        axis.plot(winner["validation"], winner["test"], "*", color=COLOURS["red"], markersize=14)
        below = int((one[["validation", "test"]] < low).any(axis=1).sum())
        if below:
            beside = low + 0.08 * (high - low)
            axis.text(beside, low + 0.02 * (high - low), f"\u2199 {below} farther down", ha="left", va="bottom")
    return axes
