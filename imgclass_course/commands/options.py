"""Kinds of numbers, and options that several commands have."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable)
PATH = click.Path(path_type=Path)


class FiniteRange(click.FloatRange):
    """A range that leaves out `nan` and `inf`, which compare with nothing."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number, or end the command with what is wrong with it."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a number to compute with.", param, ctx)
        return number


class CountOrAll(click.IntRange):
    """A number of pictures from 1 on, or -1 for all."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number, or end the command with what is wrong with it."""
        number = super().convert(value, param, ctx)
        if number == 0:
            self.fail("0 pictures are none to measure on; -1 means all.", param, ctx)
        return number


class FolderOrAddress(click.ParamType):
    """A path, or the address of a folder in object storage, which stays a text."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path | str:
        """Return the path, or the address as it is."""
        from imgclass_course.foundation.remote_files import is_address

        return value if is_address(value) else Path(value)


def options(*listed: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return several options as one decorator; `--help` lists them in this order."""

    def add(command: Command) -> Command:
        for option in reversed(listed):
            command = option(command)
        return command

    return add


def percentage(name: str, what: str) -> Callable[[Command], Command]:
    """Return the option for the share of a split."""
    return click.option(f"--{name}_percentage", type=FiniteRange(0, 99), default=10, show_default=True, help=what)


bottleneck_dir = click.option(
    "--bottleneck_dir", type=PATH, help="Folder of the bottleneck store; the user's cache folder by default."
)

minutes = click.option("--minutes", type=FiniteRange(min=0, min_open=True), default=5, show_default=True,
                       help="What would not be done in this time is left out of a comparison.")  # fmt: skip

data_options = options(
    click.argument("folder", required=False, type=FolderOrAddress()),
    click.option("--image_dir", type=FolderOrAddress(), help="The folder, where it is not an argument."),
    percentage("testing", "Share of pictures kept to measure the result; 0 for none."),
    percentage("validation", "Share of pictures kept to follow the training; 0 for none."),
    click.option("--seed", default=0, show_default=True, help="Of the split and of the training."),
    click.option("--ignore_decisions", is_flag=True,
                 help="Do not obey what imgclass_decisions.csv in the folder says (see imgclass clean)."),
    click.option("--group_pattern", metavar="REGEX",
                 help="Files whose names (below their class's folder) match in the same way stay in one split: by the first "
                      "group of the regular expression, or all that it matches, such as '^patient\\d+'."),
    click.option("--group_seconds", type=FiniteRange(min=0),
                 help="Photos in one folder, each taken at most so many seconds after the one before, stay in one split."),
)  # fmt: skip


def take_group_by(flags: dict[str, Any]) -> list[Any] | None:
    """Take the two options for groups out of the flags of a command; return what `ImageFolder.scan` wants, or None."""
    given = [flags.pop(name) for name in ("group_pattern", "group_seconds")]
    return [way for way in given if way is not None] or None


def choose_folder(command: str, folder: Path | str | None, image_dir: Path | str | None) -> Path | str:
    """Return the folder of pictures, a path or an address, which may be given in two ways."""
    chosen = folder or image_dir
    if chosen is None or (folder is not None and image_dir is not None):
        raise click.UsageError(f"Name the folder of pictures once: imgclass {command} FOLDER, or --image_dir FOLDER.")
    return chosen


def print_decisions(decided: str) -> None:
    """Say which decisions were obeyed, as `ImageFolder.decided` counts them; nothing where there were none."""
    if decided:
        click.echo(f"Decisions obeyed ({decided}); --ignore_decisions leaves them out")


def print_problems(problems: list[tuple[str, str]], shown: int | None = None) -> None:
    """List files that were left out, to standard error: all, or the first of them and where the others are listed."""
    from imgclass_course.foundation.files import printable

    if problems:
        click.echo(f"{len(problems)} files are no readable picture and were left out:", err=True)
    for path, problem in problems[:shown]:
        click.echo(f"  {printable(path)}: {problem}", err=True)
    if shown is not None and len(problems) > shown:
        click.echo(f"  … and {len(problems) - shown} more: imgclass audit lists them all", err=True)
