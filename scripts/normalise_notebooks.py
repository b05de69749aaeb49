"""Bring notebooks into the one form in which they are kept in the repository.

    python scripts/normalise_notebooks.py            # rewrite every notebook in nbs/
    python scripts/normalise_notebooks.py --check    # change nothing; exit 1 if a notebook would change
    python scripts/normalise_notebooks.py FILE...    # only these

nbdev's cleaning comes first. It sets every execution count to null, which nbval rejects, so the counts are then set to
1..n in the order of the cells. Pictures are kept in few colours, which makes them a third as large, and what a widget
drew is left out: only a running kernel can move it. Cell ids are made from the cells' content: the same lesson has the
same ids however it was written, and nbdev-export, which copies the ids into the library, changes only what was edited.
"""

import argparse
import base64
import hashlib
import io
import os
import sys
from pathlib import Path

import nbformat
from nbdev.clean import clean_nb
from nbdev.config import get_config
from nbformat import NotebookNode
from PIL import Image

TOP = Path(__file__).resolve().parent.parent

# The same in every notebook, whatever machine or Python it was last run with. The name is the one that JupyterLab
# writes: with another one, a notebook would count as changed as soon as it is opened.
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {"name": "python"}
FOLDED_TAG, WIDGET_TAG = "hide-input", "widget"


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the code cells of `notebook`, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def trim_sources(notebook: NotebookNode) -> None:
    """Drop blank lines around each cell's source, and spaces at line ends in code (in Markdown they break lines)."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = "\n".join(line.rstrip() for line in cell.source.split("\n"))
        cell.source = cell.source.strip("\n").rstrip()


def set_ids(notebook: NotebookNode) -> None:
    """Give each cell an id made from its type and source; a repeated cell gets a number behind it."""
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def clean(notebook: NotebookNode) -> None:
    """Apply nbdev's cleaning with the metadata keys that pyproject.toml allows."""
    config = get_config(TOP)
    clean_nb(
        notebook,
        allowed_metadata_keys=config.get("allowed_metadata_keys"),
        allowed_cell_metadata_keys=config.get("allowed_cell_metadata_keys"),
        clean_ids=config.clean_ids,
    )


def set_metadata(notebook: NotebookNode) -> None:
    """Set the notebook's metadata to fixed values."""
    notebook.metadata = NotebookNode(kernelspec=NotebookNode(KERNELSPEC), language_info=NotebookNode(LANGUAGE_INFO))
    notebook.nbformat, notebook.nbformat_minor = 4, 5


def set_execution_counts(notebook: NotebookNode) -> None:
    """Number the code cells 1..n, and each result with its cell's number."""
    for number, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number


def join_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return `outputs` with consecutive pieces of one stream joined: where they were cut depends on timing."""
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def fold(notebook: NotebookNode) -> None:
    """Fold cells in JupyterLab too that the site folds because of their tag."""
    for cell in code_cells(notebook):
        if FOLDED_TAG in cell.metadata.get("tags", []):
            cell.metadata["jupyter"] = {"source_hidden": True}
        else:
            cell.metadata.pop("jupyter", None)


def shrink(png: str) -> str:
    """Return a picture, base64, in at most 256 colours; one that has a table of colours already stays as it is."""
    image = Image.open(io.BytesIO(base64.b64decode(png)))
    if image.mode == "P":
        return png
    few = io.BytesIO()
    opaque = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
    opaque.quantize(256, kmeans=1, dither=Image.Dither.NONE).save(few, "PNG", optimize=True)
    return base64.b64encode(few.getvalue()).decode()


def shrink_pictures(notebook: NotebookNode) -> None:
    """Keep the pictures among the outputs in few colours."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = shrink(output.data["image/png"])


def leave_widgets_out(notebook: NotebookNode) -> None:
    """Store nothing for a widget; the cell after it shows the same as a still picture.

    `make notebooks` does not run it either: nbconvert may wait for ever for the end of such a cell (nbclient#312).
    """
    for cell in code_cells(notebook):
        if WIDGET_TAG in cell.metadata.get("tags", []):
            cell.outputs = []
            cell.metadata["tags"] = sorted({*cell.metadata["tags"], "skip-execution"})


def normalise(notebook: NotebookNode) -> None:
    """Change `notebook` in place into its normal form. Raises `nbformat.ValidationError` if that is not valid."""
    trim_sources(notebook)
    # Before nbdev's cleaning, which gives random ids to cells that have none.
    set_ids(notebook)
    clean(notebook)
    set_metadata(notebook)
    fold(notebook)
    leave_widgets_out(notebook)
    shrink_pictures(notebook)
    set_execution_counts(notebook)
    for cell in code_cells(notebook):
        cell.outputs = join_streams(cell.outputs)
    nbformat.validate(notebook)


def describe_changes(before: NotebookNode, after: NotebookNode) -> str:
    """Return what differs between two states of one notebook, in a few words."""
    changed = [] if before.metadata == after.metadata else ["notebook metadata"]
    for field in ("id", "source", "metadata", "execution_count", "outputs"):
        pairs = zip(before.cells, after.cells, strict=True)
        count = sum(old.get(field) != new.get(field) for old, new in pairs)
        if count:
            changed.append(f"{field} of {count} cells")
    return ", ".join(changed) or "the layout of the file"


def normalise_file(path: Path, check: bool) -> bool:
    """Normalise the notebook `path`, or only look if `check`; say what differs, and return whether anything does."""
    text = path.read_text(encoding="utf-8")
    before = nbformat.reads(text, as_version=4)
    after = nbformat.reads(text, as_version=4)
    normalise(after)
    normal = nbformat.writes(after).rstrip("\n") + "\n"
    if normal == text:
        return False
    print(f"{os.path.relpath(path)}: {'not normalised' if check else 'changed'}: {describe_changes(before, after)}")
    if not check:
        path.write_text(normal, encoding="utf-8", newline="\n")
    return True


def main() -> None:
    """Read the command line, normalise, and exit with 1 if `--check` found a difference."""
    parser = argparse.ArgumentParser(description="Bring notebooks into the form in which they are kept.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="files to normalise; default: nbs/*.ipynb")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a notebook would change")
    arguments = parser.parse_args()
    paths = arguments.notebooks or sorted((TOP / "nbs").glob("*.ipynb"))
    changed = [path for path in paths if normalise_file(path, arguments.check)]
    if arguments.check and changed:
        sys.exit(f"{len(changed)} of {len(paths)} notebooks are not normalised. Run: make clean-notebooks")


if __name__ == "__main__":
    main()
