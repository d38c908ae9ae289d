"""Alignment of groups of units: linear CKA (Kornblith et al. 2019) from covariances."""

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

COLORS = ("black", "0.55")


def alignment(covariance: np.ndarray, group: np.ndarray, other: np.ndarray) -> float:
    """Compute the linear CKA of two groups of units.

    Parameters
    ----------
    covariance
        Of the units of a layer, with or without signs, shape ``[units, units]``.
    group, other
        The units of each group.

    Returns
    -------
    float
        Between zero and one; zero if the units of a group do not vary.
    """
    squares = covariance**2
    between = squares[np.ix_(group, other)].sum()
    within = squares[np.ix_(group, group)].sum() * squares[np.ix_(other, other)].sum()
    return between / np.sqrt(within) if within else 0.0


def random_alignments(
    covariance: np.ndarray, size: int, random: np.random.Generator, n_draws: int = 100
) -> list[float]:
    """Draw pairs of groups of equal size and without common units, and align each pair."""
    draws = (random.permutation(len(covariance))[: 2 * size] for _ in range(n_draws))
    return [alignment(covariance, draw[:size], draw[size:]) for draw in draws]


def by_size(
    covariance: np.ndarray, random: np.random.Generator, n_draws: int = 100
) -> tuple[np.ndarray, np.ndarray]:
    """Align random groups of 1, 2, 4, ... units, up to half of the layer.

    Returns
    -------
    tuple of numpy.ndarray
        The sizes, shape ``[sizes]``, and the alignments, shape ``[sizes, draws]``.
    """
    sizes = 2 ** np.arange(int(np.log2(len(covariance) // 2)) + 1)
    return sizes, np.array([random_alignments(covariance, int(n), random, n_draws) for n in sizes])


def draw_alignments(drawn: Mapping[int, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Draw mean and middle 90 % of alignments by size of groups, a line for each layer.

    Parameters
    ----------
    drawn
        For each of two layers, what :func:`by_size` returns.
    """
    figure, ax = plt.subplots(figsize=(4.2, 2.6))
    for (layer, (sizes, draws)), color in zip(drawn.items(), COLORS, strict=True):
        ax.plot(sizes, draws.mean(axis=1), ".-", color=color, label=f"hidden layer {layer}")
        low, high = np.percentile(draws, [5, 95], axis=1)
        ax.fill_between(sizes, low, high, color=color, alpha=0.15, linewidth=0)
    ax.set(xlabel="units in each group", ylabel="CKA", ylim=(0, 1))
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.legend(loc="upper left")
    return figure
