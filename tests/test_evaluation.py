"""Numbers have error bars that are right, and what could not be read counts as wrong."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from imgclass_course.evaluation import (
    UNREADABLE,
    Accuracy,
    Evaluation,
    Gap,
    Interval,
    PairedComparison,
    block_order,
    compare_paired,
    confusion_shares,
    evaluate,
    most_confused,
    plot_confusion,
    plot_curves,
    reliability,
    resampled_interval,
    verdict,
    worst_mistakes,
)
from imgclass_course.foundation.errors import ClassifierError


def evaluation_of(labels: list[int], predicted: list[int], classes: list[str]) -> Evaluation:
    """Return answers in which the first is surest and the last is least sure."""
    probabilities = np.full((len(labels), len(classes)), 0.1)
    probabilities[np.arange(len(labels)), predicted] = np.linspace(0.9, 0.5, len(labels))
    return Evaluation(classes, np.array(labels), probabilities)


@given(n=st.integers(1, 500), share=st.floats(0, 1))
def test_wilson_interval_is_scipys(n: int, share: float) -> None:
    accuracy = Accuracy(round(share * n), n)
    expected = binomtest(accuracy.correct, n).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(accuracy.interval, expected, atol=1e-9)
    assert accuracy.interval[0] <= accuracy.value <= accuracy.interval[1]


@pytest.mark.filterwarnings("ignore:.*y_pred contains classes not in y_true")
def test_confusion_and_scores_are_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    for seed in range(20):
        labels, predicted = generator.integers(0, 4, (2, 30))  # of five classes, one without pictures
        found = evaluation_of(labels.tolist(), predicted.tolist(), list("abcde"))
        found.probabilities[: seed % 3] = np.nan
        answers = np.where(np.isnan(found.probabilities[:, 0]), -1, predicted)
        counts = confusion_matrix(labels, answers % 6, labels=range(6))[:5]
        np.testing.assert_array_equal(found.confusion().to_numpy(), counts[:, : found.confusion().shape[1]])
        expected = precision_recall_fscore_support(labels, answers, labels=range(5), zero_division=0)
        np.testing.assert_allclose(found.scores().to_numpy(), np.transpose(expected))


@pytest.mark.parametrize(("correct", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_accuracy_is_refused(correct: int, n: int) -> None:
    with pytest.raises(ValueError, match="no accuracy"):
        Accuracy(correct, n)


def test_accuracy_says_its_interval() -> None:
    assert str(Accuracy(8, 10)) == "0.800 [0.490, 0.943] (8 of 10)"


def test_paired_difference_is_newcombes() -> None:
    # Newcombe 1998, Statistics in Medicine 17: 2635, table II, method 10: cells (36, 12, 2, 0) and (54, 0, 0, 0).
    comparison = PairedComparison(both=36, only_first=2, only_second=12, neither=0)
    np.testing.assert_allclose(comparison.interval, [0.0569, 0.3404], atol=5e-4)
    np.testing.assert_allclose(PairedComparison(54, 0, 0, 0).interval, [-0.0664, 0.0664], atol=5e-4)


def test_pairs_are_counted() -> None:
    first, second = np.array([1, 1, 0, 0, 1], bool), np.array([1, 0, 1, 0, 0], bool)
    comparison = compare_paired(first, second)
    assert comparison == PairedComparison(1, 2, 1, 1)
    assert comparison.difference == pytest.approx(-0.2) and comparison.p_value == 1.0
    assert compare_paired(first.tolist(), second.tolist()) == compare_paired(pd.Series(first), second) == comparison
    with pytest.raises(ValueError, match="same pictures"):
        compare_paired(first, second[:3])


@pytest.mark.parametrize("answers", [[1, 0], [0.5, 1.0], [True, None], [[True], [False]], ["yes", "no"], []])
def test_pairs_that_are_no_booleans_are_refused(answers: list) -> None:
    for pair in ((answers, [True, False]), ([True, False], answers)):
        with pytest.raises(ValueError, match="One True or False per picture"):
            compare_paired(*pair)


def test_mcnemar_is_exact() -> None:
    assert PairedComparison(50, 0, 8, 2).p_value == pytest.approx(2 * 0.5**8)


def test_confusion_counts_rows_as_truth() -> None:
    confusion = evaluation_of([0, 0, 1], [1, 0, 1], ["a", "b", "unused"]).confusion()
    assert confusion.loc["a"].tolist() == [1, 1, 0] and confusion.loc["b"].tolist() == [0, 1, 0]
    assert confusion.shape == (3, 3)
    assert most_confused(confusion).to_dict("records") == [{"is": "a", "taken for": "b", "pictures": 1}]
    assert confusion_shares(confusion).to_numpy().tolist() == [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 0]]


def test_confusion_is_drawn_as_shares_with_counts() -> None:
    confusion = pd.DataFrame([[30, 10, 0], [5, 5, 0], [2, 2, 4]], index=list("abc"), columns=list("abc"))
    (axis,) = plot_confusion(confusion).axes
    np.testing.assert_allclose(axis.images[0].get_array(), [[0.75, 0.25, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5]])
    assert axis.images[0].get_clim() == (0, 1)  # the same colour for the same share in every matrix
    written = {text.get_position(): text.get_text() for text in axis.texts}  # at (column, row)
    assert [written[column, row] for row in range(3) for column in range(3)] == "30|10||5|5||2|2|4".split("|")
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("taken for", "is")
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b", "c"]


def test_scores_of_a_class_without_pictures_are_zero() -> None:
    scores = evaluation_of([0, 0, 1], [1, 0, 1], ["a", "b", "unused"]).scores()
    assert scores.loc["a"].tolist() == [1.0, 0.5, pytest.approx(2 / 3), 2]
    assert scores.loc["unused"].tolist() == [0, 0, 0, 0]


def test_worst_mistakes_are_the_surest_ones() -> None:
    evaluation = evaluation_of([0, 0, 0, 1], [0, 1, 1, 0], ["a", "b"])
    assert worst_mistakes(evaluation).tolist() == [1, 2, 3] and worst_mistakes(evaluation, 1).tolist() == [1]


def test_a_gap_is_said_only_where_it_is_sure() -> None:
    assert Gap(Accuracy(100, 100), Accuracy(50, 100)).verdict.startswith("ahead on its training pictures: +0.500")
    assert Gap(Accuracy(10, 10), Accuracy(9, 10)).verdict.startswith("no gap seen: +0.100")


def test_curves_show_what_there_is() -> None:
    history = pd.DataFrame({"accuracy": [0.1, 0.2], "loss": [2.0, 1.0]}, index=[1, 2])
    assert [len(axis.lines) for axis in plot_curves(history).axes] == [1, 1]
    both = history.assign(val_accuracy=0.1, val_loss=2.0)
    assert [len(axis.lines) for axis in plot_curves(both).axes] == [2, 2]


def read_in_part() -> Evaluation:
    """Return answers to a cat and two dogs: right, not readable, wrong."""
    return Evaluation(["cat", "dog"], np.array([0, 1, 1]), np.array([[0.9, 0.1], [np.nan, np.nan], [0.6, 0.4]]))


def test_what_cannot_be_read_is_wrong_everywhere() -> None:
    evaluation = read_in_part()
    assert evaluation.predicted.tolist() == [0, -1, 0] and evaluation.answers == ["cat", UNREADABLE, "cat"]
    assert evaluation.accuracy == Accuracy(1, 3)
    confusion = evaluation.confusion()
    assert confusion.to_dict("index") == {
        "cat": {"cat": 1, "dog": 0, UNREADABLE: 0},
        "dog": {"cat": 1, "dog": 0, UNREADABLE: 1},
    }
    assert evaluation.scores().loc["dog", ["recall", "pictures"]].tolist() == [0, 2]
    assert evaluation.scores().loc["cat", "precision"] == 0.5  # nothing that was not read was called a cat
    assert worst_mistakes(evaluation).tolist() == [2, 1]
    assert most_confused(confusion).to_dict("records") == [{"is": "dog", "taken for": "cat", "pictures": 1}]
    (axis,) = plot_confusion(confusion).axes
    np.testing.assert_allclose(axis.images[0].get_array(), [[1, 0], [0.5, 0]])
    assert "1 could not be read" in axis.get_xlabel()


def test_a_first_class_gains_nothing_from_what_cannot_be_read() -> None:
    nothing = Evaluation(["cat", "dog"], np.array([0, 0]), np.full((2, 2), np.nan))
    assert nothing.accuracy == Accuracy(0, 2) and nothing.confusion()[UNREADABLE].tolist() == [2, 0]


@pytest.mark.parametrize(
    ("labels", "probabilities", "words"),
    [
        ([0, 1], [[0.5, 0.5]], "do not fit 2 labels and 2 classes"),
        ([0], [[0.2, 0.3, 0.5]], "do not fit"),
        ([0], [0.5, 0.5], "do not fit"),
        ([2], [[0.5, 0.5]], "The label 2 is no number from 0 to 1"),
        ([-1], [[0.5, 0.5]], "The label -1 is no"),
        ([0], [[0.5, np.nan]], "all of them, or none"),
        ([0], [[2.5, -1.0]], "needs? a softmax"),
        ([0], [[np.inf, 0.0]], "needs? a softmax"),
    ],
)
def test_evaluation_that_does_not_fit_is_refused(labels: list, probabilities: list, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Evaluation(["cat", "dog"], np.array(labels), np.array(probabilities))


def test_evaluations_can_be_compared_and_hashed() -> None:
    one, two = read_in_part(), read_in_part()
    assert one == one and one != two and len({one, two}) == 2


class Fixed:
    """Names each picture by its value, which is the number of a class; -1 cannot be read."""

    def __init__(self, classes: list) -> None:
        self.classes_ = classes

    def predict_proba(self, pictures: Iterator[int]) -> np.ndarray:
        """Return a row per picture."""
        sure = np.vstack([np.eye(len(self.classes_)), np.full(len(self.classes_), np.nan)])
        return sure[list(pictures)]


@pytest.mark.parametrize("labels", [["dog", "cat", "dog"], np.array([1, 0, 1]), pd.Series(["dog", "cat", "dog"])])
def test_evaluate_takes_names_and_numbers(labels: object) -> None:
    evaluation = evaluate(Fixed(["cat", "dog"]), iter([1, 1, -1]), labels)
    assert evaluation.labels.tolist() == [1, 0, 1] and evaluation.predicted.tolist() == [1, 1, -1]
    assert evaluation.accuracy == Accuracy(1, 3) and evaluation.classes == ["cat", "dog"]


@pytest.mark.parametrize("classes", [[3, 1], [3.0, 1.0]])
def test_evaluate_takes_classes_that_are_numbers_for_what_they_are(classes: list) -> None:
    evaluation = evaluate(Fixed(classes), [0, 1], [3, 1])
    assert evaluation.accuracy == Accuracy(2, 2) and evaluation.classes == [str(name) for name in classes]


def test_evaluate_refuses_what_the_classifier_does_not_know_before_it_starts() -> None:
    untouched = iter([0])
    for labels, words in ((["cow"], "cow is none of the classifier's classes: cat, dog"), ([2], "2 is none")):
        with pytest.raises(ClassifierError, match=words):
            evaluate(Fixed(["cat", "dog"]), untouched, labels)
    assert next(untouched) == 0
    with pytest.raises(ValueError, match="do not fit 2 labels"):
        evaluate(Fixed(["cat", "dog"]), [0], ["cat", "dog"])


def test_resampled_interval_is_the_formula() -> None:
    # By hand: the mean is 0.03, s = 0.02, t with 2 degrees of freedom 4.302653.
    np.testing.assert_allclose(resampled_interval([0.01, 0.03, 0.05], 0.0), [0.03, -0.019683, 0.079683], atol=1e-6)
    np.testing.assert_allclose(resampled_interval([0.01, 0.03, 0.05], 0.2), [0.03, -0.035724, 0.095724], atol=1e-6)
    # Five draws of 100 of 459 pictures: what a t interval says is 0.069 [0.039, 0.099] is far less sure.
    runs = 0.069 + 0.030 * np.array([-2, -1, 0, 1, 2]) / 2.776445 / np.sqrt(0.5)
    assert str(resampled_interval(runs, 0)) == "0.069 [0.039, 0.099]"
    assert str(resampled_interval(runs, 359 / 459)) == "0.069 [-0.062, 0.200]"


def test_resampled_interval_takes_runs_in_any_shape() -> None:
    runs = np.random.default_rng(0).normal(size=(3, 5))
    found = resampled_interval(runs, 0)
    low, high = ttest_1samp(runs.ravel(), 0).confidence_interval()
    assert found == pytest.approx((runs.mean(), low, high)) and resampled_interval(runs.ravel().tolist(), 0) == found
    assert isinstance(found, Interval) and resampled_interval(runs, 0.2).low < found.low


@pytest.mark.parametrize(
    ("differences", "test_share", "words"),
    [
        ([], 0, "0 run"),
        ([0.1], 0, "1 run"),
        ([0.1, np.nan], 0, "1 without a result"),
        ([0.1, 0.2], 20, "0.2 for 20 %"),
        ([0.1, 0.2], 1, "0.2 for 20 %"),
        ([0.1, 0.2], -0.1, "0.2 for 20 %"),
        ([0.1, 0.2], np.nan, "0.2 for 20 %"),
    ],
)
def test_resampled_interval_refuses_what_has_no_answer(differences: list, test_share: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        resampled_interval(differences, test_share)


def fold_differences(folds: int, seeds: int, generator: np.random.Generator) -> np.ndarray:
    """Return how much better a model with 20 measurements is than with 10, on each fold of 100 invented pictures."""
    sides = generator.choice([-1, 1], size=100)
    pictures = generator.normal(0.25 * sides[:, None], 1, size=(100, 20))

    def accuracy(test: np.ndarray, measurements: int) -> float:
        train = np.setdiff1d(np.arange(100), test)
        scores = pictures[test, :measurements] @ (sides[train] @ pictures[train, :measurements])
        return float(np.mean((scores > 0) == (sides[test] > 0)))

    parts = [part for _ in range(seeds) for part in np.array_split(generator.permutation(100), folds)]
    return np.array([accuracy(part, 20) - accuracy(part, 10) for part in parts])


def share_held(worlds: list[np.ndarray], test_share: float, truth: float) -> float:
    """Return in which share of the worlds the interval holds the truth."""
    intervals = [resampled_interval(world, test_share) for world in worlds]
    return float(np.mean([interval.low <= truth <= interval.high for interval in intervals]))


def test_corrected_intervals_keep_their_promise_over_folds_and_seeds() -> None:
    generator = np.random.default_rng(0)
    worlds = [fold_differences(5, 4, generator) for _ in range(500)]
    truth = float(np.mean(worlds))
    assert share_held(worlds, 0, truth) < 0.8
    assert 0.94 < share_held(worlds, 1 / 5, truth) < 0.995


def test_seeds_of_one_split_need_no_correction() -> None:
    worlds = list(np.random.default_rng(0).normal(0.02, 0.01, size=(2000, 3)))
    assert 0.94 < share_held(worlds, 0, 0.02) < 0.96 < share_held(worlds, 0.2, 0.02)


@pytest.mark.parametrize(
    ("interval", "word"),
    [
        ((0.001, 0.5), "better"),
        ((0.001, 0.01), "better"),  # small, and not by chance
        ((-0.5, -0.001), "worse"),
        ((-0.02, 0.02), "no difference"),
        ((0.0, 0.0), "no difference"),
        ((-0.02, 0.021), "inconclusive"),
        ((-0.021, 0.02), "inconclusive"),
        ((-0.4, 0.4), "inconclusive"),
        (Interval(0.3, 0.1, 0.5), "better"),  # its mean comes first
        (Interval(0.3, -0.1, 0.7), "inconclusive"),
        (PairedComparison(282, 0, 1, 58).interval, "no difference"),
        (PairedComparison(200, 41, 42, 58).interval, "inconclusive"),
    ],
)
def test_a_verdict_says_what_the_interval_carries_and_no_more(interval: tuple[float, ...], word: str) -> None:
    assert verdict(interval) == word
    *_, low, high = interval
    opposite = {"better": "worse", "worse": "better"}
    assert verdict((-high, -low)) == opposite.get(word, word), "the other way round"


def test_what_is_worth_a_word_can_be_chosen() -> None:
    assert verdict((-0.03, 0.04), worth=0.05) == "no difference"
    assert verdict((-0.001, 0.001), worth=0) == "inconclusive"


@pytest.mark.parametrize(("interval", "worth"), [((0.2, 0.1), 0.02), ((0.1, np.nan), 0.02), ((0.1, 0.2), -1)])
def test_no_verdict_on_what_is_no_interval(interval: tuple[float, float], worth: float) -> None:
    with pytest.raises(ValueError, match="No interval of a difference"):
        verdict(interval, worth)


def test_classes_that_are_mixed_up_stand_beside_each_other() -> None:
    classes = list("abcdef")
    counts = pd.DataFrame(20 * np.eye(6, dtype=int), classes, classes)
    for pair in ("ad", "be", "cf"):
        counts.loc[pair[0], pair[1]] = counts.loc[pair[1], pair[0]] = 9
    order = "".join(block_order(counts))
    assert sorted(order) == classes
    assert all(pair in order or pair[::-1] in order for pair in ("ad", "be", "cf")), order


@pytest.mark.parametrize("k", [1, 2, 3])
def test_few_classes_have_an_order_too(k: int) -> None:
    found = evaluation_of([0] * 3, [0] * 3, list("abc")[:k])  # of some classes no picture
    found.probabilities[0] = np.nan
    assert sorted(block_order(found.confusion())) == list("abc")[:k]


def test_reliability_counts_every_answer_once_and_leaves_out_what_could_not_be_read() -> None:
    probabilities = np.array([[0.95, 0.05], [1.0, 0.0], [0.42, 0.58], [np.nan, np.nan], [0.2, 0.8]])
    table = reliability(Evaluation(["cat", "dog"], np.array([0, 1, 1, 0, 1]), probabilities))
    assert table["pictures"].tolist() == [1, 1, 2]
    np.testing.assert_allclose(table["confidence"], [0.58, 0.8, 0.975])
    assert table["accuracy"].tolist() == [1, 1, 0.5]
    assert (table["low"] <= table["accuracy"]).all() and (table["accuracy"] <= table["high"]).all()


def test_reliability_of_nothing_is_an_empty_table() -> None:
    assert reliability(Evaluation(["cat", "dog"], np.array([0]), np.full((1, 2), np.nan))).empty


def test_what_is_honest_lies_on_the_line() -> None:
    generator = np.random.default_rng(0)
    sure = generator.uniform(0.5, 1, 20_000)
    labels = (generator.uniform(size=len(sure)) > sure).astype(int)
    table = reliability(Evaluation(["cat", "dog"], labels, np.stack([sure, 1 - sure], axis=1)))
    np.testing.assert_allclose(table["accuracy"], table["confidence"], atol=0.03)
