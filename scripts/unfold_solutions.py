"""Copy the lessons with their solutions as cells of code, so that pytest --nbval runs the solutions too.

    python scripts/unfold_solutions.py FOLDER     # FOLDER must not exist

In a lesson a solution is folded text. In the copy it is the code of that text, which shows nothing, and must be right.
"""

import argparse
import re
import shutil
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parent.parent / "nbs"
SOLUTION = re.compile(r"<details><summary>Solution</summary>\n\n```python\n(.*)\n```\n\n</details>", re.DOTALL)
CHECK = re.compile(r"^(?=check\.\w+\()", re.MULTILINE)


def solution_code(text: str) -> str | None:
    """Return what the solution in Markdown `text` does, and an assertion that it is right; None where there is none."""
    found = SOLUTION.fullmatch(text)
    if found is None:
        return None
    *before, last = CHECK.split(found[1])
    return "".join(before) + f"verdict = {last}\nassert verdict.right, verdict"


def unfold(path: Path) -> int:
    """Rewrite the notebook `path`, and return how many solutions it has."""
    notebook = nbformat.read(path, as_version=4)
    count = 0
    for place, cell in enumerate(notebook.cells):
        code = solution_code(cell.source) if cell.cell_type == "markdown" else None
        if code is not None:
            notebook.cells[place] = nbformat.v4.new_code_cell(code, id=cell.id)
            count += 1
    nbformat.write(notebook, path)
    return count


def main() -> None:
    """Read the command line and copy."""
    parser = argparse.ArgumentParser(description="Copy the lessons with their solutions as cells of code.")
    parser.add_argument("folder", type=Path, help="where to; must not exist")
    folder = parser.parse_args().folder
    shutil.copytree(NOTEBOOKS, folder)
    counts = [unfold(path) for path in sorted(folder.glob("*_*.ipynb"))]
    print(f"{sum(counts)} solutions of {len(counts)} lessons")


if __name__ == "__main__":
    main()
