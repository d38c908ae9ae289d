"""The chapter on truth, on small tables of digits: what it says is what the tables hold."""

import papermill
import pytest
from chapters import glued, n_figures, run, texts
from small import leave

from experiments.config import AnalysisConfig, Recipe, SettingConfig
from experiments.crossed import TABLES, CrossedConfig, run_of
from experiments.data import load
from experiments.engine.run import stamp
from experiments.recovery import analyze
from experiments.report.crossed import read_crossed
from experiments.training.heads import train_heads
from experiments.truth import recovery
from modlib.similarity.conventions import CONVENTIONS

CHAPTER = "09-truth"
SMALL = {"shuffles": 200, "as_told": False}
SEEDS = (1, 2)
GRID = (
    ("planted", "crossed", 0.0),
    ("planted", "crossed", 0.1),
    ("emergent", "crossed", 1.0),
    ("emergent", "parallel", 1.0),
)
RECIPE = Recipe(hidden=(32, 16), max_epochs=12, learning_rate=5e-3, batch_size=100)


def config_of(kind, task, leak):
    setting = SettingConfig(
        "digits", "l2", 1e-5, SEEDS, recipe=RECIPE, analysis=AnalysisConfig(n_steps=300, best=True)
    )
    return CrossedConfig(kind, task, leak, n_pairs=4000, n_test_pairs=300, setting=setting)


def rows_of(config, data):
    networks = [
        train_heads(
            config.setting.training, data, config.task, config.n_pairs, seed,
            leak=config.leak_of_masks,
        )
        for seed in SEEDS
    ]  # fmt: skip
    return analyze(networks, config, data)


@pytest.fixture(scope="session")
def small_crossed(tmp_path_factory):
    """Tables of eight small networks, as a sweep would leave them; do not change them."""
    folder, data = tmp_path_factory.mktemp("crossed"), load("digits")
    rows = {name: [] for name in TABLES}
    for place in GRID:
        config = config_of(*place)
        for name, found in rows_of(config, data).items():
            rows[name] += [row | stamp(run_of(config), "code") for row in found]
    return leave(folder, TABLES, rows, n_parts=8)


@pytest.fixture(scope="module")
def page(small_crossed, tmp_path_factory):
    return run(CHAPTER, tmp_path_factory.mktemp("truth"), results=str(small_crossed), **SMALL)


def test_recoveries_are_those_of_the_tables(page, small_crossed):
    numbers = glued(page)
    scores = read_crossed(small_crossed).scores
    scores = scores.query("layer == 1 and leak == 0 and by == 'construction'")
    for truth, part in (("source", "a"), ("head", "b")):
        own = scores.query("measure == 'input_sensitivity' and convention == 'released'")
        own = own[own["truth"] == truth]
        expected = pytest.approx(own.groupby("seed")["recovery"].mean().mean())
        assert numbers[f"truth-1{part}-released"] == expected
    raw = scores.query("measure == 'covariance' and not normalized and convention == 'printed'")
    assert numbers["truth-3c-printed"] == pytest.approx(raw["q"].mean())
    assert numbers["truth-3c-released"] == numbers["truth-3c-printed"]


def test_the_text_tells_of_both_tabs(page, small_crossed):
    numbers, scores = glued(page), read_crossed(small_crossed).scores
    scores = scores.query("layer == 1 and leak == 0 and by == 'construction' and truth == 'head'")
    down = scores[scores["measure"].isin(["output_sensitivity", "loss_hessian"])]
    for convention in CONVENTIONS:
        own = down[down["convention"] == convention]
        expected = pytest.approx(own.groupby("seed")["recovery"].mean().mean())
        assert numbers[f"truth-2a-{convention}"] == expected
    # Of the covariance, whose square the tabs part: the source, raw or normalised as in the rules.
    assert numbers["truth-3a-released"] > numbers["truth-3b-released"]


def test_the_truth_found_is_that_of_the_marked_assignments(page, small_crossed):
    numbers = glued(page)
    scores = read_crossed(small_crossed).scores
    scores = scores.query("kind == 'emergent' and layer == 1 and convention == 'released'")
    without = scores.groupby(["task", "seed", "measure", "normalized"])
    without = without.agg(q=("q", "first"), found=("recovery", "max"))
    highest = without[without["found"] <= 0.05]["q"].max()
    assert numbers["case-released-without-q"] == pytest.approx(highest)


def test_the_live_network_has_what_was_planted(page):
    numbers = glued(page)
    assert numbers["live-source"] > 0.5 > abs(numbers["live-head"])
    assert numbers["contrast-released"] > 5
    assert numbers["contrast-printed"] < 1.1
    assert numbers["rank-one-deviation"] < 10


def test_four_kinds_recover_a_third_of_each_truth(page):
    # See the exercise: E is 1/2, and by chance 8 / 64 * (1 + 15 * 31 / 63) / 32 * 8.
    chance = 8 / 64 * (1 + 15 * 31 / 63) / 32 * 8
    expected = (0.5 - chance) / (1 - chance)
    assert glued(page)["four-recovery"] == pytest.approx(expected)
    assert recovery([0, 1, 2, 3] * 16, [0, 0, 1, 1] * 16)["recovery"] == pytest.approx(expected)


def test_every_figure_is_drawn_and_every_question_answered_by_both_searches(page):
    assert n_figures(page) == 7
    said = texts(page)
    for number in range(1, 8):
        assert said.count(f"hypotheses.html#truth-{number}") == 2
    assert said.count("Drawn from 8 networks of the sweep") == 1


def test_a_text_that_the_tables_do_not_bear_out_fails(small_crossed, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="AssertionError"):
        run(CHAPTER, tmp_path, results=str(small_crossed), **SMALL | {"as_told": True})


def test_an_unknown_example_is_refused(small_crossed, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="must be the seed of a planted"):
        run(CHAPTER, tmp_path, results=str(small_crossed), **SMALL | {"example": 7})
