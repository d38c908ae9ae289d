"""How long a call takes, and how much memory it needs."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import torch


def seconds(call: Callable[[], Any], repeats: int = 3) -> float:
    """Return the shortest time of some repeats, after one call to warm up.

    What else the machine does can only add to the time, so the shortest is the least disturbed.
    """
    call()
    return min(_once(call) for _ in range(repeats))


def seconds_once(call: Callable[[], Any]) -> float:
    """Return the time of a single call, for those too long to be repeated."""
    return _once(call)


def _once(call: Callable[[], Any]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


@contextmanager
def into(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note how long the block takes."""
    start = perf_counter()
    yield
    seconds[name] = perf_counter() - start


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch compute on one thread for a while, as each worker of the sweep does."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def peak_mebibytes(prepare: Callable[[], Callable[[], Any]]) -> float:
    """Return how much memory a call needs at most, in a fresh process, beyond what was there.

    ``prepare`` sets the scene in that process and returns the call. Linux only.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (prepare,))


def _peak(prepare: Callable[[], Callable[[], Any]]) -> float:
    call = prepare()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of the preparations
    before = _mebibytes("VmRSS")
    call()
    return _mebibytes("VmHWM") - before


def _mebibytes(field: str) -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024
