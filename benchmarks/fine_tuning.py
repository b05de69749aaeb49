"""Pictures that are far from ImageNet: the last vectors, earlier activations, and networks that learn, in five folds.

Each picture is named once by each way, trained on the same other four fifths; of these a tenth decides the strength of
the head and the best epoch. Then the time of an epoch with inner activations from a store, and without.

Run it as `python -m benchmarks.fine_tuning --image_dir FOLDER`, of class folders. The last line of output is JSON.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads wait for each other on matrices of this size
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from sklearn.model_selection import StratifiedKFold  # noqa: E402

from imgclass_course.datasets import ImageFolder  # noqa: E402
from imgclass_course.foundation.assets import EMBEDDED  # noqa: E402
from imgclass_course.retraining import Retraining, retrain  # noqa: E402
from imgclass_course.tuning import fine_tune  # noqa: E402

NUM_FOLDS = 5
INNER = 0.1  # of the pictures outside a fold
BLOCKS = (1, 3, 5, 7, 9, 11)
TUNED_FROM = ("block13", "block12", "block7", "block2")
EPOCHS = 6
TIMED_EPOCHS = 3
TIMED_TURNS = 3
TIMED_FROM = ("block13", "block12")


def draw_pictures(folder: Path, per_class: int) -> pd.DataFrame:
    """Path and label of so many pictures of each class, drawn with a fixed seed, and the fold that names each."""
    rows = ImageFolder.scan(folder).readable
    kinds = rows.groupby("label", group_keys=False)
    drawn = pd.concat([kind.sample(min(per_class, len(kind)), random_state=0) for _, kind in kinds])
    table = pd.DataFrame({"path": [str(folder / path) for path in drawn["path"]], "label": drawn["label"].to_numpy()})
    folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=0)
    table["fold"] = 0
    for fold, (_, tested) in enumerate(folds.split(table, table["label"])):
        table.loc[tested, "fold"] = fold
    return table


def split_for(table: pd.DataFrame, fold: int) -> pd.DataFrame:
    """The table with a column split, where one fold is the test."""
    random = np.random.default_rng(fold)
    inner = np.where(random.random(len(table)) < INNER, "validation", "train")
    return table.assign(split=np.where(table["fold"] == fold, "test", inner))[["path", "label", "split"]]


def named_rightly(table: pd.DataFrame, train: Callable[[pd.DataFrame], Retraining]) -> list[int]:
    """Whether each picture is named rightly (1 or 0), in the table's order, by a classifier that had not seen it."""
    right = pd.Series(0, index=table["path"])
    for fold in range(NUM_FOLDS):
        result = train(split_for(table, fold))
        right[list(map(str, result.paths("test")))] = result.evaluate("test").right.astype(int)
    return right.tolist()


def measure_ways(table: pd.DataFrame, store: Path) -> dict[str, list[int]]:
    """What each way names rightly: heads on the last vectors and on earlier blocks, and networks that learned."""

    def frozen(backbone: str) -> Callable[[pd.DataFrame], Retraining]:
        return lambda rows: retrain(rows, backbone=backbone, head="logistic", bottleneck_dir=store)

    def tuned(block: str) -> Callable[[pd.DataFrame], Retraining]:
        def train(rows: pd.DataFrame) -> Retraining:
            return fine_tune(frozen(EMBEDDED)(rows), block, epochs=EPOCHS, bottleneck_dir=store)

        return train

    ways = {"last vectors": frozen(EMBEDDED)}
    ways |= {f"block {block}, average and maximum": frozen(f"{EMBEDDED}@block{block}") for block in BLOCKS}
    ways |= {f"tuned from {block}": tuned(block) for block in TUNED_FROM}
    found = {}
    for name, train in ways.items():
        found[name] = named_rightly(table, train)
        print(f"{name}: {sum(found[name])} of {len(table)}", file=sys.stderr, flush=True)
    return found


def time_epochs(table: pd.DataFrame, store: Path) -> dict[str, dict[str, list[float]]]:
    """Seconds of an epoch of fine-tuning, in turns: with activations out of the store, and computed anew."""
    result = retrain(split_for(table, 0), head="logistic", bottleneck_dir=store)

    def seconds(block: str, limit: float, epochs: int) -> float:
        begin = time.perf_counter()
        fine_tune(result, block, epochs=epochs, activation_limit=limit, bottleneck_dir=store)
        return time.perf_counter() - begin

    found: dict[str, dict[str, list[float]]] = {block: {"kept": [], "anew": []} for block in TIMED_FROM}
    for block in TIMED_FROM:
        seconds(block, 1e6, 1)  # the activations are in the store
    for block in TIMED_FROM * TIMED_TURNS:
        for name, limit in (("kept", 1e6), ("anew", 0)):
            more, one = seconds(block, limit, 1 + TIMED_EPOCHS), seconds(block, limit, 1)  # one makes the network ready
            found[block][name].append((more - one) / TIMED_EPOCHS)
    return found


def run(folder: Path, per_class: int) -> dict[str, object]:
    """All measurements."""
    table = draw_pictures(folder.resolve(), per_class)
    with tempfile.TemporaryDirectory() as store:
        ways = measure_ways(table, Path(store))
        seconds = time_epochs(table, Path(store))
    ratios = {block: median(found["kept"]) / median(found["anew"]) for block, found in seconds.items()}
    return {"labels": table["label"].tolist(), "right": ways, "seconds": seconds, "ratios": ratios}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", type=Path, required=True, help="folder of class folders")
    parser.add_argument("--per_class", type=int, default=350, help="pictures of each class")
    flags = parser.parse_args()
    start = time.monotonic()
    found = run(flags.image_dir, flags.per_class)
    print(json.dumps(found | {"minutes": (time.monotonic() - start) / 60}))
