"""Numbers with their intervals, as chapters quote them."""

import numpy as np
import pytest
from scipy import stats

from experiments.report.estimates import Estimate, estimate


def test_the_first_draw_is_the_number_and_the_others_make_the_interval():
    # 10,001 draws, evenly from 0 to 1: the quantile q is q itself, but for the steps of 1e-4.
    draws = np.concatenate([[0.4], np.linspace(0, 1, 10_001)])
    found = estimate(draws, n_units=9)
    # Hesterberg's expanded percentiles: for nine units, the tail beyond t * sqrt(9 / 8).
    tail = stats.norm.cdf(-stats.t.ppf(0.975, 8) * np.sqrt(9 / 8))
    assert found.value == 0.4
    assert found.low == pytest.approx(tail, abs=2e-4)
    assert found.high == pytest.approx(1 - tail, abs=2e-4)


def test_the_number_itself_is_not_among_the_draws():
    assert estimate([9.0, 1.0, 1.0], n_units=5) == (9.0, 1.0, 1.0)


def test_it_is_told_with_as_many_digits_as_asked_for():
    found = Estimate(0.12345, -0.5, 2.0)
    assert found.told() == "0.12 (-0.50 to 2.00)"
    assert found.told(3) == "0.123 (-0.500 to 2.000)"


def test_zero_has_no_sign():
    assert Estimate(-0.001, -0.004, 0.004).told() == "0.00 (0.00 to 0.00)"


def test_its_numbers_have_the_names_that_the_text_quotes():
    named = Estimate(1.0, 0.5, 1.5).named("rise")
    assert named == {"rise": 1.0, "rise-low": 0.5, "rise-high": 1.5}
