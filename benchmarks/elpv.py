"""Solar cells of four unequal classes (ELPV): what is done about unequal classes, each way against doing nothing.

2,624 pictures of cells with the probability that they are defective: 0, 1/3, 2/3 or 1 (Deitsch and others 2019,
Solar Energy 185, arXiv:1807.02894). The licence, CC BY-NC-SA, does not let them come along. Get them from PyPI, and
give the wheel, or a folder that it was unpacked into:

    pip download --no-deps elpv-dataset==1.0.0.post1
    python -m benchmarks.elpv --elpv elpv_dataset-1.0.0.post1-py3-none-any.whl

Five stratified folds: each cell is tested once, by a logistic regression on the backbone's vectors. Cells of one module
may be in training and test, since the data set does not tell modules. The last line of output is JSON.
"""

import argparse
import json
import os
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads wait for each other on matrices of this size
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
from sklearn.model_selection import StratifiedKFold  # noqa: E402

from imgclass_course.bottlenecks import extract  # noqa: E402
from imgclass_course.class_scores import MEASURES, Measure, bootstrap, bootstrap_difference, mean_recall  # noqa: E402
from imgclass_course.features import Features  # noqa: E402
from imgclass_course.heads import adjust_for_prior  # noqa: E402
from imgclass_course.imbalance import class_counts  # noqa: E402
from imgclass_course.resampling import RESAMPLINGS, resample  # noqa: E402
from imgclass_course.retraining import fit  # noqa: E402
from imgclass_course.scoring import Evaluation  # noqa: E402

NUM_FOLDS = 5
LABELS = "labels.csv"  # path, probability and kind of cell in a row, with spaces between them
CLASSES = ("0", "1/3", "2/3", "1")  # probabilities of a defect
RARE = (1, 2)  # the two that are neither sound nor surely defective


def unpack(wheel: Path, folder: Path) -> Path:
    """Unpack the pictures and labels of a wheel, and return the folder."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if "/data/" in name])
    return folder


def read_cells(folder: Path) -> tuple[list[Path], list[str]]:
    """The pictures below a folder, and the class of each."""
    (table,) = folder.rglob(LABELS)
    rows = [line.split() for line in table.read_text(encoding="utf-8").splitlines() if line.strip()]
    labels = [CLASSES[round(3 * float(probability))] for _, probability, _ in rows]
    return [table.parent / path for path, _, _ in rows], labels


def answer(features: Features, test: np.ndarray) -> dict[str, np.ndarray]:
    """The probabilities [m, k] of the rows `test` [n] bool, by each way to train on the others."""
    splits = np.where(test, "test", "train")
    features = replace(features, rows=features.rows.assign(split=splits))
    X, _ = features.xy("test")
    plain = fit(features, "logistic").head
    heads = {"nothing": plain, "prior left out": adjust_for_prior(plain, class_counts(features))}
    heads |= {f"{how} weights": fit(features, "logistic", class_weight=how).head for how in ("balanced", "log")}
    for how in RESAMPLINGS[1:]:
        heads[how] = fit(resample(features, how), "logistic").head
    return {name: head.predict_proba(X) for name, head in heads.items()}


def evaluate(features: Features) -> dict[str, Evaluation]:
    """The answers of each way to train, to all cells, each tested in one of the folds."""
    folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=0).split(features.X, features.y)
    found: dict[str, np.ndarray] = {}
    for _, test in folds:
        for name, probabilities in answer(features, np.isin(np.arange(len(features)), test)).items():
            found.setdefault(name, np.zeros((len(features), len(features.classes))))[test] = probabilities
    return {name: Evaluation(features.classes, features.y, one) for name, one in found.items()}


def compare(source: Path) -> dict[str, object]:
    """Each measure of each way with its interval, and each way minus doing nothing."""
    with tempfile.TemporaryDirectory(prefix="imgclass_elpv_") as scratch:
        files, labels = read_cells(source if source.is_dir() else unpack(source, Path(scratch)))
        features = extract(files, labels)
    found = evaluate(features)
    rare = [list(features.classes).index(CLASSES[number]) for number in RARE]
    measures: dict[str, Measure] = MEASURES | {"recall of the rare": mean_recall(rare)}
    del measures["F170"]  # with four classes it says next to nothing
    ways = {way: {name: bootstrap(one, measure) for name, measure in measures.items()} for way, one in found.items()}
    gains = {
        way: {name: bootstrap_difference(found["nothing"], one, measure) for name, measure in measures.items()}
        for way, one in found.items()
        if way != "nothing"
    }
    counts = np.bincount(features.y, minlength=len(features.classes)).tolist()
    return {"counts": dict(zip(features.classes, counts, strict=True)), "ways": ways, "gains": gains}


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--elpv", type=Path, required=True, help="the wheel, or its unpacked folder")
    print(json.dumps(compare(parser.parse_args(arguments).elpv)))


if __name__ == "__main__":
    main()
