"""`imgclass serve` under load, beside the same classifier behind TensorFlow's `saved_model` in an equal server.

The clients are threads of this process, each with a connection that it keeps; a server is a process of its own, and all
share the cores of this machine. Every answer must come, with the class that the classifier itself gives.
Run it as `python -m benchmarks.service --image_dir FOLDER`. The last line of output is JSON.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402

from benchmarks.processes import REPOSITORY, module_command  # noqa: E402
from imgclass_course.classifiers import picture_loader  # noqa: E402
from imgclass_course.foundation.pictures import as_pictures  # noqa: E402
from imgclass_course.foundation.threads import num_cores  # noqa: E402
from imgclass_course.outputs.classifier_files import load_classifier  # noqa: E402

PICTURES = 128
CLIENTS = (1, 2, 4, 8, 16, 32, 64)
REQUESTS = 400  # for each number of clients, and at least 10 for each client
WARM_UP = 16  # requests before the clock starts
STARTS = 5
SECONDS = 60  # for a server to be ready, and for an answer
BOUNDARY = "benchmark"
SERVERS = ("imgclass", "saved_model")


def export_saved_model(folder: Path, output: Path) -> None:
    """Write a classifier as a SavedModel: pixels [1, size, size, 3] uint8 to probabilities [1, k] and vector [1, d]."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    from imgclass_course.backbones import load_backbone

    classifier = load_classifier(folder, load_backbone(load_classifier(folder).backbone_name))
    network, size = classifier.backbone.network(), classifier.backbone.image_size
    layers = [(tf.constant(kernel), tf.constant(bias), relu) for kernel, bias, relu in classifier.head.dense_layers()]

    @tf.function(input_signature=[tf.TensorSpec([1, size, size, 3], tf.uint8)])
    def name(pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        vectors = scores = network(tf.cast(pixels, tf.float32))
        for kernel, bias, relu in layers:
            scores = scores @ kernel + bias
            scores = tf.nn.relu(scores) if relu else scores
        return tf.nn.softmax(scores), vectors

    frozen = convert_variables_to_constants_v2(name.get_concrete_function())  # TensorFlow folds constants: it is faster
    module = tf.Module()
    module.run = tf.function(lambda pixels: tuple(frozen(pixels)), input_signature=name.input_signature)
    tf.saved_model.save(module, str(output))


@dataclass
class SavedModelRunner:
    """Runs a SavedModel on one picture at a time, in whatever thread asks, as LiteRT's runner does."""

    folder: Path

    def __post_init__(self) -> None:
        """Load it, with one thread for each picture: the pictures are what runs side by side."""
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        self.module = tf.saved_model.load(str(self.folder))

    def run(self, pixels: np.ndarray | tuple[np.ndarray, ...]) -> np.ndarray:
        """Return probabilities and vector as one row [k + d] float32, as LiteRT's runner gives them."""
        one = pixels[0] if isinstance(pixels, tuple) else pixels
        return np.concatenate([part.numpy()[0] for part in self.module.run(one[None])])


def serve_saved_model(folder: Path, saved_model: Path) -> None:
    """Serve a classifier with TensorFlow in LiteRT's place; everything else is that of `imgclass serve`."""
    from imgclass_course.outputs.service import Service
    from imgclass_course.outputs.service_server import open_port, serve
    from imgclass_course.outputs.uploads import Limits

    classifier = replace(load_classifier(folder), runner=SavedModelRunner(saved_model))
    with open_port("127.0.0.1", 0) as listening:
        serve(Service(folder.name, "saved_model", classifier, Limits()), listening)


def server_command(server: str, folder: Path, saved_model: Path) -> list[str]:
    """The command of one of `SERVERS`, at a free port."""
    if server == "imgclass":
        return module_command("imgclass_course.cli", "serve", folder, "--port", 0, "--quiet")
    return module_command("benchmarks.service", "--image_dir", "-", "--serve", folder, saved_model)


@contextmanager
def running(command: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Start a server and yield its host and port, as its first line of output says; end it afterwards."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, env=environment)
    try:
        line = process.stdout.readline()
        address = urlsplit(next(word for word in line.split() if word.startswith("http://")).rstrip(","))
        yield address.hostname, address.port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)
        process.stdout.close()


def form_request(path: Path) -> bytes:
    """The bytes of a request that brings a picture in a form."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="{path.name}"\r\n\r\n'
    body = head.encode() + path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    lines = ["POST /predict HTTP/1.1", "Host: here", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class Client:
    """A connection that is kept, and as little of HTTP as costs the cores least."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> tuple[int, dict]:
        """Send a request; return the status and the JSON of the answer."""
        self.socket.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        head, _, body = answer.partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(body) < size:
            body += self._more()
        return int(head.split(b" ", 2)[1]), json.loads(body)

    def _more(self) -> bytes:
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()


@dataclass
class Load:
    """What clients at the same time met: how many requests there were, seconds of each answer, and wrong ones."""

    asked: int
    seconds: list[float] = field(default_factory=list)
    wrong: int = 0
    elapsed: float = 0.0

    def figures(self) -> dict[str, float]:
        """Requests per second, percentiles in ms, and how many got no answer or one of another class."""
        p50, p99 = (round(float(ms), 2) for ms in np.percentile(np.array(self.seconds) * 1000, [50, 99]))
        missed = self.asked - len(self.seconds) + self.wrong
        rate = round(len(self.seconds) / self.elapsed, 1)
        return {"rate": rate, "p50": p50, "p99": p99, "asked": self.asked, "missed": missed}


def put_under_load(address: tuple[str, int], clients: int, requests: Sequence[bytes], classes: Sequence[str]) -> Load:
    """Let clients ask for the pictures in turn; each waits for its answer before it asks again."""
    count = max(REQUESTS, 10 * clients)
    numbers, lock = iter(islice(cycle(range(len(requests))), count)), threading.Lock()
    found = Load(count)

    def ask_on() -> None:
        with closing(Client(address)) as client:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                start = time.perf_counter()
                try:
                    status, answer = client.ask(requests[number])
                except (OSError, ValueError):  # the connection is lost, or the answer no HTTP
                    return
                if status == 200:
                    found.seconds.append(time.perf_counter() - start)
                    found.wrong += answer["pictures"][0].get("class") != classes[number]

    threads = [threading.Thread(target=ask_on) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.elapsed = time.perf_counter() - start
    return found


def measure_load(
    command: Sequence[str], clients: Sequence[int], requests: Sequence[bytes], classes: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Figures of one server for each number of clients."""
    with running(command) as address:
        with closing(Client(address)) as client:
            for request in islice(cycle(requests), WARM_UP):
                client.ask(request)
        return {str(count): put_under_load(address, count, requests, classes).figures() for count in clients}


def engine_rate(folder: Path, paths: Sequence[Path]) -> float:
    """Pictures per second that the engine itself reads and names, in as many threads as the service has."""
    classifier = load_classifier(folder)
    load, pictures = picture_loader(classifier.image_sizes, classifier.preparation), list(as_pictures(paths))
    rates = []
    for _ in range(4):  # the first one warms up
        start = time.perf_counter()
        list(classifier.runner.map(load, pictures))
        rates.append(len(pictures) / (time.perf_counter() - start))
    return round(median(rates[1:]), 1)


def first_answer(command: Sequence[str], request: bytes) -> float:
    """Seconds from the start of the process to its first answer to a picture."""
    start = time.perf_counter()
    with running(command) as address, closing(Client(address)) as client:
        status, _ = client.ask(request)
        assert status == 200
        return time.perf_counter() - start


def train(image_dir: Path, folder: Path) -> None:
    """Train the classifier that is served."""
    arguments = ["--image_dir", image_dir, "--head", "logistic", "--output_graph", folder]
    command = module_command("imgclass_course.cli", "retrain", *arguments)
    subprocess.run(command, check=True, cwd=REPOSITORY, stdout=subprocess.DEVNULL)


def compare(flags: argparse.Namespace, scratch: Path) -> dict:
    """Train, export, and measure both servers and the engine."""
    folder, saved_model = flags.classifier or scratch / "classifier", scratch / "saved_model"
    if not flags.classifier:
        train(flags.image_dir, folder)
    commands = {server: server_command(server, folder, saved_model) for server in flags.servers}
    if "saved_model" in flags.servers:
        export_saved_model(folder, saved_model)
    paths = sorted(flags.image_dir.rglob("*.jpg"))
    paths = paths[:: max(len(paths) // PICTURES, 1)][:PICTURES]
    requests, classes = [form_request(path) for path in paths], list(map(str, load_classifier(folder).predict(paths)))
    before = engine_rate(folder, paths)
    servers = {name: measure_load(command, flags.clients, requests, classes) for name, command in commands.items()}
    starts = {name: [first_answer(command, requests[0]) for _ in range(STARTS)] for name, command in commands.items()}
    return {
        "cores": num_cores(),
        "engine": round(median([before, engine_rate(folder, paths)]), 1),
        "first_answer": {name: round(median(seconds), 2) for name, seconds in starts.items()},
        "servers": servers,
    }


def main() -> None:
    """Read the flags, measure, print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", type=Path, required=True, help="folder of class folders with JPEG pictures")
    parser.add_argument("--classifier", type=Path, help="a folder of imgclass retrain; by default one is trained")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=SERVERS)
    parser.add_argument("--serve", type=Path, nargs=2, help=argparse.SUPPRESS)  # the other server, in its own process
    flags = parser.parse_args()
    if flags.serve:
        serve_saved_model(*flags.serve)
        return
    with tempfile.TemporaryDirectory(prefix="imgclass_service_") as scratch:
        print(json.dumps(compare(flags, Path(scratch))))


if __name__ == "__main__":
    main()
