"""Checkpoints that keep the best state, curves in event files, and folders of runs."""

import io
import json
import os
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support import SMALL, assert_one_line_error, run_command

from imgclass_course.checkpoint_files import SCORE_MEMBER, read_score, save_with_score
from imgclass_course.event_files import read_scalars
from imgclass_course.foundation.errors import TrainingError
from imgclass_course.training import BestCheckpoint, new_run_folder
from imgclass_course.transfer import build_head, train_head


def keep(folder: Path, value: float, epoch: int = 1, name: str = "{epoch:02d}_{val_loss:.3f}.keras") -> BestCheckpoint:
    checkpoint = BestCheckpoint(folder / name, "val_loss", "min")
    checkpoint.update(build_head(2, 2), epoch, {"val_loss": value})
    return checkpoint


def test_a_later_run_never_replaces_a_better_checkpoint(tmp_path: Path) -> None:
    assert [path.name for path in keep(tmp_path, 0.5).saved] == ["01_0.500.keras"]
    (tmp_path / ".01_0.400.unfinished.keras").touch()  # of a process that was killed while it wrote
    assert keep(tmp_path, 0.7).saved == keep(tmp_path, 0.5).saved == keep(tmp_path, float("nan")).saved == []
    better = keep(tmp_path, 0.4996)  # the same name, a better value
    assert better.best() == (tmp_path / "01_0.500.keras", 0.4996)


def test_one_file_that_keeps_its_name(tmp_path: Path) -> None:
    for value, kept in [(0.5, 0.5), (0.6, 0.5), (0.4, 0.4)]:
        assert keep(tmp_path, value, name="head.keras").best() == (tmp_path / "head.keras", kept)
    assert [path.name for path in tmp_path.iterdir()] == ["head.keras"]


def test_a_first_value_that_is_no_number_does_not_block_the_others(tmp_path: Path) -> None:
    assert keep(tmp_path, float("nan")).saved == []
    assert keep(tmp_path, 0.5).best()[1] == 0.5


def test_a_better_state_that_another_process_kept_meanwhile_stays(tmp_path: Path) -> None:
    def save(path: Path) -> None:
        build_head(2, 2).save(path)
        keep(tmp_path, 0.3, name="head.keras")

    checkpoint = BestCheckpoint(tmp_path / "head.keras", "val_loss", "min")
    checkpoint.update(SimpleNamespace(save=save), 1, {"val_loss": 0.4})
    assert checkpoint.saved == [] and checkpoint.best()[1] == 0.3
    assert os.listdir(tmp_path) == ["head.keras"]


FOREIGN = {
    "no archive": None,
    "without a score": {},
    "a score that is a list": ["val_loss", 9.0],
    "a value that is text": {"monitor": "val_loss", "value": "9", "about": ""},
    "a value that is no number": {"monitor": "val_loss", "value": float("nan"), "about": ""},
    "of another measure": {"monitor": "loss", "value": 9.0, "about": ""},
    "of other pictures": {"monitor": "val_loss", "value": 9.0, "about": "other pictures"},
}


@pytest.mark.parametrize("score", FOREIGN.values(), ids=FOREIGN)
def test_what_cannot_be_compared_is_refused_and_left_alone(tmp_path: Path, score: object) -> None:
    path = tmp_path / "head.keras"
    if score is None:
        path.write_text("not a model")
    else:
        save_with_score(build_head(2, 2), path, score)
    before = path.read_bytes()
    with pytest.raises(TrainingError, match="Choose another name"):
        keep(tmp_path, 0.1, name="head.keras")
    assert path.read_bytes() == before


def test_no_damage_to_a_file_is_more_than_a_missing_score(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "whole.keras", "w") as archive:
        archive.writestr(SCORE_MEMBER, json.dumps({"value": 0.5}))
    data = (tmp_path / "whole.keras").read_bytes()
    found = []
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        found.append(read_score(io.BytesIO(damaged)))
    assert all(score in ({}, {"value": 0.5}) for score in found) and found.count({}) > len(data)
    assert read_score(tmp_path / "gone.keras") == {}


def test_a_failed_write_leaves_the_old_checkpoint_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path, 0.5, name="head.keras")
    before = (tmp_path / "head.keras").read_bytes()

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full_disk)
    with pytest.raises(OSError, match="No space"):
        keep(tmp_path, 0.1, name="head.keras")
    assert (tmp_path / "head.keras").read_bytes() == before and os.listdir(tmp_path) == ["head.keras"]


def test_a_checkpoint_with_its_score_is_still_a_model(tmp_path: Path) -> None:
    import keras

    head = build_head(3, 2, seed=5)
    assert save_with_score(head, tmp_path / "deep" / "head.keras", {"value": 0.25})
    assert read_score(tmp_path / "deep" / "head.keras") == {"value": 0.25}
    loaded = keras.models.load_model(tmp_path / "deep" / "head.keras")
    assert np.array_equal(loaded.get_weights()[0], head.get_weights()[0])


def test_another_split_cannot_claim_a_checkpoint(
    tmp_path: Path, pictures: Path, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its state was trained on pictures that now validate, so its accuracy would be too good to be beaten."""
    monkeypatch.chdir(tmp_path)
    flags = ["--bottleneck_dir", "store", "--architecture", SMALL, "--how_many_training_steps", "2"]
    flags += ["--checkpoint_path", "best.keras"]
    assert run_command(capfd, "retrain", pictures, *flags).code == 0
    before = Path("best.keras").read_bytes()
    refused = run_command(capfd, "retrain", pictures, *flags, "--seed", "1")
    assert_one_line_error(refused, "best.keras", "Choose another name")
    assert Path("best.keras").read_bytes() == before
    assert run_command(capfd, "retrain", pictures, *flags).code == 0


def test_steps_that_fill_no_interval_are_in_the_curves_and_in_the_checkpoints(tmp_path: Path) -> None:
    import keras

    vectors, labels = np.eye(4, dtype=np.float32), np.arange(4)
    kept = BestCheckpoint(tmp_path / "{epoch}.keras", "loss", "min")
    callbacks = [kept.callback(), keras.callbacks.TensorBoard(tmp_path / "logs")]
    history = train_head(vectors, labels, build_head(4, 4), 25, 4, 0.1, eval_interval=10, callbacks=callbacks)
    assert [path.name for path in kept.saved] == ["1.keras", "2.keras", "3.keras"]
    curves = read_scalars(tmp_path / "logs").set_index(["tag", "step"])["value"]
    assert np.allclose(curves["epoch_loss"], history["loss"]) and list(curves["epoch_loss"].index) == [0, 1, 2]


def test_runs_get_folders_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "run_001").mkdir()
    (tmp_path / "run_001" / "precious").touch()
    assert [new_run_folder(tmp_path).name for _ in range(2)] == ["run_002", "run_003"]
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        new_run_folder(tmp_path / "file")


def test_a_folder_without_curves_is_said_to_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainingError, match="no curves"):
        read_scalars(tmp_path)
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing.event_multiplexer", None)
    with pytest.raises(TrainingError, match="pip install"):
        read_scalars(tmp_path)
