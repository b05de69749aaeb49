"""`imgclass audit`, `imgclass cache` and `imgclass data`: looking after pictures and their vectors."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import PATH, bottleneck_dir, choose_folder, data_options, print_decisions

if TYPE_CHECKING:
    import pandas as pd

    from imgclass_course.foundation.store import BottleneckStore


@click.command()
@data_options
@click.option("--output", type=PATH, help="A CSV file for the whole table of files.")
def audit(folder: Path | None, image_dir: Path | None, output: Path | None, ignore_decisions: bool, **split: float) -> None:
    """Look for what is wrong with FOLDER, which holds one folder of pictures per class. Nothing is changed.

    \b
    Example:
      imgclass audit my_pictures/
    """
    from imgclass_course.datasets import audit
    from imgclass_course.decided_folder import as_decided_folder
    from imgclass_course.foundation.files import printable

    chosen = choose_folder("audit", folder, image_dir)
    shares = (split["validation_percentage"], split["testing_percentage"], int(split["seed"]))
    images = as_decided_folder(chosen, None, *shares, decisions=not ignore_decisions)
    found = audit(images)
    print_decisions(images.decided)
    counts = images.counts().rename(index=printable)
    click.echo(counts.assign(all=counts.sum(axis=1)).to_string())
    click.echo("\n" + found.summary().to_string(header=False))
    for title, table in (
        ("Not readable", found.unreadable),
        ("More than once", found.duplicates[["path", "label", "split"]]),
    ):
        if len(table):
            click.echo(f"\n{title}:\n" + _printable_table(table))
    if output:
        images.table.to_csv(output, index=False, errors="backslashreplace")


def _printable_table(table: "pd.DataFrame") -> str:
    from imgclass_course.foundation.files import printable

    names = {name: table[name].map(printable) for name in ("path", "label") if name in table}
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
