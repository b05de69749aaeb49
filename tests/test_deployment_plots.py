"""The plots and diagrams of lessons 19 to 21: what stands in them is what they were given."""

from collections.abc import Iterator

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from imgclass_course.export_plots import draw_steps, plot_apart, plot_channel_ranges, plot_sizes  # noqa: E402
from imgclass_course.intervals import Interval  # noqa: E402
from imgclass_course.scaling_plots import (  # noqa: E402
    draw_gradients,
    draw_mirrors,
    draw_workers,
    plot_arrivals,
    plot_losses,
    plot_plans,
    plot_rates,
    plot_same,
    plot_schedules,
)
from imgclass_course.torch_plots import draw_groups, draw_orders, draw_padding, draw_way_round  # noqa: E402


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


def texts(axis: plt.Axes) -> list[str]:
    return [text.get_text() for text in axis.texts]


def legend(axis: plt.Axes) -> list[str]:
    return [text.get_text() for text in axis.get_legend().get_texts()]


def test_numbers_snap_to_their_steps() -> None:
    assert sorted(texts(draw_steps(np.array([0.5, -1, 0.004]), 1 / 127)), key=int) == ["-127", "1", "64"]


def test_channels_stand_in_the_order_of_their_largest_weight() -> None:
    kernel = np.array([[3.0, -1.0, 2.0]])
    axis = plot_channel_ranges(kernel, {"for all": np.array([0.1]), "per channel": np.array([0.3, 0.1, 0.2])})
    largest, every, own = (line.get_ydata() for line in axis.lines)
    assert list(largest) == [1, 2, 3] and set(every) == {0.1} and list(own) == [0.1, 0.2, 0.3]


def test_differences_are_counted_for_each_way() -> None:
    axes = plot_apart({"onnx": np.full((4, 5), 1e-6), "saved_model": np.zeros((4, 5))}, 0.01)
    assert [sum(bar.get_height() for bar in axis.patches) for axis in axes] == [20, 20]
    assert axes[0].lines[0].get_xdata()[0] == 0.01


def test_sizes_are_written_at_their_bars() -> None:
    axis = plot_sizes({"float32": 12.8, "float16": 6.4})
    assert [text.strip() for text in texts(axis)] == ["12.8", "6.4"]


def test_rates_and_their_mean() -> None:
    axis = plot_rates([90, 100, 110], Interval(100, 80, 120))
    assert list(axis.lines[-1].get_ydata()) == [90, 100, 110] and "100" in legend(axis)[0]


def test_plans_show_hours_and_cost() -> None:
    columns = ["hours", "hours_low", "hours_high", "cost", "cost_low", "cost_high"]
    table = pd.DataFrame([[8, 7, 9, 80, 70, 90], [4, 3, 5, 88, 80, 99]], index=[1, 2], columns=columns)
    hours, cost = plot_plans({"measured": table})
    assert list(hours.lines[0].get_ydata()) == [8, 4] and list(cost.lines[0].get_ydata()) == [80, 88]


def test_workers_and_mirrors_are_named() -> None:
    assert {f"worker {number}\nreads, runs" for number in (1, 2, 3)} < set(texts(draw_workers()))
    assert {"batch", "device 1\nits half, weights", "device 2\nits half, weights"} < set(texts(draw_mirrors()))


def test_arrivals_are_counted_one_by_one() -> None:
    axis = plot_arrivals({"vectors that have come": [0.1, 0.2, 0.5]}, 0.3)
    assert list(axis.lines[0].get_ydata()) == [1, 2, 3] and axis.lines[1].get_xdata()[0] == 0.3


def test_equal_numbers_lie_on_the_diagonal() -> None:
    numbers = np.array([[1.0, 2.0], [3.0, 4.0]])
    points = plot_same(numbers, numbers, ("by LiteRT", "by Ray")).lines[-1]
    assert np.array_equal(points.get_xdata(), points.get_ydata()) and len(points.get_xdata()) == 4


def test_gradients_share_one_scale() -> None:
    parts = {"first half": np.array([[1.0, -3.0]]), "second half": np.array([[0.5, 0.1]])}
    assert [axis.images[0].get_clim() for axis in draw_gradients(parts)] == [(-3, 3), (-3, 3)]


def test_losses_show_each_run_and_the_mean() -> None:
    axis = plot_losses({"8": [[4, 2], [2, 1]], "128": [[5, 5], [5, 5]]})
    assert [list(line.get_ydata()) for line in axis.lines[:3]] == [[4, 2], [2, 1], [3, 1.5]]
    assert legend(axis) == ["8", "128"]


def test_schedules_of_batch_size_and_rate() -> None:
    sizes, rates = plot_schedules({"constant": [(8, 0.1), (8, 0.1)], "batches grow": [(8, 0.1), (32, 0.1)]})
    assert list(sizes.lines[0].get_ydata()) == [8, 8] and sizes.lines[1].get_ydata()[1] == pytest.approx(32, rel=0.06)
    assert list(rates.lines[0].get_ydata()) == [0.1, 0.1]


def test_orders_hold_each_number_of_the_picture_twice() -> None:
    shown = texts(draw_orders())
    assert all(shown.count(f"{channel}{pixel}") == 2 for channel in "rgb" for pixel in (1, 2, 3, 4))


def test_windows_stand_elsewhere_with_the_other_padding() -> None:
    assert {"middles:\n1, 3, 5", "middles:\n2, 4, 6"} < set(texts(draw_padding()))


def test_groups_and_the_way_round_are_named() -> None:
    assert texts(draw_groups()).count("in") == 6
    assert "the way round: x itself" in texts(draw_way_round())
