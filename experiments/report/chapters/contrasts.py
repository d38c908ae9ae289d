"""Verdicts on the claims, with two readings of the results side by side."""

from collections.abc import Mapping

import pandas as pd
from pandas.io.formats.style import Styler

NOT_TESTED = "not tested"


def by_search(ledger: pd.DataFrame, convention: str) -> pd.DataFrame:
    """The verdict with the paper's search and with the best one, where both can be had.

    Parameters
    ----------
    ledger
        As :func:`experiments.report.claims.ledger` returns it.
    convention
        Of the reading.

    Returns
    -------
    pandas.DataFrame
        ``claim``, ``statement``, ``paper``, ``best`` and whether the two ``differ``.
    """
    claims = ledger[ledger["convention"] == convention]
    verdicts = claims.pivot(index=["claim", "statement"], columns="search", values="verdict")
    verdicts = verdicts[["paper", "best"]]
    verdicts = verdicts[(verdicts != NOT_TESTED).all(axis=1)]
    differ = verdicts["paper"] != verdicts["best"]
    return verdicts.assign(differ=differ).reset_index()


def by_convention(ledger: pd.DataFrame, search: str, names: Mapping[str, str]) -> pd.DataFrame:
    """The effect and the verdict in both conventions, where both can be had.

    Parameters
    ----------
    ledger
        As :func:`experiments.report.claims.ledger` returns it.
    search
        Of the reading.
    names
        The conventions in the order wanted, and what columns call them.

    Returns
    -------
    pandas.DataFrame
        ``claim``, ``statement``, then for each convention such as ``effect, as printed`` and
        ``verdict, as printed``, and whether the verdicts ``differ``. An effect is the first
        number of the claim's rule with its interval.
    """
    claims = ledger[ledger["search"] == search].copy()
    claims["effect"] = [
        f"{row.effect:+.3f} [{row.low:+.3f}, {row.high:+.3f}]" for row in claims.itertuples()
    ]
    sides = claims.set_index(["claim", "statement", "convention"])[["effect", "verdict"]]
    sides = sides.unstack("convention")
    tested = sides[(sides["verdict"] != NOT_TESTED).all(axis=1)]
    columns = {
        f"{column}, {name}": tested[column, convention]
        for convention, name in names.items()
        for column in ("effect", "verdict")
    }
    differ = tested["verdict", "printed"] != tested["verdict", "released"]
    return pd.DataFrame(columns | {"differ": differ}).reset_index()


def in_bold(verdicts: pd.DataFrame) -> Styler:
    """Show verdicts with the rows that ``differ`` in bold."""
    weights = verdicts["differ"].map({True: "font-weight: bold", False: ""})
    shown = verdicts.drop(columns="differ").style
    shown = shown.apply(lambda column: weights.loc[column.index], axis=0)
    return shown.set_properties(subset=["claim"], **{"white-space": "nowrap"}).hide()
