"""Answers to the exercises of lesson 19."""

from collections.abc import Callable

import numpy as np

from imgclass_course.foundation.litert import LiteRTGraph
from imgclass_course.mobilenet import BATCH_NORM_EPSILON
from imgclass_course.mobilenet_file import add_pixels

from . import Answers


def averaging(axes: tuple[int, ...] = (3,), kind: type = np.int32, keep: bool = False) -> Callable[[int], bytes]:
    def network(size: int) -> bytes:
        graph = LiteRTGraph()
        entry, values = add_pixels(graph, size)
        options = graph.schema.ReducerOptionsT(keepDims=keep)
        axis = graph.constant(np.array(axes, kind))
        return graph.pack(entry, graph.operation("MEAN", [values, axis], [1, size, size], options))

    return network


def summing(size: int) -> bytes:
    graph = LiteRTGraph()
    entry, values = add_pixels(graph, size)
    options, axis = graph.schema.ReducerOptionsT(keepDims=False), graph.constant(np.array([3], np.int32))
    return graph.pack(entry, graph.operation("SUM", [values, axis], [1, size, size], options))


def from_zero(size: int) -> bytes:
    graph = LiteRTGraph()
    entry, _ = add_pixels(graph, size)
    positive = graph.parts.operators[0].outputs[0]
    options, axis = graph.schema.ReducerOptionsT(keepDims=False), graph.constant(np.array([3], np.int32))
    return graph.pack(entry, graph.operation("MEAN", [positive, axis], [1, size, size], options))


Arrays = tuple[np.ndarray, np.ndarray]


def folded(
    kernel: np.ndarray, bias: np.ndarray, mean: np.ndarray, variance: np.ndarray, beta: np.ndarray, gamma: np.ndarray
) -> Arrays:
    scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
    return kernel * scale, beta + (bias - mean) * scale


def bias_lost(
    kernel: np.ndarray, bias: np.ndarray, mean: np.ndarray, variance: np.ndarray, beta: np.ndarray, gamma: np.ndarray
) -> Arrays:
    return folded(kernel, 0 * bias, mean, variance, beta, gamma)


def bias_unscaled(
    kernel: np.ndarray, bias: np.ndarray, mean: np.ndarray, variance: np.ndarray, beta: np.ndarray, gamma: np.ndarray
) -> Arrays:
    kernel, shift = folded(kernel, 0 * bias, mean, variance, beta, gamma)
    return kernel, shift + bias


def without_epsilon(
    kernel: np.ndarray, bias: np.ndarray, mean: np.ndarray, variance: np.ndarray, beta: np.ndarray, gamma: np.ndarray
) -> Arrays:
    return folded(kernel, bias, mean, variance - BATCH_NORM_EPSILON, beta, gamma)


def without_root(
    kernel: np.ndarray, bias: np.ndarray, mean: np.ndarray, variance: np.ndarray, beta: np.ndarray, gamma: np.ndarray
) -> Arrays:
    scale = gamma / (variance + BATCH_NORM_EPSILON)
    return kernel * scale, beta + (bias - mean) * scale


def of_what_comes_in(
    kernel: np.ndarray, bias: np.ndarray, mean: np.ndarray, variance: np.ndarray, beta: np.ndarray, gamma: np.ndarray
) -> Arrays:
    turned, shift = folded(kernel.swapaxes(2, 3), bias, mean, variance, beta, gamma)
    return turned.swapaxes(2, 3), shift


def steps(count: int = 255, widen: bool = True, clip: bool = True, whole: Callable = np.round) -> Callable:
    def to_uint8(values: np.ndarray, low: float, high: float) -> tuple[np.ndarray, float, int]:
        low, high = (min(low, 0), max(high, 0)) if widen else (low, high)
        scale = (high - low) / count
        zero = round(-low / scale)
        numbers = whole(values / scale) + zero
        return (np.clip(numbers, 0, 255) if clip else numbers % 256).astype(np.uint8), scale, zero

    return to_uint8


ANSWERS = {
    "grey_network": Answers(
        right=[(averaging(),), (averaging((-1,)),), (averaging(keep=True),)],
        wrong={
            "the mean colour": (averaging((1, 2)),),
            "one value per pixel": (averaging((2,)),),
            "int64 to NumPy": (averaging(kind=np.int64),),
            "LiteRT refuses the network": (averaging((7,)),),
            "does not take pictures of that size": (lambda size: averaging()(224),),
            "sums of the three channels": (summing,),
            "larger by 1": (from_zero,),
            "those that `pack` gives": (lambda size: LiteRTGraph(),),
        },
    ),
    "fold": Answers(
        right=[(folded, 84), (lambda *arrays: list(folded(*arrays)), np.int64(84))],
        wrong={
            "old bias is lost": (bias_lost, 84),
            "it is scaled too": (bias_unscaled, 84),
            "Epsilon is missing": (without_epsilon, 84),
            "the square root of the variance": (without_root, 84),
            "channels that come in": (of_what_comes_in, 84),
            "kernel is unchanged": (lambda kernel, bias, *rest: (kernel, folded(kernel, bias, *rest)[1]), 84),
            "one operation per batch normalisation": (folded, 57),
            "counted ReLU6": (folded, 111),
            "These are the added ones": (folded, 54),
            "would not have 30 operations": (folded, 30),
            "Return two arrays": (lambda *arrays: folded(*arrays)[0], 84),
        },
    ),
    "to_uint8": Answers(
        right=[(steps(),), (lambda *given: list(steps()(*given)),)],
        wrong={
            "has to be a whole number from 0 to 255": (steps(widen=False),),
            "divide by 255": (steps(256),),
            "Clip before you convert": (steps(clip=False),),
            "round to the nearest": (steps(whole=np.floor),),
            "The scale is": (steps(127),),
            "array of uint8": (lambda *given: (steps()(*given)[0].astype(int), *steps()(*given)[1:]),),
            "Return three things": (lambda *given: steps()(*given)[:2],),
        },
    ),
}
