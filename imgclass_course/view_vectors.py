"""The vectors of one network for the pictures of a folder: of each picture as it is, and of its augmented views."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from .backbones import Backbone
from .features import Features
from .foundation.extraction import find_vectors
from .foundation.runners import Runner
from .foundation.store import BottleneckStore
from .image_folder import ImageFolder
from .views import Augmentation, View


def extract_network(
    folder: ImageFolder,
    backbone: Backbone,
    store: BottleneckStore | None,
    augmentation: Augmentation | None,
    views: int,
    runner: str | Runner | None,
) -> tuple[Features, ImageFolder]:
    """Return the vectors of one network, and the folder with what could not be read as problems.

    Vectors are looked up and kept in `store`. Of each training picture there are `views` more, made by `augmentation`.
    `runner` is as for `Backbone.runner`, or one of the caller's own.
    """
    make_runner = partial(backbone.runner, runner) if runner is None or isinstance(runner, str) else lambda: runner
    work = partial(_extract_view, make_runner=make_runner, store=store)
    plain, problems = work(folder, folder.readable, View(backbone))
    folder = _with_problems(folder, problems)
    train = folder.readable[folder.readable["split"] == "train"].reset_index(drop=True)
    shown = [View(backbone, number, augmentation) for number in range(1, views + 1)]
    parts = [work(folder, train, view)[0] for view in shown]
    return replace(plain, source=folder).join(*parts), folder


def _extract_view(
    folder: ImageFolder,
    rows: pd.DataFrame,
    view: View,
    make_runner: Callable[[], Runner],
    store: BottleneckStore | None,
) -> tuple[Features, np.ndarray]:
    """Return the vectors of one view of each picture, and the problems [n] str, mostly empty."""
    paths, digests = rows["path"].tolist(), rows["digest"].tolist()
    found = find_vectors(view, digests, lambda row: folder.picture(paths[row]), make_runner, store)
    numbers = folder.class_numbers(rows["label"].tolist())
    rows = rows.assign(view=view.number, reused=found.reused)
    content = (found.vectors, numbers, rows, tuple(folder.classes))
    features = Features(*content, backbone=view.backbone, source=folder)
    usable = found.problems == ""
    return features if usable.all() else features.select(usable), found.problems


def _with_problems(folder: ImageFolder, problems: np.ndarray) -> ImageFolder:
    """Return the folder without the pictures that could not be read: they become problems."""
    table = folder.table.copy()
    table.loc[table["problem"] == "", "problem"] = problems
    table.loc[table["problem"] != "", "split"] = ""
    return replace(folder, table=table)
