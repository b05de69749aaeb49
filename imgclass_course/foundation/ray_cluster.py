"""Ray, on this machine or on those of a cluster: joined or started, and one worker process for each core."""

import atexit
import logging
import os
import shutil
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import ClusterError
from .runners import Load, Outcome, Runner
from .threads import hide_native_logs, num_cores

NEEDS_RAY = 'Several processes or machines need Ray: pip install "imgclass_course[ray]".'
FAILED_STARTS = 3  # workers, one after the other, that may end before they ever worked
CONNECT_SECONDS = 5.0
STORE_BYTES = 200_000_000  # of Ray's memory for what goes from process to process: vectors and names, not pictures
HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # and empty settings
SETTINGS_FRAME = b"\x04"
SETTINGS = {  # read when Ray starts: no statistics are sent, and nothing is written that helps nobody
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",  # else workers wait for whatever else the machine does
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # a worker that dies is no news: it is replaced
}
# Jupyter brings it. Each of Ray's eight processes would import it, for the grammar of addresses that none of them checks, and
# that takes as long as all else.
SLOW_IMPORT = "rfc3987_syntax"
MakeRunner = Callable[[], Runner]
_one_at_a_time = threading.RLock()
_folders: list[str] = []  # of Ray's files, where it was started here


class Worker:
    """A process that keeps the networks it was given, and works on one chunk of pictures after the other."""

    def __init__(self) -> None:
        self._runners: dict[str, Runner] = {}
        self._loads: dict[str, Load] = {}  # of the latest extraction only

    def prepare(self, network: list) -> int:
        """Load a network, and return the number of this process."""
        self._runner(network)
        return os.getpid()

    def work(self, network: list, load: list, chunk: bytes) -> list[Outcome]:
        """Return an outcome for each picture of a pickled chunk.

        `network` holds a reference to what makes the runner, `load` one to the pickled function that reads a picture: Ray
        hands on what is in a list unopened, so that each is fetched once.
        """
        from ray import cloudpickle, get

        name = load[0].hex()
        if name not in self._loads:
            self._loads = {name: cloudpickle.loads(get(load[0]))}
        return list(self._runner(network).map(self._loads[name], cloudpickle.loads(chunk)))

    def _runner(self, network: list) -> Runner:
        from ray import get

        name = network[0].hex()
        if name not in self._runners:
            self._runners[name] = get(network[0])()
        return self._runners[name]


class Workers:
    """The workers of the Ray that this process is connected to: one for each core; one that is lost is replaced."""

    def __init__(self) -> None:
        self.session = ""  # which Ray they belong to
        self.ready: dict[Any, int] = {}  # workers, and the numbers of their processes
        self.starting: dict[Any, Any] = {}  # promises of workers that start, and the workers
        self._failed_starts = 0

    def belong_to(self, session: str) -> None:
        """Forget the workers of an earlier Ray, which went with it."""
        if session != self.session:
            self.session, self.ready, self.starting, self._failed_starts = session, {}, {}, 0

    def fill(self, network: list) -> None:
        """Start a worker for each core that has none, over all machines."""
        import ray

        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        actor: Any = ray.remote(num_cpus=1, max_restarts=0, scheduling_strategy="SPREAD")(Worker)
        for _ in range(cores - len(self.ready) - len(self.starting)):
            worker = actor.remote()
            self.starting[worker.prepare.remote(network)] = worker

    def welcome(self, promise: Any) -> None:
        """Take up a worker that has started. Raises `ClusterError` where it cannot work, or where too many have ended."""
        import ray

        worker = self.starting.pop(promise)
        try:
            self.ready[worker] = ray.get(promise)
            self._failed_starts = 0
        except ray.exceptions.RayTaskError as error:
            raise ClusterError(f"A worker of Ray cannot run the network ({first_line(error.cause)}).") from error
        except ray.exceptions.RayError as error:
            self._failed_starts += 1
            if self._failed_starts > FAILED_STARTS:
                hint = "each machine needs the same versions of imgclass_course and of Python"
                raise ClusterError(f"Workers of Ray end as they start ({first_line(error)}): {hint}.") from error

    def dismiss(self, worker: Any) -> None:
        """End a worker that was lost, or is stuck."""
        import ray

        if self.ready.pop(worker, None) is not None:
            ray.kill(worker)


WORKERS = Workers()


def worker_processes() -> list[int]:
    """Return the numbers of the processes of all workers that have started, sorted."""
    return sorted(WORKERS.ready.values())


def first_line(error: BaseException) -> str:
    """Return the kind of an error and the first line of what it says."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def connect() -> str:
    """Connect to the cluster that `RAY_ADDRESS` names, or start Ray on this machine, for as long as Python runs.

    A Ray that the program is connected to already is used as it is. Returns a name of the Ray. Raises `ClusterError`, within
    seconds, where the cluster is not there or Ray is not installed.
    """
    with _one_at_a_time:
        import_ray()
        import ray

        if not ray.is_initialized():
            address = os.environ.get("RAY_ADDRESS", "")
            _join(address) if address else _start()
        context = ray.get_runtime_context()
        session = f"{context.get_node_id()} {context.get_job_id()}"
        WORKERS.belong_to(session)
    return session


def check_cluster() -> None:
    """Raise `ClusterError` where Ray is not installed, or where the cluster that `RAY_ADDRESS` names does not answer.

    It takes at most seconds, and starts nothing: for those who want to know before a long work begins.
    """
    if find_spec("ray") is None:
        raise ClusterError(NEEDS_RAY)
    if address := os.environ.get("RAY_ADDRESS"):
        _check_answer(address)


def import_ray() -> None:
    """Import Ray, quiet and as where Jupyter is not installed. Raises `ClusterError` where it is missing."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    missing = SLOW_IMPORT not in sys.modules
    if missing:
        sys.modules[SLOW_IMPORT] = None  # type: ignore[assignment]  # importing it is an ImportError
    try:
        with hide_native_logs():
            import ray  # noqa: F401
    except ImportError as error:
        raise ClusterError(NEEDS_RAY) from error
    finally:
        if missing:
            del sys.modules[SLOW_IMPORT]


@contextmanager
def quick_start(folder: Path) -> Iterator[None]:
    """Let processes that start meanwhile go without `SLOW_IMPORT`; a folder that stays is used for that."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{SLOW_IMPORT}.py").write_text("raise ImportError\n", encoding="utf-8")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), before]))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _join(address: str) -> None:
    """Connect to a cluster."""
    _check_answer(address)
    try:
        _init(address)
    except Exception as error:  # of many kinds: another version, a refusal, silence
        raise ClusterError(f"The cluster at {address} cannot be used ({first_line(error)}).") from error


def _init(address: str, **options: Any) -> None:
    import ray

    with hide_native_logs(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of settings to come
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)


def _check_answer(address: str) -> None:
    """Raise `ClusterError` where nothing at an address, HOST:PORT or ray://HOST:PORT, speaks as Ray does."""
    hint = "give RAY_ADDRESS, or --ray_address, as HOST:PORT, as `ray start --head` prints it; without, this machine is used"
    try:
        parts = urlsplit(address if "://" in address else f"ray://{address}")
        place = (parts.hostname or "", parts.port or 0)
    except ValueError:
        place = ("", 0)
    if not all(place):
        raise ClusterError(f"{address!r} is no address of a cluster: {hint}.")
    try:
        with socket.create_connection(place, CONNECT_SECONDS) as connection:
            connection.sendall(HTTP2_GREETING)  # Ray speaks gRPC, which answers with settings of its own
            answer = connection.recv(9)
    except OSError as error:
        raise ClusterError(f"There is no cluster at {address} ({error}): {hint}.") from error
    if answer[3:4] != SETTINGS_FRAME:
        raise ClusterError(f"What listens at {address} is no Ray: {hint}.")


def _start() -> None:
    """Start Ray here, its files in a folder that goes with it."""
    short = "/tmp" if os.path.isdir("/tmp") else None  # Ray makes sockets in it, whose paths must be short
    folder = tempfile.mkdtemp(prefix="imgclass_ray_", dir=short)
    _folders.append(folder)
    atexit.register(shutdown)
    options = {"include_dashboard": False, "object_store_memory": STORE_BYTES, "num_cpus": num_cores()}
    try:
        with quick_start(Path(folder) / "absent"):
            _init("local", _temp_dir=folder, **options)
    except Exception as error:  # of many kinds
        shutdown()
        hint = "try again when the machine is less busy"
        raise ClusterError(f"Ray cannot be started on this machine ({first_line(error)}): {hint}.") from error


def shutdown() -> None:
    """End the workers and the connection; Ray itself too, where it was started here, with all of its files."""
    import ray

    with _one_at_a_time:
        if ray.is_initialized():
            for worker in list(WORKERS.ready):
                WORKERS.dismiss(worker)
            ray.shutdown()
        WORKERS.belong_to("")
        while _folders:
            shutil.rmtree(_folders.pop(), ignore_errors=True)
