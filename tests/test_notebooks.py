"""The chapters as papermill runs them, with parameters that are not the defaults."""

import json
import subprocess
import sys

import nbformat
import papermill
import pytest
from chapters import ROOT, glued, n_figures, run, texts

CHAPTERS = sorted((ROOT / "notebooks").glob("*.md"))
NO_DATA = "/dev/null/none"  # below a file: nothing is there, and nothing can be put there


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
    drawing = [cell for cell in cells if "plt.show()" in cell.source]
    assert drawing
    for cell in drawing:
        figure = cell.metadata["mystnb"]["figure"]
        assert figure["caption"].endswith(".")
        assert cell.metadata["mystnb"]["image"]["alt"]
        assert "hide-input" in cell.metadata["tags"]
        mention, place = f"{{numref}}`{figure['name']}`", f"name: {figure['name']}"
        assert 0 <= text.find(mention) < text.find(place)


def test_introduction_runs_on_digits_with_other_parameters(tmp_path):
    notebook = run(
        "01-introduction", tmp_path, dataset="digits", regularizer="l1", strength=1e-3, seed=1,
        epochs=30, layer=2, absolute="outside",
    )  # fmt: skip
    numbers = glued(notebook)
    assert 80 < numbers["accuracy-plain"] <= 100  # chance is 10
    assert 0 <= numbers["n-raised"] <= 8
    assert 0 < numbers["agreement-plain-between"] < 1
    assert n_figures(notebook) == 3
    assert "Not MNIST" not in texts(notebook)  # digits were asked for


def test_introduction_runs_on_mnist(tmp_path, mnist_root, monkeypatch):
    monkeypatch.setenv("MODLIB_DATA", str(mnist_root))
    notebook = run("01-introduction", tmp_path, epochs=2, strength=0.3)
    numbers = glued(notebook)
    assert numbers["accuracy-plain"] > 90  # two epochs are enough for that on MNIST
    assert n_figures(notebook) == 3
    assert "Not MNIST" not in texts(notebook)


def test_introduction_says_so_where_digits_stand_in_for_mnist(tmp_path, monkeypatch):
    monkeypatch.setenv("MODLIB_DATA", NO_DATA)
    notebook = run("01-introduction", tmp_path, epochs=1)
    assert "Not MNIST" in texts(notebook)
    assert NO_DATA in texts(notebook)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"strength": 1.5}, "dropout must be a number between"),
        ({"epochs": 1_000_000}, "max_epochs must be a whole number between"),
        ({"layer": 3}, "layer must be 1 or 2"),
    ],
)
def test_introduction_refuses_absurd_parameters_before_any_work(tmp_path, parameters, message):
    with pytest.raises(papermill.PapermillExecutionError, match=message) as failure:
        run("01-introduction", tmp_path, **parameters)
    assert "train(" not in failure.value.source


def test_benchmarks_quote_the_report_they_are_given(tmp_path):
    report = json.loads((ROOT / "results" / "benchmarks.json").read_text())
    report["tables"]["monte_carlo"][1]["ratio"] = 123.0
    given = tmp_path / "report.json"
    given.write_text(json.dumps(report))
    notebook = run("91-benchmarks", tmp_path, results=str(given))
    assert glued(notebook)["monte-carlo-ratio"] == 123
    assert glued(notebook)["gigaflops"] == report["machine"]["gigaflops"]
    assert n_figures(notebook) == 1
