"""The inner loops of the search for the best modules, compiled."""

import numpy as np
from numba import njit

from modlib.clustering.moves import count_links, move

ROUNDING = 1e-14  # adjacencies sum to one: differences of Q below this are rounding
SHORTEST_MEMORY = 4  # steps for which a moved unit stays where it is, at least
MEMORY_RANGE = 10  # and by how many that varies


@njit(cache=True)
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


@njit(cache=True)
def climb(matrix, labels, random, patience):
    """Tabu search: make the best move, even downhill, until ``patience`` steps bring no new best.

    A moved unit stays for a few steps, except for a new best. Returns the best labels and their Q.
    """
    n = len(labels)
    labels = labels.copy()
    n_clusters = close_gaps(labels)
    links = np.zeros((n + 1, n))
    sizes = np.zeros(n + 1, np.int64)
    count_links(matrix, labels, n_clusters, links, sizes)
    q = total(matrix, labels)
    best, best_q = labels.copy(), q
    free_at = np.zeros(n, np.int64)
    step = last = 0
    while step - last < patience:
        step += 1
        bar = best_q + ROUNDING - q
        free = free_at <= step
        unit, cluster, gain = best_move(matrix, labels, n_clusters, links, sizes, free, bar)
        if unit < 0:
            break
        n_clusters = move(matrix, labels, n_clusters, links, sizes, unit, cluster)
        free_at[unit] = step + SHORTEST_MEMORY + random.integers(0, MEMORY_RANGE)
        q += gain
        if q > best_q + ROUNDING:
            best, best_q, last = labels.copy(), q, step
    return best, total(matrix, best)


@njit(cache=True)
def best_move(matrix, labels, n_clusters, links, sizes, free, bar):
    """The move of one unit that gains most, among free units and gains above ``bar``."""
    top, unit, cluster = -np.inf, -1, -1
    for i in range(len(labels)):
        home = labels[i]
        stay = links[home, i] - matrix[i, i]
        for k in range(n_clusters + 1):
            if k == home or (k == n_clusters and sizes[home] == 1):
                continue
            gain = 2 * (links[k, i] - stay)
            if gain > top and (free[i] or gain > bar):
                top, unit, cluster = gain, i, k
    return unit, cluster, top


@njit(cache=True)
def perturb(labels, random):
    """Merge two clusters, or scatter one, or scatter up to a third of the units."""
    n = len(labels)
    n_clusters = close_gaps(labels)
    kind = random.integers(0, 3)
    one, other = random.integers(0, n_clusters), random.integers(0, n_clusters)
    if kind == 2:
        for _ in range(2 + random.integers(0, max(n // 3, 1))):
            labels[random.integers(0, n)] = random.integers(0, n_clusters + 1)
        return
    for i in range(n):
        if labels[i] == one:
            labels[i] = other if kind == 0 else random.integers(0, n_clusters + 1)


@njit(cache=True)
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


@njit(cache=True)
def total(matrix, labels):
    """Q: the sum of the matrix over pairs in the same cluster, the diagonal included."""
    q = 0.0
    for i in range(len(labels)):
        for j in range(len(labels)):
            if labels[i] == labels[j]:
                q += matrix[i, j]
    return q
