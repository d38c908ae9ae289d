"""Verdicts by Q and by excess beside each other."""

import re

import pandas as pd

from experiments.report.chapters.verdicts import again_html, changed

VERDICTS = {
    ("claim-01", "printed"): ("holds", "holds"),
    ("claim-01", "released"): ("holds", "partly"),
    ("claim-02", "printed"): ("partly", "not tested"),
    ("claim-02", "released"): ("does not hold", "does not hold"),
}
ROWS = pd.DataFrame([
    {"claim": claim, "convention": convention, "statement": f"a < b, {claim}", "by": by,
     "verdict": verdict}
    for (claim, convention), both in VERDICTS.items()
    for by, verdict in zip(("q", "excess"), both, strict=True)
])  # fmt: skip


def test_a_verdict_has_changed_if_both_are_known_and_differ():
    assert changed(ROWS, "printed") == []
    assert changed(ROWS, "released") == ["claim-01"]


def test_every_claim_leads_to_its_rule_and_both_verdicts_follow_in_each_convention():
    html = again_html(ROWS)
    assert 'href="../book/hypotheses.html#claim-02">a &lt; b, claim-02</a>' in html
    heads = re.findall("<th>(.*?)</th>", html)
    assert heads[1:] == [
        "as printed, by Q", "as printed, by excess", "as released, by Q", "as released, by excess",
    ]  # fmt: skip
    first, second = re.findall("<tr>\n(.*?)</tr>", html, re.DOTALL)
    assert re.findall("<td>(.*?)</td>", first)[1:] == [
        "●&nbsp;holds", "●&nbsp;holds",
        "<strong>●&nbsp;holds</strong>", "<strong>◐&nbsp;partly</strong>",
    ]  # fmt: skip
    assert re.findall("<td>(.*?)</td>", second)[3] == "○&nbsp;does&nbsp;not&nbsp;hold"
