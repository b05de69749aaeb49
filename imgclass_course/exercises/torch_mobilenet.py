"""Checks of the exercises of lesson 21: channels first, a step of training, answers in the middle of a training."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from imgclass_course.exercises import Off, call, describe, exercise, expect, number

if TYPE_CHECKING:
    import torch


def _array(answer: Any, shape: tuple[int, ...], what: str) -> np.ndarray:  # whatever the attendee returns
    """Return a tensor of float32 of a shape as an array. Raises `Off` for anything else."""
    import torch

    expect(isinstance(answer, torch.Tensor), f"{what} has to be a tensor of PyTorch's, and this is {describe(answer)}.")
    expect(answer.dtype == torch.float32, f"{what} has to be float32, and yours is {str(answer.dtype)[6:]}.")
    found = tuple(answer.shape)
    expect(found == shape, f"{what} has the shape {list(shape)}; yours has {list(found)}.")
    return answer.detach().numpy()


def _order_mistakes(pictures: np.ndarray) -> dict[str, np.ndarray]:
    """Return what typical mistakes make of pictures, by what is wrong with them."""
    count, height, width, _ = pictures.shape
    first = pictures.transpose(0, 3, 1, 2).astype(np.float32)
    swapped = pictures.transpose(0, 3, 2, 1).reshape(count, 3, height, width).astype(np.float32)
    return {
        "That is `reshape`: it leaves every number where it lies, and mixes the colours. Use `permute`.": (
            pictures.reshape(count, 3, height, width).astype(np.float32) / 255
        ),
        "Your numbers go up to 255: divide by it.": first,
        "Your numbers begin at -1: that is what our MobileNet wants, and `ToTensor` begins at 0.": first / 127.5 - 1,
        "Your pictures lie on their side: you have exchanged height and width as well.": swapped / 255,
    }


@exercise(
    "`torch.tensor(pictures)` makes a tensor, `permute(0, 3, 1, 2)` brings the last axis to the second place, and `.float()` "
    "has to come before the division."
)
def to_tensors(answer: Callable[[np.ndarray], "torch.Tensor"]) -> str:
    """Exercise 1: channels first, from 0 to 1."""
    for shape in ((3, 8, 8, 3), (2, 5, 7, 3)):
        pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        count, height, width, channels = shape
        found = _array(call(answer, pictures.copy()), (count, channels, height, width), "The batch")
        truth = pictures.transpose(0, 3, 1, 2).astype(np.float32) / 255
        if np.allclose(found, truth, atol=1e-5):
            continue
        for reason, mistaken in _order_mistakes(pictures).items():
            expect(not np.allclose(found, mistaken, atol=1e-5), reason)
        raise Off(f"The first number should be {truth.flat[0]:.3f}, and yours is {found.flat[0]:.3f}.")
    return (
        "With a square picture a wrong order of height and width would have gone unnoticed by its shape. Test such a function "
        "with pictures that are not square."
    )


INPUTS, CLASSES, STEPS, RATE = 6, 3, 4, 0.5


def _start() -> "tuple[torch.nn.Linear, torch.Tensor, torch.Tensor]":
    """Return a layer that always begins alike, and a batch."""
    import torch

    generator = np.random.default_rng(0)
    module = torch.nn.Linear(INPUTS, CLASSES)
    with torch.no_grad():
        module.weight.copy_(torch.tensor(generator.normal(size=(CLASSES, INPUTS)), dtype=torch.float32))
        module.bias.zero_()
    inputs = torch.tensor(generator.normal(size=(10, INPUTS)), dtype=torch.float32)
    return module, inputs, torch.tensor(np.arange(10) % CLASSES)


def _walk(forget: bool = True, probabilities: bool = False) -> tuple[list[float], np.ndarray]:
    """Return the losses of some steps, and the weights after them; with a mistake where one is asked for."""
    import torch

    module, inputs, classes = _start()
    optimiser, losses = torch.optim.SGD(module.parameters(), RATE), []
    for _ in range(STEPS):
        if forget:
            optimiser.zero_grad()
        outputs = module(inputs)
        loss = torch.nn.functional.cross_entropy(outputs.softmax(1) if probabilities else outputs, classes)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses, module.weight.detach().numpy().copy()


@exercise(
    "The four lines are `optimiser.zero_grad()`, `loss = nn.functional.cross_entropy(module(inputs), classes)`, "
    "`loss.backward()` and `optimiser.step()`. `loss.item()` is the loss as a number."
)
def one_step(answer: Callable[..., float]) -> str:
    """Exercise 2: a step of training."""
    import torch

    module, inputs, classes = _start()
    optimiser, before = torch.optim.SGD(module.parameters(), RATE), module.weight.detach().numpy().copy()
    losses = []
    for _ in range(STEPS):
        loss = call(answer, module, optimiser, inputs, classes)
        kept = isinstance(loss, torch.Tensor) and loss.requires_grad
        expect(not kept, "Your loss still carries its notes for the gradient: return `loss.item()`, a number.")
        losses.append(number(loss, "The loss"))
    weights, (truth, wanted) = module.weight.detach().numpy(), _walk()
    still = np.allclose(weights, before, atol=1e-7)
    expect(not still, "No weight has moved: `loss.backward()` finds the slopes, and `optimiser.step()` goes down.")
    adding = np.allclose(weights, _walk(forget=False)[1], atol=1e-4)
    expect(not adding, "Your slopes add up from step to step: begin with `optimiser.zero_grad()`.")
    twice = np.allclose(weights, _walk(probabilities=True)[1], atol=1e-4)
    expect(not twice, "You took a softmax first. `cross_entropy` has it inside, and wants the scores themselves.")
    expect(np.allclose(weights, wanted, atol=1e-4), "After four steps the weights are other ones than they should be.")
    later = np.allclose(losses[:-1], truth[1:], atol=1e-4)
    expect(not later, "You return the loss *after* the step: that costs a second forward pass. Take the one before.")
    same = np.allclose(losses, truth, atol=1e-4)
    expect(same, f"The first loss is {truth[0]:.3f}, and you returned {losses[0]:.3f}.")
    return f"In four steps the loss went from {losses[0]:.2f} to {losses[-1]:.2f}, as it should."


def _module() -> "torch.nn.Module":
    """Return a module whose answers tell in which mode it is."""
    from torch import nn

    return nn.Sequential(nn.BatchNorm1d(INPUTS), nn.Dropout(0.5))


@exercise(
    "`module.training` says which mode it is in. Keep it, call `module.eval()`, compute under `with torch.no_grad():`, and give "
    "the mode back with `module.train(before)`."
)
def answers_in_use(answer: Callable[..., "torch.Tensor"]) -> str:
    """Exercise 3: the answers of a module in use, without a trace."""
    import torch

    inputs = torch.tensor(np.random.default_rng(0).normal(3, 2, (8, INPUTS)), dtype=torch.float32)
    for training in (True, False):
        module = _module().train(training)
        truth = _module().train(False)(inputs).detach().numpy()
        given = call(answer, module, inputs.clone())
        found = _array(given, truth.shape, "The batch of answers")
        dropped = not np.allclose(found, truth, atol=1e-5)
        expect(not dropped, "These are the answers of training mode: call `module.eval()` before you compute.")
        expect(
            not given.requires_grad, "Your answers carry notes for a gradient: compute them under `torch.no_grad()`."
        )
        left = "in training mode" if module.training else "in use (`eval`)"
        came = "in training mode" if training else "in use (`eval`)"
        expect(module.training == training, f"The module came {came}, and your function left it {left}.")
    return "No trace is left, so it can be called after each epoch to see how validation is doing."
