"""Tables and figures of how well networks do, on a handful of networks made up."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from experiments.report.chapters import performance


def network(regularizer, strength, seed, accuracy, **others):
    row = {"l2": 1e-5, "l1": 0.0, "dropout": 0.0} | {regularizer: strength}
    row |= dict.fromkeys(performance.QUANTITIES, 1.0) | {"epochs": 10 * (seed + 1)}
    row |= {"regularizer": regularizer, "strength": strength, "seed": seed}
    return row | {"test_accuracy": accuracy, "kept": accuracy >= 0.8} | others


NETWORKS = pd.DataFrame(
    [
        network("l2", 1e-4, 0, 0.92, sparsity=0.1), network("l2", 1e-4, 1, 0.94, sparsity=0.3),
        network("l2", 1e-3, 0, 0.98, sparsity=0.5), network("l2", 1e-3, 1, 0.96, sparsity=0.5),
        network("l2", 1e-2, 0, 0.90, sparsity=0.4), network("l2", 1e-2, 1, 0.90, sparsity=0.4),
        network("l2", 1e-2, 2, 0.10, sparsity=0.9, test_loss=2.3),
        network("l2", 1e-1, 0, 0.85, sparsity=0.9), network("l2", 1e-1, 1, 0.50, sparsity=0.9),
        network("dropout", 0.2, 0, 0.97), network("dropout", 0.2, 1, 0.99),
    ]
)  # fmt: skip
UNTRAINED = pd.DataFrame([network("untrained", 0.0, seed, 0.1, sparsity=0.25) for seed in (0, 1)])


def test_networks_are_held_against_the_strengths_of_a_grid():
    table = performance.describe_grid(NETWORKS, {"l2": [1e-4, 1e-3, 0.5], "dropout": [0.2]})
    l2 = table.loc["L2 penalty"]
    assert l2.to_dict() == {
        "l2": "1e-4 to 0.1", "l1": "0", "dropout": "0",
        "settings": 4, "of Table 1": "2 of 3", "networks": 9,
    }  # fmt: skip
    assert table.loc["dropout probability", "dropout"] == "0.2"


def test_a_regularizer_without_networks_is_described_by_dashes():
    table = performance.describe_grid(NETWORKS, {"l1": [1e-3]})
    assert table.loc["L1 penalty"].tolist() == ["-", "-", "-", 0, "0 of 1", 0]


def test_ends_are_of_settings_that_keep_most_of_their_networks():
    ends = performance.ends(NETWORKS).set_index(["regularizer", "end"])
    # A half is not most: the strength of 0.1 takes no part; of 0.01 only the kept networks do.
    assert ends["strength"]["l2"].to_dict() == {"weakest": 1e-4, "best": 1e-3, "strongest": 1e-2}
    assert ends["mean"]["l2"].tolist() == pytest.approx([0.93, 0.97, 0.90])
    # Two values 0.02 apart: their deviation is 0.02 / sqrt(2), the error of the mean 0.01.
    assert ends["error"]["l2"].tolist() == pytest.approx([0.01, 0.01, 0])
    assert ends["n"]["l2"].tolist() == [2, 2, 2]
    assert ends["strength"]["dropout"].tolist() == [0.2, 0.2, 0.2]
    assert "l1" not in ends.index


def test_the_sparsest_setting_is_one_that_keeps_most_of_its_networks():
    found = performance.sparsest(NETWORKS).set_index("regularizer")
    assert found.loc["l2", ["strength", "mean"]].tolist() == [1e-3, 0.5]


def test_settings_that_lost_networks_are_listed_with_the_means_of_the_lost():
    lost = performance.dropped_settings(NETWORKS)
    assert lost["strength"].tolist() == [1e-2, 1e-1]
    assert lost["networks"].tolist() == [3, 2]
    assert lost["dropped"].tolist() == [1, 1]
    assert lost["test loss of these"].tolist() == [2.3, 1.0]
    assert lost["test accuracy of these"].tolist() == [0.1, 0.5]


def test_the_limit_of_epochs_is_read_from_manifests_of_both_editions():
    flat = [{"max_epochs": limit} for limit in (20, 500, 30)]
    nested = [{"recipe": recipe} for recipe in flat]
    for edition in (flat, nested):
        runs = {str(place): {"parameters": each} for place, each in enumerate(edition)}
        assert performance.max_epochs({"runs": runs}) == 500


def test_runs_are_arranged_by_strength_and_seed():
    runs = performance.runs_of(NETWORKS, "l2", "test_accuracy")
    assert list(runs.strength) == [1e-4, 1e-3, 1e-2, 1e-1]
    missing = np.nan  # no seed 2
    expected = [[0.92, 0.94, missing], [0.98, 0.96, missing], [0.9, 0.9, 0.1], [0.85, 0.5, missing]]
    np.testing.assert_array_equal(runs.values, expected)
    assert runs.mean.tolist() == pytest.approx([0.93, 0.97, 1.9 / 3, 0.675])
    dropped = runs.dropped.to_numpy() & runs.values.notna().to_numpy()
    assert np.argwhere(dropped).tolist() == [[2, 2], [3, 1]]


@pytest.fixture
def complete():
    """Networks of every regulariser, and untrained ones."""
    l1 = pd.DataFrame([network("l1", strength, 0, 0.9) for strength in (1e-4, 1e-3)])
    return pd.concat([NETWORKS, l1, UNTRAINED], ignore_index=True)


def test_performance_has_a_row_for_each_quantity_and_a_column_for_each_regularizer(complete):
    axes = np.reshape(performance.draw_performance(complete).axes, (6, 3))
    assert [ax.get_ylabel() for ax in axes[:, 0]] == list(performance.QUANTITIES.values())
    assert [ax.get_xlabel() for ax in axes[-1]] == [
        "L2 penalty", "L1 penalty", "dropout probability"
    ]  # fmt: skip
    assert {ax.get_xlabel() for ax in axes[:-1].flat} == {""}
    assert [ax.get_yscale() for ax in axes[:, 1]] == ["log"] + 5 * ["linear"]
    heights = [line.get_ydata()[0] for line in axes[5, 0].lines]
    assert 0.25 in heights  # the sparsity of untrained networks
    assert 0.8 in [line.get_ydata()[0] for line in axes[1, 2].lines]


def test_dropped_networks_are_crossed_at_their_epochs(complete):
    axes = performance.draw_epochs(complete).axes
    crosses = [line for line in axes[0].lines if line.get_marker() == "x"]
    drawn = [line.get_xydata()[~np.isnan(line.get_ydata())].tolist() for line in crosses]
    # Seed 1 after 20 epochs, seed 2 after 30.
    assert drawn == [[], [[1e-1, 20]], [[1e-2, 30]]]
    assert axes[0].get_ylabel() == "epochs"
    assert axes[0].get_ylim()[0] == 0
