"""Copies that were saved again, resized, cropped or mirrored are found among others, whatever their bytes."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps
from support import run_command

from imgclass_course import similar_vectors
from imgclass_course.auditing import audit
from imgclass_course.bottlenecks import extract
from imgclass_course.datasets import ImageFolder, dataset_folder
from imgclass_course.features import Features
from imgclass_course.foundation.errors import FeaturesError
from imgclass_course.near_duplicates import SMALL, edges_of_crops, likeness, near_duplicates
from imgclass_course.similar_vectors import similar_pairs


def saved_again(image: Image.Image) -> Image.Image:
    return image


def resized(image: Image.Image) -> Image.Image:
    return image.resize([side * 7 // 10 for side in image.size])


def cropped(image: Image.Image) -> Image.Image:
    width, height = image.size
    return image.crop((width // 50, height // 33, width // 50 + width * 95 // 100, height // 33 + height * 95 // 100))


CHANGES: dict[str, Callable] = {
    "saved_again": saved_again,
    "resized": resized,
    "cropped": cropped,
    "mirrored": ImageOps.mirror,
}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 30 drawings of each of four classes as training pictures; four of each have a copy among the test ones."""
    root = tmp_path_factory.mktemp("planted")
    for label in ("birds", "bugs", "flowers", "homes"):
        for split in ("train", "test"):
            (root / split / label).mkdir(parents=True)
        for number, path in enumerate(sorted((dataset_folder("clipart") / label).glob("*.jpg"))[:30]):
            (root / "train" / label / f"{number:03}.jpg").write_bytes(path.read_bytes())
        for number, (name, change) in enumerate(CHANGES.items()):
            with Image.open(root / "train" / label / f"{5 * number:03}.jpg") as image:
                changed = change(image.convert("RGB"))
            changed.save(root / "test" / label / f"{name}_{5 * number:03}.jpg", quality=60)
    return root


@pytest.fixture(scope="module")
def features(planted: Path) -> Features:
    return extract(ImageFolder.scan(planted, 0, 0))


def planted_names(pairs: pd.DataFrame) -> list[str]:
    """Return how each copy was made, of pairs that are a drawing and its copy; no other pairs may be there."""
    names = []
    for pair in pairs.itertuples():
        original, copy = sorted([pair.first, pair.second], key=lambda path: Path(path).parts[0], reverse=True)
        change, number = Path(copy).stem.rsplit("_", 1)
        assert Path(original).stem == number and Path(original).parts[1] == Path(copy).parts[1]
        names.append(change)
    return sorted(names)


def test_planted_copies_are_found_and_nothing_else(features: Features) -> None:
    pairs = near_duplicates(features)
    assert planted_names(pairs) == sorted(["cropped", "resized", "saved_again"] * 4)
    assert not pairs["same_split"].any() and pairs["same_label"].all() and not pairs["mirrored"].any()
    assert pairs["likeness"].between(0.92, 1.0001).all() and pairs["cosine"].between(0.85, 1).all()


def test_mirrored_copies_are_found_where_asked(features: Features) -> None:
    pairs = near_duplicates(features, mirrored=True)
    assert planted_names(pairs) == sorted([*CHANGES] * 4)
    assert planted_names(pairs[pairs["mirrored"]]) == ["mirrored"] * 4


def test_pairs_across_splits_or_labels_come_first(features: Features) -> None:
    rows = features.rows.copy()
    cropped_copies = rows["path"].str.contains("cropped")
    resized_copies = rows["path"].str.contains("resized")
    rows.loc[~cropped_copies, "split"] = "train"
    rows.loc[resized_copies, "label"] = "another"
    pairs = near_duplicates(replace(features, rows=rows))
    assert (~pairs["same_split"] | ~pairs["same_label"]).tolist() == [True] * 8 + [False] * 4
    assert pairs["likeness"][:8].is_monotonic_decreasing and pairs["likeness"][8:].is_monotonic_decreasing


def test_same_bytes_are_no_pair_but_each_of_them_is_one_with_a_copy(planted: Path) -> None:
    original, copy = planted / "train/birds/000.jpg", planted / "test/birds/saved_again_000.jpg"
    table = pd.DataFrame({"path": [str(original), str(original), str(copy)], "label": ["a", "b", "a"]})
    pairs = near_duplicates(extract(ImageFolder.from_table(table)))
    assert len(pairs) == 2 and pairs["second"].eq(str(copy)).all()
    assert sorted(pairs["same_label"]) == [False, True]


def test_augmented_views_are_no_pictures(features: Features) -> None:
    rows = pd.concat([features.rows.assign(view=1), features.rows], ignore_index=True)
    doubled = replace(features, X=np.tile(features.X, (2, 1)), y=np.tile(features.y, 2), rows=rows)
    pd.testing.assert_frame_equal(near_duplicates(doubled), near_duplicates(features))


def test_picture_that_went_away_is_passed_over(planted: Path) -> None:
    held = {"a": planted / "train/birds/000.jpg", "b": planted / "test/birds/saved_again_000.jpg"}
    pictures = [io.BytesIO(path.read_bytes()) for path in held.values()]
    features = extract(ImageFolder.from_pictures(pictures, list(held)))
    assert len(near_duplicates(features)) == 1
    pictures[0].close()
    assert near_duplicates(features).empty


def test_features_without_pictures_are_one_clear_error(features: Features) -> None:
    with pytest.raises(FeaturesError, match="make them with `extract`"):
        near_duplicates(replace(features, source=None))
    with pytest.raises(FeaturesError, match="no column digest"):
        near_duplicates(replace(features, rows=features.rows.drop(columns="digest")))


def test_audit_counts_pairs(features: Features) -> None:
    found = audit(features.source, near_duplicates(features)).summary()["found"]
    assert found[["pairs that are nearly the same", "of these, across two splits"]].tolist() == [12, 12]
    assert found["of these, under two labels"] == 0
    assert "pairs that are nearly the same" not in audit(features.source).summary().index


def test_command_lists_the_first_pairs_and_keeps_all(
    planted: Path, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    flags = ("audit", planted, "--bottleneck_dir", tmp_path / "store")
    result = run_command(capfd, *flags, "--mirrored", "--pairs", tmp_path / "pairs.csv")
    assert (result.code, result.err) == (0, "")
    assert "Nearly the same, the first 10 of 16; --pairs FILE keeps all" in result.out
    assert result.out.count("two splits") == 10 + 2  # and the lines that count them
    with (tmp_path / "pairs.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 16
    without = run_command(capfd, *flags, "--no_near_duplicates")
    assert without.code == 0 and "nearly the same" not in without.out
    clash = run_command(capfd, *flags, "--no_near_duplicates", "--mirrored")
    assert clash.code == 2 and "leave it out" in clash.err


# The perceptual look


def test_likeness_is_that_of_edges_and_colours() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    assert pixels.shape == (SMALL, SMALL, 3)
    whole = edges_of_crops(pixels)
    assert whole.shape[0] == 81 and np.allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)
    assert likeness(whole, whole) == pytest.approx(1, abs=1e-5)
    assert likeness(whole, edges_of_crops(255 - pixels)) < 0.5
    assert likeness(whole, edges_of_crops(pixels[..., ::-1])) < 0.7  # red for blue
    paler = (pixels // 2 + 100).astype(np.uint8)
    assert likeness(whole, edges_of_crops(paler)) > 0.99
    assert likeness(whole, edges_of_crops(np.full_like(pixels, 255))) < 0.01


# Vectors


def with_close_pairs(count: int, pairs: int, dim: int) -> tuple[np.ndarray, set[tuple[int, int]]]:
    """Return random vectors, and which pairs of them are planted, with a cosine of about 0.95."""
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(count, dim)).astype(np.float32)
    vectors[-pairs:] = vectors[:pairs] + 0.33 * generator.normal(size=(pairs, dim))
    return vectors, {(row, count - pairs + row) for row in range(pairs)}


@pytest.mark.parametrize("dim", [48, 128, 600])
def test_similar_vectors_are_found_in_any_dimension(dim: int) -> None:
    vectors, planted = with_close_pairs(2500, 40, dim)
    found = similar_pairs(vectors, 0.85)
    assert set(zip(found.first.tolist(), found.second.tolist(), strict=True)) == planted
    assert (found.first < found.second).all() and (np.diff(found.cosine) <= 0).all()
    one, other = vectors[found.first[0]], vectors[found.second[0]]
    assert found.cosine[0] == pytest.approx(one @ other / np.linalg.norm(one) / np.linalg.norm(other), abs=1e-5)


def test_pairs_do_not_depend_on_length_or_on_the_way_they_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = with_close_pairs(300, 40, 200)
    plain = similar_pairs(vectors, 0.85)
    monkeypatch.setattr(similar_vectors, "CROWDED", -1)
    crowded = similar_pairs(vectors * np.arange(1, 301)[:, None], 0.85)
    np.testing.assert_array_equal(plain.first, crowded.first)
    np.testing.assert_allclose(plain.cosine, crowded.cosine, atol=1e-5)


def test_of_too_many_pairs_the_most_similar_stay() -> None:
    vectors, _ = with_close_pairs(200, 40, 200)
    every, few = similar_pairs(vectors, 0.85), similar_pairs(vectors, 0.85, most=5)
    np.testing.assert_array_equal(few.cosine, every.cosine[:5])
    alike = np.ones((3000, 4))
    assert len(similar_pairs(alike, most=1000).first) == 1000


def test_zeros_are_similar_to_nothing_and_no_vectors_to_none() -> None:
    vectors = np.zeros((3, 5))
    assert len(similar_pairs(vectors).first) == len(similar_pairs(vectors[:0]).first) == 0
    vectors[1:] = 1
    assert similar_pairs(vectors).second.tolist() == [2]
    for wrong in (np.zeros(3), np.zeros((2, 2, 2))):
        with pytest.raises(ValueError, match="are wanted"):
            similar_pairs(wrong)
    with pytest.raises(ValueError, match="limit"):
        similar_pairs(vectors, 0)
