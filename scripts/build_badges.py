"""Put the badges "Open in Colab" and "Launch Binder" into the lessons and the first page, or take them out.

    python scripts/build_badges.py            # rewrite the notebooks in nbs/
    python scripts/build_badges.py --check    # change nothing; exit 1 if a notebook would change

The address comes from `repository` in settings.ini (OWNER/NAME on GitHub). While that is empty there are no badges:
they would lead nowhere. Afterwards: make clean-notebooks export readme.
"""

import argparse
import configparser
import re
import sys
from pathlib import Path
from urllib.parse import quote

import nbformat

TOP = Path(__file__).resolve().parent.parent
BADGES = re.compile(r"\n\n\[!\[Open in Colab\][^\n]*")


def read_repository() -> str:
    """Return OWNER/NAME from settings.ini, or nothing."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.read(TOP / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]["repository"].strip()


def badges(repository: str, name: str) -> str:
    """Return the Markdown of the two badges of the notebook `name`, such as "01_images"; nothing without a repository.

    The pictures lie in nbs/images: a page asks no other host for them.
    """
    if not repository:
        return ""
    colab = f"https://colab.research.google.com/github/{repository}/blob/main/nbs/{name}.ipynb"
    binder = f"https://mybinder.org/v2/gh/{repository}/main?labpath={quote(f'nbs/{name}.ipynb', safe='')}"
    return f"[![Open in Colab](images/colab.svg)]({colab}) [![Launch Binder](images/binder.svg)]({binder})"


def set_badges(path: Path, repository: str, check: bool) -> bool:
    """Make the opening cell of the notebook `path` end on its badges; return whether anything changes."""
    notebook = nbformat.read(path, as_version=4)
    opening = notebook.cells[0]
    wanted = badges(repository, path.stem)
    text = BADGES.sub("", opening.source) + (f"\n\n{wanted}" if wanted else "")
    changed = text != opening.source
    if changed and not check:
        opening.source = text
        path.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8", newline="\n")
    return changed


def main() -> None:
    """Read the command line, then set the badges or compare them."""
    parser = argparse.ArgumentParser(description="Set the badges of the lessons.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a notebook would change")
    check = parser.parse_args().check
    changed = [
        path.name for path in sorted((TOP / "nbs").glob("*.ipynb")) if set_badges(path, read_repository(), check)
    ]
    if changed and check:
        sys.exit(f"The badges of {', '.join(changed)} are not those of settings.ini. Run: make badges")


if __name__ == "__main__":
    main()
