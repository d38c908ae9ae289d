"""Agreement of two assignments of the same units (section 4.3)."""

from typing import Any

import numpy as np
from clusim.clustering import Clustering
from clusim.sim import element_sim

from modlib.validation import check_choice, check_labels


def cluster_similarity(labels_a: Any, labels_b: Any, measure: str = "element") -> float:
    """Compute how much two assignments agree.

    Unused units (-1) form one cluster of their own.

    Parameters
    ----------
    labels_a, labels_b
        Whole numbers of shape ``[units]``, -1 for unused units.
    measure
        ``"element"``: the element-centric similarity of Gates et al. (2019), in [0, 1]; 1 for
        equal assignments. For partitions it is the mean over units of the overlap of the unit's
        two clusters over the size of the larger.

    Raises
    ------
    ValueError
        If the labels are not whole numbers from -1 on, differ in number, or the measure is
        unknown.
    """
    check_choice("measure", measure, CLUSTER_MEASURES)
    labels_a = check_labels(labels_a, name="labels_a")
    labels_b = check_labels(labels_b, len(labels_a), name="labels_b")
    return float(CLUSTER_MEASURES[measure](_clustering(labels_a), _clustering(labels_b)))


CLUSTER_MEASURES = {"element": element_sim}


def _clustering(labels: np.ndarray) -> Clustering:
    return Clustering().from_membership_list(labels.tolist())


def agreement_matrix(assignments: list[Any], measure: str = "element") -> np.ndarray:
    """Compute the agreement of every two of several assignments of the same units.

    Returns
    -------
    numpy.ndarray
        Float64 of shape ``[assignments, assignments]``, symmetric.

    Raises
    ------
    ValueError
        As for :func:`cluster_similarity`.
    """
    n = len(assignments)
    matrix = np.empty((n, n))
    for i in range(n):
        for j in range(i, n):
            matrix[i, j] = cluster_similarity(assignments[i], assignments[j], measure)
            matrix[j, i] = matrix[i, j]
    return matrix
