"""Tests of chapters.shares: which images have a say, by hand."""

import matplotlib as mpl
import numpy as np
import pytest
import torch

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import shares
from modlib import plotting
from modlib.similarity.measures import MEASURES


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_shares_add_up_from_the_image_that_counts_most():
    # Squares sum to 1, 5 and 4 in all.
    factors = torch.tensor(
        [[[1.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, -2.0]], [[0.0, 2.0], [0.0, 0.0]]]
    )
    np.testing.assert_allclose(shares.cumulative_shares(factors), [0, 0.5, 0.9, 1])


def test_images_that_count_alike_lie_on_the_diagonal():
    np.testing.assert_allclose(
        shares.cumulative_shares(torch.ones(4, 3, 2)), [0, 0.25, 0.5, 0.75, 1]
    )


def test_there_is_a_curve_for_every_measure_in_per_cent():
    curves = {m: np.array([0, 0.5 + 0.1 * k, 1]) for k, m in enumerate(MEASURES)}
    other = {m: np.array([0, 0.25, 0.5, 0.75, 1]) for m in MEASURES}
    one, two = shares.draw_shares({"plain": curves, "dropout": other}).axes
    assert [one.get_title(), two.get_title()] == ["plain", "dropout"]
    *lines, diagonal, tenth = one.lines
    for line, (measure, curve) in zip(lines, curves.items(), strict=True):
        np.testing.assert_allclose(line.get_xdata(), [0, 50, 100])
        np.testing.assert_allclose(line.get_ydata(), 100 * curve)
        assert line.get_color() == plotting.COLORS[measure]
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 100]
    np.testing.assert_allclose(two.lines[0].get_xdata(), [0, 25, 50, 75, 100])
    # A tenth of two images is none, and of four, too.
    assert tenth.get_xydata().tolist() == [[10, 0]]
    assert [text.get_text() for text in one.texts] == ["a tenth of\nthe images:\n0 %"]
    labels = [text.get_text() for text in two.get_legend().get_texts()]
    assert labels == list(plotting.NAMES.values())
