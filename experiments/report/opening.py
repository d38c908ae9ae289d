"""The view that the explorer opens on, and the pair of units that it marks: chosen by a rule.

Of all the example networks trained with dropout, and of every upstream with every downstream method
in one of their layers, it is the view in which both sortings exceed those of rotated layers the
most: the one with the largest of the lesser of the two excesses. So both are more than chance. In
it the pair of units is marked on which the two disagree the most: of all pairs that share a module
upstream and not downstream, the one whose rank among all pairs falls furthest from the one
similarity to the other.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from experiments.report.examples import Examples
from experiments.report.frames import Results, kept
from modlib.similarity.measures import DOWNSTREAM, UPSTREAM

REGULARIZER = "dropout"
VIEW = ["network", "layer", "convention"]
METHOD = ["measure", "normalized"]


def opening(tables: Results, examples: Examples) -> dict[str, Any]:
    """Choose the view and the pair; empty where the tables have no null models of such networks.

    Returns
    -------
    dict
        ``regularizer``, ``strength`` (as text), ``seed``, ``layer`` and ``convention``; ``first``
        and ``second``, a measure and whether it is normalised; and ``units``, the two that are
        marked, or none if no pair is such.
    """
    view = _most_beyond_chance(tables, examples)
    if view is None:
        return {}
    first, second = ((view[f"measure_{side}"], bool(view[f"normalized_{side}"])) for side in "ab")
    where = tuple(view[key] for key in VIEW)
    labels = tables.modules.set_index([*VIEW, *METHOD])["labels"]
    network = tables.networks.set_index("network").loc[view["network"]]
    similarity_a, similarity_b = (
        examples.similarity(
            view["network"], int(view["layer"]), measure,
            normalized=normalized, convention=view["convention"],
        )
        for measure, normalized in (first, second)
    )  # fmt: skip
    return {
        "regularizer": network["regularizer"],
        "strength": f"{network['strength']:g}",
        "seed": int(network["seed"]),
        "layer": int(view["layer"]),
        "convention": view["convention"],
        "first": list(first),
        "second": list(second),
        "units": most_disputed(
            similarity_a, similarity_b, labels[(*where, *first)], labels[(*where, *second)]
        ),
    }


def _most_beyond_chance(tables: Results, examples: Examples) -> pd.Series | None:
    rows = tables.nulls
    if rows is None:
        return None
    rows = kept(rows[(rows["null"] == "rotation") & (rows["regularizer"] == REGULARIZER)])
    rows = rows[rows["network"].isin(examples.networks)]
    rows = rows.assign(excess=rows["q"] - rows["null_mean"])[[*VIEW, *METHOD, "excess"]]
    up, down = (rows[rows["measure"].isin(side)] for side in (UPSTREAM, DOWNSTREAM))
    pairs = up.merge(down, on=VIEW, suffixes=("_a", "_b"))
    if pairs.empty:
        return None
    return pairs.loc[pairs[["excess_a", "excess_b"]].min(axis=1).idxmax()]


def most_disputed(
    similarity_a: np.ndarray, similarity_b: np.ndarray, labels_a: np.ndarray, labels_b: np.ndarray
) -> list[int]:
    """Return the pair that the first similarity ranks higher than the second does the most.

    Parameters
    ----------
    similarity_a, similarity_b
        Shape ``[units, units]``, of the same units.
    labels_a, labels_b
        Shape ``[units]``. The pair shares a module in the first, and not in the second; unused
        units are in none.

    Returns
    -------
    list of int
        The two units, the lower number first; empty if no pair is such.
    """
    i, j = np.triu_indices(len(labels_a), 1)
    fall = rankdata(similarity_a[i, j]) - rankdata(similarity_b[i, j])
    used = (np.minimum(labels_a, labels_b)[i] >= 0) & (np.minimum(labels_a, labels_b)[j] >= 0)
    is_such = used & (labels_a[i] == labels_a[j]) & (labels_b[i] != labels_b[j])
    if not is_such.any():
        return []
    best = np.argmax(np.where(is_such, fall, -np.inf))
    return [int(i[best]), int(j[best])]
