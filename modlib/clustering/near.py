"""Partitions that are nearly as good as the best, drawn at random, all of them alike; compiled."""

import numpy as np
from numpy.random import Generator, default_rng

from modlib.clustering.modules import by_falling_size
from modlib.clustering.moves import ROUNDING, close_gaps, count_links, move
from modlib.kernels import kernel
from modlib.objective import AnyObjective

FORGOTTEN = 10  # draws at the beginning of each walk, which still know where it began
RUNGS = 24  # walks above lower and lower bars, which bring the highest one to other regions
LEAST_GAP = 0.005  # of the second bar to the best, as a share of Q
SWAPS, SWEEPS = 10, 5  # between two draws; steps per unit between two swaps


def draw_near(
    objective: AnyObjective, starts: np.ndarray, seeds: list[int], within: float, draws: int
) -> np.ndarray:
    """Draw partitions that are nearly as good as the best of all starts and draws.

    Parameters
    ----------
    objective
        What is maximised.
    starts
        One partition for each seed, of shape ``[seeds, units]``.
    seeds
        Of the draws.
    within
        By how much they may be worse, as a share of the best.
    draws
        How many to draw for each seed.

    Returns
    -------
    numpy.ndarray
        Int64 of shape ``[seeds * draws, units]``, by seed.
    """
    used = objective.used
    matrix = np.ascontiguousarray(objective.matrix_of_used)
    at = np.array([objective.q(start) for start in starts])
    best, best_q = starts[at.argmax()], at.max()
    while True:
        bars = _bars(best_q, within)
        found = []
        for start, q, seed in zip(starts, at, seeds, strict=True):
            begin = (start if q >= bars[0] else best)[used]
            random = default_rng([seed, 1])  # another stream than that of the search
            found.append(walk(matrix, begin, bars, draws, random))
        labels = np.array(
            [by_falling_size(objective.labels_of_all(drawn)) for drawn in np.concatenate(found)]
        )
        reached = np.array([objective.q(partition) for partition in labels])
        if reached.max() <= best_q + ROUNDING:
            return labels
        best, best_q = labels[reached.argmax()], reached.max()


def _bars(best: float, within: float) -> np.ndarray:
    """The lowest Q for each walk, falling, ``[rungs]``: the first is the one that is asked for."""
    gaps = np.geomspace(max(within, LEAST_GAP), 1.0, RUNGS)
    gaps[0] = within
    bars = best - abs(best) * gaps - ROUNDING
    bars[-1] = -np.inf  # nothing is fenced off from there
    return bars


@kernel
def walk(
    matrix: np.ndarray, labels: np.ndarray, bars: np.ndarray, n_draws: int, random: Generator
) -> np.ndarray:
    """Draw partitions above the first bar by walks above each, ``[draws, units]``.

    All begin at ``labels``, which must be above all bars.
    """
    n, n_rungs = len(labels), len(bars)
    drawn, places = np.empty((n_draws, n), np.int64), np.empty((n_rungs, n), np.int64)
    q = np.empty(n_rungs)
    for rung in range(n_rungs):
        places[rung] = labels
    for draw in range(-FORGOTTEN, n_draws):
        for _ in range(SWAPS):
            for rung in range(n_rungs):
                q[rung] = stroll(matrix, places[rung], bars[rung], SWEEPS * n, random)
            for rung in range(n_rungs - 1, 0, -1):  # a good one climbs as far as it may
                if q[rung] >= bars[rung - 1]:
                    higher = places[rung - 1].copy()
                    places[rung - 1] = places[rung]
                    places[rung] = higher
                    q[rung - 1], q[rung] = q[rung], q[rung - 1]
        if draw >= 0:
            drawn[draw] = places[0]
    return drawn


@kernel
def stroll(
    matrix: np.ndarray, labels: np.ndarray, bar: float, n_steps: int, random: Generator
) -> float:
    """Put units at random into modules with which Q stays above the bar, in place; returns Q.

    Each step is as likely as its reverse, so that all such partitions are visited alike.
    """
    n = len(labels)
    n_modules = close_gaps(labels)
    links, sizes = np.empty((n + 1, n)), np.zeros(n + 1, np.int64)
    count_links(matrix, labels, n_modules, links, sizes)
    q = 0.0
    for i in range(n):
        q += links[labels[i], i]
    choices, gains = np.empty(n + 1, np.int64), np.empty(n + 1)
    for _ in range(n_steps):
        unit = random.integers(0, n)
        home = labels[unit]
        stay = links[home, unit] - matrix[unit, unit]
        is_alone = sizes[home] == 1
        least = stay + (bar - q) / 2
        count = list_choices(links[:, unit], n_modules, home, is_alone, stay, least, choices, gains)
        drawn = random.integers(0, count)
        if choices[drawn] != home:
            q += gains[drawn]
            n_modules = move(matrix, labels, n_modules, links, sizes, unit, choices[drawn])
    return q


@kernel
def list_choices(
    links: np.ndarray,
    n_modules: int,
    home: int,
    is_alone: bool,
    stay: float,
    least: float,
    choices: np.ndarray,
    gains: np.ndarray,
) -> int:
    """List the modules that a unit may be in, and what Q gains by each; returns how many.

    Its own is one, and so is a new one, unless it is alone. The others must have at least so much
    linked to it; ``links`` is what each has.
    """
    choices[0], gains[0], count = home, 0.0, 1
    for k in range(n_modules + 1):
        if k == home or (k == n_modules and is_alone):
            continue
        linked = links[k] if k < n_modules else 0.0
        if linked >= least:
            choices[count], gains[count] = k, 2 * (linked - stay)
            count += 1
    return count
