"""Tests of the bootstrap against Student's interval, which is exact for normal numbers."""

from math import sqrt

import numpy as np
import pytest
from scipy import stats

from experiments.report.bootstrap import draw_counts, interval, mean_draws


def means(sample, seed=0, n_draws=4000):
    counts = draw_counts(len(sample), n_draws, seed)
    return counts @ sample / len(sample)


def test_first_row_is_the_sample_and_every_draw_has_its_size():
    counts = draw_counts(5, 100, seed=3)
    assert counts.shape == (101, 5)
    np.testing.assert_array_equal(counts[0], np.ones(5))
    assert (counts.sum(axis=1) == 5).all()
    # A unit is left out of a draw with probability 0.8 ** 5.
    assert (counts[1:] == 0).mean() == pytest.approx(0.8**5, abs=0.05)


def test_draws_depend_on_the_seed_alone():
    np.testing.assert_array_equal(draw_counts(4, 9, seed=1), draw_counts(4, 9, seed=1))
    assert (draw_counts(4, 9, seed=1) != draw_counts(4, 9, seed=2)).any()


# The fewer the units, the lighter the tails of the draws.
@pytest.mark.parametrize(("n", "tolerance"), [(9, 0.1), (30, 0.05)])
def test_interval_of_a_mean_is_students(n, tolerance):
    # Normal scores: a sample as normal as a sample can be.
    sample = stats.norm.ppf((np.arange(n) + 0.5) / n)
    low, high = interval(means(sample)[1:], n)
    half = stats.t.ppf(0.975, n - 1) * sample.std(ddof=1) / sqrt(n)
    assert high == pytest.approx(half, rel=tolerance)
    assert low == pytest.approx(-half, rel=tolerance)


def test_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered, covered_by_percentiles = [], []
    for seed in range(500):
        draws = means(random.normal(size=9), seed, n_draws=1000)[1:]
        low, high = interval(draws, 9)
        covered.append(low < 0 < high)
        plain = np.quantile(draws, [0.025, 0.975])
        covered_by_percentiles.append(plain[0] < 0 < plain[1])
    # Three standard errors of a share of 500: 0.03.
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)
    assert np.mean(covered_by_percentiles) < 0.92


def test_wider_level_gives_wider_interval():
    draws = means(np.arange(9.0))[1:]
    narrow, wide = interval(draws, 9, level=0.5), interval(draws, 9, level=0.9)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_a_number_without_a_value_has_no_interval():
    assert np.isnan(interval([0.0, np.nan, 1.0], 3)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: draw_counts(0, 5), "n_units must be a whole number of at least 1. Got 0"),
        (lambda: draw_counts(5, 2.5), "n_draws must be a whole number of at least 1. Got 2.5"),
        (lambda: interval([1.0], 1), "n_units must be a whole number of at least 2. Got 1"),
        (lambda: interval([1.0], 5, level=1), "level must be a number between 0 and 1. Got 1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ----------------------------------------------------------------------------------------- means


def test_the_first_draw_is_the_mean_and_the_others_keep_units_whole():
    # Unit a holds 1 and 5, unit b holds 9: draws are aa, ab (or ba), and bb.
    draws = mean_draws([1, 9, 5], ["a", "b", "a"], n_draws=200)
    assert draws[0] == 5
    assert set(draws[1:].round(12)) == {3.0, 5.0, 9.0}


def test_every_column_is_averaged_over_the_same_draws():
    values = np.random.default_rng(0).normal(size=(6, 2, 3))
    draws = mean_draws(values, [0, 0, 1, 1, 2, 2], n_draws=20, seed=4)
    assert draws.shape == (21, 2, 3)
    np.testing.assert_allclose(draws[0], values.mean(axis=0))
    np.testing.assert_allclose(
        draws[:, 1, 2], mean_draws(values[:, 1, 2], [0, 0, 1, 1, 2, 2], n_draws=20, seed=4)
    )


@pytest.mark.parametrize(("values", "units"), [([1.0, 2.0], [0]), ([], []), ([1.0], [[0]])])
def test_every_observation_needs_a_unit(values, units):
    with pytest.raises(ValueError, match="units must name one unit for each"):
        mean_draws(values, units)
