"""Agreement of methods within the two families, upstream and downstream, and between them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.report.chapters.modularity import regularizers_in
from experiments.report.figures import draw_against_strength, setting_title
from modlib import plotting
from modlib.similarity.measures import MEASURES, METHODS

Settings = Mapping[tuple[str, float], np.ndarray]
"""Agreement ``[methods, methods]`` by regulariser and strength."""


def square(pairs: Any, diagonal: Any) -> np.ndarray:
    """Arrange one number for each pair of methods as a symmetric matrix.

    Parameters
    ----------
    pairs
        Shape ``[pairs]``, in the order of :func:`itertools.combinations`.
    diagonal
        Shape ``[methods]``.

    Returns
    -------
    numpy.ndarray
        Float64 of shape ``[methods, methods]``.
    """
    matrix = np.diag(np.asarray(diagonal, float))
    above = np.triu_indices(len(matrix), 1)
    matrix[above] = matrix.T[above] = pairs
    return matrix


# -------------------------------------------------------------------------------------- matrices


def draw_matrix(agreement: np.ndarray) -> Figure:
    """Draw the agreement of every two methods, ``[methods, methods]``, with a scale of colours.

    Beside each block stands its mean, without the diagonal.
    """
    figure, ax = plt.subplots(figsize=(5.4, 4.4))
    image = plotting.draw_agreement(ax, agreement, plotting.METHOD_NAMES)
    sides, between = plotting.block_means(agreement)
    for side, where in (("upstream", "left"), ("downstream", "right")):
        color = plotting.SIDE_COLORS[side]
        text = f"within {side} {sides[side]:.2f}"
        if where == "left":
            ax.set_title(text, loc="left", color=color, fontsize=8, weight="bold")
        else:
            ax.yaxis.set_label_position("right")
            ax.set_ylabel(text, loc="bottom", color=color, fontsize=8, weight="bold")
    ax.set_title(f"between the two {between:.2f}", loc="right", fontsize=8, weight="bold")
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        for label, method in zip(labels, METHODS, strict=True):
            label.set_color(plotting.SIDE_COLORS[MEASURES[method.measure].side])
    figure.colorbar(image, label="element-centric similarity", shrink=0.7)
    return figure


def draw_matrices(agreements: Mapping[str, np.ndarray]) -> Figure:
    """Draw agreements ``[methods, methods]`` side by side, each under its name."""
    figure, axes = plt.subplots(
        1, len(agreements), figsize=(6.4, 3.6), sharey=True, squeeze=False
    )  # fmt: skip
    for ax, (name, agreement) in zip(axes[0], agreements.items(), strict=True):
        plotting.draw_agreement(ax, agreement, plotting.METHOD_NAMES)
        ax.set_title(name)
    return figure


def draw_change(before: np.ndarray, after: np.ndarray) -> Figure:
    """Draw agreements ``[methods, methods]`` before training, and what training changes."""
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 3.6), sharey=True)
    plotting.draw_agreement(axes[0], before, plotting.METHOD_NAMES)
    plotting.draw_agreement_change(axes[1], after - before, plotting.METHOD_NAMES)
    axes[0].set_title("untrained")
    axes[1].set_title("trained minus untrained")
    return figure


# -------------------------------------------------------------------------------------- strengths


N_COLUMNS = 5  # of settings: more would be too small to read


def draw_settings(
    of_setting: Settings, kinds: Sequence[str], untrained: np.ndarray | None = None
) -> Figure:
    """Draw the agreement in each setting, or its difference to untrained networks.

    The means of blocks stand on them.

    Parameters
    ----------
    of_setting
        Agreement of the settings that take part, in rising order of strength.
    kinds
        The regularisers, in the order of the figure; each begins a row.
    untrained
        Agreement ``[methods, methods]`` in untrained networks, if differences are drawn.
    """
    rows: list[tuple[str, list[float]]] = []
    for kind in kinds:
        strengths = [strength for one, strength in of_setting if one == kind]
        rows += [(kind, strengths[n : n + N_COLUMNS]) for n in range(0, len(strengths), N_COLUMNS)]
    figure, axes = plt.subplots(
        len(rows), N_COLUMNS, figsize=(6.4, 1.4 * len(rows)), squeeze=False
    )  # fmt: skip
    for (kind, strengths), row in zip(rows, axes, strict=True):
        for ax in row[len(strengths) :]:
            ax.set_visible(False)
        for strength, ax in zip(strengths, row, strict=False):
            _draw_setting(ax, of_setting[kind, strength], untrained)
            ax.set_title(setting_title(kind, strength), fontsize=8)
    return figure


def _draw_setting(ax: Axes, agreement: np.ndarray, untrained: np.ndarray | None) -> None:
    if untrained is None:
        plotting.draw_agreement_map(ax, agreement)
        plotting.write_block_means(ax, agreement)
    else:
        plotting.draw_agreement_map(ax, agreement - untrained, -0.5, 0.5, change=True)
        plotting.write_block_means(ax, agreement - untrained, "+.2f")


BLOCK_STYLES = (
    {"color": plotting.COLORS["covariance"], "linestyle": "-"},
    {"color": plotting.COLORS["loss_hessian"], "linestyle": "-"},
    {"color": plotting.COLORS["loss_hessian"], "linestyle": ":"},
    {"color": "black", "linestyle": "-"},
    {"color": "black", "linestyle": ":"},
)


def draw_blocks(curves: Mapping[str, pd.DataFrame], by_chance: pd.DataFrame) -> Figure:
    """Draw the agreement of blocks of methods against the strength of each regulariser.

    Parameters
    ----------
    curves
        Columns ``regularizer``, ``strength``, ``mean`` and ``error``, in rising order of strength,
        by the name of each block: one within upstream, two within downstream, two between.
    by_chance
        The same columns: the agreement between the families by chance.
    """
    kinds = regularizers_in(by_chance)
    figure, axes = plt.subplots(
        1, len(kinds), figsize=(6.4, 3.2), sharey=True, squeeze=False
    )  # fmt: skip
    for kind, ax in zip(kinds, axes[0], strict=True):
        for (name, curve), style in zip(curves.items(), BLOCK_STYLES, strict=True):
            here = curve[curve["regularizer"] == kind]
            draw_against_strength(
                ax, here["strength"], here["mean"], here["error"], regularizer=kind, label=name,
                **style,
            )  # fmt: skip
        here = by_chance[by_chance["regularizer"] == kind]
        ax.plot(
            here["strength"], here["mean"], color="0.6", label="upstream with downstream, by chance"
        )
    axes[0, 0].set_ylabel("element-centric similarity")
    entries = axes[0, 0].get_legend_handles_labels()
    figure.legend(*entries, loc="outside upper center", ncols=2, fontsize=8)
    return figure


# -------------------------------------------------------------------------------------- measures


def draw_measures(ranks: pd.DataFrame, order: pd.Series) -> Figure:
    """Draw the mean rank of every pair of methods by many measures of agreement.

    Parameters
    ----------
    ranks
        Between 0 and 1: a row for each pair of methods, a column for each measure.
    order
        What stands beside the name of a measure: its rank correlation with the first.
    """
    n_columns = 4
    n_rows = -(-len(ranks.columns) // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(6.4, 5.2 * n_rows / 3), squeeze=False)
    blank = np.full(len(METHODS), np.nan)
    for ax in axes.flat[len(ranks.columns) :]:
        ax.set_visible(False)
    for name, ax in zip(ranks, axes.flat, strict=False):
        image = plotting.draw_agreement_map(ax, square(ranks[name], blank), 0.2, 0.9)
        title = name.replace("_", " ").replace(" information", "\ninformation")
        ax.set_title(title + (f" {order[name]:.2f}" if name in order else ""), fontsize=8)
    figure.colorbar(image, ax=axes, shrink=0.5, label="mean rank")
    return figure
