"""What TensorBoard shows of a finished training: the graph, pictures, and the bottlenecks in its projector."""

import io
import json
import math
import os
import re
import signal
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from PIL import Image

from ..classifiers import ImageClassifier
from ..evaluation import Evaluation, plot_confusion, worst_mistakes
from ..foundation.errors import ImageError, TrainingError
from ..foundation.files import printable
from ..foundation.pictures import Picture, PictureSource, as_pictures
from ..foundation.progress import progress_bar
from ..foundation.tables import any_names
from ..foundation.threads import map_in_threads
from ..images import show_images
from ..event_files import NEEDS_TENSORBOARD
from ..transfer import Retraining

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from tensorflow.python.framework.func_graph import FuncGraph

MISTAKES = 24  # pictures shown
MISTAKE_SIZE = 128  # pixels
PROJECTED = 1000  # points in the projector: more only slow the browser down
THUMBNAIL_SIZE = 48  # pixels in the sprite
TENSOR_NAME = "bottlenecks/.ATTRIBUTES/VARIABLE_VALUE"  # how a checkpoint calls a variable saved as `bottlenecks`
SERVER_PROGRAM = re.compile(r"(^|/)tensorboard(\.main|/main\.py)?$")  # in the command line of a server
ANSWER_SECONDS = 2  # that a server on this machine gets to answer


def check_tensorboard() -> None:
    """Raise `TrainingError` where TensorBoard is not installed: TensorFlow says so in the middle of the training."""
    if find_spec("tensorboard") is None:
        raise TrainingError(NEEDS_TENSORBOARD)


def write_summaries(result: Retraining, folder: str | os.PathLike, limit: int = PROJECTED) -> None:
    """Write into one run's folder: the graph, the confusion matrix, the worst mistakes, and the projector's files.

    The projector gets all pictures, or `limit` of them drawn at random, always the same ones. Raises `TrainingError` where
    TensorBoard is not installed.
    """
    check_tensorboard()
    import tensorflow as tf

    split = result.final_split
    evaluation = result.evaluate(split)
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=int(result.best) if result.history.index.name == "steps" else 0):
        if hasattr(result.classifier.head, "scores") and len(result.classifier.backbone.parts) == 1:
            tf.summary.graph(trace_classifier(result.classifier))
        tf.summary.image(f"confusion_{split}", figure_pixels(plot_confusion(evaluation.confusion()))[None])
        if not evaluation.right.all():
            tf.summary.image(f"mistakes_{split}", mistakes_pixels(evaluation, result.paths(split))[None])
    writer.close()
    write_projector(folder, *_projected(result, limit))


def trace_classifier(classifier: ImageClassifier) -> "FuncGraph":
    """Return the whole network as a graph: pixels [n, size, size, 3] uint8, backbone, head, probabilities [n, k].

    Raises `TrainingError` for an estimator of scikit-learn's, which is no graph.
    """
    scores = getattr(classifier.head, "scores", None)
    if scores is None:
        raise TrainingError(f"A head of the kind {type(classifier.head).__name__} is no graph of TensorFlow's.")
    import tensorflow as tf

    network, size = classifier.backbone.network(), classifier.backbone.image_size

    def classify(pixels: tf.Tensor) -> tf.Tensor:
        with tf.name_scope("backbone"):
            vectors = network(tf.cast(pixels, tf.float32))
        with tf.name_scope("head"):
            return tf.nn.softmax(scores(vectors))

    return tf.function(classify).get_concrete_function(tf.TensorSpec([None, size, size, 3], tf.uint8, "pixels")).graph


def figure_pixels(figure: "Figure") -> np.ndarray:
    """Return a figure's pixels [height, width, 3] uint8, and close it."""
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    return np.asarray(Image.open(buffer).convert("RGB"))


def load_thumbnail(picture: PictureSource | Picture, size: int) -> np.ndarray:
    """Return a small picture [size, size, 3] uint8; a grey one where it cannot be read (any more)."""
    try:
        return next(as_pictures(picture)).load(size)
    except (ImageError, OSError):
        return np.full((size, size, 3), 128, np.uint8)


def mistakes_pixels(evaluation: Evaluation, pictures: list[Any]) -> np.ndarray:
    """Return a picture [height, width, 3] uint8 of the wrong answers that the classifier was surest of.

    `pictures` are those of the evaluation, in its order: paths, or whatever else `as_pictures` takes.
    """
    import matplotlib.pyplot as plt

    worst = worst_mistakes(evaluation, MISTAKES)
    titles = [f"{evaluation.classes[evaluation.labels[row]]}\nas {evaluation.answers[row]}" for row in worst]
    show_images([load_thumbnail(pictures[row], MISTAKE_SIZE) for row in worst], titles)
    return figure_pixels(plt.gcf())


def make_sprite(thumbnails: np.ndarray) -> np.ndarray:
    """Lay thumbnails [n, size, size, 3] uint8 out in a square, row by row; empty places are white.

    The square is [side * size, side * size, 3] uint8 with side = ceil(sqrt(n)).
    """
    n, size = thumbnails.shape[:2]
    side = math.ceil(math.sqrt(n))
    tiles = np.full((side * side, size, size, 3), 255, np.uint8)
    tiles[:n] = thumbnails
    return tiles.reshape(side, side, size, size, 3).swapaxes(1, 2).reshape(side * size, side * size, 3)


def write_projector(
    folder: str | os.PathLike, vectors: np.ndarray, metadata: pd.DataFrame, thumbnails: np.ndarray
) -> None:
    """Write what TensorBoard's projector shows into one run's folder.

    Each of n points has a vector of `vectors` [n, d] float32, a row of `metadata` with at least two columns, and one of the
    `thumbnails` [n, size, size, 3] uint8. Raises `ValueError` where their numbers differ, and `TrainingError` where
    TensorBoard is not installed.
    """
    check_tensorboard()
    import tensorflow as tf
    from tensorboard.plugins import projector

    folder = Path(folder)
    if not len(vectors) == len(metadata) == len(thumbnails) or metadata.shape[1] < 2:
        raise ValueError(
            f"{len(vectors)} vectors, {len(thumbnails)} thumbnails and metadata of shape {list(metadata.shape)}: "
            "each point needs one of each, and the metadata at least two columns."
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metadata.tsv").write_text(_as_lines(metadata), encoding="utf-8")
    Image.fromarray(make_sprite(thumbnails)).save(folder / "sprite.png")
    tf.train.Checkpoint(bottlenecks=tf.Variable(vectors)).save(str(folder / "projector.ckpt"))
    embedding = projector.EmbeddingInfo(tensor_name=TENSOR_NAME, metadata_path="metadata.tsv")
    embedding.sprite.image_path = "sprite.png"
    embedding.sprite.single_image_dim.extend(thumbnails.shape[1:3])
    projector.visualize_embeddings(str(folder), projector.ProjectorConfig(embeddings=[embedding]))


def _as_lines(table: pd.DataFrame) -> str:
    """Return a table as lines with tabs; a tab or line break in a name would move all names after it."""
    rows = [table.columns, *table.itertuples(index=False)]
    return "".join("\t".join(printable(str(value)) for value in row) + "\n" for row in rows)


def _projected(result: Retraining, limit: int) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    """Return vectors, metadata and thumbnails of the pictures, or of `limit` of them, always the same ones."""
    numbers = np.flatnonzero(result.features.rows["view"] == 0)
    chosen = result.features.select(np.sort(np.random.default_rng(0).permutation(numbers)[:limit]))
    predicted = result.classifier.head.predict_proba(chosen.X).argmax(axis=1)
    names = [result.classifier.classes_[number] for number in predicted]
    with any_names():
        metadata = chosen.rows[["label", "split", "path"]].assign(predicted=names)
    pictures = [result.folder.picture(path) for path in metadata["path"]]
    thumbnails = map_in_threads(lambda picture: load_thumbnail(picture, THUMBNAIL_SIZE), pictures)
    shown = progress_bar(thumbnails, "Thumbnails", "pictures", total=len(pictures))
    return chosen.X, metadata, np.stack(list(shown))


def stop_tensorboard(folder: str | os.PathLike | None = None) -> list[int]:
    """Stop the servers that show a folder, or all of this user's; return their process numbers.

    A server notes its process number in a file. Where it was killed, the file stays, and its number may be that of another
    process by now: only a process that is a TensorBoard is ended, and notes that no longer hold are removed.
    """
    noted, stopped = _noted_servers(), []
    for note, server in noted.items():
        if folder is not None and not _is_same_folder(server.logdir, folder):
            continue
        with suppress(OSError):  # it has ended meanwhile, or is another user's
            if _is_running(server, list(noted.values())):
                os.kill(server.pid, signal.SIGTERM)
                stopped.append(server.pid)
            note.unlink()
    return stopped


def _noted_servers() -> dict[Path, Any]:
    """Return what servers noted of themselves (TensorBoard's `TensorBoardInfo`), by the file of the note."""
    check_tensorboard()
    from tensorboard import manager

    servers = {}
    for note in Path(manager._get_info_dir()).iterdir():
        with suppress(OSError, ValueError):  # it is gone by now, another user's, or no note
            servers[note] = manager._info_from_string(note.read_text(encoding="utf-8"))
    return servers


def _is_same_folder(shown: str | None, folder: str | os.PathLike) -> bool:
    return shown not in (None, "") and os.path.realpath(shown) == os.path.realpath(folder)


def _is_running(server: Any, noted: list[Any]) -> bool:  # TensorBoardInfos
    """Return whether the process that has a server's number now is that server."""
    command = _command_line(server.pid)
    if command is not None:
        return any(SERVER_PROGRAM.search(part) for part in command)
    newest = max((one.start_time, one.pid) for one in noted if one.port == server.port)  # only it can have the port now
    return newest[1] == server.pid and _is_same_folder(_shown_folder(server), server.logdir)


def _command_line(pid: int) -> list[str] | None:
    """Return the command line of a process, empty where there is no such process; None where a system has no /proc."""
    if not Path("/proc/self/cmdline").exists():
        return None
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").split("\0")
    except OSError:
        return []


def _shown_folder(server: Any) -> str | None:  # a TensorBoardInfo
    """Return which folder the server at a noted port says that it shows; None where no TensorBoard answers."""
    from http.client import HTTPException
    from urllib.request import ProxyHandler, build_opener

    address = f"http://localhost:{server.port}{server.path_prefix.rstrip('/')}/data/environment"
    try:
        with build_opener(ProxyHandler({})).open(address, timeout=ANSWER_SECONDS) as answer:
            return json.load(answer)["data_location"]
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return None
