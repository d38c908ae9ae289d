"""Tests of chapters.wiring: what is compared with what, and where it is drawn."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import wiring
from modlib import plotting
from modlib.similarity.measures import METHODS


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_weights_come_layer_by_layer_without_biases():
    state = {
        "layers.0.weight": torch.tensor([[0.5, -1.0]]),
        "layers.0.bias": torch.tensor([7.0]),
        "layers.1.weight": torch.tensor([[2.0], [3.0]]),
        "layers.1.bias": torch.tensor([8.0, 9.0]),
    }
    first, second = wiring.weight_matrices(state)
    assert first.dtype == second.dtype == np.float64
    assert (first.tolist(), second.tolist()) == ([[0.5, -1.0]], [[2.0], [3.0]])


def test_every_clustering_of_weights_meets_every_method_whatever_the_order_of_rows():
    ours, theirs = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 1, 0, 0, 1])
    rows = pd.DataFrame(METHODS, columns=["measure", "normalized"])
    rows["labels"] = [ours] + [theirs] * 7  # the first method finds ours
    found = wiring.compare({"incoming": ours, "graph": theirs}, rows[::-1])
    assert found["weights"].tolist() == ["incoming"] * 8 + ["graph"] * 8
    assert found[["measure", "normalized"]].apply(tuple, axis=1).tolist() == [*METHODS, *METHODS]
    assert found["looks"].tolist() == 2 * (["upstream"] * 4 + ["downstream"] * 4)
    # Overlaps are 1, 2, 2, 1: (1 + 4 + 4 + 1) / 3 / 6 = 5/9. By chance the 20 ways to draw three
    # units give 1 twice, and 5/9 in all other cases: 0.6.
    low = (5 / 9 - 0.6) / 0.4
    np.testing.assert_allclose(found["agreement"], [1] + 7 * [low] + [low] + 7 * [1])


def one_row(kind="both", measure="covariance", normalized=False, layer=1, agreement=0.5, **rest):
    looks = "upstream" if measure in ("covariance", "input_sensitivity") else "downstream"
    return {
        "weights": kind, "measure": measure, "normalized": normalized, "layer": layer,
        "looks": looks, "agreement": agreement, **rest,
    }  # fmt: skip


def test_a_dot_is_the_mean_of_networks_on_the_line_of_its_kind():
    compared = pd.DataFrame(
        [
            one_row("incoming", agreement=0.2),
            one_row("incoming", agreement=0.4),
            one_row("graph", "loss_hessian", True, layer=2, agreement=-0.1),
            one_row("graph", "loss_hessian", True, layer=2, agreement=0.5),
        ]
    )
    figure = wiring.draw_by_kind(compared)
    first, second = figure.axes
    assert [ax.get_title() for ax in figure.axes] == ["hidden layer 1", "hidden layer 2"]
    dot, (bar,) = first.containers[0].lines[0], first.containers[0].lines[2]
    # The first of eight methods stands 3.5 steps of 0.09 above the line of its kind.
    np.testing.assert_allclose([dot.get_xdata()[0], dot.get_ydata()[0]], [0.3, 0 - 0.315])
    assert dot.get_markerfacecolor() == plotting.COLORS["covariance"]
    # The standard error of 0.2 and 0.4 is 0.1.
    np.testing.assert_allclose(bar.get_segments()[0][:, 0], [0.2, 0.4])
    dot = second.containers[0].lines[0]
    np.testing.assert_allclose([dot.get_xdata()[0], dot.get_ydata()[0]], [0.2, 3 + 0.315])
    assert dot.get_markerfacecolor() == "white"
    assert [text.get_text() for text in first.get_yticklabels()] == list(wiring.KINDS)
    assert first.get_ylim()[0] > first.get_ylim()[1]  # the first kind stands on top
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == list(plotting.NAMES.values())


def test_above_each_row_stands_the_side_that_agrees_better():
    compared = pd.DataFrame(
        [
            one_row("incoming", agreement=0.5),
            one_row("incoming", "loss_hessian", agreement=0.1),
            one_row("incoming", "output_sensitivity", agreement=0.3),
            one_row("graph", agreement=0.0),
            one_row("graph", "loss_hessian", agreement=0.25),
            one_row("both", agreement=0.4),  # nothing to hold it against
        ]
    )
    (ax,) = wiring.draw_by_kind(compared).axes
    notes = {text.get_text(): (text.xy[1], text.get_color()) for text in ax.texts}
    assert notes == {
        "upstream by 0.30": (0 - 0.38, plotting.SIDE_COLORS["upstream"]),
        "downstream by 0.25": (3 - 0.38, plotting.SIDE_COLORS["downstream"]),
    }


def test_sides_are_drawn_against_strength_with_their_levels_before_training():
    rows = [
        one_row(agreement=0.2, regularizer="l2", strength=1e-4),
        one_row(agreement=0.4, regularizer="l2", strength=1e-4, normalized=True),
        one_row(agreement=0.9, regularizer="l2", strength=1e-2),
        one_row("graph", "loss_hessian", agreement=-0.2, regularizer="dropout", strength=0.5),
        one_row(agreement=0.1, regularizer="untrained", strength=0.0),
        one_row("incoming", agreement=0.7, regularizer="l2", strength=1e-3),  # is not drawn
    ]
    # The other sides of both kinds need a row each.
    rows += [
        one_row(kind, measure, agreement=0.0, regularizer="l1", strength=1e-3)
        for kind in ("both", "graph")
        for measure in ("covariance", "loss_hessian")
    ]
    figure = wiring.draw_by_strength(pd.DataFrame(rows))
    axes = np.reshape(figure.axes, (2, 3))
    level, line, _, other = axes[0, 0].lines
    assert list(level.get_ydata()) == [0.1, 0.1]
    assert level.get_linestyle() == ":"
    assert list(line.get_xdata()) == [1e-4, 1e-2]
    np.testing.assert_allclose(line.get_ydata(), [0.3, 0.9])
    assert not len(other.get_xdata())  # no downstream network under L2
    np.testing.assert_allclose(axes[1, 2].lines[3].get_ydata(), [-0.2])
    assert [ax.get_xlabel() for ax in axes[0]] == ["", "", ""]
    assert [ax.get_xlabel() for ax in axes[1]] == [
        "L2 penalty",
        "L1 penalty",
        "dropout probability",
    ]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["upstream", "downstream"]
