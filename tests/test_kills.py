"""A process that is killed at any moment leaves a store that opens, is sound, and has lost nothing that it had."""

import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from support import TOP, CountingEngine, average_colours, plain_backbone, run_python, write_pictures

from imgclass_course.bottlenecks import extract
from imgclass_course.foundation.extraction import BATCH_SIZE
from imgclass_course.foundation.store import BottleneckStore

KILLS = 60

# The process kills itself when a picture's vector is there and before anybody has it.
KILL_AT = """
import os, signal, sys
from support import EngineRunner, average_colours, plain_backbone

from imgclass_course.bottlenecks import extract
from imgclass_course.foundation.store import BottleneckStore

class DeadlyRunner(EngineRunner):
    def map(self, load, items):
        for number, outcome in enumerate(super().map(load, items)):
            if number == int(sys.argv[3]):
                os.kill(os.getpid(), signal.SIGKILL)
            yield outcome

with BottleneckStore(sys.argv[2]) as store:
    extract(sys.argv[1], backbone=plain_backbone(), store=store, runner=DeadlyRunner(average_colours))
"""

# One process forks the children, so that each starts within milliseconds. tqdm's own lock is shared with them: a child
# that is killed while it holds it would let its parent wait for ever. Moments are parts of what a whole run takes.
KILL_OFTEN = """
import os, random, shutil, signal, sys, threading, time
from pathlib import Path

import numpy as np
from tqdm import tqdm
from support import average_colours, plain_backbone

from imgclass_course.bottlenecks import extract
from imgclass_course.datasets import ImageFolder
from imgclass_course.foundation.store import BottleneckStore

root, folder, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

tqdm.set_lock(threading.RLock())

def slow(image):
    time.sleep(0.0005)
    return average_colours(image)

def fill(store_folder):
    with BottleneckStore(store_folder) as store:
        return extract(root, backbone=plain_backbone(engine=slow), store=store)

def killed_after(seconds, store_folder):
    child = os.fork()
    if child == 0:
        fill(store_folder)
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])

pictures = ImageFolder.scan(root)
digests, fingerprint = pictures.readable["digest"].tolist(), plain_backbone().fingerprint
expected = fill(folder / "undisturbed").X
started = time.monotonic()
fill(folder / "timed")
duration = time.monotonic() - started
generator, killed, resumed = random.Random(0), 0, 0
while killed < kills:
    store_folder, kept = folder / f"store{killed}", np.zeros(len(digests), bool)
    while killed < kills and not kept.all():
        killed += killed_after(generator.choice([0.2, 0.5, 1.0]) * generator.random() * duration, store_folder)
        with BottleneckStore(store_folder) as store:
            assert store.verify().damaged == 0
            vectors, found = store.load(fingerprint, digests)
        assert found[kept].all(), "a vector that was there is gone"
        if found.any():
            np.testing.assert_array_equal(vectors[found], expected[found])
        resumed += bool(kept.any() and not found.all())
        kept = found
    np.testing.assert_array_equal(fill(store_folder).X, expected)
print(killed, resumed)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_killed_process_loses_at_most_the_batch_in_flight(tmp_path: Path) -> None:
    root = write_pictures(tmp_path / "pictures", {"blue": 100, "red": 100})
    expected = extract(root, backbone=plain_backbone()).X
    for number in (BATCH_SIZE - 1, BATCH_SIZE, 3 * BATCH_SIZE - 1, 199):  # the last one is in a batch that is not full
        store_folder = tmp_path / f"store {number}"
        child = run_python("-c", KILL_AT, root, store_folder, str(number), PYTHONPATH=str(TOP / "tests"))
        assert child.returncode == -signal.SIGKILL, child.stderr
        kept, engine = number // BATCH_SIZE * BATCH_SIZE, CountingEngine(average_colours)
        with BottleneckStore(store_folder) as store:
            assert store.verify() == (kept, 0)
            resumed = extract(root, backbone=plain_backbone(engine=engine), store=store)
        assert engine.passes == resumed.computed == 200 - kept and resumed.reused == kept
        np.testing.assert_array_equal(resumed.X, expected)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL") or sys.platform == "darwin", reason="forks, and kills with -9")
def test_sixty_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    root = write_pictures(tmp_path / "pictures", {"blue": 100, "green": 100, "red": 100})
    child = run_python("-c", KILL_OFTEN, root, tmp_path, str(KILLS), timeout=300, PYTHONPATH=str(TOP / "tests"))
    assert child.returncode == 0, child.stderr
    killed, resumed = map(int, child.stdout.split())
    assert killed >= KILLS and resumed >= 10
