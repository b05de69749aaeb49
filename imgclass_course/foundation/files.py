"""Where things lie, names that can be printed, and files that are written whole or not at all."""

import os
import re
import shutil
import uuid
from collections.abc import Callable
from importlib import resources
from pathlib import Path

# On Windows the first name devices, the second lose their end, and the third are no names.
UNSAFE_NAME = re.compile(
    r"""(?: (?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[1-9¹²³]) [ ]* (?:[.:].*)? | .*[. ] | .*[<>:"|?*\x00-\x1f].* )""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
MAX_NAME_BYTES = 200  # most file systems take 255


def package_folder() -> Path:
    """Return the folder of the installed package."""
    return Path(str(resources.files("imgclass_course")))


def assets_folder() -> Path:
    """Return the folder of the weights, labels and templates that come with the package."""
    return package_folder() / "assets"


def cache_folder() -> Path:
    """Return where modules and bottlenecks are kept: `IMGCLASS_CACHE_DIR`, or the user's cache folder."""
    import platformdirs

    return Path(os.environ.get("IMGCLASS_CACHE_DIR") or platformdirs.user_cache_dir("imgclass_course", appauthor=False))


def printable(path: str | os.PathLike) -> str:
    """Return a path that can be printed on one line: what is not text, and line breaks, become escapes."""
    text = os.fspath(path)
    if text.isprintable():  # nearly always
        return text
    text = os.fsencode(text).decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)


def safe_name(text: str) -> str:
    """Return a text as the name of a visible file or folder on each system; it stays as it is where it is one already.

    What separates folders, or is forbidden on Windows, becomes _, so that it leads nowhere else: ".." is "__".
    """
    name = re.sub(r"""[<>:"/\\|?*\x00-\x1f\ud800-\udfff]""", "_", text)
    short = name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")  # not half of a character at its end
    visible = re.sub(r"^\.|[. ]$", "_", short) or "_"
    return f"_{visible}" if UNSAFE_NAME.fullmatch(visible) else visible


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Write a file or folder under another name beside `path`, then rename it: it is there whole or not at all.

    `write` gets the other name. A file that is there already is replaced; a folder that is there already stays, since
    another process may be reading it. Raises the `OSError` of what cannot be written, and leaves nothing behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The ending stays: some writers choose their format by it.
    unfinished = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        write(unfinished)
        unfinished.replace(path)
    except OSError:  # a folder cannot be replaced: another process was first
        if not (path.is_dir() and unfinished.is_dir()):
            raise
    finally:
        remove(unfinished)
    return path


def write_text_whole(path: Path, text: str) -> Path:
    """Write a text in UTF-8, whole or not at all; what is no text becomes escapes."""
    return write_whole(path, lambda unfinished: unfinished.write_text(text, "utf-8", "backslashreplace", newline="\n"))
