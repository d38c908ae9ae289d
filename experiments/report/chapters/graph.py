"""The graph of all weights of a network, cut into parts after Filan et al. (2021)."""

from collections.abc import Sequence
from typing import Any
from warnings import catch_warnings

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from sklearn.cluster import KMeans

from experiments.regularizers import REGULARIZERS, UNTRAINED
from experiments.report.figures import REGULARIZER_COLORS, draw_against_strength

NEGLIGIBLE = 1e-3  # smaller weights are as good as none


def weight_graph(matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Return the edges of a network with two hidden layers, from even to odd layers.

    Parameters
    ----------
    matrices
        The weights of the three layers, shape ``[units, units of the layer before]``.

    Returns
    -------
    numpy.ndarray
        Absolute weights, shape ``[pixels + second layer, first layer + logits]``.
    """
    first, second, third = map(np.abs, matrices)
    nothing = np.zeros((first.shape[1], len(third)))
    return np.block([[first.T, nothing], [second, third.T]])


def normalized_cut(
    graph: np.ndarray, k: int, seed: int = 0
) -> tuple[float, np.ndarray, np.ndarray]:
    """Cut a bipartite graph into k parts by spectral clustering (Shi and Malik 2000).

    Parameters
    ----------
    graph
        Weights of the edges from one kind of node to the other, shape ``[rows, columns]``.
    k
        Number of parts, at most.
    seed
        Of k-means.

    Returns
    -------
    tuple
        The normalised cut, and the parts of the rows and of the columns.
    """
    rows, columns = graph.sum(axis=1), graph.sum(axis=0)
    nodes = _coordinates(graph, k)
    with catch_warnings(action="ignore"):  # equal nodes may leave fewer groups than asked for
        labels = KMeans(k, n_init=3, random_state=seed).fit_predict(nodes)
    in_row, in_column = np.split(np.eye(k)[labels], [len(rows)])
    volume = rows @ in_row + columns @ in_column
    within = 2 * np.einsum("rc,rs,sc->c", in_row, graph, in_column, optimize=True)
    ncut = np.sum(1 - np.divide(within, volume, out=np.ones(k), where=volume > 0))
    return ncut, *np.split(labels, [len(rows)])


def _coordinates(graph: np.ndarray, k: int) -> np.ndarray:
    """Leading eigenvectors of the random walk, shape ``[rows + columns, k]``.

    The graph is bipartite, so they come from singular vectors of the matrix of its edges.
    """
    rows, columns = (1 / np.sqrt(np.maximum(graph.sum(axis=axis), 1e-12)) for axis in (1, 0))
    left, _, right = np.linalg.svd(rows[:, None] * graph * columns, full_matrices=False)
    return np.vstack([rows[:, None] * left[:, :k], columns[:, None] * right[:k].T])


def cut_layers(matrices: Sequence[np.ndarray], k: int) -> tuple[float, dict[int, np.ndarray]]:
    """Cut a network's graph of weights; return the cut and each hidden layer's parts."""
    ncut, even, odd = normalized_cut(weight_graph(matrices), k)
    first, second, _ = map(len, matrices)
    return ncut, {1: odd[:first], 2: even[-second:]}


def shuffled(matrices: Sequence[np.ndarray], random: np.random.Generator) -> list[np.ndarray]:
    """Shuffle the weights of each layer among the places of those that count."""
    copies = [matrix.copy() for matrix in matrices]
    for matrix in copies:
        counts = np.abs(matrix) > NEGLIGIBLE
        matrix[counts] = random.permutation(matrix[counts])
    return copies


def draw_cuts(cuts: pd.DataFrame, n_parts: int) -> Figure:
    """Draw the normalised cut against strength, a panel for each regulariser.

    Parameters
    ----------
    cuts
        A row for each network in rising order of strength: ``regularizer``, ``strength``,
        ``ncut``, and ``shuffled`` for the same weights in other places. Untrained networks are
        drawn as levels.
    n_parts
        Into how many parts the graphs were cut.
    """
    figure, axes = plt.subplots(1, len(REGULARIZERS), figsize=(6.4, 2.4), sharey=True)
    untrained = cuts[cuts["regularizer"] == UNTRAINED]
    for ax, regularizer in zip(axes, REGULARIZERS, strict=True):
        rows = cuts[cuts["regularizer"] == regularizer]
        styles: dict[str, dict[str, Any]] = {
            "ncut": {"color": REGULARIZER_COLORS[regularizer]},
            "shuffled": {"color": "0.55", "ls": "--"},
        }
        for column, style in styles.items():
            draw_against_strength(
                ax, rows["strength"], rows[column], regularizer=regularizer, label=column, **style
            )
        for ncut in untrained["ncut"]:
            ax.axhline(ncut, color="0.4", linewidth=1.2, linestyle=":", zorder=0)
    axes[0].set(ylabel=f"ncut, {n_parts} parts")
    return figure
