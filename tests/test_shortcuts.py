"""What alone tells the classes apart raises an alarm, and chance does not."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance, ImageOps
from support import encode, gradient, run_command, write_pictures

from imgclass_course.auditing import audit
from imgclass_course.datasets import dataset_folder
from imgclass_course.image_folder import ImageFolder
from imgclass_course.shortcuts import PROPERTIES, find_shortcuts, measure_pictures

CLASSES = ("birds", "bugs", "flowers", "homes")
PER_CLASS = 25


def drawings(folder: Path, change: Callable[[Image.Image], Image.Image], kind: str = "JPEG") -> Path:
    """Write drawings of four classes; the birds are changed, and saved as files of a kind."""
    for label in CLASSES:
        (folder / label).mkdir(parents=True)
        for path in sorted((dataset_folder("clipart") / label).glob("*.jpg"))[:PER_CLASS]:
            with Image.open(path) as image:
                picture = ImageOps.fit(image.convert("RGB"), (100, 100))
            content = encode(change(picture), kind) if label == "birds" else encode(picture, "JPEG")
            (folder / label / path.name).write_bytes(content)
    return folder


def same(image: Image.Image) -> Image.Image:
    return image


PLANTED = {
    "brightness": (
        lambda image: ImageEnhance.Brightness(image).enhance(0.5),
        "JPEG",
        r"birds are darker \(median \d+ against",
    ),
    "picture size": (
        lambda image: image.resize((150, 150)),
        "JPEG",
        r"birds are larger \(median 150 x 150 against 100 x 100",
    ),
    "aspect ratio": (lambda image: image.resize((125, 80)), "JPEG", r"birds are wider \(median 1.56 against 1.00\)"),
    "border colour": (
        lambda image: ImageOps.expand(image.resize((90, 90)), 5, "red"),
        "JPEG",
        r"birds have borders of another",
    ),
    "file format": (same, "PNG", r"birds are PNG files \(100 % against 0 %\)"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_shortcut_raises_an_alarm(tmp_path: Path, name: str) -> None:
    change, kind, sentence = PLANTED[name]
    found = {shortcut.name: shortcut for shortcut in find_shortcuts(ImageFolder.scan(drawings(tmp_path, change, kind)))}
    assert name in found and found[name].label == "birds" and found[name].gain >= 0.1
    assert pd.Series([str(found[name])]).str.contains(sentence).all()
    assert found[name].accuracy.interval[0] > found[name].chance


def test_drawings_as_they_are_raise_none(tmp_path: Path) -> None:
    assert find_shortcuts(ImageFolder.scan(drawings(tmp_path, same))) == []


def test_shuffled_labels_raise_hardly_any(tmp_path: Path) -> None:
    measures = measure_pictures(ImageFolder.scan(drawings(tmp_path, PLANTED["brightness"][0])))
    generator = np.random.default_rng(0)
    alarms = 0
    for seed in range(10):
        shuffled = measures.assign(label=generator.permutation(measures["label"]))
        alarms += bool(find_shortcuts(ImageFolder.scan(tmp_path), shuffled, seed))
    assert alarms <= 2


def test_measures_are_those_of_the_pictures(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    pixels = np.full((40, 80, 3), 100, np.uint8)
    pixels[:8], pixels[-8:], pixels[:, :8], pixels[:, -8:] = (200, 10, 0), (200, 10, 0), (200, 10, 0), (200, 10, 0)
    exif = Image.Exif()
    exif[0x0112] = 6  # it lies on its side
    (tmp_path / "a" / "1.png").write_bytes(encode(pixels))
    (tmp_path / "a" / "2.jpg").write_bytes(encode(pixels, "JPEG", exif=exif))
    (tmp_path / "a" / "copy.png").write_bytes(encode(pixels))
    (tmp_path / "a" / "cut.png").write_bytes(encode(gradient())[:200])
    measures = measure_pictures(ImageFolder.scan(tmp_path, 0, 0))
    assert measures["format"].tolist() == ["PNG", "JPEG"]
    assert measures[["width", "height"]].to_numpy().tolist() == [[80, 40], [40, 80]]
    assert measures.loc[0, ["red", "green", "blue"]].tolist() == pytest.approx([200, 10, 0], abs=5)
    assert 0 < measures["brightness"][0] < 255


def test_pictures_in_memory_and_too_few_of_them(tmp_path: Path) -> None:
    dark = [np.full((20, 20, 3), 10 + number, np.uint8) for number in range(30)]
    light = [np.full((20, 20, 3), 200 + number, np.uint8) for number in range(30)]
    held = ImageFolder.from_pictures([*dark, *light], ["night"] * 30 + ["day"] * 30)
    found = find_shortcuts(held)
    assert {shortcut.name for shortcut in found} == {"brightness", "border colour"}
    assert "all classes" in found[0].against and "names the class" in str(found[0])
    assert find_shortcuts(ImageFolder.from_pictures(dark, ["night"] * 30)) == []
    assert find_shortcuts(ImageFolder.from_pictures([*dark[:5], *light[:5]], ["n"] * 5 + ["d"] * 5)) == []
    assert find_shortcuts(ImageFolder.from_pictures([io.BytesIO(b"words")], ["a"])) == []


def test_audit_counts_and_command_says_what_goes_with_which_class(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    root = write_pictures(tmp_path / "pictures", {"a": 30, "b": 30})
    for path in (root / "b").iterdir():
        with Image.open(path) as image:
            image.point(lambda value: value // 3).save(path)
    folder = ImageFolder.scan(root)
    found = audit(folder, shortcuts=find_shortcuts(folder)).summary()["found"]
    assert found["properties that alone predict the class"] >= 1
    assert "properties that alone predict the class" not in audit(folder).summary().index
    result = run_command(capfd, "audit", root, "--no_near_duplicates", "--bottleneck_dir", tmp_path / "store")
    assert result.code == 0 and "brightness alone names the class" in result.out
    assert "a are brighter" in result.out or "b are darker" in result.out


def test_tablecloth_of_the_lesson_is_seen() -> None:
    """Desserts on a chequered cloth, fruit without: of lesson 05."""
    pictures, labels = [], []
    for label in ("desserts", "fruit"):
        for path in sorted((dataset_folder("clipart") / label).glob("*.jpg")):
            with Image.open(path) as image:
                pixels = np.array(image.convert("RGB").resize((128, 128)))
            if label == "desserts":
                rows, columns = np.indices(pixels.shape[:2]) // 8
                cloth = np.repeat(((rows + columns) % 2 * 255)[:, :, None], 3, axis=2).astype(np.uint8)
                cloth[12:-12, 12:-12] = pixels[12:-12, 12:-12]
                pixels = cloth
            pictures.append(pixels)
            labels.append(label)
    found = {shortcut.name: shortcut for shortcut in find_shortcuts(ImageFolder.from_pictures(pictures, labels))}
    assert "border colour" in found and found["border colour"].accuracy.value > 0.95
    assert set(found) <= set(PROPERTIES)
