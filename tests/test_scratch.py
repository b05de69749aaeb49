"""Transfer learning and its control are measured on the same pictures, which neither of them has learned from."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from support import write_pictures

from imgclass_course.scratch import GUESSING, SCRATCH, TRANSFER, Ways, compare_with_scratch, plot_ways, scratch_network

SEEDS = (0, 1)
UNNAMED = {"check_names": False, "check_index": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of three classes, one of them larger than the others."""
    return write_pictures(tmp_path_factory.mktemp("scratch") / "root", {"few": 12, "many": 30, "some": 12})


@pytest.fixture(scope="module")
def fitted_on() -> list[tuple[int, int]]:
    """Return the number of pictures that each network from scratch was fitted on and was measured on meanwhile."""
    return []


@pytest.fixture(scope="module")
def ways(folder: Path, fitted_on: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory) -> Ways:
    """Return the three ways, after one epoch."""
    original, patched = keras.Sequential.fit, pytest.MonkeyPatch()

    def watch(self: keras.Sequential, x: object = None, *arguments: object, **options: object) -> object:
        if isinstance(x, np.ndarray):  # of pixels; heads are fitted on a tf.data.Dataset
            fitted_on.append((len(x), len(options["validation_data"][0])))
        return original(self, x, *arguments, **options)

    patched.setattr(keras.Sequential, "fit", watch)
    store = tmp_path_factory.mktemp("store")
    found = compare_with_scratch(folder, seeds=SEEDS, epochs=1, bottleneck_dir=store)
    patched.undo()
    return found


def test_all_ways_name_the_same_test_pictures(ways: Ways) -> None:
    count = len(ways.result.pictures("test"))
    assert {way: right.shape for way, right in ways.right.items()} == {
        GUESSING: (1, count),
        SCRATCH: (len(SEEDS), count),
        TRANSFER: (len(SEEDS), count),
    }
    assert ways.result.folder.splits == ("train", "validation", "test")


def test_network_from_scratch_learns_from_training_pictures_only(ways: Ways, fitted_on: list[tuple[int, int]]) -> None:
    sizes = (len(ways.result.pictures("train")), len(ways.result.pictures("validation")))
    assert fitted_on == [sizes] * len(SEEDS)


def test_first_attempt_of_transfer_is_the_classifier_that_is_returned(ways: Ways) -> None:
    evaluation = ways.result.evaluate("test")
    np.testing.assert_array_equal(ways.right[TRANSFER][0], evaluation.right)
    assert ways.known[TRANSFER] > 0.9


def test_guessing_says_the_fullest_class(ways: Ways) -> None:
    test, train = ways.result.pictures("test"), ways.result.pictures("train")
    many = ways.result.classifier.classes_.index("many")
    np.testing.assert_array_equal(ways.right[GUESSING], [test.y == many])
    assert ways.known[GUESSING] == pytest.approx((train.y == many).mean())


def test_histories_can_be_drawn_side_by_side(ways: Ways) -> None:
    for way, name, length in ((SCRATCH, "epochs", 1), (TRANSFER, "steps", 12)):
        history = ways.histories[way]
        assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(history) and history.index.name == name
        assert len(history) == length


def test_accuracy_is_of_whole_pictures_and_seeds_do_not_narrow_it() -> None:
    one, three = np.arange(40)[None] < 30, np.stack([np.arange(40) < count for count in (29, 30, 31)])
    known = {"one": 1.0, "three": 1.0}
    ways = Ways(None, {"one": one, "three": three}, known, {})  # type: ignore[arg-type]
    assert ways.accuracy("one") == ways.accuracy("three") and ways.accuracy("one").n == 40
    pd.testing.assert_series_equal(ways.table()["of new ones"], pd.Series([0.75, 0.75]), **UNNAMED)


def test_a_bar_for_each_way_and_a_dot_for_each_seed(ways: Ways) -> None:
    axis = plot_ways(ways)
    assert [bar.get_height() for bar in axis.patches] == pytest.approx([right.mean() for right in ways.right.values()])
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in dots] == [len(SEEDS)] * 2
    assert [text.get_text() for text in axis.get_xticklabels()] == [GUESSING, SCRATCH, TRANSFER]


def test_network_starts_from_its_seed() -> None:
    first, same, other = (scratch_network(3, 32, seed).get_weights()[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_network_is_what_the_lesson_says() -> None:
    kinds = [type(layer).__name__ for layer in scratch_network(10).layers]
    assert kinds.count("Conv2D") == kinds.count("MaxPooling2D") == 3 and kinds.count("Dense") == 1
    with pytest.raises(ValueError, match="take 32 or more"):
        scratch_network(10, 31)


def test_xception_gives_what_the_lesson_says() -> None:
    base = keras.applications.Xception(include_top=False, weights=None, input_shape=(150, 150, 3))
    assert base.output.shape == (None, 5, 5, 2048)
