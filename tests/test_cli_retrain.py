"""`imgclass retrain` takes every flag of `retrain.py` and does what it says."""

import inspect
import json
import logging
import os
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support import CLOSED_PROXY, SMALL, assert_one_line_error, ordinary_user, run_command, run_python, write_pictures

from imgclass_course import retraining, transfer
from imgclass_course.backbones import Backbone
from imgclass_course.commands.retrain import LOG_LEVELS
from imgclass_course.outputs.classifier_files import load_classifier

Run = Callable[..., SimpleNamespace]
STEPS = ("--how_many_training_steps", "4", "--eval_step_interval", "2")
SHORT = ("--architecture", SMALL, *STEPS)
SHARES = ("--validation_percentage", "20", "--testing_percentage", "20")


@pytest.fixture
def imgclass(capfd: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs `imgclass` in this process, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"TF_CPP_MIN_LOG_LEVEL": "3", "TFHUB_CACHE_DIR": "before"}.items():  # `retrain` changes them
        monkeypatch.setenv(name, value)
    return lambda *arguments: run_command(capfd, *arguments)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a bottleneck store that the tests share, so that vectors are computed once."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def retrain(imgclass: Run, pictures: Path, store: Path) -> Run:
    """Return a function that runs `imgclass retrain` on the small pictures with further flags."""
    return lambda *flags: imgclass("retrain", pictures, "--bottleneck_dir", store, *SHORT, *SHARES, *flags)


@pytest.fixture(scope="module")
def lopsided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with few pictures of one class and more of another."""
    return write_pictures(tmp_path_factory.mktemp("lopsided") / "pictures", {"few": 12, "many": 30})


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test where it comes to a training."""
    monkeypatch.setattr(transfer, "retrain", lambda *_, **__: pytest.fail("trained"))


def metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def head_weights(folder: Path, backbone: Backbone) -> np.ndarray:
    return load_classifier(folder, backbone).head.model.get_weights()[0]


# What it prints and writes


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
    names = {re.sub("-.*", "", path.name) for path in (tmp_path / "imgclass_classifier").iterdir()}
    own = {"classifier.json", "head", "known", "labels.txt", "metrics.json", "model", "places", "report.html"}
    assert names == own
    assert [path.name for path in tmp_path.iterdir()] == ["imgclass_classifier"]


def test_retrain_in_a_pipe_says_nothing_else(pictures: Path, tmp_path: Path) -> None:
    child = run_python(
        "-m", "imgclass_course.cli", "retrain", str(pictures), "--bottleneck_dir", str(tmp_path / "store"),
        "--output_graph", str(tmp_path / "out"), "--saved_model_dir", str(tmp_path / "exported"), *SHORT, *SHARES,
    )  # fmt: skip
    assert (child.returncode, child.stderr) == (0, "")
    assert len(child.stdout.splitlines()) == 5 and not set(child.stdout) & set("\r\x1b█")
    assert "60 computed" in child.stdout


def test_image_dir_is_the_folder(imgclass: Run, pictures: Path, store: Path) -> None:
    assert imgclass("retrain", "--image_dir", pictures, "--bottleneck_dir", store, *SHORT, *SHARES).code == 0


def test_outputs_go_where_they_are_told_into_new_folders_too(retrain: Run, tmp_path: Path) -> None:
    result = retrain("--output_graph", "one/classifier", "--output_labels", "two/names.txt", "--report", "3/page.html")
    assert result.code == 0 and os.path.join("3", "page.html") in result.out
    assert (tmp_path / "two" / "names.txt").read_text() == "blue\ngreen\nred\n"
    assert "<html" in (tmp_path / "3" / "page.html").read_text()
    assert not (tmp_path / "one" / "classifier" / "report.html").exists()


def test_interrupted_saving_leaves_the_older_classifier(
    retrain: Run, imgclass: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert retrain().code == 0
    label = ("label", "--graph", "imgclass_classifier", pictures / "red" / "000.png")
    before = imgclass(*label).out

    def stop(path: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop)
        result = retrain("--seed", "1", "--learning_rate", "0.5")
    assert result.code == 2 and result.err.split() == ["imgclass:", "stopped"]
    assert imgclass(*label).out == before != ""


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    "flag", ["output_graph", "summaries_dir", "saved_model_dir", "intermediate_output_graphs_dir", "output_labels"]
)
def test_what_cannot_be_written_is_noticed_before_the_training(retrain: Run, tmp_path: Path, flag: str) -> None:
    (tmp_path / "file").touch()
    assert_one_line_error(retrain(f"--{flag}", "file/new"), "cannot be written", flag)
    there = "." if flag == "output_labels" else "file"
    assert_one_line_error(retrain(f"--{flag}", there), "is a folder" if there == "." else "is a file")


@pytest.mark.usefixtures("no_training")
@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no such permissions")
def test_folder_without_permission_is_noticed_before_the_training(
    retrain: Run, shared_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shared_folder)
    with ordinary_user():
        result = retrain()
    assert_one_line_error(result, "cannot be written")


# Training


def test_learning_rate_and_batch_size_and_seed_matter(retrain: Run, tmp_path: Path, small_backbone: Backbone) -> None:
    def weights(*flags: str) -> np.ndarray:
        assert retrain("--output_graph", "one", *flags).code == 0
        return head_weights(tmp_path / "one", small_backbone)

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


def test_batch_sizes_limit_what_is_measured(retrain: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, original = [], retraining.train_head

    def watch(*arguments: object, **more: object) -> object:
        seen.append(len(inspect.signature(original).bind(*arguments, **more).arguments["validation"][0]))
        return original(*arguments, **more)

    monkeypatch.setattr(retraining, "train_head", watch)
    assert " of 3)" in retrain("--test_batch_size", "3").out
    retrain("--validation_batch_size", "4")
    assert seen[0] > 4 and seen[1] == 4


def test_misclassified_test_images_are_listed(retrain: Run) -> None:
    result = retrain("--print_misclassified_test_images", "--learning_rate", "1e-9", "--train_batch_size", "1")
    correct, count = map(int, re.search(r"\((\d+) of (\d+)\)", result.out).groups())
    listed = re.findall(r"^  (.+\.png): (\w+), taken for (\w+)$", result.out, re.M)
    assert len(listed) == count - correct > 0
    for path, label, taken in listed:
        assert Path(path).parent.name == label != taken


def test_summaries_are_written(retrain: Run, tmp_path: Path) -> None:
    assert retrain("--summaries_dir", "summaries").code == 0
    assert list((tmp_path / "summaries" / "run_001").rglob("events.out.tfevents.*"))


def test_checkpoint_keeps_the_best_head(retrain: Run, tmp_path: Path) -> None:
    import keras

    checkpoint = ("--checkpoint_path", "new/best.keras")
    assert retrain(*checkpoint).err == ""
    path = tmp_path / "new" / "best.keras"
    kept = path.read_bytes()
    assert keras.models.load_model(path).output_shape == (None, 3)
    assert "new/best.keras keeps its earlier head" in retrain(*checkpoint, "--learning_rate", "1e-9").err
    # Another seed splits otherwise: this head has trained on pictures that it would be measured on.
    assert_one_line_error(retrain(*checkpoint, "--seed", "1"), "best.keras", "compared")
    assert_one_line_error(retrain(*checkpoint, "--testing_percentage", "5"), "compared")
    assert_one_line_error(retrain(*checkpoint, "--validation_batch_size", "4"), "compared")
    assert path.read_bytes() == kept


def test_checkpoint_follows_training_accuracy_where_there_is_no_validation(
    retrain: Run, imgclass: Run, tmp_path: Path, store: Path
) -> None:
    assert retrain("--checkpoint_path", "a.keras", "--validation_percentage", "0").err == ""
    for number, name in enumerate(("train", "validation")):
        write_pictures(tmp_path / "given" / name, {"a": 6, "b": 6}, first_seed=number * 100)
    for flags in (("--validation_percentage", "0"), ()):
        result = imgclass("retrain", "given", "--bottleneck_dir", store, *SHORT, "--checkpoint_path", "b.keras", *flags)
        assert (result.code, result.err) == (0, "") and (tmp_path / "b.keras").is_file()
        (tmp_path / "b.keras").unlink()
    assert (tmp_path / "a.keras").is_file()


@pytest.mark.parametrize(("interval", "every", "kept"), [(3, 3, [3, 6]), (25, 2, [2, 4, 6]), (1, 7, [7]), (2, 8, [])])
def test_intermediate_states_are_those_of_their_steps(
    retrain: Run, tmp_path: Path, small_backbone: Backbone, interval: int, every: int, kept: list[int]
) -> None:
    """The steps of the names have been trained, whether or not they fill intervals."""
    same = ("--validation_percentage", "0", "--eval_step_interval", str(interval))  # no best state is put back
    flags = ("--how_many_training_steps", "7", "--intermediate_store_frequency", str(every), *same)
    assert retrain(*flags, "--intermediate_output_graphs_dir", "states").code == 0
    assert metrics(tmp_path / "imgclass_classifier")["steps"] == 7
    states = sorted((tmp_path / "states").glob("*"))
    assert [path.name for path in states] == [f"step_{step}" for step in kept]
    for step, state in zip(kept[:1], states, strict=False):
        assert retrain("--how_many_training_steps", str(step), "--output_graph", "short", *same).code == 0
        expected = head_weights(tmp_path / "short", small_backbone)
        np.testing.assert_allclose(head_weights(state, small_backbone), expected, atol=1e-6)
        assert load_classifier(state).classes_ == ("blue", "green", "red")


def test_saved_model_has_the_named_output(retrain: Run, tmp_path: Path) -> None:
    import tensorflow as tf

    result = retrain("--saved_model_dir", "exported", "--final_tensor_name", "answers")
    assert (result.code, result.err) == (0, "")
    signature = tf.saved_model.load(str(tmp_path / "exported")).signatures["serving_default"]
    assert list(signature.structured_outputs) == ["answers"]


# Heads


WITHOUT_TENSORFLOW = """
import os, sys
os.environ.pop("OPENBLAS_NUM_THREADS", None)
from imgclass_course.cli import main

pictures, folder = sys.argv[1:]
shares = ("--validation_percentage", "20", "--testing_percentage", "20", "--bottleneck_dir", folder + "/store")
head = ("--head", "logistic", "--validation_batch_size", "9", "--architecture", "mobilenet_v1_100_128")
outputs = ("--output_graph", folder + "/classifier", "--output_labels", folder + "/labels.txt")
assert main(["retrain", pictures, *head, *shares, *outputs]) == 0
assert main(["label", "--graph", folder + "/classifier", pictures + "/red/000.png"]) == 0
print("imported:", *{"tensorflow", "keras"} & set(sys.modules))
import threadpoolctl
print("threads:", {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"})
"""


def test_logistic_head_neither_trains_nor_labels_with_tensorflow(pictures: Path, tmp_path: Path) -> None:
    child = run_python("-c", WITHOUT_TENSORFLOW, str(pictures), str(tmp_path))
    assert (child.returncode, child.stderr) == (0, "")
    lines = child.stdout.splitlines()
    assert re.search(r"Accuracy on test pictures: 1\.000 ", child.stdout)
    assert re.search(r"^  red \(score = 0\.[5-9]", child.stdout, re.M)
    assert lines[-2:] == ["imported:", "threads: {1}"]  # more threads spin, where others use the machine too
    found = metrics(tmp_path / "classifier")
    assert found["head"] == "logistic" and found["strength"] > 0 and "steps" not in found


def test_logistic_head_writes_what_a_keras_head_writes(imgclass: Run, tmp_path: Path) -> None:
    write_pictures(tmp_path / "folder", {"a": 20, "b": 20})
    flags = ("--head", "logistic", "--architecture", SMALL, "--bottleneck_dir", "store", *SHARES)
    result = imgclass("retrain", "folder", *flags, "--summaries_dir", "curves", "--saved_model_dir", "exported")
    assert (result.code, result.err) == (0, "")
    assert list((tmp_path / "curves" / "run_001").glob("projector_config.pbtxt"))
    assert (tmp_path / "exported" / "saved_model.pb").is_file()
    assert (tmp_path / "imgclass_classifier" / "report.html").is_file()


def test_distorted_views_are_trained_on_and_kept(retrain: Run) -> None:
    flags = ("--flip_left_right", "--random_brightness", "20", "--augmented_views", "2")
    plain, first, again = retrain(), retrain(*flags), retrain(*flags)
    train = int(re.search(r"(\d+) train", plain.out)[1])
    assert f"60 from the store, {2 * train} computed" in first.out
    assert f"{60 + 2 * train} from the store, 0 computed" in again.out


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        (("--class_weights", "log"), {"class_weights": "log"}),
        (("--resample", "both", "--resample_to", "9", "--adjust_prior"), {"resample": "both", "resample_to": "9"}),
        (("--resample", "over", "--flip_left_right"), {"resample": "over"}),
        (("--class_weights", "none", "--resample", "none"), {}),
    ],
)
def test_what_is_chosen_against_unequal_classes_is_written(
    imgclass: Run, lopsided: Path, store: Path, tmp_path: Path, flags: tuple[str, ...], chosen: dict[str, str]
) -> None:
    result = imgclass("retrain", lopsided, "--bottleneck_dir", store, *SHORT, *SHARES, *flags)
    assert result.code == 0, result.err
    found = metrics(tmp_path / "imgclass_classifier")
    names = ("class_weights", "resample", "resample_to", "adjust_prior")
    expected = chosen | ({"adjust_prior": "yes"} if "--adjust_prior" in flags else {})
    assert {name: found[name] for name in names if name in found} == expected
    page = (tmp_path / "imgclass_classifier" / "report.html").read_text()
    assert all(name.replace("_", " ") in page for name in expected)
    assert imgclass("label", "--graph", "imgclass_classifier", lopsided / "few" / "000.png").code == 0


def test_class_with_one_picture_is_refused_in_one_line(imgclass: Run, tmp_path: Path) -> None:
    write_pictures(tmp_path / "folder", {"many": 9, "lonely": 1})
    none = ("--validation_percentage", "0", "--testing_percentage", "0")
    for how in ("smote", "adasyn"):
        result = imgclass("retrain", "folder", *SHORT, *none, "--bottleneck_dir", "new", "--resample", how)
        assert_one_line_error(result, "Class lonely has 1 training picture", how, "'over'")
    assert not (tmp_path / "imgclass_classifier").exists()


@pytest.mark.usefixtures("no_training")
def test_threshold_without_a_way_to_resample_is_a_mistake(retrain: Run) -> None:
    assert_one_line_error(retrain("--resample_to", "9"), "--resample_to needs --resample")


QUICK_KERAS = """
import sys
from imgclass_course.commands.retrain import OPTIONAL_FOR_KERAS, _import_keras

keras = _import_keras()
print("loaded:", *set(OPTIONAL_FOR_KERAS) & set(sys.modules))
import matplotlib.pyplot, sklearn.linear_model
print(keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]).output_shape)
"""


def test_keras_is_loaded_without_what_it_only_offers_drawings_for() -> None:
    child = run_python("-c", QUICK_KERAS)
    assert (child.returncode, child.stdout.splitlines()) == (0, ["loaded:", "(None, 3)"]), child.stderr


# Networks


def test_commands_work_as_the_notes_of_the_workshop_have_them(imgclass: Run, pictures: Path, tmp_path: Path) -> None:
    retrain = f"""retrain --bottleneck_dir=tf_files/bottlenecks --how_many_training_steps=500
        --model_dir=tf_files/models/ --summaries_dir=tf_files/training_summaries/mobilenet_1.0_224
        --output_graph=tf_files/retrained_graph.pb --output_labels=tf_files/retrained_labels.txt
        --architecture=mobilenet_1.0_224 --image_dir={shlex.quote(str(pictures))}"""
    result = imgclass(*shlex.split(retrain))
    assert result.code == 0, result.err
    assert "Classifier: " + os.path.join("tf_files", "retrained_graph.pb") in result.out
    # `tensorboard --logdir tf_files/training_summaries` shows the run; `--graph` is the folder of that name.
    assert list((tmp_path / "tf_files" / "training_summaries").rglob("events.out.tfevents.*"))
    label = f"""label --graph=tf_files/retrained_graph.pb --labels=tf_files/retrained_labels.txt --input_layer=input
        --output_layer=final_result --input_height=224 --input_width=224 --input_mean=128 --input_std=128
        --image={shlex.quote(str(pictures / "green" / "000.png"))}"""
    result = imgclass(*shlex.split(label))
    assert result.code == 0 and result.out.splitlines()[1].startswith("  green (score = ")


def test_frozen_graph_of_the_old_script_is_not_overwritten(imgclass: Run, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "retrained_graph.pb").write_bytes(b"an old graph")
    result = imgclass("retrain", pictures, "--output_graph=retrained_graph.pb")
    assert_one_line_error(result, "--output_graph retrained_graph.pb is a file: name another")
    assert (tmp_path / "retrained_graph.pb").read_bytes() == b"an old graph"


NETWORKS = {  # as it is named -> the handle of the module
    "mobilenet_0.50_160": "https://tfhub.dev/google/imagenet/mobilenet_v1_050_160/feature_vector/5",
    "mobilenet_v2_050_96": "https://tfhub.dev/google/imagenet/mobilenet_v2_050_96/feature_vector/5",
    "https://tfhub.dev/google/imagenet/mobilenet_v1_025_128/feature_vector/1": "mobilenet_v1_025_128/feature_vector/1",
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("flag", ["--architecture", "--tfhub_module"])
def test_network_that_cannot_be_had_is_one_line(
    imgclass: Run, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: str, name: str
) -> None:
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, CLOSED_PROXY)
    result = imgclass("retrain", pictures, "--model_dir", tmp_path / "models", flag, name)
    assert_one_line_error(result, NETWORKS[name], f"not in {tmp_path / 'models'}", "mobilenet_v1_100_224 comes with")
    assert list(tmp_path.iterdir()) == []


def test_weights_of_ones_own_for_a_keras_network(imgclass: Run, pictures: Path, tmp_path: Path) -> None:
    import keras

    network = keras.applications.MobileNetV3Small(include_top=False, weights=None)
    network.save_weights(tmp_path / "my.weights.h5")
    weights = ("--architecture", "keras:MobileNetV3Small", "--weights", "my.weights.h5", "--bottleneck_dir", "store")
    result = imgclass("retrain", pictures, *weights, "--head", "logistic", *SHARES)
    assert (result.code, result.err) == (0, "")
    assert metrics(tmp_path / "imgclass_classifier")["backbone"] == "keras:MobileNetV3Small"
    result = imgclass("label", pictures / "red" / "000.png")  # the weights are in the classifier
    assert result.code == 0 and result.out.count("score = ") == 3


# TensorFlow's own messages


def test_verbosity_is_that_of_tensorflow(imgclass: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("tensorflow")
    assert logger.filters, "the package has its own filter, which hides what is less than a warning"
    monkeypatch.setattr(logger, "filters", list(logger.filters))
    level = logger.level
    expected = {"FATAL": ("3", 50), "ERROR": ("3", 40), "WARN": ("1", 30), "INFO": ("0", 20), "DEBUG": ("0", 10)}
    assert set(expected) == set(LOG_LEVELS)
    try:
        for name, (native, shown) in expected.items():
            assert_one_line_error(imgclass("retrain", "nowhere", "--logging_verbosity", name), "There is no folder")
            records = [logging.LogRecord("tensorflow", number, "", 0, "text", None, None) for number in (10, 20, 30)]
            kept = [one.levelno for one in records if logger.isEnabledFor(one.levelno) and logger.filter(one)]
            assert kept == [number for number in (10, 20, 30) if number >= shown]
            assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == native
    finally:
        logger.setLevel(level)


def test_tensorflow_speaks_where_it_is_asked_to() -> None:
    """The network does not exist; TensorFlow is imported to find that out."""
    command = ("-m", "imgclass_course.cli", "retrain", ".", "--architecture", "keras:Nothing", "--logging_verbosity")
    spoken = {level: run_python(*command, level, TF_CPP_MIN_LOG_LEVEL="3").stderr for level in ("INFO", "ERROR")}
    assert re.search(r" I tensorflow/.*\n", spoken["INFO"]), spoken["INFO"]
    assert spoken["ERROR"].startswith("imgclass: ") and spoken["ERROR"].count("\n") == 1
    assert spoken["INFO"].endswith(spoken["ERROR"])


# The store, and pictures that cannot be read


def test_default_store_is_in_the_cache_folder(
    imgclass: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMGCLASS_CACHE_DIR", str(tmp_path / "cache"))
    assert "60 computed" in imgclass("retrain", pictures, *SHORT, *SHARES).out
    assert (tmp_path / "cache" / "bottlenecks" / "bottlenecks.sqlite").is_file()
    assert "60 from the store, 0 computed" in imgclass("retrain", pictures, *SHORT, *SHARES).out
    assert re.search(rf"{SMALL} +1024 +156 ", imgclass("cache", "info").out)  # 96 of strangers, for the report


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
