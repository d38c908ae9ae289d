"""Figures of the two factors of input sensitivity: weights, and who is active together."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.regularizers import UNTRAINED
from experiments.report.chapters.modularity import regularizers_in
from experiments.report.figures import draw_against_strength
from experiments.report.frames import by_setting
from modlib import plotting

PRODUCT_COLOR = plotting.COLORS["input_sensitivity"]
FACTORS = {
    "q_weights": ("weights", "0.15", "--"),
    "q_coactivity": ("co-activity", "0.15", "-"),
}
"""The columns of both factors, what figures call each, and how it is drawn."""


def draw_factors(factors: pd.DataFrame, product: pd.DataFrame) -> Figure:
    """Draw Q of both factors and of their product against strength, and the activity below.

    Parameters
    ----------
    factors
        Rows of the table ``factors``, of the first layer.
    product
        Rows of the table ``modules`` of the same layers: raw input sensitivity in one convention.
    """
    kinds = regularizers_in(factors)
    figure, axes = plt.subplots(
        2, len(kinds), figsize=(6.4, 3.7), sharex="col", sharey="row", squeeze=False,
        height_ratios=[2, 1],
    )  # fmt: skip
    lines = {"their product": (by_setting(product, "q"), PRODUCT_COLOR, "-")} | {
        name: (by_setting(factors, column), color, dashes)
        for column, (name, color, dashes) in FACTORS.items()
    }
    activity = {"activity": (by_setting(factors, "activity"), "0.15", "-")}
    for kind, column in zip(kinds, axes.T, strict=True):
        for ax, parts in zip(column, (lines, activity), strict=True):
            for name, (summary, color, dashes) in parts.items():
                _draw_line(ax, summary, kind, name, color, dashes)
            ax.label_outer()
    axes[0, 0].set(ylabel="modularity Q", ylim=(0, None))
    axes[1, 0].set(ylabel="activity", ylim=(0, 1))
    ends = {
        name: summary[summary["regularizer"] == kinds[-1]]
        for name, (summary, _, _) in lines.items()
    }
    _name_ends(axes[0, -1], ends, [color for _, color, _ in lines.values()])
    return figure


def _draw_line(
    ax: Axes, summary: pd.DataFrame, regularizer: str, name: str, color: str, dashes: str
) -> None:
    curve = summary[summary["regularizer"] == regularizer]
    draw_against_strength(
        ax, curve["strength"], curve["mean"], curve["error"], regularizer=regularizer,
        color=color, linestyle=dashes, markersize=3, label=name,
    )  # fmt: skip
    for start in summary.loc[summary["regularizer"] == UNTRAINED, "mean"]:
        ax.axhline(start, color=color, linestyle=":", linewidth=0.7, alpha=0.6, zorder=0)
    ax.minorticks_off()


def _name_ends(ax: Axes, curves: Mapping[str, pd.DataFrame], colors: Sequence[str]) -> None:
    """Name lines where they end, on their right, far enough apart to be read."""
    last = {name: curve.loc[curve["strength"].idxmax()] for name, curve in curves.items()}
    room, height = 0.08 * np.ptp(ax.get_ylim()), -np.inf
    for name, color in sorted(zip(last, colors, strict=True), key=lambda of: last[of[0]]["mean"]):
        strength, mean = last[name]["strength"], last[name]["mean"]
        height = max(mean, height + room)
        ax.annotate(
            name, (strength, height), (5, 0), textcoords="offset points", va="center",
            fontsize=8, color=color, annotation_clip=False,
        )  # fmt: skip


def draw_turns(
    layers: Mapping[str, Mapping[str, np.ndarray]], labels: Mapping[str, np.ndarray]
) -> Figure:
    """Draw both factors and their product for some layers, units sorted by module.

    Parameters
    ----------
    layers
        Matrices ``[units, units]`` by the name of each, for every layer by its name: a row of
        panels each.
    labels
        The modules of each layer, ``[units]``.
    """
    names = list(next(iter(layers.values())))
    figure, axes = plt.subplots(
        len(layers), len(names), figsize=(6.4, 0.4 + 2.0 * len(layers)), squeeze=False
    )
    for (layer, matrices), row in zip(layers.items(), axes, strict=True):
        for name, ax in zip(names, row, strict=True):
            plotting.draw_similarity(ax, matrices[name], labels[layer])
            ax.set_title(name if ax in axes[0] else "")
        row[0].set_ylabel(layer)
    return figure
