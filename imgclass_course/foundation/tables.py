"""Tables of names that need not be text: a file's name may hold any bytes."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def any_names() -> AbstractContextManager:
    """Let pandas keep text in Python's strings: in Arrow's, its choice where pyarrow is installed, some names have no place.

    A name whose bytes are no UTF-8 is read by Python with surrogates, which Arrow refuses.
    """
    import pandas as pd

    return pd.option_context("mode.string_storage", "python")


def name_table(rows: Sequence[tuple], columns: Sequence[str]) -> "pd.DataFrame":
    """Return a table with a row per tuple, in which any names of files and classes have their place."""
    import pandas as pd

    with any_names():
        return pd.DataFrame(rows, columns=list(columns))
