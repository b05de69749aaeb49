"""What the exercises of lesson 05 measure, run with a seed, and what typical mistakes measure instead."""

import tempfile
from functools import cache
from statistics import mean

import numpy as np
import pandas as pd

from imgclass_course.backbones import load_backbone
from imgclass_course.datasets import ImageFolder, dataset_folder
from imgclass_course.exercises.transfer import CLOTH_CLASSES, DRAWS, PER_CLASS, STEPS, TESTING_PERCENTAGE, on_cloth
from imgclass_course.features import Features
from imgclass_course.foundation.picture_files import load_image
from imgclass_course.transfer import build_head, retrain, train_head

SMALL = 128  # pixels


@cache
def clipart() -> Features:
    """Return the vectors of the lesson's run."""
    with tempfile.TemporaryDirectory() as store:
        options = {"testing_percentage": TESTING_PERCENTAGE, "seed": 0, "steps": STEPS}
        return retrain(dataset_folder(), bottleneck_dir=store, **options).features


def accuracy(head: object, vectors: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of `vectors` for which `head` scores the right label highest."""
    return float((np.asarray(head(vectors)).argmax(axis=1) == labels).mean())


def trained(vectors: np.ndarray, labels: np.ndarray, seed: int) -> object:
    """Return a head trained as the exercises say."""
    head = build_head(vectors.shape[1], int(labels.max()) + 1, seed)
    train_head(vectors, labels, head, STEPS, seed=seed)
    return head


def rows_of(split: str) -> pd.DataFrame:
    """Return the rows of a split; their index is the row of their vectors."""
    rows = clipart().rows
    return rows[rows["split"] == split]


@cache
def head_of_few(draw: int) -> tuple[object, pd.Index]:
    """Return a head trained on a few pictures of each class, and which these were."""
    few = rows_of("train").groupby("label").sample(PER_CLASS, random_state=draw).index
    return trained(clipart().X[few], clipart().y[few], draw), few


def measured(head: object, rows: pd.Index) -> float:
    """Return the accuracy of a head of clipart's ten classes on some rows."""
    return accuracy(head, clipart().X[rows], clipart().y[rows])


def draws(seed: int) -> range:
    """Return the seeds of the draws that one attendee would average; no two seeds share one."""
    return range(DRAWS * seed, DRAWS * (seed + 1))


def few(seed: int) -> float:
    """Measure right: on the test pictures."""
    return mean(measured(head_of_few(draw)[0], rows_of("test").index) for draw in draws(seed))


def few_on_training(seed: int) -> float:
    """Measure on the pictures that were trained on."""
    return mean(measured(*head_of_few(draw)) for draw in draws(seed))


def few_in_all(seed: int) -> float:
    """Draw five pictures from all classes together."""

    def one(draw: int) -> float:
        drawn = rows_of("train").sample(PER_CLASS, random_state=draw).index
        head = trained(clipart().X[drawn], clipart().y[drawn], draw)
        return measured(head, rows_of("test").index)

    return mean(one(draw) for draw in draws(seed))


def all_training(seed: int) -> float:
    """Train on all training pictures."""
    everything = rows_of("train").index
    head = trained(clipart().X[everything], clipart().y[everything], seed)
    return measured(head, rows_of("test").index)


@cache
def cloth() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors by where the cloth is, the labels (1: dessert), and masks of training and test pictures."""
    folder = ImageFolder.scan(dataset_folder(), testing_percentage=TESTING_PERCENTAGE, seed=0)
    rows = folder.readable[folder.readable["label"].isin(CLOTH_CLASSES)]
    bare = [load_image(folder.root / path, SMALL) for path in rows["path"]]
    labels = (rows["label"] == CLOTH_CLASSES[0]).to_numpy().astype(int)
    backbone = load_backbone(f"mobilenet_v1_100_{SMALL}")

    def vectors(with_cloth: np.ndarray) -> np.ndarray:
        pairs = zip(bare, with_cloth, strict=True)
        return backbone(np.stack([on_cloth(image) if there else image for image, there in pairs]))

    sides = {"as trained": labels == 1, "exchanged": labels == 0, "bare": labels < 0, "everywhere": labels >= 0}
    found = {name: vectors(with_cloth) for name, with_cloth in sides.items()}
    train, test = ((rows["split"] == split).to_numpy() for split in ("train", "test"))
    return found, labels, train, test


def on_table(seed: int, trained_on: str, tested_on: str) -> float:
    """Measure a head that saw the cloth in one place on pictures that have it in another."""
    vectors, labels, train, test = cloth()
    head = trained(vectors[trained_on][train], labels[train], seed)
    return accuracy(head, vectors[tested_on][test], labels[test])


MEASURES = {
    "few": few,
    "few_on_training": few_on_training,
    "few_in_all": few_in_all,
    "all_training": all_training,
    "cloth_as_trained": lambda seed: on_table(seed, "as trained", "as trained"),
    "cloth_exchanged": lambda seed: on_table(seed, "as trained", "exchanged"),
    "cloth_taken_away": lambda seed: on_table(seed, "as trained", "bare"),
    "cloth_everywhere": lambda seed: on_table(seed, "as trained", "everywhere"),
    "bare": lambda seed: on_table(seed, "bare", "bare"),
}
