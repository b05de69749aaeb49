"""What to label next, out of a folder of pictures without labels: a list for the report and for a spreadsheet."""

import os
from pathlib import Path

import pandas as pd

from ..bottlenecks import extract
from ..foundation.errors import DatasetError
from ..foundation.files import cache_folder, printable
from ..foundation.folder_listing import walk_files
from ..foundation.store import BottleneckStore
from ..foundation.tables import name_table
from ..image_folder import ImageFolder
from ..label_next import label_next
from ..transfer import Retraining

USUAL_COUNT = 24
COLUMNS = ("path", "likeliest", "probability", "second", "second probability")


def next_labels(
    result: Retraining,
    folder: str | os.PathLike,
    count: int = USUAL_COUNT,
    bottleneck_dir: str | os.PathLike | None = None,
) -> pd.DataFrame:
    """Return at most `count` pictures of a folder that are worth labelling next, the least certain first.

    The columns are path and the two likeliest classes with their probabilities. Vectors are kept in `bottleneck_dir`
    (default: in the user's cache folder). Pictures that a training has seen, or nearly so, are passed over. Raises
    `DatasetError` for a folder that is not there or holds no readable picture.
    """
    paths = unlabelled_files(folder)
    with BottleneckStore(bottleneck_dir or cache_folder() / "bottlenecks") as store:
        images = ImageFolder.from_pictures(paths, ["unlabelled"] * len(paths), 0, 0, catalogue=store)
        if images.readable.empty:
            raise DatasetError(f"{printable(folder)} holds no readable picture.")
        features = extract(images, backbone=result.classifier.backbone, store=store)
    probabilities = result.classifier.head.predict_proba(features.X)
    rows = label_next(features.X, probabilities, result.features.X, count)
    best = probabilities[rows].argsort(axis=1)[:, ::-1][:, :2]
    classes, listed = result.classifier.classes_, []
    for row, (first, second) in zip(rows, best, strict=True):
        shares = probabilities[row]
        path = str(images.picture(features.rows["path"].iloc[row]).source)
        listed.append((path, classes[first], shares[first], classes[second], shares[second]))
    return name_table(listed, COLUMNS)


def unlabelled_files(folder: str | os.PathLike) -> list[Path]:
    """Return the files below a folder, hidden ones left out. Raises `DatasetError` where there are none."""
    root = Path(folder)
    if not root.is_dir():
        raise DatasetError(f"There is no folder {printable(folder)}: name one that holds pictures without labels.")
    found = [Path(state.path) for state, problem in walk_files(root, os.path.realpath(root)) if not problem]
    if not found:
        raise DatasetError(f"There are no files in {printable(folder)}.")
    return found
