"""The TensorFlow 1 graph that the old `retrain.py` works on: decoding, MobileNet v1, and the new last layer.

`benchmarks.old_retrain` says what is recreated here and what differs.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

IMAGE_SIZE = 224  # pixels
FEATURE_DIM = 1024
DEPTHWISE_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
BATCH_NORM_EPSILON = 0.001
PIXEL_MEAN = 127.5  # also the divisor: [0, 255] becomes [-1, 1]

v1 = tf.compat.v1


class DecodingGraph(NamedTuple):
    """Tensors that turn one picture's bytes into the network's input."""

    image_bytes: tf.Tensor  # string, scalar
    decoded_image: tf.Tensor  # float32 [1, 224, 224, 3] in [-1, 1]


class BottleneckGraph(NamedTuple):
    """Tensors of the frozen network."""

    resized_image: tf.Tensor  # float32 [n, 224, 224, 3] in [-1, 1]
    bottleneck: tf.Tensor  # float32 [n, 1024]


class HeadGraph(NamedTuple):
    """Tensors and operations of the layer that is trained."""

    bottleneck_input: tf.Tensor  # float32 [n, 1024]
    ground_truth: tf.Tensor  # int64 [n]
    train_step: tf.Operation
    cross_entropy: tf.Tensor  # float32, scalar
    final_tensor: tf.Tensor  # float32 [n, classes], probabilities


def load_weights(path: str) -> dict[str, np.ndarray]:
    """Read the embedded weights as float32 arrays by their TensorFlow names."""
    with np.load(path) as archive:
        return {name: archive[name].astype(np.float32) for name in archive.files}


def batch_norm_relu6(images: tf.Tensor, weights: dict[str, np.ndarray], layer: str) -> tf.Tensor:
    """Batch norm with fixed statistics, unfolded as in the frozen graph, then ReLU6."""
    normalised = v1.nn.batch_normalization(
        images,
        weights[f"{layer}/BatchNorm/moving_mean"],
        weights[f"{layer}/BatchNorm/moving_variance"],
        weights[f"{layer}/BatchNorm/beta"],
        weights[f"{layer}/BatchNorm/gamma"],
        BATCH_NORM_EPSILON,
    )
    return tf.nn.relu6(normalised)


def separable_block(images: tf.Tensor, weights: dict[str, np.ndarray], number: int, stride: int) -> tf.Tensor:
    """Depthwise 3 x 3 convolution, then pointwise 1 x 1 convolution, each with batch norm and ReLU6."""
    depthwise, pointwise = f"Conv2d_{number}_depthwise", f"Conv2d_{number}_pointwise"
    kernel = weights[f"{depthwise}/depthwise_weights"]
    images = tf.nn.depthwise_conv2d(images, kernel, [1, stride, stride, 1], "SAME")
    images = batch_norm_relu6(images, weights, depthwise)
    images = tf.nn.conv2d(images, weights[f"{pointwise}/weights"], 1, "SAME")
    return batch_norm_relu6(images, weights, pointwise)


def add_mobilenet(weights: dict[str, np.ndarray]) -> BottleneckGraph:
    """Add MobileNet v1 1.0 224 with constant weights, up to its pooled 1,024 features."""
    resized_image = v1.placeholder(tf.float32, [None, IMAGE_SIZE, IMAGE_SIZE, 3], name="input")
    images = tf.nn.conv2d(resized_image, weights["Conv2d_0/weights"], 2, "SAME")
    images = batch_norm_relu6(images, weights, "Conv2d_0")
    for number, stride in enumerate(DEPTHWISE_STRIDES, start=1):
        images = separable_block(images, weights, number, stride)
    pooled = tf.nn.avg_pool2d(images, 7, 1, "VALID")
    return BottleneckGraph(resized_image, tf.squeeze(pooled, [1, 2], name="bottleneck"))


def add_decoding() -> DecodingGraph:
    """Add JPEG decoding, bilinear resizing as TensorFlow 1 does it (no antialias), and scaling to [-1, 1]."""
    image_bytes = v1.placeholder(tf.string, name="DecodeJPGInput")
    pixels = tf.cast(tf.io.decode_jpeg(image_bytes, channels=3), tf.float32)
    resized = v1.image.resize_bilinear(tf.expand_dims(pixels, 0), [IMAGE_SIZE, IMAGE_SIZE])
    return DecodingGraph(image_bytes, (resized - PIXEL_MEAN) * (1.0 / PIXEL_MEAN))


def add_variable_summaries(variable: tf.Tensor) -> None:
    """Log mean, standard deviation, extremes and histogram of a variable, as the old script does at each step."""
    with v1.name_scope("summaries"):
        mean = tf.reduce_mean(variable)
        v1.summary.scalar("mean", mean)
        v1.summary.scalar("stddev", tf.sqrt(tf.reduce_mean(tf.square(variable - mean))))
        v1.summary.scalar("max", tf.reduce_max(variable))
        v1.summary.scalar("min", tf.reduce_min(variable))
        v1.summary.histogram("histogram", variable)


def add_dense_layer(features: tf.Tensor, num_classes: int) -> tf.Tensor:
    """Add one dense layer, weights from a truncated normal (0.001), biases zero; returns logits [n, classes]."""
    with v1.name_scope("final_retrain_ops"):
        initial_weights = tf.random.truncated_normal([FEATURE_DIM, num_classes], stddev=0.001)
        weights = v1.Variable(initial_weights, name="final_weights")
        biases = v1.Variable(tf.zeros([num_classes]), name="final_biases")
        for variable in (weights, biases):
            add_variable_summaries(variable)
        logits = tf.matmul(features, weights) + biases
        v1.summary.histogram("pre_activations", logits)
    return logits


def add_head(bottleneck: tf.Tensor, num_classes: int, learning_rate: float) -> HeadGraph:
    """Add the new last layer with softmax cross-entropy and plain gradient descent."""
    features = v1.placeholder_with_default(bottleneck, [None, FEATURE_DIM], name="BottleneckInputPlaceholder")
    ground_truth = v1.placeholder(tf.int64, [None], name="GroundTruthInput")
    logits = add_dense_layer(features, num_classes)
    final_tensor = tf.nn.softmax(logits, name="final_result")
    v1.summary.histogram("activations", final_tensor)
    cross_entropy = v1.losses.sparse_softmax_cross_entropy(labels=ground_truth, logits=logits)
    v1.summary.scalar("cross_entropy", cross_entropy)
    train_step = v1.train.GradientDescentOptimizer(learning_rate).minimize(cross_entropy)
    return HeadGraph(features, ground_truth, train_step, cross_entropy, final_tensor)


def add_accuracy(head: HeadGraph) -> tf.Tensor:
    """Add the share of pictures whose most probable class is the true one, in [0, 1]."""
    correct = tf.equal(tf.argmax(head.final_tensor, 1), head.ground_truth)
    accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
    v1.summary.scalar("accuracy", accuracy)
    return accuracy
