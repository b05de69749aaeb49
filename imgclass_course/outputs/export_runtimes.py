"""Exported files at work, each run by nothing but its own runtime: LiteRT, TensorFlow or ONNX Runtime."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..foundation.runners import LiteRTRunner
from ..foundation.threads import map_in_threads

Pictures = Sequence[np.ndarray]  # for each network of a classifier, pictures [n, size, size, 3] uint8
Run = Callable[[Pictures], list[np.ndarray]]  # to the probabilities [n, k] float32 and, where given, the vectors [n, d]

BATCH_SIZE = 16  # pictures that TensorFlow and ONNX Runtime get at once
TOLD = ("probabilities", "vector")  # of the results that a file gives; its maps are not compared


def _in_batches(run: Callable[[Pictures], Sequence[np.ndarray]]) -> Run:
    """Return what runs any number of pictures, a batch at a time."""

    def batches(pictures: Pictures) -> Iterator[Sequence[np.ndarray]]:
        for start in range(0, len(pictures[0]), BATCH_SIZE):
            yield run([sized[start : start + BATCH_SIZE] for sized in pictures])

    return lambda pictures: [np.concatenate(parts) for parts in zip(*batches(pictures), strict=True)]


def run_litert(path: Path) -> Run:
    """Return what runs a LiteRT file, one picture at a time in each thread."""
    first = LiteRTRunner(path.read_bytes())
    outputs = range(min(len(TOLD), len(first.output_shapes)))
    runner, classes = first.with_outputs(*outputs), first.output_shapes[0][-1]

    def run(pictures: Pictures) -> list[np.ndarray]:
        each = [sizes if len(sizes) > 1 else sizes[0] for sizes in zip(*pictures, strict=True)]
        rows = np.stack(list(map_in_threads(runner.run, each)))
        return [rows[:, :classes], rows[:, classes:]] if len(outputs) > 1 else [rows]

    return run


def run_onnx(path: Path) -> Run:
    """Return what runs an ONNX file with ONNX Runtime, on the processor."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    entries = [entry.name for entry in session.get_inputs()]
    wanted = [result.name for result in session.get_outputs() if result.name in TOLD]
    return _in_batches(lambda pictures: session.run(wanted, dict(zip(entries, pictures, strict=True))))


def run_saved_model(path: Path) -> Run:
    """Return what runs a SavedModel with TensorFlow."""
    import tensorflow as tf

    module = tf.saved_model.load(str(path))
    signature: Any = module.signatures["serving_default"]
    entries = sorted(signature.structured_input_signature[1])
    wanted = [name for name in TOLD if name in signature.structured_outputs]

    def run(pictures: Pictures) -> list[np.ndarray]:
        found = signature(**{name: tf.constant(pixels) for name, pixels in zip(entries, pictures, strict=True)})
        return [found[name].numpy() for name in wanted]

    run.__dict__["module"] = module  # it holds what the signature uses, and lives as long as the function
    return _in_batches(run)


RUNTIMES: dict[str, Callable[[Path], Run]] = {
    "litert": run_litert,
    "saved_model": run_saved_model,
    "onnx": run_onnx,
}
