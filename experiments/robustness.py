"""How much a network bears: noise on its inputs, and weights taken away."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from experiments.tasks import accuracies_of
from modlib.models import MLP
from modlib.seeds import generator

DISTURBANCES = {"noise": (0.25, 0.5, 1.0), "pruning": (0.5, 0.75, 0.9)}
"""Levels of each: the standard deviation of Gaussian noise on pixels, which lie between 0 and 1;
and the share of the weights of every layer, the smallest ones, that are set to zero."""


def robustness_rows(model: MLP, inputs: Tensor, targets: Tensor) -> Iterator[dict[str, Any]]:
    """Measure the accuracy of a network that is disturbed.

    Parameters
    ----------
    model, inputs, targets
        The network and held-out samples. The noise is the same for all networks.

    Yields
    ------
    dict
        A row of the table ``dials_robustness``, without the columns that name the network.
    """
    for disturbance, levels in DISTURBANCES.items():
        for level in levels:
            if disturbance == "noise":
                logits = _run(model, with_noise(inputs, level))
            else:
                logits = _run(pruned(model, level), inputs)
            found = accuracies_of(logits, targets)
            accuracy = sum(found) / len(found)
            yield {"disturbance": disturbance, "level": level, "accuracy": accuracy}


def with_noise(inputs: Tensor, level: float) -> Tensor:
    """Add Gaussian noise of a standard deviation to inputs, the same whatever the level."""
    noise = torch.randn(inputs.shape, generator=generator(0, "noise on inputs"))
    return inputs + level * noise


def pruned(model: MLP, share: float) -> MLP:
    """Return a copy of a network without a share of each layer's weights, those nearest to zero."""
    found = deepcopy(model)
    with torch.no_grad():
        for linear in found.linears:
            order = linear.weight.abs().flatten().argsort(stable=True)
            linear.weight.view(-1)[order[: round(share * len(order))]] = 0.0
    return found


def _run(model: MLP, inputs: Tensor) -> Tensor:
    with torch.inference_mode():
        return model(inputs)
