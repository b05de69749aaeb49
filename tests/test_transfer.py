"""A head is trained the same way each time, whatever it is made of, and mistakes are found before any long work."""

import math
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from support import SMALL, plain_backbone, run_python, write_pictures

from imgclass_course import retraining
from imgclass_course.backbones import Backbone
from imgclass_course.bottlenecks import BottleneckStore
from imgclass_course.exercises import bands
from imgclass_course.features import Features
from imgclass_course.foundation.errors import DatasetError, TrainingError
from imgclass_course.heads import USUAL_STRENGTH, KerasHead, LogisticHead, fit_logistic
from imgclass_course.outputs.run_files import metrics, save_run
from imgclass_course.regularization import build_regularized_head
from imgclass_course.transfer import Retraining, build_head, fit, retrain, train_head

SHARES = {"validation_percentage": 20, "testing_percentage": 20}


class Inverted:
    """An augmentation that inverts the colours."""

    fingerprint = "inverted"

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        """Return the inverted picture."""
        return 255 - image


def two_clouds(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors [n, 8] of two classes that are easily told apart, and their labels [n]."""
    generator = np.random.default_rng(0)
    labels = np.arange(count) % 2
    return (generator.normal(size=(count, 8)) + labels[:, None] * 3).astype(np.float32), labels


def three_clouds(spread: float = 1.0, counts: tuple[int, int, int] = (60, 60, 60)) -> Features:
    """Return vectors of three classes, half of them for training, a quarter each for validation and test."""
    generator = np.random.default_rng(0)
    y = np.repeat(np.arange(3), counts)
    X = (generator.normal(size=(len(y), 8)) * spread + np.eye(3, 8)[y] * 2).astype(np.float32)
    splits = np.array(["train", "validation", "train", "test"])[np.arange(len(y)) % 4]
    return Features(X, y, pd.DataFrame({"split": splits, "view": 0}), ("a", "b", "c"))


# Training


def test_one_seed_gives_equal_numbers(pictures: Path, tmp_path: Path) -> None:
    def run(seed: int, store: str) -> Retraining:
        options = {"bottleneck_dir": tmp_path / store, "seed": seed, "steps": 20, "eval_interval": 5}
        return retrain(pictures, backbone=plain_backbone(), **SHARES, **options)

    first, again, other = run(3, "a"), run(3, "b"), run(4, "c")
    assert first.history.equals(again.history) and not first.history.equals(other.history)
    for one, two in zip(*(run.classifier.head.model.get_weights() for run in (first, again)), strict=True):
        np.testing.assert_array_equal(one, two)
    assert metrics(first) | {"bottlenecks": 0} == metrics(again) | {"bottlenecks": 0}


@pytest.mark.parametrize(
    ("steps", "interval", "measured"),
    [(10, 5, [5, 10]), (10, 4, [2, 6, 10]), (3, 25, [3]), (1, 1, [1]), (7, 7, [7]), (11, 3, [2, 5, 8, 11])],
)
def test_every_number_of_steps_is_trained_exactly(steps: int, interval: int, measured: list[int]) -> None:
    import keras

    epochs, batches = [], []
    head = build_head(8, 2)
    callback = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: epochs.append(epoch),
        on_train_batch_begin=lambda batch, logs: batches.append(int(head.optimizer.iterations)),
    )
    history = train_head(*two_clouds(), head, steps, 10, eval_interval=interval, callbacks=[callback])
    assert history.index.tolist() == measured and history.index.name == "steps"
    assert int(head.optimizer.iterations) == steps
    assert epochs == list(range(len(measured)))
    assert batches == list(range(steps))  # callbacks see every step, the first ones too


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


@pytest.mark.parametrize("head", ["keras", "logistic"])
def test_test_pictures_are_not_trained_on(head: str) -> None:
    features, other = three_clouds(spread=2.0), three_clouds(spread=2.0)
    in_test = (features.rows["split"] == "test").to_numpy()
    other.y[in_test] = (features.y[in_test] + 1) % 3
    other.X[in_test] += 5
    one, two = (fit(given, head).head.predict_proba(features.X) for given in (features, other))
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
    options = {"backbone": plain_backbone(), "bottleneck_dir": tmp_path, **SHARES, "steps": 2}
    first, second = (retrain(pictures, **options).features for _ in range(2))
    assert (first.reused, first.computed) == (0, 60) and (second.reused, second.computed) == (60, 0)


def test_augmented_views_are_of_training_pictures_only(pictures: Path, tmp_path: Path) -> None:
    options = {"backbone": plain_backbone(), "bottleneck_dir": tmp_path, **SHARES, "steps": 2}
    plain = retrain(pictures, **options)
    result = retrain(pictures, **options, augmentation=Inverted(), views=2)
    views = result.features.rows[result.features.rows["view"] > 0]
    assert set(views["split"]) == {"train"} and len(views) == 2 * result.folder.counts()["train"].sum()
    assert len(result.evaluate("train").labels) == len(plain.evaluate("train").labels)
    usual = retrain(pictures, **options, augmentation=Inverted())  # an augmentation alone is not for nothing
    assert usual.features.rows["view"].max() == retraining.USUAL_VIEWS


def test_picture_that_cannot_be_decoded_is_left_out(pictures: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(pictures, tmp_path / "copied"))
    path = root / "red" / "000.png"
    path.write_bytes(path.read_bytes()[:100])
    (root / "red" / "notes.txt").write_text("words")
    result = retrain(root, backbone=plain_backbone(), bottleneck_dir=tmp_path / "store", **SHARES, steps=2)
    assert set(metrics(result)["left_out"]) == {os.path.join("red", name) for name in ("000.png", "notes.txt")}
    assert len(result.features) == 59


MISTAKES = {
    "There is no option 'step'. Did you mean 'steps'": {"step": 10},
    "steps=0 is not possible": {"steps": 0},
    "batch_size=2.5 is not possible": {"batch_size": 2.5},
    "learning_rate=nan is not possible": {"learning_rate": math.nan},
    "There is no head 'logistik'": {"head": "logistik"},
    "steps, callbacks belong to a Keras head": {"head": "logistic", "steps": 10, "callbacks": [1]},
    "views=2 without an augmentation": {"views": 2},
    "views=0 leaves the augmentation unused": {"augmentation": Inverted(), "views": 0},
}


@pytest.mark.parametrize(("words", "options"), MISTAKES.items(), ids=MISTAKES)
def test_mistaken_option_is_refused_before_any_work(
    words: str, options: dict, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("load_backbone", "extract", "BottleneckStore"):
        monkeypatch.setattr(retraining, name, lambda *_, **__: pytest.fail("work was begun"))
    with pytest.raises(TrainingError) as caught:
        retrain(pictures, bottleneck_dir=tmp_path, **options)
    assert words in str(caught.value)


def test_folder_that_cannot_be_trained_on_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "root", {"a": 60, "b": 1})
    monkeypatch.setattr(retraining, "extract", lambda *_, **__: pytest.fail("bottlenecks were computed"))
    with pytest.raises(DatasetError, match="Class b has 1"):
        retrain(tmp_path / "root", backbone=SMALL, bottleneck_dir=tmp_path / "store")


def test_class_that_the_test_lacks_is_learnt_all_the_same(tmp_path: Path, small_backbone: Backbone) -> None:
    root = write_pictures(tmp_path / "root", {"a": 60, "b": 60, "few": 3})
    result = retrain(root, backbone=small_backbone, bottleneck_dir=tmp_path / "store", head="logistic")
    counts = result.folder.counts()
    assert (counts.loc["few"] == 0).any() and counts.loc["few", "train"] > 0
    save_run(result, tmp_path / "classifier")
    assert "few" in (tmp_path / "classifier" / "report.html").read_text()
    assert result.classifier.predict(root / "few" / "000.png") in ("a", "b", "few")


def test_store_is_closed_when_retraining_is_done(pictures: Path, tmp_path: Path) -> None:
    retrain(pictures, backbone=plain_backbone(), bottleneck_dir=tmp_path, **SHARES, steps=2)
    assert [path.name for path in tmp_path.iterdir()] == ["bottlenecks.sqlite"]  # no -wal, no -shm
    with BottleneckStore(tmp_path) as store:
        assert store.verify() == (60, 0)


def test_result_is_described_in_a_line(trained: Retraining) -> None:
    assert len(repr(trained)) < 400 and "blue" in repr(trained) and "train" in repr(trained)


# What people bring


def test_a_table_and_arrays_give_the_same_as_the_folder(pictures: Path, tmp_path: Path) -> None:
    options = {"backbone": plain_backbone(), "bottleneck_dir": tmp_path, **SHARES, "steps": 4}
    from_folder = retrain(pictures, **options)
    table = from_folder.folder.table[["path", "label"]].copy()
    table["path"] = [pictures / path for path in table["path"]]
    from_table = retrain(table, **options)
    from_bytes = retrain((path.read_bytes() for path in table["path"]), table["label"], **options)
    for other in (from_table, from_bytes):  # the same content, so the same split and the same vectors
        assert other.features.computed == 0 and other.history.equals(from_folder.history)
    generator = np.random.default_rng(0)
    arrays = generator.integers(0, 256, (40, 20, 20, 3), dtype=np.uint8)
    arrays[::2] //= 4
    del options["steps"]
    result = retrain(arrays, ["dark", "light"] * 20, **options, head="logistic")
    assert result.evaluate("train").accuracy.value > 0.9
    save_run(result, tmp_path / "classifier")  # a report of pictures that are no files
    assert result.classifier.predict(arrays[0]) == "dark"


# Heads


def test_best_state_is_restored() -> None:
    features = three_clouds(spread=2.0)
    fitted = fit(features, steps=200, eval_interval=10, learning_rate=0.3)
    losses = fitted.history["val_loss"]
    assert fitted.best == losses.idxmin() < losses.index[-1]  # it overfits, and is put back
    X, y = features.xy("validation")
    likelihood = fitted.head.predict_proba(X)[np.arange(len(y)), y]
    assert -np.log(likelihood).mean() == pytest.approx(losses.min(), abs=1e-5)
    without = fit(features.select((features.rows["split"] == "train").to_numpy()), steps=30)
    assert without.best == 30  # nothing to choose by: the last state


def test_logistic_is_scikit_learns_with_the_strength_of_the_lowest_loss() -> None:
    features = three_clouds(spread=1.5)
    fitted = fit(features, "logistic")
    assert fitted.best == fitted.history["val_loss"].idxmin() and fitted.history.index.name == "strength"
    X, y = features.xy("train")
    reference = LogisticRegression(C=fitted.best, max_iter=5000, tol=1e-8).fit(X.astype(np.float64), y)
    test, _ = features.xy("test")
    np.testing.assert_allclose(fitted.head.predict_proba(test), reference.predict_proba(test), atol=0.01)


def test_logistic_of_two_classes_and_of_one_that_has_no_pictures() -> None:
    vectors, labels = two_clouds()
    rows = pd.DataFrame({"split": "train", "view": 0}, index=range(len(labels)))
    head, _ = fit_logistic(Features(vectors, labels * 2, rows, ("left", "nothing", "right")))
    reference = LogisticRegression(C=USUAL_STRENGTH, tol=1e-8).fit(vectors, labels)
    found = head.predict_proba(vectors)
    np.testing.assert_allclose(found[:, [0, 2]], reference.predict_proba(vectors), atol=0.01)
    assert (found[:, 1] < 1e-6).all()


def test_any_estimator_and_any_keras_model_can_be_the_head() -> None:
    import keras

    features = three_clouds()
    made = {
        "estimator": KNeighborsClassifier(3),
        "function": lambda dim, classes: build_regularized_head(dim, classes, (16,)),
        "probabilities": keras.Sequential([keras.Input((8,)), keras.layers.Dense(3, activation="softmax")]),
    }
    X, y = features.xy("test")
    for name, head in made.items():
        options = {} if name == "estimator" else {"steps": 150, "learning_rate": 0.05}
        found = fit(features, head, **options).head.predict_proba(X)
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6, err_msg=name)
        assert (found.argmax(axis=1) == y).mean() > 0.85, name


@pytest.mark.parametrize("head", ["keras", "logistic"])
def test_class_weights_move_answers_towards_the_rare_class(head: str) -> None:
    features = three_clouds(spread=2.0, counts=(200, 200, 16))
    X, _ = features.xy("test")
    counted = {
        name: int((fit(features, head, class_weight=weight).head.predict_proba(X).argmax(axis=1) == 2).sum())
        for name, weight in {"none": None, "by name": {"c": 30.0}, "balanced": "balanced"}.items()
    }
    assert counted["by name"] > counted["none"] and counted["balanced"] > counted["none"]
    with pytest.raises(TrainingError, match="class_weight names 'd'"):
        fit(features, head, class_weight={"d": 2})


def test_sampler_loss_and_optimizer_are_used() -> None:
    import keras

    features, drawn = three_clouds(), []

    def only_the_first_class(labels: np.ndarray, batch_size: int, steps: int, seed: int) -> np.ndarray:
        drawn.append((batch_size, steps))
        return np.resize(np.flatnonzero(labels == 0), (steps, batch_size))

    options = {"steps": 50, "optimizer": keras.optimizers.SGD(0.5), "loss": "sparse_categorical_crossentropy"}
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3, activation="softmax")])
    fitted = fit(features, model, sampler=only_the_first_class, batch_size=10, **options)
    assert drawn == [(10, 50)] and isinstance(model.optimizer, keras.optimizers.SGD)
    assert fitted.history["accuracy"].iloc[-1] == 1.0 and fitted.history["val_accuracy"].iloc[-1] < 0.7


def test_logistic_head_trains_and_labels_without_tensorflow(pictures: Path, tmp_path: Path) -> None:
    program = f"""
import sys
from imgclass_course import load_classifier, retrain, save_run
result = retrain({str(pictures)!r}, backbone={SMALL!r}, head="logistic", bottleneck_dir={str(tmp_path / "store")!r})
save_run(result, {str(tmp_path / "saved")!r})
answer = load_classifier({str(tmp_path / "saved")!r}).predict({str(pictures / "red" / "000.png")!r})
print(answer, "tensorflow" in sys.modules, "keras" in sys.modules)
"""
    done = run_python("-c", program)
    assert done.stdout.split() == ["red", "False", "False"], done.stderr


def test_heads_know_their_dense_layers(trained: Retraining) -> None:
    X = trained.features.X[:5]
    for head in (trained.classifier.head, fit(trained.features, "logistic").head):
        assert isinstance(head, KerasHead | LogisticHead)
        ((kernel, bias, relu),) = head.dense_layers()
        np.testing.assert_allclose(X @ kernel + bias, np.asarray(head.scores(X)), atol=1e-4)
        assert not relu


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
