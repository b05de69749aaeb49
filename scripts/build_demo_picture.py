"""Take a picture of the page of `imgclass demo`, for lesson 06: a classifier of drawings, and a photo of a cup.

python scripts/build_demo_picture.py     # write nbs/images/demo.png, with Chromium
"""

import io
import sys
import tempfile
from pathlib import Path

import skimage.data
from PIL import Image
from selenium.webdriver.common.by import By

from imgclass_course import retrain, save_classifier
from imgclass_course.course_data import dataset_folder

TOP = Path(__file__).resolve().parent.parent
SIZE = (900, 630)  # pixels of the window, its frame too


def main() -> None:
    """Train, serve the page, drop the photo on it, and keep what the browser shows."""
    sys.path.insert(0, str(TOP / "tests"))
    from browser import open_browser, server, wait_for

    with tempfile.TemporaryDirectory() as place:
        classifier, photo = Path(place) / "my_classifier", Path(place) / "cup.jpg"
        save_classifier(retrain(dataset_folder("clipart")).classifier, classifier)
        Image.fromarray(skimage.data.coffee()).save(photo)
        command = [sys.executable, "-m", "imgclass_course.cli", "demo", str(classifier), "--no_browser"]
        with server(command, r"http://127\.0\.0\.1:\d+", Path(place) / "log") as address, open_browser(SIZE) as browser:
            browser.get(address)
            wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, "#dropped input[type=file]"), "page")
            browser.find_element(By.CSS_SELECTOR, "#dropped input[type=file]").send_keys(str(photo))
            wait_for(lambda: "%" in browser.find_element(By.ID, "named").text, "probabilities")
            wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, "#shown img"), "picture")
            shot = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    shot.quantize(128, dither=Image.Dither.NONE).save(TOP / "nbs" / "images" / "demo.png", optimize=True)


if __name__ == "__main__":
    main()
