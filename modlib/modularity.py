"""From similarity to adjacency, and Newman's modularity of an assignment (section 3.2)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from modlib.matrices import given
from modlib.validation import (
    as_array,
    check_adjacency,
    check_flag,
    check_labels,
    check_memberships,
    check_similarity,
    is_number,
)


def to_adjacency(similarity: Any, *, signed: bool = False) -> np.ndarray:
    r"""Turn a similarity matrix into the adjacency matrix of a graph of units.

    The diagonal is set to zero (a unit's similarity to itself says nothing of its neighbours),
    and the entries are scaled to sum to one (equations 6 and 7),

    .. math:: \tilde A = A \,/\, \textstyle\sum_{ij} |A_{ij}|.

    Parameters
    ----------
    similarity
        Symmetric and non-negative, of shape ``[units, units]``: an array, a
        :class:`~modlib.similarity.matrix.Similarity`, a pandas frame, a SciPy sparse matrix, or a
        graph of NetworkX or igraph; see :func:`modlib.matrices.given`.
    signed
        Whether entries may be negative, as correlations are; then it is their magnitudes that
        sum to one.

    Returns
    -------
    numpy.ndarray
        Float64 of shape ``[units, units]``. If no two units are similar at all, it is zero
        throughout, since nothing can be scaled to one.

    Raises
    ------
    ValueError
        If the similarity is not square, has an entry that is not finite, or is negative unless
        ``signed``, or is asymmetric beyond rounding; its diagonal is of no account there. If a
        frame or a graph is refused by :func:`modlib.matrices.given`.
    """
    signed = check_flag("signed", signed)
    values = given(similarity).values
    return _scaled(check_similarity(values, signed=signed, diagonal=False))


def _scaled(adjacency: np.ndarray) -> np.ndarray:
    """Scale magnitudes to sum to one, by way of the largest so that no sum overflows."""
    if not adjacency.any():
        return adjacency
    adjacency = adjacency / np.abs(adjacency).max()
    return adjacency / np.abs(adjacency).sum()


def _by_chance(adjacency: np.ndarray) -> np.ndarray:
    """What each pair is expected to have, given how much each unit has in all.

    Where there are negative weights, positive and negative ones are dealt out each by themselves.
    """
    degrees = adjacency.sum(axis=1)
    if (adjacency >= 0).all():
        return np.outer(degrees, degrees)  # they sum to one
    positive, negative = np.maximum(adjacency, 0.0), np.maximum(-adjacency, 0.0)
    return _dealt_out(positive) - _dealt_out(negative)


def _dealt_out(part: np.ndarray) -> np.ndarray:
    degrees = part.sum(axis=1)
    total = degrees.sum()
    return np.outer(degrees, degrees) / total if total else part


@dataclass(frozen=True, eq=False)
class Objective:
    """What a search maximises: modularity of one matrix as a function of labels.

    B is built once, and every search, score and proof of the matrix shares it.
    """

    matrix: np.ndarray
    """B of :func:`modularity_matrix`, float64 of shape ``[units, units]``."""
    used: np.ndarray
    """Which units are linked to any other, by either sign, in order, int64 of shape ``[used]``."""

    @classmethod
    def of(cls, adjacency: np.ndarray, resolution: float = 1.0) -> "Objective":
        """Build it from an adjacency that has been checked; of any scale.

        Negative weights, where the check has let them pass, have a null model of their own; see
        :func:`modularity`.

        Raises
        ------
        ValueError
            If the resolution is not a number of at least 0.
        """
        if not is_number(resolution) or resolution < 0:
            raise ValueError(f"resolution must be a number of at least 0. Got {resolution!r}.")
        scaled = _scaled(adjacency)
        used = np.flatnonzero(adjacency.any(axis=1))
        return cls(scaled - float(resolution) * _by_chance(scaled), used)

    @property
    def matrix_of_used(self) -> np.ndarray:
        """B of the used units alone, ``[used, used]``."""
        return self.matrix[np.ix_(self.used, self.used)]

    def labels_of_all(self, labels: np.ndarray) -> np.ndarray:
        """Labels of all units, given those of the used ones: -1 for the others."""
        every = np.full(len(self.matrix), -1)
        every[self.used] = labels
        return every

    def q(self, labels: np.ndarray) -> float:
        """Modularity of labels ``[units]``."""
        return float(self.matrix[labels[:, None] == labels].sum())


def modularity_matrix(
    adjacency: Any, resolution: float = 1.0, *, signed: bool = False
) -> np.ndarray:
    r"""Return :math:`B = \tilde A - \gamma\, \tilde A 1 1^T \tilde A`, whose sums are modularity.

    ``B[i, j]`` is by how much units i and j are more similar than expected from how similar each
    is to all others. For resolution :math:`\gamma = 1` its rows sum to zero.

    Parameters and errors are those of :func:`modularity`.
    """
    return Objective.of(plain_adjacency(adjacency, signed=signed), resolution).matrix


def plain_adjacency(adjacency: Any, *, signed: bool) -> np.ndarray:
    """Return an adjacency, given in any form, as float64 ``[units, units]``.

    Raises
    ------
    ValueError
        If it is refused by :func:`modlib.matrices.given`, is not square, symmetric, finite and
        zero on the diagonal, or has a negative entry unless ``signed``.
    """
    signed = check_flag("signed", signed)
    return check_adjacency(given(adjacency, "adjacency").values, signed=signed)


def modularity(
    adjacency: Any, labels: Any, resolution: float = 1.0, *, signed: bool = False
) -> float:
    r"""Compute Newman's modularity Q of an assignment (equation 8; Newman & Girvan 2004).

    .. math:: Q = \mathrm{Tr}(P^T \tilde A P) - \gamma\, \mathrm{Tr}(P^T \tilde A 1 1^T \tilde A P)

    Computed as :math:`\sum_{ij} B_{ij} (P P^T)_{ij}`. Q is below one, zero for a single cluster
    (at resolution one), and unchanged by the scale of the adjacency and the names of clusters.

    Weights of both signs (``signed``) are split into :math:`A^+ - A^-`, both non-negative, and
    each part has a null model of its own (Gomez, Jensen & Arenas 2009). With the degrees
    :math:`d^\pm` and the sums :math:`s^\pm` of the parts,

    .. math:: B = \frac{1}{s^+ + s^-} \left[ A - \gamma \left(
        \frac{d^+ {d^+}^T}{s^+} - \frac{d^- {d^-}^T}{s^-} \right) \right],

    so that units that share a cluster are to have more positive and less negative weight between
    them than expected. Without negative weights it is the same as above.

    Parameters
    ----------
    adjacency
        Symmetric, non-negative, zero diagonal, of shape ``[units, units]``; of any scale, and in
        any form that :func:`to_adjacency` takes.
    labels
        Either whole numbers of shape ``[units]``, with -1 allowed for units without any
        similarity, or soft memberships P of shape ``[units, clusters]``, rows summing to one.
    resolution
        Weight :math:`\gamma` of the null model: larger values favour smaller clusters.
    signed
        Whether the adjacency may be negative.

    Raises
    ------
    ValueError
        If the adjacency, the labels or the resolution break these rules, or a unit that is
        similar to others is marked unused.
    """
    adjacency = plain_adjacency(adjacency, signed=signed)
    objective = Objective.of(adjacency, resolution)
    labels = as_array(labels, "labels")
    if labels.ndim == 2:
        memberships = check_memberships(labels, len(adjacency))
        return float(np.sum(memberships * (objective.matrix @ memberships)))
    return objective.q(check_start(objective, labels))


def check_start(objective: Objective, labels: Any) -> np.ndarray:
    """Return labels of all units as int64 ``[units]``, none of them -1 for a unit in use.

    Raises
    ------
    ValueError
        If they are not whole numbers of at least -1, one for each unit, or if a unit that is
        similar to others is marked unused.
    """
    labels = check_labels(labels, len(objective.matrix))
    stray = objective.used[labels[objective.used] < 0]
    if stray.size:
        raise ValueError(
            "labels must be -1 for units without any similarity only. Got -1 for unit "
            f"{stray[0]}, which is similar to others: give it a module."
        )
    return labels


def effective_number(labels: Any) -> float:
    r"""Compute the effective number of clusters, :math:`e^{H(r)}` (equation 10).

    Here r are the fractions of used units per cluster and H the entropy in nats: c equal
    clusters count c, and a cluster of few units counts little.

    Parameters
    ----------
    labels
        Whole numbers of shape ``[units]``, -1 for unused units, or soft memberships of shape
        ``[units, clusters]``.

    Returns
    -------
    float
        At least one; zero if no unit is used.

    Raises
    ------
    ValueError
        If the labels are not of either form.
    """
    labels = as_array(labels, "labels")
    if labels.ndim == 2:
        fractions = check_memberships(labels).mean(axis=0)
    else:
        labels = check_labels(labels)
        _, sizes = np.unique(labels[labels >= 0], return_counts=True)
        fractions = sizes / max(sizes.sum(), 1)
    fractions = fractions[fractions > 0]
    return float(np.exp(-np.sum(fractions * np.log(fractions)))) if fractions.size else 0.0
