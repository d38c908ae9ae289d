"""Two pairs of units: one driven alike that acts apart, one driven apart that acts alike."""

from collections.abc import Mapping, Sequence
from math import isqrt

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from experiments.report.units import Portraits
from modlib.plotting import COLORS, SIGNED_COLORMAP

ALIKE = "driven alike, acting apart"
"""Name of the first kind of pair."""
APART = "driven apart, acting alike"
"""And of the second, its opposite."""
SEES, DOES = COLORS["covariance"], COLORS["loss_hessian"]  # upstream is blue, downstream orange


def most_opposite(readings: Sequence[pd.DataFrame]) -> dict[str, tuple[int, int]]:
    """Choose the pair that falls furthest from one ranking of all pairs to the other.

    A pair falls by its rank among all pairs by upstream similarity, less its rank by downstream
    similarity. Of several readings of the measures the one counts in which it falls the least, so
    that the choice is none of theirs.

    Parameters
    ----------
    readings
        Of each the rows of :func:`experiments.report.chapters.pairs.pair_table` for one network.

    Returns
    -------
    dict
        Two units each, the lower number first: ``ALIKE`` falls the furthest, ``APART``
        rises.
    """
    falls = pd.concat([_falls(pairs) for pairs in readings], axis=1, join="inner")
    chosen = {ALIKE: falls.min(axis=1).idxmax(), APART: falls.max(axis=1).idxmin()}
    return {name: (int(unit), int(other)) for name, (unit, other) in chosen.items()}


def ranks(pairs: pd.DataFrame) -> pd.DataFrame:
    """Rank all pairs of a network by either similarity, from near 0 to 1 for the most alike.

    The index holds the two units.
    """
    return pairs.set_index(["unit", "other"])[["upstream", "downstream"]].rank(pct=True)


def _falls(pairs: pd.DataFrame) -> pd.Series:
    ranked = ranks(pairs)
    return ranked["upstream"] - ranked["downstream"]


def pushes(portraits: Portraits) -> np.ndarray:
    """Tell how each logit changes with a unit against the mean of all logits, ``[units, logits]``.

    What raises all logits alike changes no probability.
    """
    return portraits.effects - portraits.effects.mean(axis=1, keepdims=True)


def telling_digit(portraits: Portraits, pair: tuple[int, int], *, alike: bool) -> int:
    """Find the class that both units push the most, the same way if ``alike``, else opposite ways.

    The most is the largest product of their pushes.
    """
    unit, other = pushes(portraits)[list(pair)]
    return int(np.argmax(unit * other if alike else -unit * other))


def draw_opposites(portraits: Portraits, units: Mapping[str, tuple[int, int]]) -> Figure:
    """Draw what the units of the two pairs see, when they fire and what they do.

    The class that a unit fires for the most stands out, and the one that tells how they push.

    Parameters
    ----------
    portraits
        Of the units of the layer.
    units
        Of :func:`most_opposite`.
    """
    figure = plt.figure(figsize=(6.4, 2.7 * len(units)))
    parts = figure.subfigures(len(units), 1, squeeze=False)[:, 0]
    for part, (name, pair) in zip(parts, units.items(), strict=True):
        _draw_pair(part, portraits, pair, telling_digit(portraits, pair, alike=name == APART))
        part.suptitle(f"{name}: units {pair[0]} and {pair[1]}", fontsize=10, weight="bold")
    return figure


def _draw_pair(part: SubFigure, portraits: Portraits, pair: tuple[int, int], digit: int) -> None:
    axes = part.subplots(2, 3, sharex="col", width_ratios=(1, 2, 2))
    for row, unit in zip(axes, pair, strict=True):
        _draw_field(row[0], portraits.fields[unit])
        row[0].set_ylabel(f"unit {unit}")
        _draw_bars(row[1], portraits.responses[unit], SEES, portraits.responses[unit].argmax())
        _draw_bars(row[2], pushes(portraits)[unit], DOES, digit)
    for ax, title in zip(axes[0], ("sees", "fires for", "pushes"), strict=True):
        ax.set_title(title)
    for ax in axes[1, 1:]:
        ax.set_xlabel("digit")


def _draw_field(ax: Axes, field: np.ndarray) -> None:
    side, most = isqrt(field.size), np.abs(field).max()
    ax.imshow(field.reshape(side, side), cmap=SIGNED_COLORMAP, vmin=-most, vmax=most)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def _draw_bars(ax: Axes, values: np.ndarray, color: str, digit: int) -> None:
    places = np.arange(len(values))
    for place, value in zip(places, values, strict=True):
        ax.bar(place, value, color=color, alpha=1 if place == digit else 0.5)
    ax.axhline(0, color="0.3", linewidth=0.8)
    ax.set(xticks=places, yticks=[])
