"""A re-creation of the old TensorFlow for Poets `label_image.py`, as the baseline of `imgclass label`.

Recreated from its public behaviour: tensorflow/tensorflow, `tensorflow/examples/label_image/label_image.py` (and
googlecodelabs/tensorflow-for-poets-2, `scripts/label_image.py`). Written anew; no code is copied.

What is the same: one picture per run; the frozen graph is read from a file into a graph of its own; a second graph and
session read, decode, resize and scale the picture; another session runs the network; the five likeliest labels are
printed, best first.

What differs: it runs on TensorFlow 2 through `tf.compat.v1`, and JPEG is the only format. Both favour the baseline.

Run it as `python -m benchmarks.old_label_image --graph GRAPH --labels LABELS --image PICTURE`; `benchmarks.old_retrain`
writes graph and labels.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

v1 = tf.compat.v1
SHOWN = 5


def load_graph(path: str) -> tf.Graph:
    """Read a frozen graph."""
    definition = v1.GraphDef.FromString(Path(path).read_bytes())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(definition, name="")
    return graph


def read_picture(flags: argparse.Namespace) -> np.ndarray:
    """Read a picture as float32 [1, height, width, 3], scaled as the network wants it."""
    with tf.Graph().as_default(), v1.Session() as session:
        decoded = tf.cast(tf.io.decode_jpeg(tf.io.read_file(flags.image), channels=3), tf.float32)
        resized = v1.image.resize_bilinear(tf.expand_dims(decoded, 0), [flags.input_height, flags.input_width])
        return session.run((resized - flags.input_mean) / flags.input_std)


def label(flags: argparse.Namespace) -> list[tuple[str, float]]:
    """The likeliest labels with their probabilities, best first."""
    graph, picture = load_graph(flags.graph), read_picture(flags)
    ends = [graph.get_operation_by_name(name).outputs[0] for name in (flags.input_layer, flags.output_layer)]
    with v1.Session(graph=graph) as session:
        probabilities = np.squeeze(session.run(ends[1], {ends[0]: picture}))
    names = Path(flags.labels).read_text().splitlines()
    return [(names[number], float(probabilities[number])) for number in probabilities.argsort()[::-1][:SHOWN]]


def parse_flags(arguments: list[str] | None = None) -> argparse.Namespace:
    """The flags of the old script; their defaults fit the graph of `benchmarks.old_retrain`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", required=True)
    parser.add_argument("--graph", required=True)
    parser.add_argument("--labels", required=True)
    parser.add_argument("--input_height", type=int, default=224)
    parser.add_argument("--input_width", type=int, default=224)
    parser.add_argument("--input_mean", type=float, default=127.5)
    parser.add_argument("--input_std", type=float, default=127.5)
    parser.add_argument("--input_layer", default="input")
    parser.add_argument("--output_layer", default="final_result")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    v1.logging.set_verbosity(v1.logging.ERROR)
    for name, probability in label(parse_flags()):
        print(f"{name} (score={probability:.5f})")
