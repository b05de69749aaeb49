"""BlurPool and what belongs to it: equal to the blur by hand, saved and loaded, trained through, put into a network."""

from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from imgclass_course.antialiasing import BlurPool, binomial_filter, blur_before_strides, consistency  # noqa: E402

GENERATOR = np.random.default_rng(0)


def blur_pool_by_loops(maps: np.ndarray, size: int, strides: int) -> np.ndarray:
    """The same sum, written out: maps [height, width, channels]."""
    row = [1.0]
    for _ in range(size - 1):
        row = [(left + right) / 2 for left, right in zip([0.0, *row], [*row, 0.0], strict=True)]
    height, width, channels = maps.shape
    before = (size - 1) // 2
    kept = np.zeros((-(-height // strides), -(-width // strides), channels))
    mirrored = np.pad(maps, ((size, size), (size, size), (0, 0)), mode="symmetric")
    for y, x in np.ndindex(kept.shape[:2]):
        for dy, dx in np.ndindex(size, size):
            place = y * strides + dy - before + size, x * strides + dx - before + size
            kept[y, x] += row[dy] * row[dx] * mirrored[place]
    return kept


def test_filters_are_rows_of_pascals_triangle() -> None:
    assert np.allclose(binomial_filter(5)[2] * 256, np.array([1, 4, 6, 4, 1]) * 6)
    assert all(np.isclose(binomial_filter(size).sum(), 1) for size in range(1, 8))
    with pytest.raises(ValueError, match="no blur"):
        binomial_filter(0)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("strides", [1, 2, 3])
def test_layer_equals_the_sum_written_out(size: int, strides: int) -> None:
    maps = GENERATOR.normal(size=(9, 12, 3)).astype(np.float32)
    layer = BlurPool(size, strides)
    found = np.asarray(layer(maps[None]))
    assert layer.compute_output_shape((None, 9, 12, 3))[1:] == found.shape[1:]
    assert np.allclose(found[0], blur_pool_by_loops(maps, size, strides), atol=1e-5)


def test_layer_knows_its_shape_where_the_size_of_pictures_is_open() -> None:
    network = keras.Sequential([keras.Input((None, None, 2)), BlurPool()])
    assert network.output_shape == (None, None, None, 2)
    assert np.asarray(network(np.zeros((1, 7, 8, 2), np.float32))).shape == (1, 4, 4, 2)


def test_a_plain_picture_stays_plain_up_to_its_borders() -> None:
    assert np.allclose(BlurPool(5)(np.full((1, 8, 8, 1), 3.0, np.float32)), 3.0)


def test_layer_is_saved_and_loaded(tmp_path: Path) -> None:
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), BlurPool(5, 3)])
    maps = GENERATOR.normal(size=(2, 8, 8, 3)).astype(np.float32)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert (loaded.layers[-1].size, loaded.layers[-1].strides) == (5, 3)
    assert np.array_equal(loaded(maps), network(maps))


def test_gradients_pass_through_with_the_weights_of_the_filter() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    maps = tensorflow.constant(GENERATOR.normal(size=(1, 9, 9, 1)), tensorflow.float32)
    with tensorflow.GradientTape() as tape:
        tape.watch(maps)
        middle = BlurPool()(maps)[0, 2, 2, 0]
    slope = np.asarray(tape.gradient(middle, maps))[0, :, :, 0]
    assert np.allclose(slope[3:6, 3:6], binomial_filter(3)) and np.isclose(slope.sum(), 1)


def test_consistency_counts_equal_answers() -> None:
    found = consistency(np.array(["a", "b", "c"]), np.array(["a", "c", "c"]))
    assert (found.correct, found.n) == (2, 3)
    with pytest.raises(ValueError, match="one per picture"):
        consistency(np.zeros((3, 2)), np.zeros((3, 2)))


def strided_network() -> "keras.Model":
    """A network with a branch, one depthwise convolution with a stride and one without."""
    inputs = keras.Input((16, 16, 3))
    maps = keras.layers.DepthwiseConv2D(3, 2, "same", name="strided")(inputs)
    sharp = keras.layers.DepthwiseConv2D(3, 1, "same", name="plain")(maps)
    return keras.Model(inputs, keras.layers.Add()([maps, sharp]))


def test_a_blur_is_put_before_strides_only() -> None:
    network = strided_network()
    blurred = blur_before_strides(network)
    kinds = {layer.name: type(layer).__name__ for layer in blurred.layers}
    assert kinds["strided"] == "Sequential" and kinds["plain"] == "DepthwiseConv2D"
    assert all(map(np.array_equal, network.get_weights(), blurred.get_weights()))


def test_no_blur_changes_nothing_and_a_blur_equals_blurred_input() -> None:
    network, maps = strided_network(), GENERATOR.normal(size=(2, 16, 16, 3)).astype(np.float32)
    assert np.allclose(blur_before_strides(network, 1)(maps), network(maps), atol=1e-5)
    assert np.allclose(blur_before_strides(network, 3)(maps), network(BlurPool(3, 1)(maps)), atol=1e-5)
    assert not np.allclose(blur_before_strides(network, 3)(maps), network(maps), atol=0.05)
