"""What is inside a network is counted as published, and drawn as large as it is."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from imgclass_course import inside


@pytest.fixture(autouse=True)
def no_figures() -> None:
    """Begin without the figures of other tests."""
    plt.close("all")


def picture(value: int, side: int = 8) -> np.ndarray:
    return np.full((side, side, 3), value, np.uint8)


def test_names_are_as_many_as_pictures() -> None:
    named = [("Egyptian cat, a long name behind the comma", 0.9), ("a name that does not fit below a picture", 0.1)]
    inside.show_names([picture(9), picture(99)], [named, named[:1]], ["first", "second"])
    texts = [text.get_text() for axis in plt.gcf().axes for text in axis.texts]
    assert texts.count("Egyptian cat") == 2 and max(map(len, texts)) == inside.LONGEST_NAME
    for pictures, answers in (([], []), ([picture(9)], [])):
        with pytest.raises(ValueError, match="give one for each"):
            inside.show_names(pictures, answers)


def test_layers_are_counted_by_arithmetic() -> None:
    import keras

    layers = [
        keras.Input((9, 9, 3)),
        keras.layers.Conv2D(4, 3, strides=2, padding="same"),
        keras.layers.DepthwiseConv2D(3),
        keras.layers.SeparableConv2D(5, 3),
        keras.layers.BatchNormalization(),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(7),
    ]
    costs = inside.layer_costs(keras.Sequential(layers))
    assert list(costs["weights"]) == [9 * 3 * 4, 9 * 4, 9 * 4 + 4 * 5, 5 * 7]
    assert list(costs["multiply_adds"]) == [5 * 5 * 108, 3 * 3 * 36, 1 * 1 * 56, 35]


def test_liveliest_maps_come_first() -> None:
    maps = np.stack([np.zeros((4, 4)), 2 * np.eye(4), np.eye(4)], axis=2)
    inside.show_maps({"a layer": maps}, count=2)
    assert [axis.images[0].get_array().max() for axis in plt.gcf().axes] == [2, 1]


def test_a_picture_is_bright_where_a_map_is_large() -> None:
    inside.show_over(picture(200), np.eye(2)[:, :, None])
    (shown,) = [axis.images[0].get_array() for axis in plt.gcf().axes if axis.images]
    assert shown[0, 0, 0] == 200 and shown[0, -1, 0] == 40


def test_thumbnails_lie_where_they_belong_and_paper_is_nothing() -> None:
    axis = inside.show_cloud(np.array([[0.0, 0.0], [10.0, 5.0]]), [picture(0), picture(255)])
    assert [image.get_array()[0, 0, 3] for image in axis.images] == [255, 0]
    left, right, bottom, top = axis.images[1].get_extent()
    assert ((left + right) / 2, (bottom + top) / 2) == pytest.approx((10, 5))


def test_diagrams_say_their_numbers() -> None:
    texts = {text.get_text() for text in inside.draw_convolutions(16, 32).texts}
    assert {"3 x 3 x 16 x 32", "3 x 3 x 16", "16 x 32", "16 channels", "32 maps"} <= texts
    texts = {text.get_text() for text in inside.draw_stages([(8, 8, 3), (1, 1, 10)]).texts}
    assert {"8 x 8\nx 3", "10\nnumbers"} <= texts
