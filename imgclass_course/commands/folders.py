"""`imgclass audit`, `imgclass cache` and `imgclass data`: looking after pictures and their vectors."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import PATH, bottleneck_dir, choose_folder, data_options, print_decisions, take_group_by

if TYPE_CHECKING:
    import pandas as pd

    from imgclass_course.auditing import Audit
    from imgclass_course.datasets import ImageFolder
    from imgclass_course.foundation.store import BottleneckStore

SHOWN_PAIRS = 10  # of pictures that are nearly the same


@click.command()
@data_options
@bottleneck_dir
@click.option("--output", type=PATH, help="A CSV file for the whole table of files.")
@click.option("--no_near_duplicates", is_flag=True,
              help="Do not look for pictures that are nearly the same, which takes a network's vectors.")  # fmt: skip
@click.option("--mirrored", is_flag=True, help="Also find pictures that are mirrored copies of others.")
@click.option("--pairs", type=PATH, help="A CSV file for all pairs that are nearly the same.")
def audit(
    folder: Path | str | None,
    image_dir: Path | str | None,
    bottleneck_dir: Path | None,
    output: Path | None,
    no_near_duplicates: bool,
    mirrored: bool,
    pairs: Path | None,
    **split: Any,
) -> None:
    """Look for what is wrong with FOLDER, which holds one folder of pictures per class. Nothing in it is changed.

    Pictures that are nearly the same are found by a network's vectors, which are kept, so that retrain need not compute
    them again. Where brightness, size, shape, border or file format alone predicts the class, that is said too.

    \b
    Example:
      imgclass audit my_pictures/
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported
    chosen = choose_folder("audit", folder, image_dir)
    if no_near_duplicates and (mirrored or pairs):
        raise click.UsageError("--no_near_duplicates finds no pairs: leave it out, or --mirrored and --pairs.")
    from imgclass_course.datasets import audit
    from imgclass_course.foundation.files import cache_folder
    from imgclass_course.foundation.store import BottleneckStore
    from imgclass_course.shortcuts import find_shortcuts

    with BottleneckStore(bottleneck_dir or cache_folder() / "bottlenecks") as store:
        images = _scan(chosen, store, split)
        near = None if no_near_duplicates else _find_near_duplicates(images, store, mirrored)
    print_decisions(images.decided)
    print_audit(audit(images, near, find_shortcuts(images)))
    for path, table in ((output, images.table), (pairs, near)):
        if path and table is not None:
            table.to_csv(path, index=False, errors="backslashreplace")


def _scan(folder: Path | str, store: "BottleneckStore", split: dict[str, Any]) -> "ImageFolder":
    from imgclass_course.decided_folder import as_decided_folder

    group_by, decisions = take_group_by(split), not split.pop("ignore_decisions")
    return as_decided_folder(folder, None, catalogue=store, group_by=group_by, decisions=decisions, **split)


def _find_near_duplicates(images: "ImageFolder", store: "BottleneckStore", mirrored: bool) -> "pd.DataFrame":
    from imgclass_course.bottlenecks import extract
    from imgclass_course.near_duplicates import near_duplicates

    return near_duplicates(extract(images, store=store), mirrored)


def print_audit(found: "Audit") -> None:
    """Print how many pictures there are, how many problems of each kind, and which."""
    from imgclass_course.foundation.files import printable

    counts = found.folder.counts().rename(index=printable)
    click.echo(counts.assign(all=counts.sum(axis=1)).to_string())
    click.echo("\n" + found.summary().to_string(header=False))
    for title, table in (
        ("Not readable", found.unreadable),
        ("More than once", found.duplicates[["path", "label", "split"]]),
    ):
        if len(table):
            click.echo(f"\n{title}:\n" + _printable_table(table))
    if found.near is not None and len(found.near):
        _print_near_duplicates(found.near)
    if found.shortcuts:
        click.echo("\nA classifier may learn these instead of what is in the pictures:")
        for shortcut in found.shortcuts:
            click.echo(f"  {shortcut}")


def _print_near_duplicates(pairs: "pd.DataFrame") -> None:
    """List the first pairs, and say what is wrong with each, or that nothing is."""
    more = f", the first {SHOWN_PAIRS} of {len(pairs)}; --pairs FILE keeps all" if len(pairs) > SHOWN_PAIRS else ""
    shown = pairs.head(SHOWN_PAIRS)
    split, label = (
        shown[name].map({True: "", False: what})
        for name, what in (("same_split", "two splits"), ("same_label", "two labels"))
    )
    kind = shown["mirrored"].map({True: "mirrored", False: ""})
    said = [", ".join(filter(None, words)) for words in zip(split, label, kind, strict=True)]
    table = shown[["first", "second"]].assign(what=said)
    click.echo(f"\nNearly the same{more}:\n" + _printable_table(table))


def _printable_table(table: "pd.DataFrame") -> str:
    from imgclass_course.foundation.files import printable

    names = {name: table[name].map(printable) for name in ("path", "label", "first", "second") if name in table}
    return table.assign(**names).to_string(index=False)


@click.group()
def cache() -> None:
    """The bottleneck store: what is in it, whether it is sound, and cleaning it up.

    \b
    Example:
      imgclass cache info
    """


def _open_store(bottleneck_dir: Path | None) -> "BottleneckStore":
    from imgclass_course.foundation.files import cache_folder
    from imgclass_course.foundation.store import FILE_NAME, BottleneckStore

    folder = bottleneck_dir or cache_folder() / "bottlenecks"
    if not (folder / FILE_NAME).exists():
        raise click.ClickException(f"There is no bottleneck store in {folder}; imgclass retrain makes one.")
    return BottleneckStore(folder)


@cache.command()
@bottleneck_dir
def info(bottleneck_dir: Path | None) -> None:
    """Say what is in the store.

    \b
    Example:
      imgclass cache info
    """
    with _open_store(bottleneck_dir) as store:
        click.echo(f"{store.path} ({store.path.stat().st_size / 1e6:.1f} MB)")
        click.echo(store.info().to_string(index=False, float_format="%.1f"))


@cache.command()
@bottleneck_dir
def verify(bottleneck_dir: Path | None) -> None:
    """Check every vector; remove damaged ones, so that they are computed again.

    \b
    Example:
      imgclass cache verify
    """
    with _open_store(bottleneck_dir) as store:
        check = store.verify()
    click.echo(f"{check.vectors} vectors checked, {check.damaged} damaged and removed")


@cache.command()
@bottleneck_dir
def prune(bottleneck_dir: Path | None) -> None:
    """Remove the vectors of pictures that are no longer on the disk.

    \b
    Example:
      imgclass cache prune
    """
    with _open_store(bottleneck_dir) as store:
        click.echo(f"{store.prune()} vectors removed")


@cache.command()
@click.argument("name")
@bottleneck_dir
def forget(name: str, bottleneck_dir: Path | None) -> None:
    """Remove what is kept of one network, by its NAME in `imgclass cache info`: inner activations take much room.

    \b
    Example:
      imgclass cache forget "mobilenet_v1_100_224, below block12"
    """
    with _open_store(bottleneck_dir) as store:
        click.echo(f"{store.forget(name)} vectors removed")


@click.group()
def data() -> None:
    """Data sets: those that come along, and those that can be fetched by name.

    \b
    Example:
      imgclass data list
    """


@data.command(name="list")
def list_data() -> None:
    """List the data sets.

    \b
    Example:
      imgclass data list
    """
    from imgclass_course.datasets import dataset_folder
    from imgclass_course.foundation.downloads import DOWNLOADS

    for name in ("clipart", "fashion", "textile"):
        click.echo(f"{name:14} comes along: {dataset_folder(name)}")
    for name, download in DOWNLOADS.items():
        click.echo(f"{name:14} {download.description}, checked by {download.check}: imgclass data get {name}")


@data.command()
@click.argument("name")
@click.option("--to", "target", type=PATH, help="Folder to put it in; ./NAME by default.")
@click.option("--source", type=PATH, help="An archive or folder of it that is here already.")
@click.option("--sha256", help="What the archive must hash to, where you know better than the course.")
def get(name: str, target: Path | None, source: Path | None, sha256: str | None) -> None:
    """Fetch the data set NAME, check it and unpack it. Where it is there already, it stays.

    \b
    Example:
      imgclass data get flowers --to flowers/
    """
    from imgclass_course.foundation.downloads import get_dataset

    folder = get_dataset(name, target or Path(name), source, sha256)
    click.echo(f"{name} is in {folder}")
