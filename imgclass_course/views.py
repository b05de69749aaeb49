"""What a network is shown of a picture, the picture itself or an augmented view of it, and what its vector depends on."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .backbones import Backbone
from .foundation.errors import FileChangedError
from .foundation.pictures import Picture, reason


class Augmentation(Protocol):
    """Changes a picture [size, size, 3] uint8 as a seed says; equal fingerprints make equal changes."""

    @property
    def fingerprint(self) -> str: ...

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray: ...


@dataclass(frozen=True)
class View:
    """What a network is shown of each picture: the picture itself (number 0), or its k-th augmented view."""

    backbone: Backbone
    number: int = 0
    augmentation: Augmentation | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.backbone.name}, augmented" if self.augmentation else self.backbone.name

    @property
    def fingerprint(self) -> str:
        """What a vector depends on besides the picture's content and the number of the view."""
        if self.augmentation is None:
            return self.backbone.fingerprint
        return f"{self.backbone.fingerprint} {self.augmentation.fingerprint}"

    @property
    def title(self) -> str:
        """What is computed, as the progress bar says it."""
        return getattr(self.backbone.network, "title", "Bottlenecks")

    @property
    def number_type(self) -> str:
        """In which numbers a vector is kept."""
        return getattr(self.backbone.network, "number_type", "float32")

    def read(self, picture: Picture, digest: str) -> np.ndarray:
        """Return the pixels for the network, uint8 [image_size, image_size, 3]: always the same ones.

        Raises `ImageError` for what cannot be read, and for a picture whose content has another digest.
        """
        try:
            image = picture.load(self.backbone.image_size, digest)
        except OSError as error:
            raise FileChangedError(reason(error)) from error
        if self.augmentation is None:
            return image
        seed = int(hashlib.sha256(f"{digest} {self.number}".encode()).hexdigest()[:8], 16)
        return self.augmentation(image, seed)
