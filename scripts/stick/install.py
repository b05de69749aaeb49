"""Install the course on a laptop without network, from the wheels beside this file.

python3 install.py               # Linux, macOS
py install.py                    # Windows
python3 install.py MY_FOLDER     # somewhere else than in the folder `imgclass` of your home
"""

import argparse
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIRST, LAST = (3, 11), (3, 13)


def programs(environment: Path) -> Path:
    """Return the folder of an environment's programs."""
    return environment / ("Scripts" if sys.platform == "win32" else "bin")


def install(environment: Path) -> None:
    """Make a virtual environment and put the course into it. Raises `CalledProcessError` where a wheel is missing."""
    venv.create(environment, with_pip=True)
    pip = [str(programs(environment) / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    pip += ["--no-index", "--find-links", str(HERE / "wheels"), "--constraint", str(HERE / "constraints.txt")]
    subprocess.run([*pip, "imgclass_course[course,demo]"], check=True)
    # Two builds of OpenCV overwrite each other; the headless one, installed last, needs no libraries of a screen.
    subprocess.run([*pip, "--force-reinstall", "--no-deps", "opencv-python-headless"], check=True)


def main() -> None:
    """Read the command line, install, and say how to start."""
    parser = argparse.ArgumentParser(description="Install the course without network.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path.home() / "imgclass", help="where to")
    folder = parser.parse_args().folder.expanduser().resolve()
    if not FIRST <= sys.version_info[:2] <= LAST:
        sys.exit(
            f"This is Python {sys.version.split()[0]}. The stick is for 3.{FIRST[1]} to 3.{LAST[1]}: "
            "start install.py with one of these."
        )
    if not (HERE / "wheels").is_dir():
        sys.exit(f"There is no folder `wheels` beside {HERE / 'install.py'}: copy the whole stick.")
    print(f"Installing into {folder}; this takes some minutes.", flush=True)
    try:
        install(folder / "environment")
    except subprocess.CalledProcessError:
        sys.exit(
            "A package is missing on the stick for this system (see above). It is for Linux, macOS on Apple "
            "silicon and Windows, each on 64 bits."
        )
    command = programs(folder / "environment") / "imgclass"
    print(f'Done. Open the lessons:\n\n  "{command}" lab "{folder / "lessons"}"')


if __name__ == "__main__":
    main()
