"""Backbones know a cat, cost what is published, give the same vectors whatever runs them, and are not mixed up."""

import multiprocessing
import pickle
import shutil
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support import gradient, plain_backbone

from imgclass_course import backbones, embedded, running
from imgclass_course.backbones import Backbone, load_backbone
from imgclass_course.embedded import export_module
from imgclass_course.foundation.errors import BackboneError
from imgclass_course.foundation.files import assets_folder, cache_folder, write_whole
from imgclass_course.foundation.picture_files import load_image
from imgclass_course.foundation.runners import LiteRTRunner, Network, TensorFlowRunner
from imgclass_course.mobilenet import (
    EMBEDDED,
    classify_imagenet,
    embedded_weights,
    imagenet_labels,
    mobilenet_cost,
    mobilenet_features,
)

SIZES = (224, 192, 160, 128)


def pictures_of(size: int, count: int = 6) -> np.ndarray:
    return np.stack([load_image(gradient(300, 200, seed), size) for seed in range(count)])


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a TF Hub module with the embedded weights, made once."""
    folder = tmp_path_factory.mktemp("modules") / "module"
    export_module(embedded_weights(), folder)
    return folder


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the cache at an empty folder of this test, where no network was ever loaded."""
    monkeypatch.setenv("IMGCLASS_CACHE_DIR", str(tmp_path / "cache"))
    running.made_runner.cache_clear()
    return tmp_path / "cache"


# What the embedded network knows and costs


@pytest.mark.parametrize("size", SIZES)
def test_embedded_network_knows_a_cat(size: int) -> None:
    from skimage import data

    backbone = load_backbone(f"mobilenet_v1_100_{size}")
    assert (backbone.image_size, backbone.feature_dim) == (size, 1024)
    ((name, probability),) = classify_imagenet(backbone(load_image(data.chelsea(), size)[None]), top=1)[0]
    assert name == "Egyptian cat" and probability > 0.5


def test_embedded_network_knows_a_cup() -> None:
    from skimage import data

    ((name, probability),) = classify_imagenet(load_backbone()(load_image(data.coffee(), 224)[None]), top=1)[0]
    assert name == "espresso" and probability > 0.5


def test_labels_are_those_of_imagenet() -> None:
    labels = imagenet_labels()
    assert len(labels) == 1000
    first_names = [labels[index].split(",")[0] for index in (0, 285, 967, 999)]
    assert first_names == ["tench", "Egyptian cat", "espresso", "toilet tissue"]


# Howard et al. 2017, tables 6 and 7 (whole millions of multiply-adds), and the released checkpoints (parameters).
PUBLISHED_MULTIPLY_ADDS = {
    (1.0, 224): 569,
    (0.75, 224): 325,
    (0.5, 224): 149,
    (0.25, 224): 41,
    (1.0, 192): 418,
    (1.0, 160): 290,
    (1.0, 128): 186,
}
PUBLISHED_PARAMETERS = {1.0: 4.24, 0.75: 2.59, 0.5: 1.34, 0.25: 0.47}


def test_cost_is_what_was_published_and_counts_the_weights_that_are_there() -> None:
    for network, published in PUBLISHED_MULTIPLY_ADDS.items():
        assert abs(mobilenet_cost(*network)[0] / 1e6 - published) < 1, network
    for width, published in PUBLISHED_PARAMETERS.items():
        assert abs(mobilenet_cost(width)[1] / 1e6 - published) < 0.01, width
    assert mobilenet_cost()[1] == sum(a.size for name, a in embedded_weights().items() if "moving" not in name)


def test_classify_imagenet_sums_to_one() -> None:
    (answers,) = classify_imagenet(np.abs(np.random.default_rng(0).normal(size=(1, 1024))), top=1000)
    assert len({name for name, _ in answers}) > 990
    assert 0.9 < sum(probability for _, probability in answers) <= 1 + 1e-6
    assert [one for _, one in answers] == sorted((one for _, one in answers), reverse=True)


def test_training_mode_moves_the_averages(module_folder: Path) -> None:
    import tensorflow_hub

    module = tensorflow_hub.load(str(module_folder))
    assert len(module.trainable_variables) < len(module.variables) and module.regularization_losses == []
    (moving,) = [one for one in module.variables if one.name == "Conv2d_0/BatchNorm/moving_mean:0"]
    before = moving.numpy().copy()
    pixels = pictures_of(64).astype(np.float32) / 255
    module(pixels)
    np.testing.assert_array_equal(moving.numpy(), before)
    module(pixels, training=True)
    assert (moving.numpy() != before).any()


# One network, several ways to run it


@pytest.mark.parametrize("size", SIZES)
def test_runners_model_and_plain_function_give_the_same_vectors(size: int) -> None:
    backbone, pictures = load_backbone(f"mobilenet_v1_100_{size}"), pictures_of(size, 3)
    runner = backbone.runner("litert")
    vectors = runner(pictures)
    assert isinstance(runner, LiteRTRunner) and vectors.shape == (3, 1024) and vectors.dtype == np.float32
    np.testing.assert_array_equal(backbone(pictures), vectors)
    plain = mobilenet_features(pictures.astype(np.float32) / 255, embedded_weights()).numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras warns of inputs that are not as it expects
        ways = {"plain": plain, "TensorFlow": backbone.runner("tensorflow")(pictures)}
        ways |= {"Keras, called": np.asarray(backbone.model()(pictures)), "Keras": backbone.model().predict(pictures)}
    for way, found in ways.items():
        assert cosines(vectors, found).min() > 0.99999, way
        np.testing.assert_allclose(vectors, found, atol=1e-3, err_msg=way)


@pytest.mark.parametrize(
    "pictures",
    [
        np.zeros((1, 16, 17, 3), np.uint8),
        np.zeros((16, 16, 3), np.uint8),
        np.zeros((1, 16, 16, 3), np.float32),
        np.zeros((1, 16, 16, 1), np.uint8),
    ],
)
def test_other_pictures_are_refused(pictures: np.ndarray) -> None:
    with pytest.raises(BackboneError, match="load_image"):
        plain_backbone()(pictures)


def test_no_pictures_give_no_vectors() -> None:
    assert plain_backbone()(np.zeros((0, 16, 16, 3), np.uint8)).shape == (0, 48)


@pytest.mark.parametrize(
    ("first", "learning"),
    [
        (None, set()),
        ("conv_pw_13", {"conv_pw_13"}),
        ("conv_dw_13_bn", {"conv_pw_13"}),
        ("conv_pw_12", {"conv_pw_12", "conv_dw_13", "conv_pw_13"}),
    ],
)
def test_model_learns_from_a_layer_on_and_batch_normalisation_never(first: str | None, learning: set[str]) -> None:
    import keras

    pictures = pictures_of(128, 4)
    model = load_backbone("mobilenet_v1_100_128").model(first)
    before = {layer.name: [values.copy() for values in layer.get_weights()] for layer in model.layers}
    network = keras.Sequential([model, keras.layers.Dense(2)])
    network.compile(keras.optimizers.SGD(0.01), "mse")
    network.fit(pictures, np.ones((4, 2)), verbose=0)
    moved = {
        layer.name
        for layer in model.layers
        for old, new in zip(before[layer.name], layer.get_weights(), strict=True)
        if (old != new).any()
    }
    assert moved == learning
    assert {layer.name for layer in model.layers if layer.trainable_weights} == learning
    assert any(layer.startswith("conv_pw_13_bn") for layer in before)
    # The next model has the weights of ImageNet again.
    np.testing.assert_array_equal(
        load_backbone("mobilenet_v1_100_128").model().get_layer("conv_pw_13").get_weights()[0], before["conv_pw_13"][0]
    )


def test_layer_that_is_not_there_names_close_ones() -> None:
    backbone = load_backbone("mobilenet_v1_100_128")
    with pytest.raises(BackboneError, match="128 has no layer 'conv_pw13'. Some that it has: conv_pw_13,"):
        backbone.model("conv_pw13")
    with pytest.raises(BackboneError, match="has no layer 'x'. Some that it has: .*global_average_pooling2d"):
        backbone.model("x")


def test_backbone_without_layers_says_so() -> None:
    with pytest.raises(BackboneError, match="plain has no Keras layers: use mobilenet_v1_100_224"):
        plain_backbone().model()


PREPARATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # of pixels from 0 to 255
    "caffe": lambda pixels: pixels[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32),
    "tf": lambda pixels: pixels / 127.5 - 1,
    "torch": lambda pixels: (pixels / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225]),
}


@pytest.mark.parametrize(
    ("name", "mode"),
    [("VGG16", "caffe"), ("ResNet50", "caffe"), ("Xception", "tf"), ("MobileNetV2", "tf"), ("DenseNet169", "torch")],
)
def test_application_prepares_pictures_as_it_was_trained(
    name: str, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands between pixels and network is seen through a network that only averages."""
    import keras

    def averaging(input_shape: tuple, input_tensor: object, weights: object, **_: object) -> keras.Model:
        pixels = keras.Input(input_shape) if input_tensor is None else input_tensor
        return keras.Model(keras.utils.get_source_inputs(pixels), keras.layers.GlobalAveragePooling2D()(pixels))

    averaging.__module__ = getattr(keras.applications, name).__module__
    monkeypatch.setattr(keras.applications, name, averaging)
    (tmp_path / "none.weights.h5").touch()
    backbone, pictures = load_backbone(f"keras:{name}", 8, tmp_path / "none.weights.h5"), pictures_of(8, 3)
    expected = PREPARATIONS[mode](pictures.astype(np.float32)).mean((1, 2))
    for way in (backbone.runner("litert"), backbone.runner("tensorflow"), backbone.model()):
        np.testing.assert_allclose(way(pictures), expected, rtol=1e-4, atol=1e-4)


def test_application_has_the_weights_of_its_file(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNetV2(include_top=False, pooling="avg", weights=None, input_shape=(32, 32, 3))
    network.save_weights(tmp_path / "random.weights.h5")
    pictures = pictures_of(32, 3)
    expected = np.asarray(network(PREPARATIONS["tf"](pictures.astype(np.float32))))
    backbone = load_backbone("keras:MobileNetV2", 32, tmp_path / "random.weights.h5")
    model = backbone.model("block_16_project")
    for way in (backbone.runner("litert"), backbone.runner("tensorflow"), model):
        np.testing.assert_allclose(way(pictures), expected, atol=1e-4 * np.abs(expected).max())
    assert isinstance(backbone.runner(), LiteRTRunner) and backbone.feature_dim == 1280
    assert {layer.name for layer in model.layers if layer.trainable_weights} == {"block_16_project", "Conv_1"}


# Converted once, and kept


def make_tiny_network() -> Network:
    """Return a network that takes no time to convert: the mean colour."""
    import tensorflow as tf

    return lambda pixels: tf.reduce_mean(pixels, axis=[1, 2])


SEVENS = np.full((1, 8, 8, 3), 7, np.uint8)


@pytest.fixture
def tiny_backbone(own_cache: Path) -> Backbone:
    """Return a backbone that is converted from scratch, in a cache folder of its own."""
    return Backbone("tiny", 8, "f" * 64, make_tiny_network)


@pytest.mark.parametrize("why", ["the converter fails", "LiteRT is not installed"])
def test_tensorflow_stands_in_for_litert_and_it_is_said(
    why: str, tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(network: object, image_size: int) -> bytes:
        raise RuntimeError("no such operation\nand much more")

    if why == "the converter fails":
        monkeypatch.setattr(running, "convert_network", broken)
    else:
        monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.warns(UserWarning, match="tiny runs on TensorFlow, which is slower; LiteRT failed with") as caught:
        runner = tiny_backbone.runner()
    assert isinstance(runner, TensorFlowRunner) and "much more" not in str(caught[0].message)
    assert Path(caught[0].filename) == Path(__file__)
    np.testing.assert_allclose(tiny_backbone(SEVENS), [[7, 7, 7]])


def test_converted_network_is_kept(tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = tiny_backbone(SEVENS)
    assert len(list((cache_folder() / "engines").iterdir())) == 1
    running.made_runner.cache_clear()  # as in a new process
    monkeypatch.setattr(running, "convert_network", lambda *_: pytest.fail("converted again"))
    np.testing.assert_array_equal(tiny_backbone(SEVENS), expected)


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_damaged_converted_network_is_made_again(tiny_backbone: Backbone, damage: str) -> None:
    expected = tiny_backbone(SEVENS)
    (path,) = (cache_folder() / "engines").iterdir()
    whole = path.read_bytes()
    middle = len(whole) // 2
    changed = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    path.write_bytes({"cut": whole[:middle], "changed": changed, "empty": b""}[damage])
    running.made_runner.cache_clear()
    np.testing.assert_array_equal(tiny_backbone(SEVENS), expected)
    (path,) = (cache_folder() / "engines").iterdir()
    assert path.read_bytes() == whole


def test_threads_that_ask_at_once_convert_once(tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorflow")
    convert, done = running.convert_network, []

    def counted(network: Network, image_size: int) -> bytes:
        done.append(threading.get_ident())
        return convert(network, image_size)

    monkeypatch.setattr(running, "convert_network", counted)
    meeting, runners = threading.Barrier(4, timeout=20), []

    def ask() -> None:
        meeting.wait()
        equal = Backbone("tiny", 8, "f" * 64, make_tiny_network)
        runners.append(equal.runner())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1 and len(runners) == 4 and len(set(map(id, runners))) == 1


def test_lost_race_leaves_nothing_behind(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        folder.mkdir()
        (folder / "file").touch()

    def make_while_another_is_first(folder: Path) -> None:
        make(folder)
        make(tmp_path / "target")

    write_whole(tmp_path / "target", make_while_another_is_first)
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    def half(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(tmp_path / "target", half)
    assert list(tmp_path.iterdir()) == []


def test_two_threads_make_the_module_at_once(
    own_cache: Path, module_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = threading.Barrier(2, timeout=20)

    def export(weights: object, folder: Path) -> None:
        shutil.copytree(module_folder, folder)
        meeting.wait()

    monkeypatch.setattr(embedded, "export_module", export)
    network = load_backbone("mobilenet_v1_100_128").network
    found: list[Network] = []
    threads = [threading.Thread(target=lambda: found.append(network())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 and len(list((own_cache / "modules").iterdir())) == 1


# Fingerprints and descriptions

# Stores that the first version filled are found again by these.
FINGERPRINTS = {
    224: "f600b0db702cee5979fff7357ebbd83d6b2450c5ffb18f8af76fe0d7317792f7",
    192: "3ffa3b2365993b1d0c9840c5de51eac5cda1b2e4ccf754bc79ee8e9f4975d58e",
    160: "5a4dc7486ac56bf11b265640f0203d69da8b8b33e9c6653e37e98adecf655074",
    128: "b41a38ecc7efc93bd0608cf2411e13f57778354d6fb2b4232673d505a623447a",
}


def test_fingerprints_are_those_of_the_first_version() -> None:
    assert {size: load_backbone(f"mobilenet_v1_100_{size}").fingerprint for size in SIZES} == FINGERPRINTS
    assert load_backbone(EMBEDDED, image_size=128).fingerprint == FINGERPRINTS[128]
    assert load_backbone(EMBEDDED, image_size=96).fingerprint not in FINGERPRINTS.values()


def test_fingerprint_changes_with_one_weight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "Conv2d_13_pointwise/weights"
    changed = {**embedded_weights(), name: embedded_weights()[name].copy()}
    changed[name][0, 0, 0, 0] += 1e-3

    def with_weights(weights: dict[str, np.ndarray]) -> str:
        np.savez(tmp_path / f"{EMBEDDED}_imagenet.npz", **weights)
        embedded.embedded_digest.cache_clear()
        return load_backbone().fingerprint

    assert (assets_folder() / f"{EMBEDDED}_imagenet.npz").is_file()
    monkeypatch.setattr(embedded, "assets_folder", lambda: tmp_path)
    try:
        assert with_weights(embedded_weights()) != with_weights(changed)
    finally:
        monkeypatch.undo()
        embedded.embedded_digest.cache_clear()
    assert load_backbone().fingerprint == FINGERPRINTS[224]


def test_fingerprint_of_a_module_follows_its_weights_and_not_its_place(module_folder: Path, tmp_path: Path) -> None:
    moved, changed = (Path(shutil.copytree(module_folder, tmp_path / name)) for name in ("moved", "changed"))
    (file,) = (changed / "variables").glob("variables.data*")
    data = file.read_bytes()
    file.write_bytes(data[:100_000] + bytes([data[100_000] ^ 1]) + data[100_001:])
    first, same, other = (load_backbone(str(folder), 64).fingerprint for folder in (module_folder, moved, changed))
    assert first == same != other != load_backbone(str(changed), 96).fingerprint


def test_fingerprint_changes_with_the_preparation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "PREPARATION", "another way to resize")
    assert load_backbone().fingerprint != FINGERPRINTS[224]


def test_equal_descriptions_are_equal_and_have_one_runner(module_folder: Path) -> None:
    for specs in ((EMBEDDED, "mobilenet_1.0_224"), (str(module_folder), module_folder)):
        first, second = map(load_backbone, specs)
        assert first == second and hash(first) == hash(second) and first is not second
        assert load_backbone(first) is first
        assert first.runner("tensorflow") is second.runner("tensorflow")
    assert len({load_backbone(f"mobilenet_v1_100_{size}") for size in SIZES}) == 4
    assert first != load_backbone(specs[0], 96)


def test_backbones_run_in_another_process(module_folder: Path, tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    file = tmp_path / "random.weights.h5"
    keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(file)
    made = [load_backbone("mobilenet_v1_100_128", 32), load_backbone(str(module_folder), 32)]
    made.append(load_backbone("keras:MobileNet", 32, file))
    pictures = pictures_of(32, 2)
    expected = [backbone(pictures) for backbone in made]
    assert [pickle.loads(pickle.dumps(backbone)) for backbone in made] == made
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        found = [pool.submit(backbone, pictures).result(timeout=120) for backbone in made]
    np.testing.assert_array_equal(found, expected)
