"""Tests of chapters.matrices: which matrix is drawn where, and in which order."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import matrices
from modlib import plotting
from modlib.clustering.modules import Modules
from modlib.similarity.measures import MEASURES, METHODS


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def numbered(offset):
    """Off the diagonal: 1 for units 0 and 1, 2 for 0 and 2, 3 for 1 and 2, plus an offset."""
    return np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]]) + float(offset)


def drawn(ax):
    """The entries above the diagonal, row by row."""
    (image,) = ax.images
    return image.get_array()[np.triu_indices(3, 1)].tolist()


def test_methods_stand_in_rows_of_measures_and_columns_of_networks():
    names = ["l2-1e-05-0", "dropout-0.5-0"]
    similarities = {
        name: {m: numbered(100 * n + 10 * k) for k, m in enumerate(METHODS)}
        for n, name in enumerate(names)
    }
    # Every assignment but one leaves the units in their order.
    modules = {
        name: {m: Modules(np.zeros(3, int), 0.1 * n + 0.01 * k) for k, m in enumerate(METHODS)}
        for n, name in enumerate(names)
    }
    modules["dropout-0.5-0"]["loss_hessian", True] = Modules(np.array([1, 1, 0]), 0.125)
    axes = np.reshape(matrices.draw_methods(similarities, modules).axes, (4, 4))
    # Methods 0 and 1 are the covariance, raw and normalised, and so on.
    for row in range(4):
        raw, normalized = 20 * row, 20 * row + 10
        assert drawn(axes[row, 0]) == [raw + 1, raw + 2, raw + 3]
        assert drawn(axes[row, 1]) == [normalized + 1, normalized + 2, normalized + 3]
        assert drawn(axes[row, 2]) == [raw + 101, raw + 102, raw + 103]
    assert drawn(axes[0, 3]) == [111, 112, 113]
    assert drawn(axes[3, 3]) == [172, 173, 171]  # unit 2 comes first: (2, 0), (2, 1), (0, 1)
    assert [ax.get_title() for ax in axes[0]] == [
        "L2 penalty 1e-5,\nraw\nQ = 0.000", "L2 penalty 1e-5,\nnormalised\nQ = 0.010",
        "dropout 0.5,\nraw\nQ = 0.100", "dropout 0.5,\nnormalised\nQ = 0.110",
    ]  # fmt: skip
    assert axes[3, 3].get_title() == "Q = 0.125"
    assert [ax.get_ylabel() for ax in axes[:, 0]] == list(plotting.NAMES.values())


def test_measures_of_a_network_share_one_order():
    similarities = {
        name: {m: numbered(100 * n + 10 * k) for k, m in enumerate(MEASURES)}
        for n, name in enumerate(["a", "b"])
    }
    labels = {"a": np.array([0, 0, 0]), "b": np.array([1, 1, 0])}
    axes = np.reshape(matrices.draw_measures(similarities, labels).axes, (2, 4))
    for k in range(4):
        assert drawn(axes[0, k]) == [10 * k + 1, 10 * k + 2, 10 * k + 3]
        assert drawn(axes[1, k]) == [10 * k + 102, 10 * k + 103, 10 * k + 101]
    assert [ax.get_title() for ax in axes[0]] == list(plotting.NAMES.values())
    assert not any(ax.get_title() for ax in axes[1])
    assert [row[0].get_ylabel() for row in axes] == ["a", "b"]


def test_above_units_are_in_the_order_of_the_weights_and_below_in_their_own():
    similarities = {
        "weights": numbered(0),
        "covariance": numbered(10),
        "loss_hessian": numbered(20),
    }
    labels = {
        "weights": np.array([1, 1, 0]),
        "covariance": np.array([1, 0, 1]),
        "loss_hessian": np.array([0, 0, 0]),
    }
    axes = np.reshape(matrices.draw_two_orders(similarities, labels).axes, (2, 3))
    assert [drawn(ax) for ax in axes[0]] == [[2, 3, 1], [12, 13, 11], [22, 23, 21]]
    # Unit 1 first, then 0 and 2: pairs (1, 0), (1, 2), (0, 2).
    assert [drawn(ax) for ax in axes[1]] == [[2, 3, 1], [11, 13, 12], [21, 22, 23]]
    titles = ["connection patterns", "covariance", "loss Hessian"]
    assert [ax.get_title() for ax in axes[0]] == titles
    assert axes[0, 0].get_ylabel() == "clusters of the weights"
    assert axes[1, 0].get_ylabel() == "clusters of its own"
