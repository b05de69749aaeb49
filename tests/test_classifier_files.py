"""A saved classifier answers as it did before, is there whole or not at all, and is trusted in nothing."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from support import SMALL, child_environment, encode, gradient, plain_backbone, run_python

from imgclass_course.backbones import Backbone, load_backbone
from imgclass_course.classifiers import ImageClassifier, PictureClassifier
from imgclass_course.foundation.errors import ClassifierError
from imgclass_course.foundation.litert import LiteRTGraph
from imgclass_course.foundation.picture_files import read_image
from imgclass_course.heads import EstimatorHead, KerasHead
from imgclass_course.outputs import classifier_files
from imgclass_course.outputs.classifier_files import load_classifier, save_classifier
from imgclass_course.outputs.run_files import export_saved_model, save_run
from imgclass_course.regularization import build_regularized_head
from imgclass_course.running import litert_file
from imgclass_course.transfer import Retraining, build_head, fit, retrain


@pytest.fixture
def saved(classifier_folder: Path, tmp_path: Path) -> Path:
    """Return a copy of a saved classifier that a test may change."""
    return Path(shutil.copytree(classifier_folder, tmp_path / "saved"))


def some_paths(result: Retraining, count: int = 12) -> list[Path]:
    return [result.folder.root / path for path in result.features.rows["path"].iloc[::5][:count]]


def file_of(folder: Path, kind: str) -> Path:
    return folder / json.loads((folder / "classifier.json").read_text())["files"][kind]["name"]


# Prediction


def test_prediction_is_the_same_from_bytes_path_and_pixels(trained: Retraining, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(encode(gradient(900, 700), "JPEG"))
    for path, pixels in ((some_paths(trained, 1)[0], True), (photo, False)):  # a large JPEG is decoded at another scale
        sources = [path, str(path), path.read_bytes(), path.open("rb"), *([read_image(path)] if pixels else [])]
        rows = trained.classifier.predict_proba(sources)
        for row in rows[1:]:
            np.testing.assert_array_equal(row, rows[0])
        np.testing.assert_allclose(rows.sum(1), 1)


def test_prediction_is_what_was_measured_whatever_the_company(trained: Retraining) -> None:
    paths = trained.paths("test")
    probabilities = trained.classifier.predict_proba(paths)
    np.testing.assert_allclose(probabilities, trained.evaluate("test").probabilities, atol=1e-6)
    alone = np.concatenate([trained.classifier.predict_proba(path) for path in paths])
    np.testing.assert_allclose(probabilities, alone, atol=1e-6)
    labels = [trained.classifier.classes_[label] for label in trained.evaluate("test").labels]
    assert trained.classifier.score(paths, labels) == pytest.approx(trained.evaluate("test").accuracy.value)


def test_answer_is_a_name_that_knows_more(trained: Retraining) -> None:
    one = trained.classifier.predict(str(some_paths(trained, 1)[0]))  # text is one path, not many letters
    (again, other) = trained.classifier.predict(some_paths(trained, 2))
    assert one == again and one in trained.classifier.classes_ and isinstance(other, str)
    assert list(one.probabilities.values()) == sorted(one.probabilities.values(), reverse=True)
    assert one.top(1) == [(str(one), one.probability)] and one.probability >= 1 / 3
    assert trained.classifier.predict([]) == [] and trained.classifier.predict_proba([]).shape == (0, 3)


def test_what_is_no_picture_says_why_and_the_others_go_on(trained: Retraining, tmp_path: Path) -> None:
    good = some_paths(trained, 1)[0]
    answers = trained.classifier.predict([b"words", good, tmp_path / "missing.jpg", 5, good])
    assert [bool(answer) for answer in answers] == [False, True, False, False, True]
    assert "text" in answers[0].problem and "missing.jpg" in answers[2].picture and "int" in answers[3].problem
    assert np.isnan(answers[0].probability) and answers[0].picture == "picture 1"
    rows = trained.classifier.predict_proba([b"words", good])
    assert np.isnan(rows[0]).all() and not np.isnan(rows[1]).any()
    assert trained.classifier.score([b"words", good], ["red", str(answers[1])]) == 0.5
    with pytest.raises(ClassifierError, match="no class 'pink'"):
        trained.classifier.score([good], ["pink"])


def test_classifier_that_turns_no_picture_into_probabilities_cannot_be_made() -> None:
    class Unfinished(PictureClassifier):
        classes_ = ("a", "b")

    with pytest.raises(TypeError, match="outcomes"):
        Unfinished()


# Saving and loading


@pytest.mark.parametrize("head", ["keras", "two layers", "logistic", "other layers"])
def test_loaded_classifier_predicts_the_same(head: str, trained: Retraining, tmp_path: Path) -> None:
    import keras

    layers = [keras.Input((1024,)), keras.layers.LayerNormalization(), keras.layers.Dense(3)]
    heads = {
        "keras": trained.classifier.head,
        "two layers": KerasHead(build_regularized_head(1024, 3, (16,), dropout_rate=0.5)),
        "logistic": fit(trained.features, "logistic").head,
        "other layers": KerasHead(keras.Sequential(layers)),
    }
    classifier = replace(trained.classifier, head=heads[head])
    save_classifier(classifier, tmp_path / "saved")
    loaded, further = load_classifier(tmp_path / "saved"), load_classifier(tmp_path / "saved", classifier.backbone)
    assert loaded.classes_ == further.classes_ == classifier.classes_ and loaded.image_size == 128
    expected = classifier.predict_proba(some_paths(trained))
    np.testing.assert_allclose(loaded.predict_proba(some_paths(trained)), expected, atol=1e-5)
    np.testing.assert_array_equal(further.predict_proba(some_paths(trained)), expected)


def test_saved_folder_says_what_it_is(saved: Path, small_backbone: Backbone) -> None:
    assert (saved / "labels.txt").read_text(encoding="utf-8") == "blue\ngreen\nred\n"
    description = json.loads((saved / "classifier.json").read_text(encoding="utf-8"))
    assert (description["format"], description["fingerprint"]) == (3, small_backbone.fingerprint)
    assert (description["backbone"], description["image_size"]) == (SMALL, 128)
    assert {"imgclass_course", "keras", "pillow"} <= set(description["versions"])
    for entry in description["files"].values():
        assert hashlib.sha256((saved / entry["name"]).read_bytes()).hexdigest() == entry["sha256"]
    names = sorted(path.name.split("-")[0] for path in saved.iterdir())
    own = ["classifier.json", "head", "known", "labels.txt", "metrics.json", "model", "places", "report.html"]
    assert names == own


def test_saving_over_an_older_one_leaves_one_classifier(trained: Retraining, saved: Path) -> None:
    (saved / "my notes.txt").write_text("stay")
    classifier = ImageClassifier(trained.classifier.backbone, KerasHead(build_head(1024, 2)), ("left", "right"))
    save_classifier(classifier, saved)
    assert load_classifier(saved).classes_ == ("left", "right")
    assert len(list(saved.glob("model-*"))) == len(list(saved.glob("head-*"))) == 1
    assert (saved / "my notes.txt").exists()


@pytest.mark.parametrize("writes", range(6))
def test_interrupted_saving_leaves_the_older_classifier_or_the_new_one(
    writes: int, trained: Retraining, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over an older classifier the new head must never answer under the old names (a defect of the first format)."""
    original, done = os.replace, []

    def replace_some(source: str, target: str, **more: object) -> None:
        if len(done) >= writes:
            raise KeyboardInterrupt
        done.append(target)
        original(source, target, **more)

    other = ImageClassifier(trained.classifier.backbone, KerasHead(build_head(1024, 2)), ("left", "right"))
    monkeypatch.setattr(Path, "replace", lambda self, target: replace_some(self, target))
    try:
        save_classifier(other, saved)
    except KeyboardInterrupt:
        pass
    loaded, picture = load_classifier(saved), some_paths(trained, 1)[0]
    expected = other if loaded.classes_ == other.classes_ else trained.classifier
    np.testing.assert_allclose(loaded.predict_proba(picture), expected.predict_proba(picture), atol=1e-5)
    assert writes < 4 or loaded.classes_ == other.classes_
    assert not list(saved.glob(".*"))


def test_head_that_cannot_be_kept_is_refused(trained: Retraining, tmp_path: Path) -> None:
    X, y = trained.features.xy("train")
    head = EstimatorHead(KNeighborsClassifier().fit(X, y), 3)
    with pytest.raises(ClassifierError, match="KNeighborsClassifier cannot be saved"):
        save_classifier(replace(trained.classifier, head=head), tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_network_that_litert_cannot_run_is_saved_without_its_file(pictures: Path, tmp_path: Path) -> None:
    result = retrain(pictures, backbone=plain_backbone(), bottleneck_dir=tmp_path / "store", head="logistic")
    with pytest.warns(UserWarning, match="saved without a LiteRT file"):
        save_classifier(result.classifier, tmp_path / "saved")
    with pytest.raises(ClassifierError, match="with its backbone"):
        load_classifier(tmp_path / "saved")
    loaded = load_classifier(tmp_path / "saved", plain_backbone())
    np.testing.assert_array_equal(loaded.head.weights, result.classifier.head.weights)


def test_keras_network_of_ones_own_weights_is_loaded_without_their_file(pictures: Path, tmp_path: Path) -> None:
    import keras

    files = [tmp_path / f"weights_{seed}.weights.h5" for seed in (0, 1)]
    for seed, file in enumerate(files):
        keras.utils.set_random_seed(seed)
        keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(64, 64, 3)).save_weights(file)
    backbone, other = (load_backbone("keras:MobileNetV2", 64, file) for file in files)
    result = retrain(pictures, backbone=backbone, bottleneck_dir=tmp_path / "store", head="logistic")
    save_classifier(result.classifier, tmp_path / "saved")
    expected = result.classifier.predict_proba(some_paths(result))
    for file in files:
        file.unlink()
    loaded = load_classifier(tmp_path / "saved")
    assert json.loads((tmp_path / "saved" / "classifier.json").read_text())["backbone"] == "keras:MobileNetV2"
    assert loaded.image_size == 64
    np.testing.assert_allclose(loaded.predict_proba(some_paths(result)), expected, atol=1e-4)
    with pytest.raises(ClassifierError, match="another network"):
        load_classifier(tmp_path / "saved", other)


def test_other_backbone_is_refused(saved: Path, small_backbone: Backbone) -> None:
    for other in (replace(small_backbone, fingerprint="0" * 64), plain_backbone()):
        with pytest.raises(ClassifierError, match="another network"):
            load_classifier(saved, other)


def test_first_format_is_refused_in_one_line(tmp_path: Path) -> None:
    old = {"format": 1, "backbone": SMALL, "image_size": 128, "fingerprint": "00", "classes": ["a"], "versions": {}}
    (tmp_path / "classifier.json").write_text(json.dumps(old))
    with pytest.raises(ClassifierError, match="format 1.*train it again"):
        load_classifier(tmp_path)


# Damage


def change_description(**changes: object) -> Callable[[Path], None]:
    """Return a change of classifier.json; `None` removes a key."""

    def change(folder: Path) -> None:
        path = folder / "classifier.json"
        description = json.loads(path.read_text(encoding="utf-8")) | changes
        kept = {name: value for name, value in description.items() if value is not None}
        path.write_text(json.dumps(kept), encoding="utf-8")

    return change


def write(name: str, data: bytes) -> Callable[[Path], None]:
    """Return a change that gives classifier.json, or the file of a kind, another content."""
    return lambda folder: (folder / name if "." in name else file_of(folder, name)).write_bytes(data) and None


def exchange(kind: str, data: bytes) -> Callable[[Path], None]:
    """Return a change that puts another file in place, and its hash into classifier.json, as a stranger would."""

    def change(folder: Path) -> None:
        path, digest = folder / "classifier.json", hashlib.sha256(data).hexdigest()
        description = json.loads(path.read_text())
        name = f"{kind}-{digest[:12]}{Path(description['files'][kind]['name']).suffix}"
        (folder / name).write_bytes(data)
        description["files"][kind] = {"name": name, "sha256": digest}
        path.write_text(json.dumps(description))

    return change


def point_elsewhere(name: str) -> Callable[[Path], None]:
    """Return a change that lets classifier.json name a file outside its folder."""

    def change(folder: Path) -> None:
        path = folder / "classifier.json"
        description = json.loads(path.read_text())
        shutil.copy(file_of(folder, "model"), folder.parent / "model-elsewhere.tflite")
        description["files"]["model"]["name"] = name
        path.write_text(json.dumps(description))

    return change


def flip_bit(folder: Path) -> None:
    data = bytearray(file_of(folder, "model").read_bytes())
    data[len(data) // 2] ^= 1
    file_of(folder, "model").write_bytes(data)


def small_graph(size: int, outputs: int) -> bytes:
    """Return a LiteRT file of another size, or with another number of answers."""
    graph = LiteRTGraph()
    scale = graph.schema.QuantizationParametersT(scale=[1.0], zeroPoint=[0])
    entry = graph.tensor([1, size, size, 3], "UINT8", quantization=scale)
    values = graph.operation("DEQUANTIZE", [entry], [1, size, size, 3], graph.schema.DequantizeOptionsT())
    axes = graph.constant(np.array([1, 2], np.int32))
    mean = graph.operation("MEAN", [values, axes], [1, 3], graph.schema.ReducerOptionsT(keepDims=False))
    assert outputs == 3
    return graph.pack(entry, mean)


DAMAGES = {
    "no classifier.json": lambda folder: (folder / "classifier.json").unlink(),
    "no model": lambda folder: file_of(folder, "model").unlink(),
    "model is a folder": lambda folder: (file_of(folder, "model").unlink(), file_of(folder, "model").mkdir()) and None,
    "empty json": write("classifier.json", b""),
    "json that is cut": write("classifier.json", b'{"format": 2, "backbone"'),
    "json that is a list": write("classifier.json", b"[]"),
    "json that is deep": write("classifier.json", b"[" * 200_000),
    "json that is not text": write("classifier.json", b"\xff\xfe\x00"),
    "no fingerprint": change_description(fingerprint=None),
    "no backbone": change_description(backbone=None),
    "no size": change_description(image_size=None),
    "a huge size": change_description(image_size=10**9),
    "a size that is a truth": change_description(image_size=True),
    "no classes": change_description(classes=None),
    "classes that are numbers": change_description(classes=[1, 2, 3]),
    "two classes for three answers": change_description(classes=["a", "b"]),
    "files that are text": change_description(files="all"),
    "files of another kind": change_description(files={"model": "model.tflite"}),
    "a newer format": change_description(format=classifier_files.FORMAT + 1),
    "another size": change_description(image_size=64),
    "a bit of the model": flip_bit,
    "model that is text": exchange("model", b"words" * 100),
    "model that is another network": exchange("model", small_graph(64, 3)),
    "model elsewhere": point_elsewhere("../model-elsewhere.tflite"),
    "model at an absolute path": point_elsewhere("/etc/passwd"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_classifier_is_refused(saved: Path, damage: Callable[[Path], None]) -> None:
    damage(saved)
    with pytest.raises(ClassifierError) as caught:
        load_classifier(saved)
    assert "saved" in str(caught.value) and "\n" not in str(caught.value)


def keras_file(model: "object", path: Path) -> bytes:
    model.save(path)
    return path.read_bytes()


def test_damaged_or_strange_heads_are_refused_and_no_code_is_run(
    saved: Path, small_backbone: Backbone, tmp_path: Path
) -> None:
    import keras

    proof = tmp_path / "proof"
    code = f"lambda x: (x, open({str(proof)!r}, 'w'))[0]"
    with_code = keras.Sequential([keras.Input((1024,)), keras.layers.Lambda(eval(code)), keras.layers.Dense(3)])
    saved_model = tmp_path / "saved_model"
    export_saved_model(ImageClassifier(small_backbone, KerasHead(build_head(1024, 3)), ("a", "b", "c")), saved_model)
    reader = keras.layers.TFSMLayer(str(saved_model), call_endpoint="serving_default")
    with_path = keras.Sequential([keras.Input((128, 128, 3), dtype="uint8"), reader])
    sound = keras_file(build_head(1024, 3), tmp_path / "sound.keras")
    contents = {
        "code": keras_file(with_code, tmp_path / "code.keras"),
        "path": keras_file(with_path, tmp_path / "path.keras"),
        "flipped": bytes(byte ^ (place == len(sound) // 2) for place, byte in enumerate(sound)),
        "cut": sound[: len(sound) // 2],
        "text": b"words",
    }
    proof.unlink(missing_ok=True)
    for name, content in contents.items():
        exchange("head", content)(saved)
        with pytest.raises(ClassifierError, match="head cannot be read"):
            load_classifier(saved, small_backbone)
        assert not proof.exists(), name
    (saved / "classifier.json").unlink()
    with zipfile.ZipFile(tmp_path / "code.keras") as archive:
        assert "Lambda" in archive.read("config.json").decode()  # the file was what it was meant to be


def test_folder_of_a_stranger_downloads_writes_and_runs_nothing(
    saved: Path, tmp_path: Path, network_attempts: list[str]
) -> None:
    """The first format loaded any address or SavedModel that classifier.json named, and one wrote files on predict."""
    files = {"model": json.loads((saved / "classifier.json").read_text())["files"]["model"]}
    before = sorted(path for path in tmp_path.rglob("*"))
    for backbone in ("https://example.com/module/1", str(tmp_path / "saved_model"), "keras:VGG16", "file:///etc"):
        change_description(backbone=backbone, fingerprint="0" * 64, files=files)(saved)
        classifier = load_classifier(saved)
        assert classifier.predict(gradient()) in classifier.classes_
    assert sorted(path for path in tmp_path.rglob("*")) == before and network_attempts == []


def test_loading_and_naming_import_no_tensorflow(saved: Path, pictures: Path) -> None:
    program = f"""
import sys
from imgclass_course import load_classifier
print(load_classifier({str(saved)!r}).predict({str(pictures / "blue" / "000.png")!r}))
print([name for name in ("tensorflow", "keras", "pandas", "sklearn", "scipy") if name in sys.modules])
"""
    done = run_python("-c", program)
    assert done.stdout.splitlines() == ["blue", "[]"], done.stderr


def test_two_processes_saving_at_once_leave_a_whole_classifier(saved: Path, pictures: Path) -> None:
    program = f"""
import sys
from imgclass_course import load_backbone, load_classifier, save_classifier
backbone = load_backbone({SMALL!r})
classifier = load_classifier({str(saved)!r}, backbone)
for _ in range(5):
    save_classifier(classifier, {str(saved.with_name("shared"))!r})
"""
    command = [sys.executable, "-c", program]
    children = [subprocess.Popen(command, env=child_environment(), stderr=subprocess.PIPE) for _ in range(2)]
    for child in children:
        _, errors = child.communicate(timeout=120)
        assert child.returncode == 0, errors.decode()
    assert load_classifier(saved.with_name("shared")).predict(pictures / "red" / "000.png") == "red"


def test_names_that_are_not_text_survive(tmp_path: Path, pictures: Path, small_backbone: Backbone) -> None:
    root = Path(shutil.copytree(pictures, tmp_path / "copied"))
    (root / "red").rename(root / "größe\n图")
    if os.name == "posix":  # Windows has no such names
        (root / "blue").rename(root / "<script>alert(1)<")
        (root / "green").rename(root / os.fsdecode(b"gr\xfcn"))
    result = retrain(root, backbone=small_backbone, bottleneck_dir=tmp_path / "store", head="logistic")
    save_run(result, tmp_path / "saved")
    loaded = load_classifier(tmp_path / "saved")
    assert loaded.classes_ == result.classifier.classes_ and all(name.isprintable() for name in loaded.classes_)
    assert len((tmp_path / "saved" / "labels.txt").read_text(encoding="utf-8").splitlines()) == 3
    assert "<script>alert" not in (tmp_path / "saved" / "report.html").read_text(encoding="utf-8")


# Metrics and export


def test_metrics_say_what_was_measured(trained: Retraining, saved: Path) -> None:
    found = json.loads((saved / "metrics.json").read_text(encoding="utf-8"))
    accuracy = trained.evaluate("test").accuracy
    expected = {"value": accuracy.value, "interval": list(accuracy.interval)}
    expected |= {"correct": accuracy.correct, "n": accuracy.n}
    assert found["accuracy"]["test"] == expected and set(found["accuracy"]) == {"train", "validation", "test"}
    assert found["classes"] == ["blue", "green", "red"] and found["backbone"] == SMALL
    assert found["head"] == "keras" and found["steps"] == 30 and found["left_out"] == {}
    assert found["bottlenecks"] == {"reused": 0, "computed": 60}
    assert str(accuracy) in (saved / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("head", ["keras", "logistic"])
def test_exported_model_answers_as_the_classifier_and_says_nothing(
    head: str, trained: Retraining, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    import tensorflow as tf

    found = {"keras": trained.classifier.head, "logistic": fit(trained.features, "logistic").head}
    classifier = replace(trained.classifier, head=found[head])
    capfd.readouterr()
    export_saved_model(classifier, tmp_path / "exported", "answers")
    assert "".join(capfd.readouterr()) == ""
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    pictures = np.stack([gradient(128, 128, seed) for seed in range(5)])
    expected = classifier.predict_proba(pictures)
    for count in (5, 1):
        answers = exported.signatures["serving_default"](images=tf.constant(pictures[:count]))
        assert list(answers) == ["answers"]
        np.testing.assert_allclose(answers["answers"].numpy(), expected[:count], atol=1e-3)


def test_fused_file_is_the_network_and_the_head(trained: Retraining, saved: Path) -> None:
    model = file_of(saved, "model").read_bytes()
    assert len(model) - len(litert_file(trained.classifier.backbone)) < 20_000  # the head's few numbers
