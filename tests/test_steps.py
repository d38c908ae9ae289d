"""The search step by step: the same random numbers as the library's, places, and the picture."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from experiments.report.chapters import steps
from modlib.clustering.monte_carlo import monte_carlo_modules
from modlib.modularity import modularity_matrix, to_adjacency

# Two pairs of units, apart but for weak links.
TWO_PAIRS = np.array([[9, 3, 1, 1], [3, 9, 1, 1], [1, 1, 9, 3], [1, 1, 3, 9]])
PAIRS = np.array([0, 0, 1, 1])


def test_one_step_goes_where_the_library_goes_with_the_same_draws():
    """From one cluster, the best of each unit's two choices is taken unless the draw is high."""
    adjacency = to_adjacency(TWO_PAIRS)
    for seed in range(20):
        ((unit, uniform),) = steps.draws(4, 1, seed)
        found = monte_carlo_modules(adjacency, np.zeros(4, int), 1, 0.15, seed, trace=True)
        # The gaps are 0 and g; an entropy of 0.15 gives the better choice 0.9655 of the weight.
        stays = uniform < 0.9655
        # Alone, a unit leaves the other three: 2 * (0 - 5/20 + 3 * 1/16).
        alone = 2 * -(5 / 20 - 3 / 16)
        assert found.trace.q[0] == pytest.approx(0 if stays else alone, abs=1e-12)
        assert 0 <= unit < 4


def test_the_data_are_what_was_given_and_as_many_draws_as_steps():
    data = steps.search_data(TWO_PAIRS, np.array([3, 5, 6, 9]), 7, 0.15, seed=1)
    assert data["units"] == [3, 5, 6, 9]
    assert data["similarity"] == TWO_PAIRS.tolist()
    assert data["draws"] == steps.draws(4, 7, 1)
    assert len(data["draws"]) == 7


def test_a_place_counts_what_is_higher_but_not_by_rounding():
    every = np.array([0.3, 0.2, 0.2 + 1e-15, 0.1])
    assert [steps.place(every, q) for q in (0.3, 0.2, 0.1)] == [1, 2, 4]


def test_the_picture_sorts_units_by_cluster_and_tells_q_and_place():
    B = modularity_matrix(to_adjacency(TWO_PAIRS))
    figure = steps.draw_stages(
        B,
        {"one": np.zeros(4, int), "pairs": PAIRS[[0, 2, 1, 3]]},
        np.array([0.1, 0, -0.3]),
        list("abcd"),
    )
    # By hand (chapter 4): two pairs have 1/10; crossed ones -3/10.
    assert "$Q$ = 0.0000, place 2" in figure.axes[0].get_title()
    assert "$Q$ = -0.3000, place 3" in figure.axes[1].get_title()
    assert [text.get_text() for text in figure.axes[1].get_xticklabels()] == list("acbd")
