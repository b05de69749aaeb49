"""The arithmetic of many machines, and the small network on which schedules of batches are compared."""

import matplotlib
import numpy as np
import pytest

from imgclass_course.batch_trials import LENGTH, of_one_length, train_small
from imgclass_course.intervals import Interval
from imgclass_course.scaling import hours_for, plan, scaled_rate
from imgclass_course.scaling_plots import plot_arrivals, plot_plans

matplotlib.use("Agg")
RATE = Interval(100.0, 80.0, 125.0)


def test_plan_shares_all_but_what_the_driver_does_alone() -> None:
    table = plan(360_000, RATE, [1, 10], price=2.0, alone=0.001)
    assert table["hours"].tolist() == pytest.approx([1.1, 0.2])
    assert table["cost"].tolist() == pytest.approx([2.2, 4.0])
    assert table.loc[1, ["hours_low", "hours_high"]].tolist() == pytest.approx([0.9, 1.35])
    assert hours_for(3600, 1.0) == pytest.approx(1.0)
    hours, cost = plot_plans({"ours": table})
    np.testing.assert_allclose(hours.lines[0].get_ydata(), table["hours"])
    np.testing.assert_allclose(cost.lines[0].get_ydata(), table["cost"])


def test_rate_of_large_batches_grows_to_its_end_and_stays() -> None:
    assert scaled_rate(0.1, 8) == pytest.approx(0.8)
    grown = [scaled_rate(0.1, 8, epoch, warm_up=4) for epoch in range(7)]
    assert grown == pytest.approx([0.1, 0.275, 0.45, 0.625, 0.8, 0.8, 0.8])


def loss(X: np.ndarray, y: np.ndarray, hidden: np.ndarray, output: np.ndarray) -> float:
    scores = np.maximum(of_one_length(X) @ hidden, 0) @ output
    return float(np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(y)), y]))


def test_small_network_takes_steps_along_its_gradient() -> None:
    """One step of the whole batch, against differences of the loss; and the same seed gives the same run."""
    generator = np.random.default_rng(1)
    X, y = generator.normal(size=(12, 6)), np.arange(12) % 3
    np.testing.assert_allclose(np.linalg.norm(of_one_length(X), axis=1), LENGTH)
    start, after = (train_small([(X, 12, rate)], y, 3, seed=5) for rate in (0.0, 0.01))
    for name in "hidden", "output":
        before, moved = (np.asarray(getattr(run, name), np.float64) for run in (start, after))
        for place in [(0, 0), (2, 1), (5, 2)]:
            ends = []
            for change in (1e-4, -1e-4):
                weights = {"hidden": start.hidden.astype(float), "output": start.output.astype(float)}
                weights[name][place] += change
                ends.append(loss(X, y, **weights))
            slope = (ends[0] - ends[1]) / 2e-4
            assert moved[place] - before[place] == pytest.approx(-0.01 * slope, rel=2e-3, abs=2e-6)
    assert after.losses[0] < start.losses[0] and after.losses == train_small([(X, 12, 0.01)], y, 3, seed=5).losses


def test_small_network_counts_steps_and_takes_other_vectors_in_each_epoch() -> None:
    X, y = np.eye(6), np.arange(6) % 3
    run = train_small([(X, 2, 0.5)] * 4 + [(X[::-1], 3, 0.0)], y, 3)
    assert run.steps == 4 * 3 + 2 and len(run.losses) == 5
    assert (train_small([(X, 2, 0.1)] * 60, y, 3).predict(X) == y).all()
    assert run.losses[4] != run.losses[3]


def test_arrivals_are_drawn_as_they_came() -> None:
    axis = plot_arrivals({"vectors": [0.5, 1.0, 4.0]}, killed_at=2.0)
    np.testing.assert_array_equal(axis.lines[0].get_xdata(), [0.5, 1.0, 4.0])
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), [1, 2, 3])
    assert set(axis.lines[1].get_xdata()) == {2.0}
