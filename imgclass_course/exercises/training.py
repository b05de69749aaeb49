"""Checks of the exercises of lesson 08."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from imgclass_course.exercises import Off, Open, answered, call, exercise, expect, number
from imgclass_course.training import TrainingError, read_scalars

RUNS = 3


def _curves(folder: Path) -> pd.DataFrame:
    """Return the curves below a folder, with the columns run, part ("train", "validation"), tag, step, value."""
    try:
        table = read_scalars(folder)
    except TrainingError:
        raise Off("There is no curve in that folder. Did `fit` get `keras.callbacks.TensorBoard(...)`?") from None
    again = table[table.duplicated(["run", "tag", "step"])]
    expect(
        again.empty,
        f"Several trainings wrote into one folder: {'' if again.empty else again['run'].iloc[0]} has the same step "
        "more than once. Make a new folder for each run.",
    )
    run, part = table["run"].str.rpartition("/")[[0, 2]].to_numpy().T
    return table.assign(run=run, part=part)


@exercise(
    "For each rate: `new_run_folder`, a `fresh_head` of that rate, and `fit` on the training pictures with "
    "`callbacks=[keras.callbacks.TensorBoard(folder)]` and `**fit_options`."
)
def three_runs(answer: str | os.PathLike) -> str:
    """Exercise 1: three trainings with three learning rates, each in a run folder of its own."""
    expect(isinstance(answer, str | os.PathLike), "The folder is wanted here that holds the three run folders.")
    if not Path(answer).exists():
        raise Open
    table = _curves(Path(answer))
    runs = sorted(table["run"].unique())
    expect(
        len(runs) == RUNS,
        f"Below that folder there are {len(runs)} runs, not {RUNS}: {', '.join(runs)}. Where the cell ran more than "
        "once, take a new folder.",
    )
    values = table.sort_values("step").pivot_table("value", "run", ["part", "tag"], aggfunc="last")
    expect(("train", "epoch_learning_rate") in values, "No run says its learning rate. Keras's callback writes it.")
    expect(
        ("validation", "epoch_loss") in values and values["validation", "epoch_loss"].notna().all(),
        "A run has no validation curve: `fit` measures on what it gets as `validation_data`, which is in "
        "`fit_options`.",
    )
    rates = values["train", "epoch_learning_rate"]
    expect(rates.nunique() == RUNS, f"These are {rates.nunique()} learning rates, not {RUNS}. The others came twice.")
    expect((table.groupby("run")["step"].nunique() > 1).all(), "One epoch makes a point and no curve. Train for ten.")
    ends = values["validation", "epoch_loss"]
    best = ends.idxmin()
    return (
        f"Three runs, and their curves can be laid over each other. At the end the validation cross-entropy is lowest "
        f"in {best} (learning rate {rates[best]:.3g}), highest in {ends.idxmax()} ({rates[ends.idxmax()]:.3g})."
    )


def _planted() -> tuple[np.ndarray, np.ndarray]:
    """Return vectors and labels of two clouds, with a stranger in each, two foreign friends, and a copy relabelled."""
    generator = np.random.default_rng(0)
    near, far = generator.normal(2, 0.2, (12, 2)), generator.normal(8, 0.2, (12, 2))
    strangers, friends = np.array([[8.05, 8.0], [2.0, 2.05]]), np.array([[8.9, 8.0], [8.9, 8.01]])
    copies = np.array([[2.0, -3.0], [2.0, -3.0]])
    vectors = np.concatenate([near, far, strangers, friends, copies])
    return vectors, np.array(["a"] * 12 + ["b"] * 12 + ["a", "b"] + ["a", "a"] + ["a", "b"])


def _foreign(vectors: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Return which of the `count` nearest neighbours of each row have another label, [n, count] bool."""
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return labels[distances.argsort(axis=1, kind="stable")[:, :count]] != labels[:, None]


def _by_angle(vectors: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.flatnonzero(_foreign(unit, labels, count).all(axis=1))


@exercise(
    "Compute the distance of each picture to each other one (`scipy.spatial.distance.cdist`), and make that to itself "
    "infinite. `argsort` then puts the nearest first."
)
def strangers(answer: Callable[[np.ndarray, np.ndarray, int], np.ndarray]) -> str:
    """Exercise 2: the pictures whose nearest neighbours all have another label."""
    vectors, labels = _planted()
    for count in (1, 5):
        foreign = _foreign(vectors, labels, count)
        rows = _row_numbers(call(answer, vectors.copy(), labels.copy(), count))
        _expect_rows(np.unique(rows), foreign, vectors, labels)
    return (
        "You found those that were planted, and both copies of one picture under two labels. Such a copy is the "
        "folder's mistake, whatever the network does. With any other stranger only a look at the picture tells."
    )


def _row_numbers(answer: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return the answer as an array of row numbers. Raises `Off` for anything else."""
    try:
        rows = np.asarray(answer)
    except ValueError as error:  # lists of several lengths
        raise Off("Row numbers are wanted, in one array.") from error
    expect(rows.dtype != bool, "That is a mask. `np.flatnonzero` makes row numbers of it.")
    expect(rows.ndim == 1 and (rows.size == 0 or rows.dtype.kind in "iu"), "Row numbers are wanted, in one array.")
    return rows


def _expect_rows(rows: np.ndarray, foreign: np.ndarray, vectors: np.ndarray, labels: np.ndarray) -> None:
    """Raise `Off` with what is off, unless `rows` are those whose neighbours are all foreign."""
    count, truth = foreign.shape[1], np.flatnonzero(foreign.all(axis=1))
    if np.array_equal(rows, truth):
        return
    expect(
        count == 1 or not np.array_equal(rows, np.flatnonzero(foreign.any(axis=1))),
        "One foreign neighbour is enough for you. Wanted are pictures whose neighbours *all* have another label.",
    )
    missing, copies = set(truth) - set(rows), {len(labels) - 2, len(labels) - 1}
    expect(
        not set(rows) <= copies,
        "You found nobody, or only a copy. The nearest to each picture is the picture itself, which is no neighbour: "
        "leave it out.",
    )
    expect(
        not missing or not missing <= copies or not set(rows) <= set(truth),
        "You left out whatever came first, and that is not always the picture itself: two copies have the distance 0.",
    )
    expect(
        not np.array_equal(rows, _by_angle(vectors, labels, count)),
        "You compared by angle. Two vectors of one direction can lie far apart: take the distance.",
    )
    row = min(set(rows.tolist()) ^ set(truth.tolist()))
    share = (
        f"{foreign[row].sum()} of its {count} nearest have another label"
        if 0 <= row < len(foreign)
        else "there is no such row"
    )
    raise Off(f"Row {row} {'is missing' if row in truth else 'does not belong to them'}: {share}.")


def _stop(scores: Sequence[float], patience: int) -> tuple[int, int]:
    """Return how many epochs are run, and which was the best, as Keras's `EarlyStopping` would have it."""
    best = 0
    for epoch in range(1, len(scores)):
        if scores[epoch] > scores[best]:
            best = epoch
        elif epoch - best >= patience:
            return epoch + 1, best + 1
    return len(scores), best + 1


# Each typical mistake gives another answer to this one; the right one is (9, 5).
HARD = ([0.5, 0.6, 0.6, 0.55, 0.7, 0.65, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.9], 4)
MISTAKES = {
    (11, 7): "You count a score that is only *as good* as the best as better, and wait anew. It has to be higher.",
    (10, 5): "You wait one epoch too long: at the last of `patience` epochs without a better score it ends.",
    (8, 5): "You stop one epoch too soon: `patience` epochs without a better score have to pass.",
    (7, 5): "You add up all epochs without a better score. A better one begins the count anew.",
    (5, 1): "You wait for a lower score. Accuracies are better when higher.",
    (8, 4): "You count the epochs from 0. The first is 1.",
    (9, 7): "The best is the *first* epoch with the highest score: the later one was as good, and was not kept.",
    (13, 13): "You run to the end. After the epoch 9 nobody would know that the last one is the best.",
}


def _steadily_better(pictures: int) -> list[float]:
    """Return accuracies that rise a little with each epoch, as they are measured on so many pictures."""
    return [int(pictures * (0.6 + 0.002 * epoch)) / pictures for epoch in range(1, 61)]


@exercise(
    "Keep two things while you go through the scores: the epoch of the best so far, and how many epochs have passed "
    "since then."
)
def stop_early(answer: Callable[[list[float], int], tuple[int, int]]) -> str:
    """Exercise 3: early stopping by hand."""
    for scores, patience in (
        HARD,
        ([0.1, 0.2, 0.3], 1),
        ([0.3, 0.2, 0.4], 1),
        ([0.5, 0.4, 0.6, 0.5, 0.5], 2),
        ([0.7], 3),
    ):
        result = call(answer, list(scores), patience)
        expect(isinstance(result, tuple | list) and len(result) == 2, "Return two numbers: epochs run, best epoch.")
        answered(*result)
        found = number(result[0], "The number of epochs"), number(result[1], "The best epoch")
        if scores is HARD[0]:
            expect(found not in MISTAKES, MISTAKES.get(found, ""))
        expect(
            found == _stop(scores, patience),
            f"For {scores} and a patience of {patience} you return ({found[0]:g}, {found[1]:g}). It is "
            f"{_stop(scores, patience)}.",
        )
    few, many = _stop(_steadily_better(20), 5), _stop(_steadily_better(10_000), 5)
    return (
        "On n pictures an accuracy can take n + 1 values, and between two of them nothing counts as better. A network "
        f"that gets a little better with each of 60 epochs is stopped after {few[0]} by 20 validation pictures and a "
        f"patience of 5; by 10,000 pictures after {many[0]}. The cross-entropy has no such steps."
    )
