"""The first edition's tables in the words of the second: ``python -m experiments.migration``.

It renames columns, values and keys, adds ``experiment``, ``dataset`` and ``architecture``, and
moves what it has read from ``results/`` to ``results/paper/``. No number changes: rows keep the
hashes of the code that computed them, and the manifest tells which code renamed them. Once the
whole sweep has been computed by this edition's code, this file has done its work.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet
from safetensors.torch import load_file, save_file

from experiments.engine import tables
from experiments.engine.experiment import ROOT
from experiments.engine.files import beside, file_hash
from experiments.engine.published import MANIFEST
from experiments.engine.seal import read_sealed, write_sealed
from experiments.engine.source import code_digest
from experiments.engine.tables import Table
from experiments.names import architecture_name
from experiments.paper import CERTIFICATES, TABLES

COLUMNS = {
    "absolute": "convention",
    "n_clusters": "effective",
    "q_one_cluster": "q_one_module",
}
CONVENTIONS = {"inside": "printed", "outside": "released"}


def migrate(old: Path, new: Path) -> None:
    """Rewrite the tables in one folder, as the first edition left them, into another.

    Raises
    ------
    FileNotFoundError
        If a table is missing.
    ValueError
        If a table does not fit the schema it is renamed to.
    """
    manifest = json.loads((old / MANIFEST).read_text())
    (dataset,) = manifest["data"]
    settings = manifest["settings"].values()
    (architecture,) = {architecture_name(s["setting"]["recipe"]["hidden"]) for s in settings}
    added = {"experiment": "paper", "dataset": dataset, "architecture": architecture}
    new.mkdir(exist_ok=True)
    certified = [CERTIFICATES] if (old / "certificates.parquet").is_file() else []
    for spec in [*TABLES.values(), *certified]:
        table = renamed(parquet.read_table(old / f"{spec.name}.parquet"), spec, added)
        tables.write(spec, table, new / f"{spec.name}.parquet")
    tensors = load_file(old / "examples.safetensors")
    with beside(new / "examples.safetensors") as temporary:
        save_file({renamed_key(key): tensor for key, tensor in tensors.items()}, temporary)
    write_sealed(new / MANIFEST, _manifest(manifest, new))
    if certified:
        origin = json.loads((old / "certificates.json").read_text())
        own = _renaming(new, ["certificates.parquet"])
        of = read_sealed(new / MANIFEST)["files"]
        write_sealed(new / "certificates.json", origin | own | {"of": of})


def renamed(table: pa.Table, spec: Table, added: dict[str, str]) -> pa.Table:
    """The same rows with other names of columns and conventions, and columns that are added."""
    table = table.rename_columns([COLUMNS.get(name, name) for name in table.column_names])
    for name, value in added.items():
        table = table.append_column(name, pa.array([value] * len(table), pa.string()))
    if "convention" in table.column_names:
        values = [CONVENTIONS[value] for value in table["convention"].to_pylist()]
        index = table.column_names.index("convention")
        table = table.set_column(index, "convention", pa.array(values, pa.string()))
    return tables.check(spec, table.select(list(spec.columns)).cast(spec.schema))


def renamed_key(key: str) -> str:
    """A key of the examples with the other name of its convention."""
    parts = key.split("/")
    if len(parts) > 2:
        parts[2] = CONVENTIONS[parts[2]]
    return "/".join(parts)


def _manifest(old: dict[str, Any], folder: Path) -> dict[str, Any]:
    settings = old.pop("settings")
    runs = {
        name: {
            "parameters": entry.pop("setting"),
            "n_parts": 0,
            **entry,
        }
        for name, entry in settings.items()
    }
    for entry in runs.values():
        entry["n_parts"] = len(entry["parameters"]["seeds"])
    names = sorted(old["files"])
    return old | _renaming(folder, names) | {"experiment": "paper", "runs": runs}


def _renaming(folder: Path, names: list[str]) -> dict[str, Any]:
    code = code_digest(ROOT, ["experiments.migration"])[:12]
    return {
        "files": {name: file_hash(folder / name) for name in names},
        "renamed_by": {
            "code_hash": code,
            "what": "columns, conventions and keys by the words of the second edition; no number",
        },
    }


if __name__ == "__main__":
    migrate(*map(Path, sys.argv[1:3]))
