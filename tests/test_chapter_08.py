"""The conclusions, run by papermill: the ledger that readers see is the one that claims make."""

from collections import Counter

import pytest
from chapters import glued, n_figures, run, texts

from experiments.report.chapters.sentences import SENTENCES, counted, sentence
from experiments.report.claims import CHAPTERS, CLAIMS, ledger


@pytest.fixture(scope="module")
def notebook(small_results, tmp_path_factory):
    return run(
        "08-conclusions", tmp_path_factory.mktemp("08"), results=str(small_results), seed=3,
        as_told=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def own(small_results):
    claims = ledger(small_results, seed=3)
    return claims[(claims["convention"] == "printed") & (claims["search"] == "paper")]


def test_numbers_in_the_text_are_those_of_the_ledger(notebook, own):
    numbers, counts = glued(notebook), Counter(own["verdict"])
    assert numbers["n-claims"] == len(CLAIMS)
    assert f"{counted(own['verdict'])[:-1]} in the paper's own reading." in texts(notebook)
    assert sum(counts.values()) == len(CLAIMS)
    row = own.set_index("claim").loc["claim-09"]
    for end in ("effect", "low", "high"):
        assert numbers[f"{end}-09"] == pytest.approx(row[end])
    assert n_figures(notebook) == 1


def test_each_claim_leads_to_its_figure_and_its_rule(notebook):
    text = texts(notebook)
    for name, claim in CLAIMS.items():
        assert f'href="{CHAPTERS[claim.figure]}.html#{claim.figure}"' in text
        assert f'href="../book/hypotheses.html#{name}"' in text


def test_conclusions_say_what_the_verdicts_are(notebook, own):
    text = texts(notebook)
    found = own.set_index("claim")
    verdict, marks = found.loc["claim-10", ["verdict", "marks"]]
    assert sentence("claim-10", verdict, marks) in text
    # Two strengths make no curve.
    assert found.loc["claim-01", "verdict"] == "not tested"
    assert SENTENCES["claim-01"]["●●●"] not in text
    assert "These claims could not be tested" in text
