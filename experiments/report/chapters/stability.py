"""Figures of what a test of chance rests on: the number of inputs, and Newman's null model."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.report.figures import CONVENTION_NAMES
from modlib import plotting
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS

READINGS = {
    "q": "modularity Q",
    "excess": "excess",
    "element": "agreement with all",
}
"""What fewer inputs may change, and what figures call it."""


def by_inputs(inputs: pd.DataFrame) -> pd.DataFrame:
    """Average over layers and networks.

    Parameters
    ----------
    inputs
        Rows of the table ``inputs``.

    Returns
    -------
    pandas.DataFrame
        ``q``, ``excess`` and ``element``, by convention, measure, normalised and number of inputs.
    """
    frame = inputs.assign(excess=inputs["q"] - inputs["null_mean"])
    keys = ["convention", "measure", "normalized", "n_inputs"]
    return frame.groupby(keys)[list(READINGS)].mean()


def shifts(inputs: pd.DataFrame, column: str) -> pd.DataFrame:
    """Tell how far fewer inputs shift a mean of :func:`by_inputs` from that of all.

    Returns
    -------
    pandas.DataFrame
        A row for each number of inputs but the last, a column for each convention and method.
    """
    means = by_inputs(inputs)[column].unstack("n_inputs").T
    return means.iloc[:-1] - means.iloc[-1]


def draw_inputs(inputs: pd.DataFrame, n_used: int) -> Figure:
    """Draw Q, its excess and the agreement of modules against the number of inputs.

    Parameters
    ----------
    inputs
        Rows of the table ``inputs``: a line for each method, a row for each convention.
    n_used
        How many inputs the tables of chance take: a dotted line.
    """
    means = by_inputs(inputs)
    figure, axes = plt.subplots(
        len(CONVENTIONS), len(READINGS), figsize=(6.4, 3.8), sharex=True, sharey="col"
    )
    for convention, row in zip(CONVENTIONS, axes, strict=True):
        for (column, label), ax in zip(READINGS.items(), row, strict=True):
            for method in METHODS:
                line = means.loc[(convention, *method), column]
                _draw_method(ax, line, method)
            ax.axvline(n_used, color="0.4", linewidth=0.8, linestyle=":")
            ax.set_xscale("log")
            ax.set_title(label if ax in axes[0] else "")
        row[0].set_ylabel(CONVENTION_NAMES[convention])
    axes[0, 0].annotate(
        f"{n_used:,}", (n_used, 0.5), (2, 0), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="top", fontsize=7,
    )  # fmt: skip
    axes[0, 2].set_ylim(top=1.02)
    figure.supxlabel("number of inputs", fontsize=9)
    _name_methods(figure, axes[0, 0])
    return figure


def draw_resolutions(resolutions: pd.DataFrame) -> Figure:
    """Draw the number of modules, and their agreement with the usual ones, by resolution.

    Parameters
    ----------
    resolutions
        Rows of the table ``resolutions`` in one convention: a line for each method, a column of
        panels for each null model.
    """
    columns = {"effective": "effective number", "element": "agreement with\nthe usual modules"}
    nulls = {"configuration": "Newman's null model", "uniform": "every pair alike"}
    keys = ["null", "measure", "normalized", "resolution"]
    means = resolutions.groupby(keys)[list(columns)].mean()
    figure, axes = plt.subplots(2, len(nulls), figsize=(6.4, 3.8), sharex=True, sharey="row")
    for (column, label), row in zip(columns.items(), axes, strict=True):
        for (null, title), ax in zip(nulls.items(), row, strict=True):
            for method in METHODS:
                _draw_method(ax, means.loc[(null, *method), column], method)
            ax.set_title(title if ax in axes[0] else "")
            ax.axvline(1, color="0.4", linewidth=0.8, linestyle=":")
        row[0].set_ylabel(label)
        row[0].set_ylim(bottom=0)
    figure.supxlabel("resolution", fontsize=9)
    _name_methods(figure, axes[0, 0])
    return figure


def _draw_method(ax: Axes, line: pd.Series, method: tuple[str, bool]) -> None:
    style: dict[str, Any] = plotting.method_style(*method)
    name = plotting.NAMES[method[0]]
    ax.plot(
        np.asarray(line.index, float), line, marker=".", markersize=4,
        label="" if method[1] else name, **style,
    )  # fmt: skip


def _name_methods(figure: Figure, ax: Axes) -> None:
    """Name the colours; what is dashed, the caption says."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
