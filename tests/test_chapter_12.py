"""The chapter on training for modules, on small tables of digits: it says what they hold."""

import re
import shutil

import papermill
import pytest
from chapters import ROOT, glued, n_figures, run, texts
from small import leave, seal

from experiments.config import AnalysisConfig, Recipe, SettingConfig
from experiments.data import load
from experiments.dials import DOWN, PAIRED, TABLES, UP, USUAL, DialsConfig, run_of
from experiments.engine import tables
from experiments.engine.run import stamp
from experiments.gains import analyze
from experiments.pull import TARGETS
from experiments.report.dials import DIALS, read_dials
from experiments.training.pulled import train_pulled
from modlib.similarity.conventions import CONVENTIONS

CHAPTER = "12-dials"
DYNAMICS = str(ROOT / "results" / "dynamics")
SEEDS = (1, 2)
RECIPE = Recipe(hidden=(16, 12), max_epochs=12, patience=12, learning_rate=5e-3, batch_size=100)
ANALYSIS = AnalysisConfig(n_steps=100, null_draws=1, lesion_draws=3)


def configs():
    setting = SettingConfig("digits", seeds=SEEDS, recipe=RECIPE, analysis=ANALYSIS)
    for task, targets in (("single", TARGETS), ("crossed", ("none", "up", "down", "both"))):
        for target in targets:
            usual = USUAL if task == "single" else PAIRED
            pull = usual if target != "none" else 0.0
            yield DialsConfig(task, target, pull, n_pairs=2000, n_test_pairs=300, setting=setting)


def rows_of(config, data):
    networks = [
        train_pulled(
            config.setting.training, data, config.task, config.target, config.pull, seed,
            most_modules=config.most_modules, n_pairs=config.n_pairs,
        )
        for seed in SEEDS
    ]  # fmt: skip
    return analyze(networks, config, data)


@pytest.fixture(scope="session")
def small_dials(tmp_path_factory):
    """Tables of 18 small networks, as a sweep would leave them; do not change them."""
    folder, data = tmp_path_factory.mktemp("dials"), load("digits")
    rows = {name: [] for name in TABLES}
    for config in configs():
        for name, found in rows_of(config, data).items():
            rows[name] += [row | stamp(run_of(config), "code") for row in found]
    return leave(folder, TABLES, rows, n_parts=18)


@pytest.fixture(scope="module")
def page(small_dials, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chapter")
    return run(CHAPTER, folder, results=str(small_dials), dynamics=DYNAMICS, as_told=False)


def test_what_is_pulled_rises_as_the_tables_have_it(page, small_dials):
    scores = read_dials(small_dials).scores.query(
        "task == 'single' and measure == 'output_sensitivity' and normalized "
        "and convention == 'released'"
    )
    q = scores.groupby(["target", "seed"])["q"].mean().unstack(0)
    numbers = glued(page)
    assert numbers["dials-02a-released"] == pytest.approx((q["down"] - q["none"]).mean())
    assert numbers["dials-02a-released"] > 0.1
    assert numbers["usual"] == USUAL


def test_the_text_tells_what_is_pulled_in_both_conventions(page, small_dials):
    numbers, scores = glued(page), read_dials(small_dials).scores
    for convention in CONVENTIONS:
        for part, method, target in (("01a", UP, "up"), ("02a", DOWN, "down")):
            own = scores.query("task == 'single' and normalized")
            own = own[own["measure"] == method.measure]
            q = own[own["convention"] == convention].groupby("target")["q"].mean()
            expected = pytest.approx(q[target] - q["none"])
            assert numbers[f"dials-{part}-{convention}"] == expected
        for part in ("1b", "2a", "2b", "2c"):
            assert f"when-{part}-{convention}-effect" in numbers


def test_the_live_networks_are_modular_where_they_are_pulled(page):
    numbers = glued(page)
    assert numbers["live-up-up"] > numbers["live-none-up"] + 0.1
    assert numbers["live-down-down"] > numbers["live-none-down"] + 0.1


def test_every_figure_is_drawn_and_every_question_answered(page):
    assert n_figures(page) == 11
    said = texts(page)
    assert all(said.count(f"hypotheses.html#{name}") == 1 for name in DIALS)
    assert said.count("Drawn from 18 networks of the sweep") == 1
    assert 0 <= glued(page)["n-gained"] <= 4


def test_a_text_that_the_tables_do_not_bear_out_fails(small_dials, tmp_path):
    folder, table = tmp_path / "untold", TABLES["dials"]
    shutil.copytree(small_dials, folder)
    found = tables.read(table, folder / "dials.parquet").to_pylist()
    found = [row | {"q": 0.1, "q_best": 0.1} for row in found]
    tables.write(table, tables.from_rows(table, found), folder / "dials.parquet")
    seal(folder)
    with pytest.raises(papermill.PapermillExecutionError, match="AssertionError") as failure:
        run(CHAPTER, tmp_path, results=str(folder), dynamics=DYNAMICS)
    # At the verdicts, and not before or for want of proofs.
    told = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(failure.value.traceback))
    (failed,) = re.findall(r"^-+> *\d+ +(.*)$", told, re.MULTILINE)
    assert failed.startswith('assert met[[f"dials-0{number}"')
