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

if TYPE_CHECKING:
    from .backbones import Backbone


@dataclass(frozen=True, eq=False)
class Features:
    """The vectors of n pictures with their classes. Raises `FeaturesError` where the parts do not fit together."""

    X: np.ndarray  # [n, d] float32
    y: np.ndarray  # [n] int, the number of each picture's class
    rows: pd.DataFrame  # n rows: split, and what else is known (path, label, digest, view, ...)
    classes: Sequence[str]  # k names
    weights: np.ndarray | None = None  # [n] float, how much each picture counts in training; None: all alike
    backbone: "Backbone | None" = None  # the network that made the vectors
    source: ImageFolder | None = None  # where the pictures are, with the problems that were found while reading them
    reused: int = 0  # vectors that came from a store
    computed: int = 0  # pictures that went through the network

    def __post_init__(self) -> None:
        lengths = {"X": len(self.X), "y": len(self.y), "rows": len(self.rows)}
        if self.weights is not None:
            lengths["weights"] = len(self.weights)
        if len(set(lengths.values())) > 1:
            raise FeaturesError(f"The parts of Features have different lengths: {lengths}.")
        if np.ndim(self.X) != 2 or np.ndim(self.y) != 1:
            raise FeaturesError(f"X is [n, d] and y is [n]; got {list(np.shape(self.X))} and {list(np.shape(self.y))}.")
        if len(self.y) and not 0 <= min(self.y) <= max(self.y) < len(self.classes):
            raise FeaturesError(f"y has numbers from {min(self.y)} to {max(self.y)} for {len(self.classes)} classes.")

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        splits = ", ".join(f"{(self.rows['split'] == name).sum()} {name}" for name in self.splits)
        return f"Features({len(self)} vectors of {self.X.shape[1]} numbers in {len(self.classes)} classes: {splits})"

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have rows, in the order train, validation, test."""
        there = set(self.rows["split"])
        return tuple(name for name in ("train", "validation", "test") if name in there)

    def select(self, chosen: np.ndarray) -> "Features":
        """Return the rows of a mask [n] bool, or those with these numbers [m] int."""
        numbers = np.flatnonzero(chosen) if np.asarray(chosen).dtype == bool else np.asarray(chosen, int)
        weights = None if self.weights is None else self.weights[numbers]
        rows = self.rows.iloc[numbers].reset_index(drop=True)
        return replace(self, X=self.X[numbers], y=self.y[numbers], rows=rows, weights=weights)

    def split(self, name: str) -> "Features":
        """Return the rows of one split."""
        return self.select((self.rows["split"] == name).to_numpy())

    def xy(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the vectors [m, d] and classes [m] of one split."""
        chosen = (self.rows["split"] == name).to_numpy()
        return self.X[chosen], self.y[chosen]

    def fingerprint(self, split: str) -> str:
        """Return a hash of what a measurement on a split depends on: the network, the classes, the pictures in it."""
        rows = self.rows[self.rows["split"] == split]
        pictures = sorted(zip(rows["digest"], rows["label"].astype(str), strict=True))
        parts = [self.backbone.fingerprint if self.backbone else "", *self.classes, *map(" ".join, pictures)]
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

    def join(self, *others: "Features") -> "Features":
        """Return these rows, then those of the others. Raises `FeaturesError` where they do not belong together."""
        parts = [self, *others]
        for other in others:
            if other.X.shape[1] != self.X.shape[1] or list(other.classes) != list(self.classes):
                raise FeaturesError(f"{other!r} cannot be joined to {self!r}: other classes, or vectors of another length.")
        weighted = any(part.weights is not None for part in parts)
        return replace(
            self,
            X=np.concatenate([part.X for part in parts]),
            y=np.concatenate([part.y for part in parts]),
            rows=pd.concat([part.rows for part in parts], ignore_index=True),
            weights=np.concatenate([part.sample_weights() for part in parts]) if weighted else None,
            reused=sum(part.reused for part in parts),
            computed=sum(part.computed for part in parts),
        )

    def sample_weights(self) -> np.ndarray:
        """Return how much each row counts [n] float64; 1 where nothing else is said."""
        return np.ones(len(self)) if self.weights is None else np.asarray(self.weights, np.float64)
