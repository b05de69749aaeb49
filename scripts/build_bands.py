"""Compute the bands against which answers that depend on training are judged.

    python scripts/build_bands.py transfer     # run every measure of scripts/bands/transfer.py, for each seed

`scripts/bands/LESSON.py` has the number of seeds, `SEEDS` (by default 20), and a dictionary `MEASURES`: a name, and a
function that gets a seed and returns one number, computed as the lesson's exercise asks (or as a typical mistake would
have it, for a band that the check names). The result is `imgclass_course/exercises/LESSON_bands.json`. A band is the
99 % prediction interval for one more run (Student's t; see Hahn and Meeker, "Statistical Intervals", 1991), widened to
what was seen where that is wider.
"""

import argparse
import importlib
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, stdev

from scipy.stats import t as student
from tqdm import tqdm

TOP = Path(__file__).resolve().parent.parent
SEEDS = 20
LEVEL = 0.99


def compute_band(values: Sequence[float], level: float = LEVEL) -> dict[str, float | int]:
    """Return low, high and mean of the band that `values`, one per seed, give, and how many seeds they were."""
    middle, count = mean(values), len(values)
    margin = float(student.ppf((1 + level) / 2, count - 1)) * stdev(values) * math.sqrt(1 + 1 / count)
    low, high = min(middle - margin, *values), max(middle + margin, *values)
    return {"low": round(low, 6), "high": round(high, 6), "mean": round(middle, 6), "seeds": count}


def measure(measures: dict[str, Callable[[int], float]], seeds: int) -> dict[str, dict[str, float | int]]:
    """Return the band of each of `measures`, run with the seeds 1 to `seeds`."""
    result = {}
    for name, function in measures.items():
        values = [float(function(seed)) for seed in tqdm(range(1, seeds + 1), desc=name)]
        result[name] = compute_band(values)
    return result


def main() -> None:
    """Read the command line, measure, and write one file per lesson."""
    parser = argparse.ArgumentParser(description="Compute the bands of exercises whose answers depend on training.")
    parser.add_argument("lessons", nargs="+", help="modules in scripts/bands, such as: transfer")
    arguments = parser.parse_args()
    sys.path.insert(0, str(TOP))
    for lesson in arguments.lessons:
        module = importlib.import_module(f"scripts.bands.{lesson}")
        found = measure(module.MEASURES, getattr(module, "SEEDS", SEEDS))
        target = TOP / "imgclass_course" / "exercises" / f"{lesson}_bands.json"
        target.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8", newline="\n")
        print(f"{target.relative_to(TOP)}: {', '.join(found)}")


if __name__ == "__main__":
    main()
