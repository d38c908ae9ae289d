from itertools import count

import numpy as np
import pytest
from oracles import set_partitions

from modlib.clustering import best
from modlib.clustering.best import best_modules
from modlib.modularity import modularity_matrix, to_adjacency


def random_matrix(n: int, seed: int, density: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    similarity = random.random((n, n)) * (random.random((n, n)) < density)
    return modularity_matrix(to_adjacency(similarity + similarity.T))


def reached(matrix: np.ndarray, labels: np.ndarray) -> float:
    return matrix[labels[:, None] == labels].sum()


@pytest.mark.parametrize("n", range(1, 9))
@pytest.mark.parametrize("density", [0.4, 1.0])
def test_finds_the_best_of_all_partitions(n, density):
    partitions = np.array(list(set_partitions(n)))
    for seed in range(3):
        matrix = random_matrix(n, seed, density)
        highest = max(reached(matrix, labels) for labels in partitions)
        # Two sums of at most 81 terms below one in size.
        assert reached(matrix, best_modules(matrix, seed)) == pytest.approx(highest, abs=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_finds_planted_cliques(seed):
    # Four cliques of 16 without links between them: each holds 1/4 of all similarity, so
    # Q = 1 - 4 / 16 = 3/4, the most that four clusters can have.
    planted = np.random.default_rng(seed).permutation(np.repeat(np.arange(4), 16))
    linked = (planted[:, None] == planted).astype(np.float64)
    matrix = modularity_matrix(to_adjacency(linked))
    labels = best_modules(matrix, seed)
    assert ((labels[:, None] == labels) == linked).all()
    assert reached(matrix, labels) == pytest.approx(3 / 4, abs=1e-14)


def test_all_apart_where_nothing_attracts_and_together_where_all_does():
    repelling = -np.ones((6, 6))
    assert len(set(best_modules(repelling))) == 6
    assert len(set(best_modules(-repelling))) == 1


def test_no_units_and_one_unit():
    assert best_modules(np.zeros((0, 0))).tolist() == []
    assert best_modules(np.zeros((1, 1))).tolist() == [0]


def test_same_seed_same_labels_and_the_matrix_is_left_alone():
    matrix = random_matrix(40, seed=1)
    before = matrix.copy()
    first = best_modules(matrix, seed=3, n_restarts=1, n_rounds=2, patience=10)
    assert (first == best_modules(matrix, seed=3, n_restarts=1, n_rounds=2, patience=10)).all()
    assert (matrix == before).all()
    assert first.dtype == np.int64


def test_the_seed_draws_the_search():
    matrix = random_matrix(40, seed=1)
    ways = {
        tuple(best_modules(matrix, seed=seed, n_restarts=1, n_rounds=1, patience=2))
        for seed in range(5)
    }
    assert len(ways) > 1


@pytest.fixture
def searches(monkeypatch):
    """What each search by many levels finds, in order."""
    found, multilevel = [], best.multilevel

    def kept(*arguments):
        found.append(multilevel(*arguments))
        return found[-1]

    monkeypatch.setattr(best, "multilevel", kept)
    return found


@pytest.mark.parametrize(("deadline", "n_searches"), [(-1.0, 1), (0.5, 2), (2.5, 4)])
def test_no_search_begins_after_the_deadline(monkeypatch, searches, deadline, n_searches):
    # Looked at after each search, the clock says 0, 1, 2, ...
    monkeypatch.setattr(best, "perf_counter", count().__next__)
    matrix = random_matrix(30, seed=0)
    cut = best_modules(matrix, seed=2, n_restarts=10**9, deadline=deadline)
    assert len(searches) == n_searches
    assert reached(matrix, cut) == max(reached(matrix, labels) for labels in searches)


def test_the_search_ends_as_soon_as_the_bound_is_met(searches):
    # Two cliques of four, apart: all ways find them at once, and Q = 1 - 2 / 4.
    matrix = modularity_matrix(to_adjacency(np.kron(np.eye(2), np.ones((4, 4)))))
    labels = best_modules(matrix, n_restarts=10**9, bound=1 / 2)
    assert reached(matrix, labels) == pytest.approx(1 / 2, abs=1e-14)
    assert len(searches) == 1


def test_nothing_is_searched_where_one_module_meets_the_bound(searches):
    assert best_modules(np.ones((6, 6)), bound=36.0).tolist() == [0] * 6
    assert not searches


def test_searches_go_on_until_the_deadline_if_the_bound_is_never_met(monkeypatch, searches):
    matrix, until = random_matrix(12, seed=0), {}
    for deadline in (1000, 2000):
        searches.clear()
        monkeypatch.setattr(best, "perf_counter", count().__next__)
        best_modules(matrix, n_restarts=10**9, patience=2, deadline=deadline, bound=1.0)
        until[deadline] = len(searches)
    assert 100 < until[1000] < until[2000]


def test_a_bound_that_is_never_met_is_given_up_after_all_restarts(searches):
    best_modules(random_matrix(12, seed=0), n_restarts=3, n_rounds=1, patience=2, bound=1.0)
    # Eight parents in each family, and the best of all once more.
    assert len(searches) == 3 * 8 + 1


@pytest.mark.parametrize("bound", [None, np.nan, "high"])
def test_a_bound_that_is_no_number_is_refused(bound):
    with pytest.raises(ValueError, match="bound must be a number"):
        best_modules(np.eye(2), bound=bound)


@pytest.mark.parametrize("seed", range(3))
def test_never_below_any_search_it_is_made_of(searches, seed):
    matrix = random_matrix(40, seed, 0.2)
    labels = best_modules(matrix, seed, n_rounds=2)
    assert reached(matrix, labels) >= max(reached(matrix, found) for found in searches)


@pytest.mark.parametrize("seed", range(5))
def test_reaches_what_leiden_reaches(seed):
    leidenalg = pytest.importorskip("leidenalg")
    igraph = pytest.importorskip("igraph")
    random = np.random.default_rng(seed)
    features = random.random((64, 8)) ** 4
    adjacency = to_adjacency(features @ features.T)
    matrix = modularity_matrix(adjacency)
    graph = igraph.Graph.Weighted_Adjacency(adjacency.tolist(), mode="undirected")
    runs = [
        leidenalg.find_partition(
            graph, leidenalg.ModularityVertexPartition, weights="weight", n_iterations=-1, seed=run
        )
        for run in range(5)
    ]
    highest = max(reached(matrix, np.array(run.membership)) for run in runs)
    # Both Q are sums of 4,096 terms that are about 1e-3 at most: rounding is below 1e-14.
    assert reached(matrix, best_modules(matrix)) >= highest - 1e-14
