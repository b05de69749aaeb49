"""Diagrams, and what is inside a network, as pictures: for lessons, with matplotlib.

A diagram is drawn on a `canvas`, whose unit is an inch and whose origin is the lower left corner.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras
    from matplotlib.axes import Axes

# Colours that colour-blind people tell apart (Okabe and Ito 2008, "Color Universal Design").
COLOURS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "red": "#D55E00",
    "sky": "#56B4E9",
    "pink": "#CC79A7",
    "grey": "#999999",
    "pale": "#E6E6E6",
    "ink": "#333333",
}
FONT_SIZE = 11
Point = tuple[float, float]


def canvas(width: float = 6.4, height: float = 2.5) -> "Axes":
    """Return empty axes of `width` x `height` inches, without ticks: one unit is an inch, both ways."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(width, height), dpi=100)
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axis.set_axis_off()
    return axis


def draw_numbers(
    axis: "Axes",
    values: np.ndarray,
    corner: Point = (0, 0),
    cell: float = 0.4,
    *,
    text: str = "{:g}",
    limits: tuple[float, float] | None = None,
    colormap: str = "gray",
    edge: str = "pale",
    font_size: float = FONT_SIZE,
) -> None:
    """Draw a table of numbers as cells shaded by their value; `corner` is its lower left one.

    values: [rows, columns] as shades from `limits` (default: the smallest and largest), or uint8 [rows, columns, 3] as
    their own colours, with no numbers in them. `text` formats a number; "" leaves it out. `edge` names a colour of
    `COLOURS`.
    """
    from matplotlib.patches import Rectangle

    values = np.asarray(values)
    shades = _shades(values, limits, colormap)
    rows = len(values)
    for row, column in np.ndindex(values.shape[:2]):
        left, bottom = corner[0] + column * cell, corner[1] + (rows - 1 - row) * cell
        shade = shades[row, column]
        axis.add_patch(Rectangle((left, bottom), cell, cell, facecolor=shade, edgecolor=COLOURS[edge], linewidth=0.8))
        if text and values.ndim == 2:
            ink = "black" if np.dot(shade[:3], (0.299, 0.587, 0.114)) > 0.5 else "white"
            number = text.format(values[row, column])
            axis.text(left + cell / 2, bottom + cell / 2, number, color=ink, fontsize=font_size, ha="center", va="center")


def _shades(values: np.ndarray, limits: tuple[float, float] | None, colormap: str) -> np.ndarray:
    """Return a colour for each value, float [rows, columns, 3 or 4] from 0 to 1."""
    if values.ndim == 3:
        return values / 255
    from matplotlib import colormaps

    low, high = limits or (float(values.min()), float(values.max()))
    return colormaps[colormap](np.clip((values - low) / ((high - low) or 1), 0, 1))


def outline(
    axis: "Axes", corner: Point, width: float, height: float, colour: str = "red", line_width: float = 2.5
) -> None:
    """Draw a frame around a place, such as the patch of a picture that a filter looks at."""
    from matplotlib.patches import Rectangle

    edge = COLOURS[colour]
    axis.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=edge, linewidth=line_width, zorder=5))


def draw_block(
    axis: "Axes",
    corner: Point,
    width: float,
    height: float,
    depth: float,
    label: str = "",
    colour: str = "sky",
) -> None:
    """Draw a block of numbers in parallel projection, with its label below; `depth` runs to the upper right."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Polygon

    left, bottom = corner
    right, top, shift = left + width, bottom + height, depth * 0.5
    front = [(left, bottom), (right, bottom), (right, top), (left, top)]
    above = [(left, top), (right, top), (right + shift, top + shift), (left + shift, top + shift)]
    beside = [(right, bottom), (right + shift, bottom + shift), (right + shift, top + shift), (right, top)]
    base = np.array(to_rgb(COLOURS[colour]))
    for face, light in ((above, 0.45), (beside, -0.25), (front, 0.15)):
        shade = base + (1 - base) * light if light > 0 else base * (1 + light)
        axis.add_patch(Polygon(face, facecolor=shade, edgecolor="white", linewidth=1))
    axis.text(left + (width + shift) / 2, bottom - 0.08, label, fontsize=FONT_SIZE, ha="center", va="top")


def draw_box(
    axis: "Axes", corner: Point, width: float, height: float, text: str = "", colour: str = "sky", locked: bool = False
) -> None:
    """Draw a box with rounded corners and a text in it, as large as fits; a locked one is hatched: it does not change."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0,rounding_size=0.08"
    face, edge, hatch = to_rgba(COLOURS[colour], 0.25), COLOURS[colour], "///" if locked else None
    axis.add_patch(FancyBboxPatch(corner, width, height, style, facecolor=face, edgecolor=edge, hatch=hatch))
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85} if locked else None
    middle = (corner[0] + width / 2, corner[1] + height / 2)
    longest = max(map(len, text.split("\n")), default=0)
    font_size = min(FONT_SIZE, 118 * width / max(longest, 1))  # a letter is about 0.6 of the font's size wide
    axis.text(*middle, text, fontsize=font_size, ha="center", va="center", bbox=behind)


def draw_arrow(axis: "Axes", start: Point, end: Point, text: str = "", colour: str = "ink") -> None:
    """Draw an arrow with a text above its middle."""
    style = {"arrowstyle": "-|>", "color": COLOURS[colour], "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", end, start, arrowprops=style)
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 0.05)
    axis.text(*middle, text, fontsize=FONT_SIZE - 1, ha="center", va="bottom")


def draw_flow(
    steps: Sequence[str], width: float = 6.4, colours: Sequence[str] = ("sky",), locked: Sequence[int] = ()
) -> "Axes":
    """Draw boxes in a row with arrows between them, and return the axes.

    `colours` repeat; `locked` counts the boxes, from 0, whose numbers do not change. A text may have several lines.
    """
    lines = max(step.count("\n") + 1 for step in steps)
    height = 0.3 + 0.22 * lines
    axis = canvas(width, height + 0.3)
    gap = 0.35
    box = (width - 0.2 - gap * (len(steps) - 1)) / len(steps)
    for place, step in enumerate(steps):
        left = 0.1 + place * (box + gap)
        colour = colours[place % len(colours)]
        draw_box(axis, (left, 0.15), box, height, step, colour, locked=place in locked)
        if place:
            draw_arrow(axis, (left - gap + 0.04, 0.15 + height / 2), (left - 0.04, 0.15 + height / 2))
    return axis


def draw_neuron(
    inputs: Sequence[str], weights: Sequence[str], bias: str = "b", output: str = "", squeeze: str = ""
) -> "Axes":
    """Draw one neuron, and return the axes: its inputs, their weights on the lines, the sum, and what is made of it."""
    height = max(1.6, 0.65 * (len(inputs) + 1))
    axis = canvas(6.4, height)
    middle = height / 2
    places = np.linspace(height - 0.35, 0.35, len(inputs) + 1)
    for place, name, weight in zip(places, [*inputs, "1"], [*weights, bias], strict=True):
        draw_box(axis, (0.1, place - 0.2), 1.5, 0.4, name, "grey" if name == "1" else "sky")
        draw_arrow(axis, (1.65, place), (3.0, middle + (place - middle) * 0.2))
        axis.text(2.2, place + (middle - place) * 0.35 + 0.1, weight, fontsize=FONT_SIZE, color=COLOURS["blue"])
    draw_box(axis, (3.05, middle - 0.3), 0.9, 0.6, "sum", "orange")
    if squeeze:
        draw_arrow(axis, (4.0, middle), (4.35, middle))
        draw_box(axis, (4.4, middle - 0.3), 0.9, 0.6, squeeze, "green")
    draw_arrow(axis, (5.35 if squeeze else 4.0, middle), (5.75 if squeeze else 4.4, middle))
    axis.text(5.8 if squeeze else 4.45, middle, output, fontsize=FONT_SIZE, va="center")
    return axis


def plot_intervals(
    labels: Sequence[str],
    values: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    *,
    reference: float | None = None,
    reference_label: str = "",
    colours: Sequence[str] = ("blue",),
    axis: "Axes | None" = None,
    unit: str = "",
) -> "Axes":
    """Draw each value as a point with its interval, one below the other, and return the axes.

    `reference` is a line to compare with, such as guessing or no difference (0). `colours` repeat. `unit` is the label
    of the horizontal axis.
    """
    import matplotlib.pyplot as plt

    axis = axis or plt.subplots(figsize=(6.4, 0.9 + 0.42 * len(labels)), dpi=100, layout="constrained")[1]
    if reference is not None:
        axis.axvline(reference, color=COLOURS["grey"], linestyle="--", linewidth=1.2, zorder=0)
        axis.text(reference, -0.75, f" {reference_label}", color=COLOURS["ink"], fontsize=FONT_SIZE - 1, va="center")
    for row, (value, (low, high)) in enumerate(zip(values, intervals, strict=True)):
        colour = COLOURS[colours[row % len(colours)]]
        axis.plot([low, high], [row, row], color=colour, linewidth=3, alpha=0.5, solid_capstyle="butt")
        axis.plot(value, row, "o", color=colour, markersize=8)
    axis.set_yticks(range(len(labels)), labels, fontsize=FONT_SIZE)
    axis.set(ylim=(len(labels) - 0.5, -1 if reference_label else -0.5), xlabel=unit)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(left=False)
    return axis


ZERO = 127.5  # what a weight of 0 becomes


def filter_images(model: "keras.Model") -> list[np.ndarray]:
    """Return the filters of the first convolution as pictures, each stretched to its largest weight.

    They are uint8 [height, width] where the convolution sees 1 channel, [height, width, 3] where it sees 3; 128 is the
    weight 0. Raises `ValueError` for other numbers of channels, and for a model without a convolution.
    """
    from keras import layers

    kernels = [layer.kernel for layer in model.layers if isinstance(layer, layers.Conv2D)]
    if not kernels or kernels[0].shape[2] not in (1, 3):
        raise ValueError("Only filters over 1 channel (grey) or 3 (colours) can be shown as pictures.")
    filters = np.moveaxis(np.asarray(kernels[0]), -1, 0)
    largest = np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
    images = np.round(ZERO + ZERO * filters / np.maximum(largest, 1e-12)).astype(np.uint8)
    return [image[:, :, 0] if image.shape[2] == 1 else image for image in images]
