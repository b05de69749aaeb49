"""What lesson 18 plants, shows to classifiers and draws: it is what it says."""

from collections.abc import Iterator

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from imgclass_course import planted, strangers, trust_plots
from imgclass_course.intervals import Interval, mean_of_pairs


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def shown() -> dict[str, np.ndarray]:
    return strangers.load_strangers(["drinks"])


def speckled(height: int = 96, width: int = 120) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_strangers_are_pictures_of_one_size_and_no_two_the_same(shown: dict[str, np.ndarray]) -> None:
    assert list(shown) == ["photos", "emoji", "textures", "noise", "other drawings"]
    for name, pictures in shown.items():
        assert pictures.shape[1:] == (224, 224, 3) and pictures.dtype == np.uint8, name
        assert len(np.unique(pictures.reshape(len(pictures), -1), axis=0)) == len(pictures) >= 9, name
    assert list(strangers.load_strangers()) == list(shown)[:-1]


def test_emoji_are_yellow_faces_on_white(shown: dict[str, np.ndarray]) -> None:
    for face in shown["emoji"]:
        assert tuple(face[0, 0]) == strangers.WHITE
        yellow = (np.abs(face.astype(int) - strangers.YELLOW).max(axis=2) < 8).mean()
        assert 0.05 < yellow < 0.5
    assert 50 < len(shown["emoji"]) <= len(strangers.FACES)


def test_noise_is_the_same_each_time(shown: dict[str, np.ndarray]) -> None:
    assert np.array_equal(shown["noise"], strangers.load_strangers()["noise"])


def test_burst_shows_one_picture_a_little_differently() -> None:
    image = np.full((96, 120, 3), 255, np.uint8)
    image[30:60, 40:80] = (200, 30, 30)
    shots = planted.take_burst(image, 5, np.random.default_rng(0))
    assert shots.shape == (5, *image.shape) and shots.dtype == np.uint8
    assert len(np.unique(shots.reshape(5, -1), axis=0)) == 5
    for shot in shots:
        middle = shot[45, 60].astype(int)
        assert middle[0] > 2 * middle[1] and shot[5, 5].min() > 150  # still red on white, perhaps darker


def test_cloth_covers_the_edge_and_nothing_else() -> None:
    images = np.stack([speckled(), speckled()[::-1]])
    laid, width = planted.lay_on_cloth(images), planted.CLOTH_WIDTH
    inner = slice(width, -width)
    assert np.array_equal(laid[:, inner, inner], images[:, inner, inner])
    edge = np.ones(images.shape[1:3], bool)
    edge[inner, inner] = False
    colours = np.unique(laid[:, edge].reshape(-1, 3), axis=0)
    assert sorted(map(tuple, colours.tolist())) == sorted(planted.CLOTH)
    assert np.array_equal(images[0], speckled())  # what was given is as it was


def test_labels_are_wrong_where_it_says_so() -> None:
    labels = np.arange(200) % 10
    given, wrong = planted.mislabel(labels, 0.05, seed=3)
    assert wrong.sum() == 10 and np.array_equal(given != labels, wrong) and set(given) <= set(range(10))
    assert not np.array_equal(wrong, planted.mislabel(labels, 0.05, seed=4)[1])
    assert np.array_equal(given, planted.mislabel(labels, 0.05, seed=3)[0])


def test_mean_of_pairs_is_the_area_under_the_curve_and_its_interval_holds_the_truth() -> None:
    from sklearn.metrics import roc_auc_score

    held, truth = 0, 0.7602  # of two normal distributions, one standard deviation apart
    for seed in range(60):
        generator = np.random.default_rng(seed)
        known, strange = generator.normal(size=40), generator.normal(1, 1, 50)
        found = mean_of_pairs(strange[:, None] > known, 300)
        assert found.mean == pytest.approx(roc_auc_score([0] * 40 + [1] * 50, np.r_[known, strange]))
        held += found.low <= truth <= found.high
    assert held >= 52  # 57 of 60 are expected


@pytest.mark.parametrize("values", [np.zeros((0, 3)), np.zeros(3)])
def test_mean_of_no_pairs(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="A number for each pair is wanted"):
        mean_of_pairs(values)


def test_spread_draws_each_group_in_a_row_with_the_threshold() -> None:
    groups = {"known": np.array([0.1, 0.2, 0.2]), "strange": np.array([0.8, 0.9])}
    trust_plots.plot_spread(groups, "distance", 0.5)
    upper, lower = plt.gcf().axes
    assert upper.get_ylabel() == "known\n(3)" and lower.get_xlabel() == "distance"
    assert sum(bar.get_height() for bar in upper.patches) == 3
    assert [axis.lines[0].get_xdata()[0] for axis in (upper, lower)] == [0.5, 0.5]


def test_ways_stand_side_by_side() -> None:
    found = {name: {"a": Interval(0.6, 0.5, 0.7), "b": Interval(0.8, 0.7, 0.9)} for name in ("one", "other")}
    axis = trust_plots.plot_side_by_side(found, "AUROC", 0.5, "a coin")
    dots = [line for line in axis.lines if line.get_marker() in ("o", "s")]
    assert [dot.get_xdata()[0] for dot in dots] == [0.6, 0.8, 0.6, 0.8]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["a", "b"]
    assert axis.texts[0].get_text().strip() == "a coin"


def test_two_scores_are_drawn_with_both_thresholds() -> None:
    axis = trust_plots.plot_two_scores({"a": (np.array([1.0, 2]), np.array([3.0, 4]))}, ("x", "y"), (1.5, 3.5))
    points, across, up = axis.lines
    assert points.get_xdata().tolist() == [1, 2] and points.get_ydata().tolist() == [3, 4]
    assert across.get_xdata()[0] == 1.5 and up.get_ydata()[0] == 3.5


def test_promises_are_drawn_in_panels() -> None:
    table = pd.DataFrame({"confidence": [0.5], "accuracy": [0.4], "low": [0.3], "high": [0.5], "pictures": [9]})
    axes = trust_plots.plot_promises({"before": table, "after": table})
    assert [axis.get_title() for axis in axes] == ["before", "after"] and axes[1].get_ylabel() == ""


def test_precision_falls_where_what_is_looked_at_is_not_wanted() -> None:
    perfect, late = np.array([True, True, False, False]), np.array([False, False, True, True])
    axis = trust_plots.plot_rankings({"perfect": [perfect], "late": [late]})
    means = [line for line in axis.lines if line.get_linewidth() > 2]
    assert np.allclose(means[0].get_ydata(), 1) and np.allclose(means[1].get_ydata()[[0, -1]], [1 / 3, 0.5])


def test_heat_is_orange_for_the_class_and_blue_against_it_and_nothing_where_there_is_none() -> None:
    image = np.full((70, 70, 3), 200, np.uint8)
    heat = np.zeros((7, 7))
    heat[1, 1], heat[5, 5] = 3, -3
    drawn = trust_plots.heat_over(image, heat).astype(int)
    assert drawn.shape == image.shape and np.ptp(drawn[35, 35]) == 0
    assert drawn[15, 15, 0] > drawn[15, 15, 2] + 80 and drawn[55, 55, 2] > drawn[55, 55, 0] + 80
    assert np.ptp(trust_plots.heat_over(image, np.zeros((7, 7)))) == 0


def test_heat_walls_have_their_titles() -> None:
    trust_plots.show_heat([speckled(60, 60)] * 2, [np.eye(7)] * 2, ["a", "b"])
    assert [axis.get_title() for axis in plt.gcf().axes] == ["a", "b"]


def test_sum_says_what_the_numbers_come_to() -> None:
    heat = np.arange(49.0).reshape(7, 7)
    texts = [text.get_text() for text in trust_plots.draw_sum(speckled(70, 70), heat, -4.0).texts]
    assert {"mean +24.00", "bias -4.00", "= 20.00", "48"} <= set(texts)
