"""How sure a measured accuracy is, and the difference of two: 95 % intervals, and the test for pairs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Z_95 = 1.959963984540054  # 95 % of a normal distribution lie within so many standard deviations


@dataclass(frozen=True)
class Accuracy:
    """A share of right answers, with what it takes to say how sure it is."""

    correct: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.correct <= self.n or self.n == 0:
            raise ValueError(f"{self.correct} right of {self.n} pictures is no accuracy.")

    @property
    def value(self) -> float:
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval (Wilson 1927)."""
        n, share, z = self.n, self.value, Z_95
        middle, half = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        low, high = (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)
        return min(max(low, 0.0), share), max(min(high, 1.0), share)  # whatever rounding does at the ends

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.3f} [{low:.3f}, {high:.3f}] ({self.correct} of {self.n})"


class Interval(NamedTuple):
    """A mean, or a difference, with its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def difference_interval(first: Accuracy, second: Accuracy, correlation: float = 0.0) -> tuple[float, float]:
    """95 % interval of the second accuracy minus the first (Newcombe 1998, Statistics in Medicine 17: 873, method 10)."""

    def distance(x: float, y: float) -> float:
        return math.sqrt(max(x * x - 2 * correlation * x * y + y * y, 0))

    difference = second.value - first.value
    below = distance(second.value - second.interval[0], first.interval[1] - first.value)
    above = distance(second.interval[1] - second.value, first.value - first.interval[0])
    return difference - below, difference + above


def _correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    """How much two models agree on which pictures are hard, with Newcombe's continuity correction (his page 2635)."""
    right, n = (both + only_first, both + only_second), both + only_first + only_second + neither
    product = math.prod(count * (n - count) for count in right)
    agreement = float(both * neither - only_first * only_second)
    if agreement > 0:
        agreement = max(agreement - n / 2, 0)
    return agreement / math.sqrt(product) if product else 0.0


@dataclass(frozen=True)
class PairedComparison:
    """Two models on the same pictures."""

    both: int  # pictures that both got right
    only_first: int
    only_second: int
    neither: int

    @property
    def n(self) -> int:
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def difference(self) -> float:
        """Accuracy of the second minus that of the first."""
        return (self.only_second - self.only_first) / self.n

    @property
    def p_value(self) -> float:
        """Of McNemar's exact test (McNemar 1947): how often equally good models would differ at least that much."""
        from scipy.stats import binomtest

        decided = self.only_first + self.only_second
        return float(binomtest(self.only_first, decided).pvalue) if decided else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference (Newcombe 1998, Statistics in Medicine 17: 2635, method 10)."""
        first = Accuracy(self.both + self.only_first, self.n)
        second = Accuracy(self.both + self.only_second, self.n)
        correlation = _correlation(self.both, self.only_first, self.only_second, self.neither)
        return difference_interval(first, second, correlation)

    def __str__(self) -> str:
        low, high = self.interval
        change = f"difference {self.difference:+.3f} [{low:+.3f}, {high:+.3f}]"
        return f"{change}, p = {self.p_value:.2g} ({self.n} pictures)"


def _as_answers(right: Sequence[bool] | np.ndarray) -> np.ndarray:  # [n] bool
    answers = np.asarray(right)
    if answers.ndim != 1 or answers.dtype != bool:
        given = f"{answers.dtype} of shape {list(answers.shape)}"
        raise ValueError(f"One True or False per picture is wanted, as `predicted == labels` gives, and not {given}.")
    return answers


def compare_paired(
    first_right: Sequence[bool] | np.ndarray,  # [n], whether the first model got each picture right
    second_right: Sequence[bool] | np.ndarray,  # [n], and the second, for the same pictures
) -> PairedComparison:
    """Compare two models on the same pictures. Raises `ValueError` unless both are booleans, equally many."""
    first, second = _as_answers(first_right), _as_answers(second_right)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} answers: both models must see the same pictures.")
    pairs = (first & second, first & ~second, second & ~first, ~first & ~second)
    return PairedComparison(*(int(chosen.sum()) for chosen in pairs))


@dataclass(frozen=True)
class Gap:
    """How far a model is ahead on the pictures that it was trained on. A gap alone is not overfitting."""

    training: Accuracy
    validation: Accuracy

    @property
    def gap(self) -> float:
        """Training accuracy minus validation accuracy."""
        return self.training.value - self.validation.value

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the gap; the two were measured on different pictures (Newcombe 1998, method 10)."""
        return difference_interval(self.validation, self.training)

    @property
    def verdict(self) -> str:
        """A sentence: whether there is a gap beyond chance, and how large it is."""
        low, high = self.interval
        word = "ahead on its training pictures" if low > 0 else "no gap seen"
        return f"{word}: {self.gap:+.3f} [{low:+.3f}, {high:+.3f}]"


def as_runs(values: Sequence[float] | np.ndarray, test_share: float) -> np.ndarray:
    """Return the results of runs, given in any shape, as float [runs].

    Raises `ValueError` for fewer than two runs, for a run without a result, and for a share of test pictures that is
    none: it is at least 0 and below 1.
    """
    runs = np.ravel(np.asarray(values, float))
    unknown = int((~np.isfinite(runs)).sum())
    if len(runs) < 2 or unknown:
        raise ValueError(f"{len(runs)} run(s), {unknown} without a result: two or more are needed, each with one.")
    if not 0 <= test_share < 1:
        raise ValueError(f"A test share of {test_share}: give 0.2 for 20 %, and 0 where all runs share one split.")
    return runs


def mean_of_pairs(values: np.ndarray, repeats: int = 1000, seed: int = 0) -> Interval:
    """Return the mean over all pairs of two samples of pictures, with its 95 % interval.

    values: float or bool [n, m], a number for each pair; with `strange[:, None] > known` the mean is the area under the
    ROC curve. Both samples are resampled, `repeats` times (Efron 1979). Raises `ValueError` where there is no pair.
    """
    values = np.asarray(values, float)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"A number for each pair is wanted, [n, m], and not an array of shape {list(values.shape)}.")
    generator = np.random.default_rng(seed)
    rows, columns = (generator.multinomial(size, np.full(size, 1 / size), repeats) / size for size in values.shape)
    low, high = np.quantile(((rows @ values) * columns).sum(axis=1), [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))
