"""Chapters as papermill runs them, and what they say: shared by the tests of chapters."""

import re
from pathlib import Path

import nbformat
import papermill

ROOT = Path(__file__).parents[1]


def plain(text: str) -> str:
    """What a chapter says, with the words of links to the glossary in their place."""
    return re.sub(r"\{term\}`([^`<]*[^`<\s])\s*(?:<[^`>]*>)?`", r"\1", text)


def parameter_names(notebook: Path) -> set[str]:
    cells = nbformat.read(notebook, as_version=4).cells
    (cell,) = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    return set(re.findall(r"^(\w+) =", cell.source, flags=re.MULTILINE))


def run(name: str, folder: Path, **parameters) -> nbformat.NotebookNode:
    notebook = ROOT / "notebooks" / f"{name}.ipynb"
    unknown = set(parameters) - parameter_names(notebook)
    assert not unknown, f"papermill would pass over {unknown} in silence"
    return papermill.execute_notebook(
        notebook, folder / "run.ipynb", parameters, progress_bar=False, kernel_name="python3"
    )


def glued(notebook: nbformat.NotebookNode) -> dict[str, float]:
    """The numbers that the text of the chapter quotes."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return {
        output.metadata.scrapbook.name: float(*output.data.values())
        for output in outputs
        if "scrapbook" in output.get("metadata", {})
    }


def texts(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(
        str(content)
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for content in output.get("data", {}).values()
    )


def n_figures(notebook: nbformat.NotebookNode) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum("image/svg+xml" in output.get("data", {}) for output in outputs)
