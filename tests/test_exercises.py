"""Each exercise knows a right answer from typical wrong ones, and these from each other."""

import importlib
import json
import math
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import nbformat
import numpy as np
import pytest
from exercise_answers import Answers
from notebook_form import EXERCISES, TOP, modules_of

from imgclass_course import exercises
from imgclass_course.exercises import Band, Off, Verdict, bands, call, exercise, expect, number
from scripts.build_bands import SEEDS, compute_band

LESSONS = [path for path in sorted((TOP / "nbs").glob("[0-9][0-9]*.ipynb"))]
MODULES = sorted(module.name for module in pkgutil.iter_modules(exercises.__path__))


def checks_of(module: ModuleType) -> list[str]:
    """Return the names of the checks that `module` defines, in order."""
    return [name for name, value in vars(module).items() if hasattr(value, "is_exercise")]


def load(lesson: str) -> tuple[ModuleType, dict[str, Answers]]:
    """Return the checks of a lesson and the answers to them."""
    checks = importlib.import_module(f"imgclass_course.exercises.{lesson}")
    return checks, importlib.import_module(f"exercise_answers.{lesson}").ANSWERS


ALL = [(lesson, name) for lesson in MODULES for name in checks_of(load(lesson)[0])]
WRONG = [(lesson, name, words) for lesson, name in ALL for words in load(lesson)[1][name].wrong]


def test_every_lesson_has_a_module_of_three_checks() -> None:
    exported = {min(modules_of(nbformat.read(path, as_version=4))) for path in LESSONS}
    assert exported == set(MODULES)
    for lesson in MODULES:
        checks, answers = load(lesson)
        assert len(checks_of(checks)) == EXERCISES and set(checks_of(checks)) == set(answers), lesson


@pytest.mark.parametrize(("lesson", "name"), ALL)
def test_right_answers_are_right(lesson: str, name: str) -> None:
    checks, answers = load(lesson)
    for answer in answers[name].right:
        verdict = getattr(checks, name)(*answer)
        assert verdict.right and verdict.text and not verdict.hint, verdict


@pytest.mark.parametrize(("lesson", "name", "words"), WRONG)
def test_wrong_answer_is_told_what_is_off(lesson: str, name: str, words: str) -> None:
    checks, answers = load(lesson)
    verdict = getattr(checks, name)(*answers[name].wrong[words])
    assert verdict.state == "Not yet" and verdict.hint and words in verdict.text, verdict
    others = set(answers[name].wrong) - {words}
    assert not any(other in verdict.text for other in others), f"{words!r} is not told apart: {verdict}"


@pytest.mark.parametrize(("lesson", "name"), ALL)
def test_at_least_two_mistakes_are_told_apart(lesson: str, name: str) -> None:
    assert len(load(lesson)[1][name].wrong) >= 2


@pytest.mark.parametrize(("lesson", "name"), ALL)
def test_no_answer_is_open(lesson: str, name: str) -> None:
    checks, answers = load(lesson)
    count = len(answers[name].right[0])
    for nothing in (None, ...):
        verdict = getattr(checks, name)(*[nothing] * count)
        assert verdict.state == "Open" and verdict.hint


NONSENSE = [object(), "x", b"", -1, math.nan, 10**400, [], {}, {"a": []}, np.empty((0, 3)), np.array(["x"]), len]
NONSENSE += [lambda *anything: "x", lambda *anything: [[1], [2, 3]], lambda *anything: np.full((2, 2), np.nan)]


# The name of a folder that nothing was written into yet is no wrong answer but an open one.
STILL_OPEN = {"three_runs": ["x"]}


@pytest.mark.parametrize(("lesson", "name"), ALL)
def test_nonsense_gets_words_and_is_never_right(lesson: str, name: str) -> None:
    checks, answers = load(lesson)
    right = answers[name].right[0]
    for nonsense in NONSENSE:
        expected = "Open" if isinstance(nonsense, str) and nonsense in STILL_OPEN.get(name, []) else "Not yet"
        assert getattr(checks, name)(*[nonsense] * len(right)).state == expected, nonsense
    for place in range(len(right) if len(right) > 1 else 0):  # one answer is nonsense, the others are right
        for nonsense in (NONSENSE[0], []):
            mixed = [nonsense if position == place else answer for position, answer in enumerate(right)]
            assert getattr(checks, name)(*mixed).state == "Not yet", (nonsense, place)


def test_function_that_returns_nothing_is_open() -> None:
    @exercise("Return something.")
    def check(answer: object) -> str:
        return f"{call(answer)}"

    assert check(lambda: None).state == check(lambda: ...).state == "Open"
    assert check(lambda: 5) == Verdict("Right", "5")
    assert "stopped with ZeroDivisionError" in check(lambda: 1 / 0).text
    assert "A function is wanted" in check(5).text


@pytest.mark.parametrize("answer", ["5", True, float("nan"), [5], 1j, 10**400])
def test_what_is_no_number(answer: object) -> None:
    with pytest.raises(Off, match="has to be one number"):
        number(answer)


def test_verdict_speaks_in_text_and_markdown() -> None:
    verdict = Verdict("Not yet", "far " * 40 + "off.", "Look again.")
    assert repr(verdict).startswith("Not yet: far far") and repr(verdict).endswith("\nHint: Look again.")
    assert all(len(line) <= exercises.WIDTH for line in repr(verdict).splitlines())
    assert (
        verdict._repr_markdown_().startswith("**Not yet:** far") and "*Hint:* Look again." in verdict._repr_markdown_()
    )


def test_expect() -> None:
    expect(True, "nothing")
    with pytest.raises(Off, match="too large"):
        expect(False, "too large")


def test_band_holds_what_was_seen_and_most_of_what_was_not() -> None:
    values = [0.70, 0.72, 0.71, 0.73, 0.69]
    band = Band(**compute_band(values))
    assert band.low < 0.69 and 0.73 < band.high and band.seeds == 5 and abs(band.mean - 0.71) < 1e-9
    assert 0.71 in band and 0.9 not in band and "5 seeds" in str(band)
    constant = Band(**compute_band([2.0, 2.0]))
    assert constant.low == constant.high == 2


FILES = sorted(Path(exercises.__path__[0]).glob("*_bands.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_bands_are_those_that_the_script_measures(path: Path) -> None:
    lesson = path.stem.removesuffix("_bands")
    module = importlib.import_module(f"scripts.bands.{lesson}")
    assert set(bands(lesson)) == set(module.MEASURES) == set(json.loads(path.read_text(encoding="utf-8")))
    seeds = getattr(module, "SEEDS", SEEDS)
    assert seeds >= 20 and all(
        band.seeds == seeds and band.low <= band.mean <= band.high for band in bands(lesson).values()
    )


@pytest.mark.parametrize("lesson", MODULES)
def test_checks_import_only_what_their_lesson_knows(lesson: str) -> None:
    source = Path(load(lesson)[0].__file__).read_text(encoding="utf-8")
    known: set[str] = {"exercises"}
    for path in LESSONS:
        modules = modules_of(nbformat.read(path, as_version=4))
        known |= modules
        if lesson in modules:
            break
    assert set(re.findall(r"from imgclass_course\.(\w+)", source)) <= known
