"""Each vector is computed once, is never stale and never wrong, whatever happens to the store.

The backbone here averages colours with NumPy: what is tested is the store, and no test waits for TensorFlow.
"""

import hashlib
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import (
    TOP,
    CountingEngine,
    average_colours,
    child_environment,
    encode,
    gradient,
    ordinary_user,
    plain_backbone,
    run_python,
    write_pictures,
)

from imgclass_course import bottlenecks
from imgclass_course.backbones import Backbone
from imgclass_course.bottlenecks import BottleneckStore, StoreError, extract, map_in_threads, picture_vector
from imgclass_course.datasets import FileFacts, FileState, ImageFolder
from imgclass_course.images import ImageError

FILE = "bottlenecks.sqlite"
DIGESTS = [hashlib.sha256(bytes([number])).hexdigest() for number in range(40)]


@pytest.fixture
def copied(pictures: Path, tmp_path: Path) -> Path:
    """Return a copy of the small pictures that a test may change, none of them fresh from the disk's point of view."""
    root = Path(shutil.copytree(pictures, tmp_path / "copied"))
    make_old(root)
    return root


def make_old(root: Path) -> None:
    """Set the time of change of all files to some days ago, so that the store trusts it."""
    for path in root.rglob("*.png"):
        os.utime(path, ns=(1_700_000_000_000_000_000, 1_700_000_000_000_000_000))


def run(root: Path, store_folder: Path, backbone: Backbone) -> tuple[ImageFolder, bottlenecks.Bottlenecks]:
    """Scan a folder and extract its bottlenecks, as retraining does."""
    with BottleneckStore(store_folder) as store:
        folder = ImageFolder.scan(root, catalogue=store)
        return folder, extract(folder.root, folder.readable, backbone, store)


def expected_vectors(folder: ImageFolder, backbone: Backbone) -> np.ndarray:
    """Return the vectors of a folder's readable pictures without any store."""
    rows = folder.readable.itertuples()
    return np.stack([picture_vector(folder.root / row.path, row.digest, backbone) for row in rows])


def made_up_vectors(space: int, dim: int = 256) -> np.ndarray:
    """Return vectors [40, dim] float32 for `DIGESTS`, different ones for each space."""
    return np.random.default_rng(space).normal(size=(len(DIGESTS), dim)).astype(np.float32)


def make_store(folder: Path) -> Path:
    """Make a store with two backbones' vectors for `DIGESTS` and return its database file."""
    with BottleneckStore(folder) as store:
        for space in (0, 1):
            store.add(f"fingerprint {space}", "made up", DIGESTS, made_up_vectors(space))
        files = [FileState(f"/pictures/{number}.jpg", 10, 20) for number in range(len(DIGESTS))]
        store.remember_files(files, [FileFacts(digest, 3, 4, "") for digest in DIGESTS])
    return folder / FILE


def assert_right_or_missing(folder: Path) -> int:
    """Check that whatever the store of `make_store` returns is right. Return how many vectors are there."""
    count = 0
    with BottleneckStore(folder) as store:
        for space in (0, 1):
            vectors, found = store.load(f"fingerprint {space}", DIGESTS)
            for row in np.flatnonzero(found):
                np.testing.assert_array_equal(vectors[row], made_up_vectors(space)[row])
            count += found.sum()
        files = [FileState(f"/pictures/{number}.jpg", 10, 20) for number in range(len(DIGESTS))]
        for facts in store.recall_files(files):
            assert facts is None or isinstance(facts.digest, str)
    return count


# What the store is for


def test_cached_equals_uncached(copied: Path, tmp_path: Path) -> None:
    backbone = plain_backbone()
    folder, first = run(copied, tmp_path / "store", backbone)
    _, second = run(copied, tmp_path / "store", backbone)
    uncached = extract(folder.root, folder.readable, backbone)
    for one in (first, second, uncached):
        np.testing.assert_array_equal(one.vectors, expected_vectors(folder, backbone))
        assert one.usable.all() and one.vectors.dtype == np.float32
    assert (first.reused, first.computed) == (0, 60) and (second.reused, second.computed) == (60, 0)


def test_warm_run_computes_nothing_and_reads_nothing(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = CountingEngine()
    run(copied, tmp_path / "store", plain_backbone(engine=engine))
    assert engine.passes in (60, 61)  # one more to learn the length of a vector
    engine.passes = 0
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    _, warm = run(copied, tmp_path / "store", plain_backbone(engine=engine))
    assert engine.passes == 0 and warm.computed == 0


def rename_all(root: Path) -> None:
    for path in list(root.rglob("*.png")):
        path.rename(path.with_name(f"renamed_{path.name}"))


def move_folder(root: Path) -> None:
    (root / "red").rename(root / "crimson")


def copy_all(root: Path) -> None:
    for path in list(root.rglob("*.png")):
        shutil.copy(path, path.with_name(f"copy_{path.name}"))


def touch_all(root: Path) -> None:
    for path in root.rglob("*.png"):
        path.touch()


@pytest.mark.parametrize("change", [rename_all, move_folder, copy_all, touch_all])
def test_changes_that_keep_the_content_cost_nothing(
    copied: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    engine = CountingEngine()
    run(copied, tmp_path / "store", plain_backbone())
    change(copied)
    folder, warm = run(copied, tmp_path / "store", plain_backbone(engine=engine))
    assert engine.passes == 0 and warm.computed == 0 and warm.reused == len(folder.readable)
    np.testing.assert_array_equal(warm.vectors, expected_vectors(folder, plain_backbone()))


def test_duplicates_are_computed_once(copied: Path, tmp_path: Path) -> None:
    copy_all(copied)
    engine = CountingEngine()
    folder, first = run(copied, tmp_path / "store", plain_backbone(engine=engine))
    assert engine.passes in (60, 61) and len(folder.readable) == 120 and first.usable.all()
    np.testing.assert_array_equal(first.vectors, expected_vectors(folder, plain_backbone()))


@pytest.mark.parametrize("same_size_and_time", [False, True])
def test_changed_picture_is_computed_again(tmp_path: Path, same_size_and_time: bool) -> None:
    # Uncompressed, so that the new picture has exactly the size of the old one; written just now, so that a change
    # within one tick of the clock cannot be told from the time.
    path = tmp_path / "root" / "a" / "one.bmp"
    path.parent.mkdir(parents=True)
    path.write_bytes(encode(gradient(seed=1), "BMP"))
    before = path.stat()
    run(tmp_path / "root", tmp_path / "store", plain_backbone())
    path.write_bytes(encode(gradient(seed=2), "BMP"))
    if same_size_and_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    folder, second = run(tmp_path / "root", tmp_path / "store", plain_backbone())
    assert second.computed == 1
    np.testing.assert_array_equal(second.vectors[0], average_colours(load(gradient(seed=2))))


def load(image: np.ndarray) -> np.ndarray:
    from imgclass_course.images import load_image

    return load_image(image, 16)


def test_other_backbone_and_resolution_never_mix(copied: Path, tmp_path: Path) -> None:
    backbones = [plain_backbone(), plain_backbone("other", engine=lambda image: -average_colours(image))]
    backbones.append(plain_backbone(image_size=32))
    for _ in range(2):
        for backbone in backbones:
            folder, one = run(copied, tmp_path / "store", backbone)
            np.testing.assert_array_equal(one.vectors, expected_vectors(folder, backbone))
    with BottleneckStore(tmp_path / "store") as store:
        assert store.info()["vectors"].tolist() == [60, 60, 60]


def test_new_pictures_are_added_to_known_ones(copied: Path, tmp_path: Path) -> None:
    run(copied, tmp_path / "store", plain_backbone())
    write_pictures(copied, {"new": 7}, first_seed=900)
    folder, second = run(copied, tmp_path / "store", plain_backbone())
    assert (second.reused, second.computed) == (60, 7)
    np.testing.assert_array_equal(second.vectors, expected_vectors(folder, plain_backbone()))


def test_empty_table_gives_no_vectors(tmp_path: Path) -> None:
    table = pd.DataFrame({"path": [], "digest": []})
    with BottleneckStore(tmp_path) as store:
        for one in (extract(tmp_path, table, plain_backbone(), store), extract(tmp_path, table, plain_backbone())):
            assert len(one.vectors) == 0 and len(one.problems) == 0


def test_table_may_have_any_index(copied: Path, tmp_path: Path) -> None:
    folder = ImageFolder.scan(copied)
    table = folder.readable.sample(frac=0.5, random_state=0)
    with BottleneckStore(tmp_path / "store") as store:
        extract(folder.root, table.iloc[:10], plain_backbone(), store)
        one = extract(folder.root, table, plain_backbone(), store)
    for vector, row in zip(one.vectors, table.itertuples(), strict=True):
        np.testing.assert_array_equal(vector, picture_vector(folder.root / row.path, row.digest, plain_backbone()))


# Pictures that cannot be used


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_unreadable_picture_is_listed_and_remembered(copied: Path, tmp_path: Path) -> None:
    cut(copied / "red" / "000.png")
    make_old(copied)
    folder, first = run(copied, tmp_path / "store", plain_backbone())
    (row,) = np.flatnonzero(~first.usable)
    assert folder.readable["path"][row] == os.path.join("red", "000.png")
    assert "cut short or damaged" in first.problems[row] and not first.vectors[row].any()
    folder, second = run(copied, tmp_path / "store", plain_backbone())
    assert second.usable.all() and len(second.vectors) == 59
    assert "cut short or damaged" in folder.problems["problem"].item()


def test_repaired_picture_is_used_again(copied: Path, tmp_path: Path) -> None:
    path = copied / "red" / "000.png"
    whole = path.read_bytes()
    cut(path)
    make_old(copied)
    run(copied, tmp_path / "store", plain_backbone())
    path.write_bytes(whole)
    folder, second = run(copied, tmp_path / "store", plain_backbone())
    assert second.usable.all() and len(second.vectors) == 60


def test_picture_that_changes_after_the_scan_is_left_out_this_time(copied: Path, tmp_path: Path) -> None:
    with BottleneckStore(tmp_path / "store") as store:
        folder = ImageFolder.scan(copied, catalogue=store)
        (copied / "red" / "000.png").write_bytes(encode(gradient(seed=700)))
        (copied / "red" / "001.png").unlink()
        first = extract(folder.root, folder.readable, plain_backbone(), store)
    problems = dict(zip(folder.readable["path"], first.problems, strict=True))
    assert "changed while it was in use" in problems[os.path.join("red", "000.png")]
    assert "No such file" in problems[os.path.join("red", "001.png")]
    assert first.usable.sum() == 58
    folder, second = run(copied, tmp_path / "store", plain_backbone())
    assert second.usable.all() and len(second.vectors) == 59
    np.testing.assert_array_equal(second.vectors, expected_vectors(folder, plain_backbone()))


def test_picture_that_was_changed_and_put_back_is_used_next_time(copied: Path, tmp_path: Path) -> None:
    path = copied / "red" / "000.png"
    whole = path.read_bytes()
    with BottleneckStore(tmp_path / "store") as store:
        folder = ImageFolder.scan(copied, catalogue=store)
        path.write_bytes(encode(gradient(seed=700)))
        extract(folder.root, folder.readable, plain_backbone(), store)
    path.write_bytes(whole)
    make_old(copied)  # as `cp -p` or `rsync -t` do
    _, second = run(copied, tmp_path / "store", plain_backbone())
    assert second.usable.all() and len(second.vectors) == 60


def test_one_copy_that_is_gone_does_not_take_the_other_with_it(copied: Path) -> None:
    shutil.copy(copied / "red" / "000.png", copied / "red" / "copy.png")
    folder = ImageFolder.scan(copied)
    (copied / "red" / "000.png").unlink()
    problems = dict(
        zip(folder.readable["path"], extract(folder.root, folder.readable, plain_backbone()).problems, strict=True)
    )
    assert problems[os.path.join("red", "copy.png")] == ""


def test_programming_error_in_the_engine_is_not_hidden(copied: Path, tmp_path: Path) -> None:
    def broken(image: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(copied, tmp_path / "store", plain_backbone(engine=broken))


# Views


class Brighter:
    """Adds a number that depends on the seed."""

    def __init__(self, fingerprint: str = "brighter") -> None:
        self.fingerprint = fingerprint

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        """Add 1 to 40 to every value of [h, w, 3] uint8."""
        return np.minimum(image, 200) + np.uint8(1 + seed % 40)


def test_view_needs_an_augmentation(copied: Path) -> None:
    folder = ImageFolder.scan(copied)
    with pytest.raises(ValueError, match="augmentation"):
        extract(folder.root, folder.readable, plain_backbone(), view=1)


def test_same_view_is_the_same_vector_and_is_kept(copied: Path, tmp_path: Path) -> None:
    engine = CountingEngine()
    folder = ImageFolder.scan(copied)
    with BottleneckStore(tmp_path / "store") as store:

        def view(number: int, fingerprint: str = "brighter") -> np.ndarray:
            backbone = plain_backbone(engine=engine)
            return extract(folder.root, folder.readable, backbone, store, number, Brighter(fingerprint)).vectors

        first = view(1)
        passes = engine.passes
        np.testing.assert_array_equal(view(1), first)
        assert engine.passes == passes
        assert (view(2) != first).any()
        view(1, "another augmentation")
        assert engine.passes >= passes + 120  # nothing of it was taken from the first one
        np.testing.assert_array_equal(
            extract(folder.root, folder.readable, plain_backbone(), view=1, augmentation=Brighter()).vectors, first
        )


def test_picture_itself_is_never_augmented(copied: Path) -> None:
    folder = ImageFolder.scan(copied)
    plain = extract(folder.root, folder.readable, plain_backbone(), view=0, augmentation=Brighter())
    np.testing.assert_array_equal(plain.vectors, expected_vectors(folder, plain_backbone()))


# Threads


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_result_does_not_depend_on_the_number_of_workers(copied: Path, workers: int) -> None:
    cut(copied / "red" / "003.png")
    folder = ImageFolder.scan(copied)
    one = extract(folder.root, folder.readable, plain_backbone(), workers=workers)
    other = extract(folder.root, folder.readable, plain_backbone(), workers=3)
    np.testing.assert_array_equal(one.vectors, other.vectors)
    assert one.problems.tolist() == other.problems.tolist()


@given(items=st.lists(st.integers(), max_size=60), workers=st.integers(1, 5))
def test_threads_keep_the_order(items: list[int], workers: int) -> None:
    assert list(map_in_threads(lambda item: item * 2, items, workers)) == [item * 2 for item in items]


def test_threads_run_only_a_little_ahead() -> None:
    taken = []

    def endless() -> Iterator[int]:
        for number in range(100_000):
            taken.append(number)
            yield number

    results = map_in_threads(lambda number: number, endless(), workers=2)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(taken) < 50
    results.close()
    assert len(taken) < 50


def test_several_threads_work_at_once() -> None:
    meeting = threading.Barrier(3, timeout=20)
    assert list(map_in_threads(lambda _: meeting.wait() >= 0, range(3), workers=3)) == [True] * 3


def test_error_in_a_thread_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda number: 1 // number, [1, 1, 0, 1], workers=2))


# Several processes, and processes that die


def extract_slowly(root: str, store: str, seconds: float = 0.0) -> None:
    """Fill a store from a folder, in a child process, with a pause per picture."""

    def slow(image: np.ndarray) -> np.ndarray:
        time.sleep(seconds)
        return average_colours(image)

    _, one = run(Path(root), Path(store), plain_backbone(engine=slow))
    assert one.usable.all()


def open_when_all_are_ready(ready: "multiprocessing.Barrier", root: str, store: str) -> None:
    """Wait for the other processes, then make, fill and read one store."""
    ready.wait(60)
    extract_slowly(root, store)


@pytest.mark.parametrize("processes", [2, 4])
def test_several_processes_fill_one_new_store(copied: Path, tmp_path: Path, processes: int) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(processes)
    arguments = (ready, str(copied), str(tmp_path / "store"))
    children = [context.Process(target=open_when_all_are_ready, args=arguments) for _ in range(processes)]
    for child in children:
        child.start()
    for child in children:
        child.join(90)
    assert [child.exitcode for child in children] == [0] * processes
    engine = CountingEngine()
    folder, warm = run(copied, tmp_path / "store", plain_backbone(engine=engine))
    assert engine.passes == 0
    np.testing.assert_array_equal(warm.vectors, expected_vectors(folder, plain_backbone()))


def test_store_waits_for_a_reader_when_it_is_made(tmp_path: Path) -> None:
    # As when two processes make one store: the second reads while the first switches to the write-ahead log.
    path = make_store(tmp_path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM vectors").fetchone()
    timer = threading.Timer(0.5, lambda: other.execute("COMMIT"))
    timer.start()
    assert assert_right_or_missing(tmp_path) == 80
    timer.join()
    other.close()


def test_many_threads_create_one_store_at_the_same_moment(tmp_path: Path) -> None:
    # Each round is a new store, made by all at once; threads meet more exactly than processes do.
    for number in range(40):
        meeting = threading.Barrier(6, timeout=20)
        failed = []

        def create(folder: Path, meeting: threading.Barrier = meeting, failed: list = failed) -> None:
            meeting.wait()
            try:
                with BottleneckStore(folder) as store:
                    store.add("fingerprint", "name", DIGESTS, made_up_vectors(0))
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=create, args=(tmp_path / str(number),)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_killed_process_loses_at_most_the_batch_in_flight(copied: Path, tmp_path: Path) -> None:
    for number in range(1, 4):  # 240 pictures: three full batches and more
        write_pictures(copied, {f"more{number}": 60}, first_seed=number * 1000)
    make_old(copied)
    code = "import sys; from test_bottlenecks import extract_slowly; extract_slowly(*sys.argv[1:], 0.01)"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(copied), str(tmp_path / "store")],
        env=child_environment(PYTHONPATH=str(TOP / "tests")),
    )
    deadline = time.monotonic() + 60
    while count_vectors(tmp_path / "store") < bottlenecks.BATCH_SIZE and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    assert child.poll() is None, "the child was done before it could be killed"
    child.send_signal(signal.SIGKILL)
    child.wait(30)

    kept = count_vectors(tmp_path / "store")
    assert kept > 0 and kept % bottlenecks.BATCH_SIZE == 0, "a batch is kept whole or not at all"
    with BottleneckStore(tmp_path / "store") as store:
        assert store.verify() == (kept, 0)
    engine = CountingEngine()
    folder, resumed = run(copied, tmp_path / "store", plain_backbone(engine=engine))
    assert engine.passes == len(folder.readable) - kept and resumed.reused == kept
    np.testing.assert_array_equal(resumed.vectors, expected_vectors(folder, plain_backbone()))


def count_vectors(folder: Path) -> int:
    if not (folder / FILE).exists():
        return 0
    try:
        with BottleneckStore(folder) as store:
            return int(store.info()["vectors"].sum())
    except StoreError:  # the child is making it right now
        return 0


def test_store_waits_for_another_writer(tmp_path: Path) -> None:
    path = make_store(tmp_path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def write_for_a_while() -> threading.Timer:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.5, lambda: other.execute("COMMIT"))
        timer.start()
        return timer

    timer = write_for_a_while()
    with BottleneckStore(tmp_path) as store:
        timer.join()
        timer = write_for_a_while()
        store.add("fingerprint 2", "name", DIGESTS[:1], made_up_vectors(2)[:1])
    timer.join()
    other.close()


# Stores that are damaged, foreign or cannot be written


def overwrite(path: Path, data: bytes) -> None:
    path.write_bytes(data)


FOREIGN = {
    "text": lambda path: overwrite(path, b"these are words, not a database\n" * 100),
    "short text": lambda path: overwrite(path, b"words"),
    "zeros": lambda path: overwrite(path, bytes(50_000)),
    "header only": lambda path: overwrite(path, path.read_bytes()[:100]),
    "broken header": lambda path: overwrite(path, b"SQLite format 3\0" + b"\xff" * 5000),
}


@pytest.mark.parametrize("spoil", FOREIGN.values(), ids=FOREIGN.keys())
def test_file_that_is_no_store_is_refused(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = make_store(tmp_path)
    spoil(path)
    with pytest.raises(StoreError, match=FILE):
        assert_right_or_missing(tmp_path)


def test_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(StoreError, match="another program"):
        BottleneckStore(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


def test_newer_format_is_refused(tmp_path: Path) -> None:
    path = make_store(tmp_path)
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {bottlenecks.FORMAT + 1}")
    with pytest.raises(StoreError, match=f"format {bottlenecks.FORMAT + 1}"):
        BottleneckStore(tmp_path)


def test_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()  # what a process that died at once leaves
    make_store(tmp_path)
    assert assert_right_or_missing(tmp_path) == 80


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_cut_store_gives_an_error_or_right_vectors(tmp_path: Path, share: float) -> None:
    path = make_store(tmp_path)
    os.truncate(path, int(path.stat().st_size * share))
    try:
        assert_right_or_missing(tmp_path)
    except StoreError as error:
        assert "delete it" in str(error)


@pytest.fixture(scope="module")
def store_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_store(tmp_path_factory.mktemp("whole")).read_bytes()


def changes(store_bytes: bytes, count: int) -> Iterator[bytes]:
    """Copies of a store in which one byte is another one, mostly where the structure of the database is."""
    structure = np.ones(len(store_bytes), bool)
    for vector in np.concatenate([made_up_vectors(0), made_up_vectors(1)]):
        start = store_bytes.find(vector.tobytes())
        if start >= 0:
            structure[start : start + vector.nbytes] = False
    generator = random.Random(0)
    data = np.frombuffer(store_bytes, np.uint8)
    used = np.flatnonzero(structure & (data != 0)).tolist()
    for place in generator.sample(used, count):
        changed = bytearray(store_bytes)
        changed[place] ^= 1 << generator.randrange(8)
        yield bytes(changed)


def test_changed_byte_gives_an_error_or_right_vectors(store_bytes: bytes, tmp_path: Path) -> None:
    refused = 0
    for data in changes(store_bytes, 400):
        (tmp_path / FILE).write_bytes(data)
        try:
            assert_right_or_missing(tmp_path)
        except StoreError:
            refused += 1
        for rest in ("-wal", "-shm"):
            (tmp_path / (FILE + rest)).unlink(missing_ok=True)
    assert refused > 0


@given(changed=st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), min_size=1, max_size=20))
def test_many_changed_bytes_give_an_error_or_right_vectors(
    store_bytes: bytes, tmp_path_factory: pytest.TempPathFactory, changed: list[tuple[float, int]]
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    data = bytearray(store_bytes)
    for place, value in changed:
        data[int(place * len(data))] ^= value
    (folder / FILE).write_bytes(data)
    try:
        assert_right_or_missing(folder)
    except StoreError:
        pass
    shutil.rmtree(folder)


def change_value(path: Path) -> None:
    """Change one byte in the middle of a vector, as a failing disk does."""
    data = bytearray(path.read_bytes())
    place = data.find(made_up_vectors(0)[5].tobytes()) + 500
    data[place] ^= 16
    path.write_bytes(data)


def test_changed_value_is_not_used_and_verify_removes_it(tmp_path: Path) -> None:
    path = make_store(tmp_path)
    change_value(path)
    assert assert_right_or_missing(tmp_path) == 79
    with BottleneckStore(tmp_path) as store:
        assert store.verify() == (80, 1)
        assert store.verify() == (79, 0)


def test_damaged_vector_is_computed_again(copied: Path, tmp_path: Path) -> None:
    run(copied, tmp_path / "store", plain_backbone())
    with sqlite3.connect(tmp_path / "store" / FILE) as database:
        database.execute("UPDATE vectors SET value = zeroblob(length(value)) WHERE rowid IN (3, 30)")
    folder, second = run(copied, tmp_path / "store", plain_backbone())
    assert (second.reused, second.computed) == (58, 2)
    np.testing.assert_array_equal(second.vectors, expected_vectors(folder, plain_backbone()))


# What damage to an index or a key can do: rows that are sound in themselves, in a wrong place.
MOVES = {
    "another picture's": "digest = CASE digest WHEN x'{0}' THEN x'{1}' ELSE x'{0}' END",
    "another backbone's": "space = 3 - space",
    "another view's": "view = 1",
    "an integer": "value = 7",
    "text": "value = 'text'",
}


@pytest.mark.parametrize("change", MOVES.values(), ids=MOVES.keys())
def test_vector_in_a_wrong_place_is_not_used(tmp_path: Path, change: str) -> None:
    first, second = DIGESTS[4:6]
    path = make_store(tmp_path)
    with sqlite3.connect(path) as database:
        # Views of their own first, so that keys stay unique while they are exchanged.
        database.execute(f"UPDATE vectors SET view = 100 + rowid WHERE digest IN (x'{first}', x'{second}')")
        database.execute(f"UPDATE vectors SET {change.format(first, second)} WHERE view >= 100")
        database.execute("UPDATE vectors SET view = 0 WHERE view >= 100")
    for digests in (DIGESTS, DIGESTS[4:6]):  # both ways of looking up
        with BottleneckStore(tmp_path) as store:
            for space in (0, 1):
                vectors, found = store.load(f"fingerprint {space}", digests)
                right = made_up_vectors(space)[[DIGESTS.index(digest) for digest in digests]]
                np.testing.assert_array_equal(vectors[found], right[found])
                assert not store.load(f"fingerprint {space}", digests, view=1)[1].any()
    with BottleneckStore(tmp_path) as store:
        assert store.verify() == (80, 4)


@pytest.mark.parametrize("dim", [0, 7, -5, 1 << 50])
def test_wrong_length_is_an_error_or_put_right(copied: Path, tmp_path: Path, dim: int) -> None:
    run(copied, tmp_path / "store", plain_backbone())
    with sqlite3.connect(tmp_path / "store" / FILE) as database:
        database.execute(f"UPDATE spaces SET dim = {dim}")
    try:
        folder, second = run(copied, tmp_path / "store", plain_backbone())
    except StoreError:
        return
    np.testing.assert_array_equal(second.vectors, expected_vectors(folder, plain_backbone()))
    assert run(copied, tmp_path / "store", plain_backbone())[1].computed == 0


@pytest.mark.parametrize("few", [False, True])
def test_lookup_finds_all_whether_many_or_few_are_wanted(tmp_path: Path, few: bool) -> None:
    make_store(tmp_path)
    wanted = [DIGESTS[3], "ff" * 32, DIGESTS[1], DIGESTS[3]] if few else [*DIGESTS[::-1], DIGESTS[0], "ff" * 32]
    with BottleneckStore(tmp_path) as store:
        vectors, found = store.load("fingerprint 1", wanted)
        assert found.tolist() == [digest != "ff" * 32 for digest in wanted]
        for digest, vector in zip(wanted, vectors, strict=True):
            if digest in DIGESTS:
                np.testing.assert_array_equal(vector, made_up_vectors(1)[DIGESTS.index(digest)])
        vectors, found = store.load("unknown", wanted)
        assert not found.any() and vectors.shape == (len(wanted), 0)


def test_full_disk_is_an_error_and_keeps_what_was_there(tmp_path: Path) -> None:
    make_store(tmp_path)
    with BottleneckStore(tmp_path) as store:
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="free some space"):
            store.add("fingerprint 2", "name", DIGESTS, made_up_vectors(2))
        store._connection.execute(f"PRAGMA max_page_count = {pages * 10}")
        store.add("fingerprint 2", "name", DIGESTS, made_up_vectors(2))
    assert assert_right_or_missing(tmp_path) == 80


WRITE_TOO_MUCH = """
import resource, sys
import numpy as np
from imgclass_course.bottlenecks import BottleneckStore, StoreError
from test_bottlenecks import DIGESTS

with BottleneckStore(sys.argv[1]) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    try:
        for number in range(100):
            store.add(f"big {number}", "name", DIGESTS, np.ones((40, 1024), np.float32))
    except StoreError as error:
        sys.exit(f"StoreError: {error}")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_file_that_cannot_grow_is_an_error_and_the_store_still_opens(tmp_path: Path) -> None:
    make_store(tmp_path)
    child = run_python("-c", WRITE_TOO_MUCH, str(tmp_path), PYTHONPATH=str(TOP / "tests"))
    assert child.returncode == 1 and child.stderr.startswith("StoreError: "), child.stderr
    assert assert_right_or_missing(tmp_path) == 80
    with BottleneckStore(tmp_path) as store:
        assert store.verify().damaged == 0


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no such permissions")
def test_folder_that_cannot_be_written_is_an_error(shared_folder: Path) -> None:
    with ordinary_user():
        with pytest.raises(StoreError, match="Permission denied"):
            BottleneckStore(shared_folder / "new")
        with pytest.raises(StoreError, match="can be written"):
            BottleneckStore(shared_folder)
    make_store(shared_folder)
    with ordinary_user(), pytest.raises(StoreError, match="can be written"):
        BottleneckStore(shared_folder)


def test_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot hold"):
        BottleneckStore(tmp_path / "file")


# Care


def test_prune_forgets_what_is_gone(copied: Path, tmp_path: Path) -> None:
    run(copied, tmp_path / "store", plain_backbone())
    shutil.copy(copied / "red" / "000.png", copied / "blue" / "kept.png")
    run(copied, tmp_path / "store", plain_backbone())
    shutil.rmtree(copied / "red")
    with BottleneckStore(tmp_path / "store") as store:
        assert store.prune() == 19  # the twentieth has a copy
        assert store.info()["vectors"].tolist() == [41]
        assert store.prune() == 0
    assert run(copied, tmp_path / "store", plain_backbone())[1].computed == 0


def test_verify_finds_a_broken_database(store_bytes: bytes, tmp_path: Path) -> None:
    found = 0
    for data in changes(store_bytes, 60):
        (tmp_path / FILE).write_bytes(data)
        try:
            with BottleneckStore(tmp_path) as store:
                found += store.verify().damaged > 0
        except StoreError:
            found += 1
    assert found > 30


def test_unsettled_file_is_not_trusted(tmp_path: Path) -> None:
    now = time.time_ns()
    files = [FileState("fresh", 1, now), FileState("old", 1, now - 10 * bottlenecks.SETTLED_NS)]
    facts = [FileFacts("ab" * 32, 1, 1, "")] * 2
    with BottleneckStore(tmp_path) as store:
        store.remember_files(files, facts)
        assert store.recall_files(files) == [None, facts[1]]
        assert store.recall_files([files[1]._replace(size=2), files[1]._replace(mtime_ns=5)]) == [None, None]


def test_file_that_could_not_be_read_is_tried_again(tmp_path: Path) -> None:
    file = FileState("locked", 1, 1)
    with BottleneckStore(tmp_path) as store:
        store.remember_files([file], [FileFacts("", 0, 0, "the file cannot be read")])
        assert store.recall_files([file]) == [None]


def test_picture_vector_refuses_other_content(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(encode(gradient()))
    with pytest.raises(ImageError, match="changed"):
        picture_vector(tmp_path / "one.png", "ab" * 32, plain_backbone())
