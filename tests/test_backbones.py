"""Pretrained networks: they know a cat, cost what is published, and cannot be mixed up or had by accident."""

import gzip
import io
import os
import shutil
import socket
import sys
import tarfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support import gradient, plain_backbone

from imgclass_course import backbones
from imgclass_course.backbones import (
    Backbone,
    BackboneError,
    cache_folder,
    hub_cache_folder,
    load_backbone,
    mobilenet_handles,
)
from imgclass_course.engines import TensorFlowEngine
from imgclass_course.images import load_image
from imgclass_course.mobilenet import (
    EMBEDDED,
    assets_folder,
    classify_imagenet,
    embedded_weights,
    export_module,
    imagenet_labels,
    mobilenet_cost,
    mobilenet_features,
)

HANDLE = "https://tfhub.dev/google/imagenet/mobilenet_v2_050_160/feature_vector/5"


def pictures_of(size: int, count: int = 6) -> np.ndarray:
    return np.stack([load_image(gradient(300, 200, seed), size) for seed in range(count)])


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)


@pytest.fixture(scope="module")
def changed_weights() -> dict[str, np.ndarray]:
    """Return the embedded weights with one number changed."""
    weights = dict(embedded_weights())
    values = weights["Conv2d_13_pointwise/weights"].copy()
    values[0, 0, 0, 0] += 1e-3
    return {**weights, "Conv2d_13_pointwise/weights": values}


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a TF Hub module with the embedded weights, made once."""
    folder = tmp_path_factory.mktemp("modules") / "module"
    export_module(embedded_weights(), folder)
    return folder


@pytest.fixture(scope="module")
def changed_module(changed_weights: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a TF Hub module in which one weight is another one."""
    folder = tmp_path_factory.mktemp("modules") / "changed"
    export_module(changed_weights, folder)
    return folder


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point both caches at empty folders of this test."""
    monkeypatch.setenv("IMGCLASS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "hub"))
    return tmp_path / "cache"


# What the embedded network knows and costs


@pytest.mark.parametrize(("name", "label"), [("chelsea", "Egyptian cat"), ("coffee", "espresso")])
def test_embedded_network_knows_the_picture(name: str, label: str) -> None:
    from skimage import data

    backbone = load_backbone()
    assert backbone.name == EMBEDDED and type(backbone.engine).__name__ == "LiteRTEngine"
    picture = load_image(getattr(data, name)(), backbone.image_size)
    ((best, *_),) = classify_imagenet(backbone(picture[None]))
    assert best[0] == label
    assert best[1] > (0.9 if name == "chelsea" else 0.5)


@pytest.mark.parametrize("size", [128, 160, 192])
def test_embedded_network_works_at_smaller_sizes(size: int) -> None:
    from skimage import data

    backbone = load_backbone(f"mobilenet_v1_100_{size}")
    assert (backbone.image_size, backbone.feature_dim) == (size, 1024)
    ((best, *_),) = classify_imagenet(backbone(load_image(data.chelsea(), size)[None]), top=1)
    assert "cat" in best[0] or best[0] == "tabby"


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


@pytest.mark.parametrize(("network", "published"), PUBLISHED_MULTIPLY_ADDS.items())
def test_multiply_adds_are_what_was_published(network: tuple[float, int], published: int) -> None:
    assert abs(mobilenet_cost(*network)[0] / 1e6 - published) < 1


@pytest.mark.parametrize(("width", "published"), PUBLISHED_PARAMETERS.items())
def test_parameters_are_what_was_published(width: float, published: float) -> None:
    assert abs(mobilenet_cost(width)[1] / 1e6 - published) < 0.01


def test_cost_counts_the_weights_that_are_there() -> None:
    trainable = [values.size for name, values in embedded_weights().items() if "moving" not in name]
    assert mobilenet_cost()[1] == sum(trainable)


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


# Engines


def test_litert_equals_tensorflow(small_backbone: Backbone) -> None:
    pictures = pictures_of(128)
    assert type(small_backbone.engine).__name__ == "LiteRTEngine"
    slow = np.stack([TensorFlowEngine(small_backbone.make_network())(picture) for picture in pictures[:3]])
    assert cosines(small_backbone(pictures[:3]), slow).min() >= 0.9999


def test_engine_equals_the_plain_function(small_backbone: Backbone) -> None:
    pictures = pictures_of(128)
    plain = mobilenet_features(pictures.astype(np.float32) / 255, embedded_weights()).numpy()
    assert cosines(small_backbone(pictures), plain).min() >= 0.9999
    np.testing.assert_allclose(small_backbone(pictures), plain, atol=0.01)


def test_vectors_are_the_same_every_time_and_from_every_thread(small_backbone: Backbone) -> None:
    from imgclass_course.bottlenecks import map_in_threads

    pictures = pictures_of(128)
    expected = small_backbone(pictures)
    threaded = list(map_in_threads(small_backbone.engine, [*pictures] * 5, workers=3))
    for index, vector in enumerate(threaded):
        np.testing.assert_array_equal(vector, expected[index % len(pictures)])


def test_vector_is_not_overwritten_by_the_next(small_backbone: Backbone) -> None:
    first, second = pictures_of(128, 2)
    vector = small_backbone.engine(first)
    copy = vector.copy()
    small_backbone.engine(second)
    np.testing.assert_array_equal(vector, copy)


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


def make_tiny_network() -> backbones.Network:
    """Return a network that takes no time to convert: the mean colour."""
    import tensorflow as tf

    return lambda pixels: tf.reduce_mean(pixels, axis=[1, 2])


@pytest.fixture
def tiny_backbone(own_cache: Path) -> Backbone:
    """Return a backbone whose engine is made from scratch, in a cache folder of its own."""
    return Backbone("tiny", 8, "f" * 64, make_tiny_network)


def again(backbone: Backbone) -> Backbone:
    """Return the same backbone as a new process would see it."""
    return Backbone(backbone.name, backbone.image_size, backbone.fingerprint, backbone.make_network)


def test_conversion_that_fails_falls_back_to_tensorflow_and_says_so(
    tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(network: object, image_size: int) -> bytes:
        raise RuntimeError("no such operation\nand much more")

    monkeypatch.setattr(backbones, "convert_network", broken)
    with pytest.warns(UserWarning, match="runs on TensorFlow, which is slower.*no such operation") as caught:
        engine = tiny_backbone.engine
    assert isinstance(engine, TensorFlowEngine) and "much more" not in str(caught[0].message)
    np.testing.assert_allclose(tiny_backbone(np.full((1, 8, 8, 3), 7, np.uint8)), [[7, 7, 7]])


def test_missing_litert_falls_back_to_tensorflow(tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.warns(UserWarning, match="runs on TensorFlow"):
        assert isinstance(tiny_backbone.engine, TensorFlowEngine)


def engine_files() -> list[Path]:
    return sorted((cache_folder() / "engines").iterdir())


def test_converted_network_is_kept(tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = tiny_backbone(np.full((1, 8, 8, 3), 7, np.uint8))
    assert len(engine_files()) == 1
    monkeypatch.setattr(backbones, "convert_network", lambda *_: pytest.fail("converted again"))
    np.testing.assert_array_equal(again(tiny_backbone)(np.full((1, 8, 8, 3), 7, np.uint8)), expected)


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_damaged_converted_network_is_made_again(tiny_backbone: Backbone, damage: str) -> None:
    expected = tiny_backbone(np.full((1, 8, 8, 3), 7, np.uint8))
    (path,) = engine_files()
    whole = path.read_bytes()
    middle = len(whole) // 2
    changed = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    path.write_bytes({"cut": whole[:middle], "changed": changed, "empty": b""}[damage])
    np.testing.assert_array_equal(again(tiny_backbone)(np.full((1, 8, 8, 3), 7, np.uint8)), expected)
    (path,) = engine_files()
    assert path.read_bytes() == whole


def test_lost_race_leaves_nothing_behind(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        folder.mkdir()
        (folder / "file").touch()

    def make_while_another_is_first(folder: Path) -> None:
        make(folder)
        make(tmp_path / "target")

    backbones._write_whole(tmp_path / "target", make_while_another_is_first)
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    def half(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        backbones._write_whole(tmp_path / "target", half)
    assert list(tmp_path.iterdir()) == []


def test_two_threads_make_the_module_at_once(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = threading.Barrier(2, timeout=20)

    def export(weights: object, folder: Path) -> None:
        folder.mkdir()
        (folder / "saved_model.pb").touch()
        meeting.wait()

    monkeypatch.setattr(backbones, "export_module", export)
    threads = [threading.Thread(target=backbones._embedded_module) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (backbones._embedded_module() / "saved_model.pb").is_file()


# Fingerprints


def test_fingerprint_is_the_same_every_time() -> None:
    assert load_backbone().fingerprint == load_backbone().fingerprint == load_backbone(EMBEDDED).fingerprint


def test_fingerprint_depends_on_the_size() -> None:
    loaded = [load_backbone(f"mobilenet_v1_100_{size}") for size in (128, 160, 192, 224)]
    loaded.append(load_backbone(EMBEDDED, image_size=96))
    assert len({one.fingerprint for one in loaded}) == 5
    assert load_backbone(EMBEDDED, image_size=128).fingerprint == loaded[0].fingerprint


def test_fingerprint_changes_with_one_weight(
    changed_weights: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_backbone().fingerprint

    def with_weights(weights: dict[str, np.ndarray]) -> str:
        np.savez(tmp_path / f"{EMBEDDED}_imagenet.npz", **weights)
        backbones._embedded_digest.cache_clear()
        return load_backbone().fingerprint

    monkeypatch.setattr(backbones, "assets_folder", lambda: tmp_path)
    try:
        assert with_weights(embedded_weights()) != with_weights(changed_weights)
    finally:
        monkeypatch.undo()
        backbones._embedded_digest.cache_clear()
    assert load_backbone().fingerprint == before


def test_fingerprint_of_a_module_changes_with_one_weight(module_folder: Path, changed_module: Path) -> None:
    first, second = (load_backbone(str(folder), image_size=64) for folder in (module_folder, changed_module))
    assert first.fingerprint != second.fingerprint


def test_fingerprint_of_a_module_does_not_depend_on_its_place(module_folder: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(module_folder, tmp_path / "moved")
    assert load_backbone(str(moved)).fingerprint == load_backbone(str(module_folder)).fingerprint


def test_fingerprint_changes_with_the_preparation(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_backbone().fingerprint
    monkeypatch.setattr(backbones, "PREPARATION", "another way to resize")
    assert load_backbone().fingerprint != before


def test_assets_are_where_the_digest_looks() -> None:
    assert (assets_folder() / f"{EMBEDDED}_imagenet.npz").is_file()


# Names, handles and folders


def test_module_in_the_hub_cache_is_used(module_folder: Path, own_cache: Path, small_backbone: Backbone) -> None:
    shutil.copytree(module_folder, hub_cache_folder(HANDLE))
    for spec in (HANDLE, "mobilenet_v2_050_160"):
        backbone = load_backbone(spec)
        assert (backbone.name, backbone.image_size) == (HANDLE, 160)
    same = load_backbone(HANDLE, image_size=128)
    pictures = pictures_of(128, 2)
    assert cosines(same(pictures), small_backbone(pictures)).min() > 0.9999


def test_module_that_was_downloaded_is_unpacked_where_we_look(
    module_folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # tensorflow_hub itself unpacks the archive; only the way through the internet is short-circuited.
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(module_folder.rglob("*")):
            tar.add(path, path.relative_to(module_folder).as_posix(), recursive=False)
    archive = gzip.compress(buffer.getvalue(), 1)

    class Response(io.BytesIO):
        def geturl(self) -> str:
            return "https://tfhub.dev/module.tar.gz"

        def info(self) -> dict[str, str]:
            return {}

    monkeypatch.setattr(backbones, "_reachable", lambda url: True)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: Response(archive))
    assert load_backbone(HANDLE).fingerprint == load_backbone(str(module_folder), 160).fingerprint
    assert (hub_cache_folder(HANDLE) / "saved_model.pb").is_file()


def assert_names_the_way_out(error: BackboneError, folder: Path) -> None:
    for word in (HANDLE, str(folder), "TFHUB_CACHE_DIR", EMBEDDED):
        assert word in str(error)
    assert len(str(error).splitlines()) == 1


def test_offline_is_an_error_within_seconds(own_cache: Path, network_attempts: list[str]) -> None:
    start = time.monotonic()
    with pytest.raises(BackboneError) as caught:
        load_backbone("mobilenet_v2_050_160")
    assert time.monotonic() - start < 5
    assert_names_the_way_out(caught.value, own_cache.parent / "hub")
    assert network_attempts == ["resolve tfhub.dev"]
    network_attempts.clear()


def test_resolver_that_hangs_is_an_error_within_seconds(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def hang(*_: object, **__: object) -> list:
        done.wait(30)
        raise socket.gaierror("nothing")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    start = time.monotonic()
    with pytest.raises(BackboneError) as caught:
        load_backbone(HANDLE)
    assert time.monotonic() - start < 5
    assert_names_the_way_out(caught.value, own_cache.parent / "hub")
    done.set()


def test_failed_download_is_an_error(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: str) -> str:
        raise RuntimeError("HTTP 403")

    monkeypatch.setattr(backbones, "_reachable", lambda url: True)
    monkeypatch.setattr("tensorflow_hub.resolve", refuse)
    with pytest.raises(BackboneError, match="HTTP 403") as caught:
        load_backbone(HANDLE)
    assert_names_the_way_out(caught.value, own_cache.parent / "hub")


def test_proxy_is_asked_instead_of_the_server(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert backbones._reachable(HANDLE)
    assert not backbones._reachable(HANDLE)


@pytest.mark.parametrize("spec", ["file:///etc/passwd", "http://tfhub.dev/module/1", "ftp://example.org/x", ""])
def test_other_addresses_are_refused(spec: str) -> None:
    with pytest.raises(BackboneError, match="There is no backbone"):
        load_backbone(spec)


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("mobilenet_v1_100_225", "mobilenet_v1_100_224"),
        ("mobilnet_v2_050_160", "mobilenet_v2_050_160"),
        ("mobilenet_v1_100", "mobilenet_v1_100_224"),
    ],
)
def test_unknown_name_suggests_close_ones(spec: str, hint: str) -> None:
    with pytest.raises(BackboneError, match="Did you mean .*") as caught:
        load_backbone(spec)
    assert hint in str(caught.value).split("?")[0]


def test_name_like_nothing_lists_what_can_be_given() -> None:
    with pytest.raises(BackboneError, match="keras:NAME") as caught:
        load_backbone("xyz")
    assert "Did you mean" not in str(caught.value)


def test_grid_names_every_published_mobilenet() -> None:
    handles = mobilenet_handles()
    assert len(handles) == 4 * 4 + 6 * 5
    assert handles["mobilenet_v2_035_96"].endswith("mobilenet_v2_035_96/feature_vector/5")
    assert all(handle.startswith("https://tfhub.dev/google/imagenet/") for handle in handles.values())


def test_folder_without_a_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="There is no backbone"):
        load_backbone(str(tmp_path))


def test_damaged_module_is_a_clear_error(tmp_path: Path, own_cache: Path) -> None:
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "saved_model.pb").write_bytes(b"not a model")
    with pytest.raises(BackboneError, match="module"), pytest.warns(UserWarning):
        _ = load_backbone(str(tmp_path / "module")).engine


def test_saved_model_that_cannot_be_called_is_refused(tmp_path: Path, own_cache: Path) -> None:
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(tmp_path / "module"))
    with pytest.raises(BackboneError, match="cannot be called"):
        load_backbone(str(tmp_path / "module")).make_network()


def test_cache_folder_can_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IMGCLASS_CACHE_DIR", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("IMGCLASS_CACHE_DIR")
    assert "imgclass_course" in str(cache_folder())


# keras.applications


@pytest.fixture(scope="module")
def keras_weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a file of weights for MobileNet, random ones: no download."""
    import keras

    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("keras") / "mobilenet.weights.h5"
    keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(path)
    yield path


def test_keras_application_with_given_weights(keras_weights: Path, own_cache: Path) -> None:
    import keras

    backbone = load_backbone("keras:MobileNet", 32, keras_weights)
    assert (backbone.image_size, backbone.feature_dim) == (32, 1024)
    model = keras.applications.MobileNet(
        include_top=False, pooling="avg", weights=keras_weights, input_shape=(32, 32, 3)
    )
    pictures = pictures_of(32, 3)
    expected = model.predict(keras.applications.mobilenet.preprocess_input(pictures.astype(np.float32)), verbose=0)
    assert cosines(backbone(pictures), expected).min() > 0.9999


def test_fingerprint_of_a_keras_application_depends_on_its_weights(keras_weights: Path, tmp_path: Path) -> None:
    import keras

    model = keras.applications.MobileNet(include_top=False, weights=keras_weights, input_shape=(32, 32, 3))
    first, *rest = model.get_weights()
    first[0, 0, 0, 0] += 1e-3
    model.set_weights([first, *rest])
    model.save_weights(tmp_path / "changed.weights.h5")
    files = (keras_weights, keras_weights, tmp_path / "changed.weights.h5")
    one, same, other = (load_backbone("keras:MobileNet", 32, path).fingerprint for path in files)
    assert one == same != other


def test_keras_application_offline_is_an_error(network_attempts: list[str]) -> None:
    start = time.monotonic()
    with pytest.raises(BackboneError, match="weights=.*mobilenet_v1_100_224"):
        load_backbone("keras:VGG16")
    assert time.monotonic() - start < 5
    assert network_attempts == ["resolve storage.googleapis.com"]
    network_attempts.clear()


@pytest.mark.parametrize("name", ["keras:Nothing", "keras:", "keras:vgg16", "keras:__name__"])
def test_unknown_keras_application_is_refused(name: str) -> None:
    with pytest.raises(BackboneError, match="VGG16, ResNet50"):
        load_backbone(name)


def test_weights_that_are_not_there_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="missing.h5"):
        load_backbone("keras:MobileNet", 32, tmp_path / "missing.h5")


def test_weights_of_another_network_are_one_clear_error(keras_weights: Path) -> None:
    with warnings.catch_warnings(), pytest.raises(BackboneError, match="mobilenet.weights.h5"):
        warnings.simplefilter("ignore")
        load_backbone("keras:MobileNetV2", 32, keras_weights)


def test_size_that_is_too_small_is_one_clear_error(keras_weights: Path) -> None:
    with pytest.raises(BackboneError, match="16"):
        load_backbone("keras:MobileNet", 16, keras_weights)


def test_weights_go_with_keras_only(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="keras:NAME"):
        load_backbone(EMBEDDED, weights=tmp_path / "file.h5")


def test_hub_cache_folder_is_that_of_tensorflow_hub(own_cache: Path) -> None:
    from tensorflow_hub import resolver

    assert os.path.dirname(hub_cache_folder(HANDLE)) == resolver.tfhub_cache_dir()
