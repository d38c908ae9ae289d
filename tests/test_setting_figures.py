"""Figures of one setting: what is drawn is what the rows say."""

from itertools import combinations
from types import SimpleNamespace

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib import pyplot as plt

mpl.use("agg")

from experiments.report.chapters.setting import draw_agreements, draw_histories, draw_modularity
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def modules():
    """Two layers, two networks: Q is 1/10 of the method's place, more by 1/100 in network 1."""
    return pd.DataFrame(
        {"layer": layer, "convention": convention, **method._asdict(),
         "q": place / 10 + network / 100, "retest": 0.9}
        for layer in (1, 2) for convention in CONVENTIONS
        for place, method in enumerate(METHODS) for network in (0, 1)
    )  # fmt: skip


def test_every_network_has_two_curves_and_a_dot_at_its_best_epoch():
    history = [{"train_loss": 3.0 / n, "validation_loss": loss}
               for n, loss in ((1, 2.5), (2, 1.5), (3, 1.75))]  # fmt: skip
    networks = [SimpleNamespace(history=history, best_epoch=2),
                SimpleNamespace(history=[], best_epoch=0)]  # fmt: skip
    (ax,) = draw_histories(networks).axes
    lines = [line.get_xydata().tolist() for line in ax.lines]
    assert lines[:2] == [[[1, 3.0], [2, 1.5], [3, 1.0]], [[1, 2.5], [2, 1.5], [3, 1.75]]]
    assert lines[2] == [[2, 1.5]]
    assert lines[3:] == [[], []]  # an untrained network has no curve


def test_bars_are_means_and_dots_are_networks(modules):
    figure = draw_modularity(modules)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [f"layer {layer}, {name}" for layer in (1, 2) for name in CONVENTIONS]
    for ax in figure.axes:
        heights = [bar.get_height() for bar in ax.patches]
        # The mean of x and x + 1/100.
        assert heights == pytest.approx([place / 10 + 0.005 for place in range(len(METHODS))])
        dots = [line.get_ydata().tolist() for line in ax.lines]
        assert dots[3] == pytest.approx([0.3, 0.31])


def test_agreement_is_the_mean_over_networks_with_retests_on_the_diagonal(modules):
    pairs = pd.DataFrame(
        {"layer": layer, "convention": convention, "measure_a": a.measure,
         "normalized_a": a.normalized, "measure_b": b.measure, "normalized_b": b.normalized,
         "element": value if convention == "printed" else 0.0}
        for layer in (1, 2) for convention in CONVENTIONS
        for a, b in combinations(METHODS, 2) for value in (0.25, 0.75)
    )  # fmt: skip
    figure = draw_agreements(pairs, modules)
    assert [ax.get_title() for ax in figure.axes] == ["layer 1", "layer 2"]
    for ax in figure.axes:
        numbers = {text.get_position(): text.get_text() for text in ax.texts}
        n = len(METHODS)
        assert len(numbers) == n * n
        assert {numbers[i, i] for i in range(n)} == {"0.90"}
        assert {numbers[i, j] for i in range(n) for j in range(n) if i != j} == {"0.50"}
