"""Sums over samples of symmetric matrices of units, with and without bars."""

from collections.abc import Collection

import torch
from torch import Tensor

from modlib.clustering.moves import sum_products


def outer_products(deviations: Tensor, absolutes: Collection[str]) -> dict[str, Tensor]:
    """Sum ``|d_k d_k^T|`` (or without bars) over samples; ``deviations [samples, units]``."""
    signed = {"outside": deviations, "inside": deviations.abs()}
    return {absolute: signed[absolute].mT @ signed[absolute] for absolute in absolutes}


def masked_products(counts: Tensor, gram: Tensor, absolutes: Collection[str]) -> dict[str, Tensor]:
    """Sum products that are the same ``gram [units, units]`` wherever both units are active."""
    signed = {"outside": gram, "inside": gram.abs()}
    return {absolute: counts * signed[absolute] for absolute in absolutes}


def factor_products(factors: Tensor, absolutes: Collection[str]) -> dict[str, Tensor]:
    """Sum ``|F_k F_k^T|`` (or without bars) over samples; ``factors [samples, units, any]``."""
    return summed(factors @ factors.mT, absolutes)


def summed(products: Tensor, absolutes: Collection[str]) -> dict[str, Tensor]:
    """Sum symmetric ``products [samples, units, units]`` over samples, in float64."""
    if products.device.type == "cpu":
        # One pass over half of each product, where PyTorch would need three over all of it.
        signed, absolute = map(torch.from_numpy, sum_products(products.detach().numpy()))
    else:
        signed = products.sum(dim=0, dtype=torch.float64)
        absolute = products.abs().sum(dim=0, dtype=torch.float64)
    sums = {"outside": signed, "inside": absolute}
    return {key: sums[key] for key in absolutes}
