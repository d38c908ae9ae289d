"""The best modules that we can find: iterated tabu search on the modularity matrix."""

from math import inf
from time import perf_counter

import numpy as np

from modlib.clustering.tabu_kernels import iterate, total


def best_modules(
    matrix: np.ndarray,
    seed: int = 0,
    n_restarts: int = 10,
    n_rounds: int = 50,
    patience: int = 200,
    deadline: float = inf,
) -> np.ndarray:
    r"""Search for the assignment of highest modularity (equation 9).

    From random assignments, ``n_restarts`` times: ``n_rounds`` rounds of tabu search, each from a
    perturbation of the best assignment so far. One step of tabu search makes the best move of a
    single unit, uphill or not, and costs O(units x clusters), since the links
    :math:`C = B P` are kept up to date. This is the clique partitioning problem, for which
    searches of this kind are among the best known (Zhou, Hao & Goeffon 2016). Nothing is proven;
    for that, see :func:`modlib.optimality.certificate.certify`.

    Parameters
    ----------
    matrix
        B of :func:`modlib.modularity.modularity_matrix`, float64 of shape ``[units, units]``,
        symmetric; the used units only.
    seed
        Draws the starts, perturbations and memories. Same seed, same labels.
    n_restarts, n_rounds, patience
        How long to search; ``patience`` is the number of steps without a new best that end a
        round.
    deadline
        By ``time.perf_counter``: no restart begins after it, except the first.

    Returns
    -------
    numpy.ndarray
        Int64 of shape ``[units]``: clusters numbered from 0, in no particular order.
    """
    n = len(matrix)
    matrix = np.ascontiguousarray(matrix, dtype=np.float64)
    random = np.random.default_rng(seed)
    best = np.zeros(n, np.int64)
    for restart in range(n_restarts if n > 1 else 0):
        if restart and perf_counter() > deadline:
            break
        n_clusters = random.integers(1, max(n // 4, 1), endpoint=True)
        start = random.integers(n_clusters, size=n)
        found = iterate(matrix, start, random, n_rounds, patience)
        if total(matrix, found) > total(matrix, best):
            best = found
    return best
