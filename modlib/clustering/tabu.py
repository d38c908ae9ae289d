"""Iterated tabu search on the modularity matrix: the best move at each step, uphill or not."""

import numpy as np

from modlib.clustering.moves import ROUNDING, close_gaps, count_links, move, perturb, total
from modlib.kernels import kernel

SHORTEST_MEMORY = 4  # steps for which a moved unit stays where it is, at least
MEMORY_RANGE = 10  # and by how many that varies


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
