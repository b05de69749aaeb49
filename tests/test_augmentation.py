"""Augmentation: the same view always, in any thread and process; training pictures only; errors that say what to do."""

import hashlib
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import encode, gradient, plain_backbone

from imgclass_course import augmentation
from imgclass_course.augmentation import (
    TRANSFORMATIONS,
    build_layers,
    build_pipeline,
    predict_with_views,
    read_strength,
    retrain_distortions,
)
from imgclass_course.bottlenecks import extract
from imgclass_course.classifiers import ImageClassifier
from imgclass_course.exercises import bands
from imgclass_course.foundation.errors import AugmentationError
from imgclass_course.foundation.imgaug_loading import NEEDS_IMGAUG
from imgclass_course.foundation.pictures import Picture

IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
STRENGTHS = dict(
    zip(TRANSFORMATIONS, (0.5, 20, 20, 40, 20, 30, 90, 40, 40, 80, 10, 30), strict=True),
)
ALL = build_pipeline(**STRENGTHS)


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_each_transformation_changes_pixels_and_nothing_else(name: str) -> None:
    pipeline, before = build_pipeline(**{name: STRENGTHS[name]}), IMAGE.copy()
    views = [pipeline(IMAGE, seed) for seed in range(8)]
    assert all(view.shape == IMAGE.shape and view.dtype == np.uint8 for view in views)
    assert any((view != IMAGE).any() for view in views)
    assert (IMAGE == before).all()


@pytest.mark.parametrize("name", [name for name, one in TRANSFORMATIONS.items() if one.both_ways and name != "hue"])
def test_a_number_means_anything_between_its_two_ends(name: str) -> None:
    smooth = gradient(48, 64, seed=3)
    pipeline, ends = build_pipeline(**{name: STRENGTHS[name]}), read_strength(name, STRENGTHS[name])
    at_ends = {build_pipeline(**{name: (end, end)})(smooth, 0).tobytes() for end in ends}
    views = {pipeline(smooth, seed).tobytes() for seed in range(30)}
    assert len(views) > 10 and not views & at_ends  # for imgaug, a list of two would mean one of the two


def test_read_only_picture_is_accepted() -> None:
    locked = IMAGE.copy()
    locked.flags.writeable = False
    assert np.array_equal(ALL(locked, 3), ALL(IMAGE, 3))


def test_views_do_not_depend_on_threads() -> None:
    expected = [ALL(IMAGE, seed) for seed in range(60)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads take turns in the middle of everything
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda seed: ALL(IMAGE, seed), range(60)))
    finally:
        sys.setswitchinterval(interval)
    assert all(np.array_equal(one, other) for one, other in zip(expected, found, strict=True))


def test_views_and_fingerprint_do_not_depend_on_the_process() -> None:
    program = (
        "import hashlib, numpy as np; from imgclass_course.augmentation import build_pipeline\n"
        "image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)\n"
        f"pipeline = build_pipeline(**{STRENGTHS})\n"
        "print(pipeline.fingerprint, hashlib.sha256(pipeline(image, 2**32 - 1).tobytes()).hexdigest())"
    )
    here = f"{ALL.fingerprint} {hashlib.sha256(ALL(IMAGE, 2**32 - 1).tobytes()).hexdigest()}"
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    assert there == here


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_fingerprint_depends_on_every_strength(name: str) -> None:
    changed = build_pipeline(**{**STRENGTHS, name: STRENGTHS[name] * 0.9})
    assert changed.fingerprint != ALL.fingerprint


def test_fingerprint_depends_on_order_and_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    import imgaug

    before = ALL.fingerprint
    assert build_pipeline(**dict(reversed(STRENGTHS.items()))).fingerprint != before
    assert build_pipeline(rotate=20).fingerprint == build_pipeline(rotate=(-20.0, 20.0)).fingerprint
    monkeypatch.setattr(imgaug, "__version__", "0.0.1")
    assert ALL.fingerprint != before
    monkeypatch.undo()
    monkeypatch.setattr(augmentation, "RECIPE", augmentation.RECIPE + 1)
    assert ALL.fingerprint != before


@pytest.mark.parametrize(
    ("name", "strength", "fix"),
    [
        ("rotat", 20, "did you mean 'rotate'"),
        ("posterize", 1, "there are flip, crop"),
        ("flip", 1.5, "probability"),
        ("flip", True, "probability"),
        ("zoom", 100, "up to 99"),
        ("rotate", -20, "pair"),
        ("rotate", (20, 10), "pair"),
        ("noise", (-1, 10), "between 0 and 99"),
        ("shift", "much", "one number"),
        ("shift", None, "one number"),
        ("shift", (1, 2, 3), "one number"),
        ("brightness", float("nan"), "one number"),
    ],
)
def test_bad_strengths_are_refused(name: str, strength: object, fix: str) -> None:
    with pytest.raises(AugmentationError, match=fix):
        read_strength(name, strength)


@pytest.mark.parametrize("image", [IMAGE / 255, IMAGE[:, :, 0], IMAGE[None], np.zeros((8, 8, 4), np.uint8)])
def test_what_is_no_picture_is_refused(image: np.ndarray) -> None:
    with pytest.raises(AugmentationError, match="bytes"):
        ALL(image, 0)


def test_layers_do_nothing_in_prediction() -> None:
    pixels = IMAGE[None].astype(np.float32)
    layers = build_layers(**STRENGTHS)
    assert np.allclose(layers(pixels, training=False), pixels, atol=0.01)
    assert not np.allclose(layers(pixels, training=True), pixels, atol=1)


def test_retrain_distortions_mean_what_they_did() -> None:
    assert retrain_distortions(random_crop=10, random_scale=20).steps == (("crop", 10.0, 32.0),)
    assert retrain_distortions(True, random_brightness=30).steps == (("flip", 0.5, 0.5), ("brightness", -30.0, 30.0))
    assert retrain_distortions(True, 99, 99, 99)(IMAGE, 0).shape == IMAGE.shape


@pytest.mark.parametrize("flags", [{}, {"random_crop": 100}, {"random_scale": -1}, {"random_brightness": 500}])
def test_retrain_distortions_refuse_what_they_cannot_do(flags: dict[str, int]) -> None:
    with pytest.raises(AugmentationError, match="give"):
        retrain_distortions(**flags)


class Darker:
    """Halves the brightness, and remembers the seeds it was given."""

    fingerprint = "darker"

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        self.seeds.append(seed)
        return image // 2


def test_only_training_pictures_are_augmented() -> None:
    pictures, labels = [gradient(seed=seed) for seed in range(40)], ["a", "b"] * 20
    darker, backbone = Darker(), plain_backbone()
    features = extract(pictures, labels, backbone=backbone, augmentation=darker, views=3)
    splits, distorted = features.rows["split"], features.rows["view"] > 0
    assert set(splits) == {"train", "validation", "test"} and set(splits[distorted]) == {"train"}
    assert len(darker.seeds) == len(set(darker.seeds)) == 3 * (splits[~distorted] == "train").sum()
    for options in ({"augmentation": darker}, {"views": 1}):
        with pytest.raises(AugmentationError, match="give both"):
            extract(pictures, labels, backbone=backbone, **options)


def test_answers_are_averaged_over_the_picture_and_its_views() -> None:
    class Head:
        @staticmethod
        def predict_proba(X: np.ndarray) -> np.ndarray:
            return X[:, :3] / 1000

    classifier = ImageClassifier(plain_backbone(), Head(), ("a", "b", "c"))
    white = np.full((16, 16, 3), 200, np.uint8)
    kinds = [white, Image.fromarray(white), encode(white), io.BytesIO(encode(white)), b"none", Picture(3, "three")]
    found = predict_with_views(classifier, kinds, Darker(), views=3)
    assert np.allclose(found[:4], (200 + 3 * 100) / 4 / 1000) and np.isnan(found[4:]).all() and found.shape == (6, 3)
    assert np.allclose(predict_with_views(classifier, white, Darker(), views=1), [[0.15] * 3])
    assert predict_with_views(classifier, [], Darker()).shape == (0, 3)
    with pytest.raises(AugmentationError, match="at least 1"):
        predict_with_views(classifier, [white], Darker(), views=0)


PROGRAM = """import sys; sys.path.insert(0, sys.argv[1])
from imgclass_course.augmentation import build_pipeline
from imgclass_course.foundation.errors import AugmentationError
from imgclass_course.foundation.imgaug_loading import NEEDS_IMGAUG
try:
    build_pipeline(flip=1)
except AugmentationError as error:
    print(error)"""


@pytest.mark.parametrize(
    ("module", "problem", "cure"),
    [
        (
            "cv2",
            "ImportError('libGL.so.1: cannot open shared object file')",
            "libGL.so.1: cannot open shared object file). Install the one that needs no screen: pip install "
            "--force-reinstall --no-deps opencv-python-headless==",
        ),
        ("imgaug", "ModuleNotFoundError(name='imgaug')", f"{NEEDS_IMGAUG} (there is no imgaug)."),
        ("cv2", "ModuleNotFoundError(name='cv2')", f"{NEEDS_IMGAUG} (there is no cv2)."),
    ],
)
def test_what_is_missing_is_said_at_once_in_one_line(tmp_path: Path, module: str, problem: str, cure: str) -> None:
    (tmp_path / f"{module}.py").write_text(f"raise {problem}")
    program = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    shown = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    assert cure in shown and len(shown.splitlines()) == 1


def test_mistakes_of_the_exercises_have_bands_of_their_own() -> None:
    band = bands("augmentation")
    assert band["by_picture"].high < band["by_view"].low and band["by_view"].high < band["on_training"].low
