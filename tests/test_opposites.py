"""Tests of chapters.opposites: which pairs are shown, and what is drawn and said of them."""

import re
from html import unescape
from urllib.parse import parse_qs

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from chapters import ROOT

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.images import N_IMAGES, first_images
from experiments.report.chapters import opposites, pairs
from experiments.report.chapters.opposites import ALIKE, APART
from experiments.report.examples import read_examples
from experiments.report.units import Portraits, portraits
from modlib.similarity.conventions import CONVENTIONS

NETWORK = "dropout-0.5-0"


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def readings():
    examples = read_examples(ROOT / "results" / "paper")
    return [
        pairs.pair_table(
            NETWORK,
            *(
                examples.similarity(NETWORK, 1, measure, normalized=True, convention=convention)
                for measure in ("covariance", "output_sensitivity")
            ),
        )
        for convention in CONVENTIONS
    ]


@pytest.fixture(scope="module")
def seen():
    model = read_examples(ROOT / "results" / "paper").model(NETWORK)
    return portraits(model, *first_images("mnist", N_IMAGES))[1]


def reading(upstream: list[float], downstream: list[float]) -> pd.DataFrame:
    """Of the pairs 0-1, 0-2 and 1-2."""
    units = {"unit": [0, 0, 1], "other": [1, 2, 2]}
    return pd.DataFrame(units | {"upstream": upstream, "downstream": downstream})


def small() -> Portraits:
    """Two units of four pixels and three classes."""
    return Portraits(
        fields=np.array([[0.0, 1, 2, -4], [1, 1, 1, 1]]),
        responses=np.array([[3.0, 1, 2], [0, 4, 2]]),
        effects=np.array([[5.0, 2, 2], [0, 3, 0]]),
        activity=np.ones(2),
    )


# ------------------------------------------------------------------------------------- the choice


def test_the_pairs_fall_and_rise_furthest_in_rank():
    # Ranks in thirds: 0-1 falls from 3 to 1, 0-2 stays at 2, 1-2 rises from 1 to 3.
    found = opposites.most_opposite([reading([9, 5, 1], [0.1, 0.2, 0.3])])
    assert found == {ALIKE: (0, 1), APART: (1, 2)}


def test_of_two_readings_the_one_counts_that_says_less():
    # 0-1 falls by 2 and -1, 0-2 by 0 and 2, 1-2 by -2 and -1: the least are -1, 0 and -2, and the
    # most 2, 2 and -1.
    one = reading([3, 2, 1], [1, 2, 3])
    other = reading([2, 3, 1], [3, 1, 2])
    found = opposites.most_opposite([one, other])
    assert found == {ALIKE: (0, 2), APART: (1, 2)}


def test_pushes_are_told_against_the_mean_of_all_logits():
    assert opposites.pushes(small()).tolist() == [[2, -1, -1], [-1, 2, -1]]


def test_the_telling_digit_has_the_largest_product_of_pushes():
    # The products are -2, -2 and 1.
    assert opposites.telling_digit(small(), (0, 1), alike=True) == 2
    assert opposites.telling_digit(small(), (0, 1), alike=False) == 0


# ------------------------------------------------------------------------------------ the picture


def test_each_unit_has_a_row_of_what_it_sees_fires_for_and_pushes():
    figure = opposites.draw_opposites(small(), {ALIKE: (0, 1), APART: (1, 0)})
    assert len(figure.axes) == 12
    field, fires, push = figure.axes[:3]
    np.testing.assert_array_equal(field.images[0].get_array(), [[0, 1], [2, -4]])
    assert field.images[0].get_clim() == (-4, 4)  # white is no weight
    assert [bar.get_height() for bar in fires.patches] == [3, 1, 2]
    assert [bar.get_height() for bar in push.patches] == [2, -1, -1]
    assert [ax.get_ylabel() for ax in figure.axes[::3]] == ["unit 0", "unit 1", "unit 1", "unit 0"]
    assert [bar.get_alpha() == 1 for bar in fires.patches] == [True, False, False]
    assert [bar.get_alpha() == 1 for bar in push.patches] == [True, False, False]
    assert [bar.get_alpha() == 1 for bar in figure.axes[8].patches] == [False, False, True]
    assert [part.get_suptitle() for part in figure.subfigs] == [
        f"{ALIKE}: units 0 and 1",
        f"{APART}: units 1 and 0",
    ]


# --------------------------------------------------------------------------------- what is said


def test_what_the_introduction_says_of_the_two_pairs_is_so(readings, seen):
    chosen = opposites.most_opposite(readings)
    push, fires = opposites.pushes(seen), seen.responses.argmax(axis=1)
    unit, other = chosen[ALIKE]
    digit = opposites.telling_digit(seen, chosen[ALIKE], alike=False)
    assert fires[unit] == fires[other]
    assert push[unit, digit] > 0 > push[other, digit]
    one, another = chosen[APART]
    digit = opposites.telling_digit(seen, chosen[APART], alike=True)
    assert fires[one] != fires[another]
    assert min(push[one, digit], push[another, digit]) > 0
    for each in map(opposites.ranks, readings):
        assert each["upstream"][unit, other] > 0.9 > 0.1 > each["downstream"][unit, other]
        assert each["upstream"][one, another] < 0.1 < 0.8 < each["downstream"][one, another]


def test_the_links_lead_to_the_two_pairs(readings):
    text = (ROOT / "notebooks" / "01-introduction.md").read_text()
    links = re.findall(r'explorer\.html#([^"]*figure=fig-intro-opposites)"', text)
    asked = [parse_qs(unescape(link)) for link in links]
    chosen = opposites.most_opposite(readings).values()
    assert [each["units"] for each in asked] == [[f"{i},{j}"] for i, j in chosen]
    for each in asked:
        assert "-".join(each[key][0] for key in ("regularizer", "strength", "seed")) == NETWORK
