"""Pictures of nothing that a classifier was taught: photos, faces of a font, textures, noise, drawings."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .course_data import dataset_folder

SIZE = 224  # pixels of each side
WHITE, YELLOW, INK = (255, 255, 255), (255, 204, 51), (40, 40, 40)
PHOTOS = ("chelsea", "coffee", "hubble_deep_field", "retina", "coins", "moon", "immunohistochemistry", "page", "clock")
TEXTURES = ("brick", "grass", "gravel")
PATCHES = 4  # of a texture, in each direction
PATCH_SIZE = 128  # pixels of a texture's patch
CLOTHS = 16  # pictures of each kind of cloth
FACES = range(0x1F600, 0x1F641)  # of Unicode; the font lacks a few
GRAINS = (224, 56, 14)  # noise of so many squares in each direction
NOISES = 12  # pictures of each grain


def load_strangers(left_out: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Return pictures [n, 224, 224, 3] uint8 by their kind: photos, emoji, textures, noise.

    With the names of folders of drawings, these drawings come last, as "other drawings". All of it comes along with the
    course or with a library that it needs; noise is the same each time.
    """
    found = {"photos": _photos(), "emoji": _faces(), "textures": _textures(), "noise": _noise()}
    if left_out:
        files = [path for kind in left_out for path in sorted((dataset_folder("clipart") / kind).glob("*.jpg"))]
        found["other drawings"] = np.stack([_read(path) for path in files])
    return found


def few_strangers(count: int) -> dict[str, np.ndarray]:
    """Return at most `count` pictures [n, 224, 224, 3] uint8 of each kind: drawings, emoji, cloth, noise.

    They need no library but those that the package needs.
    """
    drawings = sorted(dataset_folder("clipart").glob("*/*.jpg"))
    cloths = sorted(dataset_folder("textile").glob("*/*.jpg"))
    read = {"drawings": drawings, "cloth": cloths}
    found = {kind: np.stack([_read(files[place]) for place in _spread(len(files), count)]) for kind, files in read.items()}
    return found | {"emoji": _faces(count), "noise": _noise(count // len(GRAINS))}


def _spread(length: int, count: int) -> list[int]:
    """Return at most `count` places in a list, evenly spread."""
    return sorted(set(np.linspace(0, length - 1, min(count, length)).round().astype(int).tolist()))


def _square(pixels: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Return grey or coloured pixels as a square picture in colours, squashed."""
    image = Image.fromarray(pixels).convert("RGB")
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def _read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return _square(np.asarray(image.convert("RGB")))


def _photos() -> np.ndarray:
    from skimage import data

    return np.stack([_square(getattr(data, name)()) for name in PHOTOS])


def _textures() -> np.ndarray:
    """Return patches of walls and of the ground, and pieces of cloth."""
    from skimage import data

    starts = range(0, PATCHES * PATCH_SIZE, PATCH_SIZE)
    whole = [getattr(data, name)() for name in TEXTURES]
    patches = [
        one[top : top + PATCH_SIZE, left : left + PATCH_SIZE] for one in whole for top in starts for left in starts
    ]
    kinds = sorted(folder for folder in dataset_folder("textile").iterdir() if folder.is_dir())
    cloths = [path for kind in kinds for path in sorted(kind.iterdir())[:CLOTHS]]
    return np.stack([*map(_square, patches), *map(_read, cloths)])


def _faces(count: int = len(FACES)) -> np.ndarray:
    """Return the first `count` faces of DejaVu, a font that comes with matplotlib, painted yellow."""
    import matplotlib
    from matplotlib.ft2font import FT2Font

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    there = FT2Font(str(path)).get_charmap()
    font = ImageFont.truetype(str(path), 3 * SIZE // 4)
    return np.stack([_face(chr(code), font) for code in FACES if code in there][:count])


def _face(letter: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    ink = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(ink).text((SIZE // 2, SIZE // 2), letter, 255, font, anchor="mm")
    left, top, right, bottom = ink.getbbox() or (0, 0, SIZE, SIZE)
    radius, middle = min(right - left, bottom - top) / 2 - 2, (left + right) / 2
    face = Image.new("RGB", (SIZE, SIZE), WHITE)
    ImageDraw.Draw(face).circle((middle, bottom - radius - 2), radius, YELLOW)
    face.paste(INK, mask=ink)
    return np.asarray(face)


def _noise(count: int = NOISES) -> np.ndarray:
    generator = np.random.default_rng(0)
    grains = [generator.integers(0, 256, (grain, grain, 3), np.uint8) for grain in GRAINS for _ in range(count)]
    return np.stack([_square(one) for one in grains])
