"""One layer sorted twice, by what drives its units and by what they do: data and still picture."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from experiments.images import first_images
from experiments.report.chapters.chance import element_and_chance
from experiments.report.examples import Examples
from experiments.report.frames import Results
from experiments.report.units import portraits, short
from modlib import plotting
from modlib.models import MLP
from modlib.similarity.conventions import CONVENTIONS

LAYER = 1  # the first: its weights are pictures
MEASURES = {"upstream": "covariance", "downstream": "output_sensitivity"}
"""The measure that sorts from each side, normalised."""
COLORS = plotting.SIDE_COLORS
N_IMAGES = 400
LEVELS = 7  # of a weight, either way: with zero they fill half a byte
GAP = 2.5  # between modules, in units


# ------------------------------------------------------------------------------------ one network


def along_dropout(networks: pd.DataFrame, examples: Examples) -> pd.DataFrame:
    """Rows of the networks to slide through: the weakest L2, then dropout at every tenth.

    Parameters
    ----------
    networks
        Of the tables of a sweep.
    examples
        Of which the rows must be.
    """
    rows = networks[networks["network"].isin(examples.networks)]
    plain = rows[rows["regularizer"] == "l2"].nsmallest(1, "strength").assign(strength=0.0)
    dropout = rows[rows["regularizer"] == "dropout"].sort_values("strength")
    tenth = np.isclose(10 * dropout["strength"] % 1, 0)
    return pd.concat([plain, dropout[tenth]])


@dataclass(frozen=True)
class Units:
    """What drives the units of the first hidden layer, and what they do."""

    activity: np.ndarray
    """Mean activation by digit, ``[units, digits]``."""
    push: np.ndarray
    """By how much each logit moves against the mean of all when a unit rises, ``[units, digits]``.

    The mean slope over the images, times one standard deviation of the unit.
    """


def look_at_units(model: MLP, images: torch.Tensor, classes: torch.Tensor) -> Units:
    """Measure both on some images, ``[images, pixels]``, of known classes."""
    found = portraits(model, images, classes)[LAYER]
    with torch.no_grad():
        spread = model.to_layer(images, LAYER).std(dim=0, correction=0).numpy()
    beside = found.effects - found.effects.mean(axis=1, keepdims=True)
    return Units(found.responses, beside * spread[:, None])


def partners(similarity: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which other unit each is most similar to, ``[units]``; -1 for those in no module."""
    others = similarity.astype(float)
    np.fill_diagonal(others, -1.0)
    return np.where(labels < 0, -1, others.argmax(axis=1))


# ---------------------------------------------------------------------------------- two sortings


@dataclass(frozen=True)
class Sides:
    """The units in two columns, sorted by module; modules face those that they share most with."""

    upstream: list[int]
    downstream: list[int]


def arrange(upstream: np.ndarray, downstream: np.ndarray) -> Sides:
    """Order the units of both sides, so that few lines between them cross.

    Parameters
    ----------
    upstream, downstream
        Labels ``[units]``, -1 for unused units, which come last.
    """
    units = np.arange(len(upstream))
    left = _places(upstream, upstream)
    right = _places(downstream, left)
    return Sides(
        upstream=np.lexsort((units, right, left)).tolist(),
        downstream=np.lexsort((units, left, right)).tolist(),
    )


def _places(labels: np.ndarray, along: np.ndarray) -> np.ndarray:
    """For each unit the place of its module, when modules are ordered by their mean ``along``."""
    last = len(labels) * (labels < 0)
    names, inverse = np.unique(labels, return_inverse=True)
    means = np.array([np.mean((along + last)[labels == name]) for name in names])
    return means.argsort(kind="stable").argsort()[inverse]


# ------------------------------------------------------------------------------------------ data


def sortings_data(
    tables: Results, examples: Examples, conventions: Sequence[str] = tuple(CONVENTIONS)
) -> dict[str, Any]:
    """Gather what the moving figure shows, a network for each strength of dropout.

    Parameters
    ----------
    tables, examples
        Of a sweep.
    conventions
        Which there are to choose from; the first is shown first.
    """
    rows = along_dropout(tables.networks, examples)
    images, classes = first_images(str(rows["dataset"].iloc[0]), N_IMAGES)
    return {
        "side": isqrt(inner(images.numpy()).shape[1]),
        "images": len(images),
        "conventions": list(conventions),
        "networks": [
            _network(row, tables.modules, examples, (images, classes), conventions)
            for row in rows.to_dict("records")
        ],
    }


def _network(
    row: dict[str, Any],
    modules: pd.DataFrame,
    examples: Examples,
    shown: tuple[torch.Tensor, torch.Tensor],
    conventions: Sequence[str],
) -> dict[str, Any]:
    name = row["network"]
    model = examples.model(name)
    units = look_at_units(model, *shown)
    here = modules[(modules["network"] == name) & (modules["layer"] == LAYER)]
    here = here[here["normalized"]].set_index(["convention", "measure"])
    return {
        "dropout": float(f"{row['strength']:g}"),
        "accuracy": round(float(row["test_accuracy"]), 4),
        "weights": pack(inner(model.linears[0].weight.numpy())),
        "activity": short(units.activity),
        "push": short(units.push),
        "views": {
            convention: _view(here, examples, name, convention) for convention in conventions
        },
    }


def _view(modules: pd.DataFrame, examples: Examples, name: str, convention: str) -> dict[str, Any]:
    found = {side: modules.loc[(convention, measure)] for side, measure in MEASURES.items()}
    labels = {side: np.asarray(row["labels"]) for side, row in found.items()}
    both = labels["upstream"], labels["downstream"]
    order = arrange(*both)
    element, chance = element_and_chance(*both)
    view: dict[str, Any] = {
        "agreement": round(float(element), 4),
        "chance": round(float(chance), 4),
        "ceiling": round(float(np.mean([row["retest"] for row in found.values()])), 4),
    }
    for side, measure in MEASURES.items():
        similarity = examples.similarity(
            name, LAYER, measure, normalized=True, convention=convention
        )
        view[side] = {
            "q": round(float(found[side]["q"]), 4),
            "labels": labels[side].tolist(),
            "order": getattr(order, side),
            "partners": partners(similarity, labels[side]).tolist(),
        }
    return view


def inner(pictures: np.ndarray) -> np.ndarray:
    """Leave out the border of pictures ``[pictures, pixels]``, a fourteenth of the side each way.

    The digits of MNIST are centred, and hardly any reaches into it.
    """
    side = isqrt(pictures.shape[1])
    kept = slice(side // 14, side - side // 14)
    return pictures.reshape(-1, side, side)[:, kept, kept].reshape(len(pictures), -1)


def pack(weights: np.ndarray) -> str:
    """Pack weights ``[units, inputs]`` into half a byte each, in base64.

    Each unit has a scale of its own: half a byte of 8 is no weight, of 15 its largest one, of 1 the
    same below zero. Of the two in a byte the first is the upper half.
    """
    largest = np.abs(weights).max(axis=1, keepdims=True)
    steps = np.rint(LEVELS * weights / np.where(largest > 0, largest, 1)).astype(np.int8)
    halves = (steps + LEVELS + 1).astype(np.uint8).reshape(-1, 2)
    return base64.b64encode((halves[:, 0] << 4 | halves[:, 1]).tobytes()).decode()


# ------------------------------------------------------------------------------------ the picture


def draw_sortings(data: dict[str, Any], dropout: Sequence[float]) -> Figure:
    """Draw the two sortings of some networks side by side, in the first convention.

    Parameters
    ----------
    data
        Of :func:`sortings_data`.
    dropout
        Strengths of the networks wanted; each is taken for the nearest that there is.
    """
    figure, axes = plt.subplots(1, len(dropout), figsize=(6.4, 3.6), squeeze=False)
    strengths = np.array([network["dropout"] for network in data["networks"]])
    for ax, strength in zip(axes[0], dropout, strict=True):
        network = data["networks"][int(np.abs(strengths - strength).argmin())]
        view = network["views"][data["conventions"][0]]
        _draw_view(ax, view)
        chosen = network["dropout"]
        ax.set_title(
            f"{f'dropout {chosen:g}' if chosen else 'no dropout'}: agreement "
            f"{view['agreement']:.2f}, by chance {view['chance']:.2f}"
        )
    return figure


def heights(labels: Sequence[int], order: Sequence[int]) -> dict[int, float]:
    """How far down each unit stands in its column: one for each, and gaps between modules."""
    places, height = {}, 0.0
    for before, unit in zip([order[0], *order], order, strict=False):
        height += GAP * (labels[before] != labels[unit])
        places[unit] = height
        height += 1
    return places


def _draw_view(ax: Axes, view: dict[str, Any]) -> None:
    places = {
        side: heights(view[side]["labels"], view[side]["order"])
        for side in ("upstream", "downstream")
    }
    for unit, start in places["upstream"].items():
        end = places["downstream"][unit]
        curve = Path([(0.0, start), (0.5, start), (0.5, end), (1.0, end)], [1, 4, 4, 4])
        ax.add_patch(PathPatch(curve, facecolor="none", edgecolor="0.55", alpha=0.6, linewidth=1.8))
    for x, side in ((-0.06, "upstream"), (1.02, "downstream")):
        labels, of_side = view[side]["labels"], places[side]
        for module in sorted(set(labels)):
            ends = [of_side[unit] for unit, label in enumerate(labels) if label == module]
            color = COLORS[side] if module >= 0 else "0.75"
            size = max(ends) - min(ends) + 0.8
            ax.add_patch(Rectangle((x, min(ends) - 0.4), 0.04, size, color=color, linewidth=0))
    lowest = max(max(of_side.values()) for of_side in places.values())
    ax.set(xlim=(-0.08, 1.08), ylim=(lowest + 1, -1), xticks=[0, 1], yticks=[])
    ax.set_xticklabels(["what drives\nthem", "what they\ndo"])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
