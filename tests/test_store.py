"""A store gives right vectors or says that it cannot, whatever happens to its file and whoever writes beside it."""

import hashlib
import os
import random
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import TOP, ordinary_user, run_python

from imgclass_course.foundation.errors import StoreError
from imgclass_course.foundation.folder_listing import FileFacts, FileState
from imgclass_course.foundation.store import FILE_NAME, FORMAT, SETTLED_NS, BottleneckStore

DIGESTS = [hashlib.sha256(bytes([number])).hexdigest() for number in range(40)]
FILES = [FileState(os.path.abspath(f"/pictures/{number}.jpg"), 10, 20) for number in range(len(DIGESTS))]


def made_up_vectors(space: int, dim: int = 256) -> np.ndarray:
    """Return vectors [40, dim] float32 for `DIGESTS`, different ones for each space."""
    return np.random.default_rng(space).normal(size=(len(DIGESTS), dim)).astype(np.float32)


def make_store(folder: Path) -> Path:
    """Make a store with two backbones' vectors for `DIGESTS` and return its database file."""
    with BottleneckStore(folder) as store:
        for space in (0, 1):
            store.add(f"fingerprint {space}", "made up", DIGESTS, made_up_vectors(space))
        store.remember_files(FILES, [FileFacts(digest, 3, 4, "") for digest in DIGESTS])
    return folder / FILE_NAME


def assert_right_or_missing(folder: Path) -> int:
    """Check that whatever the store of `make_store` returns is right. Return how many vectors are there."""
    count = 0
    with BottleneckStore(folder) as store:
        for space in (0, 1):
            vectors, found = store.load(f"fingerprint {space}", DIGESTS)
            for row in np.flatnonzero(found):
                np.testing.assert_array_equal(vectors[row], made_up_vectors(space)[row])
            count += found.sum()
        for facts in store.recall_files(FILES):
            assert facts is None or isinstance(facts.digest, str)
    return count


# In and out


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


def test_unsettled_file_is_not_trusted(tmp_path: Path) -> None:
    now = time.time_ns()
    files = [FileState("fresh", 1, now), FileState("old", 1, now - 10 * SETTLED_NS)]
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


def test_problem_is_kept_with_its_file_however_the_path_is_written(tmp_path: Path) -> None:
    make_store(tmp_path)
    roundabout = os.path.join(os.path.dirname(FILES[2].path), "below", "..", "2.jpg")
    with BottleneckStore(tmp_path) as store:
        store.remember_problem(roundabout, "the picture is cut short")
        problems = [facts.problem for facts in store.recall_files(FILES)]
    assert problems == ["the picture is cut short" if number == 2 else "" for number in range(len(FILES))]


# Several at once


def held(database: sqlite3.Connection, statement: str) -> threading.Timer:
    """Begin a transaction that ends in half a second."""
    database.execute(statement)
    timer = threading.Timer(0.5, lambda: database.execute("COMMIT"))
    timer.start()
    return timer


def test_store_waits_for_a_reader_when_it_is_made(tmp_path: Path) -> None:
    # As when two processes make one store: the second reads while the first switches to the write-ahead log.
    path = make_store(tmp_path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA journal_mode = DELETE")
    timer = held(other, "BEGIN")
    other.execute("SELECT count(*) FROM vectors").fetchone()
    assert assert_right_or_missing(tmp_path) == 80
    timer.join()
    other.close()


def test_store_waits_for_another_writer(tmp_path: Path) -> None:
    other = sqlite3.connect(make_store(tmp_path), isolation_level=None, check_same_thread=False)
    timer = held(other, "BEGIN IMMEDIATE")
    with BottleneckStore(tmp_path) as store:
        timer.join()
        timer = held(other, "BEGIN IMMEDIATE")
        store.add("fingerprint 2", "name", DIGESTS[:1], made_up_vectors(2)[:1])
    timer.join()
    other.close()


def test_what_is_known_already_waits_for_nobody(tmp_path: Path) -> None:
    other = sqlite3.connect(make_store(tmp_path), isolation_level=None, timeout=0)
    with BottleneckStore(tmp_path) as store:
        other.execute("BEGIN IMMEDIATE")
        store._connection.execute("PRAGMA busy_timeout = 0")  # who waits, fails
        store.remember_files([], [])
        store.remember_paths({file.path: digest for file, digest in zip(FILES, DIGESTS, strict=True)})
        with pytest.raises(StoreError, match="locked"):
            store.remember_paths({"new.jpg": DIGESTS[0]})
        other.execute("COMMIT")
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


# Files that are no store


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
    with pytest.raises(StoreError, match=FILE_NAME):
        assert_right_or_missing(tmp_path)


def test_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(StoreError, match="another program"):
        BottleneckStore(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_newer_format_is_refused(tmp_path: Path) -> None:
    path = make_store(tmp_path)
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(StoreError, match=f"format {FORMAT + 1}"):
        BottleneckStore(tmp_path)


def test_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()  # what a process that died at once leaves
    make_store(tmp_path)
    assert assert_right_or_missing(tmp_path) == 80


# Stores that are damaged


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
        (tmp_path / FILE_NAME).write_bytes(data)
        try:
            assert_right_or_missing(tmp_path)
        except StoreError:
            refused += 1
        for rest in ("-wal", "-shm"):
            (tmp_path / (FILE_NAME + rest)).unlink(missing_ok=True)
    assert refused > 0


@given(changed=st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), min_size=1, max_size=20))
def test_many_changed_bytes_give_an_error_or_right_vectors(
    store_bytes: bytes, tmp_path_factory: pytest.TempPathFactory, changed: list[tuple[float, int]]
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    data = bytearray(store_bytes)
    for place, value in changed:
        data[int(place * len(data))] ^= value
    (folder / FILE_NAME).write_bytes(data)
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


def test_verify_finds_a_broken_database(store_bytes: bytes, tmp_path: Path) -> None:
    found = 0
    for data in changes(store_bytes, 60):
        (tmp_path / FILE_NAME).write_bytes(data)
        try:
            with BottleneckStore(tmp_path) as store:
                found += store.verify().damaged > 0
        except StoreError:
            found += 1
    assert found > 30


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


# Stores that cannot be written


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
from imgclass_course.foundation.store import BottleneckStore, StoreError
from test_store import DIGESTS

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


def write_files(folder: Path, numbers: Sequence[int]) -> dict[str, str]:
    """Write a file for each digest; return the digests by path."""
    folder.mkdir(exist_ok=True)
    for number in numbers:
        (folder / f"{number}.jpg").write_bytes(bytes([number]))
    return {str(folder / f"{number}.jpg"): DIGESTS[number] for number in numbers}


def test_prune_keeps_the_vectors_of_files_that_are_there(tmp_path: Path) -> None:
    first, second = write_files(tmp_path / "first", range(20)), write_files(tmp_path / "second", range(10, 30))
    with BottleneckStore(tmp_path) as store:
        store.add("fingerprint", "name", DIGESTS, made_up_vectors(0))
        store.remember_paths(first)
        store.remember_paths(second)  # ten of their digests are known from the first folder
        shutil.rmtree(tmp_path / "first")
        assert store.prune() == 20
        assert store.load("fingerprint", DIGESTS)[1].tolist() == [10 <= number < 30 for number in range(40)]
        assert store.prune() == 0


def test_path_that_holds_another_picture_now_keeps_that_one(tmp_path: Path) -> None:
    (path,) = write_files(tmp_path, [0])
    state = FileState(path, os.stat(path).st_size, 1)
    with BottleneckStore(tmp_path) as store:
        store.add("fingerprint", "name", DIGESTS[:2], made_up_vectors(0)[:2])
        store.remember_files([state], [FileFacts(DIGESTS[0], 3, 4, "")])
        store.remember_paths({path: DIGESTS[0]})
        assert store.recall_files([state])[0].digest == DIGESTS[0]  # what was known of the file still is
        store.remember_paths({path: DIGESTS[1]})
        assert store.recall_files([state]) == [None]
        assert store.prune() == 1 and store.load("fingerprint", DIGESTS[:2])[1].tolist() == [False, True]


def test_one_network_is_forgotten_and_the_space_given_back(tmp_path: Path) -> None:
    digests = [f"{number:064x}" for number in range(50)]
    with BottleneckStore(tmp_path) as store:
        store.add("a", "large", digests, [np.zeros(10_000, np.float16)] * 50)
        store.add("b", "small", digests, [np.ones(3, np.float32)] * 50)
        store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = store.path.stat().st_size
        assert store.forget("large") == 50 and store.info()["backbone"].tolist() == ["small"]
        store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert store.path.stat().st_size < before / 2
        vectors, found = store.load("b", digests)
        assert found.all() and (vectors == 1).all() and not store.load("a", digests)[1].any()
        with pytest.raises(StoreError, match="'large'. It holds: small"):
            store.forget("large")


def test_both_types_of_numbers_come_back_as_they_were(tmp_path: Path) -> None:
    digests = [f"{number:064x}" for number in range(3)]
    random = np.random.default_rng(0)
    with BottleneckStore(tmp_path) as store:
        for number_type in (np.float16, np.float32):
            vectors = random.normal(size=(3, 7)).astype(number_type)
            store.add(number_type.__name__, "any", digests, list(vectors))
            found, there = store.load(number_type.__name__, digests)
            assert there.all() and found.dtype == number_type and np.array_equal(found, vectors)
        with pytest.raises(StoreError, match="float64"):
            store.add("c", "any", digests, [np.zeros(7)] * 3)
        assert store.verify() == (6, 0)


def test_store_of_the_format_before_is_brought_up_to_date(tmp_path: Path) -> None:
    digest = "ab" * 32
    with BottleneckStore(tmp_path) as store:
        store.add("a", "old", [digest], [np.ones(3, np.float32)])
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.execute("ALTER TABLE spaces DROP COLUMN number_type")
        database.execute("PRAGMA user_version = 1")
    for _ in range(2):
        with BottleneckStore(tmp_path) as store:
            vectors, found = store.load("a", [digest])
            assert found.all() and (vectors == 1).all()


def test_space_whose_type_is_damaged_holds_nothing(tmp_path: Path) -> None:
    digest = "ab" * 32
    with BottleneckStore(tmp_path) as store:
        store.add("a", "old", [digest], [np.ones(3, np.float32)])
        store._connection.execute("UPDATE spaces SET number_type = 'object'")
        assert not store.load("a", [digest])[1].any() and store.verify() == (1, 1)
