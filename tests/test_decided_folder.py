"""Decisions kept beside the pictures are obeyed by whatever trains on the folder, unless somebody says otherwise."""

from pathlib import Path

import pytest
from support import assert_one_line_error, plain_backbone, run_command, write_pictures

from imgclass_course.decided_folder import as_decided_folder, obey_decisions
from imgclass_course.decisions import FILE_NAME, LEFT_OUT, Decision, Decisions, read_decisions, write_decisions
from imgclass_course.foundation.errors import DatasetError
from imgclass_course.image_folder import ImageFolder
from imgclass_course.leaderboard import Candidate, compare
from imgclass_course.retraining import retrain

SCANNED = {"blue": 12, "green": 12, "red": 12}
DECIDED = "keep: 1, move: 1, leave out: 2"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return three classes of twelve pictures, with four decisions."""
    root = write_pictures(tmp_path / "pictures", {"blue": 12, "green": 12, "red": 12})
    (root / "green" / "broken.png").write_text("no picture")
    decisions = Decisions(ImageFolder.scan(root))
    decisions.keep("red/000.png")
    decisions.move("red/001.png", "blue")
    decisions.leave_out("green/002.png")
    decisions.leave_out("green/broken.png")
    return root


def sizes(images: ImageFolder) -> dict[str, int]:
    """Return how many pictures each class has."""
    return images.counts().sum(axis=1).to_dict()


def test_folder_by_its_path_is_decided(root: Path) -> None:
    decided = as_decided_folder(root, None, 0, 25)
    assert sizes(decided) == {"blue": 13, "green": 11, "red": 11} and decided.decided == DECIDED
    assert set(decided.problems["problem"]) == {LEFT_OUT} and decided.unreadable.empty
    assert sizes(as_decided_folder(str(root), None, 0, 25, decisions=False)) == SCANNED


def test_what_is_no_path_stays_as_it_is(root: Path) -> None:
    images = ImageFolder.scan(root, 0, 25)
    assert as_decided_folder(images) is images and images.decided == ""
    table = images.readable[["path", "label"]].assign(path=[str(root / path) for path in images.readable["path"]])
    assert sizes(as_decided_folder(table)) == SCANNED


def test_twice_is_harmless(root: Path) -> None:
    once = as_decided_folder(root, None, 0, 25)
    for again in (obey_decisions(once), Decisions(once).apply(), Decisions(ImageFolder.scan(root, 0, 25)).apply()):
        assert again.table.equals(once.table) and again.decided == DECIDED


def test_without_a_file_nothing_is_decided(root: Path) -> None:
    (root / FILE_NAME).unlink()
    assert as_decided_folder(root, None, 0, 25).decided == ""


def test_retrain_obeys(root: Path, tmp_path: Path) -> None:
    options = {"backbone": plain_backbone(), "head": "logistic", "bottleneck_dir": tmp_path / "store"}
    obeyed = retrain(root, **options)
    assert sizes(obeyed.folder) == {"blue": 13, "green": 11, "red": 11} and obeyed.folder.decided == DECIDED
    assert (obeyed.features.rows["label"] == "blue").sum() == 13
    assert sizes(retrain(root, decisions=False, **options).folder) == SCANNED
    assert sizes(retrain(ImageFolder.scan(root), **options).folder) == SCANNED
    once = retrain(Decisions(ImageFolder.scan(root)).apply(), **options)  # as lesson 06 does
    assert once.folder.table["label"].tolist() == obeyed.folder.table["label"].tolist()


def test_compare_obeys(root: Path, tmp_path: Path) -> None:
    options = {"candidates": [Candidate("mobilenet_v1_100_128")], "bottleneck_dir": tmp_path, "minutes": 1e-6}
    board = compare(root, **options)
    assert board.decided == DECIDED and board.problems.empty
    assert compare(root, decisions=False, **options).decided == ""


@pytest.mark.parametrize("words", ["decides on red/000.png and 1 more", "decides twice on blue/000.png"])
def test_wrong_file_is_one_line_and_nothing_is_lost(
    root: Path, tmp_path: Path, capfd: pytest.CaptureFixture, words: str
) -> None:
    if "twice" in words:
        (root / FILE_NAME).write_text("path,decision,class\nblue/000.png,keep,\nblue/000.png,leave out,\n")
    for name in ("000.png", "001.png"):
        (root / "red" / name).unlink()
    content = (root / FILE_NAME).read_bytes()
    with pytest.raises(DatasetError, match=words):
        retrain(root, backbone=plain_backbone(), bottleneck_dir=tmp_path / "store")
    for command in ("retrain", "compare", "audit"):
        assert_one_line_error(run_command(capfd, command, root), words)
    assert (root / FILE_NAME).read_bytes() == content
    assert run_command(capfd, "audit", root, "--ignore_decisions").code == 0


def test_commands_obey_and_say_so(root: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    line = f"Decisions obeyed ({DECIDED}); --ignore_decisions leaves them out"
    network = ("--architecture", "mobilenet_v1_100_128", "--head", "logistic", "--output_graph", tmp_path / "made")
    result = run_command(capfd, "retrain", root, *network)
    assert result.code == 0 and line in result.out.splitlines() and "no readable picture" not in result.err
    report = (tmp_path / "made" / "report.html").read_text()
    assert DECIDED in report and LEFT_OUT not in report
    result = run_command(capfd, "audit", root)
    assert line in result.out.splitlines() and "Not readable" not in result.out
    result = run_command(capfd, "audit", root, "--ignore_decisions")
    assert "Decisions" not in result.out and "Not readable" in result.out and "broken.png" in result.out
    result = run_command(capfd, "retrain", root, *network, "--ignore_decisions")
    assert "Decisions" not in result.out and "1 files are no readable picture" in result.err


def test_a_class_that_is_gone_is_one_line(root: Path) -> None:
    write_decisions(root, [*read_decisions(root).values(), Decision("red/005.png", "move", "pink")])
    with pytest.raises(DatasetError, match="there is no such class, only blue, green, red"):
        as_decided_folder(root)
