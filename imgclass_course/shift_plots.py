"""Pictures for shifts and strides: answers while a picture moves, waves and what a stride keeps of them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .drawing import COLOURS
from .rate_plots import panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_slide(places: np.ndarray, probabilities: np.ndarray, right: np.ndarray, label: str) -> "Axes":
    """Draw the probability of the true class [n] at each of n places, in pixels, and return the axes.

    Where `right` [n] is False, another class got more: the dot is a red cross. `label` names the vertical axis.
    """
    (axis,) = panels([""], xlabel="moved to the right, in pixels", ylabel=label, ylim=(0, 1.2))
    axis.plot(places, probabilities, color=COLOURS["sky"], linewidth=1.5)
    axis.plot(
        places[right], probabilities[right], "o", color=COLOURS["blue"], markersize=8, label="the answer is right"
    )
    axis.plot(
        places[~right], probabilities[~right], "X", color=COLOURS["red"], markersize=9, label="the answer is wrong"
    )
    axis.set(xticks=places[::4], yticks=np.linspace(0, 1, 6))
    axis.legend(loc="upper right", ncols=2)
    return axis


def plot_samples(periods: Sequence[float], stride: int, length: int = 24) -> "list[Axes]":
    """Draw waves of these periods, in pixels, each in a panel: what a stride keeps, and the wave that one then sees."""
    titles = [f"period {period:g}, every {stride} pixels" for period in periods]
    axes = panels(titles, 2.2, xlabel="pixel", yticks=[])
    fine, kept = np.linspace(0, length, 481), np.arange(0, length + 1, stride)
    for axis, period in zip(axes, periods, strict=True):
        frequency = 1 / period
        seen = frequency - round(frequency * stride) / stride  # the slowest wave through the same samples
        axis.plot(fine, np.cos(2 * np.pi * frequency * fine), color=COLOURS["sky"], linewidth=1.5)
        axis.plot(fine, np.cos(2 * np.pi * seen * fine), "--", color=COLOURS["red"], linewidth=1.8)
        axis.plot(kept, np.cos(2 * np.pi * frequency * kept), "o", color=COLOURS["blue"], markersize=6)
    return axes


def plot_spectra(waves: Mapping[str, np.ndarray], limit: float) -> "list[Axes]":
    """Draw what waves [n] are made of, each in a panel: a bar for each frequency, those above `limit` in red."""
    axes = panels([*waves], 2.2, xlabel="waves per pixel", ylabel="share of it", xlim=(-0.01, 0.5))
    for axis, wave in zip(axes, waves.values(), strict=True):
        strengths = np.abs(np.fft.rfft(wave - np.mean(wave)))
        frequencies = np.fft.rfftfreq(len(wave))
        colours = [COLOURS["red" if frequency > limit else "blue"] for frequency in frequencies]
        axis.bar(frequencies, strengths / strengths.sum(), 0.012, color=colours)
        axis.axvline(limit, color=COLOURS["grey"], linestyle="--")
    return axes


def plot_ways(found: Mapping[str, np.ndarray]) -> "Axes":
    """Draw consistency over accuracy: `found` has an array [runs, 2] of accuracy and consistency for each way."""
    (axis,) = panels([""], 3.4, xlabel="accuracy", ylabel="the same answer after a move")
    colours, markers = ("grey", "blue", "green", "orange", "red"), "svoD^"
    for (name, runs), colour, marker in zip(found.items(), colours, markers, strict=False):
        axis.plot(*np.asarray(runs).T, marker, color=COLOURS[colour], markersize=8, alpha=0.8, label=name)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return axis
