"""The ledger of claims as the book shows it: which verdicts there are, and tables of HTML."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from experiments.report.chapters.sentences import sentence
from experiments.report.claims import CHAPTERS, CLAIMS, HYPOTHESES
from experiments.report.figures import CONVENTION_NAMES
from experiments.report.readings import READINGS

SIGNS = {"holds": "●", "partly": "◐", "does not hold": "○", "not tested": "\u2013"}
"""What stands for each verdict."""
SEARCH_NAMES = {"paper": "paper's clusters", "best": "best clusters"}
EXPECTED = (
    "Dropout decreases modularity.",
    "An L2 penalty hardly changes it.",
    "An L1 penalty increases it.",
    "All measures of similarity are qualitatively consistent.",
)
"""The hypotheses of section 4.1, in the order of ``HYPOTHESES``."""
BECAME = {
    "holds": "wrong",
    "partly": "partly wrong",
    "does not hold": "not refuted",
    "not tested": "not tested",
}
"""What the verdict on the claim that decides a hypothesis makes of the hypothesis."""
_BECOMES = {"holds": "holds", "partly": "holds partly", "does not hold": "does not hold"}


def reading_name(convention: str, search: str) -> str:
    """A reading in words, such as ``"as printed, paper's clusters"``."""
    return f"{CONVENTION_NAMES[convention]}, {SEARCH_NAMES[search]}"


# ------------------------------------------------------------------------------------ the verdicts


def in_reading(rows: pd.DataFrame, convention: str, search: str) -> pd.DataFrame:
    """Rows of claims, or of their parts, in one reading."""
    return rows[(rows["convention"] == convention) & (rows["search"] == search)]


def own_reading(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the claims in the paper's own reading, by the name of each."""
    return in_reading(claims, *READINGS[0]).set_index("claim")


def verdicts(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the verdict on every claim, a row for each, and a column for each reading."""
    return claims.pivot(index="claim", columns=["convention", "search"], values="verdict")[
        list(READINGS)
    ]


def changed(claims: pd.DataFrame, one: tuple[str, str], other: tuple[str, str]) -> list[str]:
    """Name the claims whose verdicts in two readings are known, and differ."""
    both = verdicts(claims)[[one, other]]
    known = (both != "not tested").all(axis=1)
    return list(both.index[known & (both[one] != both[other])])


# -------------------------------------------------------------------------------------- the tables


def ledger_html(claims: pd.DataFrame) -> str:
    """Write the ledger: verdicts in all readings, and the first number in the paper's own.

    Parameters
    ----------
    claims
        As :func:`experiments.report.claims.summarize` returns them.
    """
    own, every = own_reading(claims), verdicts(claims)
    columns = {
        "figure": [_figure_link(name) for name in own.index],
        "claim, and its rule": [
            rule_link(name, statement) for name, statement in own["statement"].items()
        ],
        **{reading_name(*reading): map(signed, every[reading]) for reading in READINGS},
        "the first number of the rule": map(_first_number, own.to_dict("records")),
    }
    return scrollable(pd.DataFrame(columns), escape=False, classes="ledger")


def rule_link(name: str, text: str) -> str:
    """Link a text to the rule of a claim or question, in the page of hypotheses."""
    return _link(text, f"../book/hypotheses.html#{name}")


def _link(text: str, target: str) -> str:
    return f'<a class="reference internal" href="{target}">{escape(text)}</a>'


def _figure_link(name: str) -> str:
    figure = CLAIMS[name].figure
    return _link(name.replace("-", "\u00a0"), f"{CHAPTERS[figure]}.html#{figure}")


def signed(verdict: str) -> str:
    """Put its sign before a verdict, in one piece."""
    return f"{SIGNS[verdict]}&nbsp;{verdict}".replace(" ", "&nbsp;")


def _first_number(row: dict[str, Any]) -> str:
    return (
        f'<span style="white-space: nowrap">{interval_text(row)}</span><br>'
        f"<small>{escape(row['quantity'])}</small>"
    )


def interval_text(row: Any) -> str:
    """Tell ``effect`` with its 95 % interval, from ``low`` to ``high``, or draw a dash."""
    if np.isnan(row["effect"]):
        return SIGNS["not tested"]
    return f"{row['effect']:.3f} [{row['low']:.3f}, {row['high']:.3f}]".replace("-", "\u2212")


def parts_table(parts: pd.DataFrame) -> pd.DataFrame:
    """List all parts of all rules in the paper's own reading.

    Parameters
    ----------
    parts
        As :func:`experiments.report.claims.judge` returns them.
    """
    read = in_reading(parts, *READINGS[0])
    met = np.where(read["met"], "yes", "no")
    return pd.DataFrame(
        {
            "claim": read["claim"].str.removeprefix("claim-"),
            "part": read["part"],
            "number": read["quantity"],
            "estimate": [interval_text(row) for row in read.to_dict("records")],
            "must lie": read["place"],
            "met": np.where(read["lacks"] != "", "not tested", met),
        }
    )


def hypotheses_table(claims: pd.DataFrame) -> pd.DataFrame:
    """Say of the four hypotheses which claim decides each, and what became of it."""
    deciding, every = list(HYPOTHESES.values()), verdicts(claims)
    return pd.DataFrame(
        {
            "expected": EXPECTED,
            "decided by": [f"{name}: {CLAIMS[name].title}" for name in deciding],
            **{
                reading_name(*reading): [BECAME[every.loc[name, reading]] for name in deciding]
                for reading in READINGS
            },
        }
    )


def scrollable(table: pd.DataFrame, **options: Any) -> str:
    """Write a wide table as HTML that scrolls by itself; options are those of ``to_html``."""
    html = table.to_html(index=False, border=0, **options)
    return f'<div style="overflow-x: auto">{html}</div>'


def differences(claims: pd.DataFrame) -> Sequence[str]:
    """Tell which verdicts change with the convention, and which with the best clusters."""
    own = own_reading(claims)
    told = []
    for other, what in (
        (("released", "paper"), "As released"),
        (("printed", "best"), "With the best clusters"),
    ):
        there = in_reading(claims, *other).set_index("claim")
        told += [
            f"**{name}**, {own.loc[name, 'verdict']}: {_said(name, own)} "
            f"*{what}* it {_BECOMES[there.loc[name, 'verdict']]}: {_said(name, there)}"
            for name in changed(claims, READINGS[0], other)
        ]
    return told


def _said(name: str, reading: pd.DataFrame) -> str:
    return sentence(name, *reading.loc[name, ["verdict", "marks"]])
