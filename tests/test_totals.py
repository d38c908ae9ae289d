"""Tests of chapters.totals: how much of the similarity each unit has, by hand."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import totals
from modlib import plotting
from modlib.similarity.measures import MEASURES


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


S = np.array([[8.0, 1.0, 2.0], [1.0, 0.1, 3.0], [2.0, 3.0, 4.0]])


def test_totals_leave_out_the_diagonal_and_average_to_one():
    # 3, 4 and 5, of mean 4.
    np.testing.assert_allclose(totals.relative_totals(S), [0.75, 1, 1.25])


def test_units_with_equal_totals_all_count_and_silent_ones_do_not():
    assert totals.effective_units(np.ones((5, 5))) == pytest.approx(5)
    pair = np.zeros((5, 5))
    pair[1, 3] = pair[3, 1] = 2.0
    assert totals.effective_units(pair) == pytest.approx(2)


def test_unequal_totals_count_by_their_entropy():
    # A path of three units: half of all similarity belongs to the middle, a quarter to each end.
    path = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    assert totals.effective_units(path) == pytest.approx(2 * np.sqrt(2))  # of 1.5 bits


def test_totals_are_drawn_against_the_relative_diagonal_without_faint_units():
    raw = {m: S.copy() for m in MEASURES}
    raw["loss_hessian"][0, 0] = 0.01  # less than a fiftieth of the mean of 0.01, 0.1 and 4
    normalized = {m: np.ones((3, 3)) for m in MEASURES}
    figure = totals.draw_totals(raw, normalized)
    assert [ax.get_title() for ax in figure.axes] == list(plotting.NAMES.values())
    level, dots, circles = figure.axes[0].lines
    assert list(level.get_ydata()) == [1, 1]
    mean = (8 + 0.1 + 4) / 3
    np.testing.assert_allclose(dots.get_xdata(), [8 / mean, 0.1 / mean, 4 / mean])
    np.testing.assert_allclose(dots.get_ydata(), [0.75, 1, 1.25])
    np.testing.assert_allclose(circles.get_xdata(), dots.get_xdata())
    np.testing.assert_allclose(circles.get_ydata(), [1, 1, 1])
    assert (dots.get_marker(), circles.get_marker()) == (".", "o")
    _, dots, circles = figure.axes[3].lines
    np.testing.assert_allclose(dots.get_ydata(), [1, 1.25])
    assert len(circles.get_xdata()) == 2
