"""Every lesson has the form that CONTRIBUTING.md asks for, and every check of that form can fail."""

from collections.abc import Callable

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebook_form import (
    CHECKS,
    FOLDED_TAG,
    INSTALLATION,
    MAX_COLUMNS,
    MAX_FILE_BYTES,
    TOP,
    WIDGET_TAG,
    Check,
    Lesson,
    check_closing,
    check_execution_counts,
    check_exercises,
    check_imports,
    check_installation,
    check_lengths,
    check_network,
    check_opening,
    check_outputs,
    check_parameters,
    check_proved,
    check_reading,
    check_size,
    check_tags,
    check_timings,
    load_lessons,
    modules_of,
    own_modules,
)

LESSONS = load_lessons(TOP / "nbs")
LABELS = "**You will be able to** add.\n\n**You need** nothing.\n\n**Time** 1 minute."
OPENING = f"# Title\n> Subtitle.\n\n*What is three?*\n\n{LABELS}"
SUMMARY = "## What you saw\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n## Exercises\n\nFill in."
SOLUTION = "<details><summary>Solution</summary>\n\n```python\ncheck.three(3)\n```\n\n</details>"
ADD = '#| export\ndef add(a: int, b: int) -> int:\n    "Return the sum."\n    return a + b'


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_lesson_has_the_form(lesson: Lesson) -> None:
    problems = [problem for check in CHECKS for problem in check(lesson)]
    assert not problems, f"nbs/{lesson.name}.ipynb:\n" + "\n".join(problems)


def test_there_are_lessons() -> None:
    assert LESSONS


def make_exercise(number: int) -> list[NotebookNode]:
    """Return the heading, the cell to fill in and the solution of one exercise."""
    return [
        new_markdown_cell(f"### {number}. Three\n\nWhat is three?"),
        new_code_cell("three = ...\ncheck.three(three)", outputs=[say("Open: there is no answer")]),
        new_markdown_cell(SOLUTION),
    ]


def say(text: str) -> NotebookNode:
    """Return an output that displays `text`."""
    return new_output("display_data", data={"text/plain": text})


def make_notebook() -> NotebookNode:
    """Return a small lesson in which nothing is wrong."""
    cells = [
        new_markdown_cell(OPENING),
        new_code_cell(INSTALLATION),
        new_code_cell("COUNT = 3\nNAMES = ('a', 'b')", metadata={"tags": ["parameters"]}),
        new_markdown_cell("## Adding"),
        new_code_cell("#| default_exp adding\nfrom imgclass_course.images import read_image"),
        new_code_cell(ADD),
        new_code_cell("assert add(1, 2) == 3\nadd(1, 2)", outputs=[new_output("stream", name="stdout", text="3\n")]),
        new_markdown_cell(SUMMARY),
        *[cell for number in (1, 2, 3) for cell in make_exercise(number)],
        new_markdown_cell("## Next\n\nMore."),
    ]
    for number, cell in enumerate([cell for cell in cells if cell.cell_type == "code"], start=1):
        cell.execution_count = number
    return new_notebook(cells=cells)


def make_lesson(notebook: NotebookNode, size: int = 1000) -> Lesson:
    """Return `notebook` as the lesson after one that exports `images`, and before one that exports `transfer`."""
    taught = frozenset({"images", "adding", "transfer", "exercises.transfer", "exercises.cnn"})
    return Lesson("sample", notebook, size, frozenset({"images"}), taught)


def replace(cell: int, old: str, new: str) -> Callable[[NotebookNode], None]:
    """Return a change that replaces `old` in the source of cell number `cell`."""

    def change(notebook: NotebookNode) -> None:
        assert old in notebook.cells[cell].source
        notebook.cells[cell].source = notebook.cells[cell].source.replace(old, new)

    return change


def tag(cell: int, *names: str) -> Callable[[NotebookNode], None]:
    """Return a change that sets the tags of cell number `cell`."""

    def change(notebook: NotebookNode) -> None:
        notebook.cells[cell].metadata["tags"] = list(names)

    return change


def show(kind: str, cell: int = 6, **content: object) -> Callable[[NotebookNode], None]:
    """Return a change that gives cell number `cell` this one output."""

    def change(notebook: NotebookNode) -> None:
        notebook.cells[cell].outputs = [new_output(kind, **content)]

    return change


def set_count(number: int | None) -> Callable[[NotebookNode], None]:
    """Return a change that sets the execution count of a code cell."""

    def change(notebook: NotebookNode) -> None:
        notebook.cells[6].execution_count = number

    return change


def ignore_many(notebook: NotebookNode) -> None:
    """Add five cells whose outputs are not compared."""
    notebook.cells[7:7] = [new_code_cell("1", metadata={"tags": ["nbval-ignore-output"]}) for _ in range(5)]


def export_much(notebook: NotebookNode) -> None:
    """Add eleven exported cells of 24 lines each."""
    lines = "\n".join(f"a{number} = {number}" for number in range(24))
    notebook.cells[7:7] = [new_code_cell(f"#| export\n{lines}") for _ in range(11)]


MANY_LINES = "\n" + "\n".join(f"    c{number} = {number}" for number in range(21))
FAULTS = {
    "no title": (check_opening, replace(0, "# Title", "Title")),
    "no subtitle": (check_opening, replace(0, "> Sub", "Sub")),
    "no question": (check_opening, replace(0, "three?", "three.")),
    "no time": (check_opening, replace(0, "**Time**", "Time")),
    "labels in another order": (check_opening, replace(0, "**You need**", "**Time**")),
    "no section Next": (check_closing, replace(-1, "## Next", "### Next")),
    "a section after Next": (check_closing, replace(-1, "More.", "More.\n\n## Notes")),
    "nothing under Next": (check_closing, replace(-1, "More.", "")),
    "no table": (check_closing, replace(7, "|---|---|", "")),
    "two exercises": (check_closing, replace(14, "### 3. ", "")),
    "four exercises": (check_closing, replace(14, "is three?", "is three?\n\n### 4. Four")),
    "nothing to fill in": (check_exercises, replace(9, "check.three", "print")),
    "no solution": (check_exercises, replace(10, "python", "text")),
    "the solution of another exercise": (check_exercises, replace(10, "check.three", "check.four")),
    "a solution that is not checked": (check_exercises, replace(10, "check.three(3)", "check.three(3)\nthree = 3")),
    "a solution in full view": (check_exercises, replace(10, "<details>", "")),
    "an exercise that is solved": (check_exercises, show("display_data", 9, data={"text/plain": "Right: it is"})),
    "no installation": (check_installation, replace(1, "%pip install", "print")),
    "no parameters": (check_parameters, tag(2)),
    "two parameter cells": (check_parameters, tag(4, "parameters")),
    "a parameter that is computed": (check_parameters, replace(2, "3", "len('abc')")),
    "a parameter in lower case": (check_parameters, replace(2, "COUNT", "count")),
    "parameters after a section": (check_parameters, replace(0, "# Title", "# Title\n\n## Early")),
    "long cells": (check_lengths, replace(5, "+ b", f"+ b{MANY_LINES * 2}")),
    "a long function": (check_lengths, replace(5, "    return", f"    d = 1{MANY_LINES}\n    return")),
    "a long module": (check_lengths, export_much),
    "a gap in the counts": (check_execution_counts, set_count(9)),
    "a cell that was not run": (check_execution_counts, set_count(None)),
    "an empty cell": (check_execution_counts, replace(3, "## Adding", "")),
    "a stored error": (check_outputs, show("error", ename="ValueError", evalue="no", traceback=[])),
    "stderr": (check_outputs, show("stream", name="stderr", text="warning")),
    "a path of the machine": (check_outputs, show("stream", name="stdout", text="in /home/me/x.jpg")),
    "a Windows path": (check_outputs, show("stream", name="stdout", text="in C:\\Users\\me")),
    "a path in a table": (check_outputs, show("display_data", data={"text/html": "<td>/tmp/ab/x.jpg</td>"})),
    "a timing": (check_timings, show("stream", name="stdout", text="took 1.25 s")),
    "a speed": (check_timings, show("display_data", data={"text/plain": "240 images/s"})),
    "a cell that only the site folds": (check_tags, tag(6, FOLDED_TAG)),
    "a tag with a typing error": (check_tags, tag(6, "nbval-ignore-ouput")),
    "a widget that is compared": (check_tags, tag(6, WIDGET_TAG)),
    "too much that is not compared": (check_tags, ignore_many),
    "a marker as a comment": (check_tags, replace(6, "assert", "# NBVAL_IGNORE_OUTPUT\nassert")),
    "a function that is not used": (check_proved, replace(6, "add(1, 2)", "sum([1, 2])")),
    "a function without an assertion": (check_proved, replace(6, "assert ", "")),
    "a module of a later lesson": (check_imports, replace(4, "images", "transfer")),
    "the exercises of another lesson": (check_imports, replace(4, "imgclass_course", "imgclass_course.exercises.cnn")),
    "a later module as a name": (check_imports, replace(4, ".images import read_image", " import transfer")),
    "a line that is cut off": (check_reading, replace(6, "assert", f"{'a' * MAX_COLUMNS} = 1\nassert")),
    "a long way to the first output": (check_reading, replace(4, "from", "a = 1\n" * 10 + "from")),
    "an assertion in full view": (check_reading, replace(6, "\nadd(1, 2)", "")),
    "a download": (check_network, replace(6, "add(1, 2) ==", "urlopen('https://example.org') ==")),
    "another machine": (check_network, replace(6, "add(1, 2) ==", "HTTPConnection('example.org') ==")),
    "an installation": (check_network, replace(4, "from", "!pip install something\nfrom")),
}


def changed(change: Callable[[NotebookNode], None]) -> Lesson:
    """Return the small lesson with a change."""
    notebook = make_notebook()
    change(notebook)
    return make_lesson(notebook)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_check_passes_what_is_right_and_finds_each_fault(check: Check) -> None:
    assert check(make_lesson(make_notebook())) == []
    faults = {name: changed(change) for name, (responsible, change) in FAULTS.items() if responsible is check}
    if check is check_size:
        faults = {"a large file": make_lesson(make_notebook(), size=MAX_FILE_BYTES + 1)}
    assert faults and not [name for name, lesson in faults.items() if not check(lesson)]


def test_modules_of_a_notebook() -> None:
    notebook = make_notebook()
    notebook.cells.append(new_code_cell("#| export other\nclass Other: ..."))
    assert modules_of(notebook) == own_modules("sample", notebook) == {"adding", "other"}
    assert own_modules("00_first_classifier", new_notebook()) == {"first_classifier"}


def test_tagged_error_is_allowed() -> None:
    notebook = make_notebook()
    show("error", ename="ValueError", evalue="no", traceback=[])(notebook)
    tag(6, "raises-exception")(notebook)
    assert check_outputs(make_lesson(notebook)) == []


def test_ignored_timing_is_allowed() -> None:
    notebook = make_notebook()
    show("stream", name="stdout", text="took 1.25 s")(notebook)
    tag(6, "nbval-ignore-output")(notebook)
    assert check_timings(make_lesson(notebook)) == []
