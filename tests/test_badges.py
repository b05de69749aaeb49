"""The badges for Colab and Binder come from settings.ini, and go with it."""

import shutil
import xml.etree.ElementTree
from pathlib import Path

import nbformat
import pytest
from support import TOP

from scripts.build_badges import badges, read_repository, set_badges

LESSON = TOP / "nbs" / "01_images.ipynb"


def test_lessons_and_first_page_have_the_badges_of_the_settings() -> None:
    assert not any(set_badges(path, read_repository(), check=True) for path in (TOP / "nbs").glob("*.ipynb"))


def test_badges_lead_to_the_notebook() -> None:
    text = badges("someone/course", "01_images")
    assert "(https://colab.research.google.com/github/someone/course/blob/main/nbs/01_images.ipynb)" in text
    assert "(https://mybinder.org/v2/gh/someone/course/main?labpath=nbs%2F01_images.ipynb)" in text
    assert badges("", "01_images") == ""


@pytest.mark.parametrize("name", ["colab", "binder"])
def test_picture_of_a_badge_comes_along(name: str) -> None:
    assert f"(images/{name}.svg)" in badges("someone/course", "01_images")
    assert xml.etree.ElementTree.parse(TOP / "nbs" / "images" / f"{name}.svg").getroot().tag.endswith("svg")


def test_badges_come_change_and_go(tmp_path: Path) -> None:
    path = tmp_path / LESSON.name
    shutil.copyfile(LESSON, path)
    set_badges(path, "", check=False)
    without = path.read_bytes()
    assert set_badges(path, "someone/course", check=True) and path.read_bytes() == without
    assert set_badges(path, "someone/course", check=False)
    opening = nbformat.read(path, as_version=4).cells[0].source
    assert opening.endswith(badges("someone/course", "01_images")) and opening.startswith("# Images")
    assert not set_badges(path, "someone/course", check=False)
    assert set_badges(path, "another/name", check=False)
    assert set_badges(path, "", check=False) and path.read_bytes() == without
