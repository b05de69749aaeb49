"""Answers to the exercises of lesson 16."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import binomtest

from . import Answers

Fit = Callable[[np.ndarray, np.ndarray], Any]


def shares(answers: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    right = answers == truth
    return right.any(axis=0).mean(), right.all(axis=0).mean()


def best_and_worst(answers: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    each = (answers == truth).mean(axis=1)
    return each.max(), each.min()


def where_all_agree(answers: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    return shares(answers, truth)[0], (answers == answers[0]).all(axis=0).mean()


def honest(X: np.ndarray, y: np.ndarray, fold: np.ndarray, fit: Fit) -> np.ndarray:
    found = np.zeros((len(y), y.max() + 1))
    for each in np.unique(fold):
        found[fold == each] = fit(X[fold != each], y[fold != each]).predict_proba(X[fold == each])
    return found


def on_own(X: np.ndarray, y: np.ndarray, fold: np.ndarray, fit: Fit) -> np.ndarray:
    return fit(X, y).predict_proba(X)


def fold_by_fold(X: np.ndarray, y: np.ndarray, fold: np.ndarray, fit: Fit) -> np.ndarray:
    found = honest(X, y, fold, fit)
    return np.concatenate([found[fold == each] for each in np.unique(fold)])


def last_fold_only(X: np.ndarray, y: np.ndarray, fold: np.ndarray, fit: Fit) -> np.ndarray:
    return np.where((fold == 2)[:, None], honest(X, y, fold, fit), 0)


def the_other_way_round(X: np.ndarray, y: np.ndarray, fold: np.ndarray, fit: Fit) -> np.ndarray:
    found = np.zeros((len(y), y.max() + 1))
    for each in np.unique(fold)[::-1]:
        found[fold != each] = fit(X[fold == each], y[fold == each]).predict_proba(X[fold != each])
    return found


def lead(decided: int, sides: float = 1.0) -> int:
    leads = range(decided % 2, decided + 1, 2)
    return next(one for one in leads if sides * binomtest((decided - one) // 2, decided).pvalue < 0.05)


ANSWERS = {
    "ceiling_and_floor": Answers(
        right=[(shares,), (lambda answers, truth: list(shares(answers, truth)),)],
        wrong={
            "you swapped the two": (lambda answers, truth: shares(answers, truth)[::-1],),
            "you return numbers of pictures": (lambda a, t: tuple(len(t) * share for share in shares(a, t)),),
            "the best and the worst member": (best_and_worst,),
            "even if all are wrong": (where_all_agree,),
            "the ceiling is": (lambda answers, truth: (0.123, 0.012),),
            "Return two shares": (lambda answers, truth: 0.5,),
        },
    ),
    "honest_answers": Answers(
        right=[(honest,), (lambda *given: honest(*given).tolist(),)],
        wrong={
            "the answers know the truth": (on_own,),
            "in another order": (fold_by_fold,),
            "rows have no answer": (last_fold_only,),
            "it is the other way round": (the_other_way_round,),
            "those of other heads": (lambda X, y, fold, fit: np.full((14, 3), 1 / 3),),
            "14 rows and 3 classes": (lambda X, y, fold, fit: np.zeros((4, 3)),),
            "A table of probabilities": (lambda X, y, fold, fit: np.zeros(14),),
        },
    ),
    "smallest_lead": Answers(
        right=[(lead,), (lambda decided: np.int64(lead(decided)),)],
        wrong={
            "how many the winner has won": (lambda decided: (decided + lead(decided)) // 2,),
            "how many the loser has won": (lambda decided: (decided - lead(decided)) // 2,),
            "one step too early": (lambda decided: lead(decided) - 2,),
            "one step too far": (lambda decided: lead(decided) + 2,),
            "to one side": (lambda decided: lead(decided, 0.5),),
            "both even, or both odd": (lambda decided: lead(decided) + 1,),
            "and you return 101": (lambda decided: 101,),
        },
    ),
}
