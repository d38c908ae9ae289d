"""Verdicts on our own questions as a chapter shows them: a table of all parts of some of them."""

from collections.abc import Mapping
from html import escape

import pandas as pd

from experiments.report.chapters.ledger import SIGNS, interval_text, scrollable
from experiments.report.chapters.replies import reply
from experiments.report.claims import Claim, summarize
from experiments.report.figures import CONVENTION_NAMES


def answers_html(parts: pd.DataFrame, questions: Mapping[str, Claim]) -> str:
    """Write what became of each question, in words, and of its parts, in both conventions.

    Parameters
    ----------
    parts
        As :func:`experiments.report.questions.judge_worth` returns them.
    questions
        Those to show, by name. Each links to its rule, and to its figure on the same page.
    """
    parts = parts[parts["claim"].isin(list(questions))]
    found = summarize(parts, questions).set_index(["claim", "convention"])
    rows = [row for name in questions for row in _rows(name, questions[name], parts, found)]
    return scrollable(pd.DataFrame(rows), escape=False, classes="answers")


def _rows(
    name: str, question: Claim, parts: pd.DataFrame, found: pd.DataFrame
) -> list[dict[str, str]]:
    """The verdict with the statement and the reply, then a row for each part."""
    own, verdicts = parts[parts["claim"] == name], found["verdict"]
    rule = f'<a href="../book/hypotheses.html#{name}">{escape(question.title)}</a>'
    marks = {told: found.loc[(name, of), "marks"] for of, told in CONVENTION_NAMES.items()}
    if said := reply(name, marks):
        rule += f"<br>{escape(said)}"
    figure = f'<a href="#{question.figure}">{name}</a>'
    head = {"": figure, "question, and its numbers": rule, "must lie": ""}
    head |= {
        told: f"<strong>{SIGNS[verdicts[name, of]]} {verdicts[name, of]}</strong>"
        for of, told in CONVENTION_NAMES.items()
    }
    rows = [head]
    for letter, both in own.groupby("part", sort=True):
        by_convention = both.set_index("convention")
        first = both.iloc[0]
        row = {"": letter, "question, and its numbers": escape(first["quantity"])}
        row["must lie"] = first["place"].replace("-", "\u2212")
        for of, told in CONVENTION_NAMES.items():
            row[told] = f"<small>{interval_text(by_convention.loc[of])}</small>"
        rows.append(row)
    return rows
