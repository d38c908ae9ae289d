"""Iterated tabu search on the modularity matrix: the best move at each step, uphill or not."""

import numpy as np

from modlib.clustering.moves import ROUNDING, close_gaps, count_links, move, perturb, total
from modlib.clustering.multilevel import carry, tally
from modlib.clustering.neighbours import gather, total_of
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


@kernel
def iterate_near(graph, labels, random, n_rounds, patience):
    """Iterated local search as :func:`iterate`, for a graph of few links."""
    trial, current, current_q = labels.copy(), labels.copy(), -np.inf
    for _ in range(n_rounds):
        found, q = climb_near(graph, trial, random, patience)
        if q > current_q - ROUNDING:
            current, current_q = found, q
        trial = current.copy()
        perturb(trial, random)
    return current


@kernel
def climb_near(graph, labels, random, patience):
    """Tabu search as :func:`climb`, of moves to modules of neighbours and to new ones.

    A step costs as much as there are links, and needs no table of units by modules.
    """
    labels = labels.copy()
    close_gaps(labels)
    sums, sizes = tally(graph, labels)
    best, best_q = labels.copy(), total_of(graph, labels)
    q, free_at, step, last = best_q, np.zeros(len(labels), np.int64), 0, 0
    while step - last < patience:
        step += 1
        free, bar = free_at <= step, best_q + ROUNDING - q
        unit, module, gain = best_move_near(graph, labels, sums, sizes, free, bar)
        if unit < 0:
            break
        if module < 0:
            module = np.argmin(sizes)  # one without units: this one shares its own
        carry(graph, sums, sizes, unit, labels[unit], module)
        labels[unit] = module
        free_at[unit] = step + SHORTEST_MEMORY + random.integers(0, MEMORY_RANGE)
        q += gain
        if q > best_q + ROUNDING:
            best, best_q, last = labels.copy(), q, step
    return best, total_of(graph, best)


@kernel
def best_move_near(graph, labels, sums, sizes, free, bar):
    """The move of one unit that gains most, as :func:`best_move`; -1 is a new module."""
    n, signs = len(labels), graph.signs
    links, near, seen = np.empty(n), np.empty(n, np.int64), np.zeros(n, np.bool_)
    top, unit, module = -np.inf, -1, -1
    for i in range(n):
        home = labels[i]
        n_near = gather(graph.starts, graph.others, graph.weights, labels, i, links, near, seen)
        if graph.everywhere[0]:
            for k in range(n):
                if sizes[k] and not seen[k]:
                    near[n_near], seen[k], links[k] = k, True, 0.0
                    n_near += 1
        stay = links[home] if seen[home] else 0.0
        for j in range(len(signs)):
            stay += signs[j] * graph.nulls[j, i] * (sums[home, j] - graph.nulls[j, i])
        most, choice = -np.inf if sizes[home] == 1 else 0.0, -1
        for place in range(n_near):
            k = near[place]
            seen[k] = False
            gain = links[k]
            for j in range(len(signs)):
                gain += signs[j] * graph.nulls[j, i] * sums[k, j]
            if k != home and gain > most:
                most, choice = gain, k
        gain = 2 * (most - stay)
        if gain > top and (free[i] or gain > bar):
            top, unit, module = gain, i, choice
    return unit, module, top
