"""The first page and the README say one thing in their findings: what the tables say."""

import re

import numpy as np
import pandas as pd
import pytest
from chapters import ROOT

from experiments.report.claims import ledger
from experiments.report.crossed import judge_truth, read_crossed
from experiments.report.frames import kept, mean_agreement, read_results
from experiments.report.questions import judge_worth

PAGES = {"README": ROOT / "README.md", "first page": ROOT / "book" / "preface.md"}
NUMBER = r"(-?[\d.]+\d)"


@pytest.fixture(scope="module")
def read():
    return read_results(ROOT / "results" / "paper")


@pytest.fixture(scope="module")
def worth(read):
    """What decides our own questions, by the paper's algorithm."""
    parts = pd.concat([judge_truth(read_crossed(ROOT / "results" / "crossed")), judge_worth(read)])
    parts = parts[parts["search"] == "paper"]
    return parts.set_index(["claim", "part", "convention"]).sort_index()


@pytest.fixture(params=list(PAGES))
def numbers(request):
    """Find the numbers of a sentence of a page, which must be there."""
    text = " ".join(PAGES[request.param].read_text().split())

    def numbers(pattern: str) -> list[float]:
        found = re.search(pattern, text)
        assert found, pattern
        return [float(number) for number in found.groups()]

    return numbers


def effects(worth, *parts: str, convention: str, digits: int) -> list[float]:
    return [round(worth.loc[(*part.split(), convention), "effect"], digits) for part in parts]


def test_each_side_finds_its_own_truth(numbers, worth):
    assert numbers(
        rf"input sensitivity recovers {NUMBER} of what units see and {NUMBER} of whom they serve, "
        rf"downstream methods {NUMBER} of whom they serve and {NUMBER} of what they see"
    ) == effects(
        worth, "truth-1 a", "truth-1 b", "truth-2 a", "truth-2 b", convention="printed", digits=2
    )
    assert numbers(
        rf"covariance recovers {NUMBER} by the authors' published code, and {NUMBER} by the equ"
    ) == effects(worth, "truth-3 a", "truth-3 b", convention="printed", digits=2)


def test_much_less_is_found_where_nothing_is_planted(numbers, worth):
    numbers("Where nothing is planted, much less is found")
    ahead = worth.loc[[("truth-5", "a", "released"), ("truth-5", "b", "released")], "effect"]
    assert (ahead < 0.4).all()  # of one truth over the other, where 1 stands above


def test_the_sides_part_in_ordinary_networks_too(numbers, read):
    trained = kept(read.agreement).query("regularizer != 'untrained'")
    off, blocks = ~np.eye(4, dtype=bool), {}
    for convention, frame in trained.groupby("convention"):
        matrix = mean_agreement(frame)
        parts = matrix[:4, :4][off], matrix[4:, 4:][off], matrix[:4, 4:]
        blocks[convention] = [round(part.mean(), 2) for part in parts]
    n_networks, *printed = numbers(
        rf"In (\d+) networks trained on MNIST, modules agree to {NUMBER} within the methods that "
        rf"look upstream, to {NUMBER} within .* downstream, and to {NUMBER} between the two"
    )
    assert n_networks == trained["network"].nunique()
    assert printed == blocks["printed"]
    assert numbers(rf"code these are {NUMBER}, {NUMBER} and {NUMBER}") == blocks["released"]


def test_a_high_modularity_need_not_be_about_units(numbers, worth):
    assert numbers(
        rf"exceeds that of rotations by {NUMBER} \(raw covariance\) and {NUMBER} \(raw output"
    ) == effects(worth, "chance-1 a", "chance-1 b", convention="released", digits=3)
    assert numbers(rf"exceeds it by {NUMBER} \(raw input sensitivity, first layer\)") == effects(
        worth, "chance-2 b", convention="released", digits=3
    )
    assert worth.loc[("why-1", slice(None), "printed"), "met"].all()  # units take turns


def test_verdicts_are_counted(numbers):
    claims = ledger(ROOT / "results" / "paper")
    claims = claims[(claims["convention"] == "printed") & (claims["search"] == "paper")]
    assert len(claims) == 16
    counts = claims["verdict"].value_counts()
    assert numbers(r"sixteen claims (\d+) hold, (\d+) hold partly and (\d+) does not") == [
        counts[verdict] for verdict in ("holds", "partly", "does not hold")
    ]


def test_what_is_proven_is_proven(numbers, read):
    assert read.certificates["optimal"].all()
    assert numbers(r"For (\d+) matrices of similarity no better") == [len(read.certificates)]
    names = ["network", "layer", "measure", "normalized"]
    printed = read.modules[read.modules["convention"] == "printed"]
    proven = read.certificates[[*names, "lower"]].merge(printed[[*names, "q"]], on=names)
    assert len(proven) == len(read.certificates)
    deficit = (proven["lower"] - proven["q"]).mean()
    assert numbers(r"misses the highest \$?Q\$? by ([\d.]+\d) in the mean") == [round(deficit, 3)]


def test_no_setting_has_more_networks_than_it_says(numbers, read):
    numbers("means over up to nine networks")
    trained = read.networks[read.networks["regularizer"] != "untrained"]
    assert trained.groupby(["regularizer", "strength"]).size().max() == 9
