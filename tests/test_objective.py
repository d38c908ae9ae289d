"""Tests of modlib.objective: what chance gives, by a null model or a matrix; dense and sparse."""

import leidenalg
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from igraph import Graph
from oracles import set_partitions
from scipy.sparse import csr_array, random_array

from modlib.clustering.find import find_modules
from modlib.clustering.monte_carlo import monte_carlo_modules
from modlib.clustering.spectral import spectral_modules
from modlib.modularity import modularity, modularity_matrix
from modlib.objective import MANY, Objective, SparseObjective, objective_of, scaled, without_zeros
from modlib.optimality.certificate import certify

# A triangle and a pair, joined by one link of half the weight; unit 5 is similar to none.
LINKS = [(0, 1, 2.0), (0, 2, 2.0), (1, 2, 2.0), (3, 4, 2.0), (2, 3, 1.0)]
SMALL = np.zeros((6, 6))
for one, other, weight in LINKS:
    SMALL[one, other] = SMALL[other, one] = weight
APART = [0, 0, 0, 1, 1, -1]


def dense(n, seed, *, signed=False):
    random = np.random.default_rng(seed)
    matrix = random.standard_normal((n, n)) if signed else random.random((n, n))
    return np.triu(matrix, 1) + np.triu(matrix, 1).T


def sparse(n, seed, *, signed=False, density=0.03):
    """Links of random weights between few pairs; some units may have none."""
    random = np.random.default_rng(seed)
    entries = random_array((n, n), density=density, rng=random).toarray()
    upper = np.triu(np.where(entries > 0, entries - 0.4 * signed, 0.0), 1)
    return upper + upper.T


def expected_by_hand(weights, null):
    """What each pair has by chance, for non-negative weights, pair by pair; they sum to one."""
    n, total = len(weights), weights.sum()
    used = [i for i in range(n) if any(weights[i])]
    expected = np.zeros((n, n))
    for i in used:
        for j in used:
            if null == "configuration":
                expected[i, j] = sum(weights[i]) * sum(weights[j]) / total**2
            elif i != j:
                expected[i, j] = 1 / (len(used) * (len(used) - 1))
    return expected


# ---------------------------------------------------------------------------------- the nulls


def test_the_uniform_null_by_hand():
    # Of the weight, 16 of 18 lies within; of the 20 ordered pairs of five units, 8 do.
    assert modularity(SMALL, APART, null="uniform") == pytest.approx(16 / 18 - 8 / 20, abs=1e-15)
    assert modularity(SMALL, APART, 2, null="uniform") == pytest.approx(16 / 18 - 0.8, abs=1e-15)
    # All in one module: everything is as by chance. Each by itself: nothing is within.
    for labels in ([0, 0, 0, 0, 0, -1], [0, 1, 2, 3, 4, -1]):
        assert modularity(SMALL, labels, null="uniform") == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("null", ["configuration", "uniform"])
@pytest.mark.parametrize("resolution", [0, 0.5, 1, 2])
def test_the_matrix_is_weight_less_chance_pair_by_pair(null, resolution):
    for weights in (SMALL, dense(9, 0), sparse(40, 1, density=0.1)):
        expected = weights / weights.sum() - resolution * expected_by_hand(weights, null)
        found = modularity_matrix(weights, resolution, null=null)
        np.testing.assert_allclose(found, expected, atol=1e-16)


@pytest.mark.parametrize("resolution", [0.5, 1, 1.7])
def test_the_uniform_null_is_that_of_reichardt_and_bornholdt(resolution):
    """Against leidenalg, whose quality is not divided by twice the number of links."""
    graph = nx.karate_club_graph()
    weights = nx.to_numpy_array(graph, weight=None)
    labels = [int(graph.nodes[node]["club"] == "Officer") for node in graph]
    partition = leidenalg.RBERVertexPartition(
        Graph.Adjacency(weights, mode="undirected"), labels, resolution_parameter=resolution
    )
    expected = partition.quality() / (2 * graph.number_of_edges())
    assert modularity(weights, labels, resolution, null="uniform") == pytest.approx(expected)


def test_the_uniform_null_of_both_signs_deals_out_what_there_is_in_all():
    weights = dense(7, 3, signed=True)
    both = np.abs(weights).sum()
    expected = (weights - weights.sum() / 42 * (1 - np.eye(7))) / both
    found = modularity_matrix(weights, null="uniform", signed=True)
    np.testing.assert_allclose(found, expected, atol=1e-16)


@pytest.mark.parametrize("resolution", [0.5, 1, 2])
def test_a_null_of_one_s_own_is_scaled_as_the_adjacency_is(resolution):
    weights, null = dense(8, 0), dense(8, 1)
    expected = weights / weights.sum() - resolution * null / null.sum()
    for scale in (1e-9, 1.0, 1e9):
        given = scale * null + 5 * np.eye(8)  # the diagonal is of no account
        found = modularity_matrix(weights, resolution, null=given)
        np.testing.assert_allclose(found, expected, atol=1e-15)


def test_a_null_of_one_s_own_that_is_uniform_is_the_uniform_one():
    weights = dense(8, 2)
    np.testing.assert_allclose(
        modularity_matrix(weights, null=np.ones((8, 8))),
        modularity_matrix(weights, null="uniform"),
        atol=1e-16,
    )


def test_a_null_of_one_s_own_says_nothing_of_units_that_are_not_in_use():
    lonely = np.zeros((8, 8))
    lonely[:6, :6] = SMALL  # units 5, 6 and 7 are similar to none
    labels = [*APART, -1, -1]
    null = np.ones((8, 8))
    # Of the weight, 16 of 18 lies within, and 8 of the 56 ordered pairs of the null.
    expected = 16 / 18 - 8 / 56
    assert modularity(lonely, labels, null=null) == pytest.approx(expected, abs=1e-15)
    assert find_modules(lonely, search="best", null=null).q == pytest.approx(expected, abs=1e-15)
    certificate = certify(lonely, null=null)
    assert certificate.optimal
    assert certificate.lower == pytest.approx(expected, abs=1e-15)
    many = np.zeros((200, 200))
    many[:8, :8] = lonely
    rest = np.pad(labels, (0, 192), constant_values=-1)
    q = modularity(csr_array(many), rest, null=csr_array(np.pad(null, (0, 192))))
    assert q == pytest.approx(expected, abs=1e-15)


SEARCHES = {
    "paper": find_modules,
    "best": lambda s, **options: find_modules(s, search="best", **options),
    "certify": certify,
    "spectral": spectral_modules,
    "monte_carlo": lambda s, **options: monte_carlo_modules(
        s, np.where(s.any(axis=1), 0, -1), **options
    ),
}
NULLS = {"configuration": "configuration", "uniform": "uniform", "own": dense(7, 9)}


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("resolution", [0.6, 1.0, 1.5])
@pytest.mark.parametrize("seed", range(3))
def test_search_and_proof_reach_the_best_of_all_partitions(null, resolution, seed):
    weights, null = dense(7, seed) ** 4, NULLS[null]
    matrix = modularity_matrix(weights, resolution, null=null)
    partitions = np.array(list(set_partitions(7)))
    best = max(matrix[np.equal.outer(labels, labels)].sum() for labels in partitions)
    options = {"resolution": resolution, "null": null}
    assert SEARCHES["best"](weights, **options).q == pytest.approx(best, abs=1e-14)
    certificate = certify(weights, **options)
    assert certificate.optimal
    assert certificate.lower == pytest.approx(best, abs=1e-14)


@pytest.mark.parametrize("search", [name for name in SEARCHES if name != "certify"])
@pytest.mark.parametrize("null", NULLS)
def test_every_search_scores_by_the_null_it_is_given(search, null):
    weights = dense(7, 5)
    found = SEARCHES[search](weights, null=NULLS[null])
    q = modularity(weights, found.labels, null=NULLS[null])
    assert found.q == pytest.approx(q, abs=1e-15)


def test_resolution_makes_out_small_modules_under_either_null():
    ring = nx.to_numpy_array(nx.ring_of_cliques(8, 4))
    for null in ("configuration", "uniform"):
        few, many = (
            find_modules(ring, search="best", null=null, resolution=r).n_modules for r in (0.2, 1.5)
        )
        assert few < 8 == many


def test_nulls_are_refused_by_name():
    wrong = {
        "shuffle": r"null must be one of 'configuration', 'uniform'. Got 'shuffle'",
        "shape": r"null must be .* of the same units, \(6, 6\). Got shape \(5, 5\)",
        "negative": r"null must not be negative. Got -1 at \[0, 1\]",
        "asymmetric": r"null must be symmetric",
        "zero": r"null must expect something of two different units. Got zeros",
        "none": r"null must be",
    }
    skew, minus = np.ones((6, 6)), np.ones((6, 6))
    skew[0, 1], minus[0, 1], minus[1, 0] = 2, -1, -1
    values = {
        "shuffle": "shuffle", "shape": np.ones((5, 5)), "negative": minus,
        "asymmetric": skew, "zero": np.eye(6), "none": None,
    }  # fmt: skip
    for kind, message in wrong.items():
        for search in SEARCHES.values():
            with pytest.raises(ValueError, match=message):
                search(SMALL, null=values[kind])


def test_a_null_with_names_must_name_the_same_units():
    names = list("abcdef")
    similarity = pd.DataFrame(SMALL + np.eye(6), names, names)
    null = pd.DataFrame(np.ones((6, 6)), names, names)
    assert find_modules(similarity, null=null).labels.tolist() == [0, 0, 0, 1, 1, -1]
    turned = null.loc[names[::-1], names[::-1]]
    with pytest.raises(ValueError, match=r"null must name the units .* Got 'f' for 'a' at place 0"):
        find_modules(similarity, null=turned)


# ---------------------------------------------------------------------------------- the sparse


def kinds(n=150, seed=0):
    plain, signed = sparse(n, seed), sparse(n, seed, signed=True)
    own = sparse(n, seed + 1)
    return {
        "configuration": (plain, "configuration"),
        "uniform": (plain, "uniform"),
        "own": (plain, csr_array(own)),
        "signed": (signed, "configuration"),
        "signed, uniform": (signed, "uniform"),
    }


@pytest.mark.parametrize("resolution", [0, 0.7, 1, 2])
@pytest.mark.parametrize("kind", kinds())
def test_sparse_is_the_same_objective_as_dense(kind, resolution):
    weights, null = kinds()[kind]
    links = without_zeros(weights)
    assert isinstance(links, csr_array)
    few = objective_of(links, resolution, null)
    assert isinstance(few, SparseObjective)
    own = null if isinstance(null, str) else null.toarray()
    all_of_them = Objective.of(weights, resolution, own)
    np.testing.assert_allclose(few.matrix, all_of_them.matrix, atol=1e-16)
    np.testing.assert_array_equal(few.used, all_of_them.used)
    random = np.random.default_rng(1)
    for n_modules in (1, 3, 150):
        labels = random.integers(n_modules, size=150)
        assert few.q(labels) == pytest.approx(all_of_them.q(labels), abs=1e-14)
    vectors = random.standard_normal((150, 2))
    np.testing.assert_allclose(few.times(vectors), all_of_them.times(vectors), atol=1e-14)
    here = random.random(150) < 0.3
    assert few.between(here) == pytest.approx(all_of_them.between(here), abs=1e-14)
    units = random.permutation(150)[:20]
    np.testing.assert_allclose(few.part(units).matrix, all_of_them.part(units).matrix, atol=1e-16)


@pytest.mark.parametrize("search", ["paper", "best"])
@pytest.mark.parametrize("kind", ["configuration", "uniform", "signed"])
def test_the_form_of_a_matrix_does_not_matter_for_what_is_found(search, kind):
    weights, null = kinds(seed=3)[kind]
    options = {"search": search, "null": null, "signed": True}
    array, links = (find_modules(form, **options) for form in (weights, csr_array(weights)))
    assert array.labels.tolist() == links.labels.tolist()
    assert (
        array.q
        == links.q
        == pytest.approx(modularity(weights, array.labels, null=null, signed=True), abs=1e-14)
    )


def test_monte_carlo_over_neighbours_chooses_as_over_all_units():
    """The same draws at the same gains: one path, but for rounding."""
    weights = sparse(MANY, 4, density=0.09)
    assert weights.any(axis=1).all()
    start = np.arange(MANY) % 7
    few = monte_carlo_modules(weights, start, 300, seed=2, trace=True)
    padded = np.where(weights > 0, weights, 1e-30)  # all pairs are linked: dense
    np.fill_diagonal(padded, 0.0)
    many = monte_carlo_modules(padded, start, 300, seed=2, trace=True)
    np.testing.assert_allclose(few.trace.q, many.trace.q, atol=1e-12)
    assert few.labels.tolist() == many.labels.tolist()


def test_the_spectral_step_finds_planted_blocks_among_many_units():
    """Beyond the size at which all eigenvectors are computed, dense and sparse."""
    truth = np.arange(600) % 3
    random = np.random.default_rng(0)
    same = truth[:, None] == truth
    drawn = np.triu(random.random((600, 600)) < np.where(same, 0.1, 0.005), 1)
    graph = (drawn | drawn.T).astype(float)
    for weights in (csr_array(graph), graph + 1e-6 * (1 - np.eye(600))):
        labels = spectral_modules(weights).labels
        assert len(np.unique(labels)) >= 3
        largest = [np.bincount(truth[labels == k]).max() / (labels == k).sum() for k in range(3)]
        assert min(largest) > 0.95


def test_a_sparse_matrix_is_never_written_out(monkeypatch):
    graph = nx.connected_caveman_graph(150, 6)
    links = csr_array(nx.to_scipy_sparse_array(graph, dtype=float))
    find_modules(links, search="best", restarts=1)  # compile
    written = csr_array.toarray

    def small_only(self, *options, **more):
        assert self.shape[0] < 600, "a matrix of all units was written out"
        return written(self, *options, **more)

    monkeypatch.setattr(csr_array, "toarray", small_only)
    for search in ("paper", "best"):
        found = find_modules(links, search=search, restarts=1)
        assert found.n_modules > 20
    with pytest.raises(AssertionError, match="written out"):
        SparseObjective.of(scaled(links)).matrix  # noqa: B018


def test_few_units_or_many_links_are_kept_dense():
    assert isinstance(without_zeros(csr_array(SMALL)), np.ndarray)
    assert isinstance(without_zeros(csr_array(dense(200, 0))), np.ndarray)
    assert isinstance(without_zeros(sparse(MANY, 0)), csr_array)
    assert isinstance(without_zeros(sparse(MANY - 1, 0)), np.ndarray)


def test_sparse_matrices_are_refused_as_dense_ones_are():
    good = sparse(150, 0)
    for entry, message in {
        np.nan: r"must be finite. Got nan at \[3, 9\]",
        -1.0: r"must not be negative. Got -1 at \[3, 9\]: take absolute values",
        7.0: r"must be symmetric. Got 7 at \[3, 9\] but 0 at \[9, 3\]",
    }.items():
        bad = good.copy()
        bad[9, 3], bad[3, 9] = 0.0, entry
        for form in (bad, csr_array(bad)):
            with pytest.raises(ValueError, match=f"^similarity {message}"):
                find_modules(form)
    with pytest.raises(ValueError, match="square matrix"):
        find_modules(csr_array(good[:, :100]))
    with pytest.raises(ValueError, match=r"real numbers. Got dtype complex128"):
        find_modules(csr_array(good.astype(complex)))
    with pytest.raises(ValueError, match=r"adjacency must have a zero diagonal. Got .* entry of 2"):
        modularity(csr_array(good + 2 * np.eye(150)), np.zeros(150, int))


def test_asymmetry_of_rounding_is_forgiven_alike():
    skew = sparse(150, 5)
    rows, columns = np.nonzero(np.triu(skew))
    skew[rows[0], columns[0]] *= 1 + 1e-7
    array, links = (find_modules(form) for form in (skew, csr_array(skew)))
    assert array.labels.tolist() == links.labels.tolist()
    assert array.q == links.q
