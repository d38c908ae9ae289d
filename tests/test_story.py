"""The picture of the first page shows what the tables say, and is up to date."""

import re
import runpy
from itertools import product

import numpy as np
import pytest
from chapters import ROOT
from matplotlib import pyplot as plt

from experiments.report.chapters import story
from experiments.report.crossed import read_crossed
from experiments.report.vectors import contrast
from experiments.truth import TRUTHS
from modlib import plotting

FOLDER = ROOT / "book" / "_static" / "story"
NUMBER = re.compile(r"-?\d*\.?\d+")
PAGES = {"light": "#ffffff", "dark": "#121212"}


@pytest.fixture(scope="module")
def results():
    return read_crossed(ROOT / "results" / "crossed")


@pytest.fixture(scope="module")
def told(results):
    return story.tell(results)


@pytest.fixture(scope="module")
def drawn() -> dict[str, bytes]:
    return dict(runpy.run_path(str(ROOT / "book" / "story.py"))["pictures"]())


def test_every_unit_stands_in_the_quarter_that_it_was_built_for(told, results):
    """The squares are read back: from the tables, by another way."""
    units = results.units.query("kind == 'planted' and layer == 1 and seed == @story.SEED")
    units = units[units["leak"] == story.LEAK].set_index("unit").sort_index()
    rows = results.scores.query(
        "kind == 'planted' and layer == 1 and by == 'construction' and truth == 'head'"
        " and not normalized and convention == @story.CONVENTION and seed == @story.SEED"
    )
    rows = rows[rows["leak"] == story.LEAK].set_index("measure")
    for (side, measure), source, head in product(story.LOOKS.items(), (0, 1), (0, 1)):
        own = units[(units["source_planted"] == source) & (units["head_planted"] == head)].index
        found = np.asarray(rows.loc[measure, "labels"])[own]
        quarter = told.modules[side][4 * head : 4 * head + 4, 4 * source : 4 * source + 4]
        _, sizes = np.unique(found, return_counts=True)
        _, shown = np.unique(quarter, return_counts=True)
        assert sorted(sizes) == sorted(shown)
        assert (quarter == -1).sum() == (found == -1).sum()


def test_the_two_units_are_together_on_one_side_and_apart_on_the_other(told):
    one, other = told.marked
    assert told.modules["input"][one] == told.modules["input"][other]
    assert told.modules["output"][one] != told.modules["output"][other]


def test_either_side_finds_what_was_built_on_its_side_and_nothing_of_the_other(told):
    for side, own, foreign in (("input", "source", "head"), ("output", "head", "source")):
        assert told.recoveries[side][own] > 0.9
        assert abs(told.recoveries[side][foreign]) < 0.05


@pytest.mark.parametrize("page", ["README.md", "book/preface.md"])
def test_those_who_do_not_see_it_are_told_its_numbers(told, page):
    text = " ".join((ROOT / page).read_text().split())
    (said,) = set(re.findall(r"Bars below: (.*?)\.\"", text))
    said = said.replace("\N{MINUS SIGN}", "-")
    numbers = [float(number) for number in re.findall(r"-?\d\.\d+", said)]
    assert numbers == [
        round(told.recoveries[side][truth], 2)
        for side in ("input", "output")
        for truth in ("source", "head")
    ]


def test_the_caption_counts_the_networks(told):
    page = (ROOT / "book" / "preface.md").read_text()
    assert f"bars are means of {told.n_networks} networks" in " ".join(page.split())


def test_the_caption_says_what_the_printed_equations_change(told, results):
    as_printed = story.tell(results, "printed")
    for side, square in told.modules.items():
        np.testing.assert_array_equal(as_printed.modules[side], square)
    shown, printed = (
        [f"{tale.recoveries[side][truth]:.2f}" for side, truth in product(story.LOOKS, TRUTHS)]
        for tale in (told, as_printed)
    )
    page = " ".join((ROOT / "book" / "preface.md").read_text().split())
    (last,) = re.findall(r"the bars are the same but for the last, which is (\d\.\d\d)\.", page)
    assert printed == [*shown[:3], last]
    assert last != shown[3]


def test_units_in_no_module_or_in_that_of_the_other_half_are_counted():
    left_and_right = np.repeat([[0] * 4 + [1] * 4], 8, axis=0)
    assert story.told_of_the_odd(left_and_right, "input") == []
    odd = left_and_right.copy()
    odd[0, 0], odd[1, 6], odd[2, 7] = -1, 0, 0
    assert story.told_of_the_odd(odd, "input") == [
        "1 unit is in no module (grey)", "2 units are in the other module",
    ]  # fmt: skip
    assert story.told_of_the_odd(odd.T, "output") == story.told_of_the_odd(odd, "input")


@pytest.mark.parametrize("layout", story.LAYOUTS)
def test_the_picture_names_its_measures_and_says_what_its_odd_units_are(told, layout):
    figure = story.draw(told, layout=layout)
    said = [" ".join(text.get_text().split()) for text in figure.findobj(plt.Text)]
    for side, measure in story.LOOKS.items():
        (named,) = [words for words in said if words.startswith(plotting.TITLES[measure])]
        assert named == " ".join(story.WAYS[side].split())
        assert " and ".join(story.told_of_the_odd(told.modules[side], side)) in said
    plt.close(figure)


@pytest.mark.parametrize("layout", story.LAYOUTS)
def test_nothing_that_is_written_runs_over_the_edge_or_into_other_words(told, layout):
    figure = story.draw(told, layout=layout)
    renderer = figure.canvas.get_renderer()
    texts = figure.findobj(lambda part: getattr(part, "get_text", str)() != "")
    boxes = [text.get_window_extent(renderer) for text in texts]
    assert len(boxes) > 8
    for place, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, texts[place].get_text()
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, texts[place].get_text()
        for other in range(place):
            overlap = box.intersection(box, boxes[other])
            assert overlap is None or min(overlap.width, overlap.height) < 1, (
                texts[place].get_text(), texts[other].get_text()
            )  # fmt: skip
    plt.close(figure)


@pytest.mark.parametrize("layout", ["wide", "narrow"])
def test_the_page_keeps_the_room_that_the_picture_takes(layout):
    page = (ROOT / "book" / "preface.md").read_text()
    sizes = set(re.findall(rf'{layout}-\w+.svg" width="(\d+)" height="(\d+)"', page))
    width, height = (round(96 * inches) for inches in story.LAYOUTS[layout].size)
    assert sizes == {(str(width), str(height))}


@pytest.mark.parametrize("theme", story.THEMES)
def test_words_can_be_read_on_their_page(theme):
    colors = story.THEMES[theme]
    for color in (colors.ink, colors.quiet, colors.blue, colors.orange):
        assert contrast(color, PAGES[theme]) >= 4.5


@pytest.mark.parametrize("name", ["wide-light", "wide-dark", "narrow-light", "narrow-dark"])
def test_the_committed_drawings_are_up_to_date(drawn, name):
    new, old = drawn[f"{name}.svg"].decode(), (FOLDER / f"{name}.svg").read_text()
    assert NUMBER.sub("#", new) == NUMBER.sub("#", old), "run make story"
    numbers = ([float(number) for number in NUMBER.findall(svg)] for svg in (new, old))
    np.testing.assert_allclose(*numbers, atol=0.05)


def test_the_committed_card_is_up_to_date_and_as_large_as_cards_are(drawn, tmp_path):
    (tmp_path / "new.png").write_bytes(drawn["card.png"])
    new, old = plt.imread(tmp_path / "new.png"), plt.imread(FOLDER / "card.png")
    assert new.shape[:2] == old.shape[:2] == (630, 1200)
    assert np.abs(new - old).mean() < 0.005, "run make story"
    assert (FOLDER / "card.png").stat().st_size < 300_000
