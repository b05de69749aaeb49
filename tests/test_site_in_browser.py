"""The site: built offline from the notebooks, no broken link, and read in a wide and in a phone-sized window."""

import posixpath
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browser import PHONE, WIDE, keep_screenshot, open_browser, require_browser, wait_for
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from support import TOP, child_environment

LESSONS = sorted(path.stem for path in (TOP / "nbs").glob("*_*.ipynb"))
LOADED = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
}  # a page asks for these itself


# The lines of code in sight that do not fit; what is folded may be scrolled.
CUT_OFF = """
return [...document.querySelectorAll('.cell_input pre')].filter(one => !one.closest('details'))
  .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent.trim().slice(0, 60))
"""


class Page(HTMLParser):
    """What a page links to, what it loads, its anchors, and its pictures."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.pictures: list[dict[str, str | None]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.anchors.update(filter(None, (found.get("id"), found.get("name"))))
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if found.get(LOADED.get(tag, "")):
            self.loaded.append(found[LOADED[tag]])
        if tag == "img":
            self.pictures.append(found)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make site` does, with a proxy that leads nowhere: what asks for the network fails."""
    out = tmp_path_factory.mktemp("site") / "html"
    nowhere = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    command = [sys.executable, str(TOP / "scripts" / "build_site.py"), "--out", str(out)]
    built = subprocess.run(command, capture_output=True, text=True, env=child_environment(**nowhere))
    assert built.returncode == 0, built.stdout + built.stderr
    return out


def test_folder_with_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    command = [sys.executable, str(TOP / "scripts" / "build_site.py"), "--out", str(tmp_path)]
    built = subprocess.run(command, capture_output=True, text=True, env=child_environment())
    assert built.returncode != 0 and "something else than a site" in built.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    return {path.relative_to(site).as_posix(): Page(path) for path in site.glob("*.html")}


def test_every_lesson_is_a_page(pages: dict[str, Page]) -> None:
    assert {f"{name}.html" for name in LESSONS} | {"index.html", "search.html"} <= pages.keys()


def broken_links(site: Path, pages: dict[str, Page]) -> Iterator[str]:
    """Yield each link and each loaded file of the site that leads nowhere."""
    for name, page in pages.items():
        for address in page.links + page.loaded:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path) or name))
            target = name if not parts.path else target
            if not (site / target).is_file():
                yield f"{name}: {address}"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{name}: {address} (no such place on the page)"


def test_no_link_is_broken(site: Path, pages: dict[str, Page]) -> None:
    assert list(broken_links(site, pages)) == []
    assert sum(len(page.links) for page in pages.values()) > 500


def test_broken_links_are_found(site: Path, pages: dict[str, Page]) -> None:
    page = Page(site / "index.html")
    page.links = ["nowhere.html", "01_images.html#nowhere", "#nowhere", "01_images.html#exercises"]
    found = list(broken_links(site, pages | {"index.html": page}))
    assert len([one for one in found if "nowhere" in one]) == 3


def test_pages_load_nothing_from_elsewhere(pages: dict[str, Page]) -> None:
    elsewhere = {address for page in pages.values() for address in page.loaded if urlsplit(address).netloc}
    assert elsewhere == set()


def test_every_picture_has_a_text(pages: dict[str, Page]) -> None:
    lessons = [pages[f"{name}.html"] for name in LESSONS] + [pages["index.html"]]
    assert min(len(page.pictures) for page in lessons) > 0
    silent = [picture["src"] for page in lessons for picture in page.pictures if len(picture.get("alt") or "") < 10]
    assert silent == []


def test_what_is_folded_says_what_it_is(site: Path) -> None:
    page = (site / "00_first_classifier.html").read_text(encoding="utf-8")
    assert page.count("<summary>Solution</summary>") == 3 and page.count("Show what is asserted") > 3


def set_phone(browser: webdriver.Chrome) -> None:
    """Make the browser show pages as a phone does."""
    metrics = {"width": PHONE[0], "height": PHONE[1], "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def look(browser: webdriver.Chrome, site: Path, name: str, width: int) -> list[str]:
    """Open a page; return what is wrong with it as it is seen."""
    browser.get((site / name).as_uri())
    problems = []
    seen = browser.execute_script("return Math.max(innerWidth, document.documentElement.scrollWidth)")
    if seen > width:
        problems.append(f"{name} is {seen} pixels wide in a window of {width}")
    if width == WIDE[0] and (cut := browser.execute_script(CUT_OFF)):
        problems.append(f"{name} cuts off {cut}")
    empty = browser.execute_script(
        "return [...document.images].filter(one => one.complete && one.naturalWidth === 0).map(one => one.src)"
    )
    problems += [f"{name} lacks the picture {address}" for address in empty]
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(one => one.name)")
    problems += [f"{name} asked for {address}" for address in loaded if not address.startswith(("file:", "data:"))]
    return problems


@pytest.mark.parametrize(("window", "size"), [("wide", WIDE), ("phone", PHONE)])
def test_pages_fit_the_window(site: Path, pages: dict[str, Page], window: str, size: tuple[int, int]) -> None:
    require_browser()
    problems = []
    with open_browser(size) as browser:
        if window == "phone":
            set_phone(browser)
        for name in sorted(pages):
            problems += look(browser, site, name, size[0])
            if name in ("index.html", "01_images.html", "05_transfer_learning.html"):
                keep_screenshot(browser, f"site_{window}_{name.removesuffix('.html')}")
    assert problems == []


def test_search_navigation_and_solutions(site: Path) -> None:
    require_browser()
    with open_browser() as browser:
        browser.get((site / "index.html").as_uri())
        browser.find_element(By.LINK_TEXT, "04 Pretrained networks").click()
        wait_for(lambda: browser.current_url.endswith("04_pretrained_networks.html"), "lesson 04")
        browser.find_element(By.CSS_SELECTOR, "a.right-next").click()
        wait_for(lambda: browser.current_url.endswith("05_transfer_learning.html"), "the next lesson")
        solution = browser.find_element(By.CSS_SELECTOR, "#exercises details")
        assert solution.get_attribute("open") is None and solution.text == "Solution"
        solution.find_element(By.TAG_NAME, "summary").click()
        wait_for(lambda: "check." in solution.text, "solution", 10)
        browser.find_element(By.TAG_NAME, "body").send_keys(Keys.CONTROL, "k")
        time.sleep(0.5)  # the search field opens with a transition
        browser.switch_to.active_element.send_keys("chessboard", Keys.ENTER)
        results = wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, "#search-results li a"), "results")
        assert any("01_images.html" in one.get_attribute("href") for one in results)
        keep_screenshot(browser, "site_search")
