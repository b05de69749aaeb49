"""The report in a real browser: whatever files and classes are called, nothing of it is run."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import PHONE, keep_screenshot, open_browser
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from support import encode, gradient

from imgclass_course.evaluation import Advice, Evaluation
from imgclass_course.outputs.report import write_report

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
ATTACKS = (
    "<img src=x onerror=document.title='run'>",
    "<svg onload=document.title='run'>",
    "\"><script>document.title='run'</script>",
    "' onmouseover='document.title=1' autofocus onfocus='document.title=1",
    "{{ 7 * 7 }}",
)


def open_page(page: Path, profile: Path) -> str:
    """Return the document as the browser has it once its scripts have run."""
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    command += ["--virtual-time-budget=3000", "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.fixture
def browser() -> str:
    if BROWSER is None:
        assert not os.environ.get("CI"), "CI must have a browser: see .ci/run"
        pytest.skip("there is no Chromium here; on Debian: apt-get install chromium")
    return BROWSER


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("policy", [True, False], ids=["with its policy", "by escaping alone"])
def test_names_do_nothing(browser: str, tmp_path: Path, attack: str, policy: bool) -> None:
    picture = tmp_path / f"{attack.replace('/', '∕')}.png"
    picture.write_bytes(encode(gradient()))
    wrong = Evaluation([attack, "other"], np.array([0]), np.array([[0.1, 0.9]]))
    problems = pd.DataFrame({"path": [attack], "problem": [attack]})
    advice = Advice([attack], [(picture, attack)])
    write_report(
        tmp_path / "report.html",
        wrong,
        [picture],
        "Title",
        {"fact": attack, attack: "fact"},
        None,
        problems,
        advice=advice,
    )
    if not policy:
        page = (tmp_path / "report.html").read_text()
        without = re.sub("<meta http-equiv=.Content-Security-Policy.*>", "", page)
        assert len(without) < len(page)
        (tmp_path / "report.html").write_text(without)
    document = open_page(tmp_path / "report.html", tmp_path / "profile")
    assert "<title>Title</title>" in document
    assert "49" not in document or attack != "{{ 7 * 7 }}"
    assert attack in document.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def test_the_browser_would_run_them(browser: str, tmp_path: Path) -> None:
    # The same names in a page that does not escape them: the test above can fail.
    for attack in ATTACKS[:3]:
        (tmp_path / "page.html").write_text(f'<title>Title</title><p title="{attack}">{attack}</p>')
        assert "<title>run</title>" in open_page(tmp_path / "page.html", tmp_path / "profile")


@pytest.mark.parametrize("label", ["birds", *ATTACKS[:3]])
def test_keyboard_alone_shows_the_pictures_of_a_cell(tmp_path: Path, label: str) -> None:
    pixels = [gradient(seed=seed) for seed in range(6)]
    probabilities = np.array([[0.1, 0.9], [0.2, 0.8], [0.4, 0.6], [0.9, 0.1], [0.3, 0.7], [0.2, 0.8]])
    evaluation = Evaluation([label, "fish"], np.array([0, 0, 0, 0, 1, 1]), probabilities)
    write_report(tmp_path / "report.html", evaluation, pixels)
    with open_browser() as page:
        page.get((tmp_path / "report.html").as_uri())
        sections = page.find_elements(By.CSS_SELECTOR, ".cell")
        assert len(sections) == 3 and not any(section.is_displayed() for section in sections)
        for _ in range(2):  # the first cell holds right answers
            press(page, Keys.TAB)
        link = page.switch_to.active_element
        assert link.accessible_name == f"{label} taken for fish: 3 pictures"
        assert page.execute_script("return getComputedStyle(arguments[0]).outlineStyle", link) == "solid"
        press(page, Keys.ENTER)
        (shown,) = [section for section in sections if section.is_displayed()]
        assert page.switch_to.active_element == shown and shown.accessible_name == link.accessible_name
        captions = [caption.text.split("\n")[0] for caption in shown.find_elements(By.TAG_NAME, "figcaption")]
        assert captions == ["90%", "80%", "60%"]
        pictures = shown.find_elements(By.TAG_NAME, "img")
        assert all(page.execute_script("return arguments[0].naturalWidth", picture) > 0 for picture in pictures)
        keep_screenshot(page, "report_cell")
        page.set_window_size(*PHONE)
        keep_screenshot(page, "report_cell_phone")
        press(page, Keys.TAB, Keys.ENTER)
        assert page.switch_to.active_element == link and not shown.is_displayed()
        assert page.title == "Image classifier"


def press(page: webdriver.Chrome, *keys: str) -> None:
    """Press keys, one after the other."""
    ActionChains(page).send_keys(*keys).perform()
