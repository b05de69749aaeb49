"""Pictures for trust: what is known beside strangers, how well two scores tell them apart, rankings, and heat."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .drawing import COLOURS, FONT_SIZE, plot_intervals
from .intervals import Accuracy, Interval
from .rate_plots import ORDER, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 30
GREY_SHARE = 0.35  # of a picture that heat lies over
STRONGEST = 0.85  # how opaque the warmest place is
STEPS = 8  # of heat: with lines between them, one sees where it rises


def plot_spread(groups: Mapping[str, np.ndarray], label: str, line: float | None = None) -> "Axes":
    """Draw how the numbers [n] of each group are spread, as shares of it, each above the next; return the axes.

    `label` names the horizontal axis; `line` is a threshold, drawn through all of them.
    """
    import matplotlib.pyplot as plt

    everything = np.concatenate(list(groups.values()))
    edges = np.linspace(everything.min(), everything.max(), BINS + 1)
    size: Any = {"figsize": (6.4, 0.5 + 0.62 * len(groups)), "dpi": 100, "layout": "constrained", "squeeze": False}
    _, rows = plt.subplots(len(groups), 1, sharex=True, **size)
    for axis, (place, (name, values)) in zip(rows.flat, enumerate(groups.items()), strict=True):
        axis.hist(values, edges, color=COLOURS["orange" if place else "blue"])
        axis.set_ylabel(f"{name}\n({len(values)})", rotation=0, ha="right", va="center", fontsize=FONT_SIZE - 1)
        axis.set(yticks=[])
        axis.spines[["top", "right", "left"]].set_visible(False)
        if line is not None:
            axis.axvline(line, color=COLOURS["red"], linestyle="--")
    axis.set_xlabel(label)
    return axis


def plot_means(found: Mapping[str, Interval], unit: str, reference: float | None = None) -> "Axes":
    """Draw means with their intervals, one below the other, each in a colour of its own; return the axes."""
    ranges = [(one.low, one.high) for one in found.values()]
    means = [one.mean for one in found.values()]
    return plot_intervals([*found], means, ranges, reference=reference, colours=ORDER, unit=unit)


def plot_side_by_side(
    found: Mapping[str, Mapping[str, Interval | Accuracy]],
    unit: str,
    reference: float | None = None,
    reference_label: str = "",
) -> "Axes":
    """Draw intervals by group and way, the ways of a group below each other in colours of their own; return the axes."""
    (axis,) = panels([""], 0.9 + 0.5 * len(found), xlabel=unit)
    ways = list(next(iter(found.values())))
    for row, group in enumerate(found.values()):
        for place, (way, one) in enumerate(group.items()):
            value, (low, high) = (one.value, one.interval) if isinstance(one, Accuracy) else (one.mean, one[1:])
            height, colour = row + 0.28 * (place - (len(ways) - 1) / 2), COLOURS[ORDER[place]]
            axis.plot([low, high], [height, height], color=colour, linewidth=3, alpha=0.5)
            axis.plot(value, height, "os^D"[place], color=colour, label=way if row == 0 else None)
    if reference is not None:
        axis.axvline(reference, color=COLOURS["grey"], linestyle="--", zorder=0)
        axis.text(reference, -0.62, f" {reference_label}", fontsize=FONT_SIZE - 1, va="center")
    axis.set_yticks(range(len(found)), list(found), fontsize=FONT_SIZE)
    axis.set(ylim=(len(found) - 0.4, -0.85))
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return axis


def plot_promises(tables: Mapping[str, pd.DataFrame]) -> "list[Axes]":
    """Draw reliability diagrams (`evaluation.reliability`), each in a panel, and return their axes."""
    from .charts import draw_reliability

    axes = panels([*tables], 6.4 / len(tables) + 0.5)
    for axis, table in zip(axes, tables.values(), strict=True):
        draw_reliability(axis, table)
        axis.label_outer()
    return axes


def plot_rankings(found: Mapping[str, Sequence[np.ndarray]]) -> "Axes":
    """Draw precision over recall; each way has a list of arrays [n] bool, whether the first, second, ... is wanted.

    A thin line is one ranking, the thick one the mean over them at equal recall.
    """
    (axis,) = panels(
        [""], 3.0, xlabel="recall: share of them found", ylabel="precision: share of\nthe looked-at", ylim=(0, 1.05)
    )
    recalls = np.linspace(0.04, 1, 25)
    for (name, rankings), colour in zip(found.items(), ORDER, strict=False):
        curves = []
        for wanted in rankings:
            hits = np.cumsum(wanted)
            precision = hits / np.arange(1, len(wanted) + 1)
            curves.append(precision[np.searchsorted(hits, np.ceil(recalls * hits[-1]))])
            axis.plot(recalls, curves[-1], color=COLOURS[colour], linewidth=0.7, alpha=0.35)
        axis.plot(recalls, np.mean(curves, axis=0), color=COLOURS[colour], linewidth=2.6, label=name)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return axis


def show_heat(
    images: Sequence[np.ndarray], maps: Sequence[np.ndarray], titles: Sequence[str], columns: int = 6, size: float = 1.7
) -> None:
    """Draw maps [h, w] over pictures [size, size, 3] uint8: orange speaks for the class, blue against it.

    The more it speaks, the more opaque; each map has its own scale.
    """
    from .images import show_images

    heated = [heat_over(image, one) for image, one in zip(images, maps, strict=True)]
    show_images(heated, titles, columns=columns, size=size)


def heat_over(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return a picture [size, size, 3] uint8, made pale and grey, with a map [h, w] over it in two colours."""
    from matplotlib.colors import to_rgb
    from PIL import Image

    size = (image.shape[1], image.shape[0])
    large = np.asarray(Image.fromarray(np.asarray(heat, np.float32)).resize(size, Image.Resampling.BILINEAR))
    share = np.clip(np.abs(large) / max(float(np.abs(heat).max()), 1e-12), 0, 1)[..., None]
    strength = STRONGEST * np.round(share * STEPS) / STEPS
    grey = np.repeat(image.mean(axis=2, keepdims=True) / 255, 3, axis=2)
    pale = 1 - GREY_SHARE - (1 - 2 * GREY_SHARE) * (1 - grey) + GREY_SHARE * grey
    ink = np.where(large[..., None] > 0, to_rgb(COLOURS["red"]), to_rgb(COLOURS["blue"]))
    return np.round(255 * np.clip((1 - strength) * pale + strength * ink, 0, 1)).astype(np.uint8)


def draw_sum(image: np.ndarray, heat: np.ndarray, bias: float) -> "Axes":
    """Draw a picture, what each place of it adds to a score [h, w], and the sum; return the axes."""
    from .drawing import canvas, draw_arrow, draw_numbers

    axis = canvas(6.8, 2.9)
    cell = 2.5 / len(heat)
    axis.imshow(image[::2, ::2], extent=(0.1, 2.6, 0.2, 2.7), zorder=0)
    limits = (-float(np.abs(heat).max()), float(np.abs(heat).max()))
    draw_numbers(
        axis, np.round(heat) + 0.0, (3.0, 0.2), cell, text="{:.0f}", limits=limits, colormap="PuOr_r", font_size=7
    )
    draw_arrow(axis, (5.55, 1.45), (5.75, 1.45))
    lines = (f"mean {heat.mean():+.2f}", f"bias {bias:+.2f}", f"= {heat.mean() + bias:.2f}")
    for place, text in enumerate(lines):
        axis.text(5.85, 1.8 - 0.35 * place, text, fontsize=FONT_SIZE - 1, weight="bold" if place == 2 else "normal")
    axis.set(xlim=(0, 6.8), ylim=(0, 2.9))
    return axis


def plot_two_scores(
    groups: Mapping[str, tuple[np.ndarray, np.ndarray]], labels: tuple[str, str], lines: tuple[float, float]
) -> "Axes":
    """Draw two numbers of each picture of a group as a point, with the thresholds of both; return the axes."""
    (axis,) = panels([""], 3.4, xlabel=labels[0], ylabel=labels[1])
    for (name, (across, up)), colour, marker in zip(groups.items(), ("blue", "orange", "pink"), "os^", strict=False):
        axis.plot(across, up, marker, color=COLOURS[colour], markersize=5, alpha=0.7, label=name)
    axis.axvline(lines[0], color=COLOURS["red"], linestyle="--")
    axis.axhline(lines[1], color=COLOURS["red"], linestyle="--")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return axis
