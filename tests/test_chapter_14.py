"""Chapter 14: what is proven, what is missed, and what the page says without certificates."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import papermill
import pytest
from chapters import glued, n_figures, run, texts
from matplotlib import pyplot as plt
from small import seal

from experiments.engine import tables
from experiments.paper import CERTIFICATES, MODULES
from experiments.report.chapters import optima
from experiments.report.examples import read_examples
from experiments.report.frames import read_results
from modlib import plotting
from modlib.optimality.certificate import certify
from modlib.similarity.measures import METHODS

ROOT = Path(__file__).parents[1]
CHAPTER = "14-optimality"
BENCHMARKS = ROOT / "results" / "benchmarks.json"
NETWORKS = ("dropout-0.1-0", "l2-0.001-0")
MADE_BY = {
    "experiment": "paper", "config_hash": "none", "code_hash": "none", "version": "none"
}  # fmt: skip


def certificates(folder):
    examples = read_examples(folder)
    place = read_results(folder).networks[["dataset", "architecture"]].iloc[0].to_dict()
    for network in NETWORKS:
        for layer in (1, 2):
            for measure, normalized in METHODS:
                matrix = examples.similarity(network, layer, measure, normalized=normalized)
                found = certify(matrix, time_limit=20)
                yield (
                    MADE_BY
                    | place
                    | {
                        "network": network,
                        "layer": layer,
                        "measure": measure,
                        "normalized": normalized,
                        "lower": found.lower,
                        "upper": found.upper,
                        "optimal": bool(found.optimal),
                        "seconds": found.seconds,
                        "labels": found.labels.tolist(),
                    }
                )


@pytest.fixture(scope="module")
def certified(small_results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("certified") / "results"
    shutil.copytree(small_results, folder)
    table = tables.from_rows(CERTIFICATES, list(certificates(folder)))
    tables.write(CERTIFICATES, table, folder / "certificates.parquet")
    return seal(folder)


@pytest.fixture(scope="module")
def page(certified):
    return run(CHAPTER, certified.parent, results=str(certified), benchmarks=str(BENCHMARKS))


def test_certificates_are_counted_and_compared(page, certified):
    numbers = glued(page)
    table = read_results(certified).certificates
    assert numbers["n-assignments"] == 4140  # the eighth Bell number
    assert numbers["n-certified"] == len(table) == 2 * 2 * 8
    assert numbers["n-proven"] == table["optimal"].sum() > 0
    assert numbers["n-sample"] == numbers["n-proven"]
    modules = read_results(certified).modules.query("convention == 'printed'")
    key = ["network", "layer", "measure", "normalized"]
    proven = table[table["optimal"]].merge(modules, on=key)
    for search, column in {"paper": "q", "best": "q_best"}.items():
        reached = proven["upper"] - proven[column] < 1e-6
        assert numbers[f"{search}-is-optimal"] == pytest.approx(100 * reached.mean())
    assert n_figures(page) == 5
    assert texts(page).count("networks of the sweep") == 1
    assert "Nothing is proven here" not in texts(page)


def test_searches_of_others_and_larger_proofs_come_from_the_benchmarks(page):
    numbers = glued(page)
    measured = json.loads(BENCHMARKS.read_text())["tables"]
    best = {}
    for row in measured["peers"]:
        best.setdefault(row["instance"], {})[row["way"]] = row["q"]
    above = [
        ways["best"] - max(q for way, q in ways.items() if way != "best") for ways in best.values()
    ]
    assert numbers["n-instances"] == len(best) > 10
    assert numbers["n-below"] == sum(each < -1e-9 for each in above)
    assert numbers["n-above"] == sum(each > 1e-9 for each in above)
    assert numbers["n-large"] >= numbers["n-faster"] >= 0
    graphs = measured["certificates_graphs"]
    assert numbers["n-graphs"] == len(graphs) >= numbers["n-graphs-proven"] > 0
    assert numbers["widest"] >= numbers["widest-proven"] >= 64


def test_consensus_is_of_partitions_drawn_near_the_best(page):
    numbers = glued(page)
    assert numbers["n-drawn"] == 10 * 20
    assert 1 <= numbers["n-different"] <= numbers["n-drawn"]
    assert 0 < numbers["certain-pairs"] <= 100
    assert 0 <= numbers["n-settled"] <= numbers["n-in-use"] <= 12


def test_the_times_of_proofs_are_drawn_step_by_step():
    sample = pd.DataFrame({
        "measure": ["covariance", "covariance", "loss_hessian"],
        "optimal": [True, False, True],
        "seconds": [0.5, 60.0, 2.0],
    })  # fmt: skip
    (ax,) = optima.draw_times(sample).axes
    by_name = {line.get_label(): line.get_xydata() for line in ax.get_lines()}
    covariance = by_name[plotting.NAMES["covariance"]]
    np.testing.assert_array_equal(covariance, [[0.5, 50], [np.inf, 100]])
    np.testing.assert_array_equal(by_name[plotting.NAMES["loss_hessian"]], [[2, 100]])
    plt.close("all")


def test_peers_are_set_side_by_side():
    rows = pd.DataFrame([
        {"instance": "a", "units": 3, "links": 2, "way": "best", "q": 0.5, "seconds": 1.0},
        {"instance": "a", "units": 3, "links": 2, "way": "igraph Leiden", "q": 0.4, "seconds": 2.0},
        {"instance": "a", "units": 3, "links": 2, "way": "leidenalg", "q": 0.45, "seconds": 9.0},
        {"instance": "b", "units": 9, "links": 8, "way": "best", "q": 0.1, "seconds": 1.5},
        {"instance": "b", "units": 9, "links": 8, "way": "igraph Leiden", "q": 0.2, "seconds": 0.5},
    ])  # fmt: skip
    found = optima.against_peers(rows)
    assert found.loc["a", "best of the others"] == 0.45
    assert found["ours is above by"].tolist() == pytest.approx([0.05, -0.1])
    assert found["Leiden's"].tolist() == [2.0, 0.5]
    assert found["units"].tolist() == [3, 9]


def test_deficits_are_those_of_the_table(page, certified):
    numbers = glued(page)
    modules = read_results(certified).modules.query(
        "kept and convention == 'printed' and regularizer != 'untrained'"
    )
    missing = modules["q_best"] - modules["q"]
    assert numbers["n-matrices"] == len(modules)
    assert numbers["retest"] == pytest.approx(modules["retest"].mean())
    assert numbers["deficit-q"] == pytest.approx(missing.mean())
    assert numbers["largest-deficit"] == pytest.approx(missing.max())
    assert numbers["missed-q"] == pytest.approx(100 * (missing > 1e-6).mean())
    assert numbers["deficit-q_spectral"] > numbers["deficit-q"]


@pytest.mark.parametrize("convention", ["printed", "released"])
def test_page_without_certificates_says_so(small_results, tmp_path, convention):
    notebook = run(
        CHAPTER,
        tmp_path,
        results=str(small_results),
        benchmarks=str(BENCHMARKS),
        convention=convention,
        layer=1,
    )
    numbers = glued(notebook)
    assert "Nothing is proven here" in texts(notebook)
    assert numbers["n-proven"] == 0
    assert 0 < numbers["element-between"] < numbers["ceiling-between"] <= 1
    assert n_figures(notebook) == 5


def test_results_without_best_assignments_are_refused(small_results, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(small_results, folder)
    table = tables.read(MODULES, folder / "modules.parquet")
    rows = [row | {"q_best": None, "labels_best": None} for row in table.to_pylist()]
    tables.write(MODULES, tables.from_rows(MODULES, rows), folder / "modules.parquet")
    seal(folder)
    with pytest.raises(papermill.PapermillExecutionError, match="must hold the best assignments"):
        run(CHAPTER, tmp_path, results=str(folder), benchmarks=str(BENCHMARKS))
