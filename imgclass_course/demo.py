"""A page on this machine for trying a classifier: drop a picture, see what it is taken for.

Gradio draws and serves the page; it comes with the extra `demo`: pip install "imgclass_course[demo]".
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from imgclass_course.images import CourseError, ImageError
from imgclass_course.transfer import ImageClassifier

if TYPE_CHECKING:
    import gradio

SHOWN_CLASSES = 5
SHOWN_SIZE = 448  # pixels of each side at most
HOST = "127.0.0.1"  # this machine alone
Answer = tuple["dict[str, float] | None", "str | None", str]


class DemoError(CourseError):
    """A page that cannot be served."""


def _import_gradio() -> "gradio":
    # Nothing is sent anywhere, and no newer version is looked for.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import gradio
    except ImportError as error:
        raise DemoError('The page needs Gradio: pip install "imgclass_course[demo]".') from error
    return gradio


def answer(classifier: ImageClassifier, path: str | None) -> Answer:
    """Probability of each class, the file to show and a message for what was dropped; one of them says what is wrong."""
    if path is None:
        return None, None, ""
    name = Path(path).name
    try:
        [named] = classifier.predict([path], top=SHOWN_CLASSES)
    except ImageError as error:
        return None, None, f"**{name}** cannot be used: {error}."
    except OSError as error:
        return None, None, f"**{name}** cannot be read: {error.strerror}."
    return dict(named), path, ""
