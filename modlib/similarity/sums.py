"""Sums over samples of symmetric matrices of units, as they are and of absolute values."""

from collections.abc import Collection

import numpy as np
import torch
from numba import njit
from torch import Tensor

from modlib.similarity.conventions import CONVENTIONS


def outer_products(deviations: Tensor, conventions: Collection[str]) -> dict[str, Tensor]:
    """Sum ``|d_k d_k^T|`` (or without bars) over samples; ``deviations [samples, units]``."""
    return {
        convention: factors.mT @ factors
        for convention, factors in _chosen(deviations, deviations.abs(), conventions).items()
    }


def masked_products(
    counts: Tensor, gram: Tensor, conventions: Collection[str]
) -> dict[str, Tensor]:
    """Sum products that are the same ``gram [units, units]`` wherever both units are active."""
    return {
        convention: counts * product
        for convention, product in _chosen(gram, gram.abs(), conventions).items()
    }


def factor_products(factors: Tensor, conventions: Collection[str]) -> dict[str, Tensor]:
    """Sum ``|F_k F_k^T|`` (or without bars) over samples; ``factors [samples, units, any]``."""
    return summed(factors @ factors.mT, conventions)


def summed(products: Tensor, conventions: Collection[str]) -> dict[str, Tensor]:
    """Sum symmetric ``products [samples, units, units]`` over samples, in float64."""
    if products.device.type == "cpu":
        # One pass over half of each product, where PyTorch would need three over all of it.
        signed, absolute = map(torch.from_numpy, sum_products(products.detach().numpy()))
    else:
        signed = products.sum(dim=0, dtype=torch.float64)
        absolute = products.abs().sum(dim=0, dtype=torch.float64)
    return _chosen(signed, absolute, conventions)


def _chosen(signed: Tensor, absolute: Tensor, conventions: Collection[str]) -> dict[str, Tensor]:
    """What each convention sums: the products, or their absolute values."""
    return {name: absolute if CONVENTIONS[name].absolute_inside else signed for name in conventions}


@njit(cache=True)
def sum_products(products):
    """Sum symmetric matrices ``[samples, units, units]``, and their absolute values, in float64."""
    n = products.shape[1]
    signed = np.zeros((n, n))
    absolute = np.zeros((n, n))
    for sample in range(len(products)):
        for i in range(n):
            for j in range(i + 1):
                value = np.float64(products[sample, i, j])
                signed[i, j] += value
                absolute[i, j] += abs(value)
    for i in range(n):
        for j in range(i):
            signed[j, i] = signed[i, j]
            absolute[j, i] = absolute[i, j]
    return signed, absolute
