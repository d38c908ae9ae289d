"""The picture of the first page: the units of one layer, sorted from either side."""

from dataclasses import dataclass
from itertools import product
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle

from experiments.pairs import N_HEADS, SOURCES
from experiments.report.chapters import truths
from experiments.report.crossed import Crossed
from experiments.truth import TRUTHS
from modlib import plotting

LEAK, SEED, CONVENTION = 0.1, 1, "released"
"""Of the planted network that is drawn: its masks leak, so that nothing is zero by construction."""
LOOKS = {"input": "input_sensitivity", "output": "output_sensitivity"}
"""The measure that each side is shown by, raw."""
SHADES = {
    "input": (plotting.COLORS["covariance"], plotting.COLORS["input_sensitivity"]),
    "output": (plotting.COLORS["loss_hessian"], plotting.COLORS["output_sensitivity"]),
}
"""The colours of the two modules of each side: blues look upstream, oranges downstream."""
_WIDTH = 8  # of the square of units


@dataclass(frozen=True)
class Theme:
    """Colours of what is not a unit."""

    ink: str
    quiet: str
    faint: str
    blue: str
    orange: str


THEMES = {
    "light": Theme("#1a1a1a", "#595959", "#d9d9d9", "#00609a", "#a84600"),
    "dark": Theme("#ececec", "#a8a8a8", "#4a4a4a", "#6cc3f5", "#f5a742"),
}
"""Colours of words and lines, by the kind of page."""


@dataclass(frozen=True)
class Story:
    """What the picture shows.

    Attributes
    ----------
    modules
        For each side, the module of each unit in its square, -1 for none, shape ``[8, 8]``.
        Units on the left were built to see A, on the right B; above for question 1, below for 2.
    recoveries
        For each side, the mean recovery of both truths over all networks of this leak.
    marked
        Row and column of two units that one side puts together and the other apart.
    n_networks
        How many networks the recoveries are means of.
    """

    modules: dict[str, np.ndarray]
    recoveries: dict[str, dict[str, float]]
    marked: tuple[tuple[int, int], tuple[int, int]]
    n_networks: int


def tell(results: Crossed, convention: str = CONVENTION) -> Story:
    """Pick the rows of the tables that the picture is drawn from.

    Parameters
    ----------
    results
        The tables of networks whose modules are known.
    convention
        Of the similarities.

    Returns
    -------
    Story
        The module of most units that see A is 0 from the input side, and so is the module of most
        units for question 1 from the output side, whatever their sizes are.
    """
    scores = truths.decided(results).query(
        "kind == 'planted' and layer == 1 and by == 'construction' and search == 'paper'"
        " and not normalized and leak == @LEAK"
    )
    scores = scores[scores["convention"] == convention]
    units = results.units.query(
        "kind == 'planted' and layer == 1 and leak == @LEAK and seed == @SEED"
    ).sort_values("unit")
    places = _places(units[[f"{truth}_planted" for truth in TRUTHS]].to_numpy().astype(int))
    modules, recoveries = {}, {}
    left, above = (slice(None), slice(_WIDTH // 2)), (slice(_WIDTH // 2),)
    halves: tuple[tuple[slice, ...], ...] = (left, above)
    for (side, measure), half in zip(LOOKS.items(), halves, strict=True):
        own = scores[scores["measure"] == measure]
        labels = np.asarray(own[own["seed"] == SEED]["labels"].iloc[0])[places]
        modules[side] = _named_by(labels, half)
        recoveries[side] = own.groupby("truth")["recovery"].mean().to_dict()
    marked = next((above, below) for above, below in _neighbours() if _tells(modules, above, below))
    return Story(modules, recoveries, marked, scores["seed"].nunique())


def _places(sides: np.ndarray) -> np.ndarray:
    """Return which unit stands where: A left, B right, head 1 above, head 2 below."""
    square, half = np.empty((_WIDTH, _WIDTH), dtype=int), _WIDTH // 2
    for source, head in product(range(len(SOURCES)), range(N_HEADS)):
        own = np.flatnonzero((sides == (source, head)).all(axis=1))
        rows, columns = (slice(half * side, half * (side + 1)) for side in (head, source))
        square[rows, columns] = own.reshape(half, half)
    return square


def _named_by(labels: np.ndarray, half: tuple[slice, ...]) -> np.ndarray:
    """Number the module of most units of a half 0, the others from 1 on; -1 stays."""
    found, counts = np.unique(labels[half][labels[half] >= 0], return_counts=True)
    first = found[counts.argmax()]
    others = [label for label in np.unique(labels) if label >= 0 and label != first]
    names = {-1: -1, first: 0} | {label: 1 + place for place, label in enumerate(others)}
    return np.vectorize(names.__getitem__)(labels)


def _neighbours() -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return pairs of units that see the same digit and are built for different questions."""
    return [((1, column), (6, column)) for column in range(_WIDTH // 2 + 1, _WIDTH)]


def _tells(modules: dict[str, np.ndarray], one: tuple[int, int], other: tuple[int, int]) -> bool:
    both = {side: (square[one], square[other]) for side, square in modules.items()}
    return both["input"][0] == both["input"][1] >= 0 and set(both["output"]) == {0, 1}


# ------------------------------------------------------------------------------------- the picture


@dataclass(frozen=True)
class Layout:
    """Where things stand, in inches from the lower left corner.

    Attributes
    ----------
    size
        Width and height of the picture.
    headline, told
        What it shows, and what was done, line by line.
    grid
        The width of a square of units.
    grids, bars
        Lower left corners of the two squares, and of the bars below them, if there are any.
    titles
        What stands above the squares.
    link, verdict
        Where the middle is of what is said of the marked units, and of the bars; and the words.
    is_wide
        Whether there is room for names beside squares and bars; else they stand between the
        squares and above the bars.
    """

    size: tuple[float, float]
    headline: str
    told: str
    grid: float
    grids: dict[str, tuple[float, float]]
    bars: dict[str, tuple[float, float]]
    titles: dict[str, str]
    link: tuple[float, float, str]
    verdict: tuple[float, float, str] | None
    is_wide: bool


LAYOUTS = {
    "wide": Layout(
        size=(7.8, 5.6),
        headline="Which units form a module depends on the side\n"
        "one looks from: the same 64 units, sorted twice",
        told="Each unit was built to see mainly one of two digits and to serve mainly one of two\n"
        "questions. One colour is one module, found by a measure that was not told.",
        grid=2.0,
        grids={"input": (1.05, 1.45), "output": (4.75, 1.45)},
        bars={"input": (1.05, 0.12), "output": (4.75, 0.12)},
        titles={"input": "From the input side", "output": "From the output side"},
        link=(3.9, 2.45, "the same two\nunits: together\non the left, apart\non the right"),
        verdict=(
            3.9, 0.9, "Either side finds what was built on its side, and nothing of the other"
            " (1 is all, 0 is chance):",
        ),
        is_wide=True,
    ),
    "narrow": Layout(
        size=(4.2, 6.35),
        headline="Which units form a module\ndepends on the side one looks\n"
        "from: the same 64, sorted twice",
        told="Each unit was built to see mainly one of two\ndigits and to serve mainly one of two"
        " questions.\nOne colour is one module, found by\na measure that was not told.",
        grid=1.55,
        grids={"input": (0.1, 2.12), "output": (2.55, 2.12)},
        bars={"input": (0.1, 0.1), "output": (2.55, 0.1)},
        titles={"input": "From the\ninput side", "output": "From the\noutput side"},
        link=(2.1, 1.52, "The same two units: together left, apart right."),
        verdict=(
            2.1, 1.12, "Either side finds what was built on its side,\nand nothing of the other"
            " (1 is all, 0 is chance):",
        ),
        is_wide=False,
    ),
    "card": Layout(
        size=(8.0, 4.2),
        headline="Which units form a module depends on the side\n"
        "one looks from: the same 64 units, sorted twice",
        told="",
        grid=2.1,
        grids={"input": (1.1, 0.4), "output": (4.8, 0.4)},
        bars={},
        titles={"input": "From the input side", "output": "From the output side"},
        link=(4.0, 1.45, "the same two\nunits: together\non the left, apart\non the right"),
        verdict=None,
        is_wide=True,
    ),
}  # fmt: skip
"""Where everything stands: both squares side by side, or one below the other."""
WAYS = {
    "input": "input sensitivity:\npixels moving a unit",
    "output": "output sensitivity:\nanswers a unit moves",
}
"""The measure of each side, and what it asks."""
COLUMNS, ROWS = ("sees\ndigit A", "sees\ndigit B"), ("serves\nquestion 1", "serves\nquestion 2")
TOLD = {"source": "digit", "head": "question"}
"""What the two truths are called."""
_GREY = "grey"  # what is in no module, in words
_GAP = 0.2  # between the halves of a square, in widths of a unit


def draw(story: Story, theme: str = "light", layout: str = "wide") -> Figure:
    """Draw the picture of the first page.

    Parameters
    ----------
    story
        As :func:`tell` returns it.
    theme
        One of :data:`THEMES`: the colours of words and lines, for a page of that kind. What is
        behind them is left open.
    layout
        One of :data:`LAYOUTS`.
    """
    place, colors = LAYOUTS[layout], THEMES[theme]
    with plt.rc_context({"figure.constrained_layout.use": False, "font.size": 9.5}):
        figure = plt.figure(figsize=place.size, facecolor="none")
        _say_what_it_is(figure, place, colors)
        grids = {}
        for side in LOOKS:
            grids[side] = _draw_units(figure, story, side, place, colors)
            _name_halves(grids[side], side, place, colors)
            _count_the_odd(grids[side], story.modules[side], side, place, colors)
            if place.bars:
                _draw_recoveries(figure, story, side, place, colors)
        _link(figure, grids, story, place, colors)
    return figure


def _own(side: str, colors: Theme) -> str:
    return colors.blue if side == "input" else colors.orange


def _write(figure: Figure, x: float, y: float, text: str, **style: Any) -> None:
    """Write at a place in inches."""
    width, height = figure.get_size_inches()
    figure.text(x / width, y / height, text, **style)


def _add_axes(figure: Figure, corner: tuple[float, float], size: tuple[float, float]) -> Axes:
    width, height = figure.get_size_inches()
    box = (corner[0] / width, corner[1] / height, size[0] / width, size[1] / height)
    ax = figure.add_axes(box, facecolor="none", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def _say_what_it_is(figure: Figure, place: Layout, colors: Theme) -> None:
    left, top, size = 0.1, place.size[1] - 0.08, 13
    below = top - 1.35 * size / 72 * len(place.headline.splitlines())
    style: dict[str, Any] = {"va": "top", "linespacing": 1.2}
    _write(figure, left, top, place.headline, size=size, weight="bold", color=colors.ink, **style)
    _write(figure, left, below, place.told, color=colors.quiet, **style)
    if place.verdict:
        x, y, text = place.verdict
        _write(figure, x, y, text, ha="center", va="center", weight="bold", color=colors.ink)


def _draw_units(figure: Figure, story: Story, side: str, place: Layout, colors: Theme) -> Axes:
    ax = _add_axes(figure, place.grids[side], (place.grid, place.grid))
    ax.set(xlim=(0, _WIDTH + _GAP), ylim=(_WIDTH + _GAP, 0))
    for at, module in np.ndenumerate(story.modules[side]):
        color = colors.faint if module < 0 else SHADES[side][module % len(SHADES[side])]
        x, y = _corner(at)
        ax.add_patch(Rectangle((x, y), 0.88, 0.88, facecolor=color, linewidth=0))
    return ax


def _corner(at: tuple[int, ...]) -> tuple[float, float]:
    """Where the upper left corner of a unit is: the two halves stand a little apart."""
    row, column = (place + 0.06 + _GAP * (2 * place >= _WIDTH) for place in at)
    return column, row


def _name_halves(ax: Axes, side: str, place: Layout, colors: Theme) -> None:
    width = _WIDTH + _GAP
    style: dict[str, Any] = {"va": "center", "linespacing": 1.05}
    ours: dict[str, Any] = {"color": _own(side, colors), "weight": "bold"}
    others: dict[str, Any] = {"color": colors.quiet}
    for at, text in zip((width / 4, 3 * width / 4), COLUMNS, strict=True):
        ax.text(at, -0.85, text, ha="center", **style, **(ours if side == "input" else others))
    edge, align = (-0.25, "right") if side == "input" else (width + 0.25, "left")
    if place.is_wide:
        for at, text in zip((width / 4, 3 * width / 4), ROWS, strict=True):
            ax.text(edge, at, text, ha=align, **style, **(ours if side == "output" else others))
    elif side == "output":  # once, between the two
        for at, text in zip((0.36 * width, 0.64 * width), ROWS, strict=True):
            ax.text(-0.31 * width, at, text, ha="center", **style, **ours)
    ax.text(
        width / 2, -3.35, place.titles[side], ha="center", va="bottom", size=11.5, **ours
    )  # fmt: skip
    ax.text(width / 2, -2.5, WAYS[side], ha="center", **style, **others)


def _count_the_odd(ax: Axes, modules: np.ndarray, side: str, place: Layout, colors: Theme) -> None:
    """Say below a square how many of its units are in no module, or in that of the other half."""
    told = " and ".join(told_of_the_odd(modules, side))
    text = told if place.is_wide else "\n".join(wrap(told, 17))
    ax.text(
        (_WIDTH + _GAP) / 2, _WIDTH + _GAP + 0.3, text, ha="center", va="top", linespacing=1.05,
        color=colors.quiet,
    )  # fmt: skip


def told_of_the_odd(modules: np.ndarray, side: str) -> list[str]:
    """Count the units that a square shows in no module, or in the module of the other half.

    Parameters
    ----------
    modules
        Shape ``[8, 8]``: 0 for most units of the left or upper half, 1 for those of the other.
    side
        ``"input"``, where halves are left and right, or ``"output"``, above and below.
    """
    own = np.indices(modules.shape)[1 if side == "input" else 0] >= _WIDTH // 2
    n_none, n_strayed = (modules < 0).sum(), ((modules >= 0) & (modules != own)).sum()
    counted = {f"in no module ({_GREY})": n_none, "in the other module": n_strayed}
    return [
        f"{n} {'unit is' if n == 1 else 'units are'} {what}" for what, n in counted.items() if n
    ]


def _link(
    figure: Figure, grids: dict[str, Axes], story: Story, place: Layout, colors: Theme
) -> None:
    """Join the marked units of one square to themselves in the other."""
    for unit in story.marked:
        x, y = _corner(unit)
        at = (x + 0.44, y + 0.44)
        for ax in grids.values():
            ax.plot(*at, "o", markersize=8, markerfacecolor="white", markeredgecolor="#1a1a1a")
        figure.add_artist(
            ConnectionPatch(
                at, at, "data", "data", axesA=grids["input"], axesB=grids["output"],
                color=colors.ink, linewidth=1.0, shrinkA=4.5, shrinkB=4.5,
            )
        )  # fmt: skip
    x, y, text = place.link
    _write(figure, x, y, text, ha="center", va="center", color=colors.ink)


def _draw_recoveries(figure: Figure, story: Story, side: str, place: Layout, colors: Theme) -> None:
    """Draw how much of both truths the modules of a side recover, over all networks."""
    ax = _add_axes(figure, place.bars[side], (place.grid, 0.5 if place.is_wide else 0.75))
    ax.set(xlim=(0, 1), ylim=(1.45, -0.45 if place.is_wide else -0.95))
    for line, truth in enumerate(TRUTHS):
        value = story.recoveries[side][truth]
        is_found = value > truths.FOUND
        style: dict[str, Any] = {"color": _own(side, colors) if is_found else colors.quiet}
        told = f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
        ax.barh(line, value, height=0.6 if place.is_wide else 0.4, clip_on=False, **style)
        style |= {"va": "center", "weight": "bold" if is_found else "normal"}
        if place.is_wide:
            ax.text(-0.04, line, TOLD[truth], ha="right", **style)
            ax.text(max(value, 0) + 0.03, line, told, **style)
        else:
            ax.text(0, line - 0.47, f"{TOLD[truth]} {told}", **style)
    ax.axvline(0, color=colors.quiet, linewidth=1)
