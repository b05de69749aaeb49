"""A classifier as a page that needs no server, no network and no Python: one HTML file, opened by a double click.

It holds the classifier's own LiteRT file and LiteRT for browsers (compiled to WebAssembly; see assets/README.md), so that the
browser computes what this library computes. Pictures become squares as Pillow makes them, written anew in JavaScript. The
page's policy lets it run its own scripts alone and fetch nothing from anywhere.
"""

import base64
import gzip
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..foundation.errors import ExportError
from ..foundation.files import assets_folder, printable, write_text_whole
from ..foundation.litert import name_ends
from ..foundation.picture_files import MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS
from ..foundation.runners import LiteRTRunner
from .classifier_files import load_classifier
from .exports import export_classifier
from .saved_classifier import SavedClassifier

PAGE = "index.html"  # what a server shows of a folder, too
SHOWN_CLASSES = 5
SCRIPTS = {"LITERT": "litert_web.js", "CLASSIFIER": "web_classifier.js", "PAGE": "web_page.js"}
STYLE = "web_page.css"
PLACE = re.compile("%([A-Z]+)%")


def export_web_page(
    classifier_folder: str | os.PathLike,
    folder: str | os.PathLike,
    precision: str = "float32",  # one of exports.PRECISIONS
    **options: Any,  # pictures, accept_loss and the split, as `export_classifier` takes them, for smaller precisions
) -> Path:
    """Write a classifier into a folder as a page that runs it in the browser; return the page, `index.html`.

    The page is one file: it can be opened where it lies, sent to somebody, or served as it is. It holds the classifier's own
    LiteRT file or, in a smaller precision, one that was compared with it. Raises `ClassifierError` for a folder that holds no
    classifier, or one that LiteRT cannot run, `ExportError` where `folder` is a file or the smaller file answers otherwise,
    and the `OSError` of what cannot be written.
    """
    folder = Path(folder)
    if folder.is_file():
        raise ExportError(f"{printable(folder)} is a file: name a folder for the page.")
    classifier = load_classifier(classifier_folder)
    if precision != "float32":
        classifier = _in_precision(classifier, precision, options)
    return write_text_whole(folder / PAGE, build_web_page(classifier))


def _in_precision(classifier: SavedClassifier, precision: str, options: dict[str, Any]) -> SavedClassifier:
    """Return the classifier with smaller numbers, if it answers well enough. Raises `ExportError`."""
    with tempfile.TemporaryDirectory() as folder:
        exported = export_classifier(classifier, folder, precision=precision, **options)
        return replace(classifier, runner=LiteRTRunner(exported.path.read_bytes()))


def build_web_page(classifier: SavedClassifier) -> str:
    """Return the page's HTML."""
    assets = assets_folder()
    scripts = {place: (assets / name).read_text(encoding="utf-8") for place, name in SCRIPTS.items()}
    style = (assets / STYLE).read_text(encoding="utf-8")
    known = b"" if classifier.known is None else classifier.known.vectors.astype("<f2").tobytes()
    parts = {
        "POLICY": _policy(scripts.values(), style),
        "STYLE": style,
        "ABOUT": _json_in_html(_describe(classifier)),
        "MODEL": _packed(name_ends(classifier.litert_runner.model)),
        "KNOWN": _packed(known),
        "RUNTIME": _base64((assets / "litert_web.wasm.gz").read_bytes()),
        **scripts,
    }
    template = (assets / "web_page.html").read_text(encoding="utf-8")
    return PLACE.sub(lambda found: parts[found[1]], template)  # at once: what is filled in is not looked at again


def _describe(classifier: SavedClassifier) -> dict[str, Any]:
    """Return what the page's scripts have to know."""
    return {
        "classes": list(classifier.classes_),
        "sizes": list(classifier.image_sizes),
        "preparation": classifier.preparation,
        "threshold": None if classifier.known is None else classifier.known.threshold,
        "shown_classes": SHOWN_CLASSES,
        "most_bytes": MAX_IMAGE_BYTES,
        "most_pixels": MAX_IMAGE_PIXELS,
    }


def _json_in_html(found: dict[str, Any]) -> str:
    """Return JSON in which nothing ends the element that holds it: names of classes come from strangers."""
    return json.dumps(found).replace("<", r"\u003c")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _packed(data: bytes) -> str:
    return _base64(gzip.compress(data, mtime=0))


def _policy(scripts: Iterable[str], style: str) -> str:
    """Return what the page may do: run its own scripts and WebAssembly, show its own pictures, and nothing else."""
    allowed = " ".join(_hash_source(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed} 'wasm-unsafe-eval'; style-src {_hash_source(style)}; img-src blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash_source(text: str) -> str:
    """Return how a policy names a script or style that stands in the page."""
    return f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'"
