"""The chapter on clustering: its own algorithms against the library, on other matrices."""

import papermill
import pytest
from chapters import glued, n_figures, run, texts

OTHER = {
    "network": "dropout-0.4-0", "convention": "released", "layer": 1, "measure": "covariance",
    "normalized": False, "n_units": 7, "seed": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def notebook(tmp_path_factory, small_results):
    return run("04-clustering", tmp_path_factory.mktemp("04"), results=str(small_results), **OTHER)


def test_every_figure_is_drawn_and_those_from_the_tables_name_their_run(notebook):
    assert n_figures(notebook) == 6
    assert texts(notebook).count("networks of the sweep") == 1


def test_all_assignments_are_listed_and_the_search_climbs_among_them(notebook):
    numbers = glued(notebook)
    assert numbers["n-assignments"] == 877  # the seventh number of Bell
    assert 0 <= numbers["q-start"] <= numbers["q-found"] <= numbers["q-top"] < 1
    assert numbers["place-start"] >= numbers["place-found"] >= 1
    assert numbers["n-near"] >= 1


def test_every_matrix_of_the_convention_is_in_the_figure_of_the_optimizers(notebook):
    numbers = glued(notebook)
    # 18 trained and 3 untrained networks, two layers, eight methods; if all are kept.
    assert numbers["n-matrices"] % 16 == 0
    assert 0 < numbers["n-matrices"] <= 21 * 16
    assert 0 < numbers["above-q_spectral"] < 100
    assert numbers["n-trial"] == 4 * 4  # every second of seven example networks, four measures


def test_too_many_units_are_refused_before_any_are_sorted(tmp_path, small_results):
    with pytest.raises(papermill.PapermillExecutionError, match="n_units must be between 4 and 11"):
        run("04-clustering", tmp_path, results=str(small_results), n_units=64)
