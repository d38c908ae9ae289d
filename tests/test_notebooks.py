"""The chapters as papermill runs them, with parameters that are not the defaults."""

import json
import re
import subprocess
import sys
from itertools import pairwise

import nbformat
import pytest
from chapters import ROOT, glued, n_figures, run

CHAPTERS = sorted((ROOT / "notebooks").glob("*.md"))
LONGEST = 18  # lines of a cell: what takes more is a function of the library


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_notebook_matches_its_text_and_has_no_outputs(chapter):
    twin = chapter.with_suffix(".ipynb")
    text = subprocess.run(
        [sys.executable, "-m", "jupytext", "--quiet", "--to", "md:myst", "--output", "-", twin],
        check=True, capture_output=True, text=True, cwd=ROOT,
    ).stdout  # fmt: skip
    assert text == chapter.read_text()
    for cell in json.loads(twin.read_text())["cells"]:
        assert not cell.get("outputs")
        assert not cell.get("execution_count")


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_figure_has_a_caption_a_name_an_alternative_text_and_a_mention(chapter):
    text = chapter.read_text()
    cells = nbformat.read(chapter.with_suffix(".ipynb"), as_version=4).cells
    cells = [cell for cell in cells if cell.cell_type == "code"]
    drawing = [cell for cell in cells if "plt.show()" in cell.source and not is_twin(cell)]
    assert drawing
    for cell in drawing:
        figure = cell.metadata["mystnb"]["figure"]
        assert figure["caption"].endswith(".")
        assert cell.metadata["mystnb"]["image"]["alt"]
        assert "hide-input" in cell.metadata["tags"]
        mention, place = f"{{numref}}`{figure['name']}`", f"name: {figure['name']}\n"
        assert 0 <= text.find(mention) < text.find(place)


def image_of(cell) -> dict[str, str]:
    return cell.metadata.get("mystnb", {}).get("image", {})


def is_twin(cell) -> bool:
    """Whether a cell draws the figure of the cell before it in the other convention."""
    return image_of(cell).get("classes") == "as-released"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_each_figure_as_printed_is_followed_by_its_twin_as_released(chapter):
    cells = nbformat.read(chapter.with_suffix(".ipynb"), as_version=4).cells
    for before, cell in pairwise(cells):
        is_printed = image_of(before).get("classes") == "as-printed"
        assert is_twin(cell) == is_printed
        if is_printed:
            assert "as released" in image_of(cell)["alt"]
            assert cell.metadata["tags"] == ["remove-input"]
            assert cell.source == before.source.replace('"printed"', '"released"')


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_page_says_at_most_once_where_its_figures_come_from(chapter):
    text = chapter.read_text()
    notes = [place.start() for place in re.finditer(r"^provenance_note\(", text, re.MULTILINE)]
    assert len(notes) <= 1
    # It stands below all figures.
    assert all(text.rfind("plt.show()") < place for place in notes)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_an_equation_is_called_one_once(chapter):
    assert not re.findall(r"(?i)equations? \{eq\}", chapter.read_text())  # the link says it


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_no_cell_is_long(chapter):
    cells = nbformat.read(chapter.with_suffix(".ipynb"), as_version=4).cells
    for cell in cells:
        lines = [line for line in cell.source.splitlines() if line.strip()]
        is_import = any(line.startswith(("import ", "from ")) for line in lines)
        is_told = "parameters" in cell.metadata.get("tags", [])
        if cell.cell_type == "code" and not is_import and not is_told:
            assert len(lines) <= LONGEST, cell.source


def test_benchmarks_quote_the_report_they_are_given(tmp_path):
    report = json.loads((ROOT / "results" / "benchmarks.json").read_text())
    report["tables"]["monte_carlo"][1]["ratio"] = 123.0
    given = tmp_path / "report.json"
    given.write_text(json.dumps(report))
    notebook = run("91-benchmarks", tmp_path, results=str(given))
    assert glued(notebook)["monte-carlo-ratio"] == 123
    assert glued(notebook)["gigaflops"] == report["machine"]["gigaflops"]
    assert n_figures(notebook) == 1
