"""Modules level by level: units move, modules split and merge as units of the next level, compiled.

The scheme is that of Traag, Waltman and van Eck (2019), Leiden, for a dense matrix of any signs.
"""

import numpy as np

from modlib.clustering.moves import ROUNDING, close_gaps, count_links, move, perturb, total
from modlib.kernels import kernel


@kernel
def multilevel(matrix, labels, random):
    """Improve labels until neither units nor modules of any level move: returns new ones."""
    labels = labels.copy()
    moved = True
    while moved:
        moved = settle(matrix, labels, random)
        level, units = matrix, np.arange(len(labels))  # of the level, which each unit is in
        at_level = labels.copy()
        while True:
            parts = split(level, at_level, random)
            n_parts = close_gaps(parts)
            if n_parts == len(level):
                break
            level_labels = np.zeros(n_parts, np.int64)
            for i in range(len(parts)):
                level_labels[parts[i]] = at_level[i]
            level, units, at_level = merged(level, parts, n_parts), parts[units], level_labels
            moved = settle(level, at_level, random) or moved
        labels = at_level[units]
        close_gaps(labels)
    return labels


@kernel
def settle(matrix, labels, random):
    """Move units to where they gain most, in place; tell whether any moved.

    Units wait in a queue; one that has moved calls back those that are drawn to it and are not
    with it. Others may gain by moving then, and have their turn the next time.
    """
    n = len(labels)
    n_modules = close_gaps(labels)
    links, sizes = np.zeros((n + 1, n)), np.zeros(n + 1, np.int64)
    count_links(matrix, labels, n_modules, links, sizes)
    queue, waits = random.permutation(n), np.ones(n, np.bool_)
    first, n_waiting, moved = 0, n, False
    while n_waiting:
        unit = queue[first]
        first, n_waiting = (first + 1) % n, n_waiting - 1
        waits[unit] = False
        choice = best_choice(matrix, labels, n_modules, links, sizes, unit)
        if choice < 0:
            continue
        moved = True
        n_modules = move(matrix, labels, n_modules, links, sizes, unit, choice)
        for other in range(n):
            if matrix[unit, other] > 0 and labels[other] != labels[unit] and not waits[other]:
                waits[other] = True
                queue[(first + n_waiting) % n] = other
                n_waiting += 1
    return moved


@kernel
def best_choice(matrix, labels, n_modules, links, sizes, unit):
    """The module that a unit gains most by moving to, a new one included; -1 to stay."""
    home = labels[unit]
    top, choice = links[home, unit] - matrix[unit, unit] + ROUNDING, -1
    for k in range(n_modules):
        if k != home and links[k, unit] > top:
            top, choice = links[k, unit], k
    return n_modules if sizes[home] > 1 and top < 0 else choice


@kernel
def split(matrix, labels, random):
    """Split each module: its units, one by one, join a part at random, by what they gain.

    Returns the parts; a unit that others have joined stays.
    """
    n = len(labels)
    parts, sizes = np.arange(n), np.ones(n, np.int64)
    order = np.argsort(labels)
    start = 0
    while start < n:
        stop = start
        while stop < n and labels[order[stop]] == labels[order[start]]:
            stop += 1
        members = order[start:stop]
        links = np.empty((len(members), len(members)))
        for a in range(len(members)):
            for b in range(len(members)):
                links[a, b] = matrix[members[a], members[b]]
        join(links, members, parts, sizes, random)
        start = stop
    return parts


@kernel
def join(matrix, members, parts, sizes, random):
    """Let the members of one module join parts, in place; ``matrix`` is that of the members."""
    n = len(members)
    links, home = matrix.copy(), np.arange(n)  # links of each part to each member
    for unit in random.permutation(n):
        if sizes[members[home[unit]]] > 1:
            continue
        gains = 0.0
        for k in range(n):
            if k != home[unit] and links[k, unit] > ROUNDING:
                gains += links[k, unit]
        drawn, choice = random.random() * gains, -1
        for k in range(n):
            if k != home[unit] and links[k, unit] > ROUNDING:
                choice = k
                drawn -= links[k, unit]
                if drawn <= 0:
                    break
        if choice < 0:
            continue
        for other in range(n):
            links[choice, other] += matrix[unit, other]
            links[unit, other] -= matrix[unit, other]
        sizes[members[choice]] += 1
        sizes[members[unit]] -= 1
        home[unit] = choice
        parts[members[unit]] = members[choice]


@kernel
def merged(matrix, labels, n_modules):
    """Sum a matrix over the units of each two modules."""
    n = len(labels)
    rows = np.zeros((n_modules, n))
    for i in range(n):
        rows[labels[i]] += matrix[i]
    sums = np.zeros((n_modules, n_modules))
    for k in range(n_modules):
        for j in range(n):
            sums[k, labels[j]] += rows[k, j]
    return sums


@kernel
def iterate_levels(matrix, labels, random, n_rounds):
    """Iterated search from ``labels``: perturb the current best, improve, keep if no worse."""
    current, current_q = labels.copy(), total(matrix, labels)
    for _ in range(n_rounds):
        trial = current.copy()
        perturb(trial, random)
        trial = multilevel(matrix, trial, random)
        q = total(matrix, trial)
        if q > current_q - ROUNDING:
            current, current_q = trial, q
    return current
