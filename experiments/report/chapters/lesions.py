"""What breaks when modules are silenced: which rows count, numbers by hand, and figures."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.regularizers import UNTRAINED
from experiments.report import worth
from experiments.report.chapters.modularity import FAMILY_COLORS, regularizers_in
from experiments.report.figures import CONVENTION_NAMES, REGULARIZER_NAMES, draw_against_strength
from experiments.report.frames import by_setting, comparable, kept
from modlib import plotting
from modlib.similarity.measures import MEASURES

SIGNED = "signed"
"""What stands in place of a convention for similarities before any absolute value."""
FORMS = [*CONVENTION_NAMES.values(), SIGNED]
"""In which similarity comes: in two conventions, and signed."""
_ASSIGNMENT = ["network", "layer", "measure", "normalized", "form"]


# --------------------------------------------------------------------------------- which rows count


def decided(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that verdicts rest on: kept networks of seeds that trials did not see.

    Parameters
    ----------
    frame
        Rows of a table with ``regularizer``, ``seed`` and ``kept`` of their networks.

    Returns
    -------
    pandas.DataFrame
        With three more columns: the ``side`` of the measure, ``"upstream"`` or ``"downstream"``;
        the ``form``, one of :data:`FORMS`; and whether the network ``is_trained``.
    """
    return kept(
        frame.assign(
            side=frame["measure"].map(lambda name: MEASURES[name].side),
            form=frame["convention"].map(CONVENTION_NAMES).mask(frame["signed"], SIGNED),
            is_trained=frame["regularizer"] != UNTRAINED,
        )[worth.is_counted(frame)]
    )


def by_side(scores: pd.DataFrame, column: str = "score") -> pd.DataFrame:
    """Average over trained networks, each averaged over its methods first.

    Parameters
    ----------
    scores
        Rows as :func:`decided` returns them, with the column.
    column
        What is averaged.

    Returns
    -------
    pandas.DataFrame
        ``mean`` and ``sem`` by ``layer``, ``form`` and ``side``.
    """
    groups = ["layer", "form", "side"]
    networks = scores[scores["is_trained"]].groupby([*groups, "network"])[column].mean()
    return networks.groupby(groups).agg(["mean", "sem"])


# -------------------------------------------------------------------------------------- one network


def draw_damages(
    damages: Mapping[str, pd.DataFrame],
    colors: Mapping[str, str],
    sizes: Mapping[str, list[int]],
    named: str | None = None,
) -> Figure:
    """Draw over which classes each module spreads its damage, and over which all of them do.

    Parameters
    ----------
    damages
        By title, damage ``[modules, classes]``, named on both sides; what is negative counts as
        zero. A panel for each.
    colors
        By title, the colour of the largest share.
    sizes
        By title, how many units each module has.
    named
        What network it is of, to stand above all.
    """
    heights = [len(frame) for frame in damages.values()]
    figure, axes = plt.subplots(
        len(damages), 1, figsize=(6.4, 1.2 + 0.3 * sum(heights) + 0.45 * len(heights)),
        height_ratios=[n + 1 for n in heights], squeeze=False,
    )  # fmt: skip
    top = max(np.nan_to_num(_shares(frame)).max() for frame in damages.values())
    for ax, (title, frame) in zip(axes[:, 0], damages.items(), strict=True):
        _draw_shares(ax, frame, colors[title], sizes[title], float(top))
        ax.set_title(title, color=colors[title], loc="left")
    axes[-1, 0].set_xlabel("digit that suffers")
    figure.suptitle(named or "", fontsize=10)
    return figure


def _shares(damage: pd.DataFrame) -> np.ndarray:
    """Share of each class in the damage of each module, and of all: ``[modules + 1, classes]``."""
    hurt = np.maximum(damage.to_numpy(), 0.0)
    rows = np.vstack([hurt, hurt.sum(axis=0)])
    total = rows.sum(axis=1, keepdims=True)
    return np.divide(rows, total, out=np.full_like(rows, np.nan), where=total > 0)


def _draw_shares(ax: Axes, damage: pd.DataFrame, color: str, sizes: list[int], top: float) -> None:
    shares = _shares(damage)
    n_modules = len(damage)
    # A gap sets the last row, all modules together, apart.
    gapped = np.insert(shares, n_modules, np.nan, axis=0)
    scale = LinearSegmentedColormap.from_list("shares", ["white", color])
    ax.imshow(gapped, cmap=scale, vmin=0, vmax=top, aspect="auto")
    for (row, column), share in np.ndenumerate(gapped):
        if share >= 0.005:
            shade = "white" if share > 0.6 * top else "black"
            ax.text(
                column, row, f"{100 * share:.0f}", ha="center", va="center", color=shade,
                fontsize=7,
            )  # fmt: skip
    for row in np.flatnonzero(np.isnan(shares).all(axis=1)):
        ax.text(0, float(row), "hurts no digit", va="center", color="0.4", fontsize=7)
    names = [
        f"module {name}, {n} {'unit' if n == 1 else 'units'}"
        for name, n in zip(damage.index, sizes, strict=True)
    ]
    ax.set_yticks([*range(n_modules), n_modules + 1], [*names, "all together"])
    ax.set_xticks(range(damage.shape[1]), damage.columns)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


# --------------------------------------------------------------------------------- against strength


def draw_scores(scores: pd.DataFrame, convention: str) -> Figure:
    """Draw the scores of both sides against the strength of each regulariser.

    Parameters
    ----------
    scores
        Rows as :func:`decided` returns them, with their ``score``, of both conventions, which
        share one scale. There is a row of panels for each layer; settings of which most networks
        were dropped make no point.
    convention
        The one that is drawn.
    """
    kinds, layers = regularizers_in(scores), sorted(scores["layer"].unique())
    figure, axes = plt.subplots(
        len(layers), len(kinds), figsize=(6.4, 0.7 + 1.6 * len(layers)), sharex="col", sharey=True,
        squeeze=False,
    )  # fmt: skip
    curves = by_setting(comparable(scores), "score", ["layer", "form", "side"])
    form, means = CONVENTION_NAMES[convention], by_side(scores)["mean"]
    for layer, line in zip(layers, axes, strict=True):
        here = curves[(curves["layer"] == layer) & (curves["form"] == form)]
        for kind, ax in zip(kinds, line, strict=True):
            _draw_sides(ax, here, kind)
            ax.set_xlabel("")
        line[0].set_ylabel(f"layer {layer}")
        _write_means(line[-1], means[layer, form])
    for kind, ax in zip(kinds, axes[-1], strict=True):
        ax.set_xlabel(REGULARIZER_NAMES[kind])
    errors = curves["error"].fillna(0.0)
    low, high = (curves["mean"] - errors).min(), (curves["mean"] + errors).max()
    axes[0, 0].set_ylim(low - 0.3, high + 0.3)
    figure.supylabel("score: standard deviations above random modules", fontsize=9)
    handles = [Line2D([], [], color=color, label=side) for side, color in FAMILY_COLORS.items()]
    handles.append(Line2D([], [], color="0.5", linestyle=":", label="untrained"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure


def _draw_sides(ax: Axes, curves: pd.DataFrame, regularizer: str) -> None:
    ax.axhline(0, color="0.8", linewidth=0.8)
    for side, color in FAMILY_COLORS.items():
        of_side = curves[curves["side"] == side]
        curve = of_side[of_side["regularizer"] == regularizer]
        draw_against_strength(
            ax, curve["strength"], curve["mean"], curve["error"], regularizer=regularizer,
            color=color,
        )  # fmt: skip
        for level in of_side.loc[of_side["regularizer"] == UNTRAINED, "mean"]:
            ax.axhline(level, color=color, linestyle=":", linewidth=1.2)
    ax.minorticks_off()


def _write_means(ax: Axes, means: pd.Series) -> None:
    """Write the means of both sides at their height, right of the panel, the higher one above."""
    higher = means.idxmax()
    for side, mean in means.items():
        ax.annotate(
            f"{side}\nmean {mean:.1f}".replace("-", "\u2212"), (1, mean), (6, 0),
            xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=8,
            color=FAMILY_COLORS[str(side)], va="bottom" if side == higher else "top",
        )  # fmt: skip


# ---------------------------------------------------------------------------- with and without sign


def draw_signed(scores: pd.DataFrame) -> Figure:
    """Draw the scores of both sides in both conventions and signed, and the gap between them.

    Parameters
    ----------
    scores
        Rows as :func:`decided` returns them, with their ``score``. There is a panel for each
        layer; thin lines are single measures.
    """
    layers = sorted(scores["layer"].unique())
    figure, axes = plt.subplots(1, len(layers), figsize=(6.4, 3.0), sharey=True, squeeze=False)
    means = by_side(scores)
    trained = scores[scores["is_trained"]]
    measures = trained.groupby(["layer", "measure", "form"])["score"].mean()
    places = np.arange(len(FORMS))
    for layer, ax in zip(layers, axes[0], strict=True):
        ax.axhline(0, color="0.8", linewidth=0.8)
        for measure, color in plotting.COLORS.items():
            of_measure = measures[layer, measure].reindex(FORMS)
            ax.plot(places, of_measure, color=color, linewidth=0.8, alpha=0.8)
        for side, color in FAMILY_COLORS.items():
            of_side = means.xs((layer, side), level=("layer", "side")).reindex(FORMS)
            ax.errorbar(
                places, of_side["mean"], of_side["sem"], color=color, marker="o", linewidth=2.2,
                markersize=5, label=side,
            )  # fmt: skip
        gaps = means["mean"].unstack("side").loc[layer].reindex(FORMS)
        for place, gap in zip(places, gaps["upstream"] - gaps["downstream"], strict=True):
            ax.annotate(
                f"gap {_signed(gap)}", (place, 1), (0, -2),
                xycoords=("data", "axes fraction"), textcoords="offset points", ha="center",
                va="top", fontsize=8,
            )  # fmt: skip
        ax.set_title(f"layer {layer}")
        ax.set_xticks(places, FORMS)
        ax.set_xlim(-0.4, len(FORMS) - 0.6)
    low, high = axes[0, 0].get_ylim()
    axes[0, 0].set_ylim(low, high + 0.12 * (high - low))  # for the gaps
    axes[0, 0].set_ylabel("score of modules")
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2)
    return figure


# ------------------------------------------------------------------------------------ two ablations


def by_ablation(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores of the same assignments, of trained networks, silenced by their mean and by zero.

    Parameters
    ----------
    scores
        Rows as :func:`decided` returns them, with their ``score``.

    Returns
    -------
    pandas.DataFrame
        ``mean`` and ``zero``, with what they are scores of; without what was not silenced by zero.
    """
    named = [*_ASSIGNMENT, "side"]
    trained = scores[scores["is_trained"]]
    table = trained.pivot(index=named, columns="ablation", values="score")
    return table.dropna().reset_index()


def draw_ablations(both: pd.DataFrame) -> Figure:
    """Draw scores by zero against scores by the mean, a panel for each convention.

    Parameters
    ----------
    both
        As :func:`by_ablation` returns it.
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 3.2), sharex=True, sharey=True)
    ends = both[["mean", "zero"]].to_numpy()
    low, high = ends.min() - 0.5, ends.max() + 0.5
    for form, ax in zip(FORMS[:2], axes, strict=True):
        here = both[both["form"] == form]
        ax.axline((0, 0), slope=1, color="0.7", linewidth=0.8)
        for side, color in FAMILY_COLORS.items():
            of_side = here[here["side"] == side]
            ax.plot(
                of_side["mean"], of_side["zero"], ".", color=color, alpha=0.5, markersize=4,
                label=f"{side}: {_signed((of_side['zero'] - of_side['mean']).mean())}",
            )  # fmt: skip
        rank = here[["mean", "zero"]].rank().corr().iloc[0, 1]
        ax.set_title(f"{form}: rank correlation {rank:.2f}".replace("-", "\u2212"))
        ax.set(xlim=(low, high), ylim=(low, high + 0.2 * (high - low)))  # with room for words
        ax.set_xlabel("score, silenced by the mean")
        ax.legend(loc="upper left", fontsize=8, handletextpad=0, borderaxespad=0)
    axes[0].set_ylabel("score, silenced by zero")
    return figure


def _signed(number: float) -> str:
    return f"{number:+.1f}".replace("-", "\u2212")
