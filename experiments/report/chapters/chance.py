"""Agreement beyond chance: element-centric similarity and its mean under permutation."""

import numpy as np

ROUNDING = 1e-12


def element_and_chance(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return the element-centric similarity of two assignments, and its mean by permutation.

    Parameters
    ----------
    one, other
        Labels of shape ``[units]``; each name is a cluster, unused units (-1) are one too.
    """
    overlap = _overlap(one, other)
    n, size_a, size_b = len(one), overlap.sum(axis=1)[:, None], overlap.sum(axis=0)
    # Each overlap of a random permutation is hypergeometric.
    mean = size_a * size_b / n
    variance = mean * (n - size_a) * (n - size_b) / (n * (n - 1))
    larger = n * np.maximum(size_a, size_b)
    return (overlap**2 / larger).sum(), ((mean**2 + variance) / larger).sum()


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
