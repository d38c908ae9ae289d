"""Certificates: how long a proof takes, and how it grows with the number of units."""

import numpy as np

from benchmarks.clustering import instances
from benchmarks.networks import matrices, untrained_matrix
from modlib.optimality.certificate import certify

TIME_LIMIT = 60.0  # seconds of CPU time for each matrix
LARGEST = 400  # units of a graph that is tried
N_MATRICES = 10


def of_trained_layers(n_matrices: int = N_MATRICES) -> list[dict[str, object]]:
    """Bounds for a random sample of matrices of 64 units."""
    names = np.random.default_rng(1).permutation(sorted(matrices()))[:n_matrices]
    return [{"matrix": str(name)} | _certificate(matrices()[name]) for name in names]


def growth_with_units() -> list[dict[str, object]]:
    """Bounds for layers of untrained networks, wider and wider."""
    return [{"units": n} | _certificate(untrained_matrix(n)) for n in (16, 32, 48, 64, 80, 96, 128)]


def of_graphs() -> list[dict[str, object]]:
    """Bounds for sparse graphs: those that are made, and those that lie beside the data."""
    small = ((name, each) for name, each in instances() if each.shape[0] <= LARGEST)
    return [
        {"graph": name, "units": each.shape[0], "links": each.nnz // 2} | _certificate(each)
        for name, each in small
        if not isinstance(each, np.ndarray)
    ]


def _certificate(matrix: object) -> dict[str, object]:
    found = certify(matrix, time_limit=TIME_LIMIT)
    return {
        "lower": found.lower,
        "upper": found.upper,
        "gap": (found.upper - found.lower) / found.upper if found.upper > 0 else 0.0,
        "optimal": found.optimal,
        "seconds": found.seconds,
    }
