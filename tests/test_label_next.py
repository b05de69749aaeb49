"""What to label next is uncertain, spread out, and no thing twice."""

import numpy as np
import pytest

from imgclass_course.foundation.errors import FeaturesError
from imgclass_course.label_next import label_next, margin_uncertainty


def pool(things: int = 30, shots: int = 6, dim: int = 32) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors of things that were shot several times, their probabilities, and which thing each is.

    The first things are the hardest, and all shots of a thing are about as hard.
    """
    generator = np.random.default_rng(0)
    thing = np.repeat(np.arange(things), shots)
    vectors = generator.normal(size=(things, dim))[thing] + 0.05 * generator.normal(size=(things * shots, dim))
    sure = 0.5 + 0.4 * thing / things + 0.001 * generator.random(len(thing))
    return vectors, np.column_stack([sure, 1 - sure]), thing


def test_no_thing_is_named_twice_and_hard_ones_are_named() -> None:
    vectors, probabilities, thing = pool()
    alone = thing[np.argsort(-margin_uncertainty(probabilities), kind="stable")[:6]]
    assert len(set(alone)) == 1, "uncertainty alone would do"
    chosen = label_next(vectors, probabilities, vectors[:0], 6)
    assert len(chosen) == len(set(thing[chosen])) == 6
    assert (np.diff(margin_uncertainty(probabilities)[chosen]) <= 0).all()
    np.testing.assert_array_equal(chosen, label_next(vectors, probabilities, vectors[:0], 6))


def test_least_certain_ones_are_candidates_only() -> None:
    generator = np.random.default_rng(0)
    vectors, sure = generator.normal(size=(500, 64)), np.linspace(0.5, 1, 500)
    chosen = label_next(vectors, np.column_stack([sure, 1 - sure]), vectors[:0], 5)
    assert len(chosen) == 5 and chosen.max() < 50


def test_what_is_labelled_is_not_named_again() -> None:
    vectors, probabilities, thing = pool()
    labelled = vectors[thing < 20] * 3
    chosen = label_next(vectors, probabilities, labelled, 100)
    assert sorted(thing[chosen]) == list(range(20, 30))  # fewer than asked for: no more things are there


def test_uncertainty_is_the_margin() -> None:
    probabilities = np.array([[0.4, 0.4, 0.2], [1, 0, 0], [0.1, 0.3, 0.6]])
    np.testing.assert_allclose(margin_uncertainty(probabilities), [1, 0, 0.7])
    assert margin_uncertainty(np.ones((2, 1))).tolist() == [0, 0]


def test_sure_answers_and_no_pictures_are_no_obstacle() -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 16))
    sure = np.tile([1.0, 0.0], (40, 1))
    assert len(label_next(vectors, sure, vectors[:0], 3)) == 3
    assert len(label_next(vectors[:0], sure[:0], vectors, 3)) == 0


@pytest.mark.parametrize(
    ("vectors", "probabilities", "labelled", "count"),
    [((5, 4), (4, 2), (3, 4), 2), ((5, 4), (5, 2), (3, 5), 2), ((5,), (5, 2), (3, 4), 2), ((5, 4), (5, 2), (3, 4), 0)],
)
def test_what_does_not_fit_is_one_clear_error(
    vectors: tuple, probabilities: tuple, labelled: tuple, count: int
) -> None:
    with pytest.raises(FeaturesError, match="wanted|1 or more"):
        label_next(np.ones(vectors), np.ones(probabilities), np.ones(labelled), count)
