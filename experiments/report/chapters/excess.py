"""Figures of excess: the modularity of a layer beside what chance would give its units."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.report.bootstrap import mean_draws
from experiments.report.chapters.modularity import regularizers_in
from experiments.report.estimates import Estimate, estimate
from experiments.report.figures import CONVENTION_NAMES, draw_against_strength
from experiments.report.frames import by_setting
from modlib import plotting
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import MEASURES

NO_MORE = 0.02
"""An excess of less, either way, is called none: the margin of the rules."""
LOW = 0.05
"""A p value that is called low."""
ALONE = 3
"""How many times the next one a peak must be to stand alone in a figure."""
_CHANCE = {"rotated": ("D", "white"), "shuffled": ("X", "0.4")}  # markers, and what fills them

# -------------------------------------------------------------------------------------- numbers


def over(nulls: pd.DataFrame, null: str) -> pd.DataFrame:
    """Take the rows of one null model, with the column ``excess``: Q less its mean by chance."""
    chosen = nulls[nulls["null"] == null]
    return chosen.assign(excess=chosen["q"] - chosen["null_mean"])


def by_method(frame: pd.DataFrame, value: str) -> dict[tuple[str, str, bool], Estimate]:
    """Average over layers, then over networks, for each convention and method.

    Parameters
    ----------
    frame
        Rows of networks of two seeds or more, with ``seed``, ``convention``, ``measure`` and
        ``normalized``.
    value
        The column to average.

    Returns
    -------
    dict of Estimate
        By convention, measure and whether similarities are normalised; each with the 95 %
        interval of draws of seeds.
    """
    methods = ["convention", "measure", "normalized"]
    networks = frame.groupby([*methods, "network", "seed"], as_index=False)[value].mean()
    found = {}
    for key, group in networks.groupby(methods):
        draws = mean_draws(group[value], group["seed"])
        found[key] = estimate(draws, group["seed"].nunique())
    return found


# ------------------------------------------------------------------------------ a test of the test


def draw_levels(p: Mapping[str, np.ndarray], draws: int) -> Figure:
    """Draw how often each p value came out, for layers of some kinds, and how many are low.

    Parameters
    ----------
    p
        P values of shape ``[trials]`` by the kind of layer: a panel each.
    draws
        Of the null model: p values are multiples of ``1 / (draws + 1)``.
    """
    figure, axes = plt.subplots(1, len(p), figsize=(6.4, 1.9), sharey=True, squeeze=False)
    for ax, (kind, values) in zip(axes[0], p.items(), strict=True):
        places = np.arange(1, draws + 2)
        counts = [np.isclose(values, place / (draws + 1)).sum() for place in places]
        ax.bar(places / (draws + 1), counts, 0.8 / (draws + 1), color="0.6")
        ax.axhline(len(values) / (draws + 1), color="black", linewidth=0.8, linestyle=":")
        share = np.mean(values < LOW + 1e-9)
        title = f"{kind}: {100 * share:.0f} % are {LOW} or less"
        ax.set(xlabel="p value", xlim=(0, 1 + 1 / (draws + 1)), title=title)
    axes[0, 0].set_ylabel("number")
    axes[0, -1].text(
        1, 1.3 * len(values) / (draws + 1), "by chance", ha="right", va="bottom", fontsize=8
    )
    return figure


# ----------------------------------------------------------------------------- against strength


def draw_strengths(rotated: pd.DataFrame, convention: str) -> Figure:
    """Draw Q and its excess over rotations against strength.

    Parameters
    ----------
    rotated
        As :func:`over` returns it, of raw similarities in both conventions, which share one
        scale. A line for each measure, a column of panels for each regulariser; the measure whose
        excess rises highest is named if it rises above :data:`NO_MORE`, and how high the others
        rise is told if it is :data:`ALONE`.
    convention
        The one that is drawn.
    """
    kinds, values = regularizers_in(rotated), {"q": "modularity Q", "excess": "excess"}
    summaries = {
        value: by_setting(rotated, value, ["convention", "measure"]).fillna({"error": 0.0})
        for value in values
    }
    ends = pd.concat(
        [s["mean"] + sign * s["error"] for s in summaries.values() for sign in (-1, 1)]
    )
    figure, axes = plt.subplots(
        len(values), len(kinds), figsize=(6.4, 3.9), sharex="col", sharey=True, squeeze=False
    )
    for (value, name), row in zip(values.items(), axes, strict=True):
        summary = summaries[value]
        summary = summary[summary["convention"] == convention]
        for kind, ax in zip(kinds, row, strict=True):
            curves = summary[summary["regularizer"] == kind]
            _draw_measures(ax, curves, kind)
            if value == "excess":
                _draw_none(ax, "y")
                _name_the_highest(ax, curves)
            ax.label_outer()
        row[0].set_ylabel(name)
    axes[0, 0].set_ylim(min(ends.min(), -NO_MORE) - 0.01, 1.15 * ends.max())  # with room for words
    handles, labels = axes[0, 0].get_legend_handles_labels()
    grey = Patch(color="0.5", alpha=0.2, label="no more than rotations have")
    figure.legend(
        [*handles, grey], [*labels, str(grey.get_label())], loc="outside upper center", ncols=3
    )
    return figure


def _draw_measures(ax: Axes, summary: pd.DataFrame, regularizer: str) -> None:
    for measure in MEASURES:
        curve = summary[summary["measure"] == measure]
        draw_against_strength(
            ax, curve["strength"], curve["mean"], curve["error"], regularizer=regularizer,
            color=plotting.COLORS[measure], markersize=3, label=plotting.NAMES[measure],
        )  # fmt: skip
    ax.minorticks_off()


def _draw_none(ax: Axes, axis: str) -> None:
    """Shade where an excess is none."""
    shade, line = (ax.axhspan, ax.axhline) if axis == "y" else (ax.axvspan, ax.axvline)
    shade(-NO_MORE, NO_MORE, color="0.5", alpha=0.2, linewidth=0, zorder=0)
    line(0, color="0.5", linewidth=0.8, zorder=0)


def _name_the_highest(ax: Axes, summary: pd.DataFrame) -> None:
    """Name the measure whose excess rises highest, at its peak, if that is any excess."""
    row = summary.loc[summary["mean"].idxmax()]
    others = summary.loc[summary["measure"] != row["measure"]]
    style: dict[str, Any] = {
        "textcoords": "offset points", "ha": "right", "va": "bottom", "fontsize": 8,
    }  # fmt: skip
    if row["mean"] > NO_MORE:
        told = f"{plotting.NAMES[row['measure']]} {row['mean']:+.2f}"
        ax.annotate(told, (row["strength"], row["mean"]), (2, 4), color="0.2", **style)
    if row["mean"] > ALONE * max(others["mean"].max(), NO_MORE):
        next_one = others.loc[others["mean"].idxmax()]
        told = f"others ≤ {next_one['mean']:+.2f}"
        ax.annotate(told, (row["strength"], next_one["mean"]), (2, 4), color="0.2", **style)


# ------------------------------------------------------------------------------------ by measure


def draw_normalized(excess: Mapping[tuple[str, str, bool], Estimate]) -> Figure:
    """Draw the excess of each measure, raw and normalised, in both conventions.

    Parameters
    ----------
    excess
        As :func:`by_method` returns it.
    """
    figure, axes = _panels()
    for convention, ax in axes.items():
        for place, measure in enumerate(MEASURES):
            color = plotting.COLORS[measure]
            raw, normalized = (excess[convention, measure, way] for way in (False, True))
            ax.plot([raw.value, normalized.value], [place, place], color=color, linewidth=1)
            for found, fill in ((raw, color), (normalized, "white")):
                ax.plot([found.low, found.high], [place, place], color=color, linewidth=3)
                ax.plot(found.value, place, "o", color=color, markerfacecolor=fill, zorder=3)
        _draw_none(ax, "x")
        ax.set_xlabel("excess over rotations")
    _label(figure, {"raw": ("o", "0.3"), "normalised": ("o", "white")})
    return figure


def draw_chance(
    units: Mapping[tuple[str, str, bool], Estimate],
    chance: Mapping[str, Mapping[tuple[str, str, bool], Estimate]],
) -> Figure:
    """Draw the Q of each raw measure, and what it is for rotated and for shuffled units.

    Parameters
    ----------
    units
        Q as it is; as :func:`by_method` returns it.
    chance
        ``"rotated"`` and ``"shuffled"``: the mean Q of such draws, likewise.
    """
    figure, axes = _panels()
    for convention, ax in axes.items():
        for place, measure in enumerate(MEASURES):
            key, color = (convention, measure, False), plotting.COLORS[measure]
            qs = {name: found[key].value for name, found in chance.items()}
            ends = [units[key].value, *qs.values()]
            ax.plot([min(ends), max(ends)], [place, place], color=color, linewidth=1)
            for name, q in qs.items():
                marker, fill = _CHANCE[name]
                ax.plot(q, place, marker, color=color, markerfacecolor=fill, zorder=3)
            ax.plot(units[key].value, place, "o", color=color, zorder=4)
        ax.set_xlabel("modularity Q")
    ax.set_xlim(left=min(0, ax.get_xlim()[0]))
    _label(figure, {"units": ("o", "0.3")} | _CHANCE)
    return figure


def _panels() -> tuple[Figure, dict[str, Axes]]:
    """A panel for each convention, with a line for each measure."""
    figure, axes = plt.subplots(1, len(CONVENTIONS), figsize=(6.4, 2.4), sharex=True, sharey=True)
    for ax, convention in zip(axes, CONVENTIONS, strict=True):
        ax.set_title(CONVENTION_NAMES[convention])
        ax.grid(axis="y", color="0.9")
        ax.set_axisbelow(True)
    names = [plotting.NAMES[measure] for measure in MEASURES]
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    for tick, measure in zip(axes[0].get_yticklabels(), MEASURES, strict=True):
        tick.set_color(plotting.COLORS[measure])
    return figure, dict(zip(CONVENTIONS, axes, strict=True))


def _label(figure: Figure, markers: Mapping[str, tuple[str, str]]) -> None:
    handles = [
        Line2D([], [], marker=marker, color="0.3", markerfacecolor=fill, linestyle="")
        for marker, fill in markers.values()
    ]
    figure.legend(handles, list(markers), loc="outside upper center", ncols=len(markers))


def settings_table(
    rotated: pd.DataFrame, settings: Mapping[str, tuple[str, float]]
) -> pd.DataFrame:
    """Tell Q, that of rotations and the excess, by layer and measure, for some settings.

    Parameters
    ----------
    rotated
        As :func:`over` returns it, of one convention and of raw similarities.
    settings
        A regulariser and its strength, by the name of the setting.

    Returns
    -------
    pandas.DataFrame
        Means over networks, ``Q`` and ``rotated``, ``excess`` and the share of networks with a p
        value of at most 0.05, by setting, layer and measure.
    """
    found = {}
    for name, (regularizer, strength) in settings.items():
        chosen = rotated[
            (rotated["regularizer"] == regularizer) & np.isclose(rotated["strength"], strength)
        ]
        chosen = chosen.assign(significant=chosen["p"] <= 0.05)
        for (layer, measure), group in chosen.groupby(["layer", "measure"], sort=False):
            columns = {"q": "Q", "null_mean": "rotated", "excess": "excess"}
            means = {title: group[column].mean() for column, title in columns.items()}
            found[name, f"layer {layer}", plotting.NAMES[measure]] = means | {
                "p ≤ .05 (%)": 100 * group["significant"].mean()
            }
    return pd.DataFrame(found).T
