"""`imgclass compare`: several ways to a classifier on one folder, a table, a plot and a recommendation."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import (
    PATH,
    bottleneck_dir,
    choose_folder,
    data_options,
    minutes,
    print_decisions,
    print_problems,
    take_group_by,
)

if TYPE_CHECKING:
    from imgclass_course.leaderboard import Leaderboard

SHOWN_PROBLEMS = 10
EXAMPLE = """\b
Example:
  imgclass compare my_pictures/ --minutes 5
  imgclass retrain my_pictures/ --best
"""


@click.command(epilog=EXAMPLE)
@data_options
@bottleneck_dir
@minutes
@click.option("--output_dir", type=PATH, default=Path("imgclass_comparison"), show_default=True,
              help="Folder of the table and the plot.")  # fmt: skip
def compare(
    folder: Path | str | None,
    image_dir: Path | str | None,
    testing_percentage: float,
    validation_percentage: float,
    seed: int,
    ignore_decisions: bool,
    bottleneck_dir: Path | None,
    minutes: float,
    output_dir: Path,
    **groups: Any,
) -> None:
    """Try heads, networks, joined networks, earlier blocks, class weights and views on FOLDER, and recommend one.

    Vectors are computed once and kept, as for retrain. The test pictures (or, where there are none, those for validation)
    have no part in the choice: they judge it.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported
    chosen = choose_folder("compare", folder, image_dir)
    if output_dir.exists() and not output_dir.is_dir():
        raise click.UsageError(f"--output_dir {output_dir} is a file: name another.")
    from imgclass_course.leaderboard import compare as compare_classifiers
    from imgclass_course.outputs.leaderboard_files import save_leaderboard

    board = compare_classifiers(
        chosen,
        minutes=minutes,
        bottleneck_dir=bottleneck_dir,
        validation_percentage=validation_percentage,
        testing_percentage=testing_percentage,
        seed=seed,
        decisions=not ignore_decisions,
        group_by=take_group_by(groups),
    )
    save_leaderboard(board, output_dir)
    print_decisions(board.decided)
    print_problems(list(board.problems.itertuples(index=False)), SHOWN_PROBLEMS)
    print_leaderboard(board)
    click.echo(f"Train it: imgclass retrain {chosen} {board.best.candidate.flags}")
    click.echo(f"Table and plot: {output_dir}")


def print_leaderboard(board: "Leaderboard") -> None:
    """Print the table, what was left out, and the recommendation."""
    for name, row in board.table.iterrows():
        accuracy = f"{row['accuracy']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        against = f"{row['difference']:+.3f} (p = {row['p']:.2g})" if name != board.tried[0].candidate.name else "default"
        cost = f"{row['train_seconds']:.0f} s, {row['ms_per_picture']:.0f} ms a picture, {row['MB']:.0f} MB"
        click.echo(f"{accuracy}  {against:22}  {cost:36}  {name}")
    for name, seconds in board.left_out.items():
        click.echo(f"Left out, since it would take about {seconds:.0f} s more than --minutes allows: {name}", err=True)
    click.echo(board.recommendation)
