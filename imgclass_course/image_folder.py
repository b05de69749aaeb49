"""Pictures of several classes as a table, whatever they come from, and whether one can train on them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from .foundation.errors import DatasetError
from .foundation.files import printable
from .foundation.folder_listing import (
    Catalogue,
    FileFacts,
    ListedPicture,
    inspect_pictures,
    list_files,
    list_pictures,
    list_remote,
    list_rows,
    name_text,
)
from .foundation.grouping import GroupBy, group_pictures
from .foundation.pictures import Picture, Pictures
from .foundation.remote_files import is_address
from .foundation.tables import any_names, name_table
from .foundation.teachable_projects import is_project, read_project
from .splitting import decide_splits, name_splits

NO_FOLDERS = "no folders of pictures: make one for each kind of thing, and put its pictures into it"
LEFT_OUT = "left out by decision"  # the problem of a picture that somebody decided not to use


def _make_table(
    listed: Sequence[ListedPicture], validation: float, testing: float, seed: int, catalogue: Catalogue | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:  # a row per picture, and the names of the splits
    """Look at each picture and decide its split. Raises `DatasetError` for impossible percentages."""
    if not (min(validation, testing) >= 0 and validation + testing < 100):  # also where one is nan
        shares = (validation, testing)
        raise DatasetError(f"Validation and testing percentage are {shares}: both 0 or more, together below 100.")
    rows = [(one.path, one.label, one.split, one.group) for one in listed]
    table = name_table(rows, ["path", "label", "split", "group"])
    facts = name_table(inspect_pictures(listed, catalogue), FileFacts._fields)
    table = pd.concat([table, facts], axis=1)
    splits = name_splits(set(table["split"]), validation, testing)
    with any_names():
        table["split"] = decide_splits(table, validation, testing, seed)
    groups = table.pop("group")
    return (table.assign(group=groups) if (groups != "").any() else table), splits


@dataclass(frozen=True, eq=False)
class ImageFolder:
    """Pictures of several classes, each in one split, as a table with a row per picture."""

    root: Path | None  # the folder that the paths start from; None for pictures in memory
    classes: list[str]  # their names, sorted
    table: pd.DataFrame  # path, label, split, digest, width, height, problem; and group, where groups are given
    splits: tuple[str, ...]  # those that were asked for, or that the pictures bring
    pictures: Mapping[str, Picture] | None = None  # by path, where they are not the files below root
    decided: str = ""  # the decisions that were applied, counted in words; empty where there were none

    @property
    def readable(self) -> pd.DataFrame:
        """The rows without a problem."""
        return self.table[self.table["problem"] == ""].reset_index(drop=True)

    @property
    def problems(self) -> pd.DataFrame:
        """Path and problem of each file that is not used: no readable picture, or left out by decision."""
        return self.table.loc[self.table["problem"] != "", ["path", "problem"]].reset_index(drop=True)

    @property
    def unreadable(self) -> pd.DataFrame:
        """Path and problem of each file that is no readable picture, without those that were left out by decision."""
        problems = self.problems
        return problems[problems["problem"] != LEFT_OUT].reset_index(drop=True)

    def counts(self) -> pd.DataFrame:
        """Readable pictures per class (rows) and split (columns)."""
        with any_names():
            counts = pd.crosstab(self.readable["label"], self.readable["split"])
            return counts.reindex(index=self.classes, columns=list(self.splits), fill_value=0)

    def class_numbers(self, labels: Sequence) -> np.ndarray:
        """The number of each label's class, [n] int. Raises `DatasetError` for a class that is not there."""
        names = [name_text(label) for label in labels]
        with any_names():
            numbers = pd.Index(self.classes).get_indexer(names)
        if (numbers < 0).any():
            stranger = names[int(np.argmin(numbers))]
            raise DatasetError(f"There is no class {printable(stranger)!r}; there are {', '.join(self.classes)}.")
        return numbers

    def picture(self, path: str) -> Picture:
        """The picture of a row, by its path in the table."""
        if self.pictures is not None:
            return self.pictures[path]
        return Picture((self.root or Path()) / path, printable(path))

    def __repr__(self) -> str:
        counts = self.readable["split"].value_counts()
        splits = ", ".join(f"{counts.get(name, 0)} {name}" for name in self.splits)
        problems = f"; {len(self.problems)} problems" if len(self.problems) else ""
        return f"ImageFolder({counts.sum()} pictures in {len(self.classes)} classes: {splits}{problems})"

    @classmethod
    def scan(
        cls,
        root: str | os.PathLike,  # a folder of pictures per class, or train, validation and test folders of these
        validation_percentage: float = 10,
        testing_percentage: float = 10,
        seed: int = 0,
        catalogue: Catalogue | None = None,  # what remembers files between runs
        group_by: GroupBy = None,  # what never stands in two splits, see `group_pictures`
    ) -> "ImageFolder":
        """Read a folder; files that are no pictures stay in the table with their problem. Raises `DatasetError`."""
        root = Path(os.path.realpath(root))
        listed, classes = list_files(root)
        listed = group_pictures(listed, group_by)
        table, splits = _make_table(listed, validation_percentage, testing_percentage, seed, catalogue)
        return cls(root, classes, table, splits)

    @classmethod
    def from_address(
        cls,
        address: str,  # such as s3://bucket/pictures, laid out as a folder is; read through fsspec
        validation_percentage: float = 10,
        testing_percentage: float = 10,
        seed: int = 0,
        catalogue: Catalogue | None = None,  # where the time of the last change is known, what remembers files
        group_by: GroupBy = None,
    ) -> "ImageFolder":
        """Read a folder in object storage: each picture once for its digest, unless it is known. Raises `DatasetError`."""
        listed, classes = list_remote(address)
        listed = group_pictures(listed, group_by)
        table, splits = _make_table(listed, validation_percentage, testing_percentage, seed, catalogue)
        return cls(None, classes, table, splits, {one.path: one.picture for one in listed})

    @classmethod
    def from_table(
        cls,
        table: pd.DataFrame,  # path and label; perhaps split, where it is given, and group, of which none is divided
        root: str | os.PathLike | None = None,  # the folder that paths start from; None: the current one
        validation_percentage: float = 10,
        testing_percentage: float = 10,
        seed: int = 0,
        catalogue: Catalogue | None = None,
    ) -> "ImageFolder":
        """Read the files that a table names; one that is not there stays, with its problem. Raises `DatasetError`."""
        root = Path(os.path.abspath(os.curdir if root is None else root))
        listed, classes = list_rows(table, root)
        table, splits = _make_table(listed, validation_percentage, testing_percentage, seed, catalogue)
        return cls(root, classes, table, splits)

    @classmethod
    def from_pictures(
        cls,
        pictures: Pictures,  # arrays uint8, PIL pictures, bytes, open files, paths; a generator is used up and kept
        labels: Sequence,  # a name or number for each
        validation_percentage: float = 10,
        testing_percentage: float = 10,
        seed: int = 0,
        catalogue: Catalogue | None = None,  # of those pictures that are files
    ) -> "ImageFolder":
        """Take pictures as they are; what cannot be read stays, with its problem. Raises `DatasetError`."""
        listed, classes = list_pictures(pictures, labels)
        table, splits = _make_table(listed, validation_percentage, testing_percentage, seed, catalogue)
        return cls(None, classes, table, splits, {one.path: one.picture for one in listed})


def as_image_folder(
    data: Any,  # an ImageFolder, the path or address of a folder, a .tm project of Teachable Machine, a table, or pictures
    labels: Sequence | None = None,  # of pictures, one each
    validation_percentage: float = 10,
    testing_percentage: float = 10,
    seed: int = 0,
    catalogue: Catalogue | None = None,
    group_by: GroupBy = None,  # of the files of a folder, see `group_pictures`
) -> ImageFolder:
    """An `ImageFolder` of what is given; one that is given stays as it is. Raises `DatasetError`."""
    options = (validation_percentage, testing_percentage, seed, catalogue)
    is_path, is_table = isinstance(data, str | os.PathLike), hasattr(data, "columns")
    if group_by is not None and (labels is not None or not is_path):
        raise DatasetError("group_by is for the files of a folder: a table names groups in its column group.")
    if labels is not None:
        if isinstance(data, ImageFolder) or is_table or (is_path and os.path.isdir(data)):
            raise DatasetError("A folder brings its own labels, a table in its column label: leave `labels` out.")
        return ImageFolder.from_pictures(data, labels, *options)
    if isinstance(data, ImageFolder):
        return data
    if is_table:
        return ImageFolder.from_table(data, None, *options)
    if is_path and is_project(data):
        pictures, classes = read_project(data)
        return ImageFolder.from_pictures(cast(Pictures, pictures), classes, *options)
    if is_address(data):
        return ImageFolder.from_address(data, *options, group_by=group_by)
    if is_path:
        return ImageFolder.scan(data, *options, group_by=group_by)
    raise DatasetError(
        f"A {type(data).__name__} alone is no data set: give a folder, a table with the columns path and label, "
        "or pictures with their labels."
    )


def _check_class(folder: ImageFolder, label: str, counts: pd.Series) -> None:
    """Raise `DatasetError` where a class has too few pictures; the usual reason is that they cannot be read."""
    if counts.sum() < len(folder.splits) or counts["train"] == 0:
        problems = folder.table[(folder.table["label"] == label) & (folder.table["problem"] != "")]
        reason, pictures = "", "picture" if counts.sum() == 1 else "pictures"
        for path, problem in problems[["path", "problem"]].head(1).itertuples(index=False):
            reason = f" ({len(problems)} cannot be read, the first, {printable(path)}: {problem})"
        raise DatasetError(
            f"Class {printable(label)} has {counts.sum()} readable {pictures}{reason}, too few for "
            f"{', '.join(folder.splits)}: add pictures, or remove the class."
        )


def _too_few_classes(folder: ImageFolder) -> str:
    """Return what a folder, or pictures in memory, hold in place of two classes or more, and what to do."""
    only = f"only the class {printable(folder.classes[0])}" if folder.classes else ""
    if folder.root:
        found = f"{only}: give a second kind of thing a folder of its own" if only else NO_FOLDERS
        return f"{printable(folder.root)} holds {found}."
    hint = "give pictures of at least two classes, in a folder each or with their labels"
    return f"The data set holds {only or 'no folders and no labels'}: {hint}."


def check_trainable(folder: ImageFolder) -> None:
    """Raise `DatasetError`, with what to do, where a folder cannot be trained on."""
    name = printable(folder.root) if folder.root else "the data set"
    if len(folder.classes) < 2:
        raise DatasetError(_too_few_classes(folder))
    counts = folder.counts()
    for label in folder.classes:
        _check_class(folder, label, counts.loc[label])
    for split in counts.columns[counts.sum() == 0]:
        raise DatasetError(
            f"None of the {counts.to_numpy().sum()} readable pictures in {name} is in {split}: "
            f"add pictures, or give {split} a larger share."
        )
