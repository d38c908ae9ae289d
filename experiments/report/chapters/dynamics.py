"""Figures of networks followed in training: one run by itself, and all of them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.report.chapters.excess import NO_MORE
from experiments.report.dynamics import NETWORK
from experiments.report.figures import REGULARIZER_TITLES, strength_text, write_note
from modlib import plotting
from modlib.similarity.measures import MEASURES, UPSTREAM

END = "end"
FRACTIONS = {0.25: "¼", 0.5: "½", 0.75: "¾"}
FAMILIES = {
    "within_upstream": ("upstream", plotting.SIDE_COLORS["upstream"]),
    "within_downstream": ("downstream", plotting.SIDE_COLORS["downstream"]),
    "between": ("across", "0.5"),
}
"""Name and colour of each mean of agreement."""
COURSES = ("test accuracy", "Q, first layer", "excess", "agreement")


def snapshot_names(epochs: Iterable[float]) -> list[str]:
    """Return what snapshots are called in figures, in rising order, the final one last."""
    return [FRACTIONS.get(epoch, f"{epoch:g}") for epoch in sorted(set(epochs))] + [END]


def by_snapshot(frame: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Average a column within networks, then over networks, at each snapshot.

    Parameters
    ----------
    frame
        Rows of a table of ``dynamics``.
    column
        What to average.

    Returns
    -------
    tuple of numpy.ndarray
        Mean and standard error, ``[snapshots]``, as :func:`snapshot_names` has them; the second is
        zero for a single network, and both are NaN where no network was trained for so long.
    """
    epochs = sorted(set(frame.loc[~frame["final"], "epoch"]))
    place = frame["epoch"].map({epoch: number for number, epoch in enumerate(epochs)})
    frame = frame.assign(place=place.where(~frame["final"], len(epochs)).astype(int))
    frame = frame.assign(value=frame[column].astype(float))
    within = frame.groupby(["place", *NETWORK])["value"].mean().groupby("place")
    found = within.agg(["mean", "sem"]).reindex(range(len(epochs) + 1))
    return found["mean"].to_numpy(float), found["sem"].fillna(0.0).to_numpy(float)


def way_made(frame: pd.DataFrame, column: str, epoch: float = 1.0) -> float:
    """Compute which share of its way, from untrained to final, a mean has made after an epoch.

    Parameters
    ----------
    frame
        Rows of a table of ``dynamics``, of one setting.
    column
        What makes its way.
    epoch
        At which to look. The share is NaN if there is no such snapshot, or no way.
    """
    values = frame.assign(value=frame[column].astype(float))
    at = values[~values["final"]].groupby("epoch")["value"].mean()
    start, end = at.get(0.0, np.nan), values.loc[values["final"], "value"].mean()
    return float((at.get(epoch, np.nan) - start) / (end - start)) if end != start else np.nan


def excess_gained(raw: pd.DataFrame) -> pd.Series:
    """Compute by how much training raises the excess of each measure, the highest first.

    Parameters
    ----------
    raw
        Rows of the table ``dynamics`` of one setting, layer and convention, with ``excess``.
    """
    before = raw[~raw["final"] & (raw["epoch"] == 0)].groupby("measure")["excess"].mean()
    gained = raw[raw["final"]].groupby("measure")["excess"].mean() - before
    return gained.sort_values(ascending=False, kind="stable")


def draw_modularity(scores: pd.DataFrame) -> Figure:
    """Draw the modularity of raw similarities by snapshot, and that of rotations, dotted.

    Parameters
    ----------
    scores
        Rows of the table ``dynamics`` of one setting; a panel for each layer and convention.
    """
    figure, panels = _panels(scores, "convention", "modularity Q")
    for ax, rows in panels:
        for measure in MEASURES:
            mine = _of(rows, measure=measure, normalized=False)
            style = {"color": plotting.COLORS[measure], "label": plotting.NAMES[measure]}
            _draw_course(ax, mine, "q", **style)
            if mine["null_mean"].notna().all():
                turned = style | {"label": None, "linestyle": ":", "marker": ""}
                _draw_course(ax, mine, "null_mean", **turned)
    _legend(figure, panels[0][0])
    return figure


def draw_settling(scores: pd.DataFrame, across: str = "convention") -> Figure:
    """Draw how much of the final modules each snapshot has, beside what a second search finds.

    Parameters
    ----------
    scores
        Rows of the table ``dynamics``; all methods of a side are averaged.
    across
        The column for each of whose values, and each layer, there is a panel:
        ``"convention"`` or ``"regularizer"``.
    """
    figure, panels = _panels(scores, across, "final modules recovered")
    for ax, rows in panels:
        for side, color in plotting.SIDE_COLORS.items():
            mine = rows[rows["measure"].isin(UPSTREAM) == (side == "upstream")]
            _draw_course(ax, mine, "recovery", color=color, label=side)
            again = mine.loc[mine["final"], "retest"].astype(float).mean()
            ax.axhline(again, color=color, linewidth=0.8, linestyle=":")
        ax.axhline(0.0, color="black", linewidth=0.6)
    _legend(figure, panels[0][0])
    return figure


def draw_courses(
    snapshots: pd.DataFrame, layers: pd.DataFrame, scores: pd.DataFrame, convention: str
) -> Figure:
    """Draw accuracy, modularity, excess and agreement by snapshot, a column for each regulariser.

    Written into them is how far accuracy has come after one epoch, and what excess training adds.

    Parameters
    ----------
    snapshots, layers, scores
        Rows of the tables ``dynamics_snapshots``, ``dynamics_layers`` and ``dynamics``.
    convention
        Which of the two to draw.
    """
    layers, scores = (_of(frame, convention=convention) for frame in (layers, scores))
    raw = _of(scores, layer=1, normalized=False)
    raw = raw.assign(excess=raw["q"] - raw["null_mean"])
    names = list(dict.fromkeys(snapshots["regularizer"]))
    figure, axes = plt.subplots(
        len(COURSES), len(names), figsize=(6.8, 6.8), sharey="row", sharex="col", squeeze=False
    )
    for column, regularizer in zip(axes.T, names, strict=True):
        frames = (_of(frame, regularizer=regularizer) for frame in (snapshots, raw, layers))
        _draw_regularizer(column, *frames)
    for ax, label in zip(axes[:, 0], COURSES, strict=True):
        ax.set_ylabel(label)
    for ax in axes[[1, 3], 0]:
        ax.legend(fontsize=7)
    figure.supxlabel("epochs", fontsize=9)
    return figure


def _draw_regularizer(
    column: np.ndarray, snapshots: pd.DataFrame, raw: pd.DataFrame, layers: pd.DataFrame
) -> None:
    """Draw the four courses of one setting, a panel for each."""
    accuracy, q, excess, agreement = column
    _draw_course(accuracy, snapshots, "test_accuracy", color="black")
    made = way_made(snapshots, "test_accuracy")
    if np.isfinite(made):
        write_note(accuracy, f"{made:.0%} of its way\nafter one epoch", "lower right")
    write_note(excess, _told_of_gains(excess_gained(raw)))
    for measure in MEASURES:
        mine = _of(raw, measure=measure)
        style = {"color": plotting.COLORS[measure], "label": plotting.NAMES[measure]}
        _draw_course(q, mine, "q", **style)
        _draw_course(excess, mine, "excess", **style)
    excess.axhline(0.0, color="black", linewidth=0.6)
    for name, (label, color) in FAMILIES.items():
        _draw_course(agreement, layers, name, color=color, label=label)
    first = snapshots.iloc[0]
    title = f"{REGULARIZER_TITLES[first['regularizer']]} {strength_text(first['strength'])}"
    accuracy.set_title(title)
    _tick(agreement, snapshots)


def _told_of_gains(gained: pd.Series) -> str:
    """Say which measure gains the most, and how much the others do at most."""
    if gained.iloc[0] < NO_MORE:
        return f"none gains {NO_MORE}"
    told = f"{plotting.NAMES[gained.index[0]]} {gained.iloc[0]:+.2f},\nothers"
    return f"{told} ≤ {gained.iloc[1]:+.2f}".replace("-", "\N{MINUS SIGN}")


# ------------------------------------------------------------------------------------------- parts


def _of(frame: pd.DataFrame, **values: object) -> pd.DataFrame:
    for name, value in values.items():
        frame = frame[frame[name] == value]
    return frame


def _panels(
    scores: pd.DataFrame, across: str, label: str
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A panel with its rows for each layer, downwards, and each value of a column, across."""
    layers, values = sorted(scores["layer"].unique()), list(dict.fromkeys(scores[across]))
    figure, axes = plt.subplots(
        len(layers), len(values), figsize=(6.8, 1.2 + 1.5 * len(layers)),
        sharex="col", sharey=True, squeeze=False,
    )  # fmt: skip
    panels = []
    for row, layer in zip(axes, layers, strict=True):
        row[0].set_ylabel(label)
        for ax, value in zip(row, values, strict=True):
            mine = _of(scores, **{"layer": layer, across: value})
            ax.set_title(f"layer {layer}, {REGULARIZER_TITLES.get(value, value)}")
            _tick(ax, mine)
            panels.append((ax, mine))
    figure.supxlabel("epochs", fontsize=9)
    return figure, panels


def _draw_course(ax: Axes, rows: pd.DataFrame, column: str, **style: Any) -> None:
    """A line through the means of the snapshots that there are, with their standard errors."""
    mean, error = by_snapshot(rows, column)
    there = np.flatnonzero(np.isfinite(mean))
    mean, error = mean[there], error[there]
    options: dict[str, Any] = {"marker": ".", "markersize": 4} | style
    ax.plot(there, mean, **options)
    ax.fill_between(there, mean - error, mean + error, color=style["color"], alpha=0.2, linewidth=0)


def _tick(ax: Axes, rows: pd.DataFrame) -> None:
    names = snapshot_names(rows.loc[~rows["final"], "epoch"])
    ax.set_xticks(range(len(names)), names)


def _legend(figure: Figure, ax: Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
