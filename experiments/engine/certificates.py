"""Certificates of the sweep's examples: how far from the optimum its modules can be at most.

A step of its own after the sweep, since proofs take long. Its unit is a layer of a network; each
finished layer leaves a file of its own in the raw results, so that the step can be interrupted.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from dask.system import CPU_COUNT

from experiments.analysis import METHODS, RULES
from experiments.config import SettingConfig
from experiments.data import Dataset, load
from experiments.engine import provenance
from experiments.engine import tables as results
from experiments.engine.source import code_digest
from experiments.engine.store import Store
from experiments.engine.workers import connect, wait
from experiments.training.train import load_weights
from modlib import __version__
from modlib.optimality.certificate import certify
from modlib.similarity.compute import normalize, similarity_matrices

ABSOLUTE = "inside"  # the convention of the printed equations
TRAINED_SEED = 0
UNTRAINED_SEEDS = (0, 1, 2)
TIME_LIMIT = 60.0  # seconds for each matrix
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Layer:
    """A hidden layer whose eight matrices are to be certified."""

    setting: SettingConfig
    seed: int
    layer: int

    @property
    def network(self) -> str:
        """The name of its network, as in the tables."""
        return f"{self.setting.name}-{self.seed}"


def layers(settings: Sequence[SettingConfig]) -> list[Layer]:
    """Both layers of seed 0 of every trained setting, and of three untrained networks."""
    return [
        Layer(setting, seed, layer)
        for setting in settings
        for seed in setting.seeds
        if seed in (UNTRAINED_SEEDS if setting.regularizer == "untrained" else (TRAINED_SEED,))
        for layer in range(1, len(setting.recipe.hidden) + 1)
    ]


def certify_sweep(
    settings: Sequence[SettingConfig],
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
    settings
        Those of a finished sweep.
    root
        Its folder of results, with the raw ones below it.
    time_limit
        Seconds for each matrix.
    n_workers, scheduler
        As for :func:`experiments.engine.sweep.sweep`.
    report
        Called all the while with the numbers of layers done and in all.

    Returns
    -------
    dict
        The cause of failure for each layer that failed.
    """
    store = Store(Path(root).resolve() / "raw", provenance.code_hash())
    folder = store.raw / "certificates"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = layers(settings)
    parts = {layer: folder / _part_name(layer, store, time_limit) for layer in wanted}
    pending = [layer for layer in wanted if not parts[layer].is_file()]

    def tell() -> None:
        if report:
            report(sum(part.is_file() for part in parts.values()), len(parts))

    causes: dict[Layer, str] = {}
    if pending:
        with connect(min(n_workers or CPU_COUNT, len(pending)), scheduler) as client:
            futures = {
                layer: client.submit(certify_layer, layer, store, parts[layer], time_limit,
                                     pure=False, priority=-place)
                for place, layer in enumerate(pending)
            }  # fmt: skip
            causes = wait(futures, tell)
    tell()
    if not causes:
        _join(list(parts.values()), Path(root), time_limit)
    return {f"{layer.network}, layer {layer.layer}": cause for layer, cause in causes.items()}


def code_hash(code: str) -> str:
    """Twelve hexadecimal digits for the sweep's code and that of the certificates."""
    own = code_digest(provenance.ROOT, ["modlib.optimality.certificate"])
    return sha256(f"{code} {own}".encode()).hexdigest()[:12]


def _part_name(layer: Layer, store: Store, time_limit: float) -> str:
    place = f"{layer.network}-h{layer.layer}-{layer.setting.hash}"
    return f"{place}-{code_hash(store.code)}-{time_limit:g}s.parquet"


def certify_layer(layer: Layer, store: Store, path: Path, time_limit: float) -> str | None:
    """Certify the eight matrices of a layer and write them; return why it failed, if it did."""
    torch.set_num_threads(1)
    try:
        if (code := provenance.code_hash()) != store.code:
            return f"this worker has other code ({code}) than the sweep ({store.code})"
        rows = list(_rows(layer, store, time_limit))
        results.write("certificates", results.from_rows("certificates", rows), path)
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _rows(layer: Layer, store: Store, time_limit: float) -> Iterator[dict[str, Any]]:
    weights = store.folder(layer.setting) / "weights" / f"{layer.network}.safetensors"
    model, data = load_weights(weights), _data(layer.setting.dataset)
    raw = similarity_matrices(
        model, data.test_inputs, data.test_targets, layers=[layer.layer], absolutes=[ABSOLUTE]
    )
    for measure, normalized in METHODS:
        matrix = raw[layer.layer, measure, ABSOLUTE]
        found = certify(normalize(matrix, RULES[ABSOLUTE]) if normalized else matrix, time_limit)
        yield {
            "network": layer.network,
            "layer": layer.layer,
            "measure": measure,
            "normalized": normalized,
            "lower": found.lower,
            "upper": found.upper,
            "optimal": found.optimal,
            "seconds": found.seconds,
            "labels": found.labels.tolist(),
            "config_hash": layer.setting.hash,
            "code_hash": code_hash(store.code),
            "version": __version__,
        }


@cache
def _data(name: str) -> Dataset:
    return load(name)


def _join(parts: Sequence[Path], root: Path, time_limit: float) -> None:
    """Write the table, and beside it under which circumstances its bounds were found."""
    table = results.concatenate(
        "certificates", [results.read("certificates", part) for part in parts]
    )
    path = root / "certificates.parquet"
    results.write("certificates", table, path)
    origin = {
        "time_limit": time_limit,
        "code_hash": table["code_hash"].unique().to_pylist(),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "files": {path.name: provenance.file_hash(path)},
    }
    with results.beside(root / "certificates.json") as temporary:
        temporary.write_text(json.dumps(origin, indent=1, sort_keys=True) + "\n")
