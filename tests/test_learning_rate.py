import inspect
import math
import random
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from imgclass_course.exercises import bands
from imgclass_course.exercises.learning_rate import OTHER_LOSSES, RATES
from imgclass_course.learning_rate import (
    SMOOTHING,
    range_test,
    rate_callback,
    restart,
    suggest_learning_rate,
    sweep_learning_rates,
    train_in_stages,
    triangular_rate,
)
from imgclass_course.regularization import build_regularized_head
from imgclass_course.transfer import build_head, train_head
from imgclass_course.trials import STEPS_PER_CALL, Trials, copy_to_spoil, measure

GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.integers(0, 3, 90)
VECTORS = (GENERATOR.normal(size=(90, 6)) + 2 * np.eye(6)[LABELS]).astype(np.float32)


def compiled(*inner: object) -> object:
    import keras

    model = keras.Sequential([keras.Input((6,)), *inner, build_head(6, 3).layers[-1]])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(VECTORS, LABELS, shuffle=False, verbose=0)
    return model


def state_of(model: object) -> list[np.ndarray]:
    import keras

    return [keras.ops.convert_to_numpy(variable).copy() for variable in model.variables + model.optimizer.variables]


@pytest.mark.parametrize("problem", ["none", "interrupted", "not a number"])
def test_range_test_changes_nothing(monkeypatch: pytest.MonkeyPatch, problem: str) -> None:
    import keras

    model = compiled(keras.layers.Dropout(0.5))
    before, numbers = state_of(model), random.getstate()
    vectors = VECTORS * (np.nan if problem == "not a number" else 1)
    if problem == "interrupted":

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(keras.Model, "train_on_batch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            range_test(model, vectors, LABELS)
    else:
        curve = range_test(model, vectors, LABELS, steps=60, batch_size=30)
        assert len(curve) == 1 if problem == "not a number" else len(curve) > 30
    assert all(np.array_equal(*pair) for pair in zip(before, state_of(model), strict=True))
    assert random.getstate() == numbers


def test_range_test_reports_the_loss_of_each_batch_alone() -> None:
    model = compiled()
    curve = range_test(model, VECTORS, LABELS, low=1e-12, high=1e-11, steps=3, batch_size=30, seed=4)
    from imgclass_course.datasets import random_batches

    for rows, loss in zip(random_batches(90, 30, 3, 4), curve["loss"], strict=True):
        assert np.isclose(loss, model.evaluate(VECTORS[rows], LABELS[rows], verbose=0), rtol=1e-4)


def test_range_test_stops_when_the_loss_explodes() -> None:
    curve = range_test(compiled(), VECTORS, LABELS, high=1e4, steps=200, batch_size=30)
    assert 100 < len(curve) < 200


def test_range_test_works_for_a_model_whose_rate_is_a_schedule() -> None:
    import keras

    model = build_head(6, 3)
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    model.compile(keras.optimizers.SGD(schedule), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert len(range_test(model, VECTORS, LABELS, high=0.01, steps=5)) == 5


def test_suggestion_ignores_what_comes_after_the_lowest_point() -> None:
    powers = np.linspace(-5, 0, 51)
    smoothed = 1 / (1 + np.exp(4 * (powers + 3)))
    smoothed[40:] = np.linspace(9, 1, 11) ** 2
    assert suggest_learning_rate(pd.DataFrame({"smoothed": smoothed}, 10**powers)) == pytest.approx(1e-3)
    with pytest.raises(ValueError, match="only rises"):
        suggest_learning_rate(pd.DataFrame({"smoothed": powers}, 10**powers))


def test_suggestion_survives_noise_at_the_start() -> None:
    powers = np.linspace(-6, 0, 100)
    for seed in range(20):
        loss = 3 / (1 + np.exp(3 * (powers + 2.5))) + np.random.default_rng(seed).normal(0, 0.4, 100)
        smoothed = pd.Series(loss).ewm(com=SMOOTHING).mean().to_numpy()
        assert 1e-4 < suggest_learning_rate(pd.DataFrame({"smoothed": smoothed}, 10**powers)) < 1e-1


@pytest.mark.parametrize("step", [0, 3, 10, 13, 20, 25, 37])
def test_triangle_equals_smiths_formula(step: int) -> None:
    cycle = math.floor(1 + step / 20)
    x = abs(step / 10 - 2 * cycle + 1)
    assert triangular_rate(0.1, 0.5, 10)(step) == pytest.approx(0.1 + 0.4 * max(0, 1 - x))


def test_rate_callback_acts_within_train_head_and_shows_in_the_history() -> None:
    def rate(step: int) -> float:
        return 0.001 * (step + 1)

    head = build_head(6, 3)
    history = train_head(VECTORS, LABELS, head, 20, 10, 1.0, eval_interval=10, callbacks=[rate_callback(rate)])
    assert history["learning_rate"].to_numpy() == pytest.approx([0.010, 0.020])


def test_rate_callback_takes_a_schedule_of_keras() -> None:
    import keras

    schedule = keras.optimizers.schedules.CosineDecayRestarts(0.1, 8, t_mul=1.0)
    heads = [build_head(6, 3) for _ in range(2)]
    train_head(VECTORS, LABELS, heads[0], 20, 10, callbacks=[rate_callback(schedule)])
    train_head(VECTORS, LABELS, heads[1], 20, 10, optimizer=keras.optimizers.Adam(schedule))
    assert heads[0].get_weights()[0] == pytest.approx(heads[1].get_weights()[0], abs=1e-5)


def optimizers() -> dict[str, Callable]:
    """Return every optimizer of Keras as a function from a rate to it."""
    import keras

    found = {
        name: made
        for name, made in inspect.getmembers(keras.optimizers, inspect.isclass)
        if issubclass(made, keras.optimizers.Optimizer)
    }
    del found["Optimizer"]
    found.pop("MultiOptimizer", None)  # takes optimizers, each with a rate of its own
    scaled = found.pop("LossScaleOptimizer")
    momentum = {"SGD with momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.9)}
    averaged = {"Adam, averaged": lambda rate: keras.optimizers.Adam(rate, use_ema=True)}
    return found | momentum | averaged | {"scaled": lambda rate: scaled(keras.optimizers.Adam(rate))}


def trained_weights(model: object) -> np.ndarray:
    for _ in range(4):
        model.train_on_batch(VECTORS, LABELS)
    return np.concatenate([weights.ravel() for weights in model.get_weights()])


def test_after_a_restart_every_optimizer_trains_like_a_fresh_one() -> None:
    import keras

    options = {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "run_eagerly": True}
    start = build_head(6, 3).get_weights()
    differences = {}
    for name, make in optimizers().items():
        used, fresh = build_head(6, 3), build_head(6, 3)
        used.compile(make(0.5), **options)
        assert not np.allclose(trained_weights(used)[:18], start[0].ravel(), atol=1e-3), name
        restart(used, start, 0.05)
        fresh.compile(make(0.05), **options)
        fresh.optimizer.build(fresh.trainable_variables)
        differences[name] = np.abs(trained_weights(used) - trained_weights(fresh)).max()
    assert len(differences) > 14
    assert {name for name, difference in differences.items() if not difference < 1e-6} == set()


def test_sweep_equals_separate_trainings_in_any_order() -> None:
    sweep = sweep_learning_rates(VECTORS, LABELS, (VECTORS, LABELS), [0.1, 0.001], seeds=[3], steps=37, batch_size=20)
    for row in sweep.itertuples():
        head = build_head(6, 3, seed=3)
        alone = train_head(VECTORS, LABELS, head, 37, 20, row.learning_rate, (VECTORS, LABELS), 37, seed=3).iloc[-1]
        assert row.val_loss == pytest.approx(alone["val_loss"], rel=1e-4) == row.loss
        assert row.val_accuracy == pytest.approx(alone["val_accuracy"], abs=1e-6)


def small(seed: int, dropout_rate: float = 0.0) -> object:
    return build_regularized_head(6, 3, [8], dropout_rate, seed=seed)


def test_a_trial_depends_on_its_seed_and_rate_alone() -> None:
    trials = Trials(lambda seed: small(seed, 0.5), (VECTORS, LABELS), (VECTORS, LABELS), 40, 20)
    first = trials.run(3, 0.01)
    others = [trials.run(4, 0.01), trials.run(3, 0.1), trials.run(3, lambda step: 0.001)]
    assert all(other != first for other in others)
    assert trials.run(3, 0.01) == first  # dropout's random numbers begin anew too
    assert trials.run(3, lambda step: 0.01) == pytest.approx(first, rel=1e-4)


@pytest.mark.parametrize("every", [7, 10, STEPS_PER_CALL, 40])
def test_a_curve_begins_at_the_start_and_ends_where_the_run_ends(every: int) -> None:
    trials = Trials(small, (VECTORS, LABELS), (VECTORS[:30], LABELS[:30]), 5 * every, 20)
    curve = trials.curve(1, 0.01, every)
    assert curve.index.tolist() == [every * place for place in range(6)]
    assert curve.iloc[0][["loss", "accuracy"]].tolist() == pytest.approx(measure(small(1), VECTORS, LABELS))
    assert curve.iloc[-1].to_dict() == pytest.approx(trials.run(1, 0.01), rel=1e-4)


def test_a_curve_may_take_more_steps_than_other_trainings() -> None:
    pictures = (VECTORS, LABELS), (VECTORS[:30], LABELS[:30])
    short, long = Trials(small, *pictures, 20, 20), Trials(small, *pictures, 80, 20)
    curve = short.curve(1, 0.01, 40, steps=80)
    assert curve.index.tolist() == [0, 40, 80]
    assert curve.iloc[-1].to_dict() == pytest.approx(long.run(1, 0.01), rel=1e-4)


def test_a_trial_trains_as_train_head_does() -> None:
    trials = Trials(small, (VECTORS, LABELS), (VECTORS[:30], LABELS[:30]), 40, 20)
    alone = small(2)
    train_head(VECTORS, LABELS, alone, 40, 20, 0.01, seed=2)
    ends = trials.run(2, 0.01)
    assert (ends["loss"], ends["accuracy"]) == pytest.approx(measure(alone, VECTORS, LABELS), rel=1e-4)


def test_a_sweep_takes_any_network() -> None:
    sweep = sweep_learning_rates(VECTORS, LABELS, (VECTORS, LABELS), [0.01], [5], 20, 20, make=small)
    trials = Trials(small, (VECTORS, LABELS), (VECTORS, LABELS), 20, 20)
    assert sweep.iloc[0].to_dict() == pytest.approx({"learning_rate": 0.01, "seed": 5, **trials.run(5, 0.01)})


def test_many_inputs_are_measured_as_few_are() -> None:
    model = small(0)
    many = np.tile(VECTORS, (12, 1)), np.tile(LABELS, 12)
    assert measure(model, *many) == pytest.approx(measure(model, VECTORS, LABELS), rel=1e-5)


def test_a_copy_is_spoiled_and_the_model_is_not() -> None:
    model = compiled()
    before = state_of(model)
    with copy_to_spoil(model) as copy:
        copy.optimizer.learning_rate = 100.0
        copy.train_on_batch(VECTORS, LABELS)
    assert all(map(np.array_equal, before, state_of(model)))
    assert not np.allclose(copy.get_weights()[0], before[0])


def test_stages_use_their_optimizers_in_order_and_the_batches_go_on() -> None:
    import keras

    head, by_hand = build_head(6, 3), build_head(6, 3)
    train_in_stages(
        VECTORS, LABELS, head, [(keras.optimizers.Adam(0.01), 5), (keras.optimizers.SGD(0.1), 1)], 10, seed=2
    )
    from imgclass_course.datasets import random_batches

    batches = random_batches(90, 10, 6, 2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for optimizer, chosen in [(keras.optimizers.Adam(0.01), batches[:5]), (keras.optimizers.SGD(0.1), batches[5:])]:
        by_hand.compile(optimizer, loss)
        for rows in chosen:
            by_hand.train_on_batch(VECTORS[rows], LABELS[rows])
    assert head.get_weights()[0] == pytest.approx(by_hand.get_weights()[0], abs=1e-5)


@pytest.mark.parametrize(("one", "other"), list(combinations(["sgd", *OTHER_LOSSES], 2)))
def test_bands_of_an_exercise_tell_right_from_mistaken(one: str, other: str) -> None:
    known = bands("learning_rate")
    pairs = [(known[f"{one} {rate:g}"], known[f"{other} {rate:g}"]) for rate in RATES]
    assert any(first.high < second.low or second.high < first.low for first, second in pairs)
