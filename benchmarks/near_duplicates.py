"""Near-duplicates: how many planted copies are found among a folder's pictures, and how long many vectors take.

`python -m benchmarks.near_duplicates --image_dir FOLDER` copies the folder to a temporary one, plants 100 copies there
(25 each saved again at JPEG quality 60, resized to 70 %, cropped by 5 % and mirrored) beside random pictures, and looks
for pairs. Those that were not planted are listed: look at them before you call them false alarms. `--vectors 100000`
times the search among made-up vectors instead. The last line of output is JSON.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from PIL import Image, ImageOps

from imgclass_course.bottlenecks import extract
from imgclass_course.datasets import ImageFolder
from imgclass_course.near_duplicates import near_duplicates
from imgclass_course.similar_vectors import similar_pairs

EACH = 25
KINDS = ("saved_again", "resized", "cropped", "mirrored")
QUALITY, OTHER_QUALITY = 60, 90
RESIZED, CROPPED = 0.7, 0.05
FEATURE_DIM = 1024
PLANTED_VECTORS = 1000
NOISE = (0.05, 0.33)  # of a vector's length: cosines from about 0.95 to 1
AT_ONCE = 10_000


def change(image: Image.Image, kind: str, generator: np.random.Generator) -> Image.Image:
    """A copy of a picture, changed in one way."""
    width, height = image.size
    if kind == "resized":
        return image.resize((round(width * RESIZED), round(height * RESIZED)))
    if kind == "cropped":
        kept = (round(width * (1 - CROPPED)), round(height * (1 - CROPPED)))
        left, top = (
            int(generator.integers(0, side - part + 1)) for side, part in zip((width, height), kept, strict=True)
        )
        return image.crop((left, top, left + kept[0], top + kept[1]))
    return ImageOps.mirror(image) if kind == "mirrored" else image


def plant(source: Path, folder: Path, seed: int) -> dict[frozenset[str], str]:
    """Copy a folder and plant changed copies; which pairs of file names are planted, and of what kind."""
    shutil.copytree(source, folder)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    generator, planted = np.random.default_rng(seed), {}
    for number, row in enumerate(generator.permutation(len(paths))[: EACH * len(KINDS)]):
        path, kind = paths[row], KINDS[number // EACH]
        parent = Path(generator.choice([str(other.parent) for other in paths]))
        copy = parent / f"planted_{number}.jpg"
        with Image.open(path) as image:
            changed = change(image.convert("RGB"), kind, generator)
        changed.save(copy, quality=QUALITY if kind == "saved_again" else OTHER_QUALITY)
        planted[frozenset((str(path.relative_to(folder)), str(copy.relative_to(folder))))] = kind
    return planted


def search_folder(source: Path, seed: int) -> dict[str, object]:
    """How many planted pairs of each kind are found, and which others."""
    with tempfile.TemporaryDirectory(prefix="imgclass_bench_") as scratch:
        planted = plant(source, Path(scratch) / "pictures", seed)
        features = extract(ImageFolder.scan(Path(scratch) / "pictures"))
        start = time.perf_counter()
        pairs = near_duplicates(features, mirrored=True)
        seconds = time.perf_counter() - start
    found = {frozenset(pair) for pair in zip(pairs["first"], pairs["second"], strict=True)}
    return {
        "pictures": len(features),
        "planted": len(planted),
        "found": dict(Counter(planted[pair] for pair in found if pair in planted)),
        "others": [sorted(pair) for pair in found if pair not in planted],
        "seconds": round(seconds, 2),
    }


def search_vectors(count: int) -> dict[str, object]:
    """The time of a search among made-up vectors, and how many of the planted pairs it finds."""
    generator = np.random.default_rng(0)
    vectors = np.empty((count, FEATURE_DIM), np.float32)
    for start in range(0, count, AT_ONCE):
        vectors[start : start + AT_ONCE] = generator.random(
            (len(vectors[start : start + AT_ONCE]), FEATURE_DIM), np.float32
        )
    first, second = generator.permutation(count)[: 2 * PLANTED_VECTORS].reshape(2, -1)
    noise = generator.normal(size=(PLANTED_VECTORS, FEATURE_DIM)).astype(np.float32)
    lengths = np.linalg.norm(vectors[first], axis=1) * generator.uniform(*NOISE, PLANTED_VECTORS)
    vectors[second] = vectors[first] + noise * (lengths / np.linalg.norm(noise, axis=1))[:, None]
    start_time = time.perf_counter()
    pairs = similar_pairs(vectors)
    seconds = time.perf_counter() - start_time
    found = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    hits = sum((min(pair), max(pair)) in found for pair in zip(first.tolist(), second.tolist(), strict=True))
    others = len(found) - hits
    return {"vectors": count, "planted": PLANTED_VECTORS, "found": hits, "others": others, "seconds": round(seconds, 2)}


def main() -> None:
    """Search and print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", type=Path, help="folder of class folders, or of split folders, of JPEG pictures")
    parser.add_argument("--vectors", type=int, metavar="COUNT", help="search this many made-up vectors instead")
    parser.add_argument("--seed", type=int, default=0, help="of what is planted")
    flags = parser.parse_args()
    if bool(flags.vectors) == bool(flags.image_dir):
        parser.error("give --image_dir, or --vectors")
    print(json.dumps(search_vectors(flags.vectors) if flags.vectors else search_folder(flags.image_dir, flags.seed)))


if __name__ == "__main__":
    main()
