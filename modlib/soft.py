"""Modularity of soft assignments, as an objective that training can follow."""

from typing import Any

import torch
from torch import Tensor

from modlib.objective import check_resolution

ROUNDING = 1e-3  # by how much memberships in single precision, or of a test, may miss their range


def soft_modularity(similarity: Any, assignment: Any, resolution: float = 1.0) -> Tensor:
    r"""Compute Newman's modularity of a soft assignment, differentiable in both.

    .. math:: Q = \sum_c p_c^T (\tilde A - \gamma\, \tilde A 1 1^T \tilde A)\, p_c

    with :math:`\tilde A` the similarity without its diagonal, scaled to sum to one, and
    :math:`p_c` the memberships in module c: equation 8 of the paper, in which P may be soft. At a
    hard assignment it is what :func:`modlib.modularity.modularity` gives. The paper wishes for
    such an objective (section 5).

    Parameters
    ----------
    similarity
        Tensor of shape ``[units, units]``: symmetric, real numbers, none of them negative; its
        diagonal is of no account. Of a batch in training, for instance.
    assignment
        Tensor of shape ``[units, modules]``: how much of each unit is in each module, such as the
        softmax of free numbers. Rows sum to one; those of unused units may be zero.
    resolution
        Weight :math:`\gamma` of the null model: larger values favour smaller modules.

    Returns
    -------
    Tensor
        A single number, below one, on the device and in the precision of the similarity; zero,
        with a gradient of zero, if no two units are similar.

    Raises
    ------
    ValueError
        If an argument breaks these rules.
    """
    values = _checked_similarity(similarity)
    memberships = _checked_assignment(assignment, len(values)).to(values)
    resolution = check_resolution(resolution)
    weights = (values + values.mT) / 2
    weights = weights - torch.diag(weights.diagonal())
    total = weights.sum()
    # Scaled by another number where there is nothing to scale, whose gradient stays finite.
    adjacency = weights / torch.where(total > 0, total, torch.ones_like(total))
    together = memberships.mT @ adjacency @ memberships
    degrees = adjacency.sum(dim=1) @ memberships
    return together.trace() - resolution * degrees.square().sum()


def _checked_similarity(similarity: Any) -> Tensor:
    is_square = isinstance(similarity, Tensor) and similarity.dim() == 2
    if not is_square or similarity.shape[0] != similarity.shape[1] or not len(similarity):
        raise ValueError(
            "similarity must be a tensor of shape [units, units], of at least one unit. Got "
            f"{_shape_of(similarity)}."
        )
    if not similarity.is_floating_point():
        raise ValueError(
            f"similarity must be a tensor of real numbers. Got dtype {similarity.dtype}."
        )
    values = similarity.detach()
    if not values.isfinite().all():
        raise ValueError("similarity must be finite. Got entries that are not: NaN or infinity.")
    gap, largest = (values - values.mT).abs().max(), values.abs().max()
    if gap > ROUNDING * largest:
        raise ValueError(
            f"similarity must be symmetric. Got entries that differ by {gap.item():g}."
        )
    apart = values - torch.diag(values.diagonal())
    if apart.min() < -ROUNDING * largest:
        raise ValueError(
            f"similarity must not be negative. Got {apart.min().item():g}: take absolute values."
        )
    return similarity


def _checked_assignment(assignment: Any, n_units: int) -> Tensor:
    is_matrix = isinstance(assignment, Tensor) and assignment.dim() == 2
    if not is_matrix or assignment.shape[0] != n_units or not assignment.shape[1]:
        raise ValueError(
            f"assignment must be a tensor of shape [{n_units}, modules]. Got "
            f"{_shape_of(assignment)}."
        )
    if not assignment.is_floating_point():
        raise ValueError(
            "assignment must be a tensor of real numbers, how much of a unit is in a module. Got "
            f"dtype {assignment.dtype}."
        )
    values = assignment.detach()
    sums = values.sum(dim=1)
    is_whole_or_none = ((sums - 1).abs() <= ROUNDING) | (values.abs().amax(dim=1) <= ROUNDING)
    if not (values >= -ROUNDING).all() or not is_whole_or_none.all():
        raise ValueError(
            "assignment must hold no negative numbers, and rows that sum to one, or to zero for "
            f"unused units. Got entries from {values.min().item():g} and rows that sum to "
            f"{sums.min().item():g} to {sums.max().item():g}: apply a softmax over modules."
        )
    return assignment


def _shape_of(value: Any) -> str:
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
