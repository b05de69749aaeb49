"""Checks of the exercises of lesson 20: Amdahl's speed-up, machines for a deadline, the gradient of unequal parts."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from imgclass_course.exercises import Off, call, describe, exercise, expect, number

SHARES = ((0.1, 8), (0.02, 64), (0.5, 3))  # of the work that cannot be divided, and machines


def _speed_up_mistakes(share: float, machines: int) -> dict[str, float]:
    """Return what typical mistakes give, by what is wrong with them."""
    time = share + (1 - share) / machines
    return {
        "That is the time, as a share of what one machine needs. How many times as fast is one over it.": time,
        "You took the share for what *can* be divided; it is what cannot.": 1 / (1 - share + share / machines),
        "That is as if all of the work could be divided.": machines,
        "You divided all of the work, and added the share to that: only the rest is divided.": 1
        / (share + 1 / machines),
        "You took the share away from the number of machines. It is the *time* that has two parts.": machines
        * (1 - share),
    }


@exercise(
    "Let one machine take 1 hour. The part that cannot be divided takes `share` hours, whatever you do. How long does the rest "
    "take on several machines? And how many times does the sum go into 1?"
)
def speed_up(answer: Callable[[float, int], float]) -> str:
    """Exercise 1: how many times as fast several machines are."""
    for share, machines in SHARES:
        found = number(call(answer, share, machines), "The speed-up")
        truth = 1 / (share + (1 - share) / machines)
        if math.isclose(found, truth, rel_tol=1e-6):
            continue
        for reason, mistaken in _speed_up_mistakes(share, machines).items():
            expect(not math.isclose(found, mistaken, rel_tol=1e-6), reason)
        raise Off(f"With a share of {share:g}, {machines} machines are {truth:.2f} times as fast, and yours {found:.2f}.")
    edges = ((0.0, 16, 16.0), (1.0, 16, 1.0))
    for share, machines, truth in edges:
        found = number(call(answer, share, machines), "The speed-up")
        expect(math.isclose(found, truth), f"With a share of {share:g} it is {truth:g}, and yours {found:g}.")
    return "With very many machines it comes to 1 / share: a hundredth that cannot be divided is at most 100 times as fast."


JOBS = (  # pictures, rate, alone, hours
    (1_000_000, 100.0, 0.0, 1.0),
    (1_000_000, 100.0, 0.002, 1.0),
    (3_600, 1.0, 0.0, 1.0),
    (250_000, 40.0, 0.001, 0.5),
)


def _needed(pictures: int, rate: float, alone: float, hours: float) -> int:
    left = hours * 3600 - pictures * alone
    return max(1, math.ceil(pictures / rate / left - 1e-9)) if left > 0 else 0


def _machines_mistakes(pictures: int, rate: float, alone: float, hours: float) -> dict[str, float]:
    """Return what typical mistakes give, by what is wrong with them."""
    left = hours * 3600 - pictures * alone
    exact = pictures / rate / left
    return {
        "That is a number of machines with a fraction: round it up to a whole one.": exact,
        "You rounded down, and the job is not done in time: round up.": math.floor(exact),
        "You left out the driver's own seconds: they go from the time before it is shared out.": math.ceil(
            pictures / rate / (hours * 3600)
        ),
        "An hour has 3600 seconds, and the rate is per second.": math.ceil(pictures / rate / hours),
    }


@exercise(
    "In seconds: the driver's own part goes from the time you have. What is left must hold what one machine would need for the "
    "rest, divided by the number of machines. Solve that for the number, and round up. If nothing is left, no number helps."
)
def machines_needed(answer: Callable[[int, float, float, float], int]) -> str:
    """Exercise 2: the smallest number of machines for a deadline."""
    for job in JOBS:
        found, truth = number(call(answer, *job), "The number of machines"), _needed(*job)
        if found == truth:
            continue
        for reason, mistaken in _machines_mistakes(*job).items():
            expect(not math.isclose(found, mistaken, rel_tol=1e-9), reason)
        raise Off(f"For {job[0]:,} pictures in {job[3]:g} h it takes {truth} machines, and yours are {found:g}.")
    found = number(call(answer, 1_000_000, 100.0, 0.01, 2.0), "The number of machines")
    expect(found == 0, f"Where the driver alone takes longer than there is, the answer is 0, and yours is {found:g}.")
    return "Before you rent more machines, look whether the driver's part can be made shorter: it is what no money buys."


def _gradient_mistakes(gradients: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return what typical mistakes give, by what is wrong with them."""
    weighted = np.tensordot(counts, gradients, 1)
    return {
        "That is the plain mean: a picture on the emptier device then counts more than one on the fuller.": gradients.mean(
            axis=0
        ),
        "That is a sum: divide by the number of all pictures.": weighted,
        "You added the means as if they were sums.": gradients.sum(axis=0),
        "You divided by the number of devices, and not by that of all pictures.": weighted / len(counts),
    }


@exercise(
    "Each device's mean times its count is the *sum* over its pictures. Add the sums, and divide by the number of all "
    "pictures. `np.average` can do it with `weights`."
)
def whole_gradient(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> str:
    """Exercise 3: the gradient of a batch whose parts are unequal."""
    generator = np.random.default_rng(0)
    for shape, counts in (((2, 5, 3), [32, 18]), ((3, 4), [10, 1, 5])):
        gradients, numbers = generator.normal(size=shape), np.array(counts)
        found = _array(call(answer, gradients.copy(), numbers.copy()), shape[1:])
        truth = np.average(gradients, axis=0, weights=numbers)
        if np.allclose(found, truth):
            continue
        for reason, mistaken in _gradient_mistakes(gradients, numbers).items():
            expect(not np.allclose(found, mistaken), reason)
        raise Off(f"With counts {counts} its first number is {truth.flat[0]:.3f}, and yours {found.flat[0]:.3f}.")
    return "`MirroredStrategy` does this for you, as long as the loss is a mean over the *whole* batch, which Keras sees to."


def _array(answer: Any, shape: tuple[int, ...]) -> np.ndarray:  # whatever the attendee returns
    """Return an answer as float64 of a shape. Raises `Off` for anything else."""
    try:
        found = np.asarray(answer, np.float64)
    except (TypeError, ValueError) as error:
        raise Off(f"The gradient consists of numbers, and this is {describe(answer)}.") from error
    expect(found.shape == shape, f"The gradient has the shape {list(shape)}; yours has {list(found.shape)}.")
    expect(bool(np.isfinite(found).all()), "The gradient consists of numbers; some of yours are infinite, or none at all.")
    return found
