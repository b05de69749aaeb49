"""What to label next: a folder of pictures without labels becomes a list, in the report and in a table."""

import os
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from support import encode, gradient, run_command, write_pictures

from imgclass_course import retrain
from imgclass_course.foundation.errors import DatasetError
from imgclass_course.outputs.next_labels import COLUMNS, next_labels
from imgclass_course.outputs.run_files import save_run
from imgclass_course.transfer import Retraining

OPTIONS = {"backbone": "mobilenet_v1_100_128", "head": "logistic"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def result(pictures: Path, store: Path) -> Retraining:
    return retrain(pictures, bottleneck_dir=store, **OPTIONS)


@pytest.fixture
def unlabelled(tmp_path: Path) -> Path:
    """Return a flat folder of pictures of two of the colours, and of all three in one."""
    root = write_pictures(tmp_path / "new", {"red": 6, "green": 6}, first_seed=500)
    for number, path in enumerate(sorted(root.rglob("*.png"))):
        path.rename(root / f"{number:02}.png")
    (root / "mixed.png").write_bytes(encode(gradient(seed=900)))
    (root / "words.txt").write_text("no picture")
    return root


def test_least_certain_come_first_with_two_guesses(result: Retraining, unlabelled: Path, store: Path) -> None:
    found = next_labels(result, unlabelled, 5, store)
    assert list(found.columns) == list(COLUMNS) and 1 <= len(found) <= 5
    assert all(Path(path).is_file() for path in found["path"]) and "words.txt" not in str(found["path"].tolist())
    margins = (found["probability"] - found["second probability"]).tolist()
    assert margins == sorted(margins)
    (one, share), (other, second) = result.classifier.predict(found["path"].iloc[0]).top(2)
    assert found.iloc[0].tolist()[1:] == [one, pytest.approx(share, abs=1e-5), other, pytest.approx(second, abs=1e-5)]


def test_pictures_that_were_trained_on_are_passed_over(
    result: Retraining, pictures: Path, tmp_path: Path, store: Path
) -> None:
    shutil.copytree(pictures / "red", tmp_path / "again")
    assert next_labels(result, tmp_path / "again", 5, store).empty


def test_report_shows_them_and_a_table_lists_them(
    result: Retraining, unlabelled: Path, store: Path, tmp_path: Path
) -> None:
    wanted = next_labels(result, unlabelled, 4, store)
    save_run(result, tmp_path / "saved", wanted=wanted)
    page = (tmp_path / "saved" / "report.html").read_text(encoding="utf-8")
    assert "What to label next" in page
    for path in wanted["path"]:
        assert Path(path).name in page
    table = pd.read_csv(tmp_path / "saved" / "label_next.csv")
    assert table["path"].tolist() == wanted["path"].tolist()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the file system allows no such names")
def test_odd_names_do_no_harm(result: Retraining, unlabelled: Path, store: Path, tmp_path: Path) -> None:
    for number, name in enumerate(["<img src=x onerror=alert(1)>.png", os.fsdecode(b"\xff.png"), "a\nb.png"]):
        (unlabelled / name).write_bytes(encode(gradient(seed=1000 + number)))
    save_run(result, tmp_path / "saved", wanted=next_labels(result, unlabelled, 20, store))
    page = (tmp_path / "saved" / "report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page and (tmp_path / "saved" / "label_next.csv").is_file()


def test_wrong_folders_are_refused_in_one_line(result: Retraining, tmp_path: Path, store: Path) -> None:
    with pytest.raises(DatasetError, match="There is no folder"):
        next_labels(result, tmp_path / "nowhere", 5, store)
    with pytest.raises(DatasetError, match="no files"):
        next_labels(result, tmp_path, 5, store)
    (tmp_path / "words.txt").write_text("no picture")
    with pytest.raises(DatasetError, match="no readable picture"):
        next_labels(result, tmp_path, 5, store)


def test_command_lists_what_to_label_next(
    capfd: pytest.CaptureFixture, pictures: Path, unlabelled: Path, store: Path, tmp_path: Path
) -> None:
    flags = ["--architecture", OPTIONS["backbone"], "--head", "logistic", "--bottleneck_dir", store]
    flags += ["--output_graph", tmp_path / "saved"]
    done = run_command(capfd, "retrain", pictures, *flags, "--unlabelled", unlabelled, "--label_next", "3")
    assert done.code == 0 and "label_next.csv" in done.out
    assert 1 <= len(pd.read_csv(tmp_path / "saved" / "label_next.csv")) <= 3
    alone = run_command(capfd, "retrain", pictures, *flags, "--label_next", "3")
    assert alone.code == 2 and "--unlabelled FOLDER" in alone.err
    missing = run_command(capfd, "retrain", pictures, *flags, "--unlabelled", tmp_path / "nowhere")
    assert missing.code == 2 and "There is no folder" in missing.err
