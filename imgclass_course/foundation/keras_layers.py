"""Which layers of a Keras model learn."""

import difflib
from typing import TYPE_CHECKING

from .errors import BackboneError

if TYPE_CHECKING:
    import keras


def learn_from(model: "keras.Model", first: str | None) -> None:
    """Let the layers from the one called `first` on learn (None: none), batch normalisation never.

    Raises `BackboneError` where there is no such layer.
    """
    import keras

    names = [layer.name for layer in model.layers]
    if first is not None and first not in names:
        some = difflib.get_close_matches(first, names, n=3, cutoff=0.4) or names[-3:]
        raise BackboneError(f"{model.name} has no layer {first!r}. Some that it has: {', '.join(some)}.")
    start = len(names) if first is None else names.index(first)
    for number, layer in enumerate(model.layers):
        layer.trainable = number >= start and not isinstance(layer, keras.layers.BatchNormalization)
