"""What each unit is drawn to, from a dense matrix or a sparse one, compiled.

Both are a :class:`Graph`, so that one set of searches serves both. The matrix that is searched is
``B = weights + sum of signs[k] * outer(nulls[k], nulls[k])``, of which the second part is never
written out: what it adds to the links of a unit to a module follows from the sums of the null
vectors over that module.
"""

# Numba takes the types of kernels from the first call.
# mypy: allow-untyped-defs

from typing import NamedTuple

import numpy as np

from modlib.kernels import kernel


class Graph(NamedTuple):
    """Weights between units and what is expected by chance; see :func:`dense`, :func:`sparse`.

    Both kinds have the same types, so that every kernel is compiled once.
    """

    starts: np.ndarray
    """Where the row of each unit begins, int64 of shape ``[units + 1]``; none if dense."""
    others: np.ndarray
    """The units that the entries of the rows belong to, int32 of shape ``[entries]``."""
    weights: np.ndarray
    """Float64 of shape ``[1, entries]``, or ``[units, units]`` if dense."""
    nulls: np.ndarray
    """Float64 of shape ``[nulls, units]``."""
    signs: np.ndarray
    """Float64 of shape ``[nulls]``."""
    everywhere: np.ndarray
    """Whether units may be drawn to modules without any neighbour of theirs, bool, ``[1]``."""


def dense(matrix: np.ndarray) -> Graph:
    """Return the graph of a symmetric matrix ``[units, units]``."""
    n = len(matrix)
    weights = np.array(matrix, dtype=np.float64, order="C")
    return Graph(
        np.zeros(0, np.int64), np.zeros(0, np.int32), weights,
        np.zeros((0, n)), np.zeros(0), np.zeros(1, np.bool_),
    )  # fmt: skip


def sparse(
    starts: np.ndarray,
    others: np.ndarray,
    weights: np.ndarray,
    nulls: np.ndarray,
    signs: np.ndarray,
) -> Graph:
    """Return the graph of the rows of a sparse matrix, and of null vectors and their signs.

    Where a null vector only ever takes away, a module without neighbours is no better than a new
    one, and need not be looked at.
    """
    nulls, signs = np.array(nulls, np.float64, order="C"), np.array(signs, np.float64)
    return Graph(
        np.array(starts, np.int64), np.array(others, np.int32),
        np.array(weights, np.float64).reshape(1, -1),
        nulls, signs, np.array([bool((signs > 0).any() or (nulls < 0).any())]),
    )  # fmt: skip


@kernel
def gather(starts, others, weights, labels, unit, links, near, seen):
    """Sum the weights of a unit to the others of each module, into ``links``.

    Writes the modules to ``near``, marks them in ``seen``, and returns how many they are. No
    table of units by modules is needed, only as many places as there are names.
    """
    n_near = 0
    if len(starts) == 0:
        for other in range(len(labels)):
            k = labels[other]
            if not seen[k]:
                seen[k] = True
                links[k] = 0.0
                near[n_near] = k
                n_near += 1
            links[k] += weights[unit, other]
        links[labels[unit]] -= weights[unit, unit]
        return n_near
    for entry in range(starts[unit], starts[unit + 1]):
        other = others[entry]
        k = labels[other]
        if other == unit:
            continue
        if not seen[k]:
            seen[k] = True
            links[k] = 0.0
            near[n_near] = k
            n_near += 1
        links[k] += weights[0, entry]
    return n_near


@kernel
def call_back(starts, others, weights, labels, unit, waits, queue, place, n_waiting):
    """Queue those that are drawn to a unit and not with it; return how many wait."""
    if len(starts) == 0:
        for other in range(len(labels)):
            if weights[unit, other] > 0 and labels[other] != labels[unit] and not waits[other]:
                waits[other] = True
                queue[around(place + n_waiting, len(labels))] = other
                n_waiting += 1
        return n_waiting
    for entry in range(starts[unit], starts[unit + 1]):
        other = others[entry]
        if weights[0, entry] > 0 and labels[other] != labels[unit] and not waits[other]:
            waits[other] = True
            queue[around(place + n_waiting, len(labels))] = other
            n_waiting += 1
    return n_waiting


@kernel
def around(place, n):
    """A place of a queue that goes around, without a division."""
    return place if place < n else place - n


@kernel
def neighbour(graph, unit, random):
    """Draw a unit that a unit has an entry with; itself if there is none."""
    if len(graph.starts) == 0:
        return np.int64(random.integers(0, len(graph.weights)))
    n_others = graph.starts[unit + 1] - graph.starts[unit]
    if n_others == 0:
        return np.int64(unit)
    return np.int64(graph.others[graph.starts[unit] + random.integers(0, n_others)])


@kernel
def in_modules(labels, n_modules):
    """Return all units, module by module, and where each module begins."""
    begins = np.zeros(n_modules + 1, np.int64)
    for i in range(len(labels)):
        begins[labels[i] + 1] += 1
    begins = np.cumsum(begins)
    place, members = begins.copy(), np.empty(len(labels), np.int64)
    for i in range(len(labels)):
        members[place[labels[i]]] = i
        place[labels[i]] += 1
    return members, begins


@kernel
def merged(graph, labels, n_modules):
    """Return the graph whose units are modules: weights and nulls are summed."""
    nulls = np.zeros((len(graph.signs), n_modules))
    for k in range(len(graph.signs)):
        for i in range(len(labels)):
            nulls[k, labels[i]] += graph.nulls[k, i]
    rows = merged_rows(graph.starts, graph.others, graph.weights, labels, n_modules)
    return Graph(rows[0], rows[1], rows[2], nulls, graph.signs, graph.everywhere)


@kernel
def merged_rows(starts, others, weights, labels, n_modules):
    """Sum rows over the units of each two modules; sparse ones leave out the diagonal.

    It tells nothing of moves.
    """
    if len(starts) == 0:
        sums = np.zeros((n_modules, n_modules))
        for i in range(len(labels)):
            for j in range(len(labels)):
                sums[labels[i], labels[j]] += weights[i, j]
        return starts, others, sums
    members, begins = in_modules(labels, n_modules)
    new_starts = np.zeros(n_modules + 1, np.int64)
    new_others, new_weights = np.empty(len(others), np.int32), np.empty((1, len(others)))
    at, count = np.full(n_modules, -1), 0  # the entry of each module in the present row
    for k in range(n_modules):
        for i in members[begins[k] : begins[k + 1]]:
            for entry in range(starts[i], starts[i + 1]):
                other = labels[others[entry]]
                if other == k:
                    continue
                if at[other] < new_starts[k]:
                    at[other] = count
                    new_others[count] = other
                    new_weights[0, count] = 0.0
                    count += 1
                new_weights[0, at[other]] += weights[0, entry]
        new_starts[k + 1] = count
    return new_starts, new_others[:count].copy(), new_weights[:, :count].copy()


@kernel
def total_of(graph, labels):
    """Q: the sum of B over pairs in the same module, diagonals as far as they are there."""
    q, n = 0.0, len(labels)
    for i in range(n):
        if len(graph.starts) == 0:
            for j in range(i):
                if labels[j] == labels[i]:
                    q += 2 * graph.weights[i, j]
            q += graph.weights[i, i]
        else:
            for entry in range(graph.starts[i], graph.starts[i + 1]):
                if labels[graph.others[entry]] == labels[i]:
                    q += graph.weights[0, entry]
    for k in range(len(graph.signs)):
        sums = np.zeros(labels.max() + 1)
        for i in range(n):
            sums[labels[i]] += graph.nulls[k, i]
        q += graph.signs[k] * (sums * sums).sum()
    return q
