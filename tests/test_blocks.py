"""Kinds of pairs of methods, and matrices of their agreement."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib.figure import Figure

from experiments.report.chapters import blocks
from experiments.report.readings import PAIRS


def test_the_28_pairs_fall_into_blocks_of_4_4_4_and_16():
    found = [blocks.block_of(a.measure, b.measure) for a, b in PAIRS]
    assert [found.count(block) for block in blocks.BLOCKS] == [4, 4, 4, 16]


def test_sides_are_those_of_the_measures_whatever_their_order():
    assert blocks.side_of("covariance", "input_sensitivity") == "within upstream"
    assert blocks.side_of("loss_hessian", "output_sensitivity") == "within downstream"
    assert blocks.side_of("covariance", "covariance") == "within upstream"
    assert blocks.side_of("covariance", "loss_hessian") == "between"
    assert blocks.side_of("loss_hessian", "covariance") == "between"


def test_blocks_are_averaged_within_each_network_first():
    rows = [(block, "a", 0.0) for block in blocks.BLOCKS]
    rows += [(block, "b", value) for block in blocks.BLOCKS for value in (0.4, 0.8, 0.6)]
    frame = pd.DataFrame(rows, columns=["block", "network", "element"])
    found = blocks.by_block(frame, ["element"])
    assert list(found.index) == blocks.BLOCKS
    # Networks have 0 and 0.6: a mean of 0.3, and an error of half their distance.
    assert found["element", "mean"].tolist() == pytest.approx([0.3] * 4)
    assert found["element", "sem"].tolist() == pytest.approx([0.3] * 4)


def test_means_are_written_with_their_errors():
    means, errors = pd.Series([0.12345, 1.0], ["x", "y"]), pd.Series([0.0104, 0.2], ["x", "y"])
    assert blocks.with_errors(means, errors).to_dict() == {
        "x": "0.123 ± 0.010",
        "y": "1.000 ± 0.200",
    }


@pytest.mark.parametrize("draw", [blocks.draw_agreement, blocks.draw_change])
def test_what_is_missing_is_left_blank(draw):
    ax = Figure().add_subplot()
    matrix = np.full((8, 8), 0.25)
    np.fill_diagonal(matrix, np.nan)
    draw(ax, matrix, "a title")
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert {written[place, place] for place in range(8)} == {""}
    assert {value.lstrip("+") for place, value in written.items() if len(set(place)) == 2} == {
        "0.25"
    }
    assert ax.get_title() == "a title"


def test_names_of_methods_can_stand_upright():
    ax = Figure().add_subplot()
    blocks.draw_agreement(ax, np.eye(8), "")
    blocks.name_upright(ax)
    labels = ax.get_xticklabels()
    assert {label.get_rotation() for label in labels} == {90}
    assert [labels[0].get_text(), labels[-1].get_text()] == ["covariance", "loss Hessian, norm."]
