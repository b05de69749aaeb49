"""A classifier as a page, in a real browser without a network: opened from a file, and as sure as in Python."""

import base64
import importlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import FAKE_CAMERA, OFFLINE, PHONE, keep_screenshot, open_browser, require_browser, wait_for
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from support import encode, gradient

from imgclass_course.backbones import Backbone
from imgclass_course.foundation.errors import ClassifierError, ExportError
from imgclass_course.foundation.litert import LiteRTGraph, add_head
from imgclass_course.foundation.picture_files import PREPARATIONS
from imgclass_course.foundation.pictures import as_pictures
from imgclass_course.foundation.runners import LiteRTRunner
from imgclass_course.outputs.classifier_files import load_classifier
from imgclass_course.outputs.saved_classifier import PROBABILITIES, SavedClassifier
from imgclass_course.outputs.web_page import SHOWN_CLASSES, build_web_page, export_web_page
from imgclass_course.running import litert_file

# What the page's own functions say of a file, given as base64: its square, base64 too, and its answer.
ASK = """
const [data, size, done] = arguments;
(async () => {
  const picture = await decode(new Blob([Uint8Array.from(atob(data), (character) => character.charCodeAt(0))]));
  const square = String.fromCharCode(...prepareBitmap(picture, size));
  return { ...(await classify(picture)), square: btoa(square) };
})().then(done, (error) => done({ error: String(error) }));
"""
# The same square made of raw pixels, RGBA.
PREPARE = """
const [data, width, height, size, preparation] = arguments;
const pixels = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
const readRows = (top, count) => pixels.subarray(4 * width * top, 4 * width * (top + count));
return btoa(String.fromCharCode(...prepare(width, height, readRows, size, preparation)));
"""
FOREIGN = """
const script = document.createElement("script");
script.text = "window.ran = 1";
document.body.append(script);
return window.ran;
"""
# What a person does with a file and the mouse, or the keys for pasting.
HAND_OVER = """
const [kind, name, data] = arguments;
const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
const transfer = new DataTransfer();
if (name) transfer.items.add(new File([bytes], name));
else transfer.setData("text/plain", "words");
const given = kind === "drop" ? new DragEvent(kind, { dataTransfer: transfer, cancelable: true, bubbles: true })
                              : new ClipboardEvent(kind, { clipboardData: transfer, bubbles: true });
document.body.dispatchEvent(given);
"""


@pytest.fixture(scope="module")
def classifier(classifier_folder: Path) -> SavedClassifier:
    return load_classifier(classifier_folder)


@pytest.fixture(scope="module")
def page_file(classifier_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_web_page(classifier_folder, tmp_path_factory.mktemp("web") / "page")


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """Start one browser for all tests: without a network, and with a camera that shows a moving picture."""
    require_browser()
    with open_browser(more_flags=(OFFLINE, *FAKE_CAMERA)) as browser:
        yield browser


@pytest.fixture
def page(browser: webdriver.Chrome, page_file: Path) -> webdriver.Chrome:
    """Return the browser with the page of the classifier; it is opened again only after another one was looked at."""
    return browser if browser.current_url == page_file.as_uri() else open_page(browser, page_file)


def open_page(browser: webdriver.Chrome, path: Path) -> webdriver.Chrome:
    """Open a page as a double click does, and wait until its classifier is ready."""
    browser.get(path.as_uri())
    wait_for(lambda: status(browser).startswith("Ready"), "classifier that is ready", 20)
    return browser


def status(page: webdriver.Chrome) -> str:
    return page.find_element(By.ID, "status").text


def choose(page: webdriver.Chrome, path: Path) -> str:
    """Choose a file, and return what the page then says."""
    page.execute_script("say('')")  # what it said before is no answer
    page.find_element(By.ID, "file").send_keys(str(path))
    return wait_for_answer(page)


def wait_for_answer(page: webdriver.Chrome) -> str:
    return wait_for(lambda: status(page) not in ("", "Looking…") and status(page), "answer", 20)


def shown_classes(page: webdriver.Chrome) -> list[str]:
    """Return the names that are listed, all of one moment: with a camera they change all the time."""
    return page.execute_script("return [...document.querySelectorAll('#classes bdi')].map((one) => one.textContent)")


def ask(page: webdriver.Chrome, data: bytes, size: int) -> tuple[dict[str, Any], np.ndarray]:
    """Return the page's answer to a file's bytes, and the square [size, size, 3] that its network saw."""
    found = page.execute_async_script(ASK, base64.b64encode(data).decode(), size)
    assert "error" not in found, found
    return found, np.frombuffer(base64.b64decode(found["square"]), np.uint8).reshape(size, size, 3)


def probabilities(found: dict[str, Any], classifier: SavedClassifier) -> np.ndarray:
    """Return what the page found [k], in the order of the classifier's classes."""
    by_name = {entry["name"]: entry["probability"] for entry in found["classes"]}
    return np.array([by_name[name] for name in classifier.classes_])


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """Return a picture with smooth parts, edges and noise."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (6, 8, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC), float)
    smooth[height // 3 : height // 2, width // 4 : width // 2] = (220, 40, 90)
    return Image.fromarray(np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8))


def see_through(image: Image.Image) -> Image.Image:
    """Return a picture that becomes transparent from corner to corner."""
    image = image.convert("RGBA")
    shares = np.indices((image.height, image.width)).sum(axis=0)
    image.putalpha(Image.fromarray((shares * 255 // shares.max()).astype(np.uint8)))
    return image


def turned(image: Image.Image) -> bytes:
    """Return a JPEG whose notes say that it lies on its side."""
    notes = Image.Exif()
    notes[0x112] = 6
    return encode(image, "JPEG", quality=95, exif=notes)


SMALL_FILES = {
    "PNG": lambda: encode(photo(180, 131)),
    "PNG in grey": lambda: encode(photo(180, 131).convert("L")),
    "PNG of few colours": lambda: encode(photo(90, 100).quantize(32)),
    "PNG with transparency": lambda: encode(see_through(photo(150, 130))),
    "PNG smaller than the network's pictures": lambda: encode(photo(40, 30)),
    "JPEG": lambda: encode(photo(200, 150), "JPEG", quality=90),
    "JPEG in grey": lambda: encode(photo(200, 150).convert("L"), "JPEG"),
    "JPEG on its side": lambda: turned(photo(200, 120)),
    "WebP": lambda: encode(photo(200, 150), "WEBP", quality=80),
    "WebP with transparency": lambda: encode(see_through(photo(150, 130)), "WEBP", lossless=True, exact=True),
    "GIF": lambda: encode(photo(120, 90), "GIF"),
}


@pytest.mark.parametrize("kind", SMALL_FILES)
def test_answer_is_that_of_python(page: webdriver.Chrome, classifier: SavedClassifier, kind: str) -> None:
    data, size = SMALL_FILES[kind](), classifier.image_size
    found, square = ask(page, data, size)
    picture = next(as_pictures(data))
    assert np.array_equal(square, picture.load(size))
    ours = classifier.predict_proba([data])[0]
    assert np.abs(probabilities(found, classifier) - ours).max() < 1e-4
    answer = classifier.predict(data)
    assert found["classes"][0]["name"] == answer and found["noneOfThese"] == answer.none_of_these
    assert found["distance"] == pytest.approx(answer.distance, abs=1e-4)


@pytest.mark.parametrize("size", [(777, 523), (1203, 907), (2050, 1100)])
def test_large_jpeg_is_seen_nearly_as_in_python(
    page: webdriver.Chrome, classifier: SavedClassifier, size: tuple[int, int]
) -> None:
    """Pillow decodes it at a reduced scale, which no browser offers."""
    data = encode(photo(*size), "JPEG", quality=90)
    found, square = ask(page, data, classifier.image_size)
    ours = next(as_pictures(data)).load(classifier.image_size)
    assert np.abs(square.astype(int) - ours).mean() < 0.25 and np.abs(square.astype(int) - ours).max() <= 4
    probability = classifier.predict_proba([data])[0]
    assert cosine(probabilities(found, classifier), probability) > 0.9999
    assert found["classes"][0]["name"] == classifier.classes_[probability.argmax()]


@pytest.mark.parametrize("preparation", PREPARATIONS)
def test_squares_are_those_of_pillow_to_the_last_bit(page: webdriver.Chrome, preparation: str) -> None:
    rng = np.random.default_rng(1)
    for width, height, size in [
        (1, 1, 4),
        (1, 90, 16),
        (97, 31, 32),
        (32, 32, 32),
        (33, 32, 32),
        (300, 211, 24),
        (20, 24, 64),
    ]:
        pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
        pixels[: height // 2, : width // 2] = (0, 255, 0)  # edges make Lanczos leave the range of a byte
        with_alpha = np.dstack([pixels, np.full((height, width), 255, np.uint8)])
        data = base64.b64encode(with_alpha.tobytes()).decode()
        square = base64.b64decode(page.execute_script(PREPARE, data, width, height, size, preparation))
        expected = PREPARATIONS[preparation](Image.fromarray(pixels), size)
        assert square == expected.tobytes(), (width, height, size)


def test_picture_is_shown_and_named(page: webdriver.Chrome, pictures: Path) -> None:
    said = choose(page, pictures / "red" / "000.png")
    assert said.startswith("red, ") and said.endswith("%")
    assert shown_classes(page)[0] == "red" and len(shown_classes(page)) == 3 <= SHOWN_CLASSES
    canvas = page.find_element(By.ID, "picture")
    assert canvas.is_displayed() and canvas.get_attribute("aria-label") == "000.png"
    assert page.find_element(By.ID, "known").text == "It knows 3 classes"
    assert not page.find_element(By.ID, "strange").is_displayed()
    choose(page, pictures / "red" / "000.png")  # the same file once more is no dead end
    keep_screenshot(page, "web_page")


def test_nothing_is_fetched_and_nothing_foreign_runs(page: webdriver.Chrome, pictures: Path) -> None:
    choose(page, pictures / "red" / "000.png")
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []  # refused, or gone wrong
    entries = page.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert all(name.startswith("blob:") for name in entries)
    fetched = "fetch(arguments[0]).then(() => arguments[1]('fetched'), () => arguments[1]('refused'))"
    assert page.execute_async_script(fetched, "data:text/plain,words") == "refused"
    assert page.execute_script(FOREIGN) is None


def test_page_fits_a_phone_and_a_dark_room(page: webdriver.Chrome, pictures: Path) -> None:
    choose(page, pictures / "green" / "001.png")
    phone = {"width": PHONE[0], "height": PHONE[1], "deviceScaleFactor": 1, "mobile": True}
    for colours in ("light", "dark"):
        media = {"features": [{"name": "prefers-color-scheme", "value": colours}]}
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        keep_screenshot(page, f"web_page_{colours}")
        page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
        width = page.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        keep_screenshot(page, f"web_page_phone_{colours}")
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        assert width[0] <= width[1] == PHONE[0]
    background = "return getComputedStyle(document.body).backgroundColor"
    assert page.execute_script(background) == "rgb(23, 25, 28)"
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_strange_picture_gets_a_warning(page: webdriver.Chrome, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    (tmp_path / "noise.png").write_bytes(encode(noise))
    assert choose(page, tmp_path / "noise.png") == "Perhaps none of these"
    assert page.find_element(By.ID, "strange").is_displayed()
    keep_screenshot(page, "web_page_strange")


BAD_FILES = {
    "words.jpg": (b"these are words", "no picture"),
    "nothing.png": (b"", "is empty"),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "SVG drawing"),
    "cut.png": (encode(gradient(300, 200))[:900], "cut short or damaged"),
    "huge.png": (encode(Image.new("1", (20_000, 10_000))), "more than 150,000,000 pixels"),
}


def test_bad_files_get_words_and_the_page_goes_on(page: webdriver.Chrome, tmp_path: Path, pictures: Path) -> None:
    for name, (data, words) in BAD_FILES.items():
        assert choose(page, pictures / "red" / "000.png").startswith("red")
        (tmp_path / name).write_bytes(data)
        said = choose(page, tmp_path / name)
        assert said.startswith(f"{name} cannot be used: ") and words in said
        assert shown_classes(page) == [] and not page.find_element(By.ID, "picture").is_displayed()
    keep_screenshot(page, "web_page_problem")


@pytest.mark.parametrize("kind, words", [("drop", "is no file"), ("paste", "no picture on the clipboard")])
def test_file_is_dropped_or_pasted(page: webdriver.Chrome, pictures: Path, kind: str, words: str) -> None:
    assert hand_over(page, kind, "new.png", (pictures / "blue" / "002.png").read_bytes()).startswith("blue, ")
    assert page.find_element(By.ID, "name").text == "new.png"
    assert words in hand_over(page, kind)


def hand_over(page: webdriver.Chrome, kind: str, name: str = "", data: bytes = b"") -> str:
    """Drop or paste a file, or words, and return what the page then says."""
    page.execute_script("say('')")
    page.execute_script(HAND_OVER, kind, name, base64.b64encode(data).decode())
    return wait_for_answer(page)


def press(page: webdriver.Chrome, key: str) -> None:
    """Press a key, for whatever has the focus."""
    webdriver.ActionChains(page).send_keys(key).perform()


def test_camera_is_used_with_the_keyboard_alone(page: webdriver.Chrome, pictures: Path) -> None:
    page.refresh()  # so that nothing has the focus yet
    wait_for(lambda: status(page).startswith("Ready"), "classifier that is ready", 20)
    press(page, Keys.TAB)
    assert page.switch_to.active_element.get_attribute("id") == "file"
    press(page, Keys.TAB)
    button = page.switch_to.active_element
    assert button.text == "Use the camera"
    press(page, Keys.ENTER)
    wait_for(lambda: len(shown_classes(page)) == 3, "classes of what the camera sees", 20)
    assert page.find_element(By.ID, "video").is_displayed() and button.text == "Stop the camera"
    keep_screenshot(page, "web_page_camera")
    page.execute_script("window.track = stream.getVideoTracks()[0]")
    press(page, Keys.SPACE)
    wait_for(lambda: not status(page).startswith("Looking"), "answer to the last picture", 10)
    assert status(page).startswith((*shown_classes(page)[:1], "Perhaps none of these"))
    assert page.find_element(By.ID, "picture").is_displayed() and not page.find_element(By.ID, "video").is_displayed()
    assert page.find_element(By.ID, "name").text == "From the camera"
    assert page.execute_script("return window.track.readyState") == "ended", "its light stays on"
    press(page, Keys.ENTER)
    wait_for(lambda: status(page).startswith("Looking through"), "camera that is on again", 10)
    page.find_element(By.ID, "file").send_keys(str(pictures / "red" / "000.png"))
    wait_for(lambda: status(page).startswith("red"), "answer to a file", 10)
    assert button.text == "Use the camera" and page.find_element(By.ID, "name").text == "000.png"


CAMERA_PROBLEMS = {
    "NotAllowedError": "may not be used",
    "NotFoundError": "no camera",
    "OddError": "cannot be used (odd)",
}


def test_camera_that_cannot_be_had_gets_words(page: webdriver.Chrome, pictures: Path) -> None:
    refuse = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('odd', %s); }"
    for error, words in CAMERA_PROBLEMS.items():
        page.execute_script(refuse % json.dumps(error))
        page.find_element(By.ID, "camera").click()
        wait_for(lambda: words in status(page), "words", 10)  # noqa: B023, called at once
        assert choose(page, pictures / "red" / "000.png").startswith("red")
    page.execute_script("delete navigator.mediaDevices.getUserMedia")  # the browser's own shows again


def test_hostile_names_stay_text(
    browser: webdriver.Chrome, classifier: SavedClassifier, tmp_path: Path, pictures: Path
) -> None:
    names = ("</script><script>window.ran = 1</script>", "<img src=x onerror='window.ran = 1'>", "%POLICY% <!-- \u2028")
    (tmp_path / "page.html").write_text(build_web_page(replace(classifier, classes_=names)), encoding="utf-8")
    page = open_page(browser, tmp_path / "page.html")
    name = "<b onclick='window.ran = 1'>.png"
    hand_over(page, "drop", name, (pictures / "red" / "000.png").read_bytes())
    assert page.execute_script("return about.classes") == list(names)
    assert sorted(shown_classes(page)) == sorted(names)
    assert page.find_element(By.ID, "name").text == name
    assert page.execute_script("return window.ran ?? null") is None


def test_several_networks_and_nothing_known(
    browser: webdriver.Chrome, classifier: SavedClassifier, small_backbone: Backbone, tmp_path: Path
) -> None:
    """A joined classifier sees a picture once for each network; without known pictures nobody can tell strangers."""
    network, rng = litert_file(small_backbone), np.random.default_rng(2)
    kernel = rng.normal(0, 0.1, (2 * small_backbone.feature_dim, 3)).astype(np.float32)
    joined = LiteRTRunner(add_head([network, network], [(kernel, np.zeros(3, np.float32), False)], 10.0))
    size = small_backbone.image_size
    other = replace(classifier, runner=joined, image_sizes=(size, size), known=None, layers=(), preparation="crop")
    (tmp_path / "page.html").write_text(build_web_page(other), encoding="utf-8")
    page = open_page(browser, tmp_path / "page.html")
    data = encode(photo(500, 300), "JPEG", quality=95)
    found, square = ask(page, data, size)
    assert np.array_equal(square, next(as_pictures(data)).load(size, preparation="crop"))
    ours = other.runner.with_outputs(PROBABILITIES).run((square, square))
    assert np.abs(probabilities(found, other) - ours).max() < 1e-4 and np.ptp(ours) > 0.01
    assert found["distance"] is None and found["noneOfThese"] is False


def test_classifier_in_8_bits_is_a_smaller_page(
    browser: webdriver.Chrome, classifier: SavedClassifier, page_file: Path, tmp_path: Path
) -> None:
    """What was quantised keeps its weights behind the graph, and both have to come along."""
    quantizer = pytest.importorskip("ai_edge_quantizer.quantizer")
    graph = LiteRTGraph(classifier.runner.model)
    for number, tensor in enumerate(graph.parts.tensors):  # the quantiser finds tensors by name
        tensor.name = f"tensor_{number}"
    (tmp_path / "named.tflite").write_bytes(graph.pack(graph.parts.inputs.tolist(), graph.parts.outputs.tolist()))
    work = quantizer.Quantizer(str(tmp_path / "named.tflite"))
    work.load_quantization_recipe(importlib.import_module("ai_edge_quantizer.recipe").weight_only_wi8_afp32())
    small = LiteRTRunner(bytes(work.quantize().quantized_model)).with_outputs(PROBABILITIES)
    (tmp_path / "page.html").write_text(build_web_page(replace(classifier, runner=small)), encoding="utf-8")
    assert (tmp_path / "page.html").stat().st_size < 0.6 * page_file.stat().st_size
    found, square = ask(open_page(browser, tmp_path / "page.html"), encode(photo(180, 131)), classifier.image_size)
    assert np.abs(probabilities(found, classifier) - small.run(square)).max() < 1e-4


# Without a browser


def test_page_is_written_whole_into_a_folder(page_file: Path, classifier_folder: Path, tmp_path: Path) -> None:
    assert page_file.name == "index.html" and [page_file] == list(page_file.parent.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="is a file: name a folder"):
        export_web_page(classifier_folder, tmp_path / "file")
    with pytest.raises(ClassifierError, match="holds no classifier"):
        export_web_page(tmp_path, tmp_path / "page")
    assert not (tmp_path / "page").exists()
