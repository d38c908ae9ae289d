"""The spectral start: clusters are split by the signs of eigenvectors (Algorithm 2)."""

from typing import Any

import numpy as np
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from modlib.clustering.modules import Modules, by_falling_size
from modlib.clustering.moves import ROUNDING
from modlib.modularity import read_objective
from modlib.objective import AnyObjective

MANY = 128  # units from which only the leading eigenvector is sought, and that by iteration
ACCURACY = 1e-9  # of its eigenvalue, relatively; only its signs count


def spectral_modules(
    adjacency: Any,
    resolution: float = 1.0,
    *,
    null: Any = "configuration",
    signed: bool = False,
) -> Modules:
    """Split units greedily by the signs of leading eigenvectors (Algorithm 2; Newman 2006).

    Starting from a single cluster, each cluster is split by the sign of the eigenvector that
    belongs to the largest eigenvalue of its part of the modularity matrix, if that raises Q; the
    parts are then split in turn. Q is a sum over clusters, so each split is judged by itself.

    Parameters
    ----------
    adjacency
        As :func:`modlib.modularity.to_adjacency` returns it, of shape ``[units, units]``, or in
        any form that it takes; the names of the units are kept.
    resolution
        Weight of the null model in Q.
    null
        What chance gives: ``"configuration"``, ``"uniform"`` or a matrix; see
        :func:`modlib.modularity.modularity`.
    signed
        Whether the adjacency may be negative; see :func:`modlib.modularity.modularity`.

    Raises
    ------
    ValueError
        If the adjacency, the resolution or the null is refused by
        :func:`modlib.modularity.modularity`.
    """
    objective, known = read_objective(adjacency, resolution, null, signed)
    labels = spectral_labels(objective)
    return Modules(labels, objective.q(labels), **known)


def spectral_labels(objective: AnyObjective) -> np.ndarray:
    """As :func:`spectral_modules`, for what has been checked: labels ``[units]`` by size."""
    labels = np.full(objective.n_units, -1)
    labels[objective.used] = 0
    queue = [0] if len(objective.used) else []
    while queue:
        members = np.flatnonzero(labels == queue[-1])
        moved = _split(objective.part(members))
        if moved is None:
            queue.pop()
        else:
            labels[members[moved]] = labels.max() + 1
            queue.append(int(labels.max()))
    return by_falling_size(labels)


def _split(module: AnyObjective) -> np.ndarray | None:
    """Which members of a module leave for a new one, or None if that would not raise Q."""
    leading = _leading(module)
    leading = leading * np.sign(leading[np.abs(leading).argmax()])
    negative = leading < 0
    if not negative.any():
        return None
    # Both blocks between the parts leave the sum that is Q.
    return negative if -2 * module.between(negative) > ROUNDING else None


def _leading(module: AnyObjective) -> np.ndarray:
    """The eigenvector of the largest eigenvalue of B, ``[units]``."""
    if module.n_units < MANY:
        return np.linalg.eigh(module.matrix)[1][:, -1]
    shape = (module.n_units, module.n_units)
    operator = LinearOperator(shape, module.times, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(module.n_units)  # the same at each call
    try:
        return eigsh(operator, k=1, which="LA", v0=start, tol=ACCURACY)[1][:, -1]
    except ArpackNoConvergence:  # eigenvalues that lie so close that none leads
        return np.linalg.eigh(module.matrix)[1][:, -1]
