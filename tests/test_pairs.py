"""Tests of chapters.pairs: every pair once, and a dot for it."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import pairs


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_every_pair_of_units_is_listed_once_by_both_measures():
    upstream = np.array([[9, 1, 2], [1, 9, 3], [2, 3, 9]])
    found = pairs.pair_table("net", upstream, 10 * upstream)
    expected = pd.DataFrame(
        {
            "network": ["net", "net", "net"],
            "unit": [0, 0, 1],
            "other": [1, 2, 2],
            "upstream": [1, 2, 3],
            "downstream": [10, 20, 30],
        }
    )
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_a_dot_stands_for_every_pair_in_the_panel_of_its_network():
    rows = pd.DataFrame(
        {
            "network": ["second", "first", "second"],
            "upstream": [0.1, 0.2, 0.3],
            "downstream": [0.4, 0.5, 0.6],
        }
    )
    figure = pairs.draw_pairs(rows)
    drawn = {
        ax.get_title(): [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines]
        for ax in figure.axes
    }
    assert drawn == {
        "second": [([0.1, 0.3], [0.4, 0.6])],
        "first": [([0.2], [0.5])],
    }
    for ax in figure.axes:
        assert ax.lines[0].get_linestyle() == "None"  # dots, no line through them
        assert (ax.get_xlim(), ax.get_ylim()) == ((0, 1), (0, 1))  # agreement is the diagonal
        assert ax.get_aspect() == 1
        assert "upstream" in ax.get_xlabel()
    assert "downstream" in figure.axes[0].get_ylabel()
