"""What the same network does on different engines: pictures per second of forward passes alone, on all cores.

Three kinds of backbone: the embedded one (also on PyTorch, where that is installed), the same weights as a SavedModel,
and as a Keras application.
Run it as `python -m benchmarks.engines --image_dir FOLDER`. The last line of output is JSON.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402

from benchmarks.keras_loop import DEFAULT_WEIGHTS, load_model  # noqa: E402
from imgclass_course.backbones import Backbone, load_backbone  # noqa: E402
from imgclass_course.embedded import export_module  # noqa: E402
from imgclass_course.foundation.picture_files import load_image  # noqa: E402
from imgclass_course.mobilenet import embedded_weights  # noqa: E402

ENGINES = {"TensorFlow": "tensorflow", "PyTorch": "torch"}  # the others, with the names of their runners
PICTURES = 256
WARM_UP = 32  # pictures before the clock starts
REPEATS = 5

Run = Callable[[np.ndarray], np.ndarray]  # [n, 224, 224, 3] uint8 -> [n, d] float32


def saved_model(folder: Path) -> Backbone:
    """The embedded network as a SavedModel in `folder`."""
    export_module(embedded_weights(), folder / "module")
    return load_backbone(str(folder / "module"))


def keras_application(folder: Path) -> Backbone:
    """The embedded network as a Keras application, its weights in `folder`."""
    weights = folder / "mobilenet.weights.h5"
    load_model(DEFAULT_WEIGHTS).save_weights(weights)
    return load_backbone("keras:MobileNet", weights=weights)


KINDS: dict[str, Callable[[Path], Backbone]] = {
    "embedded": lambda _: load_backbone(),
    "SavedModel": saved_model,
    "Keras application": keras_application,
}


def measure(runs: dict[str, Run], images: np.ndarray) -> dict[str, float]:
    """Median pictures per second of each way; the ways take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run(images[:WARM_UP])
    for _ in range(REPEATS):
        for name, run in runs.items():
            start = time.perf_counter()
            run(images)
            seconds[name].append(time.perf_counter() - start)
    return {name: round(len(images) / median(values), 1) for name, values in seconds.items()}


def lowest_cosine(first: np.ndarray, second: np.ndarray) -> float:
    """Of the vectors of each picture."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    cosines = (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    return round(float(cosines.min()), 6)


def has(backbone: Backbone, engine: str) -> bool:
    """Whether a backbone runs on an engine here: what comes along has a form in PyTorch, which may be missing."""
    return engine != "PyTorch" or bool(find_spec("torch") and hasattr(backbone.network, "torch_network"))


def main() -> None:
    """Read the flag, measure, print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", type=Path, required=True, help="folder of class folders with JPEG pictures")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=list(ENGINES), help="beside LiteRT")
    flags = parser.parse_args()
    paths = islice(sorted(flags.image_dir.rglob("*.jpg")), PICTURES)
    images = np.stack([load_image(path, 224) for path in paths])
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in flags.only:
            backbone = KINDS[kind](Path(folder))
            lite = backbone.runner("litert")
            others = {name: backbone.runner(ENGINES[name]) for name in flags.engines if has(backbone, name)}
            rates = measure({"LiteRT": lite, **others}, images)
            result[kind] = {**rates, "runner": type(lite).__name__}
            if others:
                result[kind]["cosine"] = min(lowest_cosine(lite(images), run(images)) for run in others.values())
    print(json.dumps(result))


if __name__ == "__main__":
    main()
