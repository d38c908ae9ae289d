"""How good a set of modules is at best: a proven bound on modularity."""

import heapq
from dataclasses import dataclass
from functools import cache
from math import inf
from time import perf_counter
from typing import Any

import numpy as np

from modlib.clustering.find import by_falling_size
from modlib.clustering.tabu import best_modules
from modlib.clustering.tabu_kernels import climb, total
from modlib.modularity import modularity, modularity_matrix, to_adjacency
from modlib.optimality.cuts import close_transitively, deepest, grow, saddle, spread, vary
from modlib.validation import is_number

TOLERANCE = 1e-9  # of Q: optimal up to this; what gains no more than half of it is not sought
WIDTH = 8  # units in a cut, at most, repetitions counted
NEGATIVE = 2  # of these with a minus sign, at most, where a cut is grown
SHARE = 50  # new cuts that contain the same pair, at most
LIMIT = 8000  # new cuts in a round, at most
SLACK = 0.1  # a cut with more is dropped
SLOW = 0.2  # a round that closes less of the gap calls for larger cuts
STALLED = 0.03  # one that closes less still
PATIENCE = 3  # such rounds, after which to branch
N_STEPS = 200  # of the primal-dual method
N_RESTS = 4  # so often, with a bound each, before cuts are looked for
N_VARIED = 30  # steps of tabu search for a deeper cut
SHORT = 1000  # such searches, after which to look at the clock
MIN_DEPTH = 1e-2  # violation that such a search, or growing, must reach
POLISH = 100  # steps of tabu search from a rounded solution


@dataclass(frozen=True)
class Certificate:
    """What is proven about the highest modularity of a similarity matrix."""

    lower: float
    """Q of ``labels``: the best assignment found."""
    upper: float
    """No assignment has a higher Q."""
    labels: np.ndarray
    """Int64 of shape ``[units]``: -1 for unused units, else 0, 1, ... by falling size."""
    optimal: bool
    """Whether ``upper - lower`` is at most ``TOLERANCE`` (1e-9)."""
    seconds: float
    """Wall-clock time it took."""


def certify(
    similarity: Any, time_limit: float = 60.0, *, resolution: float = 1.0, seed: int = 0
) -> Certificate:
    r"""Bound the highest modularity that any assignment can reach, and try to reach it.

    An assignment is a 0-1 variable :math:`x_{ij}` per pair of units, one where they share a
    cluster, and :math:`Q = \sum_{ij} B_{ij} x_{ij}` (Brandes et al. 2008). For signs
    :math:`s \in \{-1, 0, 1\}` of the units, every assignment fulfils

    .. math:: -\sum_{i<j} s_i s_j x_{ij} \le |\{i : s_i = -1\}|,

    since :math:`a^2 \ge a` holds for the sum a of the signs in each cluster. These are the
    2-partition inequalities of Groetschel & Wakabayashi (1989), with the triangle inequalities
    among them, :math:`x_{ij} + x_{ik} - x_{jk} \le 1`. They hold as well where a unit counts
    twice, as two units i and j with :math:`x_{ij} = 1`. A linear program over the violated ones is
    solved again and again. Pairs whose reduced cost exceeds the gap to the best assignment known
    are fixed. Where the bound stalls, the two values of a pair are tried (branch and bound).

    The bound does not rely on the solver. For any multipliers :math:`y \ge 0` of the inequalities
    :math:`A x \le b`, weak duality gives

    .. math:: Q \le b^T y + \sum_e \max_{x_e} (c - A^T y)_e x_e .

    It is this sum, computed here, that counts, so that an unfinished or inaccurate solution
    weakens the bound but cannot falsify it. What remains is the rounding of sums in float64,
    about 1e-15, far below the 5e-10 for which no better assignment is looked for.

    Parameters
    ----------
    similarity
        Symmetric and non-negative, of shape ``[units, units]``; a few hundred units at most.
    time_limit
        In seconds of wall-clock time, above 0. It may be exceeded by a second or two.
    resolution
        Weight of the null model in Q.
    seed
        Of the search that comes first, :func:`modlib.clustering.tabu.best_modules`.

    Raises
    ------
    ValueError
        If the similarity is refused by :func:`modlib.modularity.to_adjacency`, or an option is
        outside its range; the message names it.
    """
    if not (is_number(time_limit) and time_limit > 0):
        raise ValueError(f"time_limit must be a number above 0, in seconds. Got {time_limit!r}.")
    adjacency = to_adjacency(similarity)
    matrix = modularity_matrix(adjacency, resolution)
    _compile()
    start = perf_counter()
    used = np.flatnonzero(adjacency.any(axis=1))
    labels = np.full(len(matrix), -1)
    proof = _Proof(matrix[np.ix_(used, used)], seed, start + time_limit)
    upper = proof.run()
    labels[used] = proof.labels
    lower = modularity(adjacency, labels, resolution)
    upper = max(upper, lower)
    return Certificate(
        lower, upper, by_falling_size(labels), upper - lower <= TOLERANCE, perf_counter() - start
    )


@cache
def _compile() -> None:
    """Compile on a small graph, before the clock runs: a path of four units."""
    path = np.diag(np.ones(3), 1)
    proof = _Proof(modularity_matrix(to_adjacency(path + path.T)), 0, inf)
    star = np.eye(4)
    star[0, 1:] = star[1:, 0] = 0.8  # violates, so that all that handles cuts is called
    proof.relaxation.add(proof._violated(star, larger=True))
    proof.run()


class _Relaxation:
    """Linear program over pairs of units and the cuts added so far, and its safe bound.

    A cut is a row of ``WIDTH`` whole numbers: the units, counted from one, with their signs, and
    zeros. A unit may be there twice, as two units that are always together.
    """

    def __init__(self, matrix: np.ndarray) -> None:
        n = len(matrix)
        self.pairs = np.triu_indices(n, 1)
        self.column = np.zeros((n, n), np.int64)
        self.column[self.pairs] = np.arange(len(self.pairs[0]))
        self.column += self.column.T
        self.costs = 2 * matrix[self.pairs]
        self.constant = float(np.trace(matrix))
        self.scale = np.abs(self.costs).max(initial=0.0) or 1.0
        self.low, self.high = np.zeros(len(self.costs)), np.ones(len(self.costs))
        self.x = (self.costs > 0).astype(np.float64)
        self.weight = 1.0
        self.reduced = self.costs
        self._clear()

    def _clear(self) -> None:
        self.y = np.zeros(0)
        self.cuts = np.zeros((0, WIDTH), np.int64)
        self.columns = np.zeros((0, WIDTH * (WIDTH - 1) // 2), np.int64)
        self.values = np.zeros(self.columns.shape)
        self.sides = np.zeros(0)

    def square(self, values: np.ndarray, diagonal: float = 0.0) -> np.ndarray:
        """Write one value per pair as a symmetric matrix ``[units, units]``."""
        matrix = np.zeros(self.column.shape)
        matrix[self.pairs] = values
        return matrix + matrix.T + diagonal * np.eye(len(matrix))

    def restrict(self, low: np.ndarray, high: np.ndarray) -> bool:
        """Set the range of each pair and what follows from it; False if that is contradictory."""
        low, high = self.square(low), self.square(high)
        possible = close_transitively(low, high)
        self.low, self.high = low[self.pairs], high[self.pairs]
        return possible

    def add(self, cuts: np.ndarray) -> None:
        units, signs = np.maximum(np.abs(cuts) - 1, 0), np.sign(cuts)
        p, q = np.triu_indices(WIDTH, 1)
        values = -(signs[:, p] * signs[:, q]).astype(np.float64)
        same = units[:, p] == units[:, q]  # a unit is always with itself: a constant
        sides = (signs < 0).sum(axis=1) - (values * same).sum(axis=1)
        self.cuts = np.concatenate([self.cuts, cuts])
        self.columns = np.concatenate([self.columns, self.column[units[:, p], units[:, q]]])
        self.values = np.concatenate([self.values, values * ~same])
        self.sides = np.concatenate([self.sides, sides])
        self.y = np.concatenate([self.y, np.zeros(len(cuts))])

    def state(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Solution, multipliers and cuts: what :meth:`resume` takes, to go on from here."""
        return self.x.copy(), self.y.copy(), self.cuts.astype(np.int16)

    def resume(self, x: np.ndarray, y: np.ndarray, cuts: np.ndarray) -> None:
        self._clear()
        self.add(cuts.astype(np.int64))
        self.x, self.y = x.copy(), y.copy()

    def drop_slack(self) -> None:
        slack = self.sides - (self.values * self.x[self.columns]).sum(axis=1)
        kept = (slack <= SLACK) | (self.y > 1e-6)
        self.columns, self.values = self.columns[kept], self.values[kept]
        self.sides, self.y, self.cuts = self.sides[kept], self.y[kept], self.cuts[kept]

    def solve(self, deadline: float) -> float:
        """Improve the multipliers for a while; return the best bound met, with its costs."""
        best_bound, best = self.bound(self.y), self.y.copy()
        self.x = np.clip(self.x, self.low, self.high)
        ranges = self.low, self.high
        program = self.columns, self.values, self.sides, self.costs / self.scale
        for _ in range(N_RESTS):
            self.weight = saddle(*program, *ranges, self.x, self.y, self.weight, N_STEPS)
            bound = self.bound(self.y)
            if bound < best_bound:
                best_bound, best = bound, self.y.copy()
            if perf_counter() > deadline:
                break
        return self.bound(best)

    def bound(self, y: np.ndarray) -> float:
        """Bound Q within the ranges of the pairs, for any non-negative multipliers."""
        weights = (self.values * y[:, None]).ravel()
        pull = np.bincount(self.columns.ravel(), weights, minlength=len(self.costs))
        self.reduced = self.costs - self.scale * pull
        best = np.maximum(self.reduced * self.low, self.reduced * self.high)
        return float(self.constant + self.scale * (self.sides @ y) + best.sum())

    def fix(self, slack: float) -> bool:
        """Fix pairs whose other value costs all the slack; False if nothing better is left."""
        free = self.low < self.high  # what is fixed has no other value, whatever its reduced cost
        low = np.where(free & (self.reduced >= slack), 1.0, self.low)
        high = np.where(free & (self.reduced <= -slack), 0.0, self.high)
        return self.restrict(low, high)


class _Proof:
    """Branch and bound over pairs of units; the best labels known and what they reach."""

    def __init__(self, matrix: np.ndarray, seed: int, deadline: float) -> None:
        self.matrix = np.ascontiguousarray(matrix)
        self.deadline = deadline
        self.random = np.random.default_rng(seed)
        self.labels = best_modules(self.matrix, seed, deadline=deadline)
        self.lower = total(self.matrix, self.labels)
        self.relaxation = _Relaxation(self.matrix)

    @property
    def goal(self) -> float:
        """What an assignment must exceed to be looked for."""
        return self.lower + TOLERANCE / 2

    def seconds_left(self) -> float:
        return self.deadline - perf_counter()

    def run(self) -> float:
        """Return the upper bound: the largest of the branches that are open at the end."""
        relaxation = self.relaxation
        trivial = relaxation.bound(relaxation.y)  # no cuts yet: the sum of what is positive
        branches = [(-trivial, 0, relaxation.low, relaxation.high, relaxation.state())]
        n_branches = 1
        while branches and -branches[0][0] > self.goal and self.seconds_left() > 0:
            negated, _, low, high, state = heapq.heappop(branches)
            relaxation.resume(*state)
            bound = self._tighten(-negated, low, high)
            if bound <= self.goal:
                continue
            state = relaxation.state()
            for half in self._halves():
                heapq.heappush(branches, (-bound, n_branches, *half, state))
                n_branches += 1
        open_bound = -branches[0][0] if branches else -np.inf
        return min(trivial, max(open_bound, self.goal))

    def _tighten(self, bound: float, low: np.ndarray, high: np.ndarray) -> float:
        """Add cuts to a branch until its bound stalls; ``-inf`` if nothing better is left in it."""
        relaxation = self.relaxation
        if not relaxation.restrict(low, high):
            return -np.inf
        n_stalled = 0
        while n_stalled < PATIENCE:
            new = relaxation.solve(self.deadline)
            gain = (bound - new) / (bound - self.lower)
            bound = min(bound, new)
            self._round(relaxation.x)
            if bound <= self.goal or not relaxation.fix(new - self.goal):
                return -np.inf
            if (relaxation.low == relaxation.high).all():  # a single assignment is left
                self._round(relaxation.low)
                return -np.inf
            n_stalled = n_stalled + 1 if gain < STALLED else 0
            if not self._cut(gain):
                break
        return bound

    def _round(self, x: np.ndarray) -> None:
        """Try the assignment in which a unit joins the first cluster it is mostly linked to."""
        linked = self.relaxation.square(x, diagonal=1.0) > 0.5
        start = linked.argmax(axis=1)
        labels, q = climb(self.matrix, start, self.random, POLISH)
        if q > self.lower:
            self.labels, self.lower = labels, q

    def _cut(self, gain: float) -> bool:
        """Replace slack cuts by violated ones; False if there are none, or no time for them."""
        relaxation = self.relaxation
        x = relaxation.square(relaxation.x, diagonal=1.0)
        cuts = self._violated(x, larger=gain < SLOW)
        if self.seconds_left() <= 0 or not len(cuts):
            return False
        if gain > 0:
            relaxation.drop_slack()
        relaxation.add(cuts)
        return True

    def _violated(self, x: np.ndarray, larger: bool) -> np.ndarray:
        """Find cuts that x violates, the deepest first: Euclidean distance counts."""
        n = len(x)
        cuts = np.zeros((n, 3 * n, WIDTH), np.int64)
        depths = np.zeros((n, 3 * n))
        for i in range(n):
            if self.seconds_left() <= 0:
                break
            m = deepest(x, i, 1e-4, cuts[i], depths[i])
            if larger:
                m += grow(x, i, MIN_DEPTH, NEGATIVE, cuts[i, m:], depths[i, m:])
            depths[i, m:] = 0
        cuts, depths = _by_depth(cuts.reshape(-1, WIDTH), depths.ravel())
        if larger:
            varied, varied_depths = self._varied(x, cuts)
            cuts = np.concatenate([cuts, varied])
            cuts, _ = _by_depth(cuts, np.concatenate([depths, varied_depths]))
        return cuts[spread(cuts, n, SHARE, LIMIT)]

    def _varied(self, x: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Look for deeper cuts near the deepest ones and those that hold x; and their depths."""
        holding = self.relaxation.cuts[self.relaxation.y > 0]
        starts = np.concatenate([cuts[:LIMIT], holding])
        found, depths = np.zeros_like(starts), np.zeros(len(starts))
        for i in range(0, len(starts), SHORT):
            if i and self.seconds_left() <= 0:
                break
            part = slice(i, i + SHORT)
            vary(x, starts[part], MIN_DEPTH, N_VARIED, found[part], depths[part])
        return found, depths

    def _halves(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Split the ranges at the pair that is least decided, weighted by what it adds to Q."""
        relaxation = self.relaxation
        low, high, x = relaxation.low, relaxation.high, relaxation.x
        doubt = np.minimum(x, 1 - x) * np.abs(relaxation.costs)
        pair = np.where(low < high, doubt, -1).argmax()
        together, apart = low.copy(), high.copy()
        together[pair], apart[pair] = 1, 0
        return [(together, high), (low, apart)]


def _by_depth(cuts: np.ndarray, depths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different cuts of positive depth, the deepest first, and their depths."""
    order = np.argsort(-depths, kind="stable")[: np.count_nonzero(depths)]
    cuts, depths = np.sort(cuts[order], axis=1), depths[order]
    first = np.sort(np.unique(cuts, axis=0, return_index=True)[1])
    return cuts[first], depths[first]
