"""Figures of networks of other kinds: one run by itself, and the verdicts on all of them."""

from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.architectures import ARCHITECTURES, PARTS
from experiments.datasets import DATASETS
from experiments.report.chapters.ledger import SIGNS, in_reading, rule_link, scrollable
from experiments.report.claims import Part
from experiments.report.elsewhere import ELSEWHERE
from experiments.report.figures import REGULARIZER_TITLES
from modlib import plotting
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS

FAMILIES = {
    "within_upstream": ("upstream", plotting.COLORS["covariance"]),
    "within_downstream": ("downstream", plotting.COLORS["loss_hessian"]),
    "between": ("across", "0.5"),
}
"""Name and colour of each mean of agreement."""
KINDS = {
    "gelu": "GELU, 2 layers of 64", "residual": "residual blocks", "convolutional": "convolutions",
    "recurrent": "recurrent", "transformer": "transformer",
}  # fmt: skip
PART_NAMES = {"hidden": "", "joint": ", jointly", "stream": ", stream"}
DATASET_NAMES = {"mnist": "MNIST", "mnist1d": "MNIST-1D"}
"""Words for kinds of networks, parts of them, and data."""
MET, UNMET = "#009E73", "0.45"
"""Colours of intervals that lie where they must, and of others."""
RULED = {
    "elsewhere-1": ("a", "dropout\nraises $Q$ by"),
    "elsewhere-2": ("a", "agreement within\nminus between"),
    "elsewhere-3": ("a", "excess of covariance,\nweak L2"),
    "elsewhere-4": ("a", "excess of input\nsensitivity, dropout"),
    "elsewhere-5": ("b", "specificity, upstream\nminus downstream"),
}
"""The part of each question that is drawn, and the title of its panel."""
BRIEFLY = {
    "elsewhere-1": "dropout raises Q", "elsewhere-2": "the sides differ",
    "elsewhere-3": "as its rotations", "elsewhere-4": "units are special",
    "elsewhere-5": "upstream specific",
}  # fmt: skip
"""Heads of columns."""


def draw_modularity(scores: pd.DataFrame) -> Figure:
    """Draw the modularity of every place, and the mean of its rotations.

    Parameters
    ----------
    scores
        Rows of the table ``elsewhere``, of one or more networks of one kind; a panel for each place
        and convention.
    """
    places = _places(scores)
    figure, axes = plt.subplots(
        len(places), len(CONVENTIONS), figsize=(6.4, 1.2 + 1.4 * len(places)),
        sharex=True, sharey=True, squeeze=False,
    )  # fmt: skip
    for row, place in zip(axes, places, strict=True):
        for ax, convention in zip(row, CONVENTIONS, strict=True):
            _draw_methods(ax, _at(scores, place, convention))
            ax.set_title(f"{place[0]} {place[1]}, {convention}")
        row[0].set_ylabel("modularity Q")
    for ax in axes[-1]:
        ax.set_xticks(
            range(len(METHODS)), plotting.METHOD_NAMES, rotation=45, ha="right",
            rotation_mode="anchor",
        )  # fmt: skip
    return figure


def _draw_methods(ax: Axes, scores: pd.DataFrame) -> None:
    """A bar for each method, a dot for each network, and a line where rotations lie."""
    for place, method in enumerate(METHODS):
        measure, normalized = method
        mine = scores[(scores["measure"] == measure) & (scores["normalized"] == normalized)]
        color = plotting.COLORS[measure]
        ax.bar(place, mine["q"].mean(), color=color, alpha=0.4 if normalized else 0.9)
        ax.plot(np.full(len(mine), place), mine["q"], ".", color="black", markersize=3)
        chance = mine["null_mean"].astype(float).mean()
        ax.hlines(chance, place - 0.4, place + 0.4, color="black", linewidth=1.2)


def draw_families(layers: pd.DataFrame) -> Figure:
    """Draw the mean agreement within and between the sides, a panel for each convention.

    Parameters
    ----------
    layers
        Rows of the table ``elsewhere_layers``, of one or more networks of one kind.
    """
    places = _places(layers)
    figure, axes = plt.subplots(1, len(CONVENTIONS), figsize=(6.4, 2.4), sharey=True)
    width = 0.8 / len(FAMILIES)
    for ax, convention in zip(axes, CONVENTIONS, strict=True):
        for number, (column, (name, color)) in enumerate(FAMILIES.items()):
            x = np.arange(len(places)) + (number - 1) * width
            found = [_at(layers, place, convention)[column] for place in places]
            ax.bar(x, [values.mean() for values in found], width, color=color, label=name)
            for at, values in zip(x, found, strict=True):
                ax.plot(np.full(len(values), at), values, ".", color="black", markersize=3)
        ax.set_xticks(range(len(places)), [f"{part} {number}" for part, number in places])
        ax.set(title=convention, ylim=(0, 1))
    axes[0].set_ylabel("agreement")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def draw_verdicts(
    parts: pd.DataFrame, convention: str = "printed", search: str = "paper"
) -> Figure:
    """Draw one interval for each kind of network and question, and where it must lie.

    Parameters
    ----------
    parts
        Rows of :func:`experiments.report.elsewhere.judge_elsewhere`.
    convention, search
        The reading to draw.
    """
    chosen = parts[(parts["convention"] == convention) & (parts["search"] == search)]
    names = _cases(chosen)
    figure, axes = plt.subplots(
        1, len(RULED), figsize=(7.2, 1.4 + 0.2 * len(names)), sharey=True, squeeze=False
    )
    for ax, (claim, (letter, title)) in zip(axes[0], RULED.items(), strict=True):
        mine = chosen[(chosen["claim"] == claim) & (chosen["part"] == letter)].set_index("where")
        _draw_intervals(ax, mine.reindex(names), ELSEWHERE[claim].parts[ord(letter) - ord("a")])
        tested = mine["effect"].notna()
        count = f"{int(mine.loc[tested, 'met'].sum())} of {int(tested.sum())}"
        ax.set_title(f"{title}\n{count}", fontsize=7)
    axes[0, 0].set_yticks(range(len(names)), list(names.values()), fontsize=7)
    axes[0, 0].invert_yaxis()
    return figure


def _draw_intervals(ax: Axes, rows: pd.DataFrame, part: Part) -> None:
    """A line for each row; the place where it must lie is shaded. Rows not tested are left out."""
    low, high = rows["low"].astype(float), rows["high"].astype(float)
    for y, (effect, one, other, met) in enumerate(
        zip(rows["effect"].astype(float), low, high, rows["met"], strict=True)
    ):
        if np.isfinite(effect):
            color = MET if met else UNMET
            ax.plot([one, other], [y, y], color=color, linewidth=1.6, solid_capstyle="butt")
            ax.plot(effect, y, "o", color=color, markersize=3.5)
    ax.axvline(0.0, color="black", linewidth=0.6)
    left, right = ax.get_xlim()
    ax.axvspan(max(part.above, left), min(part.below, right), color=MET, alpha=0.1, linewidth=0)
    ax.set_xlim(left, right)
    ax.tick_params(axis="x", labelsize=7)


def verdicts_html(ledger: pd.DataFrame, convention: str = "printed", search: str = "paper") -> str:
    """Write the verdict on every question for every kind of network, a row for each.

    Parameters
    ----------
    ledger
        As :func:`experiments.report.elsewhere.elsewhere_ledger` returns it.
    convention, search
        The reading to show.
    """
    own = in_reading(ledger, convention, search)
    names = _cases(own)
    columns: dict[str, list[str]] = {"kind of network": [escape(each) for each in names.values()]}
    for name in ELSEWHERE:
        verdicts = own[own["claim"] == name].set_index("where")["verdict"]
        if len(verdicts):
            columns[rule_link(name, BRIEFLY[name])] = [
                f"{SIGNS[verdicts[case]]}&nbsp;{verdicts[case]}" for case in names
            ]
    return scrollable(pd.DataFrame(columns), escape=False, classes="verdicts")


def generality_html(general: pd.DataFrame) -> str:
    """Write in how many places each question is answered yes, a row for each question and reading.

    Parameters
    ----------
    general
        As :func:`experiments.report.elsewhere.generality` returns it.
    """
    columns = {
        "question": [rule_link(name, ELSEWHERE[name].title) for name in general["claim"]],
        "convention": general["convention"],
        "search": general["search"],
        **{name: general[name] for name in ("holds", "partly", "not")},
        "verdict": general["verdict"],
    }
    return scrollable(pd.DataFrame(columns), escape=False, classes="verdicts")


def networks_html(networks: pd.DataFrame) -> str:
    """Write how many networks of each kind are kept, and how well those of a kind do.

    Parameters
    ----------
    networks
        Rows of the table ``elsewhere_networks``.
    """
    rows = {}
    for (data, kind), mine in networks.groupby(["dataset", "architecture"], sort=False):
        cells = {"weights": f"{mine['n_weights'].iloc[0]:,}"}
        for name, own in mine.groupby("regularizer", sort=False):
            title = REGULARIZER_TITLES[name]
            cells[f"{title}: kept"] = f"{int(own['kept'].sum())} of {len(own)}"
            cells[f"{title}: test accuracy"] = f"{own['test_accuracy'].mean():.1%}"
        rows[DATASETS.index(data), tuple(ARCHITECTURES).index(kind)] = {
            "kind of network": network_words(data, kind, "hidden")
        } | cells
    return scrollable(pd.DataFrame([rows[place] for place in sorted(rows)]), classes="verdicts")


def network_words(dataset: str, architecture: str, part: str) -> str:
    """Name what is looked at in words, such as ``"2 layers of 64, jointly (MNIST)"``."""
    kind, *widths = architecture.split("-")
    if widths:
        layers = "layer" if len(widths) == 1 else "layers"
        kind = f"{len(widths)} {layers} of {widths[0]}"
    return f"{KINDS.get(kind, kind)}{PART_NAMES[part]} ({DATASET_NAMES.get(dataset, dataset)})"


def _cases(rows: pd.DataFrame) -> dict[str, str]:
    """The cases with their words: by data, then by kind, the paper's networks among the first."""
    orders = {"dataset": DATASETS, "architecture": tuple(ARCHITECTURES), "part_of_network": PARTS}
    named = rows.drop_duplicates("where").set_index("where")[list(orders)]
    by = named.apply(lambda names: names.map(orders[names.name].index))
    named = named.loc[by.sort_values(list(orders)).index]
    return {where: network_words(*row) for where, *row in named.itertuples()}


def _places(frame: pd.DataFrame) -> Sequence[tuple[str, int]]:
    """Parts and numbers of the places, in the order of the rows."""
    return list(dict.fromkeys(zip(frame["part"], frame["layer"], strict=True)))


def _at(frame: pd.DataFrame, place: tuple[str, int], convention: str) -> pd.DataFrame:
    part, number = place
    return frame[
        (frame["part"] == part) & (frame["layer"] == number) & (frame["convention"] == convention)
    ]
