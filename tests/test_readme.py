"""The README says nothing that the tables do not."""

import re

import numpy as np
import pytest
from chapters import ROOT

from experiments.report.claims import ledger
from experiments.report.frames import agreement_matrix, by_setting, kept, read_results

TEXT = " ".join((ROOT / "README.md").read_text().split())


@pytest.fixture(scope="module")
def read():
    return read_results(ROOT / "results")


def numbers(pattern: str) -> list[float]:
    """The numbers of a sentence, which must be there."""
    found = re.search(pattern, TEXT)
    assert found, pattern
    return [float(number) for number in found.groups()]


def test_networks_are_counted_and_dropped_as_it_says(read):
    networks = read.networks
    is_trained = networks["regularizer"] != "untrained"
    assert numbers(r"(\d+) networks were trained.* and (\d+) left untrained") == [
        is_trained.sum(), (~is_trained).sum()
    ]  # fmt: skip
    assert numbers(r"(\d+) networks fell under 80 %") == [(~networks["kept"]).sum()]


def test_modularity_is_what_it_says(read):
    q = {
        convention: by_setting(frame, "q").set_index("regularizer")["mean"]
        for convention, frame in kept(read.modules).groupby("convention")
    }
    inside, outside = q["printed"], q["released"]
    assert numbers(r"the eight methods goes from ([\d.]+) to ([\d.]+),") == [
        round(inside["dropout"].iloc[end], 3) for end in (0, -1)
    ]
    assert numbers(r"an L1 penalty takes the mean Q to ([\d.]+):") == [round(inside["l1"].max(), 3)]
    assert inside["l1"].max() > inside["dropout"].max()
    assert numbers(r"dropout leads with ([\d.]+) against ([\d.]+)\. ") == [
        round(outside[regularizer].max(), 3) for regularizer in ("dropout", "l1")
    ]


def test_redundancy_is_what_it_says(read):
    first = kept(read.layers[read.layers["layer"] == 1])
    means = by_setting(first, "nearest_correlation").set_index("regularizer")["mean"]
    near = means["dropout"]
    assert numbers(r"a strong L2 penalty takes it to ([\d.]+),") == [round(means["l2"].iloc[-1], 2)]
    assert numbers(r"nearest neighbour goes from ([\d.]+) to ([\d.]+)\. ") == [
        round(near.iloc[end], 2) for end in (0, -1)
    ]


def test_agreement_is_what_it_says(read):
    trained = kept(read.agreement).query("regularizer != 'untrained'")
    blocks, off = {}, ~np.eye(4, dtype=bool)
    for convention, frame in trained.groupby("convention"):
        matrix = agreement_matrix(frame)
        parts = matrix[:4, :4][off], matrix[4:, 4:][off], matrix[:4, 4:]
        blocks[convention] = [round(part.mean(), 2) for part in parts]
    number = r"([\d.]+\d)"
    assert (
        numbers(
            rf"upstream methods \({number}\) and within the downstream ones \({number}\) more than "
            rf"between the two \({number}\)"
        )
        == blocks["printed"]
    )
    assert numbers(rf"larger: {number} and {number} against {number}") == blocks["released"]


def test_the_search_is_what_it_says(read):
    modules = kept(read.modules)
    retest = modules[modules["convention"] == "printed"]["retest"].mean()
    assert numbers(r"on one matrix agree to ([\d.]+):") == [round(retest, 2)]
    gain = modules["q_best"] - modules["q"]
    assert numbers(r"higher Q in (\d+) % of the matrices, by ([\d.]+\d) in the mean") == [
        round(100 * (gain > 1e-9).mean()), round(gain.mean(), 3)
    ]  # fmt: skip


def test_verdicts_are_those_of_the_ledger(read):
    claims = ledger(ROOT / "results")
    paper = claims[(claims["convention"] == "printed") & (claims["search"] == "paper")]
    counts = paper["verdict"].value_counts()
    assert numbers(r"numbers, (\d+) hold, (\d+) hold partly and (\d+) does not") == [
        counts[verdict] for verdict in ("holds", "partly", "does not hold")
    ]
    best = claims[claims["search"] == "best"].set_index(["claim", "convention"])["verdict"]
    same = claims[claims["search"] == "paper"].set_index(["claim", "convention"])["verdict"]
    known = best != "not tested"
    assert (best[known] == same[known]).all()  # "changes no conclusion"


def test_its_headline_figure_is_there():
    (name,) = re.findall(r"!\[.+?\]\((.+?)\)", TEXT)
    assert (ROOT / name).stat().st_size > 10_000
