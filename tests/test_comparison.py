"""Tests of modlib.comparison: agreement of partitions, by hand, by scikit-learn, by theorem."""

from math import inf, isnan, log, sqrt

import clusim.sim
import numpy as np
import pytest
from clusim.clustering import Clustering
from sklearn import metrics

from modlib.comparison import AGREEMENT_MEASURES, agreement, agreement_matrix, chance_level

# A = {0, 1, 2}, {3, 4} against B = {0, 1}, {2, 3, 4}. Of ten pairs of units, 2 are together in
# both, 2 in A only, 2 in B only, 4 in neither. The table of overlaps is [[2, 1], [0, 2]].
A, B = [0, 0, 0, 1, 1], [0, 0, 1, 1, 1]
ENTROPY = -(3 * log(3 / 5, 2) + 2 * log(2 / 5, 2)) / 5  # of A and of B, in bits
JOINT_ENTROPY = -(4 * log(2 / 5, 2) + log(1 / 5, 2)) / 5
BY_HAND = {
    "element": 3 / 5,
    "jaccard": 2 / 6,
    "rand": 6 / 10,
    "adjusted_rand": (2 - 1.6) / (4 - 1.6),  # 4 * 4 / 10 pairs are together in both by chance
    "fowlkes_mallows": 2 / sqrt(4 * 4),
    "f": 4 / 8,
    "czekanowski": 4 / 8,
    "dice": 4 / 8,
    "sorensen": 4 / 8,
    "rogers_tanimoto": 6 / (6 + 2 * 4),
    "southwood": 2 / 4,
    "purity": 4 / 5,
    "classification_error": 1 / 5,
    "geometric_accuracy": sqrt(4 / 5 * 4 / 5),
    "mutual_information": 2 * ENTROPY - JOINT_ENTROPY,
    "normalized_mutual_information": (2 * ENTROPY - JOINT_ENTROPY) / ENTROPY,
    "variation_of_information": 2 * JOINT_ENTROPY - 2 * ENTROPY,
}
BY_SCIKIT_LEARN = {
    "adjusted_rand": metrics.adjusted_rand_score,
    "fowlkes_mallows": metrics.fowlkes_mallows_score,
    "rand": metrics.rand_score,
    "normalized_mutual_information": metrics.normalized_mutual_info_score,
}
BY_CLUSIM = {"adjusted_mutual_information": clusim.sim.adj_mi}  # ours is scikit-learn's
WITHOUT_A_SECOND_SOURCE = {"reduced_mutual_information"}  # clusim's approximation is its own
ONE, SINGLES, UNUSED = [0] * 6, list(range(6)), [-1] * 6


def by_overlap(labels_a, labels_b):
    """For partitions: the mean over units of |A n B| / max(|A|, |B|) for its two clusters."""
    total = 0.0
    for i in range(len(labels_a)):
        a = {j for j in range(len(labels_a)) if labels_a[j] == labels_a[i]}
        b = {j for j in range(len(labels_b)) if labels_b[j] == labels_b[i]}
        total += len(a & b) / max(len(a), len(b))
    return total / len(labels_a)


def random_labels(seed, n=20):
    random = np.random.default_rng(seed)
    return random.integers(-1, 4, size=n), random.integers(-1, 5, size=n)


def test_a_worked_example():
    # A = {0, 1, 2}, {3, 4} and B = {0, 1}, {2, 3, 4}. Units 0 and 1: 2/3 each; unit 2: 1/3;
    # units 3 and 4: 2/3 each. The mean is (4 * 2/3 + 1/3) / 5 = 3/5.
    assert agreement([0, 0, 0, 1, 1], [0, 0, 1, 1, 1]) == pytest.approx(3 / 5, rel=1e-12)


def test_one_cluster_against_single_units_agrees_as_one_over_n():
    # Every unit shares itself only, of 4.
    assert agreement([0, 0, 0, 0], [0, 1, 2, 3]) == pytest.approx(1 / 4, rel=1e-12)


def test_crossed_halves_agree_by_half():
    # Each unit shares one of two.
    assert agreement([0, 0, 1, 1], [0, 1, 0, 1]) == pytest.approx(1 / 2, rel=1e-12)


def test_unused_units_form_one_cluster_of_their_own():
    # {0, 1}, unused {2, 3} against {0, 1, 2}, unused {3}: 2/3, 2/3, 1/3, 1/2.
    expected = (2 / 3 + 2 / 3 + 1 / 3 + 1 / 2) / 4
    assert agreement([0, 0, -1, -1], [0, 0, 0, -1]) == pytest.approx(expected, rel=1e-12)
    assert agreement([-1, -1, 0], [5, 5, 0]) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_similarity_is_the_mean_overlap(seed):
    a, b = random_labels(seed)
    assert agreement(a, b) == pytest.approx(by_overlap(a, b), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_equal_partitions_agree_fully_and_others_less(seed):
    a, b = random_labels(seed)
    assert agreement(a, a) == pytest.approx(1, rel=1e-12)
    assert 0 < agreement(a, b) < 1


def test_every_measure_is_held_against_another_source():
    assert set(BY_HAND) | set(BY_SCIKIT_LEARN) | set(BY_CLUSIM) | WITHOUT_A_SECOND_SOURCE == set(
        AGREEMENT_MEASURES
    )


@pytest.mark.parametrize("measure", BY_HAND)
def test_every_measure_gives_what_its_definition_gives_by_hand(measure):
    assert agreement(A, B, measure) == pytest.approx(BY_HAND[measure], rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("measure", BY_SCIKIT_LEARN)
def test_measures_shared_with_scikit_learn_are_equal_to_its(measure, seed):
    a, b = random_labels(seed)
    expected = BY_SCIKIT_LEARN[measure](a, b)
    assert agreement(a, b, measure) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("measure", BY_CLUSIM)
def test_measures_taken_from_elsewhere_are_equal_to_those_of_clusim(measure, seed):
    a, b = random_labels(seed)
    one, other = (Clustering().from_membership_list(labels.tolist()) for labels in (a, b))
    expected = BY_CLUSIM[measure](one, other)
    assert agreement(a, b, measure) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("measure", [m for m, v in AGREEMENT_MEASURES.items() if v.symmetric])
def test_symmetric_measures_are(measure, seed):
    a, b = random_labels(seed)
    expected = pytest.approx(agreement(b, a, measure), rel=1e-9, abs=1e-12)
    assert agreement(a, b, measure) == expected


@pytest.mark.parametrize("measure", [m for m, v in AGREEMENT_MEASURES.items() if not v.symmetric])
def test_the_other_measures_are_not_symmetric(measure):
    # Overlaps [[2, 2], [1, 0]]: the largest of each row sum to 3, the largest of each column to 4.
    a, b = [0, 0, 0, 0, 1], [0, 0, 1, 1, 0]
    assert agreement(a, b, measure) != agreement(b, a, measure)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("measure", AGREEMENT_MEASURES)
def test_names_of_clusters_and_order_of_units_do_not_matter(measure, seed):
    a, b = random_labels(seed)
    names = np.random.default_rng(seed).permutation(30)
    order = np.random.default_rng(seed).permutation(len(a))
    expected = pytest.approx(agreement(a, b, measure), rel=1e-9, abs=1e-12)
    assert agreement(names[a], b, measure) == expected
    assert agreement(a[order], b[order], measure) == expected


@pytest.mark.parametrize("measure", AGREEMENT_MEASURES)
def test_values_stay_within_the_range_and_only_equals_have_the_best(measure):
    entry = AGREEMENT_MEASURES[measure]
    for seed in range(20):
        a, b = random_labels(seed)
        assert entry.low <= agreement(a, b, measure) <= entry.high
        of_equals = agreement(a, a, measure)
        if measure == "mutual_information":  # a partition tells of itself all there is to tell
            fractions = np.unique(a, return_counts=True)[1] / len(a)
            assert of_equals == pytest.approx(-(fractions * np.log2(fractions)).sum(), rel=1e-9)
        else:
            assert of_equals == entry.of_equals == (entry.high if entry.closer_is_higher else 0)
            assert agreement(a, b, measure) != of_equals


@pytest.mark.parametrize("measure", AGREEMENT_MEASURES)
@pytest.mark.parametrize("labels", [ONE, SINGLES, UNUSED, [0], [-1]], ids=str)
def test_degenerate_partitions_are_equal_to_themselves(measure, labels):
    value = agreement(labels, labels, measure)
    if measure == "mutual_information":
        assert value == pytest.approx(log(len(set(labels)), 2), abs=1e-12)
    else:
        assert value == AGREEMENT_MEASURES[measure].of_equals


@pytest.mark.parametrize("measure", AGREEMENT_MEASURES)
@pytest.mark.parametrize("other", [SINGLES, [0, 0, 0, 1, 1, -1]], ids=["singles", "mixed"])
def test_one_cluster_tells_nothing_of_others(measure, other):
    value = agreement(ONE, other, measure)
    assert not isnan(value)
    assert AGREEMENT_MEASURES[measure].low <= value <= AGREEMENT_MEASURES[measure].high
    assert value != AGREEMENT_MEASURES[measure].of_equals
    if "information" in measure and measure != "variation_of_information":
        assert value == pytest.approx(0, abs=1e-9)


def test_equal_clusters_without_a_difference_are_beyond_all_ratios():
    # Southwood's ratio of pairs that agree to pairs that do not: 15 to 0.
    assert agreement(ONE, ONE, "southwood") == inf


def test_pearson_correlation_of_clusim_is_left_out_for_a_reason():
    clustering = Clustering().from_membership_list(A)
    # Pairs: 4 together, 6 apart. It divides by (4 * 4 * 6 * 6) where its square root belongs.
    assert clusim.sim.pearson_correlation(clustering, clustering) == pytest.approx(1 / 24)


def test_chance_level_of_element_similarity_by_all_permutations():
    # Two pairs against two pairs of four units: of the 24 orders 8 leave the pairs as they are
    # (agreement 1) and 16 cross them (agreement 1/2), so that the mean is 2/3.
    chance = chance_level([0, 0, 1, 1], [0, 0, 1, 1], n_permutations=2000)
    assert set(chance.values) == {0.5, 1.0}
    # Standard error: sqrt(1/3 * 2/3) / 2 / sqrt(2000) = 0.005; four of them are allowed.
    assert chance.mean == pytest.approx(2 / 3, abs=0.021)
    assert chance.std == pytest.approx(sqrt(2) / 6, abs=0.01)


def test_chance_level_of_adjusted_measures_is_zero():
    a, b = random_labels(0, n=60)
    for measure in ("adjusted_rand", "adjusted_mutual_information"):
        chance = chance_level(a, b, measure, n_permutations=100)
        assert abs(chance.mean) < 4 * chance.std / 10


def test_chance_level_is_reproducible_by_seed():
    a, b = random_labels(0)
    one, same, other = (chance_level(a, b, n_permutations=20, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.values, same.values)
    assert one.mean != other.mean


def test_one_unit_agrees_with_itself():
    assert agreement([0], [-1]) == pytest.approx(1, rel=1e-12)


def test_labels_are_unchanged():
    a, b = random_labels(0)
    copies = a.copy(), b.copy()
    agreement(a, b)
    np.testing.assert_array_equal(a, copies[0])
    np.testing.assert_array_equal(b, copies[1])


def test_the_agreement_matrix_holds_every_pair():
    assignments = [random_labels(seed)[0] for seed in range(3)]
    matrix = agreement_matrix(assignments)
    expected = [[by_overlap(a, b) for b in assignments] for a in assignments]
    np.testing.assert_allclose(matrix, expected, rtol=1e-12)
    np.testing.assert_array_equal(matrix, matrix.T)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"labels_a must be -1 .* Got -2"):
        agreement([-2, 0], [0, 0])
    with pytest.raises(ValueError, match=r"labels_b must have one label per unit, 2 in all. Got 3"):
        agreement([0, 0], [0, 0, 1])
    with pytest.raises(ValueError, match=r"measure must be one of 'element', .* Got 'random'"):
        agreement([0, 0], [0, 0], measure="random")
    with pytest.raises(ValueError, match=r"assignments\[1\] must have one label per unit"):
        agreement_matrix([[0, 1], [0, 1, 2]])
    with pytest.raises(ValueError, match=r"n_permutations must be .* at least 1. Got 0"):
        chance_level([0, 1], [0, 1], n_permutations=0)
    with pytest.raises(ValueError, match=r"seed must be a whole number, 0 or more. Got -1"):
        chance_level([0, 1], [0, 1], seed=-1)
