"""All runs of a grid, each by itself on a Dask cluster."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from dask.system import CPU_COUNT
from distributed import Client

from experiments.engine import provenance
from experiments.engine.consolidate import consolidate
from experiments.engine.crew import SILENCE_SECONDS, Probe, fits
from experiments.engine.dispatch import dispatch
from experiments.engine.experiment import Experiment, Run
from experiments.engine.limits import few_files
from experiments.engine.run import execute, misfit
from experiments.engine.sockets import remove_left_sockets
from experiments.engine.store import Store
from experiments.engine.workers import connect

RESTART_SECONDS = 120.0  # workers of our own that are lost are started anew
Report = Callable[[int, int], None]
Task = Callable[[Run, Store], str | None]


def open_store(experiment: Experiment, root: Path) -> Store:
    """The raw results of an experiment by today's code, below a folder of results."""
    return Store(Path(root).resolve() / "raw", provenance.code_hash(experiment))


def sweep(
    experiment: Experiment,
    runs: Sequence[Run],
    root: Path,
    *,
    n_workers: int | None = None,
    scheduler: str | None = None,
    report: Report | None = None,
    task: Task = execute,
) -> dict[str, str]:
    """Execute all runs that are not done, and join their tables if none has failed.

    Parameters
    ----------
    experiment
        The record of the experiment that the runs are of.
    runs
        What to execute.
    root
        The folder of results; on a cluster, every worker must reach it by this path. Tables
        appear in a folder below it that has the name of the experiment.
    n_workers
        Processes on this machine, each computing on one thread; as many as cores unless given.
    scheduler
        Address of a running Dask scheduler, in place of processes of our own.
    report
        Called all the while with the numbers of parts (such as networks) done and in all.
    task
        What a worker does with a run: returns why it failed, or None.

    Returns
    -------
    dict
        The cause of failure for each run that failed, by its name.

    Raises
    ------
    OSError
        If too few files may be open at once.
    ConnectionError
        If the scheduler does not answer or is lost, or for half a minute none of its workers can
        import this code.
    """
    store = open_store(experiment, root)
    _clean(store)
    failures: dict[str, str] = {}
    # Again, should a sweep beside this one have removed what both had begun.
    while not failures and (pending := [run for run in runs if not store.is_done(run)]):
        pending = sorted(pending, key=lambda run: run.length, reverse=True)
        n_processes = min(n_workers or CPU_COUNT, len(pending))
        if cause := few_files(0 if scheduler else n_processes):
            raise OSError(cause)
        with connect(n_processes, scheduler) as client:
            failures = _execute_all(client, pending, runs, store, report, task)
    if not failures:
        for run in runs:
            store.forget_failure(run)
        if report:
            n_parts = sum(run.n_parts for run in runs)
            report(n_parts, n_parts)
        consolidate(experiment, runs, store)
    _clean(store)
    return failures


def _clean(store: Store) -> None:
    """Remove what killed processes have left, here and in the temporary folder."""
    store.clean()
    remove_left_sockets()


def _execute_all(
    client: Client,
    pending: Sequence[Run],
    runs: Sequence[Run],
    store: Store,
    report: Report | None,
    task: Task,
) -> dict[str, str]:
    waiting = {store.name(run): run for run in pending}
    n_all = sum(run.n_parts for run in runs)
    n_done = n_all - sum(run.n_parts for run in pending)

    def poll(ended: set[str]) -> None:
        nonlocal n_done
        n_done += sum(waiting.pop(name).n_parts for name in ended)
        if report:
            at_work = store.progress()
            report(n_done + sum(n for name, n in at_work.items() if name in waiting), n_all)

    names = {store.name(run): run.name for run in pending}
    tasks = {store.name(run): partial(task, run, store) for run in pending}
    probe: Probe = partial(misfit, pending[0], store) if task is execute else fits
    # Workers of our own are started anew, if it takes a while.
    patience = RESTART_SECONDS if client.cluster else SILENCE_SECONDS
    causes = dispatch(client, tasks, poll, probe=probe, patience=patience)
    return {names[name]: cause for name, cause in causes.items()}


def status(experiment: Experiment, runs: Sequence[Run], root: Path) -> list[tuple[Run, str]]:
    """Tell of each run whether it is done, running, failed (and why) or waiting."""
    store = open_store(experiment, root)
    at_work = store.progress() if store.raw.is_dir() else {}
    return [(run, _state(run, store, at_work)) for run in runs]


def _state(run: Run, store: Store, at_work: dict[str, int]) -> str:
    if store.is_there(run):
        return "done"
    if store.name(run) in at_work:
        return f"running: {at_work[store.name(run)]} of {run.n_parts}"
    cause = store.failure(run)
    return f"failed: {cause}" if cause else "waiting"
