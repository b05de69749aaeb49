"""What the library must not do at all, read from its sources."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import TOP

SOURCES = sorted(path for folder in ("imgclass_course", "scripts") for path in (TOP / folder).glob("*.py"))
UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "extractall", "unpack_archive", "read_pickle", "to_pickle", "system"}
# What must not be left to a default that another version may change.
NEEDED = {"load_model": ("safe_mode", True), "Environment": ("autoescape", True)}
FORBIDDEN = {"allow_pickle": True, "safe_mode": False, "shell": True, "autoescape": False}


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
        flags = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
        if name in UNSAFE_CALLS:
            yield f"line {node.lineno} calls {name}"
        if any(flag in flags and flags[flag] is value for flag, value in FORBIDDEN.items()):
            yield f"line {node.lineno} calls {name} with {flags}"
        if name in NEEDED and flags.get(NEEDED[name][0]) is not NEEDED[name][1]:
            yield f"line {node.lineno} calls {name} without {NEEDED[name][0]}={NEEDED[name][1]}"
        if ast.unparse(node.func) in ("np.load", "numpy.load") and flags.get("allow_pickle") is not False:
            yield f"line {node.lineno} calls {name} without allow_pickle=False"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_source_does_nothing_unsafe(path: Path) -> None:
    assert list(problems(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "keras.models.load_model(path)",
        "keras.models.load_model(path, safe_mode=False)",
        "archive.extractall(folder)",
        "subprocess.run(line, shell=True)",
        "jinja2.Environment()",
        "eval(text)",
    ],
)
def test_unsafe_source_is_found(source: str) -> None:
    assert len(list(problems(source))) >= 1
