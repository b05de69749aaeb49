"""Warm start with many pictures: a store of made-up vectors for a folder of made-up files, and one new picture.

`python -m benchmarks.warm_start --folder FOLDER --prepare 100000` makes files and store in an empty folder; without
`--prepare` a fresh process measures the warm start on them. The last line of output is JSON.
"""

import argparse
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from imgclass_course.backbones import Backbone, load_backbone
from imgclass_course.bottlenecks import extract
from imgclass_course.datasets import ImageFolder, dataset_folder
from imgclass_course.foundation.folder_listing import FileFacts, FileState
from imgclass_course.foundation.runners import Item, Load, Outcome, Runner
from imgclass_course.foundation.store import BottleneckStore

FEATURE_DIM = 1024
NUM_CLASSES = 10
CHUNK = 1000  # vectors per transaction
PICTURE_SIZE = 224  # pixels, what the store is told of each made-up file
LONG_AGO = 1_600_000_000_000_000_000  # nanoseconds; a file changed just now would not be trusted yet


class CountedRunner:
    """A runner that counts its forward passes."""

    def __init__(self, runner: Runner) -> None:
        """Count the passes of this runner, from 0."""
        self.runner = runner
        self.passes = 0

    def map(self, load: Load, items: Iterable[Item]) -> Iterator[Outcome]:
        """Read pictures and run the network on them, one forward pass each."""
        for outcome in self.runner.map(load, items):
            self.passes += 1
            yield outcome


def make_file(folder: Path, index: int) -> tuple[FileState, FileFacts]:
    """Write a tiny file and say what the store shall believe of it."""
    path = folder / f"class_{index % NUM_CLASSES}" / f"{index:06}.jpg"
    data = str(index).encode()
    path.write_bytes(data)
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    facts = FileFacts(hashlib.sha256(data).hexdigest(), PICTURE_SIZE, PICTURE_SIZE, "")
    return FileState(str(path), len(data), LONG_AGO), facts


def prepare(folder: Path, count: int) -> None:
    """Fill the folder with `count` tiny files, and its store with a random vector for each."""
    pictures = folder.resolve() / "pictures"
    for number in range(NUM_CLASSES):
        (pictures / f"class_{number}").mkdir(parents=True)
    backbone, generator = load_backbone(), np.random.default_rng(0)
    with BottleneckStore(folder / "store") as store:
        for start in range(0, count, CHUNK):
            made = [make_file(pictures, index) for index in range(start, min(start + CHUNK, count))]
            states, facts = zip(*made, strict=True)
            store.remember_files(states, facts)
            vectors = generator.random((len(made), FEATURE_DIM), np.float32)
            store.add(backbone.fingerprint, backbone.name, [known.digest for known in facts], vectors)


def warm_start(folder: Path, backbone: Backbone, runner: Runner | None = None) -> dict[str, float]:
    """List the files and get X: seconds of both, number of pictures and of those that had to be computed."""
    start = time.perf_counter()
    with BottleneckStore(folder / "store") as store:
        pictures = ImageFolder.scan(folder / "pictures", catalogue=store)
        listed = time.perf_counter()
        features = extract(pictures, backbone=backbone, store=store, runner=runner)
    finished = time.perf_counter()
    return {
        "pictures": len(features),
        "computed": features.computed,
        "list_seconds": round(listed - start, 3),
        "load_seconds": round(finished - listed, 3),
    }


def passes_for_new_picture(folder: Path, backbone: Backbone) -> int:
    """Put one real, unknown picture among the files and count the forward passes of a warm start; remove it again."""
    picture = next(dataset_folder("clipart").glob("*/*.jpg"))
    copy = Path(shutil.copy(picture, folder / "pictures" / "class_0" / "new.jpg"))
    counted = CountedRunner(backbone.runner())
    warm_start(folder, backbone, counted)
    copy.unlink()
    return counted.passes


def main() -> None:
    """Prepare the folder, or measure and print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="for files and store; empty before --prepare")
    parser.add_argument("--prepare", type=int, metavar="COUNT", help="make this many files and vectors")
    parser.add_argument("--new_picture", action="store_true", help="also count the passes for one new picture")
    flags = parser.parse_args()
    if flags.prepare:
        prepare(flags.folder, flags.prepare)
        return
    backbone = load_backbone()
    result = warm_start(flags.folder, backbone)
    if flags.new_picture:
        result["new_picture_passes"] = passes_for_new_picture(flags.folder, backbone)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
