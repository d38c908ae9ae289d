"""How good a set of modules is at best: a proven bound on modularity."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from math import inf, nextafter
from time import thread_time
from typing import Any

import numpy as np

from modlib.clustering.modules import by_falling_size
from modlib.matrices import given
from modlib.objective import Objective, check_null, scaled
from modlib.optimality import checker
from modlib.optimality.branching import TOLERANCE, Proof
from modlib.optimality.checker import FORMAT, evaluate
from modlib.optimality.storage import above_diagonal, small, write_arrays
from modlib.validation import check_flag, check_seed, check_similarity, is_number

check = checker.check
"""Check a file that :meth:`Certificate.save` has written; see :mod:`modlib.optimality.checker`."""


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
    """CPU time that it took."""
    proof: Mapping[str, np.ndarray] = field(repr=False)
    """What it rests on: the arrays that :meth:`save` writes."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the proof to a file that whoever has NumPy can check without this library.

        ``python checker.py proof.npz`` does so, with ``modlib/optimality/checker.py``, which needs
        no other file; :func:`modlib.optimality.checker.check` does so from Python, and can see to
        it that the proof is about a matrix that one has. The file is there whole or not at all.
        The same certificate gives the same bytes.

        Parameters
        ----------
        path
            Of the file, by custom ``*.npz``. A file that is there is replaced.

        Raises
        ------
        ValueError
            If there is no such folder, or something at this path that is no file.
        """
        write_arrays(path, self.proof)


def certify(
    similarity: Any,
    time_limit: float = 60.0,
    *,
    null: Any = "configuration",
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

    It is this sum that counts, so that an unfinished or inaccurate solution weakens the bound but
    cannot falsify it. The multipliers and cuts that are needed are kept, rounded to few bits, and
    in the end the whole proof is gone through once more by :mod:`modlib.optimality.checker`, in
    whole numbers and fractions: ``upper`` is what that proves, exactly, for the similarities as
    they were given. No better assignment than by 5e-10 is looked for, so that ``upper`` is up to
    1e-9 above ``lower`` where the proof is finished.

    Parameters
    ----------
    similarity
        Symmetric and non-negative, of shape ``[units, units]``, a few hundred units at most: an
        array, a :class:`~modlib.similarity.matrix.Similarity`, a pandas frame, a SciPy sparse
        matrix, or a graph of NetworkX or igraph; see :func:`modlib.matrices.given`.
    time_limit
        In seconds of CPU time of the thread that calls, above 0, so that other work on the
        machine does not count. It may be exceeded by a second or two.
    null
        What chance gives: ``"configuration"``, ``"uniform"`` or a matrix; see
        :func:`modlib.modularity.modularity`.
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
    seed, signed = check_seed(seed), check_flag("signed", signed)
    values, known = given(similarity)
    weights = check_similarity(values, signed=signed, diagonal=False)
    null = check_null(null, weights, known.get("units"))
    objective = Objective.of(scaled(weights), resolution, null)
    _compile()
    start = thread_time()
    proof = Proof(objective.matrix_of_used, seed, start + float(time_limit))
    proof.run()
    labels = by_falling_size(objective.labels_of_all(proof.labels))
    lower = objective.q(labels)
    arrays = _subject(weights, null, float(resolution)) | _claim(proof, objective, labels, lower)
    upper = max(_rounded_up(evaluate(arrays).upper), lower)
    arrays["upper"] = np.array(upper)
    optimal, seconds = upper - lower <= TOLERANCE, thread_time() - start
    return Certificate(lower, upper, labels, optimal, seconds, arrays)


def _subject(weights: np.ndarray, null: Any, resolution: float) -> dict[str, np.ndarray]:
    """What a certificate is about, as in a file."""
    is_named = isinstance(null, str)
    return {
        "format": np.array(FORMAT),
        "similarity": above_diagonal(weights),
        "null": np.array(null if is_named else "matrix"),
        "null_matrix": above_diagonal(None if is_named else null),
        "resolution": np.array(resolution),
    }


def _claim(
    proof: Proof, objective: Objective, labels: np.ndarray, lower: float
) -> dict[str, np.ndarray]:
    """What was found and what proves it, as in a file; all but the upper bound."""
    goal = max(proof.claim, lower)
    return {
        "labels": small(labels),
        "lower": np.array(lower),
        "goal": np.array(goal),
        **proof.record.arrays(goal, objective.used),
    }


def _rounded_up(exact: Fraction) -> float:
    """The least float that is not below a fraction."""
    rounded = float(exact)
    return rounded if rounded >= exact else nextafter(rounded, inf)


@cache
def _compile() -> None:
    """Compile on a small graph, before the clock runs: a path of four units."""
    path = np.diag(np.ones(3), 1)
    proof = Proof(Objective.of(path + path.T).matrix, 0, inf)
    star = np.eye(4)
    star[0, 1:] = star[1:, 0] = 0.8  # violates, so that all that handles cuts is called
    proof.relaxation.add(proof._violated(star, larger=True))
    proof.run()
