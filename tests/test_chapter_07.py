"""The chapter on agreement, on a small sweep and in the convention of the released code."""

import pytest
from chapters import glued, n_figures, run, texts

from experiments.report.frames import read_results
from modlib.similarity.measures import UPSTREAM


@pytest.fixture(scope="module")
def chapter(small_results, tmp_path_factory):
    return run(
        "07-agreement", tmp_path_factory.mktemp("chapter"), results=str(small_results),
        convention="released", n_permutations=50, as_told=False,
    )  # fmt: skip


def test_numbers_are_those_of_the_tables(chapter, small_results):
    numbers = glued(chapter)
    pairs = read_results(small_results).agreement.query("convention == 'released' and kept")
    up_a, up_b = pairs["measure_a"].isin(UPSTREAM), pairs["measure_b"].isin(UPSTREAM)
    untrained = pairs["regularizer"] == "untrained"
    for block, members in {
        "upstream": up_a & up_b, "downstream": ~up_a & ~up_b, "between": up_a & ~up_b,
    }.items():  # fmt: skip
        for state, rows in {"trained": ~untrained, "untrained": untrained}.items():
            expected = pairs.loc[members & rows, "element"].mean()
            assert numbers[f"{state}-{block}-agreement"] == pytest.approx(expected)


def test_agreement_is_put_between_chance_and_ceiling(chapter):
    numbers = glued(chapter)
    for state in ("trained", "untrained"):
        for block in ("upstream", "downstream", "between"):
            value, chance, ceiling, rescaled = (
                numbers[f"{state}-{block}-{name}"]
                for name in ("agreement", "chance", "ceiling", "rescaled")
            )
            assert 0 < chance < ceiling <= 1
            assert rescaled == pytest.approx((value - chance) / (ceiling - chance))
            low, high = (numbers[f"{state}-{block}-rescaled-{end}"] for end in ("low", "high"))
            assert low <= rescaled <= high


def test_the_distinction_is_told_on_both_scales(chapter):
    numbers = glued(chapter)
    for state in ("trained", "untrained"):
        for what, key in {"rescaled": "distinction", "agreement": "distinction-raw"}.items():
            upstream, downstream, between = (
                numbers[f"{state}-{block}-{what}"]
                for block in ("upstream", "downstream", "between")
            )
            expected = (upstream + downstream) / 2 - between
            assert numbers[f"{state}-{key}"] == pytest.approx(expected)
    closer = numbers["trained-between-agreement"] - numbers["untrained-between-agreement"]
    assert numbers["rise-between"] == pytest.approx(closer)


def test_every_figure_is_drawn_and_the_page_says_which_run_made_them(chapter):
    assert n_figures(chapter) == 10
    assert texts(chapter).count("Drawn from 21 networks of the sweep") == 1


def test_other_measures_are_compared_with_the_first(chapter):
    numbers = glued(chapter)
    assert numbers["n-measures"] == 12
    assert 0 <= numbers["n-measures-agree"] <= 12
    assert -1 <= numbers["order-lowest"] <= numbers["order-median"] <= 1


def test_the_toy_agrees_the_more_the_smaller_its_first_weights(chapter):
    numbers = glued(chapter)
    for kind in ("linear", "ReLU"):
        small, default, large = (
            numbers[f"{kind}-{size}-tied"] for size in ("small", "default", "large")
        )
        assert small > default > large > -0.1
    # What a linear network conserves is next to nothing if it starts next to nothing.
    assert numbers["linear-small-tied"] > 0.98
