"""Linear bounds on Q that hold for every assignment, in whole numbers that are exact."""

from math import ceil, log2
from typing import NamedTuple

import numpy as np

from modlib.optimality.cuts import close_transitively
from modlib.optimality.relaxation import WIDTH

BITS = 52  # costs are multiples of 2**-52 where their sizes sum to no more than two
ROOM = 2**61  # sums of whole numbers stay below it, and so within 64 bits
P, Q = np.triu_indices(WIDTH, 1)


class Lemma(NamedTuple):
    """No assignment x has Q above ``constant + sum(reduced * x)``, in multiples of 2**-bits.

    The sum is over pairs of units, each once.
    """

    cuts: np.ndarray
    """Rows of :class:`modlib.optimality.relaxation.Relaxation`, int16 ``[cuts, WIDTH]``."""
    multipliers: np.ndarray
    """Above zero, int64 ``[cuts]``, in multiples of 2**-precision."""
    precision: int
    constant: int
    reduced: np.ndarray
    """Int64 ``[units, units]``, symmetric with a zero diagonal."""


class Costs:
    """What each pair adds to Q where it is together, rounded up: a bound on these bounds Q."""

    def __init__(self, matrix: np.ndarray) -> None:
        size = float(np.abs(matrix).sum())
        self.bits = BITS - max(ceil(log2(size)) - 1 if size > 0 else 0, 0)
        unit = 2.0**self.bits
        # The float64 matrix is off by some roundings itself; who has it exactly checks later.
        slack = np.ceil(4e-16 * np.abs(matrix).max(initial=0.0) * unit)
        self.pairs = (np.ceil(2 * matrix * unit) + slack).astype(np.int64)
        np.fill_diagonal(self.pairs, 0)
        self.constant = ceil(float(np.trace(matrix)) * unit) + len(matrix) * int(slack)
        self.largest = int(np.abs(self.pairs).max(initial=0)).bit_length()

    def lemma(self, cuts: np.ndarray, y: np.ndarray, n_bits: int) -> Lemma | None:
        """Sum cuts up, each times its multiplier; None if the numbers would be too large.

        Multipliers are rounded so that one as large as the largest cost has so many bits. What is
        rounded to zero is left out.
        """
        precision = min(self.bits - self.largest + n_bits, self.bits)
        rounded = np.rint(np.ldexp(y, precision))
        if (rounded.sum() + 1) * WIDTH**2 >= float(ROOM >> (self.bits - precision)):
            return None
        multipliers = rounded.astype(np.int64)
        cuts, multipliers = cuts[multipliers > 0], multipliers[multipliers > 0]
        constant, reduced = self._sum(cuts, multipliers << (self.bits - precision))
        return Lemma(cuts.astype(np.int16), multipliers, precision, constant, reduced)

    def _sum(self, cuts: np.ndarray, weights: np.ndarray) -> tuple[int, np.ndarray]:
        n = len(self.pairs)
        units, signs = np.maximum(np.abs(cuts) - 1, 0).astype(np.int64), np.sign(cuts)
        pull = np.zeros(n * n, np.int64)
        products = signs[:, P] * signs[:, Q] * weights[:, None]
        np.add.at(pull, (units[:, P] * n + units[:, Q]).ravel(), products.ravel())
        square = pull.reshape(n, n)
        # On the diagonal stands what a unit that counts twice has with itself: a constant.
        constant = self.constant + int(((signs < 0).sum(axis=1) * weights).sum())
        constant += int(np.trace(square))
        reduced = self.pairs + square + square.T
        np.fill_diagonal(reduced, 0)
        return constant, reduced

    def real(self, bound: int) -> float:
        """A bound in multiples of 2**-bits as a number."""
        return bound / 2.0**self.bits

    def floor(self, value: float) -> int:
        """A number in multiples of 2**-bits, rounded down."""
        return int(np.floor(value * 2.0**self.bits))


def narrow(lemmas: list[Lemma], low: np.ndarray, high: np.ndarray, goal: int) -> int | None:
    """Draw, in place, what lemmas say of assignments of Q above the goal within some ranges.

    Returns what bounds their Q, or None if there are no such assignments. It needs one lemma at
    least. Ranges are int8 ``[units, units]``, zero on the diagonal.
    """
    bound = ROOM
    n_open = -1
    while close_transitively(low, high):
        if n_open == (n_open := int((high - low).sum())):
            return bound
        for lemma in lemmas:
            best = np.maximum(lemma.reduced * low, lemma.reduced * high)
            bound = min(bound, lemma.constant + int(best.sum()) // 2)
            if bound <= goal:
                return None
            slack = lemma.constant + int(best.sum()) // 2 - goal
            free = low < high
            low[free & (lemma.reduced >= slack)] = 1
            high[free & (lemma.reduced <= -slack)] = 0
    return None
