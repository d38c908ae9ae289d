"""All runs of a grid, each by itself on a Dask cluster."""

from collections.abc import Callable, Sequence
from pathlib import Path

from dask.system import CPU_COUNT
from distributed import Client

from experiments.engine import provenance
from experiments.engine.consolidate import consolidate
from experiments.engine.experiment import Experiment, Run
from experiments.engine.run import execute
from experiments.engine.store import Store
from experiments.engine.workers import connect, wait

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
    """
    store = open_store(experiment, root)
    store.clean()
    failures: dict[str, str] = {}
    # Again, should a sweep beside this one have removed what both had begun.
    while not failures and (pending := [run for run in runs if not store.is_done(run)]):
        pending = sorted(pending, key=lambda run: run.length, reverse=True)
        with connect(min(n_workers or CPU_COUNT, len(pending)), scheduler) as client:
            failures = _execute_all(client, pending, runs, store, report, task)
    store.clean()
    if not failures:
        if report:
            n_parts = sum(run.n_parts for run in runs)
            report(n_parts, n_parts)
        consolidate(experiment, runs, store)
    return failures


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
    futures = {
        store.name(run): client.submit(task, run, store, pure=False, priority=-place)
        for place, run in enumerate(pending)
    }
    return {names[name]: cause for name, cause in wait(futures, poll).items()}


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
