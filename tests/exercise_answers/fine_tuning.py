"""Answers to the exercises of lesson 14."""

from collections.abc import Sequence

import numpy as np

from . import Answers

WITHOUT_WEIGHTS = ("relu", "maxpool", "avgpool")


def frozen(children: Sequence[str], limit: int) -> list[str]:
    return [name for name in children[: limit - 1] if name not in WITHOUT_WEIGHTS]


def one_too_many(children: Sequence[str], limit: int) -> list[str]:
    return [name for name in children[:limit] if name not in WITHOUT_WEIGHTS]


def learning(children: Sequence[str], limit: int) -> list[str]:
    return [name for name in children[limit - 1 :] if name not in WITHOUT_WEIGHTS]


def places(maps: np.ndarray) -> np.ndarray:
    return np.sort(maps.reshape(len(maps), -1, maps.shape[-1]), axis=1)


def top(maps: np.ndarray, k: int) -> np.ndarray:
    return places(maps)[:, -k:].mean(axis=1)


def filters(kernel: np.ndarray, height: int, width: int) -> np.ndarray:
    return kernel.reshape(height, width, -1, kernel.shape[1])


def channels_first(kernel: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.moveaxis(kernel.reshape(-1, height, width, kernel.shape[1]), 0, 2)


def answers_on(rows: int, columns: int, height: int, width: int) -> tuple[int, int]:
    return rows - height + 1, columns - width + 1


ANSWERS = {
    "really_frozen": Answers(
        right=[(frozen,), (lambda children, limit: tuple(frozen(children, limit)),)],
        wrong={
            "you took one child too many": (one_too_many,),
            "These are frozen, but ReLU": (lambda children, limit: children[: limit - 1],),
            "One child too many, and ReLU": (lambda children, limit: children[:limit],),
            "These go on learning": (learning,),
            "4 names are right": (lambda children, limit: ["conv1"],),
            "A list of names": (lambda children, limit: 4,),
        },
    ),
    "pool_top": Answers(
        right=[(top,)],
        wrong={
            "you took the smallest": (lambda maps, k: places(maps)[:, :k].mean(axis=1),),
            "you added the values up": (lambda maps, k: places(maps)[:, -k:].sum(axis=1),),
            "the k-th largest value alone": (lambda maps, k: places(maps)[:, -k],),
            "is wanted, and yours is": (lambda maps, k: places(maps)[:, -k:],),
            "the values are others": (lambda maps, k: maps.mean(axis=(1, 2)),),
        },
    ),
    "flat_to_convolution": Answers(
        right=[(filters, answers_on)],
        wrong={
            "you swapped height and width": (lambda kernel, height, width: filters(kernel, width, height), answers_on),
            "the channels come first": (channels_first, answers_on),
            "you turned the filters": (lambda *case: filters(*case)[::-1, ::-1], answers_on),
            "filters of shape": (lambda kernel, height, width: kernel, answers_on),
            "in another order": (lambda *case: filters(*case)[:, :, ::-1], answers_on),
            "also has its first position": (filters, lambda r, c, h, w: (r - h, c - w)),
            "not by its own size": (filters, lambda r, c, h, w: (r // h, c // w)),
            "you swapped rows": (filters, lambda *case: answers_on(*case)[::-1]),
            "gives 7 x 6 answers": (filters, lambda r, c, h, w: (9, 9)),
        },
    ),
}
