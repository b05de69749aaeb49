"""The network that comes with the package: MobileNet's weights, and the names of ImageNet's classes."""

from functools import cache

import numpy as np

from .files import assets_folder

EMBEDDED = "mobilenet_v1_100_224"  # the backbone that needs no network connection


@cache
def imagenet_labels() -> list[str]:
    """Return the 1,000 class names of ImageNet, in the order of the network's outputs."""
    lines = (assets_folder() / "imagenet_labels.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[1] for line in lines]


@cache
def embedded_weights() -> dict[str, np.ndarray]:
    """Return the weights of MobileNet v1 1.0 224, float32, by layer name; where they come from stands in README.md."""
    with np.load(assets_folder() / f"{EMBEDDED}_imagenet.npz", allow_pickle=False) as arrays:
        return {name: arrays[name].astype(np.float32) for name in arrays.files}
