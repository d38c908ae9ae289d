"""Tests of modlib.clustering.multilevel: what it finds, and what its steps must leave as it is."""

import networkx as nx
import numpy as np
import pytest
from oracles import set_partitions
from scipy import sparse as scipy_sparse

from modlib.clustering.best import best_modules, best_modules_of_sparse
from modlib.clustering.crossing import cross, overlap
from modlib.clustering.multilevel import iterate_levels, multilevel, settle, split, tally
from modlib.clustering.neighbours import Graph, dense, merged, sparse, total_of
from modlib.clustering.tabu import best_move_near, climb_near, iterate_near
from modlib.modularity import modularity_matrix, to_adjacency

TO_THE_END = 1000


def random_matrix(n: int, seed: int, density: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    similarity = random.random((n, n)) * (random.random((n, n)) < density)
    return modularity_matrix(to_adjacency(similarity + similarity.T))


def matrix_of(graph: nx.Graph) -> np.ndarray:
    return modularity_matrix(to_adjacency(nx.to_numpy_array(graph)))


def parts_of(seed: int, n: int = 20, density: float = 0.2, signed: bool = False):
    """Weights, null vectors and signs, as those of a sparse graph; and the matrix that they are.

    Signed ones have negative links, and a null vector that adds; all have a diagonal.
    """
    random = np.random.default_rng(seed)
    weights = random.random((n, n)) * (random.random((n, n)) < density)
    weights -= signed * random.random((n, n)) * (random.random((n, n)) < density)
    weights = weights + weights.T
    if signed:
        nulls, signs = random.random((2, n)), np.array([-1.0, 1.0])
    else:
        nulls, signs = weights.sum(axis=1)[None] / max(weights.sum() ** 0.5, 1e-9), np.array([-1.0])
    matrix = weights + np.einsum("k,ki,kj->ij", signs, nulls, nulls)
    return scipy_sparse.csr_array(weights), nulls, signs, matrix


def as_sparse(seed: int, **options) -> tuple[Graph, np.ndarray]:
    weights, nulls, signs, matrix = parts_of(seed, **options)
    size = np.abs(matrix).sum()
    graph = sparse(weights.indptr, weights.indices, weights.data / size, nulls / size**0.5, signs)
    return graph, matrix / size


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
GRAPHS = {
    "dense": (dense(MATRICES[0]), MATRICES[0]),
    "thin": (dense(MATRICES[1]), MATRICES[1]),
    "negative": (dense(MATRICES[2]), MATRICES[2]),
    "sparse": as_sparse(3),
    "signed": as_sparse(4, signed=True),
}
all_graphs = pytest.mark.parametrize(("graph", "matrix"), GRAPHS.values(), ids=GRAPHS)


@all_graphs
def test_q_of_a_graph_is_that_of_its_matrix(graph, matrix):
    labels = np.random.default_rng(0).integers(4, size=len(matrix))
    # Sums of at most 625 terms that are one in all.
    assert total_of(graph, labels) == pytest.approx(reached(matrix, labels), abs=1e-14)


@all_graphs
def test_units_settle_without_loss_and_stay_only_where_no_single_move_gains(graph, matrix):
    for seed in range(5):
        random = np.random.default_rng(seed)
        labels = random.integers(4, size=len(matrix))
        before, moved = reached(matrix, labels), True
        while moved:
            moved = settle(graph, labels, random)
            assert reached(matrix, labels) >= before
            assert moved == (reached(matrix, labels) > before)
            before = reached(matrix, labels)
        assert best_single_move(matrix, labels) < 1e-13


@all_graphs
def test_in_the_end_neither_a_unit_nor_a_whole_module_gains_by_moving(graph, matrix):
    for seed in range(5):
        start, random = np.arange(len(matrix)), np.random.default_rng(seed)
        labels = multilevel(graph, start, random, TO_THE_END)
        assert best_single_move(matrix, labels) < 1e-13
        for one in range(labels.max() + 1):
            for other in range(one):
                together = np.where(labels == one, other, labels)
                assert reached(matrix, together) < reached(matrix, labels) + 1e-13


@all_graphs
def test_parts_lie_within_modules_and_are_never_worse_than_units_alone(graph, matrix):
    labels = np.random.default_rng(0).integers(3, size=len(matrix))
    parts = split(graph, labels, np.random.default_rng(1))
    for part in np.unique(parts):
        assert len(set(labels[parts == part])) == 1
    assert reached(matrix, parts) >= reached(matrix, np.arange(len(matrix)))
    assert len(np.unique(parts)) < len(parts)


@all_graphs
def test_moves_of_modules_change_q_as_moves_of_their_units_do(graph, matrix):
    random = np.random.default_rng(0)
    modules = np.concatenate([np.arange(5), random.integers(5, size=len(matrix) - 5)])
    level, alone = merged(graph, modules, 5), np.arange(5)
    for _ in range(5):
        labels = random.integers(3, size=5)
        change = total_of(level, labels) - total_of(level, alone)
        expected = reached(matrix, labels[modules]) - reached(matrix, modules)
        assert change == pytest.approx(expected, abs=1e-14)


def test_a_level_has_the_sums_between_its_modules():
    matrix = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 5.0], [3.0, 5.0, 6.0]])
    # Units 0 and 2 together: 1 + 6 + 2 * 3 = 13; with unit 1: 2 + 5 = 7.
    labels = np.array([0, 1, 0])
    assert merged(dense(matrix), labels, 2).weights.tolist() == [[13, 7], [7, 4]]
    parts = scipy_sparse.csr_array(matrix)
    graph = sparse(parts.indptr, parts.indices, parts.data, np.array([[1.0, 2.0, 4.0]]), [-1.0])
    level = merged(graph, labels, 2)
    # The same, without the diagonal, which no move changes.
    assert level.weights.tolist() == [[7, 7]]
    assert (level.starts.tolist(), level.others.tolist()) == ([0, 1, 2], [1, 0])
    assert level.nulls.tolist() == [[5, 2]]


def test_the_same_random_numbers_give_the_same_labels_and_start_and_matrix_stay():
    matrix, start = random_matrix(30, 3), np.arange(30)
    before = matrix.copy()
    one, other = (
        multilevel(dense(matrix), start, np.random.default_rng(4), TO_THE_END) for _ in range(2)
    )
    assert one.tolist() == other.tolist()
    assert start.tolist() == list(range(30))
    assert (matrix == before).all()


@pytest.mark.parametrize("is_sparse", [False, True])
def test_more_rounds_are_never_worse(is_sparse):
    graph, matrix = as_sparse(5, n=60, density=0.1)
    graph = graph if is_sparse else dense(matrix)
    start = multilevel(graph, np.arange(60), np.random.default_rng(0), 1)
    found = iterate_levels(graph, start, np.random.default_rng(1), 30)
    assert reached(matrix, found) >= reached(matrix, start)


# ------------------------------------------------------------------------------------ tabu search


def best_move_of_one(matrix: np.ndarray, labels: np.ndarray) -> float:
    """The most that any true move of one unit gains, a loss perhaps, by trying each."""
    gains = []
    for unit in range(len(labels)):
        for module in range(labels.max() + 2):
            trial = labels.copy()
            trial[unit] = module
            if module != labels[unit] and (trial != labels).any():
                gains.append(reached(matrix, trial) - reached(matrix, labels))
    return max(gains)


@pytest.mark.parametrize("signed", [False, True], ids=["plain", "signed"])
def test_a_step_of_tabu_search_is_the_best_move_there_is(signed):
    graph, matrix = as_sparse(6, n=12, density=0.3, signed=signed)
    for seed in range(5):
        labels = np.random.default_rng(seed).integers(3, size=12)
        labels[:3] = range(3)
        sums, sizes = tally(graph, labels)
        free = np.ones(12, np.bool_)
        unit, module, gain = best_move_near(graph, labels, sums, sizes, free, np.inf)
        assert gain == pytest.approx(best_move_of_one(matrix, labels), abs=1e-14)
        moved = labels.copy()
        moved[unit] = 3 if module < 0 else module
        assert reached(matrix, moved) - reached(matrix, labels) == pytest.approx(gain, abs=1e-14)


def test_a_unit_that_is_not_free_moves_only_for_a_new_best():
    graph, matrix = as_sparse(6, n=12, density=0.3)
    labels = np.arange(12) % 3
    sums, sizes = tally(graph, labels)
    none = np.zeros(12, np.bool_)
    highest = best_move_of_one(matrix, labels)
    assert highest > 0
    assert best_move_near(graph, labels, sums, sizes, none, 1.01 * highest)[0] == -1
    assert best_move_near(graph, labels, sums, sizes, none, 0.99 * highest)[0] >= 0


@pytest.mark.parametrize("signed", [False, True], ids=["plain", "signed"])
def test_tabu_search_of_a_graph_is_never_below_its_start_and_knows_its_q(signed):
    graph, matrix = as_sparse(7, n=40, density=0.1, signed=signed)
    for seed in range(3):
        random = np.random.default_rng(seed)
        start = random.integers(5, size=40)
        found, q = climb_near(graph, start, random, 50)
        assert q == pytest.approx(reached(matrix, found), abs=1e-14)
        assert q > reached(matrix, start)
        more = iterate_near(graph, found, random, 5, 50)
        assert reached(matrix, more) >= q - 1e-14


# ------------------------------------------------------------------------------ two made into one


def test_cores_are_what_both_assignments_put_together():
    cores, n_cores = overlap(np.array([0, 0, 0, 1, 1, 1]), np.array([2, 0, 2, 0, 1, 0]))
    assert n_cores == 4
    together = cores[:, None] == cores
    # Units 0 and 2; 3 and 5; 1 and 4 are alone: 1 and 3 are together in the other only.
    assert np.argwhere(np.triu(together, 1)).tolist() == [[0, 2], [3, 5]]


@all_graphs
@pytest.mark.parametrize("n_rounds", [0, 5])
def test_a_child_is_not_worse_than_what_its_parents_agree_on(graph, matrix, n_rounds):
    random, n = np.random.default_rng(0), len(matrix)
    for _ in range(5):
        one, other = random.integers(4, size=n), random.integers(3, size=n)
        child = cross(graph, one, other, random, n_rounds)
        assert reached(matrix, child) >= reached(matrix, overlap(one, other)[0])


# ------------------------------------------------------------------------------------ whole search


def reached_by_sparse(seed: int, **options) -> tuple[float, np.ndarray]:
    weights, nulls, signs, matrix = parts_of(seed, **options)
    return reached(matrix, best_modules_of_sparse(weights, nulls, signs)), matrix


@pytest.mark.parametrize("signed", [False, True], ids=["plain", "signed"])
@pytest.mark.parametrize("n", range(2, 9))
def test_the_sparse_search_finds_the_best_of_all_partitions(n, signed):
    partitions = np.array(list(set_partitions(n)))
    for seed in range(3):
        found, matrix = reached_by_sparse(seed, n=n, density=0.4, signed=signed)
        highest = max(reached(matrix, labels) for labels in partitions)
        assert found == pytest.approx(highest, abs=1e-13)


def test_both_searches_find_the_best_of_all_partitions_of_nine():
    partitions = np.array(list(set_partitions(9)))
    found, matrix = reached_by_sparse(0, n=9, density=0.4)
    highest = max(reached(matrix, labels) for labels in partitions)
    assert found == pytest.approx(highest, abs=1e-13)
    assert reached(matrix, best_modules(matrix)) == pytest.approx(highest, abs=1e-13)


def plain_parts(graph: nx.Graph):
    """The parts of B of a graph: adjacency that sums to one, and its degrees."""
    adjacency = scipy_sparse.csr_array(nx.to_scipy_sparse_array(graph, dtype=np.float64))
    adjacency = adjacency / adjacency.sum()
    return adjacency, adjacency.sum(axis=1)[None], np.array([-1.0])


def sizes(labels: np.ndarray) -> list[int]:
    return sorted(np.unique(labels, return_counts=True)[1].tolist())


def test_what_is_not_linked_is_not_together():
    # A star, a pair, a triangle and a unit that is alone: no link leads from one to another, and
    # to split any loses more of the links than chance gives back.
    graph = nx.disjoint_union_all([nx.star_graph(4), nx.path_graph(2), nx.complete_graph(3)])
    graph.add_node(10)
    labels = best_modules_of_sparse(*plain_parts(graph))
    assert sizes(labels) == [1, 2, 3, 5]
    for part in nx.connected_components(graph):
        assert len({labels[unit] for unit in part}) == 1


@pytest.mark.parametrize("n", range(2))
def test_no_units_and_one_unit_of_a_sparse_matrix(n):
    nothing = scipy_sparse.csr_array((n, n))
    assert best_modules_of_sparse(nothing, np.zeros((1, n)), [-1.0]).tolist() == [0] * n


@pytest.mark.parametrize("seed", range(2))
def test_planted_modules_that_stand_out_are_recovered(seed):
    graph = nx.LFR_benchmark_graph(
        250, 3, 1.5, 0.1, average_degree=12, max_degree=30, min_community=20, max_community=50,
        max_iters=300, seed=seed,
    )  # fmt: skip
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    planted = {frozenset(graph.nodes[unit]["community"]) for unit in graph}
    for labels in (
        best_modules_of_sparse(*plain_parts(graph), seed=seed),
        best_modules(matrix_of(graph), seed=seed, n_rounds=2),
    ):
        found = {frozenset(np.flatnonzero(labels == k).tolist()) for k in set(labels)}
        assert found == planted


def test_the_scale_of_a_matrix_changes_nothing():
    weights, nulls, signs, matrix = parts_of(7, n=40, density=0.1)
    plain = best_modules_of_sparse(weights, nulls, signs)
    for scale in (2.0**40, 2.0**-40):  # exact, so that the same sums are compared
        scaled = best_modules_of_sparse(weights * scale, nulls * scale**0.5, signs)
        assert scaled.tolist() == plain.tolist()
        dense_ones = [best_modules(matrix * factor, n_rounds=2) for factor in (scale, 1.0)]
        assert dense_ones[0].tolist() == dense_ones[1].tolist()


def test_the_same_seed_gives_the_same_labels_of_a_sparse_matrix_which_is_left_alone():
    weights, nulls, signs, _ = parts_of(8, n=60, density=0.1)
    before = weights.copy(), nulls.copy()
    one, other = (best_modules_of_sparse(weights, nulls, signs, seed=3) for _ in range(2))
    assert one.tolist() == other.tolist()
    assert one.dtype == np.int64
    assert (weights != before[0]).nnz == 0
    assert (nulls == before[1]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.eye(2), np.ones((1, 2)), [-1.0]), "weights must be a square SciPy sparse matrix"),
        ((EYE := scipy_sparse.csr_array(np.eye(2)), np.ones((2, 2)), [-1.0]), r"nulls .* \(1, 2\)"),
        ((EYE, np.full((1, 2), np.nan), [-1.0]), "nulls must be finite. Got nan"),
        ((EYE, np.ones((1, 2)), [np.inf]), "signs must be finite. Got inf"),
        ((EYE * np.inf, np.ones((1, 2)), [1.0]), "weights must be finite. Got inf"),
        (
            (scipy_sparse.csr_array([[0.0, 1.0], [0.0, 0.0]]), np.ones((1, 2)), [1.0]),
            "weights must be symmetric",
        ),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        best_modules_of_sparse(*arguments)


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
    assert reached(matrix, best_modules_of_sparse(*plain_parts(graph))) >= theirs - 1e-13
