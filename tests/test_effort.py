"""Tests of how long the search for the best goes on: restarts, a bound to reach, a time limit."""

from itertools import count

import networkx as nx
import numpy as np
import pytest

from modlib.clustering import best, find
from modlib.clustering.find import find_modules
from modlib.optimality.certificate import certify


def layer(n, seed):
    factors = np.random.default_rng(seed).standard_normal((n, 9))
    return np.abs(factors @ factors.T)


def on_lattice():
    return nx.to_numpy_array(nx.grid_2d_graph(12, 12))


MATRICES = {"dense": lambda: layer(40, 0), "sparse": on_lattice}


@pytest.fixture
def clock(monkeypatch):
    """A clock that shows one second more whenever somebody looks."""
    ticks = count()
    for module in (find, best):
        monkeypatch.setattr(module, "perf_counter", lambda: float(next(ticks)))
    return ticks


@pytest.mark.parametrize("kind", MATRICES)
def test_it_goes_on_until_the_bound_is_reached(kind, clock):
    similarity = MATRICES[kind]()
    known = find_modules(similarity, search="best")
    looks = next(clock)
    found = find_modules(similarity, search="best", restarts="until", bound=known.q, time_limit=1e9)
    assert found.q == pytest.approx(known.q, abs=1e-9)
    assert next(clock) - looks < 10_000


@pytest.mark.parametrize("kind", MATRICES)
def test_a_bound_out_of_reach_is_sought_until_the_time_is_over(kind, clock):
    similarity = MATRICES[kind]()
    looks = next(clock)
    found = find_modules(similarity, search="best", restarts="until", bound=1.0, time_limit=50)
    assert 50 <= next(clock) - looks < 100
    assert found.q > 0


def test_a_proven_bound_ends_the_search_with_an_optimum():
    similarity = layer(20, 3)
    certificate = certify(similarity)
    assert certificate.optimal
    options = {"restarts": 10**6, "bound": certificate.lower}
    assert find_modules(similarity, search="best", **options).q == pytest.approx(certificate.lower)


def test_with_no_time_left_there_is_one_search_all_the_same(clock):
    found = find_modules(layer(40, 1), search="best", time_limit=0.5)
    assert found.n_modules > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"restarts": 0}, 'restarts must be a whole number of at least 1, or "until"'),
        ({"restarts": "till"}, "restarts must be a whole number.* Got 'till'"),
        ({"restarts": True}, "restarts must be a whole number.* Got True"),
        ({"restarts": "until", "time_limit": 1}, 'bound must be given with restarts="until"'),
        ({"restarts": "until", "bound": 0.5}, 'time_limit must be given with restarts="until"'),
        ({"bound": "high"}, "bound must be a number, a Q to reach, or None. Got 'high'"),
        ({"bound": float("nan")}, "bound must be a number"),
        ({"time_limit": 0}, "time_limit must be a number above 0, in seconds, or None. Got 0"),
        ({"time_limit": float("inf")}, "time_limit must be a number above 0"),
    ],
)
def test_options_out_of_range_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        find_modules(layer(6, 0), search="best", **options)
