"""The README says nothing that the tables do not, and its example runs."""

import re

import numpy as np
import oracles
import pytest
import torch
from chapters import ROOT

from experiments.report.chapters.optima import quality_of_search
from experiments.report.claims import ledger
from experiments.report.dials import judge_dials, read_dials
from experiments.report.elsewhere import judge_elsewhere, read_elsewhere
from experiments.report.frames import by_setting, kept, mean_agreement, read_results
from experiments.report.questions import judge_worth
from modlib import HOMES, MLP

PAGE = (ROOT / "README.md").read_text()
TEXT = " ".join(PAGE.split())
CAUSES = (("cause-1", "a"), ("cause-2", "a"))
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def read():
    return read_results(ROOT / "results" / "paper")


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
    printed, released = q["printed"], q["released"]
    assert numbers(r"the eight methods goes from ([\d.]+) to ([\d.]+\d)\.") == [
        round(printed["dropout"].iloc[end], 3) for end in (0, -1)
    ]
    assert numbers(r"an L1 penalty does most .* the mean Q to ([\d.]+): .* it to ([\d.]+\d)\.") == [
        round(each["l1"].max(), 3) for each in (printed, released)
    ]
    assert printed["l1"].max() > printed["dropout"].max() > printed["l2"].max()


def test_the_lead_of_dropout_is_what_it_says(read):
    modules = kept(read.modules)
    is_input = modules["measure"] == "input_sensitivity"
    highest = {}
    for convention in ("printed", "released"):
        for name, chosen in {"with": ~is_input | is_input, "without": ~is_input}.items():
            frame = modules[chosen & (modules["convention"] == convention)]
            curves = by_setting(frame, "q").groupby("regularizer")["mean"].max()
            highest[convention, name] = [round(curves[kind], 3) for kind in ("dropout", "l2")]
    number = r"([\d.]+\d)"
    assert (
        numbers(
            rf"highest mean Q is {number} under dropout and {number} under L2 with it, "
            rf"{number} and {number} without"
        )
        == highest["printed", "with"] + highest["printed", "without"]
    )
    assert (
        numbers(rf"it is {number} and {number} with it, {number} and {number} without")
        == highest["released", "with"] + highest["released", "without"]
    )
    for convention in ("printed", "released"):
        dropout, l2 = highest[convention, "with"]
        assert dropout > l2
        dropout, l2 = highest[convention, "without"]
        assert dropout < l2


def test_redundancy_is_what_it_says(read):
    first = kept(read.layers[read.layers["layer"] == 1])
    means = by_setting(first, "nearest_correlation").set_index("regularizer")["mean"]
    near = means["dropout"]
    assert numbers(r"a strong L2 penalty takes it to ([\d.]+),") == [round(means["l2"].iloc[-1], 2)]
    assert means["l2"].iloc[-1] > near.iloc[-1]  # further than dropout does
    assert numbers(r"nearest neighbour goes from ([\d.]+) to ([\d.]+)\. ") == [
        round(near.iloc[end], 2) for end in (0, -1)
    ]


def test_agreement_is_what_it_says(read):
    trained = kept(read.agreement).query("regularizer != 'untrained'")
    blocks, off = {}, ~np.eye(4, dtype=bool)
    for convention, frame in trained.groupby("convention"):
        matrix = mean_agreement(frame)
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
    trained = kept(read.modules).query("regularizer != 'untrained' and convention == 'printed'")
    retest = trained["retest"].mean()
    assert numbers(r"matrix of a trained network agree to ([\d.]+):") == [round(retest, 2)]
    gain = trained["q_best"] - trained["q"]
    assert numbers(r"higher Q in (\d+) % of these matrices, by ([\d.]+\d) in the mean") == [
        round(100 * (gain > 1e-6).mean()), round(gain.mean(), 3)
    ]  # fmt: skip
    # The chapters take their numbers from one function.
    quality = quality_of_search(trained)
    assert list(quality.values()) == pytest.approx(
        [(gain > 1e-6).mean(), gain.mean(), retest], rel=1e-12
    )


def test_no_page_has_another_number_for_the_search():
    """Pages that speak of it quote the function, or are the README."""
    pages = {path.stem: path.read_text() for path in (ROOT / "notebooks").glob("*.md")}
    said = {name for name, page in pages.items() if re.search(r"[Tt]wo runs of the paper's", page)}
    assert said == {"14-optimality"}
    assert "optima.quality_of_search(modules)" in pages["14-optimality"]


def test_verdicts_are_those_of_the_ledger(read):
    claims = ledger(ROOT / "results" / "paper")
    paper = claims[(claims["convention"] == "printed") & (claims["search"] == "paper")]
    counts = paper["verdict"].value_counts()
    assert numbers(r"of the same kind, (\d+) hold, (\d+) hold partly and (\d+) does not") == [
        counts[verdict] for verdict in ("holds", "partly", "does not hold")
    ]
    best = claims[claims["search"] == "best"].set_index(["claim", "convention"])["verdict"]
    same = claims[claims["search"] == "paper"].set_index(["claim", "convention"])["verdict"]
    known = best != "not tested"
    assert (best[known] == same[known]).all()  # "changes no conclusion"


def test_damage_is_what_it_says(read):
    worth = judge_worth(read)
    worth = worth[worth["search"] == "paper"].set_index(["claim", "part", "convention"])
    upstream, ahead = (worth.loc[(*part, "printed"), "effect"] for part in CAUSES)
    assert numbers(
        r"lies ([\d.]+) standard deviations above .* first layer, and ([\d.]+) for downstream"
    ) == [round(upstream, 1), round(upstream - ahead, 1)]
    assert ahead < 0
    assert worth.loc[("cause-7", "b", "printed"), "low"] > 0  # by zero, the other way round


def test_what_training_for_modules_does_is_what_it_says():
    found = judge_dials(read_dials(ROOT / "results" / "dials"))
    found = found.query("search == 'paper' and convention == 'released'")
    found = found.set_index(["claim", "part"]).sort_index()
    number = r"(-?[\d.]+\d)"
    said = numbers(
        rf"covariance rises by {number} and that of output sensitivity changes by {number}; or the "
        rf"other way round, by {number} and {number};"
    )
    parts = [("dials-01", "a"), ("dials-01", "b"), ("dials-02", "a"), ("dials-02", "b")]
    assert said == np.round([found.loc[part, "effect"] for part in parts], 2).tolist()
    # What it says in words.
    assert found.loc["dials-03", "met"].all()  # only an assignment in common couples the two
    assert (found.loc["dials-05", "effect"] > -0.01).all()  # less than a point
    assert found.loc["dials-09", "met"].all()  # more specific
    assert (found.loc["dials-10", "high"].loc[["a", "b"]] < 0).all()  # bear no more noise
    assert not found.loc["dials-12", "met"].loc[["a", "b"]].any()  # a new question no better
    assert found.loc[("dials-11", "a"), "high"] < 0  # upstream, the truth is lost


def test_what_holds_elsewhere_is_what_it_says():
    found = judge_elsewhere(read_elsewhere(ROOT / "results" / "elsewhere"))
    found = found.query("search == 'paper' and part == 'a'")
    met = found.set_index(["claim", "convention", "where"])["met"].astype(bool)
    met, n_cases = met.sort_index(), found["where"].nunique()
    apart = [int(met["elsewhere-2", name].sum()) for name in ("released", "printed")]
    assert numbers(
        r"more than between them in (\d+) of (\d+) places .*?as printed by so much only in (\d+)"
    ) == [apart[0], n_cases, apart[1]]
    raised = [int(met["elsewhere-1", name].sum()) for name in ("printed", "released")]
    assert numbers(r"Dropout raises Q in (\d+) \(released: (\d+)\)") == raised
    # What it says in words.
    still = {
        where for (_, _, where), yes in met.loc[["elsewhere-1"], ["printed"]].items() if not yes
    }
    assert still == {
        "convolutional (mnist)", "residual, stream (mnist)", "transformer, stream (mnist)",
    }  # fmt: skip


def test_its_headline_figure_is_there():
    ((told, name),) = re.findall(r"!\[(.+?)\]\((.+?)\)", TEXT)
    assert (ROOT / name).stat().st_size > 10_000
    assert "eight methods" in told
    assert "eight measures" not in TEXT  # there are four


# --------------------------------------------------------------------- a network of one's own


@pytest.fixture(scope="module", params=["MLP", "Sequential"])
def example(request) -> dict:
    """What the example defines, run on a small network of either kind."""
    random = torch.Generator().manual_seed(0)
    mlp = MLP((6, 12, 8, 3), seed=1)
    first, second, last = mlp.linears
    relu = torch.nn.ReLU()
    names = {
        "model": mlp if request.param == "MLP" else torch.nn.Sequential(
            first, relu, second, relu, last
        ),
        "inputs": torch.rand(200, 6, generator=random),
        "targets": torch.randint(3, (200,), generator=random),
    }  # fmt: skip
    exec(EXAMPLE, names)  # the page's own code
    return names


def test_its_example_measures_and_clusters(example):
    similarity, modules = example["similarity"], example["modules"]
    assert (similarity.measure, similarity.layer, similarity.convention) == (
        "loss_hessian", 1, "printed"
    )  # fmt: skip
    assert similarity.shape == (12, 12)
    values = np.asarray(similarity)
    largest = np.maximum.outer(values.diagonal(), values.diagonal())
    normalized = np.divide(values, largest, out=np.zeros_like(values), where=largest > 0)
    np.fill_diagonal(normalized, 0)
    adjacency = normalized / normalized.sum()
    assert modules.q == pytest.approx(
        oracles.double_sum_modularity(adjacency, modules.labels), abs=1e-12
    )


def test_what_its_example_says_of_labels_is_so(example):
    similarity, modules = example["similarity"], example["modules"]
    alone = (np.asarray(similarity) - np.diag(np.diag(similarity)) == 0).all(axis=1)
    assert np.array_equal(modules.labels == -1, alone)
    sizes = np.bincount(modules.labels[modules.labels >= 0])
    assert modules.n_modules == len(sizes)
    assert modules.members(0) == tuple(np.flatnonzero(modules.labels == sizes.argmax()))


def test_every_name_that_it_takes_from_the_package_is_offered_there():
    used = set(re.findall(r"\bml\.(\w+)", PAGE))
    assert {"find_modules", "certify"} <= used <= set(HOMES)
