"""A page on a classifier, complete in one HTML file: what was measured, the worst mistakes, and what to do next.

File names and classes come from strangers: the template escapes every one, and its policy forbids scripts. What a click on
the confusion matrix shows is there from the beginning; the style shows what the address names (`:target`).
"""

import base64
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..evaluation import (
    CURVES_SIZE,
    Advice,
    Evaluation,
    confusion_shares,
    draw_curves,
    draw_reliability,
    most_confused,
    reliability,
    worst_mistakes,
)
from ..foundation.errors import ImageError
from ..foundation.files import assets_folder, printable, write_text_whole
from ..foundation.pictures import Picture, Pictures, PictureSource, as_pictures
from ..foundation.progress import progress_bar
from ..foundation.threads import map_in_threads
from .confusion_cells import Cell, confusion_cells
from .saved_classifier import SavedClassifier
from .small_pictures import small_jpeg
from .spotlight import looked_at
from .trust import Trust

if TYPE_CHECKING:
    import jinja2

MEASURES = {"val_accuracy": "validation accuracy", "val_loss": "validation loss"}  # in words
THUMBNAIL_SIZE = 160  # pixels of the longer side
CELL_SIZE = 96  # the same, of the pictures behind the confusion matrix


def write_report(
    path: str | os.PathLike,
    evaluation: Evaluation,
    pictures: Pictures,
    title: str = "Image classifier",
    facts: Mapping[str, str] | None = None,
    history: pd.DataFrame | None = None,
    problems: pd.DataFrame | None = None,
    top: int = 24,
    advice: Advice | None = None,
    trust: Trust | None = None,
    classifier: SavedClassifier | None = None,
    wanted: pd.DataFrame | None = None,
) -> None:
    """Write a page on a classifier to the HTML file `path`, whole or not at all.

    `pictures` are those of the evaluation, in its order; one that is gone leaves an empty place. `facts` are more names and
    values to show, `history` is drawn, or is a table where its index is no step, `problems` has the columns path and problem, of files that were
    left out, and `top` says how many of the worst mistakes are shown; with a `classifier` also what spoke for each wrong
    answer. `trust` is what was found out about its probabilities, and about pictures of nothing that it knows; `wanted` are pictures to label next, as by `next_labels`. Raises `ValueError` where the number of pictures is
    not that of the evaluation, and the `OSError` of a file that cannot be written.
    """
    given = list(as_pictures(pictures))
    if len(given) != len(evaluation.labels):
        raise ValueError(f"{len(given)} pictures for {len(evaluation.labels)} answers: give one for each answer.")
    confusion, advice = evaluation.confusion(), advice or Advice()
    worst = worst_mistakes(evaluation, top).tolist()
    shown = [*as_pictures([picture for picture, _ in advice.pictures]), *(given[row] for row in worst)]
    cells = confusion_cells(evaluation)
    sizes = [(picture, THUMBNAIL_SIZE) for picture in shown]
    sizes += [(given[row], CELL_SIZE) for cell in cells.values() for row in cell.rows]
    made = map_in_threads(lambda one: thumbnail(*one), sizes)
    urls = list(progress_bar(made, "Report", "pictures", len(sizes)))
    first = len(advice.pictures)  # of the mistakes
    bright = _spotlights(classifier, evaluation, [(row, given[row]) for row in worst])
    page = _template().render(
        title=title,
        accuracy=str(evaluation.accuracy),
        facts={**(facts or {}), **_unreadable(evaluation)},
        advice=advice.sentences,
        suspects=_suspects(advice, shown, urls),
        confusion=confusion,
        cells=_behind(cells, evaluation, urls[len(shown) :], given),
        shares=confusion_shares(confusion),
        confused=most_confused(confusion).to_dict("records"),
        scores=evaluation.scores(),
        **_training(history),
        wanted=_wanted(wanted),
        trust=trust,
        reliability="" if trust is None else _reliability_url(evaluation),
        bright=any(bright.values()),
        mistakes=[
            _mistake(evaluation, row, urls[place], given[row]) | {"bright": bright.get(row, "")}
            for place, row in enumerate(worst, first)
        ],
        problems=[] if problems is None else [(printable(name), why) for name, why in problems.itertuples(index=False)],
    )
    write_text_whole(Path(path), page)


def thumbnail(picture: PictureSource | Picture, size: int = THUMBNAIL_SIZE) -> str:
    """Return a small JPEG of a picture as a `data:` URL, empty where the picture cannot be read (any more).

    `size` is the most that its longer side may have, in pixels.
    """
    content = small_jpeg(next(as_pictures(picture)), size)
    return _data_url(content, "jpeg") if content else ""


def _wanted(wanted: pd.DataFrame | None) -> list[tuple[str, str, str]]:
    """Return small picture, file name and the two guesses for each picture to label next."""
    if wanted is None:
        return []
    rows = list(wanted.itertuples(index=False, name=None))
    urls = map_in_threads(thumbnail, [Path(path) for path, *_ in rows])
    return [
        (url, Path(path).name, f"{first} ({share:.0%}) or {second} ({other:.0%})?")
        for url, (path, first, share, second, other) in zip(urls, rows, strict=True)
    ]


def _spotlights(
    classifier: SavedClassifier | None, evaluation: Evaluation, wrong: list[tuple[int, Picture]]
) -> dict[int, str]:
    """Return what spoke for each wrong answer, as `data:` URLs by row; nothing where the classifier cannot tell."""
    if classifier is None or not classifier.layers:
        return {}
    return {row: _spotlight_url(classifier, picture, evaluation.predicted[row]) for row, picture in wrong}


def _spotlight_url(classifier: SavedClassifier, picture: Picture, predicted: int) -> str:
    """Return the picture, bright where it spoke for a class; empty where it cannot be read (any more)."""
    if predicted < 0:
        return ""
    try:
        image = looked_at(classifier, picture, THUMBNAIL_SIZE, classifier.classes_[predicted])
    except (ImageError, OSError):
        return ""
    if image is None:
        return ""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return _data_url(buffer.getvalue(), "jpeg")


def _training(history: pd.DataFrame | None) -> dict[str, Any]:
    """Return what the page says of the training: curves over the steps, or a table of what was tried."""
    if history is None:
        return {"curves": "", "tried": None}
    if history.index.name == "strength":
        return {"curves": "", "tried": history, "names": MEASURES}
    return {"curves": _curves_url(history), "tried": None}


def _curves_url(history: pd.DataFrame) -> str:
    """Return the curves of training as the `data:` URL of an SVG."""
    from matplotlib.figure import Figure  # without pyplot, which costs as much again

    buffer = io.BytesIO()
    figure = Figure(CURVES_SIZE)
    draw_curves(figure, history)
    figure.savefig(buffer, format="svg")
    return _data_url(buffer.getvalue(), "svg+xml")


def _reliability_url(evaluation: Evaluation) -> str:
    """Return how often answers were right, by how sure they were, as the `data:` URL of an SVG."""
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    figure = Figure((4.2, 4.2), layout="constrained")
    draw_reliability(figure.subplots(), reliability(evaluation))
    figure.savefig(buffer, format="svg")
    return _data_url(buffer.getvalue(), "svg+xml")


def _data_url(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _template() -> "jinja2.Template":
    import jinja2

    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(assets_folder()), autoescape=True)
    return environment.get_template("report.html")


def _unreadable(evaluation: Evaluation) -> dict[str, str]:
    """Return how many pictures could not be read, as a fact for the page; nothing where all could."""
    count = int((evaluation.predicted < 0).sum())
    return {"could not be read": f"{count} of {len(evaluation.labels)}, counted as wrong"} if count else {}


def _suspects(advice: Advice, shown: list[Picture], urls: list[str]) -> list[tuple[str, str, str]]:
    """Return small picture, file name and caption of each picture to look at; they come first in what is shown."""
    captions = [caption for _, caption in advice.pictures]
    return [(urls[place], Path(shown[place].name).name, caption) for place, caption in enumerate(captions)]


def _behind(
    cells: dict[tuple[int, int], Cell], evaluation: Evaluation, urls: list[str], given: list[Picture]
) -> dict[tuple[int, int], tuple[Cell, list[tuple[str, str, str]]]]:
    """Return each cell with small picture, file name and sureness of what it shows; `urls` are in the order of the cells."""
    left = iter(urls)
    return {
        place: (cell, [(next(left), Path(given[row].name).name, _sureness(evaluation, row)) for row in cell.rows])
        for place, cell in cells.items()
    }


def _sureness(evaluation: Evaluation, row: int) -> str:
    unread = evaluation.predicted[row] < 0
    return "it cannot be read" if unread else f"{evaluation.probabilities[row].max():.0%}"


def _mistake(evaluation: Evaluation, row: int, url: str, picture: Picture) -> dict[str, str]:
    """Return what the page says of one wrong answer."""
    unread = evaluation.predicted[row] < 0
    return {
        "url": url,
        "name": Path(picture.name).name,
        "label": evaluation.classes[evaluation.labels[row]],
        "predicted": "nothing" if unread else evaluation.answers[row],
        "probability": _sureness(evaluation, row),
    }
