"""Dask, as far as this project needs it: workers, and waiting for what they do."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client, LocalCluster, as_completed
from distributed.utils import silence_logging_cmgr

from experiments.engine.cause import in_short

POLL_SECONDS = 0.5
N_STARTS = 3
CONNECT_SECONDS = 20  # a scheduler that is there answers at once


@contextmanager
def connect(n_workers: int, scheduler: str | None = None) -> Iterator[Client]:
    """Give a client of a running scheduler, or of processes on this machine that end with it.

    Parameters
    ----------
    n_workers
        Processes here, each computing on one thread; of no account with a scheduler.
    scheduler
        Its address.

    Raises
    ------
    ConnectionError
        If no scheduler answers there.
    """
    with (
        # With no more than one task at each worker, the last tasks are spread over all.
        dask.config.set({"distributed.scheduler.worker-saturation": 1.0}),
        silence_logging_cmgr(logging.CRITICAL),  # what it would say, we say in a sentence
    ):
        if scheduler:
            with _client_of(scheduler) as client:
                yield client
            return
        with _start_workers(n_workers) as cluster, Client(cluster) as client:
            yield client


def _start_workers(n_workers: int) -> LocalCluster:
    """Start processes here, and again should one be killed while it starts."""
    for left in reversed(range(N_STARTS)):
        try:
            return LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                memory_limit=0,  # what uses the memory may be processes of their own: kernels
                dashboard_address="127.0.0.1:0",  # any free port: two sweeps may run at once
                silence_logs=logging.CRITICAL,
            )
        except RuntimeError as error:
            if not left:
                raise ConnectionError(
                    f"{n_workers} processes could not be started here: {in_short(error)}"
                ) from error
    raise AssertionError


def _client_of(scheduler: str) -> Client:
    try:
        return Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"scheduler must be the address of a running Dask scheduler. Got {scheduler}, where "
            "none answers: start one, or mend the address."
        ) from error


def wait(futures: Mapping[str, Any], poll: Callable[[set[str]], None]) -> dict[str, str]:
    """Wait for tasks that return None or why they failed; the cause for each that failed.

    ``poll`` is called all the while with the names of the tasks that have ended since it was last
    called. Each task is looked at once, when it ends, so that waiting for many costs no more for
    each.
    """
    names = {future: name for name, future in futures.items()}
    endings, n_waiting = as_completed(list(names)), len(names)
    while n_waiting:
        ended = {names[future] for future in endings.next_batch(block=False)}
        n_waiting -= len(ended)
        poll(ended)
        if n_waiting:
            time.sleep(POLL_SECONDS)
    causes = {name: _cause(future) for name, future in futures.items()}
    return {name: cause for name, cause in causes.items() if cause}


def _cause(future: Any) -> str | None:
    if future.status == "finished":
        return future.result()
    if future.status == "error":
        return repr(future.exception())
    return "its worker, or the scheduler, was lost"
