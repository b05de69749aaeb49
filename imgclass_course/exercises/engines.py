"""Checks of the exercises of lesson 19, on the engines that run a network."""

from collections.abc import Callable
from typing import Any

import numpy as np

from imgclass_course.exercises import Off, answered, call, describe, exercise, expect, number
from imgclass_course.foundation.runners import LiteRTRunner
from imgclass_course.images import scale_to_range
from imgclass_course.mobilenet import BATCH_NORM_EPSILON, CHANNELS, STRIDES, mobilenet_cost

SIZES = (32, 48)  # pixels of the pictures that the grey network gets
CONVOLUTIONS = 1 + 2 * len(STRIDES)
FOLDED = CONVOLUTIONS + 3  # operations: two prepare the pixels, one averages


def _as_array(result: Any, what: str) -> np.ndarray:  # whatever the attendee returns
    """Return `result` as an array of numbers. Raises `Off` where it is none."""
    try:
        return np.asarray(result).astype(np.float64)
    except (TypeError, ValueError):
        raise Off(f"{what} This is {describe(result)}.") from None


def _run(network: bytes, picture: np.ndarray) -> np.ndarray:
    """Return what LiteRT computes. Raises `Off` with the reason where it refuses."""
    try:
        return LiteRTRunner(network).run(picture)
    except Exception as error:
        reason = str(error).splitlines()[0]
        if "Dimension mismatch" in reason:
            raise Off(f"The network for {len(picture)} pixels does not take pictures of that size.") from error
        if "INT64" in reason:
            raise Off("Whole numbers are int64 to NumPy, and LiteRT wants the axes as `np.int32`.") from error
        raise Off(f"LiteRT refuses the network: {reason}") from error


@exercise("Begin with `add_pixels`, and end as `write_mobilenet` does, with a `MEAN`: over which axis, of which shape?")
def grey_network(answer: Callable[[int], bytes]) -> str:
    """Exercise 2: a LiteRT network that makes a picture grey."""
    for size in SIZES:
        network = call(answer, size)
        is_bytes = isinstance(network, bytes | bytearray)
        expect(is_bytes, f"Return the file's bytes, those that `pack` gives. This is {describe(network)}.")
        picture = np.random.default_rng(size).integers(0, 256, (size, size, 3), dtype=np.uint8)
        values = scale_to_range(picture, -1, 1)
        result = _run(bytes(network), picture)
        mean_of_all = result.shape == (3,) and np.allclose(result, values.mean(axis=(0, 1)), atol=1e-4)
        expect(not mean_of_all, "That is the mean colour of the picture. Leave rows and columns, average the channels.")
        expect(
            result.squeeze().shape == (size, size),
            f"From a picture of {size} x {size} pixels comes {result.shape}. There should be one value per pixel.",
        )
        grey, off = values.mean(axis=2), result.squeeze() - values.mean(axis=2)
        expect(not np.allclose(off, 1, atol=1e-4), "All values are larger by 1: they should go from -1, not from 0.")
        expect(not np.allclose(off, 2 * grey, atol=1e-4), "These are sums of the three channels, not means.")
        expect(np.abs(off).max() < 1e-4, f"The values are off by up to {np.abs(off).max():.2g}. Mean of the channels?")
    return (
        f"{len(network):,} bytes, three operations, and the values of NumPy's `mean(axis=2)`. The `MEAN` over rows and "
        "columns with which MobileNet ends makes, over the channels, a picture grey."
    )


def _passed_on() -> int:
    """Return how many values all convolutions of MobileNet v1 together pass on for a picture of 224 pixels."""
    side, channels = 112, 32
    values = side**2 * channels
    for stride, after in zip(STRIDES, CHANNELS, strict=True):
        side //= stride
        values += side**2 * (channels + after)
        channels = after
    return values


def _layer() -> dict[str, np.ndarray]:
    """Return a convolution of four channels to four, with a bias, and its batch normalisation."""
    generator = np.random.default_rng(0)
    names = ("bias", "mean", "variance", "beta", "gamma")
    parts = dict(zip(names, generator.uniform(0.5, 2, (5, 4)), strict=True))
    return {"kernel": generator.normal(size=(3, 3, 4, 4)), **parts, "variance": parts["variance"] / 500}


def _judge_kernel(found: np.ndarray, layer: dict[str, np.ndarray], scale: np.ndarray) -> None:
    """Raise `Off` unless `found` is the kernel of `layer`, each filter times its scale."""
    kernel, variance, gamma = layer["kernel"], layer["variance"], layer["gamma"]
    expect(
        found.shape == kernel.shape, f"The kernel has to keep its shape {kernel.shape}, and yours has {found.shape}."
    )
    rootless, without_epsilon = gamma / (variance + BATCH_NORM_EPSILON), gamma / np.sqrt(variance)
    mistakes = [
        (kernel, "The kernel is unchanged. It has to be multiplied, too."),
        (kernel * scale[:, None], "The scales went to the channels that come in. The last axis has those that go out."),
        (kernel * without_epsilon, "Epsilon is missing: it is added to the variance, and these variances are small."),
        (kernel * rootless, "A batch normalisation divides by the square root of the variance."),
    ]
    for wrong, words in mistakes:
        expect(not np.allclose(found, wrong, rtol=1e-4), words)
    expect(
        np.allclose(found, kernel * scale, rtol=1e-4),
        "The kernel is not the given one times the scales of `fold_batch_norm`.",
    )


def _judge_bias(found: np.ndarray, layer: dict[str, np.ndarray], scale: np.ndarray) -> None:
    """Raise `Off` unless `found` is the bias of `layer` after the fold."""
    bias, shift = layer["bias"], layer["beta"] - layer["mean"] * scale
    expect(found.shape == bias.shape, f"The bias has to keep its shape {bias.shape}, and yours has {found.shape}.")
    lost, unscaled = np.allclose(found, shift, rtol=1e-4), np.allclose(found, shift + bias, rtol=1e-4)
    expect(not lost, "The kernel is right. The old bias is lost: it, too, goes through the batch normalisation.")
    expect(not unscaled, "The kernel is right. The old bias is added before the scale is applied, so it is scaled too.")
    expect(np.allclose(found, shift + bias * scale, rtol=1e-4), "The kernel is right, the bias is not.")


def _judge_operations(operations: float) -> None:
    """Raise `Off` unless it is the number of operations without the fold."""
    expect(
        operations != FOLDED + CONVOLUTIONS, "The function is right. You counted one operation per batch normalisation."
    )
    expect(
        operations != FOLDED + 3 * CONVOLUTIONS,
        "The function is right. You counted ReLU6 as an operation: it goes along with the addition.",
    )
    expect(
        operations != 2 * CONVOLUTIONS,
        "The function is right. These are the added ones. Count those of the lesson, too.",
    )
    expect(
        operations == FOLDED + 2 * CONVOLUTIONS,
        f"The function is right, but the list would not have {operations:g} operations. How many layers are folded?",
    )


@exercise("Put `x * kernel + bias` into `gamma * (... - mean) / sqrt(variance + epsilon) + beta`, and sort by x.")
def fold(answer: Callable[..., tuple[np.ndarray, np.ndarray]], operations: int) -> str:
    """Exercise 1: fold a batch normalisation into a convolution with a bias, and count what that saves."""
    layer = _layer()
    result: Any = call(answer, *(values.copy() for values in layer.values()))
    expect(isinstance(result, tuple | list) and len(result) == 2, "Return two arrays: the kernel and the bias.")
    answered(*result)
    scale = layer["gamma"] / np.sqrt(layer["variance"] + BATCH_NORM_EPSILON)
    _judge_kernel(_as_array(result[0], "The kernel has to be an array."), layer, scale)
    _judge_bias(_as_array(result[1], "The bias has to be an array."), layer, scale)
    _judge_operations(number(operations, "The number of operations"))
    share = _passed_on() / mobilenet_cost()[0]
    return (
        f"{FOLDED} operations in place of {FOLDED + 2 * CONVOLUTIONS}, and the same vectors. What the fold saves is hardly "
        f"arithmetic, {share:.1%} of the network's multiplications; it is to read and write {_passed_on() / 1e6:.0f} "
        "million values twice more for each picture."
    )


RANGES = ((0.0, 6.0), (-1.0, 3.0), (2.0, 6.0), (-5.0, -1.0))  # low and high; the last two leave 0 out


def _judge_uint8(result: Any, low: float, high: float, values: np.ndarray) -> None:
    """Raise `Off` unless `result` is the whole numbers, the scale and the zero of `values`."""
    expect(isinstance(result, tuple | list) and len(result) == 3, "Return three things: the numbers, scale and zero.")
    answered(*result)
    numbers, scale, zero = result[0], number(result[1], "The scale"), number(result[2], "The zero")
    between = f"for values from {low:g} to {high:g}"
    expect(
        isinstance(numbers, np.ndarray) and numbers.dtype == np.uint8,
        f"The whole numbers have to be an array of uint8. This is {describe(numbers)}.",
    )
    expect(numbers.shape == values.shape, f"There are {len(values)} values, and the shape is {numbers.shape}.")
    expect(
        zero == round(zero) and 0 <= zero <= 255,
        f"The zero is {zero:g} {between}: it has to be a whole number from 0 to 255, as those that stand for values are. "
        "Widen the range until 0 is in it.",
    )
    wanted = (max(high, 0) - min(low, 0)) / 255
    expect(not np.isclose(scale, wanted * 255 / 256), "256 steps have 255 gaps between them: divide by 255.")
    expect(
        bool(np.isclose(scale, wanted, rtol=1e-3)), f"The scale is {scale:.4g} {between}, and should be {wanted:.4g}."
    )
    back, inside = (numbers.astype(float) - zero) * scale, np.clip(values, min(low, 0), max(high, 0))
    outside = (values < min(low, 0)) | (values > max(high, 0))
    off = np.abs(back - inside)
    expect(
        off[outside].max(initial=0) < 1.01 * scale,
        "Values outside of low and high came back as quite other ones: uint8 starts again at 0. Clip before you convert.",
    )
    expect(off.max() < 1.01 * scale, f"A value is off by {off.max() / scale:.1f} steps {between}.")
    expect(
        np.median(off[~outside]) < 0.35 * scale,
        "The values are off by half a step on average: round to the nearest, not down.",
    )


@exercise("The range must hold 0: widen it first. Then `scale = (high - low) / 255`, and `zero = round(-low / scale)`.")
def to_uint8(answer: Callable[[np.ndarray, float, float], tuple[np.ndarray, float, int]]) -> str:
    """Exercise 3: round values of any range to 256 steps, of which one stands for 0."""
    for low, high in RANGES:
        values = np.random.default_rng(0).uniform(min(low, 0) - 1, max(high, 0) + 1, 500)
        _judge_uint8(call(answer, values.copy(), low, high), low, high, values)
    return (
        "All 256 steps are used, and 0 comes out as exactly 0. This is how the values inside an int8 network are kept; the "
        "weights, which lie on both sides of 0, need no zero."
    )
