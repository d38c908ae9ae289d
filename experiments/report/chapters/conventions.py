"""The two conventions side by side: what each makes of toys and of networks, in figures."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.regularizers import REGULARIZERS, UNTRAINED
from experiments.report.chapters.blocks import (
    draw_agreement,
    draw_change,
    name_upright,
    side_of,
)
from experiments.report.examples import Examples
from experiments.report.figures import (
    CONVENTION_COLORS,
    CONVENTION_NAMES,
    draw_against_strength,
    draw_bands,
    write_note,
)
from experiments.report.frames import by_setting
from modlib import plotting
from modlib.clustering.find import find_modules
from modlib.similarity.conventions import CONVENTIONS, normalize
from modlib.similarity.measures import DOWNSTREAM, MEASURES, METHODS

RULES = {"raw": None, "by the larger": "printed", "by the geometric mean": "released"}
"""Ways to normalise, and the convention that each is a part of."""
METHOD = ["measure", "normalized"]


# ----------------------------------------------------------------------------------- toy examples


def draw_toy(similarity: pd.DataFrame, modularity: pd.DataFrame) -> Figure:
    """Draw what correlation makes of similarity and of modularity, in both conventions.

    Parameters
    ----------
    similarity, modularity
        Indexed by correlation, with a column for each convention.
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 2.4))
    labels = {"printed": "inside: E|ab|", "released": "outside: |E ab|"}
    for name, color in CONVENTION_COLORS.items():
        axes[0].plot(similarity[name], color=color, label=labels[name])
        axes[1].plot(modularity[name], color=color)
    _point_at(axes[0], similarity["printed"].iloc[[0]], "unrelated", (7, -14))
    _point_at(axes[1], modularity["printed"].iloc[[-1]], "perfect copies", (-4, 8))
    axes[0].set(xlabel="correlation", ylabel="similarity", ylim=(0, 1.02))
    axes[0].legend(loc="lower right", fontsize=8)
    axes[1].set(xlabel="correlation within groups", ylabel="modularity Q", ylim=(0, 0.55))
    return figure


def _point_at(ax: Axes, point: pd.Series, what: str, offset: tuple[float, float]) -> None:
    """Mark one point of a curve, and say what it is and how high."""
    ((x, y),) = point.items()
    ax.plot(x, y, "o", color="black", markersize=4, clip_on=False)
    ax.annotate(
        f"{what}: {y:.2f}", (x, y), offset, textcoords="offset points", fontsize=8,
        ha="left" if offset[0] > 0 else "right",
    )  # fmt: skip


def draw_scale(factors: np.ndarray, modularity: Mapping[str, Sequence[float]]) -> Figure:
    """Draw modularity against the factor between two groups, normalised in either convention.

    Parameters
    ----------
    factors
        Shape ``[factors]``; their axis is logarithmic.
    modularity
        By convention, of the same shape.
    """
    figure, ax = plt.subplots(figsize=(3.6, 2.4))
    for name, convention in RULES.items():
        if convention:
            color = CONVENTION_COLORS[convention]
            ax.semilogx(factors, modularity[convention], color=color, label=name)
    ax.set(xlabel="factor between the groups", ylabel="modularity Q", ylim=(-0.02, 0.55))
    ax.legend(loc="upper left", fontsize=8)
    return figure


# ------------------------------------------------------------------------------ scale, taken apart


def scale_explained(similarity: np.ndarray, labels: np.ndarray) -> float:
    """How far clusters are a matter of scale: of the similarity of units with themselves.

    Parameters
    ----------
    similarity
        Not normalised, shape ``[units, units]``.
    labels
        Shape ``[units]``; unused units (-1) are left out.

    Returns
    -------
    float
        The variance between clusters of the ranks of the diagonal entries, over what it would be
        if clusters of the same sizes were cut from the units in the order of their scale. One if
        they are strong, middling and weak units; zero if there is a single cluster.
    """
    used = labels >= 0
    ranks = pd.Series(np.diagonal(similarity)[used]).rank()
    most = _variance_between(ranks.sort_values(ignore_index=True), np.sort(labels[used]))
    return _variance_between(ranks, labels[used]) / most if most else 0.0


def _variance_between(ranks: pd.Series, labels: np.ndarray) -> float:
    return ranks.groupby(labels).transform("mean").var(ddof=0)


def taken_apart(
    examples: Examples, networks: Iterable[str], layers: Sequence[int], n_steps: int = 1000
) -> pd.DataFrame:
    """Vary where the absolute value is taken, and how similarity is normalised, by themselves.

    Parameters
    ----------
    examples, networks
        The example networks, and which of them.
    layers
        Hidden layers, from 1.
    n_steps
        Of the search for modules.

    Returns
    -------
    pandas.DataFrame
        Means over layers and measures, a row for each network and convention: ``Q`` and
        ``scale in clusters`` of :func:`scale_explained`, each by each of :data:`RULES`.
    """
    rows = []
    for network, convention in product(networks, CONVENTIONS):
        for layer, measure in product(layers, MEASURES):
            matrix = examples.similarity(network, layer, measure, convention=convention)
            for rule, normalization in RULES.items():
                given = normalize(matrix, normalization) if normalization else matrix
                found = find_modules(given, n_steps=n_steps)
                explained = scale_explained(matrix, found.labels)
                rows.append((network, CONVENTION_NAMES[convention], rule, found.q, explained))
    names = ["network", "convention", "rule"]
    table = pd.DataFrame(rows, columns=[*names, "Q", "scale in clusters"])
    return table.groupby(names, sort=False).mean().unstack("rule")


# ------------------------------------------------------------------------------------- modularity


def draw_modularity(modules: pd.DataFrame, column: str, conventions: Sequence[str]) -> Figure:
    """Draw modularity against strength by method: a row of panels for each convention.

    Parameters
    ----------
    modules
        Rows of the table of modules.
    column
        Of Q.
    conventions
        Both, in the order wanted.
    """
    figure, axes = plt.subplots(
        2, len(REGULARIZERS), figsize=(6.4, 4.4), sharex="col", sharey=True
    )  # fmt: skip
    for row, name in zip(axes, conventions, strict=True):
        here = modules[modules["convention"] == name]
        untrained = here[here["regularizer"] == UNTRAINED].groupby("seed")[column].mean()
        for ax, regularizer in zip(row, REGULARIZERS, strict=True):
            draw_bands(ax, untrained.mean(), untrained.std())
            _draw_curves(ax, here[here["regularizer"] == regularizer], column, regularizer)
        row[0].set_ylabel(f"Q, {CONVENTION_NAMES[name]}")
    for ax in axes[0]:
        ax.set_xlabel("")
    axes[0, 0].set_ylim(bottom=0, top=1.15 * axes[0, 0].get_ylim()[1])  # with room for notes
    legend = axes[0, 0].get_legend_handles_labels()
    figure.legend(*legend, loc="outside lower center", ncols=3, fontsize=7)
    return figure


def _draw_curves(ax: Axes, modules: pd.DataFrame, column: str, regularizer: str) -> None:
    curves = by_setting(modules, column, METHOD)
    for method in METHODS:
        is_here = (curves["measure"] == method.measure) & (
            curves["normalized"] == method.normalized
        )
        curve = curves[is_here]
        style: dict[str, Any] = plotting.method_style(*method)
        draw_against_strength(
            ax, curve["strength"], curve["mean"], regularizer=regularizer, linewidth=1,
            label=plotting.method_name(*method), **style,
        )  # fmt: skip
    mean = by_setting(modules, column)
    draw_against_strength(
        ax, mean["strength"], mean["mean"], mean["error"], regularizer=regularizer,
        color="black", linewidth=2, label="mean of eight",
    )  # fmt: skip
    write_note(ax, f"mean up to {mean['mean'].max():.3f}")


# -------------------------------------------------------------------------------------- headlines


def state_of(frame: pd.DataFrame) -> np.ndarray:
    """``"trained"`` or ``"untrained"`` for each row."""
    return np.where(frame["regularizer"] == UNTRAINED, "untrained", "trained")


def headlines(modules: pd.DataFrame, agreement: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard error over networks of what the paper reports, by convention.

    Parameters
    ----------
    modules
        Rows with ``q`` and the ``effective`` number of modules.
    agreement
        Rows with ``element``.

    Returns
    -------
    pandas.DataFrame
        Columns ``mean`` and ``sem``; rows by ``what``, ``state``, ``side`` and ``convention``.
    """
    is_downstream = modules["measure"].isin(DOWNSTREAM)
    modules = modules.assign(
        state=state_of(modules), side=np.where(is_downstream, "downstream", "upstream")
    )  # fmt: skip
    agreement = agreement.assign(
        state=state_of(agreement),
        side=list(map(side_of, agreement["measure_a"], agreement["measure_b"])),
    )
    parts = {
        "modularity Q": _summary(modules, "q"),
        "number of clusters": _summary(modules, "effective"),
        "agreement": _summary(agreement, "element"),
    }
    return pd.concat(parts, names=["what"]).sort_index()


def _summary(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    groups = ["state", "side", "convention"]
    each = frame.groupby([*groups, "network"])[value].mean()
    return each.groupby(groups).agg(["mean", "sem"])


# -------------------------------------------------------------------------------------- agreement


def draw_agreements(
    matrices: Mapping[str, np.ndarray], across: pd.Series, ceiling: pd.Series
) -> Figure:
    """Draw the agreement of every two methods, its change, and that of each method with itself.

    Parameters
    ----------
    matrices
        By convention, agreements ``[methods, methods]``.
    across
        Agreement of what a method finds in both conventions, indexed by ``network``, ``layer``,
        ``measure`` and ``normalized``.
    ceiling
        That of two searches in one convention, indexed by ``measure`` and ``normalized``.
    """
    figure, axes = plt.subplots(2, 2, figsize=(6.4, 6.8))
    for ax, (name, matrix) in zip(axes[0], matrices.items(), strict=True):
        draw_agreement(ax, matrix, CONVENTION_NAMES[name])
        ax.set_xticklabels([])
    axes[0, 1].set_yticklabels([])
    (one, first), (other, second) = matrices.items()
    change = f"{CONVENTION_NAMES[other]} minus {CONVENTION_NAMES[one]}"
    draw_change(axes[1, 0], second - first, change)
    name_upright(axes[1, 0])
    _draw_across(axes[1, 1], across, ceiling)
    return figure


def _draw_across(ax: Axes, across: pd.Series, ceiling: pd.Series) -> None:
    points = across.groupby(["layer", *METHOD]).agg(["mean", "sem"])
    layers = sorted(across.index.unique("layer"))
    for layer, marker, shift in ((layers[0], "o", -0.15), (layers[-1], "^", 0.15)):
        for place, method in enumerate(METHODS):
            mean, error = points.loc[(layer, *method)]
            ax.errorbar(
                place + shift, mean, error, fmt=marker, color=plotting.COLORS[method.measure],
                markersize=5, alpha=0.5 if method.normalized else 1,
            )  # fmt: skip
            ax.hlines(ceiling[method], place - 0.35, place + 0.35, color="0.5", linewidth=1)
    ax.set_xticks(range(len(METHODS)), plotting.METHOD_NAMES, rotation=90)
    ax.set(ylim=(0, 1.03), title="printed with released")
    ax.set_ylabel("agreement")
