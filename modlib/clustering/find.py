"""Modules of a layer: the clusters of units that maximise modularity (section 3.2, A.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from time import perf_counter
from typing import Any

import numpy as np

from modlib.clustering.best import LONGEST, best_modules, best_modules_of_sparse
from modlib.clustering.modules import Modules, by_falling_size
from modlib.clustering.monte_carlo import check_options, monte_carlo_labels
from modlib.clustering.moves import ROUNDING
from modlib.clustering.spectral import spectral_labels
from modlib.matrices import given
from modlib.modularity import read_similarity
from modlib.objective import AnyObjective, SparseObjective, check_null, objective_of
from modlib.validation import check_choice, check_whole, is_number, is_whole

N_RESTARTS = 10  # of the search for the best
UNTIL = "until"


def find_modules(
    similarity: Any,
    *,
    search: str = "paper",
    null: Any = "configuration",
    resolution: float = 1.0,
    n_steps: int = 5000,
    entropy: float = 0.15,
    restarts: int | str = N_RESTARTS,
    bound: float | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    signed: bool = False,
) -> Modules:
    """Cluster units by maximising the modularity of their similarities (Algorithm 1).

    Units that are similar to no other, by either sign, are set aside first; they are the unused
    ones. Of a matrix of many units that is mostly zero, the links alone are kept, whatever form it
    comes in.

    Parameters
    ----------
    similarity
        Symmetric and non-negative, of shape ``[units, units]``: a
        :class:`~modlib.similarity.matrix.Similarity`, an array, a pandas frame, a SciPy sparse
        matrix, or a graph of NetworkX or igraph; see :func:`modlib.matrices.given`. The names of
        the units, and what else is known of them, are kept.
    search
        ``"paper"``: the spectral start of Algorithm 2, refined by Algorithm 3. ``"best"``: the
        highest Q that we can find, by :func:`modlib.clustering.best.best_modules`, or by the
        paper's search where chance favours that: its Q is never below the paper's.
    null
        What chance gives: ``"configuration"``, ``"uniform"`` or a matrix; see
        :func:`modlib.modularity.modularity`.
    resolution
        Weight of the null model in Q.
    n_steps, entropy
        Of the Monte Carlo search; see
        :func:`modlib.clustering.monte_carlo.monte_carlo_modules`.
    restarts
        How often the search for the best begins anew, from 1 to one billion; or ``"until"`` Q
        reaches the bound.
    bound
        The search for the best ends as soon as Q reaches it: an upper bound, for instance, that
        :func:`modlib.optimality.certificate.certify` has proven.
    time_limit
        Seconds of wall-clock time after which the search for the best begins nothing anew; no
        limit by default. Results may then depend on the speed of the machine.
    seed
        Of all that is random. Same seed, same labels, unless time runs out.
    signed
        Whether similarities may be negative, as correlations are. Positive and negative ones then
        have a null model each; see :func:`modlib.modularity.modularity`.

    Raises
    ------
    ValueError
        If the similarity is refused by :func:`modlib.modularity.to_adjacency`, or an option is
        outside its range; the message names it.
    """
    check_choice("search", search, SEARCHES)
    check_options(n_steps, entropy, seed)
    effort = Effort.of(restarts, bound, time_limit, n_steps, float(entropy), int(seed))
    values, known = given(similarity, sparse=True)
    adjacency = read_similarity(values, signed)
    null = check_null(null, adjacency, known.get("units"))
    objective = objective_of(adjacency, resolution, null)
    labels = SEARCHES[search](objective, effort)
    return Modules(labels, objective.q(labels), adjacency=adjacency, **known)


@dataclass(frozen=True)
class Effort:
    """How long a search goes on, and what is random in it."""

    restarts: int
    bound: float
    deadline: float
    n_steps: int
    entropy: float
    seed: int

    @classmethod
    def of(cls, restarts: Any, bound: Any, time_limit: Any, *others: Any) -> "Effort":
        """Build it from options, checked.

        Raises
        ------
        ValueError
            If an option is outside its range.
        """
        is_until = isinstance(restarts, str) and restarts == UNTIL
        if not is_until and (not is_whole(restarts) or restarts < 1):
            raise ValueError(
                f'restarts must be a whole number of at least 1, or "{UNTIL}" a bound is reached. '
                f"Got {restarts!r}."
            )
        if bound is not None and not is_number(bound):
            raise ValueError(f"bound must be a number, a Q to reach, or None. Got {bound!r}.")
        if time_limit is not None and (not is_number(time_limit) or time_limit <= 0):
            raise ValueError(
                f"time_limit must be a number above 0, in seconds, or None. Got {time_limit!r}."
            )
        for name, value in {"bound": bound, "time_limit": time_limit}.items():
            if is_until and value is None:
                raise ValueError(
                    f'{name} must be given with restarts="{UNTIL}". Got None: set it, or else a '
                    "number of restarts."
                )
        deadline = inf if time_limit is None else perf_counter() + float(time_limit)
        most = LONGEST if is_until else check_whole("restarts", restarts, 1, LONGEST)
        return cls(most, inf if bound is None else float(bound), deadline, *others)


def _as_in_paper(objective: AnyObjective, effort: Effort) -> np.ndarray:
    start = spectral_labels(objective)
    return monte_carlo_labels(objective, start, effort.n_steps, effort.entropy, effort.seed)


def _best(objective: AnyObjective, effort: Effort) -> np.ndarray:
    part = objective.part(objective.used)
    options: dict[str, Any] = {
        "seed": effort.seed,
        "n_restarts": effort.restarts,
        "deadline": effort.deadline,
        "bound": effort.bound,
    }
    if isinstance(part, SparseObjective):
        found = best_modules_of_sparse(part.weights, part.nulls, part.signs, **options)
    else:
        found = best_modules(part.matrix, **options)
    best = by_falling_size(objective.labels_of_all(found))
    as_in_paper = _as_in_paper(objective, effort)
    return as_in_paper if objective.q(as_in_paper) > objective.q(best) + ROUNDING else best


SEARCHES: dict[str, Callable[[AnyObjective, Effort], np.ndarray]] = {
    "paper": _as_in_paper,
    "best": _best,
}
"""From the objective and the effort to labels ``[units]`` by size."""
