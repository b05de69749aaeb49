"""What is measured where classes are unequal, each measure with a bootstrap interval: an accuracy hides the rare classes.

A measure is a function of an `Evaluation`. It can also measure many resamples of the pictures at once: `counts` [b, n] says
how often each picture is in each of b resamples (also a fraction), and the result is float64 [b]. Without it, each picture is there once.
"""

from collections.abc import Callable, Sequence

import numpy as np

from .intervals import Interval
from .scoring import Evaluation

Measure = Callable[..., np.ndarray]  # (evaluation, counts) -> float64 [b]; with counts None, a number
Runs = Evaluation | Sequence[Evaluation]  # one training, or several that answer the same pictures

GOOD_F1 = 0.7  # of a class that F170 counts
BINS = 10  # of the calibration error
TINY = 1e-12
REPEATS = 1000  # resamples
COUNTS_AT_ONCE = 5_000_000  # numbers in memory: resamples times pictures


def _counts(evaluation: Evaluation, counts: np.ndarray | None) -> np.ndarray:
    return np.ones(len(evaluation.labels)) if counts is None else np.asarray(counts, np.float64)


def _groups(numbers: np.ndarray, size: int) -> np.ndarray:
    """Return which group each picture is in [n, size], as 0 and 1; -1 is in none."""
    return (numbers[:, None] == np.arange(size)).astype(np.float64)


def f1_of_classes(evaluation: Evaluation, counts: np.ndarray | None = None) -> np.ndarray:
    """Return F1 of each class, [k] or [b, k]; not a number for a class that has no picture there."""
    size, counts = len(evaluation.classes), _counts(evaluation, counts)
    given = counts @ _groups(evaluation.labels, size)
    said = counts @ _groups(evaluation.predicted, size)
    right = counts @ _groups(np.where(evaluation.right, evaluation.labels, -1), size)
    return np.where(given > 0, 2 * right / np.maximum(given + said, TINY), np.nan)


def recall_of_classes(evaluation: Evaluation, counts: np.ndarray | None = None) -> np.ndarray:
    """Return the share of each class that was found, [k] or [b, k]; not a number for a class without pictures there."""
    size, counts = len(evaluation.classes), _counts(evaluation, counts)
    given = counts @ _groups(evaluation.labels, size)
    right = counts @ _groups(np.where(evaluation.right, evaluation.labels, -1), size)
    return np.where(given > 0, right / np.maximum(given, TINY), np.nan)


def accuracy(evaluation: Evaluation, counts: np.ndarray | None = None) -> np.ndarray:
    """Return the share of right answers."""
    counts = _counts(evaluation, counts)
    return counts @ evaluation.right.astype(np.float64) / counts.sum(axis=-1)


def in_world(shares: Sequence[float] | np.ndarray, measure: Measure = accuracy) -> Measure:
    """Return a measure as it is in a world with these shares [k] of the classes, whatever those among the test pictures."""
    shares = np.asarray(shares, np.float64) / np.sum(shares)

    def measured(evaluation: Evaluation, counts: np.ndarray | None = None) -> np.ndarray:
        counts, labels = _counts(evaluation, counts), evaluation.labels
        given = counts @ _groups(labels, len(shares))
        return measure(evaluation, len(labels) * counts * (shares / np.maximum(given, TINY))[..., labels])

    return measured


def macro_f1(evaluation: Evaluation, counts: np.ndarray | None = None) -> np.ndarray:
    """Return the mean of the classes' F1, in which a rare class counts as much as a common one."""
    return np.nanmean(f1_of_classes(evaluation, counts), axis=-1)


def share_above(evaluation: Evaluation, counts: np.ndarray | None = None, limit: float = GOOD_F1) -> np.ndarray:
    """Return the share of classes whose F1 is above a limit; with 0.7 it is called F170."""
    scores = f1_of_classes(evaluation, counts)
    return np.nansum(scores > limit, axis=-1) / np.isfinite(scores).sum(axis=-1)


def mean_recall(classes: Sequence[int] | np.ndarray | None = None) -> Measure:
    """Return the measure of how much is found of these classes, by number, each counting alike (None: of all)."""
    chosen = slice(None) if classes is None else np.asarray(classes)

    def measure(evaluation: Evaluation, counts: np.ndarray | None = None) -> np.ndarray:
        return np.nanmean(recall_of_classes(evaluation, counts)[..., chosen], axis=-1)

    return measure


def calibration_error(evaluation: Evaluation, counts: np.ndarray | None = None, bins: int = BINS) -> np.ndarray:
    """Return how far the answers' probabilities are from how often they are right (expected calibration error).

    The answers are put into bins by their probability; it is the mean distance of the two over the bins, each counting
    as its answers do (Guo 2017, arXiv:1706.04599). Pictures that could not be read are left out.
    """
    known = evaluation.predicted >= 0
    counts = _counts(evaluation, counts) * known
    sure = np.where(known, np.nan_to_num(evaluation.probabilities).max(axis=1), 0)
    places = _groups(np.minimum((sure * bins).astype(int), bins - 1), bins)
    apart = counts @ ((sure - evaluation.right)[:, None] * places)
    return np.abs(apart).sum(axis=-1) / np.maximum(counts.sum(axis=-1), TINY)


MEASURES: dict[str, Measure] = {
    "accuracy": accuracy,
    "macro-F1": macro_f1,
    "F170": share_above,
    "calibration error": calibration_error,
}


def bootstrap(runs: Runs, measure: Measure = macro_f1, repeats: int = REPEATS, seed: int = 0) -> Interval:
    """Return a measure with its 95 % interval, from `repeats` resamples of the test pictures (Efron 1979).

    Of several runs it is the mean, and the runs are resampled too. They answer the same pictures in the same order, but
    may number the classes in another way. Raises `ValueError` for runs on more pictures or fewer.
    """
    return _interval(_as_runs(runs), lambda run, counts: measure(run, counts), repeats, seed)


def bootstrap_difference(
    first: Runs, second: Runs, measure: Measure = macro_f1, repeats: int = REPEATS, seed: int = 0
) -> Interval:
    """Return the measure of `second` minus that of `first`, with its 95 % interval from paired resamples.

    Both are measured on the same resamples of the test pictures, and, of several runs, on the same runs. Raises
    `ValueError` where the two have not answered the same pictures, or are not equally many runs.
    """
    one, other = _as_runs(first), _as_runs(second)
    alike = [np.array_equal(each.labels, its.labels) for each, its in zip(one, other, strict=False)]
    if len(one) != len(other) or not all(alike):
        raise ValueError(f"{len(one)} and {len(other)} runs: compare as many runs, on the same pictures.")
    pairs = list(zip(one, other, strict=True))
    return _interval(pairs, lambda pair, counts: measure(pair[1], counts) - measure(pair[0], counts), repeats, seed)


def _as_runs(runs: Runs) -> list[Evaluation]:
    found = [runs] if isinstance(runs, Evaluation) else list(runs)
    if len({len(run.labels) for run in found}) != 1:
        raise ValueError("Give one evaluation, or several of the same pictures in the same order.")
    return found


def _interval(runs: Sequence, value: Callable, repeats: int, seed: int) -> Interval:
    """Return the mean of a value over runs, and between which values 95 % of its resamples lie."""
    generator = np.random.default_rng(seed)
    pictures = len((runs[0] if isinstance(runs[0], Evaluation) else runs[0][0]).labels)
    drawn = generator.integers(len(runs), size=(repeats, len(runs)))
    parts, at_once = [], max(1, COUNTS_AT_ONCE // pictures)
    for first in range(0, repeats, at_once):
        counts = generator.multinomial(pictures, np.full(pictures, 1 / pictures), min(at_once, repeats - first))
        parts.append([value(run, counts) for run in runs])
    resampled = np.concatenate(parts, axis=1)  # [runs, repeats]
    means = resampled[drawn, np.arange(repeats)[:, None]].mean(axis=1)
    low, high = np.nanquantile(means, [0.025, 0.975])
    return Interval(float(np.mean([value(run, None) for run in runs])), float(low), float(high))
