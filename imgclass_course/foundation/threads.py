"""Work in several threads, in order; and a quiet standard error while native code starts up."""

import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

PENDING_PER_THREAD = 4  # how far a thread works ahead of whoever takes the results
_quiet = threading.RLock()


def num_cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None
) -> Iterator[Result]:
    """Yield results in the order of the items, computed a little ahead by `workers` threads (None: one per core)."""
    workers = workers or num_cores()
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > PENDING_PER_THREAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


@contextmanager
def hide_native_logs() -> Iterator[None]:
    """Keep TensorFlow's and LiteRT's log lines off the screen: those of C++, which no Python setting reaches, and Python's.

    Standard error belongs to the whole process, so one thread at a time may do this; the others wait.
    """
    with _quiet, _disabled(logging.getLogger("tensorflow")):
        if sys.stderr is None:  # it is closed, and its number may be that of another file
            yield
            return
        sys.stderr.flush()
        kept = os.dup(2)
        try:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def _disabled(logger: logging.Logger) -> Iterator[None]:
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
