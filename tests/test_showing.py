"""What lesson 00 shows is what the classifier says, and a folder that cannot be used gets one sentence."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import skimage.data
from matplotlib.figure import Figure
from PIL import Image
from support import encode, gradient, write_pictures

from imgclass_course import showing
from imgclass_course.evaluation import UNREADABLE, Evaluation
from imgclass_course.foundation.errors import DatasetError, ImageError
from imgclass_course.transfer import Retraining


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    plt.switch_backend("agg")
    yield
    plt.close("all")


def texts(figure: Figure) -> list[str]:
    """Return what is written over and beside the pictures of a figure."""
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def bars(figure: Figure) -> list[float]:
    """Return the lengths of the coloured bars beside a photo."""
    return [bar.get_width() for bar in figure.axes[1].containers[1]]


@pytest.mark.parametrize(("photo", "name"), [("chelsea", "Egyptian cat"), ("coffee", "espresso")])
def test_photo_is_named_beside_its_bars(photo: str, name: str) -> None:
    pixels = getattr(skimage.data, photo)()
    answer = showing.name_photo(pixels, title="This")
    assert answer == name and answer.probability > 0.8 and len(answer.probabilities) == 5
    picture, beside = plt.gcf().axes
    assert picture.get_title() == "This" and picture.images[0].get_array().shape == pixels.shape
    assert bars(plt.gcf()) == pytest.approx(list(answer.probabilities.values()))
    assert texts(plt.gcf())[::2] == list(answer.probabilities) and texts(plt.gcf())[0] == name


def test_photo_is_named_by_a_classifier(trained: Retraining) -> None:
    answer = showing.name_photo(gradient(), trained.classifier)
    assert answer == trained.classifier.predict(gradient())
    assert texts(plt.gcf())[::2] == list(answer.probabilities) and sum(bars(plt.gcf())) == pytest.approx(1)


@pytest.mark.parametrize("content", [None, b"not a picture"])
def test_photo_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "photo.jpg"
    if content:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=r"photo\.jpg: "):
        showing.name_photo(path)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("probability", "shown"), [(0.999, ">99 %"), (1, ">99 %"), (0.994, "99 %"), (0.006, "1 %"), (0.004, "<1 %")]
)
def test_nothing_is_quite_sure(probability: float, shown: str) -> None:
    assert showing._percent(probability) == shown


def test_a_picture_of_each_folder(tmp_path: Path) -> None:
    write_pictures(tmp_path, {"a thing with a long name": 2, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1})
    (tmp_path / "b" / "0.png").write_bytes(b"first, and no picture")
    showing.show_folders(tmp_path)
    drawn = [axis for axis in plt.gcf().axes if axis.images]
    assert [axis.get_title() for axis in drawn] == ["a thing wit…/", "b/", "c/", "d/", "e/", "f/"]
    with pytest.raises(DatasetError, match="make one for each kind"):
        showing.show_folders(tmp_path / "b")


def test_summary_counts_pictures_and_right_answers(trained: Retraining) -> None:
    row = showing.summary(trained, 3.14159).iloc[0]
    measured, counts = trained.evaluate("test").accuracy, trained.folder.counts().sum()
    assert row["learnt from"] == f"{counts['train']} pictures" and row["seconds"] == 3.1
    assert row["right"] == f"{measured.correct} of {counts['test']}"
    low, high = measured.interval
    numbers = [round(100 * share) for share in (measured.value, low, high)]
    assert [int(number) for number in re.findall(r"\d+", row["accuracy"])] == numbers


def spoil(evaluation: Evaluation, row: int, sure: float = 1.0) -> Evaluation:
    """Return the same answers, but a wrong one, as sure as this, in one row."""
    probabilities, classes = evaluation.probabilities.copy(), len(evaluation.classes)
    probabilities[row] = (1 - sure) / (classes - 1)
    probabilities[row, (evaluation.labels[row] + 1) % classes] = sure
    return replace(evaluation, probabilities=probabilities)


def test_wrong_answers_are_framed_and_right_ones_are_not(trained: Retraining) -> None:
    evaluation = spoil(trained.evaluate("test", 4), 2, 0.75)
    evaluation.probabilities[[0, 1]] = np.eye(3)[evaluation.labels[[0, 1]]]
    evaluation.probabilities[3] = np.nan
    showing.draw_answers(trained.paths("test", 4), evaluation)
    axes = [axis for axis in plt.gcf().axes if axis.images]
    titles = [axis.get_title() for axis in axes]
    assert titles == [*evaluation.answers[:2], f"✗ {evaluation.answers[2]}", f"✗ {UNREADABLE}"]
    assert [axis.spines["top"].get_visible() for axis in axes] == [False, False, True, True]
    assert [axis.get_xlabel() for axis in axes][:3] == ["", "", f"✓ {evaluation.classes[evaluation.labels[2]]}"]
    widths = [axis.child_axes[0].patches[1].get_width() for axis in axes]
    assert widths == pytest.approx([1, 1, 0.75, 0])
    with pytest.raises(ValueError, match="3 pictures for 4 answers"):
        showing.draw_answers(trained.paths("test", 3), evaluation)


def test_wall_shows_what_was_not_trained_on(trained: Retraining) -> None:
    showing.show_answers(trained, 7)
    drawn = [axis.get_title() for axis in plt.gcf().axes if axis.images]
    assert [title.removeprefix("✗ ") for title in drawn] == trained.evaluate("test", 7).answers and len(drawn) == 7


def test_picture_in_a_notebook_is_shown_once_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr(showing, "in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", shown.append)
    showing.name_photo(skimage.data.coffee())
    (picture,) = shown
    stored = Image.open(io.BytesIO(picture.data))
    assert stored.mode == "P" and stored.width > 500 and len(picture.data) < 80_000 and not plt.get_fignums()


class Answers(Retraining):
    """A training whose test answers are given, wrong in two rows."""

    def evaluate(self, split: str, limit: int = -1) -> Evaluation:
        right = super().evaluate(split, limit)
        certain = replace(right, probabilities=np.eye(3)[right.labels])
        return spoil(spoil(certain, 1, 0.8), 3, 0.9) if self.best else certain


def test_surest_mistake(trained: Retraining, capsys: pytest.CaptureFixture) -> None:
    parts = (trained.classifier, trained.features, trained.history)
    wrong, right = Answers(*parts, best=1), Answers(*parts, best=0)
    answer = showing.show_surest_mistake(wrong)
    place = wrong.evaluate("test").labels[3]
    assert Path(answer.picture) == wrong.paths("test")[3]
    assert plt.gcf().axes[0].get_title() == f"in the folder {trained.features.classes[place]}/"
    plt.close("all")
    assert showing.show_surest_mistake(right) is None and "no mistake among" in capsys.readouterr().out
    assert not plt.get_fignums()


def test_drawings_stand_in_for_a_folder(capsys: pytest.CaptureFixture) -> None:
    result = showing.try_folder("")
    assert sorted(result.classifier.classes_) == sorted(showing.STAND_INS)
    measured = result.evaluate("test").accuracy
    assert capsys.readouterr().out.startswith(f"{measured.correct} of {measured.n} test pictures right: ")
    assert len([axis for axis in plt.gcf().axes if axis.images]) == 10


def test_folder_of_the_readers_own(pictures: Path) -> None:
    assert showing.try_folder(f' "{pictures}" ').folder.root == pictures.resolve()


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (None, "There is no folder"),
        ({}, "holds no folders of pictures"),
        ({"one": 5}, "only the class one"),
        ({"one": 5, "two": 1}, "Class two has 1 readable"),
    ],
)
def test_folder_that_cannot_be_used_gets_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture, classes: dict[str, int] | None, words: str
) -> None:
    folder = tmp_path / "mine"
    if classes is not None:
        folder.mkdir()
        write_pictures(folder, classes)
    assert showing.try_folder(folder) is None and not plt.get_fignums()
    out = capsys.readouterr().out
    hints = ("write the path", "make one ", "give ", "add ")
    assert words in out and out.count("\n") == 1 and any(hint in out for hint in hints)


def test_file_and_loose_pictures_are_no_folder_of_folders(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "loose.png").write_bytes(encode(gradient()))
    assert showing.try_folder(tmp_path / "loose.png") is None and "There is no folder" in capsys.readouterr().out
    assert showing.try_folder(tmp_path) is None and "make one for each kind" in capsys.readouterr().out


def test_list_of_drawings() -> None:
    files, labels = showing.list_drawings()
    assert len(files) == len(labels) == 459 and {path.parent.name for path in files} == set(labels)
    assert [path.parent.name for path in files] == labels and set(showing.list_drawings("fruit")[1]) == {"fruit"}
    with pytest.raises(DatasetError, match="no drawings of 'dogs'"):
        showing.list_drawings("dogs")
