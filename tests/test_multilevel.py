"""Tests of modlib.clustering.multilevel: what it finds, and what its steps must leave as it is."""

import networkx as nx
import numpy as np
import pytest

from modlib.clustering.best import best_modules
from modlib.clustering.multilevel import iterate_levels, merged, multilevel, settle, split
from modlib.modularity import modularity_matrix, to_adjacency


def random_matrix(n: int, seed: int, density: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    similarity = random.random((n, n)) * (random.random((n, n)) < density)
    return modularity_matrix(to_adjacency(similarity + similarity.T))


def matrix_of(graph: nx.Graph) -> np.ndarray:
    return modularity_matrix(to_adjacency(nx.to_numpy_array(graph)))


def reached(matrix: np.ndarray, labels: np.ndarray) -> float:
    return matrix[labels[:, None] == labels].sum()


def best_single_move(matrix: np.ndarray, labels: np.ndarray) -> float:
    """The most that any move of one unit gains, by trying each."""
    gains = []
    for unit in range(len(labels)):
        for module in range(labels.max() + 2):
            trial = labels.copy()
            trial[unit] = module
            gains.append(reached(matrix, trial) - reached(matrix, labels))
    return max(gains)


MATRICES = [random_matrix(20, 0), random_matrix(25, 1, 0.2), -random_matrix(18, 2)]


@pytest.mark.parametrize("matrix", MATRICES, ids=["dense", "sparse", "negative"])
def test_units_settle_without_loss_and_stay_only_where_no_single_move_gains(matrix):
    for seed in range(5):
        random = np.random.default_rng(seed)
        labels = random.integers(4, size=len(matrix))
        before, moved = reached(matrix, labels), True
        while moved:
            moved = settle(matrix, labels, random)
            assert reached(matrix, labels) >= before
            assert moved == (reached(matrix, labels) > before)
            before = reached(matrix, labels)
        assert best_single_move(matrix, labels) < 1e-13


@pytest.mark.parametrize("matrix", MATRICES, ids=["dense", "sparse", "negative"])
def test_in_the_end_neither_a_unit_nor_a_whole_module_gains_by_moving(matrix):
    for seed in range(5):
        labels = multilevel(matrix, np.arange(len(matrix)), np.random.default_rng(seed))
        assert best_single_move(matrix, labels) < 1e-13
        for one in range(labels.max() + 1):
            for other in range(one):
                together = np.where(labels == one, other, labels)
                assert reached(matrix, together) < reached(matrix, labels) + 1e-13


@pytest.mark.parametrize("matrix", MATRICES, ids=["dense", "sparse", "negative"])
def test_parts_lie_within_modules_and_are_never_worse_than_units_alone(matrix):
    labels = np.random.default_rng(0).integers(3, size=len(matrix))
    parts = split(matrix, labels, np.random.default_rng(1))
    for part in np.unique(parts):
        assert len(set(labels[parts == part])) == 1
    assert reached(matrix, parts) >= reached(matrix, np.arange(len(matrix)))


def test_a_level_has_the_sums_between_its_modules():
    matrix = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 5.0], [3.0, 5.0, 6.0]])
    # Units 0 and 2 together: 1 + 6 + 2 * 3 = 13; with unit 1: 2 + 5 = 7.
    assert merged(matrix, np.array([0, 1, 0]), 2).tolist() == [[13, 7], [7, 4]]


def test_the_same_random_numbers_give_the_same_labels_and_start_and_matrix_stay():
    matrix, start = random_matrix(30, 3), np.arange(30)
    before = matrix.copy()
    one, other = (multilevel(matrix, start, np.random.default_rng(4)) for _ in range(2))
    assert one.tolist() == other.tolist()
    assert start.tolist() == list(range(30))
    assert (matrix == before).all()


def test_more_rounds_are_never_worse():
    matrix = random_matrix(60, 5, 0.1)
    start = multilevel(matrix, np.arange(60), np.random.default_rng(0))
    found = iterate_levels(matrix, start, np.random.default_rng(1), 30)
    assert reached(matrix, found) >= reached(matrix, start)


# ----------------------------------------------------------------------- graphs of known optimum


@pytest.mark.parametrize("seed", range(3))
def test_the_cliques_of_a_caveman_graph_are_found(seed):
    # 20 cliques of 6 in a ring: 300 edges, of which 20 lead to the next clique, so that 280 lie
    # within; every clique has 1/20 of all ends of edges. Q = 280 / 300 - 20 / 20**2 = .8833...
    matrix = matrix_of(nx.connected_caveman_graph(20, 6))
    labels = best_modules(matrix, seed)
    assert reached(matrix, labels) == pytest.approx(280 / 300 - 1 / 20, abs=1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_the_optimum_of_the_karate_club_is_found(seed):
    # .4197896 is proven (Brandes et al. 2008, without weights).
    graph = nx.karate_club_graph()
    matrix = modularity_matrix(to_adjacency(nx.to_numpy_array(graph, weight=None)))
    assert reached(matrix, best_modules(matrix, seed)) == pytest.approx(0.4197896, abs=1e-7)


@pytest.mark.parametrize(
    "graph",
    [
        nx.grid_2d_graph(16, 16),
        nx.les_miserables_graph(),
        nx.stochastic_block_model([40] * 5, 0.05 + 0.15 * np.eye(5), seed=0),
        nx.powerlaw_cluster_graph(250, 3, 0.3, seed=1),
    ],
    ids=["lattice", "weighted", "blocks", "hubs"],
)
def test_thirty_runs_of_leiden_find_nothing_better(graph):
    igraph = pytest.importorskip("igraph")
    import random

    random.seed(0)
    igraph.set_random_number_generator(random)
    adjacency = nx.to_numpy_array(graph)
    matrix = modularity_matrix(to_adjacency(adjacency))
    peer = igraph.Graph.Weighted_Adjacency(adjacency.tolist(), mode="undirected")
    runs = [
        peer.community_leiden("modularity", weights="weight", n_iterations=-1).membership
        for _ in range(30)
    ]
    theirs = max(reached(matrix, np.array(run)) for run in runs)
    assert reached(matrix, best_modules(matrix)) >= theirs - 1e-13
