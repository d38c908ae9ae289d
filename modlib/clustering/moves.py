"""Moves of single units between modules, compiled: what every search is made of."""

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
