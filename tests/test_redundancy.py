"""Figures of redundancy: what is computed for them, and what is drawn, read back."""

from itertools import product

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import colors
from matplotlib import pyplot as plt

from experiments.report.chapters import redundancy
from experiments.report.figures import REGULARIZER_COLORS

KINDS = {"untrained": (0.0,), "dropout": (0.1, 0.4), "l2": (1e-5, 1e-3)}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def layers():
    """Two seeds of every setting; the numbers tell layer and place of the strength."""
    return pd.DataFrame(
        {
            "regularizer": kind, "strength": strength, "seed": seed, "layer": layer,
            "nearest_correlation": 0.1 * layer + 0.01 * place,
            "effective_dimension": 10 * layer + place, "n_constant": 5 * layer + place,
        }
        for kind, strengths in KINDS.items()
        for place, strength in enumerate(strengths)
        for seed, layer in product((0, 1), (1, 2))
    )  # fmt: skip


def clouds(ax):
    """The dots of each scatter of a panel by colour, entries of the legend left out."""
    return {
        colors.to_hex(dots.get_facecolor()[0]): dots.get_offsets().tolist()
        for dots in ax.collections
        if len(dots.get_offsets())
    }


GREY = colors.to_hex(redundancy.UNTRAINED_COLOR)
GREEN, BLACK = (REGULARIZER_COLORS[kind].lower() for kind in ("l2", "dropout"))


# ------------------------------------------------------------------------------ within and between


def test_pairs_are_averaged_within_and_between_modules_unused_units_left_out():
    # Modules {0, 1} and {2}, unit 3 unused.
    similarity = np.array(
        [[9.0, 0.8, 0.2, 7.0], [0.8, 9.0, 0.4, 7.0], [0.2, 0.4, 9.0, 7.0], [7.0, 7.0, 7.0, 9.0]]
    )
    found = redundancy.within_and_between(similarity, np.array([0, 0, 1, -1]))
    assert found == {"within": pytest.approx(0.8), "between": pytest.approx(0.3)}


@pytest.mark.parametrize(
    ("labels", "kinds"), [([0, 0], {"within"}), ([0, 1], {"between"}), ([0, -1], set())]
)
def test_where_there_is_no_pair_there_is_no_mean(labels, kinds):
    assert set(redundancy.within_and_between(np.ones((2, 2)), np.array(labels))) == kinds


# ----------------------------------------------------------------------------------------- figures


def test_redundancy_has_a_row_for_each_quantity_and_a_curve_for_each_layer(layers):
    axes = np.reshape(redundancy.draw_redundancy(layers).axes, (3, 2))
    for column, (kind, strengths) in enumerate((("l2", (1e-5, 1e-3)), ("dropout", (0.1, 0.4)))):
        for ax, unit, step in zip(axes[:, column], (0.1, 10, 5), (0.01, 1, 1), strict=True):
            drawn = {line.get_label(): line for line in ax.lines}
            for layer, dashes in ((1, "-"), (2, ":")):
                line = drawn[f"layer {layer}"]
                expected = [(strengths[0], unit * layer), (strengths[1], unit * layer + step)]
                np.testing.assert_allclose(line.get_xydata(), expected)
                assert line.get_linestyle() == dashes
                assert line.get_color() == REGULARIZER_COLORS[kind]
            levels = [line.get_ydata()[0] for line in ax.lines if line.get_color() == "0.6"]
            np.testing.assert_allclose(levels, [unit, 2 * unit])  # untrained networks
    assert [ax.get_ylabel() for ax in axes[:, 0]] == list(redundancy.QUANTITIES.values())


def test_correlations_within_are_solid_and_between_are_dashed(layers):
    correlations = layers[layers["seed"] == 0].assign(within=0.8, between=0.3)
    axes = np.reshape(redundancy.draw_within_between(correlations).axes, (2, 2))
    for ax in axes.flat:
        within, between = ax.lines
        assert (within.get_linestyle(), between.get_linestyle()) == ("-", "--")
        assert within.get_ydata().tolist() == [0.8, 0.8]
        assert between.get_ydata().tolist() == [0.3, 0.3]
    assert axes[1, 0].get_ylabel() == "absolute correlation\nlayer 2"
    assert axes[1, 1].get_xlabel() == "dropout probability"


def test_clouds_have_a_dot_for_each_layer_of_each_network(layers):
    points = layers.assign(upstream=layers["strength"], downstream=0.5)
    figure = redundancy.draw_clouds(points)
    axes = np.reshape(figure.axes, (2, 2))
    assert [ax.get_title() for ax in axes[0]] == ["upstream methods", "downstream methods"]
    for (row, column), ax in np.ndenumerate(axes):
        here = 0.1 * (row + 1)
        for color, kind in ((GREY, "untrained"), (BLACK, "dropout"), (GREEN, "l2")):
            q = KINDS[kind] if column == 0 else [0.5, 0.5]
            expected = {
                (round(here + 0.01 * place, 9), q[place]) for place in range(len(KINDS[kind]))
            }
            assert {(round(x, 9), y) for x, y in clouds(ax)[color]} == expected
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["untrained", "dropout", "L2"]


def test_stronger_dots_are_darker(layers):
    ax = redundancy.draw_clouds(layers.assign(upstream=0.5, downstream=0.5)).axes[0]
    (dots,) = [dots for dots in ax.collections if colors.to_hex(dots.get_facecolor()[0]) == BLACK
               and len(dots.get_offsets())]  # fmt: skip
    # The first and the second of two strengths, two seeds each.
    np.testing.assert_allclose(dots.get_alpha(), [0.625, 0.625, 1.0, 1.0])


def test_copies_are_rings_before_the_clouds_of_real_layers(layers):
    real = layers.query("layer == 1").assign(measure="covariance", q=0.2)
    real = pd.concat([real, real.assign(measure="input_sensitivity", q=0.4)])
    copies = pd.DataFrame(
        {
            "nearest_correlation": [0.3, 0.9], "effective_dimension": [9.0, 2.0],
            "covariance": [0.125, 0.625], "input_sensitivity": [0.25, 0.75],
        }
    )  # fmt: skip
    axes = np.reshape(redundancy.draw_copies(real, copies).axes, (2, 2))
    for row, start in enumerate((0.125, 0.25)):
        for column, x in enumerate(([0.3, 0.9], [9.0, 2.0])):
            (rings,) = axes[row, column].lines
            assert rings.get_xdata().tolist() == x
            assert rings.get_ydata().tolist() == [start, start + 0.5]
            assert rings.get_markerfacecolor() == "white"
            assert set(clouds(axes[row, column])) == {GREY, BLACK, GREEN}
            assert {y for dots in clouds(axes[row, column]).values() for _, y in dots} == {
                0.2 * (row + 1)
            }
    assert axes[1, 0].get_xlabel() == "nearest correlation"
    assert axes[1, 0].get_ylabel() == "modularity Q\ninput sens., norm."
