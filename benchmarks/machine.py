"""The machine and the versions that all numbers of a run belong to."""

import platform
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.stopwatch import seconds

PACKAGES = ("torch", "numpy", "numba", "clusim", "leidenalg", "igraph")


def describe() -> dict[str, object]:
    """Return processor, threads, versions and the rate of a large float32 matrix product."""
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "gigaflops": gigaflops(),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def gigaflops(size: int = 2000) -> float:
    """Return the rate of a large float32 matrix product, with as many threads as PyTorch has."""
    left, right = torch.rand(2, size, size)
    return 2 * size**3 / seconds(lambda: left @ right, repeats=5) / 1e9
