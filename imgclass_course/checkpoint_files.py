"""Checkpoints that carry their score: a .keras file is a zip archive, and one more member says how good it is."""

import json
import math
import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .foundation.errors import TrainingError
from .foundation.files import printable, write_whole

if TYPE_CHECKING:
    import keras

SCORE_MEMBER = "score.json"  # in the .keras archive


def read_score(path: str | os.PathLike) -> dict[str, Any]:
    """What `BestCheckpoint` noted in a .keras file: monitor, value, epoch, about; empty where there is no such note."""
    try:
        with zipfile.ZipFile(path) as archive:
            score = json.loads(archive.read(SCORE_MEMBER))
    except Exception:  # damaged archives fail in many ways
        return {}
    return score if isinstance(score, dict) else {}


class _Unwanted(Exception):
    """What was written is not wanted any more."""


def save_with_score(
    model: "keras.Model", path: Path, score: dict[str, Any], wanted: Callable[[], bool] = lambda: True
) -> bool:
    """Save a model with its score inside, whole or not at all; return whether it was still wanted once it was written."""

    def write(unfinished: Path) -> None:
        model.save(unfinished)
        with zipfile.ZipFile(unfinished, "a") as archive:
            archive.writestr(SCORE_MEMBER, json.dumps(score))
        if not wanted():
            raise _Unwanted

    with suppress(_Unwanted):
        return bool(write_whole(path, write))
    return False


def check_checkpoint(path: str | os.PathLike, mode: str) -> None:
    """Raise `TrainingError` for a name that is none of a checkpoint, and `ValueError` for another mode than max and min."""
    if mode not in ("max", "min"):
        raise ValueError(f"mode is {mode!r}: write 'max' for accuracy and 'min' for loss.")
    if Path(path).suffix != ".keras":
        raise TrainingError(f"{printable(path)}: the name of a checkpoint ends with .keras.")


def existing_checkpoints(path: str | os.PathLike) -> list[Path]:
    """Those that are there: the file, or all in the folder of a name that holds measured values."""
    path = Path(path)
    found = path.parent.glob("*.keras") if "{" in path.name else [path]
    return sorted(one for one in found if one.is_file() and not one.name.startswith("."))  # these are unfinished


def noted_value(path: Path, monitor: str, about: str) -> float:
    """What a checkpoint reached. Raises `TrainingError` where that cannot be compared."""
    score = read_score(path)
    value = score.get("value")
    comparable = (score.get("monitor"), score.get("about")) == (monitor, about)
    if not comparable or not isinstance(value, float | int) or math.isnan(value):
        raise TrainingError(
            f"{printable(path)} holds no {monitor} that this training can be compared with: it would be lost. "
            """Choose another name for the checkpoint, or move that file away."""
        )
    return value
