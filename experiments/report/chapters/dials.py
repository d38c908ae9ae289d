"""Figures of networks that are pulled towards modules: two dials, and what they cost."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from experiments.dials import USUAL
from experiments.report.figures import ACCENT_COLOR, strength_text, write_note
from modlib import plotting
from modlib.clustering.find import find_modules
from modlib.models import MLP
from modlib.similarity.compute import similarity_matrices
from modlib.similarity.matrix import Similarity

TARGET_COLORS = {
    "none": "black",
    "up": plotting.SIDE_COLORS["upstream"],
    "down": plotting.SIDE_COLORS["downstream"],
    "both": ACCENT_COLOR,
    "shuffled": "0.6",
}
"""The colour of each target: that of its side, or purple for both."""
SAID = {
    "none": "not pulled, or shuffled",  # which stand in one place
    "up": "pulled upstream",
    "down": "pulled downstream",
    "both": "one assignment for both",
}
"""What stands beside the last point of a target."""
NAMES = {
    "none": "not pulled", "up": "pulled up", "down": "pulled down", "both": "both at once",
    "shuffled": "shuffled",
}  # fmt: skip
"""What each target is called where there is less room."""
DIALS = ("covariance", "output_sensitivity")
"""The measures that are pulled, upstream and downstream; both as released and normalised."""
ROOMY = 0.4
"""How far to the right an arm may end and still be named on its right."""


def q_of_dials(model: MLP, inputs: Tensor) -> dict[str, float]:
    """Q of the two measures that can be pulled, as the paper's search finds it: mean over layers.

    Parameters
    ----------
    model, inputs
        A network, and the samples to measure it on.
    """
    found = similarity_matrices(model, inputs, measures=DIALS, conventions=["released"])
    every: dict[str, list[float]] = {measure: [] for measure in DIALS}
    for (_, measure, _), similarity in found.items():
        every[measure].append(find_modules(similarity.normalized()).q)
    return {measure: float(np.mean(values)) for measure, values in every.items()}


def dials_of(scores: pd.DataFrame, column: str = "q", convention: str = "released") -> pd.DataFrame:
    """Q upstream and downstream of every layer: columns ``covariance``, ``output_sensitivity``.

    Parameters
    ----------
    scores
        Rows of the table ``dials``.
    column
        ``"q"`` or ``"q_best"``.
    convention
        Of the similarities; what is pulled is as released.
    """
    chosen = scores[
        scores["normalized"] & (scores["convention"] == convention) & scores["measure"].isin(DIALS)
    ]
    names = ["task", "target", "pull", "seed", "layer"]
    return chosen.pivot(index=names, columns="measure", values=column).reset_index()


def bounds(certificates: pd.DataFrame | None) -> pd.DataFrame:
    """List what is proven of the highest Q: a row for each target and layer.

    Parameters
    ----------
    certificates
        Rows of the table of certificates; None gives a list without rows.
    """
    names, shown = ["target", "layer", "measure"], ["lower", "upper", "optimal"]
    if certificates is None:
        return pd.DataFrame(columns=shown)
    found = certificates.set_index(names)[shown].unstack("measure").sort_index()
    return found.round(3).rename(columns=plotting.TITLES)


def draw_dials(scores: pd.DataFrame, column: str = "q", convention: str = "released") -> Figure:
    """Draw Q downstream against Q upstream, a dot for each network, a panel for each layer.

    A line leads from the networks that are not pulled through the means at each strength; beside
    its end stands how far it leads along each axis.

    Parameters
    ----------
    scores, column, convention
        As for :func:`dials_of`, of one task.
    """
    found = dials_of(scores, column, convention)
    layers = sorted(found["layer"].unique())
    figure, axes = plt.subplots(
        1, len(layers), figsize=(3.2 * len(layers), 3.3), sharex=True, sharey=True, squeeze=False
    )
    for ax, layer in zip(axes[0], layers, strict=True):
        _draw_arms(ax, found[found["layer"] == layer])
        ax.set(title=f"layer {layer}", xlabel="Q upstream (covariance)", aspect="equal")
        ax.set(xlim=(0, 0.9), ylim=(0, 0.9))
    axes[0, 0].set_ylabel("Q downstream (output sens.)")
    return figure


def _draw_arms(ax: Axes, found: pd.DataFrame) -> None:
    start = found.loc[found["target"] == "none", list(DIALS)].mean()
    for target, color in TARGET_COLORS.items():
        here = found[found["target"] == target]
        if not len(here):
            continue
        ax.plot(*here[list(DIALS)].to_numpy().T, ".", color=color, markersize=3, alpha=0.5)
        means = here.groupby("pull")[list(DIALS)].mean().to_numpy()
        if target != "none" and not start.isna().any():
            means = np.vstack([start, means])
        ax.plot(*means.T, "o-", color=color, markersize=4, linewidth=1.2, label=target)
        if target in SAID:
            _name_arm(ax, target, means[-1], means[-1] - start.to_numpy(), color)


def _name_arm(ax: Axes, target: str, end: np.ndarray, way: np.ndarray, color: str) -> None:
    """Say beside the end of an arm what it is, and how far it leads: to the right, and up."""
    told = SAID[target]
    if target in ("up", "down"):
        across, along = (f"{round(part, 2) + 0.0:+.2f}" for part in way)
        told += (
            f"\n\N{RIGHTWARDS ARROW}\N{THIN SPACE}{across}  \N{UPWARDS ARROW}\N{THIN SPACE}{along}"
        )
    elif target == "both" and end[0] > ROOMY:
        told = told.replace(" for", "\nfor")
    is_far = end[0] > ROOMY  # and there is no room on its right
    offset, ha, va = {
        "none": ((-4, -6), "left", "top"),
        "up": ((10, 7), "right", "bottom") if is_far else ((18, 0), "left", "bottom"),
        "down": ((8, 0), "left", "bottom"),
        "both": ((8, -3), "left", "top"),
    }[target]
    ax.annotate(
        told.replace("-", "\N{MINUS SIGN}"), (end[0], end[1]), xytext=offset,
        textcoords="offset points", ha=ha, va=va, fontsize=8, color=color,
    )  # fmt: skip


def draw_matrices(
    similarities: Mapping[tuple[int, str, str], Similarity], labels: Sequence[np.ndarray]
) -> Figure:
    """Draw the two similarities that can be pulled, units sorted by the module of each.

    Parameters
    ----------
    similarities
        By layer, measure and convention; those as released are drawn, normalised.
    labels
        The module of each unit, for every layer.
    """
    figure, axes = plt.subplots(
        len(labels), len(DIALS), figsize=(5.2, 2.5 * len(labels)), squeeze=False
    )
    for layer, (row, modules) in enumerate(zip(axes, labels, strict=True), start=1):
        for ax, measure in zip(row, DIALS, strict=True):
            matrix = similarities[layer, measure, "released"].normalized().values
            plotting.draw_similarity(ax, matrix, np.asarray(modules))
            ax.set_title(f"layer {layer}, {plotting.TITLES[measure]}")
    return figure


def draw_robustness(robustness: pd.DataFrame) -> Figure:
    """Draw the accuracy of disturbed networks by level, a panel for each disturbance.

    Parameters
    ----------
    robustness
        Rows of the table ``dials_robustness``: thin lines are networks, thick ones their mean.
    """
    disturbances = list(robustness["disturbance"].unique())
    figure, axes = plt.subplots(
        1, len(disturbances), figsize=(3.0 * len(disturbances), 2.5), sharey=True, squeeze=False
    )
    labels = {"noise": "standard deviation of the noise", "pruning": "share of weights set to zero"}
    for ax, disturbance in zip(axes[0], disturbances, strict=True):
        here = robustness[robustness["disturbance"] == disturbance]
        for target, of_target in here.groupby("target"):
            color = TARGET_COLORS[target]
            for _, one in of_target.groupby(["pull", "seed"]):
                ax.plot(one["level"], one["accuracy"], color=color, linewidth=0.6, alpha=0.5)
            mean = of_target.groupby("level")["accuracy"].mean()
            ax.plot(mean.index, mean, "o-", color=color, markersize=4, label=target)
        ax.set_xlabel(labels[disturbance])
        ax.set_ylim(0, 1)
    axes[0, 0].set_ylabel("test accuracy")
    axes[0, 0].legend()
    return figure


# ------------------------------------------------------------------------------ against the pull


def per_network(frame: pd.DataFrame, column: str, **values: object) -> pd.DataFrame:
    """Average a column within networks: columns ``target``, ``pull``, ``seed`` and ``value``.

    Parameters
    ----------
    frame
        Rows of networks of one task.
    column
        To average.
    values
        Of other columns, by which rows are chosen.
    """
    for name, value in values.items():
        frame = frame[frame[name] == value]
    found = frame.groupby(["target", "pull", "seed"], as_index=False)[column].mean()
    return found.rename(columns={column: "value"}).astype({"value": float})


def draw_curves(panels: Mapping[str, pd.DataFrame], n_columns: int = 2) -> Figure:
    """Draw means over networks against the pull, a line for each target.

    Shades are standard errors. A dashed line is the mean of networks that are not pulled. Written
    into each panel is which target is furthest from it at the usual pull, and by how much.

    Parameters
    ----------
    panels
        By what they show, frames as :func:`per_network` returns them.
    n_columns
        Of panels.
    """
    n_rows = -(-len(panels) // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(6.4, 0.5 + 2.2 * n_rows), sharex=True, squeeze=False
    )
    for ax, (title, frame) in zip(axes.flat, panels.items(), strict=False):
        _draw_curves(ax, frame)
        ax.set_ylabel(title)
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    for ax in axes[-1]:
        ax.set_xlabel("pull")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    names = [NAMES[label] for label in labels]
    figure.legend(handles, names, loc="outside upper center", ncols=len(labels), columnspacing=1.2)
    return figure


def furthest(frame: pd.DataFrame, pull: float = USUAL) -> tuple[str, float] | None:
    """Find which target is furthest from networks that are not pulled, and by how much.

    Parameters
    ----------
    frame
        As :func:`per_network` returns it.
    pull
        At which to look; None is returned if there is nothing at it, or nothing to hold it against.
    """
    means = frame[np.isclose(frame["pull"], pull)].groupby("target")["value"].mean()
    way = (means - frame.loc[frame["target"] == "none", "value"].mean()).dropna()
    if way.empty:
        return None
    target = str(way.abs().idxmax())
    return target, float(way[target])


def _draw_curves(ax: Axes, frame: pd.DataFrame) -> None:
    for target, color in TARGET_COLORS.items():
        here = frame[frame["target"] == target].groupby("pull")["value"]
        mean, error = here.mean(), here.sem().fillna(0.0)
        if target == "none" and len(mean):
            ax.axhline(mean.iloc[0], color=color, linewidth=0.8, linestyle="--", label=target)
        elif len(mean):
            ax.plot(mean.index, mean, "o-", color=color, markersize=3, label=target)
            ax.fill_between(mean.index, mean - error, mean + error, color=color, alpha=0.2,
                            linewidth=0)  # fmt: skip
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda pull, _: strength_text(pull))
    if found := furthest(frame):
        target, way = found
        told = f"{NAMES[target]}: {way:+.2g}\nat a pull of {USUAL:g}"
        low, high = ax.get_ylim()
        room = 0.22 * (high - low)  # on the side that the curves lead to, so that none is hidden
        ax.set_ylim(*((low, high + room) if way > 0 else (low - room, high)))
        place = "upper left" if way > 0 else "lower left"
        write_note(ax, told.replace("-", "\N{MINUS SIGN}"), place)


def draw_groups(panels: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw networks as dots and their means as bars, a group for each target, with its mean.

    Parameters
    ----------
    panels
        By what they show, frames as :func:`per_network` returns them, of one pull.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(6.4, 2.3), squeeze=False)
    for ax, (title, frame) in zip(axes[0], panels.items(), strict=True):
        targets = [target for target in TARGET_COLORS if target in set(frame["target"])]
        for place, target in enumerate(targets):
            values = frame.loc[frame["target"] == target, "value"]
            ax.bar(place, values.mean(), 0.7, color=TARGET_COLORS[target], alpha=0.6)
            ax.plot(np.full(len(values), place), values, ".", color="black", markersize=3)
        ax.axhline(0.0, color="black", linewidth=0.6)
        means = frame.groupby("target")["value"].mean()
        told = [f"{target}\n{means[target]:.2f}" for target in targets]
        ax.set_xticks(range(len(targets)), told, fontsize=7.5)
        ax.set_title(title, fontsize=9)
    return figure
