"""The preface, and the page of the explorer, say nothing that the results do not."""

import pytest
from chapters import ROOT

from experiments.names import network_name, setting_of
from experiments.report.chapters.modularity import peaks
from experiments.report.examples import read_examples
from experiments.report.frames import comparable, read_results


def page(name: str) -> str:
    return " ".join((ROOT / "book" / f"{name}.md").read_text().split())


@pytest.fixture(scope="module")
def results():
    return read_results(ROOT / "results" / "paper")


def test_by_three_measures_together_an_l2_penalty_does_as_much_as_dropout(results):
    assert (
        "by the three others together, an L2 penalty makes layers as clusterable as dropout does"
        in page("preface")
    )
    highest = peaks(comparable(results.modules))
    for convention in ("printed", "released"):
        without = highest.loc[(convention, "without input sensitivity")]
        assert without["l2"] > without["dropout"]
        with_it = highest.loc[(convention, "all eight")]
        assert with_it["dropout"] > with_it["l2"]


def test_one_network_of_each_setting_can_be_looked_into(results):
    assert "looks into one of each setting" in page("preface")
    text = page("explorer")
    assert "are kept for one network of each setting, the one of seed 0; for other seeds" in text
    settings = results.networks["network"].map(setting_of).unique()
    stored = read_examples(ROOT / "results" / "paper").networks
    assert sorted(stored) == sorted(network_name(setting, 0) for setting in settings)
    trained = results.networks.query("regularizer != 'untrained'")
    assert set(trained["seed"]) == set(range(9))
