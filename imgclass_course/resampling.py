"""Other training pictures for unequal classes: fewer of the common ones, more of the rare ones, also made-up ones.

Each function takes `Features` and returns `Features` in which training rows are changed only. Lesson 15 builds the first
two by hand, and measures what each of them is good for.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .features import Features
from .foundation.errors import CourseError, FeaturesError, TrainingError
from .foundation.files import printable
from .foundation.tables import any_names
from .imbalance import class_counts, oversample, undersample

Resampling = str | Callable[[Features], Features]  # one of `RESAMPLINGS`, or a function of your own
RESAMPLINGS = ("none", "under", "over", "both", "smote", "adasyn", "cluster")
NEIGHBOURS = 5  # of its own class, between which and a picture SMOTE and ADASYN make up new vectors
CLUSTERS = 8  # of one class
MADE_UP = -1  # the view of a row that shows no picture
FEWEST = 2  # pictures of a class that have something between them


def resample(features: Features, how: Resampling = "none", to: int | None = None, seed: int = 0) -> Features:
    """Return features with other training rows; those of validation and test stay as they are.

    how: "under" and "cluster" leave out pictures of classes with more than `to` (default: what the class in the middle
    has); "over", "smote" and "adasyn" bring classes up to `to` (default: what the largest has, its augmented views
    included); "both" does one and then the other (default: the middle); or a function from `Features` to `Features`.
    Raises a `CourseError` where that cannot be done.
    """
    if callable(how):
        return how(features)
    counts = class_counts(features)
    with any_names():
        check_resampling(how, pd.Series(counts, list(features.classes)), to)
    if how == "none":
        return features
    to = to or default_threshold(how, counts)
    if how == "both":
        return oversample(undersample(features, to, seed), to, seed)
    change = {"under": undersample, "over": oversample, "smote": smote, "adasyn": adasyn, "cluster": undersample_clusters}
    return change[how](features, to, seed=seed)


def default_threshold(how: str, counts: np.ndarray) -> int:
    """Return how many pictures per class a way to resample aims at, for training pictures [k] of each class."""
    there = counts[counts > 0]
    return int(there.max() if how in ("over", "smote", "adasyn") else np.median(there))


def check_resampling(how: Resampling, counts: pd.Series, to: int | None = None, views: int = 0) -> None:
    """Refuse what cannot be done, before any long work. Raises `TrainingError`.

    counts: training pictures by the name of the class. `views` are augmented ones, of which "over" makes use.
    """
    if callable(how):
        return
    if how not in RESAMPLINGS:
        raise TrainingError(f"There is no way to resample {how!r}; there are {', '.join(RESAMPLINGS)}.")
    if to is not None and to < 1:
        raise TrainingError(f"{to} pictures per class: give a whole number above 0.")
    if views and how not in ("none", "over"):
        raise TrainingError(f"Resampling {how!r} has no use for augmented views: take 'over', or leave the views out.")
    if how not in ("smote", "adasyn"):
        return
    goal = to or default_threshold(how, counts.to_numpy())
    _check_neighbours(how, counts[(counts > 0) & (counts < goal)])
    _import_imblearn()


def _check_neighbours(how: str, counts: pd.Series) -> None:
    if (counts < FEWEST).any():
        first, lonely = counts.index[counts < FEWEST][0], int((counts < FEWEST).sum())
        others = f" (as have {lonely - 1} others)" if lonely > 1 else ""
        raise TrainingError(
            f"Class {printable(str(first))} has 1 training picture{others}, and {how} makes up pictures between two of a class: "
            "add pictures, or resample with 'over'."
        )


def _import_imblearn() -> Any:
    try:
        from imblearn import over_sampling
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "imblearn":
            raise
        raise CourseError('smote and adasyn need imbalanced-learn: pip install "imgclass_course[course]"') from error
    return over_sampling


def smote(features: Features, to: int, seed: int = 0, neighbours: int = NEIGHBOURS) -> Features:
    """Make up training vectors of rare classes until each has `to`: SMOTE (Chawla 2002, arXiv:1106.1813).

    Each lies between a picture and one of its nearest `neighbours` of the same class (fewer where the class has fewer).
    Raises `TrainingError` for a class with one picture.
    """
    return _make_up(features, to, "smote", seed, neighbours)


def adasyn(features: Features, to: int, seed: int = 0, neighbours: int = NEIGHBOURS) -> Features:
    """As SMOTE, with more of them around pictures that have other classes near by: ADASYN (He 2008, IJCNN).

    The number that a class ends with is `to` up to rounding. Where no picture of a class has others near by, none is
    harder than the rest, and it does as SMOTE does. Raises `TrainingError` for a class with one picture.
    """
    return _make_up(features, to, "adasyn", seed, neighbours)


def _make_up(features: Features, to: int, name: str, seed: int, neighbours: int) -> Features:
    """Return features with the vectors that imbalanced-learn makes up, one class after the other.

    So each class has as many neighbours as it can have: imbalanced-learn wants one number for all of them.
    """
    counts, (X, y) = class_counts(features), features.xy("train")
    with any_names():
        check_resampling(name, pd.Series(counts, list(features.classes)), to)
    vectors, labels = [], []
    for number in np.flatnonzero((counts > 0) & (counts < to)):
        goal, near = {int(number): to}, min(neighbours, int(counts[number]) - 1)
        vectors.append(_fit(name, goal, near, seed, X, y)[len(X) :])
        labels.append(np.full(len(vectors[-1]), number, y.dtype))
    return _with_made_up(features, np.concatenate(vectors), np.concatenate(labels)) if vectors else features


def _fit(name: str, goal: dict[int, int], neighbours: int, seed: int, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the vectors [n + m, d] with m behind the n given ones, which bring the class of `goal` up to its number."""
    samplers = _import_imblearn()
    if name == "smote":
        return samplers.SMOTE(sampling_strategy=goal, k_neighbors=neighbours, random_state=seed).fit_resample(X, y)[0]
    try:
        return samplers.ADASYN(sampling_strategy=goal, n_neighbors=neighbours, random_state=seed).fit_resample(X, y)[0]
    except RuntimeError:  # no other class is near
        return _fit("smote", goal, neighbours, seed, X, y)
    except ValueError as error:
        if "No samples will be generated" not in str(error):
            raise
        return X  # the few that lack are spread over so many pictures that none gets a whole one


def _with_made_up(features: Features, X: np.ndarray, y: np.ndarray) -> Features:
    """Return features with training rows behind them that show no picture: no path, no digest, the view `MADE_UP`."""
    known = {"split": "train", "label": [str(features.classes[number]) for number in y], "view": MADE_UP}
    columns = {name: known.get(name, _blank(features.rows[name].dtype)) for name in features.rows}
    with any_names():
        rows = pd.DataFrame(columns, index=range(len(y))).astype(features.rows.dtypes.to_dict())
    weights = None
    if features.weights is not None:
        weights = _mean_weights(features)[y]
    return features.join(replace(features, X=X.astype(features.X.dtype), y=y, rows=rows, weights=weights))


def _blank(kind: Any) -> Any:
    """Return what stands in a column of this type where nothing is known."""
    if pd.api.types.is_bool_dtype(kind):
        return False
    return MADE_UP if pd.api.types.is_numeric_dtype(kind) else ""


def _mean_weights(features: Features) -> np.ndarray:
    """Return the mean weight of each class's training rows [k]; 1 for a class without any."""
    train = features.split("train")
    sums = np.bincount(train.y, train.sample_weights(), minlength=len(features.classes))
    counts = class_counts(features)
    return np.where(counts > 0, sums / np.maximum(counts, 1), 1.0)


def undersample_clusters(features: Features, to: int, seed: int = 0, clusters: int = CLUSTERS) -> Features:
    """Leave out training pictures of classes with more than `to`, about as many from each kind of picture of the class.

    The kinds are clusters of the class's vectors (k-means): one after the other gives a picture, drawn at random, until
    there are enough; a small cluster gives all that it has. So what a class has few of is not lost by chance.
    """
    if to < 1:
        raise FeaturesError(f"{to} pictures per class: give a whole number above 0.")
    generator, train = np.random.default_rng(seed), (features.rows["split"] == "train").to_numpy()
    kept = ~train
    for number in range(len(features.classes)):
        rows = np.flatnonzero(train & (features.y == number))
        kept[rows[_in_turn(features.X[rows], to, clusters, seed, generator)] if len(rows) > to else rows] = True
    return features.select(kept)


def find_clusters(vectors: np.ndarray, clusters: int, seed: int = 0) -> np.ndarray:
    """Return which cluster each vector [n, d] is in, as numbers [n] from 0 (k-means, MacQueen 1967)."""
    from sklearn.cluster import KMeans

    return KMeans(min(clusters, len(vectors)), n_init=3, random_state=seed).fit_predict(vectors)


def _in_turn(
    vectors: np.ndarray, to: int, clusters: int, seed: int, generator: np.random.Generator
) -> np.ndarray:
    """Return which `to` of the vectors to keep: one of each cluster, then a second one of each, and so on."""
    found = find_clusters(vectors, min(clusters, to), seed)
    order = generator.permutation(len(vectors))
    turns = np.empty(len(vectors), int)
    for cluster in np.unique(found):
        members = order[found[order] == cluster]
        turns[members] = np.arange(len(members))
    return order[np.argsort(turns[order], kind="stable")][:to]
