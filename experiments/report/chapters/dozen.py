"""A small layer of two groups of units, some of them stronger: what each convention makes of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.report.figures import CONVENTION_NAMES
from modlib.clustering.find import find_modules
from modlib.similarity.conventions import CONVENTIONS, normalize

N_UNITS = 12
N_INPUTS = 48
FACTORS = (1, 1.5, 2, 3, 4, 6, 10)
"""By how much the strong units may be stronger than the weak ones."""
START = {"correlation": 0.5, "factor": 3}
"""Where the sliders of the moving figure stand at first."""


def groups_data(seed: int) -> dict[str, Any]:
    """Draw at random what units of a group have in common, and what is their own, at each input.

    Each of the two groups has half of the units, and half of each group are strong ones.

    Parameters
    ----------
    seed
        Of the random numbers.
    """
    random = np.random.default_rng(seed)
    common = random.standard_normal((N_INPUTS, 2)).round(4)
    own = random.standard_normal((N_INPUTS, N_UNITS)).round(4)
    return {
        "common": common.tolist(),
        "own": own.tolist(),
        "groups": np.repeat([0, 1], N_UNITS // 2).tolist(),
        "strong": np.tile([True, False], N_UNITS // 2).tolist(),
        "factors": list(FACTORS),
        "start": START,
    }


def activations(data: dict[str, Any], correlation: float, factor: float) -> np.ndarray:
    """The layer for every input, ``[inputs, units]``.

    Parameters
    ----------
    data
        Of :func:`groups_data`.
    correlation
        Of two units of a group, but for chance; from 0 to 1.
    factor
        By how much the strong units are stronger.
    """
    common = np.array(data["common"])[:, data["groups"]]
    scale = np.where(data["strong"], factor, 1.0)
    own = np.array(data["own"])
    return scale * (np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)


def covariance(hidden: np.ndarray, convention: str) -> np.ndarray:
    """Similarity ``[units, units]`` by covariance of activations ``[inputs, units]``."""
    away = hidden - hidden.mean(axis=0)
    products = away[:, :, None] * away[:, None, :]
    if CONVENTIONS[convention].absolute_inside:
        return np.abs(products).mean(axis=0)
    return np.abs(products.mean(axis=0))


def draw_groups(data: dict[str, Any], settings: Sequence[tuple[float, float]]) -> Figure:
    """Draw normalised similarity in both conventions, sorted by the best modules.

    Parameters
    ----------
    data
        Of :func:`groups_data`.
    settings
        Pairs of correlation and factor, a pair of panels for each.
    """
    figure, axes = plt.subplots(1, 2 * len(settings), figsize=(6.4, 2.3), squeeze=False)
    names = ["AB"[group] for group in data["groups"]]
    names = [
        name if strong else name.lower()
        for name, strong in zip(names, data["strong"], strict=True)
    ]  # fmt: skip
    for pair, (correlation, factor) in zip(np.split(axes[0], len(settings)), settings, strict=True):
        hidden = activations(data, correlation, factor)
        for ax, convention in zip(pair, CONVENTIONS, strict=True):
            similarity = normalize(covariance(hidden, convention), convention)
            q = _draw_sorted(ax, similarity, names)
            told = f"$Q$ = {round(q, 2) + 0.0:.2f}"  # a rounded -0.001 is 0
            ax.set_title(f"{CONVENTION_NAMES[convention]}\n{told}", fontsize=8)
        pair[0].set_xlabel(f"scale {factor:g}", fontsize=8)
    return figure


def _draw_sorted(ax: Axes, similarity: np.ndarray, names: Sequence[str]) -> float:
    """Draw it as :func:`modlib.plotting.draw_similarity` does, with names; return Q."""
    found = find_modules(similarity, search="best")
    order = np.argsort(found.labels, kind="stable")
    shown = np.where(np.eye(len(order), dtype=bool), np.nan, similarity)[np.ix_(order, order)]
    ax.imshow(shown, cmap="magma", vmin=0, vmax=np.nanmax(shown))
    for border in np.flatnonzero(np.diff(found.labels[order])) + 0.5:
        ax.axhline(border, color="white", linewidth=1)
        ax.axvline(border, color="white", linewidth=1)
    ax.set_xticks([])
    ax.set_yticks(range(len(order)), np.take(names, order), fontsize=7)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return found.q
