"""Certificates: how long a proof takes, and how it grows with the number of units."""

import numpy as np

from benchmarks.networks import matrices, untrained_matrix
from modlib.optimality.certificate import certify

TIME_LIMIT = 60.0  # seconds for each matrix
N_MATRICES = 10


def of_trained_layers(n_matrices: int = N_MATRICES) -> list[dict[str, object]]:
    """Bounds for a random sample of matrices of 64 units."""
    names = np.random.default_rng(1).permutation(sorted(matrices()))[:n_matrices]
    return [{"matrix": str(name)} | _certificate(matrices()[name]) for name in names]


def growth_with_units() -> list[dict[str, object]]:
    """Bounds for layers of untrained networks, wider and wider."""
    return [{"units": n} | _certificate(untrained_matrix(n)) for n in (16, 32, 48, 64, 80)]


def _certificate(matrix: np.ndarray) -> dict[str, object]:
    found = certify(matrix, time_limit=TIME_LIMIT)
    return {
        "lower": found.lower,
        "upper": found.upper,
        "gap": (found.upper - found.lower) / found.upper if found.upper > 0 else 0.0,
        "optimal": found.optimal,
        "seconds": found.seconds,
    }
