"""Figures: functions of Axes and arrays that draw, and compute nothing.

Colours follow the paper's scheme of eight methods: blues look upstream, oranges downstream; the
dark shade marks moments (covariance, Hessian), the light one sensitivities; normalised methods
are drawn dashed. The palette is Okabe and Ito's (2008), made for every kind of colour vision.
What has a sign goes from purple to green, so that blue and orange mean nothing but the sides.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from modlib.similarity.measures import MEASURES, METHODS, UPSTREAM

_COLORS = {
    "covariance": "#0072B2",
    "input_sensitivity": "#56B4E9",
    "output_sensitivity": "#E69F00",
    "loss_hessian": "#D55E00",
}
_TITLES = {"loss_hessian": "loss Hessian"}
_NAMES = {"input_sensitivity": "input sens.", "output_sensitivity": "output sens."}
COLORS = {name: _COLORS.get(name, "0.5") for name in MEASURES}
"""The colour of each measure; grey for those that have none yet."""
SIDE_COLORS = {"upstream": COLORS["covariance"], "downstream": COLORS["loss_hessian"]}
"""The colour of each side, where measures are not told apart."""
TITLES = {name: _TITLES.get(name, name.replace("_", " ")) for name in MEASURES}
"""The name of each measure in words."""
NAMES = {name: _NAMES.get(name, TITLES[name]) for name in MEASURES}
"""A shorter one, for labels."""
SIGNED_COLORMAP = "PRGn"
"""From purple, less than nothing, to green; safe for every kind of colour vision."""
N_UPSTREAM = sum(method.measure in UPSTREAM for method in METHODS)
"""How many methods look upstream: they come first."""


def method_name(measure: str, normalized: bool) -> str:
    """Short name of one of the eight methods, for labels."""
    return NAMES[measure] + (", norm." if normalized else "")


METHOD_NAMES = [method_name(*method) for method in METHODS]
"""The short names of all methods, in their order."""


def method_style(measure: str, normalized: bool) -> dict[str, str]:
    """Colour and dashes of one of the eight methods, as options of ``Axes.plot``."""
    return {"color": COLORS[measure], "linestyle": "--" if normalized else "-"}


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
    image = ax.imshow(ordered, cmap="magma", vmin=0, vmax=top or 1.0, interpolation="none")
    borders = np.flatnonzero(np.diff(labels[order])) + 0.5
    ax.hlines(borders, -0.5, len(order) - 0.5, color="white", linewidth=0.6)
    ax.vlines(borders, -0.5, len(order) - 0.5, color="white", linewidth=0.6)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return image


def draw_agreement(
    ax: Axes, agreement: np.ndarray, names: Sequence[str], *, n_upstream: int = N_UPSTREAM
) -> AxesImage:
    """Draw the agreement of every two methods, numbers included, with a line between families.

    Parameters
    ----------
    ax
        Where to draw.
    agreement
        Shape ``[methods, methods]``, in [0, 1]; the methods that look upstream come first.
    names
        One label for each method.
    n_upstream
        How many of them look upstream: where the line stands.
    """
    image = ax.imshow(agreement, cmap="viridis", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(agreement):
        color = "white" if value < 0.6 else "black"
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=6.5)
    _frame_methods(ax, names, n_upstream, "white")
    return image


def draw_agreement_change(
    ax: Axes, change: np.ndarray, names: Sequence[str], *, n_upstream: int = N_UPSTREAM
) -> AxesImage:
    """Draw a difference of two agreements, purple where it fell, green where it rose.

    Parameters
    ----------
    ax
        Where to draw.
    change
        Shape ``[methods, methods]``, in [-1, 1]; colours end at a half either way.
    names
        One label for each method.
    n_upstream
        How many of them look upstream: where the line stands.
    """
    image = ax.imshow(change, cmap=SIGNED_COLORMAP, vmin=-0.5, vmax=0.5)
    for (row, column), value in np.ndenumerate(change):
        color = "white" if abs(value) > 0.35 else "black"
        ax.text(column, row, f"{value:+.2f}", ha="center", va="center", color=color, fontsize=6)
    _frame_methods(ax, names, n_upstream, "black")
    return image


def draw_agreement_map(
    ax: Axes,
    matrix: np.ndarray,
    low: float = 0.0,
    high: float = 1.0,
    *,
    change: bool = False,
    n_upstream: int = N_UPSTREAM,
) -> AxesImage:
    """Draw agreements small and without numbers, for figures that hold many of them.

    Parameters
    ----------
    ax
        Where to draw.
    matrix
        Shape ``[methods, methods]``; the methods that look upstream come first.
    low, high
        Where colours end.
    change
        Whether these are differences, coloured as by :func:`draw_agreement_change`.
    n_upstream
        How many of the methods look upstream.
    """
    cmap = SIGNED_COLORMAP if change else "viridis"
    image = ax.imshow(matrix, cmap=cmap, vmin=low, vmax=high)
    border, color = n_upstream - 0.5, "black" if change else "white"
    ax.axhline(border, color=color, linewidth=0.8)
    ax.axvline(border, color=color, linewidth=0.8)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return image


def block_means(
    agreement: np.ndarray, n_upstream: int = N_UPSTREAM
) -> tuple[dict[str, float], float]:
    """Average what methods of one side have in common, and what those of two.

    Parameters
    ----------
    agreement
        Shape ``[methods, methods]``; the methods that look upstream come first.
    n_upstream
        How many of them do.

    Returns
    -------
    tuple
        The mean of each side, without the diagonal, and that between the sides.
    """
    blocks = {"upstream": slice(n_upstream), "downstream": slice(n_upstream, None)}
    means = {}
    for side, block in blocks.items():
        own = agreement[block, block]
        means[side] = float(np.nanmean(own[~np.eye(len(own), dtype=bool)]))
    return means, float(np.nanmean(agreement[:n_upstream, n_upstream:]))


def write_block_means(
    ax: Axes, agreement: np.ndarray, form: str = ".2f", *, n_upstream: int = N_UPSTREAM
) -> Axes:
    """Write the mean of each block, as :func:`block_means` has it, into its middle.

    Parameters
    ----------
    ax
        With a map of the same agreement.
    agreement
        Shape ``[methods, methods]``.
    form
        Of the numbers.
    n_upstream
        How many of the methods look upstream.
    """
    sides, between = block_means(agreement, n_upstream)
    middles = (n_upstream - 1) / 2, (n_upstream + len(agreement) - 1) / 2
    for x, column in zip(middles, sides, strict=True):
        for y, row in zip(middles, sides, strict=True):
            mean = format(sides[row] if row == column else between, form)
            ax.text(
                x, y, mean.replace("-", "\u2212"), ha="center", va="center", fontsize=8,
                color="white", weight="bold",
                bbox={"facecolor": "black", "alpha": 0.6, "linewidth": 0, "pad": 1.2},
            )  # fmt: skip
    return ax


def _frame_methods(ax: Axes, names: Sequence[str], n_upstream: int, color: str) -> None:
    ax.axhline(n_upstream - 0.5, color=color, linewidth=2)
    ax.axvline(n_upstream - 0.5, color=color, linewidth=2)
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
