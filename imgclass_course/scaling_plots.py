"""Drawings of lesson 20: rates, plans for many machines, who does what, and what a killed worker changes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .drawing import COLOURS, FONT_SIZE, canvas, draw_arrow, draw_box
from .intervals import Interval
from .rate_plots import ORDER, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes


LINES = ("-", "-", "--", "-.")  # so that curves which lie on each other are seen


def _plain_logarithmic(axis: "Axes") -> None:
    """Make the vertical scale logarithmic, with 1, 2 and 5 and no powers at its marks."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_locator(NullLocator())


def _count_epochs(axis: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def plot_rates(rates: Sequence[float], found: Interval) -> "Axes":
    """Draw the rates of repeats as points, and their mean with its interval; return the axes."""
    (axis,) = panels([""], 2.2, xlabel="repeat", ylabel="pictures per second")
    axis.axhspan(found.low, found.high, color=COLOURS["sky"], alpha=0.3)
    axis.axhline(found.mean, color=COLOURS["blue"], label=f"mean with its interval: {found.mean:.0f}")
    axis.plot(range(1, len(rates) + 1), rates, "o", color=COLOURS["ink"])
    axis.set(ylim=(0, max(*rates, found.high) * 1.15), xticks=range(1, len(rates) + 1))
    axis.legend(loc="lower left", frameon=False)
    return axis


def plot_plans(plans: Mapping[str, pd.DataFrame]) -> "list[Axes]":
    """Draw the hours and the cost of plans (`scaling.plan`) against the number of machines; return the two axes."""
    axes = panels(["hours", "cost"], 3.0, False, xlabel="machines")
    for axis, name in zip(axes, ("hours", "cost"), strict=True):
        for (title, table), colour in zip(plans.items(), ORDER, strict=False):
            axis.fill_between(table.index, table[f"{name}_low"], table[f"{name}_high"], color=COLOURS[colour], alpha=0.25)
            axis.plot(table.index, table[name], "o-", color=COLOURS[colour], label=title, markersize=4)
        axis.set(xscale="log", xticks=table.index, xticklabels=table.index)
        axis.minorticks_off()
    _plain_logarithmic(axes[0])
    axes[1].set(ylim=(0, None))
    axes[1].legend(frameon=False)
    return axes


def draw_workers(workers: int = 3) -> "Axes":
    """Draw who does what: the driver lists and stores, workers read pictures and run the network; return the axes."""
    axis = canvas(6.4, 2.9)
    draw_box(axis, (0.1, 0.95), 1.5, 1.0, "driver\nlists the files,\nkeeps the order", "orange")
    for place in range(workers):
        bottom = 0.2 + 0.9 * place
        draw_box(axis, (2.5, bottom), 1.9, 0.65, f"worker {workers - place}\nreads, runs", "sky")
        draw_arrow(axis, (1.65, 1.55), (2.45, bottom + 0.4))
        draw_arrow(axis, (2.45, bottom + 0.2), (1.65, 1.3), colour="green")
        draw_arrow(axis, (4.95, 1.45), (4.45, bottom + 0.33), colour="grey")
    draw_box(axis, (5.0, 0.95), 1.3, 1.0, "bucket\nor folder", "grey")
    draw_box(axis, (0.1, 0.05), 1.5, 0.55, "store", "green")
    draw_arrow(axis, (0.85, 0.93), (0.85, 0.63), colour="green")
    axis.text(1.7, 2.45, "names →\n", fontsize=FONT_SIZE - 1)
    axis.text(1.7, 2.42, "← vectors", fontsize=FONT_SIZE - 1, color=COLOURS["green"])
    axis.text(4.55, 2.42, "← pictures", fontsize=FONT_SIZE - 1, color=COLOURS["grey"])
    return axis


def plot_arrivals(seconds: Mapping[str, Sequence[float]], killed_at: float) -> "Axes":
    """Draw how many vectors had come after so many seconds, and when a worker was killed; return the axes."""
    (axis,) = panels([""], 2.8, xlabel="seconds", ylabel="vectors")
    for (name, times), colour in zip(seconds.items(), ORDER, strict=False):
        axis.plot(times, np.arange(1, len(times) + 1), color=COLOURS[colour], label=name, linewidth=2)
    axis.axvline(killed_at, color=COLOURS["grey"], linestyle="--")
    axis.text(killed_at, 0, " killed", fontsize=FONT_SIZE - 1, va="bottom")
    axis.legend(frameon=False)
    return axis


def plot_same(first: np.ndarray, second: np.ndarray, names: tuple[str, str]) -> "Axes":
    """Draw numbers of one array against those of another of the same shape, with the diagonal; return the axes."""
    (axis,) = panels([""], 3.2, xlabel=names[0], ylabel=names[1])
    axis.axline((0, 0), slope=1, color=COLOURS["grey"], zorder=0)
    axis.plot(np.ravel(first), np.ravel(second), ".", color=COLOURS["blue"], markersize=4, alpha=0.4)
    axis.set_box_aspect(1)
    return axis


def draw_mirrors() -> "Axes":
    """Draw a step on two devices: half of the batch each, the gradients averaged, the same change; return the axes."""
    axis = canvas(6.4, 2.5)
    draw_box(axis, (0.1, 0.9), 1.0, 0.7, "batch", "grey")
    for bottom, number in ((1.6, 1), (0.2, 2)):
        draw_arrow(axis, (1.15, 1.25), (1.55, bottom + 0.35))
        draw_box(axis, (1.6, bottom), 1.5, 0.7, f"device {number}\nits half, weights", "sky")
        draw_arrow(axis, (3.15, bottom + 0.35), (3.65, 1.25 + 0.15 * (3 - 2 * number)), colour="orange")
        draw_arrow(axis, (5.0, 1.25 + 0.15 * (3 - 2 * number)), (5.3, bottom + 0.35), colour="green")
        draw_box(axis, (5.3, bottom), 1.0, 0.7, "same\nweights", "green")
    draw_box(axis, (3.7, 0.8), 1.3, 0.9, "mean of the\ngradients", "orange")
    return axis


def draw_gradients(parts: Mapping[str, np.ndarray]) -> "list[Axes]":
    """Draw gradients [d, k] beside each other in one scale, blue below zero and red above it; return their axes."""
    axes = panels([*parts], 2.6, xlabel="class", ylabel="number of the vector")
    reach = max(float(np.abs(part).max()) for part in parts.values())
    for axis, part in zip(axes, parts.values(), strict=True):
        axis.imshow(part, "RdBu_r", vmin=-reach, vmax=reach, aspect="auto")
        axis.set(xticks=[], yticks=[])
    return axes


def plot_losses(losses: Mapping[str, Sequence[Sequence[float]]]) -> "Axes":
    """Draw the losses of several runs a way over the epochs: each run thin, their mean thick; return the axes."""
    (axis,) = panels([""], 3.0, xlabel="epoch", ylabel="training loss")
    for (name, runs), colour, line in zip(losses.items(), ORDER, LINES, strict=False):
        epochs = range(1, len(runs[0]) + 1)
        for run in runs:
            axis.plot(epochs, run, color=COLOURS[colour], linewidth=0.6, alpha=0.4)
        axis.plot(epochs, np.mean(runs, axis=0), color=COLOURS[colour], linestyle=line, linewidth=2.2, label=name)
    _plain_logarithmic(axis)
    _count_epochs(axis)
    axis.legend(frameon=False)
    return axis


def plot_schedules(schedules: Mapping[str, Sequence[tuple[int, float]]]) -> "list[Axes]":
    """Draw the batch size and the learning rate of each epoch, in a panel each; return their axes."""
    axes = panels(["batch size", "learning rate"], 2.4, False, xlabel="epoch")
    for place, (name, epochs) in enumerate(schedules.items()):
        for axis, values in zip(axes, zip(*epochs, strict=True), strict=True):
            shift = 1.05**place  # so that equal lines do not hide each other
            axis.step(
                range(1, len(epochs) + 1), np.multiply(values, shift), where="mid", color=COLOURS[ORDER[place]], label=name
            )
    for axis in axes:
        _plain_logarithmic(axis)
        _count_epochs(axis)
    axes[0].legend(frameon=False)
    return axes
