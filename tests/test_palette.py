"""Blue is upstream and orange is downstream, in every figure, and nothing else is either."""

import re
from colorsys import rgb_to_hsv
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib import colors

from experiments.report import figures
from modlib import plotting

ROOT = Path(__file__).parents[1]
HOME = ROOT / "modlib" / "plotting.py"
# The first picture has shades of the same two, and squares of chapter 9 tell modules apart.
APART = {"story.py"}
DRAWING = [
    path
    for path in [*ROOT.glob("experiments/report/**/*.py"), *ROOT.glob("notebooks/*.md")]
    if path.name not in APART
]
TWO_SIDED = r"\b(?:RdBu|PuOr|RdYlBu|coolwarm|bwr|seismic|Spectral|tab10|tab20|C\d)(?:_r)?\b"


def is_taken(color: str) -> bool:
    """Whether a colour would be called blue or orange."""
    hue, saturation, value = rgb_to_hsv(*colors.to_rgb(color))
    return saturation > 0.4 and value > 0.4 and (15 < 360 * hue < 46 or 190 < 360 * hue < 262)


def literals(text: str) -> list[str]:
    return re.findall(r"\"(#[0-9A-Fa-f]{6})\"", text)


def test_the_sides_are_told_apart_by_blue_and_orange():
    assert all(is_taken(color) for color in plotting.COLORS.values())
    assert all(is_taken(color) for color in plotting.SIDE_COLORS.values())
    assert list(plotting.SIDE_COLORS) == ["upstream", "downstream"]


@pytest.mark.parametrize("path", DRAWING, ids=lambda path: path.name)
def test_no_figure_takes_their_colours_for_something_else(path):
    text = path.read_text()
    assert [color for color in literals(text) if is_taken(color)] == []
    assert re.findall(rf"(?<=[\"']){TWO_SIDED}(?=[\"'])", text) == []


def test_only_the_sides_have_their_colours_in_the_palette():
    found = literals(HOME.read_text())
    assert {color for color in found if is_taken(color)} == set(plotting.COLORS.values())


@pytest.mark.parametrize("place", [0.05, 0.25, 0.75, 0.95])
def test_what_has_a_sign_is_neither(place):
    red, green, blue, _ = mpl.colormaps[plotting.SIGNED_COLORMAP](place)
    assert not is_taken(colors.to_hex((red, green, blue)))
    assert (green > red) == (place > 0.5)  # purple below nothing, green above


def test_categories_are_neither_and_differ():
    named = [*figures.CATEGORY_COLORS, *figures.REGULARIZER_COLORS.values(), figures.ACCENT_COLOR]
    assert not [color for color in named if is_taken(color)]
    assert len(set(figures.CATEGORY_COLORS)) == len(figures.CATEGORY_COLORS)
