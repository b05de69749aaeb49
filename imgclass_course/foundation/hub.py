"""Names of pretrained networks and the files behind them: TF Hub handles, their cache, and whether a server answers."""

import hashlib
import os
import re
import socket
import tempfile
import threading
import urllib.parse
import urllib.request
from pathlib import Path

from .errors import BackboneError
from .files import printable

GRID = {  # members of the MobileNet family on TF Hub: width in percent, pixels
    "v1": (("025", "050", "075", "100"), ("128", "160", "192", "224")),
    "v2": (("035", "050", "075", "100", "130", "140"), ("096", "128", "160", "192", "224")),
}
OLD_NAME = re.compile(r"mobilenet_(1\.0|0\.75|0\.50|0\.5|0\.25)_(224|192|160|128)")  # as in the workshop's retrain.py
HANDLE_SIZE = re.compile(r"_(\d+)/(?:feature_vector/)?\d+$")  # …_160/feature_vector/5
REACH_SECONDS = 3.0
KERAS_WEIGHTS_SERVER = "https://storage.googleapis.com"


def mobilenet_handles() -> dict[str, str]:
    """Return the TF Hub handle of each MobileNet by its short name, such as mobilenet_v2_050_160."""
    names = [
        f"mobilenet_{version}_{width}_{size.lstrip('0')}"
        for version, (widths, sizes) in GRID.items()
        for width in widths
        for size in sizes
    ]
    return {name: f"https://tfhub.dev/google/imagenet/{name}/feature_vector/5" for name in names}


def modern_name(name: str) -> str:
    """Return today's name of a network that the workshop's `retrain.py` knew: mobilenet_0.5_224, mobilenet_v1_050_224."""
    found = OLD_NAME.fullmatch(name)
    return f"mobilenet_v1_{round(float(found[1]) * 100):03d}_{found[2]}" if found else name


def handle_image_size(handle: str) -> int | None:
    """Return the size in pixels that a handle names, if it does."""
    found = HANDLE_SIZE.search(handle)
    return int(found[1]) if found else None


def hub_cache_folder(handle: str) -> Path:
    """Return where tensorflow_hub keeps the module of a handle."""
    root = os.environ.get("TFHUB_CACHE_DIR") or Path(tempfile.gettempdir()) / "tfhub_modules"
    return Path(root) / hashlib.sha1(handle.encode()).hexdigest()


def reachable(url: str) -> bool:
    """Return whether a server, or the proxy on the way to it, answers within `REACH_SECONDS`."""
    address = urllib.parse.urlsplit(urllib.request.getproxies().get("https") or url)
    answers = []

    def connect() -> None:
        try:
            with socket.create_connection((address.hostname, address.port or 443), timeout=REACH_SECONDS):
                answers.append(address)
        except OSError:
            pass

    thread = threading.Thread(target=connect, daemon=True)  # looking up a name has no time-out of its own
    thread.start()
    thread.join(REACH_SECONDS)
    return bool(answers)


def hub_module(handle: str) -> Path:
    """Return the folder of a handle's module, downloaded where need be.

    Raises `BackboneError`, within seconds, where it cannot be had.
    """
    cached = hub_cache_folder(handle)
    if (cached / "saved_model.pb").exists():
        return cached
    problem = "its server cannot be reached"
    if reachable(handle):
        import tensorflow_hub

        try:
            return Path(tensorflow_hub.resolve(handle))
        except Exception as error:  # refused, cut off, not a module: each means that it cannot be had
            problem = f"downloading it failed ({error})"
    raise BackboneError(
        f"{handle} is not in {printable(cached.parent)} (set by TFHUB_CACHE_DIR), and {problem}. "
        "The backbone mobilenet_v1_100_224 comes with the course and needs no network connection."
    )


def keras_weights_cached(application: str) -> bool:
    """Return whether Keras has downloaded an application's weights without its last layer (`KERAS_HOME`, ~/.keras)."""
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
    named = re.compile(rf"(weights)?{application.lower()}(weights|notop|\d).*")  # ResNet50V2's file is not ResNet50's
    names = [re.sub("[^a-z0-9]", "", path.stem.lower()) for path in folder.glob("*.h5")]
    return any("notop" in name and named.fullmatch(name) for name in names)
