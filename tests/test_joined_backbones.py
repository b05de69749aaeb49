"""Networks whose vectors stand side by side: each cached on its own, and saved as one file that needs no TensorFlow."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support import write_pictures

from imgclass_course.augmentation import build_pipeline, predict_with_views
from imgclass_course.backbones import load_backbone
from imgclass_course.bottlenecks import extract
from imgclass_course.foundation.errors import BackboneError, ClassifierError
from imgclass_course.foundation.store import BottleneckStore
from imgclass_course.joined_backbones import LENGTH, JoinedBackbone, join_vectors
from imgclass_course.outputs.classifier_files import DESCRIPTION, load_classifier, save_classifier
from imgclass_course.outputs.run_files import save_run
from imgclass_course.transfer import Retraining, retrain

FLIP = build_pipeline(flip=0.5)
PARTS = ["mobilenet_v1_100_128", "mobilenet_v1_100_160"]
JOINED = "+".join(PARTS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of two classes, and one that cannot be read."""
    root = write_pictures(tmp_path_factory.mktemp("joined"), {"red": 12, "green": 12})
    (root / "red" / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n, and no more")
    return root


@pytest.fixture(scope="module")
def result(folder: Path) -> Retraining:
    """A classifier on joined vectors."""
    return retrain(folder, backbone=JOINED, head="logistic", testing_percentage=25)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[BottleneckStore]:
    """An empty store."""
    with BottleneckStore(tmp_path / "store") as opened:
        yield opened


def test_vectors_stand_side_by_side_each_of_one_length() -> None:
    one, two = np.array([[3, 4]], np.float32), np.array([[0, 0, 5]], np.float32)
    assert np.allclose(join_vectors([one, two]), np.array([[0.6, 0.8, 0, 0, 1]]) * LENGTH)
    assert join_vectors([one]) is one
    assert not np.isnan(join_vectors([one, np.zeros((1, 3), np.float32)])).any()


def test_joined_backbone_knows_its_parts() -> None:
    joined = load_backbone(JOINED)
    assert isinstance(joined, JoinedBackbone) and load_backbone(joined) is joined
    assert [part.name for part in joined.parts] == PARTS and joined.name == JOINED
    assert (joined.image_size, joined.feature_dim) == (160, 2048)
    turned = load_backbone("+".join(PARTS[::-1]))
    assert len({joined.fingerprint, turned.fingerprint, *(part.fingerprint for part in joined.parts)}) == 4
    assert joined == load_backbone(JOINED)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mobilenet_v1_100_128+mobilenet_v1_100_128", "names a network twice"),
        ("mobilenet_v1_100_128+", "one of them has no name"),
        ("mobilenet_v1_100_128+resnet", "resnet"),
    ],
)
def test_joins_that_cannot_be_are_refused(name: str, said: str) -> None:
    with pytest.raises(BackboneError, match=said):
        load_backbone(name)


@pytest.mark.parametrize("use", ["model", "runner"])
def test_what_needs_a_single_network_says_so(use: str) -> None:
    with pytest.raises(BackboneError, match="are 2 networks"):
        getattr(load_backbone(JOINED), use)()
    with pytest.raises(BackboneError, match="are 2 networks"):
        _ = load_backbone(JOINED).network


def test_each_network_is_cached_on_its_own(folder: Path, store: BottleneckStore) -> None:
    small = extract(folder, backbone=PARTS[0], store=store)
    first = extract(folder, backbone=JOINED, store=store)
    large = extract(folder, backbone=PARTS[1], store=store)
    again = extract(folder, backbone=JOINED, store=store)
    assert (small.computed, first.computed, large.computed, again.computed) == (24, 24, 0, 0)
    assert np.array_equal(first.X, join_vectors([small.X, large.X])) and np.array_equal(first.X, again.X)
    assert first.backbone == load_backbone(JOINED)


def test_what_cannot_be_read_is_left_out_once(folder: Path) -> None:
    features = extract(folder, backbone=JOINED)
    assert len(features) == 24 and features.X.shape == (24, 2048)
    assert features.source is not None and list(features.source.problems["path"]) == ["red/damaged.png"]


def test_views_of_each_network_stand_side_by_side(folder: Path) -> None:
    features = extract(folder, backbone=JOINED, augmentation=FLIP, views=2)
    alone = extract(folder, backbone=PARTS[1], augmentation=FLIP, views=2)
    assert len(features) == len(alone) > 24 and list(features.rows["view"]) == list(alone.rows["view"])
    lengths = np.linalg.norm(alone.X, axis=1, keepdims=True)
    assert np.allclose(features.X[:, 1024:], alone.X / lengths * LENGTH, atol=1e-4)


def test_classifier_answers_as_it_was_measured(result: Retraining) -> None:
    evaluation = result.evaluate("test")
    assert evaluation.accuracy.value == 1
    found = result.classifier.predict_proba(result.paths("test"))
    assert np.allclose(found, evaluation.probabilities, atol=1e-5)
    problem = result.classifier.predict([b"no picture", result.paths("test")[0]])
    assert problem[0].problem and problem[1] == "red" or problem[1] == "green"


def test_saved_classifier_gives_the_same_answers(result: Retraining, tmp_path: Path) -> None:
    save_run(result, tmp_path / "saved")
    loaded = load_classifier(tmp_path / "saved")
    pictures = result.paths("test")
    assert loaded.image_sizes == (128, 160) and loaded.image_size == 160
    assert np.allclose(loaded.predict_proba(pictures), result.classifier.predict_proba(pictures), atol=1e-4)
    further = load_classifier(tmp_path / "saved", load_backbone(JOINED))
    assert np.allclose(further.predict_proba(pictures), result.classifier.predict_proba(pictures), atol=1e-5)
    assert "128 and 160 pixels" in (tmp_path / "saved" / "report.html").read_text(encoding="utf-8")
    with pytest.raises(ClassifierError, match="another network"):
        load_classifier(tmp_path / "saved", load_backbone("+".join(PARTS[::-1])))


@pytest.mark.parametrize("sizes", [[160, 128], [128], [], [128, True], [128, "160"], 160, [128] * 99])
def test_saved_classifier_with_other_sizes_is_refused(sizes: object, result: Retraining, tmp_path: Path) -> None:
    save_classifier(result.classifier, tmp_path)
    description = json.loads((tmp_path / DESCRIPTION).read_text(encoding="utf-8"))
    (tmp_path / DESCRIPTION).write_text(json.dumps(description | {"image_size": sizes}), encoding="utf-8")
    with pytest.raises(ClassifierError, match="image_size|pixels"):
        load_classifier(tmp_path)


def test_views_at_prediction_time_are_for_one_network(result: Retraining) -> None:
    with pytest.raises(BackboneError, match="are 2 networks"):
        predict_with_views(result.classifier, result.paths("test")[:1], FLIP)
