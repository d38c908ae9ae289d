"""Figures of networks that are pulled towards modules: two dials, and what they cost."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from modlib import plotting
from modlib.similarity.matrix import Similarity

TARGET_COLORS = {
    "none": "black",
    "up": plotting.COLORS["covariance"],
    "down": plotting.COLORS["output_sensitivity"],
    "both": "#009E73",
    "shuffled": "0.6",
}
DIALS = ("covariance", "output_sensitivity")
"""The measures that are pulled, upstream and downstream; both as released and normalised."""


def dials_of(scores: pd.DataFrame, column: str = "q") -> pd.DataFrame:
    """Q upstream and downstream of every layer: columns ``covariance``, ``output_sensitivity``.

    Parameters
    ----------
    scores
        Rows of the table ``dials``.
    column
        ``"q"`` or ``"q_best"``.
    """
    chosen = scores[
        scores["normalized"] & (scores["convention"] == "released") & scores["measure"].isin(DIALS)
    ]
    names = ["task", "target", "pull", "seed", "layer"]
    return chosen.pivot(index=names, columns="measure", values=column).reset_index()


def draw_dials(scores: pd.DataFrame, column: str = "q") -> Figure:
    """Draw Q downstream against Q upstream, a dot for each network, a panel for each layer.

    A line leads from the networks that are not pulled through the means at each strength.

    Parameters
    ----------
    scores, column
        As for :func:`dials_of`, of one task.
    """
    found = dials_of(scores, column)
    layers = sorted(found["layer"].unique())
    figure, axes = plt.subplots(
        1, len(layers), figsize=(3.2 * len(layers), 3.3), sharex=True, sharey=True, squeeze=False
    )
    for ax, layer in zip(axes[0], layers, strict=True):
        _draw_arms(ax, found[found["layer"] == layer])
        ax.set(title=f"layer {layer}", xlabel="Q upstream (covariance)", aspect="equal")
        ax.set(xlim=(0, 0.9), ylim=(0, 0.9))
    axes[0, 0].set_ylabel("Q downstream (output sens.)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
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
