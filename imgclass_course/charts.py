"""Charts of what was measured: the confusion matrix, the curves of a training, and how far probabilities can be believed."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .drawing import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES_SIZE = (6.4, 2.6)  # inches
TRAINING, VALIDATION = ("training", "-", "blue"), ("validation", "--", "orange")  # name, line and colour of a curve


def draw_curves(
    figure: "Figure",  # an empty one
    history: pd.DataFrame,  # index: steps or strength; columns: accuracy, loss and perhaps val_accuracy, val_loss
) -> None:
    """Draw accuracy and loss in the course of a training, for training and validation."""
    scale = "log" if history.index.name == "strength" else "linear"
    titles = {"accuracy": "accuracy", "loss": "cross-entropy"}
    for axis, (measure, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        for column, name, style, colour in ((measure, *TRAINING), (f"val_{measure}", *VALIDATION)):
            if column in history:
                axis.plot(history.index, history[column], style, color=COLOURS[colour], label=name)
        axis.set(xlabel=history.index.name or "steps", ylabel=title, xscale=scale)
        axis.legend()
    figure.tight_layout()


def plot_curves(history: pd.DataFrame) -> "Figure":
    """The curves as a figure for a notebook."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=CURVES_SIZE, dpi=100)
    draw_curves(figure, history)
    return figure


def confusion_shares(confusion: pd.DataFrame) -> pd.DataFrame:
    """The same as shares of each true class, which sum to 1 in each row (to 0 for a class without pictures)."""
    return confusion.div(confusion.sum(axis=1).clip(lower=1), axis=0)


def plot_confusion(confusion: pd.DataFrame) -> "Figure":
    """Draw a confusion matrix: the share of each true class that went to each class, the counts written in."""
    import matplotlib.pyplot as plt
    from sklearn.metrics import ConfusionMatrixDisplay

    k = len(confusion)  # a column for what could not be read comes after these
    figure, axis = plt.subplots(figsize=(1.5 + 0.42 * k, 1.5 + 0.42 * k), dpi=96)
    drawn = ConfusionMatrixDisplay(confusion_shares(confusion).to_numpy()[:, :k], display_labels=confusion.index)
    looks = {"im_kw": {"vmin": 0, "vmax": 1}, "text_kw": {"fontsize": 9}, "xticks_rotation": 60}
    drawn.plot(ax=axis, cmap="Blues", colorbar=False, **looks)
    for place, text in np.ndenumerate(drawn.text_):
        text.set_text(confusion.iat[place] or "")
    plt.setp(axis.get_xticklabels(), ha="right")
    unreadable = int(confusion.iloc[:, k:].to_numpy().sum())
    axis.set(xlabel="taken for" + (f" ({unreadable} could not be read)" if unreadable else ""), ylabel="is")
    figure.tight_layout()
    return figure


def draw_reliability(axis: "Axes", table: pd.DataFrame) -> None:
    """Draw how often answers were right against how sure the model was of them.

    table: a row for each group of answers, as `evaluation.reliability` makes it. A point on the dashed line keeps its
    promise, one below it promised too much; the point's size is the group's.
    """
    axis.plot([0, 1], [0, 1], "--", color=COLOURS["grey"], linewidth=1.5)
    axis.vlines(table["confidence"], table["low"], table["high"], color=COLOURS["blue"], alpha=0.5, linewidth=3)
    sizes = 20 + 180 * table["pictures"] / max(table["pictures"].sum(), 1)
    axis.scatter(table["confidence"], table["accuracy"], sizes, color=COLOURS["blue"], zorder=3)
    axis.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="how sure it was", ylabel="how often it was right", aspect="equal")
