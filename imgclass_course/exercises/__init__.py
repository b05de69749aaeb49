"""Checks of the lessons' exercises. Each says in words what is right, what is off, and gives a hint.

A lesson imports its own checks as `check`: `from imgclass_course.exercises import images as check`. Written by hand;
nothing in the library imports it. Answers that depend on training are judged against a band that `scripts/build_bands.py`
computed from many seeds.
"""

import functools
import json
import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from numbers import Real
from typing import Any

WIDTH = 96  # characters of a line of plain text


@dataclass(frozen=True)
class Verdict:
    """What a check says of an answer: "Right", "Not yet" or "Open" (not answered), the reason, and perhaps a hint."""

    state: str
    text: str
    hint: str = ""

    @property
    def right(self) -> bool:
        """Whether the answer is right."""
        return self.state == "Right"

    def __repr__(self) -> str:
        lines = [f"{self.state}: {self.text}"] + ([f"Hint: {self.hint}"] if self.hint else [])
        return "\n".join(textwrap.fill(line, WIDTH) for line in lines)

    def _repr_markdown_(self) -> str:
        hint = f"\n\n*Hint:* {self.hint}" if self.hint else ""
        return f"**{self.state}:** {self.text}{hint}"


class Off(Exception):
    """Raised by a check: the answer is wrong, and the message says in which way."""


class Open(Exception):
    """Raised by a check: there is no answer yet."""


Check = Callable[..., Verdict]


def exercise(hint: str) -> Callable[[Callable[..., str]], Check]:
    """Make a check of a function that returns what is right about its answers, or raises `Off`.

    Answers that are still `None` or `...` get the verdict "Open" with `hint`; wrong ones get the reason and `hint`.
    """

    def decorate(judge: Callable[..., str]) -> Check:
        @functools.wraps(judge)
        def check(*answers: Any) -> Verdict:  # whatever the attendee gives
            try:
                answered(*answers)
                return Verdict("Right", judge(*answers))
            except Off as reason:
                return Verdict("Not yet", str(reason), hint)
            except Open:
                return Verdict("Open", "there is no answer here yet. Fill in the cell and run it again.", hint)

        setattr(check, "is_exercise", True)  # noqa: B010 - a type checker knows no attributes of functions
        return check

    return decorate


def expect(condition: bool, otherwise: str) -> None:
    """Raise `Off` with the text `otherwise` unless `condition` holds."""
    if not condition:
        raise Off(otherwise)


def answered(*answers: Any) -> None:  # whatever the attendee gives
    """Raise `Open` if one of `answers` is still `None` or `...`."""
    if any(answer is None or answer is ... for answer in answers):
        raise Open


def call(function: Callable, *arguments: Any) -> Any:  # whatever the attendee returns
    """Return what the attendee's `function` gives for `arguments`. Raises `Open` for nothing, `Off` for an error."""
    expect(callable(function), f"A function is wanted here, and this is {describe(function)}.")
    name = getattr(function, "__name__", "the function")
    try:
        result = function(*arguments)
    except Exception as error:
        raise Off(f"`{name}` stopped with {type(error).__name__}: {error}") from error
    answered(result)
    return result


def number(answer: Any, what: str = "The answer") -> float:  # whatever the attendee gives
    """Return `answer` as a float. Raises `Off` for anything but one finite number."""
    if getattr(answer, "shape", None) == ():  # an array or a tensor that is one number
        answer = answer.numpy().item() if hasattr(answer, "numpy") else answer.item()
    try:
        value = float(answer) if isinstance(answer, Real) and not isinstance(answer, bool) else math.nan
    except OverflowError:  # a whole number with hundreds of digits
        value = math.inf
    expect(math.isfinite(value), f"{what} has to be one number, and this is {describe(answer)}.")
    return value


def describe(answer: Any) -> str:  # whatever the attendee gives
    """Return what kind of thing `answer` is, with its shape if it has one, for a message."""
    shape = getattr(answer, "shape", None)
    kind = f"`{type(answer).__name__}`"
    return f"of type {kind} with the shape {tuple(shape)}" if shape is not None else f"of type {kind}: `{answer!r:.60}`"


@dataclass(frozen=True)
class Band:
    """Where one measurement falls, as computed from many seeds: a 99 % prediction interval for one more run."""

    low: float
    high: float
    mean: float
    seeds: int

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:.3g} to {self.high:.3g} ({self.seeds} seeds)"


@functools.cache
def bands(lesson: str) -> dict[str, Band]:
    """Return the bands of a lesson by name; `lesson` is its module's name, such as "transfer"."""
    text = resources.files(__name__).joinpath(f"{lesson}_bands.json").read_text(encoding="utf-8")
    return {name: Band(**values) for name, values in json.loads(text).items()}
