"""Build the data sets that are kept in the folder ``data``.

Both sets come from packages of the Debian project:

* ``clipart``: pictures of the Open Clip Art Library (public domain) from the
  packages ``openclipart-png`` (the pictures) and ``openclipart-svg`` (title,
  author and licence of each picture).
* ``fashion``: a sample of Fashion-MNIST (MIT licence) from the package
  ``dataset-fashion-mnist``.

Examples::

    python scripts/build_data.py clipart
    python scripts/build_data.py fashion --source unpacked_package
    python scripts/build_data.py tables

Without ``--source`` the packages are fetched with ``apt-get download`` and
unpacked with ``dpkg -x`` in a temporary folder, which needs a Debian system
and a network connection. With ``--source`` the folder must hold the unpacked
packages, that is, it contains ``usr/share``.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps

REPOSITORY = Path(__file__).resolve().parent.parent
SELECTION_FILE = Path(__file__).resolve().parent / "clipart_selection.tsv"

CLIPART_PACKAGES = ("openclipart-png", "openclipart-svg")
CLIPART_FOLDER = Path("usr/share/openclipart")
SELECTION_COLUMNS = ("source", "class", "file_name")
ATTRIBUTION_COLUMNS = ("file", "title", "author", "licence", "source")
LONGEST_SIDE = 224  # pixels, with the margin
MARGIN = 4  # pixels on each side
WHITE_TOLERANCE = 8  # grey levels (of 255) that still count as white paper
JPEG_QUALITY = 88  # percent
LICENCE = "PublicDomain"  # as written in the metadata of the drawings
WORK = ".//{*}metadata//{*}Work"  # place of the metadata in a drawing

FASHION_PACKAGES = ("dataset-fashion-mnist",)
FASHION_FOLDER = Path("usr/share/datasets/fashion-mnist")
FASHION_COPYRIGHT = Path("usr/share/doc/dataset-fashion-mnist/copyright")
FASHION_SEED = 20240501
TRAIN_PER_CLASS = 600  # pictures
TEST_PER_CLASS = 100  # pictures
FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


class BuildError(Exception):
    """A mistake the user can put right; the text says how."""


class Choice(NamedTuple):
    """One line of the selection: which picture goes where under which name."""

    source: str
    class_name: str
    file_name: str

    @property
    def target(self) -> str:
        """Return the place of the picture in the set, ``CLASS/NAME.jpg``."""
        return f"{self.class_name}/{self.file_name}"


class Credit(NamedTuple):
    """Title, author and licence of one picture."""

    title: str
    author: str
    licence: str


# --- Debian packages -------------------------------------------------------


def fetch_packages(packages: tuple[str, ...], folder: Path) -> None:
    """Download Debian packages and unpack them into one folder."""
    for package in packages:
        run(["apt-get", "download", package], folder)
    for archive in sorted(folder.glob("*.deb")):
        run(["dpkg", "-x", archive.name, "."], folder)


def run(command: list[str], folder: Path) -> None:
    """Run a command in a folder; raise BuildError when it does not work."""
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise BuildError(
            f"The command '{command[0]}' was not found. Without a Debian system, unpack the "
            "packages by other means and give their folder with --source."
        ) from error
    except subprocess.CalledProcessError as error:
        raise BuildError(
            f"'{' '.join(command)}' failed: {error.stderr.strip()}\n"
            "Run 'apt-get update' and check the network, or give an unpacked folder with --source."
        ) from error


def build_from(
    source: Path | None, packages: tuple[str, ...], build: Callable[[Path, Path], None], out: Path
) -> None:
    """Call ``build(source, out)`` with the given folder or with fetched packages."""
    if source is not None:
        build(source, out)
        return
    with tempfile.TemporaryDirectory() as temporary:
        fetch_packages(packages, Path(temporary))
        build(Path(temporary), out)


def require(path: Path, packages: tuple[str, ...]) -> Path:
    """Return the path if it exists; otherwise say which packages are missing."""
    if not path.exists():
        raise BuildError(
            f"'{path}' does not exist. --source must be the folder into which these packages "
            f"were unpacked: {', '.join(packages)}."
        )
    return path


# --- clip art --------------------------------------------------------------


def build_clipart(source: Path, out: Path) -> None:
    """Write ``out/clipart`` anew: the pictures of the selection and their credits."""
    choices = read_selection(SELECTION_FILE)
    pictures = require(source / CLIPART_FOLDER / "png", CLIPART_PACKAGES)
    drawings = require(source / CLIPART_FOLDER / "svg", CLIPART_PACKAGES)
    target = out / "clipart"
    if target.exists():
        shutil.rmtree(target)
    for choice in choices:
        picture = prepare_picture(require(pictures / choice.source, CLIPART_PACKAGES))
        save_picture(picture, target / choice.target)
    check_no_copies(sorted(target.glob("*/*.jpg")))
    write_attribution(choices, drawings, target / "ATTRIBUTION.tsv")


def read_selection(path: Path) -> list[Choice]:
    """Read the selection table; return its lines sorted by place in the set."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file, delimiter="\t")
    if tuple(header) != SELECTION_COLUMNS:
        raise BuildError(f"The first line of '{path}' must be: {' '.join(SELECTION_COLUMNS)}")
    choices = sorted((Choice(*line) for line in lines), key=lambda choice: choice.target)
    counts = Counter(choice.target for choice in choices)
    twice = [target for target, count in counts.items() if count > 1]
    if twice:
        raise BuildError(f"'{path}' names these files twice, rename one of each: {twice}")
    return choices


def prepare_picture(path: Path) -> Image.Image:
    """Return a picture as RGB on white, cropped to its drawing, at most 224 pixels long."""
    with Image.open(path) as opened:
        drawing = opened.convert("RGBA")
    paper = Image.new("RGBA", drawing.size, "white")
    paper.alpha_composite(drawing)
    picture = crop_to_drawing(paper.convert("RGB"), path)
    inner = LONGEST_SIDE - 2 * MARGIN
    picture.thumbnail((inner, inner), Image.Resampling.LANCZOS)
    return ImageOps.expand(picture, border=MARGIN, fill="white")


def crop_to_drawing(picture: Image.Image, path: Path) -> Image.Image:
    """Return the part of an RGB picture that is not white paper."""
    paper = Image.new("RGB", picture.size, "white")
    difference = ImageChops.difference(picture, paper)
    box = difference.point(lambda level: 255 if level > WHITE_TOLERANCE else 0).getbbox()
    if box is None:
        raise BuildError(f"'{path}' is blank. Remove its line from '{SELECTION_FILE.name}'.")
    return picture.crop(box)


def save_picture(picture: Image.Image, path: Path) -> None:
    """Save a picture as JPEG and make its folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, format="JPEG", quality=JPEG_QUALITY, optimize=True)


def check_no_copies(paths: list[Path]) -> None:
    """Raise BuildError when two files have the same bytes."""
    seen: dict[str, Path] = {}
    for path in paths:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest in seen:
            raise BuildError(
                f"'{path}' and '{seen[digest]}' are the same picture. "
                f"Remove one of their lines from '{SELECTION_FILE.name}'."
            )
        seen[digest] = path


def write_attribution(choices: list[Choice], drawings: Path, path: Path) -> None:
    """Write a table with title, author and licence of each picture."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(ATTRIBUTION_COLUMNS)
        for choice in choices:
            drawing = drawings / Path(choice.source).with_suffix(".svg")
            credit = read_credit(require(drawing, CLIPART_PACKAGES))
            writer.writerow([choice.target, *credit, choice.source])


def read_credit(path: Path) -> Credit:
    """Read title, author and licence of an SVG drawing; it must be public domain."""
    root = ElementTree.parse(path).getroot()
    title = text_of(root, f"{WORK}/{{*}}title")
    author = text_of(root, f"{WORK}/{{*}}creator//{{*}}title")
    licence = root.find(f"{WORK}/{{*}}license")
    address = "" if licence is None else next(iter(licence.attrib.values()), "")
    if not address.endswith(f"/{LICENCE}"):
        raise BuildError(
            f"'{path}' is not marked as {LICENCE}. Remove its line from '{SELECTION_FILE.name}'."
        )
    return Credit(title, author, LICENCE)


def text_of(element: ElementTree.Element, place: str) -> str:
    """Return the text of a sub-element on one line, or '' without it."""
    return " ".join((element.findtext(place) or "").split())


# --- Fashion-MNIST ---------------------------------------------------------


def build_fashion(source: Path, out: Path) -> None:
    """Write ``out/fashion``: the sample and the licence text."""
    folder = require(source / FASHION_FOLDER, FASHION_PACKAGES)
    target = out / "fashion"
    target.mkdir(parents=True, exist_ok=True)
    generator = random.Random(FASHION_SEED)
    train_images, train_labels = draw_sample(folder, "train", TRAIN_PER_CLASS, generator)
    test_images, test_labels = draw_sample(folder, "t10k", TEST_PER_CLASS, generator)
    np.savez_compressed(
        target / "fashion_sample.npz",
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
    )
    write_licence(require(source / FASHION_COPYRIGHT, FASHION_PACKAGES), target / "LICENSE")


def draw_sample(
    folder: Path, part: str, per_class: int, generator: random.Random
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw the same number of pictures of each class from one part of the set.

    Returns images [10 * per_class, 28, 28] and labels [10 * per_class], both
    uint8, in the order of the original files.
    """
    images = read_array(folder / f"{part}-images-idx3-ubyte.gz")
    labels = read_array(folder / f"{part}-labels-idx1-ubyte.gz")
    chosen: list[int] = []
    for label in range(len(FASHION_CLASSES)):
        places = np.flatnonzero(labels == label).tolist()
        chosen.extend(generator.sample(places, per_class))
    chosen.sort()
    return images[chosen], labels[chosen]


def read_array(path: Path) -> NDArray[np.uint8]:
    """Read a compressed IDX file: uint8 values in the shape its header gives.

    The header has two zero bytes, the type (8: uint8), the number of
    dimensions, and each dimension as a big-endian 32-bit number.
    """
    content = gzip.decompress(require(path, FASHION_PACKAGES).read_bytes())
    if content[:3] != b"\x00\x00\x08":
        raise BuildError(f"'{path}' is not an IDX file of 8-bit values. Fetch the package again.")
    dimensions = content[3]
    shape = np.frombuffer(content, dtype=">u4", count=dimensions, offset=4)
    values = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * dimensions)
    return values.reshape(shape)


def write_licence(copyright_file: Path, path: Path) -> None:
    """Copy the package's copyright and licence text without spaces at line ends."""
    lines = copyright_file.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")


# --- tables in the read-me file --------------------------------------------


def write_tables(out: Path) -> None:
    """Put the counted numbers of both sets into ``out/README.md``."""
    readme = out / "README.md"
    if not readme.exists():
        raise BuildError(f"'{readme}' does not exist. Give the data folder with --out.")
    text = readme.read_text(encoding="utf-8")
    text = replace_table(text, "clipart", clipart_table(out / "clipart"))
    text = replace_table(text, "fashion", fashion_table(out / "fashion"))
    readme.write_text(text, encoding="utf-8")


def replace_table(text: str, name: str, table: list[str]) -> str:
    """Return the text with new lines between the markers of the named table."""
    start, end = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
    if start not in text or end not in text:
        raise BuildError(f"The read-me file must have the lines '{start}' and '{end}'.")
    before = text.split(start)[0]
    after = text.split(end)[1]
    return "\n".join([before + start, "", *table, "", end + after])


def clipart_table(folder: Path) -> list[str]:
    """Return a Markdown table of the clip art: pictures and size of each class."""
    lines = ["| Class | Pictures | Size (MB) |", "|---|---:|---:|"]
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    for path in classes:
        lines.append(table_line(path.name, sorted(path.glob("*.jpg"))))
    lines.append(table_line("**all**", sorted(folder.glob("*/*.jpg"))))
    return lines


def table_line(name: str, files: list[Path]) -> str:
    """Return one table line: name, number of files, size in megabytes (10^6 bytes)."""
    size = sum(file.stat().st_size for file in files) / 1e6
    return f"| {name} | {len(files)} | {size:.2f} |"


def fashion_table(folder: Path) -> list[str]:
    """Return a Markdown table of the Fashion-MNIST sample: pictures of each class."""
    path = folder / "fashion_sample.npz"
    with np.load(path, allow_pickle=False) as sample:
        train = np.bincount(sample["train_labels"], minlength=len(FASHION_CLASSES))
        test = np.bincount(sample["test_labels"], minlength=len(FASHION_CLASSES))
    lines = ["| Label | Class | Train | Test |", "|---:|---|---:|---:|"]
    for label, name in enumerate(FASHION_CLASSES):
        lines.append(f"| {label} | {name} | {train[label]} | {test[label]} |")
    lines.append(f"| | **all** | {train.sum()} | {test.sum()} |")
    lines.extend(["", f"Size of the file: {path.stat().st_size / 1e6:.2f} MB."])
    return lines


# --- command line ----------------------------------------------------------


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description="Build the data sets kept in the folder 'data'.")
    commands = parser.add_subparsers(dest="command", required=True)
    helps = {
        "clipart": "build the clip art set (replaces the folder clipart)",
        "fashion": "build the sample of Fashion-MNIST (replaces its files)",
        "tables": "write the counted numbers into the read-me file",
    }
    for name, text in helps.items():
        command = commands.add_parser(name, help=text)
        command.add_argument(
            "--out", type=Path, default=REPOSITORY / "data", help="data folder (default: data)"
        )
        if name != "tables":
            command.add_argument("--source", type=Path, help="folder with the unpacked packages")
    return parser


def run_command(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    if options.command == "clipart":
        build_from(options.source, CLIPART_PACKAGES, build_clipart, options.out)
    elif options.command == "fashion":
        build_from(options.source, FASHION_PACKAGES, build_fashion, options.out)
    else:
        write_tables(options.out)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0, or 1 after a mistake that is explained."""
    options = make_parser().parse_args(arguments)
    try:
        run_command(options)
    except BuildError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"Done: {options.command} in '{options.out}'.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
