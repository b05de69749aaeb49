"""What the library must not do at all, read from its sources."""

import ast
from collections.abc import Iterator

import pytest
from support import TOP

FOLDERS = ("imgclass_course", "scripts")
SOURCES = sorted(path for folder in FOLDERS for path in (TOP / folder).rglob("*.py"))
UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "extractall", "unpack_archive", "read_pickle", "to_pickle", "system", "popen", "mktemp"}
UNSAFE_CALLS |= {"getoutput", "getstatusoutput", "enable_unsafe_deserialization", "_create_unverified_context"}
UNSAFE_NAMES = {"compile", "__import__"}  # called by their bare name: `re.compile` is another one
# What must not be left to a default that another version may change.
NEEDED = {"load_model": ("safe_mode", True), "Environment": ("autoescape", True)}
FORBIDDEN = {"allow_pickle": True, "safe_mode": False, "shell": True, "autoescape": False, "verify": False}


# A reader of PyTorch's files, which are pickles: it finds no class but those of tensors (tests/test_efficientnet.py).
ALLOWED = ("scripts/build_efficientnet.py", "imports pickle")


def called_name(call: ast.Call) -> str:
    """Return the last part of what is called: `load` for `np.load(...)`."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def problems(source: str) -> Iterator[str]:
    """Yield what a source text does that may run code of a file's author."""
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (f"line {node.lineno} imports {name}" for name in names if name.split(".")[0] in UNSAFE_MODULES)
        if not isinstance(node, ast.Call):
            continue
        name = called_name(node)
        flags = {word.arg: getattr(word.value, "value", None) for word in node.keywords if word.arg}
        if name in UNSAFE_CALLS or (isinstance(node.func, ast.Name) and name in UNSAFE_NAMES):
            yield f"line {node.lineno} calls {name}"
        if any(flag in flags and flags[flag] is value for flag, value in FORBIDDEN.items()):
            yield f"line {node.lineno} calls {name} with {flags}"
        if name in NEEDED and flags.get(NEEDED[name][0]) is not NEEDED[name][1]:
            yield f"line {node.lineno} calls {name} without {NEEDED[name][0]}={NEEDED[name][1]}"
        if ast.unparse(node.func) in ("np.load", "numpy.load") and flags.get("allow_pickle") is not False:
            yield f"line {node.lineno} calls {name} without allow_pickle=False"


def test_no_source_does_anything_unsafe() -> None:
    found = {str(path.relative_to(TOP)): list(problems(path.read_text(encoding="utf-8"))) for path in SOURCES}
    unsafe = [(path, problem) for path, listed in found.items() for problem in listed]
    assert [(path, problem.split(" ", 2)[2]) for path, problem in unsafe] == [ALLOWED]


def test_every_source_is_looked_at() -> None:
    library = TOP / "imgclass_course"
    folders = {path.parent.name for path in SOURCES if library in path.parents}
    packages = {path.parent.name for path in library.glob("*/__init__.py")}
    assert packages >= {"foundation", "outputs", "commands", "exercises"} and packages <= folders


UNSAFE = [
    "import pickle",
    "from joblib import load",
    "import os.path, marshal",
    "np.load(path)",
    "np.load(path, allow_pickle=True)",
    "numpy.load(path, allow_pickle=flag)",
    "keras.models.load_model(path)",
    "keras.models.load_model(path, safe_mode=False)",
    "archive.extractall(folder)",
    "subprocess.run(line, shell=True)",
    "os.system(line)",
    "os.popen(line)",
    "jinja2.Environment()",
    "jinja2.Environment(autoescape=False)",
    "requests.get(url, verify=False)",
    "eval(text)",
    "builtins.exec(text)",
    "__import__(name)",
    "compile(text, '', 'exec')",
    "def f():\n    class A:\n        import dill",
]


@pytest.mark.parametrize("source", UNSAFE)
def test_unsafe_source_is_found(source: str) -> None:
    assert len(list(problems(source))) >= 1


def test_safe_source_is_left_alone() -> None:
    safe = ["np.load(path, allow_pickle=False)", "re.compile(text)", "json.load(file)", "f(**{'shell': 1})"]
    assert [list(problems(source)) for source in safe] == [[]] * len(safe)
