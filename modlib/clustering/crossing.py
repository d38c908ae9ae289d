"""A better assignment out of two good ones: what they agree on stays together, compiled."""

# Numba takes the types of kernels from the first call.
# mypy: allow-untyped-defs

import numpy as np

from modlib.clustering.moves import close_gaps
from modlib.clustering.multilevel import iterate_levels, multilevel
from modlib.clustering.neighbours import in_modules, merged, total_of
from modlib.kernels import kernel


@kernel
def cross(graph, one, other, random, n_rounds):
    """Search anew with the units that two assignments both put together as single ones.

    Where good assignments agree the best one mostly does, too, and what is left is small
    (Ovelgönne & Geyer-Schulz 2012); ``n_rounds`` of iterated search from the better of what is
    found there and ``one`` follow. The units themselves have the last word.
    """
    cores, n_cores = overlap(one, other)
    level = merged(graph, cores, n_cores)
    found = multilevel(level, np.arange(n_cores), random, 1)
    if n_rounds:
        start = found.copy()
        for i in range(len(one)):
            start[cores[i]] = one[i]
        close_gaps(start)
        if total_of(level, start) > total_of(level, found):
            found = start
        found = iterate_levels(level, found, random, n_rounds)
    return multilevel(graph, found[cores], random, 1)


@kernel
def overlap(one, other):
    """Name the sets of units that share a module in both assignments; return how many, too."""
    members, _ = in_modules(one, one.max() + 1)
    cores, n_cores = np.empty(len(one), np.int64), 0
    at = np.full(other.max() + 1, -1)  # the core of each module of the other, in the present one
    begin, before = 0, -1
    for i in members:
        if one[i] != before:
            begin, before = n_cores, one[i]
        if at[other[i]] < begin:
            at[other[i]] = n_cores
            n_cores += 1
        cores[i] = at[other[i]]
    return cores, n_cores
