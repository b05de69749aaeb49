"""Answers to the exercises of lesson A1."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np

from imgclass_course.engines import add_pixels
from imgclass_course.foundation.litert import LiteRTGraph
from imgclass_course.mobilenet import BATCH_NORM_EPSILON

from . import Answers


def mapped(engine: Callable, images: Sequence[np.ndarray], threads: int) -> np.ndarray:
    with ThreadPoolExecutor(threads) as pool:
        return np.stack(list(pool.map(engine, images)))


def in_parts(engine: Callable, images: Sequence[np.ndarray], threads: int) -> list[np.ndarray]:
    parts = np.array_split(np.stack(images), threads)
    with ThreadPoolExecutor(threads) as pool:
        done = [pool.submit(lambda part: [engine(image) for image in part], part) for part in parts]
        return [vector for future in done for vector in future.result()]


def one_after_the_other(engine: Callable, images: Sequence[np.ndarray], threads: int) -> np.ndarray:
    with ThreadPoolExecutor(threads) as pool:
        return np.stack([pool.submit(engine, image).result() for image in images])


def as_they_come(engine: Callable, images: Sequence[np.ndarray], threads: int) -> np.ndarray:
    with ThreadPoolExecutor(threads) as pool:
        done = as_completed([pool.submit(engine, image) for image in images])
        return np.stack([future.result() for future in done])


def all_at_once(engine: Callable, images: Sequence[np.ndarray], threads: int) -> np.ndarray:
    return mapped(engine, images, len(images))


def not_asked(engine: Callable, images: Sequence[np.ndarray], threads: int) -> object:
    with ThreadPoolExecutor(threads) as pool:
        return pool.map(engine, images)


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


ANSWERS = {
    "in_threads": Answers(
        right=[(mapped,), (in_parts,)],
        wrong={
            "one picture at a time": (one_after_the_other,),
            "in the order in which they were finished": (as_they_come,),
            "threads were in the engine at once": (all_at_once,),
            "Return one array": (not_asked,),
            "not the vectors": (lambda engine, images, threads: mapped(engine, images, threads) + 1,),
            "A function is wanted": (2,),
        },
    ),
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
}
