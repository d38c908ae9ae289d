"""Cancelling: what the two conventions make of products of different signs.

As printed, absolute values are taken inside the mean over inputs, and nothing cancels; as
released, they are taken of the mean.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

SIGN_COLORS = ("#1B7837", "#762A83")  # of positive and of negative products

Pair = tuple[int, int]


def left_after_cancelling(printed: np.ndarray, released: np.ndarray) -> float:
    """How much of the similarity of all pairs of units is left once signs may cancel.

    Both are similarities ``[units, units]`` by one measure, one in each convention.
    """
    pairs = ~np.eye(len(printed), dtype=bool)
    return released[pairs].sum() / printed[pairs].sum()


def extreme_pairs(printed: np.ndarray, released: np.ndarray) -> tuple[Pair, Pair]:
    """Find the pairs of units for which least is left after cancelling, and most.

    Parameters
    ----------
    printed, released
        Covariances ``[units, units]`` in the two conventions. Only pairs of units are looked at
        that both vary as much as the median unit, or more.
    """
    variance = np.diagonal(printed)
    strong = np.triu(np.minimum.outer(variance, variance) >= np.median(variance), 1)
    nothing = np.full_like(printed, np.nan)
    ratio = np.divide(released, printed, out=nothing, where=strong & (printed > 0))
    least, most = (np.unravel_index(f(ratio), ratio.shape) for f in (np.nanargmin, np.nanargmax))
    return (int(least[0]), int(least[1])), (int(most[0]), int(most[1]))


def draw_deviations(
    deviations: np.ndarray, pairs: Sequence[Pair], printed: np.ndarray, released: np.ndarray
) -> Figure:
    """Draw the deviations of one unit against those of another, a panel for each pair.

    Parameters
    ----------
    deviations
        Of the activations from their means, shape ``[images, units]``.
    pairs
        Of units. Dots are coloured by the sign of their product.
    printed, released
        Covariances ``[units, units]``, which stand above the panel, relative to the larger
        variance of the two units.
    """
    figure, axes = plt.subplots(1, len(pairs), figsize=(6.4, 3), squeeze=False)
    for ax, (i, j) in zip(axes[0], pairs, strict=True):
        one, other = deviations[:, i], deviations[:, j]
        ax.scatter(one, other, s=5, c=np.where(one * other > 0, *SIGN_COLORS))
        ax.axhline(0, color="0.7", linewidth=0.8, zorder=0)
        ax.axvline(0, color="0.7", linewidth=0.8, zorder=0)
        top = max(printed[i, i], printed[j, j])
        shares = f"printed {printed[i, j] / top:.2f}, released {released[i, j] / top:.2f}"
        ax.set(title=shares, xlabel=f"unit {i}", ylabel=f"unit {j}")
    return figure
