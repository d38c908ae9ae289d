"""One run: papermill executes the notebook, what it leaves is checked, stamped and published.

A notebook is given ``folder`` beside its parameters. It leaves there what files it likes and, as
its last act, :data:`OUTCOME`: the rows of its tables and, if it tells them, the SHA-256 of its
data and the seconds of its stages. The rows become tables here, so that a notebook need know
nothing of their schemas.
"""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.manager import AsyncKernelManager
from papermill.exceptions import PapermillExecutionError

import experiments
from experiments.engine import provenance, tables
from experiments.engine.cause import in_short
from experiments.engine.experiment import ROOT, Experiment, Run
from experiments.engine.limits import few_files
from experiments.engine.sockets import SocketFolder
from experiments.engine.store import Store
from modlib import __version__

OUTCOME = "outcome.json"
"""What a notebook writes last: ``tables`` and, if it likes, ``data`` and the two clocks."""
N_ATTEMPTS = 3  # at a run whose kernel dies: it may have been killed, or have run out of memory
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)

KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**32),  # bytes: no array of ours is larger
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "MALLOC_TOP_PAD_": str(2**28),
}
"""For the allocator of GNU systems, which else hands large arrays back to the system when they are
freed and has it clear the same pages for the next. Dask makes its workers do so at 64 KiB. Other
systems take no notice."""


class LocalKernelManager(AsyncKernelManager):
    """Starts a kernel that talks through files and computes on one thread.

    Ports are taken by chance, and of many kernels that start at once some collide; sockets in a
    folder of their own do not.
    """

    def __init__(self, **options: Any) -> None:
        self.sockets = SocketFolder()
        super().__init__(transport="ipc", ip=str(self.sockets.path / "kernel"), **options)

    # The manager above lets a start be a coroutine, which the checker does not see.
    async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
        """Start it with the packages that this process uses, wherever they lie."""
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = os.environ | KEEP_MEMORY | ONE_THREAD
        env |= {"PYTHONPATH": os.pathsep.join(paths)}
        env.pop("MPLBACKEND", None)  # figures go into the notebook
        # What a kernel says of its own end, when it is told to stop, is nothing to the sweep.
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        await super().start_kernel(env=env, **(options | silent))

    def cleanup_ipc_files(self) -> None:
        """Remove the sockets when the kernel has ended."""
        self.sockets.remove()


def misfit(run: Run, store: Store) -> str | None:
    """Say why this process cannot execute a run, if it cannot whatever the run is."""
    if cause := few_files():
        return cause
    try:
        code = provenance.code_hash(experiments.experiment(run.experiment))
    except (OSError, ValueError) as error:
        return in_short(error)
    return None if code == store.code else (
        f"this worker has other code ({code}) than the sweep ({store.code})"
    )  # fmt: skip


def execute(run: Run, store: Store) -> str | None:
    """Execute a run unless it is done, and return why it failed, or None if it did not."""
    if cause := misfit(run, store):
        return cause
    try:
        experiment = experiments.experiment(run.experiment)
        if store.is_done(run):
            return None
        for _ in range(N_ATTEMPTS):
            cause, may_pass = _attempt(experiment, run, store)
            if not may_pass:
                break
    except (OSError, ValueError) as error:
        return in_short(error)
    return cause


def _attempt(experiment: Experiment, run: Run, store: Store) -> tuple[str | None, bool]:
    """Why it failed, if it did, and whether it is worth another attempt."""
    with store.working_folder(run) as folder:
        try:
            start = time.perf_counter()
            _execute_notebook(experiment, run, folder)
            facts = take_outcome(experiment, run, store.code, folder)
            store.publish(run, folder, facts | {"wall": time.perf_counter() - start})
        # DeadKernelError is a RuntimeError, and a kernel that dies as it starts is just that.
        except (RuntimeError, PapermillExecutionError, OSError, ValueError) as error:
            cause = in_short(error, _executed(experiment, folder))
            store.tell_failure(run, folder, cause)
            return cause, isinstance(error, RuntimeError)
    return None, False


def _executed(experiment: Experiment, folder: Path) -> Path:
    return folder / f"{experiment.notebook}.ipynb"


def _execute_notebook(experiment: Experiment, run: Run, folder: Path) -> None:
    papermill.execute_notebook(
        str(experiment.notebook_path),
        str(_executed(experiment, folder)),
        dict(run.parameters) | {"folder": str(folder)},
        kernel_name="python3",
        kernel_manager_class=LocalKernelManager,
        progress_bar=False,
        autosave_cell_every=0,
        start_timeout=300,
    )


def take_outcome(experiment: Experiment, run: Run, code: str, folder: Path) -> dict[str, Any]:
    """Make the tables of what a notebook has left, and return what to record of the run.

    Raises
    ------
    FileNotFoundError
        If it has left no outcome: a cell has ended the notebook early.
    ValueError
        If a table is missing, unknown, of the wrong length, or breaks its schema.
    """
    path = folder / OUTCOME
    outcome = json.loads(path.read_text())
    found, wanted = set(outcome.get("tables", {})), set(experiment.tables)
    if found != wanted:
        raise ValueError(
            f"{OUTCOME} must hold the tables {', '.join(sorted(wanted))}. "
            f"Got {', '.join(sorted(found)) or 'none'}."
        )
    rows, n_rows = outcome.pop("tables"), experiment.n_rows(run)
    for name, table in experiment.tables.items():
        if name in n_rows and len(rows[name]) != n_rows[name]:
            raise ValueError(f"table {name} must have {n_rows[name]} rows. Got {len(rows[name])}.")
        made = tables.from_rows(table, [row | stamp(run, code) for row in rows[name]])
        tables.write(table, made, folder / f"{name}.parquet")
    path.unlink()
    return {
        "experiment": run.experiment,
        "run": run.name,
        "parameters": dict(run.parameters),
        "n_parts": run.n_parts,
        "config_hash": run.hash,
        "code_hash": code,
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        **{name: outcome.get(name, {}) for name in ("data", "seconds", "cpu_seconds")},
    }


def stamp(run: Run, code: str) -> dict[str, str]:
    """What the engine adds to every row."""
    return {
        "experiment": run.experiment,
        "config_hash": run.hash,
        "code_hash": code,
        "version": __version__,
    }
