"""Pairs of units of one layer, each seen from the input and from the output."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

COLORS = ("#000000", "#009E73")


def pair_table(network: str, upstream: np.ndarray, downstream: np.ndarray) -> pd.DataFrame:
    """List every pair of units once, with its similarity by two measures.

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
    unit, other = np.triu_indices(len(upstream), k=1)
    return pd.DataFrame(
        {
            "network": network,
            "unit": unit,
            "other": other,
            "upstream": upstream[unit, other],
            "downstream": downstream[unit, other],
        }
    )


def draw_pairs(pairs: pd.DataFrame) -> Figure:
    """Draw every pair of units as a dot, a panel for each network.

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
        ax.set(title=network, xlabel="upstream: covariance, norm.", xlim=(0, 1), ylim=(0, 1))
        ax.set_aspect("equal")
    axes[0].set_ylabel("downstream: output sens., norm.")
    return figure
