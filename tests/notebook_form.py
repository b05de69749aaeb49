"""The form of a lesson, as functions that can fail: each takes a `Lesson` and returns what is wrong, one line each."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import nbformat
from nbformat import NotebookNode

TOP = Path(__file__).resolve().parent.parent
PACKAGE = "imgclass_course"

OPENING_LABELS = ("**You will be able to**", "**You need**", "**Time**")
CLOSING_HEADINGS = ["## What you saw", "## Exercises", "## Next"]
EXERCISES = 3

MAX_MEDIAN_LINES = 5
MAX_EXPORTED_CELL_LINES = 25  # a signature counts as one line, however many parameters it documents
MAX_CLASS_CELL_LINES = 75  # of a cell that is one class: its methods stand in it, and cannot stand elsewhere
MAX_FUNCTION_LINES = 20
MAX_MODULE_STATEMENTS = 260  # about 250; a signature counts as one, docstrings as none
MAX_FILE_BYTES = 900_000
MAX_COLUMNS = 88  # of a line that a reader sees: a page of the site shows no more
LINES_UNTIL_SHOWN = 10  # lines of code that a reader sees before the first thing to look at
CELLS_UNTIL_PROVED = 3

# Tags that something reads. A tag with a typing error would silently do nothing.
IGNORE_TAGS = {"nbval-ignore-output", "nbval-skip"}
ERROR_TAGS = {"raises-exception", "nbval-raises-exception"}
FOLDED_TAG = "hide-input"  # set-up, and cells that only assert what was seen above them: the site folds them
FOLDED_METADATA = {"source_hidden": True}  # and JupyterLab those with this
WIDGET_TAG = "widget"  # shown where somebody can move it; the stored notebook holds the still picture beside it
KNOWN_TAGS = IGNORE_TAGS | ERROR_TAGS | {"parameters", "nbval-check-output", "skip-execution"}
KNOWN_TAGS |= {FOLDED_TAG, WIDGET_TAG}

# Folded text is folded in JupyterLab, Colab, VS Code and on GitHub alike; folded cells of code are not.
SOLUTION = re.compile(r"<details><summary>Solution</summary>\n\n```python\n(.*)\n```\n\n</details>", re.DOTALL)
QUESTION = re.compile(r"^\*[^*]+\?\*$", re.MULTILINE)

# Hosted notebooks start without the package, and the library alone lacks what lessons need, such as imgaug. A wheel
# that was uploaded beside the lesson is found too.
INSTALLATION = '''\
# On Colab: installs the course where it is missing. Elsewhere this cell does nothing.
from importlib.util import find_spec

if not (find_spec("imgclass_course") and find_spec("imgaug")):
    %pip install --quiet --find-links . "imgclass_course[course]"'''

# Lessons that need more than the extra `course`: which extras, and a module of theirs.
EXTRAS = {
    "19_deployment": ("course,export,serve", "tf2onnx"),
    "20_scaling_out": ("course,ray", "ray"),
    "21_pytorch": ("course,torch", "torch"),
}

MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|tmp|Users|var/folders)/|\b[A-Za-z]:\\")
TIMING = re.compile(r"\b\d+(?:\.\d+)? ?(?:s|ms|µs|us|sec|seconds?|minutes?|(?:images|pictures|it|steps)/s)\b")
NETWORK_CALLS = {"urlopen", "urlretrieve", "get_file"}
OTHER_MACHINE = re.compile(r'\bHTTPS?Connection\((?!"127\.0\.0\.1")')
NETWORK_COMMAND = re.compile(r"^\s*[!%].*\b(?:curl|wget|pip|conda|apt-get)\b", re.MULTILINE)
MAGIC = re.compile(r"^(\s*)[%!?].*", re.MULTILINE)
DIRECTIVE = re.compile(r"^#\|[ \t]*(\w+)[ \t:]*(.*)$", re.MULTILINE)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


@dataclass(frozen=True)
class Lesson:
    """A notebook, its size on disk in bytes, and what lessons before it and all lessons together export."""

    name: str
    notebook: NotebookNode
    size: int = 0
    earlier_modules: frozenset[str] = frozenset()
    taught_modules: frozenset[str] = frozenset()

    @property
    def code_cells(self) -> list[NotebookNode]:
        """The code cells, in order."""
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]

    @property
    def exported_cells(self) -> list[NotebookNode]:
        """The code cells that become part of the library, in order."""
        return [cell for cell in self.code_cells if is_exported(cell)]


Check = Callable[[Lesson], list[str]]


def directives(cell: NotebookNode) -> dict[str, str]:
    """Return nbdev's `#|` directives of `cell` with what follows each."""
    return {name: value.strip() for name, value in DIRECTIVE.findall(cell.source)}


def is_exported(cell: NotebookNode) -> bool:
    """Return whether nbdev copies `cell` into the library."""
    return bool({"export", "exports", "exporti"} & directives(cell).keys())


def tags(cell: NotebookNode) -> set[str]:
    """Return the tags of `cell`."""
    return set(cell.metadata.get("tags", []))


def parse(cell: NotebookNode) -> ast.Module:
    """Return the syntax tree of a code cell; lines for Jupyter and the shell count as `pass`."""
    if cell.source.startswith("%%"):
        return ast.Module(body=[], type_ignores=[])
    return ast.parse(MAGIC.sub(r"\1pass", cell.source))


def docstring_lines(tree: ast.AST) -> set[int]:
    """Return the numbers of the lines that docstrings in `tree` take."""
    numbers: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, Definition) and ast.get_docstring(node) is not None:
            numbers.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return numbers


def count_lines(cell: NotebookNode) -> int:
    """Return the number of lines of `cell` that are neither blank nor a comment, directive or docstring."""
    docstrings = docstring_lines(parse(cell))
    lines = [line.strip() for number, line in enumerate(cell.source.splitlines(), start=1) if number not in docstrings]
    return sum(bool(line) and not line.startswith("#") for line in lines)


def functions(cell: NotebookNode) -> Iterator[Function]:
    """Yield every function and method that `cell` defines."""
    yield from (node for node in ast.walk(parse(cell)) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Return how many lines the body of `function` spans, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def count_statements(tree: ast.Module) -> int:
    """Return the number of statements, however deep; texts that stand alone (docstrings) are none."""
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    return sum(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in statements)


def texts(cell: NotebookNode) -> list[str]:
    """Return every text among the outputs of `cell`: streams, plain text, HTML."""
    found = []
    for output in cell.outputs:
        found.append(output.get("text", ""))
        found += [text for kind, text in output.get("data", {}).items() if kind.startswith("text/")]
    return found


def headings(lesson: Lesson) -> list[str]:
    """Return the second-level headings of `lesson`, in order."""
    sources = [cell.source for cell in lesson.notebook.cells if cell.cell_type == "markdown"]
    return [line.rstrip() for source in sources for line in source.splitlines() if line.startswith("## ")]


def section(lesson: Lesson, heading: str) -> tuple[str, list[NotebookNode]]:
    """Return the Markdown under `heading`, up to the next second-level heading, and the code cells there."""
    inside, text, code = False, [], []
    for cell in lesson.notebook.cells:
        if cell.cell_type == "code":
            code += [cell] if inside else []
            continue
        for line in cell.source.splitlines():
            if line.startswith("## "):
                inside = line.rstrip() == heading
            elif inside:
                text.append(line)
    return "\n".join(text), code


def modules_of(notebook: NotebookNode) -> set[str]:
    """Return the names of the modules that `notebook` exports."""
    found = [directives(cell) for cell in notebook.cells if cell.cell_type == "code"]
    names = {names[kind] for names in found for kind in ("default_exp", "export") if names.get(kind)}
    return {name.split()[0] for name in names}


def own_modules(name: str, notebook: NotebookNode) -> set[str]:
    """Return the modules that the lesson `name` exports, by which its checks are found.

    One that exports nothing, such as 00, has checks that are called as it is itself, without the number.
    """
    return modules_of(notebook) or {name.partition("_")[2]}


def imported_modules(tree: ast.Module) -> set[str]:
    """Return the modules of this package that `tree` imports, without the package's name."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module in (PACKAGE, f"{PACKAGE}.exercises"):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.removeprefix(f"{PACKAGE}.") for name in names if name.startswith(f"{PACKAGE}.")}


def check_opening(lesson: Lesson) -> list[str]:
    """Title, subtitle (the module's docstring), a question in italics, and the three labelled lines."""
    first = lesson.notebook.cells[0]
    lines = [line for line in first.source.splitlines() if line.strip()]
    if first.cell_type != "markdown" or len(lines) < 2 or not lines[0].startswith("# "):
        return ["the first cell is not Markdown that opens with a `# ` title"]
    problems = [] if lines[1].startswith("> ") else ["the line after the title is not a `> ` subtitle"]
    if not QUESTION.search(first.source):
        problems.append("the opening has no line with a question in italics: *How ...?*")
    labels = [label for line in lines for label in OPENING_LABELS if line.startswith(label)]
    if labels != list(OPENING_LABELS):
        problems.append(f"the opening lacks one of these labels, in this order: {', '.join(OPENING_LABELS)}")
    return problems


def check_closing(lesson: Lesson) -> list[str]:
    """What you saw, with a table; three exercises; what comes next."""
    if headings(lesson)[-3:] != CLOSING_HEADINGS:
        return [f"the last three sections are not {', '.join(CLOSING_HEADINGS)}"]
    problems = []
    summary, code = section(lesson, CLOSING_HEADINGS[0])
    if "|---" not in summary.replace(" ", "") and not any("<table" in text for cell in code for text in texts(cell)):
        problems.append("`## What you saw` has no table")
    exercises, _ = section(lesson, CLOSING_HEADINGS[1])
    if re.findall(r"^### (\d+)\. ", exercises, re.MULTILINE) != [str(number + 1) for number in range(EXERCISES)]:
        problems.append(f"`## Exercises` has not {EXERCISES} headings `### 1. ...`, numbered from 1")
    if not section(lesson, CLOSING_HEADINGS[2])[0].strip():
        problems.append("`## Next` is empty")
    return problems


def solution_of(cell: NotebookNode) -> str | None:
    """Return the code of the solution that `cell` holds, None where it holds none."""
    found = SOLUTION.fullmatch(cell.source) if cell.cell_type == "markdown" else None
    return found[1] if found else None


def checked(source: str) -> str | None:
    """Return the name of the check that code ends on, of `check.NAME(...)`."""
    last = ast.parse(MAGIC.sub(r"\1pass", source)).body[-1:]
    call = last[0].value if last and isinstance(last[0], ast.Expr) else None
    called = ast.unparse(call.func) if isinstance(call, ast.Call) else ""
    return called.removeprefix("check.") if called.startswith("check.") else None


def check_exercises(lesson: Lesson) -> list[str]:
    """Each exercise is a cell to fill in, still open, and a solution in folded text, which CI runs."""
    _, code = section(lesson, CLOSING_HEADINGS[1])
    answers = [cell for cell in code if checked(cell.source)]
    solutions = [solution for cell in lesson.notebook.cells if (solution := solution_of(cell))]
    if len(answers) != EXERCISES or [checked(cell.source) for cell in answers] != [checked(one) for one in solutions]:
        return [f"`## Exercises` has not {EXERCISES} cells that end on `check.NAME(...)`, each with its solution"]
    open_ones = {cell.id for cell in answers if any("Open:" in text for text in texts(cell))}
    return [
        f"the cell to fill in for `{checked(cell.source)}` does not say that it is open"
        for cell in answers
        if cell.id not in open_ones
    ]


def installation(name: str) -> str:
    """Return the first code cell of a lesson."""
    if name not in EXTRAS:
        return INSTALLATION
    extras, module = EXTRAS[name]
    sought = INSTALLATION.replace('("imgaug")', f'("imgaug") and find_spec("{module}")')
    return sought.replace("[course]", f"[{extras}]")


def check_installation(lesson: Lesson) -> list[str]:
    """The first code cell installs the package where it is missing, with the extras that the lesson needs."""
    as_it_should = lesson.code_cells[0].source == installation(lesson.name)
    return [] if as_it_should else ["the first code cell is not INSTALLATION"]


def check_parameters(lesson: Lesson) -> list[str]:
    """One cell tagged `parameters`, before the first section, of nothing but UPPER_CASE = literal."""
    if sum("parameters" in tags(cell) for cell in lesson.code_cells) != 1:
        return ["not exactly one code cell is tagged `parameters`"]
    for cell in lesson.notebook.cells:
        if cell.cell_type == "markdown" and re.search("^## ", cell.source, re.MULTILINE):
            return ["the cell tagged `parameters` comes after the first section's heading"]
        if "parameters" in tags(cell):
            others = [ast.unparse(statement) for statement in parse(cell).body if not is_constant(statement)]
            return [f"`{other}` in the cell tagged `parameters` is not NAME = literal" for other in others]
    return []


def is_constant(statement: ast.stmt) -> bool:
    """Return whether `statement` gives one UPPER_CASE name a literal value."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return False
    target = statement.targets[0]
    try:
        ast.literal_eval(statement.value)
    except ValueError:
        return False
    return isinstance(target, ast.Name) and target.id.isupper()


def signature_lines(function: Function) -> int:
    """Return how many lines the signature of `function` takes beyond its first."""
    body = function.body[0]
    return max(0, body.lineno - function.lineno - 1)


def is_one_class(cell: NotebookNode) -> bool:
    """Return whether `cell` defines a class and nothing else."""
    return [type(statement) for statement in parse(cell).body] == [ast.ClassDef]


def check_lengths(lesson: Lesson) -> list[str]:
    """Small cells, functions and modules."""
    middle = median(count_lines(cell) for cell in lesson.code_cells)
    problems = [f"the median code cell has {middle} lines"] if middle > MAX_MEDIAN_LINES else []
    for cell in lesson.exported_cells:
        number, lines = cell.execution_count, count_lines(cell) - sum(map(signature_lines, functions(cell)))
        limit = MAX_CLASS_CELL_LINES if is_one_class(cell) else MAX_EXPORTED_CELL_LINES
        if lines > limit:
            problems.append(f"exported cell {number} has {lines} lines (at most {limit})")
        for function in functions(cell):
            if body_lines(function) > MAX_FUNCTION_LINES:
                problems.append(f"`{function.name}` has {body_lines(function)} lines (at most {MAX_FUNCTION_LINES})")
    total = sum(count_statements(parse(cell)) for cell in lesson.exported_cells)
    if total > MAX_MODULE_STATEMENTS:
        problems.append(f"the exported cells have {total} statements (at most {MAX_MODULE_STATEMENTS})")
    return problems


def check_execution_counts(lesson: Lesson) -> list[str]:
    """Every code cell was run, in order, and none is empty."""
    counts = [cell.execution_count for cell in lesson.code_cells]
    problems = [] if counts == list(range(1, len(counts) + 1)) else ["the execution counts are not 1..n"]
    if any(not cell.source.strip() for cell in lesson.notebook.cells):
        problems.append("there is an empty cell")
    return problems


def check_outputs(lesson: Lesson) -> list[str]:
    """No errors (except where a tag expects one), no stderr, no paths of the machine."""
    problems = []
    for cell in lesson.code_cells:
        kinds = {output.get("name", output.output_type) for output in cell.outputs}
        if "error" in kinds and not tags(cell) & ERROR_TAGS:
            problems.append(f"cell {cell.execution_count} stores an error")
        if "stderr" in kinds:
            problems.append(f"cell {cell.execution_count} stores what was printed to stderr")
        if any(MACHINE_PATH.search(text) or str(TOP) in text for text in texts(cell)):
            problems.append(f"cell {cell.execution_count} shows a path of the machine that it ran on")
    return problems


def check_timings(lesson: Lesson) -> list[str]:
    """No timings in outputs that nbval compares."""
    problems = []
    for cell in lesson.code_cells:
        found = None if tags(cell) & IGNORE_TAGS else TIMING.search("\n".join(texts(cell)))
        if found:
            problems.append(f"cell {cell.execution_count} shows a timing, `{found[0]}`, in an output that is compared")
    return problems


def check_tags(lesson: Lesson) -> list[str]:
    """Only tags that something reads, few outputs that are not compared, and no marker that ends up in the library."""
    problems = [f"unknown tag `{tag}`" for cell in lesson.code_cells for tag in sorted(tags(cell) - KNOWN_TAGS)]
    for cell in lesson.code_cells:
        if FOLDED_TAG in tags(cell) and cell.metadata.get("jupyter") != FOLDED_METADATA:
            problems.append(f"cell {cell.execution_count} is folded on the site only: its metadata lack jupyter")
        if WIDGET_TAG in tags(cell) and (cell.outputs or not tags(cell) & IGNORE_TAGS):
            problems.append(f"cell {cell.execution_count} is a widget: its output is neither stored nor compared")
    ignored = sum(bool(tags(cell) & IGNORE_TAGS) and WIDGET_TAG not in tags(cell) for cell in lesson.code_cells)
    allowed = max(4, len(lesson.code_cells) // 5)
    if ignored > allowed:
        problems.append(f"{ignored} cells are not compared (at most {allowed})")
    if any(re.search(r"^\s*#+\s*NBVAL_", cell.source, re.MULTILINE) for cell in lesson.code_cells):
        problems.append("a `# NBVAL_...` comment: use a tag, since comments of exported cells end up in the library")
    return problems


def check_size(lesson: Lesson) -> list[str]:
    """A file that opens quickly and keeps the repository small."""
    return [f"the file has {lesson.size:,} bytes (at most {MAX_FILE_BYTES:,})"] if lesson.size > MAX_FILE_BYTES else []


def names_used(tree: ast.AST) -> set[str]:
    """Return every name and attribute that `tree` mentions."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def has_test(tree: ast.Module) -> bool:
    """Return whether `tree` asserts something or shows an error being caught."""
    return any(isinstance(node, ast.Assert | ast.Try) for node in ast.walk(tree))


def reached(trees: list[ast.Module], definitions: list[Definition]) -> set[str]:
    """Return the names that `trees` use, and what the used ones of `definitions` use (such as a result's class)."""
    used = set().union(*map(names_used, trees))
    return used.union(*(names_used(node) for node in definitions if node.name in used))


def soon_after(cells: list[NotebookNode], place: int) -> list[NotebookNode]:
    """Return the next cells that a reader sees, and the folded ones among and right behind them."""
    seen, found = 0, []
    for cell in cells[place + 1 :]:
        seen += not is_folded(cell)
        if seen > CELLS_UNTIL_PROVED:
            break
        found.append(cell)
    return found


def check_proved(lesson: Lesson) -> list[str]:
    """Each public function and class is used, beside an assertion, soon after its definition."""
    problems = []
    cells = lesson.code_cells
    where = f"in the {CELLS_UNTIL_PROVED} code cells that a reader sees after it"
    for place, cell in enumerate(cells):
        trees = [parse(later) for later in soon_after(cells, place)]
        definitions = [node for node in parse(cell).body if isinstance(node, Definition)] if is_exported(cell) else []
        public = sorted(node.name for node in definitions if not node.name.startswith("_"))
        unused = set(public) - reached(trees, definitions)
        problems += [f"`{name}` is not used {where}" for name in sorted(unused)]
        if public and not any(map(has_test, trees)):
            problems.append(f"nothing is asserted about {', '.join(public)} {where}")
    return problems


def own_exercises(lesson: Lesson) -> set[str]:
    """Return the modules that check the exercises of `lesson`."""
    return {"exercises"} | {f"exercises.{name}" for name in own_modules(lesson.name, lesson.notebook)}


def is_taught(name: str, lesson: Lesson) -> bool:
    """Return whether a module, or what it lies in, is exported by a lesson or checks the exercises of one."""
    return any(f"{name}.".startswith(f"{taught}.") for taught in lesson.taught_modules)


def check_imports(lesson: Lesson) -> list[str]:
    """No module that a later lesson teaches; those that no lesson exports may be used by any."""
    problems: list[str] = []
    for cell in lesson.code_cells:
        imported = imported_modules(parse(cell)) - lesson.earlier_modules - own_exercises(lesson)
        later = {name for name in imported if is_taught(name, lesson)}
        problems += [f"`{PACKAGE}.{name}` is the module of a later lesson" for name in sorted(later)]
    return problems


def is_folded(cell: NotebookNode) -> bool:
    """Return whether a reader does not see the code of `cell`."""
    return FOLDED_TAG in tags(cell)


def visible_lines(cell: NotebookNode) -> list[str]:
    """Return the lines of code that a reader sees in `cell`, without nbdev's directives."""
    return [line for line in cell.source.splitlines() if line.strip() and not line.startswith("#|")]


def check_reading(lesson: Lesson) -> list[str]:
    """Nothing is cut off on a page, there is something to look at soon, and no wall of assertions stands in the way."""
    cells = [cell for cell in lesson.code_cells if not is_folded(cell)]
    wide = [line for cell in cells for line in visible_lines(cell) if len(line) > MAX_COLUMNS]
    problems = [f"a line of {len(line)} columns (at most {MAX_COLUMNS}): {line.strip()[:40]}..." for line in wide]
    before = 0
    for cell in cells:
        if cell.outputs:
            break
        before += len(visible_lines(cell))
    if before > LINES_UNTIL_SHOWN:
        problems.append(f"{before} lines of code before the first thing to look at (at most {LINES_UNTIL_SHOWN})")
    for cell in cells:
        statements = parse(cell).body
        if statements and all(isinstance(statement, ast.Assert) for statement in statements):
            problems.append(f"cell {cell.execution_count} only asserts, and is not folded (tag `{FOLDED_TAG}`)")
    return problems


def check_network(lesson: Lesson) -> list[str]:
    """No cell of the lesson itself opens an address of another machine, or installs anything but the course."""
    problems = []
    for cell in lesson.code_cells:
        if cell.source == installation(lesson.name) or is_exported(cell):
            continue
        asked = NETWORK_COMMAND.search(cell.source) or OTHER_MACHINE.search(cell.source)
        if asked or names_used(parse(cell)) & NETWORK_CALLS:
            problems.append(f"cell {cell.execution_count} uses the network")
    return problems


CHECKS: tuple[Check, ...] = (
    check_opening,
    check_closing,
    check_exercises,
    check_installation,
    check_parameters,
    check_lengths,
    check_execution_counts,
    check_outputs,
    check_timings,
    check_tags,
    check_size,
    check_proved,
    check_imports,
    check_reading,
    check_network,
)


def load_lessons(folder: Path) -> list[Lesson]:
    """Return the lessons in `folder`, in teaching order: those with two digits, then the appendix (A and a digit)."""
    numbered, appendix = sorted(folder.glob("[0-9][0-9]_*.ipynb")), sorted(folder.glob("A[0-9]_*.ipynb"))
    notebooks = {path: nbformat.read(path, as_version=4) for path in numbered + appendix}
    # What the appendix explains may be used by any lesson, as what no lesson explains.
    taught = frozenset(name for path in numbered for name in own_modules(path.stem, notebooks[path]))
    taught |= {f"exercises.{name}" for path in notebooks for name in own_modules(path.stem, notebooks[path])}
    lessons: list[Lesson] = []
    earlier: frozenset[str] = frozenset()
    for path, notebook in notebooks.items():
        lessons.append(Lesson(path.stem, notebook, path.stat().st_size, earlier, taught))
        earlier |= own_modules(path.stem, notebook)
    return lessons
