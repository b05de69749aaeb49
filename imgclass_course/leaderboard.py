"""A leaderboard: several ways to a classifier, tried on the same pictures from kept vectors, and one recommendation.

Each picture is named once, by heads that were trained without it. What is recommended is then trained on all of these
pictures and judged, beside the default, on others that had no part in the choice.
"""

import os
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from .augmentation import retrain_distortions
from .backbones import Backbone, load_backbone
from .bottlenecks import extract
from .datasets import ImageFolder, check_trainable
from .decided_folder import as_decided_folder
from .features import Features
from .foundation.assets import EFFICIENTNET, EMBEDDED
from .foundation.errors import AugmentationError, DatasetError, TrainingError
from .foundation.files import cache_folder
from .foundation.grouping import GroupBy
from .foundation.imgaug_loading import load_imgaug
from .foundation.progress import progress_bar
from .foundation.store import BottleneckStore
from .heads import ClassWeight
from .intervals import Accuracy, Interval, PairedComparison, compare_paired
from .joined_backbones import JoinedBackbone
from .retraining import Fitted, fit
from .running import litert_file
from .splitting import assign_split, split_keys

NUM_FOLDS = 5
INNER_PERCENTAGE = 10  # of the pictures outside a fold: they decide the strength, or the best step
LEVEL = 0.05  # of the paired test against the default, divided by the number of candidates (Bonferroni)
BOOTSTRAPS = 1000
TIMED = 16  # pictures whose reading and forward passes are timed
MEGABYTE = 1e6
FLIPPED_VIEWS = 2  # per training picture, each mirrored or not by chance
COLUMNS = ("accuracy", "low", "high", "difference", "p", "train_seconds", "ms_per_picture", "MB")


@dataclass(frozen=True)
class Candidate:
    """One way to a classifier."""

    backbone: str = EMBEDDED
    head: str = "logistic"
    class_weight: str | None = None
    flipped: bool = False  # trained on mirrored views too

    @property
    def name(self) -> str:
        """What people call it."""
        more = [f"{self.class_weight} classes"] if self.class_weight else []
        return ", ".join([self.backbone, self.head, *more, *(["flipped views"] if self.flipped else [])])

    @property
    def flags(self) -> str:
        """The same for `imgclass retrain`."""
        flags = [f"--architecture {self.backbone}", f"--head {self.head}"]
        flags += [f"--class_weights {self.class_weight}"] if self.class_weight else []
        return " ".join(flags + ([f"--flip_left_right --augmented_views {FLIPPED_VIEWS}"] if self.flipped else []))

    def options(self) -> dict[str, Any]:
        """The same for `retrain`."""
        views = {"augmentation": retrain_distortions(flip_left_right=True), "views": FLIPPED_VIEWS} if self.flipped else {}
        return {"backbone": self.backbone, "head": self.head, "class_weight": self.class_weight, **views}


DEFAULT = Candidate(head="keras")  # what `retrain` does where nothing is said
# In the order in which they are tried: cheap ones first. A budget may leave out the last.
CANDIDATES = (
    DEFAULT,
    Candidate(),
    Candidate(f"{EMBEDDED}@block1"),
    Candidate(f"{EMBEDDED}@block5"),
    Candidate(f"{EMBEDDED}+{EMBEDDED}@block11"),
    Candidate(EFFICIENTNET),
    Candidate(f"{EMBEDDED}+{EFFICIENTNET}"),
)


@dataclass(frozen=True, eq=False)
class Tried:
    """What came of one candidate."""

    candidate: Candidate
    right: np.ndarray  # [n] bool, whether each picture was named rightly by a head that had not seen it
    setting: float  # the median strength, or best step, over the folds
    fit_seconds: float  # of one training
    ms_per_picture: float  # reading and forward passes
    megabytes: float  # of the networks, as they are saved

    @property
    def accuracy(self) -> Accuracy:
        return Accuracy(int(self.right.sum()), len(self.right))


@dataclass(frozen=True, eq=False)
class Leaderboard:
    """What was tried on one set of pictures, the default first, and what is recommended."""

    tried: Sequence[Tried]
    left_out: dict[str, float]  # candidates that the budget had no room for: about how many seconds they would have taken
    choosing: Interval  # accuracy of taking the most accurate one, corrected for the choice
    split: str  # whose pictures judged; empty where there were none
    problems: pd.DataFrame  # path and problem of each file that could not be read
    judged: PairedComparison | None  # the recommended one against the default, on pictures that had no part in the choice
    decided: str = ""  # as ImageFolder.decided

    @property
    def best(self) -> Tried:
        """The most accurate one, where it is better than the default beyond chance; else the default."""
        default, best = self.tried[0], max(self.tried, key=lambda one: one.right.sum())
        pair = compare_paired(default.right, best.right)
        return best if pair.difference > 0 and pair.p_value < LEVEL / max(len(self.tried) - 1, 1) else default

    @property
    def table(self) -> pd.DataFrame:
        """A row for each, the most accurate first; `difference` and `p` are against the default, on the same pictures."""
        rows = {}
        for one in sorted(self.tried, key=lambda one: -one.right.sum()):
            pair = compare_paired(self.tried[0].right, one.right)
            seconds = one.ms_per_picture / 1000 * len(one.right) + one.fit_seconds
            measured = (one.accuracy.value, *one.accuracy.interval, pair.difference, pair.p_value)
            rows[one.candidate.name] = (*measured, seconds, one.ms_per_picture, one.megabytes)
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS)).rename_axis("classifier")

    @property
    def judged_right(self) -> int:
        """How many of the pictures that judge what is recommended names rightly; 0 where there are none."""
        return self.judged.both + self.judged.only_second if self.judged else 0

    @property
    def recommendation(self) -> str:
        """One sentence on what to take and how sure that is, and one on how it was judged."""
        best, default = self.best, self.tried[0]
        if best is default:
            sentence = f"Keep the default ({default.candidate.name}): nothing that was tried is better beyond chance."
        else:
            gain = compare_paired(default.right, best.right)
            sentence = f"Take {best.candidate.name}: {best.accuracy}; against the default, {gain}."
        if self.judged is None:
            return f"{sentence} Choosing the most accurate one is worth {self.choosing}: less than the best row says."
        judged = f"On {self.split} pictures, which had no part in the choice: {Accuracy(self.judged_right, self.judged.n)}"
        if best is default:
            return f"{sentence} {judged}."
        low, high = self.judged.interval
        verdict = "it beats the default" if low > 0 else "it does worse" if high < 0 else "too few to tell the two apart"
        return f"{sentence} {judged}, {self.judged}: {verdict}."


def compare(
    pictures: Any,
    labels: Sequence | None = None,
    *,
    minutes: float = 5,
    candidates: Sequence[Candidate] = CANDIDATES,
    bottleneck_dir: str | os.PathLike | None = None,
    validation_percentage: float = 10,
    testing_percentage: float = 10,
    seed: int = 0,
    decisions: bool = True,
    group_by: GroupBy = None,
) -> Leaderboard:
    """Try candidates on pictures, given as for `retrain`, and recommend one. Raises a `CourseError` that says what to do.

    The first candidate is the default that others are compared with. Then the most accurate one is tried with balanced
    class weights and, where imgaug is installed, with mirrored views. Pictures of the last split (test, else validation) have no part in the choice and
    judge it; the others are named in five folds, which divide no group of `group_by`. `decisions` are obeyed as by `retrain`.
    What would not be done within `minutes` is not begun; the default always is.
    """
    if not (minutes > 0 and candidates):
        raise TrainingError(f"minutes={minutes!r} and {len(candidates)} candidates: give more than 0 minutes, and some.")
    budget = _Budget(minutes * 60)
    with BottleneckStore(bottleneck_dir or cache_folder() / "bottlenecks") as store:
        shares = (validation_percentage, testing_percentage, seed)
        folder = as_decided_folder(pictures, labels, *shares, store, decisions, group_by)
        check_trainable(folder)
        trials = _Trials(folder, store, seed)
        for candidate in progress_bar(candidates, "Comparing", "candidates"):
            trials.add(candidate, budget)
        for candidate in _variants(trials.most_accurate().candidate):
            trials.add(candidate, budget)
        return trials.leaderboard(budget)


def _variants(candidate: Candidate) -> Iterator[Candidate]:
    """Yield a candidate with balanced weights and, where distortions are installed, with mirrored views."""
    yield replace(candidate, class_weight="balanced")
    try:
        load_imgaug()
    except AugmentationError as error:
        warnings.warn(f"Mirrored views are not tried. {error}", stacklevel=3)
        return
    yield replace(candidate, flipped=True)


class _Budget:
    """Seconds that may be spent, and what did not fit into them."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.start = seconds, time.monotonic()
        self.left_out: dict[str, float] = {}

    def allows(self, name: str, needed: float) -> bool:
        """Return whether so many seconds are left; note what is left out."""
        if time.monotonic() - self.start + needed <= self.seconds:
            return True
        self.left_out[name] = needed
        return False


class _Trials:
    """Candidates on one folder: each picture but those that judge is named once, by heads that were trained without it."""

    def __init__(self, folder: ImageFolder, store: BottleneckStore, seed: int) -> None:
        self.store, self.seed = store, seed
        self.split = folder.splits[-1] if len(folder.splits) > 1 else ""
        table = folder.table.copy()
        judges = table["split"] == self.split if self.split else np.zeros(len(table), bool)
        table["split"] = np.where(table["problem"] != "", "", np.where(judges, "test", "train"))
        self.folder = replace(folder, table=table, splits=("train", "test"))  # views are made of all that are named
        self.tried: list[Tried] = []
        self._costs: dict[str, float] = {}  # milliseconds a picture, by fingerprint
        self._folds = self._assign_folds()

    def _assign_folds(self) -> dict[str, int]:
        """Return the fold of each picture that is named, by path; copies and groups stay together."""
        from sklearn.model_selection import StratifiedKFold

        rows = self.folder.readable
        rows = rows[rows["split"] == "train"]
        keys = pd.Series(split_keys(rows), rows.index)
        first = ~keys.duplicated()
        units, kinds = keys[first].to_numpy(), rows.loc[first, "label"].to_numpy(str)
        if len(units) < 2 * NUM_FOLDS:
            raise DatasetError(f"{len(units)} different pictures to compare with: {2 * NUM_FOLDS} are needed. Add some.")
        folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=self.seed)
        number = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a class with fewer pictures than folds
            for fold, (_, tested) in enumerate(folds.split(units, kinds)):
                number.update(dict.fromkeys(units[tested], fold))
        return {path: number[key] for path, key in zip(rows["path"], keys, strict=True)}

    def add(self, candidate: Candidate, budget: _Budget) -> None:
        """Try a candidate, unless the budget has no room for it; the first one is always tried."""
        backbone = load_backbone(candidate.backbone)
        if self.tried and not budget.allows(candidate.name, self._seconds(candidate, backbone)):
            return
        features = self._features(candidate)
        named = (features.rows["split"] == "train") & (features.rows["view"] == 0)
        fold = features.rows["path"].map(self._folds).fillna(-1).to_numpy(int)
        right, settings, begin = np.zeros(len(features), bool), [], time.monotonic()
        for number in range(NUM_FOLDS):
            fitted = self._fit(candidate, features, fold, number)
            rows = np.flatnonzero(named.to_numpy() & (fold == number))
            right[rows] = fitted.head.predict_proba(features.X[rows]).argmax(axis=1) == features.y[rows]
            settings.append(fitted.best)
        seconds = (time.monotonic() - begin) / NUM_FOLDS
        size = sum(len(litert_file(part)) for part in backbone.parts) / MEGABYTE
        cost = sum(self._cost(part) for part in backbone.parts)
        found = Tried(candidate, right[named.to_numpy()], float(np.median(settings)), seconds, cost, size)
        self.tried.append(found)

    def _features(self, candidate: Candidate) -> Features:
        options = candidate.options()
        shown = {name: options[name] for name in ("augmentation", "views") if name in options}
        return extract(self.folder, backbone=candidate.backbone, store=self.store, **shown)

    def _fit(self, candidate: Candidate, features: Features, fold: np.ndarray, number: int) -> Fitted:
        """Train on what is outside a fold; a tenth of it decides the strength, or the best step."""
        rows = features.rows
        keys = pd.Series(split_keys(rows), rows.index)
        inner = keys.map({key: assign_split(key, INNER_PERCENTAGE, 0, self.seed) for key in keys.unique()})
        outside = (rows["split"] == "train").to_numpy() & (fold != number)
        used = outside & ~((inner == "validation") & (rows["view"] > 0)).to_numpy()
        chosen = replace(features, rows=rows.assign(split=inner)).select(used)
        return fit(chosen, candidate.head, class_weight=_class_weight(candidate), seed=self.seed)

    def _seconds(self, candidate: Candidate, backbone: Backbone | JoinedBackbone) -> float:
        """Return about how long a candidate takes: vectors that the store lacks, and the trainings."""
        digests = self.folder.readable["digest"].tolist()
        times = 1 + (FLIPPED_VIEWS if candidate.flipped else 0)
        missing = {part: (~self.store.load(part.fingerprint, digests)[1]).sum() for part in backbone.parts}
        views = (times - 1) * len(self._folds)
        extraction = sum(self._cost(part) / 1000 * (count + views) for part, count in missing.items())
        of_this_head = [one.fit_seconds for one in self.tried if one.candidate.head == candidate.head]
        return float(extraction + NUM_FOLDS * times * max(of_this_head, default=0.0))

    def _cost(self, part: Backbone) -> float:
        """Return the milliseconds that a network needs for a picture, with reading it."""
        if part.fingerprint not in self._costs:
            paths = self.folder.readable["path"].head(TIMED).tolist()
            runner = part.runner()
            load = [self.folder.picture(path) for path in paths]
            list(runner.map(lambda picture: picture.load(part.image_size), load[:2]))  # the network is made ready
            begin = time.monotonic()
            list(runner.map(lambda picture: picture.load(part.image_size), load))
            self._costs[part.fingerprint] = 1000 * (time.monotonic() - begin) / len(paths)
        return self._costs[part.fingerprint]

    def most_accurate(self) -> Tried:
        """Return the one that named most pictures rightly; of several, the one that was tried first."""
        return max(self.tried, key=lambda one: one.right.sum())

    def leaderboard(self, budget: _Budget) -> Leaderboard:
        """Return what was tried, with what is recommended judged on the pictures that had no part in it."""
        choosing = corrected_accuracy(np.stack([one.right for one in self.tried]), self.seed)
        board = Leaderboard(self.tried, budget.left_out, choosing, self.split, self.folder.unreadable, None, self.folder.decided)
        if (self.folder.readable["split"] == "test").any():
            answers = [self._judge(one) for one in (board.tried[0], board.best)]
            board = replace(board, judged=compare_paired(*answers))
        return board

    def _judge(self, one: Tried) -> np.ndarray:
        """Train on all pictures that were named; return whether each of the others is named rightly [m] bool."""
        features = self._features(one.candidate)
        setting = final_options(one)
        head = fit(features, one.candidate.head, class_weight=_class_weight(one.candidate), seed=self.seed, **setting).head
        X, y = features.xy("test")
        return head.predict_proba(X).argmax(axis=1) == y


def _class_weight(candidate: Candidate) -> ClassWeight | None:
    return candidate.class_weight


def final_options(one: Tried) -> dict[str, Any]:
    """Return the options of `fit` for a training on all pictures: what the folds have chosen."""
    return {"steps": int(one.setting)} if one.candidate.head == "keras" else {"strength": one.setting}


def corrected_accuracy(right: np.ndarray, seed: int = 0) -> Interval:
    """Return the accuracy of choosing the best of m candidates by the same n pictures, and its 95 % interval.

    right: [m, n] bool. The best on pictures drawn with replacement is measured on those that were not drawn, again and
    again: otherwise the choice would flatter (Tsamardinos 2018, arXiv:1708.07180).
    """
    random, count = np.random.default_rng(seed), right.shape[1]
    found = []
    for _ in range(BOOTSTRAPS):
        drawn = random.integers(count, size=count)
        outside = np.bincount(drawn, minlength=count) == 0
        if outside.any():
            found.append(right[right[:, drawn].sum(axis=1).argmax(), outside].mean())
    return Interval(float(np.mean(found)), *map(float, np.quantile(found, [0.025, 0.975])))
