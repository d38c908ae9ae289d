"""Agreement of methods in families: matrices are arranged, and figures read back."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import families
from experiments.report.readings import PAIRS
from modlib.similarity.measures import METHODS

HALF = np.full((8, 8), 0.5)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def written(ax):
    """The numbers that stand in the cells of a matrix, by column and row."""
    return {text.get_position(): text.get_text() for text in ax.texts}


# ---------------------------------------------------------------------------------------- matrices


def test_pairs_are_arranged_in_the_order_in_which_they_are_listed():
    matrix = families.square([12, 13, 23], [1, 2, 3])
    assert matrix.tolist() == [[1, 12, 13], [12, 2, 23], [13, 23, 3]]


def test_each_pair_of_methods_has_its_own_place():
    matrix = families.square(np.arange(28), np.full(8, np.nan))
    for number, (a, b) in enumerate(PAIRS):
        i, j = METHODS.index(a), METHODS.index(b)
        assert matrix[i, j] == matrix[j, i] == number


def test_a_matrix_is_drawn_with_the_names_of_the_methods():
    figure = families.draw_matrix(HALF)
    ax, scale = figure.axes
    assert set(written(ax).values()) == {"0.50"}
    beside = ax.get_title("left"), ax.get_title("right"), ax.get_ylabel()
    assert beside == ("within upstream 0.50", "between the two 0.50", "within downstream 0.50")
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[:3] == ["covariance", "covariance, norm.", "input sens."]
    assert scale.get_ylabel() == "element-centric similarity"


def test_matrices_stand_side_by_side_under_their_names():
    left, right = families.draw_matrices({"trained": HALF, "untrained": HALF / 2}).axes
    assert (left.get_title(), right.get_title()) == ("trained", "untrained")
    assert set(written(left).values()) == {"0.50"}
    assert set(written(right).values()) == {"0.25"}


def test_change_is_what_comes_after_minus_what_was_before():
    before, change = families.draw_change(HALF, HALF + 0.25).axes
    assert set(written(before).values()) == {"0.50"}
    assert set(written(change).values()) == {"+0.25"}


# --------------------------------------------------------------------------------------- strengths


def test_settings_stand_by_strength_and_each_regulariser_begins_a_row():
    of_setting = {("dropout", n / 10): np.full((8, 8), n / 10) for n in range(1, 7)}
    of_setting |= {("l2", 10**-4.5): HALF}
    axes = np.reshape(families.draw_settings(of_setting, ["l2", "dropout"]).axes, (3, 5))
    assert [[ax.get_title() for ax in row if ax.get_visible()] for row in axes] == [
        ["L2 penalty 3.2e-5"], [f"dropout 0.{n}" for n in range(1, 6)], ["dropout 0.6"],
    ]  # fmt: skip
    assert axes[2, 0].images[0].get_array()[0, 1] == 0.6
    assert set(written(axes[2, 0]).values()) == {"0.60"}


def test_settings_may_be_drawn_less_what_untrained_networks_have():
    lower = families.draw_settings({("l2", 1e-3): HALF / 2}, ["l2"], HALF).axes[0]
    assert lower.images[0].get_array()[0, 1] == -0.25
    assert set(written(lower).values()) == {"\u22120.25"}


def test_blocks_have_a_curve_each_beside_the_one_by_chance():
    names = ["up", "down same", "down other", "raw", "normalised"]

    def curve(start):
        return pd.DataFrame(
            {
                "regularizer": ["dropout", "dropout", "l2", "l2", "untrained"],
                "strength": [0.1, 0.4, 1e-5, 1e-3, 0.0],
                "mean": [start, start + 1, start + 2, start + 3, start + 4],
                "error": 0.1,
            }
        )

    curves = {name: curve(10 * place) for place, name in enumerate(names)}
    axes = families.draw_blocks(curves, curve(100)).axes
    assert [ax.get_xlabel() for ax in axes] == ["L2 penalty", "dropout probability"]
    for ax, first in zip(axes, (2, 0), strict=True):
        drawn = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
        chance = drawn.pop("upstream with downstream, by chance")
        assert chance == [100 + first, 101 + first]
        assert drawn == {
            name: [10 * place + first, 10 * place + first + 1] for place, name in enumerate(names)
        }
    assert [line.get_linestyle() for line in axes[0].lines] == ["-", "-", ":", "-", ":", "-"]


def test_measures_have_a_map_each_with_the_correlation_beside_the_name():
    ranks = pd.DataFrame({"element": np.linspace(0, 1, 28), "mutual_information": 0.3})
    order = pd.Series({"mutual_information": 0.876})
    axes = families.draw_measures(ranks, order).axes
    shown = [ax for ax in axes if ax.images and ax.get_visible()]
    assert [ax.get_title() for ax in shown] == ["element", "mutual\ninformation 0.88"]
    matrix = shown[0].images[0].get_array()
    assert matrix[6, 7] == 1  # the last pair
    assert np.ma.getmaskarray(matrix).tolist() == np.eye(8, dtype=bool).tolist()
    assert shown[0].images[0].get_clim() == (0.2, 0.9)
