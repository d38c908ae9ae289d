"""The tables of finished runs, joined, with where they come from."""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from experiments.engine import tables
from experiments.engine.experiment import Experiment, Run
from experiments.engine.files import beside, file_hash
from experiments.engine.published import CERTIFICATES, MANIFEST, open_manifest
from experiments.engine.seal import read_sealed, write_sealed
from experiments.engine.store import Store

CLOCKS = ("seconds", "cpu_seconds")


def consolidate(experiment: Experiment, runs: Sequence[Run], store: Store) -> None:
    """Join the tables of finished runs, in the order of the runs, and tell their origin.

    A Parquet file for each table, a safetensors file for each kind of tensors and
    ``manifest.json`` appear together in the experiment's folder beside the raw results, in place
    of those that were there, unless they are there and up to date. The same runs give the same
    tables and tensors, byte by byte.
    """
    folder = store.raw.parent / experiment.name
    records = {store.name(run): store.record(run) for run in runs}
    if _is_consolidated(experiment, folder, records):
        return
    with store.place_to_work(f"tables-{experiment.name}") as working:
        _join(experiment, runs, store, working)
        write_sealed(working / MANIFEST, _manifest(experiment, working, records))
        _keep_certificates(folder, working)
        store.replace(folder, working)


def _join(experiment: Experiment, runs: Sequence[Run], store: Store, folder: Path) -> None:
    for name, table in experiment.tables.items():
        parts = [tables.read(table, store.folder(run) / f"{name}.parquet") for run in runs]
        tables.write(table, tables.concatenate(table, parts), folder / f"{name}.parquet")
    for name in experiment.tensors:
        files = [store.folder(run) / f"{name}.safetensors" for run in runs]
        tensors = [load_file(path) for path in files if path.is_file()]
        with beside(folder / f"{name}.safetensors") as temporary:
            save_file({key: tensor for part in tensors for key, tensor in part.items()}, temporary)


def _keep_certificates(old: Path, new: Path) -> None:
    """Certificates stay, if they are of just these tables; those of others would mislead."""
    try:
        old_files = open_manifest(old)["files"]
    except (OSError, ValueError):
        return
    if old_files == read_sealed(new / MANIFEST)["files"]:
        for path in old.glob(f"{CERTIFICATES}*"):
            shutil.copy2(path, new / path.name)


def _hashes(experiment: Experiment, folder: Path) -> dict[str, str]:
    names = [f"{name}.parquet" for name in experiment.tables]
    names += [f"{name}.safetensors" for name in experiment.tensors]
    return {name: file_hash(folder / name) for name in names}


def _is_consolidated(experiment: Experiment, folder: Path, records: dict[str, Any]) -> bool:
    try:
        manifest = read_sealed(folder / MANIFEST)
        return manifest == json.loads(json.dumps(_manifest(experiment, folder, records)))
    except (OSError, ValueError):
        return False


def _manifest(
    experiment: Experiment, folder: Path, records: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    return {
        "experiment": experiment.name,
        "code_hash": _distinct(record["code_hash"] for record in records.values()),
        "versions": _distinct(record["versions"] for record in records.values()),
        "machines": _distinct(record["machine"] for record in records.values()),
        "data": {
            name: sha256 for record in records.values() for name, sha256 in record["data"].items()
        },
        **{name: _total(record[name] for record in records.values()) for name in CLOCKS},
        "files": _hashes(experiment, folder),
        "runs": {
            name: {
                "parameters": record["parameters"],
                "n_parts": record["n_parts"],
                "config_hash": record["config_hash"],
                "seconds": record["seconds"] | {"wall": record["wall"]},
                "cpu_seconds": record["cpu_seconds"],
            }
            for name, record in records.items()
        },
    }


def _total(stages: Iterable[dict[str, float]]) -> dict[str, float]:
    seconds: Counter[str] = Counter()
    for stage in stages:
        seconds.update(stage)
    return dict(seconds)


def _distinct(values: Iterator[Any]) -> list[Any]:
    """Values without repeats, in order."""
    texts = sorted({json.dumps(value, sort_keys=True) for value in values})
    return [json.loads(text) for text in texts]
