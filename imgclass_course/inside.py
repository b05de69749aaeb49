"""What is inside a pretrained network, as pictures and counts: names, maps, kinds of convolution, a cloud of thumbnails."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .drawing import COLOURS, canvas, draw_arrow, draw_block

if TYPE_CHECKING:
    import keras
    from matplotlib.axes import Axes

Named = Sequence[tuple[str, float]]  # names with their probabilities, best first
SMALL = 10  # points of the letters under a small picture
LONGEST_NAME = 17  # characters that fit under a small picture


def show_names(images: Sequence[np.ndarray], answers: Sequence[Named], titles: Sequence[str] | None = None) -> None:
    """Show pictures in a row, the names that a network gave below each, with bars for their probabilities.

    images: each uint8 [height, width, 3]. Raises `ValueError` unless there are as many answers, and one picture or more.
    """
    import matplotlib.pyplot as plt

    if not len(images) or len(images) != len(answers):
        raise ValueError(
            f"{len(images)} pictures and {len(answers)} answers: give one for each, and one picture at least."
        )
    rows = max(map(len, answers))
    figure, axes = plt.subplots(
        2,
        len(images),
        figsize=(1.6 * len(images), 1.8 + 0.36 * rows),
        dpi=84,
        height_ratios=(1.4, 0.36 * rows),
        squeeze=False,
    )
    for column, (image, named) in enumerate(zip(images, answers, strict=True)):
        axes[0, column].imshow(image)
        axes[0, column].set_title(titles[column] if titles else "", fontsize=SMALL + 1)
        axes[0, column].set_axis_off()
        draw_bars(axes[1, column], named, rows)
    figure.tight_layout(h_pad=0.3, w_pad=0.8)


def draw_bars(axis: "Axes", named: Named, rows: int) -> None:
    """Draw a bar for each name and probability, best on top, the name above its bar; there is room for `rows`."""
    for row, (name, probability) in enumerate(named):
        short = name.split(",")[0]
        short = short if len(short) <= LONGEST_NAME else f"{short[: LONGEST_NAME - 1]}…"
        axis.barh([row, row], [1, probability], height=0.28, color=[COLOURS["pale"], COLOURS["blue"]])
        axis.text(0, row - 0.2, short, fontsize=SMALL, va="bottom", fontweight="normal" if row else "bold")
    axis.set(xlim=(0, 1), ylim=(rows - 0.7, -0.75))
    axis.set_axis_off()


def show_maps(maps: Mapping[str, np.ndarray], count: int = 6) -> None:
    """Show the `count` liveliest maps of each layer, those that vary most; a row for each layer, dark is 0.

    maps: [height, width, channels] float by the text that stands over the row.
    """
    import matplotlib.pyplot as plt

    side = 6.4 / count
    figure, axes = plt.subplots(len(maps), count, figsize=(6.4, (side + 0.3) * len(maps)), dpi=86, squeeze=False)
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1 - 0.3 / (side + 0.3) / len(maps), wspace=0.05, hspace=0.32)
    for row, (title, values) in zip(axes, maps.items(), strict=True):
        liveliest = np.argsort(-values.std(axis=(0, 1)), kind="stable")[:count]
        for axis, channel in zip(row, liveliest, strict=True):
            axis.imshow(values[:, :, channel], cmap="magma", interpolation="nearest")
            axis.set_axis_off()
        row[0].set_title(title, fontsize=SMALL + 1, loc="left", pad=4)


def draw_convolutions(channels: int, filters: int, side: int = 3) -> "Axes":
    """Draw an ordinary convolution of `channels` to `filters` maps, and below it the same in two steps; return the axes.

    Each is written with the multiplications that it takes at one place of the picture.
    """
    axis = canvas(6.4, 3.5)
    window = f"{side} x {side}"
    for bottom, lefts in ((2.2, (0.1, 2.8)), (0.4, (0.1, 2.8, 5.5))):
        _draw_sheets(axis, (lefts[0], bottom), f"{channels} channels", "sky")
        _draw_sheets(axis, (lefts[1], bottom), f"{filters if bottom > 1 else channels} maps", "orange")
    _draw_sheets(axis, (5.5, 0.4), f"{filters} maps", "green")
    steps = (
        (
            (0.95, 2.2),
            "ordinary",
            f"{filters} filters,\n{window} x {channels} each",
            f"{window} x {channels} x {filters}",
        ),
        ((0.95, 0.4), "depthwise", f"{channels} filters,\n{window} x 1 each", f"{window} x {channels}"),
        ((3.65, 0.4), "pointwise", f"{filters} filters,\n1 x 1 x {channels} each", f"{channels} x {filters}"),
    )
    for corner, name, what, cost in steps:
        _draw_step(axis, corner, name, what, cost)
    return axis


def _draw_step(axis: "Axes", corner: tuple[float, float], name: str, filters: str, cost: str) -> None:
    """Draw an arrow between two stacks of sheets, with a name and its filters above, and below what it costs."""
    left, height = corner[0], corner[1] + 0.42
    draw_arrow(axis, (left + 0.1, height), (left + 1.75, height))
    middle = left + 0.9
    axis.text(middle, height + 0.5, name, fontsize=SMALL + 2, fontweight="bold", ha="center", va="bottom")
    axis.text(middle, height + 0.08, filters, fontsize=SMALL, ha="center", va="bottom", linespacing=1.3)
    axis.text(middle, height - 0.1, cost, fontsize=SMALL, ha="center", va="top", color=COLOURS["red"])


def _draw_sheets(axis: "Axes", corner: tuple[float, float], label: str, colour: str) -> None:
    """Draw a few sheets behind each other, and what they are below."""
    for sheet in (2, 1, 0):
        draw_block(axis, (corner[0] + 0.11 * sheet, corner[1] + 0.11 * sheet), 0.6, 0.6, 0.02, colour=colour)
    axis.text(corner[0] + 0.4, corner[1] - 0.08, label, fontsize=SMALL, ha="center", va="top")


def draw_stages(shapes: Sequence[tuple[int, int, int]]) -> "Axes":
    """Draw what runs through a network, [height, width, channels] after each of its stages, as blocks; return the axes.

    They are drawn as high as the root of their height, and as wide as the root of their channels.
    """
    axis = canvas(6.4, 2.5)
    pitch = 6.4 / len(shapes)
    most = max(channels for _, _, channels in shapes)
    for place, (height, _, channels) in enumerate(shapes):
        tall, wide = 1.2 * np.sqrt(height / shapes[0][0]), 0.6 * pitch * np.sqrt(channels / most)
        middle = (place + 0.5) * pitch
        draw_block(axis, (middle - wide / 2 - tall / 8, 1.4 - tall * 0.6), wide, tall, tall * 0.5)
        words = f"{height} x {height}\nx {channels}" if height > 1 else f"{channels}\nnumbers"
        axis.text(middle, 0.5, words, fontsize=SMALL, ha="center", va="top", linespacing=1.3)
    return axis


def show_over(image: np.ndarray, maps: np.ndarray, columns: int = 3) -> None:
    """Show a picture once for each map of [height, width, n], bright where the map is large.

    image: uint8 [side, side, 3].
    """
    import matplotlib.pyplot as plt

    count = maps.shape[2]
    rows = -(-count // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.1 * columns, 2.1 * rows), dpi=75, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, values in zip(axes.flat, np.moveaxis(maps, 2, 0), strict=False):
        side = len(image)
        places = np.linspace(0, len(values) - 1, side).round().astype(int)  # of the map, for each pixel
        light = 0.2 + 0.8 * values[np.ix_(places, places)] / max(values.max(), 1e-6)
        axis.imshow((image * light[:, :, None]).astype(np.uint8))
    figure.tight_layout(pad=0.3)


def layer_costs(model: "keras.Model") -> pd.DataFrame:
    """Count the multiply-adds per picture and the weights of a network, a row for each layer that has a kernel.

    Columns `layer`, `multiply_adds` and `weights`. A separable convolution is one layer with two kernels. Normalisation,
    biases and pooling are left out, as in published tables.
    """
    rows = []
    for layer in model.layers:
        kernels = [weight for weight in layer.weights if "kernel" in weight.name]
        places = (
            int(np.prod(layer.output.shape[1:-1])) if kernels else 0
        )  # of the map that comes out; 1 for a dense layer
        weights = sum(int(np.prod(kernel.shape)) for kernel in kernels)
        if kernels:
            rows.append((layer.name, places * weights, weights))
    return pd.DataFrame(rows, columns=["layer", "multiply_adds", "weights"])


def show_cloud(places: np.ndarray, images: Sequence[np.ndarray], size: float = 5.6, thumbnail: float = 0.35) -> "Axes":
    """Show each picture as a thumbnail where it lies in the plane, white as nothing, and return the axes.

    places: [n, 2] float; images: n of uint8 [side, side, 3]; `size` and `thumbnail` in inches.
    """
    import matplotlib.pyplot as plt

    axis = plt.subplots(figsize=(size, size), dpi=100, layout="constrained")[1]
    spread = np.ptp(places, axis=0).max()
    half = spread * thumbnail / size / 2
    for (x, y), image in zip(places, images, strict=True):
        alpha = np.clip((255.0 - image.min(axis=2, keepdims=True)) * 4, 0, 255).astype(np.uint8)  # paper is no drawing
        axis.imshow(np.concatenate([image, alpha], axis=2), extent=(x - half, x + half, y - half, y + half))
    low, high = places.min(axis=0) - half, places.max(axis=0) + half
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axis.set_axis_off()
    return axis
