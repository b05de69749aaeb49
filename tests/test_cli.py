"""The command line: help, start-up, mistakes (one line and exit code 2), and the smaller commands."""

import csv
import os
import re
import shutil
import sqlite3
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from support import SMALL, assert_one_line_error, plain_backbone, run_command, run_python, write_pictures

from imgclass_course import __version__
from imgclass_course.cli import cli, main

Run = Callable[..., SimpleNamespace]
SHORT = ("--architecture", SMALL, "--how_many_training_steps", "4", "--eval_step_interval", "2")
SHARES = ("--validation_percentage", "20", "--testing_percentage", "20")


@pytest.fixture
def imgclass(capfd: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs `imgclass` in this process, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    return lambda *arguments: run_command(capfd, *arguments)


def commands() -> Iterator[list[str]]:
    """Yield the words of every command and subcommand."""

    def walk(group: click.Group, words: list[str]) -> Iterator[list[str]]:
        for name, command in group.commands.items():
            yield [*words, name]
            if isinstance(command, click.Group):
                yield from walk(command, [*words, name])

    yield []
    yield from walk(cli, [])


# Help and start-up


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_help_has_an_example(imgclass: Run, words: list[str]) -> None:
    for flag in ("--help", "-h"):
        result = imgclass(*words, flag)
        assert result.code == 0 and result.err == ""
        assert re.search(rf"^ *Example.*:\n+ *imgclass {' '.join(words)}", result.out, re.M)
        assert max(map(len, result.out.splitlines())) <= 110


OLD_FLAGS = {
    "retrain": """
        image_dir output_graph intermediate_output_graphs_dir intermediate_store_frequency output_labels summaries_dir
        how_many_training_steps learning_rate testing_percentage validation_percentage eval_step_interval
        train_batch_size test_batch_size validation_batch_size print_misclassified_test_images bottleneck_dir
        final_tensor_name flip_left_right random_crop random_scale random_brightness model_dir architecture tfhub_module
        saved_model_dir logging_verbosity checkpoint_path""",
    "label": "image graph labels input_height input_width input_mean input_std input_layer output_layer",
}


@pytest.mark.parametrize("command", OLD_FLAGS)
def test_every_flag_of_the_old_scripts_is_in_the_help(imgclass: Run, command: str) -> None:
    shown = set(re.findall(r"--(\w+)", imgclass(command, "--help").out))
    assert set(OLD_FLAGS[command].split()) - shown == set()


def test_version_and_missing_arguments(imgclass: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert imgclass("--version").out == f"imgclass, version {__version__}\n"
    result = imgclass()
    assert result.code == 2 and "Commands:" in result.out
    monkeypatch.setattr("sys.argv", ["imgclass", "--version"])  # as the console script calls it
    assert main() == 0


HEAVY = {"tensorflow", "keras", "tensorflow_hub", "ai_edge_litert", "matplotlib", "pandas", "numpy", "scipy", "sklearn"}
QUICK = {
    "import imgclass_course": ("import imgclass_course", 0.5),
    "imgclass --help": ("import sys; from imgclass_course.cli import main; assert main(['--help']) == 0", 1.0),
    "imgclass retrain --help": ("from imgclass_course.cli import main; assert main(['retrain', '-h']) == 0", 1.0),
}


@pytest.mark.parametrize(("code", "seconds"), QUICK.values(), ids=QUICK.keys())
def test_starts_fast_and_imports_nothing_heavy(code: str, seconds: float) -> None:
    times = []
    for _ in range(3):
        # The child's own processor time: what others do on this machine does not count.
        child = run_python("-c", f"import os, sys; {code}; print(sum(os.times()[:2]), *sys.modules)")
        assert child.returncode == 0, child.stderr
        used, *modules = child.stdout.splitlines()[-1].split()
        assert not set(modules) & (HEAVY | {"cv2", "imgaug"})
        times.append(float(used))
    assert statistics.median(times) <= seconds


def test_other_modules_leave_tensorflow_alone_until_it_is_needed() -> None:
    child = run_python("-c", "import sys, imgclass_course.transfer, imgclass_course.next_steps; print(*sys.modules)")
    assert child.returncode == 0, child.stderr
    assert not set(child.stdout.split()) & {"tensorflow", "keras", "tensorflow_hub", "ai_edge_litert"}


# Mistakes: one line on stderr, exit code 2, no traceback


LOGISTIC = ("retrain", ".", "--head", "logistic")
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
    "unknown head": (["retrain", ".", "--head", "forest"], "logistic"),
    "checkpoint of another kind": (["retrain", ".", "--checkpoint_path", "/tmp/_retrain_checkpoint"], ".keras"),
    "views without a distortion": (["retrain", ".", "--augmented_views", "3"], "--flip_left_right"),
    "report in place of a folder": (["retrain", ".", "--report", "."], "is a folder"),
    "flag without its value": (["retrain", ".", "--output_graph"], "output_graph"),
    "weights of an embedded network": (["retrain", ".", "--weights", "my.weights.h5"], "--weights"),
    "weights that are not there": (
        ["retrain", ".", "--architecture", "keras:MobileNetV2", "--weights", "gone.weights.h5"],
        "gone.weights.h5",
    ),
    "unknown Keras network": (["retrain", ".", "--architecture", "keras:Nothing"], "Nothing"),
    "unknown network": (["retrain", ".", "--architecture", "mobilenet_v1_100_12"], "Did you mean mobilenet_v1_100_1"),
    "network that the old script had": (["retrain", ".", "--architecture", "inception_v3"], "mobilenet_v1_100_224"),
    "steps of a head without steps": ([*LOGISTIC, "--how_many_training_steps", "5"], "--how_many_training_steps: only"),
    "rate of a head without steps": ([*LOGISTIC, "--learning_rate", "0.1"], "--learning_rate: only --head keras"),
    "batches of a head without steps": ([*LOGISTIC, "--train_batch_size", "5"], "--train_batch_size: only"),
    "interval of a head without steps": ([*LOGISTIC, "--eval_step_interval", "5"], "--eval_step_interval: only"),
    "checkpoint of a head without steps": ([*LOGISTIC, "--checkpoint_path", "a.keras"], "--checkpoint_path: only"),
    "states of a head without steps": (
        [*LOGISTIC, "--intermediate_store_frequency", "2", "--intermediate_output_graphs_dir", "states"],
        "--intermediate_output_graphs_dir, --intermediate_store_frequency: only --head keras",
    ),
    "no picture": (["label"], "imgclass label PICTURE"),
    "no classifier": (["label", "x.jpg"], "imgclass_classifier"),
    "top of zero": (["label", "x.jpg", "--top", "0"], "top"),
    "height of zero": (["label", "x.jpg", "--input_height", "0"], "input_height"),
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


def test_store_that_is_no_store_is_one_line(imgclass: Run, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "bottlenecks.sqlite").write_bytes(b"words" * 1000)
    assert_one_line_error(imgclass("retrain", pictures, "--bottleneck_dir", "store", *SHORT), "delete it")


def test_interrupt_is_one_line(imgclass: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("imgclass_course.datasets.ImageFolder.scan", stop)
    result = imgclass("audit", ".")
    assert result.code == 2 and result.err.split() == ["imgclass:", "stopped"]


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
    result = imgclass("audit", "--image_dir", pictures)
    assert result.code == 0 and "blue" in result.out


# cache


@pytest.fixture
def filled(pictures: Path, tmp_path: Path) -> Path:
    """Return a store folder with the vectors of a copy of the small pictures, made without a network."""
    from imgclass_course.bottlenecks import extract
    from imgclass_course.datasets import ImageFolder
    from imgclass_course.foundation.store import BottleneckStore

    root = Path(shutil.copytree(pictures, tmp_path / "copied"))
    with BottleneckStore(tmp_path / "store") as store:
        extract(ImageFolder.scan(root, catalogue=store), backbone=plain_backbone(), store=store)
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
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "mine")
    monkeypatch.setattr(os, "execv", lambda path, arguments: started.append(arguments))
    assert imgclass("lab", "lessons", "--no_browser", "--port", "9999").code == 0
    ((_, *arguments),) = started
    assert arguments[:2] == ["-m", "jupyterlab"] and "--ServerApp.port=9999" in arguments
    assert f"--ServerApp.root_dir={(tmp_path / 'lessons').resolve()}" in arguments
    assert "--ServerApp.open_browser=False" in arguments
    assert os.environ["JUPYTER_CONFIG_PATH"].split(os.pathsep)[1] == "mine"


def test_lab_without_jupyterlab_is_one_line(imgclass: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgclass_course.commands.lab.find_spec", lambda name: None)
    assert_one_line_error(imgclass("lab", "lessons"), 'pip install "imgclass_course[course]"')
    assert not (tmp_path / "lessons").exists()
    assert imgclass("lab", "lessons", "--copy_only").code == 0  # the lessons can be read elsewhere


def test_lab_in_place_of_a_file_is_one_line(imgclass: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    result = imgclass("lab", "file", "--copy_only")
    assert_one_line_error(result, "file")
    assert (tmp_path / "file").read_text() == "mine"
