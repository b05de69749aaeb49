"""One way in for pictures of every kind: a path or an address, bytes, an open file, a PIL picture, an array, or many of these."""

import hashlib
import io
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from .errors import DatasetError, FileChangedError, ImageError
from .files import printable
from .picture_files import MAX_IMAGE_BYTES, PREPARATIONS, SQUASH, decode, pixels_to_rgb, read_bytes, to_rgb, upright
from .remote_files import is_address, read_address

PictureSource = str | os.PathLike | bytes | bytearray | memoryview | IO[bytes] | Image.Image | np.ndarray
Pictures = PictureSource | Iterable[PictureSource]
CHANNELS = (1, 3, 4)  # grey, RGB, RGB with transparency
_one_reader = threading.RLock()  # an open file has one position, and a PIL picture is decoded in place


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that can be read when it is needed, and its name for people."""

    source: Any  # what was given: one of `PictureSource`, text being a path or an address such as s3://bucket/cat.jpg; anything else is an `ImageError` when it is read
    name: str  # a printable path, or "picture 3"
    _kept: list[bytes] = field(default_factory=list, init=False, repr=False)  # read where it can be read only once

    def content(self) -> bytes | Image.Image:
        """Return a file's bytes, or a picture's pixels, RGB and upright. Raises `ImageError` or `OSError`."""
        source = self.source
        if is_address(source):
            return read_address(source)
        if isinstance(source, str | os.PathLike):
            return read_bytes(source)
        if isinstance(source, bytes | bytearray | memoryview):
            return bytes(source)
        if isinstance(source, Image.Image):
            return to_rgb(upright(_decoded(source)))
        if hasattr(source, "read"):
            return self._read_file_object()
        if hasattr(source, "__array__"):  # of NumPy, TensorFlow, PyTorch, ...
            return pixels_to_rgb(_as_array(source))
        raise ImageError(f"a {type(source).__name__}, not a path, bytes, a file, a PIL picture or an array of pixels")

    def _read_file_object(self) -> bytes:
        """Read an open file from its start; what cannot be wound back is read once and kept."""
        with _one_reader:
            if _can_be_wound_back(self.source):
                return _read_open_file(self.source)
            if not self._kept:
                self._kept.append(_read_open_file(self.source))
            return self._kept[0]

    def digest(self) -> str:
        """Return the SHA-256 of the file's bytes, or of the pixels and their shape. Raises as `content` does."""
        return content_digest(self.content())

    def load(self, size: int, digest: str | None = None, preparation: str = SQUASH) -> np.ndarray:
        """Return the picture as [size, size, 3] uint8, RGB. Raises `ImageError` or `OSError`.

        `preparation` is one of `PREPARATIONS`; only one that squashes may decode a large JPEG at a reduced scale. With a `digest`, content that has another one is refused: it is not the picture that was listed.
        """
        content = self.content()
        if digest is not None and content_digest(content) != digest:
            raise FileChangedError("the file changed while it was in use; the next run takes it as it is now")
        scale = size if preparation == SQUASH else None
        return PREPARATIONS[preparation](decode(content, scale) if isinstance(content, bytes) else content, size)

    def image(self, size: int | None = None) -> Image.Image:
        """Return a copy of the picture, RGB; with a `size`, perhaps smaller than it is, but not than twice the size.

        Raises `ImageError` or `OSError`.
        """
        content = self.content()
        return decode(content, size) if isinstance(content, bytes) else content.copy()

    def pixels(self) -> np.ndarray:
        """Return the picture at its own size: [height, width, 3] uint8, RGB. Raises `ImageError` or `OSError`."""
        return np.array(self.image())

    def problem(self) -> str:
        """Return why the picture cannot be decoded, or nothing."""
        try:
            content = self.content()
            if isinstance(content, bytes):
                decode(content)
        except (ImageError, OSError) as error:
            return reason(error)
        return ""


def reason(error: ImageError | OSError) -> str:
    """Return in words why a picture cannot be read."""
    return f"the file cannot be read ({error.strerror})" if isinstance(error, OSError) else str(error)


def _can_be_wound_back(file: IO[bytes]) -> bool:
    seekable = getattr(file, "seekable", None)
    return bool(seekable and not getattr(file, "closed", False) and seekable())


def _read_open_file(file: IO[bytes]) -> bytes:
    """Read an open file, from its start where it can be wound back, and not much more than a picture file may have."""
    if isinstance(file, io.TextIOBase):
        raise ImageError('a file opened as text; open it with mode "rb"')
    try:
        if _can_be_wound_back(file):
            file.seek(0)
        data = file.read(MAX_IMAGE_BYTES + 1)
    except (OSError, ValueError) as error:  # also where it is closed, or open for writing
        raise ImageError(f"the file cannot be read ({error})") from None
    if not isinstance(data, bytes):
        raise ImageError(f"reading the file gives a {type(data).__name__}, not bytes")
    return data


def _decoded(image: Image.Image) -> Image.Image:
    """Decode a PIL picture, which puts that off. Raises `ImageError`."""
    try:
        with _one_reader:
            image.load()
    except Exception as error:  # its file may be damaged, or closed
        raise ImageError(f"the picture is cut short or damaged ({error})") from None
    return image


def _as_array(source: object) -> np.ndarray:
    try:
        return np.asarray(source)
    except Exception as error:  # on another device, or part of a computation that is recorded
        raise ImageError(f"a {type(source).__name__} that cannot be turned into a NumPy array ({error})") from None


def content_digest(content: bytes | Image.Image) -> str:
    """Return the SHA-256, hexadecimal, of a file's bytes, or of RGB pixels together with their shape."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha256(f"{content.mode} {content.size} ".encode() + content.tobytes()).hexdigest()


def _is_array(given: Any) -> bool:
    """Return whether this is an array of pixels, and not a column, a PIL picture or an array of paths."""
    if not hasattr(given, "__array__") or not hasattr(given, "ndim") or hasattr(given, "iloc"):
        return False
    return getattr(given.dtype, "kind", "") not in ("O", "U", "S", "T") or given.ndim == 0


def is_one_picture(given: Any) -> bool:
    """Return whether this is one picture, and not several.

    Text is a path. An array [height, width] or [height, width, 1, 3 or 4] is one picture; [n, height, width, channels]
    and [n, height, width] are several.
    """
    if _is_array(given):
        return given.ndim < 3 or (given.ndim == 3 and given.shape[2] in CHANNELS)
    single = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image)
    return isinstance(given, single) or hasattr(given, "read") or not isinstance(given, Iterable)


def as_pictures(given: Any) -> Iterator[Picture]:
    """Yield a `Picture` for each picture in what was given: one, or a list, generator, column or array of several.

    Of a table it is the column `path`; a table without one is a `DatasetError`. Nothing is read yet.
    """
    if hasattr(given, "columns"):
        if "path" not in given.columns:
            raise DatasetError(f"The table has no column path; it has {', '.join(map(str, given.columns))}.")
        given = given["path"]
    for number, source in enumerate([given] if is_one_picture(given) else given, start=1):
        if isinstance(source, Picture):
            yield source
        else:
            named = isinstance(source, str | os.PathLike)
            path = Path(source) if named and not is_address(source) else source
            yield Picture(path, printable(source) if named else f"picture {number}")
