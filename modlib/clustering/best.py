"""The best modules that we can find: many levels, then tabu search, on the modularity matrix."""

from collections.abc import Iterator
from math import inf
from time import perf_counter

import numpy as np

from modlib.clustering.moves import ROUNDING, total
from modlib.clustering.multilevel import iterate_levels, multilevel
from modlib.clustering.tabu import iterate
from modlib.validation import check_seed, check_symmetric, is_whole

STARTS = 3  # of many levels, for each restart
IMPROVED = 3  # of what they find, the best
LEVEL_ROUNDS = 2  # for each round of tabu search, which take about as long
FULL = 512  # units up to which there are all rounds; beyond, time would grow faster than n**2
SCATTERED = 128  # units up to which each restart begins anywhere, too; beyond, two do
FEW = 2


def best_modules(
    matrix: np.ndarray,
    seed: int = 0,
    n_restarts: int = 10,
    n_rounds: int = 50,
    patience: int = 200,
    deadline: float = inf,
) -> np.ndarray:
    r"""Search for the assignment of highest modularity (equation 9).

    Three kinds of search, of which each finds what the others miss. From units that are each a
    module, by many levels (Traag, Waltman & van Eck 2019), three times ``n_restarts``. From the
    best three of what that gives, by many levels again and again, each time from a perturbation
    of the best so far, and then by ``n_rounds`` rounds of tabu search. And from random
    assignments, by tabu search alone. One step of tabu search makes the best move of a single
    unit, uphill or not, and costs O(units x modules), since the links :math:`C = B P` are kept up
    to date. This is the clique partitioning problem, for which searches of this kind are among
    the best known (Zhou, Hao & Goeffon 2016). Nothing is proven; for that, see
    :func:`modlib.optimality.certificate.certify`.

    Parameters
    ----------
    matrix
        B of :func:`modlib.modularity.modularity_matrix`, float64 of shape ``[units, units]``,
        symmetric; the used units only.
    seed
        Draws the starts, perturbations and memories. Same seed, same labels.
    n_restarts, n_rounds, patience
        How long to search; ``patience`` is the number of steps without a new best that end a
        round of tabu search. Beyond 512 units there are fewer rounds.
    deadline
        By ``time.perf_counter``: no search begins after it, except the first.

    Returns
    -------
    numpy.ndarray
        Int64 of shape ``[units]``: clusters numbered from 0, in no particular order.

    Raises
    ------
    ValueError
        If the matrix is not square, symmetric and finite, or an option is not a whole number
        within its range.
    """
    matrix = np.ascontiguousarray(check_symmetric(matrix, "matrix"))
    limits = {"n_restarts": n_restarts, "n_rounds": n_rounds, "patience": patience}
    for name, value in limits.items():
        if not is_whole(value) or value < 0:
            raise ValueError(f"{name} must be a whole number of at least 0. Got {value!r}.")
    n = len(matrix)
    random = np.random.default_rng(check_seed(seed))
    best = np.zeros(n, np.int64)
    if n > 1 and n_restarts:
        for found in _searches(matrix, random, n_restarts, n_rounds, patience):
            if total(matrix, found) > total(matrix, best):
                best = found
            if perf_counter() > deadline:
                break
    return best


def _searches(
    matrix: np.ndarray, random: np.random.Generator, n_restarts: int, n_rounds: int, patience: int
) -> Iterator[np.ndarray]:
    """What one search after another finds, ``[units]`` each."""
    n = len(matrix)
    rounds = n_rounds if n <= FULL else -(-n_rounds * FULL // n)
    starts = []
    for _ in range(STARTS * n_restarts):
        starts.append(multilevel(matrix, np.arange(n), random))
        yield starts[-1]
    for start in _best(matrix, starts):
        by_levels = iterate_levels(matrix, start, random, LEVEL_ROUNDS * rounds)
        yield by_levels
        yield iterate(matrix, by_levels, random, rounds, patience)
    for _ in range(n_restarts if n <= SCATTERED else min(n_restarts, FEW)):
        n_modules = random.integers(1, max(n // 4, 1), endpoint=True)
        start = random.integers(n_modules, size=n)
        yield iterate(matrix, start, random, rounds, patience)


def _best(matrix: np.ndarray, starts: list[np.ndarray]) -> list[np.ndarray]:
    """The best few of some assignments, each of another modularity."""
    by_q = {round(total(matrix, labels) / ROUNDING): labels for labels in reversed(starts)}
    return [by_q[q] for q in sorted(by_q, reverse=True)[:IMPROVED]]
