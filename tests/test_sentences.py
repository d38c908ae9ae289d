"""What is said of the claims fits their verdicts, part by part."""

import re

import pandas as pd
import pytest
from chapters import ROOT

from experiments.report.chapters import ledger
from experiments.report.chapters.sentences import (
    SENTENCES,
    UNTESTED,
    counted,
    paragraph,
    sentence,
    unwritten,
)
from experiments.report.claims import CLAIMS, MARKS
from experiments.report.claims import ledger as decide


@pytest.fixture(scope="module")
def decided():
    return decide(ROOT / "results" / "paper")


def claims_of(**verdicts):
    """Claims by number, such as ``c10=("partly", "●●○")``."""
    rows = {f"claim-{name[1:]}": pair for name, pair in verdicts.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["verdict", "marks"])


def test_every_verdict_of_the_tables_has_its_own_sentence(decided):
    assert not unwritten(decided)


def test_marks_go_with_the_verdict(decided):
    for row in decided.itertuples():
        met = row.marks.count(MARKS["met"])
        expected = {0: "does not hold", len(row.marks): "holds"}.get(met, "partly")
        assert row.verdict == (expected if row.marks else "not tested")


def test_no_sentence_is_left_over_from_other_tables(decided):
    tested = decided[decided["verdict"] != "not tested"]
    found = {(row.claim, row.marks) for row in tested.itertuples()}
    assert found == {(name, marks) for name, said in SENTENCES.items() for marks in said}


def test_a_sentence_has_a_mark_for_each_part_and_is_like_no_other():
    assert set(SENTENCES) == set(CLAIMS)
    every = [text for said in SENTENCES.values() for text in said.values()]
    assert len(set(every)) == len(every)
    assert all(text[0].isupper() and text.endswith(".") for text in every)
    for name, said in SENTENCES.items():
        for marks in said:
            assert len(marks) == len(CLAIMS[name].parts)
            assert set(marks) <= set(MARKS.values())


@pytest.mark.parametrize(("name", "said"), SENTENCES.items())
def test_what_is_left_open_is_called_open_and_nothing_else_is(name, said):
    for marks, text in said.items():
        assert (MARKS["open"] in marks) == bool(re.search(r"open|cannot be told", text)), name


@pytest.mark.parametrize(
    ("verdict", "marks", "said"),
    [
        ("holds", "●●●", SENTENCES["claim-10"]["●●●"]),
        ("partly", "●●○", SENTENCES["claim-10"]["●●○"]),
        ("partly", "●○○", "claim-10: partly (●○○)."),  # of other tables
        ("not tested", "", ""),
    ],
)
def test_the_marks_choose_the_sentence(verdict, marks, said):
    assert sentence("claim-10", verdict, marks) == said


def test_a_verdict_without_a_sentence_is_found():
    claims = claims_of(c01=("holds", "●●●"), c10=("partly", "●○○"), c15=("not tested", ""))
    claims = claims.rename_axis("claim").reset_index()
    assert unwritten(claims) == [("claim-10", "●○○")]


def test_sentences_follow_the_order_asked_for_and_pass_over_what_was_not_tested():
    own = claims_of(c01=("holds", "●●●"), c02=("not tested", ""), c15=("partly", "●●●○"))
    assert paragraph(own, "claim-15", "claim-02", "claim-01") == (
        f"{SENTENCES['claim-15']['●●●○']} {SENTENCES['claim-01']['●●●']}"
    )


def test_where_nothing_was_tested_the_paragraph_says_so():
    assert paragraph(claims_of(c01=("not tested", "")), "claim-01") == UNTESTED


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (
            ["holds", "partly", "holds", "does not hold"],
            "Of four claims, two hold, one holds partly and one does not hold.",
        ),
        (["partly"] * 17, "Of 17 claims, 17 hold partly."),
        (["holds", "not tested"], "Of two claims, one holds and one could not be tested."),
    ],
)
def test_verdicts_are_counted_in_words(verdicts, said):
    assert counted(verdicts) == said


def test_differences_are_told_without_a_sentence_missing(decided):
    told = ledger.differences(decided)
    assert len(told) == len(ledger.changed(decided, ("printed", "paper"), ("released", "paper")))
    assert not any(re.search(r"claim-\d\d: ", line) for line in told)
