"""A picture that is unlike all that were trained on is none of these, and of the others only a chosen share."""

import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom
from support import gradient

from imgclass_course import load_classifier, retrain, save_classifier
from imgclass_course.foundation.errors import TrainingError
from imgclass_course.novelty import MOST_KEPT, KnownPictures, known_pictures
from imgclass_course.transfer import Retraining
from imgclass_course.trust import grad_cam, nearest_distances, threshold_at, unit_vectors

RANDOM = np.random.default_rng(0)


def cloud(count: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(1, 0.3, (count, dim)).astype(np.float32)


def test_distance_is_that_of_the_lesson_whatever_the_length() -> None:
    known = known_pictures(cloud(200), cloud(50, seed=1))
    assert known is not None
    new = cloud(30, seed=2) * RANDOM.uniform(0.1, 9, (30, 1))
    np.testing.assert_allclose(known.distances(new), nearest_distances(new, cloud(200)), atol=1e-6)
    assert known.distances(cloud(200)[:1]) == pytest.approx(0, abs=1e-6)
    assert known.distances(-cloud(1, seed=3)) > 1.5


@pytest.mark.parametrize("share", [0.02, 0.05, 0.2])
def test_false_alarms_among_new_pictures_are_as_many_as_chosen(share: float) -> None:
    known = known_pictures(cloud(500), cloud(400, seed=1), share)
    assert known is not None and known.false_alarms == share
    count = int(known.are_strangers(known.distances(cloud(2000, seed=2))).sum())
    spread = math.sqrt(share * (1 - share) * (1 / 400 + 1 / 2000))  # of the threshold's rank and of the new pictures
    assert abs(count / 2000 - share) < 4 * spread


def test_few_validation_pictures_let_training_pictures_stand_in() -> None:
    train = cloud(300)
    alone = known_pictures(train, cloud(5, seed=1))
    assert alone is not None
    assert alone.threshold == pytest.approx(threshold_at(nearest_distances(train, train, 2)), abs=1e-6)
    assert 0.02 < alone.are_strangers(alone.distances(cloud(2000, seed=2))).mean() < 0.1


def test_where_nothing_can_be_told_nothing_is_kept() -> None:
    assert known_pictures(cloud(10), cloud(3, seed=1)) is None  # a share of 5 % takes 19 pictures
    assert known_pictures(cloud(100), cloud(50, seed=1), 0) is None
    assert known_pictures(cloud(0), cloud(50, seed=1)) is None
    for share in (-0.1, 1, math.nan):
        with pytest.raises(TrainingError, match="false_alarms"):
            known_pictures(cloud(100), cloud(50), share)


def test_of_many_pictures_some_are_kept_and_always_the_same() -> None:
    many = cloud(MOST_KEPT + 500)
    first, second = (known_pictures(many, cloud(50, seed=1)) for _ in range(2))
    assert first is not None and second is not None and len(first.vectors) == MOST_KEPT
    np.testing.assert_array_equal(first.vectors, second.vectors)


def test_distance_costs_little_beside_a_network() -> None:
    known = KnownPictures(unit_vectors(cloud(MOST_KEPT, 1024)), 0.3, 0.05)
    vectors, seconds = cloud(32, 1024, seed=1), []
    for _ in range(10):
        start = time.perf_counter()
        known.distances(vectors)
        seconds.append((time.perf_counter() - start) / len(vectors))
    assert min(seconds) < 0.0005  # MobileNet takes 5 ms and more on one core


# At work


@pytest.fixture(scope="module")
def told(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Retraining:
    """Return a classifier of coloured pictures that knows what it knows."""
    store = tmp_path_factory.mktemp("store")
    return retrain(pictures, backbone="mobilenet_v1_100_128", head="logistic", bottleneck_dir=store, seed=1)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (90, 120, 3), np.uint8)


def test_answers_say_when_a_picture_is_none_of_these(told: Retraining, tmp_path: Path) -> None:
    save_classifier(told.classifier, tmp_path / "saved")
    loaded, further = (load_classifier(tmp_path / "saved", *more) for more in ((), (told.classifier.backbone,)))
    given = [*told.paths("train")[:10], noise(), b"no picture"]
    for classifier in (told.classifier, loaded, further):
        answers = classifier.predict(given)
        assert all(answer.distance < 1e-3 and not answer.none_of_these for answer in answers[:10])
        assert answers[10].none_of_these and answers[10].distance > told.classifier.known.threshold
        assert "perhaps none of these" in repr(answers[10]) and answers[10] in classifier.classes_
        assert math.isnan(answers[11].distance) and not answers[11].none_of_these and answers[11].problem
    assert loaded.predict(noise()).distance == pytest.approx(told.classifier.predict(noise()).distance, abs=1e-3)


def test_a_classifier_may_be_told_to_keep_nothing(pictures: Path, tmp_path: Path) -> None:
    result = retrain(
        pictures, backbone="mobilenet_v1_100_128", head="logistic", bottleneck_dir=tmp_path / "store", false_alarms=0.0
    )
    save_classifier(result.classifier, tmp_path / "saved")
    assert not list((tmp_path / "saved").glob("known-*"))
    answer = load_classifier(tmp_path / "saved").predict(noise())
    assert answer in result.classifier.classes_ and math.isnan(answer.distance) and not answer.none_of_these
    with pytest.raises(TrainingError, match="false_alarms=2"):
        retrain(pictures, false_alarms=2)


def test_measured_share_of_false_alarms_is_the_chosen_one(told: Retraining) -> None:
    known = told.classifier.known
    assert known is not None
    vectors = told.pictures("train").X
    others = nearest_distances(vectors, vectors, neighbours=2)  # each training picture as if it were new
    count = int((others > known.threshold).sum())
    assert binom.ppf(0.001, len(others), 0.05) <= count <= binom.ppf(0.999, len(others), 0.05)


# What each place adds


def test_activation_map_is_exact(told: Retraining, tmp_path: Path) -> None:
    save_classifier(told.classifier, tmp_path / "saved")
    loaded, picture = load_classifier(tmp_path / "saved"), gradient(200, 160)
    vector = told.classifier.backbone(np.stack([read(picture)]))
    scores = told.classifier.head.scores(vector)[0] - told.classifier.head.bias
    for label, score in zip(loaded.classes_, scores, strict=True):
        places = loaded.activation_map(picture, label)
        assert places.shape == (4, 4) and places.std() > 0
        assert places.mean() == pytest.approx(score, abs=1e-3)
    likeliest = str(loaded.predict(picture))
    np.testing.assert_array_equal(loaded.activation_map(picture), loaded.activation_map(picture, likeliest))


def read(picture: np.ndarray) -> np.ndarray:
    from imgclass_course.foundation.pictures import as_pictures

    return next(as_pictures(picture)).load(128)


def test_activation_map_of_several_layers_is_what_grad_cam_takes(told: Retraining, tmp_path: Path) -> None:
    import keras

    from imgclass_course.heads import KerasHead
    from imgclass_course.regularization import build_regularized_head

    head = build_regularized_head(1024, 3, (8,))
    save_classifier(replace(told.classifier, head=KerasHead(head)), tmp_path / "two")
    loaded, picture = load_classifier(tmp_path / "two"), gradient(200, 160)
    network = told.classifier.backbone.model()
    maps = next(layer.output for layer in reversed(network.layers) if len(layer.output.shape) == 4)
    model = keras.Model(network.input, [maps, head(network.output)])
    for number, label in enumerate(loaded.classes_):
        by_hand = grad_cam(model, read(picture), number) * maps.shape[1] * maps.shape[2]
        np.testing.assert_allclose(np.maximum(loaded.activation_map(picture, label), 0), by_hand, atol=1e-3)
    assert loaded.predict(noise()).none_of_these


def test_activation_map_needs_dense_layers_after_an_average_and_a_class(told: Retraining, tmp_path: Path) -> None:
    import keras

    from imgclass_course.foundation.errors import ClassifierError
    from imgclass_course.heads import KerasHead

    save_classifier(told.classifier, tmp_path / "one")
    with pytest.raises(ClassifierError, match="no class 'pink'"):
        load_classifier(tmp_path / "one").activation_map(gradient(), "pink")
    layers = [keras.Input((1024,)), keras.layers.LayerNormalization(), keras.layers.Dense(3)]
    save_classifier(replace(told.classifier, head=KerasHead(keras.Sequential(layers))), tmp_path / "other")
    with pytest.raises(ClassifierError, match="no dense layers after an average"):
        load_classifier(tmp_path / "other").activation_map(gradient())


def test_files_of_another_classifier_are_refused(told: Retraining, tmp_path: Path) -> None:
    import hashlib
    import json

    from imgclass_course.foundation.errors import ClassifierError

    save_classifier(told.classifier, tmp_path / "saved")
    wrong = {
        "known": {"vectors": np.ones((5, 7), np.float16), "numbers": np.array([0.3, 0.05])},
        "places": {"kernel0": np.ones((7, 3), np.float32), "bias0": np.zeros(3, np.float32)},
    }
    original = (tmp_path / "saved" / "classifier.json").read_text()
    for kind, arrays in wrong.items():
        description = json.loads(original)
        path = tmp_path / "saved" / f"{kind}-forged.npz"
        np.savez(path, **arrays)
        description["files"][kind] = {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        (tmp_path / "saved" / "classifier.json").write_text(json.dumps(description))
        with pytest.raises(ClassifierError, match="of its network"):
            load_classifier(tmp_path / "saved")
