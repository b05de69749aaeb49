"""A folder of pictures to practise on: the drawings that come along, with the flaws that folders of one's own have."""

import hashlib
import io
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageEnhance

from .course_data import dataset_folder
from .foundation.grouping import EXIF_TIME
from .splitting import assign_split

MISPLACED = {  # where a picture lies: which drawing it is, and in which folder that belongs
    "birds/picture_0602.jpg": "vehicles/aircraft_2.jpg",
    "bugs/picture_0417.jpg": "fruit/strawberry.jpg",
    "homes/picture_0533.jpg": "drinks/teacup.jpg",  # one of the test pictures, where a quarter are
}
COPIES = {  # a copy as a messenger makes it, smaller and paler: of which drawing; it is always for training
    "drinks/picture_0610.jpg": "drinks/mug.jpg",
    "vehicles/picture_0418.jpg": "vehicles/big_truck.jpg",  # a test picture
}
BROKEN = {"flowers/picture_0555.jpg": "flowers/rose.jpg"}  # the first half of its file
TESTING_PERCENTAGE = 25
FIRST_SHOT = datetime(2024, 5, 1, 10)  # of a burst


def practice_folder(folder: Path) -> Path:
    """Fill a new folder with the drawings and the flaws, and return it."""
    drawings = dataset_folder("clipart")
    for kind in (path for path in drawings.iterdir() if path.is_dir()):
        (folder / kind.name).mkdir(parents=True)
        for path in kind.glob("*.jpg"):
            shutil.copyfile(path, folder / kind.name / path.name)
    for name, drawing in MISPLACED.items():
        (folder / drawing).rename(folder / name)
    for name, drawing in COPIES.items():
        (folder / name).write_bytes(_copy_for_training(drawings / drawing))
    for name, drawing in BROKEN.items():
        content = (drawings / drawing).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
    return folder


def burst_folder(folder: Path, kinds: int = 4, bursts: int = 12, shots: int = 5) -> Path:
    """Fill a new folder with drawings as a phone takes them in bursts, and return it.

    Of each of the first `kinds` classes there are the first `bursts` drawings, `shots` times each, a second apart and five
    minutes after the drawing before (EXIF, DateTimeOriginal). Each shot is moved a little and has its own light. The files
    are called burst_007_2.jpg: the third shot of a drawing.
    """
    drawings, generator, number = dataset_folder("clipart"), np.random.default_rng(0), 0
    for kind in sorted(path for path in drawings.iterdir() if path.is_dir())[:kinds]:
        (folder / kind.name).mkdir(parents=True)
        for path in sorted(kind.glob("*.jpg"))[:bursts]:
            for shot in range(shots):
                taken = FIRST_SHOT + timedelta(minutes=5 * number, seconds=shot)
                _save_shot(path, folder / kind.name / f"burst_{number:03}_{shot}.jpg", taken, generator)
            number += 1
    return folder


def _save_shot(path: Path, shot: Path, taken: datetime, generator: np.random.Generator) -> None:
    """Save a picture as a phone takes it once more: a little moved, lighter or darker, and with its time."""
    with Image.open(path) as image:
        width, height = image.size
        left, top = (int(generator.integers(0, side // 20 + 1)) for side in (width, height))
        moved = image.convert("RGB").crop((left, top, left + width * 19 // 20, top + height * 19 // 20))
    notes = Image.Exif()
    notes.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken.strftime(EXIF_TIME)
    ImageEnhance.Brightness(moved).enhance(generator.uniform(0.85, 1.0)).save(shot, quality=90, exif=notes)


def _copy_for_training(path: Path) -> bytes:
    """Return a smaller JPEG of a picture, with a few bytes behind its end that put it into the training split.

    Encoders differ from machine to machine, and the split goes by the bytes: so the same copies are for training anywhere.
    """
    image, copied = Image.open(path), io.BytesIO()
    smaller = image.resize([side * 9 // 10 for side in image.size], Image.Resampling.BILINEAR)
    smaller.save(copied, "JPEG", quality=70)
    for number in range(1000):
        content = copied.getvalue() + b" " * number
        if assign_split(hashlib.sha256(content).hexdigest(), 0, TESTING_PERCENTAGE) == "train":
            break
    return content
