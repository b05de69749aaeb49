"""A re-creation of the old TensorFlow for Poets `retrain.py`, as the baseline that this library is measured against.

Recreated from its public behaviour: tensorflow/hub, `examples/image_retraining/retrain.py` (and, for the frozen
graph, googlecodelabs/tensorflow-for-poets-2, `scripts/retrain.py`). Written anew; no code is copied.

What is the same:
- one folder per class; 10 % validation and 10 % testing, decided by a SHA-1 hash of the picture's path;
- before training, each picture is read, decoded and resized by one `session.run`, sent through the network alone by a
  second one, and written as comma-separated text to one file per picture; an existing file is read and parsed;
- each step draws 100 cached pictures (a class uniformly, then a picture), reads and parses their text files, takes one
  gradient step at learning rate 0.01, and writes the summaries of all tensors;
- every 10 steps: accuracy on the batch and on 100 random validation pictures; at the end: on all test pictures;
- the graph with the variables frozen, and the labels, are written to files.

What differs:
- the weights are the embedded ones, as constants in the graph with unfolded batch norm (as in the frozen graph that
  the TensorFlow for Poets version downloads), and the bottleneck is the 1,024 pooled features (as in the Hub version);
- it runs on TensorFlow 2 through `tf.compat.v1`, which optimises the graph more than TensorFlow 1 did;
- no distortions, intermediate graphs, checkpoint or SavedModel export; less logging. All of this favours the baseline.

Run it as `python -m benchmarks.old_retrain --image_dir FOLDER`. The last line of output is JSON.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
START = time.perf_counter()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from benchmarks import old_cache, old_graph  # noqa: E402

v1 = tf.compat.v1

DEFAULT_WEIGHTS = "imgclass_course/assets/mobilenet_v1_100_224_imagenet.npz"


class Trainer:
    """The training loop on cached bottlenecks, in one TensorFlow 1 session."""

    def __init__(
        self,
        session: v1.Session,
        head: old_graph.HeadGraph,
        cache: old_cache.TextCache,
        lists: old_cache.ImageLists,
        summaries_dir: str,
    ) -> None:
        """Add accuracy to the graph, and open the summary files, which takes the whole graph along."""
        self.session, self.head, self.cache, self.lists = session, head, cache, lists
        self.accuracy = old_graph.add_accuracy(head)
        self.merged = v1.summary.merge_all()
        self.train_writer = v1.summary.FileWriter(os.path.join(summaries_dir, "train"), session.graph)
        self.validation_writer = v1.summary.FileWriter(os.path.join(summaries_dir, "validation"))

    def feed(self, batch: tuple[list[list[float]], list[int]]) -> dict[tf.Tensor, list]:
        """Pair the placeholders with a batch."""
        return {self.head.bottleneck_input: batch[0], self.head.ground_truth: batch[1]}

    def train(self, steps: int, batch_size: int, eval_step_interval: int) -> None:
        """Run the gradient steps, and an evaluation every `eval_step_interval` steps and at the last one."""
        for step in range(steps):
            feed = self.feed(old_cache.random_bottlenecks(self.cache, self.lists, batch_size, "training"))
            summary, _ = self.session.run([self.merged, self.head.train_step], feed)
            self.train_writer.add_summary(summary, step)
            if step % eval_step_interval == 0 or step + 1 == steps:
                self.evaluate(step, feed)

    def evaluate(self, step: int, train_feed: dict[tf.Tensor, list]) -> None:
        """Print accuracy and loss of the batch, and accuracy on 100 random validation pictures."""
        accuracy, loss = self.session.run([self.accuracy, self.head.cross_entropy], train_feed)
        feed = self.feed(old_cache.random_bottlenecks(self.cache, self.lists, 100, "validation"))
        summary, validation = self.session.run([self.merged, self.accuracy], feed)
        self.validation_writer.add_summary(summary, step)
        line = f"step {step}: train accuracy {accuracy:.3f}, cross entropy {loss:.4f}, validation {validation:.3f}"
        print(line, file=sys.stderr)

    def test(self) -> tuple[float, int]:
        """Accuracy on all test pictures, and their number."""
        batch = old_cache.all_bottlenecks(self.cache, self.lists, "testing")
        return float(self.session.run(self.accuracy, self.feed(batch))), len(batch[1])


def write_outputs(session: v1.Session, lists: old_cache.ImageLists, output_graph: str, output_labels: str) -> None:
    """Write the frozen graph and one label per line."""
    graph_def = v1.graph_util.convert_variables_to_constants(session, session.graph.as_graph_def(), ["final_result"])
    Path(output_graph).write_bytes(graph_def.SerializeToString())
    Path(output_labels).write_text("\n".join(lists) + "\n")


def bottleneck_function(
    session: v1.Session, network: old_graph.BottleneckGraph, decoding: old_graph.DecodingGraph
) -> Callable[[bytes], np.ndarray]:
    """Make the function from a picture's bytes to its vector: one run to decode, one through the network."""

    def compute(image_bytes: bytes) -> np.ndarray:
        pixels = session.run(decoding.decoded_image, {decoding.image_bytes: image_bytes})
        return np.squeeze(session.run(network.bottleneck, {network.resized_image: pixels}))

    return compute


@contextmanager
def timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Record the wall time of a phase in seconds."""
    start = time.perf_counter()
    yield
    seconds[phase] = round(time.perf_counter() - start, 3)


def train_and_export(
    flags: argparse.Namespace,
    session: v1.Session,
    head: old_graph.HeadGraph,
    cache: old_cache.TextCache,
    lists: old_cache.ImageLists,
    seconds: dict[str, float],
) -> dict[str, float]:
    """Train on the cached vectors, test, write the files; returns the test accuracy and its count."""
    shutil.rmtree(flags.summaries_dir, ignore_errors=True)
    trainer = Trainer(session, head, cache, lists, flags.summaries_dir)
    with timed(seconds, "train"):
        trainer.train(flags.how_many_training_steps, flags.train_batch_size, flags.eval_step_interval)
    with timed(seconds, "test"):
        accuracy, count = trainer.test()
    with timed(seconds, "export"):
        write_outputs(session, lists, flags.output_graph, flags.output_labels)
    return {"test_accuracy": round(accuracy, 4), "test_pictures": count}


def run(flags: argparse.Namespace) -> dict[str, object]:
    """Do the whole job; returns counts, accuracy and seconds per phase."""
    seconds = {"import": round(time.perf_counter() - START, 3)}
    lists = old_cache.create_image_lists(flags.image_dir, flags.testing_percentage, flags.validation_percentage)
    with tf.Graph().as_default(), v1.Session() as session:
        with timed(seconds, "build_graph"):
            network = old_graph.add_mobilenet(old_graph.load_weights(flags.weights))
            head = old_graph.add_head(network.bottleneck, len(lists), flags.learning_rate)
            decoding = old_graph.add_decoding()
            session.run(v1.global_variables_initializer())
        cache = old_cache.TextCache(
            flags.image_dir, flags.bottleneck_dir, bottleneck_function(session, network, decoding)
        )
        with timed(seconds, "cache_bottlenecks"):
            pictures = old_cache.cache_bottlenecks(cache, lists)
        rate = round(pictures / seconds["cache_bottlenecks"], 1)
        result: dict[str, object] = {"pictures": pictures, "pictures_per_second": rate}
        if not flags.extract_only:
            result |= train_and_export(flags, session, head, cache, lists, seconds)
    seconds["whole_process"] = round(time.perf_counter() - START, 3)
    return result | {"seconds": seconds}


def parse_flags(arguments: list[str] | None = None) -> argparse.Namespace:
    """The flags of the old script that this re-creation keeps, plus `--weights` and `--extract_only`."""
    folder = tempfile.gettempdir()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", required=True, help="folder of class folders")
    parser.add_argument("--bottleneck_dir", default=f"{folder}/bottleneck")
    parser.add_argument("--how_many_training_steps", type=int, default=500)
    parser.add_argument("--learning_rate", type=float, default=0.01)
    parser.add_argument("--testing_percentage", type=int, default=10)
    parser.add_argument("--validation_percentage", type=int, default=10)
    parser.add_argument("--train_batch_size", type=int, default=100)
    parser.add_argument("--eval_step_interval", type=int, default=10)
    parser.add_argument("--output_graph", default=f"{folder}/output_graph.pb")
    parser.add_argument("--output_labels", default=f"{folder}/output_labels.txt")
    parser.add_argument("--summaries_dir", default=f"{folder}/retrain_logs", help="is emptied first")
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, help="npz file with the embedded weights")
    parser.add_argument("--extract_only", action="store_true", help="stop after the bottlenecks are cached")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    v1.logging.set_verbosity(v1.logging.ERROR)
    print(json.dumps(run(parse_flags())))
