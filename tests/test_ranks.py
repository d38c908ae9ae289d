"""Rank correlations of networks, drawn by seed."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from experiments.report.ranks import rank_correlations


@pytest.fixture
def networks():
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(12, 3)), columns=["a", "b", "c"])
    frame["b"] += frame["a"]
    return frame.assign(seed=np.repeat(range(4), 3))


def test_the_first_are_spearmans_of_the_rows_themselves(networks):
    found = rank_correlations(networks, ["a", "b", "c"], n_draws=5)
    expected = stats.spearmanr(networks[["a", "b", "c"]]).statistic
    assert found.shape == (6, 3, 3)
    np.testing.assert_allclose(found[0], expected, atol=1e-12)


def test_ties_have_the_mean_of_their_ranks():
    frame = pd.DataFrame({"a": [1, 1, 2, 3], "b": [5, 7, 7, 7], "seed": range(4)})
    found = rank_correlations(frame, ["a", "b"], n_draws=1)
    # Ranks 1.5, 1.5, 3, 4 and 1, 3, 3, 3, by hand: covariance 0.5, variances 1.125 and 0.75.
    assert found[0, 0, 1] == pytest.approx(0.5 / np.sqrt(1.125 * 0.75))


def test_a_draw_is_the_correlation_of_the_rows_that_were_drawn():
    """Of two seeds, half the draws take one seed twice: its own rows, in the ranks of all."""
    frame = pd.DataFrame({"a": [1, 2, 3, 4], "b": [1, 2, 4, 3], "seed": [0, 0, 1, 1]})
    found = rank_correlations(frame, ["a", "b"], n_draws=200)[1:, 0, 1]
    # Seed 0 alone is in order, seed 1 alone reversed; both together correlate to 0.8.
    assert set(found.round(9)) == {1.0, -1.0, 0.8}


def test_a_column_without_variation_has_no_correlation():
    frame = pd.DataFrame({"a": [1, 1, 1], "b": [1, 2, 3], "seed": range(3)})
    assert np.isnan(rank_correlations(frame, ["a", "b"], n_draws=2)[0, 0, 1])
