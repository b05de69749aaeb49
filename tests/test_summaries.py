"""What TensorBoard shows of a finished training, and its servers."""

import http.server
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from support import SMALL, assert_one_line_error, gradient, plain_backbone, run_command

from imgclass_course.foundation.errors import TrainingError
from imgclass_course.outputs import summaries
from imgclass_course.outputs.summaries import (
    load_thumbnail,
    make_sprite,
    mistakes_pixels,
    stop_tensorboard,
    trace_classifier,
    write_projector,
    write_summaries,
)
from imgclass_course.transfer import retrain


def test_sprite_is_filled_row_by_row() -> None:
    tiles = np.random.default_rng(0).integers(0, 255, (7, 4, 4, 3), dtype=np.uint8)
    sprite = make_sprite(tiles)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, 3)
        assert (sprite[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] == tile).all()
    assert (sprite[8:, 4:] == 255).all()


def test_thumbnail_of_what_cannot_be_read_is_grey(tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    for unreadable in (tmp_path / "cut.jpg", tmp_path / "gone.jpg", b"no picture"):
        assert (load_thumbnail(unreadable, 8) == 128).all()
    assert (load_thumbnail(gradient(8, 8), 8) == gradient(8, 8)).all()


def test_tensorboard_itself_serves_the_projector(tmp_path: Path) -> None:
    import tensorflow as tf
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
    from werkzeug.test import Client
    from werkzeug.wrappers import Response

    run = tmp_path / "run_001"
    with tf.summary.create_file_writer(str(run)).as_default():
        tf.summary.scalar("a", 1.0, step=0)
    vectors = np.random.default_rng(0).random((4, 3), dtype=np.float32)
    metadata = pd.DataFrame({"label": ["a", "b", "tab\there", "d"], "file": list("1234")})
    write_projector(run, vectors, metadata, np.zeros((4, 8, 8, 3), np.uint8))
    multiplexer = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(tmp_path)).Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(tmp_path))
    context = base_plugin.TBContext(logdir=str(tmp_path), data_provider=provider, multiplexer=multiplexer)
    routes = ProjectorPlugin(context).get_plugin_apps()

    def get(route: str, query: str) -> bytes:
        answer = Client(routes[route], Response).get(f"{route}?{query}")
        assert answer.status_code == 200, answer.data
        return answer.data

    [embedding] = json.loads(get("/info", "run=run_001"))["embeddings"]
    name = embedding["tensorName"]
    assert embedding["tensorShape"] == [4, 3] and embedding["sprite"]["singleImageDim"] == [8, 8]
    assert np.array_equal(np.frombuffer(get("/tensor", f"run=run_001&name={name}"), np.float32).reshape(4, 3), vectors)
    assert get("/metadata", f"run=run_001&name={name}").decode().splitlines()[3].split("\t") == ["tab\\x09here", "3"]
    assert get("/sprite_image", f"run=run_001&name={name}") == (run / "sprite.png").read_bytes()
    assert Image.open(run / "sprite.png").size == (16, 16)


class Darker:
    """An augmentation."""

    fingerprint = "darker"

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        return image // 2


def test_an_estimator_and_pictures_in_memory(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    options = {"backbone": plain_backbone(), "bottleneck_dir": tmp_path / "store", "augmentation": Darker(), "views": 1}
    pictures = [gradient(seed=seed) for seed in range(24)]
    result = retrain(pictures, ["a", "b"] * 12, head=LogisticRegression(), **options)
    write_summaries(result, tmp_path / "run", limit=20)
    table = pd.read_csv(tmp_path / "run" / "metadata.tsv", sep="\t")
    assert len(table) == 20 and table["path"].is_unique and set(table["predicted"]) == {"a", "b"}
    with pytest.raises(TrainingError, match="EstimatorHead"):
        trace_classifier(result.classifier)
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    assert not events.Tags()["graph"] and "confusion_test" in events.Tags()["tensors"]


def test_a_head_without_steps_has_a_run_folder_and_a_graph(
    tmp_path: Path, pictures: Path, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.chdir(tmp_path)
    flags = ("--architecture", SMALL, "--head", "logistic", "--bottleneck_dir", "store", "--summaries_dir", "logs")
    assert run_command(capfd, "retrain", pictures, *flags).code == 0
    assert [path.name for path in Path("logs").iterdir()] == ["run_001"]
    assert EventAccumulator("logs/run_001").Reload().Tags()["graph"]


def test_mistakes_say_what_could_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from imgclass_course.evaluation import UNREADABLE, Evaluation

    titles = []
    show = summaries.show_images
    monkeypatch.setattr(summaries, "show_images", lambda images, names: (titles.extend(names), show(images, names)))
    evaluation = Evaluation(["a", "b"], np.array([0, 1, 1]), np.array([[0.2, 0.8], [np.nan, np.nan], [0, 1]]))
    pixels = mistakes_pixels(evaluation, [gradient(), b"", gradient()])
    assert titles == ["a\nas b", f"b\nas {UNREADABLE}"] and pixels.dtype == np.uint8 and pixels.shape[2] == 3


def test_without_tensorboard_it_is_said_before_the_training(
    tmp_path: Path, pictures: Path, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    result = run_command(capfd, "retrain", pictures, "--summaries_dir", "logs", "--bottleneck_dir", "store")
    assert_one_line_error(result, "TensorBoard", "pip install")
    assert list(tmp_path.iterdir()) == []


# Servers


@pytest.fixture(params=["with /proc", "without"])
def notes(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for the notes of servers that no other server writes to."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if request.param == "without":
        monkeypatch.setattr(summaries, "_command_line", lambda pid: None)
    elif not Path("/proc/self/cmdline").exists():
        pytest.skip("this system has no /proc")
    return tmp_path / ".tensorboard-info"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen]]:
    """Return a function that starts a process which sleeps, from a script of a name; all end with the test."""
    started = []

    def start(name: str) -> subprocess.Popen:
        script = tmp_path / name
        script.write_text("print(flush=True)\nimport time\ntime.sleep(60)")
        started.append(subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE))
        started[-1].stdout.readline()
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@contextmanager
def answering(folder: Path) -> Iterator[int]:
    """Answer at a port as a TensorBoard that shows a folder; yields the port."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"data_location": str(folder)}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("localhost", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def note(notes: Path, pid: int, folder: Path, port: int, start_time: int = 2) -> Path:
    """Write what a server notes of itself."""
    notes.mkdir(exist_ok=True)
    known = {"version": "2", "start_time": start_time, "pid": pid, "port": port, "path_prefix": "", "db": ""}
    path = notes / f"pid-{pid}.info"
    path.write_text(json.dumps(known | {"logdir": str(folder), "cache_key": ""}))
    return path


def test_a_server_is_stopped_and_no_other_process(tmp_path: Path, notes: Path, start: Callable) -> None:
    logs = tmp_path / "logs"
    with answering(logs) as port:
        server, other = start("tensorboard"), start("tensorboard_notes.py")
        stale = note(notes, other.pid, logs, port, start_time=1)  # killed; the next server has its port
        note(notes, server.pid, logs, port)
        (notes / "pid-1.info").write_text("no note")
        assert stop_tensorboard(tmp_path / "elsewhere") == [] and stale.exists()
        assert stop_tensorboard(logs) == [server.pid]
        server.wait(10)
        assert other.poll() is None and not stale.exists()
        assert stop_tensorboard(logs) == stop_tensorboard() == []


def test_a_note_without_its_server_ends_nothing(tmp_path: Path, notes: Path, start: Callable) -> None:
    with answering(tmp_path / "elsewhere") as port:
        other = start("other.py")
        gone = start("tensorboard")
        gone.kill()
        gone.wait(10)
        stale = [note(notes, other.pid, tmp_path, port), note(notes, gone.pid, tmp_path, 9)]
        assert stop_tensorboard(tmp_path) == [] and other.poll() is None
        assert not any(path.exists() for path in stale)
