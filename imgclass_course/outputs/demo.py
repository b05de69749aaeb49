"""A page on this machine for trying a classifier: drop a picture, see what it is taken for.

Gradio draws and serves the page; it comes with the extra `demo`: pip install "imgclass_course[demo]".
"""

import os
import tempfile
from types import ModuleType
from typing import TYPE_CHECKING

import click
import numpy as np
from PIL import Image

from ..classifiers import Classifier
from ..foundation.errors import DemoError, ImageError
from ..foundation.picture_files import MAX_IMAGE_BYTES, read_image

if TYPE_CHECKING:
    import gradio

SHOWN_CLASSES = 5
SHOWN_SIZE = 640  # pixels of the longer side of the picture on the page
HOST = "127.0.0.1"  # this machine alone
Shown = tuple["np.ndarray | None", "dict[str, float] | None", str]


def import_gradio() -> ModuleType:
    """Import Gradio so that it sends nothing anywhere. Raises `DemoError` where it is not installed."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import gradio
    except ImportError as error:
        raise DemoError('The page needs Gradio: pip install "imgclass_course[demo]".') from error
    return gradio


def shrink(image: np.ndarray) -> np.ndarray:
    """Return a picture [height, width, 3] uint8 with at most `SHOWN_SIZE` pixels on its longer side."""
    small = Image.fromarray(image)
    small.thumbnail((SHOWN_SIZE, SHOWN_SIZE))
    return np.asarray(small)


def answer(classifier: Classifier, path: str | None) -> Shown:
    """The picture in a dropped file, the probability of each class, and what is wrong with it, if anything is."""
    if path is None:
        return None, None, ""
    try:
        image, named = read_image(path), classifier.predict(path)
        if named.problem:
            raise ImageError(named.problem)
    except ImageError as error:
        return None, None, f"This file cannot be used: {error}. Drop a photo or drawing, such as a JPEG or PNG file."
    except OSError as error:
        return None, None, f"This file cannot be read ({error.strerror}). Drop it once more."
    return shrink(image), dict(named.top(SHOWN_CLASSES)), ""


def build_page(classifier: Classifier) -> "gradio.Blocks":
    """Return the page: a place to drop a file, the picture in it, and the classes as bars."""
    gradio = import_gradio()
    with gradio.Blocks(title="Try the classifier", analytics_enabled=False) as page:
        gradio.Markdown(
            f"# Try the classifier\nIt knows {len(classifier.classes_)} classes. Nothing leaves this machine."
        )
        with gradio.Row():
            with gradio.Column():
                dropped = gradio.File(label="Drop a picture", height=160, elem_id="dropped")
                message = gradio.Markdown(elem_id="message")
                shown = gradio.Image(label="The picture", interactive=False, buttons=[], elem_id="shown")
            named = gradio.Label(label="Probability of each class", num_top_classes=SHOWN_CLASSES, elem_id="named")
        dropped.change(lambda path: answer(classifier, path), dropped, [shown, named, message])
    return page


def serve(classifier: Classifier, port: int | None = None, open_browser: bool = True) -> None:
    """Serve the page on this machine alone, until Ctrl+C. Raises `OSError` where the port is taken.

    What is dropped is kept in a folder of its own, which goes when the server ends.
    """
    with tempfile.TemporaryDirectory(prefix="imgclass_demo_") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        page = build_page(classifier)
        _, address, _ = page.launch(
            server_name=HOST,
            server_port=port,
            inbrowser=open_browser,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            footer_links=[],
            max_file_size=MAX_IMAGE_BYTES,
        )
        click.echo(f"The page is at {address} (Ctrl+C ends it)")
        page.block_thread()
