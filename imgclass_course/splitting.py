"""Splits that stay put: a picture's content, or its group's name, decides where it belongs."""

import hashlib

import pandas as pd

from .foundation.folder_listing import SPLITS
from .foundation.grouping import join_groups


def assign_split(
    digest: str,  # of the picture's content, or the name of its group
    validation_percentage: float = 10,
    testing_percentage: float = 10,
    seed: int = 0,  # another seed is another split
) -> str:  # "train", "validation" or "test"
    """Decide by a picture's content where it belongs: adding, moving or copying pictures moves none."""
    hashed = hashlib.sha256(f"{seed}:{digest}".encode()).hexdigest()
    position = int(hashed[:12], 16) / 16**12 * 100
    if position < testing_percentage:
        return "test"
    return "validation" if position < testing_percentage + validation_percentage else "train"


def decide_splits(table: pd.DataFrame, validation: float, testing: float, seed: int) -> list[str]:
    """The split of each row: as it was given, else by its group or content; '' for files with a problem."""
    given = set(table["split"])
    divided = "" if "" in given else "train"  # where each row has a split, validation is taken from training
    validation = 0 if "validation" in given else validation
    testing = 0 if "test" in given or divided == "train" else testing
    keys = split_keys(table)
    named = {key: split for key, split in zip(keys, table["split"], strict=True) if split and divided == ""}
    return [
        "" if problem else named.get(key) or assign_split(key, validation, testing, seed) if split == divided else split
        for problem, split, key in zip(table["problem"], table["split"], keys, strict=True)
    ]


def split_keys(table: pd.DataFrame) -> list[str]:
    """The name of what each row is never parted from: its group and pictures of the same content (see `join_groups`)."""
    digests = table["digest"].tolist()
    return join_groups(digests, table["group"].tolist() if "group" in table else [""] * len(digests))


def name_splits(given: set[str], validation: float, testing: float) -> tuple[str, ...]:
    """The splits that there are, also those that have no picture."""
    shares = {"train": 100, "validation": validation, "test": 0 if given and "" not in given else testing}
    return tuple(name for name in SPLITS if name in given or shares[name] > 0)
