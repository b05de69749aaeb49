"""Several pretrained networks whose vectors stand side by side: two that see differently can beat either."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .foundation.errors import BackboneError
from .foundation.runners import Runner

SEPARATOR = "+"  # between the names, as in mobilenet_v1_100_224+efficientnet_lite2_260
LENGTH = 16.0  # of each network's vectors in a joined one, as they have by nature: 12 and 29 on average, of those here
METHOD = f"side by side, each of length {LENGTH}"  # a change of it is a new fingerprint


def join_vectors(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return vectors [n, d1 + d2 + ...] float32 of arrays [n, d1], [n, d2], ..., each row of each brought to one length.

    Otherwise the network with the larger numbers would drown the others. The vectors of one network stay as they are.
    """
    if len(parts) == 1:
        return parts[0]
    lengths = [np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in parts]
    scaled = [vectors * (LENGTH / np.maximum(length, 1e-6)) for vectors, length in zip(parts, lengths, strict=True)]
    return np.concatenate(scaled, axis=1, dtype=np.float32)


@dataclass(frozen=True)
class JoinedBackbone:
    """Networks that each look at a picture in their own size. Their vectors are made, and kept, network by network."""

    parts: tuple[Any, ...]  # each a `Backbone`

    @property
    def name(self) -> str:
        """The names of the networks, joined by a plus."""
        return SEPARATOR.join(part.name for part in self.parts)

    @property
    def image_size(self) -> int:
        """Of the network with the largest pictures, in pixels."""
        return max(part.image_size for part in self.parts)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the networks' fingerprints and the way of joining, hexadecimal."""
        return hashlib.sha256("\0".join([METHOD, *(part.fingerprint for part in self.parts)]).encode()).hexdigest()

    @property
    def feature_dim(self) -> int:
        """The length of the joined vectors."""
        return sum(part.feature_dim for part in self.parts)

    @property
    def network(self) -> Any:
        """Raises `BackboneError`: there is no single one."""
        raise self._refusal()

    def runner(self, device: str | None = None) -> Runner:
        """Raises `BackboneError`: each of the networks has a runner of its own."""
        raise self._refusal()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Raises `BackboneError`: each of the networks wants pictures of its own size."""
        raise self._refusal()

    def model(self, trainable_from: str | None = None) -> Any:
        """Raises `BackboneError`: each of the networks has a Keras model of its own."""
        raise self._refusal()

    def _refusal(self) -> BackboneError:
        return BackboneError(f"{self.name} are {len(self.parts)} networks: this works with one of them (`parts`).")


def join_backbones(names: Sequence[str], load: Callable[[str], Any]) -> JoinedBackbone:
    """Return the networks of these names as one backbone. Raises `BackboneError` for no name, and for one twice."""
    given = SEPARATOR.join(names)
    if not all(name.strip() for name in names):
        raise BackboneError(f"{given!r} joins networks, and one of them has no name.")
    parts = tuple(load(name.strip()) for name in names)
    fingerprints = [part.fingerprint for part in parts]
    if len(set(fingerprints)) < len(parts):
        raise BackboneError(f"{given} names a network twice: its vectors would only be longer.")
    return JoinedBackbone(parts)
