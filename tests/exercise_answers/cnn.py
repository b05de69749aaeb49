"""Answers to the exercises of lesson 03."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scripts.bands.cnn import trained

from . import Answers

if TYPE_CHECKING:
    import keras

LINE = np.array([[-1, 2, -1]] * 3)
AROUND = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])
EDGE = np.array([[-1, 0, 1]] * 3)
STEP = np.array([[-1, 1, 0]] * 3)
BLUR = np.full((3, 3), 1 / 9)
SHARPEN = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
ONE = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])

UNSEEN = 1001  # a seed that no band was measured with


class Trained:
    """A network that is trained when it is asked for the first time, since most runs of the tests do not ask."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def predict(self, images: np.ndarray, verbose: int = 0) -> np.ndarray:
        return trained(self.kind, UNSEEN).predict(images, verbose=verbose)


class Answering:
    """Stands for a network whose answers are known beforehand: of the test pictures, `share` are named rightly."""

    def __init__(self, share: float) -> None:
        self.share = share

    def predict(self, images: np.ndarray, verbose: int = 0) -> np.ndarray:
        from imgclass_course.exercises.cnn import load_pictures

        labels = load_pictures("test")[1]
        said = np.where(np.arange(len(labels)) < self.share * len(labels), labels, labels + 1) % 10
        return np.resize(np.eye(10)[said], (len(images), 10))


class Outputs(Answering):
    """One number per picture."""

    def predict(self, images: np.ndarray, verbose: int = 0) -> np.ndarray:
        return np.zeros((len(images), 1))


def dense_input() -> "keras.Sequential":
    """A network that wants pictures laid out in a row."""
    import keras

    return keras.Sequential([keras.Input((784,)), keras.layers.Dense(10)])


class Row:
    def predict(self, images: np.ndarray, verbose: int = 0) -> np.ndarray:
        return dense_input().predict(images, verbose=verbose)


def by_formula(
    image_shape: tuple[int, int, int], filters: Sequence[int], *, bias: int = 1, twice: int = 1, late: bool = False
) -> tuple[int, int]:
    """The costs by arithmetic; `late` takes the size of the maps after the pooling."""
    height, width, depth = image_shape
    parameters = work = 0
    for count in filters:
        parameters += (9 * depth + bias) * count
        halved = (height // 2, width // 2)
        work += np.prod(halved if late else (height, width)) * 9 * depth * count
        (height, width), depth = halved, count
    dense = height * width * depth
    return parameters + (dense + bias) * 10, int(work + dense * 10) * twice


def by_keras(image_shape: tuple[int, int, int], filters: Sequence[int]) -> tuple[int, int]:
    from imgclass_course.cnn import small_network
    from imgclass_course.inside import layer_costs

    network = small_network(image_shape, 10, filters)
    return network.count_params(), int(layer_costs(network)["multiply_adds"].sum())


def never_smaller(image_shape: tuple[int, int, int], filters: Sequence[int]) -> tuple[int, int]:
    height, width, _ = image_shape
    depths = [image_shape[2], *filters]
    weights = sum(9 * depth * count for depth, count in zip(depths, filters, strict=False))
    return by_formula(image_shape, filters)[0], height * width * weights + 3 * 3 * filters[-1] * 10


def one_deep(image_shape: tuple[int, int, int], filters: Sequence[int]) -> tuple[int, int]:
    dense = (image_shape[0] // 8) * (image_shape[1] // 8) * filters[-1]
    return sum(10 * count for count in filters) + (dense + 1) * 10, by_formula(image_shape, filters)[1]


def with_halves(image_shape: tuple[int, int, int], filters: Sequence[int]) -> tuple[float, float]:
    parameters, work = by_formula(image_shape, filters)
    return parameters, work + 0.25


def without_dense(image_shape: tuple[int, int, int], filters: Sequence[int]) -> tuple[int, int]:
    parameters, work = by_formula(image_shape, filters)
    dense = (image_shape[0] // 8) * (image_shape[1] // 8) * filters[-1]
    return parameters - (dense + 1) * 10, work - dense * 10


ANSWERS = {
    "line_and_blur": Answers(
        right=[(LINE, BLUR), (LINE / 2.0, [[0, 0.2, 0], [0.2, 0.2, 0.2], [0, 0.2, 0]]), (AROUND, BLUR)],
        wrong={
            "to an even grey": (np.array([[0, 1, 0]] * 3), BLUR),
            "those that lie flat": (LINE.T, BLUR),
            "blind to upright lines: it": (np.zeros((3, 3)), BLUR),
            "a line has two of them": (EDGE, BLUR),
            "positive on dark ones": (-LINE, BLUR),
            "an edge of the same contrast": (STEP, BLUR),
            "times as bright": (LINE, np.ones((3, 3))),
            "This sharpens": (LINE, SHARPEN),
            "one weight alone": (LINE, ONE),
            "The line filter has to be 3 x 3": (np.ones(3), BLUR),
            "The blur filter has to be 3 x 3": (LINE, "a mean"),
        },
    ),
    "moved_pictures": Answers(
        right=[("dense layer", Trained("sideways"))],
        wrong={
            "eight pixels further on": ("convolutions", Trained("sideways")),
            '`to_blame` is "convolutions" or': ("pooling", Trained("sideways")),
            "never saw a moved picture": ("dense layer", Trained("unmoved")),
            "to one side only": ("dense layer", Trained("right")),
            "the wrong axis": ("dense layer", Trained("upwards")),
            "little better than guessing": ("dense layer", Answering(0.1)),
            "seen the test pictures": ("dense layer", Answering(1)),
            "is usual after": ("dense layer", Answering(0.7)),  # worse than asked for, better than never moved
            "has to be a network": ("dense layer", 0.8),
            "It needs 10 outputs": ("dense layer", Outputs(1)),
            "cannot be given pictures": ("dense layer", Row()),
        },
    ),
    "cost_by_hand": Answers(
        right=[(by_formula,), (by_keras,), (lambda *given: list(map(float, by_formula(*given))),)],
        wrong={
            "You left out the biases": (lambda *given: by_formula(*given, bias=0),),
            "yours are 1 deep": (one_deep,),
            "You left out the dense layer": (without_dense,),
            "as they are before its own pooling": (lambda *given: by_formula(*given, late=True),),
            "stay as large as the picture": (never_smaller,),
            "count as one": (lambda *given: by_formula(*given, twice=2),),
            "half a pixel": (with_halves,),
            "Return two numbers": (lambda *given: sum(by_formula(*given)),),
        },
    ),
}
