"""The search for modules on a few units, step by step: what its figure is given, and a picture."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from modlib.plotting import SIGNED_COLORMAP

SAME = 1e-12
"""Sums in another order differ by less."""


def draws(n_units: int, n_steps: int, seed: int) -> list[tuple[int, float]]:
    """Draw the unit of every step and what decides where it goes, in the order of the library.

    Parameters
    ----------
    n_units, n_steps
        Units to draw from, and how many steps.
    seed
        As of :func:`modlib.clustering.monte_carlo.monte_carlo_modules`.
    """
    random = np.random.default_rng(seed)
    units = random.integers(n_units, size=n_steps)
    return list(zip(units.tolist(), random.random(n_steps).tolist(), strict=True))


def search_data(
    similarity: np.ndarray, units: Sequence[int], n_steps: int, entropy: float, seed: int
) -> dict[str, Any]:
    """Gather what the browser needs to take the same steps as the library.

    Parameters
    ----------
    similarity
        Of the units, ``[units, units]``.
    units
        What they are called.
    n_steps, entropy, seed
        Of the Monte Carlo search.
    """
    return {
        "similarity": np.asarray(similarity, dtype=float).tolist(),
        "units": [int(unit) for unit in units],
        "entropy": entropy,
        "draws": draws(len(similarity), n_steps, seed),
    }


def place(every: np.ndarray, q: float) -> int:
    """The place of Q among that of all assignments, from 1: how many are higher, and one."""
    return 1 + int((every > q + SAME).sum())


def draw_stages(
    matrix: np.ndarray, stages: Mapping[str, np.ndarray], every: np.ndarray, units: Sequence[int]
) -> Figure:
    """Draw a modularity matrix sorted by the clusters of each stage, with Q and its place.

    Parameters
    ----------
    matrix
        B, shape ``[units, units]``.
    stages
        Labels ``[units]`` by the name of the stage.
    every
        Q of every assignment there is.
    units
        What the units are called.
    """
    figure, axes = plt.subplots(1, len(stages), figsize=(6.4, 2.7), squeeze=False)
    shown = np.where(np.eye(len(matrix), dtype=bool), np.nan, matrix)
    top = np.nanmax(np.abs(shown))
    for ax, (name, labels) in zip(axes[0], stages.items(), strict=True):
        order = np.argsort(labels, kind="stable")
        ax.imshow(shown[np.ix_(order, order)], cmap=SIGNED_COLORMAP, vmin=-top, vmax=top)
        for border in np.flatnonzero(np.diff(labels[order])) + 0.5:
            ax.axhline(border, color="black", linewidth=1)
            ax.axvline(border, color="black", linewidth=1)
        q = matrix[labels[:, None] == labels].sum()
        ax.set_title(f"{name}\n$Q$ = {q:z.4f}, place {place(every, q):,d}")
        ax.set_xticks(range(len(units)), np.take(units, order), fontsize=7)
        ax.set_yticks(range(len(units)), np.take(units, order), fontsize=7)
        ax.tick_params(length=0)
    return figure
