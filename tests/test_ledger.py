"""The ledger as readers see it, made of verdicts that are written down here."""

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

from experiments.report.chapters import ledger
from experiments.report.chapters.sentences import SENTENCES
from experiments.report.claims import CHAPTERS, CLAIMS, HYPOTHESES
from experiments.report.readings import READINGS

OTHERS = {
    ("claim-03", ("released", "paper")): "partly",
    ("claim-07", ("printed", "best")): "does not hold",
    ("claim-09", ("released", "best")): "partly",
    ("claim-15", ("printed", "best")): "not tested",
}


MARKS = {"holds": "●●●", "partly": "●◐○", "does not hold": "○○○"}


def verdict(name, reading):
    own = {"claim-02": "partly", "claim-05": "does not hold", "claim-06": "not tested"}
    return OTHERS.get((name, reading), own.get(name, "holds"))


@pytest.fixture
def claims():
    """All hold in all readings, but for a few."""
    rows = []
    for name, claim in CLAIMS.items():
        for convention, search in READINGS:
            given = verdict(name, (convention, search))
            effect = np.nan if given == "not tested" else -0.25
            rows.append(
                {
                    "claim": name, "statement": claim.title, "convention": convention,
                    "search": search, "effect": effect, "low": -0.5, "high": 0.125,
                    "quantity": "what <is> told", "verdict": given,
                    "marks": MARKS.get(given, ""),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def cells(html):
    """The rows of a table of HTML, each as the texts of its cells."""
    rows = re.findall(r"<tr.*?>(.*?)</tr>", html, flags=re.DOTALL)
    found = [re.findall(r"<t[dh].*?>(.*?)</t[dh]>", row, flags=re.DOTALL) for row in rows]
    return [[unescape(re.sub(r"<.*?>", " ", cell)).strip() for cell in row] for row in found]


# ---------------------------------------------------------------------------------------- verdicts


def test_own_reading_is_the_printed_convention_with_the_papers_search(claims):
    rows = claims.assign(effect=claims["convention"] + ", " + claims["search"])
    own = ledger.own_reading(rows)
    assert list(own.index) == list(CLAIMS)
    assert set(own["effect"]) == {"printed, paper"}


def test_verdicts_have_a_row_for_each_claim_and_a_column_for_each_reading(claims):
    every = ledger.verdicts(claims)
    assert list(every.columns) == list(READINGS)
    assert every.loc["claim-03", ("released", "paper")] == "partly"
    assert every.loc["claim-03", ("printed", "paper")] == "holds"


def test_only_verdicts_that_are_known_can_change(claims):
    own = READINGS[0]
    assert ledger.changed(claims, own, ("released", "paper")) == ["claim-03"]
    # Claim 15 is not tested with the best clusters, and so did not change.
    assert ledger.changed(claims, own, ("printed", "best")) == ["claim-07"]


def test_differences_say_what_each_verdict_amounts_to_and_by_which_choice(claims):
    convention, search = ledger.differences(claims)
    upstream, number = (SENTENCES[name]["●●●"] for name in ("claim-03", "claim-07"))
    assert convention == (
        f"**claim-03**, holds: {upstream} *As released* it holds partly: claim-03: partly (●◐○)."
    )
    assert search == (
        f"**claim-07**, holds: {number} *With the best clusters* it does not hold: "
        "claim-07: does not hold (○○○)."
    )


# ------------------------------------------------------------------------------------------ tables


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        (0.12345, "0.123 [\u22120.500, 1.000]"),
        (-np.inf, "\u2212inf [\u22120.500, 1.000]"),
        (np.nan, "\u2013"),
    ],
)
def test_an_interval_has_three_digits_and_true_minus_signs(effect, told):
    assert ledger.interval_text({"effect": effect, "low": -0.5, "high": 1.0}) == told


def test_ledger_has_each_claim_once_by_weight(claims):
    numbers = [number for group in ledger.WEIGHTS.values() for number in group]
    assert sorted(numbers) == list(range(1, len(CLAIMS) + 1))
    assert numbers[0] == 9  # what the paper calls its main result
    shown = re.findall(r'scope="row"><a[^>]*>claim\xa0(\d\d)<', ledger.ledger_html(claims))
    assert [int(number) for number in shown] == numbers


def test_ledger_has_a_verdict_with_the_parts_met_in_each_reading(claims):
    _, searches, *rows = cells(ledger.ledger_html(claims))
    assert searches == 2 * ["paper's clusters", "best clusters"]
    rows = {row[0].split(" ")[0].replace("\xa0", "-"): row for row in rows if len(row) > 1}
    met = {"holds": "3 of 3", "partly": "1 of 3", "does not hold": "0 of 3", "not tested": ""}
    assert set(rows) == set(CLAIMS)
    for name, (title, *found) in rows.items():
        assert title.endswith(CLAIMS[name].title)
        for reading, cell in zip(READINGS, found, strict=True):
            said = verdict(name, reading)
            assert " ".join(cell.split()) == f"{ledger.SIGNS[said]} {said} {met[said]}".strip()


def below(html, name):
    """What the second row of a claim says."""
    rows = cells(html)
    (place,) = [i for i, row in enumerate(rows) if row[0].startswith(name.replace("-", "\xa0"))]
    (said,) = rows[place + 1]
    return " ".join(said.split())


def test_ledger_says_below_each_claim_what_its_verdict_amounts_to(claims):
    html = ledger.ledger_html(claims)
    number = "what <is> told: \u22120.250 [\u22120.500, 0.125]"
    assert below(html, "claim-09") == f"{SENTENCES['claim-09']['●●●']} {number}"
    assert below(html, "claim-03") == (
        f"{SENTENCES['claim-03']['●●●']} As released: claim-03: partly (●◐○). {number}"
    )
    assert below(html, "claim-06").startswith("This claim could not be tested")


def test_every_head_of_the_ledger_says_what_it_is_the_head_of(claims):
    html = ledger.ledger_html(claims)
    assert html.count("<caption>") == 1
    heads = re.findall(r"<th\b[^>]*>", html)
    assert all("scope=" in head for head in heads)
    counts = {scope: html.count(f'scope="{scope}"') for scope in ("row", "rowgroup", "colgroup")}
    assert counts == {"row": len(CLAIMS), "rowgroup": len(ledger.WEIGHTS), "colgroup": 2}


def test_each_claim_leads_to_its_figure_and_its_rule(claims):
    html = ledger.ledger_html(claims)
    for name, claim in CLAIMS.items():
        assert html.count(f'href="../book/hypotheses.html#{name}"') == 1
        assert f'href="{CHAPTERS[claim.figure]}.html#{claim.figure}"' in html


def test_parts_are_those_of_the_papers_own_reading():
    one = {"claim": "claim-01", "quantity": "q", "effect": 0.5, "low": 0.25, "high": 0.75,
           "place": "above 0", "lacks": ""}  # fmt: skip
    parts = pd.DataFrame(
        [
            one | {"convention": "printed", "search": "paper", "part": "a", "met": True},
            one | {"convention": "printed", "search": "paper", "part": "b", "met": False},
            one | {"convention": "printed", "search": "paper", "part": "c", "met": False,
                   "lacks": "seeds", "effect": np.nan},
            one | {"convention": "printed", "search": "best", "part": "d", "met": True},
            one | {"convention": "released", "search": "paper", "part": "e", "met": True},
        ]
    )  # fmt: skip
    table = ledger.parts_table(parts)
    assert table["part"].tolist() == ["a", "b", "c"]
    assert table["met"].tolist() == ["yes", "no", "not tested"]
    assert table["estimate"].tolist() == 2 * ["0.500 [0.250, 0.750]"] + ["\u2013"]
    assert set(table["claim"]) == {"01"}


def test_an_expectation_was_wrong_if_the_claim_that_decides_it_holds(claims):
    table = ledger.hypotheses_table(claims)
    # They are decided by claims 1, 5, 6 and 9.
    assert table["as printed, paper's clusters"].tolist() == [
        "wrong", "not refuted", "not tested", "wrong",
    ]  # fmt: skip
    assert table["as released, best clusters"].tolist()[-1] == "partly wrong"
    for decided, name in zip(table["decided by"], HYPOTHESES.values(), strict=True):
        assert decided == f"{name}: {CLAIMS[name].title}"


def test_a_wide_table_scrolls_by_itself_and_escapes_what_it_holds():
    html = ledger.scrollable(pd.DataFrame({"a<b": ["c&d"]}))
    assert html.startswith('<div style="overflow-x: auto"><table')
    assert html.endswith("</table></div>")
    assert "a&lt;b" in html
    assert "c&amp;d" in html
