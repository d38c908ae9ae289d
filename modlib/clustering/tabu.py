"""The best modules that we can find: iterated tabu search on the modularity matrix."""

from math import inf
from time import perf_counter

import numpy as np

from modlib.clustering.moves import ROUNDING, count_links, move
from modlib.kernels import kernel
from modlib.validation import check_seed, check_symmetric, is_whole

SHORTEST_MEMORY = 4  # steps for which a moved unit stays where it is, at least
MEMORY_RANGE = 10  # and by how many that varies


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
    for restart in range(n_restarts if n > 1 else 0):
        if restart and perf_counter() > deadline:
            break
        n_modules = random.integers(1, max(n // 4, 1), endpoint=True)
        start = random.integers(n_modules, size=n)
        found = iterate(matrix, start, random, n_rounds, patience)
        if total(matrix, found) > total(matrix, best):
            best = found
    return best


@kernel
def iterate(matrix, labels, random, n_rounds, patience):
    """Iterated local search from ``labels``: perturb the current best, climb, keep if no worse."""
    trial = labels.copy()
    current = labels.copy()
    current_q = -np.inf
    for _ in range(n_rounds):
        found, q = climb(matrix, trial, random, patience)
        if q > current_q - ROUNDING:
            current_q = q
            current = found
        trial = current.copy()
        perturb(trial, random)
    return current


@kernel
def climb(matrix, labels, random, patience):
    """Tabu search: make the best move, even downhill, until ``patience`` steps bring no new best.

    A moved unit stays for a few steps, except for a new best. Returns the best labels and their Q.
    """
    n = len(labels)
    labels = labels.copy()
    n_modules = close_gaps(labels)
    links = np.zeros((n + 1, n))
    sizes = np.zeros(n + 1, np.int64)
    count_links(matrix, labels, n_modules, links, sizes)
    q = total(matrix, labels)
    best, best_q = labels.copy(), q
    free_at = np.zeros(n, np.int64)
    step = last = 0
    while step - last < patience:
        step += 1
        bar = best_q + ROUNDING - q
        free = free_at <= step
        unit, cluster, gain = best_move(matrix, labels, n_modules, links, sizes, free, bar)
        if unit < 0:
            break
        n_modules = move(matrix, labels, n_modules, links, sizes, unit, cluster)
        free_at[unit] = step + SHORTEST_MEMORY + random.integers(0, MEMORY_RANGE)
        q += gain
        if q > best_q + ROUNDING:
            best, best_q, last = labels.copy(), q, step
    return best, total(matrix, best)


@kernel
def best_move(matrix, labels, n_modules, links, sizes, free, bar):
    """The move of one unit that gains most, among free units and gains above ``bar``."""
    top, unit, cluster = -np.inf, -1, -1
    for i in range(len(labels)):
        home = labels[i]
        stay = links[home, i] - matrix[i, i]
        for k in range(n_modules + 1):
            if k == home or (k == n_modules and sizes[home] == 1):
                continue
            gain = 2 * (links[k, i] - stay)
            if gain > top and (free[i] or gain > bar):
                top, unit, cluster = gain, i, k
    return unit, cluster, top


@kernel
def perturb(labels, random):
    """Merge two clusters, or scatter one, or scatter up to a third of the units."""
    n = len(labels)
    n_modules = close_gaps(labels)
    kind = random.integers(0, 3)
    one, other = random.integers(0, n_modules), random.integers(0, n_modules)
    if kind == 2:
        for _ in range(2 + random.integers(0, max(n // 3, 1))):
            labels[random.integers(0, n)] = random.integers(0, n_modules + 1)
        return
    for i in range(n):
        if labels[i] == one:
            labels[i] = other if kind == 0 else random.integers(0, n_modules + 1)


@kernel
def close_gaps(labels):
    """Rename clusters 0, 1, ... in order of their first unit, in place; return how many."""
    names = np.full(labels.max() + 1, -1)
    count = 0
    for i in range(len(labels)):
        if names[labels[i]] < 0:
            names[labels[i]] = count
            count += 1
        labels[i] = names[labels[i]]
    return count


@kernel
def total(matrix, labels):
    """Q: the sum of the matrix over pairs in the same cluster, the diagonal included."""
    q = 0.0
    for i in range(len(labels)):
        for j in range(len(labels)):
            if labels[i] == labels[j]:
                q += matrix[i, j]
    return q
