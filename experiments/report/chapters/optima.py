"""How far searches are from the best modules, and what the best would change: numbers, figures."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.paper import CERTIFIED_CONVENTION
from experiments.regularizers import UNTRAINED
from experiments.report.chapters.blocks import (
    BLOCKS,
    PAIR,
    block_of,
    draw_agreement,
    draw_change,
    name_upright,
)
from experiments.report.figures import ACCENT_COLOR
from experiments.report.frames import kept
from modlib import plotting
from modlib.comparison import pairwise_agreement
from modlib.similarity.measures import METHODS, Method

SEARCHES = {
    "q_spectral": "spectral step alone",
    "q_one_module": "1,000 steps from one cluster",
    "q": "the paper's algorithm",
}
"""Columns of the table of modules that hold Q of the paper's searches, the full one last."""
MINUTE = 60
OURS, LEIDEN = "best", "igraph Leiden"
SAME = 1e-6
"""Closer Q than this is equal: examples are stored in single precision."""
TRAINED = f"regularizer != '{UNTRAINED}'"
"""The networks of which the quality of the search is told."""
MATRIX = ["network", "layer", "measure", "normalized"]
"""Columns that name a matrix of one convention."""
VALUES = {"element": "the paper's search", "element_best": "best search", "ceiling": "ceiling"}
"""Columns of agreement that are compared."""
_COLORS = dict(zip(BLOCKS, ("0.6", *plotting.SIDE_COLORS.values(), "black"), strict=True))
_LAYER_MARKERS = ("o", "^")


# --------------------------------------------------------------------------------------- deficits


def deficits(modules: pd.DataFrame) -> pd.DataFrame:
    """How far each of :data:`SEARCHES` ends below the best assignment known.

    Parameters
    ----------
    modules
        Rows of the table of modules with their ``q_best``.

    Returns
    -------
    pandas.DataFrame
        The same rows: what they are rows of, ``q_best``, and the deficit of each search.
    """
    missing = {search: modules["q_best"] - modules[search] for search in SEARCHES}
    return modules[[*MATRIX, "regularizer", "seed", "q_best"]].assign(**missing)


def draw_deficits(missing: pd.DataFrame) -> Figure:
    """Draw how often each search misses how much, and the mean by method and layer.

    Parameters
    ----------
    missing
        As :func:`deficits` returns it.
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 3.1))
    thresholds = np.logspace(-5, -1, 200)
    for (column, name), color in zip(SEARCHES.items(), ("0.6", ACCENT_COLOR, "black"), strict=True):
        shares = [(missing[column] <= threshold).mean() for threshold in thresholds]
        axes[0].semilogx(thresholds, shares, color=color, label=name)
    at_best = float((missing["q"] <= SAME).mean())
    axes[0].plot(thresholds[0], at_best, "o", color="black", markersize=4, clip_on=False)
    axes[0].annotate(
        f"{100 * at_best:.0f} % miss nothing", (thresholds[0], at_best), (8, -3),
        textcoords="offset points", va="top", fontsize=8,
    )  # fmt: skip
    axes[0].set(xlabel="deficit of Q", ylabel="share of matrices", ylim=(0, 1.02))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    _draw_by_method(axes[1], missing)
    return figure


def _draw_by_method(ax: Axes, missing: pd.DataFrame) -> None:
    groups = ["layer", "measure", "normalized"]
    networks = missing.groupby([*groups, "network"])["q"].mean()
    summary = networks.groupby(groups).agg(["mean", "sem"])
    layers = sorted(missing["layer"].unique())
    shifts = (-0.15, 0.15)
    for layer, marker, shift in zip(layers, _LAYER_MARKERS, shifts, strict=False):
        for place, (name, normalized) in enumerate(METHODS):
            mean, error = summary.loc[(layer, name, normalized)]
            ax.errorbar(
                place + shift, mean, error, fmt=marker, color=plotting.COLORS[name], markersize=5,
                alpha=0.5 if normalized else 1, label=f"layer {layer}" if place == 0 else None,
            )  # fmt: skip
    names = [plotting.method_name(*method) for method in METHODS]
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    top = 1.25 * (summary["mean"] + summary["sem"]).max()
    ax.set(ylabel="mean deficit of Q", ylim=(0, top))
    legend = ax.legend(loc="upper left", fontsize=7, ncols=2)
    plt.setp(legend.legend_handles, color="0.3")


# ----------------------------------------------------------------------------------------- proofs


def reason_for_none(certificates: pd.DataFrame | None, convention: str) -> str:
    """Why there are no certificates for a page in this convention; empty if there are."""
    if certificates is None:
        return "these results hold no table of certificates"
    if convention != CERTIFIED_CONVENTION:
        return "certificates were made for absolute values inside the mean only"
    return ""


def certified_sample(certificates: pd.DataFrame, modules: pd.DataFrame) -> pd.DataFrame:
    """Join what was proven about matrices to what the searches found in them.

    Parameters
    ----------
    certificates, modules
        Rows of the tables of these names, the latter of the certified convention.

    Returns
    -------
    pandas.DataFrame
        Rows of modules with ``lower``, ``upper``, ``optimal``, ``seconds``, ``labels_proven``.
    """
    proven = {"labels": "labels_proven"}
    columns = [*MATRIX, "lower", "upper", "optimal", "seconds", *proven]
    sample = kept(certificates)[columns].rename(columns=proven)
    return sample.merge(modules, on=MATRIX, validate="one_to_one")


def stand_in_sample(modules: pd.DataFrame) -> pd.DataFrame:
    """Seed 0 of every setting, with the best found in place of what nobody has proven."""
    first = modules[modules["seed"] == 0]
    return first.assign(
        lower=first["q_best"], upper=np.nan, optimal=False, seconds=np.nan,
        labels_proven=first["labels_best"],
    )  # fmt: skip


def proofs(sample: pd.DataFrame) -> pd.DataFrame:
    """How much is proven, and about which search: of all matrices, and of kinds of them.

    Parameters
    ----------
    sample
        As :func:`certified_sample` returns it.

    Returns
    -------
    pandas.DataFrame
        Percentages of matrices, Q, and CPU seconds, the median and what nine in ten need;
        missing where there is no matrix.
    """
    is_trained = sample["regularizer"] != UNTRAINED
    groups = {"all": sample}
    groups |= {name: sample[sample["measure"] == m] for m, name in plotting.NAMES.items()}
    groups |= {f"layer {layer}": sample[sample["layer"] == layer] for layer in (1, 2)}
    groups |= {"trained": sample[is_trained], "untrained": sample[~is_trained]}
    return pd.DataFrame({name: _proof(group) for name, group in groups.items()}).T


def _proof(sample: pd.DataFrame) -> pd.Series:
    done = sample[sample["optimal"]]
    return pd.Series(
        {
            "matrices": len(sample),
            "proven (%)": 100 * sample["optimal"].mean(),
            "largest gap": (sample["upper"] - sample["lower"]).max(),
            "seconds": sample["seconds"].median(),
            "90 % within": sample["seconds"].quantile(0.9),
            "best found it (%)": 100 * (done["upper"] - done["q_best"] <= SAME).mean(),
            "paper found it (%)": 100 * (done["upper"] - done["q"] <= SAME).mean(),
            "its deficit": (done["upper"] - done["q"]).mean(),
        }
    )


def draw_times(sample: pd.DataFrame) -> Figure:
    """Draw which share of the matrices is proven within how much CPU time, and all that is not.

    Parameters
    ----------
    sample
        As :func:`certified_sample` returns it.
    """
    figure, ax = plt.subplots(figsize=(6.4, 2.7))
    for name, color in plotting.COLORS.items():
        here = sample[sample["measure"] == name]
        times = np.sort(here["seconds"].where(here["optimal"], np.inf))
        shares = 100 * np.arange(1, len(times) + 1) / max(len(times), 1)
        ax.step(times, shares, where="post", color=color, label=plotting.NAMES[name])
    ax.axvline(MINUTE, color="0.7", linewidth=0.8)
    ax.annotate("a minute", (MINUTE, 4), (3, 0), textcoords="offset points", color="0.4")
    ax.set(xscale="log", xlabel="CPU seconds", ylabel="proven (%)", ylim=(0, 103))
    ax.legend(loc="upper left", fontsize=7)
    return figure


# ------------------------------------------------------------------------------------------ peers


def against_peers(rows: pd.DataFrame) -> pd.DataFrame:
    """Our best search beside the best of other libraries, for each instance.

    Parameters
    ----------
    rows
        Of the table ``peers`` of the benchmarks: ``instance``, ``units``, ``links``, ``way``,
        ``q``, ``seconds``; our way is called ``best``.

    Returns
    -------
    pandas.DataFrame
        By instance: units, links, Q of ours and of the best of the others, by how much ours is
        above it, and CPU seconds of ours and of thirty runs of igraph's Leiden.
    """
    by_way = rows.pivot(index="instance", columns="way", values="q")
    seconds = rows.pivot(index="instance", columns="way", values="seconds")
    sizes = rows.drop_duplicates("instance").set_index("instance")[["units", "links"]]
    others = by_way.drop(columns=OURS).max(axis=1)
    return sizes.assign(
        **{
            "Q": by_way[OURS],
            "best of the others": others,
            "ours is above by": by_way[OURS] - others,
            "seconds": seconds[OURS],
            "Leiden's": seconds[LEIDEN],
        }
    )


# ---------------------------------------------------------------------------- the search in numbers


def quality_of_search(modules: pd.DataFrame) -> dict[str, float]:
    """Say how good the paper's search is: one definition for every page that speaks of it.

    Parameters
    ----------
    modules
        Rows of the table of modules, of kept networks, in one convention. Only those of trained
        networks count.

    Returns
    -------
    dict
        ``missed``: the share of matrices in which the best assignment known has a Q higher by more
        than :data:`SAME`; ``deficit``: the mean difference; and ``retest``: how far two searches
        of one matrix agree.
    """
    trained = modules.query(TRAINED)
    deficit = trained["q_best"] - trained["q"]
    return {
        "missed": float((deficit > SAME).mean()),
        "deficit": float(deficit.mean()),
        "retest": float(trained["retest"].mean()),
    }


# -------------------------------------------------------------------------------------- landscape


def draw_landscape(sample: pd.DataFrame, runs: pd.DataFrame, measure: str) -> Figure:
    """Draw the similarity of assignments to the best against their deficit of Q.

    Parameters
    ----------
    sample
        A row for each matrix: ``measure``, ``deficit``, ``alike``; on the left.
    runs
        A row for each search of one matrix: ``deficit`` and ``alike``; on the right.
    measure
        That of the one matrix.
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 2.9), sharey=True)
    for name, color in plotting.COLORS.items():
        here = sample[sample["measure"] == name]
        axes[0].plot(
            here["deficit"].clip(lower=SAME), here["alike"], ".", color=color, markersize=4,
            alpha=0.7, label=plotting.NAMES[name],
        )  # fmt: skip
    color = plotting.COLORS[measure]
    axes[1].plot(runs["deficit"].clip(lower=SAME), runs["alike"], ".", color=color, alpha=0.5)
    for ax in axes:
        ax.set(xscale="log", xlim=(0.6 * SAME, 0.1), ylim=(0, 1.03), xlabel="deficit of Q")
    axes[0].set_ylabel("similarity to the optimum")
    axes[0].legend(loc="lower left", fontsize=7)
    return figure


# -------------------------------------------------------------------------------------- agreement


def with_ceiling(agreement: pd.DataFrame, modules: pd.DataFrame) -> pd.DataFrame:
    """Agreements with their ``block``, and their ``ceiling``: the mean retest of both matrices.

    Parameters
    ----------
    agreement, modules
        Rows of the tables of these names, of one convention.
    """
    retest = modules.set_index(MATRIX)["retest"]
    ceilings = [
        retest.reindex(pd.MultiIndex.from_frame(agreement[["network", "layer", *method]]))
        for method in (PAIR[:2], PAIR[2:])
    ]
    return agreement.assign(
        block=list(map(block_of, agreement["measure_a"], agreement["measure_b"])),
        ceiling=np.mean([ceiling.to_numpy() for ceiling in ceilings], axis=0),
    )


def proven_agreement(proven: pd.DataFrame) -> pd.DataFrame:
    """Agreement of every two methods whose optimum is proven in the same layer.

    Parameters
    ----------
    proven
        Rows of matrices with ``labels_proven``.

    Returns
    -------
    pandas.DataFrame
        ``network``, ``layer``, those of :data:`~experiments.report.chapters.blocks.PAIR`, and
        ``element_proven``.
    """
    rows = []
    for (network, layer), found in proven.groupby(["network", "layer"]):
        labels = {Method(r.measure, r.normalized): r.labels_proven for r in found.itertuples()}
        methods = [method for method in METHODS if method in labels]
        values = pairwise_agreement([labels[method] for method in methods], ["element"])["element"]
        for value, pair in zip(values, combinations(methods, 2), strict=True):
            names = dict(zip(PAIR, sum(pair, ()), strict=True))
            rows.append({"network": network, "layer": layer, **names, "element_proven": value})
    return pd.DataFrame(rows, columns=["network", "layer", *PAIR, "element_proven"])


def draw_ceiling(agreement: pd.DataFrame, means: pd.DataFrame) -> Figure:
    """Draw what the best search changes in each pair of methods, and the means of blocks.

    Parameters
    ----------
    agreement
        As :func:`with_ceiling` returns it.
    means
        Means of :data:`VALUES` by block.
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 2.7), gridspec_kw={"width_ratios": [1, 1.1]})
    _draw_changes(axes[0], agreement)
    _draw_means(axes[1], means)
    legend = axes[1].get_legend_handles_labels()
    figure.legend(*legend, loc="outside upper right", fontsize=7, ncols=3)
    return figure


def _draw_changes(ax: Axes, agreement: pd.DataFrame) -> None:
    agreement = agreement.assign(change=agreement["element_best"] - agreement["element"])
    each = agreement.groupby(["block", *PAIR, "network"])[["element", "change"]].mean()
    pairs = each.groupby(["block", *PAIR]).agg(["mean", "sem"])
    ax.axhline(0, color="0.7", linewidth=0.8)
    for block, color in _COLORS.items():
        here = pairs.loc[block]
        ax.errorbar(
            here["element", "mean"], here["change", "mean"], here["change", "sem"], fmt="o",
            color=color, markersize=4, linewidth=1,
        )  # fmt: skip
    reach = max(0.1, 1.2 * pairs["change", "mean"].abs().max())
    ax.set(xlabel="agreement, the paper's search", ylabel="change with the best search")
    ax.set_ylim(-reach, reach)


def _draw_means(ax: Axes, means: pd.DataFrame) -> None:
    for place, (block, color) in enumerate(_COLORS.items()):
        for column, marker in (("ceiling", "|"), ("element", "o"), ("element_best", "D")):
            ax.plot(
                means.loc[block, column], place, marker, color=color, linestyle="none",
                label=VALUES[column] if place == 0 else None,
                markersize=14 if marker == "|" else 5,
                markerfacecolor="none" if marker == "D" else color,
            )  # fmt: skip
    ax.set_yticks(range(len(BLOCKS)), BLOCKS)
    for label, color in zip(ax.get_yticklabels(), _COLORS.values(), strict=True):
        label.set_color(color)
    ax.set(xlabel="agreement", xlim=(0, 1), ylim=(len(BLOCKS) - 0.5, -0.5))


def draw_agreements(matrices: Mapping[str, np.ndarray]) -> Figure:
    """Draw agreements with assignments of rising quality, and the change from first to last.

    Parameters
    ----------
    matrices
        By name, agreements ``[methods, methods]``, two or three; the first are the paper's.
    """
    figure, axes = plt.subplots(2, 2, figsize=(6.4, 6.3), sharex=True, sharey=True)
    for ax, (name, matrix) in zip(axes.flat, matrices.items(), strict=False):
        draw_agreement(ax, matrix, name)
    first, *_, (last, final) = matrices.items()
    draw_change(axes[1, 1], final - first[1], f"{last} minus {first[0]}")
    if len(matrices) < 3:
        axes[1, 0].set_axis_off()
        middle = (len(METHODS) - 1) / 2
        axes[1, 0].text(middle, middle, "nothing is proven", ha="center", va="center")
    for ax in axes[1]:
        name_upright(ax)
    return figure


def margin(means: pd.Series) -> float:
    """By how much methods of one side agree better than those of two, from means by block."""
    within = (means["within upstream"] + means["within downstream"]) / 2
    return float(within - means["between the two"])
