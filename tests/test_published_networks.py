"""The arithmetic about well-known networks counts what Keras builds."""

import numpy as np
import pytest

from imgclass_course.published_networks import (
    DENSENETS,
    convolution_weights,
    dense_block,
    densenet_channels,
    densenet_last_block,
    inception_c_block,
    inception_last_blocks,
    vgg16_block5,
    vgg16_dense,
)


def learning(layers: list) -> int:
    return sum(int(np.prod(weight.shape)) for layer in layers for weight in layer.trainable_weights)


@pytest.mark.parametrize("name", ["DenseNet121", "DenseNet169", "DenseNet201", "DenseNet161"])
def test_channels_of_a_densenet_are_those_of_the_paper(name: str) -> None:
    growth, first, blocks = DENSENETS[name]
    entering = {"DenseNet121": 512, "DenseNet169": 640, "DenseNet201": 896, "DenseNet161": 1056}[name]
    leaving = {"DenseNet121": 1024, "DenseNet169": 1664, "DenseNet201": 1920, "DenseNet161": 2208}[name]
    assert densenet_channels(first, growth, blocks) == entering
    assert dense_block(entering, growth, blocks[-1])[1] == leaving


def test_dense_block_has_the_weights_that_keras_gives_it() -> None:
    from keras.src.applications.densenet import DenseNet  # blocks of any length: not in the public part

    model = DenseNet(blocks=[1, 1, 1, 3], include_top=False, weights=None, input_shape=(32, 32, 3))
    entering = densenet_channels(64, 32, [1, 1, 1, 3])
    weights, leaving = dense_block(entering, 32, 3)
    assert learning([layer for layer in model.layers if layer.name.startswith("conv5_")]) == weights
    assert model.output.shape[-1] == leaving


def test_inception_block_has_the_weights_that_keras_gives_it() -> None:
    import keras
    from keras.src.applications.inception_resnet_v2 import inception_resnet_block

    maps = keras.Input((8, 8, 2080))
    block = keras.Model(maps, inception_resnet_block(maps, scale=0.2, block_type="block8", block_idx=1))
    assert learning(block.layers) == inception_c_block()


def test_vgg_has_the_weights_that_keras_gives_it() -> None:
    import keras

    maps = keras.Input((14, 14, 512))
    values = maps
    for _ in range(3):
        values = keras.layers.Conv2D(512, 3, padding="same")(values)
    assert keras.Model(maps, values).count_params() == vgg16_block5() == 7_079_424
    normalised = [keras.layers.Dense(20), keras.layers.BatchNormalization()]
    layers = [keras.layers.Flatten(), *normalised, keras.layers.Dense(20), keras.layers.BatchNormalization()]
    head = keras.Sequential([keras.Input((2, 2, 512)), *layers, keras.layers.Dense(9)])
    assert learning(head.layers) == vgg16_dense(20, 9, side=2)


def test_published_numbers_of_the_densenets_are_right_and_that_of_inception_is_none_of_ours() -> None:
    assert round(densenet_last_block("DenseNet169", 403) / 1e6, 1) == 6.6
    assert round(densenet_last_block("DenseNet161", 403) / 1e6) == 10
    with_it, without = inception_last_blocks(403), inception_last_blocks(403, last_convolution=False)
    assert without < 22e6 < with_it and round(without / 1e6, 1) == 21.2 and round(with_it / 1e6, 1) == 24.2
    assert convolution_weights(3, 3, 2, 4, bias=True) == 76
