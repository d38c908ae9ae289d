"""Branch and bound over pairs of units: cuts first, and where they stall, both values of a pair."""

import heapq
from time import perf_counter, thread_time

import numpy as np

from modlib.clustering.best import best_modules
from modlib.clustering.moves import total
from modlib.clustering.tabu import climb
from modlib.optimality.cuts import deepest, grow, spread, vary
from modlib.optimality.record import Record, State, Step, within
from modlib.optimality.relaxation import WIDTH, Relaxation

TOLERANCE = 1e-9  # of Q: optimal up to this; what gains no more than half of it is not sought
NEGATIVE = 2  # of these with a minus sign, at most, where a cut is grown
SHARE = 50  # new cuts that contain the same pair, at most
LIMIT = 8000  # new cuts in a round, at most; or as many as there are pairs
SLOW = 0.2  # a round that closes less of the gap calls for larger cuts
MANY = 128  # units beyond which those are dear, and called for by
SLOWER = 0.03  # a round that closes less than this
STALLED, PATIENCE = 0.1, 1  # less still, and in how many rounds, after which to branch
WIDE = 0.005  # of Q: a gap that is wider calls for more patience, since branches do little to it
STALLED_WIDE, PATIENCE_WIDE = 0.03, 3
N_VARIED = 30  # steps of tabu search for a deeper cut
SHORT = 1000  # such searches, after which to look at the clock
MIN_DEPTH = 1e-2  # violation that such a search, or growing, must reach
POLISH = 100  # steps of tabu search from a rounded solution


class Proof:
    """Branch and bound over pairs of units; the best labels known and what they reach.

    Its deadline is by ``time.thread_time``: work of others on the machine does not count.
    """

    def __init__(self, matrix: np.ndarray, seed: int, deadline: float) -> None:
        self.matrix = np.ascontiguousarray(matrix)
        self.deadline = deadline
        self.random = np.random.default_rng(seed)
        self.labels = best_modules(self.matrix, seed, deadline=perf_counter() + self.seconds_left())
        self.lower = total(self.matrix, self.labels)
        self.relaxation = Relaxation(self.matrix)
        self.record = Record(self.matrix)
        self._steps: list[Step] = []

    @property
    def goal(self) -> float:
        """What an assignment must exceed to be looked for."""
        return self.lower + TOLERANCE / 2

    @property
    def claim(self) -> float:
        """What the record is to prove: a little more than the goal, so that rounding has room."""
        return self.lower + 0.75 * TOLERANCE

    @property
    def _limit(self) -> int:
        return max(LIMIT, len(self.relaxation.costs))

    def seconds_left(self) -> float:
        """By the clock, until the proof must end."""
        return self.deadline - thread_time()

    def run(self) -> float:
        """Return the upper bound: the largest of the branches that are open at the end."""
        relaxation = self.relaxation
        trivial = relaxation.bound(relaxation.y)  # no cuts yet: the sum of what is positive
        branches = [(-trivial, 0, self.record.all, relaxation.state())]
        while branches and -branches[0][0] > self.goal and self.seconds_left() > 0:
            negated, number, start, state = heapq.heappop(branches)
            relaxation.resume(*state)
            left = self._settle(number, start, self._tighten(-negated, start))
            if left.bound is None or (left.low == left.high).all():
                continue
            bound, state = min(-negated, self.record.costs.real(left.bound)), relaxation.state()
            for part, half in self._halves(number, left):
                heapq.heappush(branches, (-bound, part, half, state))
        open_bound = -branches[0][0] if branches else -np.inf
        return min(trivial, max(open_bound, self.goal))

    def _settle(self, number: int, start: State, bound: float) -> State:
        """Write down what proves what was found of a branch; return what it proves."""
        relaxation, costs = self.relaxation, self.record.costs
        low, high = relaxation.square(relaxation.low), relaxation.square(relaxation.high)
        aim = State(low, high, costs.floor(bound) if bound > self.goal else None)
        left = self.record.settle(number, start, self._steps, aim, costs.floor(self.claim))
        if (left.low == left.high).all():  # a single assignment is left
            self._round(left.low[relaxation.pairs].astype(np.float64))
        return left

    def _tighten(self, bound: float, start: State) -> float:
        """Add cuts to a branch until its bound stalls; ``-inf`` if nothing better is left in it."""
        relaxation = self.relaxation
        self._steps = []
        if not relaxation.restrict(start.low[relaxation.pairs], start.high[relaxation.pairs]):
            return -np.inf
        n_stalled, patience = 0, 1
        while n_stalled < patience:
            new = relaxation.solve(self.deadline, self.goal)
            self._steps.append(relaxation.proven())
            gain = (bound - new) / (bound - self.lower)
            bound = min(bound, new)
            self._round(relaxation.x)
            if bound <= self.goal or not relaxation.fix(new - self.goal):
                return -np.inf
            if (relaxation.low == relaxation.high).all():  # a single assignment is left
                self._round(relaxation.low)
                return -np.inf
            is_wide = bound - self.lower > WIDE * self.lower
            stalled, patience = (STALLED_WIDE, PATIENCE_WIDE) if is_wide else (STALLED, PATIENCE)
            has_cuts = len(relaxation.cuts) > 0  # without, there is nothing to gain yet
            n_stalled = n_stalled + 1 if gain < stalled and has_cuts else 0
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
        cuts = self._violated(x, larger=gain < (SLOW if len(x) <= MANY else SLOWER))
        if self.seconds_left() <= 0 or not len(cuts):
            return False
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
        return cuts[spread(cuts, n, SHARE, self._limit)]

    def _varied(self, x: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Look for deeper cuts near the deepest ones and those that hold x; and their depths."""
        holding = self.relaxation.cuts[self.relaxation.y > 0]
        starts = np.concatenate([cuts[: self._limit], holding])
        found, depths = np.zeros_like(starts), np.zeros(len(starts))
        for i in range(0, len(starts), SHORT):
            if i and self.seconds_left() <= 0:
                break
            part = slice(i, i + SHORT)
            vary(x, starts[part], MIN_DEPTH, N_VARIED, found[part], depths[part])
        return found, depths

    def _halves(self, number: int, left: State) -> list[tuple[int, State]]:
        """Split a branch at the pair that is least decided, weighted by what it adds to Q."""
        relaxation, x = self.relaxation, self.relaxation.x
        doubt = np.minimum(x, 1 - x) * np.abs(relaxation.costs)
        is_open = (left.low < left.high)[relaxation.pairs]
        place = np.where(is_open, doubt, -1).argmax()
        pair = int(relaxation.pairs[0][place]), int(relaxation.pairs[1][place])
        numbers = [self.record.add(number, pair, together) for together in (True, False)]
        return [(half, within(left, self.record.cases[half])) for half in numbers]


def _by_depth(cuts: np.ndarray, depths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different cuts of positive depth, the deepest first, and their depths."""
    order = np.argsort(-depths, kind="stable")[: np.count_nonzero(depths)]
    cuts, depths = np.sort(cuts[order], axis=1), depths[order]
    first = np.sort(np.unique(cuts, axis=0, return_index=True)[1])
    return cuts[first], depths[first]
