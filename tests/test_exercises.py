"""Each exercise knows a right answer from typical wrong ones, and these from each other."""

import importlib
import json
import math
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import nbformat
import numpy as np
import pytest
from exercise_answers import Answers
from notebook_form import EXERCISES, TOP, own_modules

from imgclass_course import exercises
from imgclass_course.exercises import Band, Check, Off, Verdict, bands, call, exercise, expect, number
from scripts.build_bands import SEEDS, compute_band

LESSONS = sorted((TOP / "nbs").glob("*_*.ipynb"))
MODULES = sorted(module.name for module in pkgutil.iter_modules(exercises.__path__))


def checks_of(module: ModuleType) -> list[str]:
    """Return the names of the checks that `module` defines, in order."""
    return [name for name, value in vars(module).items() if hasattr(value, "is_exercise")]


def load(lesson: str) -> tuple[ModuleType, dict[str, Answers]]:
    """Return the checks of a lesson and the answers to them."""
    checks = importlib.import_module(f"imgclass_course.exercises.{lesson}")
    return checks, importlib.import_module(f"exercise_answers.{lesson}").ANSWERS


NONSENSE = [object(), "x", b"", -1, math.nan, 10**400, [], {}, {"a": []}, np.empty((0, 3)), np.array(["x"]), len]
NONSENSE += [lambda *anything: "x", lambda *anything: [[1], [2, 3]], lambda *anything: np.full((2, 2), np.nan)]

# The name of a folder that nothing was written into yet is no wrong answer but an open one.
STILL_OPEN = {"three_runs": ["x"]}

Fault = tuple[object, str]  # a verdict, and what is wrong with it


def faults_of_right(check: Check, answers: Answers) -> Iterator[Fault]:
    """Yield verdicts on right answers that are not "Right" with words and without a hint."""
    for answer in answers.right:
        verdict = check(*answer)
        if not verdict.right or not verdict.text or verdict.hint:
            yield verdict, "for a right answer"


def faults_of_wrong(check: Check, answers: Answers) -> Iterator[Fault]:
    """Yield verdicts on typical mistakes that do not say what is off, or say what is off with another one."""
    if len(answers.wrong) < 2:
        yield len(answers.wrong), "mistakes: too few to be told apart"
    for words, answer in answers.wrong.items():
        verdict = check(*answer)
        if verdict.state != "Not yet" or not verdict.hint or words not in verdict.text:
            yield verdict, f"for the mistake {words!r}"
        if any(other in verdict.text for other in answers.wrong if other != words):
            yield verdict, f"does not tell {words!r} from other mistakes"


def faults_of_nothing(check: Check, answers: Answers) -> Iterator[Fault]:
    """Yield verdicts that are not "Open" where nothing was answered."""
    for nothing in (None, ...):
        verdict = check(*[nothing] * len(answers.right[0]))
        if verdict.state != "Open" or not verdict.hint:
            yield verdict, f"for {nothing}"


def faults_of_nonsense(check: Check, answers: Answers) -> Iterator[Fault]:
    """Yield verdicts that are not "Not yet" where all answers, or one of several, are nonsense."""
    right = answers.right[0]
    for nonsense in NONSENSE:
        still_open = isinstance(nonsense, str) and nonsense in STILL_OPEN.get(check.__name__, [])
        verdict = check(*[nonsense] * len(right))
        if verdict.state != ("Open" if still_open else "Not yet"):
            yield verdict, f"for {nonsense!r}"
    for place in range(len(right) if len(right) > 1 else 0):
        for nonsense in (NONSENSE[0], []):
            verdict = check(*[nonsense if position == place else answer for position, answer in enumerate(right)])
            if verdict.state != "Not yet":
                yield verdict, f"for {nonsense!r} as answer {place}"


def test_every_lesson_has_a_module_of_three_checks() -> None:
    named = {min(own_modules(path.stem, nbformat.read(path, as_version=4))) for path in LESSONS}
    assert named == set(MODULES)
    for lesson in MODULES:
        checks, answers = load(lesson)
        assert len(checks_of(checks)) == EXERCISES and set(checks_of(checks)) == set(answers), lesson


@pytest.mark.parametrize("lesson", MODULES)
def test_each_answer_gets_its_verdict(lesson: str) -> None:
    checks, answers = load(lesson)
    faults = [
        f"{name}: {verdict!r} {what}"
        for name in checks_of(checks)
        for faults_of in (faults_of_right, faults_of_wrong, faults_of_nothing, faults_of_nonsense)
        for verdict, what in faults_of(getattr(checks, name), answers[name])
    ]
    assert not faults, "\n".join(faults)


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


def test_bands_are_those_that_the_scripts_measure() -> None:
    for path in FILES:
        lesson = path.stem.removesuffix("_bands")
        module = importlib.import_module(f"scripts.bands.{lesson}")
        assert set(bands(lesson)) == set(module.MEASURES) == set(json.loads(path.read_text(encoding="utf-8")))
        seeds = getattr(module, "SEEDS", SEEDS)
        found = bands(lesson).values()
        assert seeds >= 20 and all(band.seeds == seeds and band.low <= band.mean <= band.high for band in found), path
