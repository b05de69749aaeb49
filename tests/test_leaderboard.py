"""Comparisons: what is tried, how it is judged, what is recommended, and what a budget leaves out."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support import SMALL, encode, gradient, write_pictures

from imgclass_course import leaderboard
from imgclass_course.cli import main
from imgclass_course.foundation.errors import AugmentationError, BackboneError, DatasetError, TrainingError
from imgclass_course.intervals import Interval
from imgclass_course.leaderboard import Candidate, Leaderboard, Tried, compare, corrected_accuracy

FEW = (Candidate(SMALL), Candidate(f"{SMALL}@block1"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of three classes, and one that cannot be read."""
    root = write_pictures(tmp_path_factory.mktemp("compare"), {"red": 16, "green": 16, "blue": 16})
    (root / "red" / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n, and no more")
    return root


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def board(folder: Path, store: Path) -> Leaderboard:
    return compare(folder, candidates=FEW, bottleneck_dir=store, testing_percentage=25, minutes=60)


def tried(name: str, right: int, of: int = 200) -> Tried:
    return Tried(Candidate(name), np.arange(of) < right, 0.1, 1.0, 10.0, 5.0)


def make_board(*all_tried: Tried) -> Leaderboard:
    return Leaderboard(all_tried, {}, Interval(0.5, 0.4, 0.6), "", pd.DataFrame(columns=["path", "problem"]), None)


def test_every_picture_outside_the_test_is_named_once_by_heads_that_have_not_seen_it(board: Leaderboard) -> None:
    sizes = {len(one.right) for one in board.tried}
    assert sizes == {48 - board.judged.n} and board.split == "test"
    assert list(board.problems["path"]) == ["red/damaged.png"]


def test_the_most_accurate_is_tried_with_class_weights_and_views(board: Leaderboard) -> None:
    candidates = [one.candidate for one in board.tried]
    assert candidates[:2] == list(FEW) and not board.left_out
    first = max(board.tried[:2], key=lambda one: one.right.sum()).candidate
    assert candidates[2] == Candidate(first.backbone, class_weight="balanced")
    assert candidates[3].flipped


def test_table_holds_intervals_costs_and_the_comparison_with_the_default(board: Leaderboard) -> None:
    table = board.table
    assert len(table) == 4 and table["accuracy"].is_monotonic_decreasing
    assert ((table["low"] <= table["accuracy"]) & (table["accuracy"] <= table["high"])).all()
    assert (table[["train_seconds", "ms_per_picture", "MB"]] > 0).all().all()
    assert table.loc[FEW[0].name, ["difference", "p"]].tolist() == [0, 1]
    assert table.loc[FEW[1].name, "MB"] < table.loc[FEW[0].name, "MB"] / 10


def test_what_is_better_beyond_chance_is_recommended_and_nothing_else() -> None:
    default, little, much = tried("a", 140), tried("b", 143), tried("c", 170)
    assert make_board(default, little).best is default
    assert "Keep the default" in make_board(default, little).recommendation
    board = make_board(default, little, much)
    assert board.best is much and board.recommendation.startswith("Take c, logistic: 0.850")
    assert make_board(default, tried("d", 100)).best is default
    assert make_board(default).best is default


def test_choosing_among_equals_is_not_flattered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaderboard, "BOOTSTRAPS", 100)
    random = np.random.default_rng(0)
    many = [random.random((40, 300)) < 0.7 for _ in range(20)]  # 20 comparisons of 40 candidates that are alike
    flattered = np.mean([right.mean(axis=1).max() for right in many])
    corrected = np.mean([corrected_accuracy(right).mean for right in many])
    assert flattered > 0.75 and corrected == pytest.approx(0.7, abs=0.015)


def test_choosing_what_is_clearly_better_costs_nothing() -> None:
    right = np.random.default_rng(0).random(300) < 0.7
    found = corrected_accuracy(np.stack([np.zeros(300, bool), right]))
    assert found.mean == pytest.approx(right.mean(), abs=0.01) and found.low < right.mean() < found.high


def test_answers_that_cannot_be_learned_stay_at_chance(tmp_path: Path) -> None:
    """A leak between folds would show as an accuracy beyond chance."""
    for number in range(60):
        path = tmp_path / "pictures" / f"class{number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(gradient(seed=number)))
    copies = compare(tmp_path / "pictures", candidates=FEW[1:], bottleneck_dir=tmp_path, testing_percentage=0)
    for one in copies.tried:
        assert one.accuracy.interval[0] < 1 / 3, one.candidate.name


def test_copies_stay_in_one_fold(tmp_path: Path) -> None:
    for number in range(40):
        picture = encode(gradient(seed=number // 2))  # each twice, in two classes
        path = tmp_path / "pictures" / f"class{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    found = compare(tmp_path / "pictures", candidates=FEW[1:], bottleneck_dir=tmp_path, testing_percentage=0)
    assert found.judged is not None and found.split == "validation"
    assert found.tried[0].accuracy.value <= 0.5, "of two copies at most one can be right"


def test_without_pictures_that_judge_the_choice_itself_is_measured(folder: Path, store: Path) -> None:
    percentages = {"testing_percentage": 0, "validation_percentage": 0}
    board = compare(folder, candidates=FEW, bottleneck_dir=store, **percentages)
    assert board.judged is None and len(board.tried[0].right) == 48
    assert "less than the best row says" in board.recommendation or "worth" in board.recommendation


def test_budget_leaves_out_what_does_not_fit_but_never_the_default(folder: Path, store: Path) -> None:
    board = compare(folder, candidates=FEW, bottleneck_dir=store, minutes=1e-4)
    assert [one.candidate for one in board.tried] == [FEW[0]]
    assert FEW[1].name in board.left_out and all(seconds > 0 for seconds in board.left_out.values())


def test_without_imgaug_there_are_no_mirrored_views(
    folder: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise AugmentationError("Distortions need imgaug")

    monkeypatch.setattr(leaderboard, "load_imgaug", missing)
    with pytest.warns(UserWarning, match="Mirrored views are not tried. Distortions need imgaug"):
        board = compare(folder, candidates=FEW[1:], bottleneck_dir=store, minutes=60)
    assert [one.candidate.flipped for one in board.tried] == [False, False] and not board.left_out


@pytest.mark.parametrize("options", [{"minutes": 0}, {"minutes": float("nan")}, {"candidates": ()}])
def test_impossible_options_are_refused(folder: Path, options: dict) -> None:
    with pytest.raises(TrainingError, match="minutes"):
        compare(folder, **options)


def test_too_few_pictures_and_unknown_networks_are_named(tmp_path: Path, folder: Path, store: Path) -> None:
    few = write_pictures(tmp_path / "few", {"red": 4, "green": 4})
    with pytest.raises(DatasetError, match="10 are needed"):
        compare(few, bottleneck_dir=store, validation_percentage=0, testing_percentage=0)
    with pytest.raises(BackboneError, match="mobilenet_v9"):
        compare(folder, candidates=(*FEW[:1], Candidate(f"{SMALL}+mobilenet_v9")), bottleneck_dir=store)


def test_command_prints_writes_and_is_followed_by_the_training(
    folder: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaderboard, "CANDIDATES", FEW)
    monkeypatch.setattr(leaderboard.compare, "__kwdefaults__", leaderboard.compare.__kwdefaults__ | {"candidates": FEW})
    out = tmp_path / "comparison"
    assert main(["compare", str(folder), "--bottleneck_dir", str(store), "--output_dir", str(out)]) == 0
    captured = capsys.readouterr()
    assert f"imgclass retrain {folder} --architecture {SMALL}" in captured.out and "damaged.png" in captured.err
    with open(out / "leaderboard.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    described = json.loads((out / "leaderboard.json").read_text())
    assert len(rows) == 4 and described["recommended"] in {row["classifier"] for row in rows}
    assert Image.open(out / "leaderboard.png").size[0] > 600
    graph = tmp_path / "classifier"
    flags = ["--bottleneck_dir", str(store), "--output_graph", str(graph)]
    assert main(["retrain", str(folder), "--best", "--minutes", "60", *flags]) == 0
    assert json.loads((graph / "metrics.json").read_text())["head"] == "logistic"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["retrain", "--best", "--head", "logistic"], "--best decides --head"),
        (["retrain", "--best", "--architecture", SMALL, "--flip_left_right"], "--architecture, --flip_left_right"),
        (["retrain", "--minutes", "3"], "--best"),
        (["compare", "--minutes", "0"], "minutes"),
        (["compare", "--minutes", "nan"], "minutes"),
    ],
)
def test_flags_that_do_not_go_together(
    folder: Path, capsys: pytest.CaptureFixture[str], command: list[str], words: str
) -> None:
    name, *flags = command
    assert main([name, str(folder), *flags]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
