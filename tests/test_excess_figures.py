"""Figures of excess over chance: what is drawn and counted is read back from them."""

from itertools import product

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import colors
from matplotlib import pyplot as plt

from experiments.report.chapters import excess
from experiments.report.estimates import Estimate
from modlib import plotting
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import MEASURES, METHODS

SETTINGS = {"l2": (1e-5, 1e-3), "dropout": (0.1, 0.4)}
NAMES = list(MEASURES)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def nulls():
    """Q is 0.1 by measure and 0.2 by strength, and rotations have 0.05 less than the strength."""
    rows = []
    for (kind, strengths), seed, layer, convention, null in product(
        SETTINGS.items(), (1, 2), (1, 2), CONVENTIONS, ("rotation", "shuffle")
    ):
        for place, strength in enumerate(strengths):
            for measure, normalized in METHODS:
                q = 0.1 * NAMES.index(measure) + 0.2 * place + 0.02 * seed
                rows.append({
                    "network": f"{kind}-{strength:g}-{seed}", "regularizer": kind,
                    "strength": strength, "seed": seed, "layer": layer, "measure": measure,
                    "normalized": normalized, "convention": convention, "null": null, "q": q,
                    "null_mean": q - 0.2 * place - 0.05 * (null == "shuffle"),
                    "p": 0.05 if place and layer == 1 else 0.5,
                })  # fmt: skip
    return pd.DataFrame(rows)


def test_excess_is_q_less_its_mean_under_one_null_model(nulls):
    rotated, shuffled = (excess.over(nulls, name) for name in ("rotation", "shuffle"))
    assert len(rotated) == len(shuffled) == len(nulls) / 2
    # By rotation the strength is what is left, 0 or 0.2; a shuffle leaves 0.05 more.
    np.testing.assert_allclose(sorted(set(rotated["excess"].round(9))), [0, 0.2])
    np.testing.assert_allclose(sorted(set(shuffled["excess"].round(9))), [0.05, 0.25])


def test_a_method_is_averaged_over_layers_and_networks_with_draws_of_seeds(nulls):
    found = excess.by_method(excess.over(nulls, "rotation"), "q")
    assert set(found) == {(c, *method) for c, method in product(CONVENTIONS, METHODS)}
    # Strengths add 0.1 on average, seeds 1 and 2 add 0.03, and are all that is drawn.
    own = found["printed", "output_sensitivity", False]
    assert own == pytest.approx((0.33, 0.32, 0.34))


def test_a_method_counts_each_network_once_however_many_layers_it_has(nulls):
    rotated = excess.over(nulls, "rotation")
    fewer = rotated[(rotated["strength"] != 0.4) | (rotated["layer"] == 1)]
    found = excess.by_method(fewer, "q")["released", "covariance", True]
    assert found.value == pytest.approx(0.13)


def test_levels_count_the_p_values_there_can_be():
    figure = excess.draw_levels({"planted": np.full(3, 0.25), "rotated": np.array([0.5, 1])}, 3)
    planted, rotated = figure.axes
    assert [bar.get_height() for bar in planted.patches] == [3, 0, 0, 0]
    assert [bar.get_height() for bar in rotated.patches] == [0, 1, 0, 1]
    # With three draws no p value can be low.
    assert [ax.get_title() for ax in figure.axes] == [
        "planted: 0 % are 0.05 or less", "rotated: 0 % are 0.05 or less",
    ]  # fmt: skip
    many = excess.draw_levels({"planted": np.array([0.05, 0.05, 0.1, 0.05])}, 19)
    assert many.axes[0].get_title() == "planted: 75 % are 0.05 or less"
    # By chance each of four values has a fourth of the layers.
    assert [ax.lines[0].get_ydata()[0] for ax in figure.axes] == [0.75, 0.5]


def test_strengths_stand_by_regulariser_and_the_highest_is_named(nulls):
    rotated = excess.over(nulls, "rotation").query("not normalized")
    is_one = (rotated["measure"] == "loss_hessian") & (rotated["strength"] == 0.4)
    rotated.loc[is_one & (rotated["convention"] == "released"), "excess"] += 0.1
    rotated.loc[is_one & (rotated["convention"] == "printed"), "excess"] += 0.5
    rotated.loc[rotated["regularizer"] == "l2", "excess"] = 0.01
    axes = np.reshape(excess.draw_strengths(rotated, "released").axes, (2, 2))
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["modularity Q", "excess"]
    curves = {
        line.get_label(): line.get_ydata() for line in axes[0, 1].lines if line.get_marker() == "."
    }
    assert list(curves) == [plotting.NAMES[name] for name in MEASURES]
    for place, drawn in enumerate(curves.values()):
        np.testing.assert_allclose(drawn, [0.1 * place + 0.03, 0.1 * place + 0.23])
    assert [text.get_text() for text in axes[1, 1].texts] == ["loss Hessian +0.30"]
    assert not axes[0, 1].texts  # only an excess is named
    assert not axes[1, 0].texts  # and only if it is any
    printed = np.reshape(excess.draw_strengths(rotated, "printed").axes, (2, 2))
    # 0.7 is more than three times the 0.2 of the others.
    told = [text.get_text() for text in printed[1, 1].texts]
    assert told == ["loss Hessian +0.70", "others ≤ +0.20"]
    assert {ax.get_ylim() for ax in printed.flat} == {ax.get_ylim() for ax in axes.flat}
    (band,) = axes[1, 0].patches
    assert (band.get_y(), band.get_height()) == (-excess.NO_MORE, 2 * excess.NO_MORE)


def estimates(shift: float) -> dict[tuple[str, str, bool], Estimate]:
    found = {}
    for convention, (measure, normalized) in product(CONVENTIONS, METHODS):
        value = shift + 0.1 * NAMES.index(measure) + 0.5 * normalized
        value += 0.01 * (convention == "released")
        found[convention, measure, normalized] = Estimate(value, value - 0.01, value + 0.02)
    return found


def dots(ax, marker):
    """Place, row and filling of what is marked so."""
    return [
        (round(float(line.get_xdata()[0]), 9), int(line.get_ydata()[0]),
         colors.to_hex(line.get_markerfacecolor()))
        for line in ax.lines if line.get_marker() == marker
    ]  # fmt: skip


def test_raw_and_normalised_excess_stand_in_the_row_of_their_measure():
    figure = excess.draw_normalized(estimates(0.0))
    for shift, ax in zip((0, 0.01), figure.axes, strict=True):
        expected = []
        for row, measure in enumerate(MEASURES):
            full = plotting.COLORS[measure].lower()
            expected += [(round(0.1 * row + shift, 9), row, full)]
            expected += [(round(0.1 * row + 0.5 + shift, 9), row, "#ffffff")]
        assert dots(ax, "o") == expected
    ends = [tuple(line.get_xdata()) for line in figure.axes[0].lines if line.get_linewidth() == 3]
    assert ends[0] == pytest.approx((-0.01, 0.02))
    assert [text.get_text() for text in figure.legends[0].texts] == ["raw", "normalised"]


def test_units_stand_beside_what_chance_gives_and_all_of_them_are_seen():
    chance = {"rotated": estimates(-0.3), "shuffled": estimates(0.9)}
    figure = excess.draw_chance(estimates(0.0), chance)
    printed, released = figure.axes
    assert [place for place, _, _ in dots(printed, "o")] == [0, 0.1, 0.2, 0.3]
    assert [place for place, _, _ in dots(released, "D")] == [-0.29, -0.19, -0.09, 0.01]
    assert [place for place, _, _ in dots(released, "X")] == [0.91, 1.01, 1.11, 1.21]
    for ax in figure.axes:
        low, high = ax.get_xlim()
        assert low < -0.3
        assert high > 1.21
    assert [ax.get_title() for ax in figure.axes] == ["as printed", "as released"]


def test_a_table_of_settings_has_means_by_layer_and_measure(nulls):
    rotated = excess.over(nulls, "rotation").query("not normalized and convention == 'printed'")
    table = excess.settings_table(rotated, {"weak": ("l2", 1e-5), "strong": ("dropout", 0.4)})
    assert len(table) == 2 * 2 * 4
    assert table.loc["strong", "layer 1", "loss Hessian"].to_dict() == pytest.approx(
        {"Q": 0.53, "rotated": 0.33, "excess": 0.2, "p ≤ .05 (%)": 100}
    )
    assert table.loc["weak", "layer 2", "covariance"].to_dict() == pytest.approx(
        {"Q": 0.03, "rotated": 0.03, "excess": 0, "p ≤ .05 (%)": 0}
    )
