"""A solver of large linear programs, compiled: primal-dual steps towards a saddle point."""

import numpy as np

from modlib.kernels import kernel

ENOUGH, SOME = 0.2**2, 0.8**2  # restart at this share of the first squared step
LONGEST, SHORTEST = 0.36, 20  # and after this share of all steps, plus so many
NOWHERE = 1e-20  # squared distance that says nothing about the balance of x and y


@kernel
def saddle(columns, values, sides, costs, low, high, x, y, weight, n_steps):
    """Primal-dual steps towards max costs @ x, A x <= sides, low <= x <= high, changing x and y.

    Row r of A has ``values[r]`` at ``columns[r]``, where not zero. The method is that of Chambolle
    & Pock with diagonal step sizes (Pock & Chambolle 2011), where each step goes twice as far and
    is then drawn towards the last restart (Lu & Yang 2024). ``weight`` balances the steps of x and
    y; a better one is returned.
    """
    starts, where, factors = pack(columns, values)
    uses = np.maximum(np.bincount(where, minlength=len(x)), 1).astype(np.float64)
    sizes = np.maximum(starts[1:] - starts[:-1], 1).astype(np.float64)
    pull = np.zeros(len(x))  # A.T @ y_now
    ahead = np.zeros(len(x))
    age = 0
    for step in range(n_steps):
        if age == 0:
            x_home, y_home, x_now, y_now = x.copy(), y.copy(), x.copy(), y.copy()
            pull_back(starts, where, factors, y, pull)
            first = before = np.inf
        age += 1
        share = age / (age + 1.0)
        error = step_x(costs, low, high, x, x_now, x_home, pull, ahead, uses * weight, share)
        rows = starts, where, factors
        error += step_y(rows, sides, y, y_now, y_home, pull, ahead, sizes / weight, share)
        if age == 1:
            first = error
        elif is_due(error, first, before) or age > LONGEST * step + SHORTEST:
            weight = rebalance(x, y, x_home, y_home, uses, sizes, weight)
            age = 0
        before = error
    return weight


@kernel
def pack(columns, values):
    """The entries of all rows, one row after the other, without zeros.

    Places are unsigned, so that no index is checked for being counted from the end.
    """
    starts = np.zeros(len(columns) + 1, np.uint32)
    where = np.zeros(columns.size, np.uint32)
    factors = np.zeros(columns.size, np.float32)
    m = 0
    for r in range(len(columns)):
        for t in range(columns.shape[1]):
            if values[r, t] != 0.0:
                where[m], factors[m] = columns[r, t], values[r, t]
                m += 1
        starts[r + 1] = m
    return starts, where[:m].copy(), factors[:m].copy()


@kernel
def pull_back(starts, where, factors, y, pull):
    """Set ``pull`` to A.T @ y."""
    pull[:] = 0.0
    for r in range(len(y)):
        if y[r] != 0.0:
            for t in range(starts[r], starts[r + 1]):
                pull[where[t]] += factors[t] * y[r]


@kernel
def step_x(costs, low, high, x, now, home, pull, ahead, scales, share):
    """Step from ``now`` to x, extrapolate it to ``ahead``, move ``now``; return how far it went."""
    far = 0.0
    for e in range(len(x)):
        x[e] = min(max(now[e] + (costs[e] - pull[e]) / scales[e], low[e]), high[e])
        change = x[e] - now[e]
        far += scales[e] * change * change
        ahead[e] = x[e] + change
        now[e] = share * ahead[e] + (1.0 - share) * home[e]
    return far


@kernel
def step_y(rows, sides, y, now, home, pull, ahead, scales, share):
    """Step from ``now`` to y, move ``now``, set ``pull`` from it; return how far it went."""
    starts, where, factors = rows
    far = 0.0
    pull[:] = 0.0
    for r in range(len(y)):
        excess = -sides[r]
        for t in range(starts[r], starts[r + 1]):
            excess += factors[t] * ahead[where[t]]
        y[r] = max(now[r] + excess / scales[r], 0.0)
        change = y[r] - now[r]
        far += scales[r] * change * change
        now[r] = share * (y[r] + change) + (1.0 - share) * home[r]
        if now[r] != 0.0:
            for t in range(starts[r], starts[r + 1]):
                pull[where[t]] += factors[t] * now[r]
    return far


@kernel
def is_due(error, first, before):
    """Whether to restart: steps have become much shorter, or shorter and now grow again."""
    return error < ENOUGH * first or (before < error < SOME * first)


@kernel
def rebalance(x, y, x_home, y_home, uses, sizes, weight):
    """Half way, in logarithms, to the weight at which x and y went equally far."""
    far_x = (uses * (x - x_home) ** 2).sum()
    far_y = (sizes * (y - y_home) ** 2).sum()
    if min(far_x, far_y) < NOWHERE:
        return weight
    return np.sqrt(weight * np.sqrt(far_y / far_x))
