"""The plots of lessons 14 and 17: what stands in them is what they were given."""

from collections.abc import Iterator

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import same_color, to_rgba  # noqa: E402

from imgclass_course.depth_trials import PictureSet  # noqa: E402
from imgclass_course.drawing import COLOURS  # noqa: E402
from imgclass_course.intervals import Accuracy, Interval  # noqa: E402
from imgclass_course.shift_plots import plot_samples, plot_slide, plot_spectra, plot_ways  # noqa: E402
from imgclass_course.tuning_plots import (  # noqa: E402
    draw_scenarios,
    draw_tuning,
    plot_bars,
    plot_depth,
    plot_pooled,
    plot_scenarios,
    roughest_place,
    show_answer_map,
    show_cloth,
    show_spot,
)


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


def texts(axis: plt.Axes) -> list[str]:
    return [text.get_text() for text in axis.texts]


def speckled(row: int, column: int) -> np.ndarray:
    """Return a plain grey picture [96, 96, 3] uint8 with a rough square around a place."""
    image = np.full((96, 96, 3), 128, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (14, 14, 1), dtype=np.uint8)
    image[row - 7 : row + 7, column - 7 : column + 7] = noise
    return image


def test_slide_tells_right_answers_from_wrong_ones() -> None:
    places, shares = np.arange(-4, 5), np.linspace(0, 1, 9)
    right = shares > 0.4
    _, good, bad = plot_slide(places, shares, right, "probability").lines
    assert np.array_equal(good.get_xdata(), places[right]) and np.array_equal(bad.get_ydata(), shares[~right])
    assert same_color(bad.get_color(), COLOURS["red"])


@pytest.mark.parametrize(("period", "aliased"), [(8, False), (5, False), (3, True)])
def test_slowest_wave_goes_through_the_same_samples_and_leaves_the_true_one_where_it_aliases(
    period: int, aliased: bool
) -> None:
    (axis,) = plot_samples([period], stride=2)
    true, seen, kept = axis.lines
    at = np.searchsorted(seen.get_xdata(), kept.get_xdata())
    assert np.allclose(seen.get_ydata()[at], kept.get_ydata())
    assert np.allclose(seen.get_ydata(), true.get_ydata()) != aliased


def test_spectrum_of_a_pure_wave_is_one_bar_and_what_is_above_the_limit_is_red() -> None:
    wave = np.cos(2 * np.pi * np.arange(240) / 3)
    (axis,) = plot_spectra({"wave": wave}, limit=0.25)
    highest = max(axis.patches, key=lambda bar: bar.get_height())
    assert highest.get_height() > 0.99 and highest.get_x() + highest.get_width() / 2 == pytest.approx(1 / 3)
    assert highest.get_facecolor() == to_rgba(COLOURS["red"])
    assert axis.patches[0].get_facecolor() == to_rgba(COLOURS["blue"])


def test_ways_are_drawn_at_accuracy_and_consistency() -> None:
    axis = plot_ways({"a": np.array([[0.7, 0.9], [0.8, 0.95]]), "b": np.array([[0.6, 0.5]])})
    assert [line.get_label() for line in axis.lines] == ["a", "b"]
    assert axis.lines[0].get_xdata().tolist() == [0.7, 0.8] and axis.lines[0].get_ydata().tolist() == [0.9, 0.95]


@pytest.mark.parametrize(("row", "column"), [(30, 60), (60, 34)])
def test_roughest_place_is_found_and_framed(row: int, column: int) -> None:
    image = speckled(row, column)
    assert np.abs(np.subtract(roughest_place(image), (row, column))).max() <= 3
    show_spot(image, np.zeros((12, 12)), "a map")
    left, right = plt.gcf().axes
    assert right.get_title() == "a map" and len(left.patches) == len(right.patches) == 1
    middle = left.patches[0].get_center()
    assert np.abs(np.subtract(middle, (column, row))).max() <= 4


def test_cloth_shows_a_picture_of_each_class_and_frames_the_flaw() -> None:
    images = np.stack([speckled(40, 40)] * 4)
    show_cloth(PictureSet(images, np.array([0, 0, 1, 1]), ("local", "nominal")))
    upper = plt.gcf().axes[:2]
    assert [axis.get_title() for axis in upper] == ["local", "nominal"]
    assert [len(axis.patches) for axis in upper] == [1, 0]


def test_bars_have_the_height_and_the_interval_of_their_accuracy() -> None:
    accuracy = Accuracy(30, 40)
    axis = plot_bars({"guessing": 0.25, "network": accuracy}, "right")
    assert [bar.get_height() for bar in axis.patches] == [0.25, 0.75] and texts(axis) == ["0.25", "0.75"]
    (interval,) = axis.lines
    assert np.allclose(interval.get_ydata(), accuracy.interval)


def test_clouds_hold_the_pictures_of_the_classes_that_are_named() -> None:
    values, labels = np.arange(12.0).reshape(6, 2), np.array([0, 1, 1, 2, 2, 2])
    average, maximum = plot_pooled(values, labels, {2: "nominal", 1: "local"})
    assert [line.get_xdata().tolist() for line in average.lines] == [[6, 8, 10], [2, 4]]
    assert [line.get_xdata().tolist() for line in maximum.lines] == [[7, 9, 11], [3, 5]]
    assert [label.get_text() for label in average.get_yticklabels()] == ["nominal", "local"]


def test_depth_is_drawn_with_its_intervals() -> None:
    line = {0: Interval(0.3, 0.2, 0.4), 1: Interval(0.6, 0.5, 0.7)}
    (axis,) = plot_depth({"near": {"both": line, "average": line}})
    assert axis.lines[0].get_ydata().tolist() == [0.3, 0.6] and len(axis.collections) == 2
    assert axis.get_title() == "near"


def test_best_way_of_each_scenario_stands_out() -> None:
    found = {
        f"{name}": {"a": Interval(0.5, 0.4, 0.6), "b": Interval(0.5 + shift, 0.4, 0.9)}
        for name, shift in (("one", 0.2), ("two", -0.2), ("three", 0.1), ("four", -0.1))
    }
    plot_scenarios(found, dict.fromkeys(found, 0.3))
    for axis, name in zip(plt.gcf().axes, found, strict=True):
        dots = [line for line in axis.lines if line.get_marker() == "o"]
        assert axis.get_title() == name
        assert [dot.get_xdata()[0] for dot in dots] == [one.mean for one in found[name].values()]
        assert len({dot.get_color() for dot in dots}) == 2


def test_diagrams_say_what_they_were_given() -> None:
    advice = {(count, where): f"{count} {where}" for count in ("few", "many") for where in ("near", "far")}
    assert set(advice.values()) <= set(texts(draw_scenarios(advice)))
    drawn = texts(draw_tuning("frozen part", "numbers", "learning part"))
    assert {"frozen part", "numbers", "learning part", "once", "in every epoch"} <= set(drawn)


def test_answer_map_writes_an_answer_at_each_place_larger_where_it_is_surer() -> None:
    answers, shares = [["a", "b", "c"], ["d", "e", "f"]], np.array([[0.2] * 3, [0.9] * 3])
    show_answer_map(np.zeros((60, 90, 3), np.uint8), answers, shares)
    (axis,) = plt.gcf().axes
    assert texts(axis) == list("abcdef") and axis.texts[4].get_position() == (45, 45)
    assert axis.texts[4].get_fontsize() > axis.texts[1].get_fontsize()
