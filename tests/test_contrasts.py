"""Verdicts side by side, on a ledger of three claims made up."""

import pandas as pd
import pytest

from experiments.report.chapters import contrasts

VERDICTS = {
    ("c1", "printed"): ("holds", "holds"), ("c1", "released"): ("partly", "holds"),
    ("c2", "printed"): ("holds", "does not hold"), ("c2", "released"): ("holds", "holds"),
    ("c3", "printed"): ("partly", "not tested"), ("c3", "released"): ("not tested", "partly"),
}  # fmt: skip
LEDGER = pd.DataFrame(
    [
        (claim, f"statement of {claim}", convention, search, 0.5, -0.25, 1.0, verdict)
        for (claim, convention), verdicts in VERDICTS.items()
        for search, verdict in zip(("paper", "best"), verdicts, strict=True)
    ],
    columns=["claim", "statement", "convention", "search", "effect", "low", "high", "verdict"],
)
NAMES = {"released": "as released", "printed": "as printed"}


def test_searches_are_compared_where_both_are_tested():
    found = contrasts.by_search(LEDGER, "printed")
    assert list(found.columns) == ["claim", "statement", "paper", "best", "differ"]
    assert found.drop(columns="statement").to_numpy().tolist() == [
        ["c1", "holds", "holds", False],
        ["c2", "holds", "does not hold", True],
    ]


def test_conventions_are_compared_in_the_order_wanted():
    found = contrasts.by_convention(LEDGER, "paper", NAMES)
    assert list(found.columns) == [
        "claim", "statement", "effect, as released", "verdict, as released",
        "effect, as printed", "verdict, as printed", "differ",
    ]  # fmt: skip
    assert found["claim"].tolist() == ["c1", "c2"]  # the third is not tested as released
    assert found["verdict, as released"].tolist() == ["partly", "holds"]
    assert found["differ"].tolist() == [True, False]
    assert found["effect, as printed"][0] == "+0.500 [-0.250, +1.000]"


def test_the_ledger_is_left_as_it_is():
    before = LEDGER.copy()
    contrasts.by_convention(LEDGER, "paper", NAMES)
    pd.testing.assert_frame_equal(LEDGER, before)


@pytest.mark.parametrize("convention", ["printed", "released"])
def test_rows_that_differ_are_in_bold_and_no_others(convention):
    styler = contrasts.in_bold(contrasts.by_search(LEDGER, convention))
    html = styler.to_html()
    assert "differ<" not in html
    bold = {
        place for place, rules in styler._compute().ctx.items() if ("font-weight", "bold") in rules
    }
    # Of four columns: the second row as printed, none as released but for the first and last.
    expected = {"printed": {1}, "released": {0}}[convention]
    assert {row for row, _ in bold} == expected
    assert len(bold) == 4
