"""A small sweep for tests that read results: ``python tests/small.py FOLDER`` leaves one there."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from experiments.config import AnalysisConfig, Recipe, SettingConfig
from experiments.engine.experiment import Run
from experiments.engine.files import file_hash
from experiments.engine.published import CERTIFICATES, MANIFEST
from experiments.engine.seal import SEAL, write_sealed
from experiments.engine.sweep import sweep
from experiments.engine.tables import Table, from_rows, write
from experiments.paper import EXPERIMENT, run_of

STRENGTHS = {"l2": (1e-5, 1e-3), "l1": (1e-5, 1e-3), "dropout": (0.1, 0.4), "untrained": (0.0,)}
SEEDS = (0, 1, 2)
OPTIONS = {
    "recipe": Recipe(hidden=(16, 12), max_epochs=20, learning_rate=5e-3),
    "analysis": AnalysisConfig(n_steps=300, best=True, null_draws=3, lesion_draws=10),
}


def runs() -> list[Run]:
    return [
        run_of(SettingConfig("digits", regularizer, strength, SEEDS, **OPTIONS))
        for regularizer, strengths in STRENGTHS.items()
        for strength in strengths
    ]


def results(folder: Path) -> Path:
    """Leave the sweep in a folder of results, and return that of its tables."""
    failures = sweep(EXPERIMENT, runs(), folder, n_workers=2)
    assert not failures
    return folder / EXPERIMENT.name


def leave(
    folder: Path, tables: Mapping[str, Table], rows: Mapping[str, list], n_parts: int
) -> Path:
    """Write rows as the tables that a sweep of small networks leaves, and return the folder."""
    for name, table in tables.items():
        write(table, from_rows(table, rows[name]), folder / f"{name}.parquet")
    files = {f"{name}.parquet": file_hash(folder / f"{name}.parquet") for name in tables}
    origin = {"code_hash": ["code"], "versions": [{"modlib": "1", "torch": "2"}]}
    origin |= {"data": {"digits": "0" * 64}, "runs": {"small": {"n_parts": n_parts}}}
    write_sealed(folder / MANIFEST, origin | {"files": files})
    return folder


def seal(folder: Path, **changes) -> Path:
    """Make a manifest of the files that are there now, with other changes, and return the folder.

    What tests have altered is refused otherwise. Certificates are taken for those of the tables.
    """
    manifest = json.loads((folder / MANIFEST).read_text()) | changes
    manifest.pop(SEAL, None)
    hashes = {path.name: file_hash(path) for path in sorted(folder.glob("*.[ps]*t*"))}
    proven = {name: hashes.pop(name) for name in list(hashes) if name.startswith(CERTIFICATES)}
    write_sealed(folder / MANIFEST, manifest | {"files": hashes})
    if proven:
        write_sealed(folder / f"{CERTIFICATES}.json", {"files": proven, "of": hashes})
    return folder


if __name__ == "__main__":
    results(Path(sys.argv[1]))
