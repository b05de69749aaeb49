"""Progress bars: on a terminal and in a notebook, and nowhere else."""

import io
import sys
import time
from types import SimpleNamespace

import pytest

from imgclass_course.foundation import progress
from imgclass_course.foundation.progress import NotebookBar, progress_bar, training_bar


class Handle:
    """What IPython's `display` returns, keeping what is shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, line: object) -> None:
        self.shown.append(line.data)


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Handle:
    """Make this process look like a notebook's kernel, with bars from the first moment on."""
    import IPython.display

    handle = Handle()

    def display(line: object, display_id: bool) -> Handle:
        handle.update(line)
        return handle

    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=True))
    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr(progress, "DELAY", 0)
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    return handle


def test_bar_in_a_notebook_moves_and_goes(handle: Handle, capfd: pytest.CaptureFixture) -> None:
    assert list(progress_bar(range(3), "Reading <b>", "files")) == [0, 1, 2]
    assert '<progress max="3" value="0"></progress> Reading &lt;b&gt;: 0 of 3 files, ? left' in handle.shown
    assert handle.shown[-1] == "" and capfd.readouterr() == ("", "")


def test_bar_in_a_notebook_says_what_is_left(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    bar = progress_bar(None, "Training", "steps", 100)
    bar.start_t -= 30
    bar.update(50)
    bar.refresh()
    assert any("50 of 100 steps, 00:30 left" in line for line in handle.shown), handle.shown
    bar.close()


def test_short_work_shows_no_bar(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "DELAY", 60)
    assert list(progress_bar(range(3), "Reading", "files")) == [0, 1, 2]
    assert handle.shown == []


def test_variable_hides_bars(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert list(progress_bar(range(3), "Reading", "files")) == [0, 1, 2]
    assert handle.shown == []


@pytest.mark.parametrize("terminal", [True, False])
def test_bar_on_a_terminal_only(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "DELAY", 0)
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    bar = progress_bar(range(3), "Reading", "files")
    assert not isinstance(bar, NotebookBar) and list(bar) == [0, 1, 2]
    assert ("Reading" in stream.getvalue()) == terminal


def test_training_bar_follows_the_epochs(handle: Handle) -> None:
    callback = training_bar(4)
    for epoch in range(4):
        time.sleep(0.11)  # a bar that moves faster is not drawn each time
        callback.on_epoch_end(epoch, {"accuracy": 0.5, "val_accuracy": 0.25, "loss": 1.0})
    callback.on_train_end({})
    text = "\n".join(handle.shown)
    assert "accuracy=0.500, val_accuracy=0.250" in text and "loss" not in text and handle.shown[-1] == ""
