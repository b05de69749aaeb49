"""What comes with the package: the weights of two networks, and the names of ImageNet's classes."""

from functools import cache

import numpy as np

from .files import assets_folder

EMBEDDED = "mobilenet_v1_100_224"  # the backbone that is used where none is named
EFFICIENTNET = "efficientnet_lite2_260"  # the other one that needs no network connection


@cache
def imagenet_labels() -> list[str]:
    """Return the 1,000 class names of ImageNet, in the order of the network's outputs."""
    lines = (assets_folder() / "imagenet_labels.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[1] for line in lines]


@cache
def embedded_weights(name: str = EMBEDDED) -> dict[str, np.ndarray]:
    """Return the weights of a network that comes along, float32, by layer name; README.md says where they come from."""
    with np.load(assets_folder() / f"{name}_imagenet.npz", allow_pickle=False) as arrays:
        return {layer: arrays[layer].astype(np.float32) for layer in arrays.files}
