"""The chapter on similarity: its lines against the library, on other networks and conventions."""

import shutil

import pytest
from chapters import glued, n_figures, run, texts
from small import seal

OTHER = {"dropout": "dropout-0.4-0", "convention": "released", "layer": 2}


@pytest.fixture(scope="module")
def notebook(tmp_path_factory, small_results):
    return run("03-similarity", tmp_path_factory.mktemp("03"), results=str(small_results), **OTHER)


def test_every_figure_is_drawn_and_the_page_names_its_run(notebook):
    assert n_figures(notebook) == 4
    assert texts(notebook).count("networks of the sweep") == 1
    assert "Random images" not in texts(notebook)  # the digits come with scikit-learn


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


def test_random_images_stand_in_visibly_where_the_data_are_missing(
    tmp_path, small_results, monkeypatch
):
    folder = shutil.copytree(small_results, tmp_path / "results")
    seal(folder, data={"mnist": "0" * 64})
    monkeypatch.setenv("MODLIB_DATA", "/dev/null/none")
    notebook = run("03-similarity", tmp_path, results=str(folder), dropout="dropout-0.4-0")
    assert "Random images" in texts(notebook)
    assert n_figures(notebook) == 4
