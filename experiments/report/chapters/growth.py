"""How costs grow with sizes, from the tables of benchmarks."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

Tables = Mapping[str, pd.DataFrame]
"""The tables of a report of benchmarks, by name."""


class Growth(NamedTuple):
    """A cost that grows: where it was measured, and by what doubling should multiply it."""

    stage: str
    doubled: str
    table: str
    size: str
    seconds: str
    order: int


GROWTHS = (
    Growth("similarity", "inputs", "similarity_inputs", "inputs", "seconds", 2),
    Growth("similarity", "units per layer", "similarity_units", "units", "seconds", 8),
    Growth("similarity", "hidden layers", "depth", "layers", "seconds", 2),
    Growth("Monte Carlo", "steps", "monte_carlo_steps", "steps", "seconds", 2),
    Growth("clustering", "units", "search_units", "units", "paper", 8),
    Growth("best", "units", "search_units", "units", "best", 2),
)
"""The costs that chapters speak of; the tables name sizes and seconds in the columns given."""


def per_doubling(sizes: pd.Series, seconds: pd.Series) -> float:
    """Tell by which factor time grows per doubling, between the last two sizes.

    It is two to the slope on logarithmic axes.
    """
    last_sizes, last_seconds = np.asarray(sizes, float)[-2:], np.asarray(seconds, float)[-2:]
    slope = np.diff(np.log(last_seconds)) / np.diff(np.log(last_sizes))
    return float(2 ** slope.item())


def growth_table(measured: Tables) -> pd.DataFrame:
    """List by which factor each cost grows, for those that were measured.

    Parameters
    ----------
    measured
        The tables there are; rows without a time are passed over.

    Returns
    -------
    pandas.DataFrame
        ``stage``, what is ``doubled``, the sizes ``from`` and ``to`` which, ``time grows by``, and
        what the ``order says``.
    """
    rows = []
    for growth in GROWTHS:
        if growth.table not in measured:
            continue
        timed = measured[growth.table].dropna(subset=growth.seconds)
        sizes = timed[growth.size]
        rows.append(
            {
                "stage": growth.stage,
                "doubled": growth.doubled,
                "from": sizes.iloc[-2],
                "to": sizes.iloc[-1],
                "time grows by": per_doubling(sizes, timed[growth.seconds]),
                "order says": growth.order,
            }
        )
    return pd.DataFrame(rows)


def draw_growth(tables: Tables) -> Figure:
    """Draw the costs of similarity by inputs and by units, and of the searches by units.

    Parameters
    ----------
    tables
        Among them ``similarity_inputs``, ``similarity_units`` and ``search_units``.
    """
    inputs, units, search = (
        tables[name] for name in ("similarity_inputs", "similarity_units", "search_units")
    )
    figure, axes = plt.subplots(1, 3, figsize=(6.8, 2.4))
    axes[0].loglog(inputs["inputs"], inputs["seconds"], "o-", color="black")
    axes[0].set(xlabel="inputs", ylabel="similarity (s)")
    axes[1].loglog(units["units"], 1e3 * units["seconds"] / units["inputs"], "o-", color="black")
    axes[1].set(xlabel="units per layer", ylabel="similarity (ms per input)")
    for name, color in (("paper", "0.6"), ("best", "black")):
        axes[2].loglog(search["units"], search[name], "o-", color=color, label=name)
    axes[2].set(xlabel="units", ylabel="search (s)")
    axes[2].legend()
    return figure
