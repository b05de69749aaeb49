"""What a comparison leaves behind: its table for programs, and a plot for people."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..drawing import COLOURS, FONT_SIZE
from ..foundation.files import write_text_whole, write_whole
from ..leaderboard import Leaderboard

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_HEIGHT = 0.42  # inches
WIDTH = 8.2


def draw_leaderboard(figure: "Figure", board: Leaderboard) -> "Axes":
    """Draw each accuracy with its 95 % interval, the most accurate on top, and what each costs; return the axes.

    A line marks the default. What is recommended stands out.
    """
    table = board.table
    axis = figure.subplots()
    default, best = board.tried[0].candidate.name, board.best.candidate.name
    for place, (name, row) in enumerate(table.iterrows()):
        colour = COLOURS["orange" if name == best else "blue"]
        axis.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=3, solid_capstyle="round")
        axis.plot(row["accuracy"], place, "D" if name == best else "o", color=colour, markersize=8)
        cost = f"{row['ms_per_picture']:.0f} ms, {row['MB']:.0f} MB"
        axis.text(1.02, place, cost, transform=axis.get_yaxis_transform(), va="center", fontsize=FONT_SIZE)
    axis.axvline(table.loc[default, "accuracy"], color=COLOURS["ink"], linestyle=":", linewidth=1)
    names = [f"{name} (default)" if name == default else str(name) for name in table.index]
    axis.set_yticks(range(len(table)), [name.replace("+", " +\n").replace(", ", "\n", 1) for name in names], fontsize=FONT_SIZE)
    axis.set_ylim(len(table) - 0.5, -0.5)
    axis.set_xlabel(f"accuracy on {len(board.tried[0].right):,} pictures, five folds, with 95 % intervals")
    axis.spines[["top", "right"]].set_visible(False)
    return axis


def save_leaderboard(board: Leaderboard, folder: str | os.PathLike) -> None:
    """Write leaderboard.csv, leaderboard.json and leaderboard.png into a folder."""
    from matplotlib.figure import Figure

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_text_whole(folder / "leaderboard.csv", board.table.to_csv())
    write_text_whole(folder / "leaderboard.json", json.dumps(_describe(board), indent=2))
    figure = Figure((WIDTH, 1.4 + 2 * ROW_HEIGHT * len(board.tried)), dpi=120, layout="constrained")
    draw_leaderboard(figure, board)
    write_whole(folder / "leaderboard.png", lambda path: figure.savefig(path, format="png"))


def _describe(board: Leaderboard) -> dict[str, object]:
    judged = board.judged and {
        "correct": board.judged_right,
        "n": board.judged.n,
        "difference": board.judged.difference,
        "interval": board.judged.interval,
    }
    return {
        "table": board.table.reset_index().to_dict("records"),
        "default": board.tried[0].candidate.name,
        "recommended": board.best.candidate.name,
        "flags": board.best.candidate.flags,
        "recommendation": board.recommendation,
        "accuracy_of_choosing": board.choosing._asdict(),
        "judged_on": board.split,
        "judged": judged,
        "left_out": board.left_out,
    }
