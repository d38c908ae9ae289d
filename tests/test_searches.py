"""What searches gain, the two starts, and the figures of the chapter on clustering."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from experiments.report.chapters import searches
from modlib.clustering.modules import Modules, Trace

MODULES = pd.DataFrame(
    {
        "network": ["a", "a", "b", "b"],
        "measure": ["covariance", "loss_hessian", "covariance", "loss_hessian"],
        "q": [0.30, 0.20, 0.40, 0.10],
        "q_spectral": [0.20, 0.20, 0.20, 0.10],
        "q_one_module": [0.30, 0.25, 0.40, 0.20],
    }
)
# Two pairs of units, apart but for weak links: one assignment is far better than all others.
TWO_PAIRS = np.array([[9, 5, 1, 1], [5, 9, 1, 1], [1, 1, 9, 5], [1, 1, 5, 9]])


def found(q, temperature, best):
    trace = Trace(np.array(q), np.array(temperature))
    return Modules(np.zeros(4, int), best, trace=trace)


# ------------------------------------------------------------------------------ what a step gains


def test_gains_are_by_what_the_full_algorithm_is_ahead():
    gains = searches.gains(MODULES)
    np.testing.assert_allclose(gains["q_spectral"], [0.1, 0, 0.2, 0])
    np.testing.assert_allclose(gains["q_one_module"], [0, -0.05, 0, -0.1])


def test_improvement_counts_matrices_but_averages_over_networks():
    # Means of the networks: 0.05 and 0.1; their deviation over the root of two is half of 0.05.
    found = searches.improvement(MODULES, "q_spectral")
    assert found == pytest.approx({"above": 50, "gain": 0.075, "gain-error": 0.025})


def test_losses_are_those_rows_in_which_the_alternative_ended_higher():
    np.testing.assert_allclose(searches.losses(MODULES, "q_one_module"), [0.05, 0.1])
    assert not len(searches.losses(MODULES, "q_spectral"))


# ------------------------------------------------------------------------------- the two starts


def test_zero_steps_leave_the_starts_and_some_find_the_two_pairs():
    trial = searches.from_both_starts(TWO_PAIRS, (0, 200), entropy=0.15, seed=0)
    q = trial.set_index(["start", "steps"])["q"]
    # Of 28 in all, 20 lie within pairs, and half is expected there.
    best = 20 / 28 - 1 / 2
    assert q["one cluster", 0] == pytest.approx(0)
    assert q["spectral", 0] == pytest.approx(best)
    assert q["spectral", 200] == q["one cluster", 200] == pytest.approx(best)
    assert (trial.loc[trial["steps"] == 0, "n_tied"] == 0).all()


def test_steps_with_a_tie_for_the_best_are_counted():
    # The fifth unit is as similar to one pair as to the other; the pairs hardly ever part.
    between = np.ones((5, 5))
    between[:4, :4] = [[0, 5, 0, 0], [5, 0, 0, 0], [0, 0, 0, 5], [0, 0, 5, 0]]
    trial = searches.from_both_starts(between, (100,), entropy=1e-6, seed=0)
    drawn = np.random.default_rng(0).integers(5, size=100)
    n_tied = trial.set_index("start")["n_tied"]
    assert n_tied["spectral"] == (drawn == 4).sum()


def test_unused_units_are_in_no_cluster_of_the_single_one():
    assert searches.one_cluster(np.array([0, 2, -1, 1])).tolist() == [0, 0, -1, 0]


TRIAL = pd.DataFrame(
    [
        ("a", "m", "spectral", 10, 0.4, 1), ("a", "m", "one cluster", 10, 0.2, 0),
        ("b", "m", "spectral", 10, 0.3, 0), ("b", "m", "one cluster", 10, 0.3, 0),
    ],
    columns=["network", "measure", "start", "steps", "q", "n_tied"],
)  # fmt: skip


def test_summary_of_starts_tells_who_reaches_the_best_of_each_matrix():
    summary = searches.summarize_starts(TRIAL)
    assert summary.loc[(10, "spectral")].tolist() == [0.35, 100]
    assert summary.loc[(10, "one cluster")].tolist() == [0.25, 50]


def test_lead_is_over_networks():
    # Ahead by 0.2 and by nothing.
    assert searches.lead(TRIAL, 10) == pytest.approx((0.1, 0.1))


def test_ties_are_counted_by_matrix_and_by_step():
    assert searches.ties(TRIAL) == {"matrices": 2, "with-ties": 1, "tied": 2.5}


# ---------------------------------------------------------------------------------------- figures


def test_attempts_are_drawn_sorted_with_a_line_where_the_cluster_is_split():
    matrix = np.arange(9.0).reshape(3, 3)
    matrix = matrix + matrix.T
    attempts = [
        (np.array([0, 1, 2]), np.array([0.8, -0.2, 0.5]), 0.125),
        (np.array([1]), np.array([1.0]), 0.0),
        (np.array([0, 2]), np.array([0.6, 0.8]), 0.0),
    ]
    figure = searches.draw_splits(matrix, attempts, units=np.array([4, 7, 9]))
    first, second = figure.axes[0], figure.axes[1]
    assert len(figure.axes) == 4  # a cluster of one unit is no attempt
    order = [1, 2, 0]
    np.testing.assert_array_equal(first.images[0].get_array(), matrix[np.ix_(order, order)])
    assert list(first.lines[0].get_ydata()) == [0.5, 0.5]
    assert not second.lines
    assert [first.get_title(), second.get_title()] == ["gain 0.125", "no gain"]
    below = figure.axes[2]
    assert [bar.get_height() for bar in below.patches] == [-0.2, 0.5, 0.8]
    assert [label.get_text() for label in below.get_xticklabels()] == ["7", "9", "4"]


def test_entropy_of_a_choice_has_its_limits():
    hot, cold = np.array([1e6]), np.array([1e-6])
    assert searches.entropy_of_choice([0, 1, 2], hot) == pytest.approx(np.log(3))
    assert searches.entropy_of_choice([0, 1, 2], cold) == pytest.approx(0)
    assert searches.entropy_of_choice([0, 0, 2], cold) == pytest.approx(np.log(2))


def test_the_wanted_entropy_is_crossed_without_a_tie_only():
    choices = {"none": (0, 0.02, 0.05), "two": (0, 0, 0.05)}
    (ax,) = searches.draw_entropy(choices, 0.15).axes
    none, two, wanted = ax.lines
    assert list(wanted.get_ydata()) == [0.15, 0.15]
    assert none.get_ydata().min() < 0.15 < none.get_ydata().max()
    assert two.get_ydata().min() > 0.15
    assert [none.get_label(), two.get_label()] == ["none", "two"]
    assert [text.get_text() for text in ax.texts] == ["0.15 nats"]


def test_steps_without_a_temperature_have_no_dot():
    small = found([0.1, 0.3], [0.02, 0.0], best=0.35)
    whole = found([0.2, 0.4, 0.4], [0.01, 0.03, 0.0], best=0.45)
    other = found([0.0, 0.1, 0.2], [0.0, 0.0, 0.0], best=0.2)
    left, right, cold_left, cold_right = searches.draw_paths(small, whole, other).axes
    assert cold_left.lines[0].get_xydata().tolist() == [[1, 0.02]]
    assert cold_right.lines[0].get_xydata().tolist() == [[1, 0.01], [2, 0.03]]
    best, path = left.lines
    assert list(best.get_ydata()) == [0.35, 0.35]
    assert path.get_xydata().tolist() == [[1, 0.1], [2, 0.3]]
    assert right.lines[2].get_ydata().tolist() == [0.0, 0.1, 0.2]
    assert left.get_title() == "4 units"


def test_assignments_within_a_fifth_of_the_best_are_ranked():
    q = np.array([-0.5, 0.1, 0.5, 0.39, 0.41])
    left, right = searches.draw_assignments(q, start=0.41, found=0.5).axes
    assert sum(bar.get_height() for bar in left.patches) == 5
    # Ranks 1 and 2; 0.39 is less than four fifths of 0.5.
    assert right.lines[0].get_xydata().tolist() == [[0.5, 1], [0.41, 2]]
    assert [line.get_xdata()[0] for line in right.lines[1:]] == [0.41, 0.5, 0.5]
    assert [text.get_text() for text in right.texts] == ["found: place 1\nof 5"]


def test_gains_are_drawn_as_points_and_as_falling_shares():
    upper, _, lower, _ = searches.draw_gains(MODULES).axes
    points = upper.collections[0].get_offsets()
    expected = MODULES[["q_spectral", "q"]].to_numpy()
    np.testing.assert_array_equal(np.sort(points, axis=0), np.sort(expected, axis=0))
    shares = {line.get_label(): line.get_xydata() for line in lower.lines}
    # Both matrices of the covariance gained, one 0.2 and one 0.1; of the Hessian, none.
    np.testing.assert_allclose(shares["covariance"], [[0.2, 50], [0.1, 100]])
    assert not len(shares["loss Hessian"])
