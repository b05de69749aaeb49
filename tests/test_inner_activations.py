"""Networks up to one of their blocks: pooled activations as a backbone, and a network cut in two."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from support import SMALL, write_pictures

from imgclass_course.backbones import Backbone, load_backbone
from imgclass_course.bottlenecks import extract
from imgclass_course.embedded import export_module
from imgclass_course.foundation.assets import embedded_weights
from imgclass_course.foundation.errors import BackboneError
from imgclass_course.foundation.keras_layers import cut_before, first_layer_of, last_layer_of, learn_from
from imgclass_course.foundation.store import BottleneckStore
from imgclass_course.inner_activations import LowerHalf

EFFICIENTNET = "efficientnet_lite2_260"


def pixels(size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)


def activations(backbone: Backbone, layer: str) -> np.ndarray:
    """Return what comes out of a layer [n, h, w, c], by Keras alone."""
    model = backbone.model()
    return np.asarray(keras.Model(model.input, model.get_layer(layer).output)(pixels(backbone.image_size)))


@pytest.mark.parametrize(
    ("name", "block", "layer"),
    [
        (SMALL, "block1", "conv_pw_1_relu"),
        (SMALL, "conv_pw_1_relu", "conv_pw_1_relu"),
        (SMALL, "block13", "conv_pw_13_relu"),
        (EFFICIENTNET, "block0", "block_0_project_norm"),
        (EFFICIENTNET, "block2", "block_2_add"),
    ],
)
def test_backbone_up_to_a_block_gives_average_and_maximum_of_its_maps(name: str, block: str, layer: str) -> None:
    backbone = load_backbone(name)
    maps = activations(backbone, layer)
    by_hand = np.concatenate([maps.mean((1, 2)), maps.max((1, 2))], axis=1)
    earlier = load_backbone(f"{name}@{block}")
    assert np.allclose(earlier(pixels(backbone.image_size)), by_hand, atol=2e-3)
    assert np.allclose(earlier.runner("tensorflow")(pixels(backbone.image_size)), by_hand, atol=2e-3)
    assert earlier.feature_dim == by_hand.shape[1]
    assert earlier.fingerprint not in (backbone.fingerprint, load_backbone(f"{name}@block3").fingerprint)


def test_average_of_the_last_block_is_what_the_whole_network_gives() -> None:
    whole, last = load_backbone(SMALL), load_backbone(f"{SMALL}@block13")
    assert np.allclose(last(pixels(128))[:, :1024], whole(pixels(128)), atol=2e-3)


def test_old_names_sizes_and_joins_go_with_a_block() -> None:
    assert load_backbone("mobilenet_1.0_128@block1") == load_backbone(f"{SMALL}@block1")
    joined = load_backbone(f"{SMALL}@block1+{SMALL}")
    assert [part.name for part in joined.parts] == [f"{SMALL}@block1", SMALL] and joined.feature_dim == 128 + 1024


def test_keras_application_is_cut_at_a_layer_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "random.weights.h5"
    shape = {"include_top": False, "pooling": "avg", "input_shape": (64, 64, 3)}
    keras.applications.MobileNetV2(weights=None, **shape).save_weights(file)
    backbone = load_backbone("keras:MobileNetV2@block_3_expand_relu", 64, file)
    assert backbone.name == "keras:MobileNetV2@block_3_expand_relu" and backbone(pixels(64)).shape == (3, 2 * 144)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (f"{SMALL}@block14", "blocks block1 to block13, and no block14"),
        (f"{SMALL}@blok3", "no layer 'blok3'"),
        (f"{EFFICIENTNET}@average", "no map"),
        (f"{EFFICIENTNET}@block21", "block0 to block20"),
        (f"{SMALL}@", "no layer ''"),
    ],
)
def test_block_that_does_not_exist_is_named_before_long_work(spec: str, words: str) -> None:
    with pytest.raises(BackboneError, match=words):
        load_backbone(spec).runner()


def test_module_has_no_blocks(tmp_path: Path) -> None:
    export_module(embedded_weights(), tmp_path / "module")
    with pytest.raises(BackboneError, match="no layer 'block1'"):
        load_backbone(f"{tmp_path / 'module'}@block1").runner()


@pytest.mark.parametrize(
    ("name", "block", "first"),
    [
        (SMALL, "block1", "conv_dw_1"),
        (SMALL, "block12", "conv_pad_12"),
        (SMALL, "block13", "conv_dw_13"),
        (EFFICIENTNET, "block0", "block_0_depthwise"),
        (EFFICIENTNET, "block20", "block_20_expand"),
        (EFFICIENTNET, "top", "top"),
    ],
)
def test_two_halves_make_the_whole(name: str, block: str, first: str) -> None:
    backbone = load_backbone(name)
    model = backbone.model()
    assert first_layer_of(model, block) == first
    halves = cut_before(model, block)
    images = pixels(backbone.image_size)
    assert np.allclose(halves.upper(halves.lower(images)), model(images), atol=1e-4)
    learn_from(model, block)
    learning = {layer.name for layer in model.layers if layer.trainable_weights}
    assert learning and not learning & {layer.name for layer in halves.lower.layers}


def test_cut_inside_a_block_is_refused_with_places_that_can_be_cut() -> None:
    model = load_backbone(EFFICIENTNET).model()
    with pytest.raises(BackboneError, match="inside a block: take block_19_expand or block_20_expand"):
        cut_before(model, "block_19_depthwise")


@pytest.mark.parametrize("block", ["block0", "block14", "block", "12"])
def test_blocks_are_counted(block: str) -> None:
    model = load_backbone(SMALL).model()
    for find in (first_layer_of, last_layer_of, cut_before):
        with pytest.raises(BackboneError):
            find(model, block)


def lower_half(block: str) -> Backbone:
    base = load_backbone(SMALL)
    network = LowerHalf(base.network, SMALL, block, 128)
    return Backbone(f"{SMALL} below {block}", 128, f"fingerprint of {block}", network)


def test_inner_activations_are_kept_in_half_the_length_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_pictures(tmp_path / "pictures", {"red": 3, "green": 3})
    half = lower_half("block13")
    with BottleneckStore(tmp_path / "store") as store:
        first = extract(folder, backbone=half, store=store)
        again = extract(folder, backbone=half, store=store)
        (row,) = store.info().to_dict("records")
    assert first.X.dtype == again.X.dtype == np.float16 and first.X.shape == (6, 4 * 4 * 1024)
    assert (first.computed, again.reused) == (6, 6) and np.array_equal(first.X, again.X)
    assert row["feature_dim"] == 4 * 4 * 1024 and row["MB"] == pytest.approx(6 * 2 * 4 * 4 * 1024 / 1e6)
    assert np.array_equal(first.X, extract(folder, backbone=half).X), "cached is uncached"


def test_activations_too_large_for_half_the_length_become_the_largest_there_is(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", {"red": 1, "green": 1})
    half = lower_half("block13")

    class Loud:
        def map(self, load: Callable, items: list) -> list[np.ndarray]:
            return [np.array([1e6, -1e6, 1.5], np.float32) for _ in items]

    assert np.array_equal(extract(folder, backbone=half, runner=Loud()).X[0], np.float16([65504, -65504, 1.5]))
