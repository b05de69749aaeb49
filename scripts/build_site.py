"""Build the lessons as a web site, from the notebooks with their stored outputs. Needs no network and runs no lesson.

    python scripts/build_site.py                   # writes build/site; open build/site/index.html
    python scripts/build_site.py --out FOLDER

Sphinx makes the pages, MyST-NB reads the notebooks, and the theme is that of Jupyter Book. Copies of the notebooks are
prepared first: without the lines that only matter to nbdev, and with an alternative text for each plot. The other
pages that the lessons link to come along. Every warning is an error.
"""

import argparse
import ast
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbdev.process import NBProcessor
from nbdev.processors import hide_, hide_line
from nbformat import NotebookNode
from sphinx.cmd.build import build_main

from imgclass_course import __version__

TOP = Path(__file__).resolve().parent.parent
CONFIGURATION = Path(__file__).resolve().parent / "site"
BUILD = TOP / "build"

# Pages of the site that are no notebooks, and the files that they are made of.
PAGES = {
    "workshop.md": "WORKSHOP.md",
    "contributing.md": "CONTRIBUTING.md",
    "benchmarks.md": "benchmarks/RESULTS.md",
    "how_it_is_measured.md": "benchmarks/README.md",
    "data.md": "data/README.md",
    "deployment.md": "deploy/README.md",
    "notice.md": "NOTICE",
}
PLAIN_TEXT = {"NOTICE"}
DIRECTIVE = re.compile(r"^#\|.*\n?", re.MULTILINE)


def rewrite_links(text: str, folder: str) -> str:
    """Return Markdown whose links to files of the repository, written in `folder` of it, lead to the site's pages."""
    for page, source in PAGES.items():
        name = os.path.relpath(source, folder).replace(os.sep, "/")
        text = text.replace(f"]({name})", f"]({page})")
    return text if folder == "nbs" else text.replace("](nbs/", "](")


def plain(text: str) -> str:
    """Return Markdown as plain text on one line, without links' targets and marks."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"\s+", " ", re.sub(r"[`*_#>|]", "", text)).strip()


def describe_plots(notebook: NotebookNode) -> None:
    """Give each code cell that shows a picture an alternative text: the last words before it that say what is seen."""
    said = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            paragraphs = [part for part in cell.source.split("\n\n") if part.strip() and not part.startswith("#")]
            look = [part for part in paragraphs if "**Look for:**" in part]
            chosen = (look or paragraphs or [cell.source])[-1]
            said = plain(chosen)
        elif any("image/png" in output.get("data", {}) for output in cell.outputs):
            cell.metadata["mystnb"] = {"image": {"alt": f"Plot. {said}"[:300]}}


def is_folded(cell: NotebookNode) -> bool:
    """Return whether the lesson folds a cell."""
    return "hide-input" in cell.metadata.get("tags", [])


def only_imports(cell: NotebookNode) -> bool:
    """Return whether a cell of code does nothing but import."""
    return all(isinstance(statement, ast.Import | ast.ImportFrom | ast.If) for statement in ast.parse(cell.source).body)


def keep_what_is_read(notebook: NotebookNode) -> None:
    """Leave out what is for machines: nbdev's directives, the installation on Colab, and imports that are folded."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = DIRECTIVE.sub("", cell.source)
    notebook.cells = [
        cell
        for cell in notebook.cells
        if cell.source.strip() and "%pip install" not in cell.source and not (is_folded(cell) and only_imports(cell))
    ]


def prepare(path: Path) -> NotebookNode:
    """Return the notebook `path` as the site shows it."""
    processor = NBProcessor(path, procs=[hide_, hide_line], process=True)
    notebook = nbformat.from_dict(processor.nb)
    keep_what_is_read(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = rewrite_links(cell.source, "nbs")
    describe_plots(notebook)
    return notebook


def lessons() -> Iterator[Path]:
    """Yield the notebooks in the order of the site."""
    folder = TOP / "nbs"
    yield folder / "index.ipynb"
    yield from sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    yield from sorted(folder.glob("A[0-9]_*.ipynb"))


def title(notebook: NotebookNode) -> str:
    """Return the title of a notebook."""
    return notebook.cells[0].source.splitlines()[0].removeprefix("# ")


def add_contents(index: NotebookNode, notebooks: dict[str, NotebookNode]) -> None:
    """End the first page on the table of contents that the navigation is made of: "01 Images" and so on."""
    contents = "\n".join(f"{name.split('_')[0]} {title(lesson)} <{name}>" for name, lesson in notebooks.items())
    others = "\n".join(page.removesuffix(".md") for page in PAGES)
    text = (
        f"```{{toctree}}\n:hidden:\n:caption: Lessons\n\n{contents}\n```\n\n"
        f"```{{toctree}}\n:hidden:\n:caption: About\n\n{others}\n```"
    )
    index.cells.append(nbformat.v4.new_markdown_cell(text))


def write_sources(folder: Path) -> None:
    """Write everything that Sphinx reads into `folder`."""
    shutil.copytree(CONFIGURATION, folder)
    shutil.copytree(TOP / "nbs" / "images", folder / "images")
    notebooks = {path.stem: prepare(path) for path in lessons()}
    index = notebooks.pop("index")
    add_contents(index, notebooks)
    for name, notebook in {"index": index, **notebooks}.items():
        nbformat.write(notebook, folder / f"{name}.ipynb")
    for page, source in PAGES.items():
        text = (TOP / source).read_text(encoding="utf-8")
        if source in PLAIN_TEXT:
            text = f"# Notice\n\n```text\n{text}```\n"
        (folder / page).write_text(rewrite_links(text, str(Path(source).parent)), encoding="utf-8")


def clear(out: Path) -> None:
    """Remove a site that was built before. Any other folder with something in it is not touched."""
    if out.exists() and any(out.iterdir()) and not (out / "searchindex.js").exists():
        sys.exit(f"{out} holds something else than a site: name an empty or a new folder.")
    shutil.rmtree(out, ignore_errors=True)


def build(out: Path) -> int:
    """Build the site into `out`, and return Sphinx's exit code."""
    sources = BUILD / "site_sources"
    clear(out)
    shutil.rmtree(sources, ignore_errors=True)
    sources.parent.mkdir(exist_ok=True)
    write_sources(sources)
    options = ["--quiet", "--fail-on-warning", "--keep-going", "--fresh-env", f"--define=release={__version__}"]
    return build_main([*options, "--builder", "html", "-d", str(BUILD / "site_trees"), str(sources), str(out)])


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description="Build the lessons as a web site.")
    parser.add_argument("--out", type=Path, default=BUILD / "site", help="folder to write (default: build/site)")
    out = parser.parse_args().out
    if code := build(out):
        sys.exit(code)
    print(f"The site: {out}/index.html")


if __name__ == "__main__":
    main()
