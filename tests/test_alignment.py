"""Tests of chapters.alignment: CKA from covariances against CKA from activations."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import alignment


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def cka_of_activations(X, Y):
    """From the similarities of samples, as Kornblith et al. define it for linear kernels."""
    K, L = ((Z - Z.mean(axis=0)) @ (Z - Z.mean(axis=0)).T for Z in (X, Y))
    return np.trace(K @ L) / np.sqrt(np.trace(K @ K) * np.trace(L @ L))


def test_covariances_of_units_tell_what_similarities_of_samples_tell():
    random = np.random.default_rng(0)
    activations = random.normal(size=(40, 7)) @ random.normal(size=(7, 7))
    covariance = np.abs(np.cov(activations, rowvar=False))
    A, B = [0, 4, 6], [1, 2]
    expected = cka_of_activations(activations[:, A], activations[:, B])
    assert alignment.alignment(covariance, A, B) == pytest.approx(expected)


def test_groups_that_are_all_alike_align_fully_and_silent_ones_not_at_all():
    assert alignment.alignment(np.ones((5, 5)), [0, 1], [2, 3, 4]) == pytest.approx(1)
    silent = np.ones((3, 3))
    silent[2] = silent[:, 2] = 0
    assert alignment.alignment(silent, [0, 1], [2]) == 0


def test_groups_are_drawn_at_random_and_have_no_unit_in_common():
    random = np.random.default_rng(0)
    # Without covariances between units, only a common unit could align two groups.
    assert alignment.random_alignments(np.eye(8), 4, random, n_draws=50) == [0] * 50
    varied = np.abs(np.cov(random.normal(size=(8, 20))))
    drawn = alignment.random_alignments(varied, 2, random, n_draws=50)
    assert len(set(drawn)) > 25


@pytest.mark.parametrize(("n_units", "sizes"), [(8, [1, 2, 4]), (9, [1, 2, 4]), (2, [1])])
def test_sizes_double_up_to_half_of_the_layer(n_units, sizes):
    found, draws = alignment.by_size(np.ones((n_units, n_units)), np.random.default_rng(0), 5)
    assert found.tolist() == sizes
    np.testing.assert_allclose(draws, np.ones((len(sizes), 5)))


def test_larger_groups_of_weakly_tied_units_align_more():
    # Covariance c between any two: n c^2 / (1 + (n - 1) c^2) for two groups of n.
    covariance = 0.5 + 0.5 * np.eye(8)
    _, draws = alignment.by_size(covariance, np.random.default_rng(0), 3)
    expected = [n * 0.25 / (1 + (n - 1) * 0.25) for n in (1, 2, 4)]
    np.testing.assert_allclose(draws, np.tile(expected, (3, 1)).T)


def test_mean_and_middle_of_the_draws_are_drawn_against_size():
    draws = np.array([np.linspace(0, 0.2, 101), np.linspace(0.2, 1.0, 101)])
    sizes = np.array([1, 2])
    (ax,) = alignment.draw_alignments({1: (sizes, draws), 2: (sizes, draws / 2)}).axes
    first, second = ax.lines
    assert list(first.get_xdata()) == [1, 2]
    np.testing.assert_allclose(first.get_ydata(), [0.1, 0.6])
    np.testing.assert_allclose(second.get_ydata(), [0.05, 0.3])
    edges = ax.collections[0].get_paths()[0].vertices[:, 1]
    # From the 5th to the 95th of a hundred steps.
    np.testing.assert_allclose([edges.min(), edges.max()], [0.01, 0.96])
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["hidden layer 1", "hidden layer 2"]
