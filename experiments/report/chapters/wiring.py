"""Clusters from weights against clusters from function."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from experiments.regularizers import REGULARIZERS, UNTRAINED
from experiments.report.chapters.chance import beyond_chance
from experiments.report.figures import REGULARIZER_NAMES, draw_against_strength
from modlib import plotting
from modlib.similarity.measures import MEASURES, METHODS, Method

KINDS = ("incoming", "outgoing", "both", "graph")
"""The ways to cluster weights: three of connection patterns, and parts of the whole graph."""


def weight_matrices(state: Mapping[str, Tensor]) -> list[np.ndarray]:
    """Return the weights of each layer in turn from a network's state, without the biases.

    Each is float64 of shape ``[units, units of the layer before]``.
    """
    return [values.double().numpy() for name, values in state.items() if name.endswith("weight")]


def compare(structural: Mapping[str, np.ndarray], functional: pd.DataFrame) -> pd.DataFrame:
    """Compare every clustering of a layer's weights with the modules of every method.

    Parameters
    ----------
    structural
        Labels ``[units]`` for each way to cluster weights.
    functional
        Rows of the table of modules for that layer, one for each method: ``measure``,
        ``normalized``, ``labels``.

    Returns
    -------
    pandas.DataFrame
        Columns ``weights`` (the way), ``measure``, ``normalized``, ``looks`` (the measure's
        side) and ``agreement`` (beyond chance).
    """
    columns = (functional[name] for name in ("measure", "normalized", "labels"))
    labels = {Method(measure, flag): found for measure, flag, found in zip(*columns, strict=True)}
    rows = [
        {
            "weights": kind,
            **method._asdict(),
            "looks": MEASURES[method.measure].side,
            "agreement": beyond_chance(parts, labels[method]),
        }
        for kind, parts in structural.items()
        for method in METHODS
    ]
    return pd.DataFrame(rows)


def draw_by_kind(compared: pd.DataFrame) -> Figure:
    """Draw mean agreement and its standard error, a panel for each layer.

    Parameters
    ----------
    compared
        Rows of :func:`compare` with their ``layer``. Every way to cluster weights is a row of
        dots, one for each method, open if normalised.
    """
    layers = sorted(compared["layer"].unique())
    figure, axes = plt.subplots(
        1, len(layers), figsize=(6.4, 3.4), sharex=True, sharey=True, squeeze=False
    )
    for ax, layer in zip(axes[0], layers, strict=True):
        groups = compared[compared["layer"] == layer].groupby(["weights", "measure", "normalized"])
        for (kind, *method), value in groups["agreement"].agg(["mean", "sem"]).iterrows():
            place, style = _place(kind, Method(*method)), _dot(Method(*method))
            ax.errorbar(value["mean"], place, xerr=value["sem"], **style)
        ax.axvline(0, color="0.6", linewidth=0.8)
        _name_leads(ax, compared[compared["layer"] == layer])
        ax.set(title=f"hidden layer {layer}", xlabel="agreement beyond chance")
    axes[0, 0].set_yticks(range(len(KINDS)), KINDS)
    axes[0, 0].set_ylim(len(KINDS) - 0.5, -0.65)  # the first on top, with room for its note
    handles = [Line2D([], [], marker="o", ls="", color=c) for c in plotting.COLORS.values()]
    names = plotting.NAMES.values()
    figure.legend(handles, names, loc="outside upper center", ncols=len(MEASURES), fontsize=8)
    return figure


def _name_leads(ax: Axes, compared: pd.DataFrame) -> None:
    """Write above each row which side its weights agree with better, and by how much."""
    means = compared.groupby(["weights", "looks"])["agreement"].mean().unstack("looks")
    means = means.reindex(index=KINDS, columns=plotting.SIDE_COLORS)
    for row, kind in enumerate(KINDS):
        lead = means.loc[kind, "upstream"] - means.loc[kind, "downstream"]
        if np.isnan(lead):
            continue
        side = "upstream" if lead > 0 else "downstream"
        ax.annotate(
            f"{side} by {abs(lead):.2f}", (1, row - 0.38), xycoords=("axes fraction", "data"),
            ha="right", va="bottom", fontsize=7, color=plotting.SIDE_COLORS[side],
        )  # fmt: skip


def _place(kind: str, method: Method) -> float:
    """Height of a dot: methods stand around the line of their kind."""
    return KINDS.index(kind) + 0.09 * (METHODS.index(method) - (len(METHODS) - 1) / 2)


def _dot(method: Method) -> dict[str, Any]:
    color = plotting.COLORS[method.measure]
    return {"fmt": "o", "ms": 4, "color": color, "mfc": "white" if method.normalized else color}


def draw_by_strength(compared: pd.DataFrame) -> Figure:
    """Draw mean agreement against strength: patterns above, parts of the graph below.

    Parameters
    ----------
    compared
        Rows of :func:`compare` with the ``regularizer`` and ``strength`` of their network.
        Untrained networks are drawn as dotted levels.
    """
    mean = compared.groupby(["weights", "looks", "regularizer", "strength"])["agreement"].mean()
    figure, axes = plt.subplots(2, len(REGULARIZERS), figsize=(6.4, 4.0), sharex="col", sharey=True)
    for row, kind in zip(axes, ("both", "graph"), strict=True):
        for ax, regularizer in zip(row, REGULARIZERS, strict=True):
            for side, color in plotting.SIDE_COLORS.items():
                _draw_side(ax, mean[kind, side], regularizer, label=side, color=color)
            ax.set_xlabel(REGULARIZER_NAMES[regularizer] if kind == "graph" else "")
    axes[0, 0].set_ylabel("patterns: agreement")
    axes[1, 0].set_ylabel("graph: agreement")
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=2)
    return figure


def _draw_side(ax: Axes, mean: pd.Series, regularizer: str, *, label: str, color: str) -> None:
    """Draw one line and its level before training, from means by regulariser and strength."""
    nothing = pd.Series(dtype=float)
    before, line = mean.get(UNTRAINED, nothing).mean(), mean.get(regularizer, nothing)
    ax.axhline(before, color=color, linestyle=":", linewidth=1.2, zorder=0)
    draw_against_strength(ax, line.index, line, regularizer=regularizer, color=color, label=label)
