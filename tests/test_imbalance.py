"""Unequal classes: what changes training rows leaves the exam alone, and measures tell the truth."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, recall_score
from sklearn.utils.class_weight import compute_class_weight
from support import plain_backbone, write_pictures

from imgclass_course import class_scores
from imgclass_course.bottlenecks import extract
from imgclass_course.class_scores import bootstrap, bootstrap_difference
from imgclass_course.features import Features
from imgclass_course.foundation.errors import CourseError, FeaturesError, TrainingError
from imgclass_course.heads import KerasHead, LogisticHead, adjust_for_prior, training_weights
from imgclass_course.imbalance import class_counts, class_weights, leave_out_prior, oversample, undersample
from imgclass_course.outputs.run_files import metrics, training_facts
from imgclass_course.resampling import (
    MADE_UP,
    RESAMPLINGS,
    adasyn,
    check_resampling,
    find_clusters,
    resample,
    smote,
    undersample_clusters,
)
from imgclass_course.retraining import fit, retrain
from imgclass_course.scoring import Evaluation

CLASSES = ("a", "b", "c", "d")
counts_of_classes = st.lists(st.integers(1, 40), min_size=2, max_size=6)


def make_features(counts: list[int], dim: int = 3, spread: float = 1.0, others: int = 2) -> Features:
    """Return so many training rows of each class in mixed order, and some of validation and test between them."""
    generator = np.random.default_rng(sum(counts))
    wanted = (
        [("train", count) for count in counts],
        [("validation", others)] * len(counts),
        [("test", others)] * len(counts),
    )
    splits = np.concatenate([[name] * count for part in wanted for name, count in part])
    y = np.array([number for part in wanted for number, (_, count) in enumerate(part) for _ in range(count)])
    order = generator.permutation(len(y))
    X = (generator.normal(size=(len(counts), dim))[y] + spread * generator.normal(size=(len(y), dim))).astype(
        np.float32
    )
    rows = pd.DataFrame({"split": splits, "path": [f"{row}.png" for row in range(len(y))]})
    return Features(
        X[order], y[order], rows.iloc[order].reset_index(drop=True), [chr(97 + k) for k in range(len(counts))]
    )


def same(one: Features, other: Features) -> bool:
    """Return whether two tables hold the same."""
    arrays = zip((one.X, one.y, one.sample_weights()), (other.X, other.y, other.sample_weights()), strict=True)
    return all(map(np.array_equal, *zip(*arrays, strict=True))) and one.rows.equals(other.rows)


# Resampling


@pytest.mark.parametrize("how", RESAMPLINGS)
@settings(max_examples=20)
@given(counts=counts_of_classes, to=st.none() | st.integers(1, 50), seed=st.integers(0, 3))
def test_only_training_rows_change(how: str, counts: list[int], to: int | None, seed: int) -> None:
    made_up = how in ("smote", "adasyn")
    counts = [count + 1 for count in counts] if made_up else counts
    whole = make_features(counts)
    before = same(whole, whole.select(np.arange(len(whole))))
    changed = resample(whole, how, to, seed)
    assert before and same(changed, resample(whole, how, to, seed))
    for split in ("validation", "test"):
        assert same(changed.split(split), whole.split(split))
    after, limit = class_counts(changed), to or class_counts(changed).max()
    assert (after > 0).all()
    if how in ("under", "cluster"):
        assert np.array_equal(after, np.minimum(counts, to or int(np.median(counts))))
    elif how in ("over", "smote"):
        assert np.array_equal(after, np.maximum(counts, to or max(counts)))
    elif how == "both":
        assert set(after) == {limit}
    given_rows, found = set(map(bytes, whole.split("train").X)), changed.split("train")
    if not made_up:
        assert set(map(bytes, found.X)) <= given_rows


@given(counts=counts_of_classes, to=st.integers(1, 60))
def test_each_picture_has_its_turn_before_one_is_repeated(counts: list[int], to: int) -> None:
    whole = make_features(counts)
    train = whole.split("train")
    more, fewer = (change(whole, to).split("train").rows["path"].value_counts() for change in (oversample, undersample))
    for number, count in enumerate(counts):
        paths = train.rows["path"][train.y == number]
        repeated, kept = (times.reindex(paths, fill_value=0) for times in (more, fewer))
        assert repeated.sum() == max(count, to) and repeated.max() - repeated.min() <= 1
        assert kept.sum() == min(count, to) and kept.max() == 1


@pytest.mark.parametrize("change", [undersample, oversample, undersample_clusters, smote])
def test_seeds_draw_other_pictures(change: Callable) -> None:
    whole = make_features([30, 9, 9])
    assert not same(change(whole, 12, 0), change(whole, 12, 1))


@pytest.mark.parametrize("change", [undersample, oversample, undersample_clusters])
@pytest.mark.parametrize("to", [0, -3])
def test_threshold_below_one_is_a_mistake(change: Callable, to: int) -> None:
    with pytest.raises(FeaturesError, match="whole number above 0"):
        change(make_features([3, 3]), to)


def test_class_without_training_pictures_stays_without() -> None:
    whole = make_features([5, 0, 9])
    for how in RESAMPLINGS:
        assert class_counts(resample(whole, how))[1] == 0, how


def test_views_fill_up_rare_classes(tmp_path: Path) -> None:
    class Brighter:
        fingerprint = "brighter"

        def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
            return np.clip(image.astype(int) + seed % 50, 0, 255).astype(np.uint8)

    root = write_pictures(tmp_path / "pictures", {"common": 40, "rare": 8})
    whole = extract(root, backbone=plain_backbone(), augmentation=Brighter(), views=3)
    before = class_counts(whole.select((whole.rows["view"] == 0).to_numpy()))
    train = oversample(whole, before[0]).split("train")
    assert np.bincount(train.y).tolist() == [before[0], before[0]]
    assert (train.rows["view"][train.y == 0] == 0).all()
    shown = train.rows[train.y == 1].value_counts(["path", "view"])
    assert (shown.xs(0, level="view") == 1).all() and len(shown) > before[1]
    assert set(class_counts(resample(whole, "over"))) == {4 * before[0]}  # the common class keeps its views, too
    most = before[1] * 4
    assert len(oversample(whole, most).rows.query("label == 'rare' and split == 'train'").drop_duplicates()) == most


def test_made_up_vectors_lie_between_two_of_the_class() -> None:
    whole = make_features([20, 3], dim=2)
    for change in (smote, adasyn):
        made = change(whole, 20).split("train")
        made = made.X[(made.y == 1) & (made.rows["path"] == "").to_numpy()]
        own, others = whole.split("train").X[whole.split("train").y == 1], []
        assert len(made) >= 15 and len({*map(bytes, made)}) > 10
        for one, other in ((0, 1), (0, 2), (1, 2)):
            apart = own[other] - own[one]
            share = (made - own[one]) @ apart / (apart @ apart)
            others.append(
                np.abs(made - own[one] - share[:, None] * apart).max(axis=1) + 9 * ((share < 0) | (share > 1))
            )
        np.testing.assert_allclose(np.min(others, axis=0), 0, atol=1e-5)


def test_made_up_rows_say_so(pictures: Path) -> None:
    whole = extract(pictures, backbone=plain_backbone())
    few = whole.select(~((whole.rows["label"] == "red") & (whole.rows.index % 3 > 0)).to_numpy())
    changed = smote(replace(few, weights=np.where(few.y == 2, 3.0, 1.0)), 30)
    made = changed.select((changed.rows["view"] == MADE_UP).to_numpy())
    assert set(made.rows["label"]) >= {"red"} and set(made.rows["split"]) == {"train"}
    assert set(made.rows["path"]) == {""} and (made.weights == np.where(made.y == 2, 3.0, 1.0)).all()
    assert changed.rows.dtypes.equals(few.rows.dtypes) and changed.X.dtype == np.float32
    assert [changed.classes[number] for number in made.y] == made.rows["label"].tolist()


def test_adasyn_makes_more_where_it_is_hard() -> None:
    """Ten of a class lie alone, and ten among another: what is made up lies among the other."""
    generator = np.random.default_rng(0)
    centres = np.repeat([[0.0, 0.0], [10.0, 0.0], [10.0, 0.0]], [10, 10, 60], axis=0)
    X = (centres + generator.normal(size=(80, 2))).astype(np.float32)
    whole = Features(X, np.repeat([0, 1], [20, 60]), pd.DataFrame({"split": ["train"] * 80}), ["rare", "common"])
    hard = {change.__name__: (change(whole, 60).X[80:, 0] > 5).mean() for change in (adasyn, smote)}
    assert hard["adasyn"] > 0.9 and 0.3 < hard["smote"] < 0.7


def test_clusters_give_in_turn() -> None:
    """Of a class with 90 alike and two kinds of 5, a third of what is kept is of each kind, as far as they go."""
    centres = np.repeat([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]], [90, 5, 5], axis=0)
    X = (centres + np.random.default_rng(0).normal(size=(100, 2))).astype(np.float32)
    whole = Features(X, np.zeros(100, int), pd.DataFrame({"split": ["train"] * 100}), ["a", "b"])
    kinds = np.repeat([0, 1, 2], [90, 5, 5])
    assert len(set(zip(find_clusters(X, 3), kinds, strict=True))) == 3
    for to, expected in ((12, [4, 4, 4]), (30, [20, 5, 5])):
        kept = undersample_clusters(whole, to, clusters=3)
        assert np.bincount(np.round(kept.X / 20).astype(int) @ [1, 2], minlength=3).tolist() == expected
    assert same(undersample_clusters(whole, 100), whole)


MISTAKES = {
    "no way to resample 'smoke'; there are none, under": ("smoke", {}),
    "0 pictures per class": ("under", {"to": 0}),
    "'smote' has no use for augmented views: take 'over'": ("smote", {"views": 2}),
    r"Class few has 1 training picture, and adasyn .* or resample with 'over'": ("adasyn", {}),
}


@pytest.mark.parametrize(("words", "asked"), MISTAKES.items(), ids=MISTAKES.keys())
def test_what_cannot_be_resampled_is_refused(words: str, asked: tuple) -> None:
    how, options = asked
    with pytest.raises(TrainingError, match=words):
        check_resampling(how, pd.Series({"many": 9, "few": 1}), **options)


def test_lonely_classes_are_counted_and_may_stay_above_the_threshold() -> None:
    with pytest.raises(TrainingError, match=r"Class b has 1 training picture \(as have 1 others\), and smote"):
        resample(make_features([5, 1, 1]), "smote")
    assert len(resample(make_features([5, 1, 1]), "smote", to=1)) == len(make_features([5, 1, 1]))


def test_adasyn_does_as_smote_where_nothing_is_hard() -> None:
    whole = make_features([20, 9], spread=0.001)
    assert same(adasyn(whole, 20), smote(whole, 20))


def test_made_up_pictures_need_imbalanced_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imblearn", None)
    with pytest.raises(CourseError, match="need imbalanced-learn: pip install"):
        check_resampling("smote", pd.Series({"a": 9, "b": 3}))
    check_resampling("over", pd.Series({"a": 9, "b": 3}))


# Weights


@given(counts=counts_of_classes)
def test_weights_have_a_mean_of_one_and_rare_pictures_count_more(counts: list[int]) -> None:
    numbers = np.array(counts)
    for how in ("none", "balanced", "log"):
        weights = class_weights(numbers, how)
        assert np.isclose(weights @ numbers / numbers.sum(), 1)
        assert (np.diff(weights[np.argsort(numbers)]) <= 1e-12).all()
    y = np.repeat(np.arange(len(counts)), counts)
    by_scikit_learn = compute_class_weight("balanced", classes=np.arange(len(counts)), y=y)
    np.testing.assert_allclose(class_weights(numbers), by_scikit_learn)
    formula = np.log(1 + (numbers.max() / numbers) ** 2)
    np.testing.assert_allclose(class_weights(numbers, "log") / formula, class_weights(numbers, "log")[0] / formula[0])


def test_class_that_is_not_there_does_not_change_weights() -> None:
    for how in ("balanced", "log"):
        np.testing.assert_allclose(
            class_weights(np.array([4, 0, 2]), how)[[0, 2]], class_weights(np.array([4, 2]), how)
        )


def test_weights_reach_the_rows() -> None:
    train = make_features([6, 3, 1]).split("train")
    weighted = replace(train, weights=np.full(10, 2.0))
    for how in ("balanced", "log"):
        expected = class_weights(np.array([6, 3, 1]), how)[train.y]
        np.testing.assert_allclose(training_weights(train, how), expected)
        np.testing.assert_allclose(training_weights(weighted, how), 2 * expected)
    assert training_weights(train, "none") is training_weights(train) is None
    assert training_weights(train, {"b": 4})[train.y == 1].tolist() == [4, 4, 4]


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf"), "2", None])
@pytest.mark.parametrize(
    "train", [lambda **asked: fit(make_features([6, 3]), **asked), lambda **asked: retrain(".", **asked)]
)
def test_weight_that_is_not_above_zero_is_refused(train: Callable, weight: object) -> None:
    with pytest.raises(TrainingError, match=r"class_weight gives 'b' .*above 0"):
        train(class_weight={"b": weight})


@pytest.mark.parametrize("given", ["heavy", 3, ["a"]])
def test_weights_of_an_unknown_kind_are_refused(given: object) -> None:
    with pytest.raises(TrainingError, match="class"):
        retrain(".", class_weight=given)
    with pytest.raises(TrainingError, match="no class weights 'heavy'; there are none, balanced, log"):
        class_weights(np.array([1, 2]), "heavy")


# The prior


@given(counts=counts_of_classes, strength=st.floats(0, 2))
def test_probabilities_without_the_prior(counts: list[int], strength: float) -> None:
    found = np.random.default_rng(0).dirichlet(np.ones(len(counts)), 20)
    fair = leave_out_prior(found, np.array(counts), strength)
    np.testing.assert_allclose(fair.sum(axis=1), 1)
    odds = fair[:, 0] / fair[:, 1] / (found[:, 0] / found[:, 1])
    np.testing.assert_allclose(odds, (counts[1] / counts[0]) ** strength)
    np.testing.assert_allclose(leave_out_prior(found, np.array(counts), 0), found)


@pytest.mark.parametrize("head", ["keras", "logistic"])
def test_head_with_another_bias_gives_those_probabilities(head: str) -> None:
    whole = make_features([30, 6, 3])
    fitted, (X, _) = fit(whole, head, **({"steps": 5} if head == "keras" else {})).head, whole.xy("test")
    counts, before = class_counts(whole), fitted.predict_proba(X)
    adjusted = adjust_for_prior(fitted, counts)
    assert type(adjusted) in (KerasHead, LogisticHead) and type(adjusted) is type(fitted)
    np.testing.assert_allclose(adjusted.predict_proba(X), leave_out_prior(before, counts), atol=1e-5)
    np.testing.assert_array_equal(fitted.predict_proba(X), before)
    assert len(adjusted.dense_layers()) == 1


def test_head_without_a_bias_cannot_be_adjusted() -> None:
    import keras
    from sklearn.neighbors import KNeighborsClassifier

    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False)])
    for head in (plain, KNeighborsClassifier(1)):
        whole = make_features([6, 3])
        with pytest.raises(TrainingError, match="no bias to adjust"):
            adjust_for_prior(fit(whole, head).head, class_counts(whole))


# Measures


def some_answers(pictures: int, size: int, seed: int = 0, skill: float = 2.0) -> Evaluation:
    """Return answers to pictures of unequal classes that are right more often than not."""
    generator = np.random.default_rng(seed)
    labels = np.r_[np.arange(size), generator.choice(size, pictures - size, p=(q := 0.5 ** np.arange(size)) / q.sum())]
    scores = skill * np.eye(size)[labels] + generator.normal(size=(pictures, size))
    found = np.exp(scores)
    return Evaluation(list(map(str, range(size))), labels, found / found.sum(axis=1, keepdims=True))


@given(seed=st.integers(0, 20), size=st.integers(2, 6))
def test_measures_are_those_of_scikit_learn(seed: int, size: int) -> None:
    found = some_answers(60, size, seed)
    truth, said = found.labels, found.predicted
    np.testing.assert_allclose(class_scores.macro_f1(found), f1_score(truth, said, average="macro"))
    np.testing.assert_allclose(class_scores.f1_of_classes(found), found.scores()["F1"])
    np.testing.assert_allclose(class_scores.mean_recall()(found), recall_score(truth, said, average="macro"))
    assert class_scores.share_above(found) == np.mean(f1_score(truth, said, average=None) > 0.7)
    np.testing.assert_allclose(class_scores.accuracy(found), found.accuracy.value)
    shares = np.bincount(truth, minlength=size) / len(truth)
    np.testing.assert_allclose(class_scores.in_world(shares)(found), found.accuracy.value)


ALL_MEASURES = [
    *class_scores.MEASURES.values(),
    class_scores.mean_recall([0, 2]),
    class_scores.in_world([1, 2, 3]),
]


@pytest.mark.parametrize("measure", ALL_MEASURES)
def test_counted_pictures_are_repeated_pictures(measure: Callable) -> None:
    found, generator = some_answers(40, 3), np.random.default_rng(1)
    counts = generator.multinomial(40, np.full(40, 1 / 40), 5)
    for row, value in zip(counts, measure(found, counts), strict=True):
        rows = np.repeat(np.arange(40), row)
        again = replace(found, labels=found.labels[rows], probabilities=found.probabilities[rows])
        np.testing.assert_allclose(measure(again), value)


def test_world_with_other_shares_is_a_test_with_other_counts() -> None:
    """Where one class has each of its pictures three times, the measures are those of a world with that share."""
    found = some_answers(60, 3)
    rows = np.concatenate([np.arange(60), *2 * [np.flatnonzero(found.labels == 1)]])
    other = replace(found, labels=found.labels[rows], probabilities=found.probabilities[rows])
    shares = np.bincount(other.labels)
    for measure in class_scores.MEASURES.values():
        np.testing.assert_allclose(class_scores.in_world(shares, measure)(found), measure(other))


def test_class_without_test_pictures_is_left_out() -> None:
    found = Evaluation(["a", "b", "c"], np.array([0, 0, 1]), np.eye(3)[[0, 0, 2]])
    np.testing.assert_array_equal(class_scores.f1_of_classes(found), [1, 0, np.nan])
    assert class_scores.macro_f1(found) == class_scores.share_above(found) == 0.5
    assert class_scores.in_world([1, 0, 5])(found) == 1


def test_calibration_error_is_the_distance_from_what_was_promised() -> None:
    sure = np.repeat([[0.9, 0.1]], 10, axis=0)
    for right, expected in ((9, 0.0), (6, 0.3), (10, 0.1)):
        found = Evaluation(["a", "b"], np.repeat([0, 1], [right, 10 - right]), sure)
        np.testing.assert_allclose(class_scores.calibration_error(found), expected, atol=1e-12)
    unread = Evaluation(["a", "b"], np.zeros(11, int), np.r_[sure, [[np.nan, np.nan]]])
    np.testing.assert_allclose(class_scores.calibration_error(unread), 0.1)


def test_bootstrap_of_an_accuracy_is_its_interval() -> None:
    found = some_answers(400, 4)
    low, high = found.accuracy.interval
    ours = bootstrap(found, class_scores.accuracy)
    assert ours.mean == found.accuracy.value and abs(ours.low - low) < 0.01 and abs(ours.high - high) < 0.01
    assert ours == bootstrap([found], class_scores.accuracy) != bootstrap(found, class_scores.accuracy, seed=1)


def test_paired_differences_are_narrower_than_unpaired_ones() -> None:
    one, other = some_answers(300, 3, skill=1.0), some_answers(300, 3, skill=2.0)
    gain = bootstrap_difference(one, other)
    assert gain.low > 0 and np.isclose(gain.mean, class_scores.macro_f1(other) - class_scores.macro_f1(one))
    alone = bootstrap(one), bootstrap(other)
    assert gain.high - gain.low < sum(each.high - each.low for each in alone) / 1.3
    nothing = bootstrap_difference(one, one)
    assert (nothing.mean, nothing.low, nothing.high) == (0, 0, 0)


def test_several_runs_widen_the_interval() -> None:
    labels = some_answers(200, 3).labels
    runs = [replace(some_answers(200, 3, seed=s, skill=k), labels=labels) for s, k in ((0, 0.5), (0, 2.0), (0, 4.0))]
    whole, one = bootstrap(runs), bootstrap(runs[1])
    assert np.isclose(whole.mean, np.mean([class_scores.macro_f1(run) for run in runs]))
    assert whole.high - whole.low > 1.5 * (one.high - one.low)
    assert bootstrap_difference(runs, runs[::-1]).low < 0 < bootstrap_difference(runs, runs[::-1]).high


def test_runs_of_other_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="same pictures"):
        bootstrap([some_answers(50, 3), some_answers(49, 3)])
    with pytest.raises(ValueError, match="1 and 2 runs"):
        bootstrap_difference(some_answers(50, 3), [some_answers(50, 3)] * 2)
    with pytest.raises(ValueError, match="on the same pictures"):
        bootstrap_difference(some_answers(50, 3), some_answers(50, 3, seed=1))
    with pytest.raises(ValueError, match="one evaluation"):
        bootstrap([])


# From a folder to a classifier


@pytest.fixture(scope="module")
def lopsided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with many pictures of one class, some of another and few of a third."""
    return write_pictures(tmp_path_factory.mktemp("lopsided") / "pictures", {"few": 8, "many": 60, "some": 25})


@pytest.mark.parametrize("how", RESAMPLINGS)
def test_retraining_measures_the_pictures_that_there_are(lopsided: Path, tmp_path: Path, how: str) -> None:
    options = {"backbone": plain_backbone(), "head": "logistic", "bottleneck_dir": tmp_path}
    shares = {"validation_percentage": 20, "testing_percentage": 20}
    plain, changed = (retrain(lopsided, resample=one, **options, **shares) for one in ("none", how))
    assert changed.features.rows.equals(plain.features.rows.assign(reused=True))
    assert changed.choices == ({} if how == "none" else {"resample": how})
    weights = [one.classifier.head.weights for one in (plain, changed)]
    assert np.array_equal(*weights) == (how == "none")


def test_what_was_chosen_is_written_down(lopsided: Path, tmp_path: Path) -> None:
    def one_picture_each(features: Features) -> Features:
        return undersample(features, 1)

    options = {"backbone": plain_backbone(), "head": "logistic", "bottleneck_dir": tmp_path, "validation_percentage": 0}
    result = retrain(lopsided, class_weight={"few": 2.5}, resample=one_picture_each, adjust_prior=True, **options)
    assert result.choices == {"class_weights": "few: 2.5", "resample": "one_picture_each", "adjust_prior": "yes"}
    result = retrain(lopsided, class_weight="log", resample="both", resample_to=12, **options)
    expected = {"class_weights": "log", "resample": "both", "resample_to": "12"}
    assert result.choices == expected
    assert expected.items() <= training_facts(result).items() and expected.items() <= metrics(result).items()
    found, scores = metrics(result)["macro_f1"], result.evaluate("test").scores()
    assert found["split"] == "test" and np.isclose(found["value"], scores["F1"][scores["pictures"] > 0].mean())
    assert found["interval"][0] <= found["value"] <= found["interval"][1]


def test_adjusting_uses_what_was_trained_on(lopsided: Path, tmp_path: Path) -> None:
    """Where the training is balanced already, there is no prior to leave out."""
    options = {"backbone": plain_backbone(), "head": "logistic", "bottleneck_dir": tmp_path}
    for balanced in ({"class_weight": "balanced"}, {"resample": "over"}):
        one, other = (retrain(lopsided, adjust_prior=asked, **balanced, **options) for asked in (False, True))
        bias = one.classifier.head.bias - other.classifier.head.bias
        np.testing.assert_allclose(bias - bias.mean(), 0, atol=1e-5)
    one, other = (retrain(lopsided, adjust_prior=asked, **options) for asked in (False, True))
    difference = other.classifier.head.bias - one.classifier.head.bias
    assert difference[0] > difference[2] > difference[1]  # few, some, many


@pytest.mark.parametrize("how", ["smote", "adasyn"])
def test_class_with_one_picture_is_refused_before_any_work(tmp_path: Path, how: str) -> None:
    def never(image: np.ndarray) -> np.ndarray:
        raise AssertionError("a vector was computed")

    root = write_pictures(tmp_path / "pictures", {"few": 1, "many": 9})
    options = {"validation_percentage": 0, "testing_percentage": 0, "bottleneck_dir": tmp_path / "store"}
    with pytest.raises(TrainingError, match=f"Class few has 1 training picture, and {how}"):
        retrain(root, backbone=plain_backbone(engine=never), resample=how, **options)
