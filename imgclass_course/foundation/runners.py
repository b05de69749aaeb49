"""Running a frozen network on many pictures: LiteRT in threads, or TensorFlow in batches."""

import math
import os
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from .errors import ImageError
from .threads import hide_native_logs, map_in_threads

if TYPE_CHECKING:
    import tensorflow as tf

Item = TypeVar("Item")
Pixels = np.ndarray | tuple[np.ndarray, ...]  # a picture [size, size, 3] uint8, or the same one in several sizes
Load = Callable[[Item], Any]  # reads a picture, as `Pixels`; raises `ImageError` or `OSError`
Outcome = np.ndarray | Exception  # a vector [d] float32, or why the picture cannot be read
Network = Callable[["tf.Tensor"], "tf.Tensor"]  # pixels [n, size, size, 3] float32, 0 to 255 -> vectors [n, d]

BATCH_SIZE = 32  # pictures that TensorFlow runs at once
GPU_FILES = ("/dev/nvidia0", "/dev/kfd", "/usr/lib/wsl/lib/libcuda.so.1")  # NVIDIA, AMD, NVIDIA under Windows (WSL)


class Runner(Protocol):
    """Runs a frozen network. All runners of one network give the same vectors, up to rounding."""

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the vectors [n, d] float32 of pictures [n, size, size, 3] uint8."""
        ...

    def map(self, load: Load, items: Iterable[Item]) -> Iterator[Outcome]:
        """Read pictures and run the network on them, on all cores; yield an `Outcome` each, in order."""
        ...


def attempt(function: Callable[[Item], np.ndarray], item: Item) -> Outcome:
    """Return a result, or the error as a value: one picture that cannot be read does not end the others."""
    try:
        return function(item)
    except (ImageError, OSError) as error:
        return error


class LiteRTRunner:
    """LiteRT runs a converted network, one picture at a time in each thread."""

    def __init__(self, model: bytes, workers: int | None = None, outputs: Sequence[int] = (0,)) -> None:
        """Take a LiteRT file from one picture [1, size, size, 3] uint8, or from the same one in several sizes, to [1, d].

        It is run in `workers` threads (None: one a core). Of a file with several results, `outputs` says which ones are
        wanted: those of a picture come one after the other, as one row of numbers.

        Raises `ValueError` or `RuntimeError` for what is no such file, and
        `ImportError` where LiteRT is not installed.
        """
        self._model, self._workers, self._outputs = model, workers, tuple(outputs)
        self._idle: deque[Any] = deque()  # interpreters that no thread is using
        with hide_native_logs():  # the first interpreter of a process announces itself
            interpreter = self._new_interpreter()
        entries, results = interpreter.get_input_details(), interpreter.get_output_details()
        self.input_shapes = [tuple(map(int, entry["shape"])) for entry in entries]
        self.output_shapes = [tuple(map(int, result["shape"])) for result in results]  # of all results
        self._entries = [entry["index"] for entry in entries]
        self._results = [result["index"] for result in results]
        self._idle.append(interpreter)

    @property
    def model(self) -> bytes:
        """The LiteRT file that is run."""
        return self._model

    def with_outputs(self, *outputs: int) -> "LiteRTRunner":
        """Return a runner for other results of the same file; the two share their interpreters."""
        other = copy(self)
        other._outputs = outputs
        return other

    def _new_interpreter(self) -> Any:  # LiteRT has no types
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=self._model, num_threads=1)
        interpreter.allocate_tensors()
        return interpreter

    def run(self, image: Pixels) -> np.ndarray:
        """Return the vector [d] float32 of one picture. Any number of threads may do this."""
        try:
            interpreter = self._idle.pop()
        except IndexError:
            interpreter = self._new_interpreter()
        sizes = image if isinstance(image, tuple) else (image,)
        for entry, pixels in zip(self._entries, sizes, strict=True):
            interpreter.set_tensor(entry, pixels[None])
        interpreter.invoke()
        found = [interpreter.get_tensor(self._results[number])[0] for number in self._outputs]
        self._idle.append(interpreter)
        return found[0] if len(found) == 1 else np.concatenate([part.ravel() for part in found])

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the vectors [n, d] float32 of pictures [n, size, size, 3] uint8."""
        vectors = list(map_in_threads(self.run, images, self._workers))
        return np.stack(vectors) if vectors else np.zeros((0, self._length()), np.float32)

    def _length(self) -> int:
        return sum(math.prod(self.output_shapes[number]) for number in self._outputs)

    def map(self, load: Load, items: Iterable[Item]) -> Iterator[Outcome]:
        """Read pictures and run the network on them, each in one thread; yield an `Outcome` each, in order."""
        return map_in_threads(lambda item: attempt(lambda one: self.run(load(one)), item), items, self._workers)


class BatchRunner(ABC):
    """What runs a network on batches of pictures, which are read in threads meanwhile."""

    def __init__(self, workers: int | None = None) -> None:
        """Pictures are read by `workers` threads (None: one a core)."""
        self._workers = workers

    @abstractmethod
    def run_batch(self, images: np.ndarray) -> np.ndarray:
        """Return the vectors [n, d] float32 of at most `BATCH_SIZE` pictures [n, size, size, 3] uint8."""

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the vectors [n, d] float32 of pictures [n, size, size, 3] uint8."""
        starts = range(0, max(len(images), 1), BATCH_SIZE)
        return np.concatenate([self.run_batch(images[start : start + BATCH_SIZE]) for start in starts])

    def map(self, load: Load, items: Iterable[Item]) -> Iterator[Outcome]:
        """Read pictures in threads and run the network on batches of them; yield an `Outcome` each, in order."""
        loaded = map_in_threads(lambda item: attempt(load, item), items, self._workers)
        while batch := list(islice(loaded, BATCH_SIZE)):
            yield from self._outcomes(batch)

    def _outcomes(self, batch: Sequence[Outcome]) -> Iterator[Outcome]:
        readable = [image for image in batch if isinstance(image, np.ndarray)]
        vectors = iter(self(np.stack(readable)) if readable else ())
        return (next(vectors) if isinstance(image, np.ndarray) else image for image in batch)


class TensorFlowRunner(BatchRunner):
    """TensorFlow runs the network itself, in batches; on a GPU where TensorFlow sees one."""

    def __init__(self, network: Network, workers: int | None = None) -> None:
        """Take a network; pictures are read by `workers` threads (None: one a core)."""
        import tensorflow as tf

        super().__init__(workers)
        self._run = tf.function(lambda images: network(tf.cast(images, tf.float32)), reduce_retracing=True)

    def run_batch(self, images: np.ndarray) -> np.ndarray:
        """Return the vectors [n, d] float32 of pictures [n, size, size, 3] uint8."""
        return self._run(images).numpy()


def sees_gpu() -> bool:
    """Return whether TensorFlow would run on a GPU. It is imported only where the machine may have one."""
    if not ("tensorflow" in sys.modules or any(map(os.path.exists, GPU_FILES))):
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
