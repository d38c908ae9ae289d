"""Tests of signed similarities: the positive and the negative part, each with a null of its own."""

import igraph
import leidenalg
import numpy as np
import pandas as pd
import pytest
from oracles import set_partitions

from modlib.clustering.find import find_modules
from modlib.clustering.monte_carlo import monte_carlo_modules
from modlib.clustering.spectral import spectral_modules
from modlib.modularity import modularity, modularity_matrix, to_adjacency
from modlib.optimality.certificate import certify
from modlib.similarity.matrix import Similarity

# Units 0 and 1 like each other, as do 2 and 3; 0 and 2 shun each other, as do 1 and 3.
SQUARE = np.array([[0, 2, -1, 0], [2, 0, 0, -1], [-1, 0, 0, 2], [0, -1, 2, 0]], dtype=float)


def signed_matrix(n, seed, density=1.0):
    random = np.random.default_rng(seed)
    upper = np.triu(random.standard_normal((n, n)) * (random.random((n, n)) < density), 1)
    return upper + upper.T


def signed_q(weights, labels, resolution=1.0):
    """Equation 5 of Gomez, Jensen & Arenas (2009), pair by pair."""
    n = len(weights)
    positive = [[max(float(w), 0.0) for w in row] for row in weights]
    negative = [[max(-float(w), 0.0) for w in row] for row in weights]
    twice_positive, twice_negative = sum(map(sum, positive)), sum(map(sum, negative))
    q = 0.0
    for i in range(n):
        for j in range(n):
            if labels[i] != labels[j]:
                continue
            q += positive[i][j] - negative[i][j]
            if twice_positive:
                q -= resolution * sum(positive[i]) * sum(positive[j]) / twice_positive
            if twice_negative:
                q += resolution * sum(negative[i]) * sum(negative[j]) / twice_negative
    return q / (twice_positive + twice_negative)


def best_of_all(weights, resolution=1.0):
    partitions = [labels for labels in set_partitions(len(weights)) if labels]
    return max(signed_q(weights, labels, resolution) for labels in partitions)


# ------------------------------------------------------------------------------------ adjacency


def test_magnitudes_sum_to_one_and_signs_stay():
    # Magnitudes: 2 * (2 + 2 + 1 + 1) = 12.
    np.testing.assert_array_equal(to_adjacency(SQUARE, signed=True), SQUARE / 2 / 6)


def test_the_diagonal_is_of_no_account_whatever_its_sign():
    for own in (-5.0, 1.0):
        adjacency = to_adjacency(SQUARE + own * np.eye(4), signed=True)
        np.testing.assert_array_equal(adjacency, to_adjacency(SQUARE, signed=True))


@pytest.mark.parametrize("scale", [1e-300, 1e306])
def test_magnitudes_neither_overflow_nor_vanish(scale):
    signs = np.where(np.add.outer(np.arange(30), np.arange(30)) % 2, -1.0, 1.0)
    adjacency = to_adjacency(scale * signs, signed=True)
    assert np.abs(adjacency).sum() == pytest.approx(1, rel=1e-14)


def test_asymmetry_is_refused_even_where_the_difference_is_beyond_all_numbers():
    with pytest.raises(ValueError, match=r"must be symmetric. Got 1.5e\+308 at \[0, 1\]"):
        to_adjacency([[0, 1.5e308], [-1.5e308, 0]], signed=True)


# -------------------------------------------------------------------------------------------- Q


def test_q_of_the_square_by_hand():
    # 2w+ = 8 with degrees 2 each, 2w- = 4 with degrees 1 each. A pair has 2 * 2 / 8 - 1 * 1 / 4
    # = 1/4 by chance, as has a unit with itself. {0, 1} and {2, 3}: 2 * (2 * 2 - 4 * 1/4) = 6 of
    # 12. {0, 2} and {1, 3}: 2 * (2 * -1 - 1) = -6. Single units: -4 * 1/4 = -1. All: 8 - 4 - 4.
    for labels, expected in (
        ([0, 0, 1, 1], 1 / 2), ([0, 1, 0, 1], -1 / 2), ([0, 1, 2, 3], -1 / 12), ([0] * 4, 0)
    ):  # fmt: skip
        assert modularity(SQUARE, labels, signed=True) == pytest.approx(expected, abs=1e-15)


def test_negative_weights_alone_are_best_apart():
    # 2w- = 2 and degrees of one: each unit has 1/2 of itself by chance, and that much is saved.
    # Apart Q = 2 * 1/2 / 2 = 1/2; together (-2 + 4 * 1/2) / 2 = 0.
    pair = [[0, -1], [-1, 0]]
    assert modularity(pair, [0, 1], signed=True) == pytest.approx(1 / 2, abs=1e-15)
    assert modularity(pair, [0, 0], signed=True) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("resolution", [0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_q_is_that_of_the_formula(seed, resolution):
    weights = signed_matrix(8, seed, density=0.7)
    labels = np.random.default_rng(seed).integers(3, size=8)
    expected = signed_q(weights, labels, resolution)
    assert modularity(weights, labels, resolution, signed=True) == pytest.approx(
        expected, abs=1e-14
    )
    soft = np.eye(3)[labels]
    assert modularity(weights, soft, resolution, signed=True) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_q_is_unchanged_by_scale(seed):
    weights = signed_matrix(8, seed)
    labels = np.random.default_rng(seed).integers(3, size=8)
    q = modularity(weights, labels, signed=True)
    for scale in (1e-200, 1e-7, 1e200):
        assert modularity(scale * weights, labels, signed=True) == pytest.approx(q, abs=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_the_modularity_matrix_sum_to_zero(seed):
    matrix = modularity_matrix(signed_matrix(9, seed), signed=True)
    np.testing.assert_allclose(matrix.sum(axis=1), 0, atol=1e-16)
    np.testing.assert_array_equal(matrix, matrix.T)


# ------------------------------------------------------------------------------ without negatives

OF_SIMILARITY = {
    "to_adjacency": to_adjacency,
    "paper": lambda s, **signed: find_modules(s, n_steps=500, **signed),
    "best": lambda s, **signed: find_modules(s, search="best", **signed),
    "certify": lambda s, **signed: certify(s, **signed).labels,
}
OF_ADJACENCY = {
    "modularity": lambda a, **signed: modularity(a, np.arange(len(a)) % 3, **signed),
    "modularity_matrix": modularity_matrix,
    "spectral_modules": spectral_modules,
    "monte_carlo_modules": lambda a, **signed: monte_carlo_modules(
        a, np.zeros(len(a), int), 200, **signed
    ),
}
ALL = OF_SIMILARITY | OF_ADJACENCY


@pytest.mark.parametrize("function", ALL.values(), ids=ALL)
def test_without_negative_entries_nothing_changes_to_the_last_bit(function):
    weights = np.abs(signed_matrix(20, seed=4))
    plain, signed = function(weights), function(weights, signed=True)
    assert np.asarray(plain).tobytes() == np.asarray(signed).tobytes()
    assert getattr(plain, "q", 0) == getattr(signed, "q", 0)


@pytest.mark.parametrize("function", ALL.values(), ids=ALL)
def test_negative_entries_are_refused_unless_asked_for_and_the_message_says_how(function):
    message = r"must not be negative. Got -1 at \[0, 2\]: take absolute values.* signed=True"
    for options in ({}, {"signed": False}):
        with pytest.raises(ValueError, match=message):
            function(SQUARE, **options)


@pytest.mark.parametrize("function", ALL.values(), ids=ALL)
@pytest.mark.parametrize("value", [1, 0, None, "yes", np.array([True, False])])
def test_signed_is_true_or_false(function, value):
    with pytest.raises(ValueError, match=r"^signed must be True or False. Got"):
        function(np.abs(SQUARE), signed=value)
    function(np.abs(SQUARE), signed=np.True_)


# ------------------------------------------------------------------------------------- searches


@pytest.mark.parametrize("resolution", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("n", range(2, 8))
@pytest.mark.parametrize("density", [0.4, 1.0])
def test_the_best_of_all_partitions_is_found_and_proven(n, density, resolution):
    weights = signed_matrix(n, n, density)
    weights[0, 1] = weights[1, 0] = -0.5  # so that there is something, and it is negative
    best = best_of_all(weights, resolution)
    found = find_modules(weights, search="best", resolution=resolution, signed=True)
    assert found.q == pytest.approx(best, abs=1e-14)
    certificate = certify(weights, resolution=resolution, signed=True)
    assert certificate.optimal
    assert certificate.lower == pytest.approx(best, abs=1e-14)
    assert best - 1e-14 <= certificate.upper <= best + 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_the_search_of_the_paper_reaches_q_of_its_labels_and_no_more_than_the_best(seed):
    weights = signed_matrix(7, seed)
    found = find_modules(weights, signed=True, n_steps=500)
    assert found.q == pytest.approx(signed_q(weights, found.labels), abs=1e-14)
    assert found.q <= best_of_all(weights) + 1e-14
    assert found.q > 0


def test_negative_weights_split_what_positive_ones_would_not():
    # A clique of six; between its halves there are negative weights in place of none.
    halves = np.kron(np.eye(2), np.ones((3, 3))) - np.eye(6)
    camps = halves - 0.5 * np.kron(1 - np.eye(2), np.ones((3, 3)))
    for search in ("paper", "best"):
        assert find_modules(camps, search=search, signed=True).labels.tolist() == [0, 0, 0, 1, 1, 1]
    # 2w+ = 12 with degrees 2, 2w- = 9 with degrees 3/2: the halves keep all that is positive,
    # 12, less 18 * 2 * 2 / 12 = 6, and save 18 * 3/2 * 3/2 / 9 = 4.5: 10.5 of 21.
    assert modularity(camps, [0, 0, 0, 1, 1, 1], signed=True) == pytest.approx(0.5, abs=1e-15)


def test_unused_are_units_without_a_weight_of_either_sign():
    weights = np.zeros((5, 5))
    weights[0, 1] = weights[1, 0] = 1.0
    weights[2, 3] = weights[3, 2] = -1.0
    for found in (
        find_modules(weights, signed=True),
        find_modules(weights, search="best", signed=True),
        certify(weights, signed=True),
    ):
        assert (found.labels < 0).tolist() == [False, False, False, False, True]
        assert found.labels[2] != found.labels[3]
    with pytest.raises(ValueError, match="Got -1 for unit 2, which is similar to others"):
        modularity(weights, [0, 0, -1, -1, -1], signed=True)


def test_weights_that_cancel_in_a_row_are_in_use():
    # Unit 0 has degrees of one of either sign, and none in sum.
    weights = [[0, 1, -1], [1, 0, 0], [-1, 0, 0]]
    assert find_modules(weights, search="best", signed=True).labels.tolist() == [0, 0, 1]


def test_correlations_of_a_frame_come_back_by_name():
    random = np.random.default_rng(0)
    factor = random.standard_normal((200, 1))
    values = factor * [1, 1, -1, -1] + 0.3 * random.standard_normal((200, 4))
    correlations = pd.DataFrame(values, columns=["up", "high", "down", "low"]).corr()
    found = find_modules(correlations, signed=True)
    assert {found.members(0), found.members(1)} == {("up", "high"), ("down", "low")}
    graph = found.to_networkx()
    assert graph.edges["up", "down"]["weight"] < 0 < graph.edges["up", "high"]["weight"]
    similarity = Similarity(correlations.to_numpy(), units=tuple(correlations), layer="h")
    again = find_modules(similarity, signed=True)
    assert (again.units, again.layer) == (found.units, "h")
    assert again.labels.tolist() == found.labels.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_leiden_on_two_layers_agrees_on_q_and_finds_nothing_better(seed):
    weights = signed_matrix(24, seed, density=0.5)
    total = np.abs(weights).sum()
    layers = []
    for part in (np.maximum(weights, 0), np.maximum(-weights, 0)):
        ones, others = np.nonzero(np.triu(part))
        graph = igraph.Graph(24, list(zip(ones.tolist(), others.tolist(), strict=True)))
        graph.es["weight"] = part[ones, others].tolist()
        layers.append(graph)
    found = find_modules(weights, search="best", signed=True)

    def q_by_leiden(labels):
        parts = [
            leidenalg.RBConfigurationVertexPartition(graph, labels, weights="weight")
            for graph in layers
        ]
        return (parts[0].quality() - parts[1].quality()) / total

    assert q_by_leiden(found.labels.tolist()) == pytest.approx(found.q, abs=1e-13)
    for run in range(5):
        labels, _ = leidenalg.find_partition_multiplex(
            layers, leidenalg.RBConfigurationVertexPartition, layer_weights=[1, -1],
            n_iterations=-1, seed=run, weights="weight",
        )  # fmt: skip
        q = q_by_leiden(labels)
        assert q == pytest.approx(modularity(weights, labels, signed=True), abs=1e-13)
        assert q <= found.q + 1e-13
