"""The head with inner layers, dropout and weight decay: what is built, that it trains, is saved and is reproducible."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from imgclass_course.exercises import bands
from imgclass_course.exercises.regularization import HEADS, OTHER_MEASUREMENTS
from imgclass_course.foundation.errors import RegularizationError
from imgclass_course.regularization import build_regularized_head
from imgclass_course.transfer import build_head, train_head

GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.integers(0, 3, 90)
VECTORS = (GENERATOR.normal(size=(90, 8)) + 2 * np.eye(8)[LABELS]).astype(np.float32)


def test_without_options_it_is_the_plain_head() -> None:
    first, second = build_regularized_head(8, 3, seed=5).get_weights(), build_head(8, 3, seed=5).get_weights()
    assert len(first) == len(second) == 2
    assert all(map(np.array_equal, first, second))


def test_layers_have_the_sizes_asked_for() -> None:
    head = build_regularized_head(8, 3, [6, 4])
    assert [weight.shape for weight in head.get_weights()] == [(8, 6), (6,), (6, 4), (4,), (4, 3), (3,)]


def test_inner_layers_start_differently_from_each_other_and_by_seed() -> None:
    first, second = (build_regularized_head(8, 8, [8], seed=seed).get_weights() for seed in (0, 10))
    assert not np.array_equal(first[0], first[2])
    assert not np.array_equal(first[0], second[0])


@pytest.mark.parametrize("layer_sizes", [(), (50,), (50, 40)])
def test_dropout_acts_in_training_only(layer_sizes: tuple[int, ...]) -> None:
    head = build_regularized_head(8, 3, layer_sizes, dropout_rate=0.5)
    used = [head(VECTORS, training=False).numpy() for _ in range(2)]
    trained = [head(VECTORS, training=True).numpy() for _ in range(2)]
    assert np.array_equal(*used)
    assert not np.allclose(*trained)


def test_price_is_decay_times_squared_weights_without_biases() -> None:
    head = build_regularized_head(8, 3, [6], weight_decay=0.1)
    head.set_weights([np.full(weight.shape, 2.0) for weight in head.get_weights()])
    assert np.isclose(sum(map(float, head.losses)), 0.1 * 4 * (8 * 6 + 6 * 3))
    assert build_regularized_head(8, 3, [6]).losses == []


def test_strong_decay_keeps_weights_small() -> None:
    sizes = []
    for weight_decay in (0.0, 1.0):
        head = build_regularized_head(8, 3, [16], weight_decay=weight_decay)
        train_head(VECTORS, LABELS, head, steps=100, batch_size=30, learning_rate=0.02, eval_interval=100)
        sizes.append(sum(float((weight**2).sum()) for weight in head.get_weights()))
    assert sizes[1] < sizes[0] / 5


def test_training_is_reproducible_and_the_head_can_be_saved(tmp_path: Path) -> None:
    import keras

    heads = [build_regularized_head(8, 3, [16], dropout_rate=0.3, weight_decay=1e-3, seed=1) for _ in range(2)]
    histories = [train_head(VECTORS, LABELS, head, steps=60, batch_size=30, learning_rate=0.02) for head in heads]
    assert histories[0].equals(histories[1])
    answers = heads[0](VECTORS).numpy()
    assert (answers.argmax(axis=1) == LABELS).mean() > 0.8
    heads[0].save(tmp_path / "head.keras")
    assert np.array_equal(keras.models.load_model(tmp_path / "head.keras")(VECTORS).numpy(), answers)


@pytest.mark.parametrize(
    ("options", "fix"),
    [
        ({"layer_sizes": [0]}, "above 0"),
        ({"layer_sizes": [2.5]}, "whole numbers"),
        ({"dropout_rate": 50}, "below 1"),
        ({"dropout_rate": 1.0}, "below 1"),
        ({"dropout_rate": -0.1}, "from 0"),
        ({"weight_decay": -1.0}, "0 or more"),
        ({"weight_decay": float("nan")}, "0 or more"),
    ],
)
def test_what_cannot_be_built_is_refused(options: dict[str, object], fix: str) -> None:
    with pytest.raises(RegularizationError, match=fix):
        build_regularized_head(8, 3, **options)


@pytest.mark.parametrize(("one", "other"), list(combinations(["training", *OTHER_MEASUREMENTS], 2)))
def test_bands_of_an_exercise_tell_right_from_mistaken(one: str, other: str) -> None:
    known = bands("regularization")
    names = [f"{head}, {what}" for head in HEADS for what in ("accuracy", "loss")]
    pairs = [(known[f"{one}, {name}"], known[f"{other}, {name}"]) for name in names]
    assert any(first.high < second.low or second.high < first.low for first, second in pairs)
