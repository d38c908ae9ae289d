"""Modules of a layer: the clusters of units that maximise modularity (section 3.2, A.1)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from modlib.clustering.moves import monte_carlo
from modlib.clustering.tabu import best_modules
from modlib.modularity import modularity, modularity_matrix, to_adjacency
from modlib.validation import (
    check_adjacency,
    check_choice,
    check_labels,
    check_seed,
    is_number,
    is_whole,
)

ROUNDING = 1e-14  # adjacencies sum to one: differences of Q below this are rounding


@dataclass(frozen=True)
class Trace:
    """The path of a Monte Carlo search."""

    q: np.ndarray
    """Q after each step, shape ``[steps]``."""
    temperature: np.ndarray
    """Temperature of each step, shape ``[steps]``; zero where the best choices tie."""


@dataclass(frozen=True)
class Modules:
    """An assignment of units to clusters and its modularity."""

    labels: np.ndarray
    """Int64 of shape ``[units]``: -1 for unused units, else 0, 1, ... by falling size."""
    q: float
    """Modularity of the assignment (equation 8)."""
    trace: Trace | None = None
    """The path of the search, where it was asked for."""

    @property
    def n_clusters(self) -> int:
        """How many clusters there are, the unused units not counted."""
        return int(self.labels.max(initial=-1)) + 1


def find_modules(
    similarity: Any,
    n_steps: int = 5000,
    entropy: float = 0.15,
    seed: int = 0,
    method: str = "paper",
    resolution: float = 1.0,
) -> Modules:
    """Cluster units by maximising the modularity of their similarities (Algorithm 1).

    Units that are similar to no other are set aside first; they form the unused cluster.

    Parameters
    ----------
    similarity
        Symmetric and non-negative, of shape ``[units, units]``.
    n_steps, entropy, seed
        Of the Monte Carlo search; see :func:`monte_carlo_modules`.
    method
        ``"paper"``: the spectral start of Algorithm 2, refined by Algorithm 3. ``"best"``: the
        highest Q that we can find, by :func:`modlib.clustering.tabu.best_modules`, or by the paper's
        search where chance favours that: its Q is never below the paper's.
    resolution
        Weight of the null model in Q.

    Raises
    ------
    ValueError
        If the similarity is refused by :func:`modlib.modularity.to_adjacency`, or an option is
        outside its range; the message names it.
    """
    check_choice("method", method, METHODS)
    _check_options(n_steps, entropy, seed)
    return METHODS[method](to_adjacency(similarity), n_steps, entropy, seed, resolution)


def _find_as_in_paper(
    adjacency: np.ndarray, n_steps: int, entropy: float, seed: int, resolution: float
) -> Modules:
    start = spectral_modules(adjacency, resolution)
    return monte_carlo_modules(
        adjacency, start.labels, n_steps, entropy, seed, resolution=resolution
    )


def _find_best(
    adjacency: np.ndarray, n_steps: int, entropy: float, seed: int, resolution: float
) -> Modules:
    matrix = modularity_matrix(adjacency, resolution)
    used = _used_units(adjacency)
    labels = np.full(len(matrix), -1)
    labels[used] = best_modules(matrix[np.ix_(used, used)], seed)
    best = _modules(adjacency, labels, resolution)
    as_in_paper = _find_as_in_paper(adjacency, n_steps, entropy, seed, resolution)
    return as_in_paper if as_in_paper.q > best.q + ROUNDING else best


METHODS = {"paper": _find_as_in_paper, "best": _find_best}


def spectral_modules(adjacency: Any, resolution: float = 1.0) -> Modules:
    """Split units greedily by the signs of leading eigenvectors (Algorithm 2; Newman 2006).

    Starting from a single cluster, each cluster is split by the sign of the eigenvector that
    belongs to the largest eigenvalue of its part of the modularity matrix, if that raises Q; the
    parts are then split in turn. Q is a sum over clusters, so each split is judged by itself.

    Parameters
    ----------
    adjacency
        As :func:`modlib.modularity.to_adjacency` returns it, of shape ``[units, units]``.
    resolution
        Weight of the null model in Q.

    Raises
    ------
    ValueError
        If the adjacency is not symmetric, non-negative and zero on the diagonal.
    """
    adjacency = check_adjacency(adjacency)
    matrix = modularity_matrix(adjacency, resolution)
    used = _used_units(adjacency)
    labels = np.full(len(matrix), -1)
    labels[used] = 0
    queue = [0] if len(used) else []
    while queue:
        members = np.flatnonzero(labels == queue[-1])
        moved = _split(matrix[np.ix_(members, members)])
        if moved is None:
            queue.pop()
        else:
            labels[members[moved]] = labels.max() + 1
            queue.append(int(labels.max()))
    return _modules(adjacency, labels, resolution)


def _split(matrix: np.ndarray) -> np.ndarray | None:
    """Which members leave for a new cluster, or None if that would not raise Q."""
    _, vectors = np.linalg.eigh(matrix)
    leading = vectors[:, -1]
    leading = leading * np.sign(leading[np.abs(leading).argmax()])
    negative = leading < 0
    if not negative.any():
        return None
    # Both blocks between the parts leave the sum that is Q.
    gain = -2 * matrix[np.ix_(negative, ~negative)].sum()
    return negative if gain > ROUNDING else None


def monte_carlo_modules(
    adjacency: Any,
    labels: Any,
    n_steps: int = 1000,
    entropy: float = 0.15,
    seed: int = 0,
    *,
    resolution: float = 1.0,
    trace: bool = False,
) -> Modules:
    r"""Refine an assignment by random single-unit moves (Algorithm 3).

    Each step picks a unit at random, computes Q for it in every cluster and in a new one, and
    samples its cluster from :math:`p \propto e^{Q/\tau}`, with the temperature :math:`\tau` at
    which p has the wanted entropy. Where clusters tie for best, so that no temperature gives so
    little entropy, it samples among those. The best assignment seen, also among those only
    proposed, is returned; it is never worse than the start. (The text, as printed, would forget
    the best at every step.) Gains are updated incrementally: a step costs O(units).

    Parameters
    ----------
    adjacency
        As :func:`modlib.modularity.to_adjacency` returns it, of shape ``[units, units]``.
    labels
        Where to start: whole numbers of shape ``[units]``, -1 for units without similarity.
    n_steps
        Number of steps, 0 or more.
    entropy
        Wanted entropy of each choice, in nats, above 0.
    seed
        Draws the units and the choices.
    resolution
        Weight of the null model in Q.
    trace
        Whether to keep the path of Q and of the temperature.

    Raises
    ------
    ValueError
        If the adjacency or the labels break these rules, or an option is outside its range.
    """
    _check_options(n_steps, entropy, seed)
    adjacency = check_adjacency(adjacency)
    matrix = modularity_matrix(adjacency, resolution)
    labels = check_labels(labels, len(matrix))
    q_start = modularity(adjacency, labels, resolution)
    used = _used_units(adjacency)
    path = Trace(np.full(n_steps if trace else 0, q_start), np.zeros(n_steps if trace else 0))
    if not len(used):
        nothing = np.full(len(matrix), -1)
        return _modules(adjacency, nothing, resolution, path if trace else None)
    random = np.random.default_rng(seed)
    best = monte_carlo(
        matrix[np.ix_(used, used)],
        np.unique(labels[used], return_inverse=True)[1],
        random.integers(len(used), size=n_steps),
        random.random(n_steps),
        float(entropy),
        path.q,
        path.temperature,
    )
    labels = np.full(len(matrix), -1)
    labels[used] = best
    return _modules(adjacency, labels, resolution, path if trace else None)


def _check_options(n_steps: Any, entropy: Any, seed: Any) -> None:
    if not is_whole(n_steps) or n_steps < 0:
        raise ValueError(f"n_steps must be a whole number of at least 0. Got {n_steps!r}.")
    if not is_number(entropy) or entropy <= 0:
        raise ValueError(f"entropy must be a number above 0, in nats. Got {entropy!r}.")
    check_seed(seed)


def _used_units(adjacency: np.ndarray) -> np.ndarray:
    return np.flatnonzero(adjacency.any(axis=1))


def _modules(
    adjacency: np.ndarray, labels: np.ndarray, resolution: float, trace: Trace | None = None
) -> Modules:
    labels = by_falling_size(labels)
    return Modules(labels, modularity(adjacency, labels, resolution), trace)


def by_falling_size(labels: np.ndarray) -> np.ndarray:
    """Rename clusters 0, 1, ... by falling size, ties by their first unit; -1 stays."""
    names, first, index, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.lexsort((first, -sizes, names < 0))
    ranks = np.empty_like(names)
    ranks[order] = np.arange(len(names))
    return np.where(labels < 0, -1, ranks[index])
