"""Intervals from few units of observation: the bootstrap with expanded percentiles."""

from math import sqrt
from typing import Any

import numpy as np
from scipy import stats

from modlib.validation import as_array, as_real, check_seed, check_whole, is_number

MOST = 10**9  # counts, which are kept all at once


def draw_counts(n_units: int, n_draws: int, seed: int = 0) -> np.ndarray:
    """Draw units with replacement, and count how often each was drawn.

    Parameters
    ----------
    n_units
        How many there are, and how many are drawn each time; at least 1.
    n_draws
        Number of draws.
    seed
        Of the draws.

    Returns
    -------
    numpy.ndarray
        Float64 of shape ``[1 + draws, units]``. The first row is no draw but the units as they
        are, each once, so that what is computed row by row begins with the estimate itself.

    Raises
    ------
    ValueError
        If an argument is not a whole number, too small, or so large that the counts would be more
        than ``MOST`` (one billion).
    """
    n_units = check_whole("n_units", n_units, 1, MOST)
    n_draws = check_whole("n_draws", n_draws, 1, MOST // n_units)
    random = np.random.default_rng(check_seed(seed))
    draws = random.multinomial(n_units, np.full(n_units, 1 / n_units), size=n_draws)
    return np.vstack([np.ones(n_units), draws])


def interval(draws: Any, n_units: int, level: float = 0.95) -> tuple[float, float]:
    r"""Compute an interval of confidence from the draws of a bootstrap.

    Plain percentiles are too narrow where units are few: a resampled mean varies less than the
    mean does by :math:`\sqrt{(n - 1) / n}`, and has normal tails. The percentiles taken are
    therefore :math:`\Phi(\mp t \sqrt{n / (n - 1)})` with t of Student's distribution with
    n - 1 degrees of freedom (Hesterberg 2015).

    Parameters
    ----------
    draws
        A statistic of each draw, shape ``[draws]``; infinities are allowed.
    n_units
        How many units were resampled, at least 2.
    level
        The probability that the interval aims at, between 0 and 1.

    Returns
    -------
    tuple of float
        Its ends, each of them a draw; both NaN if any draw is.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    n_units = check_whole("n_units", n_units, 2, MOST)
    draws = as_real(draws, "draws")
    if draws.ndim != 1 or not draws.size:
        raise ValueError(f"draws must be a list of one or more. Got shape {draws.shape}.")
    if not is_number(level) or not 0 < level < 1:
        raise ValueError(f"level must be a number between 0 and 1. Got {level!r}.")
    t = stats.t.ppf((1 + float(level)) / 2, n_units - 1)
    tail = stats.norm.cdf(-t * sqrt(n_units / (n_units - 1)))
    low, high = np.quantile(draws, [tail, 1 - tail], method="closest_observation")
    return float(low), float(high)


def mean_draws(values: Any, units: Any, n_draws: int = 4000, seed: int = 0) -> np.ndarray:
    """Draw units with all their observations, and average what was drawn.

    Parameters
    ----------
    values
        Shape ``[observations, ...]``.
    units
        Which unit each observation belongs to, such as the seed of its network, shape
        ``[observations]``.
    n_draws, seed
        As for :func:`draw_counts`.

    Returns
    -------
    numpy.ndarray
        Float64 of shape ``[1 + draws, ...]``, the mean of all observations first.

    Raises
    ------
    ValueError
        If there is not one unit for each observation, or none at all.
    """
    values, units = as_real(values, "values"), as_array(units, "units")
    if not values.ndim:
        raise ValueError("values must be those of one or more observations. Got a single number.")
    is_named = units.dtype.kind == "O" and all(isinstance(unit, str) for unit in units.flat)
    if units.dtype.kind not in "biufU" and not is_named:
        raise ValueError(f"units must be numbers or names. Got dtype {units.dtype}.")
    if units.ndim != 1 or not len(units) or len(values) != len(units):
        raise ValueError(
            "units must name one unit for each of one or more observations. "
            f"Got shape {units.shape} for values of shape {values.shape}."
        )
    names, unit = np.unique(units, return_inverse=True)
    weights = draw_counts(len(names), n_draws, seed)[:, unit]
    return np.tensordot(weights / weights.sum(axis=1, keepdims=True), values, axes=1)
