"""Maps are pooled, dense layers become convolutions, blocks and draws are what they say."""

import logging

import numpy as np
import pytest

from imgclass_course.depth_trials import (
    block_layer,
    block_vectors,
    draw_pictures,
    load_pictures,
    logistic_layer,
    run_model,
    with_layer,
)
from imgclass_course.exercises.fine_tuning import load_backbone_answers, load_trials
from imgclass_course.fine_tuning import as_convolution, pool_maps
from imgclass_course.foundation.errors import DatasetError
from imgclass_course.tuning_plots import SPOT, roughest_place
from scripts.measure_fine_tuning import COMPARED, DRAWS, SETS, STARTS

GENERATOR = np.random.default_rng(0)


def test_maps_are_pooled_averages_first() -> None:
    maps = GENERATOR.normal(size=(2, 3, 4, 5))
    maps[1, 2, 3, 4] = 50
    pooled = pool_maps(maps)
    assert pooled.shape == (2, 10) and pooled[1, 9] == 50
    np.testing.assert_allclose(pooled[:, :5], maps.reshape(2, 12, 5).mean(axis=1))


def test_vectors_are_no_maps() -> None:
    with pytest.raises(ValueError, match="four axes.*before the network's own pooling"):
        pool_maps(np.zeros((3, 8)))


@pytest.mark.parametrize("window", [(1, 1), (2, 3), (3, 3)])
def test_convolution_says_what_the_dense_layer_says(window: tuple[int, int]) -> None:
    height, width = window
    maps = GENERATOR.normal(size=(4, 5, 6, 7)).astype(np.float32)
    kernel, bias = GENERATOR.normal(size=(height * width * 7, 3)).astype(np.float32), np.arange(3, dtype=np.float32)
    answers = np.asarray(as_convolution(kernel, bias, window)(maps))
    assert answers.shape == (4, 6 - height, 7 - width, 3)
    for row, column in np.ndindex(answers.shape[1:3]):
        seen = maps[:, row : row + height, column : column + width].reshape(4, -1)
        np.testing.assert_allclose(answers[:, row, column], seen @ kernel + bias, atol=1e-4)


def test_window_that_was_not_flattened_is_refused() -> None:
    for inputs, window in ((10, (3, 3)), (4, (3, 3))):
        with pytest.raises(ValueError, match="no map of 3 x 3 places.*window that was flattened"):
            as_convolution(np.zeros((inputs, 2)), np.zeros(2), window)


def test_block_vectors_are_averages_and_maxima_of_the_blocks_maps() -> None:
    import keras

    from imgclass_course.backbones import load_backbone

    images = GENERATOR.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    found = block_vectors(images, [0, 2, 13])
    network = load_backbone(image_size=64).model()
    for block, vectors in found.items():
        maps = run_model(keras.Model(network.input, network.get_layer(block_layer(block)).output), images)
        np.testing.assert_allclose(vectors.reshape(3, -1), pool_maps(maps), atol=1e-4)
    np.testing.assert_allclose(found[13][:, 0], run_model(network, images), atol=1e-4)


def test_block_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="blocks 0 to 13, and no block 14"):
        block_layer(14)


def test_running_networks_leaves_the_level_of_messages_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    import keras

    level = logging.getLogger("tensorflow").level
    for units in range(8):  # TensorFlow warns from the fifth network on
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units + 1)])
        assert run_model(model, np.zeros((3, 2), np.float32)).shape == (3, units + 1)
    assert logging.getLogger("tensorflow").level == level and "retracing" not in caplog.text


def test_draws_have_so_many_of_each_class_and_share_nothing_with_the_test() -> None:
    labels = np.repeat([0, 1, 2], [9, 12, 20])
    draw = draw_pictures(labels, 2, 5, seed=3)
    assert np.bincount(labels[draw.few]).tolist() == [2] * 3 and np.bincount(labels[draw.many]).tolist() == [5] * 3
    assert set(draw.few) < set(draw.many) and not set(draw.many) & set(draw.test)
    assert len(draw.many) + len(draw.test) == len(labels)
    again, other = (draw_pictures(labels, 2, 5, seed).many for seed in (3, 4))
    assert np.array_equal(again, draw.many) and not np.array_equal(other, draw.many)


@pytest.mark.parametrize(("few", "many"), [(0, 3), (4, 3), (2, 9)])
def test_draws_that_cannot_be_made_are_refused(few: int, many: int) -> None:
    with pytest.raises(ValueError, match="Class 0 has 9 pictures"):
        draw_pictures(np.repeat([0, 1], [9, 12]), few, many, seed=0)


def test_logistic_layer_says_what_scikit_learn_says() -> None:
    import keras
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = np.arange(60) % 3
    vectors = (GENERATOR.normal(size=(60, 8)) * 9 + labels[:, None]).astype(np.float32)
    known = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500)).fit(vectors, labels)
    model = with_layer(keras.Sequential([keras.Input((8,)), keras.layers.Identity()]), *logistic_layer(vectors, labels))
    scores = run_model(model, vectors)
    np.testing.assert_allclose(scores, known.decision_function(vectors), atol=1e-3)


def test_pictures_come_in_the_order_of_the_classes_that_are_asked_for() -> None:
    pictures = load_pictures("textile", 32, ["nominal", "local"])
    assert pictures.images.shape == (200, 32, 32, 3) and np.bincount(pictures.labels).tolist() == [100, 100]
    every = load_pictures("textile", 32)
    assert list(every.classes) == ["global", "local", "nominal"]
    np.testing.assert_array_equal(pictures.images[pictures.labels == 1], every.images[every.labels == 1])
    with pytest.raises(DatasetError, match="textile"):
        load_pictures("wool", 32)


def test_roughest_place_is_where_the_speck_is() -> None:
    image = np.full((100, 90, 3), 120, np.uint8)
    image[60:70, 20:30] = GENERATOR.integers(0, 256, (10, 10, 1))
    row, column = roughest_place(image)
    assert abs(row - 65) < 8 and abs(column - 25) < 8
    image[:3, :3] = [[[0], [255], [0]]] * 3  # at the edge, where no frame fits around it
    assert all(place >= SPOT // 2 for place in roughest_place(image))


def test_trials_are_those_of_the_script() -> None:
    trials = load_trials()
    assert set(trials["draw"]) == set(range(DRAWS)) and set(trials["pictures"]) == set(SETS)
    counts = trials.groupby(["pictures", "count", "way"]).size()
    assert (counts == DRAWS).all() and trials["accuracy"].between(0, 1).all()
    assert {f"from block {block}" for block in STARTS} <= set(trials["way"])
    for name, count in (("textile", "few"), ("textile", "many"), ("clip art", "few"), ("clip art", "many")):
        assert {"from scratch", "from block 12", "from block 1"} <= set(counts[name, count].index)


def test_answers_of_the_backbones_are_as_many_as_drawings() -> None:
    answers = load_backbone_answers()
    assert tuple(answers) == COMPARED and {len(right) for right in answers.values()} == {459}
    assert all(0.6 < right.mean() < 0.95 for right in answers.values())
