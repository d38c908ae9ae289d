"""Tests of experiments.report.figures: what is drawn is read back from the figure."""

import subprocess
import sys

import matplotlib as mpl
import nbformat
import numpy as np
import papermill
import pytest

mpl.use("Agg")

from matplotlib import colors
from matplotlib.figure import Figure

from experiments.report import figures
from modlib import plotting


@pytest.fixture
def ax():
    return Figure().add_subplot()  # of no global list of figures


# ---------------------------------------------------------------------------------------- history


def test_history_draws_both_losses_and_marks_the_kept_epoch(ax):
    history = [
        {"train_loss": 3.0, "validation_loss": 2.5}, {"train_loss": 2.0, "validation_loss": 1.5},
        {"train_loss": 1.0, "validation_loss": 1.75},
    ]  # fmt: skip
    assert figures.draw_history(ax, history, 2, "black") is ax
    training, validation, dot = ax.lines
    np.testing.assert_array_equal(training.get_xydata(), [[1, 3], [2, 2], [3, 1]])
    np.testing.assert_array_equal(validation.get_xydata(), [[1, 2.5], [2, 1.5], [3, 1.75]])
    np.testing.assert_array_equal(dot.get_xydata(), [[2, 1.5]])
    assert training.get_linewidth() < validation.get_linewidth()


def test_the_history_of_an_untrained_network_is_empty(ax):
    assert figures.draw_history(ax, [], 0, "black") is ax
    assert all(len(line.get_xdata()) == 0 for line in ax.lines)


# ------------------------------------------------------------------------------------------- style


def test_drawing_leaves_the_global_settings_alone(ax):
    before = dict(mpl.rcParams)
    figures.draw_history(ax, [], 0, "black")
    figures.draw_bands(ax, 1.0, 0.1)
    assert dict(mpl.rcParams) == before


def test_the_style_is_switched_on_by_a_call():
    with mpl.rc_context():
        mpl.rcParams["font.size"] = 33
        figures.use_style()
        assert {key: mpl.rcParams[key] for key in figures.STYLE} == figures.STYLE


def test_importing_changes_no_settings():
    code = (
        "import matplotlib as mpl; mpl.use('Agg'); before = dict(mpl.rcParams);"
        "import experiments.report.figures; assert dict(mpl.rcParams) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -------------------------------------------------------------------------------------- all runs


def test_runs_are_drawn_each_by_itself_with_their_mean_and_those_dropped_crossed(ax):
    strength, values = np.array([1e-5, 1e-3]), np.array([[1.0, 3.0, 5.0], [2.0, 4.0, 9.0]])
    dropped = np.array([[False, False, False], [False, True, False]])
    figures.draw_runs(
        ax, strength, values, np.array([3.0, 5.0]), np.array([1.0, 2.0]), regularizer="l2",
        dropped=dropped,
    )  # fmt: skip
    thin = [line for line in ax.lines if line.get_linewidth() < 1]
    np.testing.assert_array_equal([line.get_ydata() for line in thin], values.T)
    ((mean, _, _),) = ax.containers
    assert mean.get_ydata().tolist() == [3, 5]
    assert mean.get_linewidth() > 1
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    drawn = np.array([line.get_ydata() for line in crosses])
    assert drawn[~np.isnan(drawn)].tolist() == [4]
    assert ax.get_xscale() == "log"


def test_runs_without_dropped_networks_have_no_crosses(ax):
    figures.draw_runs(
        ax, np.array([0.1]), np.ones((1, 2)), np.ones(1), np.zeros(1), regularizer="dropout"
    )
    assert not [line for line in ax.lines if line.get_marker() == "x"]
    assert ax.get_xscale() == "linear"


# -------------------------------------------------------------------------------- against strength


@pytest.mark.parametrize(
    ("regularizer", "scale"), [("l2", "log"), ("l1", "log"), ("dropout", "linear")]
)
def test_a_mean_is_drawn_with_its_error_on_the_scale_of_its_regularizer(ax, regularizer, scale):
    strength, mean, error = np.array([0.1, 0.2, 0.4]), np.array([1.0, 2.0, 3.0]), np.full(3, 0.5)
    style = plotting.method_style("loss_hessian", True)
    figures.draw_against_strength(ax, strength, mean, error, regularizer=regularizer, **style)
    (line,), (shade,) = ax.lines, ax.collections
    np.testing.assert_array_equal(line.get_xydata(), np.column_stack([strength, mean]))
    assert (line.get_color(), line.get_linestyle()) == (plotting.COLORS["loss_hessian"], "--")
    assert colors.same_color(shade.get_facecolor()[0][:3], line.get_color())
    assert shade.get_datalim(ax.transData).intervaly.tolist() == [0.5, 3.5]
    assert ax.get_xscale() == scale
    assert ax.get_xlabel() == figures.REGULARIZER_NAMES[regularizer]


def test_bands_lie_one_two_and_three_deviations_around_the_centre(ax):
    figures.draw_bands(ax, 5.0, 2.0)
    heights = [(patch.get_y(), patch.get_y() + patch.get_height()) for patch in ax.patches]
    assert sorted(heights) == [(-1, 11), (1, 9), (3, 7)]
    assert ax.lines[0].get_ydata() == [5.0, 5.0]


# -------------------------------------------------------------------------------------- notebooks


def drawn_in_a_notebook(folder) -> str:
    """A figure as the book shows it: an SVG among the outputs of an executed cell."""
    cell = """
%matplotlib inline
from matplotlib import pyplot as plt
from experiments.report import figures
figures.use_style()
plt.plot([1, 2])
plt.show()
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    nbformat.write(notebook, folder / "figure.ipynb")
    run = papermill.execute_notebook(
        folder / "figure.ipynb", None, progress_bar=False, kernel_name="python3", start_timeout=600
    )
    (figure,) = [o.data["image/svg+xml"] for o in run.cells[0].outputs if "data" in o]
    return figure


def test_the_same_figure_is_the_same_to_the_byte_whenever_it_is_drawn(tmp_path):
    assert drawn_in_a_notebook(tmp_path) == drawn_in_a_notebook(tmp_path)


@pytest.mark.parametrize(
    ("strength", "text"),
    [
        (10**-4.5, "3.2e-5"), (1e-5, "1e-5"), (0.01, "1e-2"), (0.1, "0.1"), (0.95, "0.95"),
        (0.0, "0"),
    ],
)  # fmt: skip
def test_a_strength_is_written_with_two_digits(strength, text):
    assert figures.strength_text(strength) == text


def test_the_axis_of_a_penalty_is_written_for_people(ax):
    figures.draw_against_strength(ax, np.array([1e-5, 1e-3]), np.ones(2), regularizer="l1")
    ax.figure.canvas.draw()
    assert {"1e-5", "1e-4", "1e-3"} <= {label.get_text() for label in ax.get_xticklabels()}


@pytest.mark.parametrize(
    ("place", "at"),
    [("upper left", (0.03, 0.97)), ("center left", (0.03, 0.5)), ("lower right", (0.97, 0.03))],
)
def test_a_note_stands_in_its_corner_whatever_the_scale(ax, place, at):
    ax.set(xlim=(5, 9), yscale="log", ylim=(1e-3, 1))
    figures.write_note(ax, "up to 3", place)
    (text,) = ax.texts
    assert (text.get_text(), text.get_position()) == ("up to 3", at)
    inside = ax.get_window_extent().get_points()
    box = text.get_window_extent().get_points()
    assert (inside[0] < box[0]).all()
    assert (box[1] < inside[1]).all()


@pytest.mark.parametrize(
    ("network", "title"),
    [
        ("l2-1e-05-0", "L2 penalty 1e-5"),
        ("l1-0.000316228-12", "L1 penalty 3.2e-4"),
        ("dropout-0.5-3", "dropout 0.5"),
        ("dropout-0.05-0", "dropout 0.05"),
        ("untrained-0-7", "untrained"),
    ],
)
def test_a_network_is_named_in_words(network, title):
    assert figures.network_title(network) == title
