"""The table between extraction and training: its parts fit together, and whoever changes it leaves the exam alone."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import average_colours, gradient, plain_backbone

from imgclass_course.bottlenecks import extract
from imgclass_course.features import Features
from imgclass_course.foundation.errors import FeaturesError
from imgclass_course.foundation.store import BottleneckStore

PARTS = {
    "X": np.arange(24, dtype=np.float32).reshape(6, 4),
    "y": np.array([0, 1, 1, 0, 1, 1]),
    "rows": pd.DataFrame({"split": ["train", "test", "train", "validation", "train", "test"], "path": list("abcdef")}),
    "classes": ("cups", "pots"),
}


def features(**other: object) -> Features:
    """Return six rows of two classes, with these parts in place of the usual ones."""
    return Features(**PARTS | other)


def same(one: Features, other: Features) -> bool:
    """Return whether two tables hold the same."""
    arrays = zip((one.X, one.y, one.sample_weights()), (other.X, other.y, other.sample_weights()), strict=True)
    return all(map(np.array_equal, *zip(*arrays, strict=True))) and one.rows.equals(other.rows)


# What fits together

MISFITS = {
    "X is an array .* got list": {"X": PARTS["X"].tolist()},
    r"got ndarray \[6\]": {"X": PARTS["X"][:, 0]},
    r"and list \[6\]": {"y": PARTS["y"].tolist()},
    "different lengths: .*'X': 5, 'y': 6, 'rows': 6": {"X": PARTS["X"][:5]},
    "'rows': 5": {"rows": PARTS["rows"][:5]},
    "numbers from 0 to 1 for 1 classes": {"classes": ("cups",)},
    "numbers from -1 to 1": {"y": PARTS["y"] - PARTS["y"][::-1]},
    "values of type float64": {"y": PARTS["y"] / 2},
    "values of type <U4": {"y": np.array(["cups"] * 6)},
    "rows needs the column split; it has path": {"rows": PARTS["rows"][["path"]]},
    "column split says 'exam'": {"rows": PARTS["rows"].assign(split="exam")},
    "column split says ''": {"rows": PARTS["rows"].assign(split="")},
    r"weights has the shape \[5\]": {"weights": np.ones(5)},
    r"shape \[6, 1\]": {"weights": np.ones((6, 1))},
    "0 or more": {"weights": -np.ones(6)},
    "how much a picture counts": {"weights": np.full(6, np.nan)},
}


@pytest.mark.parametrize(("words", "part"), MISFITS.items(), ids=MISFITS.keys())
def test_parts_that_do_not_fit_are_refused(words: str, part: dict) -> None:
    with pytest.raises(FeaturesError, match=words):
        features(**part)


def test_nothing_fits_together_too() -> None:
    nothing = features().select([])
    assert len(nothing) == nothing.reused == nothing.computed == 0 and nothing.splits == ()
    assert same(features().join(nothing), features())
    assert repr(nothing) == "Features(0 vectors of 4 numbers in 2 classes: )"


# Rows


def test_split_gives_its_rows_in_order() -> None:
    whole = features(weights=np.arange(6), rows=PARTS["rows"].set_index(np.array([5, 5, 3, 2, 1, 0])))
    train = whole.split("train")
    assert train.rows["path"].tolist() == ["a", "c", "e"] and train.rows.index.tolist() == [0, 1, 2]
    assert train.y.tolist() == [0, 1, 1] and train.weights.tolist() == [0, 2, 4]
    for part, expected in zip(whole.xy("train"), (PARTS["X"][[0, 2, 4]], train.y), strict=True):
        np.testing.assert_array_equal(part, expected)
    assert whole.splits == ("train", "validation", "test") and train.splits == ("train",)
    assert repr(whole) == "Features(6 vectors of 4 numbers in 2 classes: 3 train, 1 validation, 2 test)"


@pytest.mark.parametrize("ask", [Features.split, Features.xy, lambda whole, name: whole.fingerprint(name)])
def test_split_that_there_is_not_is_a_mistake(ask: Callable) -> None:
    whole = features(rows=PARTS["rows"].assign(digest="ab"))
    assert len(ask(whole.split("test"), "train")) in (0, 2, 64)  # no rows are no mistake
    with pytest.raises(FeaturesError, match="no split 'training'; there are train, validation, test"):
        ask(whole, "training")


@pytest.mark.parametrize("as_given", [list, np.array, pd.Series])
def test_rows_are_chosen_by_mask_or_number(as_given: Callable) -> None:
    mask = [True, False, False, True, False, True]
    assert same(features().select(as_given(mask)), features().select(as_given([0, 3, 5])))
    repeated = features().select(as_given([5, 5, 0]))
    assert repeated.rows["path"].tolist() == ["f", "f", "a"]
    np.testing.assert_array_equal(repeated.X, PARTS["X"][[5, 5, 0]])


WRONG_ROWS = [
    [True] * 5,
    [0, 6],
    [-1, 2],
    [0.0, 1.0],
    ["a"],
    [[0, 1]],
    3,
    pd.Series([True] * 5 + [None], dtype="object"),
]


@pytest.mark.parametrize("chosen", WRONG_ROWS, ids=str)
def test_rows_that_there_are_not_are_a_mistake(chosen: object) -> None:
    with pytest.raises(FeaturesError, match="Rows"):
        features().select(chosen)


def test_join_puts_rows_behind_each_other() -> None:
    one, other = features().select([0, 1]), features(weights=np.full(6, 3)).select([5, 2])
    joined = one.join(other, one)
    assert joined.rows["path"].tolist() == ["a", "b", "f", "c", "a", "b"] and joined.rows.index.tolist() == [*range(6)]
    assert joined.y.tolist() == [0, 1, 1, 1, 0, 1] and joined.weights.tolist() == [1, 1, 3, 3, 1, 1]
    np.testing.assert_array_equal(joined.X, PARTS["X"][[0, 1, 5, 2, 0, 1]])
    assert one.join(one).weights is None and one.join() is one


STRANGERS = {
    "other classes": {"classes": ("cups", "pans")},
    "another length": {"X": np.zeros((6, 3), np.float32)},
    "Vectors of plain and other": {"backbone": plain_backbone("other")},
}


@pytest.mark.parametrize(("words", "part"), STRANGERS.items(), ids=STRANGERS.keys())
def test_features_of_another_kind_cannot_be_joined(words: str, part: dict) -> None:
    with pytest.raises(FeaturesError, match=words):
        features(backbone=plain_backbone()).join(features(**part))


# From Features to Features


def oversample(whole: Features, seed: int = 0) -> Features:
    """Repeat training rows of the smaller classes until all are as large as the largest."""
    train = np.flatnonzero(whole.rows["split"] == "train")
    counts = np.bincount(whole.y[train], minlength=len(whole.classes))
    generator = np.random.default_rng(seed)
    more = [generator.choice(train[whole.y[train] == k], counts.max() - count) for k, count in enumerate(counts)]
    return whole.join(whole.select(np.concatenate(more)))


def weigh(whole: Features) -> Features:
    """Let training rows of rare classes count more."""
    train = (whole.rows["split"] == "train").to_numpy()
    counts = np.bincount(whole.y[train])
    return replace(whole, weights=np.where(train, (counts.max() / counts)[whole.y], 1.0))


@pytest.mark.parametrize("change", [oversample, weigh])
def test_what_changes_training_rows_leaves_the_others_as_they_are(pictures: Path, change: Callable) -> None:
    whole = extract(pictures, backbone=plain_backbone())
    lopsided = whole.select(~((whole.rows["label"] == "red") & (whole.rows.index % 3 > 0)).to_numpy())
    changed = change(lopsided)
    totals = np.bincount(changed.split("train").y, changed.split("train").sample_weights())
    assert len(set(totals.round(6))) == 1 and len(set(np.bincount(lopsided.split("train").y))) > 1
    for split in ("validation", "test"):
        assert same(changed.split(split), lopsided.split(split))
        assert changed.fingerprint(split) == lopsided.fingerprint(split)


# What a measurement depends on


def test_fingerprint_follows_network_classes_and_pictures_of_a_split(pictures: Path) -> None:
    whole = extract(pictures, backbone=plain_backbone())
    first, last = np.arange(len(whole)), np.flatnonzero(whole.rows["split"] == "validation")[-1]
    other_label = np.where(first == last, (whole.y + 1) % 3, whole.y)
    others = [
        whole.select(first != last),
        whole.join(whole.select([last])),
        replace(whole, y=other_label),
        replace(whole, classes=("blue", "green", "rot")),
        replace(whole, classes=(*whole.classes, "yellow")),
        extract(pictures, backbone=plain_backbone("other")),
    ]
    prints = [one.fingerprint("validation") for one in (whole, *others)] + [whole.fingerprint("train")]
    assert len(set(prints)) == len(prints)
    for one in (whole.select(first[::-1]), replace(whole, weights=np.ones(len(whole))), whole.split("validation")):
        assert one.fingerprint("validation") == whole.fingerprint("validation")
    with pytest.raises(FeaturesError, match="no column digest"):
        features().fingerprint("train")


# Where the vectors are from


def test_counts_follow_the_rows(tmp_path: Path) -> None:
    with BottleneckStore(tmp_path) as store:
        extract([gradient(seed=1)], ["red"], backbone=plain_backbone(), store=store)
        given, labels = [gradient(seed=1), gradient(seed=1), gradient(seed=2)], ["red", "red", "blue"]
        mixed = extract(given, labels, backbone=plain_backbone(), store=store)
    assert (mixed.reused, mixed.computed) == (2, 1)
    both = mixed.join(mixed.select([2, 2]))
    assert (both.reused, both.computed) == (2, 3)
    made_up = replace(mixed, rows=mixed.rows[["split"]])  # of rows that came from somewhere else, nothing was reused
    assert (made_up.reused, made_up.computed) == (0, 3)
    assert (mixed.join(made_up).reused, mixed.join(made_up).computed) == (2, 4)


def test_features_are_pickled_whole(pictures: Path) -> None:
    from_folder = extract(pictures, backbone=plain_backbone())
    given = [gradient(seed=1), gradient(seed=2).astype(float), b"no picture", gradient(seed=3)]
    for whole in (from_folder, extract(given, [1, 2, 1, 2], backbone=plain_backbone())):
        again = pickle.loads(pickle.dumps(replace(whole, weights=np.ones(len(whole)))))
        assert same(again, whole) and repr(again) == repr(whole) and again.backbone == whole.backbone
        assert again.source.table.equals(whole.source.table) and again.fingerprint("train") == whole.fingerprint(
            "train"
        )
        path = again.rows["path"][0]
        np.testing.assert_array_equal(average_colours(again.source.picture(path).load(16)), again.X[0])
