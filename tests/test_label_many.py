"""`imgclass label --csv --sort_into`: a table that a second run goes on with, and folders that lose nothing."""

import csv
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import assert_one_line_error, encode, gradient, needs_links, run_command, run_python

from imgclass_course.classifiers import Answer
from imgclass_course.commands import many_pictures
from imgclass_course.foundation.errors import ClassifierError
from imgclass_course.foundation.files import safe_name
from imgclass_course.outputs.answer_files import COLUMNS, AnswerRow, AnswerTable
from imgclass_course.outputs.classifier_files import SavedClassifier
from imgclass_course.outputs.sorted_folders import SortedFolder, folder_names

Run = Callable[..., SimpleNamespace]
ROW = AnswerRow("a.jpg", "cat", 0.9, False, 0.25, "")
needs_bytes = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text on this system")


@pytest.fixture
def label(
    capfd: pytest.CaptureFixture, classifier_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Return a function that runs `imgclass label` with a classifier of red, green and blue, in the test's folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_command(capfd, "label", "--graph", classifier_folder, *arguments)


@pytest.fixture
def folder(pictures: Path, tmp_path: Path) -> Path:
    """Return a folder of five pictures, two of them of one name, and a text."""
    for number, (target, source) in enumerate(
        {"a/x.png": "red/000", "a/y.png": "blue/001", "b/x.png": "red/002", "b/z.png": "green/003"}.items()
    ):
        path = tmp_path / "photos" / target
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pictures / f"{source}.png", path)
        os.utime(path, (number, number))
    (tmp_path / "photos" / "words.txt").write_text("words")
    return tmp_path / "photos"


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the paths that a classifier was asked to name, in order."""
    asked: list[str] = []
    predict = SavedClassifier.predict

    def counting(self: SavedClassifier, paths: list[Path]) -> list[Answer]:
        asked.extend(map(str, paths))
        return predict(self, paths)

    monkeypatch.setattr(SavedClassifier, "predict", counting)
    return asked


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", errors=sys.getfilesystemencodeerrors(), newline="") as file:
        return list(csv.DictReader(file))


def tree(folder: Path) -> dict[str, bytes]:
    """Return the visible files below a folder with their content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


# The table


def test_table_holds_a_row_per_picture(label: Run, folder: Path) -> None:
    result = label("photos", "--csv", "answers.csv")
    assert result.code == 0
    rows = read_rows(Path("answers.csv"))
    assert tuple(rows[0]) == COLUMNS
    names = ("a/x.png", "a/y.png", "b/x.png", "b/z.png", "words.txt")
    assert [Path(row["path"]) for row in rows] == [Path("photos", name) for name in names]
    assert [row["class"] for row in rows] == ["red", "blue", "red", "green", ""]
    assert all(0.3 < float(row["probability"]) <= 1 for row in rows[:4])
    assert {row["none_of_these"] for row in rows[:4]} <= {"true", "false"}
    assert rows[4]["problem"] == "not a picture but text" and rows[4]["probability"] == rows[4]["none_of_these"] == ""
    assert result.out.split() == ["1", "blue", "1", "green", "2", "red"]
    assert "words.txt: not a picture but text" in result.err


def test_second_run_names_only_what_is_new(label: Run, folder: Path, pictures: Path, named: list[str]) -> None:
    label("photos", "--csv", "answers.csv")
    before = Path("answers.csv").read_bytes()
    named.clear()
    shutil.copy(pictures / "green" / "005.png", folder / "new.png")
    result = label("photos", "--csv", "answers.csv")
    assert named == ["photos/new.png"] and "words.txt: not a picture but text" in result.err
    assert Path("answers.csv").read_bytes().startswith(before) and len(read_rows(Path("answers.csv"))) == 6
    assert result.out.split() == ["1", "blue", "2", "green", "2", "red"]


def test_half_written_line_is_repaired_wherever_it_ends(label: Run, folder: Path, named: list[str]) -> None:
    table = Path("answers.csv")
    label("photos", "--csv", table)
    whole, rows = table.read_bytes(), read_rows(table)
    ends = [0, 1, 20, len(COLUMNS), *range(whole.index(b"\n"), len(whole), 37), len(whole) - 1]
    for end in ends:
        table.write_bytes(whole[:end])
        assert label("photos", "--csv", table).code == 0
        assert table.read_bytes() == whole, end
    assert len(rows) == 5 and len(named) < 5 * len(ends)


def test_names_come_out_as_the_file_system_has_them(label: Run, pictures: Path) -> None:
    names = ["=1+1.png", "@x.png", "+1.png", "-1.png", "semi;=1+1.png", "comma,.png", "größe.png", "＝1.png"]
    if sys.platform != "win32":
        names += ["=cmd|' calc'!A0.png", 'quo"te.png', "line\nbreak.png", "\ttab.png", "back\\slash.png"]
    Path("folder").mkdir()
    os.chdir("folder")
    for name in names:
        shutil.copy(pictures / "red" / "000.png", name)
    for _ in range(2):  # the second run finds them all
        assert label(".", "--csv", "answers.csv").code == 0
        rows = read_rows(Path("answers.csv"))
        assert sorted(os.path.normpath(row["path"]) for row in rows) == sorted(names)
        assert all(Path(row["path"]).is_file() and row["class"] == "red" for row in rows)
    assert not [row for row in rows if row["path"].startswith(("=", "+", "-", "@", "\t", "＝"))]
    outside = "".join(Path("answers.csv").read_text("utf-8").split('"')[::2])  # what is in no quotation marks
    assert not set(outside) & set("=@;+-|")


@needs_bytes
def test_name_that_is_no_utf_8_is_kept_byte_by_byte(label: Run, pictures: Path) -> None:
    os.mkdir("folder")
    shutil.copy(pictures / "red" / "000.png", b"folder/caf\xe9.png")
    for _ in range(2):
        assert label("folder", "--csv", "answers.csv", "--sort_into", "sorted").code == 0
    (row,) = read_rows(Path("answers.csv"))
    assert os.fsencode(row["path"]) == b"folder/caf\xe9.png" and os.listdir(b"sorted/red") == [b"caf\xe9.png"]


def test_class_that_is_a_formula_comes_back_as_it_was(tmp_path: Path) -> None:
    labels = ["=1+1", "'til", "@home", "-5", "cat"]
    with AnswerTable.open(tmp_path / "a.csv", "abc") as table:
        table.add(ROW._replace(path=f"{number}.jpg", label=label) for number, label in enumerate(labels))
    assert [row["class"] for row in read_rows(tmp_path / "a.csv")] == ["'=1+1", "''til", "'@home", "'-5", "cat"]
    with AnswerTable.open(tmp_path / "a.csv", "abc") as table:
        assert [table.row(f"{number}.jpg").label for number in range(5)] == labels


def test_table_in_the_folder_itself_is_no_picture(label: Run, folder: Path) -> None:
    for _ in range(2):
        label("photos", "--csv", "photos/answers.csv")
    assert len(read_rows(folder / "answers.csv")) == 5


STRANGE = {
    "a text": b"my diary\n",
    "a text without a line": b"my diary",
    "another table": b"path,label\na.jpg,cat\n",
    "a picture": encode(gradient()),
    "a quotation mark and no end": b'"' + b"x" * 200_000,
    "a row too short": ",".join(COLUMNS).encode() + b"\na.jpg,cat\n",
    "a row without numbers": ",".join(COLUMNS).encode() + b"\na.jpg,cat,much,false,,,abc\n",
    "a mark that swallows the rest": ",".join(COLUMNS).encode() + b'\n"' + b"a.jpg,cat,1,false,,,abc\n" * 9000,
}


@pytest.mark.parametrize("data", STRANGE.values(), ids=STRANGE)
def test_file_that_is_no_table_stays_as_it_is(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(ClassifierError, match="It stays as it is: name another file") as caught:
        AnswerTable.open(tmp_path / "a.csv", "abc")
    assert "\n" not in str(caught.value) and (tmp_path / "a.csv").read_bytes() == data


def test_table_of_another_classifier_or_of_other_labels_is_refused(
    label: Run, folder: Path, classifier_folder: Path
) -> None:
    label("photos", "--csv", "answers.csv")
    before = Path("answers.csv").read_bytes()
    Path("names.txt").write_text("bleu\nvert\nrouge\n")
    again = label("photos", "--csv", "answers.csv", "--labels", "names.txt")
    assert_one_line_error(again, "other labels", "answers.csv")
    other = Path(shutil.copytree(classifier_folder, "other"))
    (other / "classifier.json").write_text((other / "classifier.json").read_text() + " ")
    assert_one_line_error(label("--graph", "other", "photos", "--csv", "answers.csv"), "another classifier")
    assert Path("answers.csv").read_bytes() == before


def test_what_cannot_be_meant_is_one_line(label: Run, folder: Path) -> None:
    assert_one_line_error(label("-", "--csv", "a.csv"), "standard input")
    assert_one_line_error(label("-"), "standard input")
    assert_one_line_error(label("gone", "--csv", "a.csv"), "no file or folder gone")
    assert_one_line_error(label("photos", "--csv", "-"), "--csv names a file")
    assert_one_line_error(label("photos", "--csv", "photos"), "--csv names a file")
    assert_one_line_error(label("photos", "--csv", "gone/a.csv"), "gone/a.csv")
    assert_one_line_error(label("photos", "--link"), "--sort_into")
    assert_one_line_error(label("photos", "--at_least", "0.5"), "--sort_into")
    assert_one_line_error(label("photos", "--sort_into", "s", "--at_least", "nan"), "at_least")
    assert not Path("a.csv").exists() and not Path("s").exists()
    os.mkdir("empty")
    result = label("empty", "--csv", "a.csv")
    assert result.code == 2 and result.err.splitlines()[-1] == "imgclass: There are no pictures."


def test_what_is_stopped_goes_on(label: Run, folder: Path, named: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_pictures, "AT_ONCE", 2)
    add, calls = SortedFolder.add, []

    def stopping(self: SortedFolder, row: AnswerRow, source: str) -> None:
        calls.append(source)
        if len(calls) == 3:
            raise KeyboardInterrupt
        add(self, row, source)

    with monkeypatch.context() as patch:
        patch.setattr(SortedFolder, "add", stopping)
        stopped = label("photos", "--csv", "answers.csv", "--sort_into", "sorted")
        assert stopped.code == 2 and stopped.err.strip().endswith("imgclass: stopped")
    assert len(read_rows(Path("answers.csv"))) == 4 and len(tree(Path("sorted"))) == 2
    named.clear()
    assert label("photos", "--csv", "answers.csv", "--sort_into", "sorted").code == 0
    assert named == ["photos/words.txt"] and len(tree(Path("sorted"))) == 4


# Sorted pictures


def test_pictures_are_sorted_and_nothing_is_overwritten(label: Run, folder: Path) -> None:
    before = tree(folder)
    for _ in range(2):  # a second time changes nothing
        result = label("photos", "--sort_into", "sorted")
        found = tree(Path("sorted"))
        assert result.code == 0 and "1 got a number" in result.out
        assert sorted(found) == ["blue/y.png", "green/z.png", "red/x.png", "red/x_2.png"]
        assert found["red/x.png"] == before["a/x.png"] and found["red/x_2.png"] == before["b/x.png"]
    assert tree(folder) == before and not list(Path("sorted").rglob(".unfinished*"))
    assert Path("sorted/green/z.png").stat().st_mtime == 3


def test_none_of_these_and_unsure_have_folders_of_their_own(
    label: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {"x": Answer("red", "", {"red": 0.9}, "", 0.62, True), "y": Answer("blue", "", {"blue": 0.59})}
    rest = Answer("green", "", {"green": 0.6}, "", 0.1)

    def predict(self: SavedClassifier, paths: list[Path]) -> list[Answer]:
        return [answers.get(path.stem, rest) for path in paths]

    monkeypatch.setattr(SavedClassifier, "predict", predict)
    result = label("photos/a", "photos/b/z.png", "--csv", "a.csv", "--sort_into", "sorted", "--at_least", "0.6")
    assert sorted(tree(Path("sorted"))) == ["green/z.png", "none_of_these/x.png", "unsure/y.png"]
    assert "1  (none of these)" in result.out and "1 of them are in unsure" in result.out
    assert [(row["none_of_these"], row["distance"]) for row in read_rows(Path("a.csv"))] == [
        ("true", "0.62"), ("false", ""), ("false", "0.1")
    ]  # fmt: skip
    printed = label("photos/a/x.png").out.splitlines()
    assert printed[1:] == [
        "  red (score = 0.90000)",
        "  perhaps none of these: it is unlike all training pictures (distance 0.62)",
    ]


@needs_links
def test_hard_links_take_no_space_and_symbolic_ones_stand_in(
    label: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        assert label("photos", "--sort_into", "hard", "--link").code == 0
    assert Path("hard/blue/y.png").samefile(folder / "a/y.png") and not Path("hard/blue/y.png").is_symlink()

    def refuse(*arguments: object) -> None:
        raise OSError("another disk")

    monkeypatch.setattr(os, "link", refuse)
    for _ in range(2):
        assert label("photos", "--sort_into", "soft", "--link").code == 0
    assert Path("soft/blue/y.png").is_symlink() and Path("soft/blue/y.png").samefile(folder / "a/y.png")
    assert sorted(tree(Path("soft"))) == sorted(tree(Path("hard"))) and len(tree(Path("soft"))) == 4


def test_folder_of_anything_else_is_refused(label: Run, folder: Path) -> None:
    (folder.parent / "mine").mkdir()
    (folder.parent / "mine" / "letter.txt").write_text("dear")
    assert_one_line_error(label("photos", "--sort_into", "mine"), "mine is not empty", "nothing is overwritten")
    assert tree(Path("mine")) == {"letter.txt": b"dear"}
    assert label("photos", "--sort_into", "sorted").code == 0
    otherwise = label("photos", "--sort_into", "sorted", "--at_least", "0.9")
    assert_one_line_error(otherwise, "not sorted by this classifier")
    assert_one_line_error(label("photos", "--sort_into", "mine/letter.txt"), "is a file")


@pytest.mark.parametrize("given", ["photos", "photos/sorted", ".", "photos/../photos/deep/er"])
def test_folders_in_each_other_are_refused(label: Run, folder: Path, given: str) -> None:
    before = tree(folder.parent)
    assert_one_line_error(label("photos", "--sort_into", given), "lie in each other")
    assert tree(folder.parent) == before


@needs_links
def test_folder_that_leads_inside_by_a_link_is_refused(label: Run, folder: Path) -> None:
    Path("elsewhere").symlink_to(folder / "a")
    assert_one_line_error(label("photos", "--sort_into", "elsewhere/sorted"), "lie in each other")


def test_names_of_classes_are_made_safe_and_unique() -> None:
    classes = ["cat", "Cat", "../x", "CON", "a/b", "..", "", "none_of_these", "unsure", "end.", ".hidden", "größe"]
    classes += ["x" * 300, "图" * 300]
    folders = folder_names(classes)
    assert folders["cat"] == "cat" and folders["größe"] == "größe"
    assert len({name.casefold() for name in folders.values()}) == len(classes)
    assert not {"none_of_these", "unsure", "con", ".."} & {name.casefold() for name in folders.values()}
    for name in folders.values():
        assert safe_name(name) == name and not name.startswith(".") and len(name.encode()) <= 210
        assert not set(name) & set('/\\:*?"<>|')


def test_class_that_climbs_stays_inside(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"one")
    sorted_folder = SortedFolder.open(tmp_path / "in" / "sorted", ["../x", "none_of_these"], "abc", 0.0, False)
    for label in ("../x", "none_of_these"):
        sorted_folder.add(ROW._replace(label=label), str(tmp_path / "a.jpg"))
    assert set(tree(tmp_path)) == {"a.jpg", "in/sorted/_._x/a.jpg", "in/sorted/none_of_these_2/a.jpg"}


def test_table_and_sorting_import_no_tensorflow(classifier_folder: Path, folder: Path) -> None:
    code = (
        "import sys; from imgclass_course.cli import main; assert main(sys.argv[1:]) == 0;"
        "print('imported:', *{'tensorflow', 'keras', 'sklearn', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules))"
    )
    output = folder.parent
    arguments = ["label", "--graph", classifier_folder, folder, "--csv", output / "a.csv", "--sort_into", output / "s"]
    child = run_python("-c", code, *map(str, arguments))
    assert child.returncode == 0 and child.stdout.splitlines()[-1] == "imported:"
