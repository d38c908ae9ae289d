"""Units asleep: what hardly varies, though it is not constant, and what it does to modularity."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.report.figures import (
    CATEGORY_COLORS,
    REGULARIZER_COLORS,
    draw_against_strength,
)

DASHES = ("--", "-", ":", "-.")


def draw_sleepers(
    variance: np.ndarray, labels: np.ndarray, curves: Mapping[str, pd.Series]
) -> Figure:
    """Draw the variance of the units of a layer, and modularity with and without sleepers.

    Parameters
    ----------
    variance
        Of every unit, shape ``[units]``.
    labels
        Their modules, shape ``[units]``; units that never vary (-1) are left out.
    curves
        Modularity by strength of the L1 penalty, by what each is called.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.4))
    _draw_variance(left, variance, labels)
    for (name, curve), dashes in zip(curves.items(), DASHES, strict=False):
        draw_against_strength(
            right, curve.index, curve, regularizer="l1", linestyle=dashes, label=name,
            color=REGULARIZER_COLORS["l1"],
        )  # fmt: skip
    right.set(ylabel="modularity Q", ylim=(0, None))
    right.legend()
    return figure


def _draw_variance(ax: Axes, variance: np.ndarray, labels: np.ndarray) -> None:
    order = np.argsort(-variance)[: (labels >= 0).sum()]
    colors = np.take(CATEGORY_COLORS, labels[order] % len(CATEGORY_COLORS))
    ax.scatter(range(len(order)), variance[order], c=colors, s=10)
    ax.set(yscale="log", xlabel="units by variance", ylabel="variance")
