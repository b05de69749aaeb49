"""Networks by name: handles and their cache, modules old and new, Keras applications; what cannot be had says so."""

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
from pathlib import Path

import numpy as np
import pytest
from support import gradient

from imgclass_course.backbones import load_backbone
from imgclass_course.embedded import export_module
from imgclass_course.foundation import hub
from imgclass_course.foundation.errors import BackboneError
from imgclass_course.foundation.hub import (
    HubModule,
    KerasApplication,
    handle_image_size,
    hub_cache_folder,
    keras_application,
    keras_weights_cached,
    mobilenet_handles,
    modern_name,
)
from imgclass_course.foundation.runners import LiteRTRunner
from imgclass_course.mobilenet import EMBEDDED, embedded_weights

HANDLE = "https://tfhub.dev/google/imagenet/mobilenet_v2_050_160/feature_vector/5"
OLD_HANDLE = "https://tfhub.dev/google/imagenet/mobilenet_v1_075_160/feature_vector/1"


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a TF Hub module with the embedded weights, made once."""
    folder = tmp_path_factory.mktemp("modules") / "module"
    export_module(embedded_weights(), folder)
    return folder


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point both caches at empty folders of this test; return that of TF Hub."""
    monkeypatch.setenv("IMGCLASS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "hub"))
    return tmp_path / "hub"


# Names


def test_grid_names_every_published_mobilenet() -> None:
    handles = mobilenet_handles()
    assert len(handles) == 4 * 4 + 6 * 5
    assert handles["mobilenet_v2_035_96"].endswith("mobilenet_v2_035_96/feature_vector/5")
    assert all(handle.startswith("https://tfhub.dev/google/imagenet/") for handle in handles.values())


def test_every_name_of_the_old_script_has_a_network() -> None:
    names = [f"mobilenet_{width}_{size}" for width in ("1.0", "0.75", "0.50", "0.25") for size in (224, 192, 160, 128)]
    assert {modern_name(name) for name in names} == {name for name in mobilenet_handles() if "_v1_" in name}
    assert modern_name("mobilenet_0.5_224") == modern_name("mobilenet_0.50_224") == "mobilenet_v1_050_224"
    for other in ("mobilenet_v1_050_224", "mobilenet_0.6_224", "mobilenet_1.0_225", "inception_v3", ""):
        assert modern_name(other) == other


@pytest.mark.parametrize(
    ("handle", "size"),
    [
        (HANDLE, 160),
        (OLD_HANDLE, 160),
        ("https://tfhub.dev/google/imagenet/mobilenet_v2_035_96/classification/5", 96),
        ("https://tfhub.dev/google/imagenet/mobilenet_v1_025_128/quantops/feature_vector/3", 128),
        ("https://tfhub.dev/google/imagenet/inception_v3/feature_vector/5", None),
        ("https://tfhub.dev/google/imagenet/mobilenet_v2_050_160", None),
    ],
)
def test_size_that_a_handle_names(handle: str, size: int | None) -> None:
    assert handle_image_size(handle) == size


@pytest.mark.parametrize("spec", ["file:///etc/passwd", "http://tfhub.dev/module/1", "ftp://example.org/x", "", "a\nb"])
def test_other_addresses_are_refused(spec: str) -> None:
    with pytest.raises(BackboneError, match="There is no backbone") as caught:
        load_backbone(spec)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("mobilenet_v1_100_225", "mobilenet_v1_100_224"),
        ("mobilnet_v2_050_160", "mobilenet_v2_050_160"),
        ("mobilenet_v1_100", "mobilenet_v1_100_224"),
        ("efficientnet_lite2", "efficientnet_lite2_260"),
    ],
)
def test_unknown_name_suggests_close_ones(spec: str, hint: str) -> None:
    with pytest.raises(BackboneError, match="Did you mean .*") as caught:
        load_backbone(spec)
    assert hint in str(caught.value).split("?")[0]


def test_name_like_nothing_lists_what_can_be_given(tmp_path: Path) -> None:
    for spec in ("xyz", str(tmp_path)):
        with pytest.raises(BackboneError, match="keras:NAME") as caught:
            load_backbone(spec)
        assert "Did you mean" not in str(caught.value)


# The cache of TF Hub, and the way to its server


def test_cache_folder_is_that_of_tensorflow_hub(own_cache: Path) -> None:
    from tensorflow_hub import resolver

    assert os.path.dirname(hub_cache_folder(HANDLE)) == resolver.tfhub_cache_dir()


def test_module_in_the_cache_is_used(module_folder: Path, own_cache: Path) -> None:
    shutil.copytree(module_folder, hub_cache_folder(HANDLE))
    for spec in (HANDLE, "mobilenet_v2_050_160"):
        backbone = load_backbone(spec)
        assert (backbone.name, backbone.image_size) == (HANDLE, 160)
    pictures = np.stack([gradient(160, 160)])
    expected = load_backbone("mobilenet_v1_100_160")(pictures)  # the module has its weights
    np.testing.assert_allclose(backbone(pictures), expected, atol=1e-3)


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

    monkeypatch.setattr(hub, "reachable", lambda url: True)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: Response(archive))
    assert load_backbone(HANDLE).fingerprint == load_backbone(str(module_folder), 160).fingerprint
    assert (hub_cache_folder(HANDLE) / "saved_model.pb").is_file()


def assert_names_the_way_out(error: BackboneError, handle: str, folder: Path) -> None:
    for word in (handle, str(folder), "TFHUB_CACHE_DIR", EMBEDDED):
        assert word in str(error)
    assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("spec", "handle"),
    [
        ("mobilenet_v2_050_160", HANDLE),
        ("mobilenet_0.75_160", OLD_HANDLE[:-1] + "5"),
        (OLD_HANDLE, OLD_HANDLE),
    ],
)
def test_offline_is_an_error_within_seconds(
    spec: str, handle: str, own_cache: Path, network_attempts: list[str]
) -> None:
    start = time.monotonic()
    with pytest.raises(BackboneError) as caught:
        load_backbone(spec)
    assert time.monotonic() - start < 5
    assert_names_the_way_out(caught.value, handle, own_cache)
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
    assert_names_the_way_out(caught.value, HANDLE, own_cache)
    done.set()


def test_failed_download_is_an_error(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: str) -> str:
        raise RuntimeError("HTTP 403\nand a page of HTML")

    monkeypatch.setattr(hub, "reachable", lambda url: True)
    monkeypatch.setattr("tensorflow_hub.resolve", refuse)
    with pytest.raises(BackboneError, match="HTTP 403") as caught:
        load_backbone(HANDLE)
    assert_names_the_way_out(caught.value, HANDLE, own_cache)


def test_proxy_is_asked_instead_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for scheme in ("http://", ""):
            monkeypatch.setenv("https_proxy", f"{scheme}127.0.0.1:{server.getsockname()[1]}")
            assert hub.reachable(HANDLE)
    assert not hub.reachable(HANDLE)


def test_without_tensorflow_hub_folders_run_and_handles_say_what_to_install(
    module_folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    monkeypatch.setattr(hub, "reachable", lambda url: True)
    assert callable(hub.HubModule(module_folder)())
    with pytest.raises(BackboneError, match=r'pip install "imgclass_course\[hub\]"'):
        load_backbone(HANDLE)


# Modules


def save_old_module(folder: Path, size: int, references: bool, entry: str = "images") -> np.ndarray:
    """Save a module in the first format of TF Hub, one convolution, and return its kernel.

    Published ones have variables that are references, as TensorFlow 1 made them.
    """
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        pictures = v1.placeholder(tf.float32, [None, size, size, 3])
        values = np.random.default_rng(0).normal(size=(3, 3, 3, 8)).astype(np.float32)
        kernel = v1.get_variable("kernel", initializer=values, use_resource=not references)
        vectors = tf.reduce_mean(tf.nn.relu6(tf.nn.conv2d(pictures, kernel, 2, "SAME")), [1, 2])
        session.run(v1.global_variables_initializer())
        signature = v1.saved_model.predict_signature_def({entry: pictures}, {"default": vectors})
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, [], signature_def_map={"default": signature})
        builder.save()
    (folder / "tfhub_module.pb").touch()
    return values


@pytest.mark.parametrize("references", [True, False])
def test_module_in_the_old_format_runs(
    references: bool, own_cache: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture
) -> None:
    import tensorflow as tf

    kernel = save_old_module(hub_cache_folder(OLD_HANDLE), 160, references)
    caplog.clear()
    capfd.readouterr()
    backbone = load_backbone(OLD_HANDLE)
    pictures = np.stack([gradient(160, 160, seed) for seed in range(3)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is converted, and does not fall back to TensorFlow
        fast = backbone.runner("litert")
        vectors = {"LiteRT": fast(pictures), "TensorFlow": backbone.runner("tensorflow")(pictures)}
    expected = tf.nn.relu6(tf.nn.conv2d(pictures.astype(np.float32) / 255, kernel, 2, "SAME")).numpy().mean((1, 2))
    assert isinstance(fast, LiteRTRunner) and backbone.image_size == 160
    for found in vectors.values():
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not caplog.records and capfd.readouterr().err == ""
    with pytest.raises(BackboneError, match="cannot be trained"):
        backbone.model()


def test_old_module_of_something_else_is_one_clear_error(tmp_path: Path) -> None:
    save_old_module(tmp_path / "texts", 8, False, entry="texts")
    with pytest.raises(BackboneError, match="texts holds no module that can be loaded .it takes no images"):
        load_backbone(str(tmp_path / "texts")).network()


def test_damaged_module_is_one_clear_error(tmp_path: Path, own_cache: Path) -> None:
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "saved_model.pb").write_bytes(b"not a model")
    backbone = load_backbone(str(tmp_path / "module"))
    for use in (backbone.runner, backbone.model, backbone.network):
        with warnings.catch_warnings(), pytest.raises(BackboneError, match="module holds no module") as caught:
            warnings.simplefilter("error")  # TensorFlow is not announced as the way out
            use()
        assert len(str(caught.value).splitlines()) == 1


def test_saved_model_that_cannot_be_called_is_refused(tmp_path: Path, own_cache: Path) -> None:
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(tmp_path / "module"))
    with pytest.raises(BackboneError, match="cannot be called"):
        HubModule(tmp_path / "module")()


def test_module_learns_as_a_keras_layer(module_folder: Path) -> None:
    import keras

    backbone = load_backbone(str(module_folder), 64)
    pictures = np.stack([gradient(64, 64, seed) for seed in range(4)])
    model = backbone.model("module")
    np.testing.assert_allclose(model.predict(pictures, verbose=0), backbone(pictures), atol=1e-3)
    names = [variable.name for variable in model.get_layer("module").weights]
    before = [variable.numpy().copy() for variable in model.weights]
    network = keras.Sequential([model, keras.layers.Dense(2)])
    network.compile(keras.optimizers.SGD(0.01), "mse")
    network.fit(pictures, np.ones((4, 2)), verbose=0)
    moved = [(values != variable.numpy()).any() for values, variable in zip(before, model.weights, strict=True)]
    assert moved == [variable.trainable for variable in model.weights] and len(names) == 135 and sum(moved) == 81
    assert backbone.model().trainable_weights == []
    with pytest.raises(BackboneError, match="no layer 'conv_1'.*module"):
        backbone.model("conv_1")


# Keras applications

WEIGHT_FILES = {  # as keras.applications names them
    "ConvNeXtLarge": "convnext_large_notop.h5",
    "ConvNeXtXLarge": "convnext_xlarge_notop.h5",
    "DenseNet169": "densenet169_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "EfficientNetB0": "efficientnetb0_notop.h5",
    "EfficientNetV2B0": "efficientnetv2-b0_notop.h5",
    "InceptionResNetV2": "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "InceptionV3": "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "MobileNet": "mobilenet_1_0_224_tf_no_top.h5",
    "MobileNetV2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    "MobileNetV3Small": "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
    "NASNetMobile": "nasnet_mobile_no_top.h5",
    "ResNet50": "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "ResNet50V2": "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "ResNet152": "resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "VGG16": "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "Xception": "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
}


def test_downloaded_weights_are_those_of_one_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    models = tmp_path / "models"
    models.mkdir()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name, file in WEIGHT_FILES.items():
        assert callable(getattr(keras.applications, name))
        (models / file).touch()
        assert [other for other in WEIGHT_FILES if keras_weights_cached(other)] == [name]
        (models / file).unlink()
        (models / file.replace("_notop", "").replace("_no_top", "")).touch()  # with the last layer: another file
        assert not keras_weights_cached(name)
        shutil.rmtree(models)
        models.mkdir()
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    (tmp_path / "home" / ".keras" / "models").mkdir(parents=True)
    (tmp_path / "home" / ".keras" / "models" / WEIGHT_FILES["VGG16"]).touch()
    assert keras_weights_cached("VGG16") and not keras_weights_cached("VGG19")


def test_applications_get_the_size_that_they_were_published_at(tmp_path: Path) -> None:
    file = tmp_path / "file.weights.h5"
    file.touch()
    sizes = {"Xception": 299, "InceptionV3": 299, "InceptionResNetV2": 299, "NASNetLarge": 331, "EfficientNetB3": 300}
    sizes |= {"EfficientNetV2S": 384, "VGG16": 224, "ResNet50": 224, "MobileNetV2": 224}
    assert {name: keras_application(name, weights=file).image_size for name in sizes} == sizes
    assert keras_application("Xception", 128, file) == KerasApplication("Xception", 128, file)


def test_application_offline_is_an_error_within_seconds(network_attempts: list[str]) -> None:
    start = time.monotonic()
    with pytest.raises(BackboneError, match="`weights`.*mobilenet_v1_100_224"):
        load_backbone("keras:VGG16")
    assert time.monotonic() - start < 5
    assert network_attempts == ["resolve storage.googleapis.com"]
    network_attempts.clear()


def test_download_that_fails_is_an_error(network_attempts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras itself raises a bare `Exception`."""
    monkeypatch.setattr(hub, "reachable", lambda url: True)
    with pytest.raises(BackboneError, match="keras:MobileNet at 224 pixels.*URL fetch failure") as caught:
        load_backbone("keras:MobileNet")
    assert len(str(caught.value).splitlines()) == 1
    assert network_attempts == ["resolve storage.googleapis.com"]
    network_attempts.clear()


@pytest.mark.parametrize("name", ["keras:Nothing", "keras:", "keras:vgg16", "keras:__name__", "keras:vgg16\n"])
def test_unknown_application_is_refused(name: str) -> None:
    with pytest.raises(BackboneError, match="VGG16, ResNet50") as caught:
        load_backbone(name)
    assert len(str(caught.value).splitlines()) == 1


@pytest.fixture(scope="module")
def keras_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of weights for MobileNet, random ones: no download."""
    import keras

    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("keras") / "mobilenet.weights.h5"
    keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(path)
    return path


def test_weights_that_cannot_be_used_are_one_clear_error(keras_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged.weights.h5").write_bytes(keras_weights.read_bytes()[:-100_000])
    wrong = {
        "missing.h5": ("keras:MobileNet", 32, tmp_path / "missing.h5"),
        "damaged.weights.h5": ("keras:MobileNet", 32, tmp_path / "damaged.weights.h5"),
        "mobilenet.weights.h5": ("keras:MobileNetV2", 32, keras_weights),  # of another network
        "16 pixels": ("keras:MobileNet", 16, keras_weights),  # too small
        "keras:NAME": (EMBEDDED, None, keras_weights),
    }
    for words, arguments in wrong.items():
        with warnings.catch_warnings(), pytest.raises(BackboneError, match=words) as caught:
            warnings.simplefilter("ignore")
            load_backbone(*arguments)
        assert len(str(caught.value).splitlines()) == 1


def test_weights_that_are_written_anew_are_another_backbone(keras_weights: Path, tmp_path: Path) -> None:
    import keras

    file = Path(shutil.copy(keras_weights, tmp_path / "own.weights.h5"))
    first, again = load_backbone("keras:MobileNet", 32, file), load_backbone("keras:MobileNet", 32, file)
    assert first == again and first.fingerprint == load_backbone("keras:MobileNet", 32, keras_weights).fingerprint
    model = keras.applications.MobileNet(include_top=False, weights=file, input_shape=(32, 32, 3))
    kernel, *rest = model.get_weights()
    kernel[0, 0, 0, 0] += 1e-3
    model.set_weights([kernel, *rest])
    model.save_weights(file)
    other = load_backbone("keras:MobileNet", 32, file)
    assert other.fingerprint != first.fingerprint
    np.testing.assert_array_equal(other.network.keras_model(32).get_weights()[0], kernel)
