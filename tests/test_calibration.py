"""A temperature makes probabilities keep their promise, and changes no answer."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import KNeighborsClassifier

from imgclass_course import retrain
from imgclass_course.calibration import best_temperature, calibrate, divide_scores
from imgclass_course.class_scores import calibration_error
from imgclass_course.evaluation import Evaluation
from imgclass_course.features import Features
from imgclass_course.foundation.errors import TrainingError
from imgclass_course.heads import EstimatorHead, KerasHead, LogisticHead, build_head

CLASSES = ("a", "b", "c", "d")
HEAD = LogisticHead(np.eye(4, dtype=np.float32), np.zeros(4, np.float32))  # a vector is its scores


def answers(temperature: float, count: int = 4000, seed: int = 0) -> Features:
    """Return scores of pictures whose true probabilities are those of the scores divided by a temperature."""
    random = np.random.default_rng(seed)
    scores = random.normal(0, 2, (count, 4))
    y = np.array([random.choice(4, p=row) for row in softmax(scores, axis=1)])
    rows = pd.DataFrame({"split": ["validation"] * count})
    return Features((scores * temperature).astype(np.float32), y, rows, CLASSES)


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_temperature_is_found_again(true: float) -> None:
    assert best_temperature(HEAD, answers(true)) == pytest.approx(true, rel=0.08)


class Scores(ClassifierMixin, BaseEstimator):
    """Gives the scores that it gets, as scikit-learn asks for."""

    classes_ = np.arange(4)

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Scores":
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return X

    def predict(self, X: np.ndarray) -> np.ndarray:
        return X.argmax(axis=1)


def test_temperature_is_that_of_scikit_learn() -> None:
    features = answers(3, 500)
    scikit = CalibratedClassifierCV(FrozenEstimator(Scores()), method="temperature").fit(features.X, features.y)
    ours = calibrate(HEAD, features)
    np.testing.assert_allclose(ours.predict_proba(features.X), scikit.predict_proba(features.X), atol=1e-3)


def test_error_of_other_pictures_falls_and_no_answer_changes() -> None:
    validation, test = answers(3), answers(3, seed=1)
    before, after = (
        Evaluation(CLASSES, test.y, head.predict_proba(test.X)) for head in (HEAD, calibrate(HEAD, validation))
    )
    np.testing.assert_array_equal(before.predicted, after.predicted)
    assert calibration_error(before) > 0.1 and calibration_error(after) < 0.03


def test_class_without_validation_pictures_does_no_harm() -> None:
    features = answers(2)
    few = features.select(features.y != 3)
    assert 1 < best_temperature(HEAD, few) < 20


def test_keras_head_keeps_its_layers_and_the_first_one_stays_as_it_was() -> None:
    import keras

    model = build_head(6, 4)
    X = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    before = KerasHead(model).predict_proba(X)
    halved = divide_scores(KerasHead(model), 2.0)
    np.testing.assert_allclose(halved.scores(X), np.asarray(model(X)) / 2, atol=1e-6)
    np.testing.assert_array_equal(KerasHead(model).predict_proba(X), before)
    ending = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, "softmax")])
    scores = np.log(np.asarray(ending(X)))
    divided = divide_scores(KerasHead(ending), 3.0)
    np.testing.assert_allclose(divided.predict_proba(X), softmax(scores / 3, 1), atol=1e-6)


def test_what_has_no_temperature_is_refused() -> None:
    import keras

    features = answers(1, 50)
    neighbours = EstimatorHead(KNeighborsClassifier(1).fit(features.X, features.y), 4)
    with pytest.raises(TrainingError, match="no scores"):
        calibrate(neighbours, features)
    with pytest.raises(TrainingError, match="there are none"):
        calibrate(HEAD, features.select(np.zeros(50, bool)))
    odd = KerasHead(keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.LayerNormalization()]))
    with pytest.raises(TrainingError, match="does not end with a dense layer"):
        divide_scores(odd, 2.0)


def test_retrain_calibrates_where_it_is_asked_to(pictures: Path, tmp_path: Path) -> None:
    options = {"backbone": "mobilenet_v1_100_128", "head": "logistic", "strength": 0.0003, "bottleneck_dir": tmp_path}
    plain, calibrated = (retrain(pictures, calibrate=asked, **options) for asked in (False, True))
    assert (dict(plain.choices), dict(calibrated.choices)) == ({}, {"calibrate": "yes"})
    temperature = best_temperature(plain.classifier.head, plain.pictures("validation"))
    assert temperature < 0.7  # so weak a head is not sure enough
    X = plain.pictures("test").X
    np.testing.assert_allclose(
        calibrated.classifier.head.scores(X), plain.classifier.head.scores(X) / temperature, rtol=1e-4, atol=1e-4
    )
