"""`imgclass label` takes the flags of `label_image.py`, names pictures and folders, and never needs TensorFlow."""

import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from support import assert_one_line_error, run_command, run_python

from imgclass_course.foundation import threads
from imgclass_course.foundation.pictures import Picture
from imgclass_course.outputs.classifier_files import load_classifier

Run = Callable[..., SimpleNamespace]


@pytest.fixture
def imgclass(capfd: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs `imgclass` in this process, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_command(capfd, *arguments)


@pytest.fixture
def label(imgclass: Run, classifier_folder: Path) -> Run:
    """Return a function that runs `imgclass label` with a classifier of red, green and blue pictures."""
    return lambda *arguments: imgclass("label", "--graph", classifier_folder, *arguments)


@pytest.fixture
def picture(pictures: Path) -> Path:
    return pictures / "red" / "000.png"


def named(result: SimpleNamespace) -> list[str]:
    """Return the pictures in what was printed, in order."""
    return [line for line in result.out.splitlines() if not line.startswith("  ")]


def test_label_names_pictures(label: Run, picture: Path) -> None:
    result = label(picture, "--image", picture, "--top", "2")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert len(lines) == 6 and lines[:3] == lines[3:]
    assert lines[0] == str(picture)
    scores = [re.fullmatch(r"  (\w+) \(score = (0\.\d{5})\)", line) for line in lines[1:3]]
    assert scores[0][1] == "red" and float(scores[0][2]) >= float(scores[1][2])


def test_label_agrees_with_the_library(label: Run, classifier_folder: Path, pictures: Path) -> None:
    paths = sorted(pictures.rglob("00*.png"))[:6]
    expected = load_classifier(classifier_folder).predict(paths)
    assert re.findall(r"\(score = (.*)\)", label("--top", "1", *paths).out) == [
        f"{answer.probability:.5f}" for answer in expected
    ]


@pytest.mark.parametrize("flag", [(), ("--image",)])
def test_label_takes_a_folder_with_what_lies_below(label: Run, picture: Path, tmp_path: Path, flag: tuple) -> None:
    names = ["b.png", "a.png", "below/c.png", ".hidden.png", ".hidden/d.png"]
    for name in names:
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, path)
    (tmp_path / "folder" / "notes.txt").write_text("words")
    result = label(*flag, "folder", "--top", "1")
    assert result.code == 0 and result.out.count("  red (score = ") == 3
    assert [Path(name).name for name in named(result)] == ["a.png", "b.png", "c.png"]
    assert "notes.txt: not a picture but text" in result.err
    (tmp_path / "empty").mkdir()
    assert_one_line_error(label("empty"), "no files in the folder empty")


def test_label_goes_on_after_unreadable_pictures_and_lists_them_all(label: Run, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "words.jpg").write_text("words")
    (tmp_path / "cut.png").write_bytes(picture.read_bytes()[:900])
    gone = [f"gone{number:02}.jpg" for number in range(12)]
    result = label("words.jpg", picture, "cut.png", *gone)
    assert result.code == 0 and named(result) == [str(picture)]
    first, *lines = result.err.splitlines()
    assert first.startswith("14 files") and len(lines) == 14
    assert "words.jpg: not a picture but text" in lines[0] and "cut.png: " in lines[1]
    assert all(name in line and "No such file" in line for name, line in zip(gone, lines[2:], strict=True))


def test_label_without_any_readable_picture_fails(label: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "words.jpg").write_text("words")
    result = label("gone.jpg", "folder")
    assert result.code == 2 and result.out == "" and "words.jpg: " in result.err
    assert result.err.splitlines()[-1] == "imgclass: None of the pictures could be read."


def test_label_of_many_pictures_uses_all_cores(label: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pictures have to be in hand at once, or the barrier breaks."""
    barrier, original, used = threading.Barrier(3, timeout=30), Picture.load, set()

    def load(picture: Picture, *arguments: object, **options: object) -> np.ndarray:
        used.add(threading.get_ident())
        if len(used) <= 3 and picture.name.endswith(("000.png", "001.png", "002.png")):
            barrier.wait()
        return original(picture, *arguments, **options)

    monkeypatch.setattr(threads, "num_cores", lambda: 3)
    monkeypatch.setattr(Picture, "load", load)
    result = label(pictures / "red", "--top", "1")
    assert result.code == 0 and len(used) == 3
    assert named(result) == [str(path) for path in sorted((pictures / "red").iterdir())]


# What the old script needed to be told


UNNEEDED = {"input_height": "128", "input_width": "128", "input_layer": "Placeholder", "output_layer": "final_result"}
UNNEEDED |= {"input_mean": "0", "input_std": "255"}


def test_flags_of_the_old_script_are_said_to_be_unneeded(label: Run, picture: Path) -> None:
    plain = label(picture)
    result = label(*(f"--{name}={value}" for name, value in UNNEEDED.items()), picture)
    assert result.code == 0 and result.out == plain.out
    assert result.err.count("\n") == 1 and "Not needed" in result.err
    assert all(f"--{name}" in result.err for name in UNNEEDED)
    assert "--input_width" not in label("--input_height", "128", picture).err


@pytest.mark.parametrize("flag", ["--input_height", "--input_width"])
def test_size_that_contradicts_is_one_line(label: Run, picture: Path, flag: str) -> None:
    assert_one_line_error(label(flag, "160", picture), f"{flag} 160", "128 pixels")


# Labels


def test_label_with_other_names(label: Run, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("bleu\nvert\nrouge\n", encoding="utf-8")
    result = label("--labels", "names.txt", picture)
    assert re.findall(r"^  (\w+) \(", result.out, re.M)[0] == "rouge" and "red (" not in result.out


@pytest.mark.parametrize("data", [b"one\ntwo\n", b"", b"a\nb\nc\nd\n", b"\xff\xfe\n\xff\n\xff\n", None])
def test_label_with_wrong_names_is_one_line(label: Run, picture: Path, tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / "names.txt").write_bytes(data)
    assert_one_line_error(label("--labels", "names.txt", picture), "names.txt")


def test_names_that_the_terminal_cannot_show_are_escaped(
    classifier_folder: Path, picture: Path, tmp_path: Path
) -> None:
    shutil.copy(picture, tmp_path / "größe 图.png")
    arguments = ("label", "--graph", str(classifier_folder), str(tmp_path / "größe 图.png"), str(tmp_path / "没有.png"))
    child = run_python("-m", "imgclass_course.cli", *arguments, encoding="cp1252", PYTHONIOENCODING="cp1252")
    assert child.returncode == 0, child.stderr
    assert "größe \\u56fe.png" in child.stdout and "red (score" in child.stdout
    assert "\\u6ca1\\u6709.png: the file cannot be read" in child.stderr


# Classifiers


def damage_model(folder: Path) -> None:
    (path,) = folder.glob("model-*.tflite")
    path.write_bytes(b"words")


def make_first_format(folder: Path) -> None:
    description = json.loads((folder / "classifier.json").read_text()) | {"format": 1}
    (folder / "classifier.json").write_text(json.dumps(description))
    (folder / "head.keras").write_bytes(b"words")


def replace_with_a_frozen_graph(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"an old graph")


CLASSIFIERS = {
    "damaged": (damage_model, "damaged"),
    "first format": (make_first_format, "format 1"),
    "frozen graph": (replace_with_a_frozen_graph, "a file"),
    "missing": (shutil.rmtree, "no classifier"),
}


@pytest.mark.parametrize(("change", "word"), CLASSIFIERS.values(), ids=CLASSIFIERS.keys())
def test_classifier_that_cannot_be_used_is_one_line(
    imgclass: Run, classifier_folder: Path, picture: Path, tmp_path: Path, change: Callable, word: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    change(Path(shutil.copytree(classifier_folder, tmp_path / "one")))
    assert_one_line_error(imgclass("label", "--graph", "one", picture), word, "one")
    monkeypatch.setitem(sys.modules, "gradio", ModuleType("gradio"))
    assert_one_line_error(imgclass("demo", "one"), "one")


WITHOUT_TENSORFLOW = """
import sys
from imgclass_course.cli import main

def imported(*names):
    print("imported:", *set(names) & set(sys.modules))

classifier, *pictures = sys.argv[1:]
assert main(["label", "--graph", classifier, *pictures]) == 0
imported("tensorflow", "keras", "sklearn", "pandas", "matplotlib", "scipy")
if {with_page}:
    from imgclass_course.outputs.classifier_files import load_classifier
    from imgclass_course.outputs.demo import answer, build_page

    one = load_classifier(classifier)
    build_page(one)
    assert answer(one, pictures[0]).named
    imported("tensorflow", "keras", "sklearn")  # Gradio imports some of the others
"""


def test_neither_label_nor_the_page_imports_tensorflow(classifier_folder: Path, pictures: Path) -> None:
    with_page = find_spec("gradio") is not None
    code, paths = WITHOUT_TENSORFLOW.format(with_page=with_page), [str(path) for path in pictures.glob("*/000.png")]
    child = run_python("-c", code, str(classifier_folder), *paths)
    assert (child.returncode, child.stderr) == (0, "")
    lines = child.stdout.splitlines()
    assert [line for line in lines if line.startswith("imported:")] == ["imported:"] * (1 + with_page)
    assert os.fspath(paths[0]) in lines
