"""Tests of modlib.clustering.consensus and near: what is drawn, shares, medians, certainty."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from oracles import double_sum_modularity, set_partitions
from scipy.sparse import csr_array

import modlib as ml
from modlib.clustering.consensus import certainty_of, median_of, shares_of
from modlib.clustering.near import draw_near
from modlib.modularity import modularity, to_adjacency
from modlib.objective import Objective
from modlib.similarity.matrix import Similarity

RING = nx.to_numpy_array(nx.cycle_graph(6))
PATH = nx.to_numpy_array(nx.path_graph(7))
CLIQUES = np.kron(np.eye(3), np.ones((4, 4)))


def near_optimal(similarity: np.ndarray, within: float) -> list[list[int]]:
    """All partitions whose Q is within a share of the best, by trying each."""
    partitions = list(set_partitions(len(similarity)))
    q = np.array([double_sum_modularity(similarity, labels) for labels in partitions])
    return [partitions[i] for i in np.flatnonzero(q >= q.max() - within * abs(q.max()) - 1e-12)]


def as_found(labels) -> tuple[int, ...]:
    """A partition by one name, whatever its modules are called: by their first units."""
    labels = list(labels)
    return tuple(labels.index(label) for label in labels)


def two_blocks_and_one() -> np.ndarray:
    """Two triangles, and a last unit that is linked to all six of their units alike, by half."""
    similarity = np.zeros((7, 7))
    similarity[:3, :3] = similarity[3:6, 3:6] = 1.0
    similarity[6, :6] = similarity[:6, 6] = 0.5
    return similarity


# --------------------------------------------------------------------------------- what is drawn


@pytest.mark.parametrize("within", [0, 0.6, 1])
@pytest.mark.parametrize("similarity", [RING, PATH], ids=["ring", "path"])
def test_nearly_optimal_partitions_are_drawn_all_alike_and_no_others(similarity, within):
    every = near_optimal(similarity, within)
    found = ml.consensus(similarity, 10, within=within, draws=50, restarts=1)
    drawn = {as_found(labels) for labels in found.labels}
    assert drawn <= {as_found(labels) for labels in every}
    if len(every) < 50:  # each is missed with a chance of (49 / 50)**500, .00004, at most
        assert len(drawn) == len(every)
    exact = shares_of(np.array(every))
    # Five standard errors of 500 draws: 5 (.5 * .5 / 500)**.5 = .11 at most.
    np.testing.assert_allclose(found.shares, exact, atol=0.11)
    assert np.abs(found.shares - exact)[(exact == 0) | (exact == 1)].max(initial=0.0) == 0


def test_optima_that_no_single_move_joins_are_drawn_alike():
    # A ring of six is best cut in three pairs or in two triples, 3/6 - 3 (4/12)^2 = 4/6 - 2 (1/2)^2
    # = 1/6: two partitions of pairs, three of triples. Neighbours are together in 3 of the 5, and
    # next but one in 1.
    found = ml.consensus(RING, within=0, draws=25, restarts=1)
    gap = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    gap = np.minimum(gap, 6 - gap)
    exact = np.array([1, 3 / 5, 1 / 5, 0])[gap]
    # Five standard errors of 500 draws, (.6 * .4 / 500)**.5 = .022 each.
    np.testing.assert_allclose(found.shares, exact, atol=0.11)
    np.testing.assert_allclose(found.q, 1 / 6, atol=1e-12)


def test_searches_that_end_badly_do_not_lower_the_bar():
    # From all units in one module, Q = 0, where every bar but the last is the same.
    objective = Objective.of(to_adjacency(RING))
    drawn = draw_near(objective, np.zeros((3, 6), int), [0, 1, 2], within=0.0, draws=10)
    assert drawn.shape == (30, 6)
    q = [double_sum_modularity(RING, labels) for labels in drawn]
    np.testing.assert_allclose(q, 1 / 6, atol=1e-12)


def test_a_start_below_the_bar_is_left_for_the_best_one():
    # From one module of all 48 units, random moves do not find the eight cliques.
    objective = Objective.of(to_adjacency(np.kron(np.eye(8), np.ones((6, 6)))))
    starts = np.array([np.zeros(48, int), np.repeat(np.arange(8), 6)])
    drawn = draw_near(objective, starts, [0, 1], within=0.01, draws=5)
    assert (drawn == starts[1]).all()


@pytest.mark.parametrize("search", ["paper", "best"])
def test_without_near_optima_the_partitions_are_those_of_the_searches(search):
    random = np.random.default_rng(0).random((30, 30))
    found = ml.consensus(random + random.T, [3, 1, 4], search=search, within=None, restarts=1)
    for labels, q, seed in zip(found.labels, found.q, found.seeds, strict=True):
        alone = ml.find_modules(random + random.T, search=search, seed=seed, restarts=1)
        assert labels.tolist() == alone.labels.tolist()
        assert q == alone.q
    assert found.seeds.tolist() == [3, 1, 4]


@pytest.mark.parametrize("within", [None, 0.05])
def test_same_seeds_same_result(within):
    similarity = np.random.default_rng(0).random((30, 30))
    similarity = similarity + similarity.T
    options = {"search": "paper", "within": within, "draws": 2, "n_steps": 50}
    one, again = (ml.consensus(similarity, seeds, **options) for seeds in (4, range(4)))
    other = ml.consensus(similarity, [5, 6, 7, 8], **options)
    assert one.labels.tolist() == again.labels.tolist()
    assert one.labels.tolist() != other.labels.tolist()
    assert one.shares.tolist() == again.shares.tolist()
    assert one.modules.labels.tolist() == again.modules.labels.tolist()


def test_q_and_seeds_are_those_of_the_partitions():
    found = ml.consensus(PATH, [7, 2], within=0.5, draws=3)
    assert found.seeds.tolist() == [7, 7, 7, 2, 2, 2]
    q = [modularity(to_adjacency(PATH), labels) for labels in found.labels]
    np.testing.assert_allclose(found.q, q, atol=1e-14)


# ----------------------------------------------------------------------------- shares and medians


def test_a_unit_tied_to_two_blocks_is_half_the_time_with_either():
    similarity = two_blocks_and_one()
    optima = near_optimal(similarity, 0)
    assert optima == [[0, 0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 1, 1]]
    found = ml.consensus(similarity, within=0, restarts=1)
    # Five standard errors of 400 draws: 5 (.5 * .5 / 400)**.5 = .125.
    np.testing.assert_allclose(found.shares[6, :6], 0.5, atol=0.125)
    np.testing.assert_array_equal(found.shares[:6, :6], np.kron(np.eye(2), np.ones((3, 3))))
    assert found.certainty[:6].tolist() == [1.0] * 6
    assert found.certainty[6] == found.shares[6, :6].max()


def test_planted_blocks_are_certain_where_noise_is_weak():
    random = np.random.default_rng(0)
    planted = np.repeat([0, 1, 2], 8)
    similarity = (planted[:, None] == planted) + 0.2 * random.random((24, 24))
    found = ml.consensus(similarity + similarity.T, 5, restarts=1)
    assert found.modules.labels.tolist() == planted.tolist()
    assert (found.certainty == 1).all()


@pytest.mark.parametrize("within", [None, 0.01])
def test_cliques_are_certain(within):
    found = ml.consensus(CLIQUES, 4, within=within)
    np.testing.assert_array_equal(found.shares, CLIQUES)
    np.testing.assert_array_equal(found.certainty, 1.0)
    np.testing.assert_array_equal(found.standard_error, 0.0)
    assert found.modules.q == pytest.approx(2 / 3)  # 1 - 3 (1/3)^2


def test_shares_by_hand():
    labels = np.array([[0, 0, 1, -1], [0, 1, 1, -1], [0, 0, 0, -1], [0, 0, 1, -1]])
    exact = np.array([[4, 3, 1, 0], [3, 4, 2, 0], [1, 2, 4, 0], [0, 0, 0, 0]]) / 4
    np.testing.assert_array_equal(shares_of(labels), exact)


def test_certainty_by_hand():
    # Of {0, 1, 2}: {0, 1} is there, 2 of 3; {0, 1, 2, 3} too, 3 of 4; {2, 3} is another, 1 of 4.
    # Of {3}: {2, 3} and {0, 1, 2, 3} are too large. Half is not enough.
    labels = np.array([[0, 0, 1, 1, -1], [0, 0, 0, 0, -1], [0, 0, 0, 1, -1], [0, 0, 1, 2, -1]])
    certainty = certainty_of(labels, np.array([0, 0, 0, 1, -1]))
    np.testing.assert_array_equal(certainty, [1, 1, 0.5, 0.5, np.nan])


@pytest.mark.parametrize("seed", range(6))
def test_the_median_disagrees_least_of_all_partitions(seed):
    random = np.random.default_rng(seed)
    labels = random.integers(random.integers(1, 5), size=(7, 6))
    labels[:, 5] = 9 if seed % 2 else labels[:, 5]  # a unit that is always alone

    def disagreement(median):
        together = np.equal.outer(median, median)
        return sum((together != np.equal.outer(row, row)).sum() for row in labels)

    found = median_of(shares_of(labels), np.arange(6), seed)
    least = min(disagreement(np.array(partition)) for partition in set_partitions(6))
    assert disagreement(found) == least


def test_units_that_are_always_alone_are_modules_of_their_own():
    found = median_of(np.diag([1.0, 1.0, 0.0]), np.array([0, 1]), 0)
    assert found[2] == -1
    assert found[0] >= 0
    assert found[1] >= 0
    assert found[0] != found[1]


def test_standard_error_is_that_of_seeds():
    found = ml.consensus(PATH, 5, within=0.5, draws=4)
    of_seeds = [shares_of(found.labels[found.seeds == seed]) for seed in range(5)]
    expected = np.std(of_seeds, axis=0, ddof=1) / np.sqrt(5)
    assert expected.max() > 0.05
    np.testing.assert_allclose(found.standard_error, expected, atol=1e-12)


def test_one_seed_tells_no_error():
    assert np.isnan(ml.consensus(PATH, 1, within=None).standard_error).all()


# ------------------------------------------------------------------------- matrices and options


def test_names_and_origin_are_kept():
    names = tuple("abcdef")
    similarity = Similarity(RING, units=names, layer="h1", measure="covariance")
    found = ml.consensus(similarity, 2, within=None)
    assert found.units == found.modules.units == names
    assert (found.layer, found.modules.measure) == ("h1", "covariance")
    assert np.asarray(found).tolist() == found.shares.tolist()
    assert len(found) == 6
    framed = ml.consensus(pd.DataFrame(RING, names, names), 2, within=None)
    assert framed.units == names
    frame = framed.to_frame()
    assert frame.unit.tolist() == list(names)
    assert frame.module.tolist() == framed.modules.labels.tolist()
    assert frame.certainty.tolist() == framed.certainty.tolist()


def test_unused_units_share_a_module_with_none():
    similarity = np.zeros((7, 7))
    similarity[:6, :6] = RING
    found = ml.consensus(similarity, 3, draws=4)
    assert (found.labels[:, 6] == -1).all()
    assert not found.shares[6].any()
    assert found.modules.labels[6] == -1
    assert np.isnan(found.certainty).tolist() == [False] * 6 + [True]
    np.testing.assert_array_equal(np.diagonal(found.shares), [1] * 6 + [0])


@pytest.mark.parametrize("within", [None, 0.01])
def test_where_no_unit_is_used_nothing_is_shared(within):
    found = ml.consensus(np.eye(3), 2, within=within)
    assert not found.shares.any()
    assert (found.labels == -1).all()
    assert np.isnan(found.certainty).all()
    assert found.modules.n_modules == 0


def test_sparse_equals_dense():
    graph = nx.to_numpy_array(nx.connected_caveman_graph(26, 5))  # 130 units, kept as links
    dense, sparse = (
        ml.consensus(matrix, 1, draws=3, restarts=1) for matrix in (graph, csr_array(graph))
    )
    assert dense.labels.tolist() == sparse.labels.tolist()
    assert dense.modules.labels.tolist() == sparse.modules.labels.tolist()


@pytest.mark.parametrize("null", ["configuration", "uniform", np.ones((6, 6))])
def test_the_null_and_the_resolution_are_those_of_q(null):
    options = {"null": null, "resolution": 0.8}
    found = ml.consensus(RING, 3, within=0.2, draws=5, **options)
    adjacency = to_adjacency(RING)
    partitions = [np.array(labels) for labels in set_partitions(6)]
    best = max(modularity(adjacency, labels, **options) for labels in partitions)
    q = [modularity(adjacency, labels, **options) for labels in found.labels]
    np.testing.assert_allclose(found.q, q, atol=1e-14)
    assert found.q.min() >= 0.8 * best - 1e-12


def test_at_no_resolution_all_are_together():
    assert (ml.consensus(RING, 2, within=0, resolution=0.0).shares == 1).all()


def test_signed_similarities_part_what_is_negative():
    signs = np.repeat([1.0, -1.0], 3)
    found = ml.consensus(np.outer(signs, signs), 3, within=0, signed=True)
    np.testing.assert_array_equal(found.shares, np.outer(signs, signs) > 0)


BAD = {
    "no seed": ({"seeds": 0}, "^seeds must be at least one. Got 0"),
    "half a seed": ({"seeds": 2.5}, "^seeds must be a number of seeds, or a list of them. Got 2.5"),
    "a word": ({"seeds": "many"}, "^seeds must be a number of seeds, or a list .* Got 'many'"),
    "True": ({"seeds": True}, "^seeds must be a number of seeds, or a list of them. Got True"),
    "None": ({"seeds": None}, "^seeds must be a number of seeds, or a list of them. Got None"),
    "an empty list": ({"seeds": []}, r"^seeds must be at least one, each another. Got \[\]"),
    "a seed twice": ({"seeds": [1, 1]}, r"^seeds must be at least one, each another. Got \[1, 1\]"),
    "negative": ({"seeds": [1, -1]}, "^seeds must be whole numbers, 0 or more. Got -1"),
    "a list of words": ({"seeds": ["a"]}, "^seeds must be whole numbers, 0 or more. Got 'a'"),
    "within below": ({"within": -0.1}, "^within must be a number from 0 to 1.* Got -0.1"),
    "within above": ({"within": 2}, "^within must be a number from 0 to 1.* Got 2"),
    "within NaN": ({"within": np.nan}, "^within must be a number from 0 to 1.* Got nan"),
    "within a word": ({"within": "1%"}, "^within must be a number from 0 to 1.* Got '1%'"),
    "no draws": ({"draws": 0}, "^draws must be a whole number of at least 1. Got 0"),
    "half a draw": ({"draws": 1.5}, "^draws must be a whole number of at least 1. Got 1.5"),
    "a search": ({"search": "good"}, "^search must be one of 'paper', 'best'. Got 'good'"),
    "restarts": ({"restarts": 0}, "^restarts must be a whole number of at least 1"),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD)
def test_bad_options_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        ml.consensus(RING, **options)


def test_a_bad_matrix_is_refused_by_name():
    with pytest.raises(ValueError, match=r"^similarity must not be negative"):
        ml.consensus(-RING)
