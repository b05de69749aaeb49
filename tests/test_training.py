import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from imgclass_course.training import (
    BestCheckpoint,
    TrainingError,
    load_thumbnail,
    make_sprite,
    new_run_folder,
    read_scalars,
    read_score,
    save_with_score,
    write_projector,
)
from imgclass_course.transfer import build_head


def keep(folder: Path, value: float, epoch: int = 1, name: str = "{epoch:02d}_{val_loss:.3f}.keras") -> BestCheckpoint:
    checkpoint = BestCheckpoint(folder / name, "val_loss", "min")
    checkpoint.update(build_head(2, 2), epoch, {"val_loss": value})
    return checkpoint


def test_a_later_run_never_replaces_a_better_checkpoint(tmp_path: Path) -> None:
    assert [path.name for path in keep(tmp_path, 0.5).saved] == ["01_0.500.keras"]
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


@pytest.mark.parametrize("foreign", ["without a score", "other monitor", "other classes", "no archive"])
def test_what_cannot_be_compared_is_refused_and_left_alone(tmp_path: Path, foreign: str) -> None:
    path = tmp_path / "head.keras"
    if foreign == "no archive":
        path.write_text("not a model")
    elif foreign == "without a score":
        build_head(2, 2).save(path)
    else:
        about = {"other monitor": "", "other classes": "cats, dogs"}[foreign]
        monitor = {"other monitor": "loss", "other classes": "val_loss"}[foreign]
        save_with_score(build_head(2, 2), path, {"monitor": monitor, "value": 9.0, "about": about})
    before = path.read_bytes()
    with pytest.raises(TrainingError, match="Choose another name"):
        keep(tmp_path, 0.1, name="head.keras")
    assert path.read_bytes() == before


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
    save_with_score(head, tmp_path / "deep" / "head.keras", {"value": 0.25})
    assert read_score(tmp_path / "deep" / "head.keras") == {"value": 0.25}
    loaded = keras.models.load_model(tmp_path / "deep" / "head.keras")
    assert np.array_equal(loaded.get_weights()[0], head.get_weights()[0])


def test_runs_get_folders_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "run_001").mkdir()
    (tmp_path / "run_001" / "precious").touch()
    assert [new_run_folder(tmp_path).name for _ in range(2)] == ["run_002", "run_003"]
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        new_run_folder(tmp_path / "file")


def test_a_folder_without_curves_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no curves"):
        read_scalars(tmp_path)


def test_sprite_is_filled_row_by_row() -> None:
    tiles = np.random.default_rng(0).integers(0, 255, (7, 4, 4, 3), dtype=np.uint8)
    sprite = make_sprite(tiles)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, 3)
        assert (sprite[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] == tile).all()
    assert (sprite[8:, 4:] == 255).all()


def test_thumbnail_of_a_damaged_picture_is_grey(tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    assert (load_thumbnail(tmp_path / "cut.jpg", 8) == 128).all()


def test_tensorboard_itself_serves_the_projector(tmp_path: Path) -> None:
    import tensorflow as tf
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
    from werkzeug.test import Client
    from werkzeug.wrappers import Response

    run = tmp_path / "run_001"
    with tf.summary.create_file_writer(str(run)).as_default():
        tf.summary.scalar("a", 1.0, step=0)
    vectors = np.random.default_rng(0).random((4, 3), dtype=np.float32)
    metadata = pd.DataFrame({"label": ["a", "b", "tab\there", "d"], "file": list("1234")})
    write_projector(run, vectors, metadata, np.zeros((4, 8, 8, 3), np.uint8))
    multiplexer = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(tmp_path)).Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(tmp_path))
    context = base_plugin.TBContext(logdir=str(tmp_path), data_provider=provider, multiplexer=multiplexer)
    routes = ProjectorPlugin(context).get_plugin_apps()

    def get(route: str, query: str) -> bytes:
        answer = Client(routes[route], Response).get(f"{route}?{query}")
        assert answer.status_code == 200, answer.data
        return answer.data

    [embedding] = json.loads(get("/info", "run=run_001"))["embeddings"]
    name = embedding["tensorName"]
    assert embedding["tensorShape"] == [4, 3] and embedding["sprite"]["singleImageDim"] == [8, 8]
    assert np.array_equal(np.frombuffer(get("/tensor", f"run=run_001&name={name}"), np.float32).reshape(4, 3), vectors)
    assert get("/metadata", f"run=run_001&name={name}").decode().splitlines()[3].split("\t") == ["tab\\x09here", "3"]
    assert get("/sprite_image", f"run=run_001&name={name}") == (run / "sprite.png").read_bytes()
    assert Image.open(run / "sprite.png").size == (16, 16)
