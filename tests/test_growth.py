"""How costs grow: factors by hand, and the figure read back."""

import matplotlib as mpl
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import growth


@pytest.mark.parametrize(
    ("sizes", "seconds", "factor"),
    [
        ([1, 2], [3, 3], 1),  # no growth
        ([10, 20], [1, 8], 8),  # cubic
        ([100, 400], [1, 9], 3),  # four times the size for nine times the time
        ([1, 2, 4], [7, 5, 10], 2),  # the last two count
    ],
)
def test_the_factor_per_doubling_is_of_the_last_two_sizes(sizes, seconds, factor):
    assert growth.per_doubling(pd.Series(sizes), pd.Series(seconds)) == pytest.approx(factor)


def test_table_lists_what_was_measured_and_passes_over_missing_times():
    measured = {
        "similarity_inputs": pd.DataFrame({"inputs": [10, 20, 40], "seconds": [1, 2, None]}),
        "search_units": pd.DataFrame({"units": [16, 32], "paper": [1, 4], "best": [1, 2]}),
        "something else": pd.DataFrame(),
    }
    table = growth.growth_table(measured)
    assert table[["stage", "doubled", "from", "to", "order says"]].to_numpy().tolist() == [
        ["similarity", "inputs", 10, 20, 2],
        ["clustering", "units", 16, 32, 8],
        ["best", "units", 16, 32, 2],
    ]
    assert table["time grows by"].tolist() == pytest.approx([2, 4, 2])


def test_figure_shows_milliseconds_per_input_by_units():
    tables = {
        "similarity_inputs": pd.DataFrame({"inputs": [10, 20], "seconds": [1.0, 2.0]}),
        "similarity_units": pd.DataFrame(
            {"units": [16, 32], "inputs": [100, 10], "seconds": [1.0, 0.5]}
        ),
        "search_units": pd.DataFrame({"units": [16, 32], "paper": [1.0, 3.0], "best": [2.0, 5.0]}),
    }
    inputs, units, search = growth.draw_growth(tables).axes
    assert inputs.lines[0].get_xydata().tolist() == [[10, 1], [20, 2]]
    assert units.lines[0].get_xydata().tolist() == [[16, 10], [32, 50]]
    assert {line.get_label(): line.get_ydata().tolist() for line in search.lines} == {
        "paper": [1, 3], "best": [2, 5],
    }  # fmt: skip
    assert {ax.get_xscale() for ax in (inputs, units, search)} == {"log"}
    plt.close("all")
