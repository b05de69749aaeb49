"""Pictures by category, and the cache of one text file per picture, as the old `retrain.py` keeps them.

`benchmarks.old_retrain` says what is recreated here and what differs.
"""

import hashlib
import os
import random
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf

MODULE_NAME = "mobilenet_v1_100_224"
EXTENSIONS = ("jpg", "jpeg", "JPG", "JPEG")
MAX_IMAGES_PER_CLASS = 2**27 - 1
CATEGORIES = ("training", "testing", "validation")


@dataclass
class ClassImages:
    """The picture names of one class by category; `folder` is the name on disk."""

    folder: str
    training: list[str] = field(default_factory=list)
    testing: list[str] = field(default_factory=list)
    validation: list[str] = field(default_factory=list)

    def names(self, category: str) -> list[str]:
        """The file names of one category."""
        return getattr(self, category)


ImageLists = dict[str, ClassImages]


def split_of(path: str, testing_percentage: int, validation_percentage: int) -> str:
    """Choose the category of a picture by a hash of its path without what follows `_nohash_`."""
    hashed = hashlib.sha1(re.sub(r"_nohash_.*$", "", path).encode()).hexdigest()
    percentage = (int(hashed, 16) % (MAX_IMAGES_PER_CLASS + 1)) * (100.0 / MAX_IMAGES_PER_CLASS)
    if percentage < validation_percentage:
        return "validation"
    return "testing" if percentage < testing_percentage + validation_percentage else "training"


def create_image_lists(image_dir: str, testing_percentage: int, validation_percentage: int) -> ImageLists:
    """List the JPEG files of each class folder by category; the label is the folder's name, lower case, no signs."""
    lists: ImageLists = {}
    for folder in sorted(path for path in Path(image_dir).iterdir() if path.is_dir()):
        names = [path.name for extension in EXTENSIONS for path in sorted(folder.glob(f"*.{extension}"))]
        images = ClassImages(folder.name)
        for name in names:
            path = os.path.join(image_dir, folder.name, name)
            images.names(split_of(path, testing_percentage, validation_percentage)).append(name)
        if names:
            lists[re.sub(r"[^a-z0-9]+", " ", folder.name.lower())] = images
    return lists


@dataclass(frozen=True)
class TextCache:
    """One comma-separated text file per picture, found by path, computed if the file does not exist."""

    image_dir: str
    bottleneck_dir: str
    compute: Callable[[bytes], np.ndarray]  # a picture's bytes to float32 [1024]

    def get(self, folder: str, name: str) -> list[float]:
        """Read and parse the text file of a picture; create it first if it is missing or not parsable."""
        os.makedirs(os.path.join(self.bottleneck_dir, folder), exist_ok=True)
        path = os.path.join(self.bottleneck_dir, folder, f"{name}_{MODULE_NAME}.txt")
        if not os.path.exists(path):
            self.create(folder, name, path)
        try:
            return read_floats(path)
        except ValueError:
            self.create(folder, name, path)
            return read_floats(path)

    def create(self, folder: str, name: str, path: str) -> None:
        """Compute the bottleneck of a picture and write it as text."""
        image_path = os.path.join(self.image_dir, folder, name)
        try:
            values = self.compute(Path(image_path).read_bytes())
        except tf.errors.OpError as error:
            raise RuntimeError(f"Error during processing file {image_path} ({error})") from error
        with open(path, "w") as file:
            file.write(",".join(str(value) for value in values))


def read_floats(path: str) -> list[float]:
    """Parse one file of comma-separated numbers."""
    with open(path) as file:
        return [float(text) for text in file.read().split(",")]


def cache_bottlenecks(cache: TextCache, lists: ImageLists) -> int:
    """Make sure that each picture has its text file; returns the number of pictures."""
    count = 0
    for images in lists.values():
        for category in CATEGORIES:
            for name in images.names(category):
                cache.get(images.folder, name)
                count += 1
                if count % 100 == 0:
                    print(f"{count} bottleneck files", file=sys.stderr)
    return count


def random_bottlenecks(
    cache: TextCache, lists: ImageLists, how_many: int, category: str
) -> tuple[list[list[float]], list[int]]:
    """Draw classes uniformly and then a picture of the class each; returns vectors and class indices."""
    classes = list(lists.values())
    vectors, labels = [], []
    for _ in range(how_many):
        label = random.randrange(len(classes))
        names = classes[label].names(category)
        name = names[random.randrange(MAX_IMAGES_PER_CLASS + 1) % len(names)]
        vectors.append(cache.get(classes[label].folder, name))
        labels.append(label)
    return vectors, labels


def all_bottlenecks(cache: TextCache, lists: ImageLists, category: str) -> tuple[list[list[float]], list[int]]:
    """Read the vectors and class indices of each picture of a category."""
    pairs = [
        (cache.get(images.folder, name), label)
        for label, images in enumerate(lists.values())
        for name in images.names(category)
    ]
    return [vector for vector, _ in pairs], [label for _, label in pairs]
