"""Take the pictures of TensorBoard that lesson 10 shows, with Chromium, from a training on data/clipart.

    python scripts/build_screenshots.py                  # write nbs/images/tensorboard_VIEW.png
    python scripts/build_screenshots.py --out FOLDER

Needs Chromium and its driver. Two rates are trained, so that there are curves to compare.
"""

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import WebDriverException

TOP = Path(__file__).resolve().parent.parent
# What stands in each view as soon as it is drawn, the seconds that drawing it then takes, and the folder that is shown:
# the projector takes the first run with a checkpoint, which has to be the one with names and thumbnails.
VIEWS = {
    "scalars": ("epoch_accuracy", 4, "logs"),
    "graphs": ("backbone", 6, "logs"),
    "images": ("confusion_test", 4, "logs"),
    "projector": ("Points:", 15, "points"),
}
WINDOW = (1200, 760)  # pixels
TEXT = """
const texts = [];
const walk = node => {
  if (node.nodeType === Node.TEXT_NODE) texts.push(node.textContent);
  if (node.shadowRoot) walk(node.shadowRoot);
  if (node.contentDocument) walk(node.contentDocument.body);
  if (!['STYLE', 'SCRIPT'].includes(node.nodeName)) node.childNodes.forEach(walk);
};
walk(document.body);
return texts.join(' ');
"""


def train(logs: Path) -> None:
    """Train heads with two rates, and write what TensorBoard shows of them."""
    for rate in ("0.001", "0.01"):
        command = [sys.executable, "-m", "imgclass_course.cli", "retrain", str(TOP / "data" / "clipart")]
        command += ["--testing_percentage", "20", "--validation_percentage", "20", "--learning_rate", rate]
        command += ["--summaries_dir", str(logs), "--output_graph", str(logs.parent / "classifier")]
        subprocess.run(command, check=True, capture_output=True)


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def open_browser() -> webdriver.Chrome:
    """Start a browser without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    # The graph and the projector are drawn with WebGL, here without a graphics card.
    flags = ["headless=new", "no-sandbox", "disable-dev-shm-usage", "hide-scrollbars", "enable-unsafe-swiftshader"]
    for flag in [*flags, f"window-size={WINDOW[0]},{WINDOW[1]}"]:
        options.add_argument(f"--{flag}")
    return webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))


def wait_for(found: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until something is there. Raises `TimeoutError`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found():
                return
        except WebDriverException:  # the server is not up yet, or the page is drawn anew
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} within {seconds} seconds")
        time.sleep(0.3)


@contextmanager
def tensorboard(top: Path, logs: str) -> Iterator[str]:
    """Start TensorBoard in `top`, so that it shows no longer path than `logs`; yield its address, and stop it."""
    port = free_port()
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", logs, "--port", str(port)]
    with subprocess.Popen(command, cwd=top, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()


def photograph(browser: webdriver.Chrome, address: str, view: str, target: Path) -> None:
    """Open a view and write what it shows, in few colours."""
    sign, seconds, _ = VIEWS[view]
    browser.get("about:blank")  # else only the part behind the # changes, and nothing is loaded
    wait_for(lambda: browser.get(f"{address}#{view}") is None and "TensorBoard" in browser.title, "TensorBoard")
    wait_for(lambda: sign in browser.execute_script(TEXT), f"{sign} in {view}")
    time.sleep(seconds)
    shot = target.with_suffix(".shot.png")
    browser.save_screenshot(str(shot))
    Image.open(shot).convert("RGB").quantize(128, kmeans=1, dither=Image.Dither.NONE).save(target, optimize=True)
    shot.unlink()


def main() -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=TOP / "nbs" / "images", help="folder to write")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder) / "logs"
        train(logs)
        shutil.copytree(logs / "run_001", logs.parent / "points", ignore=shutil.ignore_patterns("train", "validation"))
        browser = open_browser()
        try:
            for view, (_, _, shown) in VIEWS.items():
                with tensorboard(Path(folder), shown) as address:
                    photograph(browser, address, view, out / f"tensorboard_{view}.png")
        finally:
            browser.quit()


if __name__ == "__main__":
    main()
