"""Figures of what a test of chance rests on: fewer inputs, other resolutions."""

from itertools import product

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import stability
from modlib import plotting
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def inputs():
    """With 100 inputs Q is 0.3 higher, rotations have 0.2 more, and half of the modules agree."""
    return pd.DataFrame([
        {
            "network": network, "layer": layer, "convention": convention, "measure": measure,
            "normalized": normalized, "n_inputs": n, "q": place + 0.1 * layer + 0.3 * (n == 100),
            "null_mean": 0.05 + 0.2 * (n == 100), "element": 1 - 0.5 * (n == 100),
        }
        for network, layer, convention, (place, (measure, normalized)), n in product(
            ("l2-1e-05-0", "l1-1e-05-0"), (1, 2), CONVENTIONS, enumerate(METHODS), (100, 355)
        )
    ])  # fmt: skip


def test_means_are_over_networks_and_layers(inputs):
    means = stability.by_inputs(inputs)
    assert means.loc["released", "covariance", True, 100].to_dict() == pytest.approx(
        {"q": 1.45, "excess": 1.2, "element": 0.5}
    )


def test_shifts_are_from_what_all_inputs_give(inputs):
    shifts = stability.shifts(inputs, "excess")
    assert list(shifts.index) == [100]
    assert shifts.shape[1] == len(CONVENTIONS) * len(METHODS)
    np.testing.assert_allclose(shifts, 0.1)  # 0.3 of Q, less 0.2 of rotations


def test_every_method_is_drawn_for_each_convention_and_what_is_used_is_marked(inputs):
    axes = np.reshape(stability.draw_inputs(inputs, 200).axes, (2, 3))
    assert [ax.get_title() for ax in axes[0]] == list(stability.READINGS.values())
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["as printed", "as released"]
    for ax in axes.flat:
        *lines, used = ax.lines
        assert len(lines) == len(METHODS)
        assert used.get_xdata()[0] == 200
        assert [line.get_linestyle() for line in lines[:2]] == ["-", "--"]
        assert lines[3].get_color() == plotting.COLORS[METHODS[3].measure]
    np.testing.assert_allclose(axes[0, 0].lines[1].get_xydata(), [[100, 1.45], [355, 1.15]])


def test_resolutions_stand_by_null_model():
    rows = [
        {
            "null": null, "resolution": resolution, "measure": measure, "normalized": normalized,
            "effective": place + 10 * resolution + 100 * (null == "uniform"), "element": resolution,
        }
        for null, resolution, (place, (measure, normalized)) in product(
            ("configuration", "uniform"), (0.5, 1.0), enumerate(METHODS)
        )
    ]  # fmt: skip
    axes = np.reshape(stability.draw_resolutions(pd.DataFrame(rows)).axes, (2, 2))
    assert [ax.get_title() for ax in axes[0]] == ["Newman's null model", "every pair alike"]
    np.testing.assert_allclose(axes[0, 0].lines[2].get_xydata(), [[0.5, 7], [1, 12]])
    np.testing.assert_allclose(axes[0, 1].lines[2].get_xydata(), [[0.5, 107], [1, 112]])
    np.testing.assert_allclose(axes[1, 1].lines[0].get_ydata(), [0.5, 1])
