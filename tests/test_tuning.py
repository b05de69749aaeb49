"""Fine-tuning: what learns and what does not, activations out of the store, and what is said of what cannot be done."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from support import SMALL, write_pictures

from imgclass_course.augmentation import build_pipeline
from imgclass_course.backbones import load_backbone
from imgclass_course.cli import main
from imgclass_course.foundation.errors import BackboneError, ClassifierError, StoreError, TrainingError
from imgclass_course.foundation.store import BottleneckStore
from imgclass_course.outputs.classifier_files import DESCRIPTION, load_classifier, save_classifier
from imgclass_course.outputs.run_files import metrics, save_run
from imgclass_course.retraining import retrain
from imgclass_course.transfer import Retraining
from imgclass_course.tuning import FineTuning, fine_tune

COUNT = 36  # pictures that can be read
NUMBERS = 8 * 8 * 512  # activations of a picture before block12, at 128 pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of two classes, hard enough to leave something to learn, and one that cannot be read."""
    root = write_pictures(tmp_path_factory.mktemp("tuning"), {"red": 18, "green": 18})
    (root / "red" / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n, and no more")
    return root


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where vectors and activations are kept."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def frozen(folder: Path, store: Path) -> Retraining:
    """The control."""
    percentages = {"validation_percentage": 20, "testing_percentage": 20}
    return retrain(folder, backbone=SMALL, head="logistic", bottleneck_dir=store, **percentages)


@pytest.fixture(scope="module")
def tuned(frozen: Retraining, store: Path) -> FineTuning:
    """A network that has learned from block 12 on, at a rate that shows."""
    return fine_tune(frozen, "block12", epochs=3, learning_rate=1e-3, batch_size=8, bottleneck_dir=store)


def test_only_the_blocks_from_one_on_learn_and_batch_normalisation_does_not(tuned: FineTuning) -> None:
    before, after = load_backbone(SMALL).model(), tuned.classifier.backbone.model()
    changed = set()
    for one, other in zip(before.layers, after.layers, strict=True):
        pairs = zip(one.get_weights(), other.get_weights(), strict=True)
        if any(not np.array_equal(values, learned) for values, learned in pairs):
            changed.add(other.name)
    expected = {f"conv_{kind}_{block}" for kind in ("dw", "pw") for block in (12, 13)}
    assert changed == (expected if tuned.best else set())


def test_best_state_is_kept_and_the_first_row_is_the_control(tuned: FineTuning, frozen: Retraining) -> None:
    history = tuned.history
    assert list(history.index) == [0, 1, 2, 3] and history.index.name == "epochs"
    assert tuned.best == history["val_loss"].idxmin()
    assert history.loc[0, "val_accuracy"] == pytest.approx(frozen.evaluate("validation").accuracy.value)
    assert history.loc[tuned.best, "val_accuracy"] == pytest.approx(tuned.evaluate("validation").accuracy.value)
    assert tuned.frozen is frozen and len(tuned.features) == COUNT
    again = (tuned.evaluate("test").right.mean() - frozen.evaluate("test").right.mean()).item()
    assert tuned.comparison().difference == pytest.approx(again)


def test_without_gain_the_network_stays_as_it_was(frozen: Retraining, store: Path) -> None:
    spoiled = fine_tune(frozen, "block13", epochs=1, learning_rate=1e6, bottleneck_dir=store)
    assert spoiled.best == 0 and spoiled.history.loc[1, "val_loss"] > spoiled.history.loc[0, "val_loss"]
    assert np.allclose(spoiled.features.X, frozen.features.X, atol=0.02)  # half the digits on the way
    assert spoiled.comparison().difference == 0


def test_activations_come_from_the_store_and_give_the_same_as_computed_anew(
    tuned: FineTuning, frozen: Retraining, store: Path
) -> None:
    options = {"epochs": 3, "learning_rate": 1e-3, "batch_size": 8}
    again = fine_tune(frozen, "block12", bottleneck_dir=store, **options)
    assert (again.features.reused, again.features.computed) == (COUNT, 0)
    anew = fine_tune(frozen, "block12", activation_limit=0, bottleneck_dir=store, **options)
    assert "kept" in again.activations and "anew" in anew.activations
    for other in (again, anew):
        assert np.allclose(other.history, tuned.history, atol=1e-5), "cached is uncached"
        assert np.allclose(other.features.X, tuned.features.X, atol=1e-4)
    with BottleneckStore(store) as opened:
        info = opened.info().set_index("backbone")
    kept = info.loc[f"{SMALL}, below block12"]
    assert kept["vectors"] == COUNT and kept["MB"] == pytest.approx(COUNT * NUMBERS * 2 / 1e6)


def test_limit_decides_what_is_kept(frozen: Retraining, tmp_path: Path) -> None:
    needed = COUNT * NUMBERS * 2 / 1e6
    for limit, word in ((needed, "kept"), (0.99 * needed, "anew")):
        found = fine_tune(frozen, "block12", epochs=1, activation_limit=limit, bottleneck_dir=tmp_path / word)
        assert word in found.activations
    assert not (tmp_path / "anew").exists()


def test_damaged_activations_are_computed_again(frozen: Retraining, tmp_path: Path) -> None:
    first = fine_tune(frozen, "block13", epochs=1, bottleneck_dir=tmp_path)
    with BottleneckStore(tmp_path) as store:
        store._connection.execute("UPDATE vectors SET value = zeroblob(length(value)) WHERE rowid = 3")
    again = fine_tune(frozen, "block13", epochs=1, bottleneck_dir=tmp_path)
    assert again.features.computed == 1 and np.allclose(again.history, first.history, atol=1e-5)


def test_augmented_views_are_trained_on_too(frozen: Retraining, store: Path) -> None:
    flip = build_pipeline(flip=0.5)
    options = {"epochs": 1, "augmentation": flip, "views": 2, "bottleneck_dir": store}
    kept = fine_tune(frozen, "block13", **options)
    train = (frozen.features.rows["split"] == "train").sum()
    assert len(kept.features) == COUNT + 2 * train and len(kept.pictures("test")) == len(frozen.pictures("test"))
    anew = fine_tune(frozen, "block13", activation_limit=0, **options)
    assert np.allclose(kept.history, anew.history, atol=1e-4)


def test_warnings_of_others_are_left_alone(frozen: Retraining, store: Path) -> None:
    logger = logging.getLogger("tensorflow")
    before = list(logger.filters)
    fine_tune(frozen, "block13", epochs=1, bottleneck_dir=store)
    assert logger.filters == before


def test_class_weights_count(frozen: Retraining, store: Path) -> None:
    plain = fine_tune(frozen, "block13", epochs=1, bottleneck_dir=store)
    weighted = fine_tune(frozen, "block13", epochs=1, class_weight={"red": 9}, bottleneck_dir=store)
    assert weighted.history.loc[1, "loss"] != plain.history.loc[1, "loss"]


def test_tuned_classifier_names_pictures_alike_however_it_runs(tuned: FineTuning, tmp_path: Path) -> None:
    pictures = tuned.paths("test")
    expected = tuned.evaluate("test").probabilities
    assert np.allclose(tuned.classifier.predict_proba(pictures), expected, atol=2e-3)
    save_classifier(tuned.classifier, tmp_path)
    assert np.allclose(load_classifier(tmp_path).predict_proba(pictures), expected, atol=2e-3)
    loaded = load_classifier(tmp_path, load_backbone(SMALL))
    assert loaded.backbone.fingerprint == tuned.classifier.backbone.fingerprint
    assert np.allclose(loaded.predict_proba(pictures), expected, atol=2e-3)


def test_what_was_learned_belongs_to_its_network(tuned: FineTuning, frozen: Retraining, tmp_path: Path) -> None:
    save_classifier(tuned.classifier, tmp_path)
    with pytest.raises(ClassifierError, match="another network than mobilenet_v1_100_160"):
        load_classifier(tmp_path, load_backbone("mobilenet_v1_100_160"))
    (learned,) = tmp_path.glob("learned-*.npz")
    learned.write_bytes(learned.read_bytes()[:-1])
    with pytest.raises(ClassifierError, match="damaged"):
        load_classifier(tmp_path, load_backbone(SMALL))
    save_classifier(frozen.classifier, tmp_path)
    assert not list(tmp_path.glob("learned-*")), "of the classifier before"


@pytest.mark.parametrize("value", ["x", {"block": 3, "fingerprint": ""}, {"block": "block99"}])
def test_description_that_is_wrong_is_refused(tuned: FineTuning, tmp_path: Path, value: object) -> None:
    save_classifier(tuned.classifier, tmp_path)
    description = json.loads((tmp_path / DESCRIPTION).read_text())
    (tmp_path / DESCRIPTION).write_text(json.dumps(description | {"tuned_from": value}))
    with pytest.raises(ClassifierError, match="tuned_from"):
        load_classifier(tmp_path, load_backbone(SMALL))


def test_report_and_metrics_hold_the_control(tuned: FineTuning, tmp_path: Path) -> None:
    found = metrics(tuned)
    assert found["fine_tuned_epochs"] == 3 and found["best_epoch"] == tuned.best
    assert found["frozen_control"] == str(tuned.frozen.evaluate("test").accuracy)
    save_run(tuned, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "frozen control" in page and "tuned from block12" in page and "tuned against frozen" in page


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"epochs": 1.5}, "epochs=1.5"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"learning_rate": float("nan")}, "learning_rate=nan"),
        ({"activation_limit": -1}, "activation_limit=-1"),
    ],
)
def test_impossible_options_are_refused(frozen: Retraining, options: dict, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        fine_tune(frozen, "block13", **options)


def test_block_that_does_not_exist_is_refused(frozen: Retraining) -> None:
    with pytest.raises(BackboneError, match="no block14"):
        fine_tune(frozen, "block14")


def test_what_cannot_be_tuned_says_so(folder: Path, store: Path) -> None:
    neighbours = retrain(folder, backbone=SMALL, head=KNeighborsClassifier(), bottleneck_dir=store)
    with pytest.raises(TrainingError, match="KNeighborsClassifier cannot learn together"):
        fine_tune(neighbours, "block13")
    joined = retrain(folder, backbone=f"{SMALL}+{SMALL}@block1", head="logistic", bottleneck_dir=store)
    with pytest.raises(TrainingError, match="several networks"):
        fine_tune(joined, "block13")


def test_full_disk_is_noticed_before_long_work(
    frozen: Retraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=100_000)
    monkeypatch.setattr("imgclass_course.tuning.shutil.disk_usage", lambda _: usage)
    with pytest.raises(StoreError, match="activation_limit=0"):
        fine_tune(frozen, "block12", bottleneck_dir=tmp_path)
    with BottleneckStore(tmp_path) as store:
        assert store.info().empty


def test_disk_that_becomes_full_on_the_way_loses_nothing_that_was_kept(
    frozen: Retraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgclass_course.foundation.extraction.BATCH_SIZE", 8)
    begin = BottleneckStore.__init__

    def small(self: BottleneckStore, folder: Path) -> None:
        begin(self, folder)
        self._connection.execute("PRAGMA max_page_count = 40")  # 640 KB

    monkeypatch.setattr(BottleneckStore, "__init__", small)
    with pytest.raises(StoreError, match="free some space"):
        fine_tune(frozen, "block12", bottleneck_dir=tmp_path)
    monkeypatch.setattr(BottleneckStore, "__init__", begin)
    with BottleneckStore(tmp_path) as store:
        kept = store.info()["vectors"].sum()
        assert store.verify().damaged == 0 and 0 < kept < COUNT
    found = fine_tune(frozen, "block12", epochs=1, bottleneck_dir=tmp_path)
    assert found.features.reused == kept


def test_picture_that_changed_since_is_noticed(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pictures"
    shutil.copytree(folder, copy)
    frozen = retrain(copy, backbone=SMALL, head="logistic", bottleneck_dir=tmp_path / "store")
    (copy / "red" / "000.png").write_bytes((copy / "green" / "010.png").read_bytes())
    with pytest.raises(TrainingError, match="has changed"):
        fine_tune(frozen, "block13", bottleneck_dir=tmp_path / "store")


def test_command_line_fine_tunes(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "classifier"
    flags = ["--architecture", SMALL, "--head", "logistic", "--bottleneck_dir", str(tmp_path / "store")]
    flags += ["--fine_tune_from", "block13", "--fine_tune_epochs", "1", "--output_graph", str(output)]
    assert main(["retrain", str(folder), *flags]) == 0
    printed = capsys.readouterr().out
    assert "MB of activations, kept" in printed and "Before fine-tuning: " in printed and "difference " in printed
    assert json.loads((output / "metrics.json").read_text())["fine_tuned_epochs"] == 1
    assert main(["label", "--graph", str(output), str(folder / "red" / "000.png")]) == 0
    capsys.readouterr()
    store = ["--bottleneck_dir", str(tmp_path / "store")]
    assert main(["cache", "forget", f"{SMALL}, below block13", *store]) == 0
    assert capsys.readouterr().out == f"{COUNT} vectors removed\n"
    assert main(["cache", "forget", "mobilenet_v9", *store]) == 2
    assert f"It holds: {SMALL}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--fine_tune_epochs", "3"], "--fine_tune_from"),
        (["--activation_limit", "3"], "--fine_tune_from"),
        (["--fine_tune_from", "block99"], "no block99"),
        (["--fine_tune_from", "block13", "--fine_tune_rate", "0"], "fine_tune_rate"),
    ],
)
def test_command_line_refuses_before_the_training(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], words: str
) -> None:
    output = tmp_path / "classifier"
    assert main(["retrain", str(folder), "--architecture", SMALL, "--output_graph", str(output), *flags]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not output.exists()
