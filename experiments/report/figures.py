"""Figures of regularised networks, and the book's one style: functions that draw, and no more."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from experiments.names import setting_of
from experiments.regularizers import REGULARIZERS, UNTRAINED
from modlib.similarity.conventions import CONVENTIONS

_COLORS = {"l2": "#009E73", "l1": "#CC79A7", "dropout": "#000000"}
_TITLES = {"l2": "L2 penalty", "l1": "L1 penalty"}
_LABELS = {"dropout": "dropout probability"}
REGULARIZER_COLORS = {name: _COLORS.get(name, "0.5") for name in REGULARIZERS}
"""The colour of each regulariser; grey for those that have none yet."""
REGULARIZER_TITLES = {name: _TITLES.get(name, name.replace("_", " ")) for name in REGULARIZERS} | {
    UNTRAINED: "none, untrained"
}
"""The name of each in words."""
REGULARIZER_NAMES = {name: _LABELS.get(name, REGULARIZER_TITLES[name]) for name in REGULARIZERS} | {
    UNTRAINED: "untrained"
}
"""What the strength of each is called on an axis."""
CONVENTION_NAMES = {name: f"as {name}" for name in CONVENTIONS}
"""What each convention is called in a figure or a table."""
ACCENT_COLOR = "#762A83"
"""Purple: of what is to stand out and is neither a side nor a regulariser."""
DROPPED_COLOR = ACCENT_COLOR
CONVENTION_COLORS = {"printed": "#000000", "released": ACCENT_COLOR}
"""The colour of each convention where the two share a panel."""
CATEGORY_COLORS = (
    "#117733", "#CC6677", "#999933", "#AA4499", "#44AA99", "#882255", "#DDCC77", "#8C564B",
    "#4D4D4D", "#A6A6A6",
)  # fmt: skip
"""Of modules, digits and other things without an order: none is blue or orange."""
_HEIGHTS = {"upper": (0.97, "top"), "center": (0.5, "center"), "lower": (0.03, "bottom")}
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
    # An image goes into a vector graphic with its own cells, sharp at any density.
    "image.interpolation": "none",
    "image.composite_image": False,
}


def strength_text(strength: float) -> str:
    """Write a strength as a person would: two digits, ``"3.2e-5"`` or ``"0.5"``."""
    digits, _, exponent = f"{strength:.1e}".partition("e")
    if strength == 0 or int(exponent) >= -1:
        return f"{strength:.2g}"
    return f"{digits.removesuffix('.0')}e{int(exponent)}"


def network_title(network: str) -> str:
    """Name a network in words, without its seed, such as ``"L2 penalty 1e-5"``."""
    regularizer, _, strength = setting_of(network).partition("-")
    return setting_title(regularizer, float(strength))


def setting_title(regularizer: str, strength: float) -> str:
    """Name a regulariser at one strength in words; a probability is written as one, ``"0.05"``."""
    if regularizer == UNTRAINED:
        return REGULARIZER_NAMES[UNTRAINED]
    text = f"{strength:.2g}" if regularizer == "dropout" else strength_text(strength)
    return f"{REGULARIZER_TITLES[regularizer]} {text}"


def use_style() -> None:
    """Switch to the book's one style, in vector graphics where a notebook is at hand."""
    mpl.rcParams.update(STYLE)
    if "inline" in plt.get_backend():
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        # Without the date, the same numbers give the same bytes.
        set_matplotlib_formats("svg", metadata={"Date": None})


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
        Options of ``Axes.plot``, such as those of :func:`modlib.plotting.method_style`.
    """
    options: dict[str, Any] = {"marker": ".", "markersize": 4} | style
    (line,) = ax.plot(strength, mean, **options)
    if error is not None:
        low, high = np.subtract(mean, error), np.add(mean, error)
        ax.fill_between(strength, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    _set_strengths(ax, regularizer)
    return ax


def _set_strengths(ax: Axes, regularizer: str) -> None:
    """Name the axis of strength; that of a penalty is logarithmic, in numbers like 1e-5."""
    if regularizer != "dropout":
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(lambda strength, _: strength_text(strength))
    ax.set_xlabel(REGULARIZER_NAMES[regularizer])


def write_note(ax: Axes, text: str, place: str = "upper left", **style: Any) -> Axes:
    """Write a few words at the edge of a panel: what is to be seen there.

    Parameters
    ----------
    ax
        Where to write.
    text
        A line or two.
    place
        ``"upper left"``, ``"center left"``, ``"lower right"`` and so on.
    style
        Options of ``Axes.text``.
    """
    vertical, horizontal = place.split()
    height, anchor = _HEIGHTS[vertical]
    options: dict[str, Any] = {"fontsize": 8, "color": "0.2"} | style
    ax.text(
        0.03 if horizontal == "left" else 0.97, height, text, transform=ax.transAxes,
        ha=horizontal, va=anchor,
        bbox={"color": "white", "alpha": 0.8, "pad": 1, "linewidth": 0}, **options,
    )  # fmt: skip
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
    _set_strengths(ax, regularizer)
    return ax


def draw_bands(ax: Axes, center: float, deviation: float, n_bands: int = 3) -> Axes:
    """Shade what lies within one, two, three standard deviations of untrained networks."""
    for width in range(n_bands, 0, -1):
        low, high = center - width * deviation, center + width * deviation
        ax.axhspan(low, high, color="0.5", alpha=0.15, linewidth=0, zorder=0)
    ax.axhline(center, color="0.5", linewidth=0.8, zorder=0)
    return ax


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
