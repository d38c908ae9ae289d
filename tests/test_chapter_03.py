"""The chapter on similarity: its lines against the library, on other networks and conventions."""

import pytest
from chapters import ROOT, glued, n_figures, run, texts

OTHER = {"dropout": "dropout-0.4-0", "convention": "released", "layer": 2}


@pytest.fixture(scope="module")
def notebook(tmp_path_factory, small_results):
    return run("03-similarity", tmp_path_factory.mktemp("03"), results=str(small_results), **OTHER)


def test_every_figure_is_drawn_and_the_page_names_its_run(notebook):
    assert n_figures(notebook) == 4
    assert texts(notebook).count("networks of the sweep") == 1


def test_shares_and_counts_are_within_what_they_can_be(notebook):
    numbers = glued(notebook)
    # Those tenths of the images that count most count for a tenth at least.
    for name in ("tenth-loss_hessian", "tenth-dropout", "tenth-input_sensitivity"):
        assert 10 <= numbers[name] <= 100
    assert numbers["tenth-loss_hessian"] > numbers["tenth-input_sensitivity"]
    assert numbers["n-units"] == 12
    assert 1 <= numbers["units-raw"] <= 12
    assert 1 <= numbers["units-normalised"] <= 12
    assert 0 < numbers["left-covariance-low"] <= numbers["left-covariance-high"] <= 1


def test_the_page_is_the_same_where_the_data_are_missing(tmp_path, monkeypatch):
    """All that it needs of MNIST comes with the results."""
    monkeypatch.setenv("MODLIB_DATA", "/dev/null/none")
    notebook = run("03-similarity", tmp_path, results=str(ROOT / "results" / "paper"))
    assert glued(notebook)["tenth-loss_hessian"] > 80  # of random pixels it is 22
    assert n_figures(notebook) == 4
