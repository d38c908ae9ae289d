"""The machine and the versions that all numbers of a run belong to."""

import platform
from importlib.metadata import version

import torch

from benchmarks.stopwatch import seconds
from experiments.engine.provenance import processor

PACKAGES = ("torch", "numpy", "numba", "clusim", "leidenalg", "igraph")


def describe() -> dict[str, object]:
    """Return processor, threads, versions and the rate of a large float32 matrix product."""
    return {
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "gigaflops": gigaflops(),
    }


def gigaflops(size: int = 2000) -> float:
    """Return the rate of a large float32 matrix product, with as many threads as PyTorch has."""
    left, right = torch.rand(2, size, size)
    return 2 * size**3 / seconds(lambda: left @ right, repeats=5) / 1e9
