"""Checks of the exercises of lesson 02."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from imgclass_course.course_data import load_fashion
from imgclass_course.exercises import answered, call, describe, exercise, expect, number

DECENT, SHAMELESS = 0.9, 0.0001  # what 99 pictures and the last one give to the truth
START, STEPS = (1.0, -1.0), 10  # of the lesson's walk
REACHED = 0.15  # the loss that exercise 2 asks for
PLANS = ((8000, 32, 25), (100, 20, 2), (100, 30, 2), (60_000, 64, 5), (10, 32, 3))  # pictures, batch size, epochs


def _share(value: Any, what: str) -> float:  # whatever the attendee gives
    """Return a share from 0 to 1. Raises `Off` for anything else."""
    share = number(value, what)
    expect(share <= 1, f"{what} is a share from 0 to 1, and this is {share:g}: write 0.5 for 50 %.")
    expect(share >= 0, f"{what} is a share from 0 to 1, and this is {share:g}.")
    return share


def _tables() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return tables of probabilities, [n, classes], and the right class of each row."""
    generator = np.random.default_rng(0)
    tables = []
    for pictures, classes in ((1, 3), (6, 4), (50, 10)):
        powers = np.exp(generator.normal(size=(pictures, classes)))
        tables.append((powers / powers.sum(axis=1, keepdims=True), generator.integers(0, classes, pictures)))
    return tables


def _wrong_losses(table: np.ndarray, classes: np.ndarray, of_truth: np.ndarray) -> dict[str, float]:
    """Return what typical mistakes make of the loss."""
    logs = np.log(of_truth)
    return {
        "That is a negative loss: the logarithm of a probability is negative, so put a minus in front.": logs.mean(),
        "You took the logarithm to the base 2. The lesson's, `np.log`, is the natural one.": -np.log2(of_truth).mean(),
        "You took the logarithm to the base 10. The lesson's, `np.log`, is the natural one.": -np.log10(
            of_truth
        ).mean(),
        "You added the surprises up: the loss is their mean, so that more pictures do not make it larger.": -logs.sum(),
        "You took the largest probability of each row, which need not be that of the truth: whoever is sure and wrong "
        "gets away with it.": -np.log(table.max(axis=1)).mean(),
        "You took the mean of the probabilities first, and a single bad answer drowns in it.": -np.log(of_truth.mean()),
        "`probabilities[:, classes]` takes the classes of all pictures out of each row. Take one number out of each, the one "
        "of its own class.": -np.log(table[:, classes]).mean(),
        "You averaged over all classes. Only what was given to the true one counts.": -np.log(table).mean(),
    }


@exercise(
    "`probabilities[np.arange(len(classes)), classes]` takes one number out of each row. The loss is the mean of minus "
    "its logarithm."
)
def shameless_answer(guess: float, cross_entropy: Callable[[np.ndarray, np.ndarray], float]) -> str:
    """Exercise 1: guess the share of one sure mistake, and write the loss of a table of probabilities."""
    share = _share(guess, "Your guess")
    for table, classes in _tables():
        result = call(cross_entropy, table.copy(), classes.copy())
        of_truth = table[np.arange(len(classes)), classes]
        single = isinstance(result, np.ndarray) and result.shape == classes.shape
        expect(not single, "You return a surprise for each picture. The loss is one number: their mean.")
        result = result.numpy() if hasattr(result, "numpy") else result  # a tensor
        value, truth = number(result, "The loss"), float(-np.log(of_truth).mean())
        wrong_losses = _wrong_losses(table, classes, of_truth)
        reason = next((words for words, wrong in wrong_losses.items() if np.isclose(value, wrong)), "")
        given = f"For {len(classes)} {'picture' if len(classes) == 1 else 'pictures'} and {table.shape[1]} classes"
        expect(
            bool(np.isclose(value, truth)),
            f"{given} you return {value:.3f}, and the loss is {truth:.3f}. {reason}".strip(),
        )
    alone = -math.log(SHAMELESS)
    real = alone / (alone - 99 * math.log(DECENT))
    return (
        f"That one picture makes {real:.0%} of the whole loss, and you guessed {share:.0%}. Training will do much to be "
        "less sure of itself there. A count of mistakes would have said one in a hundred."
    )


@functools.cache
def _garments() -> tuple[np.ndarray, np.ndarray]:
    """Return the lesson's two features of trousers and pullovers, [1200, 2], and 0 or 1 for each."""
    fashion = load_fashion()
    images, labels = fashion.train_images, fashion.train_labels
    garments = np.concatenate([images[labels == 1], images[labels == 2]]) / 255
    middle = garments[:, :, 9:19].sum(axis=2).mean(axis=1)
    sides = garments.sum(axis=2).mean(axis=1) - middle
    return np.stack([middle, sides], axis=1), np.repeat([0, 1], [np.sum(labels == 1), np.sum(labels == 2)])


def walk(rate: float) -> list[float]:
    """Return the loss at the start of the lesson's walk, and after each of its steps."""
    from scipy.special import expit

    features, truth = _garments()
    weights, losses = np.array(START), []
    for _ in range(STEPS + 1):
        total = features @ weights
        losses.append(float(np.logaddexp(0, np.where(truth == 1, -total, total)).mean()))
        weights = weights - rate * (features.T @ (expit(total) - truth) / len(truth))
    return losses


def _too_short(losses: list[float]) -> str:
    """Return why a walk did not arrive."""
    if all(later < sooner for sooner, later in zip(losses[:-1], losses[1:], strict=True)):
        return "It went down with every step and is still on its way: its steps are too short."
    return f"On its way it jumped up to {max(losses):.2f}: its steps are too long."


@exercise("Print `loss(descend(rate)[-1])` for a few rates, each twice or three times the one before.")
def two_rates(good: float, wild: float) -> str:
    """Exercise 2: a learning rate that arrives within ten steps, and one that ends higher than it began."""
    good, wild = number(good, "The good rate"), number(wild, "The wild rate")
    for name, rate in (("good", good), ("wild", wild)):
        expect(
            rate >= 0, f"A rate below 0, such as your {name} one, walks uphill on purpose. Try it, but choose another."
        )
        expect(rate != 0, f"With a rate of 0, your {name} one, the ball stays where it is.")
        expect(rate < 1e100, f"Your {name} rate is so large that the computer cannot write down where the ball is.")
    arrived, flown = walk(good), walk(wild)
    exchanged = walk(wild)[-1] < REACHED and walk(good)[-1] > arrived[0]
    expect(not exchanged, "Exchange them: the first one flies off, and the second one arrives.")
    expect(
        arrived[-1] < REACHED,
        f"With your good rate the loss ends at {arrived[-1]:.3f}, not below {REACHED:g}. {_too_short(arrived)}",
    )
    expect(
        flown[-1] > flown[0],
        f"With your wild rate the ball ends at {flown[-1]:.2f}, lower than the {flown[0]:.2f} where it began. "
        + (
            "It is not wild at all."
            if max(flown) == flown[0]
            else f"It was up at {max(flown):.1f} and came back: wilder."
        ),
    )
    return (
        f"With {good:g} the loss sinks from {arrived[0]:.2f} to {arrived[-1]:.3f}. With {wild:g} it was up at "
        f"{max(flown):.0f} and ends at {flown[-1]:.1f}: of what it got wrong it is now very sure, far out on the map."
    )


def count(pictures: int, batch_size: int, epochs: int) -> tuple[int, int]:
    """Return the steps of a training, and the pictures of its last batch."""
    per_epoch = math.ceil(pictures / batch_size)
    return per_epoch * epochs, pictures - (per_epoch - 1) * batch_size


def _wrong_steps(pictures: int, batch_size: int, epochs: int) -> dict[str, float]:
    """Return what typical mistakes make of the number of steps."""
    return {
        "That counts pictures. A step takes a whole batch of them.": pictures * epochs,
        "That is one epoch. Each of the others takes as many steps again.": math.ceil(pictures / batch_size),
        "You leave the rest of each epoch out: the pictures that fill no whole batch make a smaller one.": epochs
        * (pictures // batch_size),
        "You filled the last batch of an epoch with pictures of the next. Each epoch ends with what is left "
        "over.": math.ceil(pictures * epochs / batch_size),
        "Half a step cannot be made: the pictures left over make a step of their own.": pictures / batch_size * epochs,
    }


def _wrong_last(pictures: int, batch_size: int) -> dict[str, int]:
    """Return what typical mistakes make of the last batch."""
    return {
        "Where nothing is left over, the last batch is a full one.": pictures % batch_size,
        "The last batch holds what is left over, and need not be full.": batch_size,
        "That is how many are missing in the last batch, not how many are in it.": -pictures % batch_size,
    }


@exercise("`math.ceil` rounds up. First count the steps of one epoch, then what the full batches leave over.")
def count_steps(guess: float, plan: Callable[[int, int, int], tuple[int, int]]) -> str:
    """Exercise 3: steps of a training, and pictures in its last batch, from the size of the data and of a batch."""
    guess = number(guess, "Your guess")
    expect(guess > 0, f"Your guess is {guess:g}, and it takes at least one step.")
    for pictures, batch_size, epochs in PLANS:
        result = call(plan, pictures, batch_size, epochs)
        expect(
            isinstance(result, tuple | list) and len(result) == 2, f"Return two numbers. This is {describe(result)}."
        )
        answered(*result)
        steps, last = number(result[0], "The number of steps"), number(result[1], "The last batch")
        right = count(pictures, batch_size, epochs)
        given = f"For {pictures:,} pictures in batches of {batch_size} and {epochs} epochs"
        wrong = _wrong_steps(pictures, batch_size, epochs)
        reason = next((words for words, value in wrong.items() if value == steps), "")
        expect(steps == right[0], f"{given} you return {steps:,g} steps, and it is another number. {reason}".strip())
        reason = next((words for words, value in _wrong_last(pictures, batch_size).items() if value == last), "")
        expect(last == right[1], f"{given} you return a last batch of {last:,g}, and that is not it. {reason}".strip())
    steps, _ = count(*PLANS[0])
    return (
        f"It is {steps:,} steps, and you guessed {guess:,g}. Each epoch has {steps // PLANS[0][2]} of them. A line that "
        "is often copied, `steps_per_epoch = 8000` for 8,000 pictures, counts pictures for steps: each of its epochs is "
        f"as long as {PLANS[0][1]}."
    )
