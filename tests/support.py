"""What several tests need: small pictures, small backbones that run without TensorFlow, and child processes."""

import hashlib
import io
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from imgclass_course.backbones import Backbone
from imgclass_course.foundation.runners import Item, Load, Network, Outcome, Runner, attempt
from imgclass_course.foundation.threads import map_in_threads

Engine = Callable[[np.ndarray], np.ndarray]  # one picture [size, size, 3] uint8 -> its vector [d] float32

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="on Windows making links takes special rights")
TOP = Path(__file__).resolve().parents[1]
SMALL = "mobilenet_v1_100_128"  # the smallest backbone that comes along
CLOSED_PROXY = "http://127.0.0.1:9"  # nothing listens there: what a child process downloads fails at once


def gradient(width: int = 40, height: int = 30, seed: int = 0) -> np.ndarray:
    """Return a smooth colour picture [height, width, 3] uint8, another one for each seed."""
    phase = np.random.default_rng(seed).uniform(0, 6, 3)
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / height * 4 + shift) + np.cos(columns / width * 5 + shift) for shift in phase]
    return np.round((np.stack(waves, -1) + 2) / 4 * 255).astype(np.uint8)


def encode(image: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    """Return the bytes of a picture file."""
    buffer = io.BytesIO()
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_pictures(root: Path, classes: dict[str, int], first_seed: int = 0) -> Path:
    """Write a folder of different pictures per class; each class has a colour of its own. Return the root."""
    seed = first_seed
    for number, (name, count) in enumerate(classes.items()):
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(count):
            picture = gradient(seed=seed) // 3
            picture[..., number % 3] += 150
            (folder / f"{index:03}.png").write_bytes(encode(picture))
            seed += 1
    return root


def average_colours(image: np.ndarray) -> np.ndarray:
    """Return the colours of 4 x 4 parts of a picture as a vector [48] float32: an engine without TensorFlow."""
    side = image.shape[0] // 4
    return image.reshape(4, side, 4, side, 3).mean((1, 3), dtype=np.float32).reshape(-1)


class CountingEngine:
    """Runs an engine and counts its forward passes, one for each picture, in whatever thread."""

    def __init__(self, engine: Engine = average_colours) -> None:
        self.engine = engine
        self.passes = 0
        self._lock = threading.Lock()

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Count one forward pass and run it."""
        with self._lock:
            self.passes += 1
        return self.engine(image)


@dataclass(frozen=True)
class EngineRunner:
    """A runner around a function of one picture: reads and runs in threads, as LiteRT's does."""

    engine: Engine

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the vectors [n, d] float32 of pictures [n, size, size, 3] uint8."""
        return np.stack([self.engine(image) for image in images])

    def map(self, load: Load, items: Iterable[Item]) -> Iterator[Outcome]:
        """Read pictures and run the engine on them; yield a vector each, or why a picture cannot be read."""
        return map_in_threads(lambda item: attempt(lambda one: self.engine(load(one)), item), items)


def no_network() -> Network:
    """Stand in for a network that is never loaded."""
    raise AssertionError("the network itself must not be loaded here")


@dataclass(frozen=True)
class PlainBackbone(Backbone):
    """A backbone that is a function of one picture, on every device."""

    engine: Engine

    def runner(self, device: str | None = None) -> Runner:
        """Return what runs the function."""
        return EngineRunner(self.engine)


def plain_backbone(name: str = "plain", image_size: int = 16, engine: Engine = average_colours) -> Backbone:
    """Return a backbone that averages colours. Its fingerprint depends on its name and size."""
    fingerprint = hashlib.sha256(f"{name} {image_size}".encode()).hexdigest()
    return PlainBackbone(name, image_size, fingerprint, no_network, engine)


def child_environment(**more: str) -> dict[str, str]:
    """Return the environment of a child process: the tests' own cache folders, and no way to the internet."""
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), CLOSED_PROXY)
    return {**os.environ, **proxies, **more}


def run_python(
    *arguments: str, timeout: float = 120, encoding: str = "utf-8", **environment: str
) -> subprocess.CompletedProcess:
    """Run this Python in a child process without a terminal and return what it wrote, as text."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=child_environment(**environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding=encoding,
        timeout=timeout,
        cwd=tempfile.gettempdir(),
    )


def run_command(capture: "object", *arguments: str | Path) -> SimpleNamespace:
    """Run `imgclass` in this process; `capture` is pytest's capfd or capsys. Return code, out and err."""
    from imgclass_course.cli import main

    capture.readouterr()
    code = main([os.fspath(argument) for argument in arguments])
    out, err = capture.readouterr()
    return SimpleNamespace(code=code, out=out, err=err)


def assert_one_line_error(result: SimpleNamespace, *words: str) -> None:
    """Check that a command failed as it should: code 2, one line on stderr with these words, nothing on stdout."""
    assert result.code == 2
    assert result.out == ""
    lines = result.err.splitlines()
    assert len(lines) == 1, result.err
    assert lines[0].startswith("imgclass: ")
    for word in words:
        assert word in lines[0]


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Give up root's rights for a while, since root may read and write everything. Skips where nobody is root."""
    if not hasattr(os, "geteuid"):
        pytest.skip("this system has no POSIX users, whose rights are tested here")
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
