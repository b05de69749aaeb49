"""Reading picture files of every kind and condition: a picture, or an `ImageError` with the reason."""

import io
import os
import stat
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .errors import ImageError

MAX_IMAGE_BYTES = 200_000_000  # of the file
MAX_IMAGE_PIXELS = 150_000_000  # width x height; the largest phone cameras make 108 and 200 million
IMAGE_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF")
HEIC_BRANDS = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypheim", b"ftypmif1", b"ftypmsf1")  # in bytes 4 to 12
LARGEST_FLOAT = 3.4e38  # stands for infinity in pictures of floats

# Pillow warns from 89 million pixels on, and of damaged notes; here the limits above decide. Appended: a filter of the
# program that uses this library counts more.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, append=True)
warnings.filterwarnings("ignore", module=r"PIL\.", append=True)


def _guess_content(data: bytes) -> str:
    """Say what a file that is no picture probably is, from its first bytes."""
    start = data[:64].lstrip().lower()
    if data[4:12] in HEIC_BRANDS:
        return 'a HEIC photo, which needs pillow-heif: pip install "imgclass_course[course]", or export it as JPEG'
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<svg")):
        return "a web page or SVG drawing"
    if start.startswith(b"%pdf"):
        return "a PDF document"
    try:
        data[:512].decode("ascii")
    except UnicodeDecodeError:
        return "an unknown or damaged format"
    return "text"


def _formats(data: bytes) -> tuple[str, ...]:
    """Return the formats to try; HEIC only for what says so, since its reader costs time to import."""
    if data[4:12] not in HEIC_BRANDS:
        return IMAGE_FORMATS
    try:
        import pillow_heif
    except ImportError:
        return IMAGE_FORMATS
    pillow_heif.register_heif_opener()
    return (*IMAGE_FORMATS, "HEIF")


def open_image(data: bytes) -> Image.Image:
    """Open a picture file's bytes without decoding its pixels. Raises `ImageError` with the reason."""
    if len(data) == 0:
        raise ImageError("the file is empty")
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageError(f"the file has {len(data):,} bytes; the limit is {MAX_IMAGE_BYTES:,}")
    try:
        image = Image.open(io.BytesIO(data), formats=_formats(data))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # the warning, where a program made it one
        raise ImageError(f"the picture has more than {MAX_IMAGE_PIXELS:,} pixels") from None
    except Exception:  # Pillow's readers raise many kinds; each means that this is no picture
        raise ImageError(f"not a picture but {_guess_content(data)}") from None
    if image.width * image.height > MAX_IMAGE_PIXELS:
        raise ImageError(
            f"the picture has {image.width} x {image.height} pixels; the limit is {MAX_IMAGE_PIXELS:,} in all"
        )
    return image


def _grey_to_bytes(image: Image.Image) -> Image.Image:
    """Bring a grey picture of more than 8 bits to 8."""
    values = np.nan_to_num(np.asarray(image, np.float64), posinf=LARGEST_FLOAT, neginf=-LARGEST_FLOAT)
    if image.mode.startswith("I;16"):
        values = values / 257  # 65535 becomes 255
    elif values.max() > values.min():
        values = (values - values.min()) / (values.max() - values.min()) * 255
    return Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))


def to_rgb(image: Image.Image) -> Image.Image:
    """Bring a decoded picture of any mode to RGB; what is transparent becomes white."""
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode.startswith(("I", "F")):
        image = _grey_to_bytes(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def squash(image: Image.Image, size: int) -> np.ndarray:
    """Return a picture as the square [size, size, 3] uint8 that a network wants: bilinear with antialiasing."""
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def read_bytes(path: str | os.PathLike) -> bytes:
    """Return a file's bytes; a pipe or device is not waited for, and a huge file not read."""
    state = os.stat(path)
    if stat.S_ISDIR(state.st_mode):
        raise ImageError("a folder, not a picture")
    if not stat.S_ISREG(state.st_mode):
        raise ImageError("not a file but a device or pipe")
    if state.st_size > MAX_IMAGE_BYTES:
        raise ImageError(f"the file has {state.st_size:,} bytes; the limit is {MAX_IMAGE_BYTES:,}")
    return Path(path).read_bytes()


def decode(data: bytes, size: int | None = None) -> Image.Image:
    """Decode a picture file's bytes to RGB and turn it the right way up. Raises `ImageError`.

    `size` is the side in pixels that it is wanted at; a JPEG much larger than that is decoded at a reduced scale.
    """
    image = open_image(data)
    try:
        if size is not None:
            image.draft("RGB", (2 * size, 2 * size))
        image.load()  # of an animation: its first frame
    except Exception as error:  # any kind of error means a damaged file
        raise ImageError(f"the picture is cut short or damaged ({error})") from None
    return to_rgb(upright(image))


def upright(image: Image.Image) -> Image.Image:
    """Turn a picture the way that its notes (EXIF) say."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged notes on an undamaged picture: nothing says that it is rotated
        return image


def read_image(source: bytes | str | os.PathLike) -> np.ndarray:
    """Read a picture, from its bytes or path, at its own size: [height, width, 3] uint8, RGB.

    Raises `ImageError` with the reason, or `OSError` where there is no such file.
    """
    return np.array(decode(source if isinstance(source, bytes) else read_bytes(source)))


def load_image(source: bytes | str | os.PathLike | np.ndarray, size: int) -> np.ndarray:
    """Read a picture and squash it to [size, size, 3] uint8, RGB; for training and prediction alike.

    `source` is bytes, a path, or pixels [height, width, 3] (or [height, width], or with 4 channels) uint8. Raises as
    `read_image` does.
    """
    if isinstance(source, np.ndarray):
        return squash(pixels_to_rgb(source), size)
    return squash(decode(source if isinstance(source, bytes) else read_bytes(source), size), size)


def pixels_to_rgb(pixels: np.ndarray) -> Image.Image:
    """Bring pixels uint8 [height, width], or [height, width, 1, 3 or 4], to RGB. Raises `ImageError` for others."""
    if pixels.dtype != np.uint8:
        raise ImageError(f"pixels of type {pixels.dtype}, not bytes (uint8): was this picture scaled already?")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.size == 0 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))):
        raise ImageError(f"an array of shape {list(pixels.shape)}, not pixels [height, width, 3]")
    return to_rgb(Image.fromarray(pixels))
