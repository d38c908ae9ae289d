"""Certificates of finished runs: how far from the optimum their modules can be at most.

A step of its own after the sweep, since proofs take long. Its unit is a place in a run, such as a
layer of a network; each finished place leaves a file of its own in the raw results, so that the
step can be interrupted.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from dask.system import CPU_COUNT

import experiments
from experiments.engine import provenance, tables
from experiments.engine.experiment import ROOT, Experiment, Proofs, Run
from experiments.engine.files import beside, file_hash
from experiments.engine.run import stamp
from experiments.engine.source import code_digest
from experiments.engine.store import Store
from experiments.engine.sweep import open_store
from experiments.engine.workers import connect, wait
from modlib.optimality.certificate import certify

TIME_LIMIT = 60.0  # seconds for each matrix
Report = Callable[[int, int], None]


def places(experiment: Experiment, runs: Sequence[Run]) -> list[tuple[Run, str]]:
    """All places of some runs whose matrices are certified.

    Raises
    ------
    ValueError
        If the experiment has none.
    """
    return [(run, place) for run in runs for place in _proofs(experiment).places(run)]


def _proofs(experiment: Experiment) -> Proofs:
    if experiment.proofs is None:
        raise ValueError(f"experiment {experiment.name} has nothing to certify.")
    return experiment.proofs


def certify_runs(
    experiment: Experiment,
    runs: Sequence[Run],
    root: str | os.PathLike[str],
    *,
    time_limit: float = TIME_LIMIT,
    n_workers: int | None = None,
    scheduler: str | None = None,
    report: Report | None = None,
) -> dict[str, str]:
    """Certify what is not certified yet, and join all in ``certificates.parquet``.

    Parameters
    ----------
    experiment, runs
        Those of a finished sweep.
    root
        Its folder of results, with the raw ones below it.
    time_limit
        Seconds for each matrix.
    n_workers, scheduler
        As for :func:`experiments.engine.sweep.sweep`.
    report
        Called all the while with the numbers of places done and in all.

    Returns
    -------
    dict
        The cause of failure for each place that failed.

    Raises
    ------
    ValueError
        If the experiment has nothing to certify.
    """
    store = open_store(experiment, Path(root))
    folder = store.raw / "certificates"
    wanted = places(experiment, runs)
    folder.mkdir(parents=True, exist_ok=True)
    code = code_hash(experiment, store.code)
    parts = {
        place: folder / f"{run.id}-{place}-{code}-{time_limit:g}s.parquet" for run, place in wanted
    }
    pending = [(run, place) for run, place in wanted if not parts[place].is_file()]
    n_done = len(wanted) - len(pending)

    def poll(ended: set[str]) -> None:
        nonlocal n_done
        n_done += len(ended)
        if report:
            report(n_done, len(wanted))

    causes: dict[str, str] = {}
    if pending:
        with connect(min(n_workers or CPU_COUNT, len(pending)), scheduler) as client:
            futures = {
                place: client.submit(certify_place, run, place, store, parts[place], time_limit,
                                     pure=False, priority=-index)
                for index, (run, place) in enumerate(pending)
            }  # fmt: skip
            causes = wait(futures, poll)
    poll(set())  # also where nothing was left to do
    if not causes:
        _join(experiment, list(parts.values()), Path(root) / experiment.name, time_limit)
    return causes


def code_hash(experiment: Experiment, code: str) -> str:
    """Twelve hexadecimal digits for the experiment's code and that of the certificates."""
    record = experiments.EXPERIMENTS.get(experiment.name, __name__)
    own = code_digest(ROOT, ["modlib.optimality.certificate", record])
    return sha256(f"{code} {own} {_proofs(experiment).table!r}".encode()).hexdigest()[:12]


def certify_place(run: Run, place: str, store: Store, path: Path, time_limit: float) -> str | None:
    """Certify the matrices of a place and write them; return why it failed, if it did."""
    torch.set_num_threads(1)
    try:
        experiment = experiments.experiment(run.experiment)
        if (code := provenance.code_hash(experiment)) != store.code:
            return f"this worker has other code ({code}) than the sweep ({store.code})"
        rows = list(_rows(experiment, run, place, store, time_limit))
        table = _proofs(experiment).table
        tables.write(table, tables.from_rows(table, rows), path)
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _rows(
    experiment: Experiment, run: Run, place: str, store: Store, time_limit: float
) -> Iterator[dict[str, Any]]:
    code = code_hash(experiment, store.code)
    matrices = _proofs(experiment).matrices(run, place, store.folder(run))
    for key, matrix in matrices:
        found = certify(matrix, time_limit)
        yield (
            key
            | stamp(run, code)
            | {
                "lower": found.lower,
                "upper": found.upper,
                "optimal": found.optimal,
                "seconds": found.seconds,
                "labels": found.labels.tolist(),
            }
        )


def _join(experiment: Experiment, parts: Sequence[Path], folder: Path, time_limit: float) -> None:
    """Write the table, and beside it under which circumstances its bounds were found."""
    spec = _proofs(experiment).table
    table = tables.concatenate(spec, [tables.read(spec, part) for part in parts])
    folder.mkdir(exist_ok=True)
    path = folder / f"{spec.name}.parquet"
    tables.write(spec, table, path)
    origin = {
        "time_limit": time_limit,
        "code_hash": table["code_hash"].unique().to_pylist(),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "files": {path.name: file_hash(path)},
    }
    with beside(folder / f"{spec.name}.json") as temporary:
        temporary.write_text(json.dumps(origin, indent=1, sort_keys=True) + "\n")
