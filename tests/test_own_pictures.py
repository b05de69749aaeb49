"""What lesson 06 shows of a folder: flaws, mistakes, decisions; and what it says of one that cannot be used."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from support import write_pictures

from imgclass_course import own_pictures, showing
from imgclass_course.backbones import Backbone
from imgclass_course.course_data import dataset_folder
from imgclass_course.decisions import Decisions
from imgclass_course.foundation.errors import DatasetError
from imgclass_course.image_folder import ImageFolder
from imgclass_course.intervals import Accuracy, PairedComparison
from imgclass_course.practice import BROKEN, COPIES, MISPLACED
from imgclass_course.transfer import Retraining, retrain


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    plt.switch_backend("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def practice() -> ImageFolder:
    """Return the drawings with their flaws."""
    return own_pictures.open_pictures()


def words() -> str:
    """Return all that is written in the figure."""
    return " ".join(text.get_text() for text in plt.gcf().findobj(plt.Text))


def test_practice_folder_has_the_flaws_that_it_promises(practice: ImageFolder) -> None:
    table = practice.table.set_index("path")
    for path, drawing in MISPLACED.items():
        assert table["label"][path] == path.split("/")[0] != drawing.split("/")[0] and drawing not in table.index
    pairs = {frozenset(pair) for pair in own_pictures.near_pairs(practice)}
    assert pairs == {frozenset(pair) for pair in COPIES.items()}
    assert (table["split"][[*COPIES]] == "train").all() and "test" in set(table["split"][[*COPIES.values()]])
    found = own_pictures.show_problems(practice)
    assert found.unreadable["path"].tolist() == [*BROKEN]
    assert "Cannot be read: 1" in words() and "Nearly the same: 2 pairs" in words() and [*BROKEN][0] in words()


def test_each_practice_folder_is_a_fresh_one(practice: ImageFolder) -> None:
    other = own_pictures.open_pictures()
    assert other.root != practice.root and other.table["split"].equals(practice.table["split"])


def make_one_class(folder: Path) -> Path:
    return write_pictures(folder, {"cats": 5})


def make_few(folder: Path) -> Path:
    return write_pictures(folder, {"cats": 5, "dogs": 1})


def make_empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


BAD_FOLDERS = {
    "There is no folder": lambda folder: folder,
    "holds no folders of pictures: make one": make_empty,
    "only the class cats: give": make_one_class,
    "too few for train, test: add pictures": make_few,
}


@pytest.mark.parametrize("said", BAD_FOLDERS)
def test_folder_that_cannot_be_used_gets_one_sentence(tmp_path: Path, said: str) -> None:
    folder = BAD_FOLDERS[said](tmp_path / "pictures")
    with pytest.raises(DatasetError, match=said) as error:
        own_pictures.open_pictures(str(folder))
    assert "\n" not in str(error.value) and len(error.value._render_traceback_()) == 1


def test_path_is_taken_as_a_file_manager_copies_it(pictures: Path) -> None:
    assert own_pictures.open_pictures(f' "{pictures}" ').root == pictures


def test_nothing_between_quotation_marks_is_no_path(practice: ImageFolder) -> None:
    assert own_pictures.open_pictures('""').classes == practice.classes


@pytest.mark.parametrize("said", list(BAD_FOLDERS))
def test_both_lessons_say_the_same_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture, said: str) -> None:
    folder = BAD_FOLDERS[said](tmp_path / "pictures")
    with pytest.raises(DatasetError) as error:
        own_pictures.open_pictures(str(folder))
    assert showing.try_folder(folder) is None and capsys.readouterr().out == f"{error.value}\n"


def test_scores_stand_beside_the_picture_and_its_own_folder_is_white(pictures: Path) -> None:
    images = own_pictures.open_pictures(str(pictures))
    own_pictures.show_scores(images, "red/000.png", np.linspace(1, 0, len(images.classes)))
    left, right = plt.gcf().axes
    names = [text.get_text() for text in right.get_yticklabels()]
    white = [name for name, bar in zip(names, right.patches, strict=True) if bar.get_facecolor() == (1, 1, 1, 1)]
    assert left.get_title() == "in red/" and names == images.classes and white == ["red"]


def test_tidy_folder_has_nothing_to_show(capsys: pytest.CaptureFixture) -> None:
    found = own_pictures.show_problems(own_pictures.open_pictures(str(dataset_folder("clipart"))))
    assert found.unreadable.empty and "Every file can be read" in capsys.readouterr().out and not plt.get_fignums()


def test_accuracy_stands_at_its_place() -> None:
    own_pictures.show_accuracy(Accuracy(90, 100), 4)
    assert "90 %" in words() and "90 of 100 test pictures" in words() and "guessing" in words()


def test_cells_are_the_mistakes(trained: Retraining, capsys: pytest.CaptureFixture) -> None:
    measured = trained.evaluate("test")
    cells = own_pictures.confused_pairs(trained)
    wrong = int((~measured.right).sum())
    counts = [int(text.rpartition("(")[2].rstrip(")")) for text, cell in cells if cell]
    assert sum(counts) == wrong and counts == sorted(counts, reverse=True)
    assert cells if wrong else cells == [("no mistakes", None)]
    own_pictures.show_cell(trained, None)
    assert "no mistake" in capsys.readouterr().out
    own_pictures.show_cell(trained, ("red", "red"))
    rights = measured.confusion().loc["red", "red"]
    assert sum(bool(axis.images) for axis in plt.gcf().axes) == min(rights, 8) and "red" in words()


def test_decisions_are_drawn_in_words(pictures: Path, tmp_path: Path) -> None:
    images = ImageFolder.scan(write_pictures(tmp_path / "own", {"blue": 4, "red": 4}), 0, 25)
    decisions = Decisions(images)
    decisions.keep("red/000.png")
    decisions.move("red/001.png", "blue")
    decisions.leave_out("red/002.png")
    own_pictures.show_decisions(decisions, ["red/000.png", "red/001.png", "red/002.png", "blue/000.png"])
    assert all(said in words() for said in ("red\nstays", "red\n→ blue", "red\nleft out", "blue\nundecided"))


def test_no_pictures_are_said(pictures: Path, capsys: pytest.CaptureFixture) -> None:
    own_pictures.show_pictures(own_pictures.open_pictures(str(pictures)), [])
    assert "no such pictures" in capsys.readouterr().out


def test_both_trainings_are_judged_by_the_decided_labels(tmp_path: Path, small_backbone: Backbone) -> None:
    root = write_pictures(tmp_path / "own", {"blue": 30, "red": 30})
    images = ImageFolder.scan(root, 0, 40)
    test = images.table["path"][(images.table["split"] == "test") & (images.table["label"] == "red")].iloc[0]
    before = retrain(images, steps=20, backbone=small_backbone)
    decisions = Decisions(images)
    decisions.move(test, "blue")
    after = retrain(decisions.apply(), steps=20, backbone=small_backbone)
    change = own_pictures.compare_again(before, after)
    assert change.n == len(before.pictures("test")) and (change.only_first, change.only_second) == (0, 0)
    assert change.neither == (~after.evaluate("test").right).sum() >= 1
    decisions.leave_out(test)
    left_out = retrain(decisions.apply(), steps=20, backbone=small_backbone)
    assert own_pictures.compare_again(before, left_out).n == change.n - 1


@pytest.mark.parametrize(
    ("counts", "said"),
    [((500, 0, 40, 60), "better now"), ((500, 40, 0, 60), "worse now"), ((80, 1, 2, 17), "cannot tell")],
)
def test_change_is_said_as_far_as_its_interval_carries(counts: tuple[int, ...], said: str) -> None:
    comparison = PairedComparison(*counts)
    sentence = own_pictures.say_change(comparison)
    assert said in sentence and f"Of {sum(counts)} test pictures, {counts[2]} that were named wrongly" in sentence
    own_pictures.show_change(comparison)
    assert f"right only before: {counts[1]}" in words() and f"right only now: {counts[2]}" in words()


def test_change_that_is_none_needs_many_pictures() -> None:
    assert "no difference" in own_pictures.say_change(PairedComparison(8000, 5, 5, 2000))


def test_terminal_shows_the_command_and_its_answer(
    classifier_folder: Path, pictures: Path, capsys: pytest.CaptureFixture
) -> None:
    command = f"imgclass label --graph {classifier_folder.name} --top 1 '{pictures / 'red' / '000.png'}'"
    own_pictures.terminal(command, classifier_folder.parent)
    out = capsys.readouterr().out
    assert out.startswith(f"$ {command}\n") and "score" in out
    own_pictures.terminal("imgclass label nothing.jpg", pictures)
    assert "no classifier" in capsys.readouterr().out.lower()


def test_large_folder_is_not_compared_pair_by_pair(
    practice: ImageFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(own_pictures, "MOST_COMPARED", 10)
    assert own_pictures.near_pairs(practice) == [] and "more than 10 pictures" in capsys.readouterr().out


def test_many_pictures_are_few_squares() -> None:
    own_pictures.show_change(PairedComparison(900, 50, 50, 1000))
    above = plt.gcf().axes[0]
    assert 200 < len(above.lines) <= 300 and np.isfinite(above.get_xlim()).all()
