"""The introduction, on the examples of a small sweep."""

import papermill
import pytest
from chapters import glued, n_figures, run, texts

from modlib.similarity.measures import METHODS

NETWORKS = ["l2-1e-05-0", "dropout-0.4-0"]


@pytest.fixture(scope="module")
def small(small_results):
    return {"results": str(small_results), "networks": NETWORKS}


def test_introduction_shows_the_networks_layer_and_convention_it_is_given(tmp_path, small):
    notebook = run("01-introduction", tmp_path, **small, layer=2, convention="released")
    numbers = glued(notebook)
    assert 80 < numbers["accuracy-plain"] <= 100  # chance is 10
    assert 0 <= numbers["n-raised"] <= len(METHODS)
    assert 0 < numbers["agreement-plain-between"] < 1
    assert -1 < numbers["rank-other"] < 1
    assert n_figures(notebook) == 6
    assert texts(notebook).count("Drawn from") == 1
    assert all(name in texts(notebook) for name in NETWORKS)


def test_introduction_quotes_the_network_named_first_as_the_plain_one(tmp_path, small):
    both = glued(run("01-introduction", tmp_path, **small))
    swapped = glued(run("01-introduction", tmp_path, **small | {"networks": NETWORKS[::-1]}))
    for quantity in ("accuracy", "rank", "q"):
        assert both[f"{quantity}-plain"] == swapped[f"{quantity}-other"]
    assert both["q-plain"] != both["q-other"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"networks": ["l2-1e-05-0", "nobody"]}, "network must be one of"),
        ({"layer": 3}, "layer, measure and convention must name a stored matrix"),
        ({"convention": "beside"}, "layer, measure and convention must name a stored matrix"),
    ],
)
def test_introduction_refuses_what_is_not_there(tmp_path, small, parameters, message):
    with pytest.raises(papermill.PapermillExecutionError, match=message):
        run("01-introduction", tmp_path, **small | parameters)


def test_introduction_says_how_to_make_results_where_there_are_none(tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="python -m experiments run"):
        run("01-introduction", tmp_path, results=str(tmp_path))
