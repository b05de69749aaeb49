"""What a network has found half-way: activations, pooled into a vector, or whole, to train what comes after them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .foundation.assets import EMBEDDED
from .foundation.errors import BackboneError
from .foundation.keras_layers import cut_before, last_layer_of
from .foundation.runners import Network

if TYPE_CHECKING:
    import keras

AT = "@"  # between a network's name and that of a block, as in mobilenet_v1_100_224@block1


def keras_layers(network: Any, name: str) -> Callable[[int], "keras.Model"]:
    """Return what makes a Keras model of a backbone's network, for pictures of a size in pixels.

    Raises `BackboneError` where it has no layers of Keras.
    """
    if not hasattr(network, "keras_model"):
        raise BackboneError(f"{name} has no Keras layers: use {EMBEDDED} or keras:NAME.")
    return network.keras_model


@dataclass(frozen=True)
class EarlierActivations:
    """A network up to a block or layer: the average and the maximum of each of its maps, side by side.

    Features are more general in early layers and closer to ImageNet in later ones (Yosinski 2014, arXiv:1411.1792).
    """

    network: Any  # of the whole backbone
    name: str  # of the whole backbone
    block: str
    image_size: int  # pixels

    def __call__(self) -> Network:
        """Return it as a function from pixels [n, size, size, 3] float32, 0 to 255, to vectors [n, 2 * channels]."""
        model = self.keras_model(self.image_size)
        return lambda pixels: model(pixels, training=False)

    def keras_model(self, image_size: int) -> "keras.Model":
        """Return the Keras model: [n, size, size, 3] uint8 in, [n, 2 * channels] float32 out.

        Raises `BackboneError` where there is no such layer, or what comes out of it is no map.
        """
        import keras

        model = keras_layers(self.network, self.name)(image_size)
        maps = model.get_layer(last_layer_of(model, self.block)).output
        if len(maps.shape) != 4:
            raise BackboneError(f"{self.name}: what comes out of {self.block} is no map; name a convolution or a block.")
        pools = keras.layers.GlobalAveragePooling2D()(maps), keras.layers.GlobalMaxPooling2D()(maps)
        return keras.Model(model.input, keras.layers.Concatenate()(pools), name=model.name)


@dataclass(frozen=True)
class LowerHalf:
    """A network up to where a block begins: its activations [height * width * channels], in numbers of half the length.

    They are what a training of the layers above needs, and do not change while those learn.
    """

    network: Any  # of the whole backbone
    name: str  # of the whole backbone
    block: str  # the first that is left out
    image_size: int  # pixels
    number_type = "float16"
    title = "Inner activations"

    def __call__(self) -> Network:
        """Return it as a function from pixels [n, size, size, 3] float32, 0 to 255, to activations [n, d]."""
        model = self.keras_model(self.image_size)
        return lambda pixels: model(pixels, training=False)

    def keras_model(self, image_size: int) -> "keras.Model":
        """Return the Keras model: [n, size, size, 3] uint8 in, [n, d] float32 out. Raises `BackboneError`."""
        import keras

        lower = cut_before(keras_layers(self.network, self.name)(image_size), self.block).lower
        return keras.Model(lower.input, keras.layers.Flatten()(lower.output), name=lower.name)
