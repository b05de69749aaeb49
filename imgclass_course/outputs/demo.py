"""A page on this machine for trying a classifier: drop a picture, or take one, and see what it is taken for.

Gradio draws and serves the page; it comes with the extra `demo`: pip install "imgclass_course[demo]".
"""

import os
import tempfile
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, cast

import click
import numpy as np
from PIL import Image

from ..classifiers import Classifier
from ..foundation.errors import DemoError, ImageError
from ..foundation.picture_files import MAX_IMAGE_BYTES, read_image
from ..foundation.pictures import as_pictures
from .saved_classifier import SavedClassifier
from .spotlight import looked_at

if TYPE_CHECKING:
    import gradio

SHOWN_CLASSES = 5
SHOWN_SIZE = 640  # pixels of the longer side of the picture on the page
HOST = "127.0.0.1"  # this machine alone
# Whether the browser has a camera: it tells without asking for leave. Gradio is silent about one that cannot be opened, so the
# page says it itself.
LOOK_FOR_CAMERA = """async () => {
    const media = navigator.mediaDevices;
    if (!media) return [false]; // the browser does not trust the page's address
    const open = media.getUserMedia.bind(media);
    const say = (words) => { document.getElementById("camera_problem").textContent = words; };
    media.getUserMedia = async (wanted) => {
        say("");
        try {
            return await open(wanted);
        } catch (error) {
            const refused = error.name === "NotAllowedError";
            const why = refused ? "may not be used: allow it for this page in the browser" : `cannot be used (${error.message})`;
            say(`The camera ${why}, or drop a picture.`);
            throw error;
        }
    };
    return [(await media.enumerateDevices()).some((device) => device.kind === "videoinput")];
}"""
STRANGE = "**Perhaps none of these**: this picture is unlike all that it was trained on. Its classes are a guess."


class Shown(NamedTuple):
    """What the page shows of a dropped file."""

    picture: np.ndarray | None = None  # [height, width, 3] uint8
    bright: np.ndarray | None = (
        None  # the same, as bright as each place spoke for the likeliest class, if that is known
    )
    named: dict[str, float] | None = None  # the likeliest classes with their probabilities
    message: str = ""  # what is wrong with the file, or strange about the picture


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
    """Return what the page shows of a dropped file; of none, nothing."""
    if path is None:
        return Shown()
    try:
        image, named = read_image(path), classifier.predict(path)
        if named.problem:
            raise ImageError(named.problem)
        bright = _bright(classifier, path, str(named))
    except ImageError as error:
        return Shown(message=f"This file cannot be used: {error}. Drop a photo or drawing, such as a JPEG or PNG file.")
    except OSError as error:
        return Shown(message=f"This file cannot be read ({error.strerror}). Drop it once more.")
    return Shown(shrink(image), bright, dict(named.top(SHOWN_CLASSES)), STRANGE if named.none_of_these else "")


def _says_where(classifier: Classifier) -> bool:
    """Return whether a classifier can say what it looked at."""
    return bool(getattr(classifier, "layers", ()))


def _bright(classifier: Classifier, path: str, label: str) -> np.ndarray | None:
    """Return the picture, as bright as each place spoke for a class; None where the classifier cannot say."""
    if not _says_where(classifier):
        return None
    found = looked_at(cast(SavedClassifier, classifier), next(as_pictures(path)), SHOWN_SIZE, label)
    return None if found is None else np.asarray(found)


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
                camera = _camera(gradio)
                gradio.HTML('<p id="camera_problem" role="alert"></p>')
                message = gradio.Markdown(elem_id="message")
                shown = gradio.Image(label="The picture", interactive=False, buttons=[], elem_id="shown")
            with gradio.Column():
                named = gradio.Label(label="Probability of each class", num_top_classes=SHOWN_CLASSES, elem_id="named")
                bright = gradio.Image(
                    label="Bright: what spoke for the first of them",
                    interactive=False,
                    buttons=[],
                    elem_id="bright",
                    visible=_says_where(classifier),
                )
        for given in (dropped, camera):
            given.change(lambda path: answer(classifier, path), given, [shown, bright, named, message])
        has_camera = gradio.Checkbox(visible=False)
        page.load(lambda found: gradio.update(visible=found), has_camera, camera, js=LOOK_FOR_CAMERA)
    return page


def _camera(gradio: ModuleType) -> "gradio.Image":
    """Return the place to take a picture with the camera; it is not seen until the browser says that it has one."""
    return gradio.Image(
        label="Or take one with the camera",
        sources=["webcam"],
        type="filepath",
        format="png",
        height=240,
        buttons=[],
        visible=False,
        elem_id="camera",
        webcam_options=gradio.WebcamOptions(mirror=False, constraints={"video": {"facingMode": "environment"}}),
    )


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
