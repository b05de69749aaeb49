"""95 % intervals of accuracies, in words for the results file."""

from statistics import mean, stdev

from scipy.stats import binomtest

from imgclass_course.evaluation import resampled_interval

NORMAL_QUANTILE = 1.96  # of a 95 % interval


def wilson_detail(correct: int, count: int) -> str:
    """The 95 % Wilson interval of a share, in words."""
    interval = binomtest(correct, count).proportion_ci(method="wilson")
    return f"95 % interval {interval.low:.3f} to {interval.high:.3f}, n = {count}"


def paired_detail(first: list[int], second: list[int]) -> str:
    """The 95 % interval of the difference of two accuracies on the same pictures (normal approximation), in words."""
    differences = [one - other for one, other in zip(first, second, strict=True)]
    middle = mean(differences)
    margin = NORMAL_QUANTILE * stdev(differences) / len(differences) ** 0.5
    return f"95 % interval {middle - margin:.3f} to {middle + margin:.3f}, same {len(differences)} pictures"


def seeds_detail(values: list[float]) -> str:
    """The 95 % interval of a mean over draws (Student's): about other draws of the same pictures, not about others."""
    interval = resampled_interval(values, 0)
    return f"95 % interval {interval.low:.3f} to {interval.high:.3f}, {len(values)} draws"
