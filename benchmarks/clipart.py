"""Transfer learning against a small network from scratch, on the drawings that come with the course.

Five stratified folds: each drawing is tested once by each model, trained on the same other four fifths. The head is a
logistic regression on the embedded backbone's vectors.

Run it as `python -m benchmarks.clipart`. The last line of output is JSON.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import StratifiedKFold  # noqa: E402

from benchmarks import clipart_scratch  # noqa: E402
from imgclass_course.backbones import load_backbone  # noqa: E402
from imgclass_course.datasets import ImageFolder, dataset_folder  # noqa: E402
from imgclass_course.foundation.picture_files import load_image  # noqa: E402

NUM_FOLDS = 5
MAX_BYTE = 255


def load_pictures(folder: ImageFolder, size: int) -> np.ndarray:
    """All readable pictures as uint8 [n, size, size, 3]."""
    return np.stack([load_image(Path(folder.root) / path, size) for path in folder.readable["path"]])


def head_predictions(features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Train a head on the vectors of the training pictures and predict the test pictures' classes."""
    return LogisticRegression(max_iter=2000).fit(features[train], labels[train]).predict(features[test])


def compare() -> dict[str, object]:
    """For each drawing whether the head and the scratch network were right, as lists of 0 and 1."""
    folder = ImageFolder.scan(dataset_folder("clipart"))
    labels = np.array([folder.classes.index(label) for label in folder.readable["label"]])
    backbone = load_backbone()
    features = backbone(load_pictures(folder, backbone.image_size))
    images = load_pictures(folder, clipart_scratch.IMAGE_SIZE).astype(np.float32) / MAX_BYTE
    right = {"head": np.zeros(len(labels), int), "scratch": np.zeros(len(labels), int)}
    folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=0).split(features, labels)
    for seed, (train, test) in enumerate(folds):
        right["head"][test] = head_predictions(features, labels, train, test) == labels[test]
        scratch = clipart_scratch.train_and_predict(images[train], labels[train], images[test], seed)
        right["scratch"][test] = scratch == labels[test]
    return {name: values.tolist() for name, values in right.items()}


if __name__ == "__main__":
    print(json.dumps(compare()))
