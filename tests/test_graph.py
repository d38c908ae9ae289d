"""Tests of chapters.graph: cuts against their definition and all partitions."""

from itertools import pairwise, product

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import graph


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def ncut_by_definition(edges, parts):
    """Cut over volume, summed over parts, from the symmetric matrix of all edges."""
    total = 0.0
    for part in set(parts.tolist()):
        inside = [node for node in range(len(parts)) if parts[node] == part]
        outside = [node for node in range(len(parts)) if parts[node] != part]
        volume = sum(edges[i, j] for i in inside for j in range(len(parts)))
        total += sum(edges[i, j] for i in inside for j in outside) / volume
    return total


def all_edges(bipartite):
    n_rows, n_columns = bipartite.shape
    return np.block(
        [
            [np.zeros((n_rows, n_rows)), bipartite],
            [bipartite.T, np.zeros((n_columns, n_columns))],
        ]
    )


def test_weights_join_neighbouring_layers_and_signs_are_of_no_account():
    # Two pixels a, b; first layer c, d; second layer e; logits f, g.
    first = np.array([[1.0, -2.0], [3.0, 4.0]])
    second = np.array([[-5.0, 6.0]])
    third = np.array([[7.0], [-8.0]])
    expected = [
        # c, d, f, g
        [1, 3, 0, 0],  # a
        [2, 4, 0, 0],  # b
        [5, 6, 7, 8],  # e
    ]
    np.testing.assert_array_equal(graph.weight_graph([first, second, third]), expected)


def test_parts_that_nothing_joins_cost_nothing():
    bipartite = np.kron(np.eye(3), np.ones((4, 2)))
    ncut, rows, columns = graph.normalized_cut(bipartite, 3)
    assert ncut == pytest.approx(0, abs=1e-12)
    for block in range(3):
        assert len({*rows[4 * block : 4 * block + 4], *columns[2 * block : 2 * block + 2]}) == 1
    assert len(set(rows)) == 3


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_cut_is_that_of_the_definition(k):
    bipartite = np.random.default_rng(k).random((7, 6))
    ncut, *parts = graph.normalized_cut(bipartite, k)
    parts = np.concatenate(parts)
    assert len(set(parts.tolist())) == k
    assert ncut == pytest.approx(ncut_by_definition(all_edges(bipartite), parts))


def test_no_other_two_parts_of_a_planted_graph_cost_less():
    planted = np.kron(np.eye(2), np.ones((3, 2)))
    bipartite = planted + 0.3 * np.random.default_rng(0).random(planted.shape)
    ncut, *_ = graph.normalized_cut(bipartite, 2)
    edges = all_edges(bipartite)
    partitions = (np.array([0, *rest]) for rest in product([0, 1], repeat=9))
    assert ncut == pytest.approx(min(ncut_by_definition(edges, p) for p in partitions if p.any()))


def test_each_hidden_layer_gets_the_parts_of_its_own_units():
    # Two networks side by side: even units of each layer belong to one, odd ones to the other.
    sizes = (5, 4, 8, 3)  # odd ones: a shift would swap the two
    weights = [
        np.equal.outer(np.arange(n) % 2, np.arange(before) % 2).astype(float)
        for before, n in pairwise(sizes)
    ]
    ncut, parts = graph.cut_layers(weights, 2)
    assert ncut == pytest.approx(0, abs=1e-12)
    assert set(parts) == {1, 2}
    (even,), (odd,) = ({*parts[1][i::2], *parts[2][i::2]} for i in (0, 1))
    assert even != odd
    assert [len(parts[1]), len(parts[2])] == [4, 8]


def test_shuffled_weights_are_the_same_in_other_places_and_negligible_ones_stay():
    random = np.random.default_rng(0)
    first = random.normal(size=(8, 9))
    first[2], first[:, 4] = 0, 1e-4
    weights = [first, random.normal(size=(5, 8))]
    before = [matrix.copy() for matrix in weights]
    copies = graph.shuffled(weights, random)
    for matrix, copy, kept in zip(weights, copies, before, strict=True):
        np.testing.assert_array_equal(matrix, kept)
        np.testing.assert_array_equal(np.sort(copy, axis=None), np.sort(matrix, axis=None))
        assert np.mean(copy != matrix) > 0.5
    assert not copies[0][2, [0, 1, 2, 3, 5, 6, 7, 8]].any()
    assert (copies[0][:, 4] == 1e-4).all()


def test_cuts_are_drawn_by_regulariser_and_untrained_networks_as_levels():
    cuts = pd.DataFrame(
        [
            ("untrained", 0.0, 2.5, 2.6),
            ("l2", 1e-4, 2.0, 2.2),
            ("l1", 1e-3, 1.5, 1.7),
            ("l2", 1e-2, 1.0, 1.2),
            ("dropout", 0.5, 0.5, 0.7),
        ],
        columns=["regularizer", "strength", "ncut", "shuffled"],
    )
    l2, l1, dropout = graph.draw_cuts(cuts, 4).axes
    found, shuffled, level = l2.lines
    assert (list(found.get_xdata()), list(found.get_ydata())) == ([1e-4, 1e-2], [2.0, 1.0])
    assert (list(shuffled.get_xdata()), list(shuffled.get_ydata())) == ([1e-4, 1e-2], [2.2, 1.2])
    assert shuffled.get_linestyle() == "--"
    assert list(level.get_ydata()) == [2.5, 2.5]
    assert [list(line.get_ydata()) for line in l1.lines] == [[1.5], [1.7], [2.5, 2.5]]
    assert [list(line.get_ydata()) for line in dropout.lines] == [[0.5], [0.7], [2.5, 2.5]]
    assert dropout.lines[0].get_color() != dropout.lines[1].get_color()
    assert (l2.get_xscale(), dropout.get_xscale()) == ("log", "linear")
    assert l2.get_ylabel() == "ncut, 4 parts"
