"""What is inside a network, as pictures."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

ZERO = 127.5  # what a weight of 0 becomes


def filter_images(model: "keras.Model") -> list[np.ndarray]:
    """Return the filters of the first convolution as pictures, each stretched to its largest weight.

    They are uint8 [height, width] where the convolution sees 1 channel, [height, width, 3] where it sees 3; 128 is the
    weight 0. Raises `ValueError` for other numbers of channels, and for a model without a convolution.
    """
    from keras import layers

    kernels = [layer.kernel for layer in model.layers if isinstance(layer, layers.Conv2D)]
    if not kernels or kernels[0].shape[2] not in (1, 3):
        raise ValueError("Only filters over 1 channel (grey) or 3 (colours) can be shown as pictures.")
    filters = np.moveaxis(np.asarray(kernels[0]), -1, 0)
    largest = np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
    images = np.round(ZERO + ZERO * filters / np.maximum(largest, 1e-12)).astype(np.uint8)
    return [image[:, :, 0] if image.shape[2] == 1 else image for image in images]
