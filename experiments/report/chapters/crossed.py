"""Figures of networks with two heads: pairs of digits, what units are for, what is recovered."""

from math import isqrt

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.pairs import Pairs
from experiments.truth import TRUTHS
from modlib import plotting
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS

TRUTH_COLORS = {"source": plotting.COLORS["covariance"], "head": plotting.COLORS["loss_hessian"]}
"""The source is a truth upstream of a unit, its head one downstream: the colours of the sides."""


def draw_pairs(pairs: Pairs, n_shown: int = 5) -> Figure:
    """Draw the first pairs, with the class of each head above them."""
    inputs, targets = pairs[:n_shown]
    n_pixels = inputs.shape[1] // 2
    side = isqrt(n_pixels)
    figure, axes = plt.subplots(1, n_shown, figsize=(6.4, 1.2), squeeze=False)
    for ax, pixels, classes in zip(axes[0], inputs.numpy(), targets.tolist(), strict=True):
        image = np.hstack([part.reshape(side, side) for part in np.split(pixels, 2)])
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        ax.axvline(side - 0.5, color="0.7", linewidth=0.6)
        ax.set(title=f"head 1: {classes[0]}, 2: {classes[1]}", xticks=[], yticks=[])
        ax.title.set_fontsize(7.5)
    return figure


def draw_truths(units: pd.DataFrame) -> Figure:
    """Draw each unit by what moves it and what it does, a panel for each layer.

    Parameters
    ----------
    units
        Rows of the table ``crossed_units``; units without any effect are left out.
    """
    layers = sorted(units["layer"].unique())
    figure, axes = plt.subplots(
        1, len(layers), figsize=(3.2 * len(layers), 3.0), sharey=True, squeeze=False
    )
    for ax, layer in zip(axes[0], layers, strict=True):
        here = units[units["layer"] == layer]
        ax.axvline(0.5, color="0.8", linewidth=0.8, zorder=0)
        ax.axhline(0.5, color="0.8", linewidth=0.8, zorder=0)
        shares = here[["source_share", "head_share"]].astype(float).to_numpy()
        ax.plot(*shares.T, "o", color="black", markersize=4, alpha=0.4, markeredgewidth=0)
        ax.set(
            title=f"layer {layer}", xlim=(-0.05, 1.05), ylim=(-0.05, 1.05),
            xlabel="moved by B ← → moved by A", aspect="equal",
        )  # fmt: skip
    axes[0, 0].set_ylabel("serves head 2 ← → serves head 1")
    return figure


def draw_recoveries(scores: pd.DataFrame, by: str = "intervention") -> Figure:
    """Draw how much of each truth each method recovers, a panel for each layer and convention.

    Parameters
    ----------
    scores
        Rows of the table ``crossed``, of one or more networks.
    by
        What tells the truth: ``"intervention"`` or ``"construction"``.
    """
    scores = scores[scores["by"] == by]
    layers = sorted(scores["layer"].unique())
    figure, axes = plt.subplots(
        len(layers), len(CONVENTIONS), figsize=(6.4, 1.2 + 1.5 * len(layers)),
        sharex=True, sharey=True, squeeze=False,
    )  # fmt: skip
    for row, layer in zip(axes, layers, strict=True):
        for ax, convention in zip(row, CONVENTIONS, strict=True):
            here = scores[(scores["layer"] == layer) & (scores["convention"] == convention)]
            _draw_bars(ax, here)
            ax.set_title(f"layer {layer}, {convention}")
        row[0].set_ylabel("recovery")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    for ax in axes[-1]:
        ax.set_xticks(
            range(len(METHODS)), plotting.METHOD_NAMES, rotation=45, ha="right",
            rotation_mode="anchor",
        )  # fmt: skip
    return figure


def _draw_bars(ax: Axes, scores: pd.DataFrame) -> None:
    """For each method a bar for each truth, and a dot for each network."""
    ax.axhline(0.0, color="black", linewidth=0.6)
    width = 0.4
    for number, truth in enumerate(TRUTHS):
        found = [_of(scores, truth, *method) for method in METHODS]
        places = np.arange(len(METHODS)) + (number - 0.5) * width
        heights = [values.mean() if len(values) else 0.0 for values in found]
        ax.bar(places, heights, width, color=TRUTH_COLORS[truth], label=truth)
        for place, values in zip(places, found, strict=True):
            ax.plot(np.full(len(values), place), values, ".", color="black", markersize=3)
    ax.set_ylim(-0.3, 1.05)


def _of(scores: pd.DataFrame, truth: str, measure: str, normalized: bool) -> np.ndarray:
    chosen = scores[
        (scores["truth"] == truth)
        & (scores["measure"] == measure)
        & (scores["normalized"] == normalized)
    ]
    return chosen["recovery"].dropna().astype(float).to_numpy()
