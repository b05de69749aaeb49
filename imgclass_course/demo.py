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
HOST = "127.0.0.1"  # this machine alone


class DemoError(CourseError):
    """A page that cannot be served."""
