"""Vectors of pictures by content, kept in one SQLite database per folder, and never a stale one.

A vector's key is the network's fingerprint, the SHA-256 of the picture's bytes and the number of the view. A second table
remembers what is known of files, so that a second start asks the file system only whether they changed.
"""

import os
import sqlite3
import time
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .errors import StoreError
from .files import printable
from .folder_listing import FileFacts, FileState
from .remote_files import is_address

if TYPE_CHECKING:
    import pandas as pd

FILE_NAME = "bottlenecks.sqlite"
FORMAT = 2  # raised when the tables change
APPLICATION_ID = 0x696D6763  # marks the file as ours, in SQLite's header
SCHEMA = """
CREATE TABLE spaces (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
                     dim INTEGER NOT NULL, number_type TEXT NOT NULL DEFAULT 'float32');
CREATE TABLE vectors (space INTEGER NOT NULL REFERENCES spaces(id), digest BLOB NOT NULL, view INTEGER NOT NULL,
                      value BLOB NOT NULL, checksum INTEGER NOT NULL, UNIQUE (space, digest, view));
CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, digest BLOB NOT NULL,
                    width INTEGER NOT NULL, height INTEGER NOT NULL, problem TEXT NOT NULL) WITHOUT ROWID;
"""
UPGRADES = {1: "ALTER TABLE spaces ADD COLUMN number_type TEXT NOT NULL DEFAULT 'float32'"}  # from a format to the next
NUMBER_TYPES = ("float32", "float16")  # vectors, and the larger activations inside a network
MAX_DIM = 10_000_000  # numbers in a vector; more is damage
WAIT_SECONDS = 120  # for another process to finish its transaction
SETTLED_NS = 2_000_000_000  # a file changed less than this before it was read may change again within one clock tick
UNKNOWN_TIME = -1  # of a file whose facts are not to be trusted the next time


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        full = "full" in str(error)
        hint = "free some space" if full else "check that its folder is on a local disk and can be written"
        raise StoreError(f"The bottleneck store {printable(path)} cannot be used ({error}): {hint}.") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{printable(path)} is damaged or no bottleneck store ({error}): "
            "delete it, and the bottlenecks are computed again."
        ) from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Keep all that is written inside together, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Here SQLite itself does not wait for another process that does the same at this moment."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in SCHEMA.split(";")[:-1]:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables in an empty database; refuse a foreign or newer one."""
    with _transaction(connection):
        queries = ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        application_id, version, tables = (connection.execute(query).fetchone()[0] for query in queries)
        if application_id == 0 and tables == 0:
            _make_tables(connection)
        elif application_id != APPLICATION_ID:
            raise StoreError(f"{printable(path)} is the database of another program: choose another folder.")
        elif version in UPGRADES:
            connection.execute(UPGRADES[version])
            connection.execute(f"PRAGMA user_version = {FORMAT}")
        elif version != FORMAT:
            raise StoreError(
                f"{printable(path)} has format {version} and this version of the course uses {FORMAT}: choose another "
                "folder, or delete it and the bottlenecks are computed again."
            )


def _start_checksum(fingerprint: str, view: int) -> int:
    """Return what the checksums of all vectors of one network and view start from."""
    return zlib.crc32(f"{fingerprint} {view} ".encode())


def _checksum(start: int, digest: bytes, value: bytes) -> int:
    """Return a checksum over the value and its key: a vector that ends up under another key is noticed."""
    return zlib.crc32(value, zlib.crc32(digest, start))


def _is_sound(start: int, digest: object, value: object, checksum: object, length: int) -> bool:
    """Return whether a value is of this many bytes, and its checksum fits."""
    if not isinstance(value, bytes) or not isinstance(digest, bytes) or len(value) != length:
        return False
    return _checksum(start, digest, value) == checksum


class _Space(NamedTuple):
    """What the vectors of one network have in common; zeros where there are none."""

    number: int = 0
    dim: int = 0
    number_type: str = "float32"

    @property
    def value_bytes(self) -> int:
        """The length of one vector."""
        return self.dim * np.dtype(self.number_type).itemsize


def _make_space(number: int, dim: object, number_type: object) -> _Space:
    """Return what a row of the table says, or, where it is damaged, a space in which nothing is found."""
    if isinstance(dim, int) and 0 < dim <= MAX_DIM and isinstance(number_type, str) and number_type in NUMBER_TYPES:
        return _Space(number, dim, number_type)
    return _Space(number)


class StoreCheck(NamedTuple):
    """What `BottleneckStore.verify` found."""

    vectors: int  # looked at
    damaged: int  # whose bytes do not fit their checksum; removed, so that they are computed again


class BottleneckStore:
    """Vectors by network and picture content, and what is known of files. Use it in a `with` statement."""

    def __init__(self, folder: str | os.PathLike) -> None:
        """Open or make the store of a folder. Raises `StoreError` where it cannot be used."""
        self.path = Path(folder) / FILE_NAME
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{printable(folder)} cannot hold a bottleneck store ({error.strerror}).") from error
        with _explained(self.path):
            self._connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)
            self._connection.execute("PRAGMA page_size = 16384")  # three vectors of MobileNet to a page
            _check_format(self._connection, self.path)
            _use_write_ahead_log(self._connection)
            self._connection.execute("PRAGMA synchronous = NORMAL")

    def __enter__(self) -> "BottleneckStore":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def add(
        self, fingerprint: str, name: str, digests: Sequence[str], vectors: Sequence[np.ndarray], view: int = 0
    ) -> None:
        """Keep n vectors [d], all float32 or all float16, of the pictures with these digests, in one transaction.

        `fingerprint` is that of the network (and of the augmentation), `name` is for people.
        """
        number_type = vectors[0].dtype.name
        if number_type not in NUMBER_TYPES:
            raise StoreError(f"Vectors of {number_type} cannot be kept: give {' or '.join(NUMBER_TYPES)}.")
        values = [np.ascontiguousarray(vector, number_type).tobytes() for vector in vectors]
        with _explained(self.path), _transaction(self._connection):
            insert = """INSERT INTO spaces (fingerprint, name, dim, number_type) VALUES (?, ?, ?, ?)
                        ON CONFLICT (fingerprint) DO UPDATE SET dim = excluded.dim, number_type = excluded.number_type"""
            self._connection.execute(insert, (fingerprint, name, len(vectors[0]), number_type))
            space = self._space(fingerprint).number
            keyed = zip(map(bytes.fromhex, digests), values, strict=True)
            start = _start_checksum(fingerprint, view)
            rows = [(space, digest, view, value, _checksum(start, digest, value)) for digest, value in keyed]
            self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?)", rows)

    def load(self, fingerprint: str, digests: Sequence[str], view: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Look up the vectors of n pictures: [n, d] of the type that they were kept in, and [n] bool, which are there.

        Digests may repeat. A damaged vector counts as not there; what is not there is zeros.
        """
        first: dict[bytes, int] = {}  # row of each digest
        source = np.array([first.setdefault(bytes.fromhex(digest), row) for row, digest in enumerate(digests)], int)
        found = np.zeros(len(digests), bool)
        with _explained(self.path):
            space = self._space(fingerprint)
            vectors = np.empty((len(digests), space.dim), space.number_type)
            start = _start_checksum(fingerprint, view)
            for digest, value, checksum in self._stored(space.number, view, first):
                row = first.get(digest)
                if row is not None and _is_sound(start, digest, value, checksum, space.value_bytes):
                    vectors[row] = np.frombuffer(value, space.number_type)
                    found[row] = True
        repeated = np.flatnonzero(source != np.arange(len(source)))
        vectors[repeated], found[repeated] = vectors[source[repeated]], found[source[repeated]]
        vectors[~found] = 0
        return vectors, found

    def _space(self, fingerprint: str) -> _Space:
        query = "SELECT id, dim, number_type FROM spaces WHERE fingerprint = ?"
        found = self._connection.execute(query, (fingerprint,)).fetchone()
        return _make_space(*found) if found else _Space()

    def _stored(self, space: int, view: int, wanted: Collection[bytes]) -> Iterator[tuple[bytes, bytes, int]]:
        """Yield digest, value, checksum: of all, in the order of the disk, where most are wanted, else of those wanted."""
        select, where = "SELECT digest, value, checksum FROM vectors", "WHERE space = ? AND view = ?"
        (stored,) = self._connection.execute("SELECT count(*) FROM vectors").fetchone()
        if len(wanted) * 2 > stored:
            yield from self._connection.execute(f"{select} NOT INDEXED {where}", (space, view))
        else:
            for digest in wanted:
                yield from self._connection.execute(f"{select} {where} AND digest = ?", (space, view, digest))

    def recall_files(self, files: Sequence[FileState]) -> list[FileFacts | None]:
        """Return what is known of files that have not changed since, `None` for the others."""
        paths = [os.fsencode(file.path) for file in files]
        with _explained(self.path):
            known = self._known_files("size, mtime_ns, digest, width, height, problem", paths)
        return [
            FileFacts(facts[0].hex(), *facts[1:])
            if (size, mtime_ns) == (file.size, file.mtime_ns) and isinstance(facts[0], bytes)
            else None
            for path, file in zip(paths, files, strict=True)
            for size, mtime_ns, *facts in [known.get(path, (None, None))]
        ]

    def _known_files(self, columns: str, paths: Collection[bytes]) -> dict[bytes, list]:
        """Return columns of known files by path: by reading all where most are wanted, else one by one."""
        query = f"SELECT path, {columns} FROM files"
        (stored,) = self._connection.execute("SELECT count(*) FROM files").fetchone()
        if len(paths) * 2 > stored:
            rows = self._connection.execute(query).fetchall()
        else:
            rows = [self._connection.execute(f"{query} WHERE path = ?", (path,)).fetchone() for path in paths]
        return {path: known for path, *known in filter(None, rows)}

    def remember_files(self, files: Sequence[FileState], facts: Sequence[FileFacts]) -> None:
        """Keep what was learnt of files; one that could not be opened is not kept, since it may open tomorrow."""
        trusted = time.time_ns() - SETTLED_NS
        rows = [
            (os.fsencode(path), size, mtime_ns if mtime_ns < trusted else UNKNOWN_TIME, bytes.fromhex(digest), *known)
            for (path, size, mtime_ns), (digest, *known) in zip(files, facts, strict=True)
            if digest
        ]
        if rows:
            with _explained(self.path), _transaction(self._connection):
                self._connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def remember_paths(self, digests: Mapping[str | os.PathLike, str]) -> None:
        """Note where pictures lie that are in use, by path: `prune` keeps their vectors, whoever listed the files."""
        insert = f"""INSERT INTO files VALUES (?, 0, {UNKNOWN_TIME}, ?, 0, 0, '')
                     ON CONFLICT (path) DO UPDATE SET digest = excluded.digest, mtime_ns = excluded.mtime_ns
                     WHERE digest != excluded.digest"""
        wanted = {os.fsencode(path): bytes.fromhex(digest) for path, digest in digests.items()}
        with _explained(self.path):
            known = self._known_files("digest", wanted)
            new = [(path, digest) for path, digest in wanted.items() if known.get(path) != [digest]]
            if new:  # a warm start writes nothing, and waits for nobody who does
                with _transaction(self._connection):
                    self._connection.executemany(insert, [(os.path.abspath(path), digest) for path, digest in new])

    def remember_problem(self, path: str | os.PathLike, problem: str) -> None:
        """Note that a file turned out to be damaged, so that the next run knows before it decodes."""
        row = (problem, os.fsencode(os.path.abspath(path)))
        with _explained(self.path), _transaction(self._connection):
            self._connection.execute("UPDATE files SET problem = ? WHERE path = ?", row)

    def info(self) -> "pd.DataFrame":
        """Return the number of vectors, their length and their megabytes, per network."""
        import pandas as pd

        query = """SELECT name, dim, count(value), coalesce(sum(length(value)), 0) / 1e6 FROM spaces
                   LEFT JOIN vectors ON space = spaces.id GROUP BY spaces.id ORDER BY name, fingerprint"""
        with _explained(self.path):
            rows = self._connection.execute(query).fetchall()
        return pd.DataFrame(rows, columns=["backbone", "feature_dim", "vectors", "MB"])

    def verify(self) -> StoreCheck:
        """Check the database and every vector; remove damaged ones. Raises `StoreError` where the database is broken."""
        query = """SELECT vectors.rowid, fingerprint, view, digest, value, checksum, dim, number_type
                   FROM vectors JOIN spaces ON spaces.id = space"""
        with _explained(self.path), _transaction(self._connection):
            (result,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
            if result != "ok":
                raise sqlite3.DatabaseError(result)
            damaged, count = [], 0
            for rowid, fingerprint, view, digest, value, checksum, *kind in self._connection.execute(query):
                count += 1
                length = _make_space(0, *kind).value_bytes
                if not _is_sound(_start_checksum(fingerprint, view), digest, value, checksum, length):
                    damaged.append((rowid,))
            self._connection.executemany("DELETE FROM vectors WHERE rowid = ?", damaged)
        return StoreCheck(count, len(damaged))

    def forget(self, name: str) -> int:
        """Remove all vectors of the network of this name, as `info` calls it; return how many. The space is given back.

        Raises `StoreError` where there is no such network.
        """
        with _explained(self.path), _transaction(self._connection):
            found = self._connection.execute("SELECT id FROM spaces WHERE name = ?", (name,)).fetchall()
            removed = sum(
                self._connection.execute("DELETE FROM vectors WHERE space = ?", space).rowcount for space in found
            )
            self._connection.executemany("DELETE FROM spaces WHERE id = ?", found)
        if not found:
            names = ", ".join(self.info()["backbone"].unique()) or "nothing"
            raise StoreError(f"{printable(self.path)} holds nothing of {printable(name)!r}. It holds: {names}.")
        with _explained(self.path):
            self._connection.execute("VACUUM")
        return removed

    def prune(self) -> int:
        """Forget files that are gone, then vectors of pictures that no known file holds; return how many vectors.

        Nobody asks at addresses, such as s3://: what was there stays known.

        The space is given back. Vectors of pictures that never were files go too: they are computed again when needed.
        """
        with _explained(self.path), _transaction(self._connection):
            paths = self._connection.execute("SELECT path FROM files").fetchall()
            gone = [row for row in paths if not (is_address(os.fsdecode(row[0])) or os.path.exists(row[0]))]
            self._connection.executemany("DELETE FROM files WHERE path = ?", gone)
            delete = "DELETE FROM vectors WHERE digest NOT IN (SELECT digest FROM files)"
            removed = self._connection.execute(delete).rowcount
        with _explained(self.path):
            self._connection.execute("VACUUM")
        return removed
