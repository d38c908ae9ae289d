"""The inner loops of the search for the best modules and of its proof, compiled."""

import numpy as np
from numba import njit

from modlib.kernels import _count_links, _move

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
    _count_links(matrix, labels, n_clusters, links, sizes)
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
        n_clusters = _move(matrix, labels, n_clusters, links, sizes, unit, cluster)
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


@njit(cache=True)
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


@njit(cache=True)
def write(cut, i, a, b, c):
    """Write -i +a +b, and +c unless that is -1."""
    cut[0], cut[1], cut[2], cut[3] = -i - 1, a + 1, b + 1, c + 1


@njit(cache=True)
def grow(x, i, threshold, most_negative, cuts, depths):
    """Grow -i +a greedily by units of either sign, for each a; keep the deepest on the way."""
    m = 0
    for a in range(len(x)):
        if a != i and threshold < x[i, a] < 1 - threshold:
            depths[m] = grow_one(x, i, a, threshold, most_negative, cuts[m])
            if depths[m] > 0:
                m += 1
    return m


@njit(cache=True)
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


@njit(cache=True)
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


@njit(cache=True)
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


@njit(cache=True)
def saddle(columns, values, sides, costs, low, high, x, y, n_steps):
    """Primal-dual steps towards max costs @ x, A x <= sides, low <= x <= high, changing x and y.

    Row r of A has ``values[r]`` at ``columns[r]``, up to the first zero. The method is that of
    Chambolle & Pock with diagonal step sizes (Pock & Chambolle 2011); returns the mean x and y.
    """
    sizes = np.zeros(len(sides), np.int64)
    uses = np.zeros(len(costs))
    pull = np.zeros(len(costs))  # A.T @ y
    for r in range(len(sides)):
        while sizes[r] < columns.shape[1] and values[r, sizes[r]] != 0.0:
            uses[columns[r, sizes[r]]] += 1.0
            pull[columns[r, sizes[r]]] += values[r, sizes[r]] * y[r]
            sizes[r] += 1
    ahead, mean_x, mean_y = np.zeros_like(x), np.zeros_like(x), np.zeros_like(y)
    for _ in range(n_steps):
        for e in range(len(x)):
            moved = x[e] + (costs[e] - pull[e]) / max(uses[e], 1.0)
            moved = min(max(moved, low[e]), high[e])
            ahead[e] = 2 * moved - x[e]
            x[e] = moved
            mean_x[e] += moved / n_steps
            pull[e] = 0.0
        for r in range(len(y)):
            excess = -sides[r]
            for t in range(sizes[r]):
                excess += values[r, t] * ahead[columns[r, t]]
            y[r] = max(y[r] + excess / sizes[r], 0.0)
            mean_y[r] += y[r] / n_steps
            if y[r] > 0.0:
                for t in range(sizes[r]):
                    pull[columns[r, t]] += values[r, t] * y[r]
    return mean_x, mean_y
