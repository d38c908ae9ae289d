"""Pairs of units of one layer, each seen from the input and from the output."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from experiments.names import setting_of
from experiments.report.figures import (
    ACCENT_COLOR,
    REGULARIZER_COLORS,
    network_title,
    write_note,
)

TENTHS = 10


def pair_table(network: str, upstream: np.ndarray, downstream: np.ndarray) -> pd.DataFrame:
    """List every pair of units in use once, with its similarity by two measures.

    A unit that has none with itself, by either measure, is silent: it is similar to no other, and
    its pairs would count as agreement of the two measures.

    Parameters
    ----------
    network
        What the units belong to; the first column repeats it.
    upstream, downstream
        Similarities of shape ``[units, units]``, of which the upper triangle is read.

    Returns
    -------
    pandas.DataFrame
        Columns ``network``, ``unit``, ``other``, ``upstream`` and ``downstream``.
    """
    in_use = (np.diagonal(upstream) > 0) & (np.diagonal(downstream) > 0)
    unit, other = np.triu_indices(len(upstream), k=1)
    both = in_use[unit] & in_use[other]
    unit, other = unit[both], other[both]
    return pd.DataFrame(
        {
            "network": network,
            "unit": unit,
            "other": other,
            "upstream": upstream[unit, other],
            "downstream": downstream[unit, other],
        }
    )


def medians(pairs: pd.DataFrame) -> pd.DataFrame:
    """Compute the median similarities of each tenth of pairs, by rising upstream similarity.

    Parameters
    ----------
    pairs
        Rows of :func:`pair_table` for one network.
    """
    place = pairs["upstream"].rank(method="first", pct=True)
    tenth = np.ceil(TENTHS * place).clip(1).rename("tenth")
    return pairs.groupby(tenth)[["upstream", "downstream"]].median()


def rank_correlation(pairs: pd.DataFrame) -> float:
    """Correlate the ranks of pairs upstream and downstream: 1 if both views agree."""
    return float(pairs["upstream"].corr(pairs["downstream"], method="spearman"))


def draw_pairs(pairs: pd.DataFrame) -> Figure:
    """Draw every pair of units as a dot, and the medians of tenths: a panel for each network.

    Parameters
    ----------
    pairs
        Rows of :func:`pair_table` for two networks, by normalised measures.
    """
    networks = pairs["network"].unique()
    figure, axes = plt.subplots(1, len(networks), figsize=(6.4, 3.1), sharex=True, sharey=True)
    for ax, network in zip(axes, networks, strict=True):
        dots = pairs[pairs["network"] == network]
        color = REGULARIZER_COLORS.get(setting_of(network).partition("-")[0], "0.5")
        ax.plot(dots["upstream"], dots["downstream"], ".", color=color, alpha=0.35, ms=3)
        line = medians(dots)
        ax.plot(line["upstream"], line["downstream"], color="white", linewidth=4)
        ax.plot(line["upstream"], line["downstream"], ".-", color=ACCENT_COLOR, ms=5)
        ax.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle="--", zorder=0)
        write_note(ax, f"rank correlation {rank_correlation(dots):.2f}")
        ax.set(
            title=network_title(network),
            xlabel="upstream: covariance, norm.",
            xlim=(0, 1),
            ylim=(0, 1),
        )
        ax.set_aspect("equal")
    axes[0].text(
        1.02, 0.72, "if the two\nviews agreed", fontsize=7, color="0.4", ha="right", va="top"
    )
    axes[0].set_ylabel("downstream: output sens., norm.")
    return figure
