"""The page for cleaning a folder in a real browser: the keyboard alone decides, names stay text, and nothing stalls."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import PHONE, WIDE, free_port, keep_screenshot, open_browser, require_browser, server, wait_for
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from support import encode, gradient, write_pictures

from imgclass_course.decisions import Decision, read_decisions

pytest.importorskip("starlette", reason="the library alone has no server")

MANY = 2000
LONGEST_STALL = 300  # milliseconds of work for a whole window of new pictures, which at least two frames share
HERE = Path(__file__).parent
ATTACK = "<img src=x onerror=document.title='run'>.png"
ODD_NAMES = [ATTACK, "\"'&.png", " line\nbreak.png", os.fsdecode(b"\xff.png")]
INLINE = (
    "document.body.append(Object.assign(document.createElement('script'), {textContent: \"document.title='run'\"}))"
)
# Serves findings of its own, without a network: what is tested here is the page.
SERVE = """
import sys
from imgclass_course.findings import Finding, find_near_duplicates, find_unreadable
from imgclass_course.bottlenecks import extract
from imgclass_course.image_folder import ImageFolder
from imgclass_course.outputs.cleaner import Cleaner
from imgclass_course.outputs.cleaner_server import open_port, serve
sys.path.insert(0, sys.argv[3])
from support import plain_backbone
images = ImageFolder.scan(sys.argv[1])
paths = images.readable["path"]
found = [Finding("suspects", path, f"looks like {images.classes[-1]}", images.classes[-1]) for path in paths]
found += find_near_duplicates(extract(images, backbone=plain_backbone())) if len(paths) < 100 else []
with open_port(int(sys.argv[2])) as listening:
    serve(Cleaner(images, [*found, *find_unreadable(images)]), listening, False)
"""


@contextmanager
def served(root: Path, log: Path) -> Iterator[str]:
    """Serve a page on all pictures of a folder; yield its address."""
    require_browser()
    command = [sys.executable, "-c", SERVE, str(root), str(free_port()), str(HERE)]
    with server(command, r"http://127\.0\.0\.1:\d+", log) as address:
        yield address
    assert "Traceback" not in log.read_text(), log.read_text()


@contextmanager
def opened(root: Path, log: Path, size: tuple[int, int] = WIDE) -> Iterator[webdriver.Chrome]:
    """Open the page of a folder in a browser."""
    with served(root, log) as address, open_browser(size) as page:
        page.get(address)
        wait_for(lambda: page.find_elements(By.CSS_SELECTOR, "#sections button"), "sections")
        yield page
        told = [entry for entry in page.get_log("browser") if entry["source"] != "network"]  # of scripts and the policy
        assert told == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return three classes of six pictures, two of them copies, and a file that is no picture."""
    root = write_pictures(tmp_path / "pictures", {"blue": 6, "green": 6, "red": 6})
    (root / "green" / "twin.png").write_bytes((root / "blue" / "000.png").read_bytes())
    (root / "red" / "words.png").write_text("words")
    return root


def press(page: webdriver.Chrome, *keys: str) -> None:
    """Press keys, one after the other."""
    ActionChains(page).send_keys(*keys).perform()


def status(page: webdriver.Chrome) -> str:
    """Return what the page says."""
    return page.find_element(By.ID, "status").text


def said(page: webdriver.Chrome, words: str) -> None:
    """Wait until the page says something."""
    wait_for(lambda: words in status(page), f"status {words!r}", 10)


def here(page: webdriver.Chrome) -> str:
    """Return the name of what has the focus."""
    return page.switch_to.active_element.accessible_name


def test_keyboard_alone_decides_and_undoes(root: Path, tmp_path: Path) -> None:
    with opened(root, tmp_path / "log.txt") as page:
        assert here(page).startswith("blue/000.png, in blue, looks like red, undecided, 1 of 19")
        focused = page.switch_to.active_element
        assert page.execute_script("return getComputedStyle(arguments[0]).outlineStyle", focused) == "solid"
        press(page, "k")
        said(page, "blue/000.png: ✓ stays")
        press(page, "m")
        said(page, "blue/001.png: → moves to red")
        press(page, Keys.ARROW_RIGHT, "x")
        said(page, "blue/003.png: ✕ left out")
        assert here(page).startswith("blue/004.png")
        press(page, "c")
        assert here(page) == "Class to move to"
        press(page, "gre", Keys.ENTER)
        said(page, "blue/004.png: → moves to green")
        decided = {
            "blue/000.png": Decision("blue/000.png", "keep"),
            "blue/001.png": Decision("blue/001.png", "move", "red"),
            "blue/003.png": Decision("blue/003.png", "leave out"),
            "blue/004.png": Decision("blue/004.png", "move", "green"),
        }
        assert read_decisions(root) == decided
        press(page, "u")
        said(page, "blue/004.png: taken back")
        assert here(page).startswith("blue/004.png, in blue, looks like red, undecided")
        del decided["blue/004.png"]
        assert read_decisions(root) == decided
        marks = [card.get_attribute("data-choice") for card in page.find_elements(By.CSS_SELECTOR, ".card")[:5]]
        assert marks == ["keep", "move", None, "leave out", None]
        assert page.find_element(By.CSS_SELECTOR, "#sections button").accessible_name == "Suspects: 3 of 19 decided"
        keep_screenshot(page, "cleaner")
        page.refresh()
        wait_for(lambda: here(page).startswith("blue/002.png"), "first undecided picture")
        assert "blue/003.png, in blue, looks like red, ✕ left out" in page.page_source
        press(page, "u")
        said(page, "blue/003.png: taken back")


def test_keys_go_in_all_directions_and_through_sections(root: Path, tmp_path: Path) -> None:
    with opened(root, tmp_path / "log.txt") as page:
        columns = page.execute_script("return getComputedStyle(document.querySelector('.cards')).gridTemplateColumns")
        press(page, Keys.ARROW_DOWN)
        assert f"{len(columns.split()) + 1} of 19" in here(page)
        press(page, Keys.ARROW_UP, Keys.ARROW_LEFT)
        assert "1 of 19" in here(page)
        press(page, Keys.END)
        assert "19 of 19" in here(page)
        press(page, "s")
        assert here(page).startswith("blue/000.png, in blue, nearly the same as green/twin.png")
        keep_screenshot(page, "cleaner_duplicates")
        press(page, "s")
        assert here(page).startswith("red/words.png, in red, ") and "text" in here(page)
        wait_for(lambda: "cannot be shown" in page.find_element(By.ID, "main").text, "place of an unreadable file")
        press(page, "m")
        said(page, "Choose a class first")
        press(page, Keys.ESCAPE, "x")
        said(page, "red/words.png: ✕ left out")
        press(page, Keys.TAB)
        assert here(page) == "Keep"


def test_mouse_does_the_same_on_a_phone(root: Path, tmp_path: Path) -> None:
    with opened(root, tmp_path / "log.txt", PHONE) as page:
        card = page.find_elements(By.CSS_SELECTOR, ".card")[0]
        for kind, words in (("keep", "stays"), ("leave-out", "left out"), ("move", "moves to red")):
            card.find_element(By.CLASS_NAME, kind).click()
            said(page, words)
        keep_screenshot(page, "cleaner_phone")
        assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        page.find_element(By.ID, "undo").click()
        said(page, "taken back")
        assert read_decisions(root) == {"blue/000.png": Decision("blue/000.png", "leave out")}


def test_file_that_became_wrong_and_a_server_that_ended_are_said(root: Path, tmp_path: Path) -> None:
    with served(root, tmp_path / "log.txt") as address, open_browser() as page:
        page.get(address)
        wait_for(lambda: here(page).startswith("blue/000.png"), "first picture")
        press(page, "k")
        said(page, "stays")
        (root / "imgclass_decisions.csv").write_text("nonsense")
        press(page, "k")
        said(page, "begins with the line")
        page.execute_cdp_cmd("Network.enable", {})
        page.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
        )
        press(page, "k")
        said(page, "The server does not answer any more")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the file system allows no such names")
def test_hostile_names_stay_text(tmp_path: Path) -> None:
    hostile = ATTACK.replace(".png", "")
    root = write_pictures(tmp_path / "pictures", {hostile: 2, "zebra": 2})
    for number, name in enumerate(ODD_NAMES):
        (root / hostile / name).write_bytes(encode(gradient(seed=50 + number)))
    with opened(root, tmp_path / "log.txt") as page:
        cards = page.find_elements(By.CSS_SELECTOR, ".card")
        names = [card.find_element(By.CLASS_NAME, "name").text for card in cards]
        assert f"{hostile}/{ATTACK}" in names and any("\\x0a" in name for name in names)
        press(page, *"mkmkm")
        said(page, f"{hostile}/{ATTACK}: → moves to zebra")
        press(page, "k")
        said(page, "is no text: rename")
        assert page.title == "Clean a folder of pictures"
        images = page.execute_script("return [...document.images].map(one => new URL(one.src).pathname)")
        assert len(images) >= 8 and all("/picture/" in source for source in images)
        keep_screenshot(page, "cleaner_hostile")
        assert [entry for entry in page.get_log("browser") if entry["source"] != "network"] == []
        page.execute_script(INLINE)  # what a name would have to get into the page
        assert page.title == "Clean a folder of pictures"
        assert any("Content Security Policy" in entry["message"] for entry in page.get_log("browser"))


# Scrolls on by a window; returns once it is drawn, with whether the end is reached.
STEP = """
const done = arguments[0];
scrollBy(0, innerHeight);
const atEnd = () => scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
requestAnimationFrame(() => requestAnimationFrame(() => done(atEnd())));
"""


def work(page: webdriver.Chrome) -> float:
    """Return the milliseconds for which the page has kept a processor busy so far.

    The time between two frames is also that of whatever else the machine does; this is the page's own.
    """
    metrics = page.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return 1000 * next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def test_two_thousand_suspects_scroll_without_a_stall(tmp_path: Path) -> None:
    root = write_pictures(tmp_path / "pictures", {f"class {number}": MANY // 10 for number in range(10)})
    with opened(root, tmp_path / "log.txt") as page:
        page.set_script_timeout(120)
        assert len(page.find_elements(By.CSS_SELECTOR, ".card")) == MANY
        page.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        busy, at_end = [], False
        while not at_end:
            before = work(page)
            at_end = page.execute_async_script(STEP)
            busy.append(work(page) - before)
        print(f"{len(busy)} steps, median {sorted(busy)[len(busy) // 2]:.0f} ms, most {max(busy):.0f} ms")
        assert max(busy) <= LONGEST_STALL
        loaded = "return [...document.images].filter(one => one.complete && one.naturalWidth).length"
        wait_for(lambda: page.execute_script(loaded) == MANY, "all pictures", 60)
        press(page, Keys.END, "x")
        said(page, "left out")
    assert len(read_decisions(root)) == 1
