"""The report says how far a classifier can be relied on: measured, and with what its mistakes looked at."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import gradient

from imgclass_course import retrain
from imgclass_course.calibration import divide_scores
from imgclass_course.intervals import Interval
from imgclass_course.outputs.run_files import metrics, save_run
from imgclass_course.outputs.spotlight import DARK, spotlight
from imgclass_course.outputs.trust import Calibration, Trust, examine
from imgclass_course.stranger_trial import PER_KIND, false_alarms, stranger_trial
from imgclass_course.strangers import few_strangers
from imgclass_course.transfer import Retraining


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three classes of drawings."""
    from imgclass_course.datasets import dataset_folder

    root = tmp_path_factory.mktemp("drawings")
    for name in ("birds", "fruit", "vehicles"):
        (root / name).mkdir()
        for path in sorted((dataset_folder() / name).iterdir()):
            (root / name / path.name).write_bytes(path.read_bytes())
    return root


@pytest.fixture(scope="module")
def result(drawings: Path, tmp_path_factory: pytest.TempPathFactory) -> Retraining:
    store = tmp_path_factory.mktemp("store")
    options = {"validation_percentage": 20, "testing_percentage": 30, "bottleneck_dir": store}
    return retrain(drawings, backbone="mobilenet_v1_100_128", head="logistic", **options)


@pytest.fixture(scope="module")
def trust(result: Retraining, tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return examine(result, tmp_path_factory.mktemp("strangers"))


def test_few_strangers_are_of_four_kinds_and_always_the_same() -> None:
    first, second = few_strangers(6), few_strangers(6)
    assert {kind: pictures.shape for kind, pictures in first.items()} == {
        kind: (6, 224, 224, 3) for kind in ("drawings", "cloth", "emoji", "noise")
    }
    for kind, pictures in first.items():
        np.testing.assert_array_equal(pictures, second[kind])
        assert len({picture.tobytes() for picture in pictures}) == 6


def test_strangers_are_farther_than_pictures_of_known_classes(trust: Trust) -> None:
    table = trust.strangers.set_index("kind")
    assert set(table.index) == {"cloth", "drawings", "emoji", "noise"} and (table["pictures"] == PER_KIND).all()
    assert (table["low"] <= table["area"]).all() and (table["area"] <= table["high"]).all()
    assert (table.loc[["cloth", "noise"], "area"] > 0.9).all() and (table.loc[["cloth", "noise"], "told"] > 0.5).all()


def test_kind_that_was_trained_on_is_no_stranger(tmp_path: Path) -> None:
    from imgclass_course.datasets import dataset_folder

    options = {"backbone": "mobilenet_v1_100_128", "head": "logistic", "bottleneck_dir": tmp_path}
    cloth = retrain(dataset_folder("textile"), **options)
    assert set(stranger_trial(cloth, tmp_path)["kind"]) == {"drawings", "emoji", "noise"}


def test_false_alarms_are_counted_on_the_split_that_judges(result: Retraining, trust: Trust) -> None:
    known = result.classifier.known
    far = known.distances(result.pictures("test").X)
    assert (trust.alarms.correct, trust.alarms.n) == (int((far > known.threshold).sum()), len(far))
    assert trust.alarms.interval[0] <= trust.share <= trust.alarms.interval[1]
    quiet = replace(result, classifier=replace(result.classifier, known=None))
    assert false_alarms(quiet) is None and examine(quiet).strangers is None


def test_head_that_is_not_sure_enough_is_found_and_its_temperature(result: Retraining) -> None:
    quiet = replace(result, classifier=replace(result.classifier, known=None))
    unsure = replace(quiet.classifier, head=divide_scores(result.classifier.head, 5.0))
    found = examine(replace(quiet, classifier=unsure)).calibration
    assert found.temperature == pytest.approx(examine(quiet).calibration.temperature / 5, rel=0.05)
    assert found.after.mean < found.error.mean and found.change.mean < 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Interval(-0.1, -0.15, -0.05), "Train with --calibrate"),
        (Interval(0.1, 0.05, 0.15), "do harm"),
        (Interval(0, -0.01, 0.01), "no difference"),
        (Interval(0, -0.1, 0.1), "cannot tell"),
    ],
)
def test_advice_on_a_temperature_follows_from_its_interval(change: Interval, words: str) -> None:
    assert words in Calibration(Interval(0.2, 0.1, 0.3), 1.5, Interval(0.1, 0.05, 0.2), change).advice
    assert Calibration(Interval(0.2, 0.1, 0.3)).advice == ""


def test_report_shows_it(result: Retraining, trust: Trust, tmp_path: Path) -> None:
    save_run(result, tmp_path, trust=trust)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    text = " ".join(unescape(re.sub("<[^>]+>", " ", page)).split())
    assert "Can you rely on it?" in text and str(trust.calibration.error) in text and str(trust.alarms) in text
    for row in trust.strangers.to_dict("records"):
        assert f"{row['kind']} {PER_KIND} {row['area']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" in text
    wrong = int((~result.evaluate("test").right).sum())
    assert wrong and page.count('class="pair"') == page.count("Bright where something spoke for") == min(wrong, 24)
    assert "<script" not in page and "default-src 'none'" in page


def test_metrics_hold_the_threshold_of_strangers(result: Retraining, trust: Trust) -> None:
    found = metrics(result)["none_of_these"]
    assert found["distance"] == result.classifier.known.threshold and found["allowed"] == 0.05
    assert (found["count"], found["n"], found["split"]) == (trust.alarms.correct, trust.alarms.n, "test")
    quiet = replace(result, classifier=replace(result.classifier, known=None))
    assert metrics(quiet)["none_of_these"] is None


def test_report_without_trust_says_nothing_of_it(result: Retraining, tmp_path: Path) -> None:
    save_run(result, tmp_path)
    assert "Can you rely on it?" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_spotlight_is_as_bright_as_a_place_spoke_for_the_class() -> None:
    picture = Image.fromarray(np.full((40, 60, 3), 200, np.uint8))
    lit = np.asarray(spotlight(picture, np.array([[-5.0, 0.0], [0.0, 2.0]])))
    assert lit.shape == (40, 60, 3) and lit[39, 59].tolist() == [200] * 3
    assert lit[0, 0].tolist() == [round(DARK * 200)] * 3
    dark = np.asarray(spotlight(Image.fromarray(gradient()), np.full((2, 2), -1.0)))
    assert dark.max() <= np.ceil(DARK * 255)
