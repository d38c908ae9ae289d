"""Clustering: the compiled search against the literal algorithm, and against leidenalg."""

from functools import partial
from time import perf_counter

import igraph
import leidenalg
import numpy as np
from oracles import literal_monte_carlo

from benchmarks.networks import matrices, untrained_matrix
from benchmarks.stopwatch import seconds, seconds_once
from modlib.clustering.find import find_modules
from modlib.clustering.modules import Modules
from modlib.clustering.monte_carlo import monte_carlo_modules
from modlib.clustering.spectral import spectral_modules
from modlib.modularity import modularity, to_adjacency

N_STEPS = 5000
N_LITERAL = 200  # steps of the literal algorithm: its cost is the same for every step
N_LEIDEN = 30
N_MATRICES = 40


def against_the_literal_algorithm() -> list[dict[str, object]]:
    """The Monte Carlo steps of one matrix, compiled and as printed."""
    adjacency = to_adjacency(next(iter(matrices().values())))
    labels = spectral_modules(adjacency).labels
    fast = seconds(lambda: monte_carlo_modules(adjacency, labels, N_STEPS))
    slow = seconds_once(lambda: literal_monte_carlo(adjacency, labels, N_LITERAL, 0.15, 0))
    slow *= N_STEPS / N_LITERAL
    return [
        {"way": "compiled", "steps": N_STEPS, "seconds": fast, "ratio": 1.0},
        {"way": "literal, in NumPy", "steps": N_STEPS, "seconds": slow, "ratio": slow / fast},
    ]


def against_leiden(n_matrices: int = N_MATRICES) -> list[dict[str, object]]:
    """Q and time of the paper's search, of the best, and of the best of 30 runs of leidenalg."""
    names = np.random.default_rng(0).permutation(sorted(matrices()))[:n_matrices]
    ways = {
        "paper": find_modules,
        "best": partial(find_modules, search="best"),
        f"leidenalg, best of {N_LEIDEN}": best_of_leiden,
    }
    q, spent = {}, {}
    for way, search in ways.items():
        search(matrices()[names[0]])  # compiled and warm
        start = perf_counter()
        q[way] = [search(matrices()[name]).q for name in names]
        spent[way] = perf_counter() - start
    best = np.array(q["best"])
    return [
        {
            "way": way,
            "matrices": len(names),
            "seconds": spent[way] / len(names),
            "below_best": int((np.array(q[way]) < best - 1e-9).sum()),
            "above_best": int((np.array(q[way]) > best + 1e-9).sum()),
            "mean_deficit": float((best - q[way]).mean()),
            "largest_deficit": float((best - q[way]).max()),
        }
        for way in ways
    ]


def best_of_leiden(similarity: np.ndarray) -> Modules:
    """Return the best of 30 runs of leidenalg, each judged by our own Q."""
    adjacency = to_adjacency(similarity)
    rows, columns = np.nonzero(np.triu(adjacency))
    graph = igraph.Graph(len(adjacency), list(zip(rows, columns, strict=True)))
    weights = adjacency[rows, columns].tolist()
    runs = (
        leidenalg.find_partition(
            graph, leidenalg.ModularityVertexPartition, weights=weights, n_iterations=-1, seed=seed
        )
        for seed in range(N_LEIDEN)
    )
    found = [np.array(run.membership) for run in runs]
    return max((Modules(labels, modularity(adjacency, labels)) for labels in found), key=_q)


def _q(modules: Modules) -> float:
    return modules.q


def growth_with_steps() -> list[dict[str, object]]:
    """Time of the Monte Carlo search for more and more steps."""
    adjacency = to_adjacency(next(iter(matrices().values())))
    labels = spectral_modules(adjacency).labels
    rows = []
    for n_steps in (1_000, 10_000, 100_000):
        spent = seconds(partial(monte_carlo_modules, adjacency, labels, n_steps))
        rows.append({"steps": n_steps, "seconds": spent})
    return rows


def growth_with_units() -> list[dict[str, object]]:
    """Time of both searches for more and more units."""
    rows = []
    for n_units in (16, 64, 256, 1024):
        matrix = untrained_matrix(n_units)
        rows.append({"units": n_units, "paper": seconds(partial(find_modules, matrix), repeats=1)})
        if n_units <= 256:
            best = partial(find_modules, matrix, search="best")
            rows[-1]["best"] = seconds(best, repeats=1)
    return rows
