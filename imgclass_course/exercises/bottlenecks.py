"""Checks of the exercises of lesson 09."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
from PIL import Image

from imgclass_course.exercises import Off, answered, call, describe, exercise, expect, number

if TYPE_CHECKING:
    from imgclass_course.foundation.store import BottleneckStore

DIM = 8  # numbers in the vectors of exercise 1
Key = tuple[str, str, int]  # fingerprint, digest, view


def _array(answer: object) -> np.ndarray:
    """Return an answer as an array, or say that it is none."""
    try:
        return np.asarray(answer)
    except ValueError:  # lists of different lengths
        raise Off(f"An array is wanted, and this is {describe(answer)}.") from None


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder that goes away, even where the attendee leaves a file open."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _fill_store(folder: Path) -> tuple[Path, dict[Key, np.ndarray]]:
    """Return the path of a store and its vectors by their keys."""
    from imgclass_course.foundation.store import BottleneckStore

    generator = np.random.default_rng(0)
    digests = [hashlib.sha256(name).hexdigest() for name in (b"one picture", b"another picture")]
    keys = list(product(("one backbone", "another backbone"), digests, (0, 1)))
    vectors = {key: generator.normal(size=DIM).astype(np.float32) for key in keys}
    with BottleneckStore(folder) as store:
        for fingerprint, digest, view in reversed(keys):
            store.add(fingerprint, fingerprint, [digest], [vectors[fingerprint, digest, view]], view)
    return store.path, vectors


def _read(answer: Callable, path: Path, key: Key) -> np.ndarray:
    """Return what the attendee's function reads from a store."""
    try:
        return _array(call(answer, path, *key))
    except Off as reason:
        expect(
            "NoneType" not in str(reason),
            "Your query found no row. A digest is text in Python and bytes in the table, and `space` is a number.",
        )
        raise


def _whose(vector: np.ndarray, key: Key, vectors: Mapping[Key, np.ndarray]) -> str:
    """Return what the attendee's `vector` is, where it is not the vector of `key`."""
    others = {
        "This is the vector that another backbone made of the picture": 0,
        "This is the vector of another picture": 1,
        "This is another view of the picture": 2,
    }
    found = next((other for other, values in vectors.items() if np.array_equal(values, vector)), None)
    for what, part in others.items():
        if found and found[part] != key[part]:
            return f"{what}: the query has to ask for all three columns of the key."
    return "These are not the values that were put in."


@exercise(
    "The drawing of the tables names the columns. `bytes.fromhex(digest)` is how a digest is stored, and the number of "
    "a fingerprint stands in `spaces`. The values are float32."
)
def read_vector(answer: Callable[[Path, str, str, int], np.ndarray]) -> str:
    """Exercise 3: read a vector with nothing but `sqlite3` and NumPy."""
    with _folder() as folder:
        path, vectors = _fill_store(folder)
        for key, truth in vectors.items():
            vector = _read(answer, path, key)
            expect(
                vector.dtype.kind != "S" and vector.dtype != np.uint8,
                "These are the bytes of the vector. Make float32 numbers of them, four bytes each.",
            )
            expect(
                vector.shape != (DIM // 2,),
                f"{DIM // 2} numbers where {DIM} were put in: you read eight bytes as one number, and float32 has four.",
            )
            expect(vector.shape == (DIM,), f"A vector [{DIM}] was put in, and this is {describe(vector)}.")
            expect(np.array_equal(vector, truth), _whose(vector, key, vectors))
    return (
        f"All {len(vectors)} vectors, each by its own key: which backbone (`space`), what is in the picture (`digest`) "
        "and which view of it (`view`). No path is part of the key, so none can go stale."
    )


CLASSES, PER_CLASS = ("cups", "mugs", "pots"), 4
PICTURES = len(CLASSES) * PER_CLASS
Event = tuple[Callable[[Path], object], dict, str]  # what happens to the folder, how it is extracted then, and why


def _save_again(root: Path) -> None:
    path = root / "cups" / "0.png"
    Image.open(path).save(path, compress_level=0)


def _touch_all(root: Path) -> None:
    for path in root.rglob("*.png"):
        os.utime(path, (0, 0))


EVENTS: dict[str, Event] = {
    "class renamed": (
        lambda root: (root / "cups").rename(root / "bowls"),
        {},
        "a path is not part of the key. The bytes are the same, and they are known.",
    ),
    "picture copied": (
        lambda root: shutil.copy(root / "cups" / "0.png", root / "pots" / "new.png"),
        {},
        "the copy has the same bytes, so its digest is in the store.",
    ),
    "all touched": (
        _touch_all,
        {},
        "a new time makes the file be read again, for its digest. The digest is the same, so the network has no work.",
    ),
    "one saved again": (
        _save_again,
        {},
        "the pixels are the same but the bytes are not, and the key is made of the bytes.",
    ),
    "other preparation": (
        lambda root: None,
        {"preparation": "rgb crop bilinear antialias 1"},
        "how a picture is prepared goes into the fingerprint, since the network sees other pixels. No old vector fits.",
    ),
    "two augmented views": (
        lambda root: None,
        {"views": 2},
        "each view of each picture is a vector of its own, and the pictures as they are were there already.",
    ),
}


class _Mirror:
    """An augmentation for the toy network."""

    fingerprint = "mirror"

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        return image[:, ::-1]


class _MeanColour:
    """A toy network that counts its forward passes."""

    def __init__(self) -> None:
        self.passes = 0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.passes += len(images)
        return images.mean(axis=(1, 2)).astype(np.float32)

    def map(self, load: Callable, items: Iterable) -> Iterator[np.ndarray]:
        return (self(load(item)[None])[0] for item in items)


def _passes(root: Path, store: "BottleneckStore", preparation: str | None = None, views: int = 0) -> int:
    """Return how many pictures go through a toy network whose bottlenecks lie in `store`."""
    from imgclass_course import backbones
    from imgclass_course.bottlenecks import extract
    from imgclass_course.datasets import ImageFolder

    with patch.object(backbones, "PREPARATION", preparation or backbones.PREPARATION):
        toy = backbones.Backbone("toy", 16, backbones.fingerprint_of("toy"), lambda: lambda pixels: pixels)
    folder, network = ImageFolder.scan(root, 0, 0, catalogue=store), _MeanColour()
    augmentation = _Mirror() if views else None
    extract(folder, backbone=toy, store=store, augmentation=augmentation, views=views, runner=network)
    return network.passes


def _computed_after(name: str) -> int:
    """Return how many pictures the network sees after an event, in a folder whose pictures were all in the store."""
    from imgclass_course.foundation.store import BottleneckStore

    happen, options, _ = EVENTS[name]
    with _folder() as folder:
        root = folder / "pictures"
        for index, (label, place) in enumerate(product(CLASSES, range(PER_CLASS))):
            (root / label).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 16), (20 * index, 0, 0)).save(root / label / f"{place}.png")
        with BottleneckStore(folder / "store") as store:
            _passes(root, store)
            happen(root)
            return _passes(root, store, **options)


@exercise("A vector is looked up by fingerprint, digest and view. Which of these does the event change, of how many?")
def forward_passes(answer: Mapping[str, int]) -> str:
    """Exercise 1: predict how many pictures each event makes the network see again."""
    expect(isinstance(answer, Mapping), f"Keep the dictionary of events and numbers; this is {describe(answer)}.")
    missing = [name for name in EVENTS if name not in answer]
    expect(not missing, f"There is no number for {', '.join(missing)}.")
    answered(*(answer[name] for name in EVENTS))
    guesses = {name: number(answer[name], f"The answer to {name!r}") for name in EVENTS}
    truth = {name: _computed_after(name) for name in EVENTS}
    right = sum(guesses[name] == truth[name] for name in EVENTS)
    for name, (_, _, reason) in EVENTS.items():
        if guesses[name] != truth[name]:
            raise Off(f"{right} of {len(EVENTS)} are right. {name.capitalize()}: {reason}")
    return (
        f"All {len(EVENTS)}, as I have just seen with a store and {PICTURES} pictures. What is the same costs nothing, "
        "wherever it lies; what may differ is computed again, even where it happens to look the same."
    )


LENGTH = 64  # numbers in the vectors of exercise 3


class _Network:
    """A toy network that counts its forward passes; its vector depends on every byte of a file."""

    def __init__(self) -> None:
        self.passes = 0

    def __call__(self, picture: Path) -> np.ndarray:
        self.passes += 1
        return self.vector(picture)

    @staticmethod
    def vector(picture: Path) -> np.ndarray:
        """Return the vector of a file without counting."""
        seed = int.from_bytes(hashlib.sha256(picture.read_bytes()).digest()[:8], "big")
        return np.random.default_rng(seed).normal(size=LENGTH).astype(np.float32)


def _ask(answer: Callable, picture: Path, cache: Path, situation: str) -> tuple[np.ndarray, int]:
    """Return the attendee's vector of a picture and how many forward passes it took."""
    network = _Network()
    try:
        vector = _array(call(answer, picture, cache, network))
    except Off as reason:
        raise Off(f"{situation}: {reason}") from reason
    return vector, network.passes


def _damage_all(cache: Path, change: Callable[[bytes], bytes]) -> None:
    for path in cache.rglob("*"):
        if path.is_file():
            path.write_bytes(change(path.read_bytes()))


def _cut(share: float) -> Callable[[bytes], bytes]:
    """Return a function that keeps the first `share` of the bytes."""
    return lambda data: data[: int(len(data) * share)]


def _flip(place: float) -> Callable[[bytes], bytes]:
    """Return a function that flips a bit of the byte at `place`, a share of the length."""

    def change(data: bytes) -> bytes:
        index = int(len(data) * place)
        return data and data[:index] + bytes([data[index] ^ 4]) + data[index + 1 :]

    return change


def _expect_kept(answer: Callable, picture: Path, cache: Path) -> None:
    """The first time computes, the second does not, and both give the same float32 values."""
    truth = _Network.vector(picture)
    first, passes = _ask(answer, picture, cache, "The first time")
    expect(passes > 0 and np.array_equal(first, truth), "The first time, return what `compute(picture)` gives.")
    expect(any(path.is_file() for path in cache.rglob("*")), "No file is in `cache`: the next process knows nothing.")
    second, passes = _ask(answer, picture, cache, "The second time")
    expect(passes == 0, "The second time you computed again, although nothing had changed.")
    same = second.dtype == np.float32 and np.array_equal(second, truth)
    expect(same, f"The second time other values came back: {describe(second)}. Keep the bytes, bit for bit.")


def _expect_fresh(answer: Callable, picture: Path, cache: Path) -> None:
    """Another picture of the same name, size and time is another picture; a copy is not."""
    copy = picture.with_name("copy.bin")
    shutil.copy(picture, copy)
    state = picture.stat()
    picture.write_bytes(bytes(reversed(picture.read_bytes())))
    os.utime(picture, ns=(state.st_atime_ns, state.st_mtime_ns))
    vector, _ = _ask(answer, picture, cache, "After I replaced the picture")
    expect(
        np.array_equal(vector, _Network.vector(picture)),
        "I put another picture in place of the first, of the same name, size and time, and got a stale vector.",
    )
    _, passes = _ask(answer, copy, cache, "After I moved the picture")
    expect(passes == 0, "A picture that lies elsewhere now was computed again: its content was known.")


@exercise(
    "Name the file after a hash of the picture's bytes. Write a hash of the vector in front of the vector, and compare "
    "before you use what you read."
)
def repaired_cache(answer: Callable[[Path, Path, Callable[[Path], np.ndarray]], np.ndarray]) -> str:
    """Exercise 2: a cache of one file per picture that is never stale and notices damage."""
    with _folder() as folder:
        picture, cache = folder / "picture.bin", folder / "cache"
        cache.mkdir()
        picture.write_bytes(bytes(range(256)))
        _expect_kept(answer, picture, cache)
        _expect_fresh(answer, picture, cache)
        truth = _Network.vector(picture)
        for share in (0.0, 0.5, 0.9):
            _damage_all(cache, _cut(share))
            vector, _ = _ask(answer, picture, cache, "After I cut the files in `cache` short")
            expect(
                np.array_equal(vector, truth), "I cut the files in `cache` short, and got what was left of a vector."
            )
        for place in (0.02, 0.3, 0.6, 0.98):
            _damage_all(cache, _flip(place))
            vector, _ = _ask(answer, picture, cache, "After I flipped a bit of each file in `cache`")
            expect(
                np.array_equal(vector, truth),
                "I flipped one bit of each file in `cache`, and you gave me the changed vector: nothing noticed.",
            )
    return (
        "Never stale, never computed for a known content, and damage is noticed and repaired. That is what the store "
        "does with its key and its checksums; the transactions are what it has besides."
    )
