"""Inequalities that every assignment fulfils and a solution violates, compiled."""

import numpy as np

from modlib.kernels import kernel

HEAVIEST = 2  # times that a cut contains a unit, at most
REST = 2  # after a change, steps for which a unit's weight in a cut stays


@kernel
def deepest(x, i, threshold, cuts, depths):
    """For unit i and each other unit a, the most violated cuts -i +a +b and -i +a +b +c.

    Writes to ``cuts`` (units counted from one, with their signs) and ``depths``; returns how many.
    """
    n = len(x)
    m = 0
    for a in range(n):
        if a == i or x[i, a] < threshold:
            continue
        pair_depth, triple_depth, pair_b, triple_b, triple_c = threshold, threshold, -1, -1, -1
        for b in range(n):
            if b in (i, a):
                continue
            pair = x[i, a] + x[i, b] - x[a, b] - 1.0
            if pair > pair_depth:
                pair_depth, pair_b = pair, b
            if pair + 1.0 < threshold:  # c cannot add more than x[i, c] - x[b, c], at most one
                continue
            for c in range(b + 1, n):
                triple = pair + x[i, c] - x[a, c] - x[b, c]
                if triple > triple_depth and c not in (i, a):
                    triple_depth, triple_b, triple_c = triple, b, c
        if pair_b >= 0:
            write(cuts[m], i, a, pair_b, -1)
            depths[m] = pair_depth / np.sqrt(3.0)
            m += 1
        if triple_b >= 0:
            write(cuts[m], i, a, triple_b, triple_c)
            depths[m] = triple_depth / np.sqrt(6.0)
            m += 1
    return m


@kernel
def write(cut, i, a, b, c):
    """Write -i +a +b, and +c unless that is -1."""
    cut[0], cut[1], cut[2], cut[3] = -i - 1, a + 1, b + 1, c + 1


@kernel
def grow(x, i, threshold, most_negative, cuts, depths):
    """Grow -i +a greedily by units of either sign, for each a; keep the deepest on the way."""
    m = 0
    for a in range(len(x)):
        if a != i and threshold < x[i, a] < 1 - threshold:
            depths[m] = grow_one(x, i, a, threshold, most_negative, cuts[m])
            if depths[m] > 0:
                m += 1
    return m


@kernel
def grow_one(x, i, a, threshold, most_negative, cut):
    """As :func:`grow` for one a: fill ``cut`` and return its depth, zero for none."""
    sign = np.zeros(len(x), np.int64)
    sign[i], sign[a] = -1, 1
    trail = np.zeros(len(cut), np.int64)
    trail[0], trail[1] = -i - 1, a + 1
    pull = x[a] - x[i]  # what a unit of sign + would take from the violation
    violation, negative, depth = x[i, a] - 1.0, 1, 0.0
    for size in range(2, len(cut)):
        gain, unit, way = 1e-9, -1, 0
        for k in range(len(x)):
            if sign[k] == 0 and -pull[k] > gain:
                gain, unit, way = -pull[k], k, 1
            if sign[k] == 0 and negative < most_negative and pull[k] - 1.0 > gain:
                gain, unit, way = pull[k] - 1.0, k, -1
        if unit < 0:
            break
        sign[unit] = way
        trail[size] = way * (unit + 1)
        violation += gain
        negative += way < 0
        pull += way * x[unit]
        if violation > threshold and violation / np.sqrt(size * (size + 1) / 2) > depth:
            depth = violation / np.sqrt(size * (size + 1) / 2)
            cut[:] = 0
            cut[: size + 1] = trail[: size + 1]
    return depth


@kernel
def vary(x, starts, threshold, n_steps, cuts, depths):
    """Tabu search for a deep cut from each of ``starts``; where none is found, depth is zero."""
    for r in range(len(starts)):
        depths[r] = vary_one(x, starts[r], threshold, n_steps, cuts[r])


@kernel
def vary_one(x, start, threshold, n_steps, cut):
    """As :func:`vary` for one start: fill ``cut`` and return its depth, zero for none.

    With the signs added up for each unit, s, a cut is violated by (sum(s) - s @ x @ s) / 2.
    """
    n = len(x)
    weight, pull = np.zeros(n, np.int64), np.zeros(n)
    violation, size, depth = 0.0, 0, 0.0
    for entry in start[start != 0]:
        unit, way = abs(entry) - 1, np.sign(entry)
        violation -= way * pull[unit] + (way < 0)
        weight[unit] += way
        pull += way * x[unit]
        size += 1
    free_at = np.zeros(n, np.int64)
    for step in range(n_steps):
        top, unit, to = -np.inf, -1, 0
        for k in range(n):
            for way in (-1, 1):
                new_size = size + abs(weight[k] + way) - abs(weight[k])
                if free_at[k] > step or not 3 <= new_size <= len(cut):
                    continue
                gain = -pull[k] if way > 0 else pull[k] - 1.0
                score = (violation + gain) / np.sqrt(new_size * (new_size - 1) / 2)
                if score > top and abs(weight[k] + way) <= HEAVIEST:
                    top, unit, to = score, k, way
        if unit < 0:
            break
        violation += -pull[unit] if to > 0 else pull[unit] - 1.0
        size += abs(weight[unit] + to) - abs(weight[unit])
        weight[unit] += to
        pull += to * x[unit]
        free_at[unit] = step + 1 + REST
        if violation > threshold and top > depth + 1e-9:
            depth = top
            copy_units(weight, cut)
    return depth


@kernel
def copy_units(weight, cut):
    """Write each unit, counted from one, as often as it weighs, with its sign."""
    cut[:] = 0
    t = 0
    for k in range(len(weight)):
        for _ in range(abs(weight[k])):
            cut[t] = np.sign(weight[k]) * (k + 1)
            t += 1


@kernel
def spread(cuts, n, share, limit):
    """Which cuts to keep, the first first, so that no pair is in more than ``share`` of them."""
    count = np.zeros((n, n), np.int64)
    keep = np.zeros(len(cuts), np.bool_)
    kept = 0
    for r in range(len(cuts)):
        units = np.abs(cuts[r][cuts[r] != 0]) - 1
        fullest = 0
        for p in units:
            for q in units:
                if p != q:
                    fullest = max(fullest, count[p, q])
        if fullest >= share or kept >= limit:
            continue
        keep[r] = True
        kept += 1
        for p in units:
            for q in units:
                count[p, q] += 1
    return keep


@kernel
def close_transitively(low, high):
    """Draw, in place, what follows from pairs fixed to 1 and 0; False if they contradict."""
    n = len(low)
    changed = True
    while changed:
        changed = False
        for i in range(n):
            for j in range(n):
                if i == j or low[i, j] == 0.0:
                    continue
                for k in range(n):
                    if k in (i, j):
                        continue
                    if low[j, k] > low[i, k]:
                        low[i, k] = low[k, i] = 1.0
                        changed = True
                    if high[j, k] < high[i, k]:
                        high[i, k] = high[k, i] = 0.0
                        changed = True
                    if low[i, k] > high[i, k]:
                        return False
    return True
