"""Frozen networks run by processes of Ray: the same vectors as by LiteRT's threads, on more cores than a machine has.

Ray Data, with a pool of actors that keeps the order, was tried first. It tries a block of pictures again without end, or
gives up the whole data set, so that one picture that ends its reader stops all others. It has no limit of time for a picture.
And it starts its processes anew for each data set, which takes as long as a thousand pictures do. So these are actors of Ray
itself, one for each core, which stay from one extraction to the next. (Ray Data also needs pyarrow, which changes how pandas
keeps text in the whole process: names of files that are no text are then refused.)
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from .errors import ClusterError, FileChangedError, ImageError
from .ray_cluster import WORKERS, MakeRunner, connect
from .runners import Item, Load, Outcome, attempt

CHUNK = 16  # pictures that a worker is given at once
AHEAD = 2  # chunks that a worker has, so that it never waits for the next one
WINDOW = 4  # chunks for each worker from the first one that is not done to the last one that is begun
MOST_BYTES = 50_000_000  # of a chunk; where pictures in memory need more, only their pixels for the network are sent
ALONE = 2  # times that a picture is tried alone, after it was in a chunk whose worker was lost
PATIENCE_SECONDS = 120.0  # that a worker may take for a chunk; then it is taken for stuck
START_SECONDS = 300.0  # that the first worker may take to start
KILLS, STUCK = "the process that reads it crashes", "reading it takes longer than {:g} seconds"


class RayRunner:
    """Runs a network in processes of Ray. A picture is read where the network is run, and only its vector comes back.

    Of a picture whose worker is lost again and again, or takes longer than `patience` seconds, that is the outcome; all
    others are computed. What no other process can read, such as an open file, or a folder that only this machine has, is
    read by this one.
    """

    def __init__(self, make: MakeRunner, patience: float = PATIENCE_SECONDS) -> None:
        """Take what makes the runner of one worker, and can be pickled. Raises `ClusterError` where there is no Ray."""
        self._make, self._patience, self._session = make, patience, ""
        self._network: list = []  # a reference to what makes the runner
        self._connect()

    def _connect(self) -> None:
        session = connect()
        import ray  # as quietly as `connect` has it

        if session != self._session:
            self._session, self._network = session, [ray.put(self._make)]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the vectors [n, d] float32 of pictures [n, size, size, 3] uint8. Raises `ClusterError`."""
        if not len(images):
            return self._make()(images)
        vectors = []
        for outcome in self.map(_as_it_is, images):
            if isinstance(outcome, Exception):
                raise ClusterError(f"The workers of Ray failed ({outcome}).")
            vectors.append(outcome)
        return np.stack(vectors)

    def map(self, load: Load, items: Iterable[Item]) -> Iterator[Outcome]:
        """Read pictures and run the network on them, on all cores of all machines; yield an `Outcome` each, in order."""
        self._connect()
        return Extraction(self._network, load, items, self._patience).outcomes()


def _as_it_is(pixels: Any) -> Any:
    return pixels


class Place(NamedTuple):
    """A picture that is wanted."""

    number: int  # its place in the order
    item: Any
    here: bool = False  # whether this process reads it, since no other one can
    suspect: bool = False  # whether a worker was lost that may have been at it: then the next one has it and nothing else
    lost: int = 0  # workers that were lost while they had it alone


@dataclass(eq=False)
class Chunk:
    """Pictures that a worker has to work on."""

    places: list[Place]
    worker: Any
    since: float = field(default_factory=time.monotonic)  # when it could begin


class Extraction:
    """Pictures on their way to the workers, and outcomes on their way back."""

    def __init__(self, network: list, load: Load, items: Iterable, patience: float) -> None:
        """Take references to the network, the function that reads, the pictures, and seconds for a chunk."""
        self._network, self._load, self._patience = network, load, patience
        self._coming = (Place(number, item) for number, item in enumerate(items))
        self._waiting: deque[list[Place]] = deque()
        self._running: dict[Any, Chunk] = {}  # by the promise of its outcomes; those of a worker in its order
        self._done: dict[int, Outcome] = {}
        self._next = self._begun = 0  # the outcome that is next, and how many pictures were begun

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcomes in order, as they come. Raises `ClusterError` where no worker starts."""
        self._loads = _shared(self._load), _shared(_as_it_is)
        WORKERS.fill(self._network)
        started = time.monotonic()
        while True:
            self._hand_out()
            while self._next in self._done:
                self._next += 1
                yield self._done.pop(self._next - 1)
            if self._next == self._begun and not self._draw():
                return
            self._see_to_workers()
            if WORKERS.ready:
                started = time.monotonic()
            elif time.monotonic() - started > START_SECONDS:
                raise ClusterError(f"No worker of Ray has started in {START_SECONDS:g} s: are all its cores taken?")

    def _draw(self) -> bool:
        """Put the next pictures into the queue. Return whether there were any."""
        places = list(islice(self._coming, CHUNK))
        if places:
            self._begun += len(places)
            self._waiting.append(places)
        return bool(places)

    def _hand_out(self) -> None:
        """Give each worker as much as it may have, one chunk after the other."""
        busy = [chunk.worker for chunk in self._running.values()]
        busy += [chunk.worker for chunk in self._running.values() if chunk.places[0].suspect] * AHEAD  # takes no more
        for worker in [worker for _ in range(AHEAD) for worker in WORKERS.ready]:
            room = self._begun - self._next < WINDOW * CHUNK * len(WORKERS.ready)
            if not (self._waiting or (room and self._draw())):
                return
            suspect = self._waiting[0][0].suspect
            if busy.count(worker) < (1 if suspect else AHEAD):
                self._submit(worker, self._waiting.popleft())
                busy += [worker] * (AHEAD if suspect else 1)

    def _submit(self, worker: Any, places: list[Place]) -> None:
        load = self._loads[0]
        chunk = None if not load or places[0].here else _pickled([place.item for place in places])
        if chunk is None or len(chunk) > MOST_BYTES:
            places = self._read(places)
            load, chunk = self._loads[1], _pickled([place.item for place in places])
        if places:
            self._running[worker.work.remote(self._network, load, chunk)] = Chunk(places, worker)

    def _read(self, places: list[Place]) -> list[Place]:
        """Return those pictures that can be read, with their pixels; of the others, keep why they cannot."""
        readable = []
        for place in places:
            pixels = attempt(self._load, place.item)
            if isinstance(pixels, Exception):
                self._done[place.number] = pixels
            else:
                readable.append(place._replace(item=pixels, here=True))
        return readable

    def _see_to_workers(self) -> None:
        """Take what is done, and give up workers that are stuck; where nothing is done yet, wait for at most a second."""
        import ray

        if not (WORKERS.ready or WORKERS.starting):
            WORKERS.fill(self._network)
        promises = [*self._running, *WORKERS.starting]
        done, _ = ray.wait(promises, num_returns=len(promises), timeout=0) if promises else ([], [])
        for promise in done:
            if promise in WORKERS.starting:
                WORKERS.welcome(promise)
            elif promise in self._running:  # and was not given up with its worker
                self._take(promise)
        oldest: dict[Any, Chunk] = {}
        for chunk in self._running.values():
            oldest.setdefault(chunk.worker, chunk)
        for worker, chunk in oldest.items():
            if time.monotonic() - chunk.since > self._patience:
                self._lose(worker, STUCK.format(self._patience))
        if promises and not done:
            ray.wait(promises, timeout=1)

    def _take(self, promise: Any) -> None:
        """Keep the outcomes of a chunk. Raises what is no matter of its pictures."""
        import ray

        chunk = self._running[promise]
        try:
            found = ray.get(promise)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.RayError:  # the process, its machine or its results are gone
            self._lose(chunk.worker, KILLS)
            return
        del self._running[promise]
        for other in self._running.values():
            if other.worker is chunk.worker:
                other.since = time.monotonic()
        for place, outcome in zip(chunk.places, found, strict=True):
            if isinstance(outcome, OSError | FileChangedError) and not place.here:  # perhaps another machine lacks the file
                self._waiting.append([place._replace(here=True)])
            else:
                self._done[place.number] = outcome

    def _lose(self, worker: Any, reason: str) -> None:
        """Take back what a worker had that is lost. What it was at, the oldest, is tried again picture by picture."""
        WORKERS.dismiss(worker)
        WORKERS.fill(self._network)
        held = [promise for promise, chunk in self._running.items() if chunk.worker is worker]
        first, *later = [self._running.pop(promise).places for promise in held]
        self._waiting.extendleft(reversed(later))
        if len(first) > 1:
            self._waiting.extendleft([place._replace(suspect=True)] for place in reversed(first))
        elif first[0].lost + 1 < ALONE:
            self._waiting.appendleft([first[0]._replace(suspect=True, lost=first[0].lost + 1)])
        else:
            self._done[first[0].number] = ImageError(reason)


def _pickled(given: Any) -> bytes | None:
    """Return what other processes can read; None where it cannot be pickled."""
    from ray import cloudpickle

    try:
        return cloudpickle.dumps(given)
    except Exception:  # of many kinds, such as a TypeError for an open file
        return None


def _shared(load: Load) -> list:
    """Return a reference to a function in a list; an empty list where it cannot be pickled."""
    import ray

    pickled = _pickled(load)
    return [] if pickled is None else [ray.put(pickled)]
