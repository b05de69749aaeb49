"""Which layers of a Keras model learn, and a model cut in two between its layers."""

import difflib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .errors import BackboneError

if TYPE_CHECKING:
    import keras

BLOCK = re.compile(r"block_?(\d+)")
# The last layer of a block, in the networks whose blocks are counted: MobileNet, and EfficientNet-Lite.
BLOCK_ENDS = ("conv_pw_{}_relu", "block_{}_add", "block_{}_project_norm")


class Halves(NamedTuple):
    """A network cut in two: what comes out of the lower half goes into the upper one. They share its layers."""

    lower: "keras.Model"  # what the model takes in, activations [n, ...] out
    upper: "keras.Model"  # activations [n, ...] in, what the model gives out


def _named(model: "keras.Model", name: str) -> str:
    """Return a layer's name. Raises `BackboneError` where there is no such layer."""
    names = [layer.name for layer in model.layers]
    if name not in names:
        some = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[-3:]
        raise BackboneError(f"{model.name} has no layer {name!r}. Some that it has: {', '.join(some)}.")
    return name


def _block_ends(model: "keras.Model") -> dict[int, str]:
    """Return the name of the last layer of each block that is counted, by its number."""
    names = {layer.name for layer in model.layers}
    ends: dict[int, str] = {}
    for number in range(len(names)):
        for pattern in BLOCK_ENDS:
            if pattern.format(number) in names:
                ends.setdefault(number, pattern.format(number))
    return ends


def last_layer_of(model: "keras.Model", block: str) -> str:
    """Return the name of a block's last layer, such as that of block5; or of a layer that is named itself.

    Raises `BackboneError` where there is no such block or layer.
    """
    ends, found = _block_ends(model), BLOCK.fullmatch(block)
    if not (ends and found):
        return _named(model, block)
    if int(found[1]) not in ends:
        raise BackboneError(f"{model.name} has the blocks block{min(ends)} to block{max(ends)}, and no {block}.")
    return ends[int(found[1])]


def first_layer_of(model: "keras.Model", block: str) -> str:
    """Return the name of a block's first layer, such as that of block12; or of a layer that is named itself.

    Raises `BackboneError` where there is no such block or layer.
    """
    ends, found = _block_ends(model), BLOCK.fullmatch(block)
    if not (ends and found):
        return _named(model, block)
    last_layer_of(model, block)  # there is such a block
    names, before = [layer.name for layer in model.layers], ends.get(int(found[1]) - 1)
    stems = ("conv1_relu", "stem_relu")  # what comes before the first block
    start = before or next(name for name in stems if name in names)
    return names[names.index(start) + 1]


def cut_before(model: "keras.Model", block: str) -> Halves:
    """Cut a model in two before a block or layer.

    Raises `BackboneError` where there is none of this name, and where more than one thing would cross the cut.
    """
    import keras

    first = first_layer_of(model, block)
    number = [layer.name for layer in model.layers].index(first)
    crossing = _crossing(model, number)
    if len(crossing) != 1:
        whole = [place for place in range(1, len(model.layers)) if len(_crossing(model, place)) == 1]
        near = sorted(sorted(whole, key=lambda place: abs(place - number))[:2])
        places = " or ".join(model.layers[place].name for place in near)
        raise BackboneError(f"{model.name} cannot be cut before {block}, which lies inside a block: take {places}.")
    return Halves(keras.Model(model.input, crossing[0]), keras.Model(crossing[0], model.output))


def _crossing(model: "keras.Model", number: int) -> list:  # Keras tensors
    """Return what the first `number` layers of a model give to the others."""
    below = {id(layer.output): layer.output for layer in model.layers[:number]}
    taken = [tensor for layer in model.layers[number:] for tensor in _inputs(layer)]
    return [below[key] for key in dict.fromkeys(map(id, taken)) if key in below]


def _inputs(layer: "keras.Layer") -> Sequence:  # of Keras tensors
    return layer.input if isinstance(layer.input, list | tuple) else [layer.input]


def learn_from(model: "keras.Model", first: str | None) -> None:
    """Let the layers from the block or layer called `first` on learn (None: none), batch normalisation never.

    Raises `BackboneError` where there is no such layer.
    """
    import keras

    names = [layer.name for layer in model.layers]
    start = len(names) if first is None else names.index(first_layer_of(model, first))
    for number, layer in enumerate(model.layers):
        layer.trainable = number >= start and not isinstance(layer, keras.layers.BatchNormalization)
