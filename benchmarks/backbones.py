"""The networks that come along as backbones: each alone, and their vectors side by side.

Five stratified folds: each picture is tested once on the vectors of each backbone, by a logistic regression that was
trained on the same other four fifths. What is timed is the forward passes, on pictures that are read already.

Run it as `python -m benchmarks.backbones --image_dir FOLDER...`, of class folders. The last line of output is JSON.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads wait for each other on matrices of this size
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: E402

from imgclass_course.backbones import load_backbone  # noqa: E402
from imgclass_course.datasets import ImageFolder  # noqa: E402
from imgclass_course.foundation.assets import EFFICIENTNET, EMBEDDED  # noqa: E402
from imgclass_course.foundation.picture_files import load_image  # noqa: E402
from imgclass_course.joined_backbones import join_vectors  # noqa: E402

NUM_FOLDS = 5
STRENGTH = 0.1  # scikit-learn's C, the same for all
TIMED = 256  # pictures
JOINED = f"{EMBEDDED}+{EFFICIENTNET}"


def read_labels(folders: Sequence[Path]) -> tuple[list[Path], np.ndarray]:
    """The readable pictures of all folders and their classes' names."""
    tables = [ImageFolder.scan(folder).readable.assign(root=str(folder)) for folder in folders]
    files = [Path(root) / path for table in tables for root, path in zip(table["root"], table["path"], strict=True)]
    return files, np.concatenate([table["label"].to_numpy(str) for table in tables])


def seconds_per_picture(name: str, files: Sequence[Path]) -> float:
    """The time of a forward pass, on all cores."""
    backbone = load_backbone(name)
    pictures = np.stack([load_image(file, backbone.image_size) for file in files[:TIMED]])
    backbone(pictures[:2])  # the network is made ready
    start = time.perf_counter()
    backbone(pictures)
    return (time.perf_counter() - start) / len(pictures)


def extract_vectors(name: str, files: Sequence[Path]) -> np.ndarray:
    """The vectors [n, d] of files."""
    backbone = load_backbone(name)
    return np.stack(list(backbone.runner().map(lambda file: load_image(file, backbone.image_size), files)))


def compare(folders: Sequence[Path]) -> dict[str, object]:
    """For each backbone whether each picture was named rightly, as a list of 0 and 1, and its seconds for a picture."""
    files, labels = read_labels(folders)
    vectors = {name: extract_vectors(name, files) for name in (EMBEDDED, EFFICIENTNET)}
    vectors[JOINED] = join_vectors(list(vectors.values()))
    head = LogisticRegression(C=STRENGTH, max_iter=500)
    folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=0)
    right = {name: cross_val_predict(head, found, labels, cv=folds) == labels for name, found in vectors.items()}
    seconds = {name: seconds_per_picture(name, files) for name in (EMBEDDED, EFFICIENTNET)}
    seconds[JOINED] = sum(seconds.values())
    return {"right": {name: found.astype(int).tolist() for name, found in right.items()}, "seconds": seconds}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", type=Path, nargs="+", required=True, help="folders of class folders")
    print(json.dumps(compare(parser.parse_args().image_dir)))
