"""Decisions on pictures: a plain file beside them, obeyed, undone, and nothing on disk is touched but that file."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from support import gradient, ordinary_user, write_pictures

from imgclass_course import decisions as module
from imgclass_course.decisions import (
    FILE_NAME,
    LEFT_OUT,
    Decision,
    Decisions,
    apply_decisions,
    read_decisions,
    write_decisions,
)
from imgclass_course.foundation.errors import DatasetError
from imgclass_course.image_folder import ImageFolder, check_trainable
from imgclass_course.outputs.cleaner_buttons import CleanerButtons

needs_widgets = pytest.mark.skipif(find_spec("ipywidgets") is None, reason="the library alone has no widgets")


@pytest.fixture
def images(tmp_path: Path) -> ImageFolder:
    """Return three classes of eight pictures."""
    write_pictures(tmp_path / "pictures", {"blue": 8, "green": 8, "red": 8})
    return ImageFolder.scan(tmp_path / "pictures", 0, 25)


def contents(root: Path) -> dict[str, bytes]:
    """Return every file below a folder but that of the decisions."""
    files = (path for path in root.rglob("*") if path.is_file() and path.name != FILE_NAME)
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def row(images: ImageFolder, path: str) -> dict:
    """Return what the table says of a picture."""
    table = images.table
    return table[table["path"].map(module.decision_path) == path].iloc[0].to_dict()


def test_decisions_are_obeyed_and_the_files_stay(images: ImageFolder) -> None:
    before, decisions = contents(images.root), Decisions(images)
    decisions.keep("red/000.png")
    decisions.move("red/001.png", "blue")
    decisions.leave_out("green/002.png")
    decided = decisions.apply()
    assert row(decided, "red/000.png") == row(images, "red/000.png")
    assert row(decided, "red/001.png") == row(images, "red/001.png") | {"label": "blue"}  # also in the same split
    assert row(decided, "green/002.png") == row(images, "green/002.png") | {"problem": LEFT_OUT, "split": ""}
    assert len(decided.readable) == 23 and decided.problems["path"].map(module.decision_path).tolist() == [
        "green/002.png"
    ]
    assert decided.counts().sum(axis=1).to_dict() == {"blue": 9, "green": 7, "red": 7}
    assert contents(images.root) == before and images.counts().sum(axis=1).to_dict() == dict.fromkeys(images.classes, 8)


def test_file_is_a_plain_table_that_the_next_one_reads(images: ImageFolder) -> None:
    decisions = Decisions(images)
    decisions.move("red/001.png", "blue")
    decisions.leave_out("green/002.png")
    text = "path,decision,class\nred/001.png,move,blue\ngreen/002.png,leave out,\n"
    assert decisions.file.read_bytes() == text.encode()
    again = Decisions(ImageFolder.scan(images.root, 0, 25))
    assert again.table.equals(decisions.table) and len(again) == 2 and again.get("red/001.png").label == "blue"
    assert again.apply().table.equals(decisions.apply().table)
    assert ImageFolder.scan(images.root, 0, 25).table.equals(images.table)  # the file is no picture of any class


def test_newest_decision_on_a_picture_counts(images: ImageFolder) -> None:
    decisions = Decisions(images)
    decisions.leave_out("red/001.png")
    decisions.keep("blue/001.png")
    decisions.move("red/001.png", "blue")
    assert decisions.table["path"].tolist() == ["blue/001.png", "red/001.png"]
    assert (
        str(decisions.get("red/001.png")) == "move to blue"
        and repr(decisions) == "Decisions(keep: 1, move: 1, leave out: 0)"
    )


def test_changes_are_undone_one_by_one(images: ImageFolder) -> None:
    decisions = Decisions(images)
    decisions.keep("red/001.png")
    decisions.leave_out("red/001.png")
    decisions.leave_out("red/002.png")
    assert decisions.undo() == "red/002.png" and decisions.get("red/002.png") is None
    assert decisions.undo() == "red/001.png" and decisions.get("red/001.png").choice == "keep"
    assert decisions.undo() == "red/001.png" and len(decisions) == 0 and decisions.undo() == ""
    assert decisions.apply().table.equals(images.table)


def test_another_session_undoes_the_newest_of_the_file(images: ImageFolder) -> None:
    for path in ("red/001.png", "red/002.png"):
        Decisions(images).keep(path)
    later = Decisions(images)
    assert later.undo() == "red/002.png" and [*read_decisions(images.root)] == ["red/001.png"]


def test_two_windows_lose_nothing(images: ImageFolder) -> None:
    one, other = Decisions(images), Decisions(images)
    one.keep("red/001.png")
    other.keep("red/002.png")
    one.keep("red/003.png")
    assert [*read_decisions(images.root)] == ["red/001.png", "red/002.png", "red/003.png"]


@pytest.mark.parametrize("name", ["ä,b;c.png", 'say "cheese".png', " line\nbreak.png", "=1+1.png", "bell\x07.png"])
def test_odd_names_come_back_as_they_were(images: ImageFolder, name: str) -> None:
    (images.root / "red" / "000.png").rename(images.root / "red" / name)
    images = ImageFolder.scan(images.root, 0, 25)
    decisions = Decisions(images)
    decisions.move(f"red/{name}", "blue")
    decisions.keep("red/001.png")
    assert [*Decisions(images).apply().counts().sum(axis=1)] == [9, 8, 7]


@pytest.mark.parametrize(
    "text", ["\ufeffpath;decision;class\r\nred/001.png;move;blue\r\n", "Path, Decision ,class\n\nred/001.png,move,blue"]
)
def test_table_that_a_spreadsheet_saved(images: ImageFolder, text: str) -> None:
    (images.root / FILE_NAME).write_bytes(text.encode())
    assert read_decisions(images.root) == {"red/001.png": Decision("red/001.png", "move", "blue")}


def test_empty_file_decides_nothing(images: ImageFolder) -> None:
    (images.root / FILE_NAME).write_bytes(b"")
    assert read_decisions(images.root) == {} and Decisions(images).undo() == ""


HEAD = "path,decision,class\n"
WRONG_FILES = {
    "decides twice on red/001.png, in lines 2 and 4": HEAD + "red/001.png,keep,\n\nred/001.png,leave out,\n",
    "line 2: The decision on red/001.png is 'delete'; it may be keep": HEAD + "red/001.png,delete,\n",
    "line 3: red/002.png is to be moved: say to which class": HEAD + "red/001.png,keep,\nred/002.png,move,\n",
    "only a move names a class": HEAD + "red/001.png,keep,blue\n",
    "line 2: A decision needs the path": HEAD + ",keep,\n",
    "line 2: a line has 3 cells": HEAD + "red/001.png,keep\n",
    "begins with the line path,decision,class": "red/001.png,keep,\n",
    "may have no other columns": "path,decision,class,note\n",
    "no text in UTF-8": b"path,decision,class\nred/\xff.png,keep,\n",
    "line 2: field larger": HEAD + '"' + "x" * 200_000,
}


@pytest.mark.parametrize("words", WRONG_FILES)
def test_wrong_file_gets_one_sentence_and_stays(images: ImageFolder, words: str) -> None:
    content = WRONG_FILES[words]
    content = content.encode() if isinstance(content, str) else content
    (images.root / FILE_NAME).write_bytes(content)
    with pytest.raises(DatasetError, match=words) as error:
        Decisions(images)
    assert "\n" not in str(error.value) and (images.root / FILE_NAME).read_bytes() == content


def test_file_that_became_wrong_stops_a_change(images: ImageFolder) -> None:
    decisions = Decisions(images)
    decisions.keep("red/001.png")
    (images.root / FILE_NAME).write_bytes(b"somebody else's")
    for change in (lambda: decisions.keep("red/002.png"), decisions.undo, decisions.apply):
        with pytest.raises(DatasetError, match="begins with"):
            change()
    assert (images.root / FILE_NAME).read_bytes() == b"somebody else's"


def test_pictures_that_are_gone(images: ImageFolder) -> None:
    decisions = Decisions(images)
    for path in ("red/001.png", "red/002.png"):
        decisions.keep(path)
        (images.root / path).unlink()
    with pytest.raises(DatasetError, match=r"decides on red/001.png and 1 more, which the pictures do not have"):
        decisions.apply(ImageFolder.scan(images.root, 0, 25))


@pytest.mark.parametrize("path", ["red/999.png", "../red/001.png", "/etc/passwd", "red/./001.png"])
def test_decisions_on_strangers_are_refused(images: ImageFolder, path: str) -> None:
    with pytest.raises(DatasetError, match="do not have"):
        Decisions(images).keep(path) if path != "red/./001.png" else apply_decisions(images, [Decision(path, "keep")])
    assert not (images.root / FILE_NAME).exists()


def test_move_to_a_class_that_is_not_there(images: ImageFolder) -> None:
    with pytest.raises(DatasetError, match=r"cannot move to 'pink': there is no such class, only blue, green, red"):
        Decisions(images).move("red/001.png", "pink")
    assert not (images.root / FILE_NAME).exists()


def test_name_that_is_no_text(images: ImageFolder) -> None:
    with pytest.raises(DatasetError, match="is no text: rename"):
        Decisions(images).keep(os.fsdecode(b"red/\xff.png"))


def test_class_that_was_left_out_whole_cannot_be_trained_on(images: ImageFolder) -> None:
    write_decisions(images.root, [Decision(f"red/{number:03}.png", "leave out") for number in range(8)])
    with pytest.raises(DatasetError, match=f"Class red has 0 readable pictures .*{LEFT_OUT}"):
        check_trainable(Decisions(images).apply())


def test_pictures_in_memory_have_no_place_for_decisions() -> None:
    with pytest.raises(DatasetError, match="in memory"):
        Decisions(ImageFolder.from_pictures([gradient(), gradient(seed=1)], ["a", "b"]))


def test_folder_that_cannot_be_written(shared_folder: Path) -> None:
    images = ImageFolder.scan(write_pictures(shared_folder / "pictures", {"blue": 4, "red": 4}), 0, 25)
    images.root.chmod(0o555)
    try:
        with ordinary_user(), pytest.raises(DatasetError, match=r"cannot be written \(Permission denied\)"):
            Decisions(images).keep("red/001.png")
    finally:
        images.root.chmod(0o755)
    assert read_decisions(images.root) == {}


def test_folder_in_place_of_the_file(images: ImageFolder) -> None:
    (images.root / FILE_NAME).mkdir()
    with pytest.raises(DatasetError, match="cannot be read"):
        Decisions(images)


def test_many_decisions_are_applied_quickly(images: ImageFolder) -> None:
    paths = [f"{label}/{number:03}.png" for label in images.classes for number in range(8)]
    choices = np.array(["keep", "leave out"])[np.arange(len(paths)) % 2]
    decided = apply_decisions(images, [Decision(path, choice) for path, choice in zip(paths, choices, strict=True)])
    assert (decided.table["problem"] == LEFT_OUT).sum() == 12


@needs_widgets
def test_buttons_decide_and_go_on(images: ImageFolder) -> None:
    paths = ["red/000.png", "red/001.png", "green/000.png"]
    decisions = Decisions(images)
    buttons = CleanerButtons(decisions, paths, ["odd", "odd", "odd"], ["blue", "green", "red"])
    assert (
        buttons.current == paths[0]
        and buttons.classes.value == "blue"
        and bytes(buttons.picture.value).startswith(b"\x89PNG")
    )
    assert buttons.caption.value == "1 of 3: red/000.png, odd"
    buttons.move.click()
    assert buttons.current == paths[1] and buttons.said.value == "red/000.png: move to blue"
    buttons.keep.click()
    buttons.leave_out.click()
    assert buttons.current == "" and buttons.keep.disabled and "All 3" in buttons.caption.value
    assert read_decisions(images.root) == {
        "red/000.png": Decision("red/000.png", "move", "blue"),
        "red/001.png": Decision("red/001.png", "keep"),
        "green/000.png": Decision("green/000.png", "leave out"),
    }
    for path in reversed(paths):
        buttons.undo.click()
        assert buttons.current == path and not buttons.keep.disabled
    buttons.undo.click()
    assert "nothing to take back" in buttons.said.value and read_decisions(images.root) == {}


@needs_widgets
def test_buttons_begin_where_the_last_ones_ended(images: ImageFolder) -> None:
    Decisions(images).keep("red/000.png")
    buttons = CleanerButtons(Decisions(images), ["red/000.png", "red/001.png"])
    assert buttons.current == "red/001.png" and buttons.caption.value == "2 of 2: red/001.png"


@needs_widgets
def test_buttons_say_what_is_wrong_and_stay(images: ImageFolder) -> None:
    buttons = CleanerButtons(Decisions(images), ["red/000.png"])
    (images.root / "red" / "000.png").write_bytes(b"no picture any more")
    (images.root / FILE_NAME).write_bytes(b"nonsense")
    buttons.keep.click()
    assert buttons.current == "red/000.png" and "begins with" in buttons.said.value
    buttons.undo.click()
    assert "begins with" in buttons.said.value


@needs_widgets
def test_no_suspects_need_no_buttons(images: ImageFolder) -> None:
    buttons = CleanerButtons(Decisions(images), [])
    assert buttons.current == "" and buttons.keep.disabled and buttons._repr_mimebundle_()
