"""`imgclass lab`: the lessons in JupyterLab."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from imgclass_course.foundation.files import assets_folder, package_folder

from .options import PATH


@click.command()
@click.argument("folder", required=False, type=PATH, default=Path("imgclass_lessons"))
@click.option("--port", type=click.IntRange(1, 65535), default=8888, show_default=True, help="Of the first try.")
@click.option("--no_browser", "--no-browser", is_flag=True, help="Only print the address.")
@click.option("--copy_only", "--copy-only", is_flag=True, help="Copy the lessons and stop.")
def lab(folder: Path, port: int, no_browser: bool, copy_only: bool) -> None:
    """Copy the lessons into FOLDER and start JupyterLab there. Files that are there already stay as they are.

    \b
    Example:
      imgclass lab my_lessons/
    """
    if not copy_only and find_spec("jupyterlab") is None:
        raise click.ClickException('The lessons need JupyterLab and more: pip install "imgclass_course[course]"')
    click.echo(f"{_copy_lessons(folder)} lessons copied to {folder}")
    if not copy_only:
        _start(folder, port, no_browser)


def _start(folder: Path, port: int, no_browser: bool) -> None:
    """Start JupyterLab in this process's place, so that nothing is left behind when it stops."""
    arguments = [sys.executable, "-m", "jupyterlab"]
    arguments += [f"--ServerApp.root_dir={folder.resolve()}", f"--ServerApp.port={port}"]
    arguments += ["--ServerApp.open_browser=False"] if no_browser else []
    # Our settings for JupyterLab: without them it asks other hosts for news and newer versions, and calls lessons changed
    # that nobody has changed.
    paths = [str(assets_folder()), os.environ.get("JUPYTER_CONFIG_PATH")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    if sys.platform == "win32":  # there `execv` gives the terminal back while the server still runs
        sys.exit(subprocess.call(arguments))
    os.execv(sys.executable, arguments)


def _copy_lessons(folder: Path) -> int:
    """Copy the lessons that are not there yet; return how many."""
    package = package_folder()
    lessons = next(path for path in (package / "notebooks", package.parent / "nbs") if path.is_dir())
    files = (path for path in lessons.rglob("*") if path.is_file() and ".ipynb_checkpoints" not in path.parts)
    copied = 0
    for source in sorted(files):
        target = folder / source.relative_to(lessons)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            copied += source.suffix == ".ipynb"
    return copied
