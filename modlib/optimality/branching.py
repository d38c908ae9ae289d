"""Branch and bound over pairs of units: cuts first, and where they stall, both values of a pair."""

import heapq
from time import perf_counter

import numpy as np

from modlib.clustering.best import best_modules
from modlib.clustering.moves import total
from modlib.clustering.tabu import climb
from modlib.optimality.cuts import deepest, grow, spread, vary
from modlib.optimality.relaxation import WIDTH, Relaxation

TOLERANCE = 1e-9  # of Q: optimal up to this; what gains no more than half of it is not sought
NEGATIVE = 2  # of these with a minus sign, at most, where a cut is grown
SHARE = 50  # new cuts that contain the same pair, at most
LIMIT = 8000  # new cuts in a round, at most
SLOW = 0.2  # a round that closes less of the gap calls for larger cuts
STALLED = 0.03  # one that closes less still
PATIENCE = 3  # such rounds, after which to branch
N_VARIED = 30  # steps of tabu search for a deeper cut
SHORT = 1000  # such searches, after which to look at the clock
MIN_DEPTH = 1e-2  # violation that such a search, or growing, must reach
POLISH = 100  # steps of tabu search from a rounded solution


class Proof:
    """Branch and bound over pairs of units; the best labels known and what they reach."""

    def __init__(self, matrix: np.ndarray, seed: int, deadline: float) -> None:
        self.matrix = np.ascontiguousarray(matrix)
        self.deadline = deadline
        self.random = np.random.default_rng(seed)
        self.labels = best_modules(self.matrix, seed, deadline=deadline)
        self.lower = total(self.matrix, self.labels)
        self.relaxation = Relaxation(self.matrix)

    @property
    def goal(self) -> float:
        """What an assignment must exceed to be looked for."""
        return self.lower + TOLERANCE / 2

    def seconds_left(self) -> float:
        """By the clock, until the proof must end."""
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
