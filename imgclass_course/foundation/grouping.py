"""Which pictures belong together: by a pattern of their files' names, or by when they were taken.

Pictures of one patient, one plant or one second of a burst resemble each other more than new pictures will. Where some of
them are for training and others for the test, the test flatters: so a group stays in one split.
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from PIL import ExifTags

from .errors import DatasetError, ImageError
from .folder_listing import ListedPicture
from .picture_files import open_image
from .pictures import Picture
from .progress import progress_bar
from .threads import map_in_threads

# A pattern, a number of seconds, a function from a file's name to its group, or several of these; None: no groups.
GroupBy = (
    str | re.Pattern | float | Callable[[str], str] | Sequence[str | re.Pattern | float | Callable[[str], str]] | None
)
NO_HASH = "_nohash_"  # TensorFlow's retrain.py keeps files of a folder together whose names are the same up to here
EXIF_TIME = "%Y:%m:%d %H:%M:%S"


def group_pictures(listed: Sequence[ListedPicture], group_by: GroupBy = None) -> list[ListedPicture]:
    """Return the files of a folder with the names of their groups, "" for those that are alone.

    `group_by` is a regular expression, searched in a file's name (its path below its class's folder, with / between its
    parts): its first group, or all that it matches, names the group. Or a number of seconds: photos in one folder, each
    taken at most so much after the one before, by their notes (EXIF, DateTimeOriginal), are a group. Or a function from
    the file's name to the name of its group. Of a list of these, groups that share a picture are one. A group may have
    pictures of several classes.

    Files of one folder whose names are the same up to `_nohash_` are always a group, as in TensorFlow's retrain.py.
    Raises `DatasetError` for a pattern that is none, and where nothing is grouped by what was asked for.
    """
    ways = _as_ways(group_by)
    columns = [_no_hash_groups(listed), *(_groups_by(listed, way) for way in ways)]
    columns = [column for column in columns if any(column)]
    if not columns:
        return list(listed)
    groups = columns[0]
    for column in columns[1:]:
        groups = join_groups(column, groups)
    return [one._replace(group=group) for one, group in zip(listed, groups, strict=True)]


def _as_ways(group_by: Any) -> list[Any]:
    if group_by is None:
        return []
    return list(group_by) if isinstance(group_by, list | tuple) else [group_by]


def _groups_by(listed: Sequence[ListedPicture], way: Any) -> list[str]:
    if isinstance(way, str | re.Pattern):
        return _pattern_groups(listed, way)
    if callable(way):
        return [str(way(file_name(one)) or "") for one in listed]
    if isinstance(way, int | float) and not isinstance(way, bool) and math.isfinite(way) and way >= 0:
        return _burst_groups(listed, way)
    raise DatasetError(f"Groups are made by a pattern, a number of seconds or a function, not by {way!r}.")


def file_name(one: ListedPicture) -> str:
    """Return the path of a file below its class's folder, with / between its parts."""
    parts = PurePath(one.path).parts
    return "/".join(parts[parts.index(one.label) + 1 :] if one.label in parts[:-1] else parts)


def _no_hash_groups(listed: Sequence[ListedPicture]) -> list[str]:
    prefixes = [PurePath(one.path).name.partition(NO_HASH) for one in listed]
    found = [(one, start) for one, (start, mark, _) in zip(listed, prefixes, strict=True) if mark]
    named = {one.path: f"{one.label}/{file_name(one).rpartition('/')[0]}/{start}{NO_HASH}" for one, start in found}
    return [named.get(one.path, "") for one in listed]


def _pattern_groups(listed: Sequence[ListedPicture], pattern: str | re.Pattern) -> list[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DatasetError(
            f"{pattern!r} is no regular expression ({error}): correct it, or escape . ( [ + by \\."
        ) from None
    matches = [compiled.search(file_name(one)) for one in listed]
    groups = [(match[min(1, compiled.groups)] or "") if match else "" for match in matches]
    if not any(groups):
        first = f", such as {file_name(listed[0])!r}" if listed else ""
        raise DatasetError(
            f"The pattern {compiled.pattern!r} matches no file's name{first}: no groups can be made of it."
        )
    return groups


def _burst_groups(listed: Sequence[ListedPicture], seconds: float) -> list[str]:
    """Chain the photos of each folder that were taken within so many seconds of the one before."""
    known = [one for one in listed if not one.problem]
    times = map_in_threads(lambda one: exposure_time(one.picture), known)
    bar = progress_bar(times, "Reading when photos were taken", "photos", len(known))
    taken = [(str(PurePath(one.path).parent), time, one.path) for one, time in zip(known, bar, strict=True) if time]
    if not taken:
        raise DatasetError("No picture says when it was taken (EXIF, DateTimeOriginal): no groups can be made of that.")
    taken.sort()
    names = {path: f"{folder} {time}" for folder, time, path in taken[:1]}
    for (folder, time, path), (next_folder, next_time, next_path) in pairwise(taken):
        together = folder == next_folder and (next_time - time).total_seconds() <= seconds
        names[next_path] = names[path] if together else f"{next_folder} {next_time}"
    return [names.get(one.path, "") for one in listed]


def exposure_time(picture: Picture) -> datetime | None:
    """Return when a photo was taken, by the notes in its file, or None where they do not say."""
    try:
        content = picture.content()
        image = open_image(content) if isinstance(content, bytes) else content
        notes = image.getexif().get_ifd(ExifTags.IFD.Exif)
        taken = datetime.strptime(str(notes[ExifTags.Base.DateTimeOriginal]).strip("\0 "), EXIF_TIME)
        part = str(notes.get(ExifTags.Base.SubsecTimeOriginal, "")).strip("\0 ")
    except (ImageError, OSError):
        return None
    except Exception:  # damaged notes, of which Pillow raises many kinds, say nothing
        return None
    return taken.replace(microsecond=int(f"{part:0<6.6}")) if part.isdecimal() and part.isascii() else taken


def join_groups(digests: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Return for each picture the name of what it is never parted from: its group, and every picture of its content.

    Groups that share a content are one, which is named as the first of them in the alphabet. A picture without a group,
    whose content no group has either, is named by its digest.
    """
    joined: dict[str, str] = {}  # from a group to another one that it is joined to

    def final(group: str) -> str:
        while group in joined:
            group = joined[group]
        return group

    holders: dict[str, str] = {}  # of each content: a group that has it
    for digest, group in zip(digests, groups, strict=True):
        if digest and group:
            first, last = sorted((final(group), final(holders.setdefault(digest, group))))
            if first != last:
                joined[last] = first
    held = {digest: final(group) for digest, group in holders.items()}
    return [held.get(digest) or final(group) or digest for digest, group in zip(digests, groups, strict=True)]
