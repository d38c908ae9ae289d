"""Modules of a layer: the clusters of units that maximise modularity (section 3.2, A.1)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from modlib.clustering.best import best_modules
from modlib.clustering.modules import Modules, by_falling_size
from modlib.clustering.monte_carlo import check_options, monte_carlo_labels
from modlib.clustering.moves import ROUNDING
from modlib.clustering.spectral import spectral_labels
from modlib.matrices import given
from modlib.modularity import Objective, to_adjacency
from modlib.validation import check_choice


def find_modules(
    similarity: Any,
    *,
    search: str = "paper",
    resolution: float = 1.0,
    n_steps: int = 5000,
    entropy: float = 0.15,
    seed: int = 0,
    signed: bool = False,
) -> Modules:
    """Cluster units by maximising the modularity of their similarities (Algorithm 1).

    Units that are similar to no other, by either sign, are set aside first; they are the unused
    ones.

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
    resolution
        Weight of the null model in Q.
    n_steps, entropy, seed
        Of the Monte Carlo search; see
        :func:`modlib.clustering.monte_carlo.monte_carlo_modules`.
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
    values, known = given(similarity)
    adjacency = to_adjacency(values, signed=signed)
    objective = Objective.of(adjacency, resolution)
    labels = SEARCHES[search](objective, n_steps, entropy, seed)
    return Modules(labels, objective.q(labels), adjacency=adjacency, **known)


def _as_in_paper(objective: Objective, n_steps: int, entropy: float, seed: int) -> np.ndarray:
    start = spectral_labels(objective)
    return monte_carlo_labels(objective, start, n_steps, entropy, seed)


def _best(objective: Objective, n_steps: int, entropy: float, seed: int) -> np.ndarray:
    found = best_modules(objective.matrix_of_used, seed)
    best = by_falling_size(objective.labels_of_all(found))
    as_in_paper = _as_in_paper(objective, n_steps, entropy, seed)
    return as_in_paper if objective.q(as_in_paper) > objective.q(best) + ROUNDING else best


Search = Callable[[Objective, int, float, int], np.ndarray]
SEARCHES: dict[str, Search] = {"paper": _as_in_paper, "best": _best}
"""From the objective, and the options of the Monte Carlo steps, to labels ``[units]`` by size."""
