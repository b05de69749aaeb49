"""Ensembles: the mean, the honest judge, what a judge on training answers falls for, and what is refused."""

from typing import Any

import numpy as np
import pytest

from imgclass_course.ensembles import Ensemble, fit_ensemble
from imgclass_course.foundation.errors import TrainingError

LEFT, RIGHT = slice(0, 4), slice(4, 8)


def make_table(n: int = 240, noise: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors [n, 8] whose two halves each hint at one of three classes, and the classes."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 3, n)
    hints = np.concatenate([np.eye(4)[y], np.eye(4)[y]], axis=1)
    return (hints + noise * generator.normal(size=(n, 8))).astype(np.float32), y


def logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=500)


def neighbour() -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(1)


def test_without_a_judge_it_is_the_mean_of_what_each_head_says_of_its_columns() -> None:
    X, y = make_table()
    ensemble = fit_ensemble([(LEFT, logistic()), (RIGHT, logistic())], X, y)
    alone = [logistic().fit(X[:, part], y).predict_proba(X[:, part]) for part in (LEFT, RIGHT)]
    assert np.allclose(ensemble.predict_proba(X), np.mean(alone, axis=0))
    assert not np.allclose(alone[0], alone[1], atol=0.05)


def test_members_and_judge_that_were_given_stay_as_they_were() -> None:
    X, y = make_table(60)
    member, judge = logistic(), logistic()
    fit_ensemble([(LEFT, member)], X, y, judge)
    assert not hasattr(member, "coef_") and not hasattr(judge, "coef_")


def test_a_judge_learns_from_answers_out_of_fold() -> None:
    """A neighbour is always right on its own pictures: only out of fold can a judge see that it knows nothing."""
    X, y = make_table(300)
    X[:, RIGHT] = np.random.default_rng(1).normal(size=(300, 4))  # nothing to see there
    new, truth = make_table(300, seed=2)
    new[:, RIGHT] = np.random.default_rng(3).normal(size=(300, 4))
    members = [(LEFT, logistic()), (RIGHT, neighbour())]
    honest = fit_ensemble(members, X, y, logistic())
    answers = np.hstack(
        [head.predict_proba(X[:, part]) for head, part in zip(honest.heads, honest.columns, strict=True)]
    )
    fooled = Ensemble(honest.heads, honest.columns, logistic().fit(answers, y))
    right = [(one.predict_proba(new).argmax(axis=1) == truth).mean() for one in (honest, fooled)]
    assert right[0] > right[1] + 0.15


def test_it_is_the_head_of_a_classifier() -> None:
    from imgclass_course.classifiers import Head

    X, y = make_table(60)
    head: Head = fit_ensemble([(LEFT, logistic()), (RIGHT, neighbour())], X, y, logistic())
    probabilities = head.predict_proba(X[:5])
    assert probabilities.shape == (5, 3) and np.allclose(probabilities.sum(axis=1), 1)


def test_a_class_that_is_smaller_than_the_folds_is_refused_before_the_judge_is_trained() -> None:
    X, y = make_table(60)
    y[y == 2] = 0
    y[:3] = 2
    with pytest.raises(TrainingError, match="3 pictures, and there are 5 folds: give fewer folds"):
        fit_ensemble([(LEFT, logistic())], X, y, logistic())
    assert fit_ensemble([(LEFT, logistic())], X, y).judge is None


def test_an_ensemble_needs_columns_for_each_head() -> None:
    X, y = make_table(60)
    with pytest.raises(ValueError, match="shorter|longer"):
        Ensemble([logistic().fit(X, y)], []).predict_proba(X)
