"""`imgclass lab` in a real browser: lessons run to their end, TensorBoard opens in its lesson, nothing stays behind."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from browser import free_port, keep_screenshot, open_browser, require_browser, server, wait_for
from notebook_form import WIDGET_TAG, checked, solution_of
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from support import TOP, child_environment

ADDRESS = r"http://127\.0\.0\.1:\d+/lab\?token=\w+"
STOP = signal.SIGTERM  # what a confirmed Ctrl+C comes to; on a terminal JupyterLab asks first
MENU = "//*[contains(@class, 'lm-MenuBar-itemLabel')][text()='{}']"
ENTRY = "//*[contains(@class, 'lm-Menu-itemLabel')][text()='{}']"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Start `imgclass lab` as an attendee does; return its address and the folder of the lessons."""
    require_browser()
    top = tmp_path_factory.mktemp("lab")
    (top / "config").mkdir()
    # Only what CI needs, which runs as root: attendees do not.
    settings = {"ServerApp": {"allow_root": True}}
    (top / "config" / "jupyter_server_config.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "imgclass_course.cli", "lab", str(top / "lessons"), "--no_browser"]
    folders = {name: str(top / name.lower()) for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    environment = child_environment(JUPYTER_CONFIG_DIR=str(top / "config"), **folders)
    # The browser and the server talk on this machine: no proxy is between them.
    environment = {name: value for name, value in environment.items() if not name.lower().endswith("_proxy")}
    del environment["TQDM_DISABLE"]  # here somebody watches
    with server([*command, "--port", str(free_port())], ADDRESS, top / "log.txt", environment, STOP) as address:
        yield address, top / "lessons"


def open_lesson(browser: webdriver.Chrome, address: str, lesson: str) -> None:
    """Open a lesson and wait until its kernel can be used."""
    start, token = address.split("/lab?")
    browser.get(f"{start}/lab/tree/{lesson}?{token}&reset")
    wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-Cell"), f"cells of {lesson}")
    wait_for(lambda: "| Idle" in browser.find_element(By.ID, "jp-main-statusbar").text, "kernel", 90)
    # Nothing asks other hosts for news or newer versions, nor the attendee whether it may.
    assert not browser.find_elements(By.CSS_SELECTOR, ".Toastify__toast")


def choose(browser: webdriver.Chrome, menu: str, entry: str) -> None:
    """Choose an entry of a menu."""
    browser.find_element(By.XPATH, MENU.format(menu)).click()
    wait_for(lambda: browser.find_element(By.XPATH, ENTRY.format(entry)).is_displayed(), entry)
    browser.find_element(By.XPATH, ENTRY.format(entry)).click()


def run_all(browser: webdriver.Chrome, path: Path, seconds: float) -> tuple[nbformat.NotebookNode, str | None]:
    """Run all cells, wait for the end, save; return the notebook as it is on the disk then, and what a bar said."""
    busy = ".jp-Notebook-ExecutionIndicator[data-status='busy']"

    def start() -> None:
        browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)  # closes a menu that is open
        choose(browser, "Run", "Run All Cells")
        wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, busy), "running kernel", 10)

    try:
        start()
    except AssertionError:  # a page that is still being set up takes no orders
        start()
    deadline, quiet, bar = time.monotonic() + seconds, 0, None
    while quiet < 5:  # between two cells it may look idle for a moment
        bar = bar or show_bar(browser, path.stem)
        quiet = 0 if browser.find_elements(By.CSS_SELECTOR, busy) else quiet + 1
        assert time.monotonic() < deadline, f"not done within {seconds} seconds"
        time.sleep(0.3)
    before = path.stat().st_mtime_ns
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.CONTROL, "s")
    wait_for(lambda: path.stat().st_mtime_ns > before, "saved notebook")
    return wait_for(lambda: read_if_whole(path), "whole notebook"), bar


def read_if_whole(path: Path) -> nbformat.NotebookNode | None:
    """Return a notebook, or nothing while it is being written."""
    try:
        return nbformat.read(path, as_version=4)
    except nbformat.reader.NotJSONError:
        return None


def show_bar(browser: webdriver.Chrome, name: str) -> str | None:
    """Return what a progress bar says, if one is shown, and keep a screenshot of it."""
    try:
        found = browser.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output progress")
        if not found:
            return None
        text = found[0].find_element(By.XPATH, "..").text
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", found[0])
    except WebDriverException:  # it moved on
        return None
    keep_screenshot(browser, f"lab_{name}_progress")
    return text


def errors(notebook: nbformat.NotebookNode) -> list[str]:
    """Return every error and everything on standard error among the outputs."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error" or output.get("name") == "stderr":
                found.append(f"{cell.source[:60]}: {output.get('evalue') or output.get('text')}")
    return found


def count_plots(notebook: nbformat.NotebookNode) -> int:
    """Return how many pictures are among the outputs."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def cell_with(browser: webdriver.Chrome, text: str) -> WebElement:
    """Return the code cell that holds `text`, in view."""
    # Cells far away are not on the page: going down brings them.
    panel = browser.find_element(By.CSS_SELECTOR, ".jp-WindowedPanel-outer")

    def find() -> WebElement | None:
        browser.execute_script("arguments[0].scrollTop += 300", panel)
        found = [one for one in browser.find_elements(By.CSS_SELECTOR, ".jp-CodeCell") if text in one.text]
        return found[0] if found else None

    browser.execute_script("arguments[0].scrollTop = 0", panel)
    cell = wait_for(find, f"cell with {text!r}")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", cell)
    return cell


def write_and_run(browser: webdriver.Chrome, cell: WebElement, code: str) -> None:
    """Write `code` in place of what stands in a cell, and run the cell."""
    keys = ActionChains(browser).click(cell.find_element(By.CSS_SELECTOR, ".cm-content"))
    keys.key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).perform()
    # As from the clipboard: typed letter by letter, the editor would add brackets and indents of its own.
    browser.execute_script("document.execCommand('insertText', false, arguments[0])", code)
    ActionChains(browser).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()


def is_marked_as_changed(browser: webdriver.Chrome) -> bool:
    """Return whether JupyterLab would ask whether to save."""
    return bool(browser.find_elements(By.CSS_SELECTOR, ".lm-TabBar-tab.jp-mod-dirty"))


def answer_first_exercise(browser: webdriver.Chrome, stored: nbformat.NotebookNode) -> None:
    """Put the first solution of a lesson into the cell to fill in, and wait until the check says that it is right."""
    solution = next(found for cell in stored.cells if (found := solution_of(cell)))
    cell = cell_with(browser, f"check.{checked(solution)}(")
    assert "Open:" in cell.text and "Hint:" in cell.text
    write_and_run(browser, cell, solution)
    wait_for(lambda: "Right:" in cell.text, f"Right: for check.{checked(solution)}", 60)
    assert not any(one.get_attribute("open") for one in browser.find_elements(By.CSS_SELECTOR, ".jp-Cell details"))


@pytest.mark.parametrize("lesson", sorted(path.stem for path in (TOP / "nbs").glob("0[0-6]_*.ipynb")))
def test_attendee_goes_through_a_lesson_of_the_starred_path(lab: tuple[str, Path], lesson: str) -> None:
    address, folder = lab
    stored = nbformat.read(TOP / "nbs" / f"{lesson}.ipynb", as_version=4)
    with open_browser() as browser:
        open_lesson(browser, address, f"{lesson}.ipynb")
        assert not is_marked_as_changed(browser), "opening it is no change"
        keep_screenshot(browser, f"lab_{lesson}_opened")
        notebook, _ = run_all(browser, folder / f"{lesson}.ipynb", 240)
        keep_screenshot(browser, f"lab_{lesson}_done")
        assert browser.find_elements(By.CSS_SELECTOR, ".jp-RenderedImage img")
        answer_first_exercise(browser, stored)
        keep_screenshot(browser, f"lab_{lesson}_answered")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert errors(notebook) == []
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert count_plots(notebook) >= count_plots(stored) > 0
    widgets = [cell for cell in code if WIDGET_TAG in cell.metadata.get("tags", [])]
    assert all(is_widget(cell) for cell in widgets), "a widget was not shown"
    assert not stores_bar(notebook)


def stores_bar(notebook: nbformat.NotebookNode) -> bool:
    """Return whether a progress bar is left among the outputs."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return any("<progress" in output.get("data", {}).get("text/html", "") for output in outputs)


def test_progress_bar_shows_the_remaining_time_and_leaves_nothing(lab: tuple[str, Path]) -> None:
    address, folder = lab
    # Not a lesson: how long its work takes depends on the machine, and what is quick shows no bar.
    lines = ["import time", "from imgclass_course.foundation.progress import progress_bar"]
    lines += ["for _ in progress_bar(range(50), 'Waiting', 'steps'):", "    time.sleep(0.1)"]
    cell = nbformat.v4.new_code_cell("\n".join(lines))
    metadata = nbformat.read(TOP / "nbs" / "index.ipynb", as_version=4).metadata  # or JupyterLab asks for a kernel
    nbformat.write(nbformat.v4.new_notebook(metadata=metadata, cells=[cell]), folder / "bar.ipynb")
    with open_browser() as browser:
        open_lesson(browser, address, "bar.ipynb")
        notebook, bar = run_all(browser, folder / "bar.ipynb", 60)
    assert errors(notebook) == []
    assert bar and "Waiting" in bar and " left" in bar, "no progress bar was seen"
    assert not stores_bar(notebook)


def is_widget(cell: nbformat.NotebookNode) -> bool:
    """Return whether a cell shows something to move."""
    return any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in cell.outputs)


def test_tensorboard_opens_in_its_lesson(lab: tuple[str, Path]) -> None:
    address, folder = lab
    with open_browser((1400, 1400)) as browser:
        open_lesson(browser, address, "10_training_runs.ipynb")
        notebook, _ = run_all(browser, folder / "10_training_runs.ipynb", 300)
        assert errors(notebook) == []
        frame = wait_for(lambda: browser.find_element(By.CSS_SELECTOR, "iframe[id^=tensorboard]"), "TensorBoard")
        browser.execute_script("arguments[0].scrollIntoView({block: 'start'})", frame)
        browser.switch_to.frame(frame)
        for tag in ("epoch_accuracy", "epoch_loss"):
            wait_for(lambda tag=tag: tag in browser.find_element(By.TAG_NAME, "body").text, f"scalar {tag}", 90)
        runs = browser.find_element(By.TAG_NAME, "body").text
        assert "run_001/train" in runs and "run_001/validation" in runs
        time.sleep(3)  # the curves are drawn a moment after their names
        keep_screenshot(browser, "tensorboard")


def test_nothing_is_left_when_jupyterlab_stops(tmp_path: Path) -> None:
    require_browser()
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": {"allow_root": True}}))
    environment = child_environment(JUPYTER_CONFIG_DIR=str(tmp_path))
    environment = {name: value for name, value in environment.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, "-m", "imgclass_course.cli", "lab", str(tmp_path / "lessons"), "--no_browser"]
    port = free_port()
    for _ in range(2):  # a second time on the same port and folder
        log = tmp_path / "log.txt"
        with server([*command, "--port", str(port)], ADDRESS, log, environment, STOP) as address:
            assert f":{port}/" in address, "the port of the first start is still taken"
            with open_browser() as browser:
                open_lesson(browser, address, "01_images.ipynb")
        assert "Shutting down" in log.read_text() or "Shutdown" in log.read_text()
