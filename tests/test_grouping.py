"""Groups: by a pattern, by time of exposure, by a function; none of them, and no content, is ever in two splits."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support import assert_one_line_error, encode, gradient, run_command, write_pictures

from imgclass_course.auditing import audit
from imgclass_course.bottlenecks import extract
from imgclass_course.foundation.errors import DatasetError
from imgclass_course.foundation.grouping import GroupBy, exposure_time, join_groups
from imgclass_course.foundation.pictures import Picture
from imgclass_course.image_folder import ImageFolder, as_image_folder
from imgclass_course.practice import burst_folder
from imgclass_course.retraining import fit, retrain

PATTERN = r"burst_\d+"


@pytest.fixture(scope="module")
def bursts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return two classes of twelve drawings, four shots of each."""
    return burst_folder(tmp_path_factory.mktemp("bursts") / "pictures", kinds=2, bursts=12, shots=4)


def splits_of(folder: ImageFolder, names: pd.Series) -> pd.Series:
    """Return how many splits each of these groups is in."""
    return folder.table.groupby(names)["split"].nunique()


def burst_names(folder: ImageFolder) -> pd.Series:
    return folder.table["path"].str.extract(f"({PATTERN})")[0]


@pytest.mark.parametrize(
    "group_by",
    [PATTERN, r"(burst_\d+)_\d", 10, 1.0, lambda name: name[:9], [PATTERN, 10]],
    ids=["pattern", "first group", "seconds", "just enough seconds", "function", "two ways"],
)
def test_no_burst_is_divided(bursts: Path, group_by: GroupBy) -> None:
    folder = ImageFolder.scan(bursts, 20, 30, group_by=group_by)
    assert folder.table["group"].nunique() == 24 and folder.table["group"].ne("").all()
    assert (splits_of(folder, burst_names(folder)) == 1).all()
    assert set(folder.table["split"]) == {"train", "validation", "test"}
    alone = ImageFolder.scan(bursts, 20, 30)
    assert "group" not in alone.table and (splits_of(alone, burst_names(alone)) > 1).any()


def test_group_keeps_its_split_when_pictures_are_added(bursts: Path, tmp_path: Path) -> None:
    before = ImageFolder.scan(bursts, 20, 30, group_by=PATTERN).table.set_index("path")["split"]
    more = Path(shutil.copytree(bursts, tmp_path / "more"))
    (more / "birds" / "burst_000_9.jpg").write_bytes(encode(gradient(), "JPEG"))
    after = ImageFolder.scan(more, 20, 30, group_by=PATTERN).table.set_index("path")["split"]
    assert after[before.index].equals(before)
    assert after[str(Path("birds/burst_000_9.jpg"))] == before[str(Path("birds/burst_000_0.jpg"))]


def test_shots_too_far_apart_or_in_another_folder_are_no_burst(bursts: Path, tmp_path: Path) -> None:
    assert ImageFolder.scan(bursts, group_by=0.5).table["group"].nunique() == 96
    assert ImageFolder.scan(bursts, group_by=300).table["group"].nunique() == 2  # chained, and one for each folder
    copied = Path(shutil.copytree(bursts, tmp_path / "copied"))
    (copied / "birds" / "no_notes.png").write_bytes(encode(gradient()))
    table = ImageFolder.scan(copied, group_by=10).table.set_index("path")
    assert table.loc[str(Path("birds/no_notes.png")), "group"] == ""


def test_time_of_exposure_is_read_with_its_fractions_and_never_fails(tmp_path: Path) -> None:
    def photo(**notes: object) -> Picture:
        exif = Image.Exif()
        exif.get_ifd(0x8769).update({{"time": 0x9003, "part": 0x9291}[name]: value for name, value in notes.items()})
        (tmp_path / "photo.jpg").write_bytes(encode(gradient(), "JPEG", exif=exif))
        return Picture(tmp_path / "photo.jpg", "photo")

    assert str(exposure_time(photo(time="2024:05:01 10:00:07"))) == "2024-05-01 10:00:07"
    assert str(exposure_time(photo(time="2024:05:01 10:00:07", part="25"))) == "2024-05-01 10:00:07.250000"
    assert exposure_time(photo(time="0000:00:00 00:00:00")) is None
    assert exposure_time(photo(time="yesterday")) is None
    assert exposure_time(Picture(encode(gradient()), "no notes")) is None
    assert exposure_time(Picture(b"words", "no picture")) is None
    assert exposure_time(Picture(tmp_path / "gone.jpg", "gone")) is None


def test_a_group_may_span_classes_and_folders(tmp_path: Path) -> None:
    root = write_pictures(tmp_path, {"a": 30, "b": 30})
    folder = ImageFolder.scan(root, 20, 30, group_by=r"\d+")  # 000.png of both classes
    assert (splits_of(folder, folder.table["path"].map(lambda path: Path(path).name)) == 1).all()
    (root / "a" / "patient_7").mkdir()
    shutil.move(root / "a" / "000.png", root / "a" / "patient_7" / "x.png")
    groups = ImageFolder.scan(root, group_by="^patient_[0-9]+").table.set_index("path")["group"]
    assert groups[str(Path("a/patient_7/x.png"))] == "patient_7" and (groups != "").sum() == 1


def test_names_of_the_old_script_are_always_groups(tmp_path: Path) -> None:
    root = write_pictures(tmp_path, {"a": 40, "b": 40})
    for path in root.rglob("*.png"):
        path.rename(path.with_name(f"plant{int(path.stem) // 4}_nohash_{path.name}"))
    folder = ImageFolder.scan(root, 20, 30)
    plants = folder.table["path"].str.split("_nohash_").str[0]
    assert (splits_of(folder, plants) == 1).all() and plants.nunique() == folder.table["group"].nunique() == 20


def test_same_content_stays_together_whatever_its_groups(tmp_path: Path) -> None:
    root = write_pictures(tmp_path, {"a": 30, "b": 30})
    for number in range(30):  # each content in two groups: both of them, and what they share, are one
        shutil.copy(root / "a" / f"{number:03}.png", root / "b" / f"copy{number:03}.png")
    folder = ImageFolder.scan(root, 20, 30, group_by=r"^(copy\d\d|\d\d)")
    assert (splits_of(folder, folder.table["digest"]) == 1).all()
    assert (splits_of(folder, folder.table["group"]) == 1).all()
    assert folder.table["split"].nunique() > 1


def test_joining_groups() -> None:
    assert join_groups(["1", "2", "3"], ["", "", ""]) == ["1", "2", "3"]
    assert join_groups(["1", "2", "2"], ["b", "b", ""]) == ["b", "b", "b"]
    assert join_groups(["1", "1", "2", "2", "3"], ["c", "b", "b", "a", "c"]) == ["a"] * 5
    assert join_groups(["", ""], ["a", ""]) == ["a", ""]


def test_own_splits_stay_and_the_audit_counts_groups_across_them(bursts: Path, tmp_path: Path) -> None:
    for split, shots in (("train", "012"), ("test", "3")):
        for path in bursts.rglob("*.jpg"):
            if path.stem[-1] in shots:
                target = tmp_path / split / path.relative_to(bursts)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
    folder = ImageFolder.scan(tmp_path, 0, 0, group_by=PATTERN)
    assert folder.counts().sum().tolist() == [72, 24]
    found = audit(folder).summary()["found"]
    assert found["groups that are in two splits"] == audit(folder).straddling == 24
    assert "groups that are in two splits" not in audit(ImageFolder.scan(tmp_path, 0, 0)).summary().index
    assert audit(ImageFolder.scan(bursts, group_by=PATTERN)).straddling == 0


@pytest.mark.parametrize(
    ("group_by", "words"),
    [
        ("(burst", r"'\(burst' is no regular expression"),
        ("photo", "matches no file's name, such as 'burst_000_0.jpg'"),
        ("x*", "matches no file's name"),
        (-1, "not by -1"),
        (float("nan"), "not by nan"),
        (True, "not by True"),
        ({"a": 1}, "Groups are made by a pattern"),
    ],
)
def test_groups_that_cannot_be_made_are_one_clear_error(bursts: Path, group_by: GroupBy, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        ImageFolder.scan(bursts, group_by=group_by)


def test_times_that_no_picture_has_and_groups_of_a_table_are_errors(pictures: Path) -> None:
    with pytest.raises(DatasetError, match="No picture says when it was taken"):
        ImageFolder.scan(pictures, group_by=10)
    table = ImageFolder.scan(pictures).table[["path", "label"]]
    with pytest.raises(DatasetError, match="column group"):
        as_image_folder(table, group_by="x")


def test_commands_take_groups(bursts: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    store = ("--bottleneck_dir", tmp_path / "store", "--testing_percentage", "30")
    result = run_command(capfd, "audit", bursts, "--group_pattern", PATTERN, *store)
    assert result.code == 0 and "groups that are in two splits" in result.out, result.err
    assert_one_line_error(run_command(capfd, "audit", bursts, "--group_pattern", "(", *store), "no regular expression")
    assert_one_line_error(run_command(capfd, "retrain", bursts, "--group_pattern", "photo", *store), "matches no file")
    assert_one_line_error(run_command(capfd, "compare", bursts, "--group_pattern", "photo", *store), "matches no file")
    assert_one_line_error(run_command(capfd, "retrain", bursts, "--group_seconds", "-1", *store), "group_seconds")
    flags = ("--head", "logistic", "--group_seconds", "5", "--output_graph", tmp_path / "classifier")
    assert run_command(capfd, "retrain", bursts, *flags, *store).code == 0


def test_divided_bursts_flatter_the_test(tmp_path: Path) -> None:
    """With shots of one drawing on both sides, a test seems easier than it is: the same pictures, head and share."""
    folder = burst_folder(tmp_path / "pictures", kinds=10, bursts=10, shots=3)
    accuracy = {}
    for name, group_by in (("divided", None), ("together", PATTERN)):
        right: list[bool] = []
        for seed in range(3):
            features = extract(ImageFolder.scan(folder, 0, 30, seed, group_by=group_by))
            head = fit(features, "logistic").head
            X, y = features.xy("test")
            right += (head.predict_proba(X).argmax(axis=1) == y).tolist()
        accuracy[name] = np.mean(right)
    assert accuracy["divided"] > accuracy["together"] + 0.1, accuracy


def test_retrain_keeps_groups_together(bursts: Path, tmp_path: Path) -> None:
    result = retrain(bursts, head="logistic", testing_percentage=30, bottleneck_dir=tmp_path, group_by=PATTERN)
    names = result.features.rows["path"].str.extract(f"({PATTERN})")[0]
    assert (result.features.rows.groupby(names)["split"].nunique() == 1).all()
