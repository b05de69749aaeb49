"""Pictures of trainings: their curves side by side, walks in a valley, what a choice does to the accuracy."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .drawing import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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


def plot_range_tests(tests: Mapping[str, pd.DataFrame], proposals: Mapping[str, float]) -> "list[Axes]":
    """Draw range tests, each in a panel: the loss of each batch, the smoothed one, and the proposed rate."""
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
        axis.axvline(proposals[name], color=COLOURS["red"], linestyle="--")
    return axes


def plot_choices(found: Mapping[str, np.ndarray], places: Sequence[str], **options: Any) -> "list[Axes]":
    """Draw what choices lead to, each in a panel: values [places, runs] as dots, and a line through their means."""
    axes = panels([*found], **options)
    for axis, values in zip(axes, found.values(), strict=True):
        axis.plot(places, np.mean(values, axis=1), color=COLOURS["sky"], linewidth=2)
        axis.plot(places, values, "o", color=COLOURS["blue"], markersize=5)
    return axes
