"""What is said of our own questions fits what was found, part by part."""

import re

import pandas as pd
import pytest
from chapters import ROOT

from experiments.report.chapters.answers import answers_html
from experiments.report.chapters.replies import REPLIES, reply
from experiments.report.claims import MARKS, summarize
from experiments.report.crossed import TRUTH, judge_truth, read_crossed
from experiments.report.dials import DIALS, judge_dials, read_dials
from experiments.report.dynamics import WHEN, judge_when, read_dynamics
from experiments.report.frames import read_results
from experiments.report.questions import BY_ZERO, CAUSE, CHANCE, WHY, judge_worth

QUESTIONS = CHANCE | WHY | CAUSE | BY_ZERO | TRUTH | DIALS | WHEN


@pytest.fixture(scope="module")
def parts():
    results = ROOT / "results"
    dials = judge_dials(read_dials(results / "dials"))
    return pd.concat(
        [
            judge_worth(read_results(results / "paper")),
            judge_truth(read_crossed(results / "crossed")),
            dials[dials["search"] == "paper"],  # as the chapter has it
            judge_when(read_dynamics(results / "dynamics")),
        ]
    )


def test_every_verdict_of_the_tables_has_its_own_sentence_and_no_other_is_written(parts):
    found = summarize(parts, QUESTIONS)
    marks = {(row.claim, row.marks) for row in found.itertuples()}
    assert marks == {(name, marks) for name, said in REPLIES.items() for marks in said}


def test_what_is_left_open_is_called_open_and_nothing_else_is():
    for name, said in REPLIES.items():
        for marks, text in said.items():
            assert len(marks) == len(QUESTIONS[name].parts)
            assert (MARKS["open"] in marks) == bool(re.search(r"\bopen\b", text)), name


def test_conventions_share_a_sentence_where_they_can():
    shared = REPLIES["chance-1"]["●●"]
    assert reply("chance-1", {"as printed": "●●", "as released": "●●"}) == shared
    one, other = REPLIES["chance-5"]["●●●"], REPLIES["chance-5"]["○○○"]
    assert reply("chance-5", {"as printed": "●●●", "as released": "○○○"}) == (
        f"As printed: {one} As released: {other}"
    )


def test_nothing_is_said_of_what_was_never_found():
    assert reply("chance-1", {"as printed": "○○", "as released": "○○"}) == ""
    assert reply("dials-01", {"as printed": "○○", "as released": "○○"}) == ""


def test_the_sentence_stands_below_its_question(parts):
    html = answers_html(parts[parts["search"] == "paper"], CHANCE)
    assert f"its rotations</a><br>{REPLIES['chance-1']['●●']}" in html
