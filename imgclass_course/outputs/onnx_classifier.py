"""A classifier as one ONNX file, from PyTorch or elsewhere: pixels in, probabilities out, the names of the classes inside.

    input         [n, size, size, 3] uint8, n open or 1: a picture as `PREPARATION` makes it
    output        [n, k] float32, probabilities
    metadata      imgclass_classes: the names of the k classes as JSON
                  imgclass_backbone: what it was made of, for people
                  imgclass_preparation: how pictures become pixels, one of `picture_files.PREPARATIONS`; squash by default

onnxruntime runs it, and what `load_onnx_classifier` returns is used like every saved classifier. Nothing that the file
names is opened.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..foundation.errors import ClassifierError, ExportError
from ..foundation.files import printable, write_whole
from ..foundation.onnx_running import BACKBONE, CLASSES, PREPARATION, OnnxRunner, import_onnxruntime
from ..foundation.picture_files import PREPARATIONS, SQUASH
from ..foundation.torch_running import import_torch
from .classifier_folder import DESCRIPTION, MAX_FILE_BYTES, MAX_IMAGE_SIZE, refusal
from .saved_classifier import SavedClassifier

if TYPE_CHECKING:
    import torch

ONNX_FILE = "classifier.onnx"  # its name in a folder
OPSET = 18  # of ONNX's operations, which onnxruntime has known since 1.14 (2023)
LARGEST_DIFFERENCE = 1e-3  # between probabilities of PyTorch and of the file
CHECKED = 3  # pictures of noise that both are asked about


def onnx_file(path: Path) -> Path | None:
    """Return the ONNX file that a path is, or that a folder of no other classifier holds; None where there is none."""
    if path.is_file():
        return path
    inside = path / ONNX_FILE
    return inside if inside.is_file() and not (path / DESCRIPTION).exists() else None


def load_onnx_classifier(path: str | os.PathLike) -> SavedClassifier:
    """Read a classifier out of an ONNX file. Raises `ClassifierError` with what is wrong."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise refusal(path, "it is too large")
        data = path.read_bytes()
    except OSError as error:
        raise refusal(path, str(error.strerror)) from error
    runner = _runner(path, data)
    classes = _classes(path, runner)
    preparation = runner.metadata.get(PREPARATION, SQUASH)
    if preparation not in tuple(PREPARATIONS):
        raise refusal(path, f"{PREPARATION} in its metadata is none that this version of the course knows")
    name = printable(runner.metadata.get(BACKBONE, "an ONNX file"))
    return SavedClassifier(tuple(classes), (runner.image_size,), name, runner, preparation=preparation)


def _runner(path: Path, data: bytes) -> OnnxRunner:
    import_onnxruntime()  # that it is missing is no fault of the file
    try:
        runner = OnnxRunner(data)
    except ClassifierError as error:
        raise refusal(path, f"as an ONNX file: {error}") from error
    if runner.image_size > MAX_IMAGE_SIZE:
        raise refusal(path, f"its pictures have {runner.image_size} pixels")
    return runner


def _classes(path: Path, runner: OnnxRunner) -> list[str]:
    """Return the names of the classes, which a file of a stranger may lack. Raises `ClassifierError`."""
    try:
        classes = json.loads(runner.metadata[CLASSES])
    except (KeyError, ValueError, RecursionError):
        raise refusal(path, f"{CLASSES} in its metadata is missing, or no JSON") from None
    named = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
    if not named or len(classes) != runner.num_classes:
        raise refusal(path, f"{CLASSES} in its metadata are not the names of its {runner.num_classes} classes")
    return [printable(name) for name in classes]


def export_torch_classifier(
    model: "torch.nn.Module",
    classes: Sequence[str],
    image_size: int,
    path: str | os.PathLike,
    backbone: str = "PyTorch",
    preparation: str = SQUASH,
) -> Path:
    """Write a PyTorch module as a classifier in one ONNX file, whole or not at all, and return its path.

    model: from pixels [n, size, size, 3] uint8 to probabilities [n, k] float32. The file is run before it gets its name;
    `ExportError` is raised where it does not answer as the module does, and where the module cannot be exported.
    """
    torch, path = import_torch(), Path(path)
    modes = [(module, module.training) for module in model.modules()]  # a part may be in use while another one trains
    model.train(False)  # dropout and batch normalisation as they are in use
    about = {CLASSES: json.dumps(list(classes)), BACKBONE: backbone, PREPARATION: preparation}
    try:
        data = _onnx_bytes(torch, model, image_size, about)
        _check_answers(torch, model, image_size, data, len(classes))
    finally:
        for module, training in modes:
            module.training = training
    return write_whole(path, lambda unfinished: unfinished.write_bytes(data))


def _onnx_bytes(torch: Any, model: "torch.nn.Module", image_size: int, about: dict[str, str]) -> bytes:
    import logging
    import warnings

    # That torchvision is missing, and other things about the insides of the exporter.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    pixels = torch.zeros((2, image_size, image_size, 3), dtype=torch.uint8)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model, (pixels,), input_names=["pixels"], output_names=["probabilities"], opset_version=OPSET,
                dynamic_shapes=({0: torch.export.Dim("pictures")},), dynamo=True, verbose=False,
            )  # fmt: skip
    except ImportError as error:
        raise ExportError('PyTorch writes ONNX with onnxscript: pip install "imgclass_course[torch]".') from error
    except Exception as error:  # exporters fail in many ways; each means the same
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ExportError(f"This module cannot be exported as ONNX: {reason}") from error
    found = program.model_proto
    for key, value in about.items():
        found.metadata_props.add(key=key, value=value)
    return found.SerializeToString()


def _check_answers(torch: Any, model: "torch.nn.Module", image_size: int, data: bytes, num_classes: int) -> None:
    """Raise `ExportError` unless a file gives the probabilities of the module it was made of, one for each class."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (CHECKED, image_size, image_size, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = model(torch.tensor(pixels)).numpy()
    try:
        found = OnnxRunner(data)(pixels)
    except ClassifierError as error:
        raise ExportError(f"The exported ONNX file is no classifier: {error}.") from error
    if found.shape != (CHECKED, num_classes):
        raise ExportError(f"The module gives {found.shape[1]} numbers a picture, and {num_classes} classes are named.")
    apart, total = float(np.abs(found - expected).max()), float(expected.sum(axis=1).max())
    if abs(total - 1) > LARGEST_DIFFERENCE or expected.min() < 0:
        raise ExportError("The module gives no probabilities: end it with a softmax.")
    if not apart <= LARGEST_DIFFERENCE:
        raise ExportError(
            f"The exported ONNX file gives other probabilities than the module: they differ by {apart:.2g}."
        )
