"""What the units of a network see, which classes they answer to, and what they do to the logits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modlib.models import MLP

CHUNK = 100  # images whose derivatives are held at once


@dataclass(frozen=True)
class Portraits:
    """The units of one layer, told by some images."""

    fields: np.ndarray
    """What each unit sees, ``[units, inputs]``: how its sum of inputs changes with each pixel, mean
    over the images at which it responds. In the first layer these are its weights, whether it ever
    responds or not."""
    responses: np.ndarray
    """The mean response to images of each class, ``[units, classes]``."""
    effects: np.ndarray
    """How each logit changes with the response, mean over images, ``[units, logits]``. In the last
    hidden layer these are the outgoing weights."""
    activity: np.ndarray
    """The share of images at which each unit responds, ``[units]``."""


def portraits(model: MLP, inputs: Tensor, classes: Tensor) -> dict[int, Portraits]:
    """Describe the units of every hidden layer, by number.

    Parameters
    ----------
    model
        In evaluation mode.
    inputs, classes
        Shapes ``[images, inputs]`` and ``[images]``; every class that there is has an image.
    """
    layers = range(1, model.n_hidden + 1)
    with torch.no_grad():
        values = {layer: model.to_layer(inputs, layer) for layer in layers}
        responds = {layer: (values[layer] > 0).to(inputs.dtype) for layer in layers}
        fields, effects = _fields(model, responds), _effects(model, responds)
    of_class = torch.nn.functional.one_hot(classes).to(inputs.dtype)
    shares = of_class / of_class.sum(dim=0).clamp(min=1)
    return {
        layer: Portraits(
            fields[layer].numpy(),
            (values[layer].T @ shares).numpy(),
            effects[layer].numpy(),
            responds[layer].mean(dim=0).numpy(),
        )
        for layer in layers
    }


def short(values: np.ndarray) -> list[Any]:
    """Write numbers of any shape with the three digits that count, for a page to load."""
    if values.ndim > 1:
        return [short(row) for row in values]
    return [float(f"{value:.3g}") for value in values]


def _fields(model: MLP, responds: dict[int, Tensor]) -> dict[int, Tensor]:
    weights = [linear.weight for linear in model.linears]
    sums = {layer: torch.zeros(len(weights[layer - 1]), model.widths[0]) for layer in responds}
    for masks in _chunks(responds):
        through = weights[0].expand(len(masks[1]), -1, -1)  # [images, units, inputs]
        for layer, mask in masks.items():
            if layer > 1:
                through = weights[layer - 1] @ through
            through = mask[:, :, None] * through
            sums[layer] += through.sum(dim=0)
    counts = {layer: mask.sum(dim=0).clamp(min=1)[:, None] for layer, mask in responds.items()}
    return {layer: sums[layer] / counts[layer] for layer in responds} | {1: weights[0]}


def _chunks(responds: dict[int, Tensor]) -> Iterator[dict[int, Tensor]]:
    for masks in zip(*(mask.split(CHUNK) for mask in responds.values()), strict=True):
        yield dict(zip(responds, masks, strict=True))


def _effects(model: MLP, responds: dict[int, Tensor]) -> dict[int, Tensor]:
    effects = {}
    back = model.linears[-1].weight.expand(len(responds[1]), -1, -1)  # [images, logits, units]
    for layer in reversed(responds):
        effects[layer] = back.mean(dim=0).T
        back = (back * responds[layer][:, None, :]) @ model.linears[layer - 1].weight
    return effects
