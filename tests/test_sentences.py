"""What is said of the claims follows their verdicts."""

import pytest

from experiments.report.chapters.sentences import SENTENCES, UNTESTED, paragraph
from experiments.report.claims import CLAIMS


def test_every_claim_has_a_sentence_for_each_verdict():
    assert set(SENTENCES) == set(CLAIMS)
    for sentences in SENTENCES.values():
        assert len(set(sentences)) == 3
        assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("holds", "Whether similarity is normalised matters little."),
        ("partly", "Whether similarity is normalised matters little in some respects only."),
        (
            "does not hold",
            "Whether similarity is normalised matters as much as how it is measured.",
        ),
    ],
)
def test_the_verdict_chooses_the_sentence(verdict, said):
    assert paragraph({"claim-10": verdict}, "claim-10") == said


def test_sentences_follow_the_order_asked_for_and_pass_over_what_was_not_tested():
    verdicts = {"claim-01": "holds", "claim-02": "not tested", "claim-15": "does not hold"}
    assert paragraph(verdicts, "claim-15", "claim-02", "claim-01") == (
        "Neither step of the algorithm helps. Dropout raises modularity."
    )


def test_where_nothing_was_tested_the_paragraph_says_so():
    assert paragraph({"claim-01": "not tested"}, "claim-01") == UNTESTED
