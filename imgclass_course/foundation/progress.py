"""Progress bars with the remaining time, where somebody watches: on a terminal, or in a notebook. Written by hand."""

import html
import io
import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

if TYPE_CHECKING:
    import keras
    from IPython.display import DisplayHandle

DELAY = 1.0  # seconds: what is done before shows no bar
LINE = "{desc}: {n_fmt} of {total_fmt} {unit}{postfix}, {remaining} left"


class NotebookBar(tqdm):
    """tqdm's bar as a line of HTML, which needs no widgets. It is emptied at the end, so that nothing is stored."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # those of tqdm
        self.handle: DisplayHandle | None = None
        super().__init__(*arguments, file=io.StringIO(), bar_format=LINE, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Show the state, or nothing for the empty `msg` with which tqdm closes a bar."""
        from IPython.display import HTML, display

        bar = f'<progress max="{self.total}" value="{self.n}"></progress> {html.escape(str(self))}'
        line = HTML("" if msg == "" else bar)
        if self.handle:
            self.handle.update(line)
        else:
            self.handle = display(line, display_id=True)


def in_notebook() -> bool:
    """Return whether a notebook shows what is displayed."""
    interactive = sys.modules.get("IPython")  # not imported here: a command has no use for it
    return interactive is not None and hasattr(interactive.get_ipython(), "kernel")


def progress_bar(items: Iterable | None, what: str, unit: str, total: int | None = None) -> tqdm:
    """Return `items` with a progress bar, or one to move by its `update` where `items` is None.

    `unit` is the plural of what is counted; `total` is how many there are, by default the length of `items`. There is no
    bar in the first second, in a pipe, and where the environment variable TQDM_DISABLE is set.
    """
    if os.environ.get("TQDM_DISABLE"):
        return tqdm(items, total=total, disable=True)
    options = {"desc": what, "unit": f" {unit}", "total": total, "leave": False, "delay": DELAY}
    if in_notebook():
        return NotebookBar(items, disable=False, **options | {"unit": unit})
    return tqdm(items, disable=None, **options)


def training_bar(
    total: int, unit: str = "epochs", done: Callable[[int], int] = lambda epoch: epoch + 1
) -> "keras.callbacks.Callback":
    """Return a callback for Keras's `fit` that shows a progress bar with the latest accuracies.

    `done` says how many of `total` are done at the end of an epoch, whose number it gets, from 0.
    """
    import keras

    bar = progress_bar(None, "Training", unit, total)

    def move(epoch: int, logs: dict | None = None) -> None:
        measured = {name: f"{value:.3f}" for name, value in (logs or {}).items() if "accuracy" in name}
        bar.set_postfix(measured, refresh=False)
        bar.update(done(epoch) - bar.n)

    return keras.callbacks.LambdaCallback(on_epoch_end=move, on_train_end=lambda logs: bar.close())
