"""Files at addresses, such as s3://bucket/pictures: listed and read through fsspec, by whatever process needs them."""

import errno
from datetime import datetime
from typing import Any, NamedTuple

from .errors import DatasetError

# What an address may begin with, and the package that fsspec needs for it. The web is not among it: a picture that is named in
# somebody's table is no reason to fetch things from there.
PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "abfss": "adlfs", "az": "adlfs"}
PACKAGES |= {"hdfs": "pyarrow", "file": "", "memory": ""}
NEEDS_FSSPEC = 'Addresses such as s3:// need fsspec: pip install "imgclass_course[ray]".'
TIMES = ("LastModified", "mtime", "last_modified", "created")  # what file systems call the time of the last change
READERS = 16  # threads that read at once: they wait for the network, not for a core


class RemoteFile(NamedTuple):
    """A file as a listing shows it."""

    address: str
    parts: tuple[str, ...]  # of its path below what was listed; the last one is its name
    size: int  # bytes
    mtime_ns: int | None  # time of the last change, nanoseconds, where the file system says


def is_address(given: object) -> bool:
    """Return whether this is the text of an address, such as s3://bucket/pictures, and no path and no web address."""
    return isinstance(given, str) and "://" in given and _kind(given) in PACKAGES


def _kind(address: str) -> str:
    return address.partition("://")[0].lower()


def _file_system(address: str) -> tuple[Any, str]:
    """Return a file system of fsspec, and a path in it. Raises `DatasetError` for what is missing, in one line."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise DatasetError(NEEDS_FSSPEC) from error
    try:
        return url_to_fs(address)
    except Exception as error:  # an ImportError, or what comes of wrong settings
        kind, package = _kind(address), PACKAGES[_kind(address)]
        if isinstance(error, ImportError) and package:
            raise DatasetError(f"Addresses that begin with {kind}:// need {package}: pip install {package}.") from error
        raise DatasetError(f"{address} cannot be used ({_line(error)}).") from error


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def read_address(address: str) -> bytes:
    """Return the bytes of a file. Raises `OSError`, whatever the file system raises, and `DatasetError`."""
    system, path = _file_system(address)
    try:
        return system.cat_file(path)
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "there is no such file", address) from None
    except Exception as error:  # of the network and the service, of many kinds
        raise OSError(errno.EIO, _line(error), address) from error


def list_addresses(address: str) -> list[RemoteFile]:
    """Return all files below an address but hidden ones, sorted. Raises `DatasetError` where there are none."""
    system, path = _file_system(address)
    try:
        system.invalidate_cache()
        found = system.find(path, detail=True)
    except Exception as error:  # of the network and the service, of many kinds
        hint = "check the address, and the settings of its file system, such as AWS_ENDPOINT_URL and keys"
        raise DatasetError(f"{address} cannot be listed ({_line(error)}): {hint}.") from error
    start = len(path.rstrip("/")) + 1
    parts = {name: tuple(name[start:].split("/")) for name in found}
    files = [
        RemoteFile(system.unstrip_protocol(name), parts[name], int(facts["size"] or 0), _time(facts))
        for name, facts in sorted(found.items())
        if not any(part.startswith(".") for part in parts[name])
    ]
    if not files:
        raise DatasetError(f"There are no files at {address}: give the address of a folder with a folder for each class.")
    return files


def _time(facts: dict[str, Any]) -> int | None:
    """Return when a file was changed, in nanoseconds; None where the file system does not say it in a form known here."""
    for name in TIMES:
        value = facts.get(name)
        if isinstance(value, datetime):
            return int(value.timestamp() * 1e9)
        if isinstance(value, int | float):
            return int(value * 1e9)
    return None
