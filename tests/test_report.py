"""The report shows what was measured, in one file, whatever files and classes are called."""

import base64
import io
import os
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support import encode, gradient

from imgclass_course.evaluation import Advice, Evaluation
from imgclass_course.outputs.report import THUMBNAIL_SIZE, thumbnail, write_report

NASTY = ["<script>alert(1)</script>", "\"&'", "</td><img src=x onerror=alert(2)>"]
HISTORY = pd.DataFrame({"accuracy": [0.1, 0.2], "loss": [2.0, 1.0]}, index=[1, 2])


def evaluation_of(labels: list[int], predicted: list[int], classes: list[str]) -> Evaluation:
    """Return answers that are rather sure; a predicted -1 stands for a picture that could not be read."""
    sure = np.full((len(classes) + 1, len(classes)), np.nan)
    sure[:-1] = 0.1 + 0.7 * np.eye(len(classes))
    return Evaluation(classes, np.array(labels), sure[predicted])


class Tags(HTMLParser):
    """Collects what a browser would see in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note a tag and its attributes."""
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attributes}
        self.addresses += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.words += data


def written(folder: Path, evaluation: Evaluation, pictures: list, **options: object) -> Tags:
    """Write a report into a folder and return what a browser would see in it."""
    write_report(folder / "report.html", evaluation, pictures, **options)
    assert [path.name for path in folder.glob("*report*")] == ["report.html"]  # no unfinished file stays
    return Tags((folder / "report.html").read_text(encoding="utf-8"))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    (tmp_path / "one.png").write_bytes(encode(gradient()))
    return tmp_path / "one.png"


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no file of this name")
def test_report_escapes_every_name(tmp_path: Path, picture: Path) -> None:
    nasty = picture.rename(tmp_path / "<b onclick=alert(3)>&.png")
    seen = written(
        tmp_path,
        evaluation_of([0, 1, 2], [1, 2, 0], NASTY),
        [nasty] * 3,
        title=NASTY[0],
        facts=dict(zip(NASTY, NASTY, strict=True)),
        problems=pd.DataFrame({"path": NASTY, "problem": NASTY}),
        advice=Advice(NASTY, [(nasty, NASTY[2])]),
    )
    assert "script" not in seen.tags
    assert not {name for name in seen.attributes if name.startswith("on")}
    assert seen.tags.count("img") == 4  # the mistakes and the advice, and no other
    for name in (*NASTY, nasty.name):
        assert name in seen.words


def test_report_is_complete_in_one_file(tmp_path: Path, picture: Path) -> None:
    evaluation = evaluation_of([0, 1], [1, 1], ["cats", "dogs"])
    options = {"title": "Pets", "facts": {"backbone": "tiny"}, "history": HISTORY}
    seen = written(tmp_path, evaluation, [str(picture)] * 2, **options)
    assert len(seen.addresses) == 2 and all(address.startswith("data:image/") for address in seen.addresses)
    for words in ("Pets", "0.500", "(1 of 2)", "cats taken for dogs (80%)", "tiny", "one.png"):
        assert words in seen.words
    assert "could not be read" not in seen.words and "nan" not in seen.words


def test_report_says_what_could_not_be_read(tmp_path: Path, picture: Path) -> None:
    seen = written(tmp_path, evaluation_of([0, 1], [0, -1], ["cats", "dogs"]), [picture, tmp_path / "gone.png"])
    for words in ("(1 of 2)", "1 of 2, counted as wrong", "dogs taken for nothing (it cannot be read)", "gone.png"):
        assert words in seen.words
    assert "nan" not in seen.words and seen.addresses == [""]


def test_report_without_mistakes_says_so(tmp_path: Path) -> None:
    seen = written(tmp_path, evaluation_of([0, 1], [0, 1], ["a", "b"]), [Path("x")] * 2)
    assert "no class was taken for another" in seen.words and "img" not in seen.tags


def test_report_survives_a_picture_that_is_gone(tmp_path: Path) -> None:
    seen = written(tmp_path, evaluation_of([0], [1], ["a", "b"]), [tmp_path / "gone.png"])
    assert "gone.png" in seen.words and seen.addresses == [""]


def test_report_shows_pictures_of_every_kind(tmp_path: Path, picture: Path) -> None:
    pixels = gradient()
    given = [str(picture), picture.read_bytes(), pixels, Image.fromarray(pixels), pixels[..., 0]]
    seen = written(tmp_path, evaluation_of([0] * 5, [1] * 5, ["a", "b"]), given)
    assert len(seen.addresses) == 5 and all(address.startswith("data:image/jpeg") for address in seen.addresses)
    assert "one.png" in seen.words and "picture 4" in seen.words


def test_report_shows_the_worst_and_no_more(tmp_path: Path, picture: Path) -> None:
    seen = written(tmp_path, evaluation_of([0] * 5, [1] * 5, ["a", "b"]), [picture] * 5, top=3)
    assert seen.tags.count("img") == 3


def test_report_of_other_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 pictures for 2 answers"):
        write_report(tmp_path / "report.html", evaluation_of([0, 1], [0, 1], ["a", "b"]), [Path("x")] * 3)
    assert not list(tmp_path.iterdir())


def test_thumbnail_is_small(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(encode(gradient(1000, 500)))
    kind, data = thumbnail(tmp_path / "one.png").split(",")
    with Image.open(io.BytesIO(base64.b64decode(data))) as small:
        assert kind == "data:image/jpeg;base64" and small.size == (THUMBNAIL_SIZE, THUMBNAIL_SIZE // 2)
    (tmp_path / "text.png").write_text("no picture")
    assert thumbnail(tmp_path / "gone.png") == thumbnail(tmp_path / "text.png") == ""
