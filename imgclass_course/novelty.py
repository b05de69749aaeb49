"""None of these: a picture that is farther from all training pictures than pictures of the known classes are.

The distance is that to the nearest stored vector (Sun 2022, arXiv:2204.06507); the threshold is one that only a chosen share
of pictures of the known classes exceeds. How it works is taken apart in lesson 18.
"""

import math
from dataclasses import dataclass

import numpy as np

from .foundation.errors import TrainingError
from .trust import nearest_distances, threshold_at, unit_vectors

USUAL_FALSE_ALARMS = 0.05
MOST_KEPT = 1500  # vectors: more cost over 5 % of a prediction, and tell strangers hardly better (benchmarks/strangers.py)


@dataclass(frozen=True, eq=False)
class KnownPictures:
    """The directions of training pictures' vectors, and how far from them a picture of a known class may be."""

    vectors: np.ndarray  # [m, d] float32, each of length 1
    threshold: float  # cosine distance, from 0 to 2
    false_alarms: float  # the share of pictures of known classes that may lie beyond it

    def distances(self, X: np.ndarray) -> np.ndarray:
        """Return how far vectors [n, d] are from the nearest that is known [n]: 0 is the same direction, 1 a right angle.

        It is `trust.nearest_distances`, with what is known brought to length 1 once and for all.
        """
        return np.maximum(1 - (unit_vectors(X) @ self.vectors.T).max(axis=1), 0)

    def are_strangers(self, distances: np.ndarray) -> np.ndarray:
        """Return which pictures [n] bool, by their distances, are none of these; never one without a distance."""
        return distances > self.threshold


def known_pictures(
    train: np.ndarray, validation: np.ndarray, false_alarms: float = USUAL_FALSE_ALARMS
) -> KnownPictures | None:
    """Return what is known after a training; None for `false_alarms` 0, and where there are too few pictures to tell.

    train: [n, d], validation: [m, d], vectors. At most `MOST_KEPT` training vectors are kept, drawn at random. The threshold
    is from the validation pictures; where these are too few, each training picture stands in, with the nearest *other* one.
    Raises `TrainingError` for a share that is none.
    """
    check_false_alarms(false_alarms)
    if not false_alarms or not len(train):
        return None
    chosen = np.random.default_rng(0).permutation(len(train))[:MOST_KEPT]
    kept = unit_vectors(train[np.sort(chosen)].astype(np.float32))
    needed = math.ceil(1 / false_alarms) - 1
    if len(validation) >= needed:
        distances = nearest_distances(validation, kept)
    elif len(kept) >= max(needed, 2):
        distances = nearest_distances(kept, kept, neighbours=2)  # the nearest is the picture itself
    else:
        return None
    return KnownPictures(kept, threshold_at(distances, false_alarms), false_alarms)


def check_false_alarms(share: float) -> None:
    """Refuse a share that is none, before any long work. Raises `TrainingError`."""
    if not 0 <= share < 1:
        raise TrainingError(f"false_alarms={share!r} is no share: give a number from 0 (off) to below 1, such as 0.05.")
