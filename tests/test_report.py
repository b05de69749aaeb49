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
from imgclass_course.outputs.confusion_cells import (
    MOST_IN_ALL,
    MOST_OF_MISTAKES,
    MOST_OF_RIGHT_ANSWERS,
    confusion_cells,
)
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
        self.addresses: list[str] = []  # of pictures
        self.links: dict[str, str] = {}  # where each leads, by its name
        self.places: set[str] = set()  # that a link can lead to
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note a tag and its attributes."""
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attributes}
        named = dict(attributes)
        self.addresses += [named["src"]] if "src" in named else []
        self.places |= {named["id"]} if "id" in named else set()
        if "href" in named:
            self.links[named.get("aria-label", f"back {len(self.links)}")] = named["href"]

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
    assert seen.tags.count("img") == 7  # the mistakes, twice, and the advice, and no other
    for name in (*NASTY, nasty.name):
        assert name in seen.words


def test_report_is_complete_in_one_file(tmp_path: Path, picture: Path) -> None:
    evaluation = evaluation_of([0, 1], [1, 1], ["cats", "dogs"])
    options = {"title": "Pets", "facts": {"backbone": "tiny"}, "history": HISTORY}
    seen = written(tmp_path, evaluation, [str(picture)] * 2, **options)
    assert len(seen.addresses) == 4 and all(address.startswith("data:image/") for address in seen.addresses)
    for words in ("Pets", "0.500", "(1 of 2)", "cats taken for dogs (80%)", "tiny", "one.png"):
        assert words in seen.words
    assert "could not be read" not in seen.words and "nan" not in seen.words


def test_report_says_what_could_not_be_read(tmp_path: Path, picture: Path) -> None:
    seen = written(tmp_path, evaluation_of([0, 1], [0, -1], ["cats", "dogs"]), [picture, tmp_path / "gone.png"])
    for words in ("(1 of 2)", "1 of 2, counted as wrong", "dogs taken for nothing (it cannot be read)", "gone.png"):
        assert words in seen.words
    assert "nan" not in seen.words and seen.addresses.count("") == 2


def test_report_without_mistakes_says_so(tmp_path: Path) -> None:
    seen = written(tmp_path, evaluation_of([0, 1], [0, 1], ["a", "b"]), [Path("x")] * 2)
    assert "no class was taken for another" in seen.words and seen.addresses == ["", ""]  # of right answers


def test_report_survives_a_picture_that_is_gone(tmp_path: Path) -> None:
    seen = written(tmp_path, evaluation_of([0], [1], ["a", "b"]), [tmp_path / "gone.png"])
    assert "gone.png" in seen.words and seen.addresses == ["", ""]


def test_report_shows_pictures_of_every_kind(tmp_path: Path, picture: Path) -> None:
    pixels = gradient()
    given = [str(picture), picture.read_bytes(), pixels, Image.fromarray(pixels), pixels[..., 0]]
    seen = written(tmp_path, evaluation_of([0] * 5, [1] * 5, ["a", "b"]), given)
    assert len(seen.addresses) == 10 and all(address.startswith("data:image/jpeg") for address in seen.addresses)
    assert "one.png" in seen.words and "picture 4" in seen.words


def test_report_shows_the_worst_and_no_more(tmp_path: Path, picture: Path) -> None:
    seen = written(tmp_path, evaluation_of([0] * 5, [1] * 5, ["a", "b"]), [picture] * 5, top=3)
    assert seen.tags.count("img") == 3 + 5


def test_cells_lead_to_their_pictures_and_back(tmp_path: Path, picture: Path) -> None:
    evaluation = evaluation_of([0, 0, 0, 1, 1], [1, 1, 0, 1, -1], ["birds", "fish"])
    seen = written(tmp_path, evaluation, [picture] * 5)
    names = {"birds taken for fish: 2 pictures", "birds named rightly: 1 picture", "fish named rightly: 1 picture"}
    assert names | {"fish taken for (unreadable): 1 picture"} == {name for name in seen.links if "back" not in name}
    assert len(seen.links) == 8
    assert all(address[0] == "#" and address[1:] in seen.places for address in seen.links.values())


def test_cells_hold_the_surest_first_and_say_how_many_more() -> None:
    sure = np.linspace(0.6, 0.99, 60)
    wrong = Evaluation(["a", "b"], np.zeros(60, int), np.stack([1 - sure, sure], 1))
    cell = confusion_cells(wrong)[0, 1]
    assert cell.rows == list(range(59, 59 - MOST_OF_MISTAKES, -1)) and cell.more == 60 - MOST_OF_MISTAKES
    right = confusion_cells(Evaluation(["b", "a"], np.ones(60, int), np.stack([1 - sure, sure], 1)))[1, 1]
    assert len(right.rows) == MOST_OF_RIGHT_ANSWERS and right.name == "a named rightly: 60 pictures"


def test_cells_share_what_a_page_has_room_for() -> None:
    evaluation = evaluation_of([0] * 9 + [1] * 6, [1] * 6 + [2] * 3 + [1] * 6, ["a", "b", "c"])
    sizes = {place: len(cell.rows) for place, cell in confusion_cells(evaluation, limit=7).items()}
    assert sizes == {(0, 1): 3, (0, 2): 2, (1, 1): 2}  # mistakes and full cells first
    assert {place: cell.count for place, cell in confusion_cells(evaluation, limit=1).items()} == {(0, 1): 6}


def test_more_pictures_are_counted_on_the_page(tmp_path: Path, picture: Path) -> None:
    count = MOST_OF_MISTAKES + 2
    seen = written(tmp_path, evaluation_of([0] * count, [1] * count, ["a", "b"]), [picture] * count, top=0)
    assert "2 more are not shown." in seen.words and seen.tags.count("img") == MOST_OF_MISTAKES


def test_page_stays_small(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)  # what compresses worst
    count = MOST_IN_ALL + 100
    labels = np.arange(count) % 30
    chosen = evaluation_of(labels.tolist(), ((labels + 1) % 30).tolist(), [f"class {number}" for number in range(30)])
    seen = written(tmp_path, chosen, [noise] * count, top=0)
    assert seen.tags.count("img") == MOST_IN_ALL
    assert (tmp_path / "report.html").stat().st_size < 10e6


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
