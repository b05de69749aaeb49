"""Running an ONNX file with onnxruntime: it needs neither TensorFlow nor PyTorch."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .errors import ClassifierError
from .runners import Item, Load, Outcome, Pixels, attempt
from .threads import map_in_threads

SILENT = 4  # of onnxruntime's levels of logging: nothing but what ends the process
BYTES = "tensor(uint8)"
# What a classifier's file says of itself, among its metadata: see `outputs.onnx_classifier`.
CLASSES, BACKBONE, PREPARATION = "imgclass_classes", "imgclass_backbone", "imgclass_preparation"


def import_onnxruntime() -> Any:
    """Return onnxruntime. Raises `ClassifierError`, with what to install, where it is missing."""
    try:
        import onnxruntime
    except ImportError as error:
        message = 'An ONNX file is run by onnxruntime, which is not installed: pip install "imgclass_course[export]".'
        raise ClassifierError(message) from error
    return onnxruntime


class OnnxRunner:
    """onnxruntime runs a network, one picture at a time in each thread."""

    def __init__(self, model: bytes, workers: int | None = None) -> None:
        """Take an ONNX file from one picture, or any number, [n, size, size, 3] uint8 to a result [n, k] float32.

        Other results after the first one are left alone.

        It is run in `workers` threads (None: one a core). Files beside it, in which ONNX can keep weights, are not read.
        Raises `ClassifierError` for what is no such file, and where onnxruntime is not installed.
        """
        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = SILENT
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # a picture in each thread keeps all cores busy
        # A stranger's file could name any file of this machine as its weights: none of them is there.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no class in common but this
            raise ClassifierError(_first_line(error)) from error
        self._workers = workers
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.image_size, self.num_classes = self._shapes()

    def _shapes(self) -> tuple[int, int]:
        """Return the side of the pictures, in pixels, and the length of the result. Raises `ClassifierError`."""
        entries, results = self._session.get_inputs(), self._session.get_outputs()
        if len(entries) != 1 or not results:
            raise ClassifierError(f"it has {len(entries)} inputs and {len(results)} results, and one of each is wanted")
        entry, result = entries[0], results[0]
        side, count = (entry.shape[1:2] or [0])[0], (result.shape[1:2] or [0])[0]
        wanted = isinstance(side, int) and side > 0 and entry.shape[1:] == [side, side, 3] and entry.type == BYTES
        if not wanted or not _any_number(entry.shape[0]):
            raise ClassifierError(f"its input is {entry.type} {entry.shape}, and {BYTES} [n, size, size, 3] is wanted")
        if not isinstance(count, int) or count < 1 or len(result.shape) != 2 or result.type != "tensor(float)":
            raise ClassifierError(
                f"its result is {result.type} {result.shape}, and tensor(float) [n, classes] is wanted"
            )
        self._entry, self._result = entry.name, result.name
        return side, count

    def run(self, image: Pixels) -> np.ndarray:
        """Return the result [k] float32 of one picture [size, size, 3] uint8. Any number of threads may do this."""
        return self._session.run([self._result], {self._entry: np.asarray(image)[None]})[0][0]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the results [n, k] float32 of pictures [n, size, size, 3] uint8."""
        found = list(map_in_threads(self.run, images, self._workers))
        return np.stack(found) if found else np.zeros((0, self.num_classes), np.float32)

    def map(self, load: Load, items: Iterable[Item]) -> Iterator[Outcome]:
        """Read pictures and run the network on them, each in one thread; yield an `Outcome` each, in order."""
        return map_in_threads(lambda item: attempt(lambda one: self.run(load(one)), item), items, self._workers)


def _any_number(size: Any) -> bool:  # a number, or the name of one that is open
    return size == 1 or not isinstance(size, int)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
