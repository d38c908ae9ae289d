from functools import cache

import networkx as nx
import numpy as np
import pytest
from oracles import highest_modularity, set_partitions
from scipy.optimize import linprog

from modlib.clustering import best
from modlib.clustering.moves import total
from modlib.modularity import modularity, modularity_matrix, to_adjacency
from modlib.optimality import branching, relaxation
from modlib.optimality import certificate as certifying
from modlib.optimality.branching import TOLERANCE, Proof
from modlib.optimality.certificate import Certificate, certify
from modlib.optimality.relaxation import WIDTH, Relaxation

ROUNDING = 1e-14  # sums of at most 81 terms below one


class Clock:
    """A clock that a test holds: it goes by ``step`` with every look at it, and never else."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 100.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """No proof here depends on how fast the machine is: a minute is 60,000 looks at the clock.

    The search that comes before the proof is by a clock on the wall, which stands still here.
    """
    certify(np.ones((3, 3)))  # what compiles does not look at it
    clock = Clock(step=1e-3)
    for module in (branching, relaxation, certifying):
        monkeypatch.setattr(module, "thread_time", clock)
    for module in (branching, best):
        monkeypatch.setattr(module, "perf_counter", Clock(step=0))
    return clock


def symmetric(n: int, random: np.random.Generator, density: float = 1.0) -> np.ndarray:
    similarity = np.triu(random.random((n, n)) * (random.random((n, n)) < density), 1)
    return similarity + similarity.T


def check_against_all_partitions(similarity: np.ndarray) -> None:
    certificate = certify(similarity)
    used = similarity.any(axis=1)
    adjacency = to_adjacency(similarity)
    best = highest_modularity(adjacency[np.ix_(used, used)]) if used.any() else 0.0
    assert certificate.lower == pytest.approx(best, abs=ROUNDING)
    assert best - ROUNDING <= certificate.upper <= best + TOLERANCE
    assert certificate.optimal
    assert ((certificate.labels < 0) == ~used).all()
    assert modularity(adjacency, certificate.labels) == certificate.lower


@pytest.mark.parametrize("n", range(2, 10))
@pytest.mark.parametrize("density", [0.3, 1.0])
def test_exact_against_all_partitions(n, density):
    check_against_all_partitions(symmetric(n, np.random.default_rng(n), density))


@pytest.mark.parametrize("seed", range(6))
def test_exact_where_similarities_tie(seed):
    check_against_all_partitions(np.round(symmetric(7, np.random.default_rng(seed))))


def test_exact_for_blocks_without_links_and_unused_units():
    random = np.random.default_rng(0)
    similarity = np.zeros((9, 9))
    similarity[:4, :4], similarity[4:8, 4:8] = symmetric(4, random), symmetric(4, random)
    check_against_all_partitions(similarity)


@pytest.mark.parametrize(
    "similarity", [np.zeros((3, 3)), np.ones((1, 1)), np.eye(2)], ids=["zero", "one", "diagonal"]
)
def test_without_links_all_units_are_unused_and_q_is_zero(similarity):
    certificate = certify(similarity)
    assert (certificate.lower, certificate.upper, certificate.optimal) == (0.0, 0.0, True)
    assert (certificate.labels == -1).all()


def test_two_units_are_best_together():
    # Apart they have Q = -2 * 1/2 * 1/2 = -1/2, together 0.
    certificate = certify(np.ones((2, 2)))
    assert certificate.labels.tolist() == [0, 0]
    assert certificate.lower == 0.0
    assert certificate.optimal


def test_karate_club():
    # The optimum that Brandes et al. (2008) report, 0.41979 (0.4198 in their table 1).
    graph = nx.to_numpy_array(nx.karate_club_graph(), weight=None)
    certificate = certify(graph)
    assert certificate.lower == pytest.approx(0.41979, abs=5e-6)
    assert certificate.optimal


@pytest.mark.parametrize("name", ["Zachary", "Krackhardt_Kite", "Petersen", "Frucht"])
def test_exact_against_the_integer_program_of_igraph(name):
    graph = pytest.importorskip("igraph").Graph.Famous(name)
    optimum = graph.community_optimal_modularity().modularity
    certificate = certify(np.array(graph.get_adjacency().data))
    assert certificate.lower == pytest.approx(optimum, abs=1e-9)
    assert certificate.optimal


@pytest.mark.parametrize("seed", range(3))
def test_planted_cliques_by_falling_size(seed):
    # Cliques of 6, 5 and 3 units have 30 + 20 + 6 = 56 links to and fro: Q is one less the
    # squares of their shares, 1 - (900 + 400 + 36) / 3136 = 225/392.
    planted = np.random.default_rng(seed).permutation(np.repeat([0, 1, 2], [6, 5, 3]))
    certificate = certify(planted[:, None] == planted, seed=seed)
    assert certificate.labels.tolist() == planted.tolist()
    assert certificate.lower == pytest.approx(225 / 392, abs=ROUNDING)
    assert certificate.optimal


@pytest.mark.parametrize("resolution", [0.0, 0.5, 2.0])
def test_resolution_weighs_the_null_model(resolution):
    adjacency = to_adjacency(symmetric(7, np.random.default_rng(3)))
    partitions = [np.array(labels) for labels in set_partitions(7)]
    best = max(modularity(adjacency, labels, resolution) for labels in partitions)
    certificate = certify(adjacency, resolution=resolution)
    assert certificate.lower == pytest.approx(best, abs=ROUNDING)
    assert certificate.optimal


def test_proves_what_the_relaxation_alone_does_not():
    # Units of a random Gram matrix: the first linear programs are far from whole numbers.
    features = np.random.default_rng(0).standard_normal((24, 8))
    certificate = certify(np.abs(features @ features.T))
    assert certificate.optimal
    assert certificate.upper <= certificate.lower + TOLERANCE


# The whole proof for 64 units takes some 900 looks at the clock: a dozen rounds of cuts, in each of
# which every unit looks. That for 9 units by branching alone takes 400.
FEW_LOOKS = 5  # after the limit: to unwind, and for the time in the certificate


@cache
def similarity_and_its_proof(n: int, n_features: int, seed: int) -> tuple[np.ndarray, Certificate]:
    features = np.random.default_rng(seed).standard_normal((n, n_features))
    similarity = np.abs(features @ features.T)
    return similarity, certify(similarity, time_limit=1e9)


def check_cut_short(n: int, n_features: int, seed: int, limit: float) -> None:
    """Cut a proof short where it stands at some look, and hold it against the finished proof."""
    similarity, finished = similarity_and_its_proof(n, n_features, seed)
    short = certify(similarity, limit)
    assert finished.optimal
    assert not short.optimal
    assert limit < short.seconds <= limit + FEW_LOOKS
    assert short.lower <= finished.lower + ROUNDING
    assert short.upper >= finished.upper - TOLERANCE
    adjacency = to_adjacency(similarity)
    assert short.lower == pytest.approx(modularity(adjacency, short.labels), abs=ROUNDING)
    positive = np.maximum(modularity_matrix(adjacency), 0).sum()
    assert short.upper <= positive + ROUNDING


@pytest.mark.parametrize("limit", [1e-9, 1.5, 3.5, 9.5, 12.5, 20.5, 60.5, 100.5, 200.5, 400.5])
def test_cut_short_the_bound_is_valid_and_the_limit_is_kept(clock, limit):
    clock.step = 1.0
    check_cut_short(64, 16, seed=1, limit=limit)


@pytest.mark.parametrize("limit", [12.5, 15.5, 18.5, 30.5, 90.5, 150.5])
def test_cut_short_while_branching_the_bound_is_valid_and_the_limit_is_kept(
    clock, limit, monkeypatch
):
    clock.step = 1.0
    monkeypatch.setattr(Proof, "_cut", lambda *_: False)
    check_cut_short(9, 5, seed=0, limit=limit)


def test_the_search_is_given_what_time_there_is(clock, monkeypatch):
    deadlines = []

    def search(matrix, seed, *, deadline):
        deadlines.append(deadline)
        return np.zeros(len(matrix), np.int64)

    monkeypatch.setattr(branching, "best_modules", search)
    certify(np.ones((3, 3)), time_limit=7)
    assert deadlines == [pytest.approx(100 + 7, abs=0.01)]  # less a few looks at the clock


def test_more_time_never_loosens_the_bound_of_the_same_search(clock):
    clock.step = 1.0
    similarity, finished = similarity_and_its_proof(40, 16, seed=1)
    found = [certify(similarity, limit) for limit in (20.5, 60.5, 100.5, 300.5)]
    uppers = [certificate.upper for certificate in [*found, finished]]
    assert uppers == sorted(uppers, reverse=True)
    assert uppers[0] > uppers[2] > uppers[-1]


def random_cuts(n: int, n_cuts: int, random: np.random.Generator) -> np.ndarray:
    """Cuts of two to ``WIDTH`` units, some of them there twice, with at least one minus sign."""
    cuts = np.zeros((n_cuts, WIDTH), np.int64)
    for cut in cuts:
        units = random.permutation(np.arange(1, n + 1))
        signed = units * np.where(np.arange(n) < random.integers(1, n), -1, 1)
        drawn = np.concatenate(
            [signed[:2], random.permutation(np.concatenate([signed, signed[2:]]))]
        )
        size = random.integers(2, WIDTH, endpoint=True)
        cut[:size] = drawn[:size]
    return cuts


@pytest.mark.parametrize("seed", range(5))
def test_every_partition_fulfils_every_cut_and_any_multipliers_bound_q(seed):
    random = np.random.default_rng(seed)
    matrix = modularity_matrix(to_adjacency(symmetric(7, random)))
    relaxation = Relaxation(matrix)
    relaxation.add(random_cuts(7, 200, random))
    bounds = [relaxation.bound(random.random(200) * size) for size in (0, 1e-4, 1e-2, 1)]
    for labels in map(np.array, set_partitions(7)):
        together = labels[:, None] == labels
        x = together[relaxation.pairs].astype(np.float64)
        activity = (relaxation.values * x[relaxation.columns]).sum(axis=1)
        assert (activity <= relaxation.sides).all()
        assert min(bounds) >= matrix[together].sum()


def fractional(n: int, random: np.random.Generator) -> np.ndarray:
    """A solution that is a mean of partitions and then is disturbed."""
    together = [np.equal.outer(labels, labels) for labels in random.integers(4, size=(3, n))]
    x = np.mean(together, axis=0) + symmetric(n, random) * 0.3
    x = np.clip(x, 0, 1)
    np.fill_diagonal(x, 1.0)
    return x


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("larger", [False, True])
def test_cuts_found_are_violated_and_differ(seed, larger):
    random = np.random.default_rng(seed)
    matrix = modularity_matrix(to_adjacency(symmetric(16, random)))
    proof = Proof(matrix, seed=0, deadline=np.inf)
    x = fractional(16, random)
    cuts = proof._violated(x, larger)
    relaxation = proof.relaxation
    relaxation.add(cuts)
    activity = (relaxation.values * x[relaxation.pairs][relaxation.columns]).sum(axis=1)
    assert len(cuts) > 10
    assert (activity > relaxation.sides).all()
    assert len(np.unique(np.sort(cuts, axis=1), axis=0)) == len(cuts)


def test_the_bound_approaches_the_linear_program():
    random = np.random.default_rng(0)
    matrix = modularity_matrix(to_adjacency(symmetric(8, random)))
    relaxation = Relaxation(matrix)
    relaxation.add(random_cuts(8, 300, random))
    rows = np.zeros((300, len(relaxation.costs)))
    np.add.at(rows, (np.arange(300)[:, None], relaxation.columns), relaxation.values)
    exact = linprog(-relaxation.costs, rows, relaxation.sides, bounds=(0, 1))
    bound = min(relaxation.solve(np.inf) for _ in range(10))
    optimum = relaxation.constant - exact.fun
    assert optimum - 1e-9 <= bound <= optimum + 1e-5


def test_resumes_where_it_was():
    random = np.random.default_rng(0)
    relaxation = Relaxation(modularity_matrix(to_adjacency(symmetric(8, random))))
    relaxation.add(random_cuts(8, 50, random))
    relaxation.solve(np.inf)
    state, bound = relaxation.state(), relaxation.bound(relaxation.y)
    relaxation.add(random_cuts(8, 50, random))
    relaxation.solve(np.inf)
    relaxation.resume(*state)
    assert relaxation.bound(relaxation.y) == bound
    assert (relaxation.x == state[0]).all()
    assert (relaxation.cuts == state[2]).all()


@pytest.fixture
def no_search(monkeypatch):
    """Rounding without local search, so that a proof must find the best by itself."""
    monkeypatch.setattr(branching, "climb", lambda matrix, own, *_: (own, total(matrix, own)))


def check_from_a_poor_start(n: int, seed: int) -> None:
    features = np.random.default_rng(seed).standard_normal((n, 5))
    matrix = modularity_matrix(to_adjacency(np.abs(features @ features.T)))
    proof = Proof(matrix, seed=0, deadline=np.inf)
    best = proof.lower
    proof.labels, proof.lower = np.arange(n), np.trace(matrix)
    upper = proof.run()
    assert proof.lower == pytest.approx(best, abs=TOLERANCE)
    assert upper == pytest.approx(best, abs=TOLERANCE)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.usefixtures("no_search")
def test_finds_the_best_without_any_search(seed):
    check_from_a_poor_start(14, seed)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.usefixtures("no_search")
def test_branching_alone_finds_the_best(seed, monkeypatch):
    monkeypatch.setattr(Proof, "_cut", lambda *_: False)
    check_from_a_poor_start(7, seed)


def test_same_seed_same_certificate():
    similarity = symmetric(20, np.random.default_rng(2))
    first, second = certify(similarity, seed=4), certify(similarity, seed=4)
    assert (first.labels == second.labels).all()
    assert (first.lower, first.upper) == (second.lower, second.upper)


def test_prints_nothing(capfd):
    certify(symmetric(8, np.random.default_rng(0)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("time_limit", [0, -1.0, np.nan, np.inf, "60", None, True])
def test_refuses_a_time_limit_that_is_none(time_limit):
    with pytest.raises(ValueError, match=r"time_limit must be a number above 0, in seconds\. Got"):
        certify(np.ones((3, 3)), time_limit)


def test_refuses_what_to_adjacency_refuses():
    with pytest.raises(ValueError, match="similarity must not be negative"):
        certify(-np.ones((3, 3)))
