"""What lessons do to pictures and to a store to see what happens: copies, accidents, and a process that is killed."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .datasets import dataset_folder
from .foundation.store import BottleneckStore

KILLED = """
import os, signal, sys
from imgclass_course import extract, load_backbone
from imgclass_course.foundation import extraction
from imgclass_course.foundation.store import BottleneckStore

class DeadlyRunner:
    def map(self, load, items):
        for number, outcome in enumerate(backbone.runner().map(load, items), start=1):
            if number == int(sys.argv[4]):
                os.kill(os.getpid(), signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
            yield outcome

extraction.BATCH_SIZE = int(sys.argv[5])
backbone = load_backbone(sys.argv[1])
with BottleneckStore(sys.argv[3]) as store:
    extract(sys.argv[2], backbone=backbone, store=store, runner=DeadlyRunner())
"""


def new_folder() -> Path:
    """Return a new, empty folder, which the operating system clears away some day."""
    return Path(tempfile.mkdtemp(prefix="imgclass_lesson_"))


def copy_drawings(folder: Path, per_class: int) -> Path:
    """Copy the first drawings of each class into `folder`, one folder per class, and return it."""
    for source in sorted(path for path in dataset_folder("clipart").iterdir() if path.is_dir()):
        (folder / source.name).mkdir(parents=True)
        for path in sorted(source.glob("*.jpg"))[:per_class]:
            shutil.copy(path, folder / source.name)
    return folder


def let_an_hour_pass(folder: Path) -> None:
    """Make every file that was changed in the last minutes an hour old: times that are too young are not trusted."""
    now = time.time()
    for path in folder.rglob("*.*"):
        if now - path.stat().st_mtime < 600:
            os.utime(path, (now - 3600, now - 3600))


def flip_a_bit(store: BottleneckStore, digest: str) -> None:
    """Change one bit of the vectors of the picture with this digest, behind the store's back."""
    key = bytes.fromhex(digest)
    with sqlite3.connect(store.path) as database:
        (value,) = database.execute("SELECT value FROM vectors WHERE digest = ?", (key,)).fetchone()
        changed = bytearray(value)
        changed[len(changed) // 2] ^= 1
        database.execute("UPDATE vectors SET value = ? WHERE digest = ?", (bytes(changed), key))
    database.close()


def extract_and_be_killed(backbone: str, pictures: Path, store: Path, after: int, batch_size: int) -> bool:
    """Extract in a process that is killed the hard way after so many pictures; return whether it was.

    `batch_size` vectors go into the store in one transaction.
    """
    arguments = [backbone, str(pictures), str(store), str(after), str(batch_size)]
    ended = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True)
    return ended.returncode == (signal.SIGTERM if os.name == "nt" else -signal.SIGKILL)
