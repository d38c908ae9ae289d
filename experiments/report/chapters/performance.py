"""How well networks do, and what their weights are like: by setting, in tables and in figures."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.analysis import ENOUGH_ACCURACY
from experiments.regularizers import REGULARIZERS, UNTRAINED
from experiments.report.figures import REGULARIZER_NAMES, draw_runs, strength_text, write_note
from experiments.report.frames import by_setting, comparable

QUANTITIES = {
    "test_loss": "test loss",
    "test_accuracy": "test accuracy",
    "l1_norm": "L1 norm",
    "l2_norm": "L2 norm",
    "nuclear_norm": "nuclear norm",
    "sparsity": "sparsity",
}
"""Columns of the table of networks that are drawn, and their names in words."""
SETTING = ["regularizer", "strength"]


# ----------------------------------------------------------------------------------------- tables


def describe_grid(networks: pd.DataFrame, grid: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Hold the networks there are against the strengths that a grid asks for.

    Parameters
    ----------
    networks
        Rows of the table of networks.
    grid
        The strengths of each regulariser.

    Returns
    -------
    pandas.DataFrame
        A row for each regulariser of the grid: the ranges of ``l2``, ``l1`` and ``dropout``, the
        number of ``settings``, how many of the strengths are there, and the number of
        ``networks``.
    """
    rows = {}
    for regularizer, strengths in grid.items():
        runs = networks[networks["regularizer"] == regularizer]
        found = [np.isclose(runs["strength"], strength, atol=0).any() for strength in strengths]
        rows[REGULARIZER_NAMES[regularizer]] = {
            **{name: span(runs[name]) for name in REGULARIZERS},
            "settings": runs["strength"].nunique(),
            "of Table 1": f"{sum(found)} of {len(strengths)}",
            "networks": len(runs),
        }
    return pd.DataFrame(rows).T


def span(values: pd.Series) -> str:
    """Write the lowest and the highest of some values; one value alone, and a dash for none."""
    if not len(values):
        return "-"
    low, high = values.min(), values.max()
    ends = strength_text(low), strength_text(high)
    return ends[0] if low == high else " to ".join(ends)


def ends(networks: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy at the weakest, the best and the strongest setting of each regulariser.

    Settings that keep half of their networks or fewer are left out, and so are dropped networks.

    Parameters
    ----------
    networks
        Rows of the table of networks, trained ones.

    Returns
    -------
    pandas.DataFrame
        Three rows for each regulariser: ``end``, and the columns of
        :func:`experiments.report.frames.by_setting`.
    """
    accuracy = by_setting(comparable(networks), "test_accuracy")
    rows = []
    for regularizer in REGULARIZERS:
        curve = accuracy[accuracy["regularizer"] == regularizer]
        if not len(curve):
            continue
        places = {"weakest": 0, "best": curve["mean"].argmax(), "strongest": -1}
        rows += [{"end": end, **curve.iloc[place]} for end, place in places.items()]
    return pd.DataFrame(rows)


def sparsest(networks: pd.DataFrame) -> pd.DataFrame:
    """The setting of each regulariser whose networks are the sparsest, with mean and error.

    The rules are those of :func:`ends`, and so are the columns, but for ``end``.
    """
    sparsity = by_setting(comparable(networks), "sparsity")
    return sparsity.loc[sparsity.groupby("regularizer")["mean"].idxmax()]


def dropped_settings(networks: pd.DataFrame) -> pd.DataFrame:
    """Settings that lost networks: how many there were, how many went, and how those did.

    Parameters
    ----------
    networks
        Rows of the table of networks, trained ones.
    """
    groups = networks.groupby(SETTING)["kept"]
    dropped = networks[~networks["kept"]].groupby(SETTING)
    counts = {"networks": groups.size(), "dropped": groups.size() - groups.sum()}
    means = {
        f"{QUANTITIES[quantity]} of these": dropped[quantity].mean()
        for quantity in ("test_loss", "test_accuracy", "sparsity")
    }
    lost = pd.DataFrame(counts | means).query("dropped > 0")
    return lost.astype({"dropped": int}).reset_index()


def max_epochs(manifest: Mapping[str, Any]) -> int:
    """The limit of epochs, the largest of all runs of a manifest."""
    every = [run["parameters"] for run in manifest["runs"].values()]
    # Tables of the first edition keep the recipe as a part of its own.
    return max(parameters.get("recipe", parameters)["max_epochs"] for parameters in every)


# ---------------------------------------------------------------------------------------- figures


class Runs(NamedTuple):
    """The networks of one regulariser, and one quantity of them."""

    strength: pd.Index
    """Shape ``[settings]``, in rising order."""
    values: pd.DataFrame
    """Shape ``[settings, seeds]``."""
    mean: pd.Series
    """Shape ``[settings]``."""
    error: pd.Series
    """Standard error of the mean, shape ``[settings]``."""
    dropped: pd.DataFrame
    """Which networks were dropped, flags of shape ``[settings, seeds]``."""

    def draw(self, ax: Axes, regularizer: str) -> None:
        """Draw every network, their mean, and a cross for those that were dropped."""
        *runs, dropped = self
        draw_runs(ax, *runs, regularizer=regularizer, dropped=dropped)


def runs_of(networks: pd.DataFrame, regularizer: str, quantity: str) -> Runs:
    """Arrange one quantity of the networks of a regulariser by strength and seed."""
    runs = networks[networks["regularizer"] == regularizer]
    values = runs.pivot(index="strength", columns="seed", values=quantity)
    dropped = ~runs.pivot(index="strength", columns="seed", values="kept").astype(bool)
    summary = by_setting(runs, quantity)
    return Runs(values.index, values, summary["mean"], summary["error"], dropped)


def draw_performance(networks: pd.DataFrame) -> Figure:
    """Draw each of :data:`QUANTITIES` against strength: a column for each regulariser.

    Parameters
    ----------
    networks
        Rows of the table of networks; the mean of untrained ones is a grey line.
    """
    untrained = networks[networks["regularizer"] == UNTRAINED]
    figure, axes = plt.subplots(
        len(QUANTITIES), len(REGULARIZERS), figsize=(6.4, 8.6), sharex="col", sharey="row"
    )  # fmt: skip
    for column, regularizer in zip(axes.T, REGULARIZERS, strict=True):
        for ax, quantity in zip(column, QUANTITIES, strict=True):
            runs_of(networks, regularizer, quantity).draw(ax, regularizer)
            ax.axhline(untrained[quantity].mean(), color="0.6", linewidth=1.2, zorder=0)
            ax.set_xlabel("")
        column[1].axhline(ENOUGH_ACCURACY, color="black", linewidth=0.8, linestyle=":")
        _note_losses(column[1], networks[networks["regularizer"] == regularizer])
        column[-1].set_xlabel(REGULARIZER_NAMES[regularizer])
    for ax, name in zip(axes[:, 0], QUANTITIES.values(), strict=True):
        ax.set_ylabel(name)
    axes[0, 0].set_yscale("log")
    figure.align_ylabels()
    return figure


def _note_losses(ax: Axes, networks: pd.DataFrame) -> None:
    n_dropped = int((~networks["kept"]).sum())
    write_note(ax, f"{n_dropped} of {len(networks)} dropped", "center left", fontsize=7)


def draw_epochs(networks: pd.DataFrame) -> Figure:
    """Draw the number of epochs against strength, a panel for each regulariser."""
    figure, axes = plt.subplots(1, len(REGULARIZERS), figsize=(6.4, 2.3), sharey=True)
    for ax, regularizer in zip(axes, REGULARIZERS, strict=True):
        runs_of(networks, regularizer, "epochs").draw(ax, regularizer)
    axes[0].set(ylabel="epochs", ylim=(0, None))
    return figure
