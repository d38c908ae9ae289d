"""From similarity to adjacency, and Newman's modularity of an assignment (section 3.2)."""

from typing import Any

import numpy as np

from modlib.matrices import given
from modlib.objective import (
    Adjacency,
    AnyObjective,
    check_matrix,
    check_null,
    objective_of,
    scaled,
    without_zeros,
)
from modlib.validation import (
    as_array,
    check_adjacency,
    check_flag,
    check_labels,
    check_memberships,
    check_similarity,
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
    return scaled(check_similarity(values, signed=signed, diagonal=False))


def read_similarity(values: Any, signed: bool) -> Adjacency:
    """As :func:`to_adjacency` for values of any kind, sparse where they are mostly zero."""
    signed = check_flag("signed", signed)
    return scaled(without_zeros(check_matrix(values, signed=signed)))


def modularity_matrix(
    adjacency: Any,
    resolution: float = 1.0,
    *,
    null: Any = "configuration",
    signed: bool = False,
) -> np.ndarray:
    r"""Return :math:`B = \tilde A - \gamma\, N`, whose sums are modularity.

    ``B[i, j]`` is by how much units i and j are more similar than expected: under the
    configuration null, :math:`N = \tilde A 1 1^T \tilde A`, from how similar each is to all others.
    For resolution :math:`\gamma = 1` its rows then sum to zero.

    Parameters and errors are those of :func:`modularity`.
    """
    objective, _ = read_objective(adjacency, resolution, null, signed)
    return objective.matrix


def read_objective(
    adjacency: Any, resolution: Any, null: Any, signed: bool
) -> tuple[AnyObjective, dict[str, Any]]:
    """Read an adjacency, in any form, and a null: what is to be maximised, and the units' names.

    Raises
    ------
    ValueError
        As for :func:`modularity`.
    """
    values, known = given(adjacency, "adjacency", sparse=True)
    signed = check_flag("signed", signed)
    weights = without_zeros(check_adjacency(values, signed=signed))
    null = check_null(null, weights, known.get("units"))
    return objective_of(weights, resolution, null), known


def modularity(
    adjacency: Any,
    labels: Any,
    resolution: float = 1.0,
    *,
    null: Any = "configuration",
    signed: bool = False,
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

    Instead of what the units have in all, the null model (``null``) may deal out the same to every
    pair of two different units in use (``"uniform"``; Reichardt & Bornholdt 2006), or be a matrix
    N of one's own, :math:`B = \tilde A - \gamma N`. That is treated as the adjacency is: its
    diagonal is of no account, and its entries are scaled to sum to one.

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
    null
        ``"configuration"``, ``"uniform"``, or a symmetric matrix of shape ``[units, units]`` in
        any form that :func:`to_adjacency` takes, non-negative unless the adjacency is not.
    signed
        Whether the adjacency may be negative.

    Raises
    ------
    ValueError
        If the adjacency, the labels, the resolution or the null break these rules, or a unit that
        is similar to others is marked unused.
    """
    objective, _ = read_objective(adjacency, resolution, null, signed)
    labels = as_array(labels, "labels")
    if labels.ndim == 2:
        memberships = check_memberships(labels, objective.n_units)
        return float(np.sum(memberships * objective.times(memberships)))
    return objective.q(check_start(objective, labels))


def check_start(objective: AnyObjective, labels: Any) -> np.ndarray:
    """Return labels of all units as int64 ``[units]``, none of them -1 for a unit in use.

    Raises
    ------
    ValueError
        If they are not whole numbers of at least -1, one for each unit, or if a unit that is
        similar to others is marked unused.
    """
    labels = check_labels(labels, objective.n_units)
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
