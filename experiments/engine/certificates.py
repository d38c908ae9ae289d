"""Certificates of finished runs: how far from the optimum their modules can be at most.

A step of its own after the sweep, since proofs take long. Its unit is a place in a run, such as a
layer of a network; each finished place leaves files of its own in the raw results, so that the
step can be interrupted: what is proven, the proofs, and what the checker finds of them.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from time import thread_time
from typing import Any

import torch
from dask.system import CPU_COUNT

import experiments
from experiments.engine import provenance, tables
from experiments.engine.cause import in_short
from experiments.engine.crew import SILENCE_SECONDS
from experiments.engine.dispatch import dispatch
from experiments.engine.experiment import ROOT, Experiment, Proofs, Run
from experiments.engine.files import file_hash
from experiments.engine.proofs import pack, pack_sample
from experiments.engine.published import MANIFEST, check_files
from experiments.engine.run import misfit, stamp
from experiments.engine.seal import read_sealed, write_sealed
from experiments.engine.source import code_digest
from experiments.engine.store import Store
from experiments.engine.sweep import RESTART_SECONDS, open_store
from experiments.engine.workers import connect
from modlib.optimality.certificate import Certificate, certify, check

TIME_LIMIT = 60.0  # seconds of CPU time for each matrix
SEALED = ".json"  # tells the checksums of the files of a place, and that they are all there
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

    What the checker finds of the proofs is in ``certificates_checked.parquet``, and a random sample
    of the proofs in ``certificates.zip``; all of them are in the raw results.

    Parameters
    ----------
    experiment, runs
        Those of a finished sweep.
    root
        Its folder of results, with the raw ones below it.
    time_limit
        Seconds of CPU time for each matrix.
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
    pending = [(run, place) for run, place in wanted if not _is_done(parts[place])]
    n_done = len(wanted) - len(pending)

    def poll(ended: set[str]) -> None:
        nonlocal n_done
        n_done += len(ended)
        if report:
            report(n_done, len(wanted))

    causes: dict[str, str] = {}
    if pending:
        tasks = {
            place: partial(certify_place, run, place, store, parts[place], time_limit)
            for run, place in pending
        }
        probe = partial(misfit, pending[0][0], store)
        with connect(min(n_workers or CPU_COUNT, len(pending)), scheduler) as client:
            patience = RESTART_SECONDS if client.cluster else SILENCE_SECONDS
            causes = dispatch(client, tasks, poll, probe=probe, patience=patience)
    poll(set())  # also where nothing was left to do
    if not causes:
        _join(experiment, list(parts.values()), Path(root) / experiment.name, time_limit)
    return causes


def _is_done(part: Path) -> bool:
    """Whether the files of a place are there, and are what they were when they were written."""
    try:
        check_files(part.parent, read_sealed(part.with_suffix(SEALED))["files"], part.stem)
    except (OSError, ValueError, KeyError):
        return False
    return True


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
        rows, checked = [], []
        with TemporaryDirectory() as folder:
            for own, found in _certificates(experiment, run, place, store, time_limit, folder):
                rows.append(own)
                checked.append(found)
            pack(Path(folder), path.with_suffix(".zip"))
        proofs = _proofs(experiment)
        _write(proofs.checked, checked, path.with_suffix(".checked"))
        _write(proofs.table, rows, path)
        files = [path.with_suffix(suffix) for suffix in (".zip", ".checked", ".parquet")]
        hashes = {file.name: file_hash(file) for file in files}
        write_sealed(path.with_suffix(SEALED), {"files": hashes})  # last
    except (OSError, ValueError) as error:
        return in_short(error)
    return None


def _write(spec: tables.Table, rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    tables.write(spec, tables.from_rows(spec, rows), path)


def _certificates(
    experiment: Experiment, run: Run, place: str, store: Store, time_limit: float, folder: str
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Save the proofs of a place; give out what goes into the two tables, for each matrix."""
    code = code_hash(experiment, store.code)
    proofs = _proofs(experiment)
    for key, matrix in proofs.matrices(run, place, store.folder(run)):
        found = certify(matrix, time_limit)
        path = Path(folder) / f"{_name(key, proofs.table.key)}.npz"
        found.save(path)
        own = {
            "lower": found.lower,
            "upper": found.upper,
            "optimal": found.optimal,
            "seconds": found.seconds,
            "labels": found.labels.tolist(),
        }
        marks = key | stamp(run, code)
        yield marks | own, marks | _checked(found, path, matrix)


def _name(key: Mapping[str, Any], columns: Sequence[str]) -> str:
    """What the file of a proof is called: as its matrix is."""
    return "-".join(f"{key[c]}" if not isinstance(key[c], bool) else f"{key[c]:d}" for c in columns)


def _checked(found: Certificate, path: Path, matrix: Any) -> dict[str, Any]:
    """What the checker says of the file, and how large it is."""
    start = thread_time()
    try:
        verified = check(path, matrix).upper <= found.upper
    except ValueError:
        verified = False
    return {
        "verified": bool(verified),
        "check_seconds": thread_time() - start,
        "n_cases": len(found.proof["case_parent"]) + 1,
        "n_cuts": int(found.proof["cuts"].shape[1]),
        "proof_bytes": path.stat().st_size,
    }


def _join(experiment: Experiment, parts: Sequence[Path], folder: Path, time_limit: float) -> None:
    """Write the tables and a sample of the proofs, and how these were found beside them."""
    proofs = _proofs(experiment)
    of = read_sealed(folder / MANIFEST)["files"]
    paths = [folder / f"{spec.name}.parquet" for spec in (proofs.table, proofs.checked)]
    table = _joined(proofs.table, parts)
    tables.write(proofs.table, table, paths[0])
    checked = _joined(proofs.checked, [part.with_suffix(".checked") for part in parts])
    tables.write(proofs.checked, checked, paths[1])
    sample = folder / f"{proofs.table.name}.zip"
    pack_sample([part.with_suffix(".zip") for part in parts], sample)
    origin = {
        "time_limit": time_limit,
        "code_hash": table["code_hash"].unique().to_pylist(),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "of": of,
        "files": {path.name: file_hash(path) for path in (*paths, sample)},
    }
    write_sealed(folder / f"{proofs.table.name}.json", origin)


def _joined(spec: tables.Table, parts: Sequence[Path]) -> Any:
    return tables.concatenate(spec, [tables.read(spec, part) for part in parts])
