"""A folder becomes a table whatever is in it, the split is stable, and what is wrong is found."""

import dataclasses
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import encode, gradient, needs_links, ordinary_user, write_pictures

from imgclass_course.datasets import (
    ImageFolder,
    as_image_folder,
    assign_split,
    audit,
    check_trainable,
    dataset_folder,
    load_fashion,
    near_copies,
    random_batches,
)
from imgclass_course.foundation import folder_listing
from imgclass_course.foundation.errors import DatasetError
from imgclass_course.foundation.files import printable
from imgclass_course.foundation.folder_listing import FileFacts, FileState, inspect_file, inspect_picture
from imgclass_course.foundation.pictures import Picture
from scripts import build_textile

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


@needs_links
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


@needs_links
def test_link_to_a_picture_inside_counts(copied: Path) -> None:
    (copied / "red" / "link.png").symlink_to(copied / "red" / "000.png")
    folder = ImageFolder.scan(copied)
    assert problem_of(folder, os.path.join("red", "link.png")) == ""


@needs_links
def test_folder_that_is_reached_through_a_link_works(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(copied)
    assert len(ImageFolder.scan(tmp_path / "link").readable) == 60


@needs_links
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
    assert "the limit is" in inspect_file(copied / "red" / "huge.jpg").problem


def test_scan_asks_the_catalogue_before_it_opens_files(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue, opened = Remembering(), []
    first = ImageFolder.scan(copied, catalogue=catalogue)
    (copied / "red" / "000.png").write_bytes(encode(gradient(seed=77)))

    def watched(picture: Picture) -> FileFacts:
        opened.append(picture.source)
        return inspect_picture(picture)

    monkeypatch.setattr(folder_listing, "inspect_picture", watched)
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


# Tables, and pictures in memory


def table_of(folder: ImageFolder) -> pd.DataFrame:
    """Return a table such as people have: paths and labels."""
    return folder.readable[["path", "label"]]


def test_table_of_a_folder_is_the_folder(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scanned = ImageFolder.scan(pictures, 20, 20, 3)
    for root in (pictures, str(pictures)):
        listed = ImageFolder.from_table(table_of(scanned), root, 20, 20, 3)
        assert listed.table.equals(scanned.table) and list(listed.table) == list(scanned.table)
        assert (listed.classes, listed.splits, listed.root) == (scanned.classes, scanned.splits, pictures)
    monkeypatch.chdir(pictures)
    here = ImageFolder.from_table(table_of(scanned), None, 20, 20, 3)
    monkeypatch.chdir(pictures.parent)
    assert here.table.equals(scanned.table) and here.picture(here.table["path"][0]).problem() == ""
    whole = table_of(scanned).assign(path=[str(pictures / path) for path in scanned.table["path"]])
    there = ImageFolder.from_table(whole, None, 20, 20, 3)
    assert there.table.drop(columns="path").equals(scanned.table.drop(columns="path"))
    assert there.picture(whole["path"][7]).source == pictures / scanned.table["path"][7]


def test_files_that_are_not_there_are_rows_with_a_problem(pictures: Path) -> None:
    table = table_of(ImageFolder.scan(pictures))
    table = pd.concat([table, pd.DataFrame({"path": ["gone.png", None], "label": ["red", "red"]})])
    listed = ImageFolder.from_table(table, pictures)
    assert len(listed.readable) == 60 and list(listed.problems["path"]) == ["gone.png", ""]
    assert "No such file" in listed.problems["problem"][0] and listed.problems["problem"][1] == "no path is given"
    assert repr(listed).endswith(" test; 2 problems)")


def test_split_that_a_table_names_is_kept_and_the_rest_divided(pictures: Path) -> None:
    scanned = ImageFolder.scan(pictures, 20, 20)
    by_content = scanned.table["split"].tolist()

    def splits(named: list[str | None], validation: float = 20, testing: float = 20) -> list[str]:
        table = table_of(scanned).assign(split=named)
        return ImageFolder.from_table(table, pictures, validation, testing).table["split"].tolist()

    assert splits([None] * 60) == splits([""] * 60) == by_content
    pinned = splits(["train"] * 30 + [None] * 30)
    assert pinned[:30] == ["train"] * 30 and pinned[30:] == by_content[30:]
    own_test = splits(["testing"] * 10 + [None] * 50)
    assert own_test[:10] == ["test"] * 10 and "test" not in own_test[10:] and "validation" in own_test
    both = splits(["train"] * 30 + ["test"] * 30)  # as with folders: validation comes out of training
    assert both[30:] == ["test"] * 30 and set(both[:30]) == {"train", "validation"}
    assert splits(["train"] * 30 + ["val"] * 30) == ["train"] * 30 + ["validation"] * 30
    with pytest.raises(DatasetError, match="The column split says holdout"):
        splits(["holdout"] * 60)


def test_splits_of_a_table_are_those_that_it_names_or_that_are_asked_for(pictures: Path) -> None:
    table = table_of(ImageFolder.scan(pictures))
    for named, shares, expected in [
        ([None] * 60, (20, 0), ("train", "validation")),
        (["train"] * 30 + ["val"] * 30, (20, 20), ("train", "validation")),
        (["train"] * 30 + ["test"] * 30, (0, 0), ("train", "test")),
        (["train"] * 30 + [None] * 30, (20, 20), ("train", "validation", "test")),
        (["train"] * 60, (0, 20), ("train",)),
    ]:
        listed = ImageFolder.from_table(table.assign(split=named), pictures, *shares)
        assert listed.splits == expected
        assert listed.counts().to_numpy().sum() == 60, "the counts leave pictures out"


def test_no_group_straddles_a_split(pictures: Path) -> None:
    scanned = ImageFolder.scan(pictures, 25, 25)
    groups = np.arange(60) // 4
    listed = ImageFolder.from_table(table_of(scanned).assign(group=groups), pictures, 25, 25)
    assert (listed.table.groupby("group")["split"].nunique() == 1).all() and set(listed.table["split"]) == set(
        listed.splits
    )
    assert (scanned.table.groupby(groups)["split"].nunique() > 1).any(), "nothing would have straddled"
    renamed = ImageFolder.from_table(table_of(scanned).assign(group=groups)[::-1], pictures, 25, 25)
    assert renamed.table["split"].tolist() == listed.table["split"].tolist()[::-1]
    # Pictures without a group are divided by their content, and a split that is named counts for the whole group.
    some = [str(group) if group < 3 else None for group in groups]
    partly = ImageFolder.from_table(table_of(scanned).assign(group=some), pictures, 25, 25)
    assert partly.table["split"][12:].tolist() == scanned.table["split"][12:].tolist()
    one_named = table_of(scanned).assign(group=groups, split=["test"] + [None] * 59)
    assert ImageFolder.from_table(one_named, pictures, 25, 25).table["split"][:4].tolist() == ["test"] * 4


def test_pictures_in_memory_are_a_data_set(pictures: Path) -> None:
    scanned = ImageFolder.scan(pictures, 20, 20)
    files = [(pictures / path).read_bytes() for path in scanned.table["path"]]
    numbers = scanned.class_numbers(scanned.table["label"])
    held = ImageFolder.from_pictures((data for data in files), numbers, 20, 20)
    columns = ["split", "digest", "width", "height", "problem"]
    assert held.root is None and held.table[columns].equals(scanned.table[columns])
    assert held.classes == ["0", "1", "2"] and held.splits == scanned.splits
    for _ in range(2):  # a generator was gone through once, and its pictures are there for ever
        assert (
            held.picture("picture 5").pixels().tobytes() == scanned.picture(scanned.table["path"][4]).pixels().tobytes()
        )
    check_trainable(held)
    assert audit(held).summary()["found"].sum() == 0
    pixels = np.stack([picture.pixels() for picture in held.pictures.values()])
    arrays = ImageFolder.from_pictures(pixels, scanned.table["label"], 20, 20)
    assert arrays.classes == scanned.classes and len(arrays.readable) == 60


def test_pictures_that_cannot_be_read_are_rows_with_a_problem(pictures: Path) -> None:
    (path, *_) = sorted(pictures.rglob("*.png"))
    given = [path, str(path), b"words", gradient() / 255, pictures / "gone.png", 7, gradient()]
    held = ImageFolder.from_pictures(given, list("aabbbba"))
    assert list(held.readable["path"]) == [str(path), f"{path} (2)", "picture 7"] and held.classes == ["a", "b"]
    words = ["text", "scaled already", "No such file", "a int"]
    assert all(word in problem for word, problem in zip(words, held.problems["problem"], strict=True))
    with pytest.raises(
        DatasetError, match="Class b has 0 readable pictures .4 cannot be read, the first, picture 3: not a picture"
    ):
        check_trainable(held)
    floats = ImageFolder.from_pictures(np.zeros((4, 8, 8, 3)), [0, 0, 1, 1])
    with pytest.raises(
        DatasetError, match="2 cannot be read, the first, picture 1: .* was this picture scaled already"
    ):
        check_trainable(floats)


def test_audit_finds_the_same_faults_in_tables_and_in_memory(pictures: Path) -> None:
    scanned = ImageFolder.scan(pictures)
    whole = (pictures / "red" / "000.png").read_bytes()
    files = [(pictures / path).read_bytes() for path in scanned.table["path"]]
    labels = scanned.table["label"].tolist()
    held = audit(ImageFolder.from_pictures([*files, whole[: len(whole) // 2], whole], [*labels, "red", "blue"]))
    assert list(held.summary()["found"])[:4] == [1, 1, 0, 1]
    assert held.unreadable["path"].tolist() == ["picture 61"] and held.duplicates["path"].tolist() == [
        "picture 41",
        "picture 62",
    ]
    again = pd.concat([table_of(scanned), pd.DataFrame({"path": ["red/000.png", "gone"], "label": ["blue", "red"]})])
    again["group"] = [*[""] * 60, "mine", ""]
    assert list(audit(ImageFolder.from_table(again, pictures, 40, 40)).summary()["found"])[:2] == [1, 1]


class Remembering:
    """A catalogue that counts what it is asked and told."""

    def __init__(self) -> None:
        self.known: dict[FileState, FileFacts] = {}
        self.told = 0

    def recall_files(self, files: list[FileState]) -> list[FileFacts | None]:
        return [self.known.get(file) for file in files]

    def remember_files(self, files: list[FileState], facts: list[FileFacts]) -> None:
        self.known.update(zip(files, facts, strict=True))
        self.told += len(files)


def test_every_way_in_asks_the_catalogue(pictures: Path) -> None:
    catalogue = Remembering()
    scanned = ImageFolder.scan(pictures, catalogue=catalogue)
    assert catalogue.told == 60
    listed = ImageFolder.from_table(table_of(scanned), pictures, catalogue=catalogue)
    paths = [pictures / path for path in scanned.table["path"]]
    held = ImageFolder.from_pictures([*paths, gradient()], [*scanned.table["label"], "red"], catalogue=catalogue)
    assert catalogue.told == 60, "a file that is known was opened again"
    assert listed.table.equals(scanned.table) and held.table["digest"][:60].equals(scanned.table["digest"])


def test_as_image_folder_takes_what_people_have(pictures: Path, tmp_path: Path) -> None:
    scanned = ImageFolder.scan(pictures, 20, 20, 1)
    shares = (20, 20, 1)
    assert as_image_folder(scanned) is scanned
    for data in (
        pictures,
        str(pictures),
        table_of(scanned).assign(path=[str(pictures / p) for p in scanned.table["path"]]),
    ):
        assert as_image_folder(data, None, *shares).table["split"].equals(scanned.table["split"])
    held = as_image_folder([pictures / path for path in scanned.table["path"]], scanned.table["label"], *shares)
    assert held.table["split"].equals(scanned.table["split"])
    assert as_image_folder(str(pictures / "red" / "000.png"), "red").classes == ["red"]
    (tmp_path / "photos.zip").write_bytes(b"PK")
    alone = "alone is no data set: give a folder, a table .* or pictures with their labels"
    for data, labels, words in [
        ([pictures], None, f"A list {alone}"),
        (np.zeros((2, 4, 4, 3), np.uint8), None, f"A ndarray {alone}"),
        (None, None, f"A NoneType {alone}"),
        (tmp_path / "photos.zip", None, "There is no folder .*photos.zip: it is a file. Unpack an archive first"),
        (tmp_path / "nowhere", None, "There is no folder .*nowhere"),
        (pictures, ["a"], "leave `labels` out"),
        (scanned, ["a"], "leave `labels` out"),
        (table_of(scanned), ["a"], "leave `labels` out"),
        ([gradient()], ["a", "b"], "1 pictures and 2 labels"),
    ]:
        with pytest.raises(DatasetError, match=words):
            as_image_folder(data, labels)


def test_class_numbers_are_places_in_the_list_of_classes(pictures: Path) -> None:
    folder = ImageFolder.scan(pictures)
    assert folder.class_numbers(["red", "blue", "green", "red"]).tolist() == [2, 0, 1, 2]
    assert folder.class_numbers(folder.table["label"]).dtype.kind == "i" and folder.class_numbers([]).shape == (0,)
    with pytest.raises(DatasetError, match="There is no class 'yellow'; there are blue, green, red"):
        folder.class_numbers(["red", "yellow"])
    held = ImageFolder.from_pictures(np.zeros((3, 5, 5), np.uint8), [10, 9, 10])
    assert held.class_numbers(np.array([9, 10])).tolist() == held.class_numbers(["9", "10"]).tolist() == [0, 1]


def test_folder_compares_prints_and_is_replaced_as_one_thing(pictures: Path) -> None:
    folder, other = ImageFolder.scan(pictures, 20, 20), ImageFolder.scan(pictures, 20, 20)
    assert folder == folder and folder != other and len({folder, other}) == 2
    counts = folder.counts().sum()
    splits = f"{counts['train']} train, {counts['validation']} validation, {counts['test']} test"
    assert repr(folder) == f"ImageFolder(60 pictures in 3 classes: {splits})"
    table = folder.table.copy()
    table.loc[0, ["problem", "split"]] = ("it turned out to be damaged", "")
    fewer = dataclasses.replace(folder, table=table)
    assert len(fewer.readable) == 59 and len(folder.readable) == 60 and fewer.picture(table["path"][1]).problem() == ""


# Folders that cannot be trained on


@pytest.mark.parametrize(
    ("classes", "reason"),
    [
        ({}, "no folders"),
        ({"only": 5}, "only the class only"),
        ({"a": 30, "empty": 0}, "Class empty has 0 readable pictures"),
        ({"a": 30, "few": 1}, "Class few has 1 readable picture,"),
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

TEXTILE = dataset_folder("textile")
TEXTILE_CLASSES = {"nominal": 1000, "local": 500, "global": 500}  # pictures in the package
TEXTILE_PICTURES = [(name, n) for name, count in TEXTILE_CLASSES.items() for n in range(1, count + 1)]


def test_clipart_comes_along() -> None:
    folder = ImageFolder.scan(dataset_folder("clipart"))
    check_trainable(folder)
    assert len(folder.classes) == 10 and len(folder.problems) == 0


def test_textile_comes_along() -> None:
    folder = ImageFolder.scan(TEXTILE)
    check_trainable(folder)
    assert (folder.classes, len(folder.problems)) == (["global", "local", "nominal"], 0)
    assert folder.table["label"].value_counts().tolist() == [100, 100, 100]
    sizes = set()
    for path in TEXTILE.glob("*/*.jpg"):
        with Image.open(path) as picture:
            sizes.add((picture.mode, picture.size))
    assert sizes == {("L", (224, 224))}


def test_choice_of_textile_pictures_is_that_of_the_script() -> None:
    every = [f"{build_textile.PICTURES}/{name}/textile_{n:04}.jpg" for name, n in TEXTILE_PICTURES]
    chosen = build_textile.choose(every[::-1])
    kept = sorted(path.relative_to(TEXTILE).as_posix() for path in TEXTILE.glob("*/*.jpg"))
    assert sorted(name.removeprefix(f"{build_textile.PICTURES}/") for name in chosen) == kept
    with pytest.raises(ValueError, match="local has 500 pictures, and 501"):
        build_textile.choose(every, 501)


def test_unknown_data_set_is_one_clear_error() -> None:
    with pytest.raises(DatasetError, match="clipart, fashion, textile"):
        dataset_folder("flowers")


def test_fashion_sample_comes_along(tmp_path: Path) -> None:
    fashion = load_fashion()
    assert fashion.train_images.shape[1:] == (28, 28) and len(fashion.train_labels) == len(fashion.train_images)
    with pytest.raises(DatasetError, match="dataset-fashion-mnist"):
        load_fashion(full=True, folder=tmp_path)


# Near copies


def test_near_copies_are_found_whatever_their_bytes(copied: Path) -> None:
    with Image.open(copied / "red" / "000.png") as image:
        image.resize((30, 22)).save(copied / "blue" / "smaller.jpg", quality=60)
    shutil.copy(copied / "green" / "001.png", copied / "green" / "zz.png")
    pairs = near_copies(ImageFolder.scan(copied), limit=2)
    found = [
        {Path(first).name, Path(second).name} for first, second in pairs[["first", "second"]].itertuples(index=False)
    ]
    assert {"001.png", "zz.png"} in found and {"smaller.jpg", "000.png"} in found
    assert pairs["difference"].is_monotonic_increasing and pairs["difference"][0] == 0


def test_near_copies_pass_over_what_cannot_be_decoded(copied: Path) -> None:
    damaged = copied / "red" / "000.png"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    (copied / "red" / "notes.txt").write_text("words")
    pairs = near_copies(ImageFolder.scan(copied), limit=300)
    assert len(pairs) == 59 * 58 / 2 and not pairs["first"].str.endswith(os.path.join("red", "000.png")).any()


def test_no_pictures_have_no_copies() -> None:
    folder = ImageFolder.from_pictures([b"no picture"], ["a"])
    assert near_copies(folder).empty and list(near_copies(folder)) == ["first", "second", "difference"]
