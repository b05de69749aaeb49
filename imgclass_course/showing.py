"""What a classifier answers, as pictures: a photo beside its likeliest names, a wall of answers, the surest mistake.

In a notebook they are shown at once; elsewhere the figure is `plt.gcf()`.
"""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from .backbones import load_backbone
from .classifiers import Answer, Classifier
from .datasets import ImageFolder, dataset_folder
from .evaluation import Accuracy, Evaluation, worst_mistakes
from .foundation.errors import CourseError, DatasetError, ImageError
from .foundation.files import printable
from .foundation.folder_listing import as_folder
from .foundation.pictures import Picture, PictureSource, as_pictures, reason
from .foundation.progress import in_notebook
from .image_folder import NO_FOLDERS
from .mobilenet import classify_imagenet
from .transfer import Retraining, retrain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Blue and vermilion, which colour-blind people tell apart (Okabe and Ito 2008, "Color Universal Design").
RIGHT, WRONG, PALE = "#0072B2", "#D55E00", "#E6E6E6"
DRAWN_SIZE = 224  # pixels that a drawn picture is read at, about
WALL_COLUMNS = 5
LONGEST_NAME = 12  # characters that fit over a picture of the wall
STAND_INS = ("birds", "fruit")  # the folders of drawings that stand in for a reader's own


def list_drawings(*kinds: str) -> tuple[list[Path], list[str]]:
    """Return the files of the drawings that come along, and the kind of each; with names, of these kinds only.

    Raises `DatasetError` for a kind that there is none of.
    """
    root = dataset_folder("clipart")
    there = sorted(folder.name for folder in root.iterdir() if folder.is_dir())
    if strangers := sorted(set(kinds) - set(there)):
        raise DatasetError(f"There are no drawings of {strangers[0]!r}; there are {', '.join(there)}.")
    files = [path for kind in kinds or there for path in sorted((root / kind).glob("*.jpg"))]
    return files, [path.parent.name for path in files]


def name_photo(photo: PictureSource, classifier: Classifier | None = None, top: int = 5, title: str = "") -> Answer:
    """Draw a picture beside bars, one for each of the likeliest `top` names, and return the answer.

    Without a classifier, the MobileNet that comes along names it, by the thousand classes of ImageNet. Raises
    `ImageError`, with the reason, for what cannot be read as a picture.
    """
    import matplotlib.pyplot as plt

    (picture,) = as_pictures([photo])
    pixels = _pixels(picture)
    answer = _imagenet_answer(picture, top) if classifier is None else classifier.predict([photo])[0]
    names = answer.top(top)
    height = max(2.6, 0.45 * len(names) + 0.3)
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, height), dpi=100, width_ratios=(1.15, 1))
    left.imshow(pixels)
    left.set_title(title, fontsize=12)
    left.set_axis_off()
    left.set_anchor("N")
    _draw_names(right, names)
    figure.tight_layout()
    _show()
    return answer


def _show() -> None:
    """Show the current figure where a notebook shows it, in 256 colours, which make the file a third as large."""
    if not in_notebook():
        return
    import matplotlib.pyplot as plt
    from IPython import display

    drawn, small = io.BytesIO(), io.BytesIO()
    plt.savefig(drawn, bbox_inches="tight")
    plt.close()
    fewer = Image.open(drawn).convert("RGB").quantize(256, kmeans=1, dither=Image.Dither.NONE)  # rare ones stay true
    fewer.save(small, "PNG", optimize=True)
    display.display(display.Image(small.getvalue()))


def _pixels(picture: Picture) -> Image.Image:
    """Return a picture in its own shape. Raises `ImageError`."""
    try:
        return picture.image(DRAWN_SIZE)
    except (ImageError, OSError) as error:
        raise ImageError(f"{picture.name}: {reason(error)}.") from None


def _imagenet_answer(picture: Picture, top: int) -> Answer:
    """Return the likeliest `top` classes of ImageNet, each with the first of its names."""
    backbone = load_backbone()
    (best,) = classify_imagenet(backbone(picture.load(backbone.image_size)[None]), top)
    probabilities = {name.split(",")[0]: probability for name, probability in best}
    return Answer(next(iter(probabilities)), picture.name, probabilities)


def _draw_names(axis: "Axes", names: Sequence[tuple[str, float]]) -> None:
    """Draw a bar for each name and probability, likeliest on top, the name above its bar."""
    rows = np.arange(len(names))
    axis.barh(rows, np.ones(len(names)), height=0.3, color=PALE)
    axis.barh(rows, [probability for _, probability in names], height=0.3, color=RIGHT)
    for row, (name, probability) in enumerate(names):
        axis.text(0, row - 0.24, name, fontsize=11, va="bottom", fontweight="normal" if row else "bold")
        axis.text(1, row - 0.24, _percent(probability), fontsize=11, va="bottom", ha="right")
    axis.set(xlim=(0, 1), ylim=(len(names) - 0.6, -0.8))
    axis.set_axis_off()


def _percent(probability: float) -> str:
    """Return a probability as whole percent; nothing is quite sure, and nothing quite impossible."""
    if 0.005 <= probability <= 0.995:
        return f"{100 * probability:.0f} %"
    return ">99 %" if probability > 0.5 else "<1 %"


def show_folders(folder: str | os.PathLike) -> None:
    """Draw one picture out of each folder, with the folder's name. Raises `DatasetError` where there are none."""
    found = ImageFolder.scan(folder)
    firsts = found.readable.drop_duplicates("label")
    if firsts.empty:
        raise DatasetError(f"{printable(folder)} holds {NO_FOLDERS}.")
    axes = _wall(len(firsts), 1.65)
    for axis, (path, label) in zip(axes, firsts[["path", "label"]].itertuples(index=False), strict=True):
        axis.imshow(_square(found.picture(path)))
        axis.set_title(f"{_short(label)}/", fontsize=14)
    _show()


def _square(picture: Picture) -> Image.Image:
    """Return a picture in the middle of a white square; the empty square where it cannot be read (any more)."""
    sides = (DRAWN_SIZE, DRAWN_SIZE)
    try:
        return ImageOps.pad(_pixels(picture), sides, color="white")
    except ImageError:
        return Image.new("RGB", sides, "white")


def _short(name: str) -> str:
    """Return a name as it fits over a picture."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _wall(count: int, height: float) -> "list[Axes]":
    """Return `count` axes without ticks in a grid whose rows are `height` inches high."""
    import matplotlib.pyplot as plt

    columns = min(WALL_COLUMNS, count)
    rows = -(-count // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(1.6 * columns, height * rows), dpi=90, squeeze=False)
    for axis in grid.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    for axis in grid.flat[count:]:
        axis.set_axis_off()
    figure.set_layout_engine("tight", h_pad=1.5)
    return list(grid.flat[:count])


def summary(result: Retraining, seconds: float) -> pd.DataFrame:
    """Return one row that says how many pictures taught and judged, what that took, and how many answers were right."""
    measured, learnt = result.evaluate(result.final_split).accuracy, len(result.pictures("train"))
    row = {
        "learnt from": f"{learnt} pictures",
        "seconds": round(seconds, 1),
        "right": f"{measured.correct} of {measured.n}",
        "accuracy": _with_interval(measured),
    }
    return pd.DataFrame([row], index=[""])


def _with_interval(accuracy: Accuracy) -> str:
    """Return an accuracy and its 95 % interval as whole percent."""
    low, high = accuracy.interval
    return f"{100 * accuracy.value:.0f} % ({100 * low:.0f} to {100 * high:.0f} %)"


def show_answers(result: Retraining, count: int = 15) -> None:
    """Draw pictures that the classifier was not trained on, drawn at random, with its answers."""
    split = result.final_split
    draw_answers(result.paths(split, count), result.evaluate(split, count))


def draw_answers(pictures: Sequence[PictureSource], evaluation: Evaluation) -> None:
    """Draw each picture with its answer and a bar for the probability; a wrong one is framed, and says what it is.

    Raises `ValueError` where there are not as many pictures as answers, or none.
    """
    given = list(as_pictures(pictures))
    if not given or len(given) != len(evaluation.labels):
        raise ValueError(f"{len(given)} pictures for {len(evaluation.labels)} answers: give one for each answer.")
    axes = _wall(len(given), 2.3)
    for row, axis in enumerate(axes):
        axis.imshow(_square(given[row]))
        _draw_answer(axis, evaluation, row)
    _show()


def _draw_answer(axis: "Axes", evaluation: Evaluation, row: int) -> None:
    """Write the answer over a picture and its probability as a bar below; frame a wrong one."""
    right, probability = evaluation.right[row], np.nan_to_num(evaluation.probabilities[row]).max()
    colour = RIGHT if right else WRONG
    axis.set_title(("" if right else "✗ ") + _short(evaluation.answers[row]), fontsize=14, color=colour)
    bar = axis.inset_axes((0, -0.1, 1, 0.06))
    bar.barh([0, 0], [1, probability], color=[PALE, colour])
    bar.set(xlim=(0, 1))
    bar.set_axis_off()
    if not right:
        axis.spines[:].set(visible=True, color=WRONG, linewidth=4)
        axis.set_xlabel(f"✓ {_short(evaluation.classes[evaluation.labels[row]])}", fontsize=13, labelpad=12)


def show_surest_mistake(result: Retraining) -> Answer | None:
    """Draw the picture that the classifier is surest about and wrong, and return its answer; None where all are right."""
    split = result.final_split
    evaluation = result.evaluate(split)
    wrong = worst_mistakes(evaluation, top=1)
    if not len(wrong):
        print(f"There is no mistake among the {len(evaluation.labels)} pictures that it was tested on.")
        return None
    label = evaluation.classes[evaluation.labels[wrong[0]]]
    return name_photo(result.paths(split)[wrong[0]], result.classifier, title=f"in the folder {_short(label)}/")


def try_folder(folder: str | os.PathLike, testing_percentage: float = 25) -> Retraining | None:
    """Train on a folder with one folder of pictures per kind, say how well that went, and draw a wall of answers.

    Without a name, two folders of the drawings stand in. Where a folder cannot be trained on, one sentence says why and
    what to do, and None is returned.
    """
    try:
        pictures, labels = _pictures_of(folder)
        result = retrain(pictures, labels, validation_percentage=0, testing_percentage=testing_percentage)
    except (CourseError, OSError) as error:
        print(error)
        return None
    measured = result.evaluate("test").accuracy
    print(f"{measured.correct} of {measured.n} test pictures right: {_with_interval(measured)}")
    show_answers(result, 10)
    return result


def _pictures_of(folder: str | os.PathLike) -> tuple[Path | list[Path], list[str] | None]:
    """Return a folder, or the drawings that stand in, and their labels. Raises `DatasetError` where there is none."""
    path = as_folder(folder)
    return (path, None) if path else list_drawings(*STAND_INS)
