"""Checks of the exercises of lesson 06."""

from collections.abc import Callable

from imgclass_course.exercises import bands, call, exercise, expect, number
from imgclass_course.intervals import Accuracy, PairedComparison

NEARLY_ALL = 0.97  # of the test pictures that have a twin are named rightly: all of them, with 100 seeds
COMPARISONS = (PairedComparison(90, 12, 20, 21), PairedComparison(160, 20, 26, 40), PairedComparison(400, 10, 40, 50))


@exercise(
    "`misplace(train.y, 1 / 3, seed=1)` gives the spoiled labels, and which pictures were moved. Score and name them as in "
    "the cell below `misplace`, then count."
)
def a_third_misplaced(found: float, times: float) -> str:
    """Exercise 1: what `suspects` finds where a third of the training pictures lies in a wrong folder."""
    band = bands("next_steps")
    found, times = getattr(found, "value", found), getattr(times, "value", times)
    found, times = number(found, "The share that is found"), number(times, "How many times better")
    expect(
        not (found in band["times"] and times in band["found"]),
        "These two are the other way round: first the share that it finds.",
    )
    expect(found <= 1, "The first is a share from 0 to 1: of the misplaced pictures, how many are among the named?")
    expect(
        times not in band["true"],
        f"{times:.2f} is the share of the named that are misplaced. How often is a picture misplaced that was picked "
        "blindly? How many times that is it?",
    )
    expect(
        times not in band["times_of_few"],
        f"{times:.1f} times is what a twentieth of misplaced pictures gives, where blind picking is right once in twenty.",
    )
    expect(
        times not in band["times_with_old_scores"],
        f"{times:.1f} times is too good: the scores are those of the folder as it was. In yours the wrong labels vote, "
        "too.",
    )
    expect(found in band["found"], f"It finds {band['found']} of the misplaced ones, and you have {found:.3f}.")
    expect(times in band["times"], f"It is {band['times']} times better than blindly, and you have {times:.2f}.")
    return (
        f"You find {found:.0%}, which is more than of a twentieth ({band['found_of_few'].mean:.0%} on average), because it "
        f"names about {band['named'].mean:.0%} of the folder: where many labels are wrong, the usual score is low, and "
        f"everything looks suspect. It is {times:.1f} times better than blindly; for a twentieth it was "
        f"{band['times_of_few'].mean:.0f} times. Who names much finds much."
    )


def _grown(comparison: PairedComparison, factor: int) -> PairedComparison:
    """Return the comparison with all its counts `factor` times as large."""
    counts = (comparison.both, comparison.only_first, comparison.only_second, comparison.neither)
    return PairedComparison(*(factor * count for count in counts))


def _pictures_until(told: Callable[[PairedComparison], bool], comparison: PairedComparison) -> int:
    """Return how many pictures `comparison` has when it is grown to the first factor at which it is told."""
    factor = 1
    while not told(_grown(comparison, factor)):
        factor += 1
    return factor * comparison.n


def _intervals_apart(comparison: PairedComparison) -> bool:
    first = Accuracy(comparison.both + comparison.only_first, comparison.n)
    second = Accuracy(comparison.both + comparison.only_second, comparison.n)
    return second.interval[0] > first.interval[1]


def _check_pictures(pictures: float, comparison: PairedComparison) -> None:
    """Raise `Off` unless `pictures` is what it takes until the interval of `comparison` lies above zero."""
    truth = _pictures_until(lambda grown: grown.interval[0] > 0, comparison)
    if pictures == truth:
        return
    about = f"{comparison.difference:+.3f} on {comparison.n} pictures"
    expect(
        pictures != truth // comparison.n,
        f"For {about} you return {pictures:g}, the factor. How many test pictures are that?",
    )
    expect(
        pictures != comparison.n,
        f"For {about} you return {pictures:g}, as many as there are already, and its interval contains zero.",
    )
    expect(
        pictures != _pictures_until(_intervals_apart, comparison),
        f"For {about} you return {pictures:g}: there the intervals of the two accuracies do not overlap any more. "
        "Both models saw the same pictures: use the interval of the difference, it is narrower.",
    )
    expect(
        pictures != _pictures_until(lambda grown: grown.p_value < 0.05, comparison),
        f"For {about} you return {pictures:g}: there the p-value falls below 0.05. Ask the interval instead.",
    )
    verdict = "too few" if pictures < truth else "more than it takes"
    expect(False, f"For {about} you return {pictures:g}, which is {verdict}. Try the factors 1, 2, 3, ... one by one.")


@exercise("Start with the factor 1 and raise it. A `PairedComparison` of the grown counts knows its own interval.")
def tests_to_tell(answer: Callable[[PairedComparison], int]) -> str:
    """Exercise 2: how many test pictures it takes until a difference can be told from none."""
    for comparison in COMPARISONS:
        pictures = number(call(answer, comparison), "The number of pictures")
        _check_pictures(pictures, comparison)
    easy, hard = (_pictures_until(lambda grown: grown.interval[0] > 0, one) for one in COMPARISONS[:2])
    ratio = COMPARISONS[0].difference / COMPARISONS[1].difference
    return (
        f"A difference of {COMPARISONS[0].difference:+.3f} takes {easy:,} test pictures, and one of "
        f"{COMPARISONS[1].difference:+.3f} takes {hard:,}: {ratio:.1f} times smaller, {hard / easy:.1f} times the "
        "pictures. Where nothing can be told, new pictures belong into the test set, too."
    )


@exercise(
    "Make the twins of `after.paths('test')`, turn them into vectors with `network(np.stack(twins))`, and put these behind "
    "`train.X`, and `test.y` behind `train.y`. The test pictures stay the same."
)
def one_second_later(without: float, with_twins: float) -> str:
    """Exercise 3: the accuracy where each test picture has a near-copy among the training pictures."""
    band = bands("next_steps")
    without, with_twins = getattr(without, "value", without), getattr(with_twins, "value", with_twins)
    without, with_twins = number(without, "The accuracy without twins"), number(with_twins, "The one with twins")
    expect(0 <= min(without, with_twins) and max(without, with_twins) <= 1, "Both are shares from 0 to 1, not percent.")
    expect(
        not (without >= NEARLY_ALL and with_twins in band["without_twins"]),
        "These two are the other way round: first the accuracy without twins.",
    )
    expect(
        without < NEARLY_ALL,
        f"{without:.2f} without a twin is too good to be true. Did you train on train.X alone, and ask about test.X?",
    )
    expect(
        without in band["without_twins"],
        f"Without twins it is {band['without_twins']}, and you have {without:.3f}.",
    )
    expect(
        with_twins not in band["without_twins"],
        f"{with_twins:.2f} is what it gives without any twin of a test picture. Are your twins those of the training "
        "pictures, or is their label another one?",
    )
    expect(with_twins >= NEARLY_ALL, f"With twins nearly all are named rightly, and you have {with_twins:.3f}.")
    return (
        f"{with_twins:.0%} instead of {without:.0%}, and it has learnt nothing that a new picture would profit from: "
        "it recognises its own twins. So pictures of one burst, one person or one afternoon belong on one side of the "
        "split, all of them. Lesson 07 calls them groups."
    )
