"""What units are for, told by intervention, and how much of it an assignment recovers.

No weight is looked at. The *source* of a unit is the digit that moves it more when it is exchanged
for another; its *head* is the one whose predictions change more when the unit is silenced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from experiments.pairs import N_HEADS, SOURCES, Pairs, by_head
from modlib.comparison import agreement
from modlib.models import MLP
from modlib.validation import check_labels

TRUTHS = ("source", "head")
NOTHING = 1e-9  # of the largest effect in the layer: what rounding may leave of none


@dataclass(frozen=True, eq=False)
class Truth:
    """Which of two sides each unit of a layer belongs to, and how clearly."""

    share: np.ndarray
    """Float64 ``[units]``: the first side's part of the effect, from 0 to 1; NaN if there is no
    effect at all."""

    @property
    def labels(self) -> list[int]:
        """0 for the first side (A, head 1), 1 for the second, -1 for units without any effect."""
        side = np.where(self.share > 0.5, 0, 1)
        return np.where(np.isnan(self.share), -1, side).tolist()


def truth_of(effects: Tensor) -> Truth:
    """Tell the sides of units from effects ``[2, units]``, none of them negative."""
    total = effects.double().sum(dim=0)
    share = effects[0].double() / total
    share[total <= NOTHING * total.max()] = torch.nan
    return Truth(share.numpy())


def source_effects(model: MLP, pairs: Pairs, layer: int) -> Tensor:
    """Exchange each digit for that of another pair, and see by how much the units move.

    Parameters
    ----------
    model
        A network in evaluation mode.
    pairs
        Held-out pairs.
    layer
        Number of the hidden layer.

    Returns
    -------
    Tensor
        Mean squared change of each activation, float64 ``[sources, units]``.
    """
    with torch.inference_mode():
        before = model.to_layer(pairs.all()[0], layer).double()
        changes = [
            model.to_layer(pairs.exchanged(source).all()[0], layer).double() - before
            for source in range(len(SOURCES))
        ]
        return torch.stack([change.square().mean(dim=0) for change in changes])


def head_effects(model: MLP, inputs: Tensor, layer: int) -> Tensor:
    """Silence each unit, and see by how much the predictions of each head change.

    A silenced unit keeps its mean over the inputs. The effect is the Kullback-Leibler divergence
    from the head's prediction to that without the unit, averaged over inputs. The rise of the loss
    would be the same on average if predictions were calibrated, but gains and losses of single
    inputs cancel in it, and where little is left its sign is chance.

    Parameters
    ----------
    model, layer
        As for :func:`source_effects`.
    inputs
        Shape ``[pairs, 2 x pixels]``.

    Returns
    -------
    Tensor
        In nats, float64 ``[heads, units]``.
    """
    with torch.inference_mode():
        values = model.to_layer(inputs, layer)
        mean = values.double().mean(dim=0).to(values)
        usual = _log_predictions(model.from_layer(values, layer))
        found = torch.zeros(N_HEADS, values.shape[1], dtype=torch.float64)
        for unit in range(values.shape[1]):
            lesioned = values.clone()
            lesioned[:, unit] = mean[unit]
            other = _log_predictions(model.from_layer(lesioned, layer))
            found[:, unit] = (usual.exp() * (usual - other)).sum(dim=2).mean(dim=0)
    return found.clamp(min=0.0)  # never negative but for rounding


def _log_predictions(logits: Tensor) -> Tensor:
    return functional.log_softmax(by_head(logits.double()), dim=2)


# ------------------------------------------------------------------------------------- the scores


def expected_element(sizes_a: Sequence[int], sizes_b: Sequence[int]) -> float:
    r"""Return the element-centric similarity that two partitions have on average by chance.

    That is with the units of one of them shuffled, which leaves the sizes of clusters as they are.
    For partitions the similarity is :math:`\frac1n\sum_{AB} n_{AB}^2 / \max(a, b)` with
    :math:`n_{AB}` units common to clusters of sizes a and b, which under shuffling is
    hypergeometric: its mean square is
    :math:`\frac{ab}{n}\bigl(1 + \frac{(a-1)(b-1)}{n-1}\bigr)`.
    :func:`modlib.comparison.chance_level` estimates the same by drawing.

    Parameters
    ----------
    sizes_a, sizes_b
        Sizes of the clusters of each partition of the same units.
    """
    a, b = np.array(sizes_a, dtype=float)[:, None], np.array(sizes_b, dtype=float)
    n = float(a.sum())
    common = a * b / n * (1 + (a - 1) * (b - 1) / max(n - 1, 1.0))
    return float((common / np.maximum(a, b)).sum() / n)


def recovery(labels: Any, truth: Any) -> dict[str, float | None]:
    """Say how much of a truth an assignment recovers, among the units that have a truth.

    Parameters
    ----------
    labels
        Modules, or their labels ``[units]``; unused units (-1) form one cluster.
    truth
        The side of each unit, ``[units]``; those with -1 are left out.

    Returns
    -------
    dict
        ``adjusted_rand`` and ``element`` of the two; ``chance``, what the latter is on average if
        the truth is shuffled among the units; and ``recovery``, the element-centric similarity on
        the scale from chance, 0, to its ceiling, 1, which is reached by the truth itself. A value
        is None if no unit has a truth; recovery also if chance itself is at the ceiling.

    Raises
    ------
    ValueError
        If the labels are not whole numbers from -1 on, or differ in number.
    """
    wanted = check_labels(truth, name="truth")
    found = check_labels(labels, len(wanted))
    counts = wanted >= 0
    if not counts.any():
        return dict.fromkeys(("adjusted_rand", "element", "chance", "recovery"))
    found, wanted = found[counts], wanted[counts]
    element = agreement(found, wanted)
    chance = expected_element(_sizes(found), _sizes(wanted))
    return {
        "adjusted_rand": agreement(found, wanted, "adjusted_rand"),
        "element": element,
        "chance": min(chance, 1.0),
        "recovery": (element - chance) / (1 - chance) if chance < 1 - NOTHING else None,
    }


def _sizes(labels: np.ndarray) -> list[int]:
    return np.unique(labels, return_counts=True)[1].tolist()
