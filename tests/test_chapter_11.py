"""Chapter 11: what breaks when modules are silenced, on a small sweep of digits."""

import shutil
from itertools import product

import numpy as np
import papermill
import pytest
from chapters import glued, n_figures, run, texts
from small import seal

from experiments.report.frames import read_results
from experiments.report.worth import score
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import UPSTREAM

CHAPTER = "11-cause"
SMALL = {"network": "dropout-0.4-0", "draws": 50, "as_told": False}


@pytest.fixture(scope="module")
def page(small_results, tmp_path_factory):
    return run(CHAPTER, tmp_path_factory.mktemp("cause"), results=str(small_results), **SMALL)


def seen(frame):
    """Trained networks that are kept, of the seeds that rules are decided on."""
    return frame.query("kept and regularizer != 'untrained' and seed > 0")


def test_scores_are_those_of_the_tables(page, small_results):
    numbers = glued(page)
    rows = score(seen(read_results(small_results).lesions))
    rows = rows.query("convention == 'printed' and not signed and ablation == 'mean'")
    first = rows.query("layer == 1 and measure in @UPSTREAM")
    assert numbers["score-upstream-1-printed"] == pytest.approx(first["score"].mean())
    assert 0 <= numbers["significant-upstream-1-printed"] <= 100
    assert numbers["least-p"] == pytest.approx(1 / 11)  # of ten random assignments
    assert numbers["least-share"] == pytest.approx(100 / 11 / 0.05)


def test_the_text_tells_of_both_tabs(page, small_results):
    numbers, rows = glued(page), score(seen(read_results(small_results).lesions))
    rows = rows.query("not signed and ablation == 'mean'")
    is_up = rows["measure"].isin(UPSTREAM)
    for convention, layer, side in product(CONVENTIONS, (1, 2), ("upstream", "downstream")):
        own = rows[(is_up == (side == "upstream")) & (rows["layer"] == layer)]
        expected = own.loc[own["convention"] == convention, "score"].mean()
        assert numbers[f"score-{side}-{layer}-{convention}"] == pytest.approx(expected)


def test_gaps_are_upstream_less_downstream(page, small_results):
    numbers = glued(page)
    rows = score(seen(read_results(small_results).lesions)).query("ablation == 'mean' and signed")
    is_up = rows["measure"].isin(UPSTREAM)
    gap = rows.loc[is_up, "score"].mean() - rows.loc[~is_up, "score"].mean()
    assert numbers["gap-signed"] == pytest.approx(gap)


def test_synergies_are_those_of_the_tables(page, small_results):
    numbers = glued(page)
    rows = seen(read_results(small_results).synergy)
    hessian = rows.query("measure == 'loss_hessian' and not normalized and signed")
    assert numbers["hessian-correlation-signed"] == pytest.approx(hessian["correlation"].mean())
    down = rows.query("convention == 'released' and not signed and measure not in @UPSTREAM")
    share = 100 * down["within_positive"].dropna().mean()
    assert numbers["within-downstream-released"] == pytest.approx(share)


def test_the_running_example_is_measured_live(page):
    numbers = glued(page)
    bits = -0.75 * np.log2(0.75) - 0.25 * np.log2(0.25)  # entropy of a quarter
    assert numbers["small-bits"] == pytest.approx(1 - bits)
    assert numbers["live-bits"] > numbers["live-random"] > 0
    assert 1 / 51 <= numbers["live-p"] <= 1
    assert numbers["live-rank-exact"] > numbers["live-rank-both"] > numbers["live-rank-cov"]


def test_every_figure_is_drawn_and_every_question_answered(page):
    assert n_figures(page) == 7
    said = texts(page)
    for number in range(1, 8):
        assert said.count(f"hypotheses.html#cause-{number}") == 1
    assert said.count("networks of the sweep") == 1


def test_a_text_that_the_tables_do_not_bear_out_fails(small_results, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="AssertionError"):
        run(CHAPTER, tmp_path, results=str(small_results), **SMALL | {"as_told": True})


def test_results_without_lesions_are_refused(small_results, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(small_results, folder)
    (folder / "lesions.parquet").unlink()
    seal(folder)
    with pytest.raises(papermill.PapermillExecutionError, match="must hold lesions and synergies"):
        run(CHAPTER, tmp_path, results=str(folder), **SMALL)


def test_an_unknown_network_is_refused(small_results, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="must name damages"):
        run(CHAPTER, tmp_path, results=str(small_results), **SMALL | {"network": "dropout-0.4-1"})
