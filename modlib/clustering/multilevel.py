"""Modules level by level: units move, modules split and merge as units of the next level, compiled.

The scheme is that of Traag, Waltman and van Eck (2019), Leiden, for weights of any sign, dense or
sparse.
"""

import numpy as np

from modlib.clustering.moves import ROUNDING, close_gaps
from modlib.clustering.neighbours import around, call_back, gather, merged, neighbour, total_of
from modlib.kernels import kernel


@kernel
def multilevel(graph, labels, random, n_times):
    """Improve labels until neither units nor modules of any level move, or ``n_times``.

    ``labels`` are below the number of units, and stay as they are: new ones are returned.
    """
    labels, moved = labels.copy(), True
    while moved and n_times > 0:
        n_times -= 1
        moved = settle(graph, labels, random)
        level, units = graph, np.arange(len(labels))  # of the level, which each unit is in
        at_level = labels.copy()
        while True:
            parts = split(level, at_level, random)
            n_parts = close_gaps(parts)
            if n_parts == len(parts):
                break
            level_labels = np.zeros(n_parts, np.int64)
            for i in range(len(parts)):
                level_labels[parts[i]] = at_level[i]
            close_gaps(level_labels)
            level, units, at_level = merged(level, parts, n_parts), parts[units], level_labels
            moved = settle(level, at_level, random) or moved
        labels = at_level[units]
        close_gaps(labels)
    return labels


@kernel
def settle(graph, labels, random):
    """Move units to where they gain most, in place; tell whether any moved.

    Units wait in a queue; one that has moved calls back those that are drawn to it and are not
    with it. Others may gain by moving then, and have their turn the next time.
    """
    n = len(labels)
    sums, sizes = tally(graph, labels)
    spare, n_spare = empty_names(sizes)
    links, near, seen = np.empty(n), np.empty(n, np.int64), np.zeros(n, np.bool_)
    queue, waits = random.permutation(n), np.ones(n, np.bool_)
    first, n_waiting, moved = 0, n, False
    while n_waiting:
        unit = queue[first]
        first, n_waiting = around(first + 1, n), n_waiting - 1
        waits[unit] = False
        home = labels[unit]
        choice = best_choice(graph, labels, sums, sizes, unit, links, near, seen)
        if choice == home:
            continue
        if choice < 0:
            n_spare -= 1
            choice = spare[n_spare]
        moved = True
        labels[unit] = choice
        carry(graph, sums, sizes, unit, home, choice)
        if sizes[home] == 0:
            spare[n_spare] = home
            n_spare += 1
        n_waiting = call_back(
            graph.starts, graph.others, graph.weights, labels, unit, waits, queue, first, n_waiting
        )
    return moved


@kernel
def tally(graph, labels):
    """Return the sums of the null vectors over each module, and the modules' sizes."""
    n = len(labels)
    sums, sizes = np.zeros((n, len(graph.signs))), np.zeros(n, np.int64)
    for i in range(n):
        sizes[labels[i]] += 1
        for k in range(len(graph.signs)):
            sums[labels[i], k] += graph.nulls[k, i]
    return sums, sizes


@kernel
def empty_names(sizes):
    """Return names without units, those to be used first last, and how many they are."""
    spare, n_spare = np.empty(len(sizes), np.int64), 0
    for k in range(len(sizes) - 1, -1, -1):
        if sizes[k] == 0:
            spare[n_spare] = k
            n_spare += 1
    return spare, n_spare


@kernel
def best_choice(graph, labels, sums, sizes, unit, links, near, seen):
    """The module that a unit gains most by moving to: its own to stay, -1 for a new one."""
    home, signs, own = labels[unit], graph.signs, graph.nulls[:, unit]
    n_near = gather(graph.starts, graph.others, graph.weights, labels, unit, links, near, seen)
    if graph.everywhere[0]:
        for k in range(len(sizes)):
            if sizes[k] and not seen[k]:
                near[n_near], seen[k], links[k] = k, True, 0.0
                n_near += 1
    stay = links[home] if seen[home] else 0.0
    for j in range(len(signs)):
        stay += signs[j] * own[j] * (sums[home, j] - own[j])
    top, choice = stay + ROUNDING, home
    for place in range(n_near):
        k = near[place]
        seen[k] = False
        if k == home:
            continue
        gain = links[k]
        for j in range(len(signs)):
            gain += signs[j] * own[j] * sums[k, j]
        if gain > top:
            top, choice = gain, k
    return -1 if sizes[home] > 1 and top < 0 else choice


@kernel
def carry(graph, sums, sizes, unit, home, choice):
    """Keep sums and sizes up to date with a move; an empty module has sums of exactly zero."""
    sizes[home] -= 1
    sizes[choice] += 1
    for k in range(len(graph.signs)):
        sums[choice, k] += graph.nulls[k, unit]
        sums[home, k] = sums[home, k] - graph.nulls[k, unit] if sizes[home] else 0.0


@kernel
def split(graph, labels, random):
    """Split each module: its units, one by one, join a part at random, by what they gain.

    Returns the parts, each named by one of its units; a unit that others have joined stays.
    """
    n = len(labels)
    parts = np.arange(n)
    sums, sizes = tally(graph, parts)
    links, near, seen = np.empty(n), np.empty(n, np.int64), np.zeros(n, np.bool_)
    for unit in random.permutation(n):
        if sizes[parts[unit]] > 1:
            continue
        n_near = gather(graph.starts, graph.others, graph.weights, parts, unit, links, near, seen)
        gains = 0.0
        for place in range(n_near):
            part = near[place]
            seen[part] = False
            if labels[part] != labels[unit] or part == unit:
                links[part] = 0.0
                continue
            for k in range(len(graph.signs)):
                links[part] += graph.signs[k] * graph.nulls[k, unit] * sums[part, k]
            if links[part] > ROUNDING:
                gains += links[part]
        if gains > 0:
            parts[unit] = drawn(links, near[:n_near], random.random() * gains)
            carry(graph, sums, sizes, unit, unit, parts[unit])
    return parts


@kernel
def drawn(links, near, mark):
    """The part in which a mark falls, if parts lie end to end, as long as what they give."""
    choice = -1
    for part in near:
        if links[part] > ROUNDING:
            choice = part
            mark -= links[part]
            if mark <= 0:
                break
    return choice


@kernel
def iterate_levels(graph, labels, random, n_rounds):
    """Iterated search from ``labels``: disturb the current best, improve, keep if no worse."""
    current, current_q = labels.copy(), total_of(graph, labels)
    for _ in range(n_rounds):
        trial = current.copy()
        disturb(graph, trial, random)
        trial = multilevel(graph, trial, random, 1)
        q = total_of(graph, trial)
        if q > current_q - ROUNDING:
            current, current_q = trial, q
    return current


@kernel
def disturb(graph, labels, random):
    """Dissolve some neighbouring modules, or make them one, or let some units follow neighbours.

    In place; names are without gaps before and after.
    """
    n, kind = len(labels), random.integers(0, 3)
    unit = np.int64(random.integers(0, n))
    if kind == 2:
        for _ in range(2 + random.integers(0, max(n // 10, 1))):
            unit = np.int64(random.integers(0, n))
            labels[unit] = labels[neighbour(graph, unit, random)]
        close_gaps(labels)
        return
    chosen = np.zeros(n, np.bool_)
    chosen[labels[unit]] = True
    for _ in range(random.integers(0, 3)):
        unit = neighbour(graph, unit, random)
        chosen[labels[unit]] = True
    home, spare = labels[unit], labels.max() + 1
    for i in range(n):
        if chosen[labels[i]] and kind == 1:
            labels[i] = home
        elif chosen[labels[i]] and spare < n:
            labels[i] = spare
            spare += 1
    close_gaps(labels)
