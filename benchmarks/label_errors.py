"""Label errors: 5 % of the labels are planted wrong, and this library's rule and cleanlab look for them.

Several draws, of which labels become wrong and to what: to any other class, or to the one that their class is most
often taken for. In each draw all ways see the same labels and the same vectors, those of the default backbone. Ours
looks at scores of a ridge regression that left out each picture in turn; cleanlab (Northcutt 2021, arXiv:1911.00068)
at probabilities of logistic regressions over five folds. Each is also tried on the scores of the other, which tells
the rule from the scores, and ours also without its threshold. The labels have errors of their own, which nobody
planted: what is found of these counts as wrong here.

cleanlab comes with the extra `dev`. Run it as `python -m benchmarks.label_errors --image_dir FOLDER...`, of class
folders. The last line of output is JSON.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads wait for each other on matrices of this size
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, confusion_matrix
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from benchmarks.backbones import extract_vectors, read_labels
from imgclass_course.foundation.assets import EMBEDDED
from imgclass_course.next_steps import suspects
from imgclass_course.ridge import leave_one_out_scores

NUM_FOLDS = 5
STRENGTH = 0.1  # scikit-learn's C
SHARE = 0.05  # of the labels
NUM_DRAWS = 8
FLIPS = ("to any class", "to the most confused class")
FIRST = 0.1  # of the pictures, in order: what a patient person looks at
SHOWN = 20  # unplanted pictures that a way finds most suspect
Found = tuple[np.ndarray, np.ndarray]  # how suspect each picture is [n], and which are named [n] bool
Look = Callable[[np.ndarray, np.ndarray], Found]  # at scores [n, k] and labels [n]


def plant(labels: np.ndarray, partners: np.ndarray | None, seed: int) -> np.ndarray:
    """The labels [n] of which a share is wrong: any other one, or its class's partner [k]."""
    random, planted = np.random.default_rng(seed), labels.copy()
    chosen = random.choice(len(labels), round(SHARE * len(labels)), replace=False)
    shifts = random.integers(1, labels.max() + 1, len(chosen))
    planted[chosen] = (labels[chosen] + shifts) % (labels.max() + 1) if partners is None else partners[labels[chosen]]
    return planted


def ridge_scores(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Scores [n, k] of a ridge regression that left out each picture in turn."""
    return leave_one_out_scores(vectors, labels, labels.max() + 1)


def logistic_probabilities(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Probabilities [n, k] of logistic regressions that were trained on the other folds."""
    folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=0)
    head = LogisticRegression(C=STRENGTH, max_iter=500, tol=1e-3)
    return cross_val_predict(head, vectors, labels, cv=folds, method="predict_proba")


def look_as_we_do(scores: np.ndarray, labels: np.ndarray) -> Found:
    """The rule of `next_steps.suspects`; how suspect: by how much another class is ahead."""
    rows = np.arange(len(labels))
    others = scores.copy()
    others[rows, labels] = -np.inf
    named = np.isin(rows, suspects(scores, labels))
    return others.max(axis=1) - scores[rows, labels], named


def look_as_cleanlab_does(scores: np.ndarray, labels: np.ndarray) -> Found:
    """cleanlab with its defaults; scores that are no probabilities are cut to 0 to 1 and divided by their sum."""
    shares = np.clip(scores, 1e-6, 1).astype(float)
    shares /= shares.sum(axis=1, keepdims=True)
    return -get_label_quality_scores(labels, shares), find_label_issues(labels, shares, n_jobs=1)


SCORES = {"ridge": ridge_scores, "logistic": logistic_probabilities}
OURS = ("ours", "ridge")
EVERY = "ours without threshold, ridge"  # every picture of which another class is ahead, in the same order
LOOKS: dict[str, Look] = {
    "ours": look_as_we_do,
    "cleanlab": look_as_cleanlab_does,
}


def measure(found: Found, wrong: np.ndarray) -> dict[str, float]:
    """Average precision of the order; precision and recall of what is named."""
    suspicion, named = found
    hits = int((named & wrong).sum())
    first = np.argsort(-suspicion, kind="stable")[: round(FIRST * len(wrong))]
    return {
        "average precision": float(average_precision_score(wrong, suspicion)),
        "precision": hits / max(int(named.sum()), 1),
        "recall": hits / int(wrong.sum()),
        "named": int(named.sum()),
        "recall of the first 10 %": float(wrong[first].sum() / wrong.sum()),
    }


def draw(vectors: np.ndarray, labels: np.ndarray, planted: np.ndarray) -> dict[str, dict[str, float]]:
    """What each way finds in one draw, with the seconds that it takes."""
    results = {}
    for kind, make in SCORES.items():
        begin = time.perf_counter()
        scores = make(vectors, planted)
        seconds = time.perf_counter() - begin
        for name, look in LOOKS.items():
            begin = time.perf_counter()
            found = look(scores, planted)
            took = seconds + time.perf_counter() - begin
            results[f"{name}, {kind}"] = measure(found, planted != labels) | {"seconds": took}
            if (name, kind) == OURS:
                every = measure((found[0], found[0] > 0), planted != labels) | {"seconds": took}
                results[EVERY] = {key: every[key] for key in ("precision", "recall", "named", "seconds")}
    return results


def most_suspect(vectors: np.ndarray, labels: np.ndarray) -> dict[str, list[int]]:
    """The rows that each way finds most suspect where nothing was planted."""
    scores = {kind: make(vectors, labels) for kind, make in SCORES.items()}
    pairs = [(name, kind) for name in LOOKS for kind in SCORES]
    found = {f"{name}, {kind}": LOOKS[name](scores[kind], labels)[0] for name, kind in pairs}
    return {way: np.argsort(-suspicion, kind="stable")[:SHOWN].tolist() for way, suspicion in found.items()}


def most_confused_with(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The class that each class is most often taken for [k]."""
    answers = logistic_probabilities(vectors, labels).argmax(axis=1)
    counts = confusion_matrix(labels, answers)
    np.fill_diagonal(counts, -1)
    return counts.argmax(axis=1)


def compare(folders: Sequence[Path], num_draws: int = NUM_DRAWS) -> dict[str, object]:
    """For each kind of flip what each way found, draw by draw; and what is most suspect where nothing was planted."""
    files, names = read_labels(folders)
    classes, labels = np.unique(names, return_inverse=True)
    vectors = extract_vectors(EMBEDDED, files)
    vectors = vectors - vectors.mean(axis=0)  # the logistic regression takes a fraction of the time
    partners = {FLIPS[0]: None, FLIPS[1]: most_confused_with(vectors, labels)}
    draws = {
        flip: [draw(vectors, labels, plant(labels, partner, seed)) for seed in range(num_draws)]
        for flip, partner in partners.items()
    }
    rows = most_suspect(vectors, labels)
    unplanted = {way: [f"{classes[labels[row]]}: {files[row]}" for row in found] for way, found in rows.items()}
    return {"pictures": len(labels), "draws": draws, "unplanted": unplanted}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", type=Path, nargs="+", required=True, help="folders of class folders")
    parser.add_argument("--draws", type=int, default=NUM_DRAWS, help="of planted labels, for each kind")
    flags = parser.parse_args()
    print(json.dumps(compare(flags.image_dir, flags.draws)))
