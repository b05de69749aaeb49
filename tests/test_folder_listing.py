"""Which pictures a data set has: rows of a table, or pictures in memory; names of classes, splits and groups."""

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import encode, gradient, write_pictures

from imgclass_course.foundation import folder_listing
from imgclass_course.foundation.errors import DatasetError
from imgclass_course.foundation.folder_listing import (
    ListedPicture,
    class_names,
    file_state,
    inspect_picture,
    inspect_pictures,
    list_pictures,
    list_rows,
    name_text,
)
from imgclass_course.foundation.pictures import Picture

ROOT = Path(os.path.abspath("anywhere"))


def rows(**columns: list) -> list[ListedPicture]:
    """Return what is listed of a table with these columns."""
    return list_rows(pd.DataFrame({"path": list("abcdef"), "label": list("xxxyyy"), **columns}), ROOT)[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (3, "3"), (3.0, "3"), (2.5, "2.5"), (np.int64(3), "3"), (np.float32(3), "3"), (np.array(7), "7")]
    + [(True, "True"), (np.str_("b"), "b"), (None, ""), (float("nan"), ""), (pd.NA, ""), (pd.NaT, ""), (np.nan, "")],
    ids=repr,
)
def test_names_are_text_or_numbers(value: object, text: str) -> None:
    assert name_text(value) == text and type(name_text(value)) is str


@pytest.mark.parametrize("value", [["a"], b"cat", np.zeros(2), {}, object()], ids=lambda value: type(value).__name__)
def test_what_is_no_name_is_one_clear_error(value: object) -> None:
    with pytest.raises(DatasetError, match=f"A group is text or a number, and this is a {type(value).__name__}"):
        name_text(value, "group")


def test_numbers_are_sorted_as_numbers_and_names_as_text() -> None:
    assert class_names([10, 9, 2, None, 2.0]) == ["2", "9", "10"]
    assert class_names(np.array([10, 9, 2], np.uint8)) == ["2", "9", "10"]
    assert class_names(["10", "9", "b", ""]) == ["10", "9", "b"]
    assert class_names([]) == []


def test_rows_of_a_table_are_listed_with_what_they_name(tmp_path: Path) -> None:
    write_pictures(tmp_path, {"red": 2})
    elsewhere = tmp_path / "red" / "001.png"
    table = pd.DataFrame(
        {
            "path": [Path("red") / "000.png", str(elsewhere), "gone.png", None, "", 5, "red/000.png"],
            "label": ["b", "a", "b", "b", "b", "b", float("nan")],
            "group": [1.0, 2, None, None, None, None, None],
            "size": range(7),
        },
        index=[3] * 7,
    )
    listed, classes = list_rows(table, tmp_path)
    assert classes == ["a", "b"] and [one.label for one in listed] == ["b", "a", "b", "b", "b", "b", ""]
    assert [one.path for one in listed[:3]] == [os.path.join("red", "000.png"), str(elsewhere), "gone.png"]
    assert [one.picture.source for one in listed[:2]] == [tmp_path / "red" / "000.png", elsewhere]
    assert [one.state == file_state(one.picture.source) for one in listed[:2]] == [True, True]
    assert [one.group for one in listed] == ["1", "2", "", "", "", "", ""] and listed[2].state is None
    assert [one.problem for one in listed] == [
        "",
        "",
        "",
        *["no path is given"] * 2,
        "a int, not a path",
        "no label is given",
    ]
    assert "No such file" in inspect_pictures(listed)[2].problem


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["file", "label"], "lacks the column path; its columns: file, label"),
        (["path"], "lacks the column label"),
        ([], "lacks the column path and the column label; its columns: none"),
    ],
)
def test_missing_columns_are_named(columns: list[str], words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        list_rows(pd.DataFrame(columns=columns), ROOT)


def test_splits_are_named_as_in_folders() -> None:
    names = ["train", " Val", "VALID", "testing", None, float("nan")]
    assert [one.split for one in rows(split=names)] == ["train", "validation", "validation", "test", "", ""]
    with pytest.raises(DatasetError, match="The column split says dev, holdout; it may say train, validation, test"):
        rows(split=["holdout", "dev", "train", "", "", ""])


def test_a_group_follows_its_pictures_whose_split_is_named() -> None:
    listed = rows(split=["test", "", "", "train", "", ""], group=["m", "m", "", "n", "n", "o"])
    assert [one.split for one in listed] == ["test", "test", "", "train", "train", ""]
    with pytest.raises(DatasetError, match="Group m is in test and in train"):
        rows(split=["test", "train", "", "", "", ""], group=["m", "m", "", "n", "n", "o"])
    assert rows(split=["test", "train", "", "", "", ""], group=["", "", "", "n", "n", "o"])[1].split == "train"


def test_pictures_are_listed_under_names_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path, {"red": 1})
    monkeypatch.chdir(tmp_path)
    path = os.path.join("red", "000.png")
    listed, classes = list_pictures([path, gradient(), path, encode(gradient())], [1, 0, 1, 0])
    assert [one.path for one in listed] == [path, "picture 2", f"{path} (2)", "picture 4"] and classes == ["0", "1"]
    assert listed[0].picture.source == tmp_path / "red" / "000.png"  # wherever the program goes next
    assert listed[0].state == file_state(tmp_path / "red" / "000.png") and listed[1].state is None


@pytest.mark.parametrize(
    "labels",
    [["a", "b"], ("a", "b"), pd.Series(["a", "b"]), np.array([["a"], ["b"]]), (label for label in "ab")]
    + [pd.Categorical(["a", "b"])],
    ids=lambda labels: type(labels).__name__,
)
def test_labels_come_in_any_container(labels: object) -> None:
    listed, classes = list_pictures(np.zeros((2, 4, 4, 3), np.uint8), labels)
    assert classes == [one.label for one in listed] == ["a", "b"]


def test_every_picture_has_one_label() -> None:
    two = np.zeros((2, 5, 5), np.uint8)
    for labels in ([], ["a"], "a", np.zeros(3)):
        with pytest.raises(DatasetError, match="^2 pictures and [013] labels: give one label per picture.$"):
            list_pictures(two, labels)
    with pytest.raises(DatasetError, match=r"shape \[2, 3\] is no list of labels"):
        list_pictures(two, np.zeros((2, 3)))
    assert list_pictures(two, ["a", None])[0][1].problem == "no label is given"
    assert list_pictures("x.jpg", "a")[0][0].label == "a"


def test_what_is_learnt_of_a_picture_says_what_is_wrong(tmp_path: Path) -> None:
    data = encode(gradient(40, 30))
    whole = inspect_picture(Picture(io.BytesIO(data), ""))
    assert (whole.width, whole.height, whole.problem) == (40, 30, "") and len(whole.digest) == 64
    assert inspect_picture(Picture(gradient(40, 30), ""))[1:] == (40, 30, "")
    words = inspect_picture(Picture(b"words", ""))
    assert len(words.digest) == 64 and words[1:] == (0, 0, "not a picture but text")
    assert inspect_picture(Picture(tmp_path / "gone", "")) == (
        "",
        0,
        0,
        "the file cannot be read (No such file or directory)",
    )
    assert inspect_picture(Picture(gradient() / 255, "")).problem.endswith("was this picture scaled already?")


def test_many_pictures_are_looked_at_in_order_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(folder_listing, "inspect_picture", lambda one: looked.append(one) or (one.name, 1, 1, ""))
    count = 3 * folder_listing.AT_ONCE + 1
    listed = [
        ListedPicture(Picture(b"", str(number)), None, "", "", problem="x" * (number == 5)) for number in range(count)
    ]
    found = inspect_pictures(listed)
    assert [facts[0] for facts in found] == ["" if number == 5 else str(number) for number in range(count)]
    assert len(looked) == count - 1 and found[5].problem == "x"
