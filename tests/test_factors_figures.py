"""Figures of the two factors of input sensitivity: what is drawn is read back from them."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import factors
from experiments.report.chapters.factors import PRODUCT_COLOR, draw_factors, draw_turns

SETTINGS = {"l2": (1e-5, 1e-3), "dropout": (0.1, 0.4), "untrained": (0.0,)}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def rows():
    found = [
        {
            "regularizer": kind, "strength": strength, "seed": seed, "q": 0.5 + 0.1 * place,
            "q_weights": 0.30 + 0.02 * seed, "q_coactivity": 0.30 + 0.02 * seed + 0.3 * place,
            "activity": 0.8 - 0.3 * place,
        }
        for kind, strengths in SETTINGS.items()
        for place, strength in enumerate(strengths)
        for seed in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(found)


def test_factors_and_their_product_are_drawn_against_strength_and_the_activity_below(rows):
    axes = np.reshape(draw_factors(rows, rows).axes, (2, 2))
    for ax in axes[0]:
        curves = {line.get_label(): line for line in ax.lines if line.get_marker() == "."}
        assert list(curves) == ["their product", "weights", "co-activity"]
        np.testing.assert_allclose(curves["their product"].get_ydata(), [0.5, 0.6])
        np.testing.assert_allclose(curves["weights"].get_ydata(), [0.31, 0.31])
        np.testing.assert_allclose(curves["co-activity"].get_ydata(), [0.31, 0.61])
        assert curves["their product"].get_color() == PRODUCT_COLOR
        assert curves["weights"].get_linestyle() == "--"
        # Dotted are untrained networks, of each line one.
        dotted = [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == ":"]
        assert dotted == pytest.approx([0.5, 0.31, 0.31])
    for ax in axes[1]:
        assert ax.get_ylim() == (0, 1)
        np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.8, 0.5])
    assert [ax.get_xlabel() for ax in axes[1]] == ["L2 penalty", "dropout probability"]


def test_lines_are_named_once_where_they_end_and_names_keep_apart(rows):
    # At their ends co-activity and product are 0.61 and 0.6.
    axes = np.reshape(draw_factors(rows, rows).axes, (2, 2))
    assert not axes[0, 0].texts
    heights = {text.get_text(): text.get_position() for text in axes[0, 1].texts}
    assert set(heights) == {"their product", *(name for name, _, _ in factors.FACTORS.values())}
    places = sorted(text.xy[1] for text in axes[0, 1].texts)
    assert min(np.diff(places)) > 0.04
    assert places[0] == pytest.approx(0.31)


def test_matrices_of_a_layer_stand_in_a_row_with_its_units_sorted_by_module():
    matrix = np.array([[9.0, 1, 5], [1, 9, 2], [5, 2, 9]])
    layers = {
        "plain": {"one": matrix, "other": 2 * matrix},
        "other": {"one": matrix, "other": matrix},
    }
    labels = {"plain": np.array([0, 1, 0]), "other": np.array([0, 0, 1])}
    axes = np.reshape(draw_turns(layers, labels).axes, (2, 2))
    assert [ax.get_title() for ax in axes.flat] == ["one", "other", "", ""]
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["plain", "other"]
    # Units 0 and 2 come first in the upper row.
    assert axes[0, 0].images[0].get_array()[0, 1] == 5
    assert axes[0, 1].images[0].get_array()[0, 1] == 10
    assert axes[1, 0].images[0].get_array()[0, 1] == 1
