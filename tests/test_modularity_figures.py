"""Figures of modularity against strength: what is drawn is read back from them."""

from itertools import product

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import colors
from matplotlib import pyplot as plt

from experiments.report.chapters import modularity
from modlib import plotting
from modlib.similarity.measures import MEASURES, METHODS

KINDS = {"dropout": (0.1, 0.4), "l2": (1e-5, 1e-3), "untrained": (0.0,)}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def modules():
    """Q tells its place: strength and method add to it, and two seeds differ by 0.02."""
    rows = [
        {
            "regularizer": kind, "strength": strength, "seed": seed, "layer": 1,
            "measure": measure, "normalized": normalized, "family": MEASURES[measure].side,
            "q": 0.1 * place + list(MEASURES).index(measure) + 0.5 * normalized + 0.02 * seed,
        }
        for kind, strengths in KINDS.items()
        for place, strength in enumerate(strengths)
        for seed, (measure, normalized) in product((0, 1), METHODS)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def lines(ax):
    """The curves of a panel, without level lines."""
    return [
        line for line in ax.lines if len(set(line.get_xdata())) == 2 and line.get_marker() == "."
    ]


def test_regularisers_are_listed_in_the_order_of_the_paper(modules):
    assert modularity.regularizers_in(modules) == ["l2", "dropout"]


def test_headline_has_a_curve_for_each_family_raw_and_normalised(modules):
    agreement = np.eye(8)
    axes = modularity.draw_headline(modules, agreement, 5.0).axes
    assert len(axes) == 3  # two regularisers, and agreement
    drawn = {
        (colors.to_hex(line.get_color()), line.get_linestyle()): line.get_xydata().tolist()
        for line in lines(axes[0])
    }
    up, down = (color.lower() for color in modularity.FAMILY_COLORS.values())
    # Upstream measures are the first two, of Q 0 and 1, downstream ones of 2 and 3; seeds add 0.01.
    start = {(up, "-"): 0.51, (up, "--"): 1.01, (down, "-"): 2.51, (down, "--"): 3.01}
    assert set(drawn) == set(start)
    for key, q in start.items():
        np.testing.assert_allclose(drawn[key], [[1e-5, q], [1e-3, q + 0.1]])
    assert axes[0].get_xscale() == "log"
    assert axes[1].get_xscale() == "linear"


def test_the_highest_mean_is_that_of_any_frame_with_its_error(modules):
    # Normalised downstream measures of the last strength: 0.1 + (2 + 3) / 2 + 0.5, seeds differ by
    # 0.02, so a mean of 3.11 and a standard error of 0.01 over two networks.
    assert modularity.highest_mean(modules) == pytest.approx(3.12)
    lower = modules.assign(q=modules["q"] - 1)
    assert modularity.highest_mean(lower, modules, lower) == pytest.approx(3.12)
    limits = [
        modularity.draw_headline(modules, np.eye(8), highest).axes[0].get_ylim()[1]
        for highest in (3.12, 6.24)
    ]
    assert limits[0] > 3.12
    assert limits[1] == pytest.approx(2 * limits[0])


def test_headline_names_the_families_beside_their_blocks(modules):
    agreement = np.arange(64.0).reshape(8, 8) / 64
    ax = modularity.draw_headline(modules, agreement, 5.0).axes[-1]
    np.testing.assert_array_equal(ax.images[0].get_array(), agreement)
    # Rows 0 to 3 look upstream, 4 to 7 downstream: their middles.
    words = {
        text.get_text(): text.get_position()[1] for text in ax.texts if text.get_text().isalpha()
    }
    assert words == {"upstream": 1.5, "downstream": 5.5}


def test_headline_tells_the_highest_mean_of_each_regulariser(modules):
    axes = modularity.draw_headline(modules, np.eye(8), 5.0).axes
    # Q of 0 to 3, raw, and 0.5 more, normalised: 1.75. Seeds add 0.01, the last setting 0.1.
    assert [text.get_text() for text in axes[0].texts] == ["mean up to 1.860"]


def test_a_grid_may_tell_how_far_each_measure_rises(modules):
    frame = modules[modules["regularizer"] != "untrained"]
    axes = modularity.draw_grid({"": frame}, "q", "Q", lowest=0, n_bands=1, rises=True).axes
    assert {text.get_text() for ax in axes for text in ax.texts} == {"+0.10"}


def test_grid_has_a_row_for_each_frame_and_regulariser_and_a_column_for_each_measure(modules):
    frames = {"": modules, "\nlayer 2": modules.assign(q=modules["q"] + 10)}
    figure = modularity.draw_grid(frames, "q", "modularity Q", lowest=0, n_bands=1)
    axes = np.reshape(figure.axes, (4, 4))
    assert [ax.get_title() for ax in axes[0]] == [plotting.NAMES[name] for name in MEASURES]
    assert [ax.get_ylabel() for ax in axes[:, 0]] == [
        f"{name}{layer}"
        for layer in ("", "\nlayer 2")
        for name in ("L2 penalty", "dropout\nprobability")
    ]
    assert figure.get_supylabel() == "modularity Q"
    for (row, column), ax in np.ndenumerate(axes):
        raw, normalized = lines(ax)
        assert (raw.get_linestyle(), normalized.get_linestyle()) == ("-", "--")
        q = column + 0.01 + 10 * (row > 1)
        np.testing.assert_allclose(raw.get_ydata(), [q, q + 0.1])
        np.testing.assert_allclose(normalized.get_ydata(), [q + 0.5, q + 0.6])
        assert ax.get_facecolor()[0] == (1.0 if row < 2 else 0.95)
        assert ax.get_ylim()[0] == 0


def test_grid_shades_standard_deviations_of_untrained_networks(modules):
    figure = modularity.draw_grid({"": modules}, "q", "Q", lowest=0, n_bands=2)
    heights = sorted(patch.get_height() for patch in figure.axes[0].patches)
    # Two seeds 0.02 apart deviate by 0.01 * sqrt(2), and a band goes both ways.
    deviation = 0.01 * np.sqrt(2)
    np.testing.assert_allclose(heights, np.repeat([2, 4], 2) * deviation)


def test_grid_without_untrained_networks_has_no_bands(modules):
    trained = modules[modules["regularizer"] != "untrained"]
    figure = modularity.draw_grid({"": trained}, "q", "Q", lowest=0, n_bands=2)
    assert not any(ax.patches for ax in figure.axes)


def test_layers_stand_by_measure_and_strength_under_their_q():
    labels = np.array([0, 0, 1])
    layers = {
        (measure, strength): (np.full((3, 3), strength), labels, strength / 2)
        for measure in ("covariance", "input_sensitivity")
        for strength in (0.1, 0.5)
    }
    axes = np.reshape(modularity.draw_layers(layers).axes, (2, 2))
    assert [[ax.get_title() for ax in row] for row in axes] == [
        ["dropout 0.1\nQ = 0.05", "dropout 0.5\nQ = 0.25"], ["Q = 0.05", "Q = 0.25"],
    ]  # fmt: skip
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["covariance, norm.", "input sens., norm."]
    for ax in axes.flat:
        # One line between the modules, after the second unit.
        assert ax.collections[0].get_segments()[0][0, 1] == 1.5
    assert axes[1, 1].images[0].get_array()[0, 1] == 0.5


def test_peaks_are_of_all_methods_and_of_those_without_input_sensitivity(modules):
    both = pd.concat([modules.assign(convention=of) for of in ("printed", "released")])
    both.loc[both["convention"] == "released", "q"] *= 2
    found = modularity.peaks(both)
    assert list(found.columns) == ["l2", "dropout"]
    # By measure 0, 1, 2, 3, normalised ones 0.5 more; second strength 0.1, mean of seeds 0.01.
    means = {
        "all eight": 1.5, "without input sensitivity": (0 + 2 + 3) / 3,
        "input sensitivity": 1, "covariance": 0,
    }  # fmt: skip
    assert list(MEASURES)[1] == "input_sensitivity"
    for name, mean in means.items():
        for factor, convention in ((1, "printed"), (2, "released")):
            expected = factor * (mean + 0.25 + 0.1 + 0.01)
            assert found.loc[(convention, name)].tolist() == pytest.approx([expected] * 2)
