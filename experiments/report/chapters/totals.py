"""Totals of units: how much of the similarity of a layer belongs to each of them."""

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from modlib import plotting
from modlib.similarity.measures import MEASURES

FAINT = 0.02  # of the mean similarity with itself: below, a unit is left out of the figure


def relative_totals(similarity: np.ndarray) -> np.ndarray:
    """Each unit's total similarity to the others, as a multiple of an equal share.

    Parameters
    ----------
    similarity
        Shape ``[units, units]``.

    Returns
    -------
    numpy.ndarray
        Shape ``[units]``, of mean one.
    """
    totals = similarity.sum(axis=1) - np.diagonal(similarity)
    return totals / totals.mean()


def effective_units(similarity: np.ndarray) -> float:
    """Count the units that matter: the exponential of the entropy of their shares.

    The similarity has shape ``[units, units]``; equal totals count all units.
    """
    share = relative_totals(similarity) / len(similarity)
    share = share[share > 0]
    return np.exp(-(share * np.log(share)).sum())


def draw_totals(raw: Mapping[str, np.ndarray], normalized: Mapping[str, np.ndarray]) -> Figure:
    """Draw the totals of units against their similarity with themselves, which is relative too.

    Parameters
    ----------
    raw, normalized
        The similarity ``[units, units]`` of one layer by every measure, a panel for each. Raw
        totals are dots, normalised ones circles.
    """
    figure, axes = plt.subplots(1, len(MEASURES), figsize=(6.4, 2.4), sharex=True, sharey=True)
    for ax, measure in zip(axes, MEASURES, strict=True):
        _draw_measure(ax, raw[measure], normalized[measure], plotting.COLORS[measure])
        ax.set_title(plotting.NAMES[measure], color=plotting.COLORS[measure])
    axes[0].set_xscale("log", base=2)
    axes[0].xaxis.set_major_formatter("{x:g}")
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("similarity to others\n(equal share = 1)")
    figure.supxlabel("similarity with itself (mean = 1)", fontsize=9)
    return figure


def _draw_measure(ax: Axes, raw: np.ndarray, normalized: np.ndarray, color: str) -> None:
    own = np.diagonal(raw) / np.diagonal(raw).mean()
    seen = own > FAINT
    ax.axhline(1, color="0.7", linewidth=0.8, zorder=0)
    ax.plot(own[seen], relative_totals(raw)[seen], ".", color=color)
    circles = relative_totals(normalized)[seen]
    ax.plot(own[seen], circles, "o", color=color, markersize=3.5, markerfacecolor="white")
