"""The command line takes every flag of `retrain.py` and does what it says; a mistake is one line and exit code 2."""

import csv
import json
import os
import re
import shutil
import sqlite3
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pytest
from support import SMALL, assert_one_line_error, ordinary_user, run_command, run_python, write_pictures

from imgclass_course import transfer
from imgclass_course.cli import cli, main

Run = Callable[..., SimpleNamespace]
SHORT = ("--architecture", SMALL, "--how_many_training_steps", "4", "--eval_step_interval", "2")
SHARES = ("--validation_percentage", "20", "--testing_percentage", "20")


@pytest.fixture
def imgclass(capfd: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs `imgclass` in this process, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_command(capfd, *arguments)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a bottleneck store that the tests share, so that vectors are computed once."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def retrain(imgclass: Run, pictures: Path, store: Path) -> Run:
    """Return a function that runs `imgclass retrain` on the small pictures with further flags."""
    return lambda *flags: imgclass("retrain", pictures, "--bottleneck_dir", store, *SHORT, *SHARES, *flags)


@pytest.fixture
def picture(pictures: Path) -> Path:
    return pictures / "red" / "000.png"


def commands() -> Iterator[list[str]]:
    """Return the words of every command and subcommand."""

    def walk(group: click.Group, words: list[str]) -> Iterator[list[str]]:
        for name, command in group.commands.items():
            yield [*words, name]
            if isinstance(command, click.Group):
                yield from walk(command, [*words, name])

    yield []
    yield from walk(cli, [])


# Help


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_help_has_an_example(imgclass: Run, words: list[str]) -> None:
    for flag in ("--help", "-h"):
        result = imgclass(*words, flag)
        assert result.code == 0 and result.err == ""
        assert re.search(rf"^Example.*:\n  imgclass {' '.join(words)}", result.out.replace("\n\n", "\n"), re.M) or (
            "Example" in result.out and f"imgclass {' '.join(words)}" in result.out
        )
        assert max(map(len, result.out.splitlines())) <= 110


FLAGS_OF_RETRAIN_PY = """
image_dir output_graph intermediate_output_graphs_dir intermediate_store_frequency output_labels summaries_dir
how_many_training_steps learning_rate testing_percentage validation_percentage eval_step_interval train_batch_size
test_batch_size validation_batch_size print_misclassified_test_images bottleneck_dir final_tensor_name flip_left_right
random_crop random_scale random_brightness model_dir architecture tfhub_module saved_model_dir logging_verbosity
checkpoint_path
""".split()


@pytest.mark.parametrize("flag", FLAGS_OF_RETRAIN_PY)
def test_flag_of_retrain_py_is_known(flag: str) -> None:
    known = {name for parameter in cli.commands["retrain"].params for name in parameter.opts}
    assert f"--{flag}" in known


@pytest.mark.parametrize("flag", [flag for flag in FLAGS_OF_RETRAIN_PY if flag != "tfhub_module"])
def test_flag_of_retrain_py_is_in_the_help(imgclass: Run, flag: str) -> None:
    assert f"--{flag}" in imgclass("retrain", "--help").out


@pytest.mark.parametrize("flag", ["image", "graph", "labels"])
def test_flag_of_label_image_py_is_in_the_help(imgclass: Run, flag: str) -> None:
    assert f"--{flag}" in imgclass("label", "--help").out


def test_version_is_said(imgclass: Run) -> None:
    from imgclass_course import __version__

    assert imgclass("--version").out == f"imgclass, version {__version__}\n"


def test_no_arguments_give_the_help(imgclass: Run) -> None:
    result = imgclass()
    assert result.code == 2 and "Commands:" in result.out


HEAVY = "tensorflow keras pandas tensorflow_hub ai_edge_litert matplotlib scipy sklearn cv2 imgaug".split()
QUICK = {
    "import imgclass_course": ("import imgclass_course", 0.5),
    "imgclass --help": ("import sys; from imgclass_course.cli import main; assert main(['--help']) == 0", 1.0),
    "imgclass retrain --help": ("from imgclass_course.cli import main; assert main(['retrain', '--help']) == 0", 1.0),
}


@pytest.mark.parametrize(("code", "seconds"), QUICK.values(), ids=QUICK.keys())
def test_starts_fast_and_imports_nothing_heavy(code: str, seconds: float) -> None:
    times = []
    for _ in range(3):
        # The child's own processor time: what others do on this machine does not count.
        child = run_python("-c", f"import os, sys; {code}; print(sum(os.times()[:2]), *sys.modules)")
        assert child.returncode == 0, child.stderr
        used, *modules = child.stdout.splitlines()[-1].split()
        assert not set(modules) & set(HEAVY)
        times.append(float(used))
    assert statistics.median(times) <= seconds


def test_other_modules_leave_tensorflow_alone_until_it_is_needed() -> None:
    child = run_python("-c", "import sys, imgclass_course.transfer; print(*sys.modules)")
    assert child.returncode == 0, child.stderr
    assert not set(child.stdout.split()) & {"tensorflow", "keras", "tensorflow_hub", "ai_edge_litert"}


# Mistakes: one line on stderr, exit code 2, no traceback


MISTAKES = {
    "no folder": (["retrain"], "imgclass retrain FOLDER"),
    "folder twice": (["retrain", "a", "--image_dir", "b"], "once"),
    "missing folder": (["retrain", "nowhere"], "There is no folder"),
    "unknown flag": (["retrain", ".", "--learning_rat", "1"], "--learning_rate"),
    "unknown command": (["retrian", "."], "retrian"),
    "too many folders": (["retrain", "a", "b"], "unexpected extra argument"),
    "steps of zero": (["retrain", ".", "--how_many_training_steps", "0"], "how_many_training_steps"),
    "steps that are no number": (["retrain", ".", "--how_many_training_steps", "many"], "many"),
    "interval of zero": (["retrain", ".", "--eval_step_interval", "0"], "eval_step_interval"),
    "batch of zero": (["retrain", ".", "--train_batch_size", "0"], "train_batch_size"),
    "test batch of zero": (["retrain", ".", "--test_batch_size", "0"], "test_batch_size"),
    "validation batch of zero": (["retrain", ".", "--validation_batch_size", "0"], "validation_batch_size"),
    "test batch of -2": (["retrain", ".", "--test_batch_size", "-2"], "test_batch_size"),
    "learning rate of zero": (["retrain", ".", "--learning_rate", "0"], "learning_rate"),
    "learning rate that is no number": (["retrain", ".", "--learning_rate", "nan"], "learning_rate"),
    "endless learning rate": (["retrain", ".", "--learning_rate", "inf"], "learning_rate"),
    "share that is no number": (["retrain", ".", "--testing_percentage", "nan"], "testing_percentage"),
    "share of 100": (["retrain", ".", "--testing_percentage", "100"], "testing_percentage"),
    "shares of 100 together": (
        ["retrain", ".", "--testing_percentage", "60", "--validation_percentage", "40"],
        "together below 100",
    ),
    "unknown verbosity": (["retrain", ".", "--logging_verbosity", "LOUD"], "LOUD"),
    "checkpoint of another kind": (["retrain", ".", "--checkpoint_path", "/tmp/_retrain_checkpoint"], ".keras"),
    "views without a distortion": (["retrain", ".", "--augmented_views", "3"], "--flip_left_right"),
    "report in place of a folder": (["retrain", ".", "--report", "."], "is a folder"),
    "flag without its value": (["retrain", ".", "--output_graph"], "output_graph"),
    "no picture": (["label"], "imgclass label PICTURE"),
    "no classifier": (["label", "x.jpg"], "imgclass_classifier"),
    "top of zero": (["label", "x.jpg", "--top", "0"], "top"),
    "audit of nothing": (["audit"], "imgclass audit FOLDER"),
    "audit of a missing folder": (["audit", "nowhere"], "There is no folder"),
    "audit of two folders": (["audit", "a", "--image_dir", "b"], "once"),
    "no store": (["cache", "info", "--bottleneck_dir", "nowhere"], "no bottleneck store"),
    "unknown data set": (["data", "get", "nothing"], "flowers"),
    "missing archive": (["data", "get", "flowers", "--source", "gone.zip"], "gone.zip"),
    "no name": (["data", "get"], "NAME"),
    "port of zero": (["lab", "--port", "0"], "port"),
}


@pytest.mark.parametrize(("arguments", "word"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_one_line(imgclass: Run, arguments: list[str], word: str, tmp_path: Path) -> None:
    assert_one_line_error(imgclass(*arguments), word)
    assert list(tmp_path.iterdir()) == [], "something was left behind"


def test_mistake_in_a_child_process_is_one_line_too(tmp_path: Path) -> None:
    child = run_python("-m", "imgclass_course.cli", "retrain", str(tmp_path / "nowhere"))
    assert (child.returncode, child.stdout) == (2, "") and len(child.stderr.splitlines()) == 1


FOLDERS = {
    "no class folders": ({}, "no folders"),
    "one class": ({"only": 30}, "only the class only"),
    "an empty class": ({"a": 60, "b": 60, "empty": 0}, "Class empty has 0"),
    "too few for the split": ({"a": 60, "b": 1}, "Class b has 1"),
}


@pytest.mark.parametrize(("classes", "word"), FOLDERS.values(), ids=FOLDERS.keys())
def test_folder_that_cannot_be_trained_on_is_one_line(
    imgclass: Run, tmp_path: Path, classes: dict[str, int], word: str
) -> None:
    write_pictures(tmp_path / "folder", classes).mkdir(exist_ok=True)
    result = imgclass("retrain", "folder", "--bottleneck_dir", "store", *SHORT, *SHARES)
    assert_one_line_error(result, word)
    assert not (tmp_path / "imgclass_classifier").exists()


def test_unknown_architecture_is_one_line(imgclass: Run, pictures: Path, store: Path) -> None:
    result = imgclass("retrain", pictures, "--bottleneck_dir", store, *SHARES, "--architecture", "mobilenet_v1_100_12")
    assert_one_line_error(result, "Did you mean", "mobilenet_v1_100_128")


def test_store_that_is_no_store_is_one_line(imgclass: Run, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "bottlenecks.sqlite").write_bytes(b"words" * 1000)
    assert_one_line_error(imgclass("retrain", pictures, "--bottleneck_dir", "store", *SHORT), "delete it")


@pytest.mark.parametrize("flag", ["output_graph", "summaries_dir", "saved_model_dir"])
def test_folder_that_cannot_be_written_is_noticed_before_the_training(
    retrain: Run, tmp_path: Path, flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "retrain", lambda *_, **__: pytest.fail("trained"))
    (tmp_path / "file").touch()
    assert_one_line_error(retrain(f"--{flag}", "file/new"), "cannot be written")
    assert_one_line_error(retrain(f"--{flag}", "file"), "is a file")


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no such permissions")
def test_folder_without_permission_is_noticed_before_the_training(
    retrain: Run, shared_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "retrain", lambda *_, **__: pytest.fail("trained"))
    monkeypatch.chdir(shared_folder)
    with ordinary_user():
        result = retrain()
    assert_one_line_error(result, "cannot be written")


# retrain


def test_retrain_prints_its_result_and_nothing_else(retrain: Run, tmp_path: Path) -> None:
    result = retrain()
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith("3 classes, 60 pictures: ")
    assert lines[1].startswith("Bottlenecks: ")
    assert re.fullmatch(r"Accuracy on test pictures: [\d.]+ \[[\d.]+, [\d.]+\] \(\d+ of \d+\)", lines[2])
    assert [line.split() for line in lines[3:]] == [
        ["Classifier:", "imgclass_classifier"],
        ["Report:", os.path.join("imgclass_classifier", "report.html")],
    ]
    names = {path.name for path in (tmp_path / "imgclass_classifier").iterdir()}
    assert names == {"classifier.json", "head.keras", "labels.txt", "metrics.json", "report.html"}
    assert [path.name for path in tmp_path.iterdir()] == ["imgclass_classifier"]


def test_retrain_in_a_pipe_writes_no_progress_bar(pictures: Path, tmp_path: Path) -> None:
    child = run_python(
        "-m", "imgclass_course.cli", "retrain", str(pictures), "--bottleneck_dir", str(tmp_path / "store"),
        "--output_graph", str(tmp_path / "out"), "--saved_model_dir", str(tmp_path / "exported"), *SHORT, *SHARES,
    )  # fmt: skip
    assert (child.returncode, child.stderr) == (0, "")
    assert len(child.stdout.splitlines()) == 5 and not set(child.stdout) & set("\r\x1b█")
    assert "60 computed" in child.stdout


def test_image_dir_is_the_folder(imgclass: Run, pictures: Path, store: Path) -> None:
    assert imgclass("retrain", "--image_dir", pictures, "--bottleneck_dir", store, *SHORT, *SHARES).code == 0


def test_outputs_go_where_they_are_told(retrain: Run, tmp_path: Path) -> None:
    result = retrain("--output_graph", "one/classifier", "--output_labels", "names.txt", "--report", "page.html")
    assert result.code == 0
    assert (tmp_path / "names.txt").read_text() == "blue\ngreen\nred\n"
    assert "<html" in (tmp_path / "page.html").read_text()
    assert not (tmp_path / "one" / "classifier" / "report.html").exists()
    assert "page.html" in result.out


def metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_steps_are_trained_and_measured(retrain: Run, tmp_path: Path) -> None:
    assert retrain("--how_many_training_steps", "7", "--eval_step_interval", "3").code == 0
    assert metrics(tmp_path / "imgclass_classifier")["steps"] == 7


def test_learning_rate_and_batch_size_and_seed_matter(retrain: Run, tmp_path: Path) -> None:
    from imgclass_course.transfer import ImageClassifier

    def weights(*flags: str) -> np.ndarray:
        assert retrain("--output_graph", "one", *flags).code == 0
        return ImageClassifier.load(tmp_path / "one").head.get_weights()[0]

    plain = weights()
    np.testing.assert_array_equal(weights(), plain)
    for flags in (("--learning_rate", "0.5"), ("--train_batch_size", "3"), ("--seed", "1")):
        assert (weights(*flags) != plain).any()


def test_percentages_make_the_split(retrain: Run) -> None:
    assert "60 pictures: 60 train\n" in retrain("--testing_percentage", "0", "--validation_percentage", "0").out
    result = retrain("--testing_percentage", "0", "--validation_percentage", "40")
    assert "Accuracy on validation pictures" in result.out and " test" not in result.out


def test_class_that_a_split_lacks_is_named(imgclass: Run, tmp_path: Path, store: Path) -> None:
    write_pictures(tmp_path / "folder", {"a": 60, "b": 60, "few": 3})
    result = imgclass("retrain", "folder", "--bottleneck_dir", store, *SHORT)
    assert result.code == 0
    assert re.search(r"^No (validation|test) picture of few: add some", result.err, re.MULTILINE), result.err


def test_test_batch_size_limits_the_test(retrain: Run) -> None:
    assert " of 3)" in retrain("--test_batch_size", "3").out


def test_validation_batch_size_limits_each_measurement(
    imgclass: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    from imgclass_course import transfer

    seen = []
    original = transfer.train_head

    def watch(*arguments: object, **more: object) -> object:
        seen.append(len(more["validation"][0]))
        return original(*arguments, **more)

    monkeypatch.setattr(transfer, "train_head", watch)
    for flags in ((), ("--validation_batch_size", "4")):
        imgclass("retrain", pictures, "--bottleneck_dir", store, *SHORT, *SHARES, *flags)
    assert seen[0] > 4 and seen[1] == 4


def test_misclassified_test_images_are_listed(retrain: Run) -> None:
    result = retrain("--print_misclassified_test_images", "--learning_rate", "9", "--train_batch_size", "1")
    correct, count = map(int, re.search(r"\((\d+) of (\d+)\)", result.out).groups())
    listed = re.findall(r"^  (.+\.png): (\w+), taken for (\w+)$", result.out, re.M)
    assert len(listed) == count - correct > 0
    for path, label, taken in listed:
        assert Path(path).parent.name == label != taken


def test_summaries_are_written(retrain: Run, tmp_path: Path) -> None:
    assert retrain("--summaries_dir", "summaries").code == 0
    assert list((tmp_path / "summaries").rglob("events.out.tfevents.*"))


def test_checkpoint_keeps_the_best_head(retrain: Run, tmp_path: Path) -> None:
    import keras

    for flags in ((), ("--validation_percentage", "0")):
        assert retrain("--checkpoint_path", "best.keras", *flags).code == 0
        assert keras.models.load_model(tmp_path / "best.keras").output_shape == (None, 3)
        (tmp_path / "best.keras").unlink()


def test_checkpoint_follows_training_accuracy_where_there_is_no_validation(
    imgclass: Run, tmp_path: Path, store: Path
) -> None:
    for number, name in enumerate(("train", "validation")):
        write_pictures(tmp_path / "given" / name, {"a": 6, "b": 6}, first_seed=number * 100)
    for flags in (("--validation_percentage", "0"), ()):
        result = imgclass("retrain", "given", "--bottleneck_dir", store, *SHORT, "--checkpoint_path", "b.keras", *flags)
        assert (result.code, result.err) == (0, "") and (tmp_path / "b.keras").is_file()
        (tmp_path / "b.keras").unlink()


def test_intermediate_graphs_are_kept(retrain: Run, tmp_path: Path) -> None:
    flags = ("--how_many_training_steps", "6", "--eval_step_interval", "1", "--intermediate_store_frequency", "2")
    assert retrain(*flags, "--intermediate_output_graphs_dir", "steps").code == 0
    assert sorted(path.name for path in (tmp_path / "steps").iterdir()) == ["step_2", "step_4", "step_6"]
    assert (tmp_path / "steps" / "step_2" / "head.keras").is_file()


def test_intermediate_graphs_count_the_steps_before_the_first_measurement(retrain: Run, tmp_path: Path) -> None:
    flags = ("--how_many_training_steps", "7", "--eval_step_interval", "3", "--intermediate_store_frequency", "3")
    assert retrain(*flags, "--intermediate_output_graphs_dir", "steps").code == 0
    assert sorted(path.name for path in (tmp_path / "steps").iterdir()) == ["step_4", "step_7"]


def test_saved_model_has_the_named_output(retrain: Run, tmp_path: Path) -> None:
    import tensorflow as tf

    result = retrain("--saved_model_dir", "exported", "--final_tensor_name", "answers")
    assert (result.code, result.err) == (0, "")
    signature = tf.saved_model.load(str(tmp_path / "exported")).signatures["serving_default"]
    assert list(signature.structured_outputs) == ["answers"]


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARN", "ERROR", "FATAL"])
def test_every_verbosity_of_retrain_py_is_taken(imgclass: Run, level: str) -> None:
    assert_one_line_error(imgclass("retrain", "nowhere", "--logging_verbosity", level), "There is no folder")


@pytest.mark.parametrize("flag", ["--architecture", "--tfhub_module"])
def test_both_flags_name_the_backbone(
    imgclass: Run, pictures: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    from imgclass_course import backbones

    monkeypatch.setenv("TFHUB_CACHE_DIR", "before")
    monkeypatch.setattr(backbones, "_reachable", lambda url: False)
    flags = (*SHARES, "--model_dir", tmp_path / "models", flag, "mobilenet_v2_050_96")
    result = imgclass("retrain", pictures, "--bottleneck_dir", store, *flags)
    assert_one_line_error(result, "mobilenet_v2_050_96/feature_vector/5", str(tmp_path / "models"))


def test_default_store_is_in_the_cache_folder(
    imgclass: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMGCLASS_CACHE_DIR", str(tmp_path / "cache"))
    assert "60 computed" in imgclass("retrain", pictures, *SHORT, *SHARES).out
    assert (tmp_path / "cache" / "bottlenecks" / "bottlenecks.sqlite").is_file()
    assert "60 from the store, 0 computed" in imgclass("retrain", pictures, *SHORT, *SHARES).out
    assert re.search(rf"{SMALL} +1024 +60 ", imgclass("cache", "info").out)


def test_bad_pictures_are_listed_and_counted(imgclass: Run, pictures: Path, store: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(pictures, tmp_path / "copied"))
    (root / "red" / "new\nline.jpg").write_text("words")
    whole = (root / "red" / "000.png").read_bytes()
    (root / "red" / "000.png").write_bytes(whole[: len(whole) // 2])
    for number in range(12):
        (root / "blue" / f"empty{number:02}.jpg").touch()
    for _ in range(2):  # the second time the store knows them
        result = imgclass("retrain", root, "--bottleneck_dir", store, *SHORT, *SHARES)
        assert result.code == 0 and "3 classes, 59 pictures" in result.out
        lines = result.err.splitlines()
        assert lines[0].startswith("14 files are no readable picture") and len(lines) == 12
        assert os.path.join("blue", "empty00.jpg") + ": the file is empty" in lines[1]
        assert "4 more" in lines[-1] and "imgclass audit" in lines[-1]
    assert len(metrics(tmp_path / "imgclass_classifier")["left_out"]) == 14
    assert (root / "red" / "000.png").is_file()


# label


def test_label_names_pictures(imgclass: Run, classifier_folder: Path, picture: Path) -> None:
    result = imgclass("label", "--graph", classifier_folder, picture, "--image", picture, "--top", "2")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert len(lines) == 6 and lines[:3] == lines[3:]
    assert lines[0] == str(picture)
    scores = [re.fullmatch(r"  (\w+) \(score = (0\.\d{5})\)", line) for line in lines[1:3]]
    assert scores[0][1] == "red" and float(scores[0][2]) >= float(scores[1][2])


def test_label_goes_on_after_an_unreadable_picture(
    imgclass: Run, classifier_folder: Path, picture: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.jpg").write_text("words")
    result = imgclass("label", "--graph", classifier_folder, "words.jpg", picture, "gone.jpg", tmp_path)
    assert result.code == 0 and result.out.splitlines()[0] == str(picture)
    lines = result.err.splitlines()
    assert lines[0].startswith("3 files") and len(lines) == 4
    assert "words.jpg: not a picture but text" in lines[1] and "gone.jpg" in lines[2] and "No such file" in lines[2]


def test_label_without_any_readable_picture_fails(imgclass: Run, classifier_folder: Path) -> None:
    result = imgclass("label", "--graph", classifier_folder, "gone.jpg")
    assert result.code == 2 and result.out == ""
    assert result.err.splitlines()[-1] == "imgclass: None of the pictures could be read."


def test_label_with_other_names(imgclass: Run, classifier_folder: Path, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("bleu\nvert\nrouge\n", encoding="utf-8")
    result = imgclass("label", "--graph", classifier_folder, "--labels", "names.txt", picture, "--top", "1")
    assert "  rouge (score" in result.out and "red (" not in result.out


@pytest.mark.parametrize("data", [b"one\ntwo\n", b"", b"a\nb\nc\nd\n", b"\xff\xfe\n\xff\n\xff\n", None])
def test_label_with_wrong_names_is_one_line(
    imgclass: Run, classifier_folder: Path, picture: Path, tmp_path: Path, data: bytes | None
) -> None:
    if data is not None:
        (tmp_path / "names.txt").write_bytes(data)
    result = imgclass("label", "--graph", classifier_folder, "--labels", "names.txt", picture)
    assert_one_line_error(result, "names.txt")


def test_label_of_a_damaged_classifier_is_one_line(
    imgclass: Run, classifier_folder: Path, picture: Path, tmp_path: Path
) -> None:
    shutil.copytree(classifier_folder, tmp_path / "damaged")
    (tmp_path / "damaged" / "head.keras").write_bytes(b"words")
    assert_one_line_error(imgclass("label", "--graph", "damaged", picture), "damaged")


def test_label_agrees_with_the_library(imgclass: Run, classifier_folder: Path, pictures: Path) -> None:
    from imgclass_course.transfer import ImageClassifier

    paths = sorted(pictures.rglob("00*.png"))[:6]
    result = imgclass("label", "--graph", classifier_folder, "--top", "1", *paths)
    expected = ImageClassifier.load(classifier_folder).predict(paths, top=1)
    assert re.findall(r"\(score = (.*)\)", result.out) == [f"{best[0][1]:.5f}" for best in expected]


def test_names_that_the_terminal_cannot_show_are_escaped(
    classifier_folder: Path, picture: Path, tmp_path: Path
) -> None:
    shutil.copy(picture, tmp_path / "größe 图.png")
    arguments = ("label", "--graph", str(classifier_folder), str(tmp_path / "größe 图.png"), str(tmp_path / "没有.png"))
    child = run_python("-m", "imgclass_course.cli", *arguments, encoding="cp1252", PYTHONIOENCODING="cp1252")
    assert child.returncode == 0, child.stderr
    assert "größe \\u56fe.png" in child.stdout and "red (score" in child.stdout
    assert "\\u6ca1\\u6709.png: the file cannot be read" in child.stderr


# audit


def test_audit_says_what_is_wrong(imgclass: Run, pictures: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(pictures, tmp_path / "copied"))
    (root / "red" / "new\nline.jpg").write_text("words")
    shutil.copy(root / "red" / "001.png", root / "blue" / "copy.png")
    result = imgclass("audit", root, "--output", "table.csv", *SHARES)
    assert (result.code, result.err) == (0, "")
    assert re.search(r"^files that are no readable picture +1$", result.out, re.M)
    assert re.search(r"^pictures under two labels +1$", result.out, re.M)
    assert "new\\x0aline.jpg" in result.out and os.path.join("blue", "copy.png") in result.out
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 62 and {row["problem"] for row in rows} == {"", "not a picture but text"}


@pytest.mark.skipif(os.name != "posix", reason="other systems do not allow such names")
def test_audit_takes_names_that_are_not_text(imgclass: Run, pictures: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(pictures, tmp_path / "copied"))
    (root / "red").rename(root / os.fsdecode(b"r\xff\nd"))
    result = imgclass("audit", root, "--output", "table.csv", *SHARES)
    assert result.code == 0 and "r\\xff\\x0ad" in result.out and (tmp_path / "table.csv").is_file()


def test_audit_of_the_other_flag(imgclass: Run, pictures: Path) -> None:
    assert imgclass("audit", "--image_dir", pictures).code == 0


# cache


@pytest.fixture
def filled(imgclass: Run, pictures: Path, tmp_path: Path) -> Path:
    """Return a store folder with the vectors of a copy of the small pictures, made without a network."""
    from support import plain_backbone

    from imgclass_course.bottlenecks import BottleneckStore, extract
    from imgclass_course.datasets import ImageFolder

    root = Path(shutil.copytree(pictures, tmp_path / "copied"))
    with BottleneckStore(tmp_path / "store") as one:
        folder = ImageFolder.scan(root, catalogue=one)
        extract(folder.root, folder.readable, plain_backbone(), one)
    return tmp_path / "store"


def test_cache_info_counts(imgclass: Run, filled: Path) -> None:
    result = imgclass("cache", "info", "--bottleneck_dir", filled)
    assert result.code == 0 and "bottlenecks.sqlite" in result.out and re.search(r"plain +48 +60 ", result.out)


def test_cache_verify_finds_and_removes_damage(imgclass: Run, filled: Path) -> None:
    with sqlite3.connect(filled / "bottlenecks.sqlite") as database:
        database.execute("UPDATE vectors SET value = zeroblob(length(value)) WHERE rowid = 7")
    for expected in ("60 vectors checked, 1 damaged", "59 vectors checked, 0 damaged"):
        assert imgclass("cache", "verify", "--bottleneck_dir", filled).out.startswith(expected)


def test_cache_prune_forgets_what_is_gone(imgclass: Run, filled: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "copied" / "red")
    for removed in (20, 0):
        assert imgclass("cache", "prune", "--bottleneck_dir", filled).out == f"{removed} vectors removed\n"


@pytest.mark.parametrize("command", ["info", "verify", "prune"])
def test_cache_of_a_damaged_store_is_one_line(imgclass: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "bottlenecks.sqlite").write_bytes(b"words" * 5000)
    assert_one_line_error(imgclass("cache", command, "--bottleneck_dir", tmp_path), "delete it")


# lab


def test_lab_copies_the_lessons_once(imgclass: Run, tmp_path: Path) -> None:
    result = imgclass("lab", "lessons", "--copy_only")
    copied = sorted((tmp_path / "lessons").glob("*.ipynb"))
    assert result.code == 0 and result.out == f"{len(copied)} lessons copied to lessons\n" and len(copied) >= 7
    assert "01_images.ipynb" in {path.name for path in copied}
    copied[0].write_text("my own work")
    copied[1].unlink()
    assert imgclass("lab", "lessons", "--copy-only").out == "1 lessons copied to lessons\n"
    assert copied[0].read_text() == "my own work" and copied[1].is_file()


def test_lab_starts_jupyter_in_the_folder(imgclass: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr(os, "execv", lambda path, arguments: started.append(arguments))
    assert imgclass("lab", "lessons", "--no_browser", "--port", "9999").code == 0
    ((_, *arguments),) = started
    assert arguments[:2] == ["-m", "jupyterlab"] and "--ServerApp.port=9999" in arguments
    assert f"--ServerApp.root_dir={(tmp_path / 'lessons').resolve()}" in arguments
    assert "--ServerApp.open_browser=False" in arguments


def test_lab_in_place_of_a_file_is_one_line(imgclass: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    result = imgclass("lab", "file", "--copy_only")
    assert_one_line_error(result, "file")
    assert (tmp_path / "file").read_text() == "mine"


# Being interrupted


def test_interrupt_is_one_line(imgclass: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("imgclass_course.datasets.ImageFolder.scan", stop)
    result = imgclass("audit", ".")
    assert result.code == 2 and result.err.split() == ["imgclass:", "stopped"]


def test_main_may_be_called_with_the_arguments_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["imgclass", "--version"])
    assert main() == 0
