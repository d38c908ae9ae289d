"""The conclusions, run by papermill: the ledger that readers see is the one that claims make."""

from collections import Counter

import pytest
from chapters import glued, n_figures, run, texts

from experiments.report.claims import CHAPTERS, CLAIMS, ledger


@pytest.fixture(scope="module")
def notebook(small_results, tmp_path_factory):
    return run(
        "08-conclusions", tmp_path_factory.mktemp("08"), results=str(small_results), seed=3
    )  # fmt: skip


@pytest.fixture(scope="module")
def own(small_results):
    claims = ledger(small_results, seed=3)
    return claims[(claims["convention"] == "printed") & (claims["search"] == "paper")]


def test_numbers_in_the_text_are_those_of_the_ledger(notebook, own):
    numbers, counts = glued(notebook), Counter(own["verdict"])
    assert numbers["n-claims"] == len(CLAIMS)
    assert numbers["n-holds"] == counts["holds"]
    assert numbers["n-partly"] == counts["partly"]
    assert numbers["n-not"] == counts["does not hold"]
    assert numbers["n-untested"] == counts["not tested"]
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
    verdict = own.set_index("claim")["verdict"]
    said = "Whether similarity is normalised matters little."
    assert (said in text) == (verdict["claim-10"] == "holds")
    # Two strengths make no curve.
    assert verdict["claim-01"] == "not tested"
    assert "Dropout raises modularity." not in text
    assert "These claims could not be tested" in text
