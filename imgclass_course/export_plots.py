"""Pictures for deployment: numbers that snap to steps, what channels reach, and how far two runtimes are apart."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .drawing import COLOURS, FONT_SIZE
from .rate_plots import ORDER, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST = 1e-9  # differences below are drawn there: a logarithm has no 0


def draw_steps(values: np.ndarray, scale: float, most: int = 127) -> "Axes":
    """Draw numbers [n] above a line of the steps -most to most times a scale, each with the step that it snaps to."""
    (axis,) = panels([""], 2.0, xlabel="weight")
    steps = np.arange(-most, most + 1) * scale
    axis.vlines(steps, 0, 0.12, color=COLOURS["grey"], linewidth=0.5)
    for place, value in enumerate(np.sort(values)):
        step = round(float(value) / scale)
        height = 0.42 if place % 2 else 0.66
        axis.plot([value, step * scale], [height, 0.12], color=COLOURS["blue"], linewidth=1)
        axis.plot(value, height, "o", color=COLOURS["blue"])
        axis.text(value, height + 0.07, f"{step}", ha="center", fontsize=FONT_SIZE - 1)
    axis.set(ylim=(0, 0.95), yticks=[], xlim=(steps[0] - 4 * scale, steps[-1] + 4 * scale))
    axis.spines[["top", "right", "left"]].set_visible(False)
    return axis


def plot_channel_ranges(kernel: np.ndarray, scales: Mapping[str, np.ndarray]) -> "Axes":
    """Draw the largest weight of each channel of a kernel [..., channels], and the steps that ways to round have for it.

    scales: by way, the step of each channel [channels], or one for all. Both axes of numbers are logarithmic.
    """
    (axis,) = panels([""], 2.8, xlabel="channel, ordered by its largest weight", ylabel="size")
    largest = np.abs(kernel).reshape(-1, kernel.shape[-1]).max(axis=0)
    order = np.argsort(largest)
    axis.plot(largest[order], color=COLOURS["ink"], label="largest weight")
    for (way, scale), colour in zip(scales.items(), ORDER, strict=False):
        each = np.broadcast_to(np.ravel(scale), largest.shape)[order]
        axis.plot(each, "--" if np.size(scale) == 1 else "-", color=COLOURS[colour], label=f"one step, {way}")
    axis.set(yscale="log")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return axis


def plot_apart(differences: Mapping[str, np.ndarray], line: float) -> "list[Axes]":
    """Draw how many numbers differ by how much, for each way, in powers of ten; `line` is what would change an answer."""
    axes = panels([*differences], 2.4, xlabel="difference")
    edges = np.logspace(np.log10(LEAST), 0, 37).tolist()
    for axis, values, colour in zip(axes, differences.values(), ORDER, strict=False):
        axis.hist(np.clip(values.ravel(), LEAST, 1), edges, color=COLOURS[colour])
        axis.axvline(line, color=COLOURS["ink"], linestyle="--")
        axis.set(xscale="log", yticks=[])
    return axes


def plot_sizes(megabytes: Mapping[str, float]) -> "Axes":
    """Draw the sizes of files as bars with their numbers."""
    (axis,) = panels([""], 0.7 + 0.36 * len(megabytes), xlabel="megabytes")
    bars = axis.barh([*megabytes], [*megabytes.values()], color=COLOURS["sky"])
    axis.bar_label(bars, fmt=" {:.1f}")
    axis.invert_yaxis()
    axis.spines[["top", "right", "left"]].set_visible(False)
    return axis
