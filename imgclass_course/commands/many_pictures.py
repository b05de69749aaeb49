"""What `imgclass label` does with many pictures: a table of answers, folders of sorted pictures, and a count per class."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import PATH, FiniteRange, options, print_problems

if TYPE_CHECKING:
    from imgclass_course.outputs.answer_files import AnswerRow, AnswerTable
    from imgclass_course.outputs.classifier_files import SavedClassifier
    from imgclass_course.outputs.sorted_folders import SortedFolder

    Rows = Iterator[tuple[str, AnswerRow]]  # a picture's path, and what was said of it

AT_ONCE = 64  # pictures between two writings to the disk: what is killed loses about a second
NONE, UNREADABLE = "(none of these)", "(unreadable)"

many_options = options(
    click.option("--csv", type=PATH, metavar="FILE",
                 help="Write a table of the answers instead of printing them: path, class, probability, none_of_these, "
                      "distance, problem, classifier. Written as it goes; a second run goes on where the first ended. "
                      "What a spreadsheet would compute is made text: ./ before a path, ' before a class."),
    click.option("--sort_into", type=PATH, metavar="DIR",
                 help="Copy each picture into DIR/CLASS/, or into DIR/none_of_these/. Nothing is overwritten: where another "
                      "picture has its name, it gets a number."),
    click.option("--at_least", type=FiniteRange(0, 1), metavar="SHARE",
                 help="With --sort_into: less probable answers go into DIR/unsure/."),
    click.option("--link", is_flag=True,
                 help="With --sort_into: hard links, which take no space and can be trained on; on another disk, symbolic "
                      "links. An edited original changes with its link."),
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What is asked for instead of the printed answers."""

    csv: Path | None
    sort_into: Path | None
    at_least: float | None
    link: bool

    def __bool__(self) -> bool:
        return bool(self.csv or self.sort_into)

    def check(self, given: Sequence[Path]) -> None:
        """Raise `click.UsageError` for options that do not go together, and for what is not there."""
        if not self.sort_into and (self.link or self.at_least is not None):
            raise click.UsageError("--link and --at_least say how pictures are sorted: add --sort_into DIR.")
        for path in given if self else ():
            if not path.exists():
                raise click.UsageError(f"There is no file or folder {path}.")
        if self.csv and (str(self.csv) == "-" or (self.csv.exists() and not self.csv.is_file())):
            raise click.UsageError(f"--csv names a file, so that a second run can go on with it; {self.csv} is none.")


def list_paths(given: Iterable[Path], left_out: Path | None = None) -> Iterator[Path]:
    """Yield each file, and the files below each folder, sorted; hidden ones and `left_out` are left out."""
    from imgclass_course.foundation.folder_listing import walk_files

    ours = os.path.realpath(left_out) if left_out else ""
    for path in given:
        if not path.is_dir():
            yield path
            continue
        for state, _ in walk_files(path, str(path.resolve())):
            if not ours.endswith(os.path.basename(state.path)) or os.path.realpath(state.path) != ours:
                yield Path(state.path)


def label_many(
    classifier: "SavedClassifier", identity: str, given: Sequence[Path], renamed: dict[str, str], wanted: Wanted
) -> None:
    """Name pictures, write and sort them as it goes, go on with what an earlier run left, and print a count per class.

    `identity` is that of `classifier_identity`; `renamed` are the names that the classes are given.
    """
    from imgclass_course.outputs.answer_files import AnswerTable
    from imgclass_course.outputs.sorted_folders import SortedFolder, check_apart

    folder = None
    if wanted.sort_into:
        check_apart(wanted.sort_into, given)
        classes = list(renamed.values())
        folder = SortedFolder.open(wanted.sort_into, classes, identity, wanted.at_least or 0.0, wanted.link)
    with AnswerTable.open(wanted.csv, identity) if wanted.csv else nullcontext() as table:
        counts, problems = _count(_rows(classifier, given, renamed, table), folder)
    _print_counts(counts, list(renamed.values()), folder)
    print_problems(problems)
    if not counts.total():
        raise click.ClickException("None of the pictures could be read." if problems else "There are no pictures.")


def _rows(
    classifier: "SavedClassifier", given: Sequence[Path], renamed: dict[str, str], table: "AnswerTable | None"
) -> "Rows":
    """Yield the path and the row of each picture: out of the table, or named now and added to the table."""
    from imgclass_course.foundation.progress import progress_bar
    from imgclass_course.outputs.answer_files import AnswerRow

    left_out = table.path if table else None
    total = sum(1 for _ in list_paths(given, left_out))
    paths = iter(progress_bar(list_paths(given, left_out), "Naming", "pictures", total))
    while chunk := [os.fspath(path) for path in islice(paths, AT_ONCE)]:
        known = {path: row for path in chunk if table and (row := table.row(path))}
        new = [path for path in chunk if path not in known]
        answers = zip(new, classifier.predict([Path(path) for path in new]), strict=True)
        named = {path: AnswerRow.of(path, answer, renamed.get(str(answer), "")) for path, answer in answers}
        if table:
            table.add(named.values())
        rows = known | named
        yield from ((path, rows[path]) for path in chunk)


def _count(rows: "Rows", folder: "SortedFolder | None") -> tuple[Counter[str], list[tuple[str, str]]]:
    """Sort each picture that can be read; return how many there are of each class, and why others cannot be read."""
    counts: Counter[str] = Counter()
    problems = []
    for path, row in rows:
        if row.problem:
            problems.append((path, row.problem))
            continue
        counts[NONE if row.none_of_these else row.label] += 1
        if folder:
            folder.add(row, path)
    return counts, problems


def _print_counts(counts: Counter[str], classes: Sequence[str], folder: "SortedFolder | None") -> None:
    """Print how many pictures there are of each class, and which folders are not called as their class is."""
    for name in (*dict.fromkeys(classes), NONE):
        if name != NONE or counts[NONE]:
            click.echo(f"{counts[name]:>8,}  {name}")
    if not folder:
        return
    for name, place in folder.folders.items():
        if name != place and counts[name]:
            click.echo(f"The folder of {name} is called {place}.")
    if folder.unsure:
        click.echo(f"{folder.unsure:,} of them are in unsure.")
    if folder.renamed:
        click.echo(f"{folder.renamed:,} got a number, since another picture has their name.")
