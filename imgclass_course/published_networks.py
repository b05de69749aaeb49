"""How many weights of well-known networks learn when training starts at a late block: counted by arithmetic, nothing is built.

Weights that training changes are counted: kernels, biases, and of a normalisation its scale and shift.
"""

from collections.abc import Sequence

DENSENETS = {  # growth, first channels, layers of each block (Huang and others 2017, arXiv:1608.06993, table 1)
    "DenseNet121": (32, 64, (6, 12, 24, 16)),
    "DenseNet169": (32, 64, (6, 12, 32, 32)),
    "DenseNet201": (32, 64, (6, 12, 48, 32)),
    "DenseNet161": (48, 96, (6, 12, 36, 24)),
}
DENSENET_ERRORS = {"DenseNet121": 25.02, "DenseNet169": 23.80, "DenseNet201": 22.58, "DenseNet161": 22.20}  # %, top-1
BOTTLENECK = 4  # of a layer of a DenseNet: channels between its two convolutions, times the growth
INCEPTION_C = 2080  # channels that go through the last blocks of InceptionResNetV2


def dense_weights(inputs: int, units: int) -> int:
    """Return the number of weights of a dense layer with biases."""
    return (inputs + 1) * units


def convolution_weights(height: int, width: int, channels: int, filters: int, bias: bool = False) -> int:
    """Return the number of weights of a convolution."""
    return (height * width * channels + bias) * filters


def dense_block(channels: int, growth: int, layers: int) -> tuple[int, int]:
    """Return the number of weights of a dense block of a DenseNet, and of the channels that leave it."""
    weights = 0
    for _ in range(layers):
        inner = BOTTLENECK * growth
        weights += 2 * channels + convolution_weights(1, 1, channels, inner)
        weights += 2 * inner + convolution_weights(3, 3, inner, growth)
        channels += growth
    return weights, channels


def densenet_channels(first: int, growth: int, blocks: Sequence[int]) -> int:
    """Return the channels that enter the last block: each block adds some, and after each but the last half are left."""
    channels = first
    for layers in blocks[:-1]:
        channels = (channels + growth * layers) // 2
    return channels


def densenet_last_block(name: str, classes: int) -> int:
    """Return the weights of a DenseNet's last block, its last normalisation, and a dense layer for so many classes."""
    growth, first, blocks = DENSENETS[name]
    weights, channels = dense_block(densenet_channels(first, growth, blocks), growth, blocks[-1])
    return weights + 2 * channels + dense_weights(channels, classes)


def inception_c_block(filters: int = INCEPTION_C) -> int:
    """Return the weights of a block of the kind Inception-ResNet-C (Szegedy and others 2016, arXiv:1602.07261).

    Its normalisations have a shift and no scale, as in Keras.
    """
    branches = [(1, 1, filters, 192), (1, 1, filters, 192), (1, 3, 192, 224), (3, 1, 224, 256)]
    shifts = sum(branch[-1] for branch in branches)
    return sum(convolution_weights(*branch) for branch in branches) + shifts + dense_weights(192 + 256, filters)


def inception_last_blocks(classes: int, last_convolution: bool = True) -> int:
    """Return the weights of InceptionResNetV2's ten C blocks, its last convolution, and a dense layer for the classes."""
    channels = 1536 if last_convolution else INCEPTION_C
    last = convolution_weights(1, 1, INCEPTION_C, channels) + channels if last_convolution else 0
    return 10 * inception_c_block() + last + dense_weights(channels, classes)


def vgg16_block5() -> int:
    """Return the weights of VGG16's fifth block, three convolutions (Simonyan and Zisserman 2015, arXiv:1409.1556)."""
    return 3 * convolution_weights(3, 3, 512, 512, bias=True)


def vgg16_dense(units: int, classes: int, side: int = 7) -> int:
    """Return the weights of three dense layers on VGG16's last map, of side x side x 512, two of them normalised.

    The first two have so many units each, and the third one for each class.
    """
    layers = [dense_weights(side * side * 512, units), dense_weights(units, units), dense_weights(units, classes)]
    return sum(layers) + 2 * 2 * units
