"""Advice: misplaced pictures are found, the curve says what it measured, and the report begins with it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from support import run_command, write_pictures

from imgclass_course.exercises import bands
from imgclass_course.exercises.next_steps import NEARLY_ALL
from imgclass_course.features import Features
from imgclass_course.foundation.errors import DatasetError
from imgclass_course.next_steps import learning_curve, suspects
from imgclass_course.outputs.advice import advise
from imgclass_course.ridge import RIDGE_STRENGTH, leave_one_out_scores, ridge_answers
from imgclass_course.transfer import Retraining


def blobs(n: int, k: int, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors [n, 20] float32 around k centres, and their labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % k
    centres = generator.normal(size=(k, 20))
    return (centres[labels] + spread * generator.normal(size=(n, 20))).astype(np.float32), labels


def test_formula_equals_leaving_each_out() -> None:
    vectors, labels = blobs(40, 3, 0.8)
    scores = leave_one_out_scores(vectors, labels, 3)
    x = np.column_stack([vectors, np.ones(40)]).astype(np.float64)
    for row in range(40):
        others = np.arange(40) != row
        ridge = Ridge(RIDGE_STRENGTH * np.square(x).sum() / 21, fit_intercept=False)
        ridge.fit(x[others], np.eye(3)[labels[others]])
        np.testing.assert_allclose(scores[row], ridge.predict(x[[row]])[0], atol=1e-4)


def test_misplaced_pictures_are_found_and_others_are_not() -> None:
    vectors, labels = blobs(300, 3, 0.3)
    moved = np.arange(0, 300, 20)
    spoiled = labels.copy()
    spoiled[moved] = (labels[moved] + 1) % 3
    found = suspects(leave_one_out_scores(vectors, spoiled, 3), spoiled)
    assert set(found) <= set(moved) and len(found) >= len(moved) / 3
    assert suspects(leave_one_out_scores(vectors, labels, 3), labels).size == 0


def test_most_suspect_comes_first() -> None:
    scores = np.array([[0.9, 0.1], [0.2, 0.9], [0.1, 1.5], [0.1, 0.8]])
    labels = np.array([0, 0, 0, 1])
    assert suspects(scores, labels).tolist() == [2, 1]


def test_class_without_pictures_suspects_nobody() -> None:
    scores = np.array([[0.9, 0.1, 2.0], [0.2, 0.9, 2.0]])
    assert suspects(scores, np.array([0, 1])).tolist() == []


def as_features(vectors: np.ndarray, labels: np.ndarray, train: int) -> Features:
    """Return features of which the first `train` rows are for training, and the others judge."""
    splits = np.where(np.arange(len(labels)) < train, "train", "test")
    return Features(vectors, labels, pd.DataFrame({"split": splits}), [*map(str, range(labels.max() + 1))])


def test_ridge_answers_are_those_of_scikit_learn() -> None:
    vectors, labels = blobs(90, 3, 0.9)
    ridge = Ridge(RIDGE_STRENGTH * np.square(vectors[:60]).sum() / 20).fit(vectors[:60], np.eye(3)[labels[:60]])
    expected = ridge.predict(vectors[60:]).argmax(axis=1)
    assert np.array_equal(ridge_answers(vectors[:60], labels[:60], vectors[60:]), expected)


def test_curve_tells_help_from_chance() -> None:
    helped = learning_curve(as_features(*blobs(2200, 8, 2.0), train=200))
    assert helped.points.index.tolist() == [25, 50, 100, 200] and helped.points["accuracy"].is_monotonic_increasing
    assert helped.verdict.startswith("More pictures help") and helped.last_doubling.interval[0] > 0
    assert helped.last_doubling.n == 2000


@pytest.mark.parametrize(("tests", "words"), [(1000, "hardly help"), (20, "20 test pictures cannot tell")])
def test_curve_that_is_flat_says_how_far_that_goes(tests: int, words: str) -> None:
    curve = learning_curve(as_features(*blobs(200 + tests, 2, 0.1), train=200))
    assert curve.points["accuracy"].min() == 1 and words in curve.verdict


@pytest.mark.parametrize(("train", "test"), [(7, 10), (8, 0)])
def test_too_few_for_a_curve_is_an_error(train: int, test: int) -> None:
    features = as_features(*blobs(train + test, 2, 0.5), train)
    with pytest.raises(DatasetError, match="too few"):
        learning_curve(features)


def test_advice_names_what_was_measured(trained: Retraining) -> None:
    advice = advise(trained)
    assert any(
        "last doubling" in sentence and "test pictures, with a ridge" in sentence for sentence in advice.sentences
    )
    assert all(path.is_file() for path, _ in advice.pictures)


def test_advice_on_a_misplaced_picture_names_it(
    capfd: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = write_pictures(tmp_path / "pictures", {"blue": 40, "green": 40, "red": 40})
    (root / "red" / "010.png").rename(root / "blue" / "misplaced.png")
    flags = ("--how_many_training_steps", "20", "--architecture", "mobilenet_v1_100_128", "--bottleneck_dir", "store")
    result = run_command(capfd, "retrain", root, *flags)
    assert result.code == 0, result.err
    page = (tmp_path / "imgclass_classifier" / "report.html").read_text()
    start = page[: page.index("Which classes are confused")]
    assert "What to do next" in start and "misplaced.png" in start and "in blue, like red" in start


def test_mistakes_of_the_exercises_have_bands_of_their_own() -> None:
    band = bands("next_steps")
    from_low_to_high = [band[name] for name in ("true", "found", "times", "times_with_old_scores", "times_of_few")]
    assert all(lower.high < higher.low for lower, higher in zip(from_low_to_high, from_low_to_high[1:], strict=False))
    assert band["without_twins"].high < NEARLY_ALL <= band["with_twins"].low


def with_counts(trained: Retraining, counts: dict[str, int], choices: dict[str, str]) -> Retraining:
    """Return a training whose folder has so many training pictures of each class, as far as advice can see."""

    class Counted(type(trained.folder)):
        def counts(self) -> pd.DataFrame:
            return pd.DataFrame({"train": counts})

    folder = Counted(**vars(trained.folder))
    return replace(trained, features=replace(trained.features, source=folder), choices=choices)


@pytest.mark.parametrize(
    ("counts", "choices", "said"),
    [
        ({"red": 40, "blue": 4, "green": 9}, {}, True),
        ({"red": 39, "blue": 4, "green": 9}, {}, False),
        ({"red": 40, "blue": 4, "green": 0}, {"class_weights": "log"}, False),
        ({"red": 40, "blue": 40, "green": 0}, {}, False),
    ],
)
def test_advice_on_unequal_classes_is_given_where_it_was_measured_to_help(
    trained: Retraining, counts: dict[str, int], choices: dict[str, str], said: bool
) -> None:
    sentences = " ".join(advise(with_counts(trained, counts, choices)).sentences)
    assert ("--adjust_prior" in sentences and "What was measured: on garments" in sentences) == said
    assert ("For red there are 40 training pictures, for blue 4." in sentences) == said
