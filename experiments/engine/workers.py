"""Workers: those of a running Dask scheduler, or processes here."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import dask
from distributed import Client, LocalCluster
from distributed.utils import silence_logging_cmgr

from experiments.engine.cause import in_short

QUIET = {
    # With no more than one task at each worker, the last tasks are spread over all.
    "distributed.scheduler.worker-saturation": 1.0,
    # Runs take minutes: nobody reads what Dask would otherwise look at many times in a second.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.tick.interval": "1s",
}
"""Settings of Dask: as they come, its processes take a tenth of a core while they wait."""
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
        dask.config.set(QUIET),
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
