"""Pairs of units of one layer, each seen from the input and from the output."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from experiments.report.figures import network_title

COLORS = ("#000000", "#009E73")
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


def draw_pairs(pairs: pd.DataFrame) -> Figure:
    """Draw every pair of units as a dot, and the medians of tenths: a panel for each network.

    Parameters
    ----------
    pairs
        Rows of :func:`pair_table` for two networks, by normalised measures.
    """
    networks = pairs["network"].unique()
    figure, axes = plt.subplots(1, len(COLORS), figsize=(6.4, 3.1), sharex=True, sharey=True)
    for ax, network, color in zip(axes, networks, COLORS, strict=True):
        dots = pairs[pairs["network"] == network]
        ax.plot(dots["upstream"], dots["downstream"], ".", color=color, alpha=0.35, ms=3)
        line = medians(dots)
        ax.plot(line["upstream"], line["downstream"], color="white", linewidth=4)
        ax.plot(line["upstream"], line["downstream"], ".-", color="#D55E00", ms=5)
        ax.set(
            title=network_title(network),
            xlabel="upstream: covariance, norm.",
            xlim=(0, 1),
            ylim=(0, 1),
        )
        ax.set_aspect("equal")
    axes[0].set_ylabel("downstream: output sens., norm.")
    return figure
