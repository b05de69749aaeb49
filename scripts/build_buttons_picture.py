"""Take a picture of the buttons of lesson 06, which only a notebook that runs can show.

python scripts/build_buttons_picture.py     # write nbs/images/buttons.png, with Chromium
"""

import io
import json
import sys
import tempfile
from pathlib import Path

import nbformat
from PIL import Image
from selenium.webdriver.common.by import By

TOP = Path(__file__).resolve().parent.parent
LESSON = TOP / "nbs" / "06_your_own_pictures.ipynb"
BUTTONS = "CleanerButtons("
WIDTH = 360  # pixels; to the right of them there is nothing


def up_to_the_buttons() -> nbformat.NotebookNode:
    """Return the lesson without what follows its buttons."""
    notebook = nbformat.read(LESSON, as_version=4)
    last = next(place for place, cell in enumerate(notebook.cells) if BUTTONS in cell.source)
    notebook.cells = notebook.cells[: last + 1]
    return notebook


def main() -> None:
    """Run the lesson in JupyterLab and keep what it shows below the cell of the buttons."""
    sys.path.insert(0, str(TOP / "tests"))
    from browser import free_port, open_browser, server, wait_for
    from support import child_environment
    from test_lab_in_browser import ADDRESS, STOP, cell_with, open_lesson, run_all

    with tempfile.TemporaryDirectory() as place:
        lessons = Path(place) / "lessons"
        (Path(place) / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": {"allow_root": True}}))
        environment = child_environment(JUPYTER_CONFIG_DIR=place)
        environment = {name: value for name, value in environment.items() if not name.lower().endswith("_proxy")}
        command = [sys.executable, "-m", "imgclass_course.cli", "lab", str(lessons), "--no_browser"]
        command += ["--port", str(free_port())]
        with server(command, ADDRESS, Path(place) / "log", environment, STOP) as address, open_browser() as browser:
            nbformat.write(up_to_the_buttons(), lessons / "buttons.ipynb")
            open_lesson(browser, address, "buttons.ipynb")
            run_all(browser, lessons / "buttons.ipynb", 240)
            cell = cell_with(browser, BUTTONS)
            shown = wait_for(lambda: cell.find_element(By.CSS_SELECTOR, ".widget-vbox"), "buttons")
            shot = Image.open(io.BytesIO(shown.screenshot_as_png)).convert("RGB")
    shot = shot.crop((0, 0, WIDTH, shot.height))
    shot.quantize(128, dither=Image.Dither.NONE).save(TOP / "nbs" / "images" / "buttons.png", optimize=True)


if __name__ == "__main__":
    main()
