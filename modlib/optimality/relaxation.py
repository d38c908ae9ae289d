"""The linear program over pairs of units, and the bound that any multipliers of it prove."""

from time import thread_time

import numpy as np

from modlib.optimality.cuts import close_transitively
from modlib.optimality.saddle import saddle

WIDTH = 8  # units in a cut, at most, repetitions counted
SLACK = 0.05  # a cut with more is dropped
NEAR = 0.001  # a cut with more, and no multiplier, takes no part in the next steps
N_STEPS = 200  # of the primal-dual method
N_RESTS = 4  # so often, with a bound each, before cuts are looked for


class Relaxation:
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
        self.best = np.zeros(0)
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
        """Add cuts, with multipliers of zero."""
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
        """Go back to a state that :meth:`state` has returned."""
        self._clear()
        self.add(cuts.astype(np.int64))
        self.x, self.y = x.copy(), y.copy()

    def drop_slack(self) -> None:
        """Leave out cuts that neither bind the solution nor have a multiplier."""
        slack = self.sides - (self.values * self.x[self.columns]).sum(axis=1)
        kept = (slack <= SLACK) | (self.y > 1e-6)
        self.columns, self.values = self.columns[kept], self.values[kept]
        self.sides, self.y, self.cuts = self.sides[kept], self.y[kept], self.cuts[kept]

    def solve(self, deadline: float, goal: float = -np.inf) -> float:
        """Improve the multipliers for a while, or until they prove the goal.

        Returns the best bound met, with its costs.
        """
        best_bound, best = self.bound(self.y), self.y.copy()
        self.x = np.clip(self.x, self.low, self.high)
        for _ in range(N_RESTS):
            self._step()
            bound = self.bound(self.y)
            if bound < best_bound:
                best_bound, best = bound, self.y.copy()
            if thread_time() > deadline or best_bound <= goal:
                break
        self.best = best
        return self.bound(best)

    def _step(self) -> None:
        """Take steps of the primal-dual method in the program of the cuts that are near.

        The others keep a multiplier of zero, which is valid. With fewer cuts steps are cheaper,
        and longer too, as their length falls with the number of cuts that contain a pair.
        """
        slack = self.sides - (self.values * self.x[self.columns]).sum(axis=1)
        near = np.flatnonzero((slack < NEAR) | (self.y > 0))
        program = self.columns[near], self.values[near], self.sides[near], self.costs / self.scale
        y = self.y[near]
        self.weight = saddle(*program, self.low, self.high, self.x, y, self.weight, N_STEPS)
        self.y[near] = y

    def proven(self) -> tuple[np.ndarray, np.ndarray]:
        """Cuts, and the multipliers of them that prove the bound of the last solution."""
        holding = self.best > 0
        return self.cuts[holding].astype(np.int16), self.scale * self.best[holding]

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
