"""The feature extraction loop that a Keras user would write, as a baseline.

A folder of class folders goes through `keras.utils.image_dataset_from_directory` and `predict` of
`keras.applications.MobileNet`, filled with the embedded weights; the features are written as one `.npy` file.

Run it as `python -m benchmarks.keras_loop --image_dir FOLDER`. The last line of output is JSON.
"""

import argparse
import json
import os
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
START = time.perf_counter()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

DEFAULT_WEIGHTS = "imgclass_course/assets/mobilenet_v1_100_224_imagenet.npz"
IMAGE_SIZE = (224, 224)  # pixels
BATCH_SIZE = 32
NUM_BLOCKS = 13


def layer_names() -> dict[str, str]:
    """Map each convolution of the weights file to the name of its Keras layer."""
    names = {"Conv2d_0": "conv1"}
    for number in range(1, NUM_BLOCKS + 1):
        names[f"Conv2d_{number}_depthwise"] = f"conv_dw_{number}"
        names[f"Conv2d_{number}_pointwise"] = f"conv_pw_{number}"
    return names


def load_model(weights: str) -> keras.Model:
    """Build MobileNet v1 1.0 from [n, 224, 224, 3] in [-1, 1] to [n, 1024] with the embedded weights."""
    model = keras.applications.MobileNet(alpha=1.0, include_top=False, pooling="avg", weights=None)
    with np.load(weights) as archive:
        for source, layer in layer_names().items():
            kernel = "depthwise_weights" if source.endswith("depthwise") else "weights"
            model.get_layer(layer).set_weights([archive[f"{source}/{kernel}"]])
            statistics = ("gamma", "beta", "moving_mean", "moving_variance")
            values = [archive[f"{source}/BatchNorm/{name}"] for name in statistics]
            model.get_layer(f"{layer}_bn").set_weights(values)
    return model


def load_pictures(image_dir: str) -> tf.data.Dataset:
    """Batches of float32 [32, 224, 224, 3] in [-1, 1] with their class indices, in the folder's order."""
    pictures = keras.utils.image_dataset_from_directory(
        image_dir, image_size=IMAGE_SIZE, batch_size=BATCH_SIZE, shuffle=False, label_mode="int", verbose=False
    )

    def preprocess(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return keras.applications.mobilenet.preprocess_input(images), labels

    return pictures.map(preprocess, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def run(image_dir: str, output: str, weights: str) -> dict[str, float]:
    """Extract and write the features; returns counts and seconds, for the loop alone and for the whole process."""
    model = load_model(weights)
    start = time.perf_counter()
    features = model.predict(load_pictures(image_dir), verbose=0)
    np.save(output, features)
    seconds = time.perf_counter() - start
    whole = time.perf_counter() - START
    return {
        "pictures": len(features),
        "seconds": round(seconds, 3),
        "pictures_per_second": round(len(features) / seconds, 1),
        "whole_process_seconds": round(whole, 3),
        "whole_process_pictures_per_second": round(len(features) / whole, 1),
    }


def main() -> None:
    """Read the flags, run, print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", required=True, help="folder of class folders")
    parser.add_argument("--output", default=f"{tempfile.gettempdir()}/features.npy")
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, help="npz file with the embedded weights")
    flags = parser.parse_args()
    print(json.dumps(run(flags.image_dir, flags.output, flags.weights)))


if __name__ == "__main__":
    main()
