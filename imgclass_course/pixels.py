"""What a picture is made of, drawn with its numbers; and a zoo of picture files, sound and broken, to try a reader on.

The drawings are figures of matplotlib: `plt.gcf()` is the last one.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .drawing import COLOURS, FONT_SIZE, Point, canvas, draw_block, draw_numbers, outline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHANNELS = ("red", "green", "blue")
SURROUNDINGS = 10  # the close-up shows so many times as many pixels, each way, as the patch of numbers
BOMB_SIDE = 40_000  # pixels of each side, claimed by a file of a few kilobytes
TURN_RIGHT = 6  # the orientation that a phone notes when it was held upright


def show_pixels(image: np.ndarray, row: int, column: int, size: int = 6) -> None:
    """Draw a picture, a close-up of it, and a patch of `size` x `size` pixels as numbers in the pixels' own colours.

    image: uint8 [height, width, 3]; `row` and `column` are the patch's upper left corner. Raises `ValueError` where the
    patch does not lie in the picture.
    """
    height, width = image.shape[:2]
    if not (0 <= row <= height - size and 0 <= column <= width - size):
        raise ValueError(
            f"A patch of {size} pixels at {row}, {column} does not lie in a picture of {width} x {height}."
        )
    near = min(size * SURROUNDINGS, height, width)
    top = int(np.clip(row + size // 2 - near // 2, 0, height - near))
    left = int(np.clip(column + size // 2 - near // 2, 0, width - near))
    axis = canvas(6.4, 3.9)
    scale = 2.4 / max(width, height)
    _put(axis, image, (0.05, 3.85 - height * scale), scale)
    outline(axis, (0.05 + left * scale, 3.85 - (top + near) * scale), near * scale, near * scale)
    scale = (3.55 - height * scale) / near
    _put(axis, image[top : top + near, left : left + near], (0.05, 0.1), scale)
    low = 0.1 + (near - (row - top) - size) * scale
    outline(axis, (0.05 + (column - left) * scale, low), size * scale, size * scale)
    _draw_triples(axis, image[row : row + size, column : column + size], (2.65, 0.1), 3.7 / size)


def _draw_triples(axis: "Axes", patch: np.ndarray, corner: Point, cell: float) -> None:
    """Draw pixels as cells of their own colours, each with its red, green and blue."""
    draw_numbers(axis, patch, corner, cell)
    outline(axis, corner, cell * patch.shape[1], cell * patch.shape[0])
    for row, column in np.ndindex(patch.shape[:2]):
        ink = "black" if np.dot(patch[row, column], (0.299, 0.587, 0.114)) > 127 else "white"
        place = (corner[0] + (column + 0.5) * cell, corner[1] + (len(patch) - row - 0.5) * cell)
        numbers = "\n".join(map(str, patch[row, column]))
        axis.text(*place, numbers, color=ink, fontsize=9.5, ha="center", va="center", linespacing=1.1)


def _put(axis: "Axes", image: np.ndarray, corner: Point, scale: float, layer: float = 0) -> None:
    """Draw a picture on a canvas with its lower left corner here, `scale` inches a pixel, over what is in lower layers."""
    height, width = image.shape[:2]
    extent = (corner[0], corner[0] + width * scale, corner[1], corner[1] + height * scale)
    axis.imshow(image, extent=extent, zorder=layer)


def show_sheets(image: np.ndarray, row: int, column: int) -> None:
    """Draw the three channels of a picture as sheets of one block, with its sizes, and one pixel on each of them.

    image: uint8 [height, width, 3].
    """
    height, width = image.shape[:2]
    scale = min(2.4 / width, 1.7 / height)
    step_right, step_up = 1.15, 0.76
    axis = canvas(6.4, height * scale + 2 * step_up + 0.55)
    for depth in (2, 1, 0):
        corner = (0.6 + depth * step_right, 0.4 + depth * step_up)
        sheet = np.zeros_like(image)
        sheet[:, :, depth] = image[:, :, depth]
        _put(axis, sheet, corner, scale, layer=3 - depth)
        place = (corner[0] + (column + 0.5) * scale, corner[1] + (height - row - 0.5) * scale)
        _draw_value(axis, place, f"{CHANNELS[depth]} {image[row, column, depth]}")
    _draw_sizes(axis, image.shape, scale, (step_right, step_up))


def _draw_value(axis: "Axes", place: Point, text: str) -> None:
    """Mark a place on a sheet and write its number beside it."""
    axis.plot(*place, "o", color="white", markeredgecolor=COLOURS["ink"], markersize=6, zorder=6)
    label = {"facecolor": "white", "edgecolor": "none", "pad": 2, "alpha": 0.9}
    axis.text(place[0] + 0.12, place[1], text, fontsize=FONT_SIZE, va="center", bbox=label, zorder=6)


def _draw_sizes(axis: "Axes", shape: Sequence[int], scale: float, step: Point) -> None:
    """Write how many rows, columns and channels there are along the edges of the sheets."""
    height, width = shape[0] * scale, shape[1] * scale
    line = {"arrowstyle": "<->", "color": COLOURS["ink"], "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    corner = (0.6 + width + 0.12, 0.4 - 0.08)
    axis.annotate("", (0.48, 0.4), (0.48, 0.4 + height), arrowprops=line)
    axis.annotate("", (0.6, 0.28), (0.6 + width, 0.28), arrowprops=line)
    axis.annotate("", corner, (corner[0] + 2 * step[0], corner[1] + 2 * step[1]), arrowprops=line)
    style: dict[str, Any] = {"fontsize": FONT_SIZE, "ha": "center", "va": "center"}
    axis.text(0.25, 0.4 + height / 2, f"{shape[0]} rows", rotation=90, **style)
    axis.text(0.6 + width / 2, 0.12, f"{shape[1]} columns", **style)
    axis.text(corner[0] + step[0] + 0.25, corner[1] + step[1] - 0.25, f"{shape[2]} channels", **style)


def show_batch(batch: np.ndarray) -> None:
    """Draw a batch as blocks in a row, each with its picture in front, and its shape below.

    batch: [pictures, size, size, 3], uint8 or float from 0 to 1; more than four are drawn as the first three and the
    last one.
    """
    shown = list(range(len(batch))) if len(batch) <= 4 else [0, 1, 2, len(batch) - 1]
    axis = canvas(6.4, 2.35)
    side, step = 1.15, 1.55
    left = (6.4 - step * len(shown)) / 2
    for place, number in enumerate(shown):
        corner = (left + place * step, 0.8)
        draw_block(axis, corner, side, side, 0.5, f"batch[{number}]")
        picture = batch[number] if batch.dtype == np.uint8 else np.clip(batch[number], 0, 1)
        _put(axis, picture, corner, side / batch.shape[1], layer=2)
    sizes = zip(batch.shape, ("pictures", "rows", "columns", "channels"), strict=True)
    axis.text(3.2, 0.22, "  x  ".join(f"{size} {name}" for size, name in sizes), fontsize=12, ha="center")


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:  # whatever that format takes
    """Return a picture as the bytes of a file of this kind, such as "JPEG"; `options` are those of Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def sample_files(image: np.ndarray) -> dict[str, bytes]:
    """Return a picture, uint8 [height, width, 3], as nine kinds of file that people have, by the file's name."""
    photo = Image.fromarray(image)
    grey = photo.convert("L")
    values = np.asarray(grey)
    notes = Image.Exif()
    notes[0x0112] = TURN_RIGHT
    moving: dict[str, Any] = {"save_all": True, "append_images": [grey.convert("RGB")], "lossless": True}
    return {
        "photo.jpg": encode(photo, "JPEG", quality=90),
        "grey.png": encode(grey, "PNG"),
        "palette.gif": encode(photo.quantize(16), "GIF"),
        "alpha.png": encode(photo.convert("RGBA"), "PNG"),
        "print.jpg": encode(photo.convert("CMYK"), "JPEG", quality=95),
        "16bit.png": encode(Image.fromarray(values.astype(np.uint16) * 257), "PNG"),
        "float.tif": encode(Image.fromarray(values / np.float32(255)), "TIFF"),
        "phone.jpg": encode(photo.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=notes),
        "moving.webp": encode(photo, "WEBP", **moving),
    }


def broken_files(image: np.ndarray) -> dict[str, bytes]:
    """Return files that are no picture, or not a whole one, by the file's name, made with a picture uint8 [h, w, 3]."""
    photo = Image.fromarray(image)
    whole, bomb = encode(photo, "JPEG"), bytearray(encode(photo.resize((30, 20)), "BMP"))
    bomb[18:26] = BOMB_SIDE.to_bytes(4, "little") * 2
    return {
        "empty.jpg": b"",
        "notes.jpg": b"Remember the milk",
        "missing.png": b"<!DOCTYPE html><title>404: Not found</title>",
        "half.jpg": whole[: len(whole) // 2],
        "bomb.bmp": bytes(bomb),
    }
