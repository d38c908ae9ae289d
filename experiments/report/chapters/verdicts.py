"""Verdicts on the paper's claims, decided once more with excess in place of Q."""

from html import escape

import pandas as pd

from experiments.report.chapters.ledger import SIGNS, scrollable
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
    columns = {"claim, and its rule": [_rule_link(*item) for item in statements.items()]} | {
        f"{CONVENTION_NAMES[convention]}, {name}": [
            _signed(
                verdict[claim, convention, by],
                bold=verdict[claim, convention, "q"] != verdict[claim, convention, "excess"],
            )
            for claim in statements.index
        ]
        for convention in CONVENTIONS
        for by, name in BY.items()
    }
    return scrollable(pd.DataFrame(columns), escape=False, classes="ledger")


def changed(rows: pd.DataFrame, convention: str) -> list[str]:
    """Name the claims whose verdict by excess is another than by Q, both being tested."""
    verdict = rows[rows["convention"] == convention].pivot(
        index="claim", columns="by", values="verdict"
    )
    tested = (verdict != "not tested").all(axis=1)
    return list(verdict.index[tested & (verdict["q"] != verdict["excess"])])


def _rule_link(name: str, statement: str) -> str:
    target = f"../book/hypotheses.html#{name}"
    return f'<a class="reference internal" href="{target}">{escape(statement)}</a>'


def _signed(verdict: str, *, bold: bool = False) -> str:
    text = f"{SIGNS[verdict]} {verdict}".replace(" ", "&nbsp;")
    return f"<strong>{text}</strong>" if bold else text
