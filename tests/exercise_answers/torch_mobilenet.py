"""Answers to the exercises of lesson 21."""

from typing import Any

import numpy as np
import torch
from torch import nn

from . import Answers


def step(module: nn.Module, optimiser: Any, inputs: torch.Tensor, classes: torch.Tensor) -> float:
    optimiser.zero_grad()
    loss = nn.functional.cross_entropy(module(inputs), classes)
    loss.backward()
    optimiser.step()
    return loss.item()


def other_step(module: nn.Module, optimiser: Any, inputs: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    loss = nn.CrossEntropyLoss()(module(inputs), classes)
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
    return loss.detach()


def adding(module: nn.Module, optimiser: Any, inputs: torch.Tensor, classes: torch.Tensor) -> float:
    loss = nn.functional.cross_entropy(module(inputs), classes)
    loss.backward()
    optimiser.step()
    return loss.item()


def standing(module: nn.Module, optimiser: Any, inputs: torch.Tensor, classes: torch.Tensor) -> float:
    optimiser.zero_grad()
    loss = nn.functional.cross_entropy(module(inputs), classes)
    loss.backward()
    return loss.item()


def noted(module: nn.Module, optimiser: Any, inputs: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    optimiser.zero_grad()
    loss = nn.functional.cross_entropy(module(inputs), classes)
    loss.backward()
    optimiser.step()
    return loss


def softmax_first(module: nn.Module, optimiser: Any, inputs: torch.Tensor, classes: torch.Tensor) -> float:
    optimiser.zero_grad()
    loss = nn.functional.cross_entropy(module(inputs).softmax(1), classes)
    loss.backward()
    optimiser.step()
    return loss.item()


def afterwards(module: nn.Module, optimiser: Any, inputs: torch.Tensor, classes: torch.Tensor) -> float:
    step(module, optimiser, inputs, classes)
    return nn.functional.cross_entropy(module(inputs), classes).item()


def in_use(module: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    before = module.training
    module.eval()
    with torch.no_grad():
        answers = module(inputs)
    module.train(before)
    return answers


def as_it_is(module: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return module(inputs)


def left_in_use(module: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return module.eval()(inputs)


def left_in_training(module: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    answers = left_in_use(module, inputs)
    module.train()
    return answers


def with_notes(module: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    before = module.training
    answers = module.eval()(inputs)
    module.train(before)
    return answers


def first(pictures: np.ndarray) -> torch.Tensor:
    return torch.tensor(pictures).permute(0, 3, 1, 2).float()


def counted(pictures: np.ndarray) -> torch.Tensor:
    count, height, width, _ = pictures.shape
    return torch.tensor(pictures).reshape(count, 3, height, width).float() / 255


ANSWERS = {
    "to_tensors": Answers(
        right=[
            (lambda pictures: first(pictures) / 255,),
            (lambda pictures: torch.from_numpy(pictures.transpose(0, 3, 1, 2) / np.float32(255)),),
        ],
        wrong={
            "mixes the colours": (counted,),
            "go up to 255": (first,),
            "begin at -1": (lambda pictures: first(pictures) / 127.5 - 1,),
            "exchanged height and width": (
                lambda pictures: (torch.tensor(pictures).permute(0, 3, 2, 1).float() / 255).reshape(
                    first(pictures).shape
                ),
            ),
            "float32": (lambda pictures: first(pictures).byte(),),
            "has the shape": (lambda pictures: torch.tensor(pictures).float() / 255,),
            "a tensor of PyTorch's": (lambda pictures: pictures / 255,),
        },
    ),
    "one_step": Answers(
        right=[(step,), (other_step,)],
        wrong={
            "add up from step to step": (adding,),
            "No weight has moved": (standing,),
            "carries its notes": (noted,),
            "You took a softmax first": (softmax_first,),
            "*after* the step": (afterwards,),
        },
    ),
    "answers_in_use": Answers(
        right=[(in_use,)],
        wrong={
            "answers of training mode": (as_it_is,),
            "your function left it in use": (left_in_use,),
            "your function left it in training": (left_in_training,),
            "carry notes": (with_notes,),
        },
    ),
}
