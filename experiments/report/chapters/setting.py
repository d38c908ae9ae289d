"""Figures of one setting: how its networks learned, and what was found in them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from experiments.report.figures import draw_history
from experiments.report.frames import mean_agreement
from experiments.training.run import TrainedNetwork
from modlib import plotting
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS


def draw_histories(networks: Sequence[TrainedNetwork]) -> Figure:
    """Draw the losses of networks by epoch, a colour for each."""
    figure, ax = plt.subplots(figsize=(5.2, 2.6))
    colors = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(networks)))
    for network, color in zip(networks, colors, strict=True):
        draw_history(ax, network.history, network.best_epoch, color)
    return figure


def draw_modularity(modules: pd.DataFrame) -> Figure:
    """Draw the modularity of every network as dots and its mean as bars.

    Parameters
    ----------
    modules
        Rows of the table of modules; a panel for each layer and convention.
    """
    layers = sorted(modules["layer"].unique())
    figure, axes = plt.subplots(
        len(layers), len(CONVENTIONS), figsize=(6.4, 1.2 + 1.5 * len(layers)),
        sharex=True, sharey=True, squeeze=False,
    )  # fmt: skip
    for row, layer in zip(axes, layers, strict=True):
        for ax, convention in zip(row, CONVENTIONS, strict=True):
            here = modules[(modules["layer"] == layer) & (modules["convention"] == convention)]
            groups = here.groupby(["measure", "normalized"])["q"]
            for place, method in enumerate(METHODS):
                q = groups.get_group(method)
                color = plotting.COLORS[method.measure]
                ax.bar(place, q.mean(), color=color, alpha=0.4 if method.normalized else 0.9)
                ax.plot(np.full(len(q), place), q, ".", color="black", markersize=3)
            ax.set_title(f"layer {layer}, {convention}")
        row[0].set_ylabel("modularity Q")
    for ax in axes[-1]:
        ax.set_xticks(
            range(len(METHODS)), plotting.METHOD_NAMES, rotation=45, ha="right",
            rotation_mode="anchor",
        )  # fmt: skip
    return figure


def draw_agreements(
    agreement: pd.DataFrame, modules: pd.DataFrame, convention: str = "printed"
) -> Figure:
    """Draw the mean agreement of every two methods, a panel for each layer.

    Parameters
    ----------
    agreement, modules
        Rows of the tables of these names; the retests of the second stand on the diagonal.
    convention
        Which of the two to draw.
    """
    layers = sorted(modules["layer"].unique())
    figure, axes = plt.subplots(len(layers), 1, figsize=(4.6, 4.1 * len(layers)), squeeze=False)
    for ax, layer in zip(axes[:, 0], layers, strict=True):
        pairs, found = (
            frame[(frame["layer"] == layer) & (frame["convention"] == convention)]
            for frame in (agreement, modules)
        )
        plotting.draw_agreement(ax, mean_agreement(pairs, found), plotting.METHOD_NAMES)
        ax.set_title(f"layer {layer}")
    return figure
