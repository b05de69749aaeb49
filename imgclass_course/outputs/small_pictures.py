"""Small copies of pictures, for pages."""

import io

from ..foundation.errors import ImageError
from ..foundation.pictures import Picture


def small_jpeg(picture: Picture, size: int) -> bytes:
    """Return a picture as a JPEG whose longer side has at most `size` pixels, empty where it cannot be read (any more)."""
    try:
        image = picture.image(size)
    except (ImageError, OSError):
        return b""
    image.thumbnail((size, size))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
