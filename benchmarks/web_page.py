"""A classifier as a page in Chromium: its size, how soon it is ready, its speed, and whether it agrees with Python.

    python -m benchmarks.web_page --classifier FOLDER --image_dir FOLDER

Chromium and its driver have to be installed (see tests/browser.py). The page is opened from a file, without a network.
Pictures are decoded, made squares of and classified one after the other, in one thread, in the page and in Python. The
last line of output is JSON.
"""

import argparse
import base64
import json
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from selenium import webdriver

from imgclass_course.foundation.pictures import as_pictures
from imgclass_course.outputs.classifier_files import load_classifier
from imgclass_course.outputs.saved_classifier import SavedClassifier
from imgclass_course.outputs.web_page import export_web_page

MOST = 60  # pictures
SEED = 0
WARM_UP = 5  # pictures that are not timed: the browser compiles while it runs the first ones
FLAGS = ("headless=new", "no-sandbox", "disable-dev-shm-usage", "no-first-run", "host-resolver-rules=MAP * ~NOTFOUND")
READY = "const done = arguments[0]; started.then(() => done(performance.now()), (error) => done(String(error)))"
# Milliseconds of decoding, of the square and the network together, and of the network alone; and the answer.
ASK = """
const [data, done] = arguments;
(async () => {
  const file = new Blob([Uint8Array.from(atob(data), (character) => character.charCodeAt(0))]);
  const begin = performance.now();
  const picture = await decode(file);
  const decoded = performance.now();
  const answer = await classify(picture);
  const end = performance.now();
  const pixels = about.sizes.map((size) => prepareBitmap(picture, size));
  const { run } = await started;
  const prepared = performance.now();
  await run(pixels);
  const network = performance.now() - prepared;
  done({ ...answer, decode: decoded - begin, classify: end - decoded, network });
})();
"""


def some_files(folder: Path) -> list[Path]:
    """At most `MOST` pictures below a folder, drawn with a fixed seed."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    order = np.random.default_rng(SEED).permutation(len(files))[:MOST]
    return [files[place] for place in sorted(order)]


def start_browser() -> webdriver.Chrome:
    """Start Chromium without a window and without a network."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for flag in FLAGS:
        options.add_argument(f"--{flag}")
    return webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))


def ask_page(page: Path, files: list[Path]) -> tuple[float, list[dict[str, Any]]]:
    """Seconds until the page is ready, and its answer to each file, with times in milliseconds."""
    browser = start_browser()
    try:
        browser.set_script_timeout(60)
        browser.get(page.as_uri())
        ready = browser.execute_async_script(READY) / 1000
        data = [base64.b64encode(path.read_bytes()).decode() for path in files]
        for one in data[:WARM_UP]:
            browser.execute_async_script(ASK, one)
        return ready, [browser.execute_async_script(ASK, one) for one in data]
    finally:
        browser.quit()


def ask_python(classifier: SavedClassifier, files: list[Path]) -> tuple[np.ndarray, float]:
    """Probabilities [n, k] of the files in Python, and median milliseconds of a file in one thread."""
    rows, seconds = [], []
    for path in files:
        start = time.perf_counter()
        picture = next(as_pictures(path))
        sizes = tuple(picture.load(size, preparation=classifier.preparation) for size in classifier.image_sizes)
        rows.append(classifier.runner.run(sizes)[: len(classifier.classes_)])
        seconds.append(time.perf_counter() - start)
    return np.stack(rows), 1000 * median(seconds)


def agreement(classifier: SavedClassifier, ours: np.ndarray, found: list[dict[str, Any]]) -> dict[str, Any]:
    """How far the page's probabilities are from those of Python [n, k]."""
    by_name = [{entry["name"]: entry["probability"] for entry in answer["classes"]} for answer in found]
    theirs = np.array([[row[name] for name in classifier.classes_] for row in by_name])
    cosines = (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    return {
        "lowest_cosine": round(float(cosines.min()), 6),
        "largest_difference": round(float(np.abs(ours - theirs).max()), 5),
        "same_class": int((ours.argmax(axis=1) == theirs.argmax(axis=1)).sum()),
    }


def main() -> None:
    """Read the flags, measure, print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--classifier", type=Path, required=True, help="folder that imgclass retrain wrote")
    parser.add_argument("--image_dir", type=Path, required=True, help="folder with JPEG, PNG or WebP pictures")
    given = parser.parse_args()
    classifier, files = load_classifier(given.classifier), some_files(given.image_dir)
    ours, python_milliseconds = ask_python(classifier, files)
    with tempfile.TemporaryDirectory() as folder:
        page = export_web_page(given.classifier, folder)
        megabytes = page.stat().st_size / 1e6
        ready, found = ask_page(page, files)
    times = {part: median(answer[part] for answer in found) for part in ("decode", "classify", "network")}
    result = {
        "megabytes": round(megabytes, 1),
        "ready_seconds": round(ready, 2),
        "pictures": len(files),
        "pictures_per_second": round(1000 / (times["decode"] + times["classify"]), 1),
        "network_milliseconds": round(times["network"], 1),
        "python_pictures_per_second": round(1000 / python_milliseconds, 1),
        **agreement(classifier, ours, found),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
