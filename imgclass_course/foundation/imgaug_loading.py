"""imgaug, which comes with the course's extra, and its OpenCV, which does not load on every machine."""

from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from .errors import AugmentationError

NEEDS_IMGAUG = 'Distortions need imgaug: pip install "imgclass_course[course]"'


def load_imgaug() -> ModuleType:
    """Import imgaug, with its augmenters.

    Raises `AugmentationError`, with what to install, where it is not there or where its OpenCV lacks a system library.
    """
    try:
        import imgaug.augmenters
    except ModuleNotFoundError as error:
        raise AugmentationError(f"{NEEDS_IMGAUG} (there is no {error.name}).") from error
    except ImportError as error:
        if ".so" not in str(error):
            raise
        raise AugmentationError(
            f"imgaug needs OpenCV, and the build that is installed does not load here ({error}). Install the one that "
            f"needs no screen: pip install --force-reinstall --no-deps opencv-python-headless{_opencv_version()}"
        ) from error
    return imgaug


def _opencv_version() -> str:
    """Return the requirement of the installed version, such as "==4.12.0.88", or nothing where there is none."""
    for name in ("opencv-python-headless", "opencv-python"):
        try:
            return f"=={version(name)}"
        except PackageNotFoundError:
            continue
    return ""
