"""Verdicts on the paper's claims, decided once more with excess in place of Q."""

import pandas as pd

from experiments.report.chapters.ledger import rule_link, scrollable, signed
from experiments.report.figures import CONVENTION_NAMES
from modlib.similarity.conventions import CONVENTIONS

BY = {"q": "by Q", "excess": "by excess"}
"""By what the paper's claims about Q are decided, and what a table calls it."""


def again_html(rows: pd.DataFrame) -> str:
    """Write the verdicts on the paper's claims by Q, and by excess, beside each other.

    Parameters
    ----------
    rows
        As :func:`experiments.report.questions.judge_again` returns them. Where the two verdicts
        of a convention differ, they are in bold.
    """
    verdict = rows.set_index(["claim", "convention", "by"])["verdict"]
    statements = rows.drop_duplicates("claim").set_index("claim")["statement"]
    columns = {"claim, and its rule": [rule_link(*item) for item in statements.items()]} | {
        f"{CONVENTION_NAMES[convention]}, {name}": [
            _told(
                verdict[claim, convention, by],
                bold=verdict[claim, convention, "q"] != verdict[claim, convention, "excess"],
            )
            for claim in statements.index
        ]
        for convention in CONVENTIONS
        for by, name in BY.items()
    }
    return scrollable(pd.DataFrame(columns), escape=False, classes="verdicts")


def changed(rows: pd.DataFrame, convention: str) -> list[str]:
    """Name the claims whose verdict by excess is another than by Q, both being tested."""
    verdict = rows[rows["convention"] == convention].pivot(
        index="claim", columns="by", values="verdict"
    )
    tested = (verdict != "not tested").all(axis=1)
    return list(verdict.index[tested & (verdict["q"] != verdict["excess"])])


def _told(verdict: str, *, bold: bool) -> str:
    return f"<strong>{signed(verdict)}</strong>" if bold else signed(verdict)
