"""Similarity matrices side by side, as the chapters show them."""

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from experiments.report.chapters.chance import element_and_chance
from experiments.report.figures import network_title
from modlib import plotting
from modlib.clustering.modules import Modules
from modlib.modularity import modularity, to_adjacency
from modlib.similarity.measures import MEASURES, Method


def draw_methods(
    similarities: Mapping[str, Mapping[Method, np.ndarray]],
    modules: Mapping[str, Mapping[Method, Modules]],
) -> Figure:
    """Draw what every method makes of one layer, units sorted by the modules that it leads to.

    Parameters
    ----------
    similarities
        For each of two networks, a matrix ``[units, units]`` for every method. There is a row of
        panels for each measure; for each network a column of raw and one of normalised matrices.
    modules
        What was found in each of them.
    """
    columns = [(network, normalized) for network in similarities for normalized in (False, True)]
    figure, axes = plt.subplots(len(MEASURES), len(columns), figsize=(6.4, 7.2), squeeze=False)
    for row, measure in zip(axes, MEASURES, strict=True):
        row[0].set_ylabel(plotting.NAMES[measure], color=plotting.COLORS[measure])
        for ax, (network, normalized) in zip(row, columns, strict=True):
            method = Method(measure, normalized)
            found = modules[network][method]
            plotting.draw_similarity(ax, similarities[network][method], found.labels)
            kind = "normalised" if normalized else "raw"
            heading = f"{network_title(network)},\n{kind}\n" if ax in axes[0] else ""
            ax.set_title(f"{heading}Q = {found.q:z.3f}")
    return figure


def draw_measures(
    similarities: Mapping[str, Mapping[str, np.ndarray]], labels: Mapping[str, np.ndarray]
) -> Figure:
    """Draw what every measure makes of one layer, units of a network in one order throughout.

    Below each stands the modularity of the clusters that give the order.

    Parameters
    ----------
    similarities
        For each network, a row of panels, a matrix ``[units, units]`` for every measure.
    labels
        For each network, the labels ``[units]`` that its units are sorted by.
    """
    figure, axes = plt.subplots(
        len(similarities), len(MEASURES), figsize=(6.4, 1.75 * len(similarities)), squeeze=False
    )
    for row, (network, matrices) in zip(axes, similarities.items(), strict=True):
        row[0].set_ylabel(network)
        for ax, measure in zip(row, MEASURES, strict=True):
            plotting.draw_similarity(ax, matrices[measure], labels[network])
            q = modularity(to_adjacency(matrices[measure]), labels[network])
            ax.set_xlabel(f"Q = {q:z.3f}")
    for ax, measure in zip(axes[0], MEASURES, strict=True):
        ax.set_title(plotting.NAMES[measure], color=plotting.COLORS[measure])
    return figure


def draw_two_orders(
    similarities: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]
) -> Figure:
    """Draw matrices twice: units sorted by the clusters of the weights, and by their own.

    Below the first stands how well the two agree.

    Parameters
    ----------
    similarities
        Matrices ``[units, units]`` of one layer, of which one is called ``"weights"`` and the
        others by their measure; a column of panels for each.
    labels
        The clusters ``[units]`` of each, by the same names.
    """
    titles = {"weights": "connection patterns"} | plotting.NAMES
    figure, axes = plt.subplots(2, len(similarities), figsize=(6.4, 4.5), squeeze=False)
    for column, (name, matrix) in zip(axes.T, similarities.items(), strict=True):
        column[0].set_title(titles[name])
        for ax, order in zip(column, ("weights", name), strict=True):
            plotting.draw_similarity(ax, matrix, labels[order])
        if name != "weights":
            agreement, chance = element_and_chance(labels["weights"], labels[name])
            column[0].set_xlabel(f"agreement {agreement:.2f},\nby chance {chance:.2f}")
    axes[0, 0].set_ylabel("clusters of the weights")
    axes[1, 0].set_ylabel("clusters of its own")
    return figure
