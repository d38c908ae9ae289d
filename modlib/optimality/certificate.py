"""How good a set of modules is at best: a proven bound on modularity."""

from dataclasses import dataclass
from functools import cache
from math import inf
from time import perf_counter
from typing import Any

import numpy as np

from modlib.clustering.modules import by_falling_size
from modlib.modularity import Objective, to_adjacency
from modlib.optimality.branching import TOLERANCE, Proof
from modlib.validation import check_seed, is_number


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
    similarity: Any,
    time_limit: float = 60.0,
    *,
    resolution: float = 1.0,
    seed: int = 0,
    signed: bool = False,
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
        Symmetric and non-negative, of shape ``[units, units]``, a few hundred units at most: an
        array, a :class:`~modlib.similarity.matrix.Similarity`, a pandas frame, a SciPy sparse
        matrix, or a graph of NetworkX or igraph; see :func:`modlib.matrices.given`.
    time_limit
        In seconds of wall-clock time, above 0. It may be exceeded by a second or two.
    resolution
        Weight of the null model in Q.
    seed
        Of the search that comes first, :func:`modlib.clustering.best.best_modules`.
    signed
        Whether similarities may be negative; see :func:`modlib.modularity.modularity`. The proof
        knows B alone, whose entries have either sign in any case.

    Raises
    ------
    ValueError
        If the similarity is refused by :func:`modlib.modularity.to_adjacency`, or an option is
        outside its range; the message names it.
    """
    if not is_number(time_limit) or float(time_limit) <= 0:
        raise ValueError(f"time_limit must be a number above 0, in seconds. Got {time_limit!r}.")
    seed = check_seed(seed)
    objective = Objective.of(to_adjacency(similarity, signed=signed), resolution)
    _compile()
    start = perf_counter()
    proof = Proof(objective.matrix_of_used, seed, start + float(time_limit))
    upper = proof.run()
    labels = objective.labels_of_all(proof.labels)
    lower = objective.q(labels)
    upper = max(upper, lower)
    return Certificate(
        lower, upper, by_falling_size(labels), upper - lower <= TOLERANCE, perf_counter() - start
    )


@cache
def _compile() -> None:
    """Compile on a small graph, before the clock runs: a path of four units."""
    path = np.diag(np.ones(3), 1)
    proof = Proof(Objective.of(path + path.T).matrix, 0, inf)
    star = np.eye(4)
    star[0, 1:] = star[1:, 0] = 0.8  # violates, so that all that handles cuts is called
    proof.relaxation.add(proof._violated(star, larger=True))
    proof.run()
