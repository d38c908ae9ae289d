"""Figures of redundancy: how much units repeat each other, and whether modularity follows."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.regularizers import UNTRAINED
from experiments.report.chapters.modularity import regularizers_in
from experiments.report.figures import REGULARIZER_COLORS, draw_against_strength
from experiments.report.frames import by_setting
from modlib import plotting
from modlib.similarity.measures import SIDES, UPSTREAM

QUANTITIES = {
    "nearest_correlation": "nearest\ncorrelation",
    "effective_dimension": "effective\ndimension",
    "n_constant": "constant\nunits",
}
"""What the table of layers tells of redundancy, and what figures call it."""
UNTRAINED_COLOR = "0.75"


def within_and_between(similarity: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Average the similarity of two units of one module, and of two modules.

    Parameters
    ----------
    similarity
        Shape ``[units, units]``.
    labels
        Shape ``[units]``; unused units (-1) do not count.

    Returns
    -------
    dict
        ``within`` and ``between``, without those of which there is no pair.
    """
    used = labels >= 0
    pairs = np.outer(used, used) & ~np.eye(len(used), dtype=bool)
    same = labels[:, None] == labels
    groups = {"within": same & pairs, "between": ~same & pairs}
    return {
        name: float(similarity[group].mean()) for name, group in groups.items() if group.any()
    }  # fmt: skip


def draw_redundancy(layers: pd.DataFrame) -> Figure:
    """Draw :data:`QUANTITIES` against strength, a line for each layer.

    Parameters
    ----------
    layers
        Rows of the table of layers.
    """
    kinds = regularizers_in(layers)
    figure, axes = plt.subplots(
        len(QUANTITIES), len(kinds), figsize=(6.4, 4.6), sharex="col", sharey="row", squeeze=False
    )
    for (quantity, label), row in zip(QUANTITIES.items(), axes, strict=True):
        summary = by_setting(layers, quantity, ["layer"])
        row[0].set_ylabel(label)
        for kind, ax in zip(kinds, row, strict=True):
            _draw_quantity(ax, summary, kind)
            ax.label_outer()
    axes[0, -1].legend(loc="lower right")
    return figure


def _draw_quantity(ax: Axes, summary: pd.DataFrame, regularizer: str) -> None:
    """A curve for each layer, and a grey line for the untrained networks."""
    for (layer, frame), dashes in zip(
        summary.groupby("layer"), ("-", ":", "--", "-."), strict=False
    ):
        curve = frame[frame["regularizer"] == regularizer]
        draw_against_strength(
            ax, curve["strength"], curve["mean"], curve["error"], regularizer=regularizer,
            color=REGULARIZER_COLORS[regularizer], linestyle=dashes, label=f"layer {layer}",
        )  # fmt: skip
        for start in frame.loc[frame["regularizer"] == UNTRAINED, "mean"]:
            ax.axhline(start, color="0.6", linestyle=dashes, linewidth=1, zorder=0)


def draw_within_between(correlations: pd.DataFrame) -> Figure:
    """Draw the correlations of units within modules and between them, against strength.

    Parameters
    ----------
    correlations
        Columns ``layer``, ``regularizer``, ``strength``, ``within`` and ``between``, in rising
        order of strength.
    """
    layers, kinds = sorted(correlations["layer"].unique()), regularizers_in(correlations)
    figure, axes = plt.subplots(
        len(layers), len(kinds), figsize=(6.4, 3.6), sharex="col", sharey=True, squeeze=False
    )
    for layer, row in zip(layers, axes, strict=True):
        row[0].set_ylabel(f"absolute correlation\nlayer {layer}")
        of_layer = correlations[correlations["layer"] == layer]
        for kind, ax in zip(kinds, row, strict=True):
            line = of_layer[of_layer["regularizer"] == kind]
            for pairs, dashes in (("within", "-"), ("between", "--")):
                draw_against_strength(
                    ax, line["strength"], line[pairs], regularizer=kind, linestyle=dashes,
                    color=REGULARIZER_COLORS[kind], label=pairs,
                )  # fmt: skip
            ax.set_ylim(bottom=0)
            ax.label_outer()
    figure.legend(*axes[0, -1].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def draw_clouds(points: pd.DataFrame) -> Figure:
    """Draw modularity against nearest correlation, a dot for each layer of each network.

    Parameters
    ----------
    points
        Columns ``layer``, ``regularizer``, ``strength``, ``nearest_correlation``, and the Q of
        each family, ``upstream`` and ``downstream``. Darker dots are stronger.
    """
    layers = sorted(points["layer"].unique())
    figure, axes = plt.subplots(
        len(layers), 2, figsize=(6.4, 5.0), sharex=True, sharey="col", squeeze=False
    )
    for layer, row in zip(layers, axes, strict=True):
        here = points[points["layer"] == layer]
        for family, ax in zip(SIDES, row, strict=True):
            for kind, cloud in here.groupby("regularizer", sort=False):
                rank = cloud["strength"].rank(method="dense", pct=True)
                _draw_cloud(ax, cloud["nearest_correlation"], cloud[family], kind,
                            0.25 + 0.75 * rank)  # fmt: skip
        row[0].set_ylabel(f"modularity Q\nlayer {layer}")
    for family, top, bottom in zip(SIDES, axes[0], axes[-1], strict=True):
        top.set_title(f"{family} methods")
        bottom.set_xlabel("nearest correlation")
    for kind in points["regularizer"].unique():  # an entry of the legend in full colour
        color = REGULARIZER_COLORS.get(kind, UNTRAINED_COLOR)
        axes[0, 0].scatter([], [], s=9, color=color, label=kind.replace("l", "L"))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def _draw_cloud(ax: Axes, x: pd.Series, y: pd.Series, regularizer: str, alpha: Any) -> None:
    color = REGULARIZER_COLORS.get(regularizer, UNTRAINED_COLOR)
    ax.scatter(x, y, s=9, color=color, linewidth=0, alpha=alpha)


def draw_copies(real: pd.DataFrame, copies: pd.DataFrame) -> Figure:
    """Draw the modularity of layers of copies beside that of real ones, against redundancy.

    Parameters
    ----------
    real
        A row for each network and upstream measure, of one layer: ``measure``, ``regularizer``,
        ``q``, and two quantities of redundancy.
    copies
        A row for each share of copies: the same two quantities, and the Q of each measure in a
        column of its name.
    """
    quantities = ("nearest_correlation", "effective_dimension")
    figure, axes = plt.subplots(
        len(UPSTREAM), len(quantities), figsize=(6.4, 5.0), sharex="col", sharey="row",
        squeeze=False,
    )  # fmt: skip
    for measure, row in zip(UPSTREAM, axes, strict=True):
        row[0].set_ylabel(f"modularity Q\n{plotting.method_name(measure, True)}")
        networks = real[real["measure"] == measure]
        for quantity, ax in zip(quantities, row, strict=True):
            for kind, cloud in networks.groupby("regularizer", sort=False):
                _draw_cloud(ax, cloud[quantity], cloud["q"], kind, 0.6)
            ax.plot(
                copies[quantity], copies[measure], "o-", color=plotting.COLORS[measure],
                markerfacecolor="white", linewidth=1,
            )  # fmt: skip
            ax.set_xlabel(quantity.replace("_", " "))
            ax.label_outer()
    return figure
