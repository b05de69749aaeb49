"""What each exported format and precision costs and gives: accuracy lost, megabytes, pictures per second.

A classifier is trained on the pictures of a folder (`imgclass retrain --head logistic`), exported in every way, and
each file is run by its own runtime on pictures that were not trained on, in turns. Beside that, int8 as an engine for
extraction: a head trained on the vectors of the int8 network against one on those of float32, on the same pictures.
Run it as `python -m benchmarks.exports --image_dir FOLDER`. The last line of output is JSON.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

from imgclass_course import retrain  # noqa: E402
from imgclass_course.intervals import PairedComparison, compare_paired  # noqa: E402
from imgclass_course.outputs.export_runtimes import RUNTIMES, run_litert  # noqa: E402
from imgclass_course.outputs.exports import FORMATS, PRECISIONS, Export, export_classifier  # noqa: E402
from imgclass_course.retraining import Retraining  # noqa: E402

TIMED = 128  # pictures that each turn runs
TURNS = 5
WAYS = [(to, "float32") for to in FORMATS] + [("litert", precision) for precision in PRECISIONS[1:]]


def rates(files: dict[str, Export], pixels: np.ndarray) -> dict[str, float]:
    """Median pictures per second of each file by its own runtime, on all cores; the files take turns."""
    runs = {name: RUNTIMES[one.format](one.path) for name, one in files.items()}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(TURNS + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run([pixels])
            seconds[name] += [time.perf_counter() - start] if turn else []  # the first is to warm up
    return {name: round(len(pixels) / median(values), 1) for name, values in seconds.items()}


def in_words(pairs: PairedComparison) -> dict[str, float]:
    """A paired difference with its interval."""
    low, high = pairs.interval
    return {"difference": pairs.difference, "low": low, "high": high, "n": pairs.n}


def pixels_of(result: Retraining, split: str, size: int) -> np.ndarray:
    """The pictures of a split [n, size, size, 3] uint8."""
    rows = result.pictures(split).rows
    return np.stack([result.folder.picture(path).load(size) for path in rows["path"]])


def int8_extraction(result: Retraining, float32: Export, int8: Export, size: int) -> dict[str, Any]:
    """Heads on the vectors of both networks, trained and judged on the same pictures: int8 minus float32."""
    train, held = (pixels_of(result, split, size) for split in ("train", "validation"))
    labels, wanted = result.pictures("train").y, result.pictures("validation").y
    right = []
    for one in (float32, int8):
        run = run_litert(one.path)
        head = LogisticRegression(max_iter=1000, tol=1e-3).fit(run([train])[1], labels)
        right.append(head.predict(run([held])[1]) == wanted)
    return in_words(compare_paired(*right))


def main() -> None:
    """Read the flags, measure, print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", type=Path, required=True, help="folder of class folders with pictures")
    parser.add_argument("--backbone", default="mobilenet_v1_100_224")
    parser.add_argument("--validation_percentage", type=float, default=30, help="share of pictures to judge on")
    flags = parser.parse_args()
    parts = {"validation_percentage": flags.validation_percentage, "testing_percentage": 0}
    result = retrain(flags.image_dir, backbone=flags.backbone, head="logistic", **parts)
    size = result.classifier.backbone.image_size
    found: dict[str, Any] = {"backbone": flags.backbone, "files": {}}
    with tempfile.TemporaryDirectory() as folder:
        made = {
            f"{to} {precision}": export_classifier(
                result.classifier, folder, to, precision, result.folder, accept_loss=1
            )
            for to, precision in WAYS
        }
        speed = rates(made, pixels_of(result, "validation", size)[:TIMED])
        for name, one in made.items():
            parity = one.parity
            found["files"][name] = {
                "megabytes": one.megabytes,
                "pictures_per_second": speed[name],
                "lowest_cosine": parity.lowest_cosine,
                "lowest_vector_cosine": parity.lowest_vector_cosine,
                "changed": parity.changed,
                "accuracy": in_words(parity.accuracy) if parity.accuracy else None,
            }
        found["int8 extraction"] = int8_extraction(result, made["litert float32"], made["litert int8"], size)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
