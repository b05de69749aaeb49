"""The files of a saved classifier, read without trust: nothing that they name is opened outside their folder."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from ..foundation.errors import ClassifierError
from ..foundation.files import printable
from ..foundation.picture_files import PREPARATIONS, SQUASH

FORMAT = 3
READ_FORMATS = (2, 3)  # in format 2 a LiteRT file gives probabilities alone
DESCRIPTION = "classifier.json"
MAX_FILE_BYTES = 2_000_000_000
MAX_IMAGE_SIZE = 4096
MAX_NETWORKS = 16
MAX_DESCRIPTION_BYTES = 10_000_000
KINDS = {"backbone": str, "fingerprint": str, "image_size": int | list, "classes": list, "files": dict}


def refusal(folder: Path, reason: str) -> ClassifierError:
    """Return the error of a folder that holds no classifier that can be read."""
    return ClassifierError(f"{printable(folder)} holds no classifier that can be read ({reason}).")


def read_description(folder: Path) -> dict[str, Any]:
    """Return what a folder says of its classifier, checked. Raises `ClassifierError`."""
    path = folder / DESCRIPTION
    try:
        if path.stat().st_size > MAX_DESCRIPTION_BYTES:
            raise refusal(folder, f"{DESCRIPTION} is too large")
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise refusal(folder, str(error) or type(error).__name__) from error
    if isinstance(description, dict) and description.get("format") == 1:
        raise ClassifierError(
            f"The classifier in {printable(folder)} was saved by an earlier version of the course (format 1): train it "
            "again with imgclass retrain, which takes seconds where its pictures are still in the store."
        )
    _check_description(folder, description)
    return description


def _check_description(folder: Path, description: Any) -> None:  # whatever the file holds
    """Raise `ClassifierError` unless everything that is used later is there and of its kind."""
    if not isinstance(description, dict) or description.get("format") not in READ_FORMATS:
        raise refusal(folder, f"{DESCRIPTION} has no format that this version of the course reads")
    for name, kind in KINDS.items():
        if not isinstance(description.get(name), kind):
            raise refusal(folder, f"{name} in {DESCRIPTION} is missing or wrong")
    if not sizes_of(description):
        raise refusal(folder, f"image_size in {DESCRIPTION} is {description['image_size']}")
    before = description.get("tuned_from", {"block": "", "fingerprint": ""})
    if not isinstance(before, dict) or not all(isinstance(before.get(part), str) for part in ("block", "fingerprint")):
        raise refusal(folder, f"tuned_from in {DESCRIPTION} is wrong")
    if description.get("preparation", SQUASH) not in tuple(PREPARATIONS):
        raise refusal(folder, f"preparation in {DESCRIPTION} is none that this version of the course knows")
    if len(description["classes"]) < 1 or not all(isinstance(name, str) for name in description["classes"]):
        raise refusal(folder, f"classes in {DESCRIPTION} are no names")


def sizes_of(description: dict[str, Any]) -> list[int]:
    """Return the sizes of pictures that a description names, in pixels; none where they are no sizes."""
    found = description["image_size"]
    sizes = found if isinstance(found, list) else [found]
    possible = all(type(size) is int and 0 < size <= MAX_IMAGE_SIZE for size in sizes)
    return sizes if possible and len(sizes) <= MAX_NETWORKS else []


def read_file(folder: Path, description: dict[str, Any], kind: str) -> tuple[str, bytes]:
    """Return the ending and the bytes of one of the files, which must be those that the description is about."""
    entry = description["files"].get(kind)
    if not isinstance(entry, dict) or not all(isinstance(entry.get(part), str) for part in ("name", "sha256")):
        raise refusal(folder, f"it has no {kind} file")
    name = entry["name"]
    if Path(name).name != name or not name.startswith(f"{kind}-"):  # nothing outside the folder
        raise refusal(folder, f"{printable(name)} is no name of its {kind} file")
    try:
        if (folder / name).stat().st_size > MAX_FILE_BYTES or not (folder / name).is_file():
            raise refusal(folder, f"{name} is too large, or no file")
        data = (folder / name).read_bytes()
    except OSError as error:
        raise refusal(folder, f"{name}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise refusal(folder, f"{name} is damaged or of another classifier")
    return Path(name).suffix, data


def load_arrays(folder: Path, description: dict[str, Any], kind: str) -> dict[str, np.ndarray]:
    """Return the arrays of one of the files, none where the classifier has no such file."""
    if kind not in description["files"]:
        return {}
    _, data = read_file(folder, description, kind)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # readers of damaged or strange files fail in many ways
        raise refusal(folder, f"its {kind} file cannot be read: {str(error).splitlines()[0][:200]}") from error
