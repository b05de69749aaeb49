"""A process that is killed at any moment leaves a store that opens, is sound, and has lost nothing that it had."""

import signal
import sys
from pathlib import Path

import pytest
from support import TOP, run_python, write_pictures

KILLS = 60

# One process forks the children, so that each starts within milliseconds; it has no threads while it forks.
KILL_OFTEN = """
import os, random, shutil, signal, sys, time
from pathlib import Path

import numpy as np
from support import average_colours, plain_backbone

from imgclass_course.bottlenecks import BottleneckStore, extract
from imgclass_course.datasets import ImageFolder

root, folder, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

def slow(image):
    time.sleep(0.0005)
    return average_colours(image)

def fill(store_folder):
    with BottleneckStore(store_folder) as store:
        pictures = ImageFolder.scan(root, catalogue=store)
        return extract(pictures.root, pictures.readable, plain_backbone(engine=slow), store)

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
expected = fill(folder / "undisturbed").vectors
generator, killed, resumed = random.Random(0), 0, 0
while killed < kills:
    store_folder, kept = folder / f"store{killed}", np.zeros(len(digests), bool)
    while killed < kills and not kept.all():
        killed += killed_after(generator.choice([0.02, 0.1, 0.3]) * generator.random(), store_folder)
        with BottleneckStore(store_folder) as store:
            assert store.verify().damaged == 0
            vectors, found = store.load(fingerprint, digests)
        assert found[kept].all(), "a vector that was there is gone"
        if found.any():
            np.testing.assert_array_equal(vectors[found], expected[found])
        resumed += bool(kept.any() and not found.all())
        kept = found
    np.testing.assert_array_equal(fill(store_folder).vectors, expected)
print(killed, resumed)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL") or sys.platform == "darwin", reason="forks, and kills with -9")
def test_sixty_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    root = write_pictures(tmp_path / "pictures", {"blue": 100, "green": 100, "red": 100})
    child = run_python("-c", KILL_OFTEN, root, tmp_path, str(KILLS), timeout=300, PYTHONPATH=str(TOP / "tests"))
    assert child.returncode == 0, child.stderr
    killed, resumed = map(int, child.stdout.split())
    assert killed >= KILLS and resumed >= 10
