"""What a sweep cost and what larger ones would: sums and schedules by hand, figures read back."""

import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import costs

HOUR = 3600.0


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def manifest():
    """Two runs: of two networks with dropout, and of four that were not trained."""

    def run(regularizer, seeds, wall, seconds, cpu_seconds):
        parameters = {"regularizer": regularizer, "seeds": seeds}
        return {"parameters": parameters, "n_parts": len(seeds), "cpu_seconds": cpu_seconds,
                "seconds": seconds | {"wall": wall}}  # fmt: skip

    return {
        "runs": {
            "one": run("dropout", [0, 1], 130.0, {"training": 100.0, "best": 20.0},
                       {"training": 80.0, "best": 16.0}),
            "two": run("untrained", [0, 1, 2, 3], 45.0,
                       {"best": 36.0, "nulls": 3.0, "lesions": 1.0},
                       {"best": 35.0, "nulls": 3.0, "factors": 0.5, "synergy": 0.5}),
        }
    }  # fmt: skip


@pytest.fixture
def runs(manifest):
    return costs.seconds_of_runs(manifest)


# ------------------------------------------------------------------------------------------- costs


def test_stages_are_told_by_the_processor_and_the_rest_by_the_wall(runs):
    assert runs["networks"].tolist() == [2, 4]
    assert runs["training"].tolist() == [80, 0]
    assert runs["best"].tolist() == [16, 35]
    assert runs["chance"].tolist() == [0, 3.5]
    assert runs["cause"].tolist() == [0, 0.5]
    # 130 s by the wall, of which stages took 120; 45 s, of which they took 40.
    assert runs["rest"].tolist() == [10, 5]
    assert runs["all"].tolist() == [106, 44]


def test_bill_adds_up_runs_and_shares_it_among_networks(runs):
    bill = costs.bill(runs)
    assert list(bill.index) == list(costs.STAGES)
    assert bill.loc["best", "minutes"] == pytest.approx(51 / 60)
    assert bill.loc["best", "seconds per network"] == pytest.approx(51 / 6)
    assert bill.loc["best", "share (%)"] == pytest.approx(100 * 51 / 150)
    assert bill["share (%)"].sum() == pytest.approx(100)


# --------------------------------------------------------------------------------------- estimates


@pytest.mark.parametrize(
    ("tasks", "n_workers", "expected"),
    [
        ([3, 1, 2], 1, 6),
        ([3, 1, 2], 2, 3),  # 3 beside 2 and 1
        ([1, 1, 1, 3], 2, 3),  # the longest first: last, it would end at 4 or 5
        ([2, 2, 2], 2, 4),
        ([5, 1], 10, 5),
    ],
)
def test_each_free_worker_takes_the_longest_task_that_is_left(tasks, n_workers, expected):
    seconds = [task * HOUR for task in tasks]
    assert costs.wall_hours(seconds, n_workers) == expected


def test_the_schedule_is_at_most_a_third_above_the_best_there_is():
    """Graham's theorem of 1969: longest first needs at most 4/3 - 1/(3 m) times the optimum."""
    random, n_workers = np.random.default_rng(0), 2
    for _ in range(20):
        tasks = random.integers(1, 20, size=7)
        loads = [
            max(tasks[np.array(part, bool)].sum(), tasks[~np.array(part, bool)].sum())
            for part in itertools.product((0, 1), repeat=len(tasks))
        ]
        found = costs.wall_hours(tasks * HOUR, n_workers)
        assert min(loads) <= found <= min(loads) * (4 / 3 - 1 / (3 * n_workers)) + 1e-9


def test_sweeps_of_more_runs_and_fewer_workers_take_longer(runs):
    hours = costs.hours_of_sweeps(runs, times=[1, 10], workers=[1, 2])
    assert hours.loc[1, 1] == pytest.approx(150 / HOUR)
    assert hours.loc[2, 1] == pytest.approx(106 / HOUR)  # the longer run
    assert hours.loc[1, 10] == pytest.approx(1500 / HOUR)
    assert hours.loc[2, 10] == pytest.approx(750 / HOUR)  # ten runs of both kinds part evenly


def test_estimates_set_the_sizes_side_by_side(runs):
    hours = costs.hours_of_sweeps(runs, times=[1, 1000], workers=[2])
    table = costs.estimates(hours, runs, {"weights": costs.GIB / 2})
    assert list(table) == ["size 1", "size 1,000"]
    assert table.loc["networks"].tolist() == [6, 6000]
    assert table.loc["settings"].tolist() == [2, 2000]
    assert table.loc["core hours"].tolist() == pytest.approx([150 / HOUR, 150_000 / HOUR])
    # The longer run, of 106 s; and half of 150,000 s.
    told = table.loc["hours on 2 workers"].tolist()
    assert told == pytest.approx([106 / HOUR, 75_000 / HOUR])
    assert table.loc["weights (GiB)"].tolist() == [0.5, 500]


# ----------------------------------------------------------------------------------------- figures


def test_bars_of_a_network_stand_end_to_end(runs):
    figure = costs.draw_stages(runs)
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["untrained", "dropout"]
    bars = dict(zip(costs.STAGES, ax.containers, strict=True))
    assert [bar.get_width() for bar in bars["training"]] == [0, 40]
    assert [bar.get_width() for bar in bars["best"]] == [35 / 4, 8]
    assert [bar.get_x() for bar in bars["best"]] == [0, 40]
    ends = [bar.get_x() + bar.get_width() for bar in bars["rest"]]
    assert ends == pytest.approx([44 / 4, 106 / 2])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(costs.STAGES)


def test_curves_of_sweeps_fall_to_the_line_of_the_longest_run():
    hours = pd.DataFrame({1: [4.0, 2.0], 10: [40.0, 20.0]}, index=[1, 2])
    (ax,) = costs.draw_workers(hours, n_networks=370, longest=0.5).axes
    curves = {line.get_label(): line.get_xydata().tolist() for line in ax.lines[:2]}
    assert curves == {
        "370 networks": [[1, 4], [2, 2]], "3,700 networks": [[1, 40], [2, 20]],
    }  # fmt: skip
    assert ax.lines[2].get_ydata()[0] == 0.5
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
