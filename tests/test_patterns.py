"""Tests of chapters.patterns: cosines of connections, by hand."""

import numpy as np

from experiments.report.chapters.patterns import pattern_similarity

FIRST = np.array([[3.0, 4.0], [4.0, 3.0], [-6.0, -8.0], [0.0, 0.0]])  # a row for each unit
SECOND = np.array([[1.0, 0.0, 5.0, 2.0], [0.0, 1.0, 5.0, 0.0]])  # a column for each unit


def test_patterns_are_compared_by_the_absolute_cosine_of_their_angle():
    found = pattern_similarity([FIRST, SECOND], layer=1)
    # (3, 4) with (4, 3): 24 / 25; with its double turned round: 1. The last unit receives nothing.
    c = 0.96
    incoming = [[1, c, 1, 0], [c, 1, c, 0], [1, c, 1, 0], [0, 0, 0, 0]]
    # (1, 0), (0, 1), (5, 5), (2, 0).
    r = np.sqrt(0.5)
    outgoing = [[1, 0, r, 1], [0, 1, r, 0], [r, r, 1, r], [1, 0, r, 1]]
    np.testing.assert_allclose(found["incoming"], incoming, atol=1e-12)
    np.testing.assert_allclose(found["outgoing"], outgoing, atol=1e-12)
    both = (np.array(incoming) + np.array(outgoing)) / 2
    np.testing.assert_allclose(found["both"], both, atol=1e-12)


def test_a_deeper_layer_lies_between_its_own_two_matrices():
    third = np.array([[7.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    found = pattern_similarity([FIRST, SECOND, third], layer=2)
    # (1, 0, 5, 2) with (0, 1, 5, 0); and (7, 0, 1) with (0, 1, 1).
    np.testing.assert_allclose(found["incoming"][0, 1], 25 / np.sqrt(30 * 26))
    np.testing.assert_allclose(found["outgoing"][0, 1], 1 / np.sqrt(50 * 2))


def test_a_unit_that_receives_more_and_sends_less_keeps_its_patterns():
    first, second = FIRST.copy(), SECOND.copy()
    first[1] *= 10
    second[:, 1] /= 10
    one, other = (pattern_similarity(w, 1) for w in ([FIRST, SECOND], [first, second]))
    for kind, matrix in one.items():
        np.testing.assert_allclose(other[kind], matrix, atol=1e-12)
