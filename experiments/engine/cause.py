"""Why something failed, in one line."""

import re
from pathlib import Path

import nbformat
from papermill.exceptions import PapermillExecutionError

_EXCEPTION = re.compile(r"^(?:\w+\.)*(\w*(?:Error|Exception|Interrupt|Exit)\b.*)", re.MULTILINE)


def in_short(error: BaseException, notebook: Path | None = None) -> str:
    """Say in one line what an error is, as far as possible that of the cell that raised it.

    Parameters
    ----------
    error
        What came.
    notebook
        The executed notebook, if there is one, where papermill does not know.
    """
    if isinstance(error, PapermillExecutionError):
        text = f"{error.ename}: {error.evalue}"
        if not error.traceback and notebook is not None:
            text = _untold(notebook) or text
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def _untold(notebook: Path) -> str | None:
    """The error that IPython could not format: its plain traceback is among what a cell printed.

    Of a chain of errors, the first is the cause; the others come of telling it.
    """
    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except (OSError, ValueError):
        return None
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    printed = [output.text for output in outputs if output.get("name") == "stderr"]
    tracebacks = [text.partition("Traceback (most recent call last)")[2] for text in printed]
    found = [match[1] for text in tracebacks if (match := _EXCEPTION.search(text))]
    return found[-1] if found else None
