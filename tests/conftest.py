"""No test touches the network or the user's caches, and what is expensive is made once."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from support import SMALL, write_pictures

from imgclass_course.backbones import Backbone, load_backbone
from imgclass_course.outputs.run_files import save_run
from imgclass_course.transfer import Retraining, retrain

# The same examples in each run: a red test means that the code changed.
settings.register_profile("imgclass", deadline=None, derandomize=True, database=None)
settings.load_profile("imgclass")

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
LOOPBACK = ("localhost", "::1", None, "")


def is_loopback(host: object) -> bool:
    """Return whether a host is this machine."""
    host = host.decode() if isinstance(host, bytes) else host
    return host in LOOPBACK or str(host).startswith("127.")


@pytest.fixture(scope="session", autouse=True)
def own_caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Point every cache into a folder of this session; child processes inherit it."""
    folder = tmp_path_factory.mktemp("caches")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IMGCLASS_CACHE_DIR", "TFHUB_CACHE_DIR", "MPLCONFIGDIR", "KERAS_HOME"):
            patch.setenv(name, str(folder / name.lower()))
        patch.setenv("HOME", str(folder / "home"))
        for name in PROXIES:
            patch.delenv(name, raising=False)
        yield folder


@pytest.fixture(autouse=True)
def network_attempts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Refuse connections to other machines, and fail the test that tried; one that means to try clears this list."""
    attempts: list[str] = []
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(address[0]):
            attempts.append(f"connect {address}")
            raise ConnectionRefusedError("the tests refuse connections to other machines")
        return connect(self, address)

    def guarded_resolve(host: object, *arguments: object, **more: object) -> list:
        if not is_loopback(host):
            attempts.append(f"resolve {host}")
            raise socket.gaierror("the tests refuse to look up other machines")
        return resolve(host, *arguments, **more)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)
    yield attempts
    assert not attempts, f"the test used the network: {attempts}"


@pytest.fixture(scope="session")
def small_backbone() -> Backbone:
    """Return the 128-pixel backbone; its engine is converted once per process."""
    return load_backbone(SMALL)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of three classes of 20 small pictures. Tests read it and leave it as it is."""
    return write_pictures(tmp_path_factory.mktemp("pictures") / "shapes", {"blue": 20, "green": 20, "red": 20})


@pytest.fixture(scope="session")
def trained(pictures: Path, small_backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Retraining:
    """Return the result of a short training on `pictures`."""
    store = tmp_path_factory.mktemp("store")
    percentages = {"validation_percentage": 20, "testing_percentage": 20}
    return retrain(
        pictures, backbone=small_backbone, bottleneck_dir=store, **percentages, steps=30, eval_interval=10
    )


@pytest.fixture(scope="session")
def classifier_folder(trained: Retraining, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that `save_run` wrote. Tests read it and leave it as it is."""
    folder = tmp_path_factory.mktemp("classifier")
    save_run(trained, folder)
    return folder


@pytest.fixture(scope="session")
def quick_folder(pictures: Path, small_backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a classifier that was trained and saved without TensorFlow. Tests leave it as it is."""
    folder = tmp_path_factory.mktemp("quick")
    store = tmp_path_factory.mktemp("quick_store")
    save_run(retrain(pictures, backbone=small_backbone, bottleneck_dir=store, head="logistic"), folder)
    return folder


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """Return a folder that other users can reach too; pytest's own cannot be reached by them."""
    folder = Path(tempfile.mkdtemp())
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)
