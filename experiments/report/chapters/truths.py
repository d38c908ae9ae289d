"""Modules beside the truth: figures and tables of what the measures find of what is there."""

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from math import ceil, sqrt
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.crossed import SEARCHED
from experiments.pairs import N_HEADS, SOURCES
from experiments.planted import planted_labels
from experiments.report.chapters.crossed import TRUTH_COLORS
from experiments.report.crossed import METHOD, NETWORK, Crossed
from experiments.report.figures import CATEGORY_COLORS, CONVENTION_NAMES, REGULARIZER_TITLES
from experiments.report.worth import SEEDS
from experiments.truth import TRUTHS
from modlib import plotting
from modlib.models import MLP
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import MEASURES, SIDES, UPSTREAM

FOUND, NOTHING = 0.5, 0.1
"""Recoveries above the one are called found in figures, below the other none: as in the rules."""
KINDS = [f"{source} → {head + 1}" for source, head in product(SOURCES, range(N_HEADS))]
"""The four kinds of unit of a planted first layer, in their order."""
_UNUSED, _EMPTY = "0.85", "white"
_MARKERS = {"source": "o", "head": "s"}
_REGULARIZERS = ("l2", "l1", "dropout")

# ------------------------------------------------------------------------------------- the rows


def decided(results: Crossed) -> pd.DataFrame:
    """Return the scores on which verdicts rest, with a row for each search.

    Returns
    -------
    pandas.DataFrame
        The rows of the table ``crossed`` of networks that learnt enough, but for the seed that
        trials saw, in all layers; ``search`` is ``"paper"`` or ``"best"``, and in the rows of
        the latter, columns are those of the best assignment.
    """
    networks = results.networks[results.networks["kept"]]
    networks = networks[networks["seed"].isin(SEEDS)]
    scores = results.scores.merge(networks[NETWORK], on=NETWORK)
    ends = {"paper": "", "best": "_best"}
    others = [name for name in scores if name.removesuffix("_best") not in SEARCHED]
    found = [
        scores[[*others, *(f"{name}{end}" for name in SEARCHED)]]
        .set_axis([*others, *SEARCHED], axis="columns")
        .assign(search=search)
        for search, end in ends.items()
    ]
    return pd.concat(found, ignore_index=True)


def by_measure(scores: pd.DataFrame, *others: str) -> pd.Series:
    """Average recovery within each network over methods of a measure, then over networks.

    Parameters
    ----------
    scores
        As :func:`decided` returns them.
    others
        Columns that are kept apart, beside ``convention``, ``measure`` and ``truth``.
    """
    apart = [*others, "convention", "measure", "truth"]
    own = scores.groupby([*NETWORK, *(name for name in apart if name not in NETWORK)])
    return own["recovery"].mean().groupby(apart).mean()


def best_of_truths(scores: pd.DataFrame) -> pd.DataFrame:
    """Give each assignment a row, with ``source`` and ``head``, its recoveries, and ``found``.

    ``found`` is the larger of the two. What has no recovery is left out.
    """
    names = [*NETWORK, "layer", *METHOD, "convention", "search", "q"]
    wide = scores.pivot(index=names, columns="truth", values="recovery")[list(TRUTHS)]
    return wide.assign(found=wide.max(axis=1)).dropna(subset=["found"]).reset_index()


def told_alike(units: pd.DataFrame) -> pd.DataFrame:
    """Return the share of units whose side by intervention is the planted one.

    Parameters
    ----------
    units
        Rows of the table ``crossed_units`` of planted networks. Units without a side are left out.

    Returns
    -------
    pandas.DataFrame
        By leak (rows) and by layer and truth (columns).
    """
    found: dict[tuple[int, str], dict[float, float]] = {}
    for (leak, layer), group in units.groupby(["leak", "layer"]):
        for truth in TRUTHS:
            known = group[(group[truth] >= 0) & group[f"{truth}_planted"].notna()]
            if len(known):
                alike = known[truth] == known[f"{truth}_planted"]
                found.setdefault((layer, truth), {})[leak] = alike.mean()
    return pd.DataFrame(found).rename_axis(index="leak", columns=["layer", "truth"])


def purity(labels: np.ndarray, sides: np.ndarray) -> float:
    """Return the share of units whose side is that of most units of their module.

    Parameters
    ----------
    labels, sides
        Shape ``[units]``: modules, from -1 on, and 0 or 1.
    """
    counts = np.zeros((labels.max() + 2, 2))
    np.add.at(counts, (labels + 1, sides), 1)
    return float(counts.max(axis=1).sum() / len(labels))


def with_purity(
    scores: pd.DataFrame, units: pd.DataFrame, n_shuffles: int = 20, seed: int = 0
) -> pd.DataFrame:
    """Add ``purity``, and ``by_chance``, its mean where the sides are shuffled among the units.

    Parameters
    ----------
    scores
        Rows of the table ``crossed``, with truths by intervention.
    units
        Rows of the table ``crossed_units`` of their networks. Units without a side are left out.
    n_shuffles, seed
        How many there are, and what draws them.
    """
    random = np.random.default_rng(seed)
    told = units.sort_values("unit").groupby([*NETWORK, "layer"])[list(TRUTHS)].agg(list)
    found = []
    for row in scores.to_dict("records"):
        place = tuple(row[name] for name in (*NETWORK, "layer"))
        sides, labels = np.array(told.loc[place, row["truth"]]), np.asarray(row["labels"])
        known = sides >= 0
        sides, labels = sides[known], labels[known]
        drawn = [purity(labels, random.permutation(sides)) for _ in range(n_shuffles)]
        found.append({"purity": purity(labels, sides), "by_chance": np.mean(drawn)})
    return scores.join(pd.DataFrame(found, index=scores.index))


def scores_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Average both indices of agreement with a truth over networks.

    Parameters
    ----------
    scores
        As :func:`decided` returns them, of networks of one kind and with one witness.

    Returns
    -------
    pandas.DataFrame
        Adjusted Rand index and element-centric similarity by convention and search (columns), and
        by layer, truth and method (rows).
    """
    indices = {"adjusted_rand": "adj. Rand", "element": "element"}
    named = scores.assign(
        method=[
            plotting.method_name(*method)
            for method in zip(*(scores[n] for n in METHOD), strict=True)
        ],
        convention=scores["convention"].map(CONVENTION_NAMES),
    ).rename(columns=indices)
    means = (
        named.groupby(["layer", "truth", "method", "convention", "search"])[list(indices.values())]
        .mean()
        .unstack(["convention", "search"])
    )
    means = means.reorder_levels(["convention", "search", None], axis="columns")
    columns = [
        column
        for column in product(CONVENTION_NAMES.values(), ("paper", "best"), indices.values())
        if column in means.columns
    ]
    rows = [
        row
        for row in product(sorted(scores["layer"].unique()), TRUTHS, plotting.METHOD_NAMES)
        if row in means.index
    ]
    return means.loc[rows, columns].rename_axis(columns=["", "", ""])


# ------------------------------------------------------------------------------------ the masks


def draw_masks(model: MLP) -> Figure:
    """Draw the sizes of all weights of a planted network, with lines between kinds of unit."""
    planted_labels(model.widths)  # refuses widths that are none of a planted network
    kinds = [SOURCES, KINDS, ["1", "2"], ["head 1", "head 2"]]
    figure, axes = plt.subplots(
        1, len(model.linears), figsize=(6.4, 2.6), width_ratios=[2.2, 1.2, 1.0]
    )
    names = ["pixels", "first layer", "second layer", "logits"]
    for number, (ax, linear) in enumerate(zip(axes, model.linears, strict=True)):
        weights = linear.weight.detach().abs().numpy()
        top = np.percentile(weights, 99)
        ax.imshow(weights, cmap="gray_r", vmin=0, vmax=top, aspect="auto", interpolation="none")
        sizes = weights.shape[::-1]
        for axis, size, place in zip(
            (ax.xaxis, ax.yaxis), sizes, (number, number + 1), strict=True
        ):
            middles, borders = _shares(size, len(kinds[place]))
            axis.set_ticks(middles, kinds[place], fontsize=7.5)
            axis.set_tick_params(length=0)
            line = ax.axvline if axis is ax.xaxis else ax.axhline
            for border in borders:
                line(border, color="0.5", linewidth=1.2)
        ax.set_xlabel(names[number])
        ax.set_title(f"into the {names[number + 1]}")
        ax.tick_params(axis="x", rotation=40 if number == 1 else 0)
        ax.spines[:].set_visible(False)
    return figure


def _shares(size: int, n_kinds: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the middle of each kind is on an axis of units, and the borders between them."""
    edges = np.arange(n_kinds + 1) * size / n_kinds - 0.5
    return (edges[:-1] + edges[1:]) / 2, edges[1:-1]


# ----------------------------------------------------------------------------------- the square


def draw_square(scores: pd.DataFrame, units: pd.DataFrame) -> Figure:
    """Draw the units of one planted layer in the square of their truths, coloured by module.

    Parameters
    ----------
    scores
        Rows of the table ``crossed`` of one network, layer, witness and convention, by raw
        similarities. A panel for each measure; below it stands what is found, that is, recovered
        by more than :data:`FOUND`, and both recoveries.
    units
        Rows of the table ``crossed_units`` of that network and layer.
    """
    sides = units.sort_values("unit")[[f"{truth}_planted" for truth in TRUTHS]]
    sides = sides.to_numpy().astype(int)
    figure, axes = plt.subplots(1, len(MEASURES), figsize=(6.4, 2.6), sharey=True)
    for ax, measure in zip(axes, MEASURES, strict=True):
        found = scores[scores["measure"] == measure].set_index("truth")
        _draw_square(ax, square(np.asarray(found["labels"].iloc[0]), sides))
        _tell_recoveries(ax, found["recovery"])
        ax.set_title(plotting.TITLES[measure], pad=12)
    return figure


def square(labels: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Lay units out by their truths, and within each quarter by module.

    Parameters
    ----------
    labels, sides
        Shapes ``[units]`` and ``[units, 2]``: source, then head.

    Returns
    -------
    numpy.ndarray
        The labels of the units in a square: A on the left and B on the right, head 1 above and
        head 2 below; -2 where there is no unit.
    """
    quarters = {kind: np.sort(labels[(sides == kind).all(axis=1)]) for kind in _KINDS_OF_TWO}
    width = ceil(sqrt(max(len(found) for found in quarters.values())))
    image = np.full((2 * width, 2 * width), -2)
    for (source, head), found in quarters.items():
        flat = np.full(width**2, -2)
        flat[: len(found)] = found
        rows, columns = (slice(width * side, width * (side + 1)) for side in (head, source))
        image[rows, columns] = flat.reshape(width, width)
    return image


_KINDS_OF_TWO = tuple(product(range(2), range(2)))


def _draw_square(ax: Axes, image: np.ndarray) -> None:
    colors = [_EMPTY, _UNUSED, *CATEGORY_COLORS]
    shown = np.where(image < 0, image, image % len(CATEGORY_COLORS)) + 2
    ax.imshow(
        shown, cmap=ListedColormap(colors), vmin=-0.5, vmax=len(colors) - 0.5,
        interpolation="none",
    )  # fmt: skip
    width = len(image)
    for place in range(1, width):
        linewidth = 3.0 if 2 * place == width else 0.8
        ax.axhline(place - 0.5, color="white", linewidth=linewidth)
        ax.axvline(place - 0.5, color="white", linewidth=linewidth)
    middles, _ = _shares(width, 2)
    ax.set_xticks(middles, [f"sees {source}" for source in SOURCES])
    ax.set_yticks(middles, [f"head {head + 1}" for head in range(N_HEADS)])
    ax.tick_params(length=0, labelsize=8, pad=1)
    ax.xaxis.tick_top()
    ax.spines[:].set_visible(False)


def _tell_recoveries(ax: Axes, recoveries: pd.Series) -> None:
    found = [truth for truth in TRUTHS if recoveries[truth] > FOUND]
    lines = [(f"finds {_all_of(found)}", _color_of(found), "bold")]
    for truth in TRUTHS:
        value = round(recoveries[truth], 2) + 0.0  # no negative zero
        told = f"{truth} {value:.2f}".replace("-", "\u2212")
        lines.append((told, _color_of({truth} & set(found)), "normal"))
    for place, (told, color, weight) in enumerate(lines):
        ax.text(
            0.5, -0.05 - 0.14 * place, told, ha="center", va="top", transform=ax.transAxes,
            fontsize=8, color=color, weight=weight,
        )  # fmt: skip


def _all_of(truths: Sequence[str]) -> str:
    """Say in words which of the two truths these are."""
    return "both" if len(truths) > 1 else f"the {truths[0]}" if truths else "neither"


def _color_of(truths: Collection[str]) -> str:
    """Return the colour of a truth that stands alone, and grey otherwise."""
    return TRUTH_COLORS[next(iter(truths))] if len(truths) == 1 else "0.4"


# ------------------------------------------------------------------------------------ the leak


def draw_leaks(scores: pd.DataFrame) -> Figure:
    """Draw the recovery of both truths against the leak of the masks, by measure.

    Parameters
    ----------
    scores
        Rows of one search, layer, witness and convention, of planted networks. Solid lines are
        raw, dashed ones normalised methods; shades are standard errors over networks. Above the
        curves stands what raw similarities find without leak.
    """
    leaks = sorted(scores["leak"].unique())
    figure, axes = plt.subplots(1, len(MEASURES), figsize=(6.4, 2.5), sharex=True, sharey=True)
    for ax, measure in zip(axes, MEASURES, strict=True):
        ax.axhline(0, color="0.5", linewidth=0.8)
        here = scores[scores["measure"] == measure]
        for truth, normalized in product(TRUTHS, (False, True)):
            own = here[(here["truth"] == truth) & (here["normalized"] == normalized)]
            _draw_leak(ax, own, leaks, TRUTH_COLORS[truth], "--" if normalized else "-")
        _name_what_is_found(ax, here[here["leak"] == leaks[0]])
        ax.set_title(plotting.TITLES[measure])
        ax.set_xticks(range(len(leaks)), [f"{leak:g}".lstrip("0") or "0" for leak in leaks])
        ax.tick_params(axis="x", labelsize=7)
        ax.set_xlabel("leak")
    axes[0].set_ylabel("recovery")
    axes[0].set_ylim(-0.15, 1.2)
    lines = [Line2D([], [], color=TRUTH_COLORS[truth], label=truth) for truth in TRUTHS]
    lines += [
        Line2D([], [], color="0.3", label="raw"),
        Line2D([], [], color="0.3", linestyle="--", label="normalised"),
    ]
    figure.legend(handles=lines, loc="outside upper center", ncols=len(lines))
    return figure


def _draw_leak(
    ax: Axes, scores: pd.DataFrame, leaks: list[float], color: str, linestyle: str
) -> None:
    """A line through the mean recoveries of one truth by one method, with standard errors."""
    own = scores.groupby("leak")["recovery"]
    mean, error = own.mean()[leaks], own.sem()[leaks].fillna(0.0)
    places = range(len(leaks))
    ax.plot(places, mean, marker=".", color=color, linestyle=linestyle)
    ax.fill_between(places, mean - error, mean + error, color=color, alpha=0.2, linewidth=0)


def _name_what_is_found(ax: Axes, scores: pd.DataFrame) -> None:
    """Say which truths raw similarities find, above the curves."""
    raw = scores[~scores["normalized"]].groupby("truth")["recovery"].mean()
    found = [truth for truth in TRUTHS if raw[truth] > FOUND]
    height = 1.06 if found else 0.12
    ax.text(0, height, f"finds {_all_of(found)}", color=_color_of(found), fontsize=8, va="bottom")


# ---------------------------------------------------------------------------- emergent networks


def draw_emergent(scores: pd.DataFrame) -> Figure:
    """Draw what each side recovers in emergent networks, by task, layer and regulariser.

    Parameters
    ----------
    scores
        Rows of one search and witness, of emergent networks. Full markers are as printed, open
        ones as released; thin lines are standard errors over networks. Above them stands which
        truths have a mean recovery above :data:`NOTHING`, over regularisers and conventions.
    """
    layers, tasks = sorted(scores["layer"].unique()), ("crossed", "parallel")
    kinds = [name for name in _REGULARIZERS if name in set(scores["regularizer"])]
    figure, axes = plt.subplots(
        len(layers), len(tasks), figsize=(6.4, 4.6), sharex=True, sharey=True, squeeze=False
    )
    side = np.where(scores["measure"].isin(UPSTREAM), *SIDES)
    own = [*NETWORK, "layer", "convention", "side", "truth"]
    networks = scores.assign(side=side).groupby(own)["recovery"].mean().reset_index()
    for (row, layer), (column, task) in product(enumerate(layers), enumerate(tasks)):
        ax = axes[row, column]
        ax.axhline(0, color="0.5", linewidth=0.8, zorder=0)
        ax.axvline(len(kinds) - 0.5, color="0.85", linewidth=0.8, zorder=0)
        here = networks[(networks["layer"] == layer) & (networks["task"] == task)]
        _draw_emergent(ax, here, kinds)
        ax.set_title(f"{task} tasks, layer {layer}")
        for place, name in enumerate(SIDES):
            of_truths = here[here["side"] == name].groupby("truth")["recovery"].mean()
            seen = [truth for truth in TRUTHS if of_truths.get(truth, 0.0) > NOTHING]
            told = f"see some of {_all_of(seen)}" if seen else "see neither"
            style: dict[str, Any] = {
                "transform": ax.transAxes,
                "ha": "center",
                "va": "top",
                "fontsize": 8,
            }
            middle = (place + 0.5) / len(SIDES)
            ax.text(middle, 0.98, f"{name} methods", color="0.4", **style)
            ax.text(middle, 0.88, told, color=_color_of(seen), **style)
    axes[0, 0].set_ylim(-0.15, 1.4)
    axes[0, 0].set_yticks([0, 0.5, 1])
    for ax in axes[:, 0]:
        ax.set_ylabel("recovery")
    names = [REGULARIZER_TITLES[kind].removesuffix(" penalty") for kind in kinds]
    for ax in axes[-1]:
        ax.set_xticks(range(len(SIDES) * len(kinds)), names * len(SIDES), rotation=35, ha="right",
                      rotation_mode="anchor")  # fmt: skip
    figure.legend(handles=_emergent_legend(), loc="outside upper center", ncols=4)
    return figure


def _draw_emergent(ax: Axes, networks: pd.DataFrame, kinds: list[str]) -> None:
    places = product(enumerate(SIDES), enumerate(kinds), enumerate(TRUTHS), enumerate(CONVENTIONS))
    for (block, side), (number, kind), (pair, truth), (end, convention) in places:
        chosen = (networks["side"] == side) & (networks["regularizer"] == kind)
        chosen &= (networks["truth"] == truth) & (networks["convention"] == convention)
        values = networks.loc[chosen, "recovery"].dropna()
        if not len(values):
            continue
        x = block * len(kinds) + number + 0.36 * (pair - 0.5) + 0.16 * (end - 0.5)
        color = TRUTH_COLORS[truth]
        error = values.sem() if len(values) > 1 else 0.0
        ax.errorbar(
            x, values.mean(), error, fmt=_MARKERS[truth], color=color, markersize=4.5,
            markerfacecolor="white" if convention == "released" else color, linewidth=1.0,
        )  # fmt: skip


def _emergent_legend() -> list[Line2D]:
    truths = [
        Line2D([], [], color=TRUTH_COLORS[truth], marker=_MARKERS[truth], linestyle="", label=truth)
        for truth in TRUTHS
    ]
    return truths + [
        Line2D([], [], color="0.3", marker="o", linestyle="", label=CONVENTION_NAMES[name],
               markerfacecolor="white" if name == "released" else "0.3")
        for name in CONVENTIONS
    ]  # fmt: skip


# ------------------------------------------------------------------------------------ Q and truth


def oddest(found: pd.DataFrame, low: float = 0.05, high: float = FOUND) -> pd.DataFrame:
    """Pick the highest Q without truth, and the lowest Q with it, in each convention.

    Parameters
    ----------
    found
        As :func:`best_of_truths` returns it.
    low, high
        Without truth is what recovers no more of either than the one; with it, what recovers
        that much of one or more than the other.

    Returns
    -------
    pandas.DataFrame
        Rows of these, with ``case``, ``"high Q, no truth"`` or ``"truth, low Q"``.
    """
    picked = []
    for _, group in found.groupby("convention"):
        without, with_it = group[group["found"] <= low], group[group["found"] >= high]
        if len(without):
            row = without.loc[without["q"].idxmax()]
            picked.append(row.to_dict() | {"case": "high Q, no truth"})
        if len(with_it):
            row = with_it.loc[with_it["q"].idxmin()]
            picked.append(row.to_dict() | {"case": "truth, low Q"})
    return pd.DataFrame(picked, columns=[*found.columns, "case"])


def draw_q_and_truth(
    found: pd.DataFrame, cases: pd.DataFrame, told: Mapping[str, str] | None = None
) -> Figure:
    """Draw the truth that assignments find against their modularity, a panel for each convention.

    Parameters
    ----------
    found
        As :func:`best_of_truths` returns it.
    cases
        Assignments to name, as :func:`oddest` returns them.
    told
        What to write into the panel of each convention, such as a correlation.
    """
    figure, axes = plt.subplots(1, len(CONVENTIONS), figsize=(6.4, 3.3), sharex=True, sharey=True)
    for ax, convention in zip(axes, CONVENTIONS, strict=True):
        here = found[found["convention"] == convention]
        ax.axhline(0, color="0.5", linewidth=0.8, zorder=0)
        for measure in MEASURES:
            own = here[here["measure"] == measure]
            for normalized, fill in ((False, plotting.COLORS[measure]), (True, "none")):
                dots = own[own["normalized"] == normalized]
                ax.plot(
                    dots["q"], dots["found"], "o", color=plotting.COLORS[measure], markersize=3.5,
                    markerfacecolor=fill, markeredgewidth=0.7, alpha=0.7,
                )  # fmt: skip
        for case in cases[cases["convention"] == convention].to_dict("records"):
            _name_case(ax, case)
        ax.set_title(CONVENTION_NAMES[convention] + (f": {told[convention]}" if told else ""))
        ax.set_xlabel("modularity Q")
    axes[0].set_ylabel("truth found")
    axes[0].set_ylim(-0.2, 1.15)
    handles = [
        Line2D([], [], marker="o", linestyle="", color=plotting.COLORS[measure],
               label=plotting.NAMES[measure], markersize=4)
        for measure in MEASURES
    ]  # fmt: skip
    handles += [
        Line2D([], [], marker="o", linestyle="", color="0.3", label="normalised", markersize=4,
               markerfacecolor="none")
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles),
                  handletextpad=0.1, columnspacing=1.0)  # fmt: skip
    return figure


def _name_case(ax: Axes, case: Mapping[str, Any]) -> None:
    is_low = case["case"].startswith("high")
    ax.plot(case["q"], case["found"], "o", color="black", markersize=7, markerfacecolor="none")
    ax.annotate(
        case["case"], (case["q"], case["found"]), (case["q"], -0.15 if is_low else 1.09),
        fontsize=8, ha="right" if is_low else "center", va="center",
        arrowprops={"arrowstyle": "-", "linewidth": 0.6, "relpos": (0.9 if is_low else 0.5, 0.5)},
    )  # fmt: skip


def cases_table(cases: pd.DataFrame) -> pd.DataFrame:
    """List named assignments with their network, method and numbers."""
    return pd.DataFrame(
        {
            "convention": cases["convention"].map(CONVENTION_NAMES),
            "case": cases["case"],
            "network": [
                f"{row['task']}, {REGULARIZER_TITLES[row['regularizer']]}, seed {row['seed']}"
                for row in cases.to_dict("records")
            ],
            "method": [
                plotting.method_name(row["measure"], row["normalized"])
                for row in cases.to_dict("records")
            ],
            "Q": cases["q"],
            "source": cases["source"],
            "head": cases["head"],
        }
    )
