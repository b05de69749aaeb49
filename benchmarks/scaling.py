"""Extraction by processes of Ray on this machine, once started, beside LiteRT's threads: from files to vectors.

The two take turns (threads, Ray, Ray, threads, ...), each time on the same files, all of which were read once before.
The control is the threads against themselves. Run it as `python -m benchmarks.scaling --image_dir FOLDER`.
The last line of output is JSON.
"""

import argparse
import json
import os
import time
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import mean, stdev

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
from scipy.stats import t  # noqa: E402

from imgclass_course.backbones import load_backbone  # noqa: E402
from imgclass_course.foundation.picture_files import load_image  # noqa: E402
from imgclass_course.foundation.runners import Runner  # noqa: E402
from imgclass_course.mobilenet import EMBEDDED  # noqa: E402

PICTURES = 600
REPEATS = 8


def vectors_of(runner: Runner, files: list[Path], size: int) -> tuple[np.ndarray, float]:
    """The vectors of files [n, d], and the pictures per second that it took."""
    start = time.perf_counter()
    found = np.stack(list(runner.map(partial(load_image, size=size), files)))
    return found, len(files) / (time.perf_counter() - start)


def interval(values: list[float]) -> tuple[float, float, float]:
    """The mean with Student's 95 % interval over repeats."""
    margin = t.ppf(0.975, len(values) - 1) * stdev(values) / len(values) ** 0.5
    return mean(values), mean(values) - margin, mean(values) + margin


def main() -> None:
    """Read the flags, measure, print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", type=Path, required=True, help="folder of class folders with JPEG pictures")
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--backbone", default=EMBEDDED)
    flags = parser.parse_args()
    files = list(islice(sorted(flags.image_dir.rglob("*.jpg")), flags.pictures))
    backbone = load_backbone(flags.backbone)
    threads = backbone.runner("litert")
    expected, _ = vectors_of(threads, files, backbone.image_size)
    start = time.perf_counter()
    processes = backbone.runner("ray")
    joined = time.perf_counter() - start
    found, _ = vectors_of(processes, files, backbone.image_size)
    rates: dict[str, list[float]] = {"threads": [], "ray": [], "threads again": []}
    runners = {"threads": threads, "ray": processes, "threads again": threads}
    for repeat in range(flags.repeats):
        for name in list(runners)[:: 1 if repeat % 2 else -1]:
            rates[name].append(vectors_of(runners[name], files, backbone.image_size)[1])
    shares = [ray / own for ray, own in zip(rates["ray"], rates["threads"], strict=True)]
    control = [again / own for again, own in zip(rates["threads again"], rates["threads"], strict=True)]
    result = {
        "pictures": len(files),
        "rates": {name: interval(values) for name, values in rates.items()},
        "ray, of threads": interval(shares),
        "control": interval(control),
        "seconds to start Ray": joined,
        "equal": bool(np.array_equal(found, expected)),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
