"""Numbers have error bars that are right, and the report shows what was measured and runs no code of strangers."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import encode, gradient

from imgclass_course.evaluation import (
    Accuracy,
    Evaluation,
    Overfitting,
    PairedComparison,
    compare_paired,
    most_confused,
    plot_confusion,
    plot_curves,
    thumbnail,
    worst_mistakes,
    write_report,
)

NASTY = ["<script>alert(1)</script>", "\"&'", "</td><img src=x onerror=alert(2)>"]


def evaluation_of(labels: list[int], predicted: list[int], classes: list[str]) -> Evaluation:
    """Return answers in which the first is surest and the last is least sure."""
    probabilities = np.full((len(labels), len(classes)), 0.1)
    probabilities[np.arange(len(labels)), predicted] = np.linspace(0.9, 0.5, len(labels))
    return Evaluation(classes, np.array(labels), probabilities)


@given(n=st.integers(1, 500), share=st.floats(0, 1))
def test_wilson_interval_is_its_formula(n: int, share: float) -> None:
    accuracy = Accuracy(round(share * n), n)
    p, z = accuracy.value, 1.959963984540054
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    np.testing.assert_allclose(accuracy.interval, [middle - half, middle + half], atol=1e-9)
    assert accuracy.interval[0] <= p <= accuracy.interval[1]


@pytest.mark.parametrize(("correct", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_accuracy_is_refused(correct: int, n: int) -> None:
    with pytest.raises(ValueError, match="no accuracy"):
        Accuracy(correct, n)


def test_accuracy_says_its_interval() -> None:
    assert str(Accuracy(8, 10)) == "0.800 [0.490, 0.943] (8 of 10)"


def test_paired_difference_is_newcombes() -> None:
    # Newcombe 1998, Statistics in Medicine 17: 2635, table II, method 10: cells (36, 12, 2, 0) and (54, 0, 0, 0).
    comparison = PairedComparison(both=36, only_first=2, only_second=12, neither=0)
    np.testing.assert_allclose(comparison.interval, [0.0569, 0.3404], atol=5e-4)
    np.testing.assert_allclose(PairedComparison(54, 0, 0, 0).interval, [-0.0664, 0.0664], atol=5e-4)


def test_pairs_are_counted() -> None:
    first, second = np.array([1, 1, 0, 0, 1], bool), np.array([1, 0, 1, 0, 0], bool)
    comparison = compare_paired(first, second)
    assert comparison == PairedComparison(1, 2, 1, 1)
    assert comparison.difference == pytest.approx(-0.2) and comparison.p_value == 1.0
    with pytest.raises(ValueError, match="same pictures"):
        compare_paired(first, second[:3])


def test_mcnemar_is_exact() -> None:
    assert PairedComparison(50, 0, 8, 2).p_value == pytest.approx(2 * 0.5**8)


def test_confusion_counts_rows_as_truth() -> None:
    confusion = evaluation_of([0, 0, 1], [1, 0, 1], ["a", "b", "unused"]).confusion()
    assert confusion.loc["a"].tolist() == [1, 1, 0] and confusion.loc["b"].tolist() == [0, 1, 0]
    assert confusion.shape == (3, 3)
    assert most_confused(confusion).to_dict("records") == [{"is": "a", "taken for": "b", "pictures": 1}]
    assert len(plot_confusion(confusion).axes) == 1


def test_scores_of_a_class_without_pictures_are_zero() -> None:
    scores = evaluation_of([0, 0, 1], [1, 0, 1], ["a", "b", "unused"]).scores()
    assert scores.loc["a"].tolist() == [1.0, 0.5, pytest.approx(2 / 3), 2]
    assert scores.loc["unused"].tolist() == [0, 0, 0, 0]


def test_worst_mistakes_are_the_surest_ones() -> None:
    evaluation = evaluation_of([0, 0, 0, 1], [0, 1, 1, 0], ["a", "b"])
    assert worst_mistakes(evaluation).tolist() == [1, 2, 3] and worst_mistakes(evaluation, 1).tolist() == [1]


def test_overfitting_is_said_only_where_it_is_sure() -> None:
    assert Overfitting(Accuracy(100, 100), Accuracy(50, 100)).verdict.startswith("overfits")
    assert Overfitting(Accuracy(10, 10), Accuracy(9, 10)).verdict.startswith("no overfitting seen")


def test_curves_show_what_there_is() -> None:
    history = pd.DataFrame({"accuracy": [0.1, 0.2], "loss": [2.0, 1.0]}, index=[1, 2])
    assert [len(axis.lines) for axis in plot_curves(history).axes] == [1, 1]
    both = history.assign(val_accuracy=0.1, val_loss=2.0)
    assert [len(axis.lines) for axis in plot_curves(both).axes] == [2, 2]


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


def test_report_escapes_every_name(tmp_path: Path) -> None:
    picture = tmp_path / "<b onclick=alert(3)>&.png"
    picture.write_bytes(encode(gradient()))
    evaluation = evaluation_of([0, 1, 2], [1, 2, 0], NASTY)
    problems = pd.DataFrame({"path": NASTY, "problem": NASTY})
    write_report(
        tmp_path / "report.html",
        evaluation,
        [picture] * 3,
        NASTY[0],
        dict(zip(NASTY, NASTY, strict=True)),
        None,
        problems,
    )
    seen = Tags((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "script" not in seen.tags
    assert not {name for name in seen.attributes if name.startswith("on")}
    assert seen.tags.count("img") == 3  # the mistakes, and no other
    for name in (*NASTY, picture.name):
        assert name in seen.words


def test_report_is_complete_in_one_file(tmp_path: Path) -> None:
    picture = tmp_path / "one.png"
    picture.write_bytes(encode(gradient()))
    history = pd.DataFrame({"accuracy": [0.1, 0.2], "loss": [2.0, 1.0]}, index=[1, 2])
    evaluation = evaluation_of([0, 1], [1, 1], ["cats", "dogs"])
    write_report(tmp_path / "report.html", evaluation, [picture] * 2, "Pets", {"backbone": "tiny"}, history)
    seen = Tags((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert seen.addresses and all(address.startswith("data:image/") for address in seen.addresses)
    for words in ("Pets", "0.500", "(1 of 2)", "cats taken for dogs", "tiny", "one.png"):
        assert words in seen.words


def test_report_without_mistakes_says_so(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", evaluation_of([0, 1], [0, 1], ["a", "b"]), [Path("x")] * 2)
    assert "every answer was right" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_report_survives_a_picture_that_is_gone(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", evaluation_of([0], [1], ["a", "b"]), [tmp_path / "gone.png"])
    assert "gone.png" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_thumbnail_is_small(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(encode(gradient(1000, 500)))
    assert thumbnail(tmp_path / "one.png").startswith("data:image/jpeg;base64,")
    assert len(thumbnail(tmp_path / "one.png")) < 20_000
    assert thumbnail(tmp_path / "gone.png") == ""
