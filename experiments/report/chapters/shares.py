"""Shares of the images: how much of a similarity comes from how many of them."""

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from modlib import plotting
from modlib.similarity.measures import MEASURES


def cumulative_shares(factors: Tensor) -> np.ndarray:
    """Add up what the images contribute to the units' similarity with themselves, most first.

    Parameters
    ----------
    factors
        The matrices F of a measure, shape ``[images, units, any]``.

    Returns
    -------
    numpy.ndarray
        The share of the first 0, 1, 2, ... images in the whole, shape ``[images + 1]``.
    """
    weight = (factors**2).sum(dim=(1, 2)).double().sort(descending=True)[0]
    return np.r_[0, (weight.cumsum(0) / weight.sum()).numpy()]


def draw_shares(shares: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw shares against the number of images, both in per cent.

    Parameters
    ----------
    shares
        For each network, a panel, and for every measure, a curve, what
        :func:`cumulative_shares` returns.
    """
    figure, axes = plt.subplots(1, len(shares), figsize=(6.4, 2.7), sharey=True, squeeze=False)
    for ax, (network, curves) in zip(axes[0], shares.items(), strict=True):
        for measure in MEASURES:
            percent = 100 * np.arange(len(curves[measure])) / (len(curves[measure]) - 1)
            style = plotting.method_style(measure, False) | {"label": plotting.NAMES[measure]}
            width = 3 if measure == "input_sensitivity" else 1.5  # else hidden by another curve
            ax.plot(percent, 100 * curves[measure], linewidth=width, **style)
        ax.plot([0, 100], [0, 100], color="0.7", linewidth=0.8, zorder=0)
        _mark_tenth(ax, curves["loss_hessian"], plotting.COLORS["loss_hessian"])
        ax.set(title=network, xlabel="images (%)", xlim=(0, 100), ylim=(0, 101))
    axes[0, 0].set_ylabel("total similarity (%)")
    axes[0, -1].legend(loc="lower right")
    return figure


def _mark_tenth(ax: Axes, curve: np.ndarray, color: str) -> None:
    share = 100 * curve[round((len(curve) - 1) / 10)]
    ax.plot(10, share, "o", color=color, markersize=5)
    ax.annotate(
        f"a tenth of\nthe images:\n{share:.0f} %", (10, share), (9, -3), textcoords="offset points",
        va="top", fontsize=8, color=color,
    )  # fmt: skip
