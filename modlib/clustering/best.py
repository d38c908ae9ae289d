"""The best modules that we can find: many levels, crossed with one another, then tabu search."""

from collections.abc import Callable, Iterator
from math import inf
from time import perf_counter
from typing import Any

import numpy as np
from scipy.sparse import issparse

from modlib.clustering.crossing import cross, overlap
from modlib.clustering.moves import ROUNDING, total
from modlib.clustering.multilevel import multilevel
from modlib.clustering.neighbours import Graph, dense, sparse, total_of
from modlib.clustering.tabu import iterate, iterate_near
from modlib.validation import (
    as_real,
    check_limit,
    check_seed,
    check_symmetric,
    check_whole,
)

FAMILIES = {False: (8, 15), True: (12, 20)}
"""Small and large ones: parents, each found by many levels, and children in a row without a new
best after which the family ends."""
AGREE = 3  # families that end at the same best, after which there are no more
SMALL = 255  # units up to which there are as many families as asked for
MANY = 7  # of ten families that are asked for, beyond, if sparse
FEWER = 4  # of ten, if dense
LARGE = 512  # units beyond which families, and rounds of tabu search, grow fewer still
CLEAR = 9  # units in the mean that two parents put together, which is much agreement
WIDE = 1024  # units beyond which it is not, however much they agree on
HUGE = 2048  # units of a sparse matrix beyond which two times do not suffice for a parent
ROUNDS = 20  # of iterated search among what they put together, then
MORE = 10  # times as many for the best of all families, where these differ
SCATTERED = 128  # units of a dense matrix up to which tabu search begins anywhere, too
BEGUN = 10  # times that it does
LEVELS = 2  # times through all levels for a parent; once for a child, to the end for the best
TO_THE_END = 1000
LONGEST = 10**9  # families, rounds and steps: as good as no end
LARGEST_POWER = 511  # of four that is a number


def best_modules(
    matrix: np.ndarray,
    seed: int = 0,
    n_restarts: int = 10,
    n_rounds: int = 50,
    patience: int = 200,
    deadline: float = inf,
    bound: float = inf,
) -> np.ndarray:
    r"""Search for the assignment of highest modularity (equation 9).

    By families. The parents of a family come from units that are each a module, by many levels
    (Traag, Waltman & van Eck 2019). A child takes what two parents agree on for granted and
    searches the rest by many levels (Ovelgönne & Geyer-Schulz 2012); it takes the place of the
    worst, until nothing better comes. The best of all families are a family once more. What is
    best then is improved by ``n_rounds`` rounds of tabu search, each from a perturbation of the
    best so far: one step makes the best move of a single unit, uphill or not, and costs O(units x
    modules), since the links :math:`C = B P` are kept up to date. Up to 128 units, it begins from
    random assignments, too. This is the clique partitioning
    problem, for which searches of this kind are among the best known (Zhou, Hao & Goeffon 2016).
    Nothing is proven; for that, see :func:`modlib.optimality.certificate.certify`.

    Parameters
    ----------
    matrix
        B of :func:`modlib.modularity.modularity_matrix`, float64 of shape ``[units, units]``,
        symmetric; the used units only.
    seed
        Draws the starts, children, perturbations and memories. Same seed, same labels.
    n_restarts, n_rounds, patience
        How long to search: families at most, of which fewer are needed where they agree, and
        fewer are had from 256 units on; rounds of tabu search, fewer beyond 512 units; and steps
        without a new best that end a round.
    deadline
        By ``time.perf_counter``: no search begins after it, except the first.
    bound
        A value that Q cannot exceed, if one is known: the search ends as soon as it is reached.
        If it is not, there are as many families as asked for, whether they agree or not; with a
        deadline, new ones until then.

    Returns
    -------
    numpy.ndarray
        Int64 of shape ``[units]``: clusters numbered from 0, in no particular order.

    Raises
    ------
    ValueError
        If the matrix is not square, symmetric and finite, an option is not a whole number within
        its range, at most ``LONGEST`` (one billion), or deadline or bound is not a number.
    """
    matrix = check_symmetric(matrix, "matrix")
    limits = {"n_restarts": n_restarts, "n_rounds": n_rounds, "patience": patience}
    random = _checked(seed, deadline, bound, limits)
    with np.errstate(over="ignore"):  # a sum beyond all numbers has the largest scale
        scale = _power_of_four(float(np.abs(matrix).sum()))
    graph = dense(matrix / scale)

    def tabu(labels: np.ndarray) -> Iterator[np.ndarray]:
        rounds = n_rounds if len(labels) <= LARGE else -(-n_rounds * LARGE // len(labels))
        if rounds:
            yield iterate(graph.weights, labels, random, rounds, patience)
            for start in _scattered(len(labels), n_restarts, random):
                yield iterate(graph.weights, start, random, rounds, patience)

    def q(labels: np.ndarray) -> float:
        return float(total(graph.weights, labels))

    search = _Search(graph, q, random, deadline, bound / scale, n_restarts)
    return search.run(tabu)


def best_modules_of_sparse(
    weights: Any,
    nulls: np.ndarray,
    signs: np.ndarray,
    seed: int = 0,
    n_restarts: int = 10,
    n_rounds: int = 10,
    patience: int = 100,
    deadline: float = inf,
    bound: float = inf,
) -> np.ndarray:
    r"""Search as :func:`best_modules` does, where most pairs of units have no link.

    The matrix :math:`B = W + \sum_k s_k v_k v_k^T` is never written out: time and memory grow
    with the number of links. A step of tabu search looks at all links, so that there are rounds
    of it up to 255 units only.

    Parameters
    ----------
    weights
        W, a SciPy sparse array or matrix in CSR form of shape ``[units, units]``, symmetric, of
        any signs; the used units only.
    nulls, signs
        v, float64 of shape ``[nulls, units]``, and s, float64 of shape ``[nulls]``.
    seed, n_restarts, n_rounds, patience, deadline, bound
        As for :func:`best_modules`; the bound is on the sum of B, its diagonal included.

    Returns
    -------
    numpy.ndarray
        Int64 of shape ``[units]``: clusters numbered from 0, in no particular order.

    Raises
    ------
    ValueError
        If the weights are not square and symmetric, the null vectors or signs have another shape
        or are not finite, or an option is outside its range.
    """
    nulls, signs = as_real(nulls, "nulls"), as_real(signs, "signs")
    _check_parts(weights, nulls, signs)
    limits = {"n_restarts": n_restarts, "n_rounds": n_rounds, "patience": patience}
    random = _checked(seed, deadline, bound, limits)
    size = np.abs(weights.data).sum() + np.abs(signs) @ np.abs(nulls).sum(axis=1) ** 2
    scale = _power_of_four(float(size))
    graph = sparse(weights.indptr, weights.indices, weights.data / scale, nulls / scale**0.5, signs)

    def q(labels: np.ndarray) -> float:
        return float(total_of(graph, labels))

    search = _Search(graph, q, random, deadline, bound / scale, n_restarts)

    def tabu(labels: np.ndarray) -> Iterator[np.ndarray]:
        if len(labels) <= SMALL:
            yield iterate_near(graph, labels, random, n_rounds, patience)
        for start in _scattered(len(labels), n_restarts, random):
            yield iterate_near(graph, start, random, n_rounds, patience)

    return search.run(tabu)


def _checked(
    seed: int, deadline: float, bound: float, limits: dict[str, int]
) -> np.random.Generator:
    """Check options, and return what draws."""
    for name, value in limits.items():
        check_whole(name, value, most=LONGEST)
    check_limit("deadline", deadline, "when no search begins any more, by time.perf_counter()")
    check_limit("bound", bound, "what Q cannot exceed")
    return np.random.default_rng(check_seed(seed))


def _check_parts(weights: Any, nulls: np.ndarray, signs: np.ndarray) -> None:
    """Refuse parts of a sparse matrix that do not fit together."""
    shape = weights.shape if issparse(weights) else ()
    if not shape or weights.format != "csr" or len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(
            "weights must be a square SciPy sparse matrix in CSR form: call .tocsr() first. Got "
            f"{type(weights).__name__}{f' of shape {shape}' if shape else ''}."
        )
    if weights.dtype.kind not in "biuf":
        raise ValueError(f"weights must be real numbers. Got dtype {weights.dtype}.")
    if signs.ndim != 1:
        raise ValueError(f"signs must be a list of numbers. Got shape {signs.shape}.")
    if nulls.shape != (len(signs), weights.shape[0]):
        raise ValueError(
            "nulls must have one row for each of the signs and one column for each unit: "
            f"({len(signs)}, {weights.shape[0]}). Got shape {nulls.shape}."
        )
    for name, values in (("weights", weights.data), ("nulls", nulls), ("signs", signs)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite. Got {values[~np.isfinite(values)][0]}.")
    if weights.nnz and abs(weights - weights.T).max() > 1e-9 * abs(weights).max():
        raise ValueError("weights must be symmetric: pass (weights + weights.T) / 2.")


def _power_of_four(size: float) -> float:
    """Return a scale that makes a matrix about one in size, and that its root is exact.

    Division by it is exact, so that no difference is lost, and :data:`ROUNDING` fits.
    """
    return 4.0 ** float(min(np.floor(np.log2(size) / 2), LARGEST_POWER)) if size > 0 else 1.0


class _Search:
    """The best labels so far, and whether to go on."""

    def __init__(
        self,
        graph: Graph,
        q: Callable[[np.ndarray], float],
        random: np.random.Generator,
        deadline: float,
        bound: float,
        n_restarts: int,
    ) -> None:
        self.graph, self.q, self.random = graph, q, random
        self.deadline, self.bound, self.n_restarts = deadline, bound, n_restarts
        self.n_rounds = -1  # of iterated search among cores; not known yet
        self.n = graph.nulls.shape[1]
        self.best = np.zeros(self.n, np.int64)
        self.best_q = q(self.best) if self.n else 0.0

    def run(self, finish: Callable[[np.ndarray], Iterator[np.ndarray]]) -> np.ndarray:
        """Search one thing after another, as long as there is time and something to gain."""
        if self.n > 1 and self.n_restarts and not self._is_met():
            for found in self._searches(finish):
                q = self.q(found)
                if q > self.best_q:
                    self.best, self.best_q = found, q
                if self._is_met() or perf_counter() > self.deadline:
                    break
        return self.best

    def _is_met(self) -> bool:
        return self.best_q >= self.bound - ROUNDING * 100

    def _searches(
        self, finish: Callable[[np.ndarray], Iterator[np.ndarray]]
    ) -> Iterator[np.ndarray]:
        """What one search after another finds, ``[units]`` each."""
        left = self.n_restarts
        while left > 0:
            n_families = min(left, self._n_families())
            yield from self._families(n_families)
            yield multilevel(self.graph, self.best, self.random, TO_THE_END)
            yield from finish(self.best)
            left = left - n_families if self.bound < inf else 0

    def _n_families(self) -> int:
        """At most how many families there are before what is best is finished."""
        if self.bound < inf:
            return FEWER
        if self.n <= SMALL:
            return self.n_restarts
        if self.n <= LARGE and len(self.graph.starts):
            return -(-self.n_restarts * MANY // 10)
        if self.has_large_families():
            return -(-self.n_restarts * 3 // 10)
        return max(-(-self.n_restarts * FEWER * LARGE // (10 * max(self.n, LARGE))), 1)

    def has_large_families(self) -> bool:
        """Whether few large families are better than some small ones: of large sparse matrices.

        Large dense ones have few small families, since each search costs the square of the units.
        """
        return self.n > LARGE and len(self.graph.starts) > 0

    def _families(self, n_families: int) -> Iterator[np.ndarray]:
        """Family after family, and then a family of the best of each."""
        champions: dict[float, np.ndarray] = {}
        ends = []
        for _ in range(n_families):
            family = _Family(self, [])
            yield from family.found()
            ends.append(family.best_q)
            champions[_rounded(family.best_q)] = family.best
            if self.bound == inf and sum(q > max(ends) - ROUNDING for q in ends) >= AGREE:
                break
        if len(champions) > 1:
            yield from _Family(self, list(champions.values()), MORE).found()


class _Family:
    """Assignments that are crossed with one another, until nothing better comes."""

    def __init__(self, search: _Search, members: list[np.ndarray], more: int = 1) -> None:
        self.search, self.members, self.more = search, members, more
        self.qs = [search.q(member) for member in members]

    @property
    def best_q(self) -> float:
        """Q of the best member."""
        return max(self.qs)

    @property
    def best(self) -> np.ndarray:
        """The best member."""
        return self.members[self.qs.index(self.best_q)]

    def found(self) -> Iterator[np.ndarray]:
        """Parents, unless the members are there, and children one after the other."""
        search = self.search
        n_parents, n_idle = FAMILIES[search.has_large_families()]
        for _ in range(0 if self.members else n_parents):
            is_huge = search.n > HUGE and search.has_large_families()
            n_times = TO_THE_END if is_huge else LEVELS
            parent = multilevel(search.graph, np.arange(search.n), search.random, n_times)
            self.members.append(parent)
            self.qs.append(search.q(parent))
            yield parent
        if search.n_rounds < 0:
            search.n_rounds = _rounds(*self.members[:2])
        idle = 0
        while idle < n_idle and len(self.members) > 1:
            before = self.best_q
            yield self._child()
            idle = 0 if self.best_q > before + ROUNDING else idle + 1

    def _child(self) -> np.ndarray:
        """Cross two members; the child takes the place of the worst, if it is better and new.

        If it is no other than the better of the two, the worse has nothing to add, and leaves.
        """
        better, worse = self.search.random.permutation(len(self.members))[:2]
        if self.qs[better] < self.qs[worse]:
            better, worse = worse, better
        one, other = self.members[better], self.members[worse]
        n_rounds = self.more * self.search.n_rounds
        child = cross(self.search.graph, one, other, self.search.random, n_rounds)
        q = self.search.q(child)
        if abs(q - self.qs[better]) < ROUNDING:
            del self.members[worse], self.qs[worse]
        elif q > min(self.qs) and all(abs(q - known) > ROUNDING for known in self.qs):
            worst = self.qs.index(min(self.qs))
            self.members[worst], self.qs[worst] = child, q
        return child


def _scattered(n: int, n_restarts: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Random labels of up to a quarter as many modules as units, where these are few."""
    for _ in range(min(n_restarts, BEGUN) if n <= SCATTERED else 0):
        yield random.integers(random.integers(1, max(n // 4, 1), endpoint=True), size=n)


def _rounds(one: np.ndarray, other: np.ndarray) -> int:
    """Return how many rounds of iterated search to spend on what two parents disagree about.

    Where they agree on most it is little, and quickly searched. Where they agree on little, such a
    search would lead the whole family into the same valley.
    """
    return ROUNDS if CLEAR * overlap(one, other)[1] <= len(one) <= WIDE else 0


def _rounded(q: float) -> float:
    return round(q / ROUNDING / 10)
