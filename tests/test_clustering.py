"""Tests of modlib.clustering and its kernels: brute force, literal algorithms, theorems."""

from math import log

import networkx as nx
import numpy as np
import pytest
from oracles import (
    boltzmann,
    double_sum_modularity,
    entropy_of,
    highest_modularity,
    literal_choice,
    literal_monte_carlo,
    literal_spectral,
)

from modlib.clustering import find as clustering
from modlib.clustering.find import find_modules
from modlib.clustering.modules import by_falling_size
from modlib.clustering.monte_carlo import find_temperature, monte_carlo_modules, sample
from modlib.clustering.spectral import spectral_modules
from modlib.modularity import modularity, to_adjacency
from modlib.similarity.compute import similarity_matrices


def planted(sizes, seed, noise=0.4):
    """Similarity 1 within clusters, 0 between, plus noise; the diagonal is the largest."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    noisy = (labels[:, None] == labels) + noise * random.random((len(labels),) * 2)
    return noisy + noisy.T + 2 * np.eye(len(labels))


def unstructured(n, seed):
    random = np.random.default_rng(seed).random((n, n))
    return random + random.T


def like_networks(n, seed):
    """|F F^T| of a few factors, of very different scale from unit to unit."""
    random = np.random.default_rng(seed)
    factors = random.normal(size=(n, 4)) * random.lognormal(sigma=1.0, size=(n, 1))
    return np.abs(factors @ factors.T)


def same_partition(a, b):
    """Equal up to the names of clusters."""
    pairs = set(zip(np.asarray(a).tolist(), np.asarray(b).tolist(), strict=True))
    return len(pairs) == len(set(np.asarray(a).tolist())) == len(set(np.asarray(b).tolist()))


MATRICES = [
    *(planted((4, 3, 5), seed) for seed in range(3)),
    *(unstructured(10, seed) for seed in range(3)),
    *(like_networks(11, seed) for seed in range(4)),
]


# ----------------------------------------------------------------------------- the whole search


def test_modules_never_exceed_the_optimum_and_mostly_reach_it():
    reached = 0
    for seed in range(8):
        n = 5 + seed % 4  # 5 to 8 units: up to 4140 partitions
        similarity = planted((n // 2, n - n // 2), seed, noise=0.8)
        modules = find_modules(similarity, n_steps=300, seed=seed)
        best = highest_modularity(to_adjacency(similarity))
        assert modules.q <= best + 1e-14
        reached += modules.q >= best - 1e-14
    assert reached >= 7


@pytest.mark.parametrize("seed", range(3))
def test_disconnected_equal_cliques_are_found_exactly(seed):
    # c cliques of equal size: Q = 1 - 1/c, the highest there is with c clusters or fewer.
    for n_cliques, size in ((2, 3), (3, 4), (5, 2)):
        labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(n_cliques), size))
        modules = find_modules(labels[:, None] == labels, n_steps=500, seed=seed)
        assert same_partition(modules.labels, labels)
        assert modules.q == pytest.approx(1 - 1 / n_cliques, abs=1e-14)
        assert modules.n_modules == n_cliques


def test_the_karate_club_is_clustered_close_to_its_optimum():
    # The optimum of the unweighted graph is 0.4198 (Brandes et al. 2008).
    club = nx.to_numpy_array(nx.karate_club_graph(), weight=None)
    for seed in range(3):
        assert 0.41 <= find_modules(club, n_steps=5000, seed=seed).q <= 0.4198


@pytest.mark.parametrize("matrix", MATRICES)
def test_q_is_that_of_the_labels(matrix):
    modules = find_modules(matrix, n_steps=100)
    adjacency = to_adjacency(matrix)
    assert modules.q == modularity(adjacency, modules.labels)
    assert modules.q == pytest.approx(double_sum_modularity(adjacency, modules.labels), abs=1e-14)


@pytest.mark.parametrize("matrix", MATRICES)
def test_the_search_is_never_worse_than_its_start(matrix):
    adjacency = to_adjacency(matrix)
    random = np.random.default_rng(0)
    for labels in (np.zeros(len(matrix), int), random.integers(3, size=len(matrix))):
        for n_steps in (0, 1, 10, 100):
            modules = monte_carlo_modules(adjacency, labels, n_steps, entropy=2.0)
            assert modules.q >= modularity(adjacency, labels) - 1e-15


def test_no_steps_leave_the_spectral_start():
    for matrix in MATRICES:
        start = spectral_modules(to_adjacency(matrix))
        modules = find_modules(matrix, n_steps=0)
        np.testing.assert_array_equal(modules.labels, start.labels)
        assert modules.q == start.q


def test_more_steps_of_one_seed_never_lower_q():
    # The draws of units and of choices depend on the number of steps, so this is no theorem for
    # a single search; a search that starts from the result of another is.
    for matrix in MATRICES:
        adjacency = to_adjacency(matrix)
        first = monte_carlo_modules(adjacency, np.zeros(len(matrix), int), 50)
        second = monte_carlo_modules(adjacency, first.labels, 50, seed=1)
        assert second.q >= first.q


# ------------------------------------------------------------------------- literal counterparts


@pytest.mark.parametrize("matrix", MATRICES)
def test_the_spectral_search_equals_algorithm_2(matrix):
    adjacency = to_adjacency(matrix)
    assert same_partition(spectral_modules(adjacency).labels, literal_spectral(adjacency))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("entropy", [0.15, 0.6, 1.2])
@pytest.mark.parametrize("matrix", MATRICES)
def test_the_monte_carlo_search_equals_algorithm_3_move_by_move(matrix, entropy, seed):
    adjacency = to_adjacency(matrix)
    start = np.arange(len(matrix)) % 3
    best, path, temperatures = literal_monte_carlo(adjacency, start, 40, entropy, seed)
    modules = monte_carlo_modules(adjacency, start, 40, entropy, seed, trace=True)
    # Q is a sum of numbers below one, and predicted gains are summed over 40 steps.
    np.testing.assert_allclose(modules.trace.q, path, rtol=0, atol=1e-14)
    # Scores are known to 1e-16 and differ by 1e-3 and more.
    np.testing.assert_allclose(modules.trace.temperature, temperatures, rtol=1e-9)
    assert same_partition(modules.labels, best)


def test_the_monte_carlo_search_equals_algorithm_3_on_a_real_similarity(trained, digits):
    matrices = similarity_matrices(
        trained, digits.test_inputs, digits.test_targets, layers=[1], conventions=["printed"]
    )
    assert len(matrices) == 4
    for matrix in matrices.values():
        adjacency = to_adjacency(matrix)
        used = np.flatnonzero(adjacency.any(axis=1))
        adjacency = adjacency[np.ix_(used, used)]
        start = spectral_modules(adjacency).labels
        best, path, _ = literal_monte_carlo(adjacency, start, 100, 0.15, seed=5)
        modules = monte_carlo_modules(adjacency, start, 100, 0.15, seed=5, trace=True)
        np.testing.assert_allclose(modules.trace.q, path, rtol=0, atol=1e-13)
        assert same_partition(modules.labels, best)


def test_many_steps_do_not_pile_up_rounding():
    # The path is a sum of predicted gains. Its highest point was also a proposal, so the best Q,
    # computed anew from the labels, is no lower; and at this low entropy it is soon accepted.
    for matrix in MATRICES[::4]:
        adjacency = to_adjacency(matrix)
        modules = monte_carlo_modules(
            adjacency, np.zeros(len(matrix), int), 20_000, entropy=0.01, trace=True
        )
        assert modules.trace.q.max() == pytest.approx(modules.q, abs=1e-13)


def test_resolution_reaches_the_search():
    # At high resolution single units are best, at zero a single cluster.
    matrix = planted((4, 4), 0)
    assert find_modules(matrix, resolution=0.0).n_modules == 1
    assert find_modules(matrix, resolution=50.0).n_modules == 8
    assert find_modules(matrix, resolution=1.0).n_modules == 2


# -------------------------------------------------------------------------- choices of the kernel


@pytest.mark.parametrize("entropy", [0.01, 0.15, 0.5, 1.0])
@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0])
def test_the_temperature_gives_the_wanted_entropy(entropy, scale):
    for seed in range(5):
        gains = scale * np.random.default_rng(seed).random(6)
        temperature = find_temperature(gains.max() - gains, entropy)
        assert entropy_of(boltzmann(gains, temperature)) == pytest.approx(entropy, abs=1e-6)


def test_choices_follow_their_probabilities():
    gains = np.array([0.3, 0.5, 0.45, 0.1])
    probabilities, temperature = literal_choice(gains, 0.6)
    edges = np.cumsum(probabilities)
    for index, (low, high) in enumerate(zip([0.0, *edges[:-1]], edges, strict=True)):
        for uniform in (low + 1e-9, (low + high) / 2, high - 1e-9):
            choice, found = sample(gains, uniform, 0.6)
            assert choice == index
            assert found == pytest.approx(temperature, rel=1e-9)


def test_ties_for_the_best_are_drawn_evenly():
    # log 2 = 0.69 > 0.15: no temperature gives the wanted entropy, and two gains are best.
    gains = np.array([0.2, 0.7, 0.1, 0.7])
    for uniform, expected in ((0.0, 1), (0.49, 1), (0.51, 3), (0.99, 3)):
        assert sample(gains, uniform, 0.15) == (expected, 0.0)


def test_ties_by_rounding_are_ties():
    gains = np.array([0.1 + 0.2, 0.3, 0.0])  # 0.1 + 0.2 exceeds 0.3 by 5.6e-17
    assert sample(gains, 0.75, 0.15) == (1, 0.0)


def test_two_tied_clusters_are_visited_equally_often():
    # Unit 2 is equally similar to 0 and to 1, which are not similar: [0, 1, 0] and [0, 1, 1]
    # tie. Counted are 4000 fair draws, of standard deviation 31.6, within four of those.
    uniforms = np.random.default_rng(0).random(4000)
    first = sum(sample(np.array([0.5, 0.5, -1.0]), u, 0.15)[0] == 0 for u in uniforms)
    assert abs(first - 2000) < 4 * 31.6


def test_more_entropy_than_there_can_be_draws_from_all():
    gains = np.array([0.2, 0.7, 0.1])
    assert log(3) < 1.5
    for uniform, expected in ((0.1, 0), (0.5, 1), (0.9, 2)):
        assert sample(gains, uniform, 1.5) == (expected, np.inf)


# --------------------------------------------------------------------------------- extreme sizes


def test_units_without_similarity_are_unused():
    matrix = np.zeros((7, 7))
    matrix[1:6, 1:6] = planted((3, 2), 0)
    matrix[0, 0] = 5.0  # similar to itself only
    modules = find_modules(matrix)
    np.testing.assert_array_equal(modules.labels, [-1, 0, 0, 0, 1, 1, -1])
    assert modules.n_modules == 2
    alone = find_modules(planted((3, 2), 0))
    assert modules.q == pytest.approx(alone.q, abs=1e-15)


@pytest.mark.parametrize("matrix", [np.zeros((4, 4)), np.eye(3), np.ones((1, 1)), [[0.0]]])
def test_a_matrix_without_similarities_has_no_modules(matrix):
    modules = find_modules(matrix)
    np.testing.assert_array_equal(modules.labels, [-1] * len(matrix))
    assert modules.q == 0
    assert modules.n_modules == 0


def test_two_similar_units_are_one_cluster():
    # Together Q = 0; apart -1/2.
    modules = find_modules([[1, 0.2], [0.2, 1]])
    np.testing.assert_array_equal(modules.labels, [0, 0])
    assert modules.q == pytest.approx(0, abs=1e-16)


def test_equal_similarities_are_one_cluster():
    # Any split of a complete graph lowers Q (Brandes et al. 2008).
    for n in (3, 6, 9):
        modules = find_modules(np.ones((n, n)))
        np.testing.assert_array_equal(modules.labels, [0] * n)


# ------------------------------------------------------------------------------------- the result


def test_labels_are_numbered_by_falling_size_then_by_first_unit():
    np.testing.assert_array_equal(
        by_falling_size(np.array([7, -1, 2, 2, 9, 7, 2, -1, 4])), [1, -1, 0, 0, 2, 1, 0, -1, 3]
    )
    for matrix in MATRICES:
        labels = find_modules(matrix).labels
        assert labels.dtype == np.int64
        sizes = np.bincount(labels)
        assert (np.diff(sizes) <= 0).all()
        np.testing.assert_array_equal(by_falling_size(labels), labels)


def test_the_same_seed_gives_the_same_and_others_search_elsewhere():
    adjacency = to_adjacency(unstructured(20, 0))
    start = np.zeros(20, int)
    runs = [
        monte_carlo_modules(adjacency, start, 30, seed=seed, trace=True) for seed in (0, 0, 1, 2)
    ]
    np.testing.assert_array_equal(runs[0].labels, runs[1].labels)
    np.testing.assert_array_equal(runs[0].trace.q, runs[1].trace.q)
    assert len({run.trace.q.tobytes() for run in runs}) == 3


def test_the_global_random_state_is_neither_read_nor_changed():
    matrix = unstructured(20, 0)
    np.random.seed(1)  # noqa: NPY002
    first = find_modules(matrix, seed=3).labels
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(find_modules(matrix, seed=3).labels, first)
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_the_names_of_the_starting_clusters_may_be_any():
    adjacency = to_adjacency(unstructured(12, 1))
    small = np.arange(12) % 3
    large = np.array([5, 70, 900])[small]
    expected = monte_carlo_modules(adjacency, small, 50)
    np.testing.assert_array_equal(monte_carlo_modules(adjacency, large, 50).labels, expected.labels)


def test_the_trace_has_one_entry_per_step_and_is_kept_on_demand():
    adjacency, start = to_adjacency(planted((3, 3), 0)), np.zeros(6, int)
    trace = monte_carlo_modules(adjacency, start, 17, trace=True).trace
    assert trace.q.shape == trace.temperature.shape == (17,)
    assert monte_carlo_modules(adjacency, start, 17).trace is None
    assert monte_carlo_modules(adjacency, start, 0, trace=True).trace.q.shape == (0,)
    nothing = monte_carlo_modules(np.zeros((3, 3)), [-1] * 3, 17, trace=True).trace
    np.testing.assert_array_equal(nothing.q, np.zeros(17))


def test_inputs_are_unchanged():
    matrix = planted((3, 3), 0)
    adjacency, labels = to_adjacency(matrix), np.array([0, 1, 2, 0, 1, 2])
    copies = matrix.copy(), adjacency.copy(), labels.copy()
    find_modules(matrix)
    spectral_modules(adjacency)
    monte_carlo_modules(adjacency, labels)
    for array, copy in zip((matrix, adjacency, labels), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


# ------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_steps": -1}, "n_steps must be a whole number of at least 0. Got -1"),
        ({"n_steps": 1.5}, "n_steps must be a whole number of at least 0. Got 1.5"),
        ({"entropy": 0}, "entropy must be a number above 0, in nats. Got 0"),
        ({"entropy": float("nan")}, "entropy must be a number above 0, in nats. Got nan"),
        ({"seed": -1}, "seed must be a whole number, 0 or more. Got -1"),
        ({"seed": None}, "seed must be a whole number, 0 or more. Got None"),
        ({"resolution": -0.1}, "resolution must be a number of at least 0. Got -0.1"),
        ({"search": "louvain"}, "search must be one of 'paper', 'best'. Got 'louvain'"),
    ],
)
def test_errors_name_the_option_and_what_it_got(options, message):
    with pytest.raises(ValueError, match=message):
        find_modules(np.ones((3, 3)), **options)


# -------------------------------------------------------------------------------- the best search


def test_best_reaches_the_optimum_of_all_partitions():
    for seed in range(6):
        similarity = like_networks(3 + seed, seed)  # 3 to 8 units
        expected = highest_modularity(to_adjacency(similarity))
        assert find_modules(similarity, search="best").q == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("resolution", [0.5, 1.0, 2.0])
def test_best_is_never_below_the_paper(resolution):
    for seed in range(5):
        similarity = like_networks(40, seed)
        paper = find_modules(similarity, seed=seed, resolution=resolution)
        best = find_modules(similarity, search="best", resolution=resolution)
        assert best.q >= paper.q - 1e-14
        adjacency = to_adjacency(similarity)
        assert best.q == pytest.approx(modularity(adjacency, best.labels, resolution), abs=1e-15)


def test_best_takes_the_paper_s_assignment_where_that_is_better(monkeypatch):
    similarity = like_networks(12, 0)
    paper = find_modules(similarity, seed=4)
    assert paper.q > 0.01
    monkeypatch.setattr(clustering, "best_modules", lambda matrix, **_: np.zeros(len(matrix), int))
    best = find_modules(similarity, seed=4, search="best")
    assert (best.q, best.labels.tolist()) == (paper.q, paper.labels.tolist())


def test_best_leaves_unused_units_out_and_names_clusters_by_size():
    # Units 0 and 4 are similar to none; of the rest, three and two hold together.
    similarity = np.zeros((7, 7))
    for clique in ([1, 2], [3, 5, 6]):
        similarity[np.ix_(clique, clique)] = 1.0
    modules = find_modules(similarity, search="best")
    np.testing.assert_array_equal(modules.labels, [-1, 1, 1, 0, -1, 0, 0])
    # Ã: 2 of 8 and 6 of 8 of the weight lie within: Q = 1 - (1/16 + 9/16).
    assert modules.q == pytest.approx(3 / 8, abs=1e-15)


def test_best_is_reproducible_by_seed():
    similarity = unstructured(40, 0)
    first, again = (find_modules(similarity, search="best", seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.labels, again.labels)


def test_best_refuses_bad_options_though_it_takes_no_steps():
    with pytest.raises(ValueError, match="n_steps must be a whole number"):
        find_modules(np.ones((3, 3)), n_steps=-1, search="best")
