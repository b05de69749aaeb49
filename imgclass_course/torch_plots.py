"""The diagrams of lesson 21: orders in memory, padding pixel by pixel, groups of channels, a way round a block."""

from typing import TYPE_CHECKING

import numpy as np

from .drawing import COLOURS, FONT_SIZE, canvas, draw_arrow, draw_box

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHANNELS = ("red", "green", "blue")


def _cell(axis: "Axes", left: float, bottom: float, side: float, text: str, colour: str, hatch: str = "") -> None:
    """Draw a square with a text in it; a hatched one stands for a zero that was added."""
    from matplotlib.patches import Rectangle

    face, edge = (*_rgb(colour), 0.35), COLOURS["grey"] if hatch else "white"
    axis.add_patch(Rectangle((left, bottom), side, side, facecolor=face, edgecolor=edge, hatch=hatch, linewidth=1.2))
    axis.text(left + side / 2, bottom + side / 2, text, fontsize=FONT_SIZE - 1, ha="center", va="center")


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(COLOURS[colour])


def draw_orders() -> "Axes":
    """Draw the 12 numbers of a picture of 2 x 2 pixels as they lie in memory, channels last and channels first."""
    axis, side = canvas(6.4, 1.9), 0.38
    for row, (title, order) in enumerate({"channels last": (1, 0), "channels first": (0, 1)}.items()):
        bottom = 1.25 - 0.85 * row
        axis.text(0.05, bottom + side / 2, title, fontsize=FONT_SIZE, va="center")
        for place in range(12):
            pixel, channel = divmod(place, 3) if order == (1, 0) else divmod(place, 4)[::-1]
            name = CHANNELS[channel]
            _cell(axis, 1.5 + place * side, bottom, side, f"{name[0]}{pixel + 1}", name)
        groups, size = (4, 3) if order == (1, 0) else (3, 4)
        for group in range(groups):
            start = 1.5 + group * size * side
            axis.plot(
                [start + 0.04, start + size * side - 0.04], [bottom - 0.07] * 2, color=COLOURS["ink"], linewidth=1.5
            )
            what = f"pixel {group + 1}" if groups == 4 else f"all {CHANNELS[group]}"
            axis.text(start + size * side / 2, bottom - 0.12, what, fontsize=FONT_SIZE - 2, ha="center", va="top")
    return axis


def draw_padding(side: int = 6) -> "Axes":
    """Draw where windows of 3 pixels with stride 2 stand on a row of pixels: with padding=1, and with "same" padding."""
    axis, cell = canvas(6.4, 3.3), 0.5
    for row, (title, before, after) in enumerate((("padding=1", 1, 1), ('"same"', 0, 1))):
        bottom = 2.45 - 1.65 * row
        axis.text(0.05, bottom + cell / 2, title, fontsize=FONT_SIZE, va="center")
        for place in range(-before, side + after):
            zero = not 0 <= place < side
            text, colour = ("0", "pale") if zero else (str(place + 1), "sky")
            _cell(axis, 1.9 + place * cell, bottom, cell, text, colour, "//" if zero else "")
        for number in range(-(-side // 2)):
            left, level = 1.9 + (2 * number - before) * cell, bottom - 0.16 - 0.2 * number
            colour = COLOURS[("orange", "green", "pink")[number % 3]]
            axis.plot(
                [left + 0.05, left + 3 * cell - 0.05], [level] * 2, color=colour, linewidth=4, solid_capstyle="butt"
            )
            axis.plot(left + 1.5 * cell, level, "o", color=colour, markersize=9)
        centres = ", ".join(str(2 * number - before + 2) for number in range(-(-side // 2)))
        axis.text(5.5, bottom - 0.35, f"middles:\n{centres}", fontsize=FONT_SIZE, va="center")
    return axis


def draw_groups() -> "Axes":
    """Draw which channels each channel of a convolution looks at: all of them, or with a group each its own alone."""
    axis = canvas(6.4, 2.1)
    for half, title in enumerate(("groups=1: each looks at all", "groups=3: each looks at its own")):
        left = 0.25 + 3.3 * half
        axis.text(left + 1.3, 1.95, title, fontsize=FONT_SIZE, ha="center", va="center")
        heights = [1.45 - 0.6 * number for number in range(3)]
        for height, name in zip(heights, CHANNELS, strict=True):
            _cell(axis, left, height - 0.2, 0.4, "in", name)
            _cell(axis, left + 2.2, height - 0.2, 0.4, "out", "grey" if half == 0 else name)
        for start, end in np.ndindex(3, 3):
            if half == 0 or start == end:
                draw_arrow(axis, (left + 0.45, heights[start]), (left + 2.15, heights[end]))
    return axis


def draw_way_round() -> "Axes":
    """Draw a block of a ResNet: two convolutions, and the way round them."""
    from matplotlib.patches import FancyArrowPatch

    axis, middle = canvas(6.4, 1.75), 0.6
    boxes = [
        ("x", 0.1, 0.6, "sky"),
        ("convolution\nnorm, ReLU", 1.1, 1.5, "orange"),
        ("convolution\nnorm", 3.0, 1.5, "orange"),
    ]
    boxes += [("+", 4.85, 0.45, "green"), ("ReLU", 5.6, 0.7, "sky")]
    for text, left, width, colour in boxes:
        draw_box(axis, (left, middle - 0.35), width, 0.7, text, colour)
    for (_, left, width, _), (_, right, _, _) in zip(boxes, boxes[1:], strict=False):
        draw_arrow(axis, (left + width + 0.03, middle), (right - 0.03, middle))
    ends = (0.4, middle + 0.37), (5.07, middle + 0.37)
    arc = FancyArrowPatch(
        *ends,
        connectionstyle="arc3,rad=-0.3",
        arrowstyle="-|>",
        mutation_scale=15,
        linewidth=2.5,
        color=COLOURS["blue"],
    )
    axis.add_patch(arc)
    axis.text(2.75, 1.12, "the way round: x itself", fontsize=FONT_SIZE, ha="center", color=COLOURS["blue"])
    return axis
