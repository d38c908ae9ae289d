"""Chapter 09: what is proven, what is missed, and what the page says without certificates."""

import shutil

import papermill
import pytest
from chapters import glued, n_figures, run, texts
from small import seal

from experiments.engine import tables
from experiments.paper import CERTIFICATES, MODULES
from experiments.report.examples import read_examples
from experiments.report.frames import read_results
from modlib.optimality.certificate import certify
from modlib.similarity.measures import METHODS

CHAPTER = "09-optimality"
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
    return run(CHAPTER, certified.parent, results=str(certified))


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
    assert n_figures(page) == 4
    assert texts(page).count("networks of the sweep") == 1
    assert "Nothing is proven here" not in texts(page)


def test_deficits_are_those_of_the_table(page, certified):
    numbers = glued(page)
    modules = read_results(certified).modules.query("kept and convention == 'printed'")
    missing = modules["q_best"] - modules["q"]
    assert numbers["deficit-q"] == pytest.approx(missing.mean())
    assert numbers["largest-deficit"] == pytest.approx(missing.max())
    assert numbers["missed-q"] == pytest.approx(100 * (missing > 1e-6).mean())
    assert numbers["deficit-q_spectral"] > numbers["deficit-q"]


@pytest.mark.parametrize("convention", ["printed", "released"])
def test_page_without_certificates_says_so(small_results, tmp_path, convention):
    notebook = run(CHAPTER, tmp_path, results=str(small_results), convention=convention, layer=1)
    numbers = glued(notebook)
    assert "Nothing is proven here" in texts(notebook)
    assert numbers["n-proven"] == 0
    assert 0 < numbers["element-between"] < numbers["ceiling-between"] <= 1
    assert n_figures(notebook) == 4


def test_results_without_best_assignments_are_refused(small_results, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(small_results, folder)
    table = tables.read(MODULES, folder / "modules.parquet")
    rows = [row | {"q_best": None, "labels_best": None} for row in table.to_pylist()]
    tables.write(MODULES, tables.from_rows(MODULES, rows), folder / "modules.parquet")
    seal(folder)
    with pytest.raises(papermill.PapermillExecutionError, match="must hold the best assignments"):
        run(CHAPTER, tmp_path, results=str(folder))
