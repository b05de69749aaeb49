"""Classes that are made unequal for lesson 15, and the solar cells of the benchmarks: which rows are taken."""

import zipfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from support import encode, gradient

from benchmarks import elpv
from imgclass_course.datasets import FASHION_CLASSES, load_fashion
from imgclass_course.features import Features
from imgclass_course.imbalance import class_counts
from imgclass_course.long_tails import collect_unequal, plot_trade, thin_out

COUNTS = np.geomspace(60, 2, 10).round().astype(int)


def test_garments_are_as_unequal_as_asked_and_the_test_is_whole() -> None:
    fashion = load_fashion()
    one, again, other = (collect_unequal(fashion, COUNTS, FASHION_CLASSES, seed) for seed in (0, 0, 1))
    assert class_counts(one).tolist() == class_counts(other).tolist() == COUNTS.tolist()
    assert sorted(one.classes) == sorted(FASHION_CLASSES) and one.classes != other.classes
    np.testing.assert_array_equal(one.X, again.X)
    for features in (one, other):
        X, y = features.xy("test")
        np.testing.assert_array_equal(np.round(X * 255), fashion.test_images.reshape(1000, -1))
        assert [features.classes[number] for number in y] == [FASHION_CLASSES[kind] for kind in fashion.test_labels]
        images = {image.tobytes(): kind for image, kind in zip(fashion.train_images, fashion.train_labels, strict=True)}
        vectors, numbers = features.xy("train")
        pixels = np.round(vectors * 255).astype(np.uint8)
        assert len(set(map(bytes, pixels))) == COUNTS.sum()
        kinds = [FASHION_CLASSES[images[row.tobytes()]] for row in pixels]
        assert kinds == [features.classes[number] for number in numbers]


def test_thinned_features_keep_one_test_whatever_is_rare() -> None:
    y = np.repeat([0, 1, 2], [20, 12, 15])
    X = np.arange(47, dtype=np.float32)[:, None]
    whole = Features(X, y, pd.DataFrame({"split": ["train"] * 47}), ["a", "b", "c"])
    tests, orders = [], set()
    for seed in range(6):
        thinned = thin_out(whole, [7, 4, 1], 5, seed)
        assert class_counts(thinned).tolist() == [7, 4, 1]
        test, train = thinned.split("test"), thinned.split("train")
        tests.append(test.X[:, 0].tolist())
        orders.add(tuple(thinned.classes))
        assert np.bincount(test.y).tolist() == [5, 5, 5] and not set(test.X[:, 0]) & set(train.X[:, 0])
        names = np.array(whole.classes)[y[thinned.X[:, 0].astype(int)]]
        assert names.tolist() == [thinned.classes[number] for number in thinned.y]
    assert all(one == tests[0] for one in tests) and len(orders) > 1
    with pytest.raises(ValueError, match="rows beside the test: 11 are asked for"):
        thin_out(whole, [11, 11, 11], 5)


def test_names_of_points_do_not_cover_each_other() -> None:
    table = pd.DataFrame({"mean": [0.1, 0.1, 0.1], "low": [0.0, 0.0, 0.0], "high": [0.2, 0.2, 0.2]}, ["a", "b", "c"])
    axis = plot_trade(table, table, "cost", "gain")
    heights = sorted(text.xyann[1] for text in axis.texts)
    low, high = axis.get_ylim()
    plt.close(axis.figure)
    assert len(heights) == 3 and min(np.diff(heights)) > 0.2 * (high - low)


def test_cells_are_read_from_a_wheel(tmp_path: Path) -> None:
    wheel = tmp_path / "cells.whl"
    lines = ["images/cell0001.png  1.0                 mono", "images/cell0002.png  0.3333333333333333  poly"]
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("elpv_dataset/utils.py", "raise SystemExit")
        archive.writestr("elpv_dataset/data/labels.csv", "\n".join(lines) + "\n")
        for number in (1, 2):
            archive.writestr(f"elpv_dataset/data/images/cell000{number}.png", encode(gradient(seed=number)))
    folder = elpv.unpack(wheel, tmp_path / "unpacked")
    files, labels = elpv.read_cells(folder)
    assert labels == ["1", "1/3"] and all(file.is_file() for file in files)
    assert not list(folder.rglob("*.py"))
