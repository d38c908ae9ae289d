"""Figures in fewer bytes are the same figures; their twins for dark pages can be read there."""

import re
import xml.etree.ElementTree as ET
from copy import deepcopy
from io import StringIO

import numpy as np
import pytest
from matplotlib import pyplot as plt

from experiments.report import figures
from experiments.report.vectors import HREF, PAGE, SVG, contrast, darkened, lean

LIKE_NUMBERS = ("#009e73", "#56b4e9", "#1e5000", "#808080")


def draw(fill) -> str:
    """A figure as the book saves it."""
    with plt.rc_context(figures.STYLE):
        figure, ax = plt.subplots(figsize=(4, 3))
        fill(ax)
        file = StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
        plt.close(figure)
    return file.getvalue()


def curves(ax):
    x = np.linspace(0, 7, 300)
    ax.plot(x, np.sin(x), color="#0072B2", label="sine")
    ax.fill_between(x, np.sin(x) - 0.2, np.sin(x) + 0.2, alpha=0.2)
    ax.plot(x[::20], np.cos(x[::20]), "o", color="#D55E00")
    ax.legend()
    ax.set_xlabel("phase")


def matrix(ax):
    ax.imshow(np.arange(16).reshape(4, 4), cmap="viridis")
    ax.text(3, 3, "on it", ha="center")
    ax.text(0.5, -0.3, "below it", transform=ax.transAxes)
    ax.axhline(1.5, color="white")


def points(path: str) -> np.ndarray:
    """The places that a path goes through, whether it is written in places or in steps."""
    here, start, found, letter = np.zeros(2), np.zeros(2), [], ""
    pieces = re.findall(r"[a-zA-Z]|-?\d*\.?\d+(?:e-?\d+)?", path)
    while pieces:
        if pieces[0].isalpha():
            letter = pieces.pop(0)
        if letter in "zZ":
            here = start
            continue
        n_pairs = {"m": 1, "l": 1, "q": 2, "c": 3}[letter.lower()]
        numbers = np.array([float(pieces.pop(0)) for _ in range(2 * n_pairs)]).reshape(-1, 2)
        places = numbers + here if letter.islower() else numbers
        found += list(places)
        here = places[-1]
        start = here if letter in "mM" else start
    return np.array(found).reshape(-1, 2)


@pytest.mark.parametrize("fill", [curves, matrix])
def test_all_paths_go_through_the_same_places(fill):
    before = draw(fill)
    paths = [
        [element.get("d", "") for element in ET.fromstring(svg).iter(f"{SVG}path")]
        for svg in (before, lean(before))
    ]
    assert len(paths[0]) == len(paths[1]) > 5
    for one, other in zip(*paths, strict=True):
        np.testing.assert_allclose(points(one), points(other), atol=0.0051)


def test_a_part_of_a_path_begins_where_it_is_told_after_one_that_was_closed():
    path = "M 1 1 L 3 1 L 3 4 z M 5 6 L 7 7.125"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><path d="{path}"/></svg>'
    ((written,),) = [re.findall(r' d="(.*?)"', lean(svg))]
    assert written == "m1 1l2 0 0 3zm4 5l2 1.12"


def said_in_full(svg: str) -> ET.Element:
    """A figure in which a word that was drawn before has its letters again."""
    root = ET.fromstring(svg)
    groups = {f"#{each.get('id')}": each for each in root.iter(f"{SVG}g") if each.get("id")}
    for use in [each for each in root.iter(f"{SVG}use") if each.get("href") in groups]:
        use.tag = f"{SVG}g"
        use.extend(deepcopy(list(groups[use.attrib.pop("href")])))
    return root


def words(svg: str) -> list[list[str]]:
    """The shapes of the letters, word by word, found by following what refers to them."""
    root = said_in_full(svg)
    named = {element.get("id"): element for element in root.iter() if element.get("id")}
    found = []
    for group in root.iter(f"{SVG}g"):
        if "scale" in group.get("transform", ""):
            uses = [use.get(HREF) or use.get("href") for use in group.iter(f"{SVG}use")]
            found.append([str(points(named[name[1:]].get("d")).round().tolist()) for name in uses])
    return found


def test_the_same_letters_are_written():
    before = draw(curves)
    assert words(before) == words(lean(before))
    assert sum(map(len, words(before))) > 15


def offsets(svg: str) -> list[float]:
    """Where letters stand in their words."""
    uses = [use for use in said_in_full(svg).iter(f"{SVG}use") if "y" not in use.attrib]
    moved = [
        re.search(r"translate\((\S+) ", use.get("transform", "translate(0 0)")) for use in uses
    ]
    return [float(use.get("x") or place[1]) for use, place in zip(uses, moved, strict=True)]


def test_letters_stand_where_they_stood():
    before = draw(curves)
    np.testing.assert_allclose(offsets(before), offsets(lean(before)), atol=0.006)


def test_a_word_that_comes_again_is_drawn_once():
    def twice(ax):
        ax.text(0, 0, "again", color="#0072B2")
        ax.text(0.5, 0.5, "again")
        ax.text(0, 0.5, "once")

    before = draw(twice)
    after = lean(before)
    assert words(before) == words(after)
    root = ET.fromstring(after)
    drawn = [len(group) for group in root.iter(f"{SVG}g") if group.get("id", "").startswith("w")]
    assert len("again") in drawn
    assert len("once") not in drawn


def many(ax):
    """What Matplotlib cuts to the axes point by point."""
    ax.scatter(np.arange(20), np.arange(20), c=np.arange(20), alpha=0.3)


def test_what_is_cut_to_the_same_shape_is_cut_once_and_in_order():
    def cuts(svg: str) -> list[list[str]]:
        groups = [g for g in ET.fromstring(svg).iter(f"{SVG}g") if "clip-path" in g.attrib]
        return [[use.get("x") for use in group.iter(f"{SVG}use")] for group in groups]

    before, after = cuts(draw(many)), cuts(lean(draw(many)))
    assert (len(before), len(after)) == (20, 1)
    places = [float(x) for group in before for x in group]
    np.testing.assert_allclose([float(x) for x in after[0]], places, atol=0.006)


def test_what_moves_its_cut_keeps_it():
    rest = 'd="M 0 0 L 1 1"/><path clip-path="url(#a)" d="M 0 0 L 2 2"/><clipPath id="a"/>'
    path = f'<path clip-path="url(#a)" transform="translate(1 2)" {rest}'
    root = ET.fromstring(lean(f'<svg xmlns="http://www.w3.org/2000/svg">{path}</svg>'))
    moved, group, _ = root
    assert moved.get("clip-path") == group.get("clip-path")
    assert group.tag == f"{SVG}g"
    assert [each.get("clip-path") for each in group] == [None]


def test_parts_that_let_light_through_do_so_each_by_itself():
    style = 'style="fill: #000000; opacity: 0.5"'
    parts = f'<path d="M 0 0 L 1 1" {style}/><path d="M 0 0 L 1 2" {style}/>'
    cut = f'<g clip-path="url(#a)">{parts}</g><clipPath id="a"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg">{cut}</svg>'
    (group,) = ET.fromstring(lean(svg)).iter(f"{SVG}g")
    assert "style" not in group.attrib
    assert [path.get("style") for path in group] == 2 * ["fill:#000;opacity:.5"]


def test_every_name_that_is_referred_to_is_there_once():
    for svg in (lean(draw(curves)), lean(darkened(draw(matrix)))):
        names = re.findall(r'\bid="(\w+)"', svg)
        referred = set(re.findall(r'href="#(\w+)"|url\(#(\w+)\)', svg))
        assert len(names) == len(set(names))
        assert {one or other for one, other in referred} == set(names)


def colors(svg: str) -> list[str]:
    """The colours of a figure, in full."""
    found = re.findall(r"(?:fill|stroke): ?#([0-9a-f]{6}|[0-9a-f]{3})\b", svg)
    return [color if len(color) == 6 else "".join(2 * digit for digit in color) for color in found]


def test_colours_stay_also_those_that_look_like_numbers():
    before = draw(lambda ax: [ax.plot([0, 1], color=color) for color in LIKE_NUMBERS])
    after = colors(lean(before))
    assert {color[1:] for color in LIKE_NUMBERS} <= set(after)
    assert set(after) <= set(colors(before))


def test_it_is_smaller_by_a_third():
    before = draw(curves)
    assert len(lean(before)) < 0.67 * len(before)


def test_an_image_keeps_its_cells_and_stays_sharp():
    (image,) = ET.fromstring(lean(draw(matrix))).iter(f"{SVG}image")
    assert (image.get("width"), image.get("height")) == ("4", "4")
    assert "pixelated" in ET.tostring(image, encoding="unicode")


# -------------------------------------------------------------------------------------------- dark


def paint(svg: str, name: str, kind: str = "stroke") -> str:
    """How the first shape of a part of a figure is painted."""
    part = next(each for each in ET.fromstring(svg).iter() if each.get("id") == name)
    styles = (each.get("style", "") for each in part.iter())
    return next(found[1] for style in styles if (found := re.search(rf"{kind}: ([^;]+)", style)))


def test_in_the_dark_black_is_light_and_white_is_the_page():
    svg = darkened(draw(curves))
    assert contrast(ET.fromstring(svg).get("fill"), PAGE) > 12  # what says nothing of its colour
    assert contrast(paint(svg, "line2d_1"), PAGE) > 12  # a tick
    assert "#ffffff" not in svg
    assert 'id="patch_1"' not in svg  # nothing lies behind the figure


def test_in_the_dark_colours_show_and_keep_their_hue():
    before, after = draw(curves), darkened(draw(curves))
    names = re.findall(r'id="(line2d_\d+)"', before)
    colored = [name for name in names if paint(before, name) in ("#0072b2", "#d55e00")]
    assert len(colored) == 3  # two curves, and one in the legend
    for name in colored:
        red, _, blue = (int(paint(after, name)[place : place + 2], 16) for place in (1, 3, 5))
        assert (red < blue) == (paint(before, name) == "#0072b2")
        assert contrast(paint(after, name), PAGE) >= 3


def test_what_lies_on_an_image_stays_as_it_is():
    before, after = draw(matrix), darkened(draw(matrix))
    (line,) = (
        name for name in re.findall(r'id="(line2d_\d+)"', before)
        if paint(before, name) == "#ffffff"
    )  # fmt: skip
    assert paint(after, line) == "#ffffff"
    texts = [each for each in ET.fromstring(after).iter() if re.match("text_", each.get("id", ""))]
    on_it, below_it = texts[-2:]
    assert on_it.get("style") == "fill: #000000"
    assert below_it.get("style") is None  # as light as the rest


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # their own example
