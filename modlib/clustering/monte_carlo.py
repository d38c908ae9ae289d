"""The Monte Carlo search: random moves of single units at a chosen entropy (Algorithm 3)."""

from typing import Any

import numpy as np

from modlib.clustering.modules import Modules, Trace, by_falling_size
from modlib.clustering.moves import ROUNDING, count_links, move
from modlib.kernels import kernel
from modlib.modularity import check_start, read_objective
from modlib.objective import AnyObjective, SparseObjective
from modlib.validation import check_flag, check_seed, check_whole, is_number

N_BISECTIONS = 40
MOST_STEPS = 10**8  # all are drawn beforehand, 16 bytes each


def monte_carlo_modules(
    adjacency: Any,
    labels: Any,
    n_steps: int = 1000,
    entropy: float = 0.15,
    seed: int = 0,
    *,
    resolution: float = 1.0,
    null: Any = "configuration",
    trace: bool = False,
    signed: bool = False,
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
        As :func:`modlib.modularity.to_adjacency` returns it, of shape ``[units, units]``, or in
        any form that it takes; the names of the units are kept.
    labels
        Where to start: whole numbers of shape ``[units]``, -1 for units without similarity.
    n_steps
        Number of steps, from 0 to ``MOST_STEPS`` (100 million).
    entropy
        Wanted entropy of each choice, in nats, above 0.
    seed
        Draws the units and the choices.
    resolution
        Weight of the null model in Q.
    null
        What chance gives: ``"configuration"``, ``"uniform"`` or a matrix; see
        :func:`modlib.modularity.modularity`.
    trace
        Whether to keep the path of Q and of the temperature.
    signed
        Whether the adjacency may be negative; see :func:`modlib.modularity.modularity`.

    Raises
    ------
    ValueError
        If the adjacency or the labels break these rules, or an option is outside its range.
    """
    check_options(n_steps, entropy, seed)
    objective, known = read_objective(adjacency, resolution, null, signed)
    labels = check_start(objective, labels)
    kept = check_flag("trace", trace)
    path = Trace(np.full(n_steps, objective.q(labels)), np.zeros(n_steps)) if kept else None
    found = monte_carlo_labels(objective, labels, n_steps, entropy, seed, path)
    return Modules(found, objective.q(found), trace=path, **known)


def monte_carlo_labels(
    objective: AnyObjective,
    labels: np.ndarray,
    n_steps: int,
    entropy: float,
    seed: int,
    path: Trace | None = None,
) -> np.ndarray:
    """As :func:`monte_carlo_modules`, for what has been checked: labels ``[units]`` by size."""
    used = objective.used
    if not len(used):
        return np.full(objective.n_units, -1)
    path = path or Trace(np.zeros(0), np.zeros(0))
    random = np.random.default_rng(seed)
    steps = (
        np.unique(labels[used], return_inverse=True)[1],
        random.integers(len(used), size=n_steps),
        random.random(n_steps),
        float(entropy),
        path.q,
        path.temperature,
    )
    part = objective.part(used)
    if isinstance(part, SparseObjective):
        weights = part.weights
        rows = weights.indptr, weights.indices, weights.data
        best = monte_carlo_of_neighbours(rows, part.nulls, part.signs, *steps)
    else:
        best = monte_carlo(part.matrix, *steps)
    return by_falling_size(objective.labels_of_all(best))


def check_options(n_steps: Any, entropy: Any, seed: Any) -> None:
    """Raise a ``ValueError`` that names the first option of the search out of its range."""
    check_whole("n_steps", n_steps, most=MOST_STEPS)
    if not is_number(entropy) or float(entropy) <= 0:
        raise ValueError(f"entropy must be a number above 0, in nats. Got {entropy!r}.")
    check_seed(seed)


@kernel
def monte_carlo(matrix, labels, units, uniforms, entropy, q_path, temperature_path):
    """Run Algorithm 3 and return the best labels seen.

    ``matrix`` is B of shape ``[units, units]``; ``labels`` are 0 to c - 1 without gaps; ``units``
    and ``uniforms`` hold one random draw per step; the paths are filled if they have room.
    """
    n = len(matrix)
    labels = labels.copy()
    best = labels.copy()
    n_modules = labels.max() + 1
    # links[k, i] is the sum of B[i, j] over the members j of cluster k; one row is spare, for
    # the new cluster that every unit may found.
    links = np.zeros((n + 1, n))
    sizes = np.zeros(n + 1, np.int64)
    gains = np.empty(n + 1)
    q_change = 0.0
    best_change = 0.0
    for step in range(len(units)):
        if step % n == 0:  # anew from time to time, so that rounding does not pile up
            count_links(matrix, labels, n_modules, links, sizes)
        unit = units[step]
        home = labels[unit]
        for k in range(n_modules + 1):
            gains[k] = 2 * (links[k, unit] - links[home, unit] + matrix[unit, unit])
        gains[home] = 0.0
        top = gains[: n_modules + 1].argmax()
        if q_change + gains[top] > best_change + ROUNDING:
            best_change = q_change + gains[top]
            best[:] = labels
            best[unit] = top
        choice, temperature = sample(gains[: n_modules + 1], uniforms[step], entropy)
        q_change += gains[choice]
        if choice != home:
            n_modules = move(matrix, labels, n_modules, links, sizes, unit, choice)
        if len(q_path):
            q_path[step] += q_change
            temperature_path[step] = temperature
    return best


@kernel
def monte_carlo_of_neighbours(
    rows, nulls, signs, labels, units, uniforms, entropy, q_path, temperature_path
):
    """As :func:`monte_carlo`, for a sparse matrix: ``rows`` of links, and what is by chance.

    A step costs O(neighbours + modules).
    """
    n = len(labels)
    labels = labels.copy()
    best = labels.copy()
    n_modules = labels.max() + 1
    sums, sizes = sum_nulls(nulls, labels)
    gains = np.empty(n + 1)
    q_change = 0.0
    best_change = 0.0
    for step in range(len(units)):
        unit = units[step]
        home = labels[unit]
        fill_gains(rows, nulls, signs, labels, sums, unit, gains[: n_modules + 1])
        top = gains[: n_modules + 1].argmax()
        if q_change + gains[top] > best_change + ROUNDING:
            best_change = q_change + gains[top]
            best[:] = labels
            best[unit] = top
        choice, temperature = sample(gains[: n_modules + 1], uniforms[step], entropy)
        q_change += gains[choice]
        if choice != home:
            sums[:, home] -= nulls[:, unit]
            sums[:, choice] += nulls[:, unit]
            n_modules = rename(labels, n_modules, sums, sizes, unit, choice)
        if len(q_path):
            q_path[step] += q_change
            temperature_path[step] = temperature
    return best


@kernel
def sum_nulls(nulls, labels):
    """Sums of each null vector over each module, ``[nulls, modules]``, and sizes; with room."""
    n = len(labels)
    sums, sizes = np.zeros((len(nulls), n + 1)), np.zeros(n + 1, np.int64)
    for unit in range(n):
        sums[:, labels[unit]] += nulls[:, unit]
        sizes[labels[unit]] += 1
    return sums, sizes


@kernel
def fill_gains(rows, nulls, signs, labels, sums, unit, gains):
    """Fill in what Q gains if a unit moves to each module; the last one is new."""
    starts, neighbours, weights = rows
    home = labels[unit]
    gains[:] = 0.0
    own = 0.0
    for t in range(starts[unit], starts[unit + 1]):
        if neighbours[t] == unit:
            own += weights[t]
        gains[labels[neighbours[t]]] += weights[t]
    for r in range(len(nulls)):
        own += signs[r] * nulls[r, unit] ** 2
        gains += signs[r] * nulls[r, unit] * sums[r, : len(gains)]
    stay = gains[home] - own
    gains[:] = 2 * (gains - stay)
    gains[home] = 0.0


@kernel
def rename(labels, n_modules, sums, sizes, unit, choice):
    """Move a unit; the last module takes the place of an empty one. Returns how many there are."""
    home = labels[unit]
    labels[unit] = choice
    sizes[home] -= 1
    sizes[choice] += 1
    n_modules = max(n_modules, choice + 1)
    if sizes[home] == 0:
        last = n_modules - 1
        sums[:, home], sizes[home] = sums[:, last], sizes[last]
        sums[:, last], sizes[last] = 0.0, 0
        for other in range(len(labels)):
            if labels[other] == last:
                labels[other] = home
        n_modules = last
    return n_modules


@kernel
def sample(gains, uniform, entropy):
    """Draw an index from a softmax of the gains with the wanted entropy; and its temperature."""
    gaps = gains.max() - gains
    n_tied = (gaps <= ROUNDING).sum()
    if np.log(n_tied) >= entropy:
        return _pick((gaps <= ROUNDING).astype(np.float64), uniform), 0.0
    if np.log(len(gains)) <= entropy:
        return _pick(np.ones(len(gains)), uniform), np.inf
    temperature = find_temperature(gaps, entropy)
    return _pick(np.exp(-gaps / temperature), uniform), temperature


@kernel
def find_temperature(gaps, entropy):
    """Temperature at which weights ``exp(-gaps / temperature)`` have the wanted entropy.

    Entropy grows with temperature, so bisection on its logarithm finds it: between a temperature
    at which even the smallest gap weighs nothing, and one at which the largest counts little.
    """
    smallest = gaps[gaps > ROUNDING].min()
    low, high = np.log(smallest) - 4.5, np.log(gaps.max()) + 10.0
    for _ in range(N_BISECTIONS):
        middle = (low + high) / 2
        if _entropy(gaps, np.exp(middle)) < entropy:
            low = middle
        else:
            high = middle
    return np.exp((low + high) / 2)


@kernel
def _entropy(gaps, temperature):
    """Entropy in nats: log of the weights' sum, plus the mean of gap / temperature."""
    total = 0.0
    mean = 0.0
    for gap in gaps:
        weight = np.exp(-gap / temperature)
        total += weight
        mean += weight * gap / temperature
    return np.log(total) + mean / total


@kernel
def _pick(weights, uniform):
    threshold = uniform * weights.sum()
    total = 0.0
    for index in range(len(weights)):
        total += weights[index]
        if threshold < total:
            return index
    return weights.argmax()
