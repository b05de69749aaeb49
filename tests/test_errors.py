"""What an attendee sees of an error that the course raises on purpose."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

ASK = "from imgclass_course import ImageFolder; ImageFolder.scan('nowhere')"


def test_notebook_shows_one_line_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell.instance()
    result = shell.run_cell(ASK)
    shown = "".join(capsys.readouterr())
    assert type(result.error_in_exec).__name__ == "DatasetError"
    assert shown.startswith("DatasetError: ") and "nowhere" in shown and "Traceback" not in shown
    assert shown.strip().count("\n") == 0
    shell.run_cell("1 / 0")
    assert "Traceback" in "".join(capsys.readouterr())  # of an attendee's own code as always
    InteractiveShell.clear_instance()
