"""Runners of one network give the same vectors in order, whatever fails in between; and LiteRT files get heads."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support import SMALL, EngineRunner, average_colours, gradient, run_python

from imgclass_course import running
from imgclass_course.backbones import Backbone, load_backbone
from imgclass_course.foundation.errors import BackboneError, ImageError
from imgclass_course.foundation.litert import add_head, convert_network
from imgclass_course.foundation.runners import BATCH_SIZE, LiteRTRunner, Runner, TensorFlowRunner
from imgclass_course.foundation.threads import hide_native_logs
from imgclass_course.running import litert_file

SIZE = 8  # pixels


def mean_colour(pixels: "object") -> "object":
    """A network that takes no time to convert."""
    import tensorflow as tf

    return tf.reduce_mean(pixels, axis=[1, 2])


@pytest.fixture(scope="module")
def mean_colour_file() -> bytes:
    return convert_network(mean_colour, SIZE)


MAKERS: dict[str, Callable[[bytes], Runner]] = {
    "LiteRT": lambda model: LiteRTRunner(model, workers=3),
    "TensorFlow": lambda model: TensorFlowRunner(mean_colour, workers=3),
}


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_map_keeps_the_order_around_what_cannot_be_read(maker: Callable, mean_colour_file: bytes) -> None:
    unreadable = {0, 3, *range(BATCH_SIZE, 2 * BATCH_SIZE), 2 * BATCH_SIZE + 5}  # among them a whole batch

    def load(item: int) -> np.ndarray:
        if item in unreadable:
            raise ImageError(f"cannot read {item}") if item % 2 else OSError(f"cannot read {item}")
        return np.full((SIZE, SIZE, 3), item, np.uint8)

    items = range(2 * BATCH_SIZE + 7)
    runner = maker(mean_colour_file)
    outcomes = list(runner.map(load, iter(items)))
    assert len(outcomes) == len(items)
    for item, outcome in zip(items, outcomes, strict=True):
        if item in unreadable:
            assert isinstance(outcome, ImageError | OSError) and str(outcome) == f"cannot read {item}"
        else:
            np.testing.assert_allclose(outcome, [item] * 3)
    assert list(runner.map(load, [])) == []


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_map_raises_what_is_no_matter_of_the_picture(maker: Callable, mean_colour_file: bytes) -> None:
    def load(item: int) -> np.ndarray:
        return np.full((SIZE, SIZE, 3), 1 // item, np.uint8)

    with pytest.raises(ZeroDivisionError):
        list(maker(mean_colour_file).map(load, [1, 0, 1]))


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("count", [0, 1, BATCH_SIZE + 1])
def test_call_gives_a_vector_for_each_picture(maker: Callable, count: int, mean_colour_file: bytes) -> None:
    images = np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)
    vectors = maker(mean_colour_file)(images)
    assert vectors.shape == (count, 3) and vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, images.mean((1, 2)), rtol=1e-5)


def test_litert_gives_equal_vectors_from_every_thread_and_overwrites_none(small_backbone: Backbone) -> None:
    pictures = [gradient(128, 128, seed) for seed in range(5)]
    runner = LiteRTRunner(litert_file(small_backbone))
    expected = [runner.run(picture) for picture in pictures]
    copies = [vector.copy() for vector in expected]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(runner.run, pictures * 6))
    for index, vector in enumerate(found):
        np.testing.assert_array_equal(vector, copies[index % len(pictures)])
    np.testing.assert_array_equal(expected, copies)
    np.testing.assert_array_equal(list(runner.map(lambda picture: picture, pictures)), copies)


def test_litert_goes_on_after_a_picture_of_another_size(mean_colour_file: bytes) -> None:
    runner = LiteRTRunner(mean_colour_file)
    with pytest.raises(ValueError, match="Dimension mismatch"):
        runner(np.zeros((1, SIZE + 1, SIZE, 3), np.uint8))
    np.testing.assert_array_equal(runner(np.full((1, SIZE, SIZE, 3), 7, np.uint8)), [[7, 7, 7]])
    with pytest.raises(ValueError):
        LiteRTRunner(b"no model")


# Which runner a backbone gets


def test_runner_of_ones_own(small_backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(running.RUNNERS, "made up", lambda backbone: EngineRunner(average_colours))
    pictures = np.stack([gradient(128, 128)])
    np.testing.assert_array_equal(small_backbone.runner("made up")(pictures), [average_colours(pictures[0])])
    with pytest.raises(BackboneError, match="no runner 'abacus'; there are litert, tensorflow, ray, torch, made up"):
        small_backbone.runner("abacus")


def test_tensorflow_runs_where_it_sees_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    backbone = Backbone("mean colour", SIZE, "e" * 64, lambda: mean_colour)
    for gpus, kind in ([], LiteRTRunner), (["a GPU"], TensorFlowRunner):
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda device, gpus=gpus: gpus * (device == "GPU"))
        assert isinstance(backbone.runner(), kind)


def test_no_gpu_no_tensorflow() -> None:
    """Where the system has no GPU, asking for one and running the embedded backbone import no TensorFlow."""
    code = f"""
import os, sys
import numpy as np
from imgclass_course.backbones import load_backbone
from imgclass_course.foundation import runners
runners.GPU_FILES = ()
assert runners.sees_gpu() is False
assert load_backbone("{SMALL}")(np.zeros((1, 128, 128, 3), np.uint8)).shape == (1, 1024)
print(sorted({{"tensorflow", "keras", "pandas", "sklearn"}} & set(sys.modules)))
"""
    done = run_python("-c", code)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


# Standard error, which belongs to the whole process


def stderr_file() -> tuple[int, int]:
    state = os.fstat(2)
    return state.st_dev, state.st_ino


def test_overlapping_threads_leave_standard_error_where_it_was() -> None:
    before, first_is_in, second_is_in = stderr_file(), threading.Event(), threading.Event()

    def first() -> None:
        with hide_native_logs():
            first_is_in.set()
            second_is_in.wait(0.3)

    def second() -> None:
        first_is_in.wait(5)
        with hide_native_logs():
            second_is_in.set()
            assert stderr_file() != before
            threads[0].join(0.3)

    threads = [threading.Thread(target=function) for function in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert second_is_in.is_set() and stderr_file() == before


def test_what_has_the_number_of_a_closed_standard_error_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = stderr_file()
    monkeypatch.setattr(sys, "stderr", None)
    with hide_native_logs():
        assert stderr_file() == before


# Heads


def head_of(widths: list[int]) -> list[tuple[np.ndarray, np.ndarray, bool]]:
    """Return dense layers of random numbers; ReLU follows all but the last."""
    generator = np.random.default_rng(0)
    pairs = list(zip(widths, widths[1:], strict=False))
    return [
        (
            generator.normal(0, 0.2, pair).astype(np.float32),
            generator.normal(0, 1, pair[1]).astype(np.float32),
            number < len(pairs),
        )
        for number, pair in enumerate(pairs, 1)
    ]


def probabilities(vectors: np.ndarray, layers: list[tuple[np.ndarray, np.ndarray, bool]]) -> np.ndarray:
    for kernel, bias, relu in layers:
        vectors = vectors @ kernel + bias
        vectors = np.maximum(vectors, 0) if relu else vectors
    exponentials = np.exp(vectors - vectors.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


@pytest.mark.parametrize("hidden", [[], [7]], ids=["one layer", "two layers"])
@pytest.mark.parametrize("kind", ["embedded", "converted"])
def test_file_with_a_head_gives_what_numpy_gives(
    kind: str, hidden: list[int], small_backbone: Backbone, small_application: Path
) -> None:
    backbone = load_backbone("keras:MobileNetV2", 32, small_application) if kind == "converted" else None
    backbone = backbone or small_backbone
    pictures = np.stack([gradient(backbone.image_size, backbone.image_size, seed) for seed in range(3)])
    vectors = backbone(pictures)
    layers = head_of([vectors.shape[1], *hidden, 4])
    with_head = add_head([litert_file(backbone)], layers)
    found = LiteRTRunner(with_head)(pictures)
    np.testing.assert_allclose(found, probabilities(vectors, layers), atol=1e-5)
    assert (
        found.std() > 0.01
        and len(with_head) - len(litert_file(backbone)) < 2 * sum(kernel.nbytes for kernel, _, _ in layers) + 10_000
    )


@pytest.fixture(scope="module")
def small_application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of random weights for MobileNetV2 without its last layer."""
    import keras

    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("keras") / "mobilenet_v2.weights.h5"
    keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(path)
    return path
