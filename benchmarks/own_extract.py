"""This library's feature extraction: a folder of class folders into a bottleneck store.

Run it as `python -m benchmarks.own_extract --image_dir FOLDER --bottleneck_dir STORE`. The last line of output is JSON.
"""

import argparse
import json
import time

START = time.perf_counter()

from imgclass_course.backbones import load_backbone  # noqa: E402
from imgclass_course.bottlenecks import extract  # noqa: E402
from imgclass_course.datasets import ImageFolder  # noqa: E402
from imgclass_course.foundation.store import BottleneckStore  # noqa: E402


def run(image_dir: str, bottleneck_dir: str) -> dict[str, float]:
    """List and read the folder, compute what the store lacks; returns counts and seconds."""
    backbone = load_backbone()
    start = time.perf_counter()
    with BottleneckStore(bottleneck_dir) as store:
        features = extract(ImageFolder.scan(image_dir, catalogue=store), backbone=backbone, store=store)
    seconds = time.perf_counter() - start
    return {
        "pictures": len(features),
        "computed": features.computed,
        "seconds": round(seconds, 3),
        "pictures_per_second": round(len(features) / seconds, 1),
        "whole_process_seconds": round(time.perf_counter() - START, 3),
    }


def main() -> None:
    """Read the flags, run, print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", required=True, help="folder of class folders")
    parser.add_argument("--bottleneck_dir", required=True, help="folder of the bottleneck store")
    flags = parser.parse_args()
    print(json.dumps(run(flags.image_dir, flags.bottleneck_dir)))


if __name__ == "__main__":
    main()
