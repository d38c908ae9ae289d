"""The setup, on the tables of a small sweep in which some networks are made to fail."""

import shutil

import numpy as np
import pytest
from chapters import glued, n_figures, run, texts
from small import seal

from experiments.engine import tables
from experiments.paper import NETWORKS


@pytest.fixture(scope="module")
def some_lost(small_results, tmp_path_factory):
    """The small results, but every network of the strongest L2 and one of the strongest L1 fail."""
    folder = tmp_path_factory.mktemp("lost") / "results"
    shutil.copytree(small_results, folder)
    path = folder / "networks.parquet"
    networks = tables.read(NETWORKS, path).to_pandas()
    strongest = networks["strength"] == 1e-3
    lost = strongest & (networks["regularizer"] == "l2")
    lost |= strongest & (networks["regularizer"] == "l1") & (networks["seed"] == 1)
    networks.loc[lost, ["kept", "test_accuracy", "test_loss"]] = False, 0.1, 2.5
    better_than_guessing = lost & (networks["regularizer"] == "l1")
    networks.loc[better_than_guessing, "test_loss"] = 1.5
    tables.write(NETWORKS, tables.from_rows(NETWORKS, networks.to_dict("records")), path)
    return seal(folder)


def test_setup_counts_networks_and_tells_of_those_that_were_dropped(tmp_path, some_lost):
    notebook = run("05-setup", tmp_path, results=str(some_lost), convention="released")
    numbers = glued(notebook)
    assert (numbers["n-settings"], numbers["n-trained"], numbers["n-untrained"]) == (6, 18, 3)
    assert numbers["n-dropped"] == 4
    assert (numbers["n-settings-lost"], numbers["n-settings-torn"]) == (1, 1)
    assert (numbers["n-guessing"], numbers["n-between"]) == (3, 1)
    assert np.isclose(numbers["guessing-loss"], 2.5)
    assert np.isclose(numbers["guessing-accuracy"], 10)
    # The setting that was lost takes no part, and the one that was torn keeps the majority.
    assert numbers["accuracy-l2-strongest"] == numbers["accuracy-l2-weakest"]
    assert numbers["accuracy-l1-strongest"] < numbers["accuracy-l1-weakest"]
    assert 0 < numbers["epochs-least"] <= numbers["epochs-most"] <= numbers["epochs-limit"] == 20
    assert n_figures(notebook) == 2
    assert texts(notebook).count("Drawn from") == 1
