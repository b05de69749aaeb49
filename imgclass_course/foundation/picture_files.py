"""Reading picture files of every kind and condition: a picture, or an `ImageError` with the reason."""

import io
import os
import stat
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from .errors import ImageError

MAX_IMAGE_BYTES = 200_000_000  # of the file
MAX_IMAGE_PIXELS = 150_000_000  # width x height; the largest phone cameras make 108 and 200 million
IMAGE_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF")
HEIC_BRANDS = tuple(b"ftyp" + brand for brand in b"heic heix heim heis hevc hevx mif1 msf1".split())  # bytes 4 to 12
LARGEST_FLOAT = 3.4e38  # stands for infinity in pictures of floats
TURNS = {  # what an orientation in a photo's notes (EXIF) asks for; 1 is upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow warns from 89 million pixels on, and of damaged notes; here the limits above decide. Appended: a filter of the
# program that uses this library counts more.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, append=True)
warnings.filterwarnings("ignore", module=r"PIL\.", append=True)


def _can_read_heic() -> bool:
    """Return whether pillow-heif is installed; if so, Pillow reads HEIC photos from now on."""
    try:
        import pillow_heif
    except ImportError:
        return False
    if "HEIF" not in Image.OPEN:
        pillow_heif.register_heif_opener()
    return True


def _guess_content(data: bytes) -> str:
    """Say what a file that is no picture probably is, from its first bytes."""
    start = data[:64].lstrip().lower()
    if data[4:12] in HEIC_BRANDS:
        needed = "which needs pillow-heif (pip install pillow-heif); or export it as JPEG"
        return "a damaged HEIC photo" if _can_read_heic() else f"a HEIC photo, {needed}"
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
    return (*IMAGE_FORMATS, "HEIF") if data[4:12] in HEIC_BRANDS and _can_read_heic() else IMAGE_FORMATS


def open_image(data: bytes) -> Image.Image:
    """Open a picture file's bytes without decoding its pixels. Raises `ImageError` with the reason."""
    if len(data) == 0:
        raise ImageError("the file is empty")
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageError(f"the file has {len(data):,} bytes; the limit is {MAX_IMAGE_BYTES:,}")
    try:
        image = Image.open(io.BytesIO(data), formats=_formats(data))
    except Image.DecompressionBombError:
        raise ImageError(f"the picture has more than {MAX_IMAGE_PIXELS:,} pixels") from None
    except Image.DecompressionBombWarning as warning:  # where the program that uses this library made it an error
        raise ImageError(f"the picture has too many pixels ({warning})") from None
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


def crop(image: Image.Image, size: int) -> np.ndarray:
    """Return the square in the middle of a picture, as [size, size, 3] uint8, as Teachable Machine takes it: Lanczos."""
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS))


# How a decoded picture becomes a square. Networks are trained on one of them, and answer worse to the other.
SQUASH, CROP = "squash", "crop"
PREPARATIONS: dict[str, Callable[[Image.Image, int], np.ndarray]] = {SQUASH: squash, CROP: crop}


def read_bytes(path: str | os.PathLike) -> bytes:
    """Return a file's bytes; a pipe or device is not waited for, and a huge file not read.

    Raises `ImageError`, or the `OSError` of a file that is not there or may not be read.
    """
    try:
        state = os.stat(path)
    except ValueError as error:  # a null character, or half of a character
        raise ImageError(f"no file can have this name ({error})") from None
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
    """Turn a decoded picture the way that its notes (EXIF) say; the picture that is given stays as it is.

    Pillow's `exif_transpose` would also write the notes anew, and fails where they are damaged.
    """
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged notes on an undamaged picture: nothing says that it is rotated
        return image
    return image if turn is None else image.transpose(turn)


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
        hint = "was this picture scaled already?" if pixels.dtype.kind == "f" else "give values from 0 to 255"
        raise ImageError(f"pixels of type {pixels.dtype}, not bytes (uint8): {hint}")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.size == 0 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))):
        raise ImageError(f"an array of shape {list(pixels.shape)}, not pixels [height, width, 3]")
    return to_rgb(Image.fromarray(pixels))
