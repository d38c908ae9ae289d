"""The sweep: Table 1 as a grid of settings, each a run of its own on a Dask cluster."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dask.system import CPU_COUNT
from distributed import Client
from safetensors.torch import load_file, save_file

from experiments import regularizers
from experiments.config import MILD_L2, AnalysisConfig, SettingConfig, TrainingConfig
from experiments.engine import provenance
from experiments.engine import tables as results
from experiments.engine.run import TABLES, run_setting
from experiments.engine.store import Store
from experiments.engine.workers import connect, wait
from modlib.validation import check_choice

N_SEEDS, N_UNTRAINED, UNTRAINED_AT_ONCE = 9, 100, 25
CLOCKS = ("seconds", "cpu_seconds")
Report = Callable[[int, int], None]


def paper() -> list[SettingConfig]:
    """Table 1 of the paper, 30 settings of nine networks, and 100 untrained networks."""
    trained = [
        SettingConfig("mnist", regularizer.name, strength, tuple(range(N_SEEDS)))
        for regularizer in regularizers.RECORDS.values()
        for strength in regularizer.strengths
    ]
    untrained = [
        SettingConfig(
            "mnist", regularizers.UNTRAINED, 0.0, tuple(range(first, first + UNTRAINED_AT_ONCE))
        )
        for first in range(0, N_UNTRAINED, UNTRAINED_AT_ONCE)
    ]
    return trained + untrained


def smoke() -> list[SettingConfig]:
    """Return four settings of two small networks on digits, done in about a minute."""
    strengths = {"l2": MILD_L2, "l1": 1e-3, "dropout": 0.2, "untrained": 0.0}
    recipe = TrainingConfig(hidden=(16, 16), max_epochs=20, learning_rate=5e-3)
    analysis = AnalysisConfig(n_steps=500, best=False)
    return [
        SettingConfig("digits", regularizer, strength, (0, 1), recipe=recipe, analysis=analysis)
        for regularizer, strength in strengths.items()
    ]


PRESETS = {"paper": paper, "smoke": smoke}


def preset(name: str) -> list[SettingConfig]:
    """Return the settings of a preset, ``"paper"`` or ``"smoke"``."""
    check_choice("preset", name, PRESETS)
    return PRESETS[name]()


def sweep(
    settings: Sequence[SettingConfig],
    root: Path,
    *,
    n_workers: int | None = None,
    scheduler: str | None = None,
    report: Report | None = None,
) -> dict[str, str]:
    """Run all settings that are not done, and join their tables if none has failed.

    Parameters
    ----------
    settings
        What to run.
    root
        The folder of results; on a cluster, every worker must reach it by this path.
    n_workers
        Processes on this machine, each computing on one thread; as many as cores unless given.
    scheduler
        Address of a running Dask scheduler, in place of processes of our own.
    report
        Called all the while with the numbers of networks done and in all.

    Returns
    -------
    dict
        The cause of failure for each setting that failed.
    """
    store = Store(Path(root).resolve() / "raw", provenance.code_hash())
    store.clean()
    failures: dict[str, str] = {}
    # Again, should a sweep beside this one have removed what both had begun.
    while not failures and (pending := [s for s in settings if not store.is_done(s)]):
        pending = sorted(pending, key=_length, reverse=True)
        with connect(min(n_workers or CPU_COUNT, len(pending)), scheduler) as client:
            failures = _run(client, pending, settings, store, report)
    store.clean()
    if not failures:
        _tell(settings, store, report)
        consolidate(settings, store)
    return failures


def _length(setting: SettingConfig) -> tuple[bool, bool, float]:
    """Order settings by how long they may take: a long one started last would run alone."""
    is_dropout = setting.regularizer == "dropout"
    is_trained = setting.regularizer != "untrained"
    return is_trained, is_dropout, setting.strength if is_dropout else -setting.strength


def _run(
    client: Client,
    pending: Sequence[SettingConfig],
    settings: Sequence[SettingConfig],
    store: Store,
    report: Report | None,
) -> dict[str, str]:
    futures = {
        setting: client.submit(run_setting, setting, store, pure=False, priority=-place)
        for place, setting in enumerate(pending)
    }
    causes = wait(futures, lambda: _tell(settings, store, report))
    return {setting.name: cause for setting, cause in causes.items()}


def _tell(settings: Sequence[SettingConfig], store: Store, report: Report | None) -> None:
    if report:
        done = sum(store.progress(setting) or 0 for setting in settings)
        report(done, sum(len(setting.seeds) for setting in settings))


def status(settings: Sequence[SettingConfig], root: Path) -> list[tuple[SettingConfig, str]]:
    """Tell of each setting whether it is done, running, failed (and why) or waiting."""
    store = Store(Path(root).resolve() / "raw", provenance.code_hash())
    return [(setting, _state(setting, store)) for setting in settings]


def _state(setting: SettingConfig, store: Store) -> str:
    if store.is_there(setting):
        return "done"
    progress = store.progress(setting) if store.raw.is_dir() else None
    if progress is not None:
        return f"running: {progress} of {len(setting.seeds)} networks"
    cause = store.failure(setting)
    return f"failed: {cause}" if cause else "waiting"


def consolidate(settings: Sequence[SettingConfig], store: Store) -> None:
    """Join the tables of finished settings, in the order of the settings, and tell their origin.

    Writes ``networks.parquet``, ``layers.parquet``, ``modules.parquet``, ``agreement.parquet``,
    ``examples.safetensors`` and, last, ``manifest.json`` above the raw results, unless they are
    there and up to date. The same settings give the same tables and examples, byte by byte.
    """
    root = store.raw.parent
    records = {store.name(setting): store.record(setting) for setting in settings}
    if _is_consolidated(root, records):
        return
    for name in TABLES:
        parts = [results.read(name, store.folder(s) / f"{name}.parquet") for s in settings]
        results.write(name, results.concatenate(name, parts), root / f"{name}.parquet")
    examples = [store.folder(setting) / "example.safetensors" for setting in settings]
    tensors = [load_file(path) for path in examples if path.is_file()]
    with results.beside(root / "examples.safetensors") as temporary:
        save_file({key: tensor for part in tensors for key, tensor in part.items()}, temporary)
    with results.beside(root / "manifest.json") as temporary:
        temporary.write_text(json.dumps(_manifest(root, records), indent=1, sort_keys=True) + "\n")


def _outputs(root: Path) -> dict[str, str]:
    names = [f"{name}.parquet" for name in TABLES] + ["examples.safetensors"]
    return {name: provenance.file_hash(root / name) for name in names}


def _is_consolidated(root: Path, records: dict[str, Any]) -> bool:
    try:
        manifest = json.loads((root / "manifest.json").read_text())
        return manifest == json.loads(json.dumps(_manifest(root, records)))
    except (OSError, ValueError):
        return False


def _manifest(root: Path, records: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "code_hash": _distinct(record["code_hash"] for record in records.values()),
        "versions": _distinct(record["versions"] for record in records.values()),
        "machines": _distinct(record["machine"] for record in records.values()),
        "data": {record["setting"]["dataset"]: record["data"] for record in records.values()},
        **{name: _total(record[name] for record in records.values()) for name in CLOCKS},
        "files": _outputs(root),
        "settings": {
            name: {
                "setting": record["setting"],
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
