"""The searches for modules at work: what each step tries, what it gains, and figures of both."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import entr, softmax

from experiments.report.figures import ACCENT_COLOR, write_note
from modlib import plotting
from modlib.clustering.modules import Modules
from modlib.clustering.monte_carlo import monte_carlo_modules
from modlib.clustering.moves import ROUNDING
from modlib.clustering.spectral import spectral_modules
from modlib.modularity import to_adjacency
from modlib.similarity.measures import MEASURES

ALTERNATIVES = {"q_spectral": "spectral method alone", "q_one_module": "1,000 steps, one cluster"}
"""Columns of the table of modules that hold Q of half an algorithm, and what each half is."""
TIE = 1e-9
"""The size below which a difference of Q counts as none."""
_START, _FOUND = ACCENT_COLOR, "black"

Attempt = tuple[np.ndarray, np.ndarray, float]
"""To split a cluster: its members, the entries of the leading eigenvector, and the gain in Q."""


# ------------------------------------------------------------------------------ what a step gains


def gains(modules: pd.DataFrame) -> pd.DataFrame:
    """By how much Q of the full algorithm exceeds that of each alternative, row by row."""
    return modules[list(ALTERNATIVES)].rsub(modules["q"], axis=0)


def improvement(modules: pd.DataFrame, alternative: str) -> dict[str, float]:
    """What the full algorithm adds to one of the alternatives.

    Parameters
    ----------
    modules
        Rows of the table of modules.
    alternative
        One of :data:`ALTERNATIVES`.

    Returns
    -------
    dict of float
        ``above``, the percentage of rows that gained; ``gain`` and ``gain-error``, the mean over
        networks and its standard error.
    """
    gain = gains(modules)[alternative]
    networks = gain.groupby(modules["network"]).mean()
    return {
        "above": float(100 * (gain > TIE).mean()),
        "gain": float(networks.mean()),
        "gain-error": float(networks.sem()),
    }


def losses(modules: pd.DataFrame, alternative: str) -> np.ndarray:
    """By how much the alternative ended higher, in those rows in which it did."""
    lost = -gains(modules)[alternative].to_numpy()
    return lost[lost > TIE]


# ------------------------------------------------------------------------------- the two starts


def from_both_starts(
    similarity: np.ndarray, n_steps: Sequence[int], entropy: float, seed: int
) -> pd.DataFrame:
    """Search one matrix from the spectral start and from a single cluster, for equally long.

    Parameters
    ----------
    similarity
        Shape ``[units, units]``.
    n_steps
        Lengths of the Monte Carlo search.
    entropy, seed
        Its options.

    Returns
    -------
    pandas.DataFrame
        One row for each start and length: ``start``, ``steps``, ``q`` and ``n_tied``, the number
        of steps in which clusters tied for the best.
    """
    adjacency = to_adjacency(similarity)
    spectral = spectral_modules(adjacency).labels
    starts = {"spectral": spectral, "one cluster": one_cluster(spectral)}
    rows = []
    for name, labels in starts.items():
        for steps in n_steps:
            found = monte_carlo_modules(adjacency, labels, steps, entropy, seed, trace=True)
            assert found.trace is not None
            n_tied = int((found.trace.temperature == 0).sum())
            rows.append({"start": name, "steps": steps, "q": found.q, "n_tied": n_tied})
    return pd.DataFrame(rows)


def one_cluster(labels: np.ndarray) -> np.ndarray:
    """Labels ``[units]`` with all modules joined; unused units (-1) stay so."""
    return np.where(labels < 0, -1, 0)


def summarize_starts(trial: pd.DataFrame) -> pd.DataFrame:
    """Mean Q of each length and start, and how often it reaches the best of its matrix, in percent.

    Parameters
    ----------
    trial
        Rows of :func:`from_both_starts` with the ``network`` and ``measure`` of each matrix.
    """
    best = trial.groupby(["network", "measure"])["q"].transform("max")
    reached = 100.0 * (trial["q"] >= best - TIE)
    groups = trial.assign(best=reached).groupby(["steps", "start"])
    return groups[["q", "best"]].mean().round(4) + 0.0  # no -0.0


def lead(trial: pd.DataFrame, steps: int) -> tuple[float, float]:
    """By how much the spectral start is ahead in Q after so many steps, over networks.

    Returns
    -------
    tuple of float
        The mean, and its standard error.
    """
    after = trial[trial["steps"] == steps]
    q = after.pivot_table(index="network", columns="start", values="q")
    ahead = q["spectral"] - q["one cluster"]
    return float(ahead.mean()), float(ahead.sem())


def ties(trial: pd.DataFrame) -> dict[str, float]:
    """How many matrices there are, how many met a tie, and the percentage of steps that did."""
    by_matrix = trial.groupby(["network", "measure"])["n_tied"].sum()
    return {
        "matrices": len(by_matrix),
        "with-ties": int((by_matrix > 0).sum()),
        "tied": float(100 * trial["n_tied"].sum() / trial["steps"].sum()),
    }


# ---------------------------------------------------------------------------------------- figures


def draw_splits(
    matrix: np.ndarray, attempts: Sequence[Attempt], units: np.ndarray, most: int = 6
) -> Figure:
    """Draw the attempts to split a cluster: its part of B, sorted, above the eigenvector.

    Parameters
    ----------
    matrix
        B, of shape ``[units, units]``.
    attempts
        Those of clusters of one unit are passed over.
    units
        Numbers of the units, as labels; shape ``[units]``.
    most
        How many attempts to draw.
    """
    shown = [attempt for attempt in attempts if len(attempt[0]) > 1][:most]
    figure, axes = plt.subplots(2, len(shown), figsize=(6.4, 2.6), squeeze=False)
    top = np.abs(matrix).max()
    for (upper, lower), (members, vector, gain) in zip(axes.T, shown, strict=True):
        order = np.argsort(vector)
        sorted_members = members[order]
        part = matrix[np.ix_(sorted_members, sorted_members)]
        _draw_part(upper, part, top, n_leaving=(vector < 0).sum())
        upper.set_title(f"gain {gain:.3f}" if gain > ROUNDING else "no gain")
        _draw_vector(lower, vector[order], units[sorted_members])
        for ax in (upper, lower):
            ax.spines[:].set_visible(False)
            ax.tick_params(length=0)
            ax.set_yticks([])
    axes[0, 0].set_ylabel("$B$")
    axes[1, 0].set_ylabel("eigenvector")
    figure.supxlabel("unit", fontsize=9)
    return figure


def _draw_part(ax: Axes, part: np.ndarray, top: float, n_leaving: int) -> None:
    ax.imshow(part, cmap=plotting.SIGNED_COLORMAP, vmin=-top, vmax=top, aspect="auto")
    if n_leaving:
        ax.axhline(n_leaving - 0.5, color="black", linewidth=0.8)
        ax.axvline(n_leaving - 0.5, color="black", linewidth=0.8)
    ax.set_xticks([])
    ax.set_box_aspect(1)


def _draw_vector(ax: Axes, values: np.ndarray, names: np.ndarray) -> None:
    places = range(len(values))
    ax.bar(places, values, color=np.where(values < 0, "0.6", _FOUND))
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set(xlim=(-0.5, len(values) - 0.5), ylim=(-1.05, 1.05))
    ax.set_xticks(places, names, fontsize=6.5, rotation=90)
    ax.set_box_aspect(0.5)


def entropy_of_choice(gaps: Any, temperatures: np.ndarray) -> np.ndarray:
    """Entropy in nats of a choice between clusters, at each temperature ``[temperatures]``.

    Parameters
    ----------
    gaps
        How far Q of each cluster is below the best, shape ``[clusters]``.
    temperatures
        Above 0, shape ``[temperatures]``.
    """
    return entr(softmax(-np.divide.outer(gaps, temperatures), axis=0)).sum(axis=0)


def draw_entropy(choices: Mapping[str, Sequence[float]], entropy: float) -> Figure:
    """Draw the entropy of choices between three clusters by temperature, and the one wanted.

    Parameters
    ----------
    choices
        By their names, the gaps of each choice, three for each; the second is dashed.
    entropy
        In nats.
    """
    temperatures = np.geomspace(1e-3, 1, 200)
    figure, ax = plt.subplots(figsize=(4.6, 2.4))
    for (name, gaps), style in zip(choices.items(), ("-", "--"), strict=True):
        curve = entropy_of_choice(gaps, temperatures)
        ax.plot(temperatures, curve, color="black", linestyle=style, label=name)
    ax.axhline(entropy, color=_START, linewidth=0.8)
    ax.text(0.9, entropy + 0.02, f"{entropy:g} nats", color=_START, ha="right")
    ax.set(xscale="log", xlim=(1e-3, 1), xlabel=r"temperature $\tau$")
    ax.set(ylim=(0, 1.15), ylabel="entropy (nats)")
    ax.set_yticks([0, np.log(2), np.log(3)], ["0", "log 2", "log 3"])
    ax.legend(loc="center right", bbox_to_anchor=(1, 0.42))
    return figure


def draw_paths(small: Modules, whole: Modules, from_one_cluster: Modules) -> Figure:
    """Draw the paths of three Monte Carlo searches: Q above, temperature below, by step.

    Parameters
    ----------
    small, whole
        What was found on the small matrix and on the whole layer, with traces; on the left and
        on the right, each with a line at its best.
    from_one_cluster
        The same on the whole layer from another start: its Q is drawn in purple.
    """
    assert from_one_cluster.trace is not None
    figure, axes = plt.subplots(2, 2, figsize=(6.4, 3.8), sharex="col", height_ratios=(3, 2))
    for (upper, lower), found in zip(axes.T, (small, whole), strict=True):
        _draw_path(upper, lower, found)
        upper.set_title(f"{len(found)} units")
    q = from_one_cluster.trace.q
    axes[0, 1].plot(np.arange(1, len(q) + 1), q, color=_START, linewidth=0.8, zorder=1)
    axes[0, 0].set_ylabel("$Q$")
    axes[1, 0].set_ylabel("temperature")
    return figure


def _draw_path(upper: Axes, lower: Axes, found: Modules) -> None:
    assert found.trace is not None
    q, temperature = found.trace.q, found.trace.temperature
    steps = np.arange(1, len(q) + 1)
    upper.axhline(found.q, color="0.6", linewidth=2.5)
    upper.plot(steps, q, color="black", linewidth=0.8)
    warm = temperature > 0  # where clusters tie there is none
    lower.plot(steps[warm], temperature[warm], ".", color="black", markersize=2)
    lower.set(yscale="log", xlabel="step")


def draw_assignments(q: np.ndarray, start: float, found: float) -> Figure:
    """Draw Q of all assignments, and by rank that of those within a fifth of the best.

    Parameters
    ----------
    q
        Of every assignment of a matrix, shape ``[assignments]``.
    start, found
        Q at the start and at the end of the search, marked by lines like the maximum.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.5), width_ratios=(3, 2))
    left.hist(q, bins=80, color="0.7", log=True)
    left.set(xlabel="$Q$", ylabel="assignments", ylim=(0.7, None))
    top = q.max()
    span = 0.2 * top
    near = np.sort(q[q >= top - span])[::-1]
    right.plot(near, np.arange(1, len(near) + 1), ".", color="0.6")
    right.set(xlabel="$Q$", ylabel="rank", ylim=(1.05 * len(near) + 1, 0))
    for ax in (left, right):
        ax.axvline(start, color=_START, label="spectral start")
        ax.axvline(found, color=_FOUND, label="Monte Carlo")
        ax.axvline(top, color="0.5", linestyle="--", label="maximum")
    place = 1 + int((q > found + ROUNDING).sum())
    write_note(right, f"found: place {place:,}\nof {len(q):,}")
    right.set_xlim(min(start, top - span) - 0.1 * span, top + 0.1 * span)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def draw_gains(modules: pd.DataFrame) -> Figure:
    """Draw Q of the full algorithm against each alternative, and how many gained how much.

    Parameters
    ----------
    modules
        Rows of the table of modules; a column of panels for each of :data:`ALTERNATIVES`.
    """
    figure, axes = plt.subplots(2, 2, figsize=(6.4, 5.2), height_ratios=(3, 2), sharey="row")
    gained = gains(modules)
    for (upper, lower), (name, label) in zip(axes.T, ALTERNATIVES.items(), strict=True):
        _draw_against(upper, modules, name)
        upper.set_xlabel(f"$Q$, {label}")
        found = improvement(modules, name)
        gain = f"{found['gain']:+.4f}".replace("-", "\u2212")
        write_note(upper, f"{found['above']:.0f} % gain,\nmean {gain}", "lower right")
        for measure in MEASURES:
            _draw_shares(lower, gained.loc[modules["measure"] == measure, name], measure)
        lower.set(xscale="log", xlim=(1e-5, 0.2), ylim=(0, 100), xlabel="gain in $Q$")
    axes[0, 0].set_ylabel("$Q$, full algorithm")
    axes[1, 0].set_ylabel("matrices with a larger gain (%)")
    axes[0, 0].legend(*axes[1, 0].get_legend_handles_labels(), loc="upper left")
    return figure


def _draw_against(ax: Axes, modules: pd.DataFrame, alternative: str) -> None:
    shuffled = modules.sample(frac=1, random_state=0)  # so that no measure hides another
    colors = shuffled["measure"].map(plotting.COLORS)
    ax.axline((0, 0), slope=1, color="0.6", linewidth=0.8)
    ax.scatter(
        shuffled[alternative], shuffled["q"], s=2, linewidths=0, rasterized=True, c=colors
    )  # fmt: skip
    top = modules["q"].max() * 1.05
    ax.set(xlim=(-0.01, top), ylim=(-0.01, top))


def _draw_shares(ax: Axes, gain: pd.Series, measure: str) -> None:
    larger = np.sort(gain[gain > 1e-5])[::-1]  # the axis begins there
    share = 100 * np.arange(1, len(larger) + 1) / len(gain)
    style: dict[str, Any] = plotting.method_style(measure, False) | {
        "label": plotting.NAMES[measure]
    }
    ax.step(larger, share, **style)
