"""Who runs a command is told how far it is, at a terminal or not."""

import re
import sys

import nbformat
import pytest
from papermill.exceptions import PapermillExecutionError

from experiments.engine.cause import in_short
from experiments.progress import LINE_SECONDS, progress


def test_off_a_terminal_a_line_comes_at_once_and_then_every_half_minute(capsys):
    now = 0.0
    with progress(8, clock=lambda: now) as report:
        lines = [capsys.readouterr().err]
        for step in range(121):  # of a second each
            now = float(step)
            report(step // 40, 8)
            lines.append(capsys.readouterr().err)
    assert LINE_SECONDS == 30
    assert lines[0] == "8 parts to do or to find done\n"
    told = {step: line for step, line in enumerate(lines[1:]) if line}
    assert told == {
        30: "0 of 8 parts are done\n", 60: "1 of 8 parts are done\n",
        90: "2 of 8 parts are done\n", 120: "3 of 8 parts are done\n",
    }  # fmt: skip


def test_at_a_terminal_there_is_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress(4) as report:
        report(4, 4)
    assert re.search(r"100%.*4/4", capsys.readouterr().err)


# ------------------------------------------------------------------------------- causes in one line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("n must be 1.\n  Got 2."), "ValueError: n must be 1. Got 2."),
        (OSError(24, "Too many open files"), "OSError: [Errno 24] Too many open files"),
        (PapermillExecutionError(0, 1, "", "KeyError", "'a'", ["x"]), "KeyError: 'a'"),
    ],
)
def test_a_cause_is_one_line(error, said):
    assert in_short(error) == said


UNTOLD = """Traceback (most recent call last):
  File "cell", line 1, in <module>
    rows = analyze("SomeError: in a line of code")
OSError: [Errno 24] Too many open files: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "ultratb.py", line 974, in format_exception_as_a_whole
ImportError: cannot load what formats errors
"""


def test_the_cause_of_an_error_that_cannot_be_formatted_is_found_in_what_was_printed(tmp_path):
    path = tmp_path / "executed.ipynb"
    cell = nbformat.v4.new_code_cell("rows = analyze()")
    cell.outputs = [nbformat.v4.new_output("stream", name="stderr", text=text)
                    for text in ("UserWarning: mild\n", UNTOLD)]  # fmt: skip
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    # As papermill tells of it.
    error = PapermillExecutionError(0, 1, "", "CellExecutionError", "", [])
    assert in_short(error, path) == "OSError: [Errno 24] Too many open files: 'a'"
    assert in_short(error, tmp_path / "none.ipynb") == "CellExecutionError:"
