"""Rank correlations of networks, for every draw of seeds."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from experiments.report.bootstrap import mean_draws


def correlation(
    one: np.ndarray, other: np.ndarray, mean: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Compute the correlation of two lists of numbers, such as ranks, for every draw.

    Parameters
    ----------
    one, other
        Of one shape.
    mean
        From such numbers to their mean in each draw, ``[draws]``.
    """
    covariance = mean(one * other) - mean(one) * mean(other)
    spread = [np.sqrt(mean(values**2) - mean(values) ** 2) for values in (one, other)]
    return covariance / (spread[0] * spread[1])


def rank_correlations(
    networks: pd.DataFrame, columns: Sequence[str], n_draws: int = 4000
) -> np.ndarray:
    """Compute the rank correlation of every two columns, for the rows and for draws of seeds.

    Ranks are among all rows, and are drawn with them.

    Parameters
    ----------
    networks
        A row for each network, with its ``seed`` and numbers in the columns.
    columns
        Their names.
    n_draws
        How often seeds are drawn with replacement, each with all its networks.

    Returns
    -------
    numpy.ndarray
        Float64 of shape ``[1 + draws, columns, columns]``, those of the rows themselves first.
        NaN where a column does not vary among the networks that were drawn.
    """
    ranks = networks[list(columns)].rank().to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):  # draws in which nothing varies
        ranks = (ranks - ranks.mean(axis=0)) / ranks.std(axis=0)
        means = mean_draws(ranks, networks["seed"], n_draws)
        products = mean_draws(ranks[:, :, None] * ranks[:, None, :], networks["seed"], n_draws)
        covariance = products - means[:, :, None] * means[:, None, :]
        deviation = np.sqrt(np.einsum("dii->di", covariance))
        return covariance / (deviation[:, :, None] * deviation[:, None, :])
