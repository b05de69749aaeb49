"""The table between extraction and training: a vector and a class per picture, and what is known of it.

Whatever changes the training set (resampling, weighting, augmented views) is a function from `Features` to `Features`, and
changes training rows only.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .datasets import ImageFolder
from .foundation.errors import FeaturesError
from .foundation.folder_listing import SPLITS
from .joined_backbones import JoinedBackbone, join_vectors

if TYPE_CHECKING:
    from .backbones import Backbone


@dataclass(frozen=True, eq=False)
class Features:
    """The vectors of n pictures with their classes. Raises `FeaturesError` where the parts do not fit together."""

    X: np.ndarray  # [n, d] float32; float16 for activations inside a network
    y: np.ndarray  # [n] int, the number of each picture's class
    rows: pd.DataFrame  # n rows: split, and what else is known (path, label, digest, view, reused, ...)
    classes: Sequence[str]  # k names
    weights: np.ndarray | None = None  # [n] float, how much each picture counts in training; None: all alike
    backbone: "Backbone | JoinedBackbone | None" = None  # the network that made the vectors
    source: ImageFolder | None = None  # where the pictures are, with the problems that were found while reading them

    def __post_init__(self) -> None:
        _check_shapes(self.X, self.y)
        lengths = {name: len(getattr(self, name)) for name in ("X", "y", "rows")}
        if len(set(lengths.values())) > 1:
            raise FeaturesError(f"The parts of Features have different lengths: {lengths}.")
        _check_numbers(self.y, len(self.classes))
        _check_splits(self.rows)
        if self.weights is not None:
            _check_weights(np.asarray(self.weights), len(self))

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        splits = ", ".join(f"{(self.rows['split'] == name).sum()} {name}" for name in self.splits)
        return f"Features({len(self)} vectors of {self.X.shape[1]} numbers in {len(self.classes)} classes: {splits})"

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have rows, in the order train, validation, test."""
        there = set(self.rows["split"])
        return tuple(name for name in SPLITS if name in there)

    @property
    def reused(self) -> int:
        """How many of the vectors came from a store."""
        return int(self.rows["reused"].sum()) if "reused" in self.rows else 0

    @property
    def computed(self) -> int:
        """How many of the vectors did not."""
        return len(self) - self.reused

    def select(self, chosen: Sequence | np.ndarray) -> "Features":
        """Return the rows of a mask [n] bool, or those with these numbers [m] int, which may repeat.

        Raises `FeaturesError` where there are no such rows.
        """
        numbers = _row_numbers(np.asarray(chosen), len(self))
        weights = None if self.weights is None else np.asarray(self.weights)[numbers]
        rows = self.rows.iloc[numbers].reset_index(drop=True)
        return replace(self, X=self.X[numbers], y=self.y[numbers], rows=rows, weights=weights)

    def split(self, name: str) -> "Features":
        """Return the rows of train, validation or test."""
        return self.select(self._in_split(name))

    def xy(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the vectors [m, d] and classes [m] of train, validation or test."""
        chosen = self._in_split(name)
        return self.X[chosen], self.y[chosen]

    def _in_split(self, name: str) -> np.ndarray:
        if name not in SPLITS:
            raise FeaturesError(f"There is no split {name!r}; there are {', '.join(SPLITS)}.")
        return (self.rows["split"] == name).to_numpy(bool)

    def sample(self, limit: int) -> "Features":
        """Return `limit` rows drawn at random, always the same ones; all where there are no more, or for -1."""
        if not 0 <= limit < len(self):
            return self
        return self.select(np.sort(np.random.default_rng(0).choice(len(self), limit, replace=False)))

    def fingerprint(self, split: str) -> str:
        """Return a hash of what a measurement on a split depends on: the network, the classes, the pictures in it.

        Raises `FeaturesError` where the rows do not name their pictures.
        """
        if "digest" not in self.rows:
            raise FeaturesError("These features do not know their pictures: their rows have no column digest.")
        chosen = self._in_split(split)
        labels = [self.classes[number] for number in self.y[chosen]]
        pictures = sorted(zip(self.rows.loc[chosen, "digest"], labels, strict=True))
        parts = [self.backbone.fingerprint if self.backbone else "", *self.classes, *map(" ".join, pictures)]
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

    def join(self, *others: "Features") -> "Features":
        """Return these rows, then those of the others. Raises `FeaturesError` where they do not belong together."""
        if not others:  # a copy would take long
            return self
        for other in others:
            _check_kinship(self, other)
        parts = [self, *others]
        weighted = any(part.weights is not None for part in parts)
        return replace(
            self,
            X=np.concatenate([part.X for part in parts]),
            y=np.concatenate([part.y for part in parts]),
            rows=pd.concat([part.rows for part in parts], ignore_index=True),
            weights=np.concatenate([part.sample_weights() for part in parts]) if weighted else None,
        )

    def sample_weights(self) -> np.ndarray:
        """Return how much each row counts [n] float64; 1 where nothing else is said."""
        return np.ones(len(self)) if self.weights is None else np.asarray(self.weights, np.float64)


def side_by_side(parts: Sequence[Features], backbone: "Backbone | JoinedBackbone") -> Features:
    """Return the vectors of the same pictures by the networks of a backbone as one table, a row per picture.

    Each part but the first was made of the `source` of the one before it, so that it has no other pictures. A vector
    counts as reused where all of its parts are.
    """
    last = parts[-1]
    kept = last.rows["path"].unique()
    same = [part.select(part.rows["path"].isin(kept).to_numpy()) for part in parts]
    reused = np.logical_and.reduce([part.rows["reused"] for part in same])
    X = join_vectors([part.X for part in same])
    return replace(last, X=X, rows=last.rows.assign(reused=reused), backbone=backbone)


def _check_shapes(X: np.ndarray, y: np.ndarray) -> None:
    if not (isinstance(X, np.ndarray) and isinstance(y, np.ndarray) and (X.ndim, y.ndim) == (2, 1)):
        found = [f"{type(part).__name__} {list(np.shape(part))}" for part in (X, y)]
        raise FeaturesError(f"X is an array [n, d] and y an array [n]; got {' and '.join(found)}.")


def _check_numbers(y: np.ndarray, num_classes: int) -> None:
    """Raise `FeaturesError` where these are no numbers of classes."""
    if len(y) and y.dtype.kind not in "iu":
        raise FeaturesError(f"y has the number of each picture's class; got values of type {y.dtype}.")
    if len(y) and not 0 <= y.min() <= y.max() < num_classes:
        raise FeaturesError(f"y has numbers from {y.min()} to {y.max()} for {num_classes} classes.")


def _check_splits(rows: pd.DataFrame) -> None:
    """Raise `FeaturesError` where a row does not say whether it is for training, validation or test."""
    if "split" not in rows:
        raise FeaturesError(f"rows needs the column split; it has {', '.join(map(str, rows.columns)) or 'none'}.")
    if unknown := sorted(set(map(str, rows["split"].unique())) - set(SPLITS)):
        raise FeaturesError(f"The column split says {unknown[0]!r}; it may say {', '.join(SPLITS)}.")


def _check_weights(weights: np.ndarray, count: int) -> None:
    if weights.shape != (count,):
        raise FeaturesError(f"weights has the shape {list(weights.shape)}: give one number for each of {count} rows.")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise FeaturesError("A weight says how much a picture counts: it is 0 or more.")


def _row_numbers(chosen: np.ndarray, count: int) -> np.ndarray:
    """Return the numbers of the rows that a mask or numbers choose. Raises `FeaturesError` where there are none such."""
    if chosen.dtype == bool and chosen.shape == (count,):
        return np.flatnonzero(chosen)
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        given = f"{chosen.dtype} {list(chosen.shape)}"
        raise FeaturesError(f"Rows are chosen by a mask [{count}] bool or by their numbers [m] int; got {given}.")
    if chosen.size and not 0 <= chosen.min() <= chosen.max() < count:
        raise FeaturesError(f"Rows {chosen.min()} to {chosen.max()} are asked for; there are rows 0 to {count - 1}.")
    return chosen.astype(int)


def _check_kinship(one: Features, other: Features) -> None:
    """Raise `FeaturesError` where the rows of two features do not belong into one table."""
    if other.X.shape[1] != one.X.shape[1] or list(other.classes) != list(one.classes):
        raise FeaturesError(f"{other!r} cannot be joined to {one!r}: other classes, or vectors of another length.")
    networks = {features.backbone.fingerprint: features.backbone.name for features in (one, other) if features.backbone}
    if len(networks) > 1:
        raise FeaturesError(f"Vectors of {' and '.join(networks.values())} cannot be joined: each network has its own.")
