"""The engine's own cost: runs that do next to nothing, driven, polled and consolidated."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from experiments.engine.experiment import Experiment, Run
from experiments.engine.run import OUTCOME, take_outcome
from experiments.engine.store import Store
from experiments.engine.sweep import sweep
from experiments.engine.tables import WHOLE, Column, Table

SIZES = (1_000, 10_000)  # runs
STUBS = Experiment(
    name="stubs",
    notebook="90-setting",  # never executed: its code is hashed, as that of any other
    tables={"stubs": Table("stubs", {"number": Column(WHOLE, 0)}, key=("number",))},
    presets={},
)


def growth_with_runs() -> list[dict[str, object]]:
    """Processor time of the driver for each run, Dask's scheduler in its process included.

    Two workers take each run from its working folder to its place, without a notebook.
    """
    return [_of(n_runs) for n_runs in SIZES]


def _of(n_runs: int) -> dict[str, object]:
    runs = [Run(STUBS.name, f"stub-{number}", {"number": number}) for number in range(n_runs)]
    polls: list[int] = []
    with TemporaryDirectory() as folder:
        start, cpu_start = time.perf_counter(), time.process_time()
        failures = sweep(
            STUBS, runs, Path(folder), n_workers=2, task=publish_stub,
            report=lambda done, _: polls.append(done),
        )  # fmt: skip
        cpu, clock = time.process_time() - cpu_start, time.perf_counter() - start
    if failures:
        raise RuntimeError(f"{len(failures)} of {n_runs} stubs failed: {failures.popitem()}")
    return {
        "runs": n_runs,
        "polls": len(polls),
        "seconds": clock,
        "milliseconds": 1000 * cpu / n_runs,
    }


def publish_stub(run: Run, store: Store) -> None:
    """Leave what a notebook would have left, and publish it."""
    with store.working_folder(run) as folder:
        number = run.parameters["number"]
        (folder / OUTCOME).write_text(f'{{"tables": {{"stubs": [{{"number": {number}}}]}}}}')
        facts = take_outcome(STUBS, run, store.code, folder)
        store.publish(run, folder, facts | {"wall": 0.0})
