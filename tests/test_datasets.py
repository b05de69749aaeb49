"""A folder becomes a table whatever is in it, the split is stable, and what is wrong is found."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import encode, gradient, ordinary_user, write_pictures

from imgclass_course import datasets
from imgclass_course.datasets import (
    DatasetError,
    FileFacts,
    FileState,
    ImageFolder,
    assign_split,
    audit,
    check_trainable,
    dataset_folder,
    inspect_file,
    load_fashion,
    printable,
    random_batches,
)

DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)


@pytest.fixture
def copied(pictures: Path, tmp_path: Path) -> Path:
    """Return a copy of the small pictures that a test may change."""
    return Path(shutil.copytree(pictures, tmp_path / "copied"))


def splits_by_digest(folder: ImageFolder) -> dict[str, str]:
    return dict(zip(folder.readable["digest"], folder.readable["split"], strict=True))


def problem_of(folder: ImageFolder, path: str) -> str:
    (problem,) = folder.table.loc[folder.table["path"] == path, "problem"]
    return problem


# Scanning


def test_scan_lists_every_picture(pictures: Path) -> None:
    folder = ImageFolder.scan(pictures, 20, 20)
    assert folder.classes == ["blue", "green", "red"]
    assert folder.splits == ("train", "validation", "test")
    assert len(folder.table) == 60 and len(folder.problems) == 0
    assert folder.counts().to_numpy().sum() == 60
    row = folder.table.iloc[0]
    assert (row["path"], row["label"], row["width"], row["height"]) == (os.path.join("blue", "000.png"), "blue", 40, 30)
    assert (folder.table["path"].str.split(os.sep).str[0] == folder.table["label"]).all()


def test_pictures_in_folders_of_a_class_belong_to_it(copied: Path) -> None:
    (copied / "red" / "deep" / "deeper").mkdir(parents=True)
    shutil.move(copied / "red" / "000.png", copied / "red" / "deep" / "deeper" / "000.png")
    assert ImageFolder.scan(copied).table["label"].value_counts()["red"] == 20


def test_hidden_files_and_folders_are_passed_over(copied: Path) -> None:
    (copied / "red" / ".DS_Store").write_bytes(b"x")
    (copied / ".git").mkdir()
    (copied / ".git" / "a.png").write_bytes(encode(gradient()))
    (copied / "red" / ".hidden").mkdir()
    (copied / "red" / ".hidden" / "a.png").write_bytes(encode(gradient()))
    folder = ImageFolder.scan(copied)
    assert folder.classes == ["blue", "green", "red"] and len(folder.table) == 60


def test_files_that_are_no_pictures_stay_in_the_table(copied: Path) -> None:
    (copied / "red" / "notes.txt").write_text("words")
    (copied / "red" / "empty.jpg").touch()
    folder = ImageFolder.scan(copied)
    assert len(folder.table) == 62 and len(folder.readable) == 60
    assert problem_of(folder, os.path.join("red", "notes.txt")) == "not a picture but text"
    assert problem_of(folder, os.path.join("red", "empty.jpg")) == "the file is empty"
    assert set(folder.table.loc[folder.table["problem"] != "", "split"]) == {""}


def test_links_are_listed_and_not_followed(copied: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    outside.write_bytes(encode(gradient(seed=99)))
    red = copied / "red"
    links = {
        "folder": copied / "blue",
        "circle": red,
        "outside.png": outside,
        "dangling.png": copied / "nothing",
        "self.png": red / "self.png",
        "hosts": Path("/etc/hosts"),
    }
    for name, target in links.items():
        (red / name).symlink_to(target)
    folder = ImageFolder.scan(copied)
    assert len(folder.table) == 60 + len(links)
    found = {name: problem_of(folder, os.path.join("red", name)) for name in links}
    assert all("a link to a folder" in found[name] for name in ("folder", "circle"))
    assert all("outside the folder" in found[name] for name in ("outside.png", "hosts"))
    assert all("leads nowhere" in found[name] for name in ("dangling.png", "self.png"))


def test_link_to_a_picture_inside_counts(copied: Path) -> None:
    (copied / "red" / "link.png").symlink_to(copied / "red" / "000.png")
    folder = ImageFolder.scan(copied)
    assert problem_of(folder, os.path.join("red", "link.png")) == ""


def test_folder_that_is_reached_through_a_link_works(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(copied)
    assert len(ImageFolder.scan(tmp_path / "link").readable) == 60


def test_class_folder_that_is_a_link_is_not_followed(copied: Path, tmp_path: Path) -> None:
    write_pictures(tmp_path / "elsewhere", {"yellow": 3}, first_seed=500)
    (copied / "yellow").symlink_to(tmp_path / "elsewhere" / "yellow")
    (copied / "circle").symlink_to(copied)
    folder = ImageFolder.scan(copied)
    assert folder.classes == ["blue", "green", "red"] and len(folder.readable) == 60


NAMES = [
    "sp ace .png",
    "größe 图片 🐈.png",
    "new\nline.png",
    "-rf.png",
    "--help",
    "per%cent&'\".png",
    "a" * 200,
    "<script>.png",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_any_name_is_a_name(copied: Path, name: str) -> None:
    (copied / "red" / "000.png").rename(copied / "red" / name)
    (copied / "green").rename(copied / name)
    folder = ImageFolder.scan(copied, 20, 20)
    check_trainable(folder)
    assert len(folder.readable) == 60 and name in folder.classes
    assert all("\n" not in printable(path) for path in folder.table["path"])
    assert len(audit(folder).unreadable) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")
def test_names_that_are_not_text_work(copied: Path) -> None:
    name = os.fsdecode(b"na\xefve\xff.png")
    (copied / "red" / "000.png").rename(copied / "red" / name)
    (copied / "green").rename(copied / name)
    folder = ImageFolder.scan(copied, 20, 20)
    check_trainable(folder)
    assert len(folder.readable) == 60 and name in folder.classes
    assert printable(name) == "na\\xefve\\xff.png"
    assert len(audit(folder).summary()) == 7


@given(st.binary(max_size=30))
def test_printable_is_one_line_of_text(name: bytes) -> None:
    shown = printable(os.fsdecode(name))
    assert shown.isprintable() and len(shown.splitlines()) <= 1
    shown.encode("utf-8")


@given(st.text(st.sampled_from("aZ0 .-_éß图🐈'<&"), max_size=30))
def test_printable_leaves_text_alone(name: str) -> None:
    assert printable(name) == name


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with a name")
def test_pipe_is_listed_and_not_opened(copied: Path) -> None:
    os.mkfifo(copied / "red" / "pipe.png")
    folder = ImageFolder.scan(copied)
    assert "device or pipe" in problem_of(folder, os.path.join("red", "pipe.png"))


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no such permissions")
def test_file_without_permission_is_listed(shared_folder: Path) -> None:
    root = write_pictures(shared_folder / "mine", {"a": 3, "b": 3})
    (root / "a" / "000.png").chmod(0)
    with ordinary_user():
        folder = ImageFolder.scan(root)
    assert len(folder.readable) == 5
    assert "cannot be read (Permission denied)" in problem_of(folder, os.path.join("a", "000.png"))


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no such permissions")
def test_folder_without_permission_is_listed(shared_folder: Path) -> None:
    root = write_pictures(shared_folder / "mine", {"a": 3, "b": 3})
    (root / "a" / "locked").mkdir(0)
    with ordinary_user():
        folder = ImageFolder.scan(root)
    assert len(folder.readable) == 6
    assert "Permission denied" in problem_of(folder, os.path.join("a", "locked"))


def test_file_of_too_many_bytes_is_listed_unread(copied: Path) -> None:
    with (copied / "red" / "huge.jpg").open("wb") as file:
        file.truncate(1 << 40)
    assert "more than" in inspect_file(copied / "red" / "huge.jpg").problem


def test_scan_asks_the_catalogue_before_it_opens_files(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Remembering:
        def __init__(self) -> None:
            self.known: dict[FileState, FileFacts] = {}

        def recall_files(self, files: list[FileState]) -> list[FileFacts | None]:
            return [self.known.get(file) for file in files]

        def remember_files(self, files: list[FileState], facts: list[FileFacts]) -> None:
            self.known.update(zip(files, facts, strict=True))

    catalogue, opened = Remembering(), []
    first = ImageFolder.scan(copied, catalogue=catalogue)
    (copied / "red" / "000.png").write_bytes(encode(gradient(seed=77)))
    original = datasets.inspect_file
    monkeypatch.setattr(datasets, "inspect_file", lambda path: opened.append(path) or original(path))
    second = ImageFolder.scan(copied, catalogue=catalogue)
    assert opened == [str(copied.resolve() / "red" / "000.png")]
    assert (first.table["digest"] != second.table["digest"]).sum() == 1


# Splits


@given(DIGESTS, st.integers(0, 5))
def test_a_larger_share_keeps_what_it_had(digest: str, seed: int) -> None:
    splits = [assign_split(digest, 0, share, seed) for share in (0, 10, 50, 99)]
    assert splits == sorted(splits, key=["train", "test"].index)
    assert splits[0] == "train"


def test_shares_are_kept() -> None:
    splits = pd.Series([assign_split(f"{number:064x}", 20, 10) for number in range(5000)]).value_counts(normalize=True)
    assert abs(splits["validation"] - 0.2) < 0.02 and abs(splits["test"] - 0.1) < 0.02


def test_another_seed_is_another_split() -> None:
    digests = [f"{number:064x}" for number in range(200)]
    assert [assign_split(one, 20, 20, 0) for one in digests] != [assign_split(one, 20, 20, 1) for one in digests]


def test_split_stays_when_pictures_are_renamed_moved_and_added(copied: Path, tmp_path: Path) -> None:
    before = splits_by_digest(ImageFolder.scan(copied, 20, 20))
    for path in list((copied / "red").iterdir()):
        path.rename(path.with_name(f"renamed_{path.name}"))
    copied.rename(tmp_path / "moved")
    write_pictures(tmp_path / "moved", {"blue": 10, "new": 10}, first_seed=1000)
    (tmp_path / "moved" / "green").rename(tmp_path / "moved" / "a_class")
    after = splits_by_digest(ImageFolder.scan(tmp_path / "moved", 20, 20))
    kept = before.keys() & after.keys()
    assert len(kept) == 50  # ten blue ones were written over
    assert all(before[digest] == after[digest] for digest in kept)
    assert set(after.values()) == {"train", "validation", "test"}


def test_duplicates_stay_together(copied: Path) -> None:
    for path in list((copied / "red").iterdir()):
        shutil.copy(path, path.with_name(f"copy_{path.name}"))
    readable = ImageFolder.scan(copied, 30, 30).readable
    assert (readable.groupby("digest")["split"].nunique() == 1).all() and len(readable) == 80


@pytest.mark.parametrize(
    "names", [("train", "validation", "test"), ("training", "val", "testing"), ("Train", "VALID", "Test")]
)
def test_given_split_folders_are_kept(tmp_path: Path, names: tuple[str, str, str]) -> None:
    for number, name in enumerate(names):
        write_pictures(tmp_path / name, {"a": 4, "b": 4}, first_seed=100 * number)
    folder = ImageFolder.scan(tmp_path, 50, 40)
    assert folder.classes == ["a", "b"]
    assert (folder.counts().to_numpy() == 4).all() and folder.counts().shape == (2, 3)
    given_split = folder.table["path"].str.split(os.sep).str[0]
    wanted = dict(zip(names, ("train", "validation", "test"), strict=True))
    assert (given_split.map(wanted) == folder.table["split"]).all()


def test_train_and_validation_folders_have_no_test(tmp_path: Path) -> None:
    for number, name in enumerate(("train", "val")):
        write_pictures(tmp_path / name, {"a": 4, "b": 4}, first_seed=100 * number)
    folder = ImageFolder.scan(tmp_path)
    assert folder.splits == ("train", "validation") and set(folder.table["split"]) == {"train", "validation"}
    check_trainable(folder)


def test_train_and_test_folders_give_validation_from_train(tmp_path: Path) -> None:
    for number, name in enumerate(("train", "test")):
        write_pictures(tmp_path / name, {"a": 30, "b": 30}, first_seed=100 * number)
    folder = ImageFolder.scan(tmp_path, 20, 10)
    assert folder.counts()["test"].tolist() == [30, 30]
    assert set(folder.table["split"]) == {"train", "validation", "test"}
    assert folder.counts().to_numpy().sum() == 120, "the counts leave pictures out"


def test_class_called_train_is_a_class(tmp_path: Path) -> None:
    folder = ImageFolder.scan(write_pictures(tmp_path, {"train": 5, "bus": 5}))
    assert folder.classes == ["bus", "train"]


# Folders that cannot be trained on


@pytest.mark.parametrize(
    ("classes", "reason"),
    [
        ({}, "no folders"),
        ({"only": 5}, "only the class only"),
        ({"a": 30, "empty": 0}, "Class empty has 0 readable pictures"),
        ({"a": 30, "few": 1}, "Class few has 1 readable pictures"),
        ({"a": 3, "b": 3}, "None of the 6 readable pictures .* is in (validation|test)"),
    ],
)
def test_folder_that_cannot_be_trained_on_is_one_clear_error(
    tmp_path: Path, classes: dict[str, int], reason: str
) -> None:
    folder = ImageFolder.scan(write_pictures(tmp_path, classes))
    with pytest.raises(DatasetError, match=reason) as caught:
        check_trainable(folder)
    assert len(str(caught.value).splitlines()) == 1


def test_class_that_validation_and_test_lack_is_trained_and_counted(tmp_path: Path) -> None:
    folder = ImageFolder.scan(write_pictures(tmp_path, {"a": 60, "b": 60, "few": 3}))
    counts = folder.counts()
    check_trainable(folder)
    missing = int((counts == 0).any(axis=1).sum())
    assert missing >= 1
    assert audit(folder).summary().loc["classes that a split has no picture of", "found"] == missing


def test_class_without_readable_pictures_is_one_clear_error(copied: Path) -> None:
    for path in (copied / "red").iterdir():
        path.write_text("no picture")
    with pytest.raises(DatasetError, match="Class red has 0 readable"):
        check_trainable(ImageFolder.scan(copied))


def test_empty_class_is_no_obstacle_to_an_audit(tmp_path: Path) -> None:
    found = audit(ImageFolder.scan(write_pictures(tmp_path, {"a": 30, "empty": 0})))
    assert found.summary().loc["classes with fewer than 20 pictures", "found"] == 1


def test_missing_folder_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "nothing", tmp_path / "file"):
        with pytest.raises(DatasetError, match="There is no folder"):
            ImageFolder.scan(path)


@pytest.mark.parametrize("shares", [(-1, 10), (10, -1), (60, 40), (0, 100), (float("nan"), 10)])
def test_impossible_shares_are_refused(pictures: Path, shares: tuple[float, float]) -> None:
    with pytest.raises(DatasetError, match="percentage"):
        ImageFolder.scan(pictures, *shares)


def test_zero_shares_give_training_pictures_only(pictures: Path) -> None:
    folder = ImageFolder.scan(pictures, 0, 0)
    assert folder.splits == ("train",) and folder.counts()["train"].sum() == 60
    check_trainable(folder)


# Audit


def test_audit_of_a_sound_folder_finds_nothing(pictures: Path) -> None:
    assert audit(ImageFolder.scan(pictures, 20, 20)).summary()["found"].sum() == 0


def test_audit_finds_each_planted_fault(tmp_path: Path) -> None:
    train = write_pictures(tmp_path / "train", {"a": 60, "b": 60, "few": 5})
    test = write_pictures(tmp_path / "test", {"a": 60, "b": 6, "few": 1}, first_seed=500)
    whole = (train / "a" / "000.png").read_bytes()
    (train / "a" / "cut.png").write_bytes(whole[: len(whole) // 2])  # its header is fine
    (train / "a" / "empty.jpg").touch()
    shutil.copy(train / "a" / "001.png", train / "a" / "copy.png")
    shutil.copy(train / "a" / "002.png", test / "a" / "leak.png")
    shutil.copy(train / "a" / "003.png", train / "b" / "other_label.png")
    found = audit(ImageFolder.scan(tmp_path, 0, 0))
    assert found.summary()["found"].to_dict() == {
        "files that are no readable picture": 2,
        "pictures that are there more than once": 3,
        "pictures that are in two splits": 1,
        "pictures under two labels": 1,
        "classes with fewer than 20 pictures": 1,
        "classes that a split has no picture of": 0,
        "splits drawn differently": 1,
    }
    assert set(found.unreadable["path"].map(os.path.basename)) == {"cut.png", "empty.jpg"}
    assert len(found.duplicates) == 6


def test_audit_changes_nothing(copied: Path) -> None:
    def state() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in copied.rglob("*")}

    (copied / "red" / "broken.png").write_bytes(b"\x89PNG")
    before = state()
    audit(ImageFolder.scan(copied))
    assert state() == before


# Batches


@given(n=st.integers(1, 60), batch_size=st.integers(1, 70), steps=st.integers(1, 20), seed=st.integers(0, 3))
def test_batches_take_every_picture_in_turn(n: int, batch_size: int, steps: int, seed: int) -> None:
    batches = random_batches(n, batch_size, steps, seed)
    assert batches.shape == (steps, batch_size) and batches.dtype == np.int64
    order = batches.reshape(-1)
    counts = np.bincount(order, minlength=n)
    assert len(counts) == n and counts.max() - counts.min() <= 1
    for start in range(0, len(order) - n + 1, n):
        assert sorted(order[start : start + n]) == list(range(n))
    np.testing.assert_array_equal(batches, random_batches(n, batch_size, steps, seed))


@given(n=st.integers(10, 60), steps=st.integers(1, 10), more=st.integers(1, 10))
def test_more_steps_begin_with_the_same_batches(n: int, steps: int, more: int) -> None:
    np.testing.assert_array_equal(random_batches(n, 7, steps), random_batches(n, 7, steps + more)[:steps])


def test_batches_of_another_seed_differ() -> None:
    assert (random_batches(50, 10, 5, 0) != random_batches(50, 10, 5, 1)).any()


def test_no_pictures_give_no_batches() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        random_batches(0, 1, 1)


# Data sets that come along


def test_clipart_comes_along() -> None:
    folder = ImageFolder.scan(dataset_folder("clipart"))
    check_trainable(folder)
    assert len(folder.classes) == 10 and len(folder.problems) == 0


def test_unknown_data_set_is_one_clear_error() -> None:
    with pytest.raises(DatasetError, match="clipart, fashion"):
        dataset_folder("flowers")


def test_fashion_sample_comes_along(tmp_path: Path) -> None:
    fashion = load_fashion()
    assert fashion.train_images.shape[1:] == (28, 28) and len(fashion.train_labels) == len(fashion.train_images)
    with pytest.raises(DatasetError, match="dataset-fashion-mnist"):
        load_fashion(full=True, folder=tmp_path)
