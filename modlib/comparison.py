"""Agreement of two assignments of the same units (section 4.3)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations
from math import inf, nan
from typing import Any

import numpy as np
from clusim import sim
from clusim.clustering import Clustering
from sklearn.metrics import adjusted_mutual_info_score

from modlib.validation import check_choice, check_labels, check_seed, check_whole, is_iterable

MOST_PERMUTATIONS = 10**8  # their agreements are all kept, 8 bytes each


@dataclass(frozen=True)
class AgreementMeasure:
    """One way to compare two partitions: a function of clusim and what its values mean."""

    function: Callable[[Clustering, Clustering], float]
    low: float
    """The lowest value it can take."""
    high: float
    """The highest value it can take."""
    closer_is_higher: bool = True
    """Whether a higher value means more agreement; if not, the measure is a distance."""
    symmetric: bool = True
    """Whether the order of the two partitions is of no account."""

    @property
    def of_equals(self) -> float:
        """The value of a partition with itself; NaN if that depends on the partition."""
        if self.function is sim.mi:
            return nan
        return self.high if self.closer_is_higher else self.low


def _adjusted_mutual_information(one: Clustering, other: Clustering) -> float:
    """Return what ``sim.adj_mi`` returns, as scikit-learn computes it: ten times as fast."""
    return adjusted_mutual_info_score(one.to_membership_list(), other.to_membership_list())


AGREEMENT_MEASURES: dict[str, AgreementMeasure] = {
    "element": AgreementMeasure(sim.element_sim, 0, 1),
    "jaccard": AgreementMeasure(sim.jaccard_index, 0, 1),
    "rand": AgreementMeasure(sim.rand_index, 0, 1),
    "adjusted_rand": AgreementMeasure(sim.adjrand_index, -1, 1),
    "fowlkes_mallows": AgreementMeasure(sim.fowlkes_mallows_index, 0, 1),
    "f": AgreementMeasure(sim.fmeasure, 0, 1),
    "czekanowski": AgreementMeasure(sim.czekanowski_index, 0, 1),
    "dice": AgreementMeasure(sim.dice_index, 0, 1),
    "sorensen": AgreementMeasure(sim.sorensen_index, 0, 1),
    "rogers_tanimoto": AgreementMeasure(sim.rogers_tanimoto_index, 0, 1),
    "southwood": AgreementMeasure(sim.southwood_index, 0, inf),
    "purity": AgreementMeasure(sim.purity_index, 0, 1, symmetric=False),
    "classification_error": AgreementMeasure(
        sim.classification_error, 0, 1, closer_is_higher=False, symmetric=False
    ),
    "geometric_accuracy": AgreementMeasure(sim.geometric_accuracy, 0, 1),
    "mutual_information": AgreementMeasure(sim.mi, 0, inf),
    "normalized_mutual_information": AgreementMeasure(sim.nmi, 0, 1),
    "adjusted_mutual_information": AgreementMeasure(_adjusted_mutual_information, -1, 1),
    "reduced_mutual_information": AgreementMeasure(
        partial(sim.rmi, norm_type="normalized"), -inf, 1
    ),
    "variation_of_information": AgreementMeasure(sim.vi, 0, inf, closer_is_higher=False),
}
"""The measures of clusim 0.4 that apply to partitions, by name.

Information is in bits. ``f``, ``czekanowski``, ``dice`` and ``sorensen`` are one measure under four
names, as in clusim. Left out are ``omega_index``, ``onmi`` and ``overlap_quality``, which are for
overlapping clusters (on partitions the first is the adjusted Rand index and the last is constant),
and ``pearson_correlation``, which in clusim 0.4 lacks the square root of its denominator and so
gives a partition next to no correlation with itself.
"""


def agreement(labels_a: Any, labels_b: Any, measure: str = "element") -> float:
    """Compute how much two assignments agree.

    Unused units (-1) form one cluster of their own. Where clusim divides zero by zero, or differs
    between measures, two rules hold: equal assignments have the best value of the measure's range
    (the mutual information of equals is their entropy), and an assignment to a single cluster
    tells nothing about any other, so that its information about it is zero.

    Parameters
    ----------
    labels_a, labels_b
        Whole numbers of shape ``[units]``, -1 for unused units.
    measure
        One of :data:`AGREEMENT_MEASURES`. ``"element"`` is the element-centric similarity of Gates
        et al. (2019): for partitions the mean over units of the overlap of the unit's two
        clusters over the size of the larger.

    Raises
    ------
    ValueError
        If the labels are not whole numbers from -1 on, differ in number, or the measure is
        unknown.
    """
    check_choice("measure", measure, AGREEMENT_MEASURES)
    labels_a = check_labels(labels_a, name="labels_a")
    labels_b = check_labels(labels_b, len(labels_a), name="labels_b")
    return _similarity(_Partition(labels_a), _Partition(labels_b), AGREEMENT_MEASURES[measure])


class _Partition:
    """An assignment in the forms that comparing needs, each made once."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = _canonical(labels)

    @cached_property
    def clustering(self) -> Clustering:
        return Clustering().from_membership_list(self.labels.tolist())


def _similarity(one: _Partition, other: _Partition, measure: AgreementMeasure) -> float:
    if np.array_equal(one.labels, other.labels) and measure.of_equals == measure.of_equals:
        return float(measure.of_equals)
    # The conversion rounds away the last digits of values such as 1 + 1e-16.
    value = float(measure.function(one.clustering, other.clustering))
    return min(max(value, float(measure.low)), float(measure.high))


def _canonical(labels: np.ndarray) -> np.ndarray:
    """Name clusters by order of appearance, so that equal partitions have equal labels."""
    _, first, index = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[index]


@dataclass(frozen=True)
class ChanceLevel:
    """How much two assignments would agree if they had nothing to do with each other."""

    mean: float
    std: float
    values: np.ndarray
    """The agreement under each permutation, shape ``[permutations]``."""


def chance_level(
    labels_a: Any,
    labels_b: Any,
    measure: str = "element",
    n_permutations: int = 200,
    seed: int = 0,
) -> ChanceLevel:
    """Compute the agreement by chance: with the units of one assignment shuffled.

    The number and sizes of clusters stay as they are (the permutation model of Hubert and
    Arabie, 1985).

    Parameters
    ----------
    labels_a, labels_b, measure
        As for :func:`agreement`.
    n_permutations
        Number of shuffles, from 1 to ``MOST_PERMUTATIONS`` (100 million).
    seed
        Draws the shuffles.

    Raises
    ------
    ValueError
        As for :func:`agreement`, or if an option is outside its range.
    """
    check_choice("measure", measure, AGREEMENT_MEASURES)
    n_permutations = check_whole("n_permutations", n_permutations, 1, MOST_PERMUTATIONS)
    labels_a = check_labels(labels_a, name="labels_a")
    labels_b = check_labels(labels_b, len(labels_a), name="labels_b")
    random = np.random.default_rng(check_seed(seed))
    values = np.array(
        [agreement(labels_a, random.permutation(labels_b), measure) for _ in range(n_permutations)]
    )
    return ChanceLevel(float(values.mean()), float(values.std()), values)


def agreement_matrix(assignments: Iterable[Any], measure: str = "element") -> np.ndarray:
    """Compute the agreement of every two of several assignments of the same units.

    Parameters
    ----------
    assignments
        Labels of the same units, each of shape ``[units]``; at least one.
    measure
        As for :func:`agreement`.

    Returns
    -------
    numpy.ndarray
        Float64 of shape ``[assignments, assignments]``: row against column.

    Raises
    ------
    ValueError
        As for :func:`agreement`, or if there are no assignments.
    """
    listed = _listed(assignments)
    return np.array([[agreement(one, other, measure) for other in listed] for one in listed])


def _listed(assignments: Any) -> list[np.ndarray]:
    """The assignments, checked; they may come one by one, and each is looked at more than once."""
    listed = list(assignments) if is_iterable(assignments) else []
    if not listed:
        raise ValueError(f"assignments must be labels, one set or more. Got {assignments!r}.")
    n_units = len(check_labels(listed[0], name="assignments[0]"))
    return [
        check_labels(labels, n_units, f"assignments[{place}]")
        for place, labels in enumerate(listed)
    ]


def pairwise_agreement(
    assignments: Iterable[Any], measures: Iterable[str] = tuple(AGREEMENT_MEASURES)
) -> dict[str, np.ndarray]:
    """Compute the agreement of every pair of assignments by many measures, sharing the work.

    Parameters
    ----------
    assignments
        Labels of the same units, each of shape ``[units]``.
    measures
        Of :data:`AGREEMENT_MEASURES`.

    Returns
    -------
    dict of numpy.ndarray
        For each measure, float64 of shape ``[pairs]``, in the order of
        :func:`itertools.combinations`: the first with the second, with the third, and so on.

    Raises
    ------
    ValueError
        As for :func:`agreement`.
    """
    if not is_iterable(measures):
        raise ValueError(f"measures must be a list of names. Got {measures!r}.")
    measures = tuple(measures)
    for measure in measures:
        check_choice("measure", measure, AGREEMENT_MEASURES)
    partitions = [_Partition(labels) for labels in _listed(assignments)]
    return {
        measure: np.array(
            [
                _similarity(one, other, AGREEMENT_MEASURES[measure])
                for one, other in combinations(partitions, 2)
            ]
        )
        for measure in measures
    }
