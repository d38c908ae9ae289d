"""Moves of single units between modules, compiled: what every search is made of."""

import numpy as np

from modlib.kernels import kernel

ROUNDING = 1e-14
"""Adjacencies sum to one: differences of Q below this are rounding."""


@kernel
def count_links(matrix, labels, n_modules, links, sizes):
    """Fill ``links`` (sums of the matrix over each cluster's members) and ``sizes`` anew."""
    links[: n_modules + 1] = 0.0
    sizes[: n_modules + 1] = 0
    for unit in range(len(labels)):
        links[labels[unit]] += matrix[unit]
        sizes[labels[unit]] += 1


@kernel
def move(matrix, labels, n_modules, links, sizes, unit, choice):
    """Move a unit and return the number of clusters, which stay numbered without gaps."""
    home = labels[unit]
    if choice == n_modules:
        n_modules += 1
        if n_modules < len(links):
            links[n_modules] = 0.0
            sizes[n_modules] = 0
    links[home] -= matrix[unit]
    links[choice] += matrix[unit]
    sizes[home] -= 1
    sizes[choice] += 1
    labels[unit] = choice
    if sizes[home] == 0:  # the last cluster takes the place of the empty one
        last = n_modules - 1
        links[home] = links[last]
        sizes[home] = sizes[last]
        for other in range(len(labels)):
            if labels[other] == last:
                labels[other] = home
        links[last] = 0.0
        sizes[last] = 0
        n_modules = last
    return n_modules


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
