"""The data sets that come along: drawings and textile in class folders, and a sample of Fashion-MNIST."""

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .foundation.errors import DatasetError
from .foundation.files import package_folder


def dataset_folder(
    name: str = "clipart",
) -> Path:  # the folder of the data set, read-only
    """The folder of a data set that comes along. Raises `DatasetError` for an unknown name."""
    package = package_folder()
    data = next(folder for folder in (package / "data", package.parent / "data") if folder.is_dir())
    names = sorted(folder.name for folder in data.iterdir() if folder.is_dir())
    if name not in names:
        raise DatasetError(f"No data set called {name!r} comes along; there are {', '.join(names)}.")
    return data / name


FASHION_CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package puts it


class Fashion(NamedTuple):
    """Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747): images uint8 [n, 28, 28], labels uint8 [n]."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load_fashion(
    full: bool = False,  # all 70,000 pictures instead of the sample
    folder: Path = FASHION_FOLDER,  # where the four files of the full set are
) -> Fashion:
    """Fashion-MNIST: the sample that comes along, or all of it. Raises `DatasetError` where the full set is not there."""
    if not full:
        with np.load(dataset_folder("fashion") / "fashion_sample.npz", allow_pickle=False) as arrays:
            return Fashion(*(arrays[name] for name in Fashion._fields))
    parts = []
    for part in ("train", "t10k"):
        for kind, header in (("images-idx3", 16), ("labels-idx1", 8)):
            path = folder / f"{part}-{kind}-ubyte.gz"
            if not path.is_file():
                raise DatasetError(f"No {path}: install Debian's dataset-fashion-mnist, or give `folder`.")
            values = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)
            parts.append(values.reshape(-1, 28, 28) if "images" in kind else values)
    return Fashion(*parts)
