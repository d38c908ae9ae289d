"""Finished tables of an experiment, checked against their manifest before anyone reads them."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from experiments.engine.files import file_hash
from experiments.engine.seal import read_sealed

MANIFEST = "manifest.json"
CERTIFICATES = "certificates"  # the step after the sweep: tables of its own, with their origin
Stamp = tuple[tuple[str, int, int, int], ...]


def open_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a folder of tables, and check that every file is what it tells.

    Once for each state of the folder in each process: the second time, nothing is read.

    Parameters
    ----------
    folder
        The tables of one experiment, such as ``results/paper``.

    Raises
    ------
    ValueError
        If a file is damaged, missing or of other results; the message names it.
    FileNotFoundError
        If there is no manifest.
    """
    return _checked(folder.resolve(), _stamp(folder))


def _stamp(folder: Path) -> Stamp:
    """What changes when any file of a folder does."""
    found = sorted((path.name, path.stat()) for path in folder.glob("[!.]*"))
    return tuple((name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in found)


@lru_cache(maxsize=64)
def _checked(folder: Path, _: Stamp) -> dict[str, Any]:
    manifest = read_sealed(folder / MANIFEST)
    check_files(folder, manifest["files"], MANIFEST)
    _check_certificates(folder, manifest["files"])
    return manifest


def check_files(folder: Path, files: Mapping[str, str], told_by: str) -> None:
    """Compare files with their SHA-256, of which a file beside them tells.

    Raises
    ------
    ValueError
        If one is missing or another than that.
    """
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise ValueError(
                f"{path} must be there: {told_by} tells of it. Got no such file: restore it, or "
                "compute these results again."
            )
        if file_hash(path) != expected:
            raise ValueError(
                f"{path} must have the SHA-256 that {told_by} tells. Got another: it is damaged, "
                "or of other results. Restore it, or compute these results again."
            )


def _check_certificates(folder: Path, of: Mapping[str, str]) -> None:
    """Certificates must be whole, and of the tables that they lie beside."""
    table, origin = (folder / f"{CERTIFICATES}.{kind}" for kind in ("parquet", "json"))
    if not table.exists() and not origin.exists():
        return
    if not origin.is_file():
        raise ValueError(
            f"{table} must have {origin.name} beside it, which tells where it comes from. Got no "
            "such file: restore it, or certify again."
        )
    content = read_sealed(origin)
    check_files(folder, content["files"], origin.name)
    if content["of"] != dict(of):
        raise ValueError(
            f"{table} must be of the tables that it lies beside. Got certificates of other ones: "
            "restore those, or certify again."
        )
