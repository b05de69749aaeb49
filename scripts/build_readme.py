"""Build README.md from nbs/index.ipynb, so that what it shows has been run.

    python scripts/build_readme.py            # write README.md
    python scripts/build_readme.py --check    # change nothing; exit 1 if README.md differs

nbdev's processors drop the cells and lines that are marked as hidden, and every `#|` directive; nbconvert turns the
rest into Markdown. Pictures are linked, not embedded: one that a cell draws is left out.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from nbdev.process import NBProcessor
from nbdev.processors import clean_magics, hide_, hide_line, rm_export
from nbformat import NotebookNode

TOP = Path(__file__).resolve().parent.parent
INDEX = TOP / "nbs" / "index.ipynb"
README = TOP / "README.md"
NOTICE = "<!-- Built from nbs/index.ipynb by `make readme`: edit that notebook, not this file. -->\n\n"

# A link or picture whose target is neither an address, nor an anchor, nor an absolute path.
RELATIVE_LINK = re.compile(r"(\]\(|src=\"|href=\")(?![a-z]+:|#|/)")


def text_of(output: NotebookNode) -> dict[str, str]:
    """Return the plain text of `output`; nothing for a picture, whose text is only its Python name."""
    data = output.get("data", {})
    is_picture = any(kind.startswith("image/") for kind in data)
    return {} if is_picture or "text/plain" not in data else {"text/plain": data["text/plain"]}


def keep_text_outputs(cell: NotebookNode) -> None:
    """Leave only plain text in the outputs of `cell`, also where the notebook shows HTML."""
    for output in cell.outputs:
        if "data" in output:
            output.data = text_of(output)
    cell.outputs = [output for output in cell.outputs if output.get("data") or output.get("text")]


def link_from_top(text: str) -> str:
    """Return `text` with links that are relative to nbs/ made relative to the folder above it."""
    return RELATIVE_LINK.sub(r"\1nbs/", text).replace("nbs/../", "")


def process(path: Path) -> NotebookNode:
    """Return the notebook `path` without hidden cells and lines, directives and magics, ready to be exported."""
    processor = NBProcessor(path, procs=[hide_, hide_line, rm_export, clean_magics], process=True)
    notebook = nbformat.from_dict(processor.nb)
    # nbconvert names the language of code fences after this.
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            keep_text_outputs(cell)
        else:
            cell.source = link_from_top(cell.source)
    return notebook


def build_readme(path: Path) -> str:
    """Return the text of README.md for the notebook `path`."""
    body, _ = MarkdownExporter().from_notebook_node(process(path))
    body = "\n".join(line.rstrip() for line in body.splitlines())
    return NOTICE + re.sub(r"\n{3,}", "\n\n", body).strip() + "\n"


def main() -> None:
    """Read the command line, then write README.md or compare it."""
    parser = argparse.ArgumentParser(description="Build README.md from nbs/index.ipynb.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if README.md differs")
    text = build_readme(INDEX)
    if not parser.parse_args().check:
        README.write_text(text, encoding="utf-8", newline="\n")
    elif not README.exists() or README.read_text(encoding="utf-8") != text:
        sys.exit("README.md differs from nbs/index.ipynb. Run: make readme")


if __name__ == "__main__":
    main()
