"""Checks of the exercises of lesson 10."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from imgclass_course.exercises import Off, Open, answered, call, exercise, expect, number
from imgclass_course.foundation.errors import TrainingError
from imgclass_course.event_files import read_scalars

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


def _smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """Return the averages of all values up to each, the older ones by powers of `weight`, as TensorBoard draws them."""
    weights = weight ** np.arange(len(values))
    return np.array([np.average(values[end::-1], weights=weights[: end + 1]) for end in range(len(values))])


def _running(values: np.ndarray, weight: float, start: float) -> np.ndarray:
    """Return what keeping `weight` of the last result and adding the rest of the new value gives, from `start` on."""
    result = []
    for value in values:
        start = weight * start + (1 - weight) * value
        result.append(start)
    return np.array(result)


def _judge_smoothed(found: np.ndarray, values: np.ndarray, weight: float) -> str:
    """Return what the mistake was that made `found` of `values`, or nothing if it is right."""
    if np.allclose(found, _smoothed(values, weight), atol=1e-6):
        return ""
    oldest_first = [np.average(values[: end + 1], weights=weight ** np.arange(end + 1)) for end in range(len(values))]
    mistakes = [
        (
            _running(values, weight, 0.0),
            "It begins near 0, where the curve never was. Divide by the sum of the weights.",
        ),
        (_running(values, weight, values[0]), "The first value counts too much: as if it had been there for ever."),
        (_smoothed(values, 1 - weight), "The other way round: a weight near 1 smooths much, one of 0 not at all."),
        (np.array(oldest_first), "The oldest value counts most. The newest should."),
        (_smoothed(values, 1.0), "All values so far count the same. Older ones count less, by powers of the weight."),
    ]
    named = [words for wrong, words in mistakes if np.allclose(found, wrong, atol=1e-6)]
    return named[0] if named else f"With the weight {weight:g} the curve does not come out as TensorBoard draws it."


@exercise(
    "Do it for one point first: reverse the values up to it, and give `np.average` the weights "
    "`weight ** np.arange(how_many)`."
)
def smooth(answer: Callable[[np.ndarray, float], np.ndarray]) -> str:
    """Exercise 2: TensorBoard's smoothing."""
    noisy = np.random.default_rng(0).random(30) + 1
    for weight in (0.9, 0.6, 0.0):
        found = call(answer, noisy.copy(), weight)
        problem = "Return as many numbers as there are values, in one array."
        try:
            found = np.asarray(found, float)
        except (TypeError, ValueError, OverflowError):
            raise Off(problem) from None
        expect(found.shape == noisy.shape, problem)
        problem = _judge_smoothed(found, noisy, weight)
        expect(not problem, problem)
    epochs = np.arange(1, 61)
    loss = 1 / epochs + epochs / 100
    turned = int(epochs[_smoothed(loss, 0.9).argmin()])
    return (
        f"A loss that is lowest after epoch {epochs[loss.argmin()]} and rises from there is lowest after {turned} when it "
        "is smoothed by 0.9: the average drags old values along. So look at the smoothed curve to see where it goes, and "
        "choose the epoch by the values."
    )


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
MISTAKES: dict[tuple[float, float], str] = {
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
