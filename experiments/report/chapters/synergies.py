"""Which units hang together when they are silenced, and whether similarity tells: figures."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.regularizers import REGULARIZERS, UNTRAINED
from experiments.report.chapters.lesions import FORMS
from experiments.report.figures import REGULARIZER_COLORS, REGULARIZER_TITLES
from modlib import plotting

KINDS = ("correlation", "correlation_absolute")
"""Columns of rank correlations: with synergy, and of absolute values with absolute synergy."""
_ROWS = dict(zip(KINDS, ("similarity and synergy", "their sizes"), strict=True))
_MEASURES = list(plotting.COLORS)
_WIDTH = 0.6  # over which regularisers are spread, where measures are one apart


def by_measure(synergy: pd.DataFrame) -> pd.DataFrame:
    """Average the columns of raw measures over networks, each averaged over its layers first.

    Parameters
    ----------
    synergy
        Rows as :func:`experiments.report.chapters.lesions.decided` returns them.

    Returns
    -------
    pandas.DataFrame
        ``mean`` and ``sem`` of each of :data:`KINDS` and of the shares of positive synergies, by
        ``form``, ``regularizer`` and ``measure``.
    """
    groups = ["form", "regularizer", "measure"]
    columns = [*KINDS, "within_positive", "between_positive"]
    raw = synergy[~synergy["normalized"]]
    networks = raw.groupby([*groups, "network"])[columns].mean()
    return networks.groupby(groups).agg(["mean", "sem"])


def draw_correlations(synergy: pd.DataFrame) -> Figure:
    """Draw how well each measure tells synergy, in both conventions and signed.

    Parameters
    ----------
    synergy
        Rows as :func:`experiments.report.chapters.lesions.decided` returns them. Regularisers
        stand beside each other; bars are standard errors over networks.
    """
    means = by_measure(synergy)
    present = set(synergy["regularizer"])
    kinds = [name for name in (*REGULARIZERS, UNTRAINED) if name in present]
    figure, axes = plt.subplots(
        len(KINDS), len(FORMS), figsize=(6.4, 4.6), sharex=True, sharey="row"
    )
    for column, line in zip(KINDS, axes, strict=True):
        for form, ax in zip(FORMS, line, strict=True):
            _draw_by_regularizer(ax, means.loc[form, column], kinds)
        line[0].set_ylabel(f"rank correlation of\n{_ROWS[column]}")
    for form, ax in zip(FORMS, axes[0], strict=True):
        ax.set_title(form)
    for ax in axes[-1]:
        ax.set_xticks(
            range(len(_MEASURES)), [plotting.NAMES[name] for name in _MEASURES], rotation=45,
            ha="right", rotation_mode="anchor",
        )  # fmt: skip
        for label, color in zip(ax.get_xticklabels(), plotting.COLORS.values(), strict=True):
            label.set_color(color)
    handles = [
        Line2D([], [], color=_color(name), marker=_marker(name), linestyle="none",
               label=REGULARIZER_TITLES[name]) for name in kinds
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=8)
    return figure


def _color(regularizer: str) -> str:
    return REGULARIZER_COLORS.get(regularizer, "0.5")


def _marker(regularizer: str) -> str:
    return "x" if regularizer == UNTRAINED else "o"


def _draw_by_regularizer(ax: Axes, means: pd.DataFrame, kinds: list[str]) -> None:
    ax.axhline(0, color="0.8", linewidth=0.8)
    shifts = np.linspace(-_WIDTH / 2, _WIDTH / 2, len(kinds))
    for kind, shift in zip(kinds, shifts, strict=True):
        here = means.loc[kind].reindex(_MEASURES)
        ax.errorbar(
            np.arange(len(_MEASURES)) + shift, here["mean"], here["sem"], fmt=_marker(kind),
            color=_color(kind), markersize=4, linewidth=1,
        )  # fmt: skip
    trained = means.drop(UNTRAINED, errors="ignore")["mean"].groupby("measure").mean()
    best = trained.idxmax()
    ax.axvspan(
        _MEASURES.index(best) - 0.5, _MEASURES.index(best) + 0.5, color="0.95", zorder=-1
    )  # fmt: skip


def draw_signs(synergy: pd.DataFrame) -> Figure:
    """Draw which share of pairs has positive synergy, in one module and in two.

    Parameters
    ----------
    synergy
        Rows as :func:`experiments.report.chapters.lesions.decided` returns them; those of trained
        networks count.
    """
    raw = synergy[synergy["is_trained"]]
    columns = ["within_positive", "between_positive"]
    groups = ["layer", "form", "measure"]
    means = 100 * raw.groupby([*groups, "network"])[columns].mean().groupby(groups).mean()
    layers = sorted(raw["layer"].unique())
    figure, axes = plt.subplots(
        len(layers), len(FORMS), figsize=(6.4, 1.0 + 1.2 * len(layers)), sharex=True, sharey=True,
        squeeze=False,
    )  # fmt: skip
    for layer, line in zip(layers, axes, strict=True):
        for form, ax in zip(FORMS, line, strict=True):
            _draw_dumbbells(ax, means.loc[layer, form].reindex(_MEASURES))
        line[0].set_ylabel(f"layer {layer}")
    for form, ax in zip(FORMS, axes[0], strict=True):
        ax.set_title(form)
    axes[0, 0].set_yticks(range(len(_MEASURES)), [plotting.NAMES[name] for name in _MEASURES])
    axes[0, 0].set_ylim(len(_MEASURES) - 0.5, -0.5)
    figure.supxlabel("pairs with positive synergy, that cover for each other (%)", fontsize=9)
    handles = [
        Line2D([], [], color="0.3", marker="o", linestyle="none", label="in one module"),
        Line2D([], [], color="0.3", marker="o", linestyle="none", markerfacecolor="white",
               label="in two modules"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=2, fontsize=8)
    return figure


def _draw_dumbbells(ax: Axes, means: pd.DataFrame) -> None:
    ax.axvline(50, color="0.8", linewidth=0.8)
    for place, (measure, row) in enumerate(means.iterrows()):
        color = plotting.COLORS[str(measure)]
        ax.plot(row, [place, place], color=color, linewidth=1)
        ax.plot(row["between_positive"], place, "o", color=color, markerfacecolor="white")
        ax.plot(row["within_positive"], place, "o", color=color)
