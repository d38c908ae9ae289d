"""Figures of modularity, or of the number of modules, against the strength of regularisers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.regularizers import REGULARIZERS, UNTRAINED
from experiments.report.figures import (
    REGULARIZER_NAMES,
    draw_against_strength,
    draw_bands,
    write_note,
)
from experiments.report.frames import by_setting
from modlib import plotting
from modlib.similarity.measures import MEASURES

FAMILY_COLORS = plotting.SIDE_COLORS
"""The colour of each family of measures."""


def regularizers_in(frame: pd.DataFrame) -> list[str]:
    """Names of the regularisers that a frame has networks of, in the order of the paper."""
    return [name for name in REGULARIZERS if name in set(frame["regularizer"])]


# ------------------------------------------------------------------------------------ the headline


def highest_mean(*frames: pd.DataFrame) -> float:
    """Return the highest mean Q of a family in any frame, with its standard error.

    Parameters
    ----------
    frames
        As :func:`draw_headline` takes them: what is drawn of each then fits on one scale.
    """
    curves = [by_setting(frame, "q", ["family", "normalized"]) for frame in frames]
    return max((curve["mean"] + curve["error"].fillna(0)).max() for curve in curves)


def draw_headline(modules: pd.DataFrame, agreement: np.ndarray, highest: float) -> Figure:
    """Draw the families' modularity by strength, and beside it the agreement of methods.

    Parameters
    ----------
    modules
        Rows of the table of modules in one convention, with the ``family`` of each measure;
        a panel for each regulariser.
    agreement
        Shape ``[methods, methods]``, in [0, 1].
    highest
        Modularity up to which the scale goes.
    """
    names = regularizers_in(modules)
    figure, axes = plt.subplots(
        1, len(names) + 1, figsize=(6.4, 1.9), width_ratios=[*[1] * len(names), 1.2]
    )
    overview = by_setting(modules, "q", ["family", "normalized"])
    for ax, name in zip(axes[:-1], names, strict=True):
        if ax is not axes[0]:
            ax.sharey(axes[0])
            ax.tick_params(labelleft=False)
        _draw_families(ax, overview[overview["regularizer"] == name], name)
        mean = by_setting(modules[modules["regularizer"] == name], "q")["mean"]
        write_note(ax, f"mean up to {mean.max():.3f}", fontsize=7)
    axes[0].set_ylabel("modularity Q")
    axes[0].set_ylim(0, 1.25 * highest)  # with room for notes
    _draw_blocks(axes[-1], agreement)
    return figure


def _draw_families(ax: Axes, overview: pd.DataFrame, regularizer: str) -> None:
    for (family, normalized), curve in overview.groupby(["family", "normalized"]):
        draw_against_strength(
            ax, curve["strength"], curve["mean"], curve["error"], regularizer=regularizer,
            color=FAMILY_COLORS[family], linestyle="--" if normalized else "-", markersize=3,
        )  # fmt: skip
    ax.minorticks_off()


def _draw_blocks(ax: Axes, agreement: np.ndarray) -> None:
    plotting.draw_agreement_map(ax, agreement)
    plotting.write_block_means(ax, agreement)
    ax.set_xlabel("agreement")
    n_upstream, n_methods = plotting.N_UPSTREAM, len(agreement)
    middles = (n_upstream - 1) / 2, (n_upstream + n_methods - 1) / 2
    for place, (family, color) in zip(middles, FAMILY_COLORS.items(), strict=True):
        ax.text(
            -0.9, place, family, rotation=90, ha="right", va="center", color=color, fontsize=7
        )  # fmt: skip


# --------------------------------------------------------------------------- the lead of dropout


def peaks(modules: pd.DataFrame) -> pd.DataFrame:
    """Find the highest mean Q under each regulariser, with input sensitivity and without.

    Parameters
    ----------
    modules
        Rows of the table of modules, of settings that can be compared.

    Returns
    -------
    pandas.DataFrame
        A row for each convention and each group of methods (all eight, those without input
        sensitivity, and those of the two upstream measures), and a column for each regulariser.
        Q is averaged over methods and layers, then over the networks of a setting.
    """
    is_input = modules["measure"] == "input_sensitivity"
    groups = {
        "all eight": modules,
        "without input sensitivity": modules[~is_input],
        "input sensitivity": modules[is_input],
        "covariance": modules[modules["measure"] == "covariance"],
    }
    found: dict[tuple[str, str], dict[str, float]] = {}
    for name, frame in groups.items():
        means = by_setting(frame, "q", ["convention"])
        for (convention, kind), curve in means.groupby(["convention", "regularizer"])["mean"]:
            found.setdefault((convention, name), {})[kind] = curve.max()
    table = pd.DataFrame.from_dict(found, orient="index")[regularizers_in(modules)]
    return table.sort_index(level=0, sort_remaining=False).rename_axis(["convention", "methods"])


# -------------------------------------------------------------------------------------- a grid


def draw_grid(
    frames: Mapping[str, pd.DataFrame],
    value: str,
    label: str,
    *,
    lowest: float,
    n_bands: int,
    rises: bool = False,
) -> Figure:
    """Draw a row of panels for each frame and regulariser, and a column for each measure.

    Parameters
    ----------
    frames
        Rows of the table of modules in one convention, such as those of one layer, by what is
        added to the labels of their rows. Panels of all frames but the first have a grey ground.
    value
        The column to draw, such as ``"q"``: its mean over networks, with standard errors.
    label
        What it is called.
    lowest
        Where the axes of values begin.
    n_bands
        How many standard deviations of untrained networks are shaded, if there are any.
    rises
        Whether to write into each panel by how much the mean of both lines rises at most, from the
        weakest setting on.
    """
    kinds = regularizers_in(next(iter(frames.values())))
    rows = [(name, kind) for name in frames for kind in kinds]
    figure, axes = plt.subplots(
        len(rows), len(MEASURES), figsize=(6.4, 0.4 + 1.25 * len(rows)),
        sharex="row", sharey="col", squeeze=False,
    )  # fmt: skip
    summaries = {name: _by_method(frame, value) for name, frame in frames.items()}
    for (name, kind), row in zip(rows, axes, strict=True):
        for measure, ax in zip(MEASURES, row, strict=True):
            for normalized in (False, True):
                _draw_method(ax, summaries[name], (measure, normalized), kind, n_bands)
            if rises:
                _write_rise(ax, frames[name].query("measure == @measure"), value, kind)
            ax.set(xlabel="", facecolor="white" if name == rows[0][0] else "0.95")
        row[0].set_ylabel(REGULARIZER_NAMES[kind].replace(" prob", "\nprob") + name)
    for measure, ax in zip(MEASURES, axes[0], strict=True):
        ax.set_title(plotting.NAMES[measure], color=plotting.COLORS[measure])
        ax.yaxis.set_major_locator(MaxNLocator(4))
        ax.set_ylim(bottom=lowest, top=ax.get_ylim()[1] * (1.2 if rises else 1))
    figure.align_ylabels(axes[:, 0])
    figure.supylabel(label, fontsize=9)
    return figure


def _write_rise(ax: Axes, frame: pd.DataFrame, value: str, regularizer: str) -> None:
    mean = by_setting(frame[frame["regularizer"] == regularizer], value)["mean"]
    write_note(ax, f"+{mean.max() - mean.iloc[0]:.2f}", fontsize=7)


def _by_method(frame: pd.DataFrame, value: str) -> Any:
    method = ["measure", "normalized"]
    return by_setting(frame, value, method).groupby([*method, "regularizer"])


def _draw_method(
    ax: Axes, summary: Any, method: tuple[str, bool], regularizer: str, n_bands: int
) -> None:
    """One curve, over the bands of untrained networks."""
    curve = summary.get_group((*method, regularizer))
    draw_against_strength(
        ax, curve["strength"], curve["mean"], curve["error"], regularizer=regularizer,
        **plotting.method_style(*method), markersize=3,
    )  # fmt: skip
    ax.minorticks_off()
    if (*method, UNTRAINED) in summary.groups:
        (start,) = summary.get_group((*method, UNTRAINED)).to_dict("records")
        draw_bands(ax, start["mean"], start["error"] * start["n"] ** 0.5, n_bands)


# ----------------------------------------------------------------------------------- single layers


def draw_layers(layers: Mapping[tuple[str, float], tuple[np.ndarray, np.ndarray, float]]) -> Figure:
    """Draw the similarities of a layer under rising dropout, units sorted by module.

    Parameters
    ----------
    layers
        For each measure and probability of dropout, in the order of rows and columns: the
        normalised similarity ``[units, units]``, the labels ``[units]`` and Q.
    """
    measures, strengths = (list(dict.fromkeys(part)) for part in zip(*layers, strict=True))
    figure, axes = plt.subplots(
        len(measures), len(strengths), figsize=(6.4, 3.9), squeeze=False
    )  # fmt: skip
    for measure, row in zip(measures, axes, strict=True):
        row[0].set_ylabel(plotting.method_name(measure, True), color=plotting.COLORS[measure])
        for strength, ax in zip(strengths, row, strict=True):
            matrix, labels, q = layers[measure, strength]
            plotting.draw_similarity(ax, matrix, labels)
            heading = f"dropout {strength:g}\n" if ax in axes[0] else ""
            ax.set_title(f"{heading}Q = {q:.2f}")
    return figure
