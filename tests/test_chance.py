"""Tests of chapters.chance: the formulas against every permutation there is."""

from itertools import permutations

import numpy as np
import pytest

from experiments.report.chapters.chance import beyond_chance, element_and_chance
from modlib.comparison import agreement

ASSIGNMENTS = [
    ([0, 0, 1, 1, 2, 0], [0, 1, 1, 1, 0, 2]),
    ([0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0]),
    ([-1, 0, 0, 1, -1, 1], [0, 0, 1, 1, 2, 2]),  # unused units are a cluster
]


def element_by_hand(one, other):
    """The mean over units of the overlap of their two clusters over the size of the larger."""
    total = 0.0
    for unit in range(len(one)):
        a = {i for i in range(len(one)) if one[i] == one[unit]}
        b = {i for i in range(len(other)) if other[i] == other[unit]}
        total += len(a & b) / max(len(a), len(b))
    return total / len(one)


@pytest.mark.parametrize(("one", "other"), ASSIGNMENTS)
def test_the_similarity_is_that_of_the_definition_and_of_the_library(one, other):
    element, _ = element_and_chance(one, other)
    assert element == pytest.approx(element_by_hand(one, other))
    assert element == pytest.approx(agreement(one, other))


@pytest.mark.parametrize(("one", "other"), ASSIGNMENTS)
def test_chance_is_the_mean_over_all_permutations(one, other):
    _, chance = element_and_chance(one, other)
    every = [element_by_hand(one, shuffled) for shuffled in permutations(other)]
    assert chance == pytest.approx(np.mean(every))


def test_beyond_chance_is_one_for_equals_and_zero_on_average():
    one, other = ASSIGNMENTS[0]
    assert beyond_chance(one, [7, 7, 3, 3, 5, 7]) == pytest.approx(1)  # names do not matter
    every = [beyond_chance(one, shuffled) for shuffled in permutations(other)]
    assert np.mean(every) == pytest.approx(0, abs=1e-12)
    assert min(every) < -0.05  # less than chance is negative


def test_what_cannot_differ_tells_nothing():
    assert beyond_chance([0, 0, 0], [1, 1, 1]) == 0
    assert beyond_chance([0, 1, 2], [2, 0, 1]) == 0
