"""Agreement beyond chance: element-centric similarity and its mean under permutation."""

import numpy as np

from experiments.truth import expected_element

ROUNDING = 1e-12


def element_and_chance(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return the element-centric similarity of two assignments, and its mean by permutation.

    Parameters
    ----------
    one, other
        Labels of shape ``[units]``; each name is a cluster, unused units (-1) are one too.
    """
    overlap = _overlap(one, other)
    sizes = overlap.sum(axis=1), overlap.sum(axis=0)
    element = (overlap**2 / np.maximum.outer(*sizes)).sum() / len(one)
    return float(element), expected_element(*sizes)


def _overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How many units each cluster of one shares with each of the other, ``[of one, of other]``."""
    (names_a, a), (names_b, b) = (np.unique(x, return_inverse=True) for x in (one, other))
    overlap = np.zeros((len(names_a), len(names_b)))
    np.add.at(overlap, (a, b), 1)
    return overlap


def beyond_chance(one: np.ndarray, other: np.ndarray) -> float:
    """Return their similarity scaled so that 0 is chance and 1 equality (Hubert & Arabie 1985).

    Zero where chance reaches one: two single clusters, or clusters of one unit each, are equal
    whatever the order of the units.
    """
    element, chance = element_and_chance(one, other)
    return (element - chance) / (1 - chance) if chance < 1 - ROUNDING else 0.0
