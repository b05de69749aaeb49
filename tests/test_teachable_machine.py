"""Teachable Machine's projects are data sets, and its image models give the same answers as classifiers of ours.

No export of Google's is at hand: the fixtures are built as its public code describes them (teachablemachine-community,
libraries/image/src, snippets/converter/image and snippets/markdown/image/tensorflow/keras.md).
"""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from PIL import Image, ImageOps
from support import assert_one_line_error, encode, gradient, run_command, run_python

from imgclass_course.backbones import Backbone
from imgclass_course.foundation import teachable_projects
from imgclass_course.foundation.errors import ClassifierError, DatasetError
from imgclass_course.foundation.pictures import Picture
from imgclass_course.image_folder import as_image_folder
from imgclass_course.outputs.classifier_files import load_classifier
from imgclass_course.outputs.teachable_machine import convert_teachable_machine, from_teachable_machine

Run = Callable[..., SimpleNamespace]
NAMES = ["cat", "my dog", "größe"]
LABELS = "".join(f"{number} {name}\n" for number, name in enumerate(NAMES))
SHAPES = (
    (224, 224), (300, 200), (200, 300), (640, 480), (97, 61), (50, 400), (1200, 900), (225, 224), (31, 31), (500, 224)
)  # fmt: skip


@pytest.fixture
def imgclass(capfd: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_command(capfd, *arguments)


# Models


def mobile_net(first_pad: bool) -> object:
    """Return MobileNetV2 as "model1"; with `first_pad` as Keras had it in 2019, when Teachable Machine took it over."""
    import tf_keras

    base = tf_keras.applications.MobileNetV2((224, 224, 3), alpha=0.35, weights=None, include_top=False)
    config = base.get_config() | {"name": "model1"}
    if first_pad:
        entry, first = config["layers"][:2]
        pad = {"class_name": "ZeroPadding2D", "name": "Conv1_pad", "inbound_nodes": [[[entry["name"], 0, 0, {}]]],
               "config": {"name": "Conv1_pad", "padding": ((0, 1), (0, 1))}}  # fmt: skip
        first["config"]["padding"], first["inbound_nodes"] = "valid", [[["Conv1_pad", 0, 0, {}]]]
        config["layers"].insert(1, pad)
    return tf_keras.Model.from_config(config)


def export(path: Path, first_pad: bool = True, classes: int = 3) -> Path:
    """Write a `keras_model.h5` with random weights, nested and named as Teachable Machine does it."""
    import tf_keras

    layers = tf_keras.layers
    average = layers.GlobalAveragePooling2D(name="global_average_pooling2d_GlobalAveragePooling2D1")
    truncated = tf_keras.Sequential([mobile_net(first_pad), average], name="sequential_1")
    head = tf_keras.Sequential(
        [
            layers.Dense(100, activation="relu", input_shape=(1280,), name="dense_Dense1"),
            layers.Dense(classes, activation="softmax", use_bias=False, name="dense_Dense2"),
        ],
        name="sequential_3",
    )
    model = tf_keras.Sequential([truncated, head], name="sequential_4")
    random = np.random.default_rng(0)
    model.set_weights([_random_weight(random, weight) for weight in model.weights])
    _tell_pictures_apart(truncated, *head.layers)
    model.save(path, save_format="h5")
    return path


def _random_weight(random: np.random.Generator, weight: object) -> np.ndarray:
    """Return numbers of the size that a trained network has."""
    shape, name = tuple(weight.shape), weight.name
    if len(shape) == 1:
        around_one = "gamma" in name or "variance" in name
        return random.uniform(0.7, 1.4, shape) if around_one else random.normal(0, 0.2, shape)
    fan_in = shape[0] * shape[1] if "depthwise" in name else np.prod(shape[:-1])
    return random.normal(0, 1.4 / np.sqrt(fan_in), shape)


def _tell_pictures_apart(truncated: object, hidden: object, last: object) -> None:
    """Give the normalisations the statistics of pictures, and take out of the last layer what all have in common."""
    pixels = np.stack([gradient(224, 224, seed=seed) for seed in range(16)]) / 127.5 - 1
    normalisations = [layer for layer in truncated.layers[0].layers if hasattr(layer, "momentum")]
    for momentum in (0.0, 0.999):
        for layer in normalisations:
            layer.momentum = momentum
        truncated(pixels.astype(np.float32), training=momentum == 0)
    activations = hidden(truncated(pixels.astype(np.float32))).numpy()
    common = activations.mean(0) / np.linalg.norm(activations.mean(0))
    kernel = last.get_weights()[0]
    kernel -= np.outer(common, common @ kernel)
    # With larger scores, the rounding of float32 alone would change probabilities by more than 1e-4.
    last.set_weights([kernel * 0.25 / (activations @ kernel).std()])


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with keras_model.h5 and labels.txt. Tests read it and leave it as it is."""
    folder = tmp_path_factory.mktemp("converted_keras")
    export(folder / "keras_model.h5")
    (folder / "labels.txt").write_text(LABELS, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def converted(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a converted classifier. Tests read it and leave it as it is."""
    folder = tmp_path_factory.mktemp("converted") / "classifier"
    convert_teachable_machine(exported / "keras_model.h5", exported / "labels.txt", folder)
    return folder


@pytest.fixture
def changed(exported: Path, tmp_path: Path) -> Path:
    """Return a copy of an export that a test may change."""
    return Path(shutil.copytree(exported, tmp_path / "changed"))


def original_answers(model_file: Path, pictures: list[Path]) -> np.ndarray:
    """Return the probabilities [n, k] that Teachable Machine's own code for Keras gives."""
    import tf_keras

    model = tf_keras.models.load_model(model_file, compile=False)
    data = np.ndarray((len(pictures), 224, 224, 3), np.float32)
    for row, path in enumerate(pictures):
        image = ImageOps.fit(Image.open(path).convert("RGB"), (224, 224), Image.Resampling.LANCZOS)
        data[row] = np.asarray(image).astype(np.float32) / 127.5 - 1
    return model.predict(data, verbose=0)


def some_pictures(folder: Path) -> list[Path]:
    """Write pictures of several shapes and kinds, large photos among them."""
    paths = []
    for number, (width, height) in enumerate(SHAPES * 2):
        picture = gradient(width, height, seed=number)
        picture[: height // 3, :, number % 3] //= 4
        kind = ("PNG", "JPEG")[number % 2]
        paths.append(folder / f"{number:02}.{kind.lower()}")
        paths[-1].write_bytes(encode(picture, kind))
    return paths


def test_converted_model_gives_the_same_answers(exported: Path, converted: Path, tmp_path: Path) -> None:
    pictures = some_pictures(tmp_path)
    expected = original_answers(exported / "keras_model.h5", pictures)
    classifier = load_classifier(converted)
    found = classifier.predict_proba(pictures)
    assert list(classifier.classes_) == NAMES and classifier.image_size == 224
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(found.argmax(1), expected.argmax(1))
    # Wrong answers would be seen: those to other pictures differ, and those to squashed ones.
    assert len(set(expected.argmax(1))) > 1 and expected.std(0).max() > 0.05
    squashed = np.array([classifier.runner.run(Picture(path, "").load(224)) for path in pictures])
    assert np.abs(squashed - expected).max() > 0.01


def test_today_s_form_of_the_network_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text(LABELS, encoding="utf-8-sig")
    path, pictures = export(tmp_path / "keras_model.h5", first_pad=False), some_pictures(tmp_path)[:4]
    found = from_teachable_machine(path, tmp_path / "labels.txt").predict_proba(pictures)
    np.testing.assert_allclose(found, original_answers(path, pictures), atol=1e-4)


def test_command_converts_and_label_uses_it_without_tensorflow(
    imgclass: Run, exported: Path, converted: Path, tmp_path: Path
) -> None:
    result = imgclass("convert", exported / "keras_model.h5", "--output_graph", "mine")  # its labels.txt is beside it
    assert (result.code, result.out, result.err) == (0, "Classifier: mine (3 classes)\n", "")
    assert (tmp_path / "mine" / "labels.txt").read_text("utf-8").split("\n") == [*NAMES, ""]
    picture = some_pictures(tmp_path)[3]
    code = (
        "import sys; from imgclass_course.cli import main; assert main(sys.argv[1:]) == 0;"
        "print('imported:', *{'tensorflow', 'keras', 'tf_keras', 'h5py'} & set(sys.modules))"
    )
    child = run_python("-c", code, "label", "--graph", str(tmp_path / "mine"), str(picture))
    answer = load_classifier(converted).predict(picture)
    assert child.returncode == 0 and child.stdout.splitlines()[-1] == "imported:"
    assert child.stdout.splitlines()[1] == f"  {answer} (score = {answer.probability:.5f})"


def test_converted_classifier_says_that_it_cannot_be_trained_further(
    converted: Path, small_backbone: Backbone
) -> None:
    with pytest.raises(ClassifierError, match="can be used, and not trained further"):
        load_classifier(converted, small_backbone)


@pytest.mark.parametrize("preparation", ["stretch", 3, ["crop"], None])
def test_preparation_that_nobody_knows_is_refused(converted: Path, tmp_path: Path, preparation: object) -> None:
    folder = Path(shutil.copytree(converted, tmp_path / "one"))
    description = json.loads((folder / "classifier.json").read_text()) | {"preparation": preparation}
    (folder / "classifier.json").write_text(json.dumps(description))
    with pytest.raises(ClassifierError, match="preparation in classifier.json"):
        load_classifier(folder)


def edit_config(path: Path, edit: Callable[[str], str]) -> None:
    with h5py.File(path, "r+") as file:
        config = str(file.attrs["model_config"])
        assert edit(config) != config
        file.attrs["model_config"] = edit(config)


def replace_weight(path: Path, shape: tuple[int, ...] | None) -> None:
    with h5py.File(path, "r+") as file:
        layer = file["model_weights/sequential_3/dense_Dense1"]
        del layer["kernel:0"]
        if shape:
            layer["kernel:0"] = np.zeros(shape, np.float32)


def other_network(path: Path) -> None:
    import tf_keras

    layers = tf_keras.layers
    model = tf_keras.Sequential([layers.Flatten(input_shape=(28, 28)), layers.Dense(3, activation="softmax")])
    model.save(path, save_format="h5")


def no_model(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["numbers"] = np.zeros(3)


def with_config(old: str, new: str) -> Callable[[Path], None]:
    return lambda path: edit_config(path, lambda text: text.replace(old, new))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "another network": other_network,
    "no model": no_model,
    "a text": lambda path: path.write_text("words"),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:100_000]),
    "gone": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "another kernel size": with_config('"kernel_size": [3, 3]', '"kernel_size": [5, 5]'),
    "another limit": with_config('"max_value": 6', '"max_value": 1'),
    "code": with_config('"class_name": "ReLU"', '"class_name": "Lambda"'),
    "another head": with_config('"softmax"', '"sigmoid"'),
    "no JSON": lambda path: edit_config(path, lambda text: text[:-5]),
    "deep JSON": lambda path: edit_config(path, lambda text: "[" * 20_000),
    "a weight of another shape": lambda path: replace_weight(path, (1280, 99)),
    "a weight too few": lambda path: replace_weight(path, None),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_file_of_another_network_is_one_line(imgclass: Run, changed: Path, damage: Callable) -> None:
    damage(changed / "keras_model.h5")
    assert_one_line_error(imgclass("convert", "changed/keras_model.h5", "--output_graph", "mine"), "keras_model.h5")
    assert not Path("mine").exists()


WRONG_LABELS = [
    b"0 cat\n1 dog\n", b"0 a\n1 b\n2 c\n3 d\n", b"", b"cat\ndog\nbird\n", b"0 a\n1 a\n2 b\n", b"\xff\xfe0 \n", None
]  # fmt: skip


@pytest.mark.parametrize("labels", WRONG_LABELS)
def test_labels_that_do_not_fit_are_one_line(imgclass: Run, changed: Path, labels: bytes | None) -> None:
    (changed / "labels.txt").unlink() if labels is None else (changed / "labels.txt").write_bytes(labels)
    assert_one_line_error(imgclass("convert", "changed/keras_model.h5", "--output_graph", "mine"), "labels.txt")
    assert not Path("mine").exists()


# Projects


def write_project(path: Path, files: dict[str, bytes], kind: str | None = "image") -> Path:
    """Write a project as public tools do: a zip of pictures called CLASS-!-NUMBER.jpg and manifest.json."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        if kind is not None:
            appdata = {"publishResults": {}, "trainEpochs": 50, "trainBatchSize": 16, "trainLearningRate": 0.001}
            archive.writestr("manifest.json", json.dumps({"type": kind, "version": "2.4.4", "appdata": appdata}))
    return path


def project_pictures(per_class: int = 12) -> dict[str, bytes]:
    files = {}
    for channel, name in enumerate(("Class 1", "my-!-class", "größe")):
        for number in range(per_class):
            picture = gradient(64, 64, seed=100 * channel + number) // 3
            picture[..., channel] += 150
            files[f"{name}-!-{number}.jpg"] = encode(picture, "JPEG")
    return files


def test_project_is_a_data_set(tmp_path: Path) -> None:
    files = project_pictures() | {"Class 1-!-99.jpg": b"words", "notes.txt": b"words"}
    folder = as_image_folder(write_project(tmp_path / "project.tm", files), None, 20, 20)
    assert folder.classes == ["Class 1", "größe", "my-!-class"] and len(folder.readable) == 36
    assert folder.problems["path"].tolist() == ["Class 1-!-99.jpg"]
    pixels = folder.picture("größe-!-3.jpg").pixels()
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(io.BytesIO(files["größe-!-3.jpg"]))))


def test_project_with_a_folder_per_class_is_read_too(tmp_path: Path) -> None:
    files = {name.replace("Class 1-!-", "Class 1/"): data for name, data in project_pictures().items()}
    path = write_project(tmp_path / "PROJECT.TM", files | {"__MACOSX/Class 1/._0.jpg": b"x", "Class 1/.DS_Store": b"x"})
    counts = as_image_folder(path).table["label"].value_counts().to_dict()
    assert counts == {"Class 1": 12, "größe": 12, "my-!-class": 12}


def test_retrain_and_audit_take_a_project(imgclass: Run, tmp_path: Path, small_backbone: Backbone) -> None:
    write_project(tmp_path / "project.tm", project_pictures())
    counted = imgclass("audit", "project.tm")
    assert counted.code == 0 and "größe" in counted.out
    options = ("--architecture", small_backbone.name, "--head", "logistic", "--bottleneck_dir", "store")
    result = imgclass("retrain", "project.tm", *options, "--testing_percentage", "20", "--output_graph", "mine")
    assert result.code == 0, result.err
    assert sorted(load_classifier("mine").classes_) == ["Class 1", "größe", "my-!-class"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "project.tm", "store"]  # nothing is unpacked


def broken_picture(path: Path) -> None:
    """Change a byte of a picture, so that its check sum is wrong."""
    write_project(path, project_pictures())
    data = bytearray(path.read_bytes())
    data[200] ^= 255
    path.write_bytes(data)


PROJECTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a text": (lambda path: path.write_text("words"), "no zip archive"),
    "empty": (lambda path: path.touch(), "no zip archive"),
    "no manifest": (lambda path: write_project(path, project_pictures(), None), "no manifest.json"),
    "sounds": (lambda path: write_project(path, {"a-!-0.webm": b"x"}, "audio"), "the kind audio"),
    "no pictures": (lambda path: write_project(path, {"notes.txt": b"x"}), "no pictures of a class"),
    "climbs": (lambda path: write_project(path, project_pictures() | {"../../x-!-0.jpg": b"x"}), "leads out of it"),
    "climbs backwards": (lambda path: write_project(path, {"..\\x-!-0.jpg": b"x"}), "leads out of it"),
    "absolute": (lambda path: write_project(path, {"/etc/x-!-0.jpg": b"x"}), "leads out of it"),
    "damaged": (broken_picture, "is damaged"),
    "manifest no JSON": (lambda path: write_project(path, {"manifest.json": b"{", "a-!-0.jpg": b"x"}, None), "be read"),
    "manifest a list": (lambda path: write_project(path, {"manifest.json": b"[]", "a-!-0.jpg": b"x"}, None), "be read"),
}


@pytest.mark.parametrize(("make", "word"), PROJECTS.values(), ids=PROJECTS)
def test_project_that_cannot_be_used_is_one_line(imgclass: Run, tmp_path: Path, make: Callable, word: str) -> None:
    make(tmp_path / "project.tm")
    before = (tmp_path / "project.tm").read_bytes()
    assert_one_line_error(imgclass("audit", "project.tm"), word, "project.tm")
    assert [path.name for path in tmp_path.iterdir()] == ["project.tm"]
    assert (tmp_path / "project.tm").read_bytes() == before


@pytest.mark.parametrize("limit", ["MAX_PICTURES", "MAX_BYTES", "MAX_IMAGE_BYTES", "MAX_MANIFEST_BYTES"])
def test_project_beyond_a_limit_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(teachable_projects, limit, 30)
    with pytest.raises(DatasetError, match="project.tm"):
        as_image_folder(write_project(tmp_path / "project.tm", project_pictures()))


def test_link_in_a_project_leads_nowhere(tmp_path: Path) -> None:
    """Its target is taken for a file's content, which is no picture."""
    path = write_project(tmp_path / "project.tm", project_pictures())
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("Class 1-!-99.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/hostname")
    assert as_image_folder(path).problems["problem"].tolist() == ["not a picture but text"]
