"""Tests of modlib.modularity: exact small answers, slow twins and theorems."""

from fractions import Fraction
from math import exp, log

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from oracles import double_sum_modularity

from modlib.modularity import effective_number, modularity, modularity_matrix, to_adjacency

# Two triangles joined by an edge: 0-1-2, 3-4-5 and 2-3.
BARBELL = nx.to_numpy_array(nx.barbell_graph(3, 0))


def random_adjacency(n, seed, density=1.0):
    random = np.random.default_rng(seed)
    upper = np.triu(random.random((n, n)) * (random.random((n, n)) < density), 1)
    return upper + upper.T


# -------------------------------------------------------------------------------- to_adjacency


def test_adjacency_has_zero_diagonal_and_sums_to_one():
    # Off the diagonal the entries sum to 2 * (1 + 2 + 5) = 16.
    adjacency = to_adjacency([[9, 1, 2], [1, 9, 5], [2, 5, 9]])
    np.testing.assert_array_equal(
        adjacency, [[0, 1 / 16, 2 / 16], [1 / 16, 0, 5 / 16], [2 / 16, 5 / 16, 0]]
    )


def test_adjacency_without_similarities_is_zero():
    np.testing.assert_array_equal(to_adjacency(np.eye(3)), np.zeros((3, 3)))


@pytest.mark.parametrize("scale", [1e-300, 1e306])  # the 870 entries sum to 8.7e308
def test_adjacency_neither_overflows_nor_vanishes(scale):
    adjacency = to_adjacency(np.full((30, 30), scale))
    np.testing.assert_allclose(adjacency.sum(), 1, rtol=1e-14)


def test_asymmetry_by_rounding_is_averaged_away():
    # Half of 1e-6 is moved; the sum, 2 + 1e-6, is divided out.
    adjacency = to_adjacency([[0, 1], [1 + 1e-6, 0]])
    np.testing.assert_array_equal(adjacency, [[0, 0.5], [0.5, 0]])


def test_asymmetry_is_judged_without_the_diagonal():
    # 1 against .2 is no rounding, however much unit 0 is like itself.
    for own in (0.0, 1e6, 1e300):
        with pytest.raises(ValueError, match=r"symmetric. Got 1 at \[0, 1\] but 0.2 at \[1, 0\]"):
            to_adjacency([[own, 1, 0.2], [0.2, 1, 0.9], [0.1, 0.9, 1]])


def test_a_diagonal_leaves_no_trace_in_the_adjacency():
    weights = random_adjacency(6, seed=0)
    expected = to_adjacency(weights)
    np.testing.assert_array_equal(to_adjacency(weights + np.diag(10.0 ** np.arange(6))), expected)


def test_adjacency_leaves_the_similarity_as_it_is():
    similarity = np.ones((3, 3))
    to_adjacency(similarity)
    np.testing.assert_array_equal(similarity, np.ones((3, 3)))


# ------------------------------------------------------------------------------------------- Q


def test_q_of_the_barbell_split_at_its_bridge_is_5_14():
    # 7 edges. Each triangle has 3 of them inside and degrees 2 + 2 + 3 = 7 of 14 in all:
    # Q = 2 * (3/7 - (7/14)**2) = 6/7 - 1/2 = 5/14.
    assert modularity(BARBELL, [0, 0, 0, 1, 1, 1]) == pytest.approx(5 / 14, abs=1e-15)


def test_q_of_the_barbell_split_across_is_minus_16_196():
    # {0, 1, 4} and {2, 3, 5}: the first holds edge 0-1 and degrees 2 + 2 + 2 = 6; the second
    # holds 2-3 and 3-5 and degrees 3 + 3 + 2 = 8. Q = 1/7 - (6/14)**2 + 2/7 - (8/14)**2
    # = (84 - 36 - 64) / 196 = -16/196.
    assert modularity(BARBELL, [0, 0, 1, 1, 0, 1]) == pytest.approx(-16 / 196, abs=1e-15)


def test_q_of_single_units_is_minus_the_squared_degrees():
    # No edge is inside: Q = -(4 * 2**2 + 2 * 3**2) / 14**2 = -34/196.
    assert modularity(BARBELL, range(6)) == pytest.approx(-34 / 196, abs=1e-15)


def test_resolution_weighs_the_null_model():
    # Q = 6/7 - gamma / 2 for the split at the bridge; 1 - gamma for a single cluster.
    for resolution in (0, 0.5, 2, 3.5):
        split = modularity(BARBELL, [0, 0, 0, 1, 1, 1], resolution)
        assert split == pytest.approx(6 / 7 - resolution / 2, abs=1e-15)
        whole = modularity(BARBELL, [0] * 6, resolution)
        assert whole == pytest.approx(1 - resolution, abs=1e-14)


def test_q_without_any_similarity_is_zero():
    assert modularity(np.zeros((3, 3)), [0, 0, 1]) == 0
    assert modularity(np.zeros((3, 3)), [-1, -1, -1]) == 0


@pytest.mark.parametrize("resolution", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_q_equals_that_of_networkx_and_the_double_sum(seed, resolution):
    adjacency = random_adjacency(9, seed, density=0.6)
    labels = np.random.default_rng(seed).integers(4, size=9)
    clusters = [set(np.flatnonzero(labels == k)) for k in np.unique(labels)]
    graph = nx.from_numpy_array(adjacency)
    expected = nx.community.modularity(graph, clusters, weight="weight", resolution=resolution)
    q = modularity(adjacency, labels, resolution)
    assert q == pytest.approx(expected, abs=1e-14)
    assert q == pytest.approx(double_sum_modularity(adjacency, labels, resolution), abs=1e-14)


def test_soft_memberships_by_hand():
    # Two units and one edge: A~ = [[0, 1/2], [1/2, 0]], degrees 1/2 each, so B = [[-1/4, 1/4],
    # [1/4, -1/4]]. With P = [[1, 0], [1/2, 1/2]]: P P^T = [[1, 1/2], [1/2, 1/2]], and
    # Q = -1/4 * (1 + 1/2) + 2 * 1/4 * 1/2 = -1/8.
    assert modularity([[0, 7], [7, 0]], [[1, 0], [0.5, 0.5]]) == pytest.approx(-1 / 8, abs=1e-16)


@pytest.mark.parametrize("seed", range(3))
def test_hard_labels_equal_their_memberships(seed):
    adjacency = random_adjacency(8, seed)
    labels = np.random.default_rng(seed).integers(3, size=8)
    memberships = np.eye(3)[labels]
    q = modularity(adjacency, labels)
    assert modularity(adjacency, memberships) == pytest.approx(q, abs=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_soft_q_is_the_trace_of_equation_8(seed):
    random = np.random.default_rng(seed)
    adjacency = random_adjacency(7, seed)
    scaled = adjacency / adjacency.sum()
    p = random.dirichlet(np.ones(3), size=7)
    ones = np.ones((7, 1))
    expected = np.trace(p.T @ scaled @ p) - np.trace(p.T @ scaled @ ones @ ones.T @ scaled @ p)
    assert modularity(adjacency, p) == pytest.approx(expected, abs=1e-15)


def test_unused_units_count_nothing():
    adjacency = np.zeros((8, 8))
    adjacency[:6, :6] = BARBELL
    for last in ([-1, -1], [-1, 0], [2, 2]):
        assert modularity(adjacency, [0, 0, 0, 1, 1, 1, *last]) == pytest.approx(5 / 14, abs=1e-15)


def test_a_unit_that_is_similar_to_others_is_not_unused():
    with pytest.raises(ValueError, match="Got -1 for unit 1, which is similar to others"):
        modularity(BARBELL, [0, -1, 0, 1, 1, 1])


def test_the_modularity_matrix_has_rows_that_sum_to_zero():
    for seed in range(3):
        matrix = modularity_matrix(random_adjacency(9, seed))
        np.testing.assert_allclose(matrix.sum(axis=1), 0, atol=1e-16)
        np.testing.assert_array_equal(matrix, matrix.T)


@pytest.mark.parametrize("seed", range(4))
def test_the_modularity_matrix_is_that_of_its_formula_to_the_last_bit(seed):
    adjacency = random_adjacency(20, seed)
    scaled = adjacency / adjacency.max()
    scaled /= scaled.sum()
    degrees = scaled.sum(axis=1)
    expected = scaled - 0.7 * np.outer(degrees, degrees)
    np.testing.assert_array_equal(modularity_matrix(adjacency, 0.7), expected)


def test_a_resolution_is_a_number_of_any_kind():
    labels = [0, 0, 0, 1, 1, 1]
    for half in (Fraction(1, 2), np.float16(0.5), np.longdouble(0.5)):
        assert modularity(BARBELL, labels, half) == modularity(BARBELL, labels, 0.5)
        assert modularity_matrix(BARBELL, half).dtype == np.float64


def test_q_leaves_its_inputs_as_they_are():
    adjacency, labels = BARBELL.copy(), np.array([0, 0, 0, 1, 1, 1])
    modularity(adjacency, labels)
    np.testing.assert_array_equal(adjacency, BARBELL)
    np.testing.assert_array_equal(labels, [0, 0, 0, 1, 1, 1])


# --------------------------------------------------------------------- properties of any graph


@st.composite
def assigned_graphs(draw):
    """An adjacency matrix of whole-number weights, not all zero, and labels."""
    n = draw(st.integers(2, 8))
    weights = draw(arrays(np.int64, (n, n), elements=st.integers(0, 20)))
    adjacency = np.triu(weights, 1).astype(float)
    adjacency[0, 1] += 1
    labels = draw(arrays(np.int64, n, elements=st.integers(0, n - 1)))
    return adjacency + adjacency.T, labels


hundred = settings(max_examples=100, deadline=None, derandomize=True, database=None)


@hundred
@given(assigned_graphs(), st.floats(1e-200, 1e200))
def test_q_is_unchanged_by_scale(graph, scale):
    adjacency, labels = graph
    q = modularity(adjacency, labels)
    assert modularity(scale * adjacency, labels) == pytest.approx(q, abs=1e-13)


@hundred
@given(assigned_graphs(), st.randoms(use_true_random=False))
def test_q_is_unchanged_by_relabelling(graph, random):
    adjacency, labels = graph
    names = random.sample(range(50), len(labels))
    q = modularity(adjacency, labels)
    assert modularity(adjacency, np.array(names)[labels]) == pytest.approx(q, abs=1e-15)


@hundred
@given(assigned_graphs(), st.randoms(use_true_random=False))
def test_q_is_unchanged_by_permuting_units(graph, random):
    adjacency, labels = graph
    order = random.sample(range(len(labels)), len(labels))
    q = modularity(adjacency, labels)
    permuted = modularity(adjacency[np.ix_(order, order)], labels[order])
    assert permuted == pytest.approx(q, abs=1e-14)


@hundred
@given(assigned_graphs())
def test_q_lies_from_minus_one_half_to_below_one(graph):
    # Brandes et al. (2008), lemma 3.1: -1/2 <= Q; and inside terms sum to at most one, while
    # squared degrees sum to more than zero.
    q = modularity(*graph)
    assert -0.5 - 1e-14 <= q < 1


@hundred
@given(assigned_graphs())
def test_q_of_one_cluster_is_zero(graph):
    adjacency, labels = graph
    assert modularity(adjacency, np.zeros_like(labels)) == pytest.approx(0, abs=1e-14)


@hundred
@given(assigned_graphs())
def test_q_equals_the_double_sum(graph):
    assert modularity(*graph) == pytest.approx(double_sum_modularity(*graph), abs=1e-14)


# --------------------------------------------------------------------------- effective clusters


def test_equal_clusters_count_their_number():
    assert effective_number([0, 0, 1, 1]) == pytest.approx(2, rel=1e-15)
    assert effective_number([5, 1, 3]) == pytest.approx(3, rel=1e-15)
    assert effective_number([4, 4, 4]) == 1


def test_unequal_clusters_count_by_entropy():
    # Fractions 3/4 and 1/4: H = -(3/4 ln 3/4 + 1/4 ln 1/4).
    entropy = -(3 / 4 * log(3 / 4) + 1 / 4 * log(1 / 4))
    assert effective_number([0, 0, 0, 1]) == pytest.approx(exp(entropy), rel=1e-15)


def test_unused_units_are_no_cluster():
    assert effective_number([-1, 0, 0, 1, -1, 1]) == pytest.approx(2, rel=1e-15)
    assert effective_number([-1, -1]) == 0


def test_soft_memberships_count_by_their_mean():
    # Columns average to 3/4 and 1/4 again; a hard half-and-half counts two.
    entropy = -(3 / 4 * log(3 / 4) + 1 / 4 * log(1 / 4))
    assert effective_number([[1, 0], [0.5, 0.5]]) == pytest.approx(exp(entropy), rel=1e-15)
    assert effective_number(np.eye(2)) == pytest.approx(2, rel=1e-15)


def test_cluster_names_may_be_any_whole_numbers():
    assert effective_number([0, 2**62, 2**62, 0]) == pytest.approx(2, rel=1e-15)
