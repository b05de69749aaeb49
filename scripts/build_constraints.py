"""Rebuild constraints.txt: one exact version of every package, for every Python that settings.ini allows.

Run by hand, with `make constraints`, when a requirement changes: versions that stand there and still fit are kept. With
`--upgrade`, newer versions are chosen. uv does it: pip resolves only for the Python and the platform that it runs on.
"""

import configparser
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent

# Versions that are held back on purpose.
HELD_BACK = (
    # TensorFlow 2.21 prints a line about missing CUDA libraries whatever TF_CPP_MIN_LOG_LEVEL says.
    "tensorflow==2.20.0",
    # The last build of OpenCV 4.12: both wheels must be the same build.
    "opencv-python==4.12.0.88",
    "opencv-python-headless==4.12.0.88",
    # The last version without an upper bound on Python, which pip obeys and uv does not.
    "backports-strenum==1.2.8",
    # What the vectors and the ONNX files of lesson 21 were made with.
    "torch==2.13.0",
)

HEADER = """\
# The exact versions that the stored outputs of the notebooks were made with, for Python {first} to {last}.
# Made by `make constraints` (scripts/build_constraints.py) from settings.ini; do not edit by hand.
# Used as `pip install -c constraints.txt ...`: it installs nothing by itself.
"""


def read_settings() -> configparser.SectionProxy:
    """Return the one section of settings.ini."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.read(TOP / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]


def describe_environment(last: str) -> str:
    """Return the marker of every machine we mean: Python up to `last` (such as "3.13"), and not in a browser."""
    too_new = f"3.{int(last.split('.')[1]) + 1}"
    return f"python_full_version < '{too_new}' and sys_platform != 'emscripten'"


def list_requirements(settings: configparser.SectionProxy) -> list[str]:
    """Return every requirement of settings.ini and every version that is held back."""
    names = [name for name in settings if name.endswith("requirements")]
    lines = [line for name in names for line in settings[name].splitlines()] + list(HELD_BACK)
    return [line for line in lines if line.strip()]


def shorten(line: str, always: str) -> str:
    """Return `line` ("name==version ; marker") without the parts of its marker that `always` hold here."""
    pin, _, marker = line.partition(" ; ")
    if " or " in marker:
        return line
    kept = [part for part in marker.split(" and ") if part and part not in always.split(" and ")]
    return f"{pin} ; {' and '.join(kept)}" if kept else pin


def resolve(requirements: list[str], first: str, environment: str, *options: str) -> str:
    """Return the resolved versions, a line each, from Python `first` on. Raises CalledProcessError."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", first]
    command += [*options, "--no-header", "--no-annotate", "--output-file", "constraints.txt", "-"]
    text = "\n".join(requirements)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text(f'[tool.uv]\nenvironments = ["{environment}"]\n', encoding="utf-8")
        shutil.copy(TOP / "constraints.txt", folder)  # uv keeps the versions that stand in the file it writes
        subprocess.run(command, cwd=folder, input=text, text=True, stdout=subprocess.DEVNULL, check=True)
        return Path(folder, "constraints.txt").read_text(encoding="utf-8")


def main() -> None:
    """Write constraints.txt beside settings.ini; options are passed on to uv."""
    settings = read_settings()
    first, last = settings["min_python"], settings["max_python"]
    environment = describe_environment(last)
    try:
        resolved = resolve(list_requirements(settings), first, environment, *sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(f"build_constraints.py: uv found no set of versions (exit code {error.returncode}); see above.")
    pins = "".join(f"{shorten(line, environment)}\n" for line in resolved.splitlines())
    (TOP / "constraints.txt").write_text(HEADER.format(first=first, last=last) + pins, encoding="utf-8")
    print(f"constraints.txt: {len(pins.splitlines())} lines")


if __name__ == "__main__":
    main()
