"""Diagrams of dense layers, as units and the weights between them, and curves of what is known by heart."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .drawing import COLOURS, FONT_SIZE, canvas
from .rate_plots import panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RADIUS = 0.13  # inches, of a unit
Dropped = Sequence[Sequence[int]]  # for each layer, the units that are dropped, counted from 0


def draw_layers(
    axis: "Axes", sizes: Sequence[int], left: float, width: float, bottom: float, height: float, dropped: Dropped = ()
) -> None:
    """Draw layers of units from left to right, with a line for each weight; dropped units are crossed out, lines too."""
    gone = [*map(set, dropped)] + [set()] * (len(sizes) - len(dropped))
    columns = np.linspace(left, left + width, len(sizes))
    places = [
        [(x, y) for y in (np.arange(size) - (size - 1) / 2) * height / max(sizes) + bottom + height / 2]
        for x, size in zip(columns, sizes, strict=True)
    ]
    for number in range(len(sizes) - 1):
        for one, (x, y) in enumerate(places[number]):
            for two, (to_x, to_y) in enumerate(places[number + 1]):
                if one not in gone[number] and two not in gone[number + 1]:
                    axis.plot([x, to_x], [y, to_y], color=COLOURS["grey"], linewidth=0.8, zorder=1)
    for number, layer in enumerate(places):
        for one, (x, y) in enumerate(layer):
            _draw_unit(axis, x, y, one in gone[number])


def _draw_unit(axis: "Axes", x: float, y: float, dropped: bool) -> None:
    from matplotlib.patches import Circle

    face, edge = ("white", COLOURS["red"]) if dropped else (COLOURS["sky"], COLOURS["ink"])
    axis.add_patch(Circle((x, y), RADIUS, facecolor=face, edgecolor=edge, zorder=2))
    if dropped:
        reach = RADIUS * 0.7
        for sign in (1, -1):
            axis.plot([x - reach, x + reach], [y - sign * reach, y + sign * reach], color=edge, linewidth=1.5, zorder=3)


def plot_heads(*heads: Sequence[int], titles: Sequence[str]) -> "Axes":
    """Draw heads beside each other: the sizes of their layers, as drawn and not as they are, and a title below each."""
    axis = canvas(6.4, 3.1)
    width = 6.4 / len(heads)
    for number, (sizes, title) in enumerate(zip(heads, titles, strict=True)):
        draw_layers(axis, sizes, number * width + 0.5, width - 1.0, 0.55, 2.2)
        axis.text((number + 0.5) * width, 0.22, title, fontsize=FONT_SIZE, ha="center", va="center")
        for place, end in ((number * width + 0.5, "vector"), ((number + 1) * width - 0.5, "scores")):
            axis.text(place, 2.9, end, fontsize=FONT_SIZE - 1, ha="center", va="center")
    return axis


def plot_dropout(sizes: Sequence[int], layer: int, kept: np.ndarray, titles: Sequence[str]) -> "Axes":
    """Draw one network several times: in each, the units of one layer that `kept` [times, units] leaves out are dropped."""
    axis = canvas(6.4, 2.6)
    width = 6.4 / len(kept)
    for number, (units, title) in enumerate(zip(kept, titles, strict=True)):
        dropped = [[] if place != layer else np.flatnonzero(~units).tolist() for place in range(len(sizes))]
        draw_layers(axis, sizes, number * width + 0.3, width - 0.6, 0.55, 1.9, dropped)
        axis.text((number + 0.5) * width, 0.22, title, fontsize=FONT_SIZE, ha="center", va="center")
    return axis


def plot_gap(curve: pd.DataFrame) -> "list[Axes]":
    """Draw accuracy and cross-entropy of one training over its steps, on training pictures and on new ones."""
    axes = panels(["accuracy", "cross-entropy"], share=False, xlabel="step")
    for axis, column in zip(axes, ("accuracy", "loss"), strict=True):
        axis.plot(curve[column], "o--", color=COLOURS["orange"], label="training")
        axis.plot(curve[f"val_{column}"], "o-", color=COLOURS["blue"], label="new")
        axis.set_ylim(0)
    axes[0].legend(title="pictures", loc="lower right")
    return axes
