"""Pairs of methods: which side of the layer both look at, and how well they agree."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from modlib import plotting
from modlib.similarity.measures import DOWNSTREAM

PAIR = ["measure_a", "normalized_a", "measure_b", "normalized_b"]
"""Columns of the table of agreement that name a pair."""
BLOCKS = ["raw with normalised", "within upstream", "within downstream", "between the two"]
"""Kinds of pairs, from those that are most alike to those that are least."""


def side_of(measure_a: str, measure_b: str) -> str:
    """``"within upstream"``, ``"within downstream"``, or ``"between"``."""
    if (measure_a in DOWNSTREAM) != (measure_b in DOWNSTREAM):
        return "between"
    return "within downstream" if measure_a in DOWNSTREAM else "within upstream"


def block_of(measure_a: str, measure_b: str) -> str:
    """Which of :data:`BLOCKS` a pair belongs to; a measure and itself normalised have their own."""
    if measure_a == measure_b:
        return BLOCKS[0]
    side = side_of(measure_a, measure_b)
    return BLOCKS[-1] if side == "between" else side


def by_block(agreement: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Mean and standard error over networks of each block.

    Parameters
    ----------
    agreement
        Rows of the table of agreement with their ``block``.
    columns
        Those to average, first within each network.

    Returns
    -------
    pandas.DataFrame
        Rows in the order of :data:`BLOCKS`; columns are pairs of a name and ``mean`` or ``sem``.
    """
    each = agreement.groupby(["block", "network"])[list(columns)].mean()
    return each.groupby("block").agg(["mean", "sem"]).loc[BLOCKS]


def with_errors(means: pd.Series, errors: pd.Series) -> pd.Series:
    """Write means with their standard errors, three digits each."""
    written = [f"{mean:.3f} ± {error:.3f}" for mean, error in zip(means, errors, strict=True)]
    return pd.Series(written, means.index)


def draw_agreement(ax: Axes, matrix: np.ndarray, title: str) -> None:
    """Draw the agreement of every two methods ``[methods, methods]``; what is missing is blank."""
    plotting.draw_agreement(ax, matrix, plotting.METHOD_NAMES)
    ax.set_title(title)
    _clear_missing(ax)


def draw_change(ax: Axes, change: np.ndarray, title: str) -> None:
    """Draw the change of the agreements ``[methods, methods]``; what is missing is blank."""
    plotting.draw_agreement_change(ax, change, plotting.METHOD_NAMES)
    ax.set_title(title)
    _clear_missing(ax)


def _clear_missing(ax: Axes) -> None:
    for text in ax.texts:
        if "nan" in text.get_text():
            text.set_text("")


def name_upright(ax: Axes) -> None:
    """Write the names of methods below a matrix from bottom to top."""
    ax.set_xticklabels(
        plotting.METHOD_NAMES, rotation=90, ha="center", va="top", rotation_mode="default"
    )
