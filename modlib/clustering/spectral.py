"""The spectral start: clusters are split by the signs of eigenvectors (Algorithm 2)."""

from typing import Any

import numpy as np

from modlib.clustering.modules import Modules, by_falling_size
from modlib.clustering.moves import ROUNDING
from modlib.matrices import given
from modlib.modularity import Objective, plain_adjacency


def spectral_modules(adjacency: Any, resolution: float = 1.0, *, signed: bool = False) -> Modules:
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
    signed
        Whether the adjacency may be negative; see :func:`modlib.modularity.modularity`.

    Raises
    ------
    ValueError
        If the adjacency is refused by :func:`modlib.modularity.modularity`, or the resolution is
        not a number of at least 0.
    """
    values, known = given(adjacency, "adjacency")
    objective = Objective.of(plain_adjacency(values, signed=signed), resolution)
    labels = spectral_labels(objective)
    return Modules(labels, objective.q(labels), **known)


def spectral_labels(objective: Objective) -> np.ndarray:
    """As :func:`spectral_modules`, for what has been checked: labels ``[units]`` by size."""
    labels = np.full(len(objective.matrix), -1)
    labels[objective.used] = 0
    queue = [0] if len(objective.used) else []
    while queue:
        members = np.flatnonzero(labels == queue[-1])
        moved = _split(objective.matrix[np.ix_(members, members)])
        if moved is None:
            queue.pop()
        else:
            labels[members[moved]] = labels.max() + 1
            queue.append(int(labels.max()))
    return by_falling_size(labels)


def _split(matrix: np.ndarray) -> np.ndarray | None:
    """Which members leave for a new cluster, or None if that would not raise Q."""
    _, vectors = np.linalg.eigh(matrix)
    leading = vectors[:, -1]
    leading = leading * np.sign(leading[np.abs(leading).argmax()])
    negative = leading < 0
    if not negative.any():
        return None
    # Both blocks between the parts leave the sum that is Q.
    gain = -2 * matrix[np.ix_(negative, ~negative)].sum()
    return negative if gain > ROUNDING else None
