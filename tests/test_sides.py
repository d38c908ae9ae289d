"""Tests of chapters.sides: what is averaged, and what is left out."""

import numpy as np
import pytest

from experiments.report.chapters.sides import mean_by_side


def test_blocks_are_averaged_without_the_diagonal():
    agreement = np.array(
        [
            [9.0, 0.2, 0.3, 0.4, 0.5],
            [0.2, 9.0, 0.5, 0.6, 0.7],
            [0.3, 0.5, 9.0, 0.1, 0.2],
            [0.4, 0.6, 0.1, 9.0, 0.6],
            [0.5, 0.7, 0.2, 0.6, 9.0],
        ]
    )
    found = mean_by_side(agreement, n_upstream=2)
    # 0.2; (0.1 + 0.2 + 0.6) / 3; (0.3 + 0.4 + 0.5 + 0.5 + 0.6 + 0.7) / 6.
    assert found == pytest.approx({"upstream": 0.2, "downstream": 0.3, "between": 0.5})


def test_of_the_eight_methods_the_first_four_look_upstream():
    agreement = np.kron([[0.75, 0.25], [0.25, 0.5]], np.ones((4, 4)))
    assert mean_by_side(agreement) == {"upstream": 0.75, "downstream": 0.5, "between": 0.25}
