"""Vectors of many pictures: looked up in a store, computed where they are missing, and kept."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from .errors import FileChangedError, ImageError
from .pictures import Picture
from .progress import progress_bar
from .runners import Outcome, Runner
from .store import BottleneckStore

if TYPE_CHECKING:
    import pandas as pd

BATCH_SIZE = 64  # vectors per transaction: what a killed process loses at most


class AnyView(Protocol):
    """What a network is shown of each picture. Fingerprint and number, with a picture's digest, are its vector's key."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def fingerprint(self) -> str:
        """What a vector depends on besides the picture's content and the number."""
        ...

    @property
    def number(self) -> int:
        """0 for the picture itself, k > 0 for its k-th augmented view."""
        ...

    @property
    def title(self) -> str:
        """What is computed, as the progress bar says it."""
        ...

    @property
    def number_type(self) -> str:
        """In which numbers what is computed is kept: float32, or float16."""
        ...

    def read(self, picture: Picture, digest: str) -> np.ndarray:
        """Return the pixels [size, size, 3] uint8 for the network. Raises `ImageError`, for another digest too."""
        ...


class Copies(NamedTuple):
    """Pictures with the same content: one vector for all of them."""

    digest: str  # SHA-256 of the content
    pictures: Sequence[Picture]
    rows: Sequence[int]  # where they stand among all pictures


class FoundVectors(NamedTuple):
    """The vectors of n pictures."""

    vectors: np.ndarray  # [n, d] float32 or, as the view says, float16; zeros where there is a problem
    reused: np.ndarray  # [n] bool, whether the vector came from the store
    problems: np.ndarray  # [n] str, why there is no vector, mostly empty


def find_vectors(
    view: AnyView,
    digests: Sequence[str],
    picture: Callable[[int], Picture],
    make_runner: Callable[[], Runner],
    store: BottleneckStore | None = None,
) -> FoundVectors:
    """Return the vectors of n pictures: from the store where it has them, computed otherwise.

    `picture` gives the picture of a row, 0 to n - 1, where it has to be read; `make_runner` is called where any has.
    """
    vectors, reused = np.zeros((len(digests), 0), view.number_type), np.zeros(len(digests), bool)
    if store:
        stored, reused = store.load(view.fingerprint, digests, view.number)
        vectors = stored if reused.any() else vectors
    problems = np.full(len(digests), "", object)
    wanted = _group(digests, picture, ~reused)
    for copies, found in _compute(wanted, view, make_runner(), store) if wanted else ():
        if isinstance(found, Exception):
            problems[copies.rows] = str(found)
            continue
        if vectors.shape[1] == 0:
            vectors = np.zeros((len(digests), len(found)), view.number_type)
        vectors[copies.rows] = found
    return FoundVectors(vectors, reused, problems)


def _group(digests: Sequence[str], picture: Callable[[int], Picture], chosen: np.ndarray) -> list[Copies]:
    """Return the pictures that a mask chooses, copies together."""
    rows: dict[str, list[int]] = {}
    for row in np.flatnonzero(chosen).tolist():
        rows.setdefault(digests[row], []).append(row)
    return [Copies(digest, [picture(row) for row in which], which) for digest, which in rows.items()]


def _compute(
    wanted: Sequence[Copies], view: AnyView, runner: Runner, store: BottleneckStore | None
) -> Iterator[tuple[Copies, Outcome]]:
    """Run the network on pictures, with a progress bar; vectors are in the store before anybody gets them."""
    outcomes = progress_bar(runner.map(partial(_read_any, view), wanted), view.title, "pictures", len(wanted))
    pairs = zip(wanted, (_as_kept(outcome, view.number_type) for outcome in outcomes), strict=True)
    while batch := list(islice(pairs, BATCH_SIZE)):
        if store:
            _keep(store, view, batch)
        yield from batch


def _as_kept(outcome: Outcome, number_type: str) -> Outcome:
    """Return a vector in the numbers that it is kept in; what is too large for them becomes the largest there is."""
    if isinstance(outcome, Exception) or outcome.dtype == number_type:
        return outcome
    largest = np.finfo(number_type).max
    return np.clip(outcome, -largest, largest).astype(number_type)


def _read_any(view: AnyView, copies: Copies) -> np.ndarray:
    """Return the pixels of the first copy that can be read. Raises `ImageError` where none can."""
    for picture in copies.pictures[:-1]:
        with suppress(ImageError):
            return view.read(picture, copies.digest)
    return view.read(copies.pictures[-1], copies.digest)


def _keep(store: BottleneckStore, view: AnyView, batch: Sequence[tuple[Copies, Outcome]]) -> None:
    """Put vectors into the store, and which files turned out to be damaged; one that has changed is another picture."""
    vectors = {copies.digest: found for copies, found in batch if not isinstance(found, Exception)}
    if vectors:
        store.add(view.fingerprint, view.name, list(vectors), list(vectors.values()), view.number)
    for copies, found in batch:
        if isinstance(found, Exception) and not isinstance(found, FileChangedError):
            for picture in copies.pictures:
                if isinstance(picture.source, os.PathLike):
                    store.remember_problem(picture.source, str(found))


def digests_of_files(
    rows: "pd.DataFrame", root: str | os.PathLike | None, pictures: Mapping[str, Picture] | None = None
) -> dict[str | os.PathLike, str]:
    """Return the digests of those rows that are files: all below `root`, or some of the `pictures` that are given."""
    pairs = zip(rows["path"].tolist(), rows["digest"].tolist(), strict=True)
    if pictures is None:
        folder = os.fspath(root or "")
        return {os.path.join(folder, path): digest for path, digest in pairs}
    sources = ((pictures[path].source, digest) for path, digest in pairs)
    return {source: digest for source, digest in sources if isinstance(source, os.PathLike)}
