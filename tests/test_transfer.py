"""A head is trained the same way each time, and a saved classifier answers as it did before it was saved."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import SMALL, encode, gradient, plain_backbone, write_pictures

from imgclass_course import transfer
from imgclass_course.backbones import Backbone
from imgclass_course.bottlenecks import BottleneckStore
from imgclass_course.datasets import DatasetError
from imgclass_course.exercises import bands
from imgclass_course.images import ImageError, read_image
from imgclass_course.transfer import ClassifierError, ImageClassifier, Retraining, build_head, retrain, train_head


@pytest.fixture
def saved(classifier_folder: Path, tmp_path: Path) -> Path:
    """Return a copy of a saved classifier that a test may change."""
    return Path(shutil.copytree(classifier_folder, tmp_path / "saved"))


def two_clouds(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors [n, 8] of two classes that are easily told apart, and their labels [n]."""
    generator = np.random.default_rng(0)
    labels = np.arange(count) % 2
    return (generator.normal(size=(count, 8)) + labels[:, None] * 3).astype(np.float32), labels


def some_paths(result: Retraining, count: int = 12) -> list[Path]:
    return [result.folder.root / path for path in result.rows["path"].iloc[::5][:count]]


# Training


def test_one_seed_gives_equal_numbers(pictures: Path, tmp_path: Path) -> None:
    def run(seed: int, store: str) -> Retraining:
        return retrain(pictures, plain_backbone(), tmp_path / store, 20, 20, seed, steps=20, eval_interval=5)

    first, again, other = run(3, "a"), run(3, "b"), run(4, "c")
    assert first.history.equals(again.history)
    for one, two in zip(first.classifier.head.get_weights(), again.classifier.head.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert first.metrics() | {"bottlenecks": 0} == again.metrics() | {"bottlenecks": 0}
    assert not first.history.equals(other.history)


@pytest.mark.parametrize(
    ("steps", "interval", "measured"),
    [(10, 5, [5, 10]), (10, 4, [6, 10]), (3, 25, [3]), (1, 1, [1]), (7, 7, [7]), (11, 3, [5, 8, 11])],
)
def test_every_number_of_steps_is_trained_exactly(steps: int, interval: int, measured: list[int]) -> None:
    import keras

    counted = []
    head = build_head(8, 2)
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: counted.append(epoch))
    history = train_head(*two_clouds(), head, steps, 10, eval_interval=interval, callbacks=[callback])
    assert history.index.tolist() == measured
    assert int(head.optimizer.iterations) == steps
    assert len(counted) == len(measured)


def test_training_learns_and_validation_is_measured() -> None:
    vectors, labels = two_clouds()
    head = build_head(8, 2)
    history = train_head(vectors, labels, head, 200, 20, 0.01, (vectors[:20], labels[:20]), 50)
    assert list(history.columns) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert history["accuracy"].iloc[-1] > 0.95 and history["loss"].is_monotonic_decreasing


def test_validation_pictures_are_not_trained_on() -> None:
    vectors, labels = two_clouds()
    heads = [build_head(8, 2), build_head(8, 2)]
    train_head(vectors, labels, heads[0], 10, 10)
    train_head(vectors, labels, heads[1], 10, 10, validation=(vectors + 5, 1 - labels))
    for one, two in zip(*(head.get_weights() for head in heads), strict=True):
        np.testing.assert_array_equal(one, two)


def test_head_starts_from_its_seed() -> None:
    first, same, other = (build_head(8, 3, seed).get_weights()[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_training_works(trained: Retraining) -> None:
    assert trained.evaluate("train").accuracy.value > 0.8
    assert trained.folder.splits == ("train", "validation", "test") and trained.final_split == "test"
    assert len(trained.paths("test")) == trained.folder.counts()["test"].sum()


def test_evaluation_can_be_limited(trained: Retraining) -> None:
    limited = trained.evaluate("train", 5)
    assert len(limited.labels) == 5 == len(trained.paths("train", 5))
    np.testing.assert_array_equal(limited.labels, trained.evaluate("train", 5).labels)


def test_warm_run_reuses_everything(pictures: Path, tmp_path: Path) -> None:
    first = retrain(pictures, plain_backbone(), tmp_path, 20, 20, steps=2)
    second = retrain(pictures, plain_backbone(), tmp_path, 20, 20, steps=2)
    assert (first.reused, first.computed) == (0, 60) and (second.reused, second.computed) == (60, 0)


def test_augmented_views_are_of_training_pictures_only(pictures: Path, tmp_path: Path) -> None:
    class Inverted:
        fingerprint = "inverted"

        def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
            return 255 - image

    result = retrain(pictures, plain_backbone(), tmp_path, 20, 20, augmentation=Inverted(), views=2, steps=2)
    assert result.computed == 60 + 2 * result.folder.counts()["train"].sum()


def test_picture_that_cannot_be_decoded_is_left_out(pictures: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(pictures, tmp_path / "copied"))
    path = root / "red" / "000.png"
    path.write_bytes(path.read_bytes()[:100])
    (root / "red" / "notes.txt").write_text("words")
    result = retrain(root, plain_backbone(), tmp_path / "store", 20, 20, steps=2)
    assert set(result.metrics()["left_out"]) == {os.path.join("red", name) for name in ("000.png", "notes.txt")}
    assert len(result.rows) == len(result.vectors) == 59


def test_folder_that_cannot_be_trained_on_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "root", {"a": 60, "b": 1})
    monkeypatch.setattr(transfer, "load_backbone", lambda *_: pytest.fail("the backbone was loaded"))
    monkeypatch.setattr(transfer, "extract", lambda *_: pytest.fail("bottlenecks were computed"))
    with pytest.raises(DatasetError, match="Class b has 1"):
        retrain(tmp_path / "root", SMALL, tmp_path / "store")


def test_class_that_the_test_lacks_is_learnt_all_the_same(tmp_path: Path, small_backbone: Backbone) -> None:
    root = write_pictures(tmp_path / "root", {"a": 60, "b": 60, "few": 3})
    result = retrain(root, small_backbone, tmp_path / "store", steps=10, eval_interval=10)
    counts = result.folder.counts()
    assert (counts.loc["few"] == 0).any() and counts.loc["few", "train"] > 0
    result.save(tmp_path / "classifier")
    assert "few" in (tmp_path / "classifier" / "report.html").read_text()
    assert result.classifier.predict([root / "few" / "000.png"], top=3)[0][0][0] in ("a", "b", "few")


# Prediction


def test_prediction_is_the_same_from_bytes_path_and_pixels(trained: Retraining) -> None:
    (path,) = some_paths(trained, 1)
    rows = trained.classifier.predict_probabilities([path, str(path), path.read_bytes(), read_image(path)])
    for row in rows[1:]:
        np.testing.assert_array_equal(row, rows[0])
    np.testing.assert_allclose(rows.sum(1), 1)


def test_prediction_is_what_was_measured(trained: Retraining) -> None:
    paths = trained.paths("test")
    probabilities = trained.classifier.predict_probabilities(paths)
    np.testing.assert_allclose(probabilities, trained.evaluate("test").probabilities, atol=1e-6)


def test_prediction_does_not_depend_on_company(trained: Retraining) -> None:
    paths = some_paths(trained)
    together = trained.classifier.predict_probabilities(paths)
    alone = np.concatenate([trained.classifier.predict_probabilities([path]) for path in paths])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_prediction_is_sorted_and_named(trained: Retraining) -> None:
    ((best, *_), other) = trained.classifier.predict(some_paths(trained, 2), top=2)
    assert len(other) == 2 and best[0] in trained.classifier.classes and best[1] >= 1 / 3
    assert trained.classifier.predict([]) == []


def test_prediction_of_what_is_no_picture_raises(trained: Retraining, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="text"):
        trained.classifier.predict([b"words"])
    with pytest.raises(FileNotFoundError):
        trained.classifier.predict([tmp_path / "missing.jpg"])


# Saving and loading


def test_loaded_classifier_predicts_the_same(trained: Retraining, saved: Path) -> None:
    loaded = ImageClassifier.load(saved)
    assert loaded.classes == trained.classifier.classes == ["blue", "green", "red"]
    assert loaded.backbone.image_size == 128
    paths = some_paths(trained)
    np.testing.assert_array_equal(loaded.predict_probabilities(paths), trained.classifier.predict_probabilities(paths))


def test_saved_folder_says_what_it_is(saved: Path, small_backbone: Backbone) -> None:
    assert (saved / "labels.txt").read_text(encoding="utf-8") == "blue\ngreen\nred\n"
    description = json.loads((saved / "classifier.json").read_text(encoding="utf-8"))
    assert description["fingerprint"] == small_backbone.fingerprint
    assert (description["backbone"], description["image_size"]) == (SMALL, 128)
    assert set(description["versions"]) == {"imgclass_course", "keras", "tensorflow", "pillow"}
    assert {path.name for path in saved.iterdir()} == {
        "classifier.json", "head.keras", "labels.txt", "metrics.json", "report.html"
    }  # fmt: skip


def test_metrics_say_what_was_measured(trained: Retraining, saved: Path) -> None:
    metrics = json.loads((saved / "metrics.json").read_text(encoding="utf-8"))
    accuracy = trained.evaluate("test").accuracy
    assert metrics["accuracy"]["test"] == {
        "value": accuracy.value,
        "interval": list(accuracy.interval),
        "correct": accuracy.correct,
        "n": accuracy.n,
    }
    assert set(metrics["accuracy"]) == {"train", "validation", "test"}
    assert metrics["classes"] == ["blue", "green", "red"] and metrics["backbone"] == SMALL
    assert metrics["steps"] == 30 and metrics["left_out"] == {}
    assert metrics["bottlenecks"] == {"reused": 0, "computed": 60}
    assert str(accuracy) in (saved / "report.html").read_text(encoding="utf-8")


def test_other_backbone_is_refused(saved: Path, small_backbone: Backbone) -> None:
    with pytest.raises(ClassifierError, match="another version"):
        ImageClassifier.load(saved, replace(small_backbone, fingerprint="0" * 64))
    with pytest.raises(ClassifierError, match="another version"):
        ImageClassifier.load(saved, plain_backbone())


def change_description(**changes: object) -> Callable[[Path], None]:
    """Return a change of classifier.json; `None` removes a key."""

    def change(folder: Path) -> None:
        path = folder / "classifier.json"
        description = json.loads(path.read_text(encoding="utf-8")) | changes
        kept = {name: value for name, value in description.items() if value is not None}
        path.write_text(json.dumps(kept), encoding="utf-8")

    return change


def write(name: str, data: bytes) -> Callable[[Path], None]:
    """Return a change that gives one file another content."""
    return lambda folder: (folder / name).write_bytes(data) and None


def cut_head(folder: Path) -> None:
    data = (folder / "head.keras").read_bytes()
    (folder / "head.keras").write_bytes(data[: len(data) // 2])


def remove_weights(folder: Path) -> None:
    """Leave out a part of head.keras."""
    with zipfile.ZipFile(folder / "head.keras") as whole:
        parts = {name: whole.read(name) for name in whole.namelist() if not name.endswith(".h5")}
    with zipfile.ZipFile(folder / "head.keras", "w") as less:
        for name, data in parts.items():
            less.writestr(name, data)


def put_other_head(folder: Path) -> None:
    build_head(1024, 5).save(folder / "head.keras")


DAMAGES = {
    "no classifier.json": lambda folder: (folder / "classifier.json").unlink(),
    "no head.keras": lambda folder: (folder / "head.keras").unlink(),
    "empty json": write("classifier.json", b""),
    "json that is cut": write("classifier.json", b'{"format": 1, "backbone"'),
    "json that is a list": write("classifier.json", b"[]"),
    "json that is a number": write("classifier.json", b"5"),
    "json that is not text": write("classifier.json", b"\xff\xfe\x00"),
    "no fingerprint": change_description(fingerprint=None),
    "no backbone": change_description(backbone=None),
    "no size": change_description(image_size=None),
    "no classes": change_description(classes=None),
    "two classes for three answers": change_description(classes=["a", "b"]),
    "classes that are a number": change_description(classes=3),
    "a newer format": change_description(format=transfer.CLASSIFIER_FORMAT + 1),
    "head that is cut": cut_head,
    "head that is text": write("head.keras", b"words"),
    "head without weights": remove_weights,
    "head with five answers": put_other_head,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_classifier_is_refused(saved: Path, damage: Callable[[Path], None]) -> None:
    damage(saved)
    with pytest.raises(ClassifierError) as caught:
        ImageClassifier.load(saved)
    assert "saved" in str(caught.value)


def test_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClassifierError, match="nothing"):
        ImageClassifier.load(tmp_path / "nothing")


def test_code_in_a_head_is_not_run(saved: Path, tmp_path: Path) -> None:
    import keras

    proof = tmp_path / "proof"
    code = f"lambda x: (x, open({str(proof)!r}, 'w'))[0]"
    head = keras.Sequential([keras.Input((1024,)), keras.layers.Lambda(eval(code)), keras.layers.Dense(3)])
    head.save(saved / "head.keras")
    proof.unlink(missing_ok=True)
    with pytest.raises(ClassifierError):
        ImageClassifier.load(saved)
    assert not proof.exists()


def test_names_that_are_not_text_survive(tmp_path: Path, pictures: Path) -> None:
    root = Path(shutil.copytree(pictures, tmp_path / "copied"))
    (root / "red").rename(root / "größe\n图")
    (root / "blue").rename(root / "<script>alert(1)<")
    if os.name == "posix":
        (root / "green").rename(root / os.fsdecode(b"gr\xfcn"))
    result = retrain(root, plain_backbone(), tmp_path / "store", 20, 20, steps=2)
    result.save(tmp_path / "saved")
    loaded = ImageClassifier.load(tmp_path / "saved", plain_backbone())
    assert loaded.classes == result.classifier.classes and all(name.isprintable() for name in loaded.classes)
    assert len((tmp_path / "saved" / "labels.txt").read_text(encoding="utf-8").splitlines()) == 3
    assert "<script>" not in (tmp_path / "saved" / "report.html").read_text(encoding="utf-8")


def test_saving_twice_replaces_the_first(trained: Retraining, tmp_path: Path, pictures: Path) -> None:
    for _ in range(2):
        trained.classifier.save(tmp_path)
    assert ImageClassifier.load(tmp_path).classes == trained.classifier.classes


def test_store_is_closed_when_retraining_is_done(pictures: Path, tmp_path: Path) -> None:
    retrain(pictures, plain_backbone(), tmp_path, 20, 20, steps=2)
    assert [path.name for path in tmp_path.iterdir()] == ["bottlenecks.sqlite"]  # no -wal, no -shm
    with BottleneckStore(tmp_path) as store:
        assert store.verify() == (60, 0)


# Export


def test_exported_model_answers_as_the_classifier(trained: Retraining, tmp_path: Path) -> None:
    import tensorflow as tf

    trained.classifier.export_saved_model(tmp_path / "exported", "answers")
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    pictures = np.stack([gradient(128, 128, seed) for seed in range(5)])
    expected = trained.classifier.predict_probabilities(list(pictures))
    for count in (5, 1):
        answers = exported.signatures["serving_default"](images=tf.constant(pictures[:count]))
        assert list(answers) == ["answers"]
        np.testing.assert_allclose(answers["answers"].numpy(), expected[:count], atol=1e-3)


def test_export_is_silent(trained: Retraining, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    capfd.readouterr()
    trained.classifier.export_saved_model(tmp_path / "exported")
    assert "".join(capfd.readouterr()) == ""


def test_picture_of_a_file_is_predicted_as_its_bytes(trained: Retraining, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(gradient(900, 700), "JPEG"))
    rows = trained.classifier.predict_probabilities([path, path.read_bytes()])
    np.testing.assert_array_equal(rows[0], rows[1])


# The exercises


RIGHT_AND_WRONG = [
    ("few", "few_on_training"),
    ("few", "few_in_all"),
    ("few", "all_training"),
    ("cloth_exchanged", "cloth_taken_away"),
    ("cloth_exchanged", "cloth_everywhere"),
    ("cloth_exchanged", "cloth_as_trained"),
    ("cloth_as_trained", "cloth_taken_away"),
    ("cloth_as_trained", "cloth_everywhere"),
]


@pytest.mark.parametrize(("right", "wrong"), RIGHT_AND_WRONG)
def test_band_of_a_mistake_does_not_overlap(right: str, wrong: str) -> None:
    one, other = bands("transfer")[right], bands("transfer")[wrong]
    assert one.high < other.low or other.high < one.low
