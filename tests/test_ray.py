"""Extraction by processes of Ray: the same vectors in order, whatever is killed, stuck or lost on the way."""

import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from support import SMALL, assert_one_line_error, encode, gradient, run_command, run_python

from imgclass_course import extract
from imgclass_course.backbones import Backbone
from imgclass_course.foundation import ray_cluster
from imgclass_course.foundation.errors import ClusterError, FileChangedError, ImageError
from imgclass_course.foundation.ray_runner import KILLS, STUCK, RayRunner
from imgclass_course.foundation.runners import LiteRTRunner
from imgclass_course.foundation.store import BottleneckStore
from imgclass_course.running import litert_file

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the library alone has no Ray")
PATIENCE = 2.5  # seconds
SIDE = 128


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list]:
    """Start a cluster of two nodes with a core each, all on this machine, and name it in the environment."""
    ray_cluster.import_ray()
    from ray.cluster_utils import Cluster

    cluster, options = Cluster(), {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80_000_000}
    folder = tempfile.mkdtemp(prefix="ray_", dir="/tmp")  # of a short path, as Ray's sockets need it
    with ray_cluster.quick_start(tmp_path_factory.mktemp("absent")):
        cluster.add_node(**options, temp_dir=folder)
        second = cluster.add_node(**options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", cluster.address)
        yield [cluster, second]
        ray_cluster.shutdown()
    cluster.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def runner(nodes: list, small_backbone: Backbone) -> RayRunner:
    return RayRunner(partial(LiteRTRunner, litert_file(small_backbone), workers=1), patience=PATIENCE)


def picture(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def loader(spoil: Callable[[int], None] = lambda number: None) -> Callable[[int], np.ndarray]:
    """Return what makes the picture of a number; it stands alone, since no other process has this module."""

    def load(number: int) -> np.ndarray:
        spoil(number)
        return np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)

    return load


@pytest.fixture(scope="module")
def expected(small_backbone: Backbone) -> np.ndarray:
    return small_backbone.runner("litert")(np.stack([picture(number) for number in range(150)]))


def test_same_vectors_in_order_around_what_cannot_be_read(runner: RayRunner, expected: np.ndarray) -> None:
    def spoil(number: int) -> None:
        from imgclass_course.foundation.errors import ImageError

        if number in (0, 31, 70):
            raise ImageError(f"cannot read {number}")

    found = list(runner.map(loader(spoil), iter(range(100))))
    assert [number for number, one in enumerate(found) if isinstance(one, ImageError)] == [0, 31, 70]
    assert str(found[31]) == "cannot read 31" and len(found) == 100
    kept = [number for number in range(100) if number not in (0, 31, 70)]
    np.testing.assert_array_equal([found[number] for number in kept], expected[kept])
    np.testing.assert_array_equal(runner(np.stack([picture(3), picture(4)])), expected[3:5])
    assert runner(np.zeros((0, SIDE, SIDE, 3), np.uint8)).shape == (0, 1024)
    assert list(runner.map(loader(), [])) == []


def test_pictures_come_as_they_are_asked_for_and_not_all_at_once(runner: RayRunner) -> None:
    drawn = []
    outcomes = runner.map(loader(), (drawn.append(number) or number for number in range(10_000)))
    next(outcomes)
    assert len(drawn) <= 160
    outcomes.close()


def test_what_is_no_matter_of_the_picture_is_raised(runner: RayRunner) -> None:
    with pytest.raises(ZeroDivisionError):
        list(runner.map(loader(lambda number: 1 // (number - 40)), range(60)))


def test_killed_worker_changes_nothing(runner: RayRunner, expected: np.ndarray) -> None:
    outcomes = runner.map(loader(lambda number: __import__("time").sleep(0.02)), range(150))
    found = [next(outcomes)]
    before = ray_cluster.worker_processes()
    os.kill(before[0], signal.SIGKILL)
    found += outcomes
    np.testing.assert_array_equal(found, expected)
    assert before[0] not in ray_cluster.worker_processes()


def test_poisoned_pictures_are_problems_and_all_others_are_computed(runner: RayRunner, expected: np.ndarray) -> None:
    def spoil(number: int) -> None:
        if number == 7:
            os._exit(1)
        if number == 90:
            time.sleep(1000)

    found = list(runner.map(loader(spoil), range(100)))
    problems = {number: str(one) for number, one in enumerate(found) if isinstance(one, ImageError)}
    assert problems == {7: KILLS, 90: STUCK.format(PATIENCE)}
    kept = [number for number in range(100) if number not in problems]
    np.testing.assert_array_equal([found[number] for number in kept], expected[kept])


def test_what_other_processes_cannot_read_is_read_here(runner: RayRunner, expected: np.ndarray) -> None:
    here, lock = os.getpid(), threading.Lock()  # a lock cannot be sent

    def load(number: int) -> np.ndarray:
        with lock:
            return picture(number)

    def only_here(number: int) -> np.ndarray:
        if os.getpid() != here:
            raise FileChangedError("no such file on this machine")
        return np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)

    for read in load, only_here:
        np.testing.assert_array_equal(list(runner.map(read, range(20))), expected[:20])


def test_one_store_with_the_same_vectors(
    runner: RayRunner, small_backbone: Backbone, pictures: Path, tmp_path: Path
) -> None:
    """Of files, bytes and an open file; what Ray has stored is what LiteRT finds."""
    files = sorted(pictures.rglob("*.png"))[:20]
    given = [*files, encode(gradient(seed=500)), BytesIO(encode(gradient(seed=501))), b"no picture"]
    labels = ["a", "b"] * 11 + ["a"]
    with BottleneckStore(tmp_path) as store:
        by_ray = extract(given, labels, backbone=small_backbone, store=store, runner=runner)
        again = extract(given, labels, backbone=small_backbone, store=store, runner="litert")
    alone = extract(given, labels, backbone=small_backbone)
    np.testing.assert_array_equal(by_ray.X, alone.X)
    assert (by_ray.computed, again.reused) == (22, 22) and len(by_ray.source.problems) == 1


def test_lost_node_changes_nothing(nodes: list, runner: RayRunner, expected: np.ndarray) -> None:
    cluster, second = nodes
    outcomes = runner.map(loader(lambda number: __import__("time").sleep(0.02)), range(150))
    found = [next(outcomes)]
    cluster.remove_node(second, allow_graceful=False)
    found += outcomes
    np.testing.assert_array_equal(found, expected)


# Where there is no cluster


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Return the port of a server that is no Ray."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "nonsense", "127.0.0.1:99999", "other"])
def test_cluster_that_is_not_there(address: str, silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{silent_port}" if address == "other" else address)
    start = time.monotonic()
    with pytest.raises(ClusterError, match="RAY_ADDRESS") as caught:
        ray_cluster.connect()
    assert time.monotonic() - start < 6 and len(str(caught.value).splitlines()) == 1


def test_command_without_a_cluster(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "")
    there = run_command(capfd, "retrain", pictures, "--engine", "ray", "--ray_address", "127.0.0.1:9")
    assert_one_line_error(there, "no cluster at 127.0.0.1:9", "--ray_address")
    stray = run_command(capfd, "retrain", pictures, "--ray_address", "127.0.0.1:9")
    assert_one_line_error(stray, "--ray_address is for --engine ray")


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ClusterError, match=r'pip install "imgclass_course\[ray\]"'):
        ray_cluster.connect()


def test_command_starts_ray_and_leaves_nothing_behind(pictures: Path, tmp_path: Path) -> None:
    """One process of the command: the vectors of all pictures, no statistics, no word of Ray's, nothing left."""
    arguments = [pictures, "--architecture", SMALL, "--bottleneck_dir", tmp_path / "store", "--head", "logistic"]
    arguments += ["--validation_percentage", "30", "--testing_percentage", "30"]
    arguments += ["--output_graph", tmp_path / "classifier", "--engine", "ray"]
    done = run_python("-m", "imgclass_course.cli", "retrain", *map(str, arguments), RAY_ADDRESS="", timeout=300)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "0 from the store, 60 computed" in done.stdout
    assert not list(Path("/tmp").glob("imgclass_ray_*"))
    with BottleneckStore(tmp_path / "store") as store:
        kept = extract(pictures, backbone=SMALL, store=store)
    assert kept.reused == 60
    np.testing.assert_array_equal(kept.X, extract(pictures, backbone=SMALL).X)
