"""What a person may want to look at in a folder of pictures: suspects, near-duplicates, unreadable files, and mistakes."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .bottlenecks import extract
from .classifiers import Answer
from .features import Features
from .foundation.files import cache_folder, printable
from .foundation.store import BottleneckStore
from .image_folder import ImageFolder
from .near_duplicates import near_duplicates
from .ridge import leave_one_out_scores

MOST_MISTAKES = 200  # of a classifier
KINDS = {  # of findings, with what is said of each
    "suspects": "These look more like another class than like that of their folder. The most suspect come first: stop "
    "where you find no more mistakes.",
    "near-duplicates": "These are nearly the same as another picture.",
    "unreadable": "These files are no readable pictures.",
    "mistakes": "These are the classifier's surest wrong answers.",
}


@dataclass(frozen=True)
class Finding:
    """A picture to look at, and why."""

    kind: str  # one of KINDS
    path: str  # in the folder's table
    note: str  # what is odd about it
    proposed: str = ""  # the class that it may belong to; empty where there is none to propose
    other: str = ""  # the path of a picture to compare it with; empty where there is none


class Namer(Protocol):
    """What names pictures: a classifier that was saved, or another one."""

    def predict(self, pictures: Any) -> Any:
        """Return an `Answer` for each picture of a list."""
        ...


def find_oddities(
    images: ImageFolder, bottleneck_dir: str | os.PathLike | None = None, classifier: Namer | None = None
) -> list[Finding]:
    """Return what there is to look at in a folder, kind by kind, the oddest first.

    Vectors of the default network are kept in `bottleneck_dir` (default: in the user's cache folder). The mistakes are
    those of `classifier`, where one is given. Pictures that were left out by decision are not looked at.
    """
    with BottleneckStore(bottleneck_dir or cache_folder() / "bottlenecks") as store:
        features = extract(images, store=store)
    found = features.source or images
    return [
        *find_suspects(features),
        *find_near_duplicates(features),
        *find_unreadable(found),
        *(find_mistakes(found, classifier) if classifier else ()),
    ]


def find_suspects(features: Features) -> list[Finding]:
    """Return the pictures that look more like another class, the most suspect first; none of a single class.

    These are more than `next_steps.suspects` names: it finds three in five wrong labels, while nearly all are somewhere in
    this order (benchmarks/label_errors.py), and a person can stop at any place.
    """
    if len(features.classes) < 2 or len(features) < 2:
        return []
    scores = leave_one_out_scores(features.X, features.y, len(features.classes))
    answers, own = scores.argmax(axis=1), scores[np.arange(len(features)), features.y]
    odd = np.flatnonzero(answers != features.y)
    rows = odd[np.argsort((own - scores.max(axis=1))[odd], kind="stable")]
    paths = features.rows["path"].to_numpy(object)
    proposed = [features.classes[answers[row]] for row in rows]
    return [
        Finding("suspects", paths[row], f"looks like {printable(name)}", name)
        for row, name in zip(rows, proposed, strict=True)
    ]


def find_near_duplicates(features: Features) -> list[Finding]:
    """Return pictures that are nearly the same, one group after the other, those under several labels first."""
    if features.source is None:
        return []
    labels = dict(zip(features.rows["path"], features.rows["label"], strict=True))
    groups = _groups([*_same_pairs(features), *_near_pairs(features)])
    mixed = sorted(groups, key=lambda group: len({labels[path] for path in group}) == 1)
    return [finding for group in mixed for finding in _describe_group(group)]


def _same_pairs(features: Features) -> Iterable[tuple[str, str]]:
    """Return the paths of files with the same bytes, pair by pair."""
    for _, paths in features.rows.groupby("digest", sort=False)["path"]:
        yield from ((paths.iloc[0], other) for other in paths.iloc[1:])


def _near_pairs(features: Features) -> Iterable[tuple[str, str]]:
    """Return the paths of pictures that are nearly the same, pair by pair."""
    pairs = near_duplicates(features)
    return zip(pairs["first"], pairs["second"], strict=True)


def _groups(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return what hangs together by pairs, in the order of the pairs; each group is sorted."""
    group_of: dict[str, list[str]] = {}
    for first, second in pairs:
        one, other = group_of.setdefault(first, [first]), group_of.setdefault(second, [second])
        if one is not other:
            one += other
            group_of.update(dict.fromkeys(other, one))
    return [sorted(group) for group in {id(group): group for group in group_of.values()}.values()]


def _describe_group(group: Sequence[str]) -> list[Finding]:
    """Say of each picture of a group which one it is like: the first one, and of that, the second."""
    found = []
    for place, path in enumerate(group):
        other = group[1] if place == 0 else group[0]
        more = f" and {len(group) - 2} more" if len(group) > 2 else ""
        found.append(Finding("near-duplicates", path, f"nearly the same as {printable(other)}{more}", other=other))
    return found


def find_unreadable(images: ImageFolder) -> list[Finding]:
    """Return the files that are no readable pictures, with the reason."""
    rows = images.unreadable.itertuples(index=False)
    return [Finding("unreadable", path, problem) for path, problem in rows]


def find_mistakes(images: ImageFolder, classifier: Namer, most: int = MOST_MISTAKES) -> list[Finding]:
    """Return the pictures that a classifier names otherwise than their folder, the surest answers first."""
    rows = images.readable
    names = {printable(name): name for name in images.classes}  # a classifier knows them as they are printed
    answers = classifier.predict([images.picture(path).source for path in rows["path"]])
    wrong = [
        (answer.probability, path, answer)
        for path, label, answer in zip(rows["path"], rows["label"], answers, strict=True)
        if _is_wrong(answer, label)
    ]
    wrong.sort(key=lambda one: -one[0])
    return [
        Finding("mistakes", path, f"named {printable(str(answer))} ({sure:.0%})", names.get(str(answer), ""))
        for sure, path, answer in wrong[:most]
    ]


def _is_wrong(answer: Answer, label: str) -> bool:
    return not answer.problem and str(answer) != printable(label)
