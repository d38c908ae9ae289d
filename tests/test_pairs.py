"""Tests of chapters.pairs: every pair once, and a dot for it."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from chapters import ROOT

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import pairs
from experiments.report.examples import read_examples


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
            "network": ["l2-1e-05-0", "dropout-0.5-0", "l2-1e-05-0"],
            "upstream": [0.1, 0.2, 0.3],
            "downstream": [0.4, 0.5, 0.6],
        }
    )
    figure = pairs.draw_pairs(rows)
    drawn = {
        ax.get_title(): [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines[:1]]
        for ax in figure.axes
    }
    assert drawn == {
        "L2 penalty 1e-5": [([0.1, 0.3], [0.4, 0.6])],
        "dropout 0.5": [([0.2], [0.5])],
    }
    for ax in figure.axes:
        assert len(ax.lines) == 4  # the medians, over a white ground, and the diagonal
        assert ax.lines[0].get_linestyle() == "None"  # dots, no line through them
        assert (ax.get_xlim(), ax.get_ylim()) == ((0, 1), (0, 1))  # agreement is the diagonal
        assert ax.get_aspect() == 1
        assert "upstream" in ax.get_xlabel()
    assert "downstream" in figure.axes[0].get_ylabel()


def test_pairs_with_a_silent_unit_are_left_out():
    upstream = np.ones((4, 4))
    upstream[2] = upstream[:, 2] = 0
    found = pairs.pair_table("net", upstream, np.ones((4, 4)))
    assert found[["unit", "other"]].to_numpy().tolist() == [[0, 1], [0, 3], [1, 3]]
    assert found.equals(pairs.pair_table("net", np.ones((4, 4)), upstream).assign(
        upstream=found["upstream"], downstream=found["downstream"]
    ))  # fmt: skip


def test_medians_are_those_of_tenths_by_upstream_similarity():
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"upstream": np.arange(40.0), "downstream": np.arange(40.0) % 4})
    found = pairs.medians(rows.iloc[random.permutation(40)])
    assert found["upstream"].tolist() == [4 * tenth + 1.5 for tenth in range(10)]
    assert found["downstream"].tolist() == [1.5] * 10  # 0, 1, 2, 3 in each


def test_what_the_introduction_says_of_its_two_clouds_is_so():
    examples = read_examples(ROOT / "results" / "paper")
    for network, is_plain in {"l2-1e-05-0": True, "dropout-0.5-0": False}.items():
        matrices = (
            examples.similarity(network, 1, measure, normalized=True)
            for measure in ("covariance", "output_sensitivity")
        )
        rows = pairs.pair_table(network, *matrices)
        assert abs(rows["upstream"].corr(rows["downstream"], "spearman")) < 0.1
        *rest, last = pairs.medians(rows)["downstream"]
        if is_plain:  # like the rest
            assert min(rest) < last < 1.2 * max(rest)
        else:
            assert last > 1.4 * max(rest)
            assert rest[-1] < rest[0]  # does not rise
