"""The page for trying a classifier, in a real browser: a picture, and what is no picture."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import (
    FAKE_CAMERA,
    OFFLINE,
    PHONE,
    REFUSED_CAMERA,
    WIDE,
    free_port,
    keep_screenshot,
    open_browser,
    require_browser,
    server,
    wait_for,
)
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from support import encode, gradient, run_command

from imgclass_course.classifiers import Answer
from imgclass_course.foundation.picture_files import MAX_IMAGE_BYTES
from imgclass_course.outputs import demo
from imgclass_course.outputs.classifier_files import SavedClassifier, load_classifier


@pytest.fixture(scope="module")
def address(classifier_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start `imgclass demo` as a user does and return the page's address."""
    require_browser()
    port, log = free_port(), tmp_path_factory.mktemp("demo") / "log.txt"
    command = [sys.executable, "-m", "imgclass_course.cli", "demo", str(classifier_folder)]
    with server([*command, "--no_browser", "--port", str(port)], r"http://127\.0\.0\.1:\d+", log) as address:
        assert address.endswith(str(port))
        yield address
    assert "Traceback" not in log.read_text()


@pytest.fixture
def page(address: str) -> Iterator[webdriver.Chrome]:
    with open_browser() as browser:
        yield open_page(browser, address)


def open_page(browser: webdriver.Chrome, address: str) -> webdriver.Chrome:
    """Open the page and wait until it takes files."""
    browser.get(address)
    wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, "#dropped input[type=file]"), "place to drop a file")
    return browser


def open_camera(page: webdriver.Chrome) -> None:
    """Ask for the camera, with the keyboard; its button appears once the browser says that it has one."""
    find = "#camera button:not([aria-label])"
    wait_for(lambda: page.find_elements(By.CSS_SELECTOR, find), "button of the camera")[0].send_keys(Keys.ENTER)


def drop(page: webdriver.Chrome, path: Path) -> None:
    """Give the page a file, as a drop does."""
    page.find_element(By.CSS_SELECTOR, "#dropped input[type=file]").send_keys(str(path))


def text(page: webdriver.Chrome, part: str) -> str:
    """Return the text in a part of the page, as a person sees it."""
    return page.find_element(By.ID, part).text


def sources(page: webdriver.Chrome) -> list[str]:
    """Return every address that the page asked for."""
    script = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    return page.execute_script(script)


def test_picture_is_shown_and_named(page: webdriver.Chrome, address: str, pictures: Path) -> None:
    drop(page, pictures / "red" / "000.png")
    wait_for(lambda: "%" in text(page, "named"), "probabilities")
    assert text(page, "named").count("%") == 3 and "red" in text(page, "named")
    wait_for(lambda: page.find_elements(By.CSS_SELECTOR, "#shown img"), "picture")
    assert text(page, "message") == ""
    wait_for(lambda: page.find_elements(By.CSS_SELECTOR, "#bright img"), "what spoke for it")
    keep_screenshot(page, "demo_picture")
    assert not page.find_elements(By.ID, "camera"), "this browser has none"
    elsewhere = [source for source in sources(page) if not source.startswith((address, "data:", "blob:"))]
    assert elsewhere == [], "the page asks other machines"


def test_picture_of_the_camera_is_named(address: str) -> None:
    with open_browser(more_flags=(OFFLINE, *FAKE_CAMERA)) as page:
        open_camera(open_page(page, address))
        find = "#camera button[aria-label='capture photo']"
        wait_for(lambda: page.find_elements(By.CSS_SELECTOR, find), "shutter")
        wait_for(
            lambda: page.execute_script("return document.querySelector('#camera video').videoWidth"), "live picture"
        )
        page.find_element(By.CSS_SELECTOR, find).send_keys(Keys.ENTER)
        wait_for(lambda: "%" in text(page, "named"), "probabilities")
        wait_for(lambda: page.find_elements(By.CSS_SELECTOR, "#shown img"), "picture")
        keep_screenshot(page, "demo_camera")
        assert text(page, "camera_problem") == ""


def test_camera_that_is_refused_gets_words(address: str, pictures: Path) -> None:
    with open_browser(more_flags=(OFFLINE, *REFUSED_CAMERA)) as page:
        open_camera(open_page(page, address))
        wait_for(lambda: "may not be used: allow it" in text(page, "camera_problem"), "words")
        drop(page, pictures / "red" / "000.png")
        wait_for(lambda: "%" in text(page, "named"), "probabilities")


def test_strange_picture_gets_a_warning(page: webdriver.Chrome, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    (tmp_path / "noise.png").write_bytes(encode(noise))
    drop(page, tmp_path / "noise.png")
    wait_for(lambda: "none of these" in text(page, "message"), "warning")
    keep_screenshot(page, "demo_strange")


def test_page_fits_a_phone(page: webdriver.Chrome, pictures: Path) -> None:
    page.set_window_size(*PHONE)
    drop(page, pictures / "red" / "000.png")
    wait_for(lambda: "%" in text(page, "named"), "probabilities")
    keep_screenshot(page, "demo_phone")
    width = page.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1]
    page.set_window_size(*WIDE)


def test_text_file_gets_a_friendly_message(page: webdriver.Chrome, tmp_path: Path) -> None:
    (tmp_path / "words.jpg").write_text("these are words")
    drop(page, tmp_path / "words.jpg")
    wait_for(lambda: "cannot be used" in text(page, "message"), "message")
    assert "not a picture but text" in text(page, "message") and "%" not in text(page, "named")
    keep_screenshot(page, "demo_text_file")


def test_picture_of_too_many_pixels_gets_a_friendly_message(page: webdriver.Chrome, tmp_path: Path) -> None:
    (tmp_path / "huge.png").write_bytes(encode(Image.new("1", (20_000, 10_000))))
    drop(page, tmp_path / "huge.png")
    wait_for(lambda: "cannot be used" in text(page, "message"), "message")
    assert "more than 150,000,000 pixels" in text(page, "message")


def test_file_of_too_many_bytes_is_refused(page: webdriver.Chrome, tmp_path: Path, pictures: Path) -> None:
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(MAX_IMAGE_BYTES + 1)
    drop(page, tmp_path / "huge.jpg")
    wait_for(lambda: "exceed the maximum" in page.find_element(By.TAG_NAME, "body").text, "message about the size")
    keep_screenshot(page, "demo_large_file")


def test_page_goes_on_after_a_bad_file(page: webdriver.Chrome, tmp_path: Path, pictures: Path) -> None:
    (tmp_path / "words.jpg").write_text("these are words")
    drop(page, tmp_path / "words.jpg")
    wait_for(lambda: "cannot be used" in text(page, "message"), "message")
    page.find_element(By.CSS_SELECTOR, "#dropped button[aria-label='Clear']").click()
    wait_for(lambda: text(page, "message") == "", "empty message")
    wait_for(lambda: page.find_elements(By.CSS_SELECTOR, "#dropped input[type=file]"), "place to drop a file")
    drop(page, pictures / "blue" / "000.png")
    wait_for(lambda: "%" in text(page, "named"), "probabilities")


# Without a browser


@pytest.fixture(scope="module")
def classifier(classifier_folder: Path) -> SavedClassifier:
    return load_classifier(classifier_folder)


def test_answer_is_that_of_the_classifier(classifier: SavedClassifier, pictures: Path) -> None:
    path = pictures / "green" / "003.png"
    shown = demo.answer(classifier, str(path))
    assert shown.named == classifier.predict(path).probabilities and max(shown.named, key=shown.named.get) == "green"
    assert shown.message == "" and shown.picture.shape == shown.bright.shape == (30, 40, 3)
    assert demo.answer(classifier, None) == (None, None, None, "")


def test_what_spoke_for_the_class_is_bright(classifier: SavedClassifier, pictures: Path) -> None:
    path = pictures / "green" / "003.png"
    shown, places = demo.answer(classifier, str(path)), classifier.activation_map(path, "green")
    share = shown.bright.mean(axis=2) / np.maximum(shown.picture.mean(axis=2), 1)
    assert 0.2 < share.min() < 0.5 < 0.9 < share.max() < 1.05
    rows, columns = np.unravel_index([places.argmax(), places.argmin()], places.shape)
    (lit, dark) = share[rows * 30 // 4 + 3, columns * 40 // 4 + 5]
    assert lit > dark


def test_strange_picture_is_said_to_be_none_of_these(classifier: SavedClassifier, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    (tmp_path / "noise.png").write_bytes(encode(noise))
    shown = demo.answer(classifier, str(tmp_path / "noise.png"))
    assert "none of these" in shown.message and shown.picture is not None and len(shown.named) == 3


class TwentyClasses:
    """A classifier of another kind: all that the page needs of one."""

    classes_ = tuple(f"class {number}" for number in range(20))

    def predict(self, picture: str) -> Answer:
        """Take every picture for class 0, or refuse it by its name."""
        if "refused" in picture:
            return Answer(picture=picture, problem="it is refused")
        return Answer("class 0", picture, {name: 0.05 for name in self.classes_})


def test_page_takes_any_classifier(pictures: Path, tmp_path: Path) -> None:
    shown = demo.answer(TwentyClasses(), str(pictures / "red" / "000.png"))
    assert list(shown.named) == list(TwentyClasses.classes_[:5]) and shown.message == "" and shown.bright is None
    (tmp_path / "refused.png").write_bytes(encode(gradient()))
    shown = demo.answer(TwentyClasses(), str(tmp_path / "refused.png"))
    assert shown.picture is None and shown.named is None and "cannot be used: it is refused." in shown.message
    pytest.importorskip("gradio")
    page = demo.build_page(TwentyClasses())
    assert any("It knows 20 classes" in str(block.get_config().get("value")) for block in page.blocks.values())


def test_large_picture_is_shown_small(classifier: SavedClassifier, tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(encode(gradient(2000, 1000)))
    shown = demo.answer(classifier, str(tmp_path / "large.png"))
    assert shown.picture.shape == shown.bright.shape == (320, 640, 3)


def test_file_that_is_gone_gets_a_message(classifier: SavedClassifier, tmp_path: Path) -> None:
    shown = demo.answer(classifier, str(tmp_path / "gone.png"))
    assert shown.picture is None and shown.named is None and "No such file" in shown.message


def test_missing_gradio_is_one_line(
    capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    result = run_command(capfd, "demo", tmp_path)
    assert result.code == 2 and "imgclass_course[demo]" in result.err and len(result.err.splitlines()) == 1


def test_missing_classifier_is_one_line(capfd: pytest.CaptureFixture, tmp_path: Path) -> None:
    result = run_command(capfd, "demo", tmp_path)
    assert result.code == 2 and "holds no classifier" in result.err and len(result.err.splitlines()) == 1
