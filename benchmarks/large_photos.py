"""Reading 12-megapixel photos: at a reduced scale, as the library does, against decoding them whole.

Run it as `python -m benchmarks.large_photos --image_dir FOLDER`. The photos are made from those of the folder, enlarged
to 4,000 x 3,000 pixels with a little noise, as cameras add it. The last line of output is JSON.
"""

import argparse
import io
import json
import time
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from imgclass_course.foundation.picture_files import load_image, read_image
from imgclass_course.images import resize_image

PHOTOS = 8
SIZE = (4000, 3000)  # pixels
NOISE = 4  # standard deviation of each value
REPEATS = 3


def make_photo(path: Path, seed: int) -> bytes:
    """A picture as the JPEG file of a 12-megapixel camera."""
    large = np.asarray(Image.open(path).convert("RGB").resize(SIZE, Image.Resampling.BICUBIC), np.float32)
    noisy = large + np.random.default_rng(seed).normal(0, NOISE, large.shape)
    file = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=92)
    return file.getvalue()


def seconds_each(photos: list[bytes]) -> tuple[float, float]:
    """Median seconds per photo: at a reduced scale, and decoded whole."""
    reduced, whole = [], []
    for _ in range(REPEATS):
        for photo in photos:
            start = time.perf_counter()
            load_image(photo, 224)
            between = time.perf_counter()
            resize_image(read_image(photo), 224)
            reduced.append(between - start)
            whole.append(time.perf_counter() - between)
    return median(reduced), median(whole)


def main() -> None:
    """Read the flag, measure, print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", type=Path, required=True, help="folder of class folders with JPEG pictures")
    paths = islice(sorted(parser.parse_args().image_dir.rglob("*.jpg")), PHOTOS)
    photos = [make_photo(path, seed) for seed, path in enumerate(paths)]
    reduced, whole = seconds_each(photos)
    pairs = [(load_image(photo, 224), resize_image(read_image(photo), 224)) for photo in photos]
    differences = [np.abs(one.astype(int) - other.astype(int)) for one, other in pairs]
    result = {
        "reduced_seconds": round(reduced, 4),
        "whole_seconds": round(whole, 4),
        "mean_difference": round(float(np.mean(differences)), 3),
        "largest_difference": int(np.max(differences)),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
