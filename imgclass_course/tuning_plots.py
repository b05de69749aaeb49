"""Pictures for fine-tuning: cloth with its defects, accuracy by depth, the four scenarios, and what was measured in each."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .depth_trials import PictureSet
from .drawing import COLOURS, FONT_SIZE, canvas, draw_arrow, draw_box, outline
from .intervals import Accuracy, Interval
from .rate_plots import ORDER, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPOT = 28  # pixels of a frame around a defect


def roughest_place(image: np.ndarray, side: int = 14) -> tuple[int, int]:
    """Return row and column of the middle of the square in which neighbouring pixels differ most.

    image: uint8 [height, width, 3]; `side` in pixels.
    """
    from scipy.ndimage import uniform_filter

    grey = image[:, :, 0].astype(float)
    steps = np.abs(np.diff(grey, axis=0))[:, :-1] + np.abs(np.diff(grey, axis=1))[:-1]
    rough = uniform_filter(steps, side)
    margin = SPOT // 2
    inner = rough[margin:-margin, margin:-margin]
    row, column = np.unravel_index(inner.argmax(), inner.shape)
    return int(row) + margin, int(column) + margin


def show_cloth(pictures: PictureSet, framed: Sequence[str] = ("local",), number: int = 1) -> None:
    """Show a picture of each class, and below it its roughest place, larger; a frame shows where it is in those of `framed`.

    `number` counts the pictures of a class.
    """
    import matplotlib.pyplot as plt

    columns = len(pictures.classes)
    figure, axes = plt.subplots(2, columns, figsize=(6.4, 4.5), dpi=100, height_ratios=(1.7, 1))
    for column, name in enumerate(pictures.classes):
        image = pictures.images[np.flatnonzero(pictures.labels == column)[number]]
        row, left = (middle - SPOT // 2 for middle in roughest_place(image))
        axes[0, column].imshow(image)
        axes[0, column].set_title(name, fontsize=FONT_SIZE + 1)
        axes[1, column].imshow(image[row : row + SPOT, left : left + SPOT], interpolation="nearest")
        for axis, corner, side in ((axes[0, column], (left, row), SPOT), (axes[1, column], (-0.5, -0.5), SPOT)):
            if name in framed:
                outline(axis, corner, side, side)
            axis.set_axis_off()
    figure.tight_layout(pad=0.4)


def plot_bars(
    accuracies: Mapping[str, Accuracy | float], ylabel: str, colours: Sequence[str] = ("grey", "orange", "blue")
) -> "Axes":
    """Draw a bar for each accuracy, with its 95 % interval and its value, and return the axes; a plain number has no interval."""
    (axis,) = panels([""], 2.9, ylim=(0, 1.05), ylabel=ylabel)
    for place, (value, colour) in enumerate(zip(accuracies.values(), colours, strict=False)):
        share = value.value if isinstance(value, Accuracy) else value
        axis.bar(place, share, width=0.6, color=COLOURS[colour], alpha=0.55)
        if isinstance(value, Accuracy):
            axis.plot([place, place], value.interval, color=COLOURS["ink"], linewidth=2.5)
        axis.text(place + 0.06, share + 0.02, f"{share:.2f}", fontsize=FONT_SIZE + 1, fontweight="bold")
    axis.set_xticks(range(len(accuracies)), list(accuracies), fontsize=FONT_SIZE)
    return axis


def show_spot(image: np.ndarray, values: np.ndarray, title: str) -> None:
    """Show a picture with a frame at its roughest place, and beside it a map that a network makes of it.

    image: uint8 [side, side, 3]; values: [height, width] float.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(5.6, 2.9), dpi=100)
    row, column = roughest_place(image)
    axes[0].imshow(image)
    axes[0].set_title("the cloth", fontsize=FONT_SIZE)
    axes[1].imshow(values, cmap="magma", interpolation="nearest", extent=(0, image.shape[1], image.shape[0], 0))
    axes[1].set_title(title, fontsize=FONT_SIZE)
    for axis in axes:
        outline(axis, (column - SPOT / 2, row - SPOT / 2), SPOT, SPOT, "sky")
        axis.set_axis_off()
    figure.tight_layout(pad=0.4)


def plot_pooled(values: np.ndarray, labels: np.ndarray, names: Mapping[int, str]) -> "list[Axes]":
    """Draw the average and the maximum of one map over many pictures, as clouds of dots side by side, a row for each class.

    values: [n, 2] float; labels: [n] int; names: those of the classes to draw, by their number.
    """
    axes = panels(["average of the map", "maximum of the map"], 2.0, share=True)
    jitter = np.random.default_rng(0).uniform(-0.3, 0.3, len(labels))
    for axis, numbers in zip(axes, values.T, strict=True):
        for place, (label, colour) in enumerate(zip(names, ORDER, strict=False)):
            chosen = labels == label
            axis.plot(numbers[chosen], place + jitter[chosen], "o", color=COLOURS[colour], markersize=4, alpha=0.6)
        axis.set_yticks(range(len(names)), list(names.values()), fontsize=FONT_SIZE)
    return axes


def plot_depth(curves: Mapping[str, Mapping[str, Mapping[int, Interval]]], **options: Any) -> "list[Axes]":
    """Draw accuracy by block, a panel for each set of pictures, a line with its interval for each way of pooling.

    curves: by panel, by line, by block. `options` are those of `Axes.set`.
    """
    axes = panels([*curves], 3.2, xlabel="block of the network", ylabel="accuracy on new pictures", **options)
    for axis, lines in zip(axes, curves.values(), strict=True):
        for (name, line), colour in zip(lines.items(), ORDER, strict=False):
            blocks, found = list(line), np.array([*line.values()])
            axis.fill_between(blocks, found[:, 1], found[:, 2], color=COLOURS[colour], alpha=0.15, linewidth=0)
            axis.plot(blocks, found[:, 0], "o-", color=COLOURS[colour], markersize=4, label=name)
        axis.set_xticks(range(0, 1 + max(blocks), 2))
    if len(lines) > 1:
        axes[0].legend(fontsize=FONT_SIZE - 1, loc="lower right")
    return axes


def draw_scenarios(answers: Mapping[tuple[str, str], str]) -> "Axes":
    """Draw the four scenarios as boxes: near and far from left to right, few and many from top to bottom.

    answers: what is advised, by ("few" or "many", "near" or "far").
    """
    axis = canvas(6.4, 3.0)
    for row, count in enumerate(("few", "many")):
        bottom = 1.35 - 1.25 * row
        axis.text(0.45, bottom + 0.55, f"{count}\npictures", fontsize=FONT_SIZE + 1, ha="center", va="center")
        for column, where in enumerate(("near", "far")):
            left = 1.0 + 2.7 * column
            draw_box(axis, (left, bottom), 2.55, 1.1, answers[count, where], "sky" if where == "near" else "orange")
    for column, where in enumerate(("near to", "far from")):
        axis.text(2.28 + 2.7 * column, 2.65, f"{where} ImageNet", fontsize=FONT_SIZE + 1, ha="center", va="center")
    return axis


def plot_scenarios(found: Mapping[str, Mapping[str, Interval]], guessing: Mapping[str, float]) -> "list[Axes]":
    """Draw what each way reaches in each scenario, one panel for each: the mean and its interval over draws.

    found: by scenario, by way, the same ways in each. guessing: by scenario, drawn as a dashed line.
    """
    import matplotlib.pyplot as plt

    ways = list(next(iter(found.values())))
    figure, grid = plt.subplots(2, 2, figsize=(6.4, 5.4), dpi=100, sharex=True, sharey=True, layout="constrained")
    for axis, (scenario, measured) in zip(grid.flat, found.items(), strict=True):
        axis.axvline(guessing[scenario], color=COLOURS["grey"], linestyle="--")
        best = max(measured, key=lambda way: measured[way].mean)
        for row, (way, one) in enumerate(measured.items()):
            colour = COLOURS["red" if way == best else "blue"]
            axis.plot([max(one.low, 0), min(one.high, 1)], [row, row], color=colour, linewidth=3, alpha=0.35)
            axis.plot(one.mean, row, "o", color=colour, markersize=7)
        axis.set_title(scenario, fontsize=FONT_SIZE)
        axis.spines[["top", "right"]].set_visible(False)
    grid[0, 0].set(xlim=(0, 1), xticks=(0, 0.5, 1), ylim=(len(ways) - 0.5, -0.5), yticks=range(len(ways)))
    grid[0, 0].set_yticklabels(ways, fontsize=FONT_SIZE - 1)
    for axis in grid[1]:
        axis.set_xlabel("accuracy on new pictures")
    return list(grid.flat)


def draw_tuning(frozen: str, kept: str, learning: str) -> "Axes":
    """Draw a network in two parts, the frozen one hatched: what runs once, what is kept of it, and what runs in each epoch."""
    axis = canvas(6.4, 1.75)
    texts = ["a picture", frozen, kept, learning, "scores"]
    widths, colours = (0.85, 1.35, 1.1, 1.35, 0.75), ("grey", "sky", "green", "orange", "grey")
    left = 0.08
    for place, (text, width, colour) in enumerate(zip(texts, widths, colours, strict=True)):
        draw_box(axis, (left, 0.65), width, 0.8, text, colour, locked=place == 1)
        if place:
            draw_arrow(axis, (left - 0.19, 1.05), (left - 0.03, 1.05))
        left += width + 0.2
    for start, end, words in ((0.08, 2.48, "once"), (2.68, 6.3, "in every epoch")):
        axis.plot([start, start, end, end], [0.5, 0.4, 0.4, 0.5], color=COLOURS["ink"], linewidth=1.2)
        axis.text((start + end) / 2, 0.34, words, fontsize=FONT_SIZE, ha="center", va="top")
    return axis


def show_answer_map(image: np.ndarray, answers: Sequence[Sequence[str]], shares: np.ndarray) -> None:
    """Show a picture, and over it the answer of a network at each place, larger and darker the surer it is.

    image: uint8 [height, width, 3]; answers: rows of names; shares: [rows, columns] float, from 0 to 1.
    """
    import matplotlib.pyplot as plt

    height, width = image.shape[:2]
    axis = plt.subplots(figsize=(6.4, 6.4 * height / width), dpi=100, layout="constrained")[1]
    axis.imshow(image, alpha=0.55)
    rows, columns = shares.shape
    for row, column in np.ndindex(rows, columns):
        x, y = (column + 0.5) * width / columns, (row + 0.5) * height / rows
        share = shares[row, column]
        look: dict[str, Any] = {"fontsize": 8 + 4 * share, "ha": "center", "va": "center", "alpha": 0.45 + 0.55 * share}
        axis.text(x, y, answers[row][column], color="black", fontweight="bold" if share > 0.5 else "normal", **look)
    axis.set_axis_off()
