"""The figure of the claims: the first number of each rule, in four readings."""

from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.report.chapters.ledger import reading_name
from experiments.report.claims import CLAIMS, Part
from experiments.report.figures import CONVENTION_COLORS
from experiments.report.readings import READINGS

FILLS = {"holds": "full", "partly": "left", "does not hold": "none"}
MARKERS = {"paper": "o", "best": "s"}
MET_COLOR = "#009E73"
N_COLUMNS = 2


def draw_effects(claims: pd.DataFrame) -> Figure:
    """Draw a panel for each claim, with its first number in every reading.

    Parameters
    ----------
    claims
        As :func:`experiments.report.claims.summarize` returns them.
    """
    figure, axes = plt.subplots(-(-len(CLAIMS) // N_COLUMNS), N_COLUMNS, figsize=(6.8, 12))
    for ax, name in zip(axes.flat, CLAIMS, strict=True):
        _draw_claim(ax, name, claims[claims["claim"] == name])
    handles = [
        Line2D(
            [], [], color=CONVENTION_COLORS[convention], marker=MARKERS[search], linewidth=1,
            label=reading_name(convention, search),
        )
        for convention, search in READINGS
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
    return figure


def _draw_claim(ax: Axes, name: str, rows: pd.DataFrame) -> None:
    claim = CLAIMS[name]
    tested = rows[rows["effect"].notna() & np.isfinite(rows["effect"])]
    _draw_readings(ax, tested)
    _shade_place(ax, claim.parts[0])
    ax.set(ylim=(-3.7, 0.7), yticks=[])
    ax.spines["left"].set_visible(False)
    if tested.empty:
        ax.text(0.5, 0.5, "not tested", ha="center", va="center", transform=ax.transAxes)
    own = rows.set_index(["convention", "search"])["verdict"].get(READINGS[0], "not tested")
    title = f"{name.removeprefix('claim-')} {claim.title}: {own}"
    ax.set_title("\n".join(wrap(title, 52)), loc="left", fontsize=7.5, fontweight="bold")
    ax.set_xlabel("\n".join(wrap(claim.parts[0].quantity, 52)), fontsize=7)
    ax.tick_params(labelsize=7)


def _draw_readings(ax: Axes, tested: pd.DataFrame) -> None:
    """A marker with its interval for each reading, the paper's own on top."""
    for row in tested.to_dict("records"):
        height = -READINGS.index((row["convention"], row["search"]))
        color = CONVENTION_COLORS[row["convention"]]
        ax.hlines(height, row["low"], row["high"], color=color, linewidth=1)
        ax.plot(
            row["effect"], height, marker=MARKERS[row["search"]], markersize=6.5, color=color,
            fillstyle=FILLS[row["verdict"]], markerfacecoloralt="white",
        )  # fmt: skip


def _shade_place(ax: Axes, part: Part) -> None:
    """Shade where the number must lie, and see that the ends of that range are in the picture."""
    ends = [end for end in (part.above, part.below) if np.isfinite(end)]
    ax.margins(x=0.15)
    ax.update_datalim([(end, 0) for end in ends])
    ax.autoscale_view()
    left, right = ax.get_xlim()
    ax.axvspan(max(part.above, left), min(part.below, right), color=MET_COLOR, alpha=0.15, lw=0)
    ax.set_xlim(left, right)
