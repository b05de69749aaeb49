"""Answers to the exercises of lesson 09."""

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import Answers

Compute = Callable[[Path], np.ndarray]
JOINED = "SELECT value FROM vectors JOIN spaces ON spaces.id = space WHERE "


def query(database: Path, where: str, *values: object) -> bytes:
    connection = sqlite3.connect(database)
    try:
        return connection.execute(JOINED + where, values).fetchone()[0]
    finally:
        connection.close()


def read_vector(database: Path, fingerprint: str, digest: str, view: int) -> np.ndarray:
    value = query(database, "fingerprint = ? AND digest = ? AND view = ?", fingerprint, bytes.fromhex(digest), view)
    return np.frombuffer(value, np.float32)


def without_view(database: Path, fingerprint: str, digest: str, view: int) -> np.ndarray:
    value = query(database, "fingerprint = ? AND digest = ?", fingerprint, bytes.fromhex(digest))
    return np.frombuffer(value, np.float32)


def without_fingerprint(database: Path, fingerprint: str, digest: str, view: int) -> np.ndarray:
    return np.frombuffer(query(database, "digest = ? AND view = ?", bytes.fromhex(digest), view), np.float32)


def without_digest(database: Path, fingerprint: str, digest: str, view: int) -> np.ndarray:
    return np.frombuffer(query(database, "fingerprint = ? AND view = ?", fingerprint, view), np.float32)


def digest_as_text(database: Path, fingerprint: str, digest: str, view: int) -> np.ndarray:
    return np.frombuffer(query(database, "digest = ?", digest), np.float32)


def as_float64(database: Path, fingerprint: str, digest: str, view: int) -> np.ndarray:
    return np.frombuffer(read_vector(database, fingerprint, digest, view).tobytes())


def as_bytes(database: Path, fingerprint: str, digest: str, view: int) -> bytes:
    return read_vector(database, fingerprint, digest, view).tobytes()


PASSES = {
    "class renamed": 0,
    "picture copied": 0,
    "all touched": 0,
    "one saved again": 1,
    "other preparation": 12,
    "two augmented views": 24,
}


def content_file(picture: Path, cache: Path) -> Path:
    return cache / hashlib.sha256(picture.read_bytes()).hexdigest()


def cached_vector(picture: Path, cache: Path, compute: Compute) -> np.ndarray:
    file = content_file(picture, cache)
    if file.exists():
        checksum, value = file.read_bytes()[:32], file.read_bytes()[32:]
        if hashlib.sha256(value).digest() == checksum:
            return np.frombuffer(value, np.float32)
    value = compute(picture).tobytes()
    file.write_bytes(hashlib.sha256(value).digest() + value)
    return np.frombuffer(value, np.float32)


def archived(picture: Path, cache: Path, compute: Compute) -> np.ndarray:
    """NumPy's archives are ZIP files, which have checksums of their own."""
    file = content_file(picture, cache).with_suffix(".npz")
    try:
        return np.load(file)["vector"]
    except Exception:  # missing or damaged, which it says in many ways
        np.savez(file, vector=compute(picture))
        return np.load(file)["vector"]


def saved_under(name: Callable[[Path], str]) -> Callable[[Path, Path, Compute], np.ndarray]:
    def cached(picture: Path, cache: Path, compute: Compute) -> np.ndarray:
        file = cache / f"{name(picture)}.npy"
        if not file.exists():
            np.save(file, compute(picture))
        return np.load(file)

    return cached


def raw(picture: Path, cache: Path, compute: Compute) -> np.ndarray:
    file = content_file(picture, cache)
    if not file.exists():
        file.write_bytes(compute(picture).tobytes())
    return np.frombuffer(file.read_bytes()[: file.stat().st_size // 4 * 4], np.float32)


def of_the_right_length(picture: Path, cache: Path, compute: Compute) -> np.ndarray:
    file = content_file(picture, cache)
    if not file.exists() or file.stat().st_size != 256:
        file.write_bytes(compute(picture).tobytes())
    return np.frombuffer(file.read_bytes(), np.float32)


def rounded(picture: Path, cache: Path, compute: Compute) -> np.ndarray:
    file = content_file(picture, cache)
    if not file.exists():
        vector = compute(picture)
        file.write_text(",".join(f"{value:.4f}" for value in vector))
        return vector
    return np.array(file.read_text().split(","), np.float32)


def path_and_content(picture: Path) -> str:
    return hashlib.sha256(picture.name.encode() + picture.read_bytes()).hexdigest()


ANSWERS = {
    "read_vector": Answers(
        right=[(read_vector,)],
        wrong={
            "another view": (without_view,),
            "another backbone": (without_fingerprint,),
            "of another picture": (without_digest,),
            "found no row": (digest_as_text,),
            "eight bytes as one number": (as_float64,),
            "bytes of the vector": (as_bytes,),
            "stopped with OperationalError": (lambda database, *key: query(database, "picture = ?", "?"),),
        },
    ),
    "forward_passes": Answers(
        right=[(PASSES,)],
        wrong={
            "a path is not part": (PASSES | {"class renamed": 4},),
            "the copy has the same bytes": (PASSES | {"picture copied": 1},),
            "a new time": (PASSES | {"all touched": 12},),
            "the pixels are the same": (PASSES | {"one saved again": 0},),
            "goes into the fingerprint": (PASSES | {"other preparation": 0},),
            "a vector of its own": (PASSES | {"two augmented views": 36},),
            "There is no number for": ({"class renamed": 0},),
            "Keep the dictionary": ([0, 0, 0, 1, 12, 24],),
        },
    ),
    "repaired_cache": Answers(
        right=[(cached_vector,), (archived,)],
        wrong={
            "stale vector": (saved_under(lambda picture: picture.name),),
            "lies elsewhere": (saved_under(path_and_content),),
            "files in `cache` short: `cached`": (saved_under(lambda picture: content_file(picture, picture).name),),
            "what was left": (raw,),
            "nothing noticed": (of_the_right_length,),
            "other values": (rounded,),
            "although nothing had changed": (
                lambda picture, cache, compute: [np.save(cache / "x.npy", compute(picture)), np.load(cache / "x.npy")][
                    1
                ],
            ),
            "knows nothing": (lambda picture, cache, compute: compute(picture),),
        },
    ),
}
