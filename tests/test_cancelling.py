"""Tests of chapters.cancelling: what signs undo, by hand."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import colors
from matplotlib import pyplot as plt

from experiments.report.chapters import cancelling


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


PRINTED = np.array(
    [
        [4.0, 2.0, 2.0, 1.0],
        [2.0, 5.0, 4.0, 1.0],
        [2.0, 4.0, 8.0, 1.0],
        [1.0, 1.0, 1.0, 0.5],
    ]
)
RELEASED = np.array(
    [
        [4.0, 1.0, 0.5, 0.0],
        [1.0, 5.0, 3.0, 1.0],
        [0.5, 3.0, 8.0, 1.0],
        [0.0, 1.0, 1.0, 0.5],
    ]
)


def test_what_is_left_is_counted_over_pairs_and_not_the_diagonal():
    # 1 + 0.5 + 0 + 3 + 1 + 1 of 2 + 2 + 1 + 4 + 1 + 1.
    assert cancelling.left_after_cancelling(PRINTED, RELEASED) == pytest.approx(6.5 / 11)
    assert cancelling.left_after_cancelling(PRINTED, PRINTED) == 1


def test_extremes_are_sought_among_units_that_vary_as_much_as_the_median():
    # The median variance is 4.5: units 1 and 2 are left, however little there is left of (0, 3).
    assert cancelling.extreme_pairs(PRINTED, RELEASED) == ((1, 2), (1, 2))
    strong = PRINTED + np.diag([1.0, 0.0, 0.0, 0.0])  # the median is 5: of 5, 5, 8 and 0.5
    # Left: half for (0, 1), a quarter for (0, 2), three quarters for (1, 2).
    assert cancelling.extreme_pairs(strong, RELEASED) == ((0, 2), (1, 2))


def test_pairs_without_any_similarity_are_passed_over():
    printed, released = PRINTED + np.diag([1.0, 0.0, 0.0, 0.0]), RELEASED.copy()
    printed[0, 2] = printed[2, 0] = released[0, 2] = released[2, 0] = 0
    assert cancelling.extreme_pairs(printed, released) == ((0, 1), (1, 2))


def test_deviations_are_drawn_with_the_sign_of_their_product_and_what_is_left():
    deviations = np.array([[1.0, 2.0, 3.0, 0.0], [-1.0, 2.0, 3.0, 0.0], [-1.0, -2.0, 3.0, 0.0]])
    figure = cancelling.draw_deviations(deviations, [(0, 1), (1, 2)], PRINTED, RELEASED)
    first, second = figure.axes
    (dots,) = first.collections
    assert dots.get_offsets().tolist() == [[1, 2], [-1, 2], [-1, -2]]
    positive, negative = (colors.to_rgba(color) for color in cancelling.SIGN_COLORS)
    assert [tuple(color) for color in dots.get_facecolors()] == [positive, negative, positive]
    # The larger variance is 5, then 8.
    assert first.get_title() == "printed 0.40, released 0.20"
    assert second.get_title() == "printed 0.50, released 0.38"
    assert (first.get_xlabel(), first.get_ylabel()) == ("unit 0", "unit 1")
    assert second.collections[0].get_offsets().tolist() == [[2, 3], [2, 3], [-2, 3]]
