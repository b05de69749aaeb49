"""A folder of one's own, as lesson 06 shows it: its flaws, how well a classifier does on it, and what decisions changed.

What is drawn is shown at once in a notebook; elsewhere the figure is `plt.gcf()`.
"""

import atexit
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from .auditing import Audit, audit
from .datasets import near_copies
from .decisions import KEEP, LEAVE_OUT, Decisions
from .drawing import COLOURS, FONT_SIZE, canvas, plot_intervals
from .evaluation import Accuracy, PairedComparison, compare_paired, most_confused, verdict
from .foundation.errors import ImageError
from .foundation.files import printable
from .foundation.folder_listing import as_folder
from .foundation.progress import in_notebook
from .image_folder import ImageFolder, check_trainable
from .practice import TESTING_PERCENTAGE, practice_folder
from .transfer import Retraining

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

DRAWN_SIZE = 160  # pixels of a picture on a wall
MOST_COMPARED = 3000  # pictures; looking for near-copies among more takes too long for a lesson
COLUMNS = 4  # of a wall
MOST_SHOWN = 8  # findings of a kind
SAID = {  # of a verdict, in a sentence
    "better": "It is better now.",
    "worse": "It is worse now.",
    "no difference": "That makes no difference worth speaking of.",
    "inconclusive": "So few pictures cannot tell whether it is better or worse.",
}


def open_pictures(name: str = "", testing_percentage: float = TESTING_PERCENTAGE) -> ImageFolder:
    """Read a folder of pictures; without a name, a fresh copy of the drawings with some flaws stands in.

    Raises `DatasetError`, in one sentence that says what to do, for a folder that is not there, is empty, or holds fewer
    than two classes.
    """
    folder = as_folder(name) or practice_folder(_passing_folder() / "my_pictures")
    images = ImageFolder.scan(folder, 0, testing_percentage)
    check_trainable(images)
    return images


def _passing_folder() -> Path:
    """Return a new folder that goes when Python ends."""
    folder = tempfile.TemporaryDirectory(prefix="imgclass_lesson_", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _show() -> None:
    if in_notebook():
        import matplotlib.pyplot as plt

        plt.show()


def _square(images: ImageFolder, path: str) -> Image.Image | None:
    """Return a picture in the middle of a white square; None where it cannot be read."""
    try:
        picture = images.picture(path).image(DRAWN_SIZE)
    except (ImageError, OSError):
        return None
    return ImageOps.pad(picture, (DRAWN_SIZE, DRAWN_SIZE), color="white")


def _draw_picture(axis: "Axes", images: ImageFolder, path: str, caption: str = "", colour: str = "pale") -> None:
    picture = _square(images, path)
    if picture is None:
        axis.set_facecolor(COLOURS["pale"])
        axis.text(0.5, 0.5, "?", fontsize=28, color=COLOURS["grey"], ha="center", va="center", transform=axis.transAxes)
        axis.set_box_aspect(1)
    else:
        axis.imshow(picture)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(color=COLOURS[colour], linewidth=1 if colour == "pale" else 4)
    axis.set_title(caption, fontsize=FONT_SIZE, color=COLOURS["ink" if colour == "pale" else colour])


def show_pictures(
    images: ImageFolder,
    paths: Sequence[str],
    captions: Sequence[str] = (),
    colours: Sequence[str] = (),
    columns: int = COLUMNS,
) -> None:
    """Draw pictures of a folder, by their paths in its table; each may have a caption and the colour of its frame."""
    if not len(paths):
        print("There are no such pictures.")
        return
    import matplotlib.pyplot as plt

    rows = -(-len(paths) // columns)
    height = 6.4 / columns + 0.25 * (1 + max((text.count("\n") for text in captions), default=-1))
    figure, grid = plt.subplots(
        rows, columns, figsize=(6.4, height * rows), dpi=100, squeeze=False, layout="constrained"
    )
    for place, axis in enumerate(grid.flat):
        if place >= len(paths):
            axis.set_axis_off()
            continue
        caption, colour = captions[place] if captions else "", colours[place] if colours else "pale"
        _draw_picture(axis, images, paths[place], caption, colour)
    _show()


def show_folder(images: ImageFolder, label: str, columns: int = 8) -> None:
    """Draw all pictures of one class, small."""
    rows = images.readable
    show_pictures(images, rows.loc[rows["label"] == label, "path"].tolist(), columns=columns)


def show_problems(images: ImageFolder) -> Audit:
    """Draw what an audit finds as a wall: files that cannot be read, and pairs that are nearly the same; return it."""
    found = audit(images)
    pairs = near_pairs(images)
    if found.unreadable.empty and not pairs:
        print("Every file can be read, and no two pictures are nearly the same.")
        return found
    import matplotlib.pyplot as plt

    shown = [path for pair in pairs[:MOST_SHOWN] for path in pair]
    rows = -(-len(shown) // COLUMNS)
    heights = [0.5 + 0.3 * min(len(found.unreadable), MOST_SHOWN), 0.4 + 2.0 * rows]
    figure = plt.figure(figsize=(6.4, sum(heights)), dpi=100, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
    _draw_unreadable(above, found.unreadable)
    _draw_pairs(below, images, shown, len(pairs))
    _show()
    return found


def _draw_unreadable(part: "SubFigure", unreadable: pd.DataFrame) -> None:
    part.suptitle(f"Cannot be read: {len(unreadable)}", fontsize=13, fontweight="bold", x=0.01, ha="left")
    axis = part.subplots()
    axis.set_axis_off()
    axis.set(xlim=(0, 1), ylim=(max(1, min(len(unreadable), MOST_SHOWN)), 0))
    for place, (path, problem) in enumerate(unreadable[:MOST_SHOWN].itertuples(index=False)):
        text = f"{printable(path)}: {problem.partition(' (')[0]}"
        axis.text(0, place + 0.5, f"\N{BALLOT X} {text:.72}", fontsize=FONT_SIZE, color=COLOURS["red"], va="center")


def _draw_pairs(part: "SubFigure", images: ImageFolder, paths: Sequence[str], count: int) -> None:
    part.suptitle(f"Nearly the same: {count} pairs", fontsize=13, fontweight="bold", x=0.01, ha="left")
    splits = images.readable.set_index("path")["split"]
    for place, axis in enumerate(part.subplots(max(1, -(-len(paths) // COLUMNS)), COLUMNS, squeeze=False).flat):
        axis.set_axis_off()
        if place < len(paths):
            path = paths[place]
            twin = paths[place + 1 - 2 * (place % 2)]
            colour = "pale" if splits[path] == splits[twin] else "red"
            axis.set_axis_on()
            _draw_picture(axis, images, path, f"{printable(Path(path).parent.name)}/\n{splits[path]}", colour)


def near_pairs(images: ImageFolder) -> list[tuple[str, str]]:
    """Return the paths of pictures that are nearly the same, pair by pair; none of a large folder, which is said."""
    if len(images.readable) > MOST_COMPARED:
        print(f"These are more than {MOST_COMPARED:,} pictures: near-copies are not looked for.")
        return []
    pairs = near_copies(images)
    return list(zip(pairs["first"], pairs["second"], strict=True))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def show_accuracy(accuracy: Accuracy, num_classes: int) -> None:
    """Draw an accuracy in large figures, over its interval on a scale from 0 to 100 %, with guessing as a mark."""
    axis = canvas(6.4, 2.1)
    low, high = accuracy.interval
    left, width, height = 0.3, 5.8, 0.6
    places = {name: left + width * value for name, value in (("low", low), ("high", high), ("value", accuracy.value))}
    axis.text(
        3.2,
        1.62,
        f"{_percent(accuracy.value)}",
        fontsize=44,
        fontweight="bold",
        color=COLOURS["blue"],
        ha="center",
        va="center",
    )
    axis.text(3.2, 1.12, f"{accuracy.correct} of {accuracy.n} test pictures", fontsize=12, ha="center", va="center")
    axis.plot([left, left + width], [height, height], color=COLOURS["pale"], linewidth=12, solid_capstyle="butt")
    axis.plot(
        [places["low"], places["high"]], [height, height], color=COLOURS["sky"], linewidth=12, solid_capstyle="butt"
    )
    axis.plot(places["value"], height, "o", color=COLOURS["blue"], markersize=11)
    guess = left + width / num_classes
    axis.plot([guess, guess], [height - 0.16, height + 0.16], color=COLOURS["red"], linewidth=3)
    for place, text in ((guess, "guessing"), (places["low"], _percent(low)), (places["high"], _percent(high))):
        axis.text(place, height - 0.32, text, fontsize=FONT_SIZE, ha="center", va="center")
    _show()


Cell = tuple[str, str] | None  # of the confusion matrix: is, taken for


def confused_pairs(result: Retraining) -> list[tuple[str, Cell]]:
    """Return the cells of the confusion matrix that are mistakes, fullest first, each with words for it.

    The words and the cell are what a menu of ipywidgets takes as its options; without a mistake there is one without a
    cell.
    """
    confusion = result.evaluate(result.final_split).confusion()
    rows = most_confused(confusion, top=confusion.size).itertuples(index=False)
    found: list[tuple[str, Cell]] = [
        (f"{label}, taken for {answer} ({count})", (label, answer)) for label, answer, count in rows
    ]
    return found or [("no mistakes", None)]


def show_cell(result: Retraining, cell: Cell) -> None:
    """Draw the test pictures that a cell of the confusion matrix counts, surest first."""
    if cell is None:
        print("Every test picture is named rightly: there is no mistake to look at.")
        return
    label, answer = cell
    measured, rows = result.evaluate(result.final_split), result.pictures(result.final_split).rows
    answers, classes = np.array(measured.answers), np.array(measured.classes)
    chosen = np.flatnonzero((classes[measured.labels] == label) & (answers == answer))
    sureness = measured.probabilities[chosen].max(axis=1)
    order = np.argsort(-sureness, kind="stable")[: 2 * COLUMNS]
    captions = [f"{answer} {_percent(sureness[place])}" for place in order]
    show_pictures(result.folder, rows["path"].iloc[chosen[order]].tolist(), captions)


def show_scores(images: ImageFolder, path: str, scores: np.ndarray) -> None:
    """Draw a picture of a folder beside its score for each class; the bar of the folder it lies in is white.

    scores: [k], in the order of the classes.
    """
    import matplotlib.pyplot as plt

    label = images.table.set_index("path")["label"][path]
    colours = ["white" if name == label else COLOURS["blue"] for name in images.classes]
    size = (6.4, 1 + 0.2 * max(5, len(scores)))
    figure, (left, right) = plt.subplots(1, 2, figsize=size, dpi=100, layout="constrained")
    _draw_picture(left, images, path, f"in {printable(label)}/")
    right.barh([printable(name) for name in images.classes], scores, color=colours, edgecolor=COLOURS["blue"])
    right.axvline(0, color=COLOURS["ink"], linewidth=0.8)
    right.invert_yaxis()
    right.set_xlabel("score")
    _show()


def show_decisions(decisions: Decisions, paths: Sequence[str] = ()) -> None:
    """Draw pictures with what was decided on each; without paths, all that were decided on."""
    labels = decisions.images.table.set_index("path")["label"]
    shown = [*paths] or decisions.table["path"].tolist()
    captions, colours = [], []
    for path in shown:
        decision, label = decisions.get(path), printable(labels[path])
        choice = decision.choice if decision else ""
        words = {"": f"{label}\nundecided", KEEP: f"{label}\nstays", LEAVE_OUT: f"{label}\nleft out"}
        captions.append(words.get(choice, f"{label}\n→ {printable(decision.label if decision else '')}"))
        colours.append({"": "pale", KEEP: "green", LEAVE_OUT: "grey"}.get(choice, "red"))
    show_pictures(decisions.images, shown, captions, colours)


def compare_again(before: Retraining, after: Retraining) -> PairedComparison:
    """Compare two trainings on the same test pictures: those of the second, with the labels that they have there."""
    split = after.final_split
    chosen = after.pictures(split)
    answers = before.classifier.head.predict_proba(chosen.X).argmax(axis=1)
    return compare_paired(answers == chosen.y, after.evaluate(split).right)


def say_change(comparison: PairedComparison) -> str:
    """Return in words what changed from one training to the next, and what that lets one say."""
    low, high = comparison.interval
    said = SAID[verdict((low, high))]
    return (
        f"Of {comparison.n} test pictures, {comparison.only_second} that were named wrongly are right now, and "
        f"{comparison.only_first} that were right are wrong. {said}"
    )


def show_change(comparison: PairedComparison) -> None:
    """Draw what became of each test picture, as squares, above the difference of the accuracies with its interval."""
    import matplotlib.pyplot as plt

    figure, (above, below) = plt.subplots(
        2, 1, figsize=(6.4, 3.6), dpi=100, layout="constrained", height_ratios=(2, 1.3)
    )
    kinds = {
        "right both times": (comparison.both, "sky"),
        "wrong both times": (comparison.neither, "grey"),
        "only before": (comparison.only_first, "red"),
        "only now": (comparison.only_second, "green"),
    }
    _draw_squares(above, list(kinds.values()))
    for place, (name, (count, colour)) in enumerate(kinds.items()):
        text = {"only before": "right only before", "only now": "right only now"}.get(name, name)
        left, line = 0.5 * (place % 2), -0.1 - 0.16 * (place // 2)
        above.text(
            left, line, f"■ {text}: {count}", transform=above.transAxes, color=COLOURS[colour], fontsize=12, va="center"
        )
    plot_intervals(
        ["now - before"],
        [comparison.difference],
        [comparison.interval],
        reference=0,
        reference_label="no difference",
        axis=below,
        unit="difference of the accuracies",
    )
    reach = max(0.06, *map(abs, comparison.interval)) * 1.15
    below.set(xlim=(-reach, reach))
    _show()


def _draw_squares(axis: "Axes", counts: Sequence[tuple[int, str]], columns: int = 30) -> None:
    """Draw a square for each picture, those of one kind together; at most 300."""
    colours = [colour for count, colour in counts for _ in range(count)]
    step = -(-len(colours) // 300)  # more pictures than that: each square stands for several
    for place, colour in enumerate(colours[::step]):
        axis.plot(place % columns, -(place // columns), "s", color=COLOURS[colour], markersize=9)
    axis.set(xlim=(-1, columns), ylim=(-1 - (len(colours[::step]) - 1) // columns, 1))
    axis.set_axis_off()


def terminal(command: str, folder: Path) -> None:
    """Run an `imgclass` command in a folder, as one would in a terminal, and print it with what it answers."""
    words = shlex.split(command)
    arguments = [sys.executable, "-m", "imgclass_course.cli", *words[1:]]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)
    print(f"$ {command}\n{done.stdout}{done.stderr if done.returncode else ''}".rstrip())
