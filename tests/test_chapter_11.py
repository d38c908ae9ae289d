"""The page on a network of one's own, with another layer and seed."""

import papermill
import pytest
from chapters import glued, n_figures, run


def test_another_layer_and_seed_are_analysed(tmp_path):
    notebook = run("11-your-own-network", tmp_path, seed=1, layer=2, epochs=10, time_limit=1.0)
    numbers = glued(notebook)
    assert numbers["own-accuracy"] > 80  # chance is 10
    assert 0 < numbers["own-chance"] < 1
    assert 0 < numbers["own-agreement"] <= 1
    assert 0 < numbers["own-retest"] <= 1
    assert 1 <= numbers["own-channel-modules"] <= 16
    assert n_figures(notebook) == 1


def test_a_layer_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="layer must be between 1 and 2"):
        run("11-your-own-network", tmp_path, layer=3, epochs=0)
