"""What to label next: from 100 labelled pictures to 200, chosen in three ways, measured on other pictures.

Once among the pictures as they are, and once where each was shot five times (made-up vectors beside its own): there
uncertainty alone names the same thing again and again. `python -m benchmarks.label_next --image_dir FOLDER` takes a
folder that brings its own train and validation folders. The last line of output is JSON: mean accuracies over draws of
the first pictures, and paired differences.
"""

import argparse
import json
import os
from pathlib import Path
from statistics import mean, stdev

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from scipy.stats import t
from sklearn.linear_model import LogisticRegression

from imgclass_course.bottlenecks import extract
from imgclass_course.features import Features
from imgclass_course.label_next import label_next, margin_uncertainty

LABELLED, ADDED = 100, 100
SHOTS, NOISE = 5, 0.2  # of a vector's length: shots of one thing have cosines of about 0.96
STRENGTH = 0.1  # scikit-learn's C


def draw(features: Features, shots: int, seed: int) -> dict[str, float]:
    """The accuracy on validation of each way to choose, for one draw of the first pictures."""
    generator = np.random.default_rng(seed)
    (X, y), validation = features.xy("train"), features.xy("validation")
    order = generator.permutation(len(X))
    known, rest = order[:LABELLED], np.repeat(order[LABELLED:], shots)
    noise = generator.normal(size=(len(rest), X.shape[1])) * np.linalg.norm(X[rest], axis=1)[:, None]
    pool = X[rest] + (shots > 1) * NOISE * noise / X.shape[1] ** 0.5
    head = LogisticRegression(C=STRENGTH, max_iter=500).fit(X[known], y[known])
    probabilities = head.predict_proba(pool)
    ways = {
        "random": generator.permutation(len(rest))[:ADDED],
        "uncertainty": np.argsort(-margin_uncertainty(probabilities))[:ADDED],
        "label_next": label_next(pool, probabilities, X[known], ADDED),
    }
    found = {}
    for name, rows in ways.items():
        head.fit(np.concatenate([X[known], pool[rows]]), np.concatenate([y[known], y[rest[rows]]]))
        found[name] = float(head.score(*validation))
    return found


def paired(first: list[float], second: list[float]) -> str:
    """The mean difference with the 95 % interval of Student's t over draws."""
    differences = [one - other for one, other in zip(first, second, strict=True)]
    margin = t.ppf(0.975, len(differences) - 1) * stdev(differences) / len(differences) ** 0.5
    return f"{mean(differences):+.4f} [{mean(differences) - margin:+.4f}, {mean(differences) + margin:+.4f}]"


def main() -> None:
    """Measure and print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", type=Path, required=True, help="a folder with train and validation folders")
    parser.add_argument("--draws", type=int, default=20)
    flags = parser.parse_args()
    features, result = extract(flags.image_dir), {}
    for name, shots in (("as they are", 1), ("shot five times", SHOTS)):
        draws = [draw(features, shots, seed) for seed in range(flags.draws)]
        accuracy = {way: [one[way] for one in draws] for way in draws[0]}
        result[name] = {"accuracy": {way: round(mean(found), 4) for way, found in accuracy.items()}}
        for other in ("random", "uncertainty"):
            result[name][f"label_next minus {other}"] = paired(accuracy["label_next"], accuracy[other])
    print(json.dumps({"draws": flags.draws, **result}))


if __name__ == "__main__":
    main()
