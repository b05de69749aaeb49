"""One way in for pictures of every kind: a path, bytes, an open file, a PIL picture, an array, or many of these."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from .errors import FileChangedError, ImageError
from .files import printable
from .picture_files import decode, pixels_to_rgb, read_bytes, squash, to_rgb, upright

PictureSource = str | os.PathLike | bytes | bytearray | memoryview | IO[bytes] | Image.Image | np.ndarray
Pictures = PictureSource | Iterable[PictureSource]
CHANNELS = (1, 3, 4)  # grey, RGB, RGB with transparency


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that can be read when it is needed, and its name for people."""

    source: object  # what was given: one of `PictureSource`; anything else is an `ImageError` when it is read
    name: str  # a printable path, or "picture 3"

    def content(self) -> bytes | Image.Image | np.ndarray:
        """Return a file's bytes, a PIL picture or pixels. Raises `ImageError` or `OSError`."""
        source = self.source
        if isinstance(source, str | os.PathLike):
            return read_bytes(source)
        if isinstance(source, bytearray | memoryview):
            return bytes(source)
        if hasattr(source, "read") and not isinstance(source, Image.Image):
            return _read_file_object(source)
        if isinstance(source, Image.Image):
            return _decoded(source)
        if isinstance(source, bytes | np.ndarray):
            return source
        raise ImageError(f"a {type(source).__name__}, not a path, bytes, a file, a PIL picture or an array of pixels")

    def digest(self) -> str:
        """Return the SHA-256 of the file's bytes, or of the pixels and their shape. Raises as `content` does."""
        return content_digest(self.content())

    def load(self, size: int, digest: str | None = None) -> np.ndarray:
        """Return the picture as [size, size, 3] uint8, RGB. Raises `ImageError` or `OSError`.

        With a `digest`, content that has another one is refused: it is not the picture that was listed.
        """
        content = self.content()
        if digest is not None and content_digest(content) != digest:
            raise FileChangedError("the file changed while it was in use; the next run takes it as it is now")
        return squash(_to_rgb(content, size), size)


def _read_file_object(file: IO[bytes]) -> bytes:
    """Read an open file from its start where it can be wound back, so that it can be read more than once."""
    if file.seekable():
        file.seek(0)
    data = file.read()
    if not isinstance(data, bytes):
        raise ImageError('a file opened as text; open it with mode "rb"')
    return data


def _decoded(image: Image.Image) -> Image.Image:
    """Decode a PIL picture, which puts that off, and turn it the right way up."""
    try:
        image.load()
    except Exception as error:  # its file may be damaged, or closed
        raise ImageError(f"the picture is cut short or damaged ({error})") from None
    return upright(image)


def _to_rgb(content: bytes | Image.Image | np.ndarray, size: int) -> Image.Image:
    if isinstance(content, bytes):
        return decode(content, size)
    return pixels_to_rgb(content) if isinstance(content, np.ndarray) else to_rgb(content)


def content_digest(content: bytes | Image.Image | np.ndarray) -> str:
    """Return the SHA-256, hexadecimal, of a file's bytes, or of pixels together with their shape and mode."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    if isinstance(content, Image.Image):
        return hashlib.sha256(f"{content.mode} {content.size} ".encode() + content.tobytes()).hexdigest()
    pixels = np.ascontiguousarray(content)
    return hashlib.sha256(f"{pixels.dtype} {pixels.shape} ".encode() + pixels.tobytes()).hexdigest()


def is_one_picture(given: object) -> bool:
    """Return whether this is one picture, and not several.

    Text is a path. An array [height, width] or [height, width, 1, 3 or 4] is one picture; [n, height, width, channels]
    and [n, height, width] are several.
    """
    if isinstance(given, np.ndarray):
        several = given.ndim > 3 or (given.ndim == 3 and given.shape[2] not in CHANNELS) or given.dtype.kind in "OUS"
        return not several
    single = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image)
    return isinstance(given, single) or hasattr(given, "read") or not isinstance(given, Iterable)


def as_pictures(given: object) -> Iterator[Picture]:
    """Yield a `Picture` for each picture in what was given: one, or a list, generator, column or array of several.

    Of a table it is the column `path`. Nothing is read yet.
    """
    if hasattr(given, "columns"):
        given = given["path"]
    for number, source in enumerate([given] if is_one_picture(given) else given, start=1):
        if isinstance(source, Picture):
            yield source
        else:
            named = isinstance(source, str | os.PathLike)
            yield Picture(Path(source) if named else source, printable(source) if named else f"picture {number}")
