"""The chapter on other kinds of networks, on small tables of digits: it says what they hold."""

import shutil

import papermill
import pytest
from chapters import ROOT, glued, n_figures, run, texts
from small import leave, seal

from experiments.data import load
from experiments.elsewhere import TABLES, run_of, small
from experiments.engine import tables
from experiments.engine.run import stamp
from experiments.profile import analyze
from experiments.report.elsewhere import ELSEWHERE, read_elsewhere
from experiments.training.classifier import train_classifier

CHAPTER = "13-elsewhere"


def rows_of(config, data):
    networks = [
        train_classifier(config.architecture, config.training, data, seed)
        for seed in config.seeds
    ]  # fmt: skip
    return analyze(networks, config, data)


@pytest.fixture(scope="module")
def small_elsewhere(tmp_path_factory):
    """Tables of eight small networks, as a sweep would leave them; do not change them."""
    folder, data = tmp_path_factory.mktemp("elsewhere"), load("digits")
    rows = {name: [] for name in TABLES}
    for config in small():
        for name, found in rows_of(config, data).items():
            rows[name] += [row | stamp(run_of(config), "code") for row in found]
    return leave(folder, TABLES, rows, n_parts=8)


@pytest.fixture(scope="module")
def page(small_elsewhere, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chapter")
    return run(CHAPTER, folder, results=str(small_elsewhere), as_told=False)


def test_agreement_is_what_the_tables_have(page, small_elsewhere):
    layers = read_elsewhere(small_elsewhere).layers.query("convention == 'printed'")
    within = (layers["within_upstream"] + layers["within_downstream"]) / 2
    apart = (within - layers["between"]).groupby(layers["architecture"]).mean()
    numbers = glued(page)
    assert numbers["n-cases"] == len(apart) == 2
    assert numbers["apart-printed-least"] == pytest.approx(apart.min())
    assert numbers["apart-printed-most"] == pytest.approx(apart.max())


def test_every_figure_is_drawn_and_every_question_answered(page):
    assert n_figures(page) == 2
    said = texts(page)
    assert all(said.count(f"hypotheses.html#{name}") >= 1 for name in ELSEWHERE)
    assert said.count("Drawn from 8 networks of the sweep") == 1
    assert all(name in said for name in ("2 layers of 16 (digits)", "convolutions (digits)"))


def test_a_text_that_the_tables_do_not_bear_out_fails(tmp_path):
    folder, table = tmp_path / "untold", TABLES["elsewhere_layers"]
    shutil.copytree(ROOT / "results" / "elsewhere", folder)
    path = folder / "elsewhere_layers.parquet"
    found = tables.read(table, path).to_pylist()
    found = [row | {"between": row["within_upstream"]} for row in found]
    tables.write(table, tables.from_rows(table, found), path)
    seal(folder)
    with pytest.raises(papermill.PapermillExecutionError, match="AssertionError"):
        run(CHAPTER, tmp_path, results=str(folder))
