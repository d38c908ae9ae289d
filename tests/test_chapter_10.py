"""The chapter on chance, on a small sweep: what it says is what the tables hold."""

import pytest
from chapters import glued, n_figures, run, texts

from experiments.report.frames import kept, read_results
from modlib.similarity.conventions import CONVENTIONS


@pytest.fixture(scope="module")
def chapter(small_results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chapter")
    return run(
        "10-chance", folder, results=str(small_results), draws=5, n_layers=10, as_told=False
    )  # fmt: skip


def test_numbers_are_those_of_the_tables(chapter, small_results):
    numbers = glued(chapter)
    nulls = kept(read_results(small_results).nulls)
    nulls = nulls[(nulls["regularizer"] != "untrained") & (nulls["seed"] > 0)]
    for convention in ("printed", "released"):
        own = nulls.query("null == 'shuffle' and convention == @convention and not normalized")
        upstream = own[own["measure"].isin(["covariance", "input_sensitivity"])]
        by_network = (upstream["q"] - upstream["null_mean"]).groupby(upstream["network"]).mean()
        expected = pytest.approx(by_network.mean())
        assert numbers[f"chance-6a-{convention}-effect"] == expected
    # 355 test images: fewer than the number that is used where there are more.
    assert numbers["n-inputs"] == 2000
    assert numbers["near"] == 300


def test_the_text_tells_of_both_tabs(chapter, small_results):
    numbers, nulls = glued(chapter), kept(read_results(small_results).nulls)
    weak = nulls.query(
        "regularizer == 'l2' and seed > 0 and null == 'rotation' and not normalized"
        " and measure == 'input_sensitivity'"
    )
    weak = weak[weak["strength"] == weak["strength"].min()]
    for convention in CONVENTIONS:
        own = weak[weak["convention"] == convention]
        expected = pytest.approx((own["q"] - own["null_mean"]).mean())
        assert numbers[f"weak-input-{convention}"] == expected
        for part in ("1a", "1b", "2a", "2b"):
            assert f"chance-{part}-{convention}-effect" in numbers


def test_planted_layers_are_found_and_rotated_ones_are_not(chapter):
    numbers = glued(chapter)
    assert numbers["low-planted"] > 90
    assert numbers["low-rotated"] < 50


def test_every_figure_is_drawn_and_the_page_says_which_run_made_them(chapter):
    assert n_figures(chapter) == 7
    assert texts(chapter).count("Drawn from 21 networks of the sweep") == 1


def test_all_questions_of_chance_are_answered(chapter):
    html = texts(chapter)
    for name in range(1, 7):
        assert f'href="../book/hypotheses.html#chance-{name}"' in html
