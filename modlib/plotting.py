"""Figures: functions of Axes and arrays that draw, and compute nothing.

Colours follow the paper's scheme of eight methods: blues look upstream, oranges downstream; the
dark shade marks moments (covariance, Hessian), the light one sensitivities; normalised methods
are drawn dashed. The palette is Okabe and Ito's (2008), made for every kind of colour vision.
"""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from experiments import regularizers
from modlib.similarity import measures

COLORS = {name: measure.color for name, measure in measures.RECORDS.items()}
NAMES = {name: measure.label for name, measure in measures.RECORDS.items()}
REGULARIZER_COLORS = {name: found.color for name, found in regularizers.RECORDS.items()}
REGULARIZER_NAMES = {name: found.label for name, found in regularizers.RECORDS.items()} | {
    regularizers.UNTRAINED: "untrained"
}
DROPPED_COLOR = "#D55E00"
STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "modlib",
}


def use_style() -> None:
    """Switch to the book's one style, in vector graphics where a notebook is at hand."""
    mpl.rcParams.update(STYLE)
    if "inline" in plt.get_backend():
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        # Without the date, the same numbers give the same bytes.
        set_matplotlib_formats("svg", metadata={"Date": None})


def method_name(measure: str, normalized: bool) -> str:
    """Short name of one of the eight methods, for labels."""
    return NAMES[measure] + (", norm." if normalized else "")


def method_style(measure: str, normalized: bool) -> dict[str, str]:
    """Colour and dashes of one of the eight methods, as options of ``Axes.plot``."""
    return {"color": COLORS[measure], "linestyle": "--" if normalized else "-"}


def draw_against_strength(
    ax: Axes,
    strength: np.ndarray,
    mean: np.ndarray,
    error: np.ndarray | None = None,
    *,
    regularizer: str,
    **style: Any,
) -> Axes:
    """Draw a mean against the strength of a regulariser, its standard error as a shade.

    Parameters
    ----------
    ax
        Where to draw. The axis of strength is logarithmic for penalties, linear for dropout.
    strength, mean, error
        Shape ``[settings]``, in rising order of strength.
    regularizer
        ``"l2"``, ``"l1"`` or ``"dropout"``.
    style
        Options of ``Axes.plot``, such as those of :func:`method_style`.
    """
    options: dict[str, Any] = {"marker": ".", "markersize": 4} | style
    (line,) = ax.plot(strength, mean, **options)
    if error is not None:
        low, high = np.subtract(mean, error), np.add(mean, error)
        ax.fill_between(strength, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    ax.set_xscale("linear" if regularizer == "dropout" else "log")
    ax.set_xlabel(REGULARIZER_NAMES[regularizer])
    return ax


def draw_runs(
    ax: Axes,
    strength: np.ndarray,
    values: np.ndarray,
    mean: np.ndarray,
    error: np.ndarray,
    *,
    regularizer: str,
    dropped: np.ndarray | None = None,
) -> Axes:
    """Draw every network of a regulariser, a thin line for each seed, and their mean, thick.

    Parameters
    ----------
    ax
        Where to draw. The axis of strength is logarithmic for penalties, linear for dropout.
    strength, mean, error
        Shape ``[settings]``, in rising order of strength; the error is drawn as a bar.
    values
        Shape ``[settings, seeds]``.
    regularizer
        ``"l2"``, ``"l1"`` or ``"dropout"``.
    dropped
        Flags of shape ``[settings, seeds]``: networks to mark with a cross.
    """
    ax.plot(strength, values, color=REGULARIZER_COLORS[regularizer], linewidth=0.5, alpha=0.6)
    ax.errorbar(strength, mean, error, color="black", linewidth=1.6)
    if dropped is not None:
        crosses = np.where(dropped, values, np.nan)
        ax.plot(strength, crosses, "x", color=DROPPED_COLOR, markersize=4)
    ax.set_xscale("linear" if regularizer == "dropout" else "log")
    ax.set_xlabel(REGULARIZER_NAMES[regularizer])
    return ax


def draw_bands(ax: Axes, center: float, deviation: float, n_bands: int = 3) -> Axes:
    """Shade what lies within one, two, three standard deviations of untrained networks."""
    for width in range(n_bands, 0, -1):
        low, high = center - width * deviation, center + width * deviation
        ax.axhspan(low, high, color="0.5", alpha=0.15, linewidth=0, zorder=0)
    ax.axhline(center, color="0.5", linewidth=0.8, zorder=0)
    return ax


def draw_similarity(ax: Axes, similarity: np.ndarray, labels: np.ndarray) -> AxesImage:
    """Draw a similarity matrix with its units sorted by cluster, and lines between clusters.

    Parameters
    ----------
    ax
        Where to draw.
    similarity
        Shape ``[units, units]``. The diagonal is left blank: it is not clustered. Colours end at
        the 99th percentile of the rest, so that a few large entries do not hide the others.
    labels
        Whole numbers of shape ``[units]``; unused units (-1) come last.
    """
    order = np.argsort(np.where(labels < 0, labels.max() + 1, labels), kind="stable")
    ordered = similarity[np.ix_(order, order)].astype(float)
    np.fill_diagonal(ordered, np.nan)
    off_diagonal = ordered[~np.isnan(ordered)]
    top = np.percentile(off_diagonal, 99) if off_diagonal.size else 0.0
    image = ax.imshow(ordered, cmap="magma", vmin=0, vmax=top or 1.0, interpolation="nearest")
    borders = np.flatnonzero(np.diff(labels[order])) + 0.5
    ax.hlines(borders, -0.5, len(order) - 0.5, color="white", linewidth=0.6)
    ax.vlines(borders, -0.5, len(order) - 0.5, color="white", linewidth=0.6)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return image


def draw_agreement(ax: Axes, agreement: np.ndarray, names: Sequence[str]) -> AxesImage:
    """Draw the agreement of every two methods, numbers included, with a line between families.

    Parameters
    ----------
    ax
        Where to draw.
    agreement
        Shape ``[methods, methods]``, in [0, 1]; the first half of the methods is upstream.
    names
        One label for each method.
    """
    n_methods = len(names)
    image = ax.imshow(agreement, cmap="viridis", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(agreement):
        color = "white" if value < 0.6 else "black"
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=6.5)
    _frame_methods(ax, n_methods, names, "white")
    return image


def draw_agreement_change(ax: Axes, change: np.ndarray, names: Sequence[str]) -> AxesImage:
    """Draw a difference of two agreements, numbers included: blue where it fell, red where it rose.

    Parameters
    ----------
    ax
        Where to draw.
    change
        Shape ``[methods, methods]``, in [-1, 1]; colours end at a half either way.
    names
        One label for each method.
    """
    n_methods = len(names)
    image = ax.imshow(change, cmap="RdBu_r", vmin=-0.5, vmax=0.5)
    for (row, column), value in np.ndenumerate(change):
        color = "white" if abs(value) > 0.35 else "black"
        ax.text(column, row, f"{value:+.2f}", ha="center", va="center", color=color, fontsize=6)
    _frame_methods(ax, n_methods, names, "black")
    return image


def draw_agreement_map(
    ax: Axes, matrix: np.ndarray, low: float = 0.0, high: float = 1.0, *, change: bool = False
) -> AxesImage:
    """Draw agreements small and without numbers, for figures that hold many of them.

    Parameters
    ----------
    ax
        Where to draw.
    matrix
        Shape ``[methods, methods]``; the first half of the methods is upstream.
    low, high
        Where colours end.
    change
        Whether these are differences, coloured as by :func:`draw_agreement_change`.
    """
    image = ax.imshow(matrix, cmap="RdBu_r" if change else "viridis", vmin=low, vmax=high)
    middle, color = len(matrix) / 2 - 0.5, "black" if change else "white"
    ax.axhline(middle, color=color, linewidth=0.8)
    ax.axvline(middle, color=color, linewidth=0.8)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return image


def _frame_methods(ax: Axes, n_methods: int, names: Sequence[str], color: str) -> None:
    ax.axhline(n_methods / 2 - 0.5, color=color, linewidth=2)
    ax.axvline(n_methods / 2 - 0.5, color=color, linewidth=2)
    ax.set_xticks(range(n_methods), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(n_methods), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def draw_history(
    ax: Axes, history: Sequence[dict[str, float]], best_epoch: int, color: str
) -> Axes:
    """Draw training (thin) and validation loss (thick) by epoch; a dot marks the kept weights."""
    epochs = np.arange(1, len(history) + 1)
    validation = [epoch["validation_loss"] for epoch in history]
    ax.plot(epochs, [epoch["train_loss"] for epoch in history], color=color, linewidth=0.8)
    ax.plot(epochs, validation, color=color, linewidth=2)
    if best_epoch:
        ax.plot(best_epoch, validation[best_epoch - 1], "o", color=color)
    ax.set(xlabel="epoch", ylabel="cross-entropy (nats)")
    return ax
