"""Event files: the numbers that a training writes for TensorBoard, read back."""

import os

import pandas as pd

from .foundation.errors import TrainingError
from .foundation.files import printable

NEEDS_TENSORBOARD = 'Curves and summaries need TensorBoard: pip install "imgclass_course[course]".'


def read_scalars(folder: str | os.PathLike) -> pd.DataFrame:
    """Return every number that TensorBoard would draw of the event files in a folder or below.

    The columns are run (the path below the folder), tag, step and value. Raises `TrainingError` where there is none, and
    where TensorBoard is not installed.
    """
    try:
        from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError as error:
        raise TrainingError(NEEDS_TENSORBOARD) from error

    events = EventMultiplexer(size_guidance={"tensors": 0}).AddRunsFromDirectory(str(folder)).Reload()
    rows = [
        (run, tag, event.step, float(make_ndarray(event.tensor_proto)))
        for run, tags in sorted(events.Runs().items())
        for tag in tags["tensors"]
        if events.SummaryMetadata(run, tag).plugin_data.plugin_name == "scalars"
        for event in events.Tensors(run, tag)
    ]
    if not rows:
        raise TrainingError(f"{printable(folder)} holds no curves: name the folder given as --summaries_dir.")
    return pd.DataFrame(rows, columns=["run", "tag", "step", "value"])
