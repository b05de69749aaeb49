"""A small convolutional network trained from scratch: what transfer learning is compared with on few pictures.

The settings were chosen to help this network: on a few hundred drawings it was weaker with batch norm, with global
pooling in place of a flat last layer, and at 96 pixels; shifted and mirrored pictures help it.
"""

import keras
import numpy as np

IMAGE_SIZE = 64  # pixels
EPOCHS = 60
BATCH_SIZE = 32
LEARNING_RATE = 0.001
DROPOUT_RATE = 0.5
WHITE = 1.0  # the drawings' background


def small_network(num_classes: int) -> keras.Model:
    """Three convolutions with pooling and a dense layer: float32 [n, 64, 64, 3] in [0, 1] to logits [n, classes]."""
    layers = keras.layers
    shift = layers.RandomTranslation(0.1, 0.1, fill_mode="constant", fill_value=WHITE)
    blocks = [
        layer
        for filters in (32, 64, 128)
        for layer in (layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D())
    ]
    head = [layers.Flatten(), layers.Dropout(DROPOUT_RATE), layers.Dense(num_classes)]
    inputs = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    return keras.Sequential([inputs, layers.RandomFlip("horizontal"), shift, *blocks, *head])


def train_and_predict(
    train_images: np.ndarray, train_labels: np.ndarray, test_images: np.ndarray, seed: int
) -> np.ndarray:
    """Train the small network and return the predicted class indices of the test pictures."""
    keras.utils.set_random_seed(seed)
    model = small_network(int(train_labels.max()) + 1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(LEARNING_RATE), loss)
    model.fit(train_images, train_labels, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
    return model.predict(test_images, verbose=0).argmax(axis=1)
