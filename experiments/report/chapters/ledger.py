"""The ledger of claims as the book shows it: which verdicts there are, and tables of HTML."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from experiments.report.chapters.sentences import sentence
from experiments.report.claims import CHAPTERS, CLAIMS, HYPOTHESES, MARKS
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
WEIGHTS = {
    "What the abstract says": (9, 1, 2),
    "What it builds on": (5, 6, 13, 12, 3, 4, 10, 11, 14),
    "How it was measured": (16, 7, 8, 15),
}
"""The numbers of the claims by what the paper makes of them, the weightiest first."""
UNTESTED_CLAIM = "This claim could not be tested with the results at hand."
CAPTION = (
    "The sixteen claims of the paper, the weightiest first. Below a verdict stands how many parts "
    "of the rule are met: ● all, ◐ some, ○ none."
)
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
    """Write the ledger, by weight: verdicts in all readings, and what they amount to.

    Parameters
    ----------
    claims
        As :func:`experiments.report.claims.summarize` returns them.
    """
    found = claims.set_index(["claim", "convention", "search"])
    groups = "".join(
        _group(title, [f"claim-{number:02}" for number in numbers], found)
        for title, numbers in WEIGHTS.items()
    )
    return (
        f'<table class="dataframe ledger"><caption>{CAPTION}</caption>'
        f"<thead>{_head()}</thead>{groups}</table>"
    )


def _head() -> str:
    conventions = "".join(
        f'<th scope="colgroup" colspan="{len(SEARCH_NAMES)}">{CONVENTION_NAMES[name]}</th>'
        for name in dict.fromkeys(convention for convention, _ in READINGS)
    )
    searches = "".join(f'<th scope="col">{SEARCH_NAMES[search]}</th>' for _, search in READINGS)
    return f'<tr><th scope="col" rowspan="2">claim</th>{conventions}</tr><tr>{searches}</tr>'


def _group(title: str, names: Sequence[str], found: pd.DataFrame) -> str:
    head = f'<tr><th scope="rowgroup" colspan="{1 + len(READINGS)}">{escape(title)}</th></tr>'
    return f"<tbody>{head}{''.join(_lines(name, found.loc[name]) for name in names)}</tbody>"


def _lines(name: str, readings: pd.DataFrame) -> str:
    """Give a claim two rows: its verdicts, and below them what they amount to."""
    own = readings.loc[READINGS[0]]
    title = f"{_figure_link(name)} {rule_link(name, own['statement'])}"
    cells = "".join(f"<td>{_verdict(readings.loc[reading])}</td>" for reading in READINGS)
    return (
        f'<tr><th scope="row">{title}</th>{cells}</tr>'
        f'<tr class="said"><td colspan="{1 + len(READINGS)}">{_amounts_to(name, readings)} '
        f"{_first_number(own)}</td></tr>"
    )


def _verdict(row: pd.Series) -> str:
    met = f"<small>{row['marks'].count(MARKS['met'])} of {len(row['marks'])}</small>"
    return f"{SIGNS[row['verdict']]} {row['verdict']}" + f" {met}" * (row["marks"] != "")


def _amounts_to(name: str, readings: pd.DataFrame) -> str:
    """Say what the verdict amounts to in the paper's own reading, and as released if it differs."""
    own, released = (
        sentence(name, *readings.loc[reading, ["verdict", "marks"]])
        for reading in (READINGS[0], ("released", READINGS[0][1]))
    )
    other = f" <em>As released:</em> {escape(released)}" * (released not in ("", own))
    return escape(own or UNTESTED_CLAIM) + other


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


def _first_number(row: Any) -> str:
    return f"<small>{escape(row['quantity'])}: <span>{interval_text(row)}</span></small>"


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
