"""Right answers, and typical wrong ones, to the exercises of each lesson: `ANSWERS` of the module of its name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Answers:
    """Answers to one exercise, each a tuple of what its check gets.

    `wrong` maps words that only this mistake's verdict has to the answer that makes the mistake.
    """

    right: list[tuple]
    wrong: dict[str, tuple]
