"""Names that are no text: a file system holds bytes, and Arrow, where pandas finds it, holds nothing but UTF-8."""

import os
import sys
from pathlib import Path

import pandas as pd
import pytest
from support import plain_backbone, write_pictures

from imgclass_course.auditing import audit
from imgclass_course.bottlenecks import extract
from imgclass_course.image_folder import ImageFolder
from imgclass_course.near_duplicates import near_duplicates
from imgclass_course.outputs.run_files import save_run
from imgclass_course.shortcuts import find_shortcuts
from imgclass_course.transfer import retrain

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")
CLASS, FILE = os.fsdecode(b"na\xefve"), os.fsdecode(b"\xff.png")


@pytest.fixture(scope="module", params=["python", "pyarrow"])
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an odd class and an odd file, where pandas keeps text in Python's strings, or in Arrow's."""
    if request.param == "pyarrow":
        pytest.importorskip("pyarrow")
    with pd.option_context("mode.string_storage", request.param):
        root = write_pictures(tmp_path_factory.mktemp("odd"), {"blue": 20, "red": 30, CLASS: 20})
        (root / "red" / "000.png").rename(root / "red" / FILE)
        yield root


def test_odd_names_are_trained_on_and_reported(root: Path, tmp_path: Path) -> None:
    result = retrain(
        root, backbone=plain_backbone(), head="logistic", resample="over", bottleneck_dir=tmp_path / "store",
        validation_percentage=20, testing_percentage=20,
    )  # fmt: skip
    assert list(result.features.classes) == ["blue", CLASS, "red"]
    measured = result.evaluate("test")
    assert "na\\xefve" in measured.confusion().index
    save_run(result, tmp_path / "run")
    assert (tmp_path / "run" / "report.html").is_file()


def test_odd_names_are_audited(root: Path) -> None:
    images = ImageFolder.scan(root, 20, 20)
    pairs = near_duplicates(extract(images, backbone=plain_backbone()))
    assert f"red/{FILE}" in set(images.table["path"])
    assert len(audit(images, pairs, find_shortcuts(images)).summary()) > 7
