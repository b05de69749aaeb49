"""The convolutions of lesson 03 against Keras, and the costs of networks against TensorFlow's own profiler."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from imgclass_course.cnn import convolve, max_pool, relu, small_network
from imgclass_course.drawing import filter_images
from imgclass_course.exercises import Off, bands
from imgclass_course.exercises.cnn import UPWARDS, _check_sturdy, compare_trials, costs, load_trials, move
from imgclass_course.inside import layer_costs


@pytest.mark.parametrize("shape", [(9, 7, 1), (8, 8, 3), (5, 11, 4)])
@pytest.mark.parametrize("size", [(1, 1), (3, 3), (5, 2)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_convolve_is_conv2d(shape: tuple[int, int, int], size: tuple[int, int], padding: str) -> None:
    generator = np.random.default_rng(0)
    image = generator.normal(size=shape).astype(np.float32)
    filters = generator.normal(size=(*size, shape[2], 6)).astype(np.float32)
    expected = keras.ops.conv(image[None], filters, padding=padding)[0]
    if padding == "same":  # an even filter gets one more zero at the end
        image = np.pad(image, [*(((side - 1) // 2, side // 2) for side in size), (0, 0)])
    np.testing.assert_allclose(convolve(image, filters), expected, atol=1e-4)


def test_convolve_adds_bytes_without_wrapping_around() -> None:
    image = np.full((3, 3, 1), 255, np.uint8)
    assert convolve(image, np.ones((3, 3, 1, 1), np.float32))[0, 0, 0] == 9 * 255


def test_convolve_refuses_filters_of_another_depth() -> None:
    with pytest.raises(ValueError, match="The filters have 3 channels and the picture has 1"):
        convolve(np.zeros((8, 8, 1)), np.zeros((3, 3, 3, 2)))


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("shape", [(6, 6, 1), (7, 5, 3)])
def test_max_pool_is_max_pooling_2d(shape: tuple[int, int, int], size: int) -> None:
    maps = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert np.array_equal(max_pool(maps, size), layers.MaxPooling2D(size)(maps[None])[0])


def test_max_pool_refuses_what_is_too_small() -> None:
    with pytest.raises(ValueError, match="1 x 5 is too small to be pooled by 2"):
        max_pool(np.zeros((1, 5, 1)))


def test_relu_keeps_the_type() -> None:
    assert relu(np.float32([-1, 0, 2])).tolist() == [0, 0, 2]
    assert relu(np.float32([-1])).dtype == np.float32


def test_small_network_depends_on_its_seed_alone() -> None:
    keras.utils.set_random_seed(1)
    first = small_network((16, 16, 3), 4, seed=7).get_weights()
    keras.utils.set_random_seed(2)
    second = small_network((16, 16, 3), 4, seed=7).get_weights()
    other = small_network((16, 16, 3), 4, seed=8).get_weights()
    assert all(np.array_equal(one, two) for one, two in zip(first, second, strict=True))
    kernels = [index for index, weight in enumerate(first) if weight.ndim > 1]
    assert len(kernels) == 4 and not any(np.array_equal(first[index], other[index]) for index in kernels)


def test_small_network_leaves_the_global_random_state_alone() -> None:
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()
    small_network((16, 16, 3), 4, dropout_rate=0.5, seed=7)
    assert np.array_equal(np.random.get_state()[1], before)


def test_two_blocks_of_one_shape_start_differently() -> None:
    kernels = [weight for weight in small_network((16, 16, 8), 4, filters=(8, 8)).get_weights() if weight.ndim == 4]
    assert kernels[0].shape == kernels[1].shape and not np.array_equal(*kernels)


def test_dropout_and_batch_norm_are_there_when_asked_for() -> None:
    kinds = [type(layer).__name__ for layer in small_network((16, 16, 1), 2).layers]
    assert not {"Dropout", "BatchNormalization"} & set(kinds)
    model = small_network((16, 16, 1), 2, batch_norm=True, dropout_rate=0.3)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("BatchNormalization") == 3 and kinds.count("Dropout") == 1
    assert not any(layer.use_bias for layer in model.layers if isinstance(layer, layers.Conv2D))
    image = np.random.default_rng(0).random((1, 16, 16, 1), dtype=np.float32)
    assert np.array_equal(model(image), model(image)) and not np.array_equal(
        model(image, training=True), model(image, training=True)
    )


@pytest.mark.parametrize(("outputs", "activation"), [(1, "sigmoid"), (3, "softmax")])
def test_outputs_are_probabilities(outputs: int, activation: str) -> None:
    values = small_network((8, 8, 1), outputs, activation=activation)(np.ones((2, 8, 8, 1), np.float32)).numpy()
    assert ((values > 0) & (values < 1)).all()
    assert activation == "sigmoid" or np.allclose(values.sum(axis=1), 1)


def test_small_network_survives_saving(tmp_path: Path) -> None:
    model = small_network((16, 16, 3), 4, batch_norm=True, dropout_rate=0.5)
    model.save(tmp_path / "model.keras")
    image = np.random.default_rng(0).random((2, 16, 16, 3), dtype=np.float32)
    assert np.allclose(keras.models.load_model(tmp_path / "model.keras")(image), model(image), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_outputs": 1, "activation": "softmax"}, 'take activation="sigmoid"'),
        ({"num_outputs": 2, "filters": (4,) * 5}, "16 x 16 cannot be halved 5 times"),
    ],
)
def test_small_network_refuses_what_cannot_work(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small_network((16, 16, 3), **options)


def profiled_operations(model: keras.Model) -> dict[str, int]:
    """Floating point operations of a model for one picture, by kind, as TensorFlow's profiler counts them."""
    from tensorflow.python.profiler.option_builder import ProfileOptionBuilder

    signature = tf.TensorSpec([1, *model.input_shape[1:]])
    function = tf.function(lambda image: model(image)).get_concrete_function(signature)
    options = ProfileOptionBuilder(ProfileOptionBuilder.float_operation()).with_empty_output().build()
    graph = convert_variables_to_constants_v2(function).graph
    node, counts = tf.compat.v1.profiler.profile(graph, cmd="op", options=options), {}
    while node.children:
        node = node.children[0]
        counts[node.name] = node.float_ops
    return counts


@pytest.mark.parametrize("shape", [(28, 28, 1), (33, 20, 3)])
def test_multiply_adds_are_half_of_what_the_profiler_counts(shape: tuple[int, int, int]) -> None:
    model = small_network(shape, 7, filters=(4, 6))
    counts = profiled_operations(model)
    assert 2 * layer_costs(model)["multiply_adds"].sum() == counts["Conv2D"] + counts["MatMul"]


def test_multiply_adds_of_strides_groups_and_depthwise_convolutions() -> None:
    model = keras.Sequential(
        [
            keras.Input((17, 17, 4)),
            layers.Conv2D(8, 3, strides=2, padding="same"),
            layers.DepthwiseConv2D(3),
            layers.Conv2D(6, 1, groups=2),
        ]
    )
    assert layer_costs(model)["multiply_adds"].tolist() == [9 * 9 * 9 * 4 * 8, 7 * 7 * 9 * 8, 7 * 7 * 4 * 6]


def test_costs_of_mobilenet_are_the_published_ones() -> None:
    costs = layer_costs(keras.applications.MobileNet(weights=None))
    assert round(costs["multiply_adds"].sum() / 1e6) == 569


@pytest.mark.parametrize(("shape", "filters"), [((28, 28, 1), (8, 16, 32)), ((33, 20, 3), (4, 6))])
def test_costs_by_formula_are_those_that_are_counted(shape: tuple[int, int, int], filters: tuple[int, ...]) -> None:
    network = small_network(shape, 10, filters)
    assert costs(shape, filters) == (network.count_params(), layer_costs(network)["multiply_adds"].sum())


def test_an_inner_layer_stands_before_the_last_one() -> None:
    *_, inner, last = small_network((28, 28, 1), 10, (8, 16, 32), inner=128).layers
    assert inner.kernel.shape == (288, 128) and last.kernel.shape == (128, 10)
    assert inner.activation is keras.activations.relu and last.activation is keras.activations.linear
    assert not any(np.ptp(kernel) == 0 for kernel in (inner.kernel, last.kernel))


@pytest.mark.parametrize(
    ("pixels", "expected"), [(0, [1, 2, 3, 4]), (1, [0, 1, 2, 3]), (-3, [4, 0, 0, 0]), (4, [0] * 4)]
)
@pytest.mark.parametrize("axis", [1, 2])
def test_moved_pictures_are_black_where_nothing_was(pixels: int, expected: list[int], axis: int) -> None:
    images = np.tile(np.arange(1, 5), (2, 3, 1)) if axis == 2 else np.tile(np.arange(1, 5)[:, None], (2, 1, 3))
    moved = np.moveaxis(move(images, pixels, axis), axis, 2)
    assert (moved == expected).all() and moved.shape == np.moveaxis(images, axis, 2).shape


def test_trials_are_complete_and_the_base_differs_by_nothing_from_itself() -> None:
    trials = load_trials()
    assert (trials.groupby("network")["seed"].nunique() == trials["seed"].nunique()).all()
    assert trials[["training", "accuracy"]].stack().between(0.1, 1).all()
    found = compare_trials("lesson")
    assert "lesson" not in found.index and len(found) == trials["network"].nunique() - 1
    assert (found["low"] < found["difference"]).all() and (found["difference"] < found["high"]).all()
    means = trials.groupby("network")["accuracy"].mean()
    assert np.allclose(found["difference"], means[found.index] - means["lesson"])
    gaps = compare_trials("lesson", of="gap")
    assert "verdict" not in gaps and gaps.loc["no pooling", "low"] > 0


def test_filter_images_show_sign_and_size() -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3, use_bias=False)])
    kernel = np.zeros((3, 3, 3, 2), np.float32)
    kernel[0, 0, 0, 0], kernel[1, 1, 2, 0] = 0.5, -0.25
    model.set_weights([kernel])
    first, empty = filter_images(model)
    assert first[0, 0, 0] == 255 and first[1, 1, 2] == 64 and first[2, 2, 0] == 128
    assert (empty == 128).all() and empty.shape == (3, 3, 3)


def test_filter_images_refuse_other_depths() -> None:
    with pytest.raises(ValueError, match="1 channel"):
        filter_images(small_network((8, 8, 2), 2, filters=(4,)))


def test_importing_does_not_load_tensorflow() -> None:
    code = "import sys, imgclass_course.cnn; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# By these the check of the exercise with moved pictures tells a right answer from mistakes, and mistakes apart.
@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("one_side", "unmoved"),
        ("unmoved", "sideways"),
    ],
)
def test_bands_of_the_exercise_do_not_overlap(lower: str, higher: str) -> None:
    assert bands("cnn")[lower].high < bands("cnn")[higher].low


# These two come close to each other. The check asks for more than both of their ends, which most answers give.
def test_an_unmoved_network_is_not_told_that_its_axis_is_wrong() -> None:
    unmoved, upwards = bands("cnn")["unmoved_upwards"], bands("cnn")["upwards"]
    assert unmoved.mean < upwards.low and unmoved.high < upwards.mean
    sideways = {"left": unmoved.mean, "right": unmoved.mean}
    with pytest.raises(Off, match="never saw a moved picture"):
        _check_sturdy(sideways, dict.fromkeys(UPWARDS, unmoved.high - 1e-4))
    with pytest.raises(Off, match="along the wrong axis"):
        _check_sturdy(sideways, dict.fromkeys(UPWARDS, upwards.mean))
